"""The ready tasks on made patients: the same cohorts and labels from every format that tells the same facts."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

import polars as pl
import pytest

from ehr.events import stable_id
from ehr.importers import IMPORTERS, ImportOptions
from ehr.simulate import simulate
from ehr.store import Store, create_store
from ehr.tasks import find_task, read_task, ready_tasks
from sql.cohort import run_cohort

Rows = dict[tuple[int, datetime], bool]
PATIENTS, SEED = 80, 3
FORMATS: Final = ("mimic", "fhir", "meds")
OTHER_FACTS: Final = {
    "visits_1y": "FHIR has the visits to practices and clinics, MIMIC-IV only those to the hospital",
    "sepsis": "MIMIC-IV tells when a culture was taken and the rates of pressors, FHIR when the culture was reported",
}
"""Tasks that rest on facts of which the formats do not tell the same; all others are equal in rows and labels."""


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Store]]:
    folder = tmp_path_factory.mktemp("made")
    opened = {}
    for name in FORMATS:
        simulate(folder / name, patients=PATIENTS, seed=SEED, format_name=name)
        opened[name] = create_store(folder / f"store-{name}")
        IMPORTERS[name](opened[name], folder / name, ImportOptions())
    yield opened
    for store in opened.values():
        store.close()


@pytest.fixture(scope="module")
def numbers(stores: dict[str, Store]) -> dict[int, int]:
    """Return the subject of FHIR for each of MIMIC-IV."""
    subjects = stores["mimic"].cursor().execute("SELECT subject_id FROM subject").fetchall()
    return {number: stable_id(f"Patient/{number}") for (number,) in subjects}


def rows_of(store: Store, name: str) -> Rows:
    rows = run_cohort(store, read_task(find_task(name)), wide=False).rows
    columns = rows.select("subject_id", "index_timestamp", pl.col("label") > 0)
    return {(subject, time): label for subject, time, label in columns.iter_rows()}


@pytest.mark.parametrize("name", sorted(ready_tasks()))
def test_a_ready_task_gives_one_cohort_from_every_format(
    name: str, stores: dict[str, Store], numbers: dict[int, int]
) -> None:
    mimic, fhir, meds = (rows_of(stores[one], name) for one in FORMATS)
    assert len(mimic) > 30
    assert meds == mimic
    renumbered = {(numbers[subject], time): label for (subject, time), label in mimic.items()}
    if name not in OTHER_FACTS:
        assert fhir == renumbered


def test_where_formats_tell_other_facts_all_that_both_tell_is_equal(
    stores: dict[str, Store], numbers: dict[int, int]
) -> None:
    kinds = ("hospital_admissions", "emergency_visits")
    mimic, fhir = (run_cohort(stores[one], read_task(find_task("visits_1y")), wide=False).rows for one in FORMATS[:2])
    renumbered = mimic.with_columns(pl.col("subject_id").replace_strict(numbers))
    columns = ("subject_id", "index_timestamp", *kinds)
    assert sorted(renumbered.select(columns).iter_rows()) == sorted(fhir.select(columns).iter_rows())
    assert fhir["visits"].sum() > mimic["visits"].sum() == mimic.select(pl.sum_horizontal(*kinds).sum()).item() > 0
