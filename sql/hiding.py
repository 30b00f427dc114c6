"""Columns that a role may not read: every table that has one is read through a subquery without it, in DuckDB's tree.

So `*`, COLUMNS(), rows as values and whatever else names no column meet tables that never had it. Where WITH gives
the name of the table to a query too, the subquery takes COLUMNS(lambda c: ...), so that either goes through it.
"""

from collections.abc import Mapping
from copy import deepcopy
from functools import cache

import duckdb
import orjson

from sql.trees import Node, walk


def hide_columns(statement: Node, hidden: Mapping[str, frozenset[str]]) -> None:
    """Put subqueries without the columns `hidden` of each table, by its name, in the place of the tables."""
    if not hidden:
        return
    nodes = list(walk(statement))
    found = [
        item for item in nodes if item[0].get("type") == "BASE_TABLE" and item[0]["table_name"].lower() in hidden
    ]
    if not found:
        return
    for node, _, _ in nodes:
        if node.get("class") == "COLUMN_REF" and len(node["column_names"]) > 2:
            _drop_schema(node)
    with_names = {entry["key"].lower() for node, _, _ in nodes for entry in node.get("cte_map", {}).get("map", [])}
    for table, holder, key in found:
        name = table["table_name"].lower()
        is_certain = bool(table["schema_name"]) or name not in with_names
        holder[key] = _without(table, hidden[name], is_certain)


def _drop_schema(column: Node) -> None:
    """Write main.patient.sex as patient.sex, since a subquery has no schema."""
    if column["column_names"][0].lower() == "main":
        del column["column_names"][0]
        column.pop("qualified_name", None)


def _without(table: Node, columns: frozenset[str], is_certain: bool) -> Node:
    """Return a subquery that reads a table without some of its columns, under the name that the table has here."""
    source = deepcopy(_pattern(columns, is_certain))
    inner = source["subquery"]["node"]["from_table"]
    inner |= {name: table[name] for name in ("schema_name", "table_name", "catalog_name", "qualified_name")}
    kept = {name: table[name] for name in ("sample", "column_name_alias", "query_location", "query_location_length")}
    return source | kept | {"alias": table["alias"] or table["table_name"]}


@cache
def _pattern(columns: frozenset[str], is_certain: bool) -> Node:
    """Let DuckDB parse such a subquery, on a connection of its own that holds nothing."""
    names = ", ".join(sorted(columns))
    texts = ", ".join(f"'{name}'" for name in sorted(columns))
    chosen = f"* EXCLUDE ({names})" if is_certain else f"COLUMNS(lambda c: lower(c) NOT IN ({texts}))"
    sql = f"FROM (SELECT {chosen} FROM t) AS t"
    with duckdb.connect() as con:
        parsed = orjson.loads(con.execute("SELECT json_serialize_sql($1)", [sql]).fetchall()[0][0])
    source: Node = parsed["statements"][0]["node"]["from_table"]
    return source
