"""The SQL of a question for SQLite, where times are text and dates have functions of their own."""

from typing import cast

from sqlglot import exp

from ehr.errors import QuestionError


def to_sqlite(tree: exp.Expr) -> str:
    """Return a compiled question as SQL for SQLite, with times stored as text `2100-12-31 23:59:00`.

    Raises QuestionError for a function that is not mapped.
    """
    return tree.copy().transform(_mapped).sql(dialect="sqlite", comments=False)


def _mapped(node: exp.Expr) -> exp.Expr:
    """Return a node for SQLite; the parts of what is returned are visited after it."""
    if isinstance(node, exp.Add):
        return _later(node)
    if isinstance(node, exp.TimestampTrunc):
        unit = node.args["unit"].name.lower()
        return _call("DATETIME", node.this, exp.Literal.string(f"start of {unit}"))
    if isinstance(node, exp.DateDiff):
        days = exp.Sub(this=_call("JULIANDAY", node.this), expression=_call("JULIANDAY", node.expression))
        return exp.paren(exp.Mul(this=exp.paren(days), expression=exp.Literal.number("86400.0")))
    if isinstance(node, exp.Cast) and node.to.this == exp.DType.TIMESTAMP:
        return cast(exp.Expr, node.this)
    if isinstance(node, exp.Anonymous) and node.name.upper() == "DATE_SUB":
        return _years(node)
    return node


def _call(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=list(arguments))


def _later(node: exp.Add) -> exp.Expr:
    """Return a time plus an interval; the detour over the start of a month is SQLite's own way of adding months."""
    time, interval = node.this, node.expression
    if isinstance(time, exp.Add) and isinstance(time.expression, exp.Interval) and isinstance(interval, exp.Paren):
        time, interval = interval.this.this, time.expression
    if not isinstance(interval, exp.Interval):
        return node
    amount, unit = int(interval.this.name), interval.args["unit"].name.lower()
    if unit == "week":
        amount, unit = 7 * amount, "day"
    return _call("DATETIME", time, exp.Literal.string(f"+{amount} {unit}"))


def _years(node: exp.Anonymous) -> exp.Expr:
    part, birth, time = node.expressions
    if part.name != "year":
        raise QuestionError(f"the difference in {part.name} cannot be written for SQLite; ask DuckDB")
    years = exp.Sub(this=_integer("%Y", time), expression=_integer("%Y", birth))
    early = exp.LT(this=_format("%m-%d", time), expression=_format("%m-%d", birth))
    return exp.paren(exp.Sub(this=years, expression=exp.paren(early)))


def _format(pattern: str, time: exp.Expr) -> exp.Expr:
    return _call("STRFTIME", exp.Literal.string(pattern), time.copy())


def _integer(pattern: str, time: exp.Expr) -> exp.Expr:
    return exp.cast(_format(pattern, time), exp.DType.INT)
