"""Cohorts: who meets a task, from when, with which outcome, and at which rule everyone else was lost.

    Task ── plan ──► nodes and rules ── moments, nodes ──► one sqlglot tree ── run ──► rows, attrition, labels

cohort = run_cohort(store, read_task(find_task("in_hospital_mortality")))
cohort.rows, cohort.attrition, labels(cohort)
"""

from sql.cohort.attrition import Step
from sql.cohort.labels import label_table, labels
from sql.cohort.run import (
    Cohort,
    explain_cohort,
    find_cohort,
    run_cohort,
    run_cohort_on_meds,
    run_cohort_on_subject,
)
from sql.cohort.verdicts import Evidence, Verdict
from sql.cohort.why import Fate, Membership, explain_membership, explain_subject, lines

__all__ = [
    "Cohort",
    "Evidence",
    "Fate",
    "Membership",
    "Step",
    "Verdict",
    "explain_cohort",
    "explain_membership",
    "explain_subject",
    "find_cohort",
    "label_table",
    "labels",
    "lines",
    "run_cohort",
    "run_cohort_on_meds",
    "run_cohort_on_subject",
]
