"""Faulty OMOP folders: what is refused, what is told, and the law that no row is lost silently."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ehr.deletion import delete_subject
from ehr.errors import SourceError
from ehr.importers.omop_files import find_tables
from ehr.store import create_store
from tests.ehr.omop_made import (
    Imported,
    condition,
    csv_text,
    detail,
    made,
    measurement,
    person,
    visit,
    write_csv,
)

BALANCE = "SELECT count(*) FROM source WHERE rows_in <> rows_accepted + rows_rejected + rows_skipped"


@pytest.fixture
def imported(tmp_path: Path) -> Imported:
    return Imported(tmp_path / "store")


@pytest.mark.parametrize(
    ("change", "code", "reason", "excerpt"),
    [
        ({"person_id": 9}, "unknown-subject", "person_id is not in person", "measurement_id=31, person_id=9"),
        ({"person_id": None}, "no-subject", "person_id is missing", "measurement_id=31, person_id="),
        ({"person_id": "x7"}, "bad-id", "person_id is not an integer", "measurement_id=31, person_id=x7"),
        ({"measurement_id": None}, "bad-id", "measurement_id is missing", "measurement_id="),
        ({"measurement_id": "3.5"}, "bad-id", "measurement_id is not an integer", "measurement_id=3.5"),
        (
            {"measurement_date": "2020-02-30", "measurement_datetime": None},
            "bad-time",
            "measurement_date is not a time",
            "measurement_id=31, measurement_date=2020-02-30",
        ),
        (
            {"measurement_date": None, "measurement_datetime": None},
            "no-time",
            "measurement_date is missing",
            "measurement_id=31, measurement_date=",
        ),
        (
            {"measurement_concept_id": 0, "measurement_source_value": None},
            "no-code",
            "neither measurement_concept_id nor measurement_source_value",
            "measurement_id=31",
        ),
        (
            {"visit_occurrence_id": 12},
            "other-subject",
            "the visit is one of another person",
            "measurement_id=31, person_id=1, visit_occurrence_id=12",
        ),
    ],
)
def test_a_row_is_refused_with_its_reason(
    change: dict[str, Any], code: str, reason: str, excerpt: str, imported: Imported, tmp_path: Path
) -> None:
    tables = made(
        person=[person(), person(2)],
        visit_occurrence=[visit(), visit(12, 2)],
        measurement=[measurement(30), measurement(**change)],
    )
    imported(write_csv(tmp_path / "cdm", tables))
    assert imported.rejects() == [("measurement", 2, code, reason, excerpt)]
    assert imported.tally("measurement") == (2, 1, 1, 0)
    assert imported.rows("SELECT record_id FROM event WHERE code LIKE 'LAB//%'") == [("measurement/30",)]


def test_a_visit_that_is_nowhere_costs_a_notice(imported: Imported, tmp_path: Path) -> None:
    imported(write_csv(tmp_path / "cdm", made(measurement=[measurement(visit_occurrence_id=77)])))
    assert [notice[:3] for notice in imported.notices()] == [("measurement", 1, "bad-reference")]
    assert imported.tally("measurement") == (1, 1, 0, 0)


def test_a_part_of_another_persons_visit_is_refused(imported: Imported, tmp_path: Path) -> None:
    tables = made(person=[person(), person(2)], visit_detail=[detail(person_id=2)])
    imported(write_csv(tmp_path / "cdm", tables))
    assert [reject[:3] for reject in imported.rejects()] == [("visit_detail", 1, "other-subject")]
    assert imported.rows("SELECT count(*) FROM encounter") == [(1,)]


def test_of_two_rows_with_one_key_the_first_stays(imported: Imported, tmp_path: Path) -> None:
    rows = [measurement(), measurement(), measurement(value_as_number=9)]
    imported(write_csv(tmp_path / "cdm", made(measurement=rows)))
    assert imported.tally("measurement") == (3, 1, 1, 1)
    assert [reject[1:3] for reject in imported.rejects()] == [(3, "conflict")]
    assert imported.event("measurement/31")["numeric_value"] == 7.25


def test_rows_of_persons_who_were_refused_are_refused(imported: Imported, tmp_path: Path) -> None:
    tables = made(person=[person(), person("two")], visit_occurrence=[visit(), visit(12, 2)])
    imported(write_csv(tmp_path / "cdm", tables))
    assert [reject[:3] for reject in imported.rejects()] == [
        ("person", 2, "bad-id"),
        ("visit_occurrence", 2, "unknown-subject"),
    ]


def test_a_deleted_person_does_not_come_back(imported: Imported, tmp_path: Path) -> None:
    root = write_csv(tmp_path / "cdm", made(person=[person(), person(2)]))
    imported(root)
    store = create_store(imported.path)
    delete_subject(store, "1")
    store.close()
    write_csv(root, made(person=[person(2), person()], measurement=[measurement()]))
    imported(root)
    assert imported.rows("SELECT subject_id FROM subject") == [(2,)]
    assert [reject[:3] for reject in imported.rejects()] == [
        ("measurement", 1, "deleted-subject"),
        ("person", 2, "deleted-subject"),
    ]


def test_a_file_without_a_column_that_it_needs_is_refused(imported: Imported, tmp_path: Path) -> None:
    rows = [{name: cell for name, cell in measurement().items() if name != "measurement_id"}] * 2
    imported(write_csv(tmp_path / "cdm", made(measurement=rows, condition_occurrence=[condition()])))
    assert [reject[:4] for reject in imported.rejects()] == [
        ("measurement", None, "missing-column", "required column measurement_id is missing")
    ]
    assert imported.tally("measurement") == (2, 0, 2, 0)
    assert imported.tally("condition_occurrence") == (1, 1, 0, 0)
    assert imported.report is not None
    assert imported.report.failed == ("measurement.csv",)


def test_a_file_that_is_no_parquet_is_refused(imported: Imported, tmp_path: Path) -> None:
    root = write_csv(tmp_path / "cdm", made())
    (root / "measurement.parquet").write_bytes(b"PAR1 and then nothing of the kind")
    imported(root)
    assert [reject[:3] for reject in imported.rejects()] == [("measurement", None, "broken-file")]
    assert imported.rows("SELECT status FROM source WHERE file = 'measurement.parquet'") == [("failed",)]


def test_a_file_cut_off_is_refused(imported: Imported, data_root: Path, tmp_path: Path) -> None:
    root = write_csv(tmp_path / "cdm", made())
    whole = (data_root / "omop" / "measurement.parquet").read_bytes()
    (root / "measurement.parquet").write_bytes(whole[: len(whole) // 2])
    (root / "observation.csv.gz").write_bytes(b"\x1f\x8b\x08 no gzip")
    imported(root)
    assert [reject[:3] for reject in imported.rejects()] == [
        ("measurement", None, "broken-file"),
        ("observation", None, "broken-file"),
    ]


def test_an_empty_file_and_a_bare_header_are_told(imported: Imported, tmp_path: Path) -> None:
    root = write_csv(tmp_path / "cdm", made())
    (root / "measurement.csv").write_text("")
    (root / "condition_occurrence.csv").write_text(csv_text([condition()]).splitlines()[0] + "\n")
    imported(root)
    assert dict(imported.rows("SELECT file, status FROM source"))["measurement.csv"] == "empty"
    assert dict(imported.rows("SELECT file, status FROM source"))["condition_occurrence.csv"] == "empty"


def test_tables_of_concepts_have_quotes_as_characters(imported: Imported, tmp_path: Path) -> None:
    root = write_csv(tmp_path / "cdm", made(condition_occurrence=[condition()]))
    (root / "concept.csv").unlink()
    lines = ["concept_id\tconcept_name\tvocabulary_id\tconcept_code", '201826\t"Sugar" disease\tSNOMED\t44054006']
    (root / "CONCEPT.csv").write_text("\n".join([*lines, '7\t"odd\tSNOMED\t1']) + "\n")
    imported(root)
    assert imported.rows("SELECT description FROM code WHERE code = 'CONDITION//SNOMED//44054006'") == [
        ('"Sugar" disease',)
    ]
    assert imported.tally("concept") == (2, 2, 0, 0)


def test_a_table_of_concepts_with_a_quoted_header_has_quoted_fields(imported: Imported, tmp_path: Path) -> None:
    root = write_csv(tmp_path / "cdm", made(condition_occurrence=[condition()]))
    header = '"concept_id"\t"concept_name"\t"vocabulary_id"\t"concept_code"'
    (root / "concept.csv").write_text(f'{header}\n"201826"\t"Sugar disease"\t"SNOMED"\t"44054006"\n')
    imported(root)
    assert imported.rows("SELECT code, description FROM code WHERE kind = 'condition'") == [
        ("CONDITION//SNOMED//44054006", "Sugar disease")
    ]


def test_files_that_are_no_table_are_counted_and_told(imported: Imported, tmp_path: Path) -> None:
    tables = made(note=[{"note_id": 1, "note_text": "x"}], mystery=[{"a": 1}, {"a": 2}])
    imported(write_csv(tmp_path / "cdm", tables))
    assert imported.tally("note") == (1, 0, 0, 1)
    assert imported.tally("mystery.csv") == (2, 0, 0, 2)
    assert [notice[0] for notice in imported.notices()] == ["mystery.csv"]


@pytest.mark.parametrize("name", ["", "nothing"])
def test_a_folder_without_any_table_is_refused(name: str, imported: Imported, tmp_path: Path) -> None:
    (tmp_path / "cdm").mkdir()
    with pytest.raises(SourceError):
        imported(tmp_path / "cdm" / name)


def test_which_file_belongs_to_which_table(tmp_path: Path) -> None:
    for name in (
        "PERSON.csv",
        "measurement_000000000001.csv.gz",
        "observation.parquet/part-00000.parquet",
        "death/year=2020/part-1.csv",
        "vocabulary/CONCEPT.csv",
        "vocabulary.csv",
        "old/person.csv",
        "death/person.csv",
        "_temporary/person.csv",
        "person.csv.crc",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x\n")
    names = {"person", "measurement", "observation", "death", "concept", "vocabulary"}
    tables, others = find_tables(tmp_path, names)
    assert {table: [str(file.relative_to(tmp_path)) for file in files] for table, files in tables.items()} == {
        "person": ["PERSON.csv"],
        "measurement": ["measurement_000000000001.csv.gz"],
        "observation": ["observation.parquet/part-00000.parquet"],
        "death": ["death/year=2020/part-1.csv"],
        "concept": ["vocabulary/CONCEPT.csv"],
        "vocabulary": ["vocabulary.csv"],
    }
    assert [str(file.relative_to(tmp_path)) for file in others] == ["death/person.csv", "old/person.csv"]


CELLS = st.one_of(
    st.none(),
    st.sampled_from(["", " ", "0", "1", "2", "-1", "31.0", "1e9", "nan", "inf", "2020-03-02", "2020-03-02 24:00:00"]),
    st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["C"]), max_size=12),
    st.integers(),
    st.floats(),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(st.dictionaries(st.sampled_from(list(measurement())), CELLS, max_size=4), min_size=1, max_size=6)
)
def test_no_row_is_lost_whatever_its_cells_are(
    changes: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("cells")
    rows = [measurement(**{"measurement_id": number, **change}) for number, change in enumerate(changes)]
    imported = Imported(root / "store")(write_csv(root / "cdm", made(measurement=rows)))
    read, accepted, rejected, skipped = imported.tally("measurement")
    assert read == len(rows) == accepted + rejected + skipped
    assert imported.rows(BALANCE) == [(0,)]
    assert imported.rows("SELECT count(*) FROM event WHERE code LIKE 'LAB//%'") == [(accepted,)]
    assert len([reject for reject in imported.rejects() if reject[0] == "measurement"]) == rejected
    assert imported.rows("SELECT count(*) FROM event WHERE code LIKE 'LAB//%' AND time IS NULL") == [(0,)]
