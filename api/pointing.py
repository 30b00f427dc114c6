"""Showing a person where in a query something is wrong: the line, and a caret beneath the place."""

from typing import Final

from rich.cells import cell_len

from ehr.errors import EhrError

WIDTH: Final = 100
"""How much of a long line is shown, in characters."""

_BEFORE: Final = 60
_AFTER: Final = 20
_INDENT: Final = "  "
_CUT: Final = "..."


def place_of(error: EhrError) -> tuple[int, int] | None:
    """Return the line and column that an error names, counted from 1, or None."""
    line, column = getattr(error, "line", None), getattr(error, "column", None)
    return (line, column) if isinstance(line, int) and isinstance(column, int) else None


def pointed(text: str, line: int, column: int) -> str:
    """Return a line of a query with a caret beneath a column; a long line is cut around it.

    Both are counted from 1, the column in characters. Nothing for a place outside of the text.

    >>> print(pointed("SELECT clas FROM encounter", 1, 8))
      SELECT clas FROM encounter
             ^
    """
    lines = text.split("\n")
    if not (0 < line <= len(lines) and 0 < column <= len(lines[line - 1]) + 1):
        return ""
    shown = "".join(character if character.isprintable() else " " for character in lines[line - 1])
    at = column - 1
    if at > WIDTH - _AFTER:
        shown, at = _CUT + shown[at - _BEFORE :], _BEFORE + len(_CUT)
    if len(shown) > WIDTH:
        shown = shown[:WIDTH] + _CUT
    return f"{_INDENT}{shown}\n{_INDENT}{' ' * cell_len(shown[:at])}^"


def explained(error: EhrError, text: str) -> str:
    """Return an error as a person reads it: its sentence, then the line of the query with a caret beneath."""
    at = place_of(error)
    shown = pointed(text, *at) if at else ""
    return f"ehr: {error}\n{shown}" if shown else f"ehr: {error}"
