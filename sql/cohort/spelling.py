"""A query written out to be read: one clause a line, and long lists of literals on few lines."""

from collections.abc import Iterable, Iterator
from typing import Final

from sqlglot import Dialect, exp

WIDTH: Final = 118
_MARK: Final = "list_line_"


def readable(query: exp.Query, dialect: str = "duckdb") -> str:
    """Return the SQL of a query with as many items of a long list on a line as fit."""
    tree = query.copy()
    mark = _MARK
    plain = query.sql(dialect)
    while mark in plain:
        mark += "_"
    lines: list[str] = []
    writer = Dialect.get_or_raise(dialect).generator()
    for node in list(tree.find_all(exp.Values, exp.In)):
        if len(node.expressions) > 1:
            first = len(lines)
            lines += _lines(writer.generate(item, copy=False) for item in node.expressions)
            node.set("expressions", [exp.Var(this=f"{mark}{number}") for number in range(first, len(lines))])
    text = tree.sql(dialect, pretty=True)
    # From the last on, so that no mark is the begin of another one that still stands.
    for number in reversed(range(len(lines))):
        text = text.replace(f"{mark}{number}", lines[number], 1)
    return text


def _lines(items: Iterable[str]) -> Iterator[str]:
    """Join items to lines of at most WIDTH characters, or of one item."""
    line = ""
    for item in items:
        if line and len(line) + len(item) + 2 > WIDTH:
            yield line
            line = ""
        line += f", {item}" if line else item
    yield line
