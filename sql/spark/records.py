"""A MEDS data set where Spark reads it: a view `event` there, and what is known of its codes on the driver."""

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import duckdb
import pyarrow as pa
from sqlglot import exp

from ehr.errors import EngineMissing, SourceError
from sql.cohort.records import CODE_FILE, MEDS_TYPES, Records, records_of_events
from sql.spark.engine import SparkEngine, spark_errors

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

COMPANIONS: Final = ("code", "unit", "codings")
"""Columns of events that say what was measured, rather than when and of whom: few combinations, fetched once."""


def records_of_meds_on_spark(spark: "SparkSession", source: str) -> Records:
    """Return the records of a MEDS data set at a path or URI: a Parquet file, or a folder with data/**/*.parquet.

    Nothing but the codes in use is read at once. Raises SourceError when there is nothing, or no MEDS, at `source`.
    """
    with spark_errors():
        folder = f"{source.rstrip('/')}/data"
        frame = _parquet(spark, folder if exists(spark, folder) else source)
        _check(frame, source)
        frame.createOrReplaceTempView("parquet_file")
        event = spark.sql(_select(frame.columns).sql("spark", identify=True))
        event.createOrReplaceTempView("event")
        described = f"{source.rstrip('/')}/metadata/codes.parquet"
        codes = spark.read.parquet(described).toArrow() if exists(spark, described) else None
        con = _driver(event, codes)
    return replace(records_of_events(con), engine=SparkEngine(spark, con))


def exists(spark: "SparkSession", path: str) -> bool:
    """Say whether there is a file or folder, in whatever file system the path names."""
    jvm = spark._jvm
    if jvm is None:
        raise EngineMissing(
            "a session of Spark Connect cannot look at files; name a master such as spark://host:7077"
        )
    place = jvm.org.apache.hadoop.fs.Path(path)
    return bool(place.getFileSystem(spark._jsc.hadoopConfiguration()).exists(place))


def _parquet(spark: "SparkSession", source: str) -> "DataFrame":
    if not exists(spark, source):
        raise SourceError(
            f"{source}: there is no MEDS data set here; name a Parquet file or a folder with data/**/*.parquet"
        )
    reader = spark.read.option("recursiveFileLookup", "true").option("mergeSchema", "true")
    return (reader if source.endswith(".parquet") else reader.option("pathGlobFilter", "*.parquet")).parquet(source)


def _check(frame: "DataFrame", source: str) -> None:
    missing = [column for column in ("subject_id", "time", "code") if column not in frame.columns]
    if missing:
        raise SourceError(f"{source}: is no MEDS data set; it lacks {', '.join(missing)}")


def _select(columns: list[str]) -> exp.Select:
    """Select all columns, those of MEDS with its types, and null for those that are not there."""
    cast = [
        exp.cast(exp.column(name) if name in columns else exp.null(), kind).as_(name)
        for name, kind in MEDS_TYPES.items()
    ]
    kept = [exp.column(name) for name in columns if name not in MEDS_TYPES]
    return exp.select(*cast, *kept).from_("parquet_file")


def _driver(event: "DataFrame", codes: pa.Table | None) -> duckdb.DuckDBPyConnection:
    """Return a connection whose `event` has each combination of COMPANIONS once, and null in all other columns."""
    schema = event.limit(0).toArrow().schema
    companions = [name for name in COMPANIONS if name in schema.names]
    known = event.select(*companions).distinct().toArrow()
    columns = {
        field.name: known.column(field.name) if field.name in companions else pa.nulls(known.num_rows, field.type)
        for field in schema
    }
    con = duckdb.connect()
    con.register("known_event", pa.table(columns))
    con.execute("CREATE TABLE event AS FROM known_event")
    con.unregister("known_event")
    if codes is not None:
        con.register("described_code", codes)
        con.execute(f"CREATE TABLE {CODE_FILE} AS FROM described_code")
        con.unregister("described_code")
    return con
