"""How many patients stand behind each group and each of its aggregates: the query that measures a block.

    rows      what the user aggregates over: keys k, arguments x, filters f, the patient s; computed once
    visible   the groups and aggregates as asked for
    each      every patient of every group: how many rows contribute, and how much
    measured  every group: how many patients, how many contribute, the share of the greatest

Every name in this SQL is given here; what the user wrote comes in as DuckDB's own tree.
"""

from collections.abc import Iterator
from typing import Any, Final

import duckdb
import orjson

from sql.disclosure.aggregates import Aggregate, Rests
from sql.disclosure.blocks import Block
from sql.disclosure.scope import Node, plain_select
from sql.disclosure.sources import operator
from sql.trees import walk as nodes_of
from sql.trees import written_expression

MIN_SUBJECTS: Final = 11
"""Fewer patients than this stand behind nothing that leaves (cells of 1 to 10: the CMS cell size policy)."""

NUMERIC: Final = frozenset(
    [
        "TINYINT",
        "SMALLINT",
        "INTEGER",
        "BIGINT",
        "HUGEINT",
        "UTINYINT",
        "USMALLINT",
        "UINTEGER",
        "UBIGINT",
        "UHUGEINT",
        "FLOAT",
        "DOUBLE",
    ]
)


def rows_of(block: Block) -> Node:
    """Return the query of the rows that a block aggregates over, which belong to a patient each."""
    rows = dict(block.rows)
    named = [key | {"alias": f"§k{place}"} for place, key in enumerate(block.keys)]
    for place, aggregate in enumerate(block.aggregates):
        if aggregate.argument is not None:
            named.append(aggregate.argument | {"alias": f"§x{place}"})
        if aggregate.where is not None:
            named.append(aggregate.where | {"alias": f"§f{place}"})
    known = operator("OPERATOR_IS_NOT_NULL", block.subject)
    wanted = [rows["where_clause"], known] if rows["where_clause"] else [known]
    both = {"class": "CONJUNCTION", "type": "CONJUNCTION_AND", "alias": "", "children": wanted}
    return plain_select([*named, block.subject | {"alias": "§s"}], rows["from_table"], both) | {
        "cte_map": {"map": needed_steps(block)}
    }


def needed_steps(block: Block) -> list[Node]:
    """Return the entries of WITH that the rows of a block read, directly or through others."""
    needed: set[int] = set()
    wanted = _tables([block.rows, block.keys, [[a.argument, a.where] for a in block.aggregates]])
    for entry in reversed(block.steps):
        if entry["key"].lower() in wanted:
            needed.add(id(entry))
            wanted |= _tables(entry)
    return [entry for entry in block.steps if id(entry) in needed]


def _tables(value: Any) -> set[str]:
    return {str(node["table_name"]).lower() for node, _, _ in nodes_of(value) if "table_name" in node}


def statement_of(con: duckdb.DuckDBPyConnection, block: Block, types: dict[str, str]) -> Node:
    """Return the statement that measures a block, of which the columns of `rows` have these types."""
    text = "".join(_text(con, block, types))
    parsed = orjson.loads(con.execute("SELECT json_serialize_sql($1)", [text]).fetchall()[0][0])
    statement: Node = parsed["statements"][0]
    statement["node"]["cte_map"]["map"][0]["value"]["query_node"] = rows_of(block)
    return statement


def _text(con: duckdb.DuckDBPyConnection, block: Block, types: dict[str, str]) -> Iterator[str]:
    keys = [f'"§k{place}"' for place in range(len(block.keys))]
    numbered = list(enumerate(block.aggregates))
    group = ", ".join(['"§set"', *keys])
    own = [f'{_call(con, place, each)} AS "§a{place}"' for place, each in numbered]
    own += [f'grouping({", ".join(keys[key] for key in each)}) AS "§g{n}"' for n, each in enumerate(block.groupings)]
    each_one = [part for place, one in numbered for part in _of_each(place, one, types)]
    ranged = [part for place, one in numbered if _has_range(one) for part in _range(place, group)]
    measured = [part for place, one in numbered for part in _of_group(place, one)]
    yield 'WITH "§rows" AS MATERIALIZED (SELECT 1), '
    yield f'"§visible" AS (SELECT {_list(_set(keys), *keys, *own)} FROM "§rows" {_grouped(block, keys, [])}), '
    yield f'"§each" AS (SELECT {_list(_set(keys), *keys, _S, _N, _rest(block, types), *each_one)} '
    yield f'FROM "§rows" {_grouped(block, keys, [_S])}), '
    yield f'"§ranged" AS (SELECT {_list("*", *ranged)} FROM "§each"), '
    yield f'"§measured" AS (SELECT {_list(group, *_WHOLE, *measured)} FROM "§ranged" GROUP BY {group}) '
    same = " AND ".join(f"v.{key} IS NOT DISTINCT FROM m.{key}" for key in ['"§set"', *keys])
    yield f'SELECT v.*, m.* EXCLUDE ({group}) FROM "§visible" v LEFT JOIN "§measured" m ON {same}'


_S: Final = '"§s"'
_N: Final = 'count(*) AS "§n"'
_FEW: Final = MIN_SUBJECTS - 1
_WHOLE: Final = (
    'count(*) AS "§subjects"',
    f'CASE WHEN count(*) <= {_FEW} THEN list("§s") END AS "§few"',
    'count(*) FILTER (WHERE "§left" > 0) AS "§rest"',
)


def _list(*parts: str) -> str:
    return ", ".join(parts)


def _set(keys: list[str]) -> str:
    return f'grouping({", ".join(keys)}) AS "§set"' if keys else '0 AS "§set"'


