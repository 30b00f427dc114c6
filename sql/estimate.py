"""What a query would cost, from DuckDB's plan of the text that both walls let through; nothing of it is run.

The numbers of rows are DuckDB's estimates, from the sizes of the tables and rough statistics of their columns: good
to find a join that multiplies, not to foretell a count. Bytes are those of the columns read in memory, uncompressed.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import duckdb
import orjson
from sqlglot import exp

from ehr.store import Store
from sql.catalog import Catalog, read_catalog
from sql.disclosure import ROLE as PROTECTED
from sql.query import Limits, admitted
from sql.refusals import Refusal, refused

ROWS_A_SECOND: Final = 50_000_000
"""How many rows all steps of a plan take in a second, roughly, on two cores."""
LIGHT_SECONDS: Final = 1.0

DEFAULT_LIMITS: Final = Limits()

PlanNode = dict[str, Any]

_WIDTHS: Final[dict[str, int]] = {
    **dict.fromkeys(("BOOLEAN", "TINYINT", "UTINYINT"), 1),
    **dict.fromkeys(("SMALLINT", "USMALLINT"), 2),
    **dict.fromkeys(("INTEGER", "UINTEGER", "FLOAT", "DATE"), 4),
    **dict.fromkeys(("BIGINT", "UBIGINT", "DOUBLE", "TIMESTAMP"), 8),
    **dict.fromkeys(("HUGEINT", "INTERVAL"), 16),
}
_TEXT_WIDTH: Final = 24
"""Bytes of a text or list: its header, and some of its content."""

_LIMITS: Final[dict[str, str]] = {"STREAMING_LIMIT": "Limit", "LIMIT": "Limit", "TOP_N": "Top"}
_ROW_BY_ROW: Final = frozenset({"PROJECTION", "ORDER_BY", "WINDOW", "STREAMING_WINDOW", "CTE"})
"""Operators that give as many rows as what is below them, of CTE the last."""
_TO_THE_END: Final = ("GROUP_BY", "AGGREGATE", "ORDER_BY", "WINDOW", "TOP_N")
"""What operators are called that give nothing until they have seen all."""
_STEPS: Final = ("JOIN", "PRODUCT", "GROUP_BY", "AGGREGATE")


class Weight(StrEnum):
    """How heavy a query is likely to be."""

    LIGHT = "LIGHT"
    MODERATE = "MODERATE"
    HEAVY = "HEAVY"


@dataclass(frozen=True, slots=True)
class Scan:
    """One reading of a table: its rows, how many are likely to be left after its filters, and what is read of it."""

    table: str
    table_rows: int
    rows: int
    columns: tuple[str, ...]
    bytes: int


@dataclass(frozen=True, slots=True)
class Step:
    """A join or an aggregation, and the rows that it goes through: those that it gives, or those it takes if more."""

    operator: str
    rows: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a query would read, make on the way and give; `steps` are the joins and aggregations, largest first."""

    sql: str
    scans: tuple[Scan, ...]
    steps: tuple[Step, ...]
    rows: int
    bytes: int
    work_rows: int
    weight: Weight
    verdict: str


def estimate(
    store: Store,
    query: str | exp.Expr,
    *,
    role: str = "analyst",
    limits: Limits = DEFAULT_LIMITS,
    catalog: Catalog | None = None,
) -> Estimate:
    """Estimate what `query` would cost `role`, without the row limit; it is compared with the `limits`.

    Raises UnsafeQuery when the guard refuses the query or the role is `aggregate`, and QueryFailed when the engine
    cannot plan the query.
    """
    if role == PROTECTED:
        what = f"role {role} gets no estimates: sizes of what a filter leaves can tell of single patients"
        raise refused(Refusal.NOT_ALLOWED, what)
    known = catalog or read_catalog(store)
    with admitted(store, query, role=role, rows=None, catalog=known) as ready:
        plan = explained(ready.cursor, ready.sql)
        sizes = _sizes(ready.cursor)
    rows = _rows_of(plan)
    nodes = list(operators(plan))
    scans = tuple(_scan(node, sizes, known) for node in nodes if node["name"] == "SEQ_SCAN")
    work = sum(scan.table_rows for scan in scans) + sum(_passed(node, rows) for node in nodes)
    steps = [Step(node["name"], _passed(node, rows)) for node in nodes if _is_one_of(node, _STEPS)]
    steps.sort(key=lambda step: (-step.rows, "AGGREGATE" in step.operator))  # a join before what counts its rows
    given = rows[id(plan)]
    ends_early = given > limits.rows and not any(_is_one_of(node, _TO_THE_END) for node in nodes)
    seconds = work / ROWS_A_SECOND * (limits.rows / given if ends_early else 1)
    weight = _weight(seconds, limits)
    verdict = _verdict(weight, scans, steps, given, limits)
    size = sum(scan.bytes for scan in scans)
    return Estimate(ready.sql, scans, tuple(steps), given, size, work, weight, verdict)


def explained(cursor: duckdb.DuckDBPyConnection, sql: str) -> PlanNode:
    """Return the physical plan of a text that both walls let through, as one tree of operators."""
    text = cursor.execute(f"EXPLAIN (FORMAT json) {sql}").fetchall()[0][1]
    (root,) = orjson.loads(text)
    plan: PlanNode = root
    return plan


