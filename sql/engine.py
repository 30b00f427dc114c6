"""The second wall: how DuckDB itself reads a query is looked up again, and that reading is what runs.

sqlglot and DuckDB could read one text differently, and a text that sqlglot writes anew can mean something else
(`TIMESTAMP 'x'::DATE` loses its order of casts, `lag(x IGNORE NULLS)` its last words). So DuckDB parses the text,
every table, function and kind of node of its tree must be on the allow-lists, and the query that runs is written by
DuckDB from that very tree (json_serialize_sql, json_deserialize_sql): neither the text of the user nor sqlglot's.
"""

from collections.abc import Iterator
from typing import Any, Final

import duckdb
import orjson

from ehr.errors import UnsafeQuery
from sql.catalog import Catalog, check_with_name
from sql.descent import expand_descents
from sql.functions import BOUNDED, DESCENDS_FROM, FUNCTIONS, OPERATORS, TABLE_FUNCTIONS

Node = dict[str, Any]

_SOURCES: Final = frozenset({"BASE_TABLE", "SUBQUERY", "JOIN", "TABLE_FUNCTION", "EXPRESSION_LIST", "EMPTY", "PIVOT"})
_QUERIES: Final = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
_CLASSES: Final = frozenset(
    {
        *("BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "DEFAULT"),
        *("FUNCTION", "LAMBDA", "LAMBDA_REF", "OPERATOR", "STAR", "SUBQUERY", "TYPE", "WINDOW"),
    }
)
_OF_THE_ENGINE: Final = frozenset(
    {"current_catalog", "current_database", "current_role", "current_schema", "current_user", "session_user", "user"}
)
_CALLS: Final = FUNCTIONS | OPERATORS | {DESCENDS_FROM}


def reread(con: duckdb.DuckDBPyConnection, text: str, catalog: Catalog, role: str, rows: int) -> str:
    """Return the query as DuckDB reads it, giving at most `rows` rows; raises what `read_statement` raises."""
    return write_statement(con, read_statement(con, text, catalog, role), rows)


def read_statement(con: duckdb.DuckDBPyConnection, text: str, catalog: Catalog, role: str) -> Node:
    """Return DuckDB's tree of a query, checked, with calls of ours replaced by what they mean.

    Raises UnsafeQuery unless it is one SELECT over tables and functions that `role` may use.
    """
    statement = _parse(con, text)
    _check(statement, catalog, role)
    expand_descents(con, statement, text, catalog)
    return statement


def write_statement(con: duckdb.DuckDBPyConnection, statement: Node, rows: int) -> str:
    """Return the SQL of a tree, giving at most `rows` rows; a smaller LIMIT of the query is kept."""
    is_bounded = _bound(statement["node"], rows)
    sql = _write(con, statement)
    return sql if is_bounded else f"SELECT * FROM ({sql}) LIMIT {rows:d}"


def _parse(con: duckdb.DuckDBPyConnection, text: str) -> Node:
    try:
        statements = con.extract_statements(text)
        parsed = con.execute("SELECT json_serialize_sql($1)", [text]).fetchall()[0][0]
    except duckdb.Error as error:
        raise UnsafeQuery(f"DuckDB cannot read the query: {_first_line(error)}") from error
    tree = orjson.loads(parsed)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT or tree["error"]:
        reason = tree.get("error_message") or "it is more than one SELECT"
        raise UnsafeQuery(f"DuckDB cannot read the query as one SELECT: {_first_line(reason)}")
    statement: Node = tree["statements"][0]
    if statement.get("named_param_map"):
        raise UnsafeQuery("a parameter (?, $1, $name) is not allowed; write the value")
    return statement


def _write(con: duckdb.DuckDBPyConnection, statement: Node) -> str:
    document = orjson.dumps({"error": False, "statements": [statement]}).decode()
    try:
        return str(con.execute("SELECT json_deserialize_sql($1::JSON)", [document]).fetchall()[0][0])
    except duckdb.Error as error:
        raise UnsafeQuery(f"DuckDB cannot write the query again: {_first_line(error)}") from error


def _bound(node: Node, rows: int) -> bool:
    """Give a query a LIMIT of `rows`, or lower its own; says no where its own LIMIT is computed."""
    for modifier in node["modifiers"]:
        if modifier["type"] == "LIMIT_MODIFIER":
            literal = (modifier["limit"] or {}).get("literal")
            if modifier["limit_type"] != "ROW_COUNT" or not literal or literal["kind"] != "INTEGER":
                return False
            literal["text"] = str(min(int(literal["text"]), rows))
            return True
    limit = {
        "class": "CONSTANT",
        "type": "VALUE_CONSTANT",
        "alias": "",
        "literal": {"kind": "INTEGER", "text": str(rows)},
    }
    node["modifiers"].append({"type": "LIMIT_MODIFIER", "limit": limit, "offset": None, "limit_type": "ROW_COUNT"})
    return True


def _check(statement: Node, catalog: Catalog, role: str) -> None:
    readable = catalog.readable(role)
    nodes = list(_nodes(statement))
    with_names = {entry["key"].lower() for node in nodes for entry in node.get("cte_map", {}).get("map", [])}
    for name in with_names:
        check_with_name(name, catalog, role)
    in_from = {id(node["function"]) for node in nodes if node.get("type") == "TABLE_FUNCTION"}
    for node in nodes:
        _check_kind(node)
        if "function_name" in node:
            _check_call(node, in_from=id(node) in in_from)
        if node.get("type") == "BASE_TABLE":
            _check_table(node, with_names | readable.keys())


def _nodes(value: Any) -> Iterator[Node]:
    """Walk through the objects of a parsed statement, without recursion."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            yield item
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)


def _check_kind(node: Node) -> None:
    """Look up the kind of a node: expressions have a class, queries modifiers, and sources in FROM a sample."""
    if "class" in node:
        if node["class"] not in _CLASSES:
            raise UnsafeQuery(f"DuckDB reads {node['class']} in the query, which is not allowed")
        names = node.get("column_names", [])
        if len(names) == 1 and names[0].lower() in _OF_THE_ENGINE:
            raise UnsafeQuery(f"{names[0]!r} tells of the engine, not of patients, and is not allowed")
    elif "modifiers" in node and node.get("type") not in _QUERIES:
        raise UnsafeQuery(f"DuckDB reads {node.get('type')} in the query, which is not allowed")
    elif "sample" in node and "modifiers" not in node and node.get("type") not in _SOURCES:
        raise UnsafeQuery(f"DuckDB reads {node.get('type')} in FROM, which is not allowed")


def _check_call(node: Node, *, in_from: bool) -> None:
    name = node["function_name"].lower()
    if name not in (TABLE_FUNCTIONS if in_from else _CALLS):
        raise UnsafeQuery(f"DuckDB reads a call of {name}(), which is not allowed")
    if name == DESCENDS_FROM:
        _check_descent(node)
    if name in BOUNDED and not in_from:
        if node["schema"]:
            raise UnsafeQuery(f"{name}() may not be chained with a dot; write {name}(...)")
        arguments = [argument["expression"] for argument in node["arguments"]]
        for number in arguments[1:2] if name in {"lpad", "rpad"} else arguments:
            literal = number.get("literal") or {}
            if literal.get("kind") != "INTEGER" or abs(int(literal["text"])) > BOUNDED[name]:
                raise UnsafeQuery(f"{name}() takes numbers up to {BOUNDED[name]:,} that are written out")


def _check_descent(node: Node) -> None:
    """Refuse a call of descends_from that is more or less than a column and concepts that are written out."""
    arguments = node["arguments"]
    is_plain = node["class"] == "FUNCTION" and not (
        node["schema"] or node["distinct"] or node["filter"] or node["order_bys"]["orders"] or node["export_state"]
    )
    values = [argument["expression"] for argument in arguments if not argument["name"]]
    is_right = len(values) == len(arguments) > 1 and values[0]["class"] == "COLUMN_REF"
    if not (is_plain and is_right and all(_is_text(value) for value in values[1:])):
        raise UnsafeQuery("descends_from() takes a column of codes and concepts written out: (code, 'ICD10//E11')")


def _is_text(node: Node) -> bool:
    return node["class"] == "CONSTANT" and (node.get("literal") or {}).get("kind") == "STRING"


def _check_table(node: Node, allowed: set[str]) -> None:
    is_known = node["schema_name"].lower() in {"", "main"} and node["table_name"].lower() in allowed
    if node["catalog_name"] or node.get("at_clause") or not is_known:
        raise UnsafeQuery(f"DuckDB reads from {node['table_name']!r}, which is not allowed")


def _first_line(error: object) -> str:
    return str(error).splitlines()[0].rstrip(".")
