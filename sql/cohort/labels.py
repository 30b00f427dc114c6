"""The labels of a cohort: the label of the task, or one of its endpoints, as MEDS asks."""

from typing import Final

import polars as pl
import pyarrow as pa

from ehr.errors import TaskError
from ehr.tasks import Endpoint, Kind
from sql.cohort.run import Cohort

VALUE_COLUMNS: Final[dict[Kind, str]] = {
    "boolean": "boolean_value",
    "count": "integer_value",
    "value": "float_value",
    "ordinal": "categorical_value",
}
"""Column of a MEDS label file that holds an endpoint of each kind; a time with censoring fits none."""
_TYPES: Final = {
    "subject_id": pa.int64(),
    "prediction_time": pa.timestamp("us"),
    "boolean_value": pa.bool_(),
    "integer_value": pa.int64(),
    "float_value": pa.float32(),
    "categorical_value": pa.string(),
}
"""Columns of MEDS 0.4 LabelSchema."""


def labels(cohort: Cohort, endpoint: str | None = None) -> pl.DataFrame:
    """Return subject_id, prediction_time and the label of each row, in the column of `VALUE_COLUMNS` for its kind.

    The label is the endpoint of that name; without a name it is whether the label of the task was counted at all,
    in a task without one the first endpoint, and without those there is none. Rows of which the endpoint is not
    known are left out. Raises TaskError when the task names no index_timestamp or has no such endpoint, and for an
    endpoint of kind time.
    """
    task = cohort.task
    if "index_timestamp" not in cohort.rows.columns:
        raise TaskError(
            f"{task.name}: no window has index_timestamp, so there is no time to predict at; "
            "write index_timestamp: start or end in a window"
        )
    columns = [pl.col("subject_id"), pl.col("index_timestamp").alias("prediction_time")]
    chosen = _endpoint(cohort, endpoint)
    if chosen is not None:
        value = VALUE_COLUMNS[chosen.kind]
        columns.append(_value(chosen).alias(value))
        return cohort.rows.filter(pl.col("index_timestamp").is_not_null()).select(columns).drop_nulls(value)
    if "label" in cohort.rows.columns:
        columns.append((pl.col("label") > 0).alias("boolean_value"))
    return cohort.rows.filter(pl.col("index_timestamp").is_not_null()).select(columns)


def label_table(cohort: Cohort, endpoint: str | None = None) -> pa.Table:
    """Return the labels as MEDS 0.4 LabelSchema asks: no null, and of its optional columns the one in use."""
    frame = labels(cohort, endpoint)
    schema = pa.schema([pa.field(name, _TYPES[name], nullable=False) for name in frame.columns])
    return frame.to_arrow().cast(schema)


def _endpoint(cohort: Cohort, name: str | None) -> Endpoint | None:
    """Return the endpoint that is asked for, or None for the label of the task."""
    task = cohort.task
    if name is None and (task.label_window is not None or not task.endpoints):
        return None
    found = next((one for one in task.endpoints if name in (None, one.name)), None)
    known = ", ".join(one.name for one in task.endpoints if one.kind != "time") or "none that a label file holds"
    if found is None:
        raise TaskError(f"{task.name}: there is no endpoint {name!r}; endpoints: {known}")
    if found.kind == "time":
        raise TaskError(
            f"{task.name}: endpoint {found.name} is a time with censoring, which a MEDS label file cannot hold; "
            f"write it with --wide, or choose another endpoint: {known}"
        )
    return found


def _value(endpoint: Endpoint) -> pl.Expr:
    """Return the column of an endpoint; levels by their names."""
    value = pl.col(endpoint.name)
    if endpoint.kind != "ordinal":
        return value
    names = [level.name for level in endpoint.levels]
    return value.replace_strict(list(range(len(names))), names, default=None, return_dtype=pl.String)
