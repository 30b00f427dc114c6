"""Concepts in tasks: `<< ICD10//E11` counts what lies at or below, in a store, for one subject, and in MEDS files."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from ehr.errors import TaskError
from ehr.intake import Intake, event_frame
from ehr.store import Store, create_store, open_store
from ehr.tasks import Plain, Task, parse_task
from sql.cohort import explain_cohort, run_cohort, run_cohort_on_meds, run_cohort_on_subject
from sql.cohort.records import records_of_store

TASK = """
predicates:
  visit: {{code: VISIT}}
  sick: {{code: {code}}}
trigger: visit
windows:
  past: {{start: null, end: trigger, start_inclusive: true, end_inclusive: true, label: sick, index_timestamp: end}}
"""
DIABETES = ["CONDITION//SNOMED//44054006", "CONDITION//ICD10//E11.9"]
RECORDS: dict[int, list[str | list[str]]] = {
    1: [DIABETES],
    2: ["DIAGNOSIS//ICD//10//E1165", "DIAGNOSIS//ICD//9//4280"],
    3: ["CONDITION//SNOMED//44054006"],
    4: ["ALLERGY//ICD10//E11", "SEX//F"],
    5: [["CONDITION//SNOMED//90560007", "CONDITION//ICD10//M10.9"], "DIAGNOSIS//ICD//9//4280"],
}


def made_task(code: str) -> Task:
    return parse_task(TASK.format(code=code), "made")


def made_events() -> pl.DataFrame:
    rows: list[dict[str, object]] = []
    for subject, records in RECORDS.items():
        rows.append({"subject_id": subject, "time": datetime(2150, 1, 9), "code": "VISIT"})
        for codes in records:
            code = codes if isinstance(codes, str) else codes[0]
            codings = None if isinstance(codes, str) else codes
            rows.append({"subject_id": subject, "time": datetime(2150, 1, 1), "code": code, "codings": codings})
    return event_frame(rows)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    path = tmp_path_factory.mktemp("concepts") / "store"
    writable = create_store(path)
    intake = Intake(writable, "made", path)
    entry = intake.begin("made", "0" * 64)
    frame = made_events()
    entry.stage_frame("event", frame)
    entry.stage("hierarchy", "SELECT 'SNOMED//44054006' AS child, 'SNOMED//73211009' AS parent")
    entry.tally("made", rows_in=len(frame), accepted=len(frame))
    intake.commit()
    writable.close()
    locked = open_store(path, locked=True)
    yield locked
    locked.close()


@pytest.fixture(scope="module")
def meds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a MEDS data set of the same events, its edge in metadata/codes.parquet."""
    root = tmp_path_factory.mktemp("meds")
    (root / "data").mkdir()
    (root / "metadata").mkdir()
    made_events().write_parquet(root / "data" / "0.parquet")
    described = {"code": [DIABETES[0]], "description": ["Diabetes"], "parent_codes": [["SNOMED/73211009"]]}
    pl.DataFrame(described).write_parquet(root / "metadata" / "codes.parquet")
    return root


CASES = [
    ('"<< ICD10//E11"', {1: 1, 2: 1}),
    ('"<< ICD10 E11.9"', {1: 1}),
    ('"<<ICD10//E08-E13"', {1: 1, 2: 1}),
    ('{any: ["<< ICD10//E11", "<< ICD9//428"]}', {1: 1, 2: 2, 5: 1}),
    ('{any: ["<< ICD10//M10", "DIAGNOSIS//ICD//9//4280"]}', {2: 1, 5: 2}),
    ('"<< SNOMED//73211009"', {1: 1, 3: 1}),
    ('"<< ALLERGY//ICD10//E11"', {4: 1}),
    ('"<< ICD10//P00-P96"', {}),
    ('{any: ["<< ICD10//E11", "<< ATC//A10BA"]}', {1: 1, 2: 1}),
]


