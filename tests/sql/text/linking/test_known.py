"""Abbreviations, families and classes of the tables of our own schema in questions over another one."""

import duckdb
import pytest

from sql.text.linking import How, LinkIndex, NameColumn, Uses, build_index, link
from sql.text.linking.known import known_phrases, known_synonyms

DIAGNOSES = {
    "d1": "pneumonia due to klebsiella pneumoniae",
    "d2": "pneumonia, organism unspecified",
    "d3": "aspiration pneumonia",
    "d4": "atrial fibrillation",
    "d5": "chronic obstructive pulmonary disease, unspecified",
    "d6": "sepsis",
    "d7": "severe sepsis with shock",
    "d8": "gastrointestinal hemorrhage of old wounds",
    "d9": "obesity, unspecified",
    "d10": "morbid obesity",
    "d11": "presence of coronary bypass",
    "x1": "obesity",
    "x2": "pneumonia",
}
PROCEDURES = {"p1": "coronary bypass of two arteries", "p2": "coronary bypass of one artery"}
LABS = {"1": "potassium, urine", "2": "potassium, whole blood", "3": "hemoglobin", "4": "troponin t"}
DRUGS = ("furosemide", "atorvastatin", "simvastatin")


@pytest.fixture(scope="module")
def ward() -> LinkIndex:
    """Return the index of a ward; of its names, those of x1 and x2 have no records."""
    connection = duckdb.connect()
    for table, names in (("diagnosis", DIAGNOSES), ("procedure", PROCEDURES), ("lab", LABS)):
        connection.execute(f"CREATE TABLE d_{table} (code VARCHAR, title VARCHAR)")
        connection.executemany(f"INSERT INTO d_{table} VALUES (?, ?)", list(names.items()))
        connection.execute(f"CREATE TABLE {table} AS SELECT code FROM d_{table} WHERE code NOT LIKE 'x%'")
    connection.execute("INSERT INTO diagnosis VALUES ('d2'), ('d2')")
    connection.execute("CREATE TABLE prescription (drug VARCHAR)")
    connection.executemany("INSERT INTO prescription VALUES (?)", [(drug,) for drug in DRUGS])
    cues = {"diagnosis": ("diagnosis", "diagnosed"), "procedure": ("procedure",), "lab": ("lab", "level")}
    columns = [
        NameColumn(kind, f"d_{kind}", "title", uses=Uses(kind, "code", "code"), cues=words)
        for kind, words in cues.items()
    ]
    return build_index(connection, [*columns, NameColumn("drug", "prescription", "drug", cues=("drug",))])


@pytest.mark.parametrize(
    ("said", "kind", "value"),
    [
        ("afib", "diagnosis", "atrial fibrillation"),
        ("AF", "diagnosis", "atrial fibrillation"),
        ("copd", "diagnosis", "chronic obstructive pulmonary disease, unspecified"),
        ("hgb", "lab", "hemoglobin"),
        ("lasix", "drug", "furosemide"),
    ],
)
def test_an_abbreviation_is_another_word_for_the_name_that_says_no_more(
    said: str, kind: str, value: str, ward: LinkIndex
) -> None:
    slot = link(f"patients with {said}", ward).slots[0]
    assert (slot.surface, slot.kinds, slot.value, slot.how) == (said, (kind,), value, How.SYNONYM)


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ("pneumonia", {"pneumonia due to klebsiella pneumoniae", "pneumonia, organism unspecified"}),
        ("cabg", set(PROCEDURES.values())),
        ("statin", {"atorvastatin", "simvastatin"}),
        ("k level", {"potassium, urine", "potassium, whole blood"}),
        ("severe sepsis", {"severe sepsis with shock"}),
        ("gi bleed", {"gastrointestinal hemorrhage of old wounds"}),
    ],
)
def test_what_stored_names_are_kinds_of_has_all_of_them_as_candidates(
    said: str, names: set[str], ward: LinkIndex
) -> None:
    slot = link(f"the {said} of all", ward).slots[0]
    partial = {one.value for one in slot.candidates if one.how is How.PARTIAL}
    assert partial == names


def test_a_stored_name_is_itself_though_others_are_kinds_of_it(ward: LinkIndex) -> None:
    slot = link("diagnosed with sepsis", ward).slots[0]
    assert (slot.value, slot.how, len(slot.candidates)) == ("sepsis", How.EXACT, 1)


def test_a_stored_name_without_records_goes_before_the_used_ones_that_have_its_words(ward: LinkIndex) -> None:
    slot = link("diagnosed with obesity", ward).slots[0]
    assert [one.value for one in slot.candidates] == ["obesity", "obesity, unspecified", "morbid obesity"]
    assert slot.candidates[0].records == 0


def test_a_word_of_the_tables_is_no_spelling_error(ward: LinkIndex) -> None:
    assert link("any statins", ward).slots[0].surface == "statins"
    assert link("any simvastatn", ward).slots[0].how is How.CORRECTED


@pytest.mark.parametrize("said", ["last k of all", "highest k", "k level", "lab k"])
def test_a_single_letter_is_a_measurement_behind_a_pick_or_next_to_a_cue(said: str, ward: LinkIndex) -> None:
    assert [slot.surface for slot in link(f"the {said}", ward).slots] == ["k"]


@pytest.mark.parametrize("said", ["vitamin k", "k of all", "the k"])
def test_a_single_letter_by_itself_is_none(said: str, ward: LinkIndex) -> None:
    assert link(said, ward).slots == ()


USUAL = (
    *(
        "afib",
        "copd",
        "chf",
        "mi",
        "uti",
        "dvt",
        "ckd",
        "htn",
        "cabg",
        "aki",
        "pe",
        "tia",
        "osa",
        "hld",
        "dm2",
        "gib",
    ),
    *("hgb", "wbc", "bun", "k", "na", "plt", "cr", "asa"),
)


@pytest.mark.parametrize("short", USUAL)
def test_usual_abbreviations_are_known(short: str) -> None:
    listed = {name for names in known_synonyms().values() for name in names}
    assert short in known_phrases()
    assert short in listed or f"{short}+" in listed
