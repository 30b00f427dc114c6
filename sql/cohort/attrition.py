"""How many each rule of a task left: subjects, rows (one per trigger), and events of the subjects who are left."""

from dataclasses import dataclass

import polars as pl
from sqlglot import exp

from sql.cohort.plan import LOST_AT, Plan
from sql.cohort.records import Records
from sql.cohort.words import rule_in_words, trigger_in_words


@dataclass(frozen=True, slots=True)
class Step:
    """One rule and what it left: subjects, rows (one per trigger) and events; what is lost is the difference.

    Events are those in the whole records of the subjects; None where they were not counted.
    """

    rule: str
    subjects_before: int
    subjects_after: int
    rows_before: int
    rows_after: int
    events_before: int | None = None
    events_after: int | None = None


@dataclass(frozen=True, slots=True)
class Everybody:
    """How many subjects there are, and where asked for how many events each has (columns subject_id, events)."""

    subjects: int
    events: pl.DataFrame | None = None


def everybody(records: Records, *, with_events: bool) -> Everybody:
    """Count the subjects of `records`, and their events `with_events`, at the price of a look at every event."""
    if with_events:
        counted = exp.select("subject_id", exp.Count(this=exp.Star()).as_("events")).from_("event")
        events = pl.DataFrame(pl.from_arrow(records.answer(counted.group_by("subject_id"))))
        if any(table.name == "event" for table in records.subjects.find_all(exp.Table)):
            return Everybody(events.height, events)
    subjects = exp.select(exp.Count(this=exp.Star()).as_("n")).from_(records.subjects.subquery("everybody"))
    return Everybody(records.answer(subjects).column("n")[0].as_py(), events if with_events else None)


def attrition(plan: Plan, judged: pl.DataFrame, all_subjects: Everybody) -> tuple[Step, ...]:
    """Count what is left after each rule, from the first rule that each row breaks (`judged`, column lost_at).

    The first step goes from all subjects to those with a trigger; what a step leaves is what the next begins with.
    """
    names = [trigger_in_words(plan.task), *(rule_in_words(rule) for rule in plan.rules)]
    last = len(plan.rules) + 1
    fate = judged.select("subject_id", pl.col(LOST_AT).fill_null(last).alias("step"))
    lost_rows = _by_step(fate, pl.len())
    furthest = fate.group_by("subject_id").agg(pl.col("step").max())
    lost_subjects = _by_step(furthest, pl.len())
    events = all_subjects.events
    lost_events = None
    if events is not None:
        lost_events = _by_step(furthest.join(events, on="subject_id", how="inner"), pl.col("events").sum())
    total = int(events["events"].sum()) if events is not None else None
    subjects_left = _left([all_subjects.subjects, furthest.height], lost_subjects, last)
    rows_left = _left([judged.height, judged.height], lost_rows, last)
    events_left: list[int] | list[None] = [None] * (last + 1)
    if lost_events is not None and total is not None:
        events_left = _left([total, sum(lost_events.values())], lost_events, last)
    return tuple(
        Step(
            name,
            subjects_left[number],
            subjects_left[number + 1],
            rows_left[number],
            rows_left[number + 1],
            events_left[number],
            events_left[number + 1],
        )
        for number, name in enumerate(names)
    )


def _by_step(frame: pl.DataFrame, count: pl.Expr) -> dict[int, int]:
    """Return what was lost at each step, and under the number behind the last what was never lost."""
    return {int(step): int(n) for step, n in frame.group_by("step").agg(count.alias("n")).iter_rows()}


def _left(begin: list[int], lost: dict[int, int], last: int) -> list[int]:
    """Return what is there before the trigger, with it, and after each rule."""
    left = list(begin)
    for number in range(1, last):
        left.append(left[-1] - lost.get(number, 0))
    return left
