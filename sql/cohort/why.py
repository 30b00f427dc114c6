"""Why a subject is in a cohort or not: what became of each trigger, rule by rule, with the events that decided it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import polars as pl
from sqlglot import exp

from ehr.errors import UnknownSubject
from ehr.store import Store
from ehr.tasks import BUILT_IN, TRIGGER, Task
from sql.cohort.concepts import with_concepts
from sql.cohort.moments import moment_tables
from sql.cohort.names import with_safe_names
from sql.cohort.nodes import fate_names, fate_query
from sql.cohort.occurrences import OCCURRENCE
from sql.cohort.plan import LOST_AT, Compat, Plan, looks_at_others, plan_task
from sql.cohort.records import Records, records_of_store, records_of_subject
from sql.cohort.rules import Counts, Exists, Matches, Rule
from sql.cohort.run import check_columns
from sql.cohort.tree import Span
from sql.cohort.words import rule_in_words, trigger_in_words

Outcome = Literal["met", "broken", "not reached"]

SHOWN: Final = 3
"""How many events are named for a rule; the others are counted."""

_KEPT: Final = ("code", "numeric_value", "text_value", "unit")


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


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one trigger: in the cohort, or out at the first broken rule.

    `label` counts the label of a trigger that is in, and `outcome` says by which events.
    """

    trigger: datetime
    is_in: bool
    prediction_time: datetime | None
    label: int | None
    verdicts: tuple[Verdict, ...]
    outcome: Verdict | None = None


@dataclass(frozen=True, slots=True)
class Membership:
    """Whether and why a subject is in a cohort; without a trigger there are no fates."""

    task: str
    subject_id: int
    trigger: str
    fates: tuple[Fate, ...]

    @property
    def is_in(self) -> bool:
        """Whether the subject has a row in the cohort."""
        return any(fate.is_in for fate in self.fates)


def explain_membership(store: Store, task: Task, subject_id: int, *, compat: Compat = "none") -> Membership:
    """Say for each trigger of a subject of `store` which rules it met and which it broke, and on what grounds."""
    records = records_of_store(store) if looks_at_others(task) else records_of_subject(store, subject_id)
    return explain_subject(records, task, subject_id, compat=compat)


def explain_subject(records: Records, task: Task, subject_id: int, *, compat: Compat = "none") -> Membership:
    """Say the same of a subject of any `records`.

    Raises UnknownSubject when they have none of this number, TaskError when the task asks for a column or for a
    concept that they do not have.
    """
    plan = plan_task(task, wide=True, compat=compat)
    check_columns(plan, records)
    records = with_concepts(records, task)
    safe = plan_task(with_safe_names(task), wide=True, compat=compat)
    rows = _of_subject(records, fate_query(safe, records), subject_id).rename(
        dict(zip(fate_names(safe), fate_names(plan), strict=True))
    )
    if rows.is_empty():
        _require(records, subject_id)
    events = _events(records, plan, safe, subject_id)
    fates = tuple(_fate(plan, row, events) for row in rows.sort(TRIGGER).iter_rows(named=True))
    return Membership(task.name, subject_id, trigger_in_words(task), fates)


def _require(records: Records, subject_id: int) -> None:
    if _of_subject(records, exp.select("*").from_(records.subjects.subquery("known")), subject_id).is_empty():
        raise UnknownSubject(f"the data have no subject {subject_id}")


def _of_subject(records: Records, query: exp.Select, subject_id: int) -> pl.DataFrame:
    chosen = exp.select("*").from_(query.subquery("everybody")).where(exp.column("subject_id").eq(subject_id))
    return pl.DataFrame(pl.from_arrow(records.answer(chosen)))


def _events(records: Records, plan: Plan, safe: Plan, subject_id: int) -> pl.DataFrame:
    """Return the events of a subject that match a plain predicate, in order of time, with a flag for each."""
    kept = [name for name in _KEPT if name in records.columns]
    tables = dict(moment_tables(safe, records, kept))
    if OCCURRENCE not in tables:
        return pl.DataFrame(schema={"time": pl.Datetime("us")})
    query = exp.select("*").from_(OCCURRENCE)
    for name in list(tables)[: list(tables).index(OCCURRENCE) + 1]:
        query = query.with_(exp.to_identifier(name), as_=tables[name])
    names = {one.name: other.name for one, other in zip(safe.plain, plan.plain, strict=True)}
    return _of_subject(records, query, subject_id).rename(names).sort("time", "code")


