"""What was known at a prediction time, as conditions for queries over events.

The same rule as `ehr.timelines.past_ends`, for whatever reads events by SQL: static facts, which have no time, and
what has a time up to and including the prediction time. No query spells this condition by itself.
"""

from datetime import timedelta

from sqlglot import exp


def known(time: exp.Expr, prediction_time: exp.Expr) -> exp.Expr:
    """Return the condition that an event with this time was known at the prediction time.

    >>> known(exp.column("time", "event"), exp.column("prediction_time", "label")).sql("duckdb")
    '(event.time IS NULL OR event.time <= label.prediction_time)'
    """
    is_past = exp.LTE(this=time.copy(), expression=prediction_time.copy())
    return exp.paren(exp.or_(time.copy().is_(exp.null()), is_past))


def known_within(time: exp.Expr, prediction_time: exp.Expr, span: timedelta) -> exp.Expr:
    """Return the condition that a known event lies less than `span` before the prediction time.

    It narrows what `known` lets pass and is no cut of its own; static facts lie in no span.

    >>> known_within(exp.column("time"), exp.column("day", "row"), timedelta(days=1)).sql("duckdb")
    "time > row.day - INTERVAL '86400' SECOND"
    """
    seconds = exp.Interval(this=exp.Literal.string(str(int(span.total_seconds()))), unit=exp.var("SECOND"))
    begin = exp.Sub(this=prediction_time.copy(), expression=seconds)
    return exp.GT(this=time.copy(), expression=begin)
