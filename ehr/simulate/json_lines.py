"""JSON lines from frames: a template with expressions in it becomes one text per row, without a loop over rows."""

from typing import Any, Final

import orjson
import polars as pl

ESCAPED: Final = (("\\", "\\\\"), ('"', '\\"'))
"""What must be escaped in the texts of made patients, none of which holds control characters."""


class Raw:
    """A place in a template that is filled with the JSON that an expression gives for each row."""

    def __init__(self, expression: pl.Expr) -> None:
        self.expression = expression


class Maybe:
    """A part of an object that is there in the rows where `present` is true, and left out in the others."""

    def __init__(self, present: pl.Expr, value: Any) -> None:
        self.present, self.value = present, value


def text(expression: str | pl.Expr) -> Raw:
    """Fill a place with a column or an expression as a JSON string."""
    value = (pl.col(expression) if isinstance(expression, str) else expression).cast(pl.String)
    for char, escape in ESCAPED:
        value = value.str.replace_all(char, escape, literal=True)
    return Raw(pl.format('"{}"', value))


def number(column: str) -> Raw:
    """Fill a place with a numeric column."""
    return Raw(pl.col(column).cast(pl.String).str.strip_suffix(".0"))


def json_lines(template: dict[str, Any]) -> pl.Expr:
    """Return the expression that gives the JSON of each row.

    >>> frame = pl.DataFrame({"n": [1, 2], "note": ["a", None]})
    >>> template = {"id": text("n"), "note": Maybe(pl.col("note").is_not_null(), [text("note")])}
    >>> frame.select(json_lines(template)).to_series().to_list()
    ['{"id":"1","note":["a"]}', '{"id":"2"}']
    """
    return pl.concat_str(_joined(_parts(template)))


def _parts(value: Any) -> list[str | pl.Expr]:
    if isinstance(value, Raw):
        return [value.expression]
    if isinstance(value, dict):
        return _object(value)
    if isinstance(value, list):
        parts: list[str | pl.Expr] = ["["]
        for place, item in enumerate(value):
            parts += [*([","] if place else []), *_parts(item)]
        return [*parts, "]"]
    return [orjson.dumps(value).decode()]


def _object(value: dict[str, Any]) -> list[str | pl.Expr]:
    """Return the parts of an object, whose first member is always there."""
    parts: list[str | pl.Expr] = ["{"]
    for place, (key, item) in enumerate(value.items()):
        name = f'{"," if place else ""}"{key}":'
        if isinstance(item, Maybe):
            inner = pl.concat_str(_joined([name, *_parts(item.value)]))
            parts.append(pl.when(item.present).then(inner).otherwise(pl.lit("")))
        else:
            parts += [name, *_parts(item)]
    return [*parts, "}"]


def _joined(parts: list[str | pl.Expr]) -> list[pl.Expr]:
    """Join neighbouring texts to one literal each."""
    joined: list[pl.Expr] = []
    pending = ""
    for part in parts:
        if isinstance(part, str):
            pending += part
        else:
            joined += [pl.lit(pending), part]
            pending = ""
    return [*joined, pl.lit(pending)]
