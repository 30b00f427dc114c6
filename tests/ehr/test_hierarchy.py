"""Code hierarchies: names, structure, and the closure that every import keeps in step."""

import csv
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ehr.deletion import delete_subject
from ehr.errors import UnknownConcept
from ehr.events import code_of
from ehr.hierarchy import (
    JOINT,
    ancestors,
    concept_of,
    concept_tree,
    has_structure,
    known_concepts,
    make_codebook,
    parents,
    read_concept,
    title_of,
)
from ehr.hierarchy.structure import is_well_formed
from ehr.intake import Intake, event_frame
from ehr.store import Store, create_store

GROUPS = list(csv.DictReader(files("ehr.hierarchy").joinpath("groups.csv").read_text().splitlines()))

categories_10 = st.from_regex(r"\A[A-TV-Z][0-9][0-9A]\Z")
codes_10 = st.from_regex(r"\A[A-TV-Z][0-9][0-9A][0-9A-Z]{0,4}\Z")
codes_9 = st.from_regex(r"\A([0-9]{3}|V[0-9]{2}|E[0-9]{3})[0-9]{0,1}\Z", fullmatch=True)
atc = st.from_regex(r"\A[A-Z][0-9]{2}[A-Z][A-Z][0-9]{2}\Z")
pcs = st.from_regex(r"\A[0-9B-DF-HX][0-9A-HJ-NP-Z]{6}\Z")
concepts = st.one_of(
    codes_10.map("ICD10//{}".format),
    codes_9.map("ICD9//{}".format),
    atc.map("ATC//{}".format),
    pcs.map("ICD10PCS//{}".format),
    st.from_regex(r"\A[0-9]{2,4}\Z").map("ICD9PROC//{}".format),
    st.sampled_from([f"{row['system']}//{row['group']}" for row in GROUPS]),
)


# ---- names -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "concept"),
    [
        ("DIAGNOSIS//ICD//10//E119", "ICD10//E119"),
        ("DIAGNOSIS//ICD//9//V4581", "ICD9//V4581"),
        ("CONDITION//ICD10//E11.9", "ICD10//E119"),
        ("CONDITION//ICD9//250.00", "ICD9//25000"),
        ("CONDITION//ICD10GM//E11.9", "ICD10GM//E119"),
        ("PROCEDURE//ICD//9//3893", "ICD9PROC//3893"),
        ("PROCEDURE//ICD//10//02HV33Z", "ICD10PCS//02HV33Z"),
        ("PROCEDURE//ICD10PCS//02HV33Z", "ICD10PCS//02HV33Z"),
        ("PROCEDURE//ICD9PROC//38.93", "ICD9PROC//3893"),
        ("PROCEDURE//ICD10//Z51.11", "ICD10//Z5111"),
        ("MEDICATION//ATC//A10BA02", "ATC//A10BA02"),
        ("LAB//LOINC//4548-4//%", "LOINC//4548-4"),
        ("CONDITION//SNOMED//44054006", "SNOMED//44054006"),
        ("ICD10CM/E11.9", "ICD10//E119"),
        ("ICD9CM//428.0", "ICD9//4280"),
        # what the patient has not: a concept of its own
        ("ALLERGY//RXNORM//7980", "ALLERGY//RXNORM//7980"),
        ("FAMILY_HISTORY//ICD10//E11.9", "FAMILY_HISTORY//ICD10//E119"),
        # what states no concept of a known system stays as it is
        ("LAB//50912//mg/dL", "LAB//50912//mg/dL"),
        ("MEDICATION//START//Furosemide", "MEDICATION//START//Furosemide"),
        ("CONDITION//ICD9//38.9", "CONDITION//ICD9//38.9"),
        ("CONDITION//ICD10//UNK", "CONDITION//ICD10//UNK"),
        ("MEDS_BIRTH", "MEDS_BIRTH"),
    ],
)
def test_a_code_states_a_concept(code: str, concept: str) -> None:
    assert concept_of(code) == concept


@pytest.mark.parametrize(
    "written",
    ["ICD10//E11.9", "ICD10//E119", "ICD10 E11.9", "icd10 e119", "ICD-10-CM E11.9", "ICD10:E11.9", "ICD 10 E11.9"],
)
def test_a_concept_may_be_written_in_many_ways(written: str) -> None:
    assert read_concept(written) == "ICD10//E119"


