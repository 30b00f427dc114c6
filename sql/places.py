"""Saying where in a query something stands, and which known names are near to a wrong one."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import NamedTuple

from sqlglot import Token, exp


class Position(NamedTuple):
    """A place in the text of a query; both are counted from 1, the column in characters."""

    line: int
    column: int


def position_of(node: exp.Expr) -> Position | None:
    """Return where a node, or the first of its parts that knows it, stands in the text of the user.

    >>> position_of(exp.column("code"))
    """
    for part in node.walk():
        if part.meta.get("line"):
            return _begin(part.meta["line"], part.meta["col"], part.meta["end"] - part.meta["start"])
    return None


def position_of_token(token: Token) -> Position | None:
    """Return where a token stands in the text of the user."""
    return _begin(token.line, token.col, token.end - token.start)


def _begin(line: int, last_column: int, length: int) -> Position | None:
    """Return where a token begins, of which sqlglot tells the end; None for one of several lines."""
    return Position(line, last_column - length) if last_column > length else None


def position_in(text: str, start: int) -> Position:
    """Return where a character of the query stands.

    >>> position_in("SELECT 1\\nFROM x", 14)
    Position(line=2, column=6)
    """
    return Position(text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start))


def position_at(text: str, byte: int) -> Position | None:
    """Return where a byte of the query, as DuckDB counts, stands; None for a byte outside of it.

    >>> position_at("SELECT 1\\nFROM x", 14)
    Position(line=2, column=6)
    """
    encoded = text.encode()
    if not 0 <= byte <= len(encoded):
        return None
    return position_in(text, len(encoded[:byte].decode(errors="ignore")))


def place(at: Position | None) -> str:
    """Return a position as it stands in a sentence, or nothing.

    >>> place(Position(2, 6)), place(None)
    (' (line 2, column 6)', '')
    """
    return f" (line {at.line}, column {at.column})" if at else ""


def near(name: str, known: Iterable[str], likeness: float = 0.6) -> list[str]:
    """Return up to three of the names known that are like the one given, from 0 to 1, the nearest first.

    >>> near("evnt", ["event", "code"])
    ['event']
    """
    return get_close_matches(name.lower(), sorted(known), n=3, cutoff=likeness)


def suggestion(names: Iterable[str]) -> str:
    """Return a half sentence with names that may be meant, or nothing.

    >>> suggestion(["event"])
    "; did you mean 'event'?"
    """
    meant = " or ".join(repr(name) for name in names)
    return f"; did you mean {meant}?" if meant else ""
