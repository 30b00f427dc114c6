# ruff: noqa: E501  (a table has a line for each of its queries)
"""descends_from in SQL: exact for the further codes of records, refused where it would be wrong, never a silent none."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ehr.errors import QueryFailed, UnsafeQuery
from ehr.intake import Intake, event_frame
from ehr.store import Store, create_store, open_store
from sql.catalog import Catalog, read_catalog
from sql.engine import reread
from sql.guard import guard
from sql.query import run_query

DIABETES = ["CONDITION//SNOMED//44054006", "CONDITION//ICD10//E11.9"]
GOUT = ["CONDITION//SNOMED//90560007", "CONDITION//ICD10//M10.9"]
RECORDS: list[tuple[int, str | list[str]]] = [
    (1, DIABETES),
    (1, "CONDITION//ICD10//I50.9"),
    (2, "DIAGNOSIS//ICD//10//E1165"),
    (2, "DIAGNOSIS//ICD//9//4280"),
    (3, GOUT),
    (3, "CONDITION//SNOMED//44054006"),
    (4, "ALLERGY//ICD10//E11"),
    (4, "PROCEDURE//ICD//9//3893"),
    (4, "MEDICATION//ATC//A10BA02"),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    path = tmp_path_factory.mktemp("descent") / "store"
    writable = create_store(path)
    intake = Intake(writable, "made", path)
    entry = intake.begin("made", "0" * 64)
    events = [
        {"subject_id": subject, "code": codes if isinstance(codes, str) else codes[0]}
        | ({} if isinstance(codes, str) else {"codings": codes})
        for subject, codes in RECORDS
    ]
    entry.stage_frame("event", event_frame(events))
    entry.tally("made", rows_in=len(events), accepted=len(events))
    intake.commit()
    writable.close()
    locked = open_store(path, locked=True)
    yield locked
    locked.close()


@pytest.fixture(scope="module")
def catalog(store: Store) -> Catalog:
    return read_catalog(store)


def answer(store: Store, query: str) -> list[tuple[Any, ...]]:
    table = run_query(store, query).table
    return [tuple(row.values()) for row in table.to_pylist()]


SUBJECTS = "SELECT DISTINCT subject_id FROM {} ORDER BY 1"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("event WHERE descends_from(code, 'ICD10//E11')", [1, 2]),
        ("event e WHERE descends_from(e.code, 'ICD10//E11')", [1, 2]),
        ("main.event WHERE descends_from(event.code, 'ICD10//E11')", [1, 2]),
        ("event AS \"E 1\" WHERE descends_from(\"E 1\".code, 'ICD10//E11')", [1, 2]),
        ("EVENT WHERE Descends_From(CODE, 'icd10 e11')", [1, 2]),
        ("condition WHERE descends_from(code, 'ICD10//E08-E13')", [1, 2]),
        ("condition WHERE descends_from(code, 'ICD10//E11.9')", [1]),
        ("condition WHERE descends_from(code, 'ICD10//I50', 'ICD9//428')", [1, 2]),
        ("condition WHERE descends_from(code, 'SNOMED//44054006')", [1, 3]),
        ("condition WHERE NOT descends_from(code, 'ICD10//E11', 'SNOMED//90560007')", [1, 2, 3, 4]),
        ("condition WHERE descends_from(code, 'ALLERGY//ICD10//E11')", [4]),
        ("procedure WHERE descends_from(code, 'ICD9PROC//38')", [4]),
        ("medication WHERE descends_from(code, 'ATC//A10')", [4]),
        ("event WHERE CASE WHEN descends_from(code, 'ICD10//M10') THEN true ELSE false END", [3]),
        ("patient p WHERE EXISTS (FROM condition WHERE subject_id = p.subject_id AND descends_from(code, 'ICD10 E11'))", [1, 2]),
        ("event e JOIN code c USING (code) WHERE descends_from(code, 'ICD10//E11')", [1, 2]),
        ("event e JOIN code c USING (code) WHERE descends_from(e.code, 'ICD10//E11')", [1, 2]),
        ("code c JOIN event e USING (code) WHERE descends_from(e.code, 'ICD10//E11')", [1, 2]),
        ("patient JOIN event e USING (subject_id) WHERE descends_from(code, 'ICD10//E11')", [1, 2]),
        ("patient p JOIN event e ON e.subject_id = p.subject_id AND descends_from(e.code, 'ICD10//E11')", [1, 2]),
        ("(FROM event) WHERE descends_from(code, 'ICD10//E11')", [1, 2]),
        ("(SELECT * FROM event) AS d WHERE descends_from(d.code, 'ICD10//E11')", [1, 2]),
        ("(SELECT subject_id, code, codings FROM condition) AS d WHERE descends_from(d.code, 'ICD10//E11')", [1, 2]),
        ("(SELECT e.* FROM patient JOIN event e USING (subject_id)) WHERE descends_from(code, 'ICD10//E11')", [1, 2]),
        ("(SELECT * FROM (SELECT * EXCLUDE (unit) FROM event)) WHERE descends_from(code, 'ICD10//E11')", [1, 2]),
        ("(SELECT DISTINCT subject_id, code AS c, codings FROM event) d WHERE descends_from(c, 'ICD10//E11')", [1, 2]),
        ("(SELECT subject_id, descends_from(code, 'ICD10//E11') AS is_dm FROM event) WHERE is_dm", [1, 2]),
        ("event, unnest(coalesce(codings, [code])) u(c) WHERE descends_from(c, 'ICD10//E11')", [1, 2]),
        ("event WHERE code IN (SELECT code FROM code WHERE descends_from(code, 'ICD10//E11'))", [2]),
        ("event WHERE subject_id IN (SELECT subject_id FROM event WHERE descends_from(event.code, 'ICD10//E11'))", [1, 2]),
        ("patient p, LATERAL (FROM event e WHERE e.subject_id = p.subject_id AND descends_from(e.code, 'ICD10//E11'))", [1, 2]),
    ],
)  # fmt: skip
def test_an_event_counts_when_any_of_its_codes_lies_below(source: str, expected: list[int], store: Store) -> None:
    subject = "p.subject_id" if " p" in source.partition("WHERE")[0] and "patient p" in source else "subject_id"
    query = SUBJECTS.format(source).replace("subject_id", subject, 1)
    assert answer(store, query) == [(number,) for number in expected]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT count(*) FILTER (WHERE descends_from(code, 'ICD10//E11')) FROM event", [(2,)]),
        ("SELECT sum(CASE WHEN descends_from(code, 'ICD10//E11') THEN 1 ELSE 0 END)::INT FROM event", [(2,)]),
        ("SELECT descends_from(code, 'ICD10//E11') AS dm, count(*) FROM condition GROUP BY dm ORDER BY dm", [(False, 5), (True, 2)]),
        ("WITH dm AS (FROM event WHERE descends_from(code, 'ICD10//E11')) SELECT count(*) FROM dm", [(2,)]),
        ("WITH d AS (SELECT * FROM condition), e AS (SELECT * FROM d) SELECT count(*) FROM e WHERE descends_from(code, 'ICD10//E11')", [(2,)]),
        ("SELECT count(*) FROM event e WHERE EXISTS (SELECT 1 FROM patient p WHERE p.subject_id = e.subject_id AND descends_from(e.code, 'ICD10//E11'))", [(2,)]),
        ("(SELECT 1 FROM event WHERE descends_from(code, 'ICD10//M10')) UNION ALL (SELECT 2 FROM condition WHERE descends_from(code, 'ICD10//M10'))", [(1,), (2,)]),
        ("SELECT code FROM event ORDER BY descends_from(code, 'ICD10//M10') DESC, code LIMIT 1", [(GOUT[0],)]),
        ("SELECT code, count(*) FROM event WHERE descends_from(code, 'ICD10//M10') GROUP BY code", [(GOUT[0], 1)]),
    ],
)  # fmt: skip
def test_it_may_stand_wherever_a_condition_stands(query: str, expected: list[Any], store: Store) -> None:
    assert answer(store, query) == expected


def test_a_result_is_named_as_the_user_wrote_it(store: Store) -> None:
    table = run_query(store, "SELECT descends_from(code, 'ICD10 E11') FROM event LIMIT 1").table
    assert table.column_names == ["descends_from(code, 'ICD10 E11')"]


@pytest.mark.parametrize(
    "query",
    [
        "WITH d AS (SELECT subject_id, code FROM condition) SELECT count(*) FROM d WHERE descends_from(code, 'ICD10//E11')",
        "SELECT count(*) FROM (SELECT * EXCLUDE (codings) FROM event) d WHERE descends_from(d.code, 'ICD10//E11')",
        "SELECT count(*) FROM (SELECT code, [code] AS codings FROM event) WHERE descends_from(code, 'ICD10//E11')",
        "SELECT count(*) FROM (SELECT code, codings AS further FROM event) WHERE descends_from(code, 'ICD10//E11')",
        "SELECT count(*) FROM (SELECT * REPLACE (NULL AS codings) FROM event) WHERE descends_from(code, 'ICD10//E11')",
        "SELECT count(*) FROM (SELECT * RENAME (codings AS x) FROM event) WHERE descends_from(code, 'ICD10//E11')",
        "SELECT count(*) FROM (SELECT a.code, b.codings FROM event a, event b) WHERE descends_from(code, 'ICD10//E11')",
        "SELECT count(*) FROM (SELECT max(code) AS code FROM event) WHERE descends_from(code, 'ICD10//E11')",
        "SELECT count(*) FROM (SELECT code FROM event UNION SELECT code FROM event) WHERE descends_from(code, 'ICD10//E11')",
        "SELECT count(*) FROM event e(a, b, c) WHERE descends_from(c, 'ICD10//E11')",
        "SELECT count(*) FROM event a JOIN event b USING (code) WHERE descends_from(code, 'ICD10//E11')",
        "WITH RECURSIVE d AS (SELECT code, codings FROM event UNION SELECT code, codings FROM d WHERE descends_from(d.code, 'ICD10//E11')) SELECT count(*) FROM d",
    ],
)  # fmt: skip
def test_where_further_codes_got_lost_it_is_refused(query: str, store: Store) -> None:
    with pytest.raises(UnsafeQuery, match="would miss the further codes of records"):
        run_query(store, query)


def test_without_further_codes_below_the_concept_any_column_will_do(store: Store) -> None:
    query = "WITH d AS (SELECT code FROM event) SELECT count(*) FROM d WHERE descends_from(code, 'ICD9//428')"
    assert answer(store, query) == [(1,)]


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        ("SELECT 1 FROM event WHERE descends_from(code, 'ICD10//E14')", ["line 1, column 47", "ICD10//E14", "near to it", "ICD10//E11"]),
        ("SELECT 1\nFROM event\nWHERE 'é' = '' OR descends_from(code, 'ICD10//E1l')", ["line 3, column 39", "ICD10//E11"]),
        ("SELECT 1 FROM event WHERE descends_from(code, 'ICD10//E11', 'ICD10//Z99')", ["ICD10//Z99"]),
        ("SELECT 1 FROM event WHERE descends_from(code, 'gout')", ["'gout' is no concept", "SYSTEM//CODE"]),
        ("SELECT 1 FROM event WHERE descends_from(code, 'ICD9//3893')", ["ICD9PROC//3893"]),
        ("SELECT 1 FROM event WHERE false AND descends_from(code, 'ICD10//M11')", ["ICD10//M11"]),
    ],
)  # fmt: skip
def test_an_unknown_concept_is_refused_with_its_place_and_what_is_near(
    query: str, parts: list[str], store: Store
) -> None:
    with pytest.raises(UnsafeQuery) as refusal:
        run_query(store, query)
    for part in parts:
        assert part in str(refusal.value)


SHAPES = [
    "descends_from()",
    "descends_from(code)",
    "descends_from(code, NULL)",
    "descends_from(code, unit)",
    "descends_from(code, 1)",
    "descends_from(code, 'ICD10//' || 'E11')",
    "descends_from(code, ['ICD10//E11'])",
    "descends_from(code, (SELECT max(sha256) FROM source))",
    "descends_from('CONDITION//ICD10//E11', 'ICD10//E11')",
    "descends_from(upper(code), 'ICD10//E11')",
    "descends_from((SELECT max(file) FROM source), 'ICD10//E11')",
    "descends_from(*, 'ICD10//E11')",
    "code.descends_from('ICD10//E11')",
    "main.descends_from(code, 'ICD10//E11')",
    "descends_from(DISTINCT code, 'ICD10//E11')",
    "descends_from(code, 'ICD10//E11' ORDER BY code)",
    "descends_from(code, 'ICD10//E11') OVER ()",
    "descends_from(code, 'ICD10//E11') FILTER (WHERE true)",
    "descends_from(code, concept := 'ICD10//E11')",
]


@pytest.mark.parametrize("call", SHAPES)
def test_both_walls_take_a_column_and_written_concepts_only(call: str, store: Store, catalog: Catalog) -> None:
    query = f"SELECT {call} FROM event"
    with pytest.raises(UnsafeQuery):
        reread(store.cursor(), query, catalog, "analyst", 10)
    with pytest.raises(UnsafeQuery):
        run_query(store, query)


def test_the_first_wall_needs_no_store(catalog: Catalog) -> None:
    guard("SELECT 1 FROM event WHERE descends_from(code, 'ICD10//nothing')", catalog)
    for query in ("SELECT * FROM descends_from(code, 'a')", "SELECT descends_form(code, 'a') FROM event"):
        with pytest.raises(UnsafeQuery, match="not allowed"):
            guard(query, catalog)


def test_the_table_behind_it_stays_closed(store: Store) -> None:
    for query in ("FROM code_ancestor", "WITH code_ancestor AS (SELECT 1) FROM code_ancestor", "FROM hierarchy"):
        with pytest.raises(UnsafeQuery):
            run_query(store, query)


def test_grouping_by_the_code_asks_for_the_codings_too(store: Store) -> None:
    query = "SELECT code, descends_from(code, 'ICD10//E11') AS dm FROM event GROUP BY code{} ORDER BY ALL"
    with pytest.raises(QueryFailed, match="codings"):
        run_query(store, query.format(""))
    assert (DIABETES[0], True) in answer(store, query.format(", codings"))


@settings(deadline=None, max_examples=100)
@given(text=st.text(max_size=25))
def test_any_text_as_a_concept_is_known_or_refused(text: str, store: Store) -> None:
    written = text.replace("'", "''")
    rows: list[tuple[Any, ...]] | None = None
    with suppress(UnsafeQuery):
        rows = answer(store, f"SELECT count(*) FROM event WHERE descends_from(code, '{written}')")
    assert rows is None or len(rows) == 1


def test_the_reference_fact_of_heart_failure(mimic_store: Store) -> None:
    below = "SELECT count(DISTINCT subject_id) FROM condition WHERE descends_from(code, 'ICD10//I50', 'ICD9//428')"
    by_prefix = (
        "SELECT count(DISTINCT subject_id) FROM condition "
        "WHERE code LIKE 'DIAGNOSIS//ICD//9//428%' OR code LIKE 'DIAGNOSIS//ICD//10//I50%'"
    )
    assert answer(mimic_store, below) == answer(mimic_store, by_prefix) == [(24,)]


def test_every_category_of_the_real_records_counts_what_its_prefix_counts(mimic_store: Store) -> None:
    rows = mimic_store.cursor().execute(
        r"""
        SELECT DISTINCT split_part(code, '//', 3) AS version,
               regexp_extract(split_part(code, '//', 4), '^(E\d{3}|.{3})') AS category
        FROM code WHERE starts_with(code, 'DIAGNOSIS//ICD//9//') OR starts_with(code, 'DIAGNOSIS//ICD//10//I')
        ORDER BY ALL LIMIT 40
        """
    )
    pairs = rows.fetchall()
    assert len(pairs) == 40
    for version, category in pairs:
        prefix = f"DIAGNOSIS//ICD//{version}//{category}"
        if version == "9" and category.startswith("E"):
            category = prefix.rpartition("//")[2]
        (counts,) = answer(
            mimic_store,
            f"SELECT count(*) FILTER (WHERE descends_from(code, 'ICD{version}//{category}')), "
            f"count(*) FILTER (WHERE starts_with(code, '{prefix}')) FROM event",
        )
        assert counts[0] == counts[1] > 0


def test_a_store_of_another_session_is_open_to_it(tmp_path: Path) -> None:
    store = create_store(tmp_path / "empty")
    with pytest.raises(UnsafeQuery, match="ICD10//E11"):
        run_query(store, "SELECT 1 FROM event WHERE descends_from(code, 'ICD10//E11')")
    assert answer(store, "SELECT count(*) FROM event WHERE descends_from(code, 'ICD10//E08-E13')") == [(0,)]
