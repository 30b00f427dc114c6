"""Saying where in a query something stands, and which known name is near to a wrong one."""

from collections.abc import Iterable
from difflib import get_close_matches

from sqlglot import exp


def place(node: exp.Expr) -> str:
    """Say where in the text of the user a node stands, or nothing where that is unknown.

    >>> place(exp.column("code"))
    ''
    """
    for part in node.walk():
        if part.meta.get("line"):
            column = part.meta["col"] - (part.meta["end"] - part.meta["start"])
            return f" (line {part.meta['line']}, column {column})"
    return ""


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return a half sentence with the nearest of the names known, or nothing.

    >>> suggestion("evnt", ["event", "code"])
    "; did you mean 'event'?"
    """
    near = get_close_matches(name.lower(), sorted(known), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(repr(match) for match in near)}?" if near else ""