def operators(plan: PlanNode) -> Iterator[PlanNode]:
    """Yield every operator of a plan, from the result down."""
    pending = [plan]
    while pending:
        node = pending.pop()
        yield node
        pending.extend(reversed(node["children"]))


def scanned_table(node: PlanNode) -> str:
    """Return the name of the table that a scan reads.

    >>> scanned_table({"extra_info": {"Table": 'ehr.main."event"'}})
    'event'
    """
    return str(node["extra_info"]["Table"]).rpartition(".")[2].strip('"')


def _sizes(cursor: duckdb.DuckDBPyConnection) -> dict[str, int]:
    rows = cursor.execute("SELECT table_name, estimated_size FROM duckdb_tables() WHERE schema_name = 'main'")
    return {name: int(size) for name, size in rows.fetchall()}


def _rows_of(plan: PlanNode) -> dict[int, int]:
    """Return the rows that each operator is likely to give, by its identity.

    DuckDB's estimates, but where they are known to mislead: none for limits and cross products, 0 above a sort, and
    far too few for a join without an equality, for which half of all pairs are counted here.
    """
    rows: dict[int, int] = {}
    for node in reversed(list(operators(plan))):
        rows[id(node)] = _given(node, [rows[id(child)] for child in node["children"]])
    return rows


def _given(node: PlanNode, taken: list[int]) -> int:
    name, told = node["name"], int(node["extra_info"].get("Estimated Cardinality", 0))
    if name in _LIMITS:
        limit = str(node["extra_info"].get(_LIMITS[name], ""))
        return min(taken[0], int(limit)) if limit.isdigit() else taken[0]
    if name in _ROW_BY_ROW and taken:
        return taken[-1]
    if name == "CROSS_PRODUCT":
        return taken[0] * taken[1]
    if name == "UNION":
        return sum(taken)
    if name.endswith("JOIN") and len(taken) == 2:
        return _joined(node, taken, told)
    if name.endswith("GROUP_BY") and taken:
        return min(told, taken[0])
    return told or (0 if name == "EMPTY_RESULT" else max(taken, default=1))


def _joined(node: PlanNode, taken: list[int], told: int) -> int:
    conditions = str(node["extra_info"].get("Conditions", ""))
    if conditions == "rowid = rowid":  # the rest of the columns, fetched for the rows that are left
        return min(taken)
    if node["extra_info"].get("Join Type") in {"SEMI", "ANTI", "MARK", "SINGLE"}:
        return min(told, taken[0]) or taken[0]
    if " = " in conditions:
        return told or max(taken)
    return max(taken) if "IS NOT DISTINCT FROM" in conditions else taken[0] * taken[1] // 2


def _passed(node: PlanNode, rows: Mapping[int, int]) -> int:
    """Return the rows that an operator works on: those it gives, or takes if more; none for what only passes them."""
    if node["name"] in {"SEQ_SCAN", "PROJECTION", "CTE", *_LIMITS}:
        return 0
    return max(rows[id(node)], *(rows[id(child)] for child in node["children"]), 0)


def _is_one_of(node: PlanNode, words: tuple[str, ...]) -> bool:
    return any(word in node["name"] for word in words)


def _scan(node: PlanNode, sizes: Mapping[str, int], catalog: Catalog) -> Scan:
    name = scanned_table(node)
    listed = node["extra_info"].get("Projections") or []
    types = {column.name: column.type for column in catalog.relations[name].columns}
    tested = set(re.findall(r"\w+", re.sub(r"'[^']*'", "", str(node["extra_info"].get("Filters", "")))))
    shown = [listed] if isinstance(listed, str) else listed
    columns = (*shown, *(column for column in types if column in tested and column not in shown))
    width = sum(_WIDTHS.get(types.get(column.strip('"'), ""), _TEXT_WIDTH) for column in columns)
    rows = sizes.get(name, 0)
    left = int(node["extra_info"].get("Estimated Cardinality", rows))
    return Scan(name, rows, left, columns, rows * width)


def _weight(seconds: float, limits: Limits) -> Weight:
    if seconds > limits.seconds:
        return Weight.HEAVY
    return Weight.MODERATE if seconds > LIGHT_SECONDS else Weight.LIGHT


def _verdict(weight: Weight, scans: tuple[Scan, ...], steps: list[Step], rows: int, limits: Limits) -> str:
    """Say in a sentence or two how heavy a query is, what makes it so, and which limit would cut it."""
    read = sum(scan.table_rows for scan in scans)
    does = f"reads about {read:,} rows"
    if steps and steps[0].rows > read:
        does += f", and its largest step ({steps[0].operator}) goes through about {steps[0].rows:,}"
    becomes = {
        Weight.LIGHT: "an answer is likely within a second",
        Weight.MODERATE: "it may take some seconds",
        Weight.HEAVY: f"it is likely to meet the limit of {limits.seconds:g} s; join on subject_id, or filter first",
    }
    cut = f" The limit of {limits.rows:,} rows is likely to cut the result." if rows > limits.rows else ""
    return f"{weight.value.capitalize()}: the query {does}; {becomes[weight]}.{cut}"