@given(text=st.text(max_size=30))
def test_any_text_is_read_without_an_error_and_only_once(text: str) -> None:
    name = read_concept(text)
    assert read_concept(name) == name
    assert concept_of(name) == name


# ---- structure ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("concept", "expected"),
    [
        ("ICD10//E1165", ["E1165", "E116", "E11", "E08-E13", "E10-E14", "E00-E89", "E00-E90"]),
        ("ICD10//I509", ["I509", "I50", "I30-I52", "I30-I5A", "I00-I99"]),
        ("ICD10//I5A", ["I5A", "I30-I5A", "I00-I99"]),
        ("ICD10//C7A1", ["C7A1", "C7A", "C00-C96", "C00-C97", "C00-D48", "C00-D49"]),
        ("ICD10//Z3A20", ["Z3A20", "Z3A2", "Z3A", "Z30-Z39", "Z00-Z99"]),
        ("ICD10//U071", ["U071", "U07", "U00-U49", "U00-U85", "U00-U99"]),
        ("ICD10//M1A00X0", ["M1A00X0", "M1A00X", "M1A00", "M1A0", "M1A", "M05-M14", "M00-M25", "M00-M99"]),
        ("ICD9//4280", ["4280", "428", "420-429", "390-459"]),
        ("ICD9//V4581", ["V4581", "V458", "V45", "V40-V49", "V01-V91"]),
        ("ICD9//E9342", ["E9342", "E934", "E930-E949", "E000-E999"]),
        ("ICD9PROC//3893", ["3893", "389", "38", "35-39"]),
        ("ICD9PROC//0066", ["0066", "006", "00"]),
        ("ICD10PCS//02HV33Z", ["02HV33Z", "02HV33", "02HV3", "02HV", "02H", "02", "0"]),
        ("ATC//A10BA02", ["A10BA02", "A10BA", "A10B", "A10", "A"]),
    ],
)
def test_what_lies_above_a_code_follows_from_its_text(concept: str, expected: list[str]) -> None:
    system = concept.partition("//")[0]
    assert list(ancestors(concept)) == [f"{system}//{code}" for code in expected]


@given(concept=concepts)
def test_parents_are_shorter_or_wider(concept: str) -> None:
    code = concept.partition("//")[2]
    for parent in parents(concept):
        above = parent.partition("//")[2]
        assert len(above) < len(code) or "-" in above
        assert concept not in ancestors(parent)


@given(concept=concepts)
def test_what_lies_above_an_ancestor_lies_above_the_code(concept: str) -> None:
    above = set(ancestors(concept))
    assert concept in above
    for one in above:
        assert set(ancestors(one)) <= above


@given(category=categories_10, rest=st.text("0123456789", max_size=4))
def test_a_code_of_icd_10_lies_below_its_category(category: str, rest: str) -> None:
    assert f"ICD10//{category}" in ancestors(f"ICD10//{category}{rest}")


@given(code=codes_9)
def test_a_code_of_icd_9_lies_below_its_category(code: str) -> None:
    assert f"ICD9//{code[: 4 if code.startswith('E') else 3]}" in ancestors(f"ICD9//{code}")


def test_the_groups_have_titles_and_nest_or_lie_apart() -> None:
    for row in GROUPS:
        assert row["title"]
        assert title_of(f"{row['system']}//{row['group']}") == row["title"]
    for system in ("ICD9", "ICD9PROC"):
        ranges = [row["group"].split("-") for row in GROUPS if row["system"] == system and "-" in row["group"]]
        for first, last in ranges:
            for other_first, other_last in ranges:
                overlap = first <= other_last and other_first <= last
                nested = (first <= other_first and other_last <= last) or (
                    other_first <= first and last <= other_last
                )
                assert nested or not overlap


