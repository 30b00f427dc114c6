"""Going through DuckDB's own tree of a query (json_serialize_sql), and writing parts of it again."""

from collections.abc import Iterator
from typing import Any

import duckdb
import orjson

Node = dict[str, Any]


def walk(value: Any, holder: Any = None, key: Any = None) -> Iterator[tuple[Node, Any, Any]]:
    """Yield every object of a tree with what holds it and its key there, without recursion.

    An object comes before those in it.
    """
    pending = [(value, holder, key)]
    while pending:
        item, inside, at = pending.pop()
        if isinstance(item, dict):
            yield item, inside, at
            pending.extend((child, item, name) for name, child in item.items())
        elif isinstance(item, list):
            pending.extend((child, item, place) for place, child in enumerate(item))


def called(node: Node) -> str:
    """Return the name of the function that a node calls, or nothing.

    >>> called({"class": "FUNCTION", "function_name": "Lower"}), called({"class": "STAR"})
    ('lower', '')
    """
    return str(node.get("function_name", "")).lower()


def is_text(node: Node) -> bool:
    """Say whether an expression is a text that is written out."""
    return node["class"] == "CONSTANT" and (node.get("literal") or {}).get("kind") == "STRING"


def parsed_expression(con: duckdb.DuckDBPyConnection, sql: str) -> Node:
    """Let DuckDB parse an expression of ours."""
    parsed = orjson.loads(con.execute("SELECT json_serialize_sql($1)", [f"SELECT {sql}"]).fetchall()[0][0])
    node: Node = parsed["statements"][0]["node"]["select_list"][0]
    return node


def written_expression(con: duckdb.DuckDBPyConnection, item: Node) -> str:
    """Return an expression as DuckDB writes it."""
    parsed = orjson.loads(con.execute("SELECT json_serialize_sql('SELECT 1')").fetchall()[0][0])
    parsed["statements"][0]["node"]["select_list"] = [item]
    written = con.execute("SELECT json_deserialize_sql($1::JSON)", [orjson.dumps(parsed).decode()]).fetchall()[0][0]
    return str(written).removeprefix("SELECT ")


def keep_names(con: duckdb.DuckDBPyConnection, statement: Node, functions: frozenset[str]) -> None:
    """Give results that hold a call of `functions` the name that they would have: their text as the user wrote it."""
    for query in [node for node, _, _ in walk(statement) if "select_list" in node]:
        for item in query["select_list"]:
            has_call = any(called(node) in functions for node, _, _ in walk(item))
            if item["class"] != "STAR" and not item["alias"] and has_call:
                item["alias"] = written_expression(con, item)
