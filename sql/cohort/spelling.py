"""A query written out to be read: one clause a line, and long lists of literals on few lines."""

import re
from collections.abc import Iterable, Iterator
from secrets import token_hex
from typing import Final

from sqlglot import Dialect, exp

WIDTH: Final = 118


def readable(query: exp.Query, dialect: str = "duckdb") -> str:
    """Return the SQL of a query with as many items of a long list on a line as fit."""
    mark = f"list_{token_hex(8)}_"  # that no text of the query holds
    lines: list[str] = []
    lists = [(node, node.expressions) for node in query.find_all(exp.Values, exp.In) if len(node.expressions) > 1]
    writer = Dialect.get_or_raise(dialect).generator()
    for node, items in lists:
        first = len(lines)
        lines += _lines(writer.generate(item, copy=False) for item in items)
        node.set("expressions", [exp.Var(this=f"{mark}{number}_") for number in range(first, len(lines))])
    text = query.sql(dialect, pretty=True)
    for node, items in lists:
        node.set("expressions", items)
    return re.sub(rf"{mark}(\d+)_", lambda found: lines[int(found[1])], text)


def _lines(items: Iterable[str]) -> Iterator[str]:
    """Join items to lines of at most WIDTH characters, or of one item."""
    line = ""
    for item in items:
        if line and len(line) + len(item) + 2 > WIDTH:
            yield line
            line = ""
        line += f", {item}" if line else item
    yield line