def test_every_icd_code_of_the_real_records_lies_in_a_chapter(data_root: Path) -> None:
    hosp = data_root / "mimic-iv-demo" / "hosp"
    tables = {"DIAGNOSIS": "d_icd_diagnoses", "PROCEDURE": "d_icd_procedures"}
    for head, table in tables.items():
        rows = duckdb.sql(
            f"SELECT trim(icd_version), trim(icd_code) FROM read_csv('{hosp / table}.csv.gz', all_varchar=true)"
        ).fetchall()
        assert len(rows) > 200
        for version, code in rows:
            concept = concept_of(code_of(head, "ICD", version, code))
            assert has_structure(concept)
            assert is_well_formed(concept)


# ---- closure -----------------------------------------------------------------------------------------------------


def events_of(codes: Sequence[str | list[str]], subject: int = 1) -> list[dict[str, object]]:
    """Return an event for each code, or for the codings of one record."""
    return [
        {"subject_id": subject, "code": code if isinstance(code, str) else code[0]}
        | ({} if isinstance(code, str) else {"codings": code})
        for code in codes
    ]


def take_in(
    store: Store,
    codes: Sequence[str | list[str]],
    edges: Iterable[tuple[str, str]] = (),
    described: Iterable[tuple[str, list[str]]] = (),
    subject: int = 1,
) -> None:
    """Import events with these codes, and these edges of a hierarchy."""
    intake = Intake(store, "made", Path("made"))
    n_files = store.con.execute("SELECT count(*) FROM source").fetchall()[0][0]
    entry = intake.begin(f"file {n_files}", f"{n_files:064}")
    frame = event_frame(events_of(codes, subject))
    entry.stage_frame("event", frame)
    for child, parent in edges:
        entry.stage("hierarchy", f"SELECT '{child}' AS child, '{parent}' AS parent")
    for code, above in described:
        entry.stage("code", f"SELECT '{code}' AS code, {above}::VARCHAR[] AS parents")
    entry.tally("made", rows_in=len(frame), accepted=len(frame))
    intake.commit()


def above(store: Store, key: str) -> set[str]:
    rows = store.con.execute("SELECT ancestor FROM code_ancestor WHERE code = ?", [key]).fetchall()
    assert len(rows) == len(set(rows))
    return {row[0] for row in rows}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return create_store(tmp_path / "store")


def test_an_import_notes_what_lies_above_its_codes(store: Store) -> None:
    take_in(store, ["DIAGNOSIS//ICD//9//4280", "LAB//50912//mg/dL"])
    assert above(store, "DIAGNOSIS//ICD//9//4280") == set(ancestors("ICD9//4280"))
    assert above(store, "LAB//50912//mg/dL") == {"LAB//50912//mg/dL"}
    found = store.con.execute("SELECT code, parents FROM code ORDER BY code").fetchall()
    assert found == [("DIAGNOSIS//ICD//9//4280", ["ICD9//428"]), ("LAB//50912//mg/dL", None)]


def test_all_codes_of_one_record_are_looked_up_together(store: Store) -> None:
    codings = ["CONDITION//SNOMED//44054006", "CONDITION//ICD10//E11.9"]
    take_in(store, [codings, "CONDITION//SNOMED//38341003"])
    assert above(store, JOINT.join(codings)) == {"SNOMED//44054006", *ancestors("ICD10//E119")}
    assert above(store, codings[0]) == {"SNOMED//44054006"}
    assert above(store, codings[1]) == set(ancestors("ICD10//E119"))


def test_loaded_edges_are_followed_to_the_end_and_on_by_structure(store: Store) -> None:
    edges = [("SNOMED//44054006", "SNOMED//73211009"), ("SNOMED//73211009", "ICD10CM//E11")]
    take_in(store, ["CONDITION//SNOMED//44054006"], edges)
    assert above(store, "CONDITION//SNOMED//44054006") == {
        "SNOMED//44054006",
        "SNOMED//73211009",
        *ancestors("ICD10//E11"),
    }


