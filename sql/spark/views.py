"""The analyst views of a store (ehr/schema.sql) in Spark, over what `ehr export meds` wrote of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import duckdb
import pyarrow as pa
from sqlglot import exp, parse

import ehr
from ehr.errors import SourceError
from ehr.meds import CODES, EVENT_KEYS, own_file
from ehr.units import refresh_units
from sql.spark.engine import SparkEngine, spark_errors
from sql.spark.records import exists, records_of_meds_on_spark
from sql.spark.rewrite import for_spark, written_for_spark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TABLES: Final = ("subject", "encounter")
"""Tables of a store that an export has as files of their own, and views ask for."""

_SCHEMA: Final = Path(ehr.__file__).with_name("schema.sql")


def views_on_spark(spark: "SparkSession", source: str) -> tuple[str, ...]:
    """Make temporary views of the names of the analyst views, and of the tables that they ask for; return the names.

    They have the rows and columns of the store that was exported to `source`, without `event_id` and `source_id`,
    which number rows of one store. Raises SourceError when `source` is no export of Anamnesis: MEDS alone does not
    say of what kind a code is, nor who the patients are.
    """
    files = {table: f"{source.rstrip('/')}/{own_file(table)}" for table in TABLES}
    with spark_errors():
        missing = [file for file in files.values() if not exists(spark, file)]
        if missing:
            raise SourceError(f"{missing[0]} is not there; the views need an export by 'ehr export meds'")
        records_of_meds_on_spark(spark, source)
        for table, file in files.items():
            spark.read.parquet(file).createOrReplaceTempView(table)
        spark.read.parquet(f"{source.rstrip('/')}/{CODES}").withColumnRenamed(
            "parent_codes", "parents"
        ).createOrReplaceTempView("code")
        spark.createDataFrame(_units(spark)).createOrReplaceTempView("unit")
        views = _definitions()
        for name, query in views.items():
            spark.sql(written_for_spark(for_spark(query))).createOrReplaceTempView(name)
    return ("event", *TABLES, "code", "unit", *views)


def _definitions() -> dict[str, exp.Select]:
    """Return the queries of the views by name, without the columns that an export leaves out."""
    statements = parse(_SCHEMA.read_text(), read="duckdb")
    found = [one for one in statements if isinstance(one, exp.Create) and one.kind == "VIEW"]
    queries: dict[str, exp.Select] = {one.this.name: one.expression for one in found}
    for query in queries.values():
        kept = [cell for cell in query.expressions if not {c.name for c in cell.find_all(exp.Column)} & {*EVENT_KEYS}]
        query.set("expressions", kept)
    return queries


def _units(spark: "SparkSession") -> pa.Table:
    """Return the table `unit` of the codes and units in use, worked out as an import does."""
    con = duckdb.connect()
    con.execute(_SCHEMA.read_text())
    engine = SparkEngine(spark, con, frozenset({"event", "code"}))
    used = exp.select("code", "unit", exp.Count(this=exp.column("numeric_value")).as_("n")).from_("event")
    named = exp.select("code", "description").from_("code")
    con.register("used", engine.answer(used.where("unit IS NOT NULL").group_by("code", "unit")))
    con.register("named", engine.answer(named))
    con.execute("INSERT INTO code_value BY NAME SELECT code, unit, 0 AS numeric_value, n FROM used WHERE n > 0")
    con.execute(
        "INSERT INTO code BY NAME SELECT code, description, '' AS kind, 0 AS n_events, 0 AS n_subjects FROM named"
    )
    con.execute("CREATE TEMP TABLE touched_code AS SELECT code FROM code")
    refresh_units(con)
    return con.sql("FROM unit").to_arrow_table()
