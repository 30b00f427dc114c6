"""Where a task, its rows and the leakage audit meet: what `ehr audit` and `ehr train` share."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final

import polars as pl

from ehr.errors import ModelError, SourceError, TaskError
from ehr.hierarchy import JOINT
from ehr.store import Store
from ehr.tasks import BUILT_IN, Endpoint, Plain, Shift, Task, Window
from models.leakage import Audit, audit
from sql.cohort import find_cohort
from sql.cohort.codes import matching_codes
from sql.cohort.concepts import with_concepts
from sql.cohort.records import Records, records_of_meds, records_of_store

_INPUTS: Final = "audited inputs"
_BEFORE: Final = "audited label in inputs"
_FIRST: Final = "audited label"
"""A window and two endpoints that are added to the task; no task file can have such names."""
_LONG_AGO: Final = Shift(timedelta(days=-365 * 150))


def audit_store(
    store: Store, task: Task, splits: pl.DataFrame | None = None, endpoint: Endpoint | None = None
) -> Audit:
    """Audit a task on the records of a store; `splits` (subject_id, split) in place of the hash of each number.

    With an `endpoint` of the task what is audited is whether it comes, in place of the label. Raises TaskError
    without a label or a prediction time, ModelError without rows.
    """
    return audit_records(records_of_store(store), task, splits, endpoint)


def audit_meds(path: Path, task: Task, splits: pl.DataFrame | None = None) -> Audit:
    """Audit a task on a MEDS file or folder; errors as in `audit_store`, and SourceError when there is none."""
    return audit_records(records_of_meds(path), task, splits)


def audit_records(
    records: Records, task: Task, splits: pl.DataFrame | None = None, endpoint: Endpoint | None = None
) -> Audit:
    """Audit a task on records; arguments and errors as in `audit_store`."""
    rows = observed_rows(records, task, endpoint)
    task = as_label(task, endpoint) if endpoint else task
    return audit(records.con, rows, task=task, codes=codes_of_predicates(records, task), splits=splits)


def audit_label_file(records: Records, path: Path, splits: pl.DataFrame | None = None) -> Audit:
    """Audit the rows of a label file on records; raises SourceError when it is none, ModelError without rows."""
    return audit(records.con, read_label_file(path), splits=splits)


def as_label(task: Task, endpoint: Endpoint) -> Task:
    """Return the task with what an endpoint observes as its label."""
    windows = tuple(
        replace(window, label=endpoint.predicate if window.name == endpoint.window else None)
        for window in task.windows
    )
    return replace(task, windows=windows)


def observed_rows(records: Records, task: Task, endpoint: Endpoint | None = None) -> pl.DataFrame:
    """Return the rows of a task with its label, its trigger, and when what makes the label occurred.

    Columns subject_id, prediction_time, boolean_value, trigger, and those that `models.leakage.material` calls
    OUTCOME_COLUMNS. The label is that of the task, or whether what an `endpoint` observes comes. Raises TaskError
    without a label or a prediction time.
    """
    label, index = (as_label(task, endpoint) if endpoint else task).label_window, task.index_window
    if label is None or label.label is None:
        raise TaskError(f"{task.name}: no window has a label, so there is nothing to audit; write label: PREDICATE")
    if index is None or index.index_timestamp is None:
        raise TaskError(f"{task.name}: there is no prediction time; write index_timestamp: start or end in a window")
    inputs = Window(
        _INPUTS, f"{index.name}.{index.index_timestamp}", "end", Shift(timedelta(0)), _LONG_AGO, True, True
    )
    endpoints = (
        Endpoint(_BEFORE, _INPUTS, label.label, "count"),
        Endpoint(_FIRST, label.name, label.label, "time"),
    )
    rows = find_cohort(
        records, replace(task, windows=(*task.windows, inputs), endpoints=endpoints), wide=False
    ).rows.filter(pl.col("index_timestamp").is_not_null())
    return rows.select(
        "subject_id",
        "trigger",
        pl.col("index_timestamp").alias("prediction_time"),
        (pl.col(f"{_FIRST}_event" if endpoint else "label") > 0).alias("boolean_value"),
        pl.col(_BEFORE).cast(pl.Int64).alias("label_in_inputs"),
        pl.col(_FIRST).alias("days_to_label"),
        (pl.col(f"{_FIRST}_event") > 0).alias("label_seen"),
    )


def codes_of_predicates(records: Records, task: Task) -> Mapping[str, frozenset[str]]:
    """Return the codes in use that each plain predicate of a task matches."""
    plain = [one for one in task.predicates if isinstance(one, Plain)]
    codes: dict[str, set[str]] = {one.name: set() for one in plain}
    if plain:
        for key, names in matching_codes(plain, with_concepts(records, task)).items():
            for name in names:
                codes[name].add(key.split(JOINT)[0])
    return {name: frozenset(found) for name, found in codes.items() if name not in BUILT_IN}


def read_label_file(path: Path) -> pl.DataFrame:
    """Return the rows of a label file of MEDS; raises SourceError when it is none."""
    return _parquet(
        path, {"subject_id": pl.Int64(), "prediction_time": pl.Datetime("us"), "boolean_value": pl.Boolean()}
    )


def read_splits(path: Path) -> pl.DataFrame:
    """Return subject_id and split of a file such as metadata/subject_splits.parquet of MEDS.

    Raises SourceError when it is none.
    """
    return _parquet(path, {"subject_id": pl.Int64(), "split": pl.String()})


def require_clean(found: Audit, despite: str | None, endpoint: str | None = None) -> None:
    """Raise ModelError when a finding fails and no reason is given to go on; `endpoint` names what was audited."""
    if found.failing and not despite:
        first = found.failing[0]
        more = f" ({len(found.failing) - 1} more)" if len(found.failing) > 1 else ""
        what = f"endpoint {endpoint}" if endpoint else "label"
        command = f"ehr audit {found.task}" + (f" --endpoint {endpoint}" if endpoint else "")
        raise ModelError(
            f"the inputs of task {found.task} leak its {what}: {first.message}{more}; see '{command}', "
            'mend it, or go on with --despite-audit "REASON", which the report will show'
        )


def _parquet(path: Path, types: Mapping[str, pl.DataType]) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(path)
        return frame.select(pl.col(name).cast(kind) for name, kind in types.items())
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).splitlines()[0]
        raise SourceError(f"{path}: is no parquet file with columns {', '.join(types)}: {reason}") from error