def test_edges_that_come_later_reach_the_codes_that_are_there(store: Store) -> None:
    take_in(store, ["CONDITION//SNOMED//1", "CONDITION//SNOMED//9", "ALLERGY//SNOMED//1", "CONDITION//HOUSE//7"])
    take_in(store, [], [("SNOMED//1", "SNOMED//2")])
    take_in(store, [], [("SNOMED//2", "SNOMED//3"), ("HOUSE//7", "HOUSE//0")])
    assert above(store, "CONDITION//SNOMED//1") == {"SNOMED//1", "SNOMED//2", "SNOMED//3"}
    assert above(store, "ALLERGY//SNOMED//1") == {f"ALLERGY//SNOMED//{n}" for n in (1, 2, 3)}
    assert above(store, "CONDITION//SNOMED//9") == {"SNOMED//9"}
    assert above(store, "CONDITION//HOUSE//7") == {"CONDITION//HOUSE//7", "HOUSE//7", "HOUSE//0"}
    parents_of = dict(store.con.execute("SELECT code, parents FROM code").fetchall())
    assert parents_of["CONDITION//SNOMED//1"] == ["SNOMED//2"]
    assert parents_of["CONDITION//HOUSE//7"] == ["HOUSE//0"]


def test_edges_may_run_in_circles(store: Store) -> None:
    take_in(
        store,
        ["CONDITION//SNOMED//1", "CONDITION//SNOMED//3"],
        [("SNOMED//1", "SNOMED//2"), ("SNOMED//2", "SNOMED//1"), ("SNOMED//2", "SNOMED//2")],
    )
    assert above(store, "CONDITION//SNOMED//1") == {"SNOMED//1", "SNOMED//2"}
    assert above(store, "CONDITION//SNOMED//3") == {"SNOMED//3"}


def test_parents_of_a_source_come_first_and_far_edges_are_no_parents(store: Store) -> None:
    far = [("SNOMED//1", "SNOMED//2"), ("SNOMED//2", "SNOMED//3"), ("SNOMED//1", "SNOMED//3")]
    take_in(store, ["CONDITION//SNOMED//1"], far, [("CONDITION//SNOMED//1", ["OUR//GROUP"])])
    assert store.con.execute("SELECT parents FROM code").fetchall() == [(["OUR//GROUP", "SNOMED//2"],)]


def test_batches_give_what_one_import_gives(tmp_path: Path) -> None:
    codes: list[str | list[str]] = [
        "DIAGNOSIS//ICD//10//E119",
        ["CONDITION//SNOMED//1", "CONDITION//ICD10//I50.9"],
        "CONDITION//SNOMED//1",
        "MEDICATION//ATC//C03CA01",
    ]
    edges = [("SNOMED//1", "SNOMED//2"), ("ATC//C03CA", "OUR//loop diuretic")]
    whole, parts = create_store(tmp_path / "whole"), create_store(tmp_path / "parts")
    take_in(whole, codes, edges)
    for place, code in enumerate(codes):
        take_in(parts, [code], edges[place : place + 1] if place > 1 else ())
    take_in(parts, [], edges)
    for query in ("FROM code_ancestor ORDER BY ALL", "SELECT code, parents FROM code ORDER BY ALL"):
        assert parts.con.execute(query).fetchall() == whole.con.execute(query).fetchall()


def test_a_code_that_is_gone_is_no_longer_known(store: Store) -> None:
    take_in(store, ["DIAGNOSIS//ICD//10//E119", ["CONDITION//SNOMED//1", "CONDITION//ICD10//I50.9"]], subject=1)
    take_in(store, ["DIAGNOSIS//ICD//10//E119"], subject=2)
    delete_subject(store, "1")
    assert known_concepts(store.con, ["ICD10//E11"]) == ["ICD10//E11"]
    with pytest.raises(UnknownConcept):
        known_concepts(store.con, ["ICD10//I50"])


quick = settings(deadline=None, max_examples=30)
edges_between = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20)


@quick
@given(edges=edges_between, used=st.sets(st.integers(0, 7), min_size=1))
def test_the_closure_is_what_can_be_reached(edges: list[tuple[int, int]], used: set[int]) -> None:
    reached = {start: {start} for start in used}
    for _ in range(8):
        for found in reached.values():
            found |= {parent for child, parent in edges if child in found}
    con = duckdb.connect()
    con.execute("CREATE TABLE event AS SELECT unnest($codes) AS code", {"codes": [f"X//OUR//{n}" for n in used]})
    con.execute(
        "CREATE TABLE described AS SELECT unnest($c) AS code, [unnest($p)] AS parent_codes",
        {"c": [f"OUR//{child}" for child, _ in edges], "p": [f"OUR//{parent}" for _, parent in edges]},
    )
    make_codebook(con, "described")
    for start, expected in reached.items():
        rows = con.execute("SELECT ancestor FROM code_ancestor WHERE code = ?", [f"X//OUR//{start}"]).fetchall()
        own = {f"X//OUR//{start}"}
        linked = any(start in edge and edge[0] != edge[1] for edge in edges)
        assert {row[0] for row in rows} == own | ({f"OUR//{n}" for n in expected} if linked else set())