def _fate(plan: Plan, row: Mapping[str, Any], events: pl.DataFrame) -> Fate:
    lost_at = row[LOST_AT]
    verdicts = tuple(_verdict(plan, number, rule, row, events) for number, rule in enumerate(plan.rules, start=1))
    is_in = lost_at is None
    at = row[plan.index] if plan.index is not None and is_in else None
    if not is_in or plan.label is None:
        return Fate(row[TRIGGER], is_in, at, None, verdicts)
    predicate, spans = plan.label
    outcome = _of_a_count(f"label: {predicate}", "met", predicate, spans, row, events, plan, row["label"])
    return Fate(row[TRIGGER], is_in, at, row["label"], verdicts, outcome)


def _verdict(plan: Plan, number: int, rule: Rule, row: Mapping[str, Any], events: pl.DataFrame) -> Verdict:
    lost_at = row[LOST_AT]
    words = rule_in_words(rule)
    if lost_at is not None and number > lost_at:
        return Verdict(words, "not reached", "not looked at, since a rule before it is broken")
    outcome: Outcome = "broken" if number == lost_at else "met"
    if isinstance(rule, Matches):
        return Verdict(words, outcome, "has such a fact" if outcome == "met" else "has no such fact")
    if isinstance(rule, Exists):
        return _of_a_bound(words, outcome, rule, row, events, plan)
    if not isinstance(rule, Counts):
        return Verdict(words, outcome, "it is so" if outcome == "met" else "it is not so")
    count = row[f"rule {number}"]
    return _of_a_count(words, outcome, rule.has.predicate, rule.spans, row, events, plan, count)


def _of_a_bound(
    words: str, outcome: Outcome, rule: Exists, row: Mapping[str, Any], events: pl.DataFrame, plan: Plan
) -> Verdict:
    """Say which event a bound was tied to."""
    time = row[rule.node.name]
    if time is None:
        return Verdict(words, outcome, f"there is none {'before' if rule.node.is_backward else 'after'} it")
    predicate = getattr(rule.node.step, "predicate", "")
    there = events.filter(pl.col("time") == time, _matches(plan, predicate)) if events.height else events
    return Verdict(words, outcome, f"found at {time}", time, time, *_evidence(there))


def _of_a_count(
    words: str,
    outcome: Outcome,
    predicate: str,
    spans: Sequence[Span],
    row: Mapping[str, Any],
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


def _in(span: Span, row: Mapping[str, Any]) -> pl.Expr:
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


def _value(row: Mapping[str, Any]) -> str | None:
    number, text = row.get("numeric_value"), row.get("text_value")
    if number is None:
        return text
    return f"{number:g} {row.get('unit') or ''}".strip()


def lines(membership: Membership) -> Iterator[str]:
    """Write a membership for a person, a line each.

    A trigger first, then its rules: `+` met, `-` broken, `.` not reached, each with what was found; last its label.
    """
    verdict = "is in the cohort" if membership.is_in else "is not in the cohort"
    yield f"Patient {membership.subject_id} {verdict} {membership.task}."
    if not membership.fates:
        yield f"There is no trigger ({membership.trigger})."
    for fate in membership.fates:
        yield ""
        yield f"{fate.trigger}  {'in' if fate.is_in else 'out'}{_marks(fate)}"
        for one in fate.verdicts:
            yield from _verdict_lines(_SIGNS[one.outcome], one)
        if fate.outcome is not None:
            yield from _verdict_lines("=", fate.outcome)


def _verdict_lines(sign: str, verdict: Verdict) -> Iterator[str]:
    yield f"  {sign} {verdict.rule}"
    yield f"      {verdict.found}"
    for event in verdict.evidence:
        yield f"      {event.time}  {event.code}{f' = {event.value}' if event.value else ''}"
    if verdict.further:
        yield f"      and {verdict.further} more"


_SIGNS: Final[dict[Outcome, str]] = {"met": "+", "broken": "-", "not reached": "."}


def _marks(fate: Fate) -> str:
    marks = [f"predicted at {fate.prediction_time}"] if fate.prediction_time else []
    marks += [f"label counted {fate.label}"] if fate.label is not None else []
    return "".join(f", {mark}" for mark in marks)
