"""Predicates that rest on others, told from the moments: `and`, `or`, `unless`, `followed`, `preceded`, scores."""

from collections.abc import Iterable
from datetime import timedelta

from sqlglot import exp

from ehr.tasks import Composed, Derived, Near, Part, Score
from sql.cohort.changes import within_span
from sql.cohort.expressions import column, one_if


def with_composed(moments: exp.Select, composed: Iterable[Composed], static: set[str], placed: set[str]) -> exp.Query:
    """Add composed predicates to moments, one layer of a query for each depth.

    `static` are the predicates that are true of whoever is in the cohort, `placed` those that the moments count.
    """
    waiting = list(composed)
    placed = placed | static
    query: exp.Select = moments
    while waiting:
        layer = [one for one in waiting if placed.issuperset(one.inputs)]
        scores = [one for one in layer if isinstance(one, Score)]
        if scores:
            points = [_score(one).as_(_score_name(one), quoted=True) for one in scores]
            query = exp.select("*", *points).from_(query.subquery("moments"))
        flags = [one_if(_test(one, static)).as_(one.name, quoted=True) for one in layer]
        query = exp.select("*", *flags).from_(query.subquery("moments"))
        placed |= {one.name for one in layer}
        waiting = [one for one in waiting if one not in layer]
    return query


def _test(predicate: Composed, static: set[str]) -> exp.Expr:
    if isinstance(predicate, Derived):
        return _derived_test(predicate, static)
    return _near_test(predicate) if isinstance(predicate, Near) else _score_test(predicate)


def _derived_test(predicate: Derived, static: set[str]) -> exp.Expr:
    """Return the test of a derived predicate; a static input is true of whoever is in the cohort."""
    tests: list[exp.Expr] = [exp.true() if name in static else _happens(name) for name in predicate.inputs]
    if predicate.operator == "unless":
        return exp.and_(tests[0], exp.not_(tests[1]))
    return exp.and_(*tests) if predicate.operator == "and" else exp.or_(*tests)


def _near_test(predicate: Near) -> exp.Expr:
    """Return the test that `first` happens at a moment and `second` within the span after or before it."""
    at_once = timedelta(0)
    since, until = (at_once, -predicate.within) if predicate.after else (predicate.within, at_once)
    seen = within_span(exp.Max(this=one_if(_happens(predicate.second))), since, until)
    return exp.and_(_happens(predicate.first), exp.GT(this=seen, expression=_number(0)))


def _score_name(score: Score) -> str:
    return f"{score.name} score"


def _score(score: Score) -> exp.Expr:
    """Return the score of a moment at which one of its predicates counts something, null at others."""
    total: exp.Expr | None = None
    for part in score.parts:
        most = within_span(exp.Max(this=_points(part)), score.within, timedelta(0))
        total = most if total is None else exp.Add(this=total, expression=most)
    return exp.Case(ifs=[exp.If(this=_is_moment(score), true=total)])


def _is_moment(score: Score) -> exp.Expr:
    return exp.or_(*(_happens(name) for name in score.inputs))


def _points(part: Part) -> exp.Expr:
    """Return the most points of a part that a moment gives by itself, 0 without any."""
    ranked = sorted(part.points, key=lambda pair: -pair[1])
    cases = [exp.If(this=_happens(name), true=_number(points)) for name, points in ranked]
    return exp.Case(ifs=cases, default=_number(0))


def _score_test(score: Score) -> exp.Expr:
    points = column(_score_name(score))
    tests: list[exp.Expr] = []
    if score.minimum is not None:
        tests.append(exp.GTE(this=points, expression=_number(score.minimum)))
    if score.rise is not None and score.over is not None:
        earlier = within_span(exp.Min(this=points.copy()), score.over, timedelta(microseconds=1))
        rise = exp.Sub(this=points.copy(), expression=exp.func("COALESCE", earlier, _number(0)))
        tests.append(exp.GTE(this=rise, expression=_number(score.rise)))
    return exp.and_(*tests)


def _happens(name: str) -> exp.Expr:
    return exp.GT(this=column(name), expression=_number(0))


def _number(number: float) -> exp.Expr:
    """Write points as SQL writes numbers: whole ones as integers, others as decimals, so that sums are exact."""
    return exp.Literal.number(f"{number:.12f}".rstrip("0").rstrip("."))
