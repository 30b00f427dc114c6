"""Why a subject is in a cohort or not: what became of each trigger, rule by rule, with the events that decided it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import polars as pl
from sqlglot import exp

from ehr.errors import UnknownSubject
from ehr.store import Store
from ehr.tasks import TRIGGER, Task
from sql.cohort.concepts import with_concepts
from sql.cohort.moments import moment_tables
from sql.cohort.names import with_safe_names
from sql.cohort.nodes import fate_names, fate_query
from sql.cohort.occurrences import OCCURRENCE, looks_at_several_rows, value_table
from sql.cohort.plan import LOST_AT, Compat, Plan, looks_at_others, plan_task
from sql.cohort.records import Records, records_of_store, records_of_subject
from sql.cohort.run import check_columns
from sql.cohort.verdicts import KEPT, Outcome, Row, Verdict, of_a_count, verdict_of
from sql.cohort.words import trigger_in_words


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
    every = rows.sort(TRIGGER).rows(named=True)
    fates = tuple(_fate(plan, row, every, events) for row in every)
    return Membership(task.name, subject_id, trigger_in_words(task), fates)


def _require(records: Records, subject_id: int) -> None:
    if _of_subject(records, exp.select("*").from_(records.subjects.subquery("known")), subject_id).is_empty():
        raise UnknownSubject(f"the data have no subject {subject_id}")


def _of_subject(records: Records, query: exp.Select, subject_id: int) -> pl.DataFrame:
    chosen = exp.select("*").from_(query.subquery("everybody")).where(exp.column("subject_id").eq(subject_id))
    return pl.DataFrame(pl.from_arrow(records.answer(chosen)))


def _events(records: Records, plan: Plan, safe: Plan, subject_id: int) -> pl.DataFrame:
    """Return the events of a subject that match a plain predicate, in order of time, with a flag for each.

    An event that one predicate tells by itself and another by earlier ones stands there twice, once for each.
    """
    kept = [name for name in KEPT if name in records.columns]
    tables = dict(moment_tables(safe, records, kept))
    if OCCURRENCE not in tables:
        return pl.DataFrame(schema={"time": pl.Datetime("us")})
    names = {one.name: other.name for one, other in zip(safe.plain, plan.plain, strict=True)}
    several = [one.name for one in safe.plain if looks_at_several_rows(one)]
    alone = _of_subject(records, _rows_of(OCCURRENCE, tables), subject_id).drop(several)
    frames = [alone.filter(pl.any_horizontal(pl.col(name) > 0 for name in names.keys() & set(alone.columns)))]
    for name in several:
        rows = _of_subject(records, _rows_of(value_table(safe, name).table, tables), subject_id)
        frames.append(rows.with_columns(pl.lit(1).alias(name)))
    together = pl.concat(frames, how="diagonal_relaxed").with_columns(pl.col(*names).fill_null(0))
    return together.rename(names).sort("time", "code", maintain_order=True)


def _rows_of(table: str, tables: Mapping[str, exp.Query]) -> exp.Select:
    """Return the query of one of the tables that build up on each other."""
    query = exp.select("*").from_(table)
    for name in list(tables)[: list(tables).index(table) + 1]:
        query = query.with_(exp.to_identifier(name), as_=tables[name])
    return query


def _fate(plan: Plan, row: Row, rows: Sequence[Row], events: pl.DataFrame) -> Fate:
    lost_at = row[LOST_AT]
    verdicts = tuple(
        verdict_of(plan, number, rule, row, rows, events) for number, rule in enumerate(plan.rules, start=1)
    )
    is_in = lost_at is None
    at = row[plan.index] if plan.index is not None and is_in else None
    if not is_in or plan.label is None:
        return Fate(row[TRIGGER], is_in, at, None, verdicts)
    predicate, spans = plan.label
    outcome = of_a_count(f"label: {predicate}", "met", predicate, spans, row, events, plan, row["label"])
    return Fate(row[TRIGGER], is_in, at, row["label"], verdicts, outcome)


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
