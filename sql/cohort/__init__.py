"""Cohorts: who meets a task, from when, with which outcome, and at which rule everyone else was lost.

    Task ── plan ──► nodes and rules ── moments, nodes ──► one sqlglot tree ── run ──► rows, attrition, labels

cohort = run_cohort(store, read_task(find_task("in_hospital_mortality")))
cohort.rows, cohort.attrition, labels(cohort)
"""

from sql.cohort.attrition import Step
from sql.cohort.run import (
    Cohort,
    explain_cohort,
    find_cohort,
    label_table,
    labels,
    run_cohort,
    run_cohort_on_meds,
    run_cohort_on_subject,
)

__all__ = [
    "Cohort",
    "Step",
    "explain_cohort",
    "find_cohort",
    "label_table",
    "labels",
    "run_cohort",
    "run_cohort_on_meds",
    "run_cohort_on_subject",
]
