"""Features of the past as queries, for baselines: what each row of a cohort knew of every code, in a long table.

They run wherever a cohort runs, DuckDB or Spark. Known at a prediction time is what `ehr.past` says: facts without a
time, and what has a time up to and including the prediction time.
"""

from datetime import timedelta
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow.parquet as pq
from sqlglot import exp

from ehr.past import known, known_within
from sql.cohort.expressions import column, integer, one_if
from sql.cohort.records import Records

LABEL: Final = "label"
"""Table of the rows that features are made for: subject_id, prediction_time."""

RECENT: Final = timedelta(days=1)
BATCH_ROWS: Final = 250_000


def feature_query(recent: timedelta = RECENT) -> exp.Select:
    """Select for each row of `label` and each code of its past how often it occurred, and its last value.

    Columns: subject_id, prediction_time, code; `n` over the whole past, `n_recent` over the span `recent` before the
    prediction time (its begin not included), `last_time`, and `last_value`, the last number; of several at one time
    the greatest, where NaN is above all, and null without any. Rows come in no order.
    """
    row = [column(name, LABEL) for name in ("subject_id", "prediction_time")]
    past = (
        exp.select(*row, *(column(name, "event") for name in ("time", "code", "numeric_value")))
        .from_(LABEL)
        .join("event", on=_same_subject())
        .where(known(column("time", "event"), column("prediction_time", LABEL)))
    )
    keys = [column(name) for name in ("subject_id", "prediction_time", "code")]
    has_value = exp.Case(ifs=[exp.If(this=column("numeric_value").is_(exp.null()).not_(), true=column("time"))])
    latest = exp.Window(this=exp.Max(this=has_value), partition_by=[key.copy() for key in keys])
    placed = exp.select("*", latest.as_("valued")).from_(past.subquery("past"))
    is_recent = known_within(column("time"), column("prediction_time"), recent)
    is_latest = exp.or_(column("time").eq(column("valued")), column("valued").is_(exp.null()))
    last_value = exp.Case(ifs=[exp.If(this=is_latest, true=column("numeric_value"))])
    return (
        exp.select(
            *keys,
            exp.Count(this=exp.Star()).as_("n"),
            integer(exp.Sum(this=one_if(is_recent))).as_("n_recent"),
            exp.Max(this=column("time")).as_("last_time"),
            exp.Max(this=last_value).as_("last_value"),
        )
        .from_(placed.subquery("placed"))
        .group_by(*(key.copy() for key in keys))
    )


def write_features(records: Records, labels: pl.DataFrame, path: str) -> None:
    """Write the features of the rows of `labels` (subject_id, prediction_time) as parquet, from where the events lie.

    DuckDB writes one file; Spark writes a folder of files, from its workers, to any path or URI that they know.
    """
    rows = labels.select("subject_id", "prediction_time").unique()
    records.con.register(LABEL, rows.to_arrow())
    try:
        if records.engine is not None:
            records.engine.save(feature_query(), path)
            return
        reader = records.con.sql(feature_query().sql("duckdb")).to_arrow_reader(BATCH_ROWS)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with pq.ParquetWriter(path, reader.schema, compression="zstd") as writer:
            for batch in reader:
                writer.write_batch(batch)
    finally:
        records.con.unregister(LABEL)


def _same_subject() -> exp.Expr:
    return column("subject_id", LABEL).eq(column("subject_id", "event"))
