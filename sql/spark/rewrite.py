"""A query for DuckDB as one for Spark with the same rows.

What differs, beside what sqlglot writes differently by itself: ASOF joins (sql.spark.nearest), the place of nulls in
an order, whole numbers that DuckDB makes 64 bits wide, and the edges of a window, which Spark wants to be of one
type, so that a day is written as seconds beside a microsecond. The rest of the meaning is set in the session
(sql.spark.session): times without a zone.
"""

from sqlglot import exp, parse_one

from sql.spark.nearest import without_nearest_joins

_WIDE = (exp.RowNumber, exp.Rank, exp.DenseRank)
_MICROSECONDS = {
    "DAY": 86_400_000_000,
    "HOUR": 3_600_000_000,
    "MINUTE": 60_000_000,
    "SECOND": 1_000_000,
    "MICROSECOND": 1,
}


def for_spark(query: exp.Query) -> exp.Query:
    """Return a query that means on Spark what `query` means on DuckDB; `query` stays as it is.

    It is read back from the text that DuckDB would run, so that this text alone says what is meant.
    """
    tree = parse_one(query.sql("duckdb"), read="duckdb", into=exp.Select)
    for ordered in tree.find_all(exp.Ordered):
        if ordered.args.get("nulls_first") is None:
            ordered.set("nulls_first", False)
    for window in list(tree.find_all(exp.Window)):
        if isinstance(window.this, _WIDE):
            window.replace(exp.cast(window.copy(), "BIGINT"))
    for frame in tree.find_all(exp.WindowSpec):
        _give_edges_one_unit(frame)
    for part in tree.find_all(exp.CTE):
        part.set("materialized", None)
    return without_nearest_joins(tree)


def _give_edges_one_unit(frame: exp.WindowSpec) -> None:
    edges = [edge for name in ("start", "end") if isinstance(edge := frame.args.get(name), exp.Interval)]
    if len({edge.text("unit").upper() for edge in edges}) > 1:
        for edge in edges:
            size = _MICROSECONDS[edge.text("unit").upper()] * int(edge.this.name)
            edge.replace(exp.Interval(this=exp.Literal.string(str(size)), unit=exp.var("MICROSECOND")))


def written_for_spark(query: exp.Query, *, pretty: bool = False) -> str:
    """Return the text of a query that is made for Spark, with all names quoted."""
    return query.sql("spark", pretty=pretty, identify=True)
