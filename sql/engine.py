"""The second wall: how DuckDB itself reads a query is looked up again, and that reading is what runs.

sqlglot and DuckDB could read one text differently, and a text that sqlglot writes anew can mean something else
(`TIMESTAMP 'x'::DATE` loses its order of casts, `lag(x IGNORE NULLS)` its last words). So DuckDB parses the text,
every table, function and kind of node of its tree must be on the allow-lists, and the query that runs is written by
DuckDB from that very tree (json_serialize_sql, json_deserialize_sql): neither the text of the user nor sqlglot's.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn

import duckdb
import orjson

from sql.catalog import Catalog, check_with_name
from sql.descent import expand_descents
from sql.expansion import expand_macros
from sql.functions import BOUNDED, DESCENDS_FROM, OPERATORS, TABLE_FUNCTIONS, functions_for
from sql.hiding import hide_columns
from sql.macros import MACROS
from sql.places import Position, position_at
from sql.refusals import Refusal, refused
from sql.trees import Node, is_text

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
_OF_OURS: Final = OPERATORS | MACROS.keys() | {DESCENDS_FROM}


def reread(con: duckdb.DuckDBPyConnection, text: str, catalog: Catalog, role: str, rows: int) -> str:
    """Return the query as DuckDB reads it, giving at most `rows` rows; raises what `read_statement` raises."""
    return write_statement(con, read_statement(con, text, catalog, role), rows)


def read_statement(con: duckdb.DuckDBPyConnection, text: str, catalog: Catalog, role: str) -> Node:
    """Return DuckDB's tree of a query, checked, calls of ours replaced by what they mean, hidden columns left out.

    Raises UnsafeQuery unless it is one SELECT over tables and functions that `role` may use.
    """
    with _bounded_depth():
        statement = _parse(con, text)
        _Check(text, catalog, role).check(statement)
        expand_macros(con, statement, text, catalog, role)
        expand_descents(con, statement, text, catalog)
        hide_columns(statement, catalog.hidden(role))
    return statement


def write_statement(con: duckdb.DuckDBPyConnection, statement: Node, rows: int | None) -> str:
    """Return the SQL of a tree, giving at most `rows` rows, or all; a smaller LIMIT of the query is kept."""
    is_bounded = rows is None or _bound(statement["node"], rows)
    with _bounded_depth():
        sql = _write(con, statement)
    return sql if is_bounded else f"SELECT * FROM ({sql}) LIMIT {rows:d}"


@contextmanager
def _bounded_depth() -> Iterator[None]:
    """Refuse a query whose tree is too deep to be read or written, such as a sum of hundreds of terms."""
    try:
        yield
    except (RecursionError, orjson.JSONDecodeError, orjson.JSONEncodeError) as error:
        instead = "; split it with WITH, or use a list: list_sum([a, b, ...])"
        raise refused(Refusal.TOO_LARGE, "the query is nested too deeply", instead) from error


def _parse(con: duckdb.DuckDBPyConnection, text: str) -> Node:
    try:
        tree = orjson.loads(con.execute("SELECT json_serialize_sql($1)", [text]).fetchall()[0][0])
        if tree["error"] and "position" in tree:
            what = f"DuckDB cannot read the query: {_first_line(tree['error_message'])}"
            raise refused(Refusal.UNREADABLE, what, at=position_at(text, int(tree["position"])))
        statements = con.extract_statements(text)
    except duckdb.Error as error:
        raise refused(Refusal.UNREADABLE, f"DuckDB cannot read the query: {_first_line(error)}") from error
    if len(statements) > 1:
        raise refused(Refusal.SEVERAL_STATEMENTS, f"DuckDB reads {len(statements)} statements, and one is allowed")
    if not statements or statements[0].type != duckdb.StatementType.SELECT or tree["error"]:
        code = Refusal.NOT_A_SELECT if statements else Refusal.EMPTY_QUERY
        raise refused(code, "DuckDB does not read the query as a SELECT; use SELECT, WITH or FROM")
    statement: Node = tree["statements"][0]
    if statement.get("named_param_map"):
        raise refused(Refusal.PARAMETER, "a parameter (?, $1, $name) is not allowed; write the value")
    return statement


def _write(con: duckdb.DuckDBPyConnection, statement: Node) -> str:
    document = orjson.dumps({"error": False, "statements": [statement]}).decode()
    try:
        return str(con.execute("SELECT json_deserialize_sql($1::JSON)", [document]).fetchall()[0][0])
    except duckdb.Error as error:
        what = f"DuckDB cannot write the query again: {_first_line(error)}"
        raise refused(Refusal.FORBIDDEN_SYNTAX, what) from error


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


class _Check:
    """The look-up of every node of a tree of DuckDB for one role; `text` is what the places are counted in."""

    def __init__(self, text: str, catalog: Catalog, role: str) -> None:
        self.text = text
        self.catalog = catalog
        self.role = role
        self.calls = functions_for(role) | _OF_OURS

    def check(self, statement: Node) -> None:
        """Raise UnsafeQuery for the first node that is not allowed."""
        nodes = list(_nodes(statement))
        with_names = {entry["key"].lower() for node in nodes for entry in node.get("cte_map", {}).get("map", [])}
        for name in with_names:
            check_with_name(name, self.catalog, self.role)
        tables = with_names | self.catalog.readable(self.role).keys()
        in_from = {id(node["function"]) for node in nodes if node.get("type") == "TABLE_FUNCTION"}
        for node in nodes:
            self._check_kind(node)
            if "function_name" in node:
                self._check_call(node, in_from=id(node) in in_from)
            if node.get("type") == "BASE_TABLE":
                self._check_table(node, tables)

    def _at(self, node: Node) -> Position | None:
        return position_at(self.text, node.get("query_location", -1))

    def _check_kind(self, node: Node) -> None:
        """Look up the kind of a node: expressions have a class, queries modifiers, and sources in FROM a sample."""
        if "class" in node:
            if node["class"] not in _CLASSES:
                self._refuse_kind(node, node["class"])
            names = node.get("column_names", [])
            if len(names) == 1 and names[0].lower() in _OF_THE_ENGINE:
                instead = " tells of the engine, not of patients, and is not allowed"
                raise refused(Refusal.FORBIDDEN_FUNCTION, repr(names[0]), instead, at=self._at(node))
        elif "modifiers" in node or "sample" in node:
            kinds = _QUERIES if "modifiers" in node else _SOURCES
            if node.get("type") not in kinds:
                self._refuse_kind(node, node.get("type"))

    def _refuse_kind(self, node: Node, kind: str | None) -> NoReturn:
        code = Refusal.NOT_A_SELECT if kind == "SHOW_REF" else Refusal.FORBIDDEN_SYNTAX
        raise refused(code, f"DuckDB reads {kind}", ", which is not allowed", at=self._at(node))

    def _check_call(self, node: Node, *, in_from: bool) -> None:
        name = node["function_name"].lower()
        if name not in (TABLE_FUNCTIONS if in_from else self.calls):
            instead = ", which is not allowed"
            raise refused(Refusal.FORBIDDEN_FUNCTION, f"DuckDB reads a call of {name}()", instead, at=self._at(node))
        if node.get("catalog"):
            instead = f" may not be called by the name of its database; write {name}(...)"
            raise refused(Refusal.FORBIDDEN_FUNCTION, f"{name}()", instead, at=self._at(node))
        if name == DESCENDS_FROM:
            self._check_descent(node)
        if name in BOUNDED and not in_from:
            self._check_bounds(node, name)

    def _check_bounds(self, node: Node, name: str) -> None:
        """Refuse numbers that are not written out or too large: they could make an enormous value."""
        if node["schema"]:
            instead = f" may not be chained with a dot; write {name}(...)"
            raise refused(Refusal.BAD_ARGUMENT, f"{name}()", instead, at=self._at(node))
        arguments = [argument["expression"] for argument in node["arguments"]]
        for number in arguments[1:2] if name in {"lpad", "rpad"} else arguments:
            literal = number.get("literal") or {}
            if literal.get("kind") != "INTEGER" or abs(int(literal["text"])) > BOUNDED[name]:
                instead = f" takes numbers up to {BOUNDED[name]:,} that are written out"
                raise refused(Refusal.BAD_ARGUMENT, f"{name}()", instead, at=self._at(node))

    def _check_descent(self, node: Node) -> None:
        """Refuse a call of descends_from that is more or less than a column and concepts that are written out."""
        arguments = node["arguments"]
        is_plain = node["class"] == "FUNCTION" and not (
            node["schema"]
            or node["distinct"]
            or node["filter"]
            or node["order_bys"]["orders"]
            or node["export_state"]
        )
        values = [argument["expression"] for argument in arguments if not argument["name"]]
        is_right = len(values) == len(arguments) > 1 and values[0]["class"] == "COLUMN_REF"
        if not (is_plain and is_right and all(is_text(value) for value in values[1:])):
            instead = " takes a column of codes and concepts written out: (code, 'ICD10//E11')"
            raise refused(Refusal.BAD_ARGUMENT, "descends_from()", instead, at=self._at(node))

    def _check_table(self, node: Node, allowed: set[str]) -> None:
        name = node["table_name"]
        is_known = node["schema_name"].lower() in {"", "main"} and name.lower() in allowed
        if node["catalog_name"] or node.get("at_clause") or not is_known:
            instead = ", which is not allowed"
            raise refused(Refusal.FORBIDDEN_TABLE, f"DuckDB reads from {name!r}", instead, at=self._at(node))


def _first_line(error: object) -> str:
    return str(error).splitlines()[0].rstrip(".")