@pytest.mark.parametrize(("code", "expected"), CASES)
def test_a_concept_counts_what_lies_at_or_below_it(
    code: str, expected: dict[int, int], store: Store, meds: Path
) -> None:
    task = made_task(code)
    for cohort in (run_cohort(store, task), run_cohort_on_meds(meds, task)):
        counts = {row["subject_id"]: row["label"] for row in cohort.rows.iter_rows(named=True)}
        assert counts == {subject: expected.get(subject, 0) for subject in RECORDS}
    for subject in RECORDS:
        rows = run_cohort_on_subject(store, task, subject).rows
        assert rows["label"].to_list() == [expected.get(subject, 0)]


def test_one_file_without_metadata_knows_structure_only(meds: Path) -> None:
    file = meds / "data" / "0.parquet"
    assert run_cohort_on_meds(file, made_task('"<< ICD10//E11"')).positive == 2
    with pytest.raises(TaskError, match="SNOMED//73211009"):
        run_cohort_on_meds(file, made_task('"<< SNOMED//73211009"'))


@pytest.mark.parametrize(
    ("code", "parts"),
    [
        ('"<< ICD10//E14"', ["made", "predicates.sick.code", "ICD10//E14", "near to it", "ICD10//E10-E14"]),
        ('{any: ["<< ICD10//E11", "<< ICD10//Z98"]}', ["predicates.sick.code", "ICD10//Z98"]),
        ('"<< ICD9//E11"', ["ICD10//E11"]),
    ],
)
def test_an_unknown_concept_names_the_key_and_what_is_near(
    code: str, parts: list[str], store: Store, meds: Path
) -> None:
    task = made_task(code)
    for look in (
        lambda: run_cohort(store, task),
        lambda: run_cohort_on_meds(meds, task),
        lambda: run_cohort_on_subject(store, task, 1),
        lambda: explain_cohort(records_of_store(store), task),
    ):
        with pytest.raises(TaskError) as error:
            look()
        for part in parts:
            assert part in str(error.value)


@pytest.mark.parametrize(("code", "key"), [('"<< diabetes"', "code"), ('{any: ["<<"]}', "code.any")])
def test_what_is_no_concept_is_no_task(code: str, key: str) -> None:
    with pytest.raises(TaskError, match=f"predicates.sick.{key}: .* is no concept; write SYSTEM//CODE"):
        made_task(code)


def test_a_concept_filters_patients(store: Store) -> None:
    text = TASK.format(code="VISIT") + 'patient_demographics:\n  ill: {code: "<< ICD10//E11"}\n'
    assert run_cohort(store, parse_task(text, "made")).rows.is_empty()  # diagnoses have a time
    assert parse_task(text, "made").demographics == (Plain("ill", concepts=("ICD10//E11",), static=True),)


def test_the_tree_says_what_is_counted(store: Store) -> None:
    tree, sql = explain_cohort(records_of_store(store), made_task('{any: ["<< ICD10 E11.9", "VISIT"]}'))
    assert "sick = code is VISIT or lies at or below ICD10//E119" in tree
    assert "'CONDITION//ICD10//E11.9'" not in sql
    assert "CONDITION//ICD10//E11.9', 0, 1)" in sql  # the joined codes of a record, of which one lies below


def test_the_real_records_count_heart_failure_as_the_reference_does(mimic_store: Store, data_root: Path) -> None:
    code = '{any: ["<< ICD10//I50", "<< ICD9//428"]}'
    task = parse_task(
        "predicates: {adm: {code: {regex: ^HOSPITAL_ADMISSION//}}, dis: {code: {regex: ^HOSPITAL_DISCHARGE//}}, "
        f"hf: {{code: {code}}}}}\n"
        "trigger: adm\n"
        "windows: {stay: {start: trigger, end: start -> dis, start_inclusive: true, end_inclusive: true, label: hf}}",
        "hf",
    )
    for cohort in (run_cohort(mimic_store, task), run_cohort_on_meds(data_root / "mimic-iv-demo" / "meds", task)):
        assert cohort.rows.filter(pl.col("label") > 0)["subject_id"].n_unique() == 24
