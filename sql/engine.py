"""The second look: how DuckDB itself reads the text that is about to run, compared with the same allow-lists.

sqlglot and DuckDB could read one text differently. So the text that the guard generated is parsed by DuckDB, and
every table, function and kind of node in DuckDB's own tree is looked up again before anything runs.
"""

from typing import Any, Final

import duckdb
import orjson

from ehr.errors import UnsafeQuery
from sql.catalog import names_for
from sql.functions import FUNCTIONS, OPERATORS, TABLE_FUNCTIONS

_SOURCES: Final = frozenset({"BASE_TABLE", "SUBQUERY", "JOIN", "TABLE_FUNCTION", "EXPRESSION_LIST", "EMPTY", "PIVOT"})
_QUERIES: Final = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
_CLASSES: Final = frozenset(
    {
        *("BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "DEFAULT"),
        *("FUNCTION", "LAMBDA", "LAMBDA_REF", "OPERATOR", "STAR", "SUBQUERY", "TYPE", "WINDOW"),
    }
)
_VALUES_OF_THE_ENGINE: Final = frozenset(
    {"current_catalog", "current_database", "current_role", "current_schema", "current_user", "session_user", "user"}
)


def check_parsed(con: duckdb.DuckDBPyConnection, sql: str, role: str) -> None:
    """Raise UnsafeQuery unless DuckDB reads `sql` as one SELECT over tables and functions that `role` may use."""
    try:
        statements = con.extract_statements(sql)
        parsed = con.execute("SELECT json_serialize_sql($1)", [sql]).fetchall()[0][0]
    except duckdb.Error as error:
        raise UnsafeQuery(f"DuckDB cannot read the query: {str(error).splitlines()[0]}") from error
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise UnsafeQuery("DuckDB reads this as something else than one SELECT; write it in plainer words")
    tree = orjson.loads(parsed)
    if tree["error"] or len(tree["statements"]) != 1:
        raise UnsafeQuery(
            f"DuckDB cannot read the query: {str(tree.get('error_message', 'not one')).splitlines()[0]}"
        )
    _check_tree(tree["statements"][0], names_for(role))


def _check_tree(statement: dict[str, Any], readable: frozenset[str]) -> None:
    nodes = list(_nodes(statement))
    with_names = {entry["key"].lower() for node in nodes for entry in node.get("cte_map", {}).get("map", [])}
    for node in nodes:
        kind = node.get("type")
        if "class" in node:
            _check_expression(node)
        elif "query_location" in node and kind not in _SOURCES:
            raise UnsafeQuery(f"DuckDB reads {kind} in the query, which is not allowed in FROM")
        elif "modifiers" in node and kind not in _QUERIES:
            raise UnsafeQuery(f"DuckDB reads {kind} in the query, which is not allowed")
        if kind == "BASE_TABLE":
            _check_table(node, with_names, readable)
        if kind == "TABLE_FUNCTION":
            _check_call(node["function"], TABLE_FUNCTIONS)


def _nodes(value: Any) -> Any:
    """Walk through the objects of a parsed statement, without recursion."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            yield item
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)


def _check_expression(node: dict[str, Any]) -> None:
    if node["class"] not in _CLASSES:
        raise UnsafeQuery(f"DuckDB reads {node['class']} in the query, which is not allowed")
    if "function_name" in node:
        _check_call(node, FUNCTIONS | OPERATORS)
    names = node.get("column_names", [])
    if len(names) == 1 and names[0].lower() in _VALUES_OF_THE_ENGINE:
        raise UnsafeQuery(f"{names[0]!r} tells of the engine, not of patients, and is not allowed")


def _check_call(node: dict[str, Any], allowed: frozenset[str]) -> None:
    if node["function_name"].lower() not in allowed:
        raise UnsafeQuery(f"DuckDB reads a call of {node['function_name']}(), which is not allowed")


def _check_table(node: dict[str, Any], with_names: set[str], readable: frozenset[str]) -> None:
    schema, name = node["schema_name"].lower(), node["table_name"].lower()
    is_with = not schema and name in with_names
    is_readable = schema == "main" and name in readable
    if node["catalog_name"] or node.get("at_clause") or not (is_with or is_readable):
        raise UnsafeQuery(f"DuckDB reads from {node['table_name']!r}, which is not allowed")
