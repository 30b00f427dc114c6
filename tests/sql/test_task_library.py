"""The ready tasks: on real records they give what plain loops over the source give, on all sources they run."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ehr.store import Store
from ehr.tasks import find_task, read_task, ready_tasks
from sql.cohort import Cohort, run_cohort
from tests.sql.library_reference import (
    DAY,
    Patient,
    Rows,
    after_discharge,
    after_first_day,
    icu_mortality,
    kidney_injury,
    new_diagnosis,
    next_levels,
    read_patients,
    within,
)

Patients = dict[int, Patient]
ITEMS = {
    "potassium": (50971, 50822, 52610, 52452),
    "sodium": (50983, 50824, 52623, 52455),
    "glucose": (50931, 50809, 52569, 52027),
    "haemoglobin": (51222, 50811, 51640),
    "platelets": (51265, 51704),
    "creatinine": (50912, 52546, 52024),
}
GLUCOSE = 18.0156
"""mg/dL of glucose in 1 mmol/L, by the molar mass of 180.156 g/mol."""

LEVELS: dict[str, tuple[str, Callable[[float], int]]] = {
    "hyperkalaemia": ("potassium", lambda value: (value > 5.5) + (value > 6) + (value > 7)),
    "hyponatraemia": ("sodium", lambda value: (value < 135) + (value < 130) + (value < 125)),
    "hypoglycaemia": (
        "glucose",
        lambda value: (value / GLUCOSE < 3.9) + (value / GLUCOSE < 3.5) + (value / GLUCOSE < 3),
    ),
    "anaemia": ("haemoglobin", lambda value: (value < 12) + (value < 11) + (value < 7)),
    "thrombocytopenia": ("platelets", lambda value: (value < 150) + (value < 100) + (value < 50)),
}
"""The test that a result is of, and how severe a value is from 0 to 3, in the units of MIMIC-IV."""

REFERENCE: dict[str, Callable[[Patients], Rows]] = {
    "in_hospital_mortality": lambda patients: after_first_day(
        patients, lambda patient, admitted, now, end: within(patient.deaths, now, end)
    ),
    "icu_mortality": icu_mortality,
    "icu_transfer": lambda patients: after_first_day(
        patients,
        lambda patient, admitted, now, end: within(patient.icu_in, now, end),
        lambda patient, admitted, now: not any(now - 2 * DAY <= time <= now for time in patient.icu_in),
    ),
    "readmission_30d": lambda patients: after_discharge(
        patients, lambda patient, now: within(patient.admissions, now, now + 30 * DAY)
    ),
    "visits_1y": lambda patients: after_discharge(
        patients, lambda patient, now: within([*patient.admissions, *patient.emergency], now, now + 365 * DAY)
    ),
    "new_hypertension": lambda patients: new_diagnosis(patients, "I1[0-3]", "40[1-4]"),
    "new_hyperlipidaemia": lambda patients: new_diagnosis(patients, "E78[0-5]", "272[0-4]"),
    "new_heart_failure": lambda patients: new_diagnosis(
        patients, "I50|I0981|I110|I130|I132", "428|39891|402[019]1|404[019][13]"
    ),
    "new_pancreatic_cancer": lambda patients: new_diagnosis(patients, "C25", "157"),
    "long_stay_3d": lambda patients: after_first_day(
        patients, lambda patient, admitted, now, end: end - admitted > 3 * DAY
    ),
    "long_stay_7d": lambda patients: after_first_day(
        patients, lambda patient, admitted, now, end: end - admitted > 7 * DAY
    ),
    "aki": lambda patients: kidney_injury(patients, ITEMS["creatinine"]),
    "new_acute_mi": lambda patients: new_diagnosis(patients, "I2[12]", "410"),
}


@pytest.fixture(scope="module")
def patients(data_root: Path) -> Patients:
    return read_patients(data_root / "mimic-iv-demo", [item for items in ITEMS.values() for item in items])


def cohort(store: Store, name: str) -> Cohort:
    return run_cohort(store, read_task(find_task(name)), wide=False)


def rows_of(found: Cohort) -> Rows:
    columns = found.rows.select("subject_id", "index_timestamp", "label")
    return {(subject, time): label > 0 for subject, time, label in columns.iter_rows()}


@pytest.mark.parametrize("name", sorted(REFERENCE))
def test_a_ready_task_gives_what_loops_over_the_source_give(
    name: str, patients: Patients, mimic_store: Store
) -> None:
    expected = REFERENCE[name](patients)
    assert len(expected) > 70
    assert rows_of(cohort(mimic_store, name)) == expected


@pytest.mark.parametrize("name", sorted(LEVELS))
def test_the_level_of_the_next_result_is_that_of_loops_over_the_source(
    name: str, patients: Patients, mimic_store: Store
) -> None:
    result, severity = LEVELS[name]
    expected = next_levels(patients, ITEMS[result], severity)
    assert len(expected) > 2000
    found = cohort(mimic_store, name)
    rows = found.rows.select("subject_id", "index_timestamp", "level")
    assert {(subject, time): level for subject, time, level in rows.iter_rows()} == expected
    assert rows_of(found) == {row: level > 0 for row, level in expected.items()}


def test_visits_are_counted_by_kind(patients: Patients, mimic_store: Store) -> None:
    rows = cohort(mimic_store, "visits_1y").rows
    columns = rows.select("subject_id", "index_timestamp", "visits", "hospital_admissions", "emergency_visits")
    assert rows["visits"].sum() > 300
    for subject, now, *counts in columns.iter_rows():
        patient = patients[subject]
        kinds = ([*patient.admissions, *patient.emergency], patient.admissions, patient.emergency)
        assert counts == [len({time for time in times if now < time <= now + 365 * DAY}) for times in kinds]


@pytest.mark.parametrize("name", sorted(ready_tasks()))
def test_a_ready_task_runs_on_every_source(
    name: str, mimic_store: Store, meds_store: Store, fhir_store: Store, omop_store: Store
) -> None:
    for store in (mimic_store, meds_store, fhir_store, omop_store):
        found = cohort(store, name)
        assert found.positive is not None
        assert found.task.description
        assert found.rows["index_timestamp"].null_count() == 0


def test_a_prediction_lies_before_all_that_its_label_counts(mimic_store: Store) -> None:
    for name in ready_tasks():
        task = read_task(find_task(name))
        window = task.label_window
        assert window is not None, name
        assert not window.start_inclusive, name
        index = task.index_window
        assert index is not None, name
        assert (index is window and index.index_timestamp == "start") or f"{index.name}.end" == window.reference, name
