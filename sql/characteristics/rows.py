"""The rows that are described: a subject and the time at which it is looked at."""

from pathlib import Path

import polars as pl

from ehr.errors import SourceError, TaskError
from sql.cohort import Cohort

TIMES = ("index_timestamp", "prediction_time", "trigger")
"""Columns that can tell the time of a row, the best one first."""


def index_rows(cohort: Cohort) -> pl.DataFrame:
    """Return subject_id, prediction_time (else the trigger) and label, where there is one, of a cohort's rows."""
    return _shaped(cohort.rows, cohort.task.name)


def rows_of_file(path: Path) -> pl.DataFrame:
    """Return the same from a file that `ehr cohort` wrote (--out or --wide).

    Raises SourceError when there is no such file, TaskError when it holds no rows of a cohort.
    """
    try:
        frame = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise SourceError(f"{path}: cannot be read as a cohort in Parquet: {str(error).splitlines()[0]}") from error
    if "subject_id" not in frame.columns or not set(TIMES) & set(frame.columns):
        raise TaskError(
            f"{path}: is no cohort; it needs subject_id and one of {', '.join(TIMES)}, as 'ehr cohort' writes them"
        )
    return _shaped(frame, str(path))


def _shaped(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    time = next(column for column in TIMES if column in frame.columns)
    columns = [pl.col("subject_id").cast(pl.Int64), pl.col(time).cast(pl.Datetime("us")).alias("prediction_time")]
    if "boolean_value" in frame.columns:
        columns.append(pl.col("boolean_value").alias("label"))
    elif "label" in frame.columns:
        columns.append((pl.col("label") > 0).alias("label"))
    rows = frame.select(columns).filter(pl.col("prediction_time").is_not_null())
    if rows.is_empty():
        raise TaskError(f"{name}: the cohort has no row, so there is nobody to describe")
    return rows.sort("subject_id", "prediction_time")
