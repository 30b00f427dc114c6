"""Queries over events in Spark: what is used more than once is kept, small tables of the driver go along."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Final

import duckdb
import pyarrow as pa
from sqlglot import exp

from ehr.errors import QueryFailed
from sql.spark.rewrite import for_spark, written_for_spark
from sql.spark.session import first_line

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_NUMBERS: Final = count(1)
"""Numbers for the names of temporary views, which no two queries share."""


@dataclass(frozen=True, slots=True)
class SparkEngine:
    """Answers queries, written for DuckDB, over the views of a Spark session (a sql.cohort.records.Engine).

    Tables that the session does not have come from `driver`: codes and what is known of them, small beside events.
    """

    spark: "SparkSession"
    driver: duckdb.DuckDBPyConnection
    views: frozenset[str] = field(default=frozenset({"event"}))

    def written(self, query: exp.Query) -> str:
        """Return a query as the one statement of Spark SQL that it means."""
        return written_for_spark(for_spark(query), pretty=True)

    def answer(self, query: exp.Query) -> pa.Table:
        """Run a query and fetch its rows to the driver; raises QueryFailed with the first line of what Spark says."""
        with spark_errors(), self._prepared(query) as frame:
            return frame.toArrow()

    def save(self, query: exp.Query, path: str) -> None:
        """Write the rows of a query from the workers to a new folder of parquet files; raises QueryFailed."""
        with spark_errors(), self._prepared(query) as frame:
            frame.write.parquet(path)

    @contextmanager
    def _prepared(self, query: exp.Query) -> "Iterator[DataFrame]":
        """Give the frame of a query; tables used more than once are computed once and kept until the end."""
        tree = for_spark(query)
        parts = take_parts(tree)
        kept: dict[str, DataFrame] = {}
        try:
            uses = Counter(name for body in (tree, *parts.values()) for name in _tables(body))
            views = self._sent(sorted(uses.keys() - parts.keys() - self.views), kept)
            for name, body in parts.items():
                if uses[name] > 1:
                    views[name] = self._view(name, self._frame(_inlined(body, parts, views)).persist(), kept)
            yield self._frame(_inlined(tree, parts, views))
        finally:
            for view, frame in kept.items():
                self.spark.catalog.dropTempView(view)
                frame.unpersist()

    def _sent(self, tables: Sequence[str], kept: "dict[str, DataFrame]") -> dict[str, str]:
        """Copy tables of the driver to Spark; return the names of their views."""
        names = {}
        for table in tables:
            rows = self.driver.sql(f"FROM {exp.to_identifier(table).sql('duckdb')}").to_arrow_table()
            names[table] = self._view(table, self.spark.createDataFrame(rows), kept)
        return names

    def _frame(self, query: exp.Query) -> "DataFrame":
        return self.spark.sql(written_for_spark(query))

    def _view(self, name: str, frame: "DataFrame", kept: "dict[str, DataFrame]") -> str:
        view = f"{name}_{next(_NUMBERS)}"
        frame.createTempView(view)
        kept[view] = frame
        return view


@contextmanager
def spark_errors() -> Iterator[None]:
    """Turn what Spark raises into QueryFailed."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JError) as error:
        raise QueryFailed(f"Spark: {first_line(error)}") from error


def take_parts(tree: exp.Query) -> dict[str, exp.Query]:
    """Take all WITH clauses out of a query, nested ones too; return their parts by name, those rested on first.

    Raises ValueError where one name stands for two parts.
    """
    clauses = list(tree.find_all(exp.With))
    parts: dict[str, exp.Query] = {}
    for part in (part for clause in clauses for part in clause.expressions):
        if parts.setdefault(part.alias, part.this) != part.this:
            raise ValueError(f"{part.alias} stands for two parts of one query")
    for clause in clauses:
        clause.pop()
    ordered: dict[str, exp.Query] = {}

    def put(name: str) -> None:
        for inner in _tables(parts[name]):
            if inner in parts and inner not in ordered:
                put(inner)
        ordered[name] = parts[name]

    for name in parts:
        put(name)
    return ordered


def _inlined(body: exp.Query, parts: Mapping[str, exp.Query], views: Mapping[str, str]) -> exp.Query:
    """Return a query with views for the tables that are kept, and with all other parts in the place of their names.

    A WITH inside a kept table would make Spark compute it anew: it finds what it keeps by the shape of the query.
    """
    query = body.copy()
    for table in list(query.find_all(exp.Table)):
        name = table.name
        if name in views:
            table.replace(exp.to_table(views[name], alias=table.alias_or_name))
        elif name in parts:
            table.replace(_inlined(parts[name], parts, views).subquery(table.alias_or_name))
    return query


def _tables(query: exp.Query) -> list[str]:
    return [table.name for table in query.find_all(exp.Table)]
