"""The audit: every check on one set of rows."""

from collections.abc import Callable, Mapping
from typing import Final

import duckdb
import polars as pl

from ehr.tasks import Task
from models.leakage.billing import check_billing
from models.leakage.cohort import check_cohort
from models.leakage.dates import check_dates
from models.leakage.definition import check_definition
from models.leakage.findings import Audit, Result
from models.leakage.material import Material, prepare
from models.leakage.outcome import check_death, check_outcome
from models.leakage.separation import check_separation
from models.leakage.splits import check_splits

CHECKS: Final[tuple[Callable[[Material], Result], ...]] = (
    check_definition,
    check_outcome,
    check_death,
    check_billing,
    check_dates,
    check_separation,
    check_cohort,
    check_splits,
)
"""In the order in which they are shown."""


def audit(
    con: duckdb.DuckDBPyConnection,
    rows: pl.DataFrame,
    *,
    task: Task | None = None,
    codes: Mapping[str, frozenset[str]] | None = None,
    splits: pl.DataFrame | None = None,
) -> Audit:
    """Look for leaks in the inputs of labelled rows; arguments and errors as in `models.leakage.material.prepare`.

    `con` keeps temporary tables called audit_...; give a cursor of its own.
    """
    material = prepare(con, rows, task=task, codes=codes, splits=splits)
    results = tuple(check(material) for check in CHECKS)
    name = task.name if task else None
    return Audit(name, material.rows, material.positives, material.subjects, results)
