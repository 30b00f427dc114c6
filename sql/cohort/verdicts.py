"""What one rule said of one trigger, in words, with the times, values and events that it rests on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import polars as pl

from ehr.tasks import BUILT_IN, TRIGGER
from sql.cohort.nodes import AGE, SEX_FOUND
from sql.cohort.plan import LOST_AT, Plan
from sql.cohort.rules import Clear, Counts, Exists, IsAged, IsFirst, IsOfSex, Kept, Matches, Rule, Sampled
from sql.cohort.tree import Span
from sql.cohort.words import rule_in_words

Outcome = Literal["met", "broken", "not reached"]

SHOWN: Final = 3
"""How many events are named for a rule; the others are counted."""

KEPT: Final = ("code", "numeric_value", "text_value", "unit")
"""Columns of an event that evidence is told by."""

Row = Mapping[str, Any]
"""A row of sql.cohort.nodes.fate_query."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """An event that a rule looked at: when, which code, and its value in words where it has one."""

    time: datetime
    code: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule said of one trigger.

    `found` says it in words. For a rule on a window, `start` and `end` are its two times, and `evidence` the first of
    the events that it counted, `further` the number of the others.
    """

    rule: str
    outcome: Outcome
    found: str
    start: datetime | None = None
    end: datetime | None = None
    evidence: tuple[Evidence, ...] = ()
    further: int = 0


def verdict_of(plan: Plan, number: int, rule: Rule, row: Row, rows: Sequence[Row], events: pl.DataFrame) -> Verdict:
    """Judge the rule of that number for `row`, one of the `rows` of a subject with these `events`."""
    lost_at = row[LOST_AT]
    words = rule_in_words(rule)
    if lost_at is not None and number > lost_at:
        return Verdict(words, "not reached", "not looked at, since a rule before it is broken")
    outcome: Outcome = "broken" if number == lost_at else "met"
    if isinstance(rule, Exists):
        return _of_a_bound(words, outcome, rule, row, events, plan)
    if isinstance(rule, Counts):
        count = row[f"rule {number}"]
        return of_a_count(words, outcome, rule.has.predicate, rule.spans, row, events, plan, count)
    if isinstance(rule, Clear):
        count = row[f"rule {number}"]
        return of_a_count(words, outcome, rule.predicate, (rule.span,), row, events, plan, count)
    return Verdict(words, outcome, _found(rule, number, outcome, row, rows))


def _found(rule: Rule, number: int, outcome: Outcome, row: Row, rows: Sequence[Row]) -> str:
    """Say what a rule found that looks at no window."""
    if isinstance(rule, Matches):
        return "has such a fact" if outcome == "met" else "has no such fact"
    if isinstance(rule, IsAged):
        return "no birth is recorded" if row[AGE] is None else f"aged {row[AGE]}"
    if isinstance(rule, IsOfSex):
        return "no sex is recorded" if row[SEX_FOUND] is None else f"recorded as {row[SEX_FOUND]}"
    if isinstance(rule, IsFirst | Kept):
        stays = [one[TRIGGER] for one in rows if one[LOST_AT] is None or one[LOST_AT] > number]
        return f"the trigger that stays is that of {stays[0]}" if stays else "none stays"
    drawn = "drawn" if isinstance(rule, Sampled) else "chosen"
    return drawn if outcome == "met" else f"not {drawn}"


def _of_a_bound(words: str, outcome: Outcome, rule: Exists, row: Row, events: pl.DataFrame, plan: Plan) -> Verdict:
    """Say which event a bound was tied to."""
    time = row[rule.node.name]
    if time is None:
        return Verdict(words, outcome, f"there is none {'before' if rule.node.is_backward else 'after'} it")
    predicate = getattr(rule.node.step, "predicate", "")
    there = events.filter(pl.col("time") == time, _matches(plan, predicate)) if events.height else events
    return Verdict(words, outcome, f"found at {time}", time, time, *_evidence(there))


def of_a_count(
    words: str,
    outcome: Outcome,
    predicate: str,
    spans: Sequence[Span],
    row: Row,
    events: pl.DataFrame,
    plan: Plan,
    count: int,
) -> Verdict:
    """Say how often a predicate was counted in a window, and by which events."""
    start, end = row[spans[0].first], row[spans[-1].last]
    inside = [events.filter(_in(span, row), _matches(plan, predicate)) for span in spans if events.height]
    times = "once" if count == 1 else f"{count} times" if count else "never"
    found = _evidence(pl.concat(inside)) if inside else ((), 0)
    return Verdict(words, outcome, f"counted {times} from {start} to {end}", start, end, *found)


def _in(span: Span, row: Row) -> pl.Expr:
    first, last, time = row[span.first], row[span.last], pl.col("time")
    since = time.ge(first) if span.first_inclusive else time.gt(first)
    until = time.le(last) if span.last_inclusive else time.lt(last)
    return since & until


def _matches(plan: Plan, predicate: str) -> pl.Expr:
    """Return whether an event matches a plain predicate that the predicate of that name rests on."""
    inputs = [] if predicate in BUILT_IN or not predicate else _plain_inputs(plan, predicate)
    return pl.any_horizontal(pl.col(name) > 0 for name in inputs) if inputs else pl.lit(value=False)


def _plain_inputs(plan: Plan, predicate: str) -> Sequence[str]:
    return [one.name for one in plan.task.plain_inputs(predicate) if not one.static]


def _evidence(events: pl.DataFrame) -> tuple[tuple[Evidence, ...], int]:
    rows = events.head(SHOWN).iter_rows(named=True)
    return tuple(Evidence(row["time"], row["code"], _value(row)) for row in rows), max(0, events.height - SHOWN)


def _value(row: Row) -> str | None:
    number, text = row.get("numeric_value"), row.get("text_value")
    if number is None:
        return text
    return f"{number:g} {row.get('unit') or ''}".strip()