# ---- what is known -----------------------------------------------------------------------------------------------


@pytest.fixture
def small(store: Store) -> Store:
    take_in(
        store,
        ["DIAGNOSIS//ICD//10//E119", "DIAGNOSIS//ICD//10//E1165", "PROCEDURE//ICD//9//3893", "CONDITION//SNOMED//1"],
        [("SNOMED//1", "SNOMED//2")],
    )
    store.con.execute("UPDATE code SET description = 'Type 2 diabetes' WHERE code LIKE '%E119'")
    return store


@pytest.mark.parametrize("concept", ["ICD10//E11", "ICD10 E11.9", "ICD10//E08-E13", "SNOMED//2", "ICD10//P00-P96"])
def test_what_is_in_use_or_a_group_is_known(concept: str, small: Store) -> None:
    assert known_concepts(small.con, [concept]) == [read_concept(concept)]


@pytest.mark.parametrize(
    ("concept", "parts"),
    [
        ("ICD10//E14", ["ICD10//E14", "ICD10//E10-E14", "ICD10//E11"]),
        ("ICD10//E1l", ["ICD10//E11"]),
        ("ICD10//E11.99", ["ICD10//E119 (Type 2 diabetes)"]),
        ("ICD9//3893", ["ICD9PROC//3893"]),
        ("ICD9//E11", ["ICD10//E11"]),
        ("diabetes", ["no concept", "ICD10//E119 (Type 2 diabetes)", "ICD10//E08-E13"]),
        ("", ["no concept", "ehr code search"]),
        ("SNOMED//3", ["SNOMED//2"]),
    ],
)
def test_what_is_unknown_is_refused_with_what_is_near(concept: str, parts: list[str], small: Store) -> None:
    with pytest.raises(UnknownConcept) as refusal:
        known_concepts(small.con, [concept])
    for part in parts:
        assert part in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_system_that_the_store_does_not_use_passes_beside_one_that_it_uses(small: Store) -> None:
    assert known_concepts(small.con, ["ICD10//E11", "ICD9//250"]) == ["ICD10//E11", "ICD9//250"]
    for others in (
        ["ICD9//250"],
        ["ICD10//E11", "ICD10//E14"],
        ["ICD10//E11", "ICD9//25x"],
        ["ATC//A10", "ICD9//250"],
    ):
        with pytest.raises(UnknownConcept):
            known_concepts(small.con, others)


@quick
@given(text=st.text(max_size=20))
def test_an_unknown_text_always_is_an_error(text: str, known_store: Store) -> None:
    name = read_concept(text)
    assert title_of(name) is None
    with pytest.raises(UnknownConcept):
        known_concepts(known_store.con, [text])


@pytest.fixture(scope="module")
def known_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = create_store(tmp_path_factory.mktemp("known") / "store")
    take_in(store, ["DIAGNOSIS//ICD//10//E119"])
    return store


def test_the_tree_shows_above_and_below_with_counts(small: Store) -> None:
    rows = {row.concept: row for row in concept_tree(small.con, "ICD10 E11")}
    assert list(rows)[:2] == ["ICD10//E00-E90", "ICD10//E00-E89"]
    assert rows["ICD10//E08-E13"].title == "Diabetes mellitus"
    assert (rows["ICD10//E11"].depth, rows["ICD10//E11"].n_events, rows["ICD10//E11"].n_subjects) == (0, 2, 1)
    assert {row.concept: row.n_events for row in rows.values() if row.depth == 1} == {
        "ICD10//E116": 1,
        "ICD10//E119": 1,
    }
    assert [row.concept for row in concept_tree(small.con, "SNOMED//2")] == ["SNOMED//2", "SNOMED//1"]
