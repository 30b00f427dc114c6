"""Choosing rows in a store, and what a person is told of it."""

import pytest

from ehr.errors import TaskError
from ehr.store import Store
from ehr.tasks import Task, parse_task
from sql.cohort import explain_cohort, run_cohort, run_cohort_on_subject
from sql.cohort.records import records_of_store

TASK = """
predicates:
  adm: {code: {regex: "^HOSPITAL_ADMISSION//"}}
  dis: {code: {regex: "^HOSPITAL_DISCHARGE//"}}
  death: {code: MEDS_DEATH}
  either: {expr: "and(adm, dis)"}
trigger: adm
windows:
  first_day: {start: trigger, end: start + 24h, start_inclusive: true, end_inclusive: true, index_timestamp: end}
  month: {start: first_day.end, end: start + 30d, start_inclusive: false, end_inclusive: true, label: death}
who: women aged 50 or over
triggers: {keep: last}
endpoints:
  survival: {window: month, predicate: death, kind: time, competing: dis}
"""


def task(old: str = "", new: str = "") -> Task:
    assert old in TASK
    return parse_task(TASK.replace(old, new), "task")


def test_whom_a_task_is_about_is_known_of_one_patient_as_of_all(mimic_store: Store) -> None:
    everybody = run_cohort(mimic_store, task())
    rule = "patient: female"
    lost = next(step for step in everybody.attrition if step.rule == rule)
    assert 0 < lost.subjects_after < lost.subjects_before
    chosen = set(everybody.rows["subject_id"])
    others = mimic_store.cursor().execute("SELECT subject_id FROM subject ORDER BY ALL LIMIT 12").fetchall()
    for subject_id in (*sorted(chosen)[:5], *(row[0] for row in others)):
        alone = run_cohort_on_subject(mimic_store, task(), subject_id).rows
        wanted = everybody.rows.filter(subject_id=subject_id).select(alone.columns)
        assert alone.equals(wanted)


def test_rules_and_endpoints_are_explained_in_words(mimic_store: Store) -> None:
    drawn, sql = explain_cohort(records_of_store(mimic_store), task("last}", "random, washout: 1 day, seed: 4}"))
    for line in (
        "patient: female",
        "patient: aged 50 or over at the trigger",
        "triggers: no adm within 1 day before the trigger",
        "triggers: one drawn trigger (seed 4) that is left of each patient",
        "endpoint survival: days until death in month, or until dis if that comes first",
    ):
        assert line in drawn.splitlines()
    assert "MD5" in sql


def test_a_value_of_what_has_none_is_refused(mimic_store: Store) -> None:
    endpoint = "{window: month, predicate: either, kind: value}"
    with pytest.raises(TaskError, match=r"endpoints\.v\.predicate: either has no values"):
        run_cohort(mimic_store, task("  survival:", f"  v: {endpoint}\n  survival:"))
