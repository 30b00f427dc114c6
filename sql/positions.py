"""Where in the user's text the engine met an error.

What runs is written anew from DuckDB's tree (sql.engine), so a place that the engine names is one in that text. The
tree knows where in the user's text each of its nodes stands. Parsed once more, the text that ran gives a tree of the
same shape whose nodes know where they stand in it: going through both side by side leads from one place to the other.
"""

import re
from contextlib import closing
from typing import Any, Final

import duckdb
import orjson

from ehr.store import Store
from sql.places import Position, position_at
from sql.trees import Node

_LINE: Final = re.compile(r"^LINE \d+: (.*)\n( *)\^", re.MULTILINE)
_LABEL: Final = re.compile(r"LINE \d+: ")
_CUT: Final = "..."


def position_of_error(store: Store, text: str, statement: Node, sql: str, error: duckdb.Error) -> Position | None:
    """Return where in `text` the error stands that DuckDB met in `sql`, which was written from `statement`.

    Both have passed the guard. Nothing is run: where the error itself names no place, the query is bound once more.
    None where DuckDB names no place, or one that nothing of the user's text stands for.
    """
    with closing(store.cursor()) as cursor:
        parsed = orjson.loads(cursor.execute("SELECT json_serialize_sql($1)", [sql]).fetchall()[0][0])
        at = offset_in(sql, str(error))
        if at is None:
            at = _where_binding_fails(cursor, sql)
    if at is None or parsed["error"]:
        return None
    ran, asked = parsed["statements"][0]["node"], statement["node"]
    places = _places(ran["from_table"]["subquery"]["node"] if _is_wrapped(asked) else ran, asked)
    return position_at(text, places[at]) if at in places else None


def offset_in(sql: str, message: str) -> int | None:
    """Return at which byte of `sql` a message of DuckDB points, by the piece of text that it quotes.

    None where it quotes nothing, or a piece that occurs several times.

    >>> offset_in("SELECT a FROM t", "Binder Error: no a!\\n\\nLINE 1: SELECT a FROM t\\n               ^")
    7
    """
    found = _LINE.search(message)
    if found is None:
        return None
    quoted, before = found[1], len(found[2])
    label = _LABEL.match(found[0])
    assert label is not None  # as _LINE begins
    column = before - len(label[0])
    if quoted.startswith(_CUT):
        quoted, column = quoted.removeprefix(_CUT), column - len(_CUT)
    piece = quoted.removesuffix(_CUT)
    if column < 0 or not piece or sql.count(piece) != 1:
        return None
    return len(sql[: sql.index(piece) + column].encode())


def _where_binding_fails(cursor: duckdb.DuckDBPyConnection, sql: str) -> int | None:
    """Return at which byte DuckDB fails when it only plans a query; None where it plans it well."""
    explained = f"EXPLAIN {sql}"
    cursor.execute("BEGIN TRANSACTION READ ONLY")
    try:
        cursor.execute(explained)
    except duckdb.Error as error:
        at = offset_in(explained, str(error))
        return None if at is None else at - len("EXPLAIN ")
    return None


def _is_wrapped(asked: Node) -> bool:
    """Say whether a query has a computed LIMIT, so that SELECT * FROM (...) LIMIT n is written around it."""
    limits = [modifier for modifier in asked["modifiers"] if modifier["type"] == "LIMIT_MODIFIER"]
    return any(((one["limit"] or {}).get("literal") or {}).get("kind") != "INTEGER" for one in limits)


def _places(ran: Node, asked: Node) -> dict[int, int]:
    """Return for each place of a node in the text that ran its place in the user's text."""
    places: dict[int, int] = {}
    pending: list[tuple[Any, Any]] = [(ran, asked)]
    while pending:
        one, other = pending.pop()
        if isinstance(one, dict) and isinstance(other, dict):
            if "query_location" in one and "query_location" in other:
                places.setdefault(one["query_location"], other["query_location"])
            pending.extend((one[name], other[name]) for name in one.keys() & other.keys())
        elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
            pending.extend(zip(one, other, strict=True))
    return places