def _grouped(block: Block, keys: list[str], also: list[str]) -> str:
    """Return the GROUP BY of the sets of a block, each with further keys."""
    sets = [", ".join([*(keys[place] for place in places), *also]) for places in block.sets]
    if not keys:
        return f"GROUP BY {', '.join(also)}" if also else ""
    return f"GROUP BY GROUPING SETS ({', '.join(f'({each})' for each in sets)})"


def _call(con: duckdb.DuckDBPyConnection, place: int, one: Aggregate) -> str:
    """Return the call of an aggregate over the columns of `rows`."""
    if one.argument is None:
        call = "count(*)"
    elif one.rests is Rests.TITLE:
        call = f'any_value("§x{place}")'
    else:
        constants = [written_expression(con, each) for each in one.constants]
        call = f"{one.function}({'DISTINCT ' if one.is_distinct else ''}{_list(f'{_x(place)}', *constants)})"
    return call + (f' FILTER (WHERE "§f{place}")' if one.where is not None else "")


def _x(place: int) -> str:
    return f'"§x{place}"'


def _contributes(place: int, one: Aggregate) -> str:
    """Return the test whether a row contributes to an aggregate."""
    tests = [f'"§f{place}"'] if one.where is not None else []
    if one.function in {"count_if", "countif"}:
        tests.append(f"coalesce(CAST({_x(place)} AS BOOLEAN), false)")
    elif one.argument is not None:
        tests.append(f"{_x(place)} IS NOT NULL")
    return f"coalesce({' AND '.join(tests)}, false)" if tests else "true"


def _rest(block: Block, types: dict[str, str]) -> str:
    """Return how many rows of a patient belong to none of the counts and sums with a condition."""
    conditional = [
        _belongs(place, one, types)
        for place, one in enumerate(block.aggregates)
        if one.is_additive and is_conditional(one)
    ]
    none = f"NOT ({' OR '.join(conditional)})" if conditional else "false"
    return f'count(*) FILTER (WHERE {none}) AS "§left"'


def _belongs(place: int, one: Aggregate, types: dict[str, str]) -> str:
    """Return the test whether a row adds to a count or, by another value than 0, to a sum."""
    if one.rests is Rests.COUNT:
        return _contributes(place, one)
    number = as_number(_x(place), types.get(f"§x{place}", ""))
    return f"({_contributes(place, one)} AND coalesce({number} <> 0, false))"


def is_conditional(one: Aggregate) -> bool:
    """Say whether an aggregate counts or sums a part of the rows only, by what is written."""
    if one.where is not None or one.function in {"count_if", "countif"}:
        return True
    return one.argument is not None and one.argument["class"] != "COLUMN_REF"


def _has_range(one: Aggregate) -> bool:
    return one.rests in {Rests.SUM, Rests.MEAN}


def _of_each(place: int, one: Aggregate, types: dict[str, str]) -> Iterator[str]:
    """Yield what is measured of each patient."""
    where = f"FILTER (WHERE {_contributes(place, one)})"
    yield f'count(*) {where} AS "§n{place}"'
    if _has_range(one):
        number = as_number(_x(place), types.get(f"§x{place}", ""))
        yield f'sum(abs({number})) {where} AS "§w{place}"'
        yield f'min({number}) {where} AS "§lo{place}"'
        yield f'max({number}) {where} AS "§hi{place}"'
        yield f'count(DISTINCT {number}) {where} AS "§d{place}"'


def as_number(column: str, kind: str) -> str:
    """Return a value as the number by which it is weighed.

    >>> as_number("x", "INTERVAL")
    'epoch(x)'
    """
    if kind in NUMERIC or kind.startswith("DECIMAL"):
        return f"CAST({column} AS DOUBLE)"
    if kind == "BOOLEAN":
        return f"CAST(CAST({column} AS INTEGER) AS DOUBLE)"
    return f"epoch({column})"


def _range(place: int, group: str) -> Iterator[str]:
    """Yield the least and greatest value within the group of a patient."""
    yield f'min("§lo{place}") OVER (PARTITION BY {group}) AS "§least{place}"'
    yield f'max("§hi{place}") OVER (PARTITION BY {group}) AS "§most{place}"'


def _of_group(place: int, one: Aggregate) -> Iterator[str]:
    """Yield what is measured of each group."""
    n = f'"§n{place}"'
    weight = f'"§w{place}"' if _has_range(one) else f"sign({n})" if one.is_distinct else n
    yield f'count(*) FILTER (WHERE {n} > 0) AS "§c{place}"'
    some = f"FILTER (WHERE {n} > 0)"
    yield f'CASE WHEN count(*) {some} <= {_FEW} THEN list("§s") {some} END AS "§l{place}"'
    yield f'count(*) FILTER (WHERE {n} < "§n") AS "§r{place}"'
    yield f'coalesce(max({weight}) <= 0.5 * sum({weight}), true) AS "§even{place}"'
    if _has_range(one):
        low, high = f'"§least{place}"', f'"§most{place}"'
        ends = f'"§lo{place}" IN ({low}, {high}) AND "§hi{place}" IN ({low}, {high}) AND "§d{place}" <= 2'
        yield f'bool_and({n} = 0 OR ({ends})) AS "§two{place}"'
        yield f'count(*) FILTER (WHERE "§lo{place}" = {low}) AS "§p{place}"'
        yield f'count(*) FILTER (WHERE "§hi{place}" = {high}) AS "§q{place}"'
        yield f'coalesce(any_value({low}) = any_value({high}), false) AS "§one{place}"'
