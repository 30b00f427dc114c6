"""A slow, plain reading of what a task means, to compare the compiled query with: one subject, one moment at a time.

Written from the semantics alone; it shares with the compiler only the values of `ehr.tasks`.
"""

import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ehr.tasks import ANY_EVENT, RECORD_END, RECORD_START, Derived, Plain, Shift, Step, Task, Window


@dataclass(frozen=True)
class Event:
    subject_id: int
    time: datetime | None
    code: str
    numeric_value: float | None = None
    unit: str | None = None


def reference_rows(
    task: Task, events: Sequence[Event], matches_regex: Callable[[str, str], bool]
) -> list[dict[str, Any]]:
    """Return the rows of a wide cohort as dictionaries: subject_id, trigger, index_timestamp, label, windows."""
    rows = []
    for subject_id in sorted({event.subject_id for event in events}):
        subject = Subject(task, [event for event in events if event.subject_id == subject_id], matches_regex)
        if subject.is_eligible():
            rows += [{"subject_id": subject_id, **row} for row in subject.rows()]
    return rows


class Subject:
    def __init__(self, task: Task, events: Sequence[Event], matches_regex: Callable[[str, str], bool]) -> None:
        self.task = task
        self.static = [event for event in events if event.time is None]
        self.timed = [event for event in events if event.time is not None]
        self.moments = sorted({event.time for event in self.timed if event.time is not None})
        self.matches_regex = matches_regex

    def is_eligible(self) -> bool:
        static = [p for p in (*self.task.demographics, *self.task.predicates) if isinstance(p, Plain) and p.static]
        return all(any(self.matches(p, event) for event in self.static) for p in static)

    def matches(self, predicate: Plain, event: Event) -> bool:
        if predicate.regex is None:
            if event.code not in predicate.codes:
                return False
        elif not self.matches_regex(predicate.regex, event.code):
            return False
        low, high = predicate.value.minimum, predicate.value.maximum
        if not predicate.value.is_open:
            if event.numeric_value is None:
                return False
            value = single(event.numeric_value)
            if low is not None and not math.isnan(value):
                low = single(low)
                if not (value >= low if predicate.value.minimum_inclusive else value > low):
                    return False
            if high is not None:
                high = single(high)
                if math.isnan(value) or not (value <= high if predicate.value.maximum_inclusive else value < high):
                    return False
        return all(wanted is not None and getattr(event, name) == wanted for name, wanted in predicate.columns)

    def count_at(self, name: str, moment: datetime) -> int:
        if name == ANY_EVENT:
            return 1
        if name == RECORD_START:
            return int(moment == self.moments[0])
        if name == RECORD_END:
            return int(moment == self.moments[-1])
        predicate = self.task.predicate(name)
        if isinstance(predicate, Derived):
            truths = [self.count_at(source, moment) > 0 for source in predicate.inputs]
            return int(all(truths) if predicate.operator == "and" else any(truths))
        if predicate.static:
            return 1
        return sum(event.time == moment and self.matches(predicate, event) for event in self.timed)

    def rows(self) -> list[dict[str, Any]]:
        found = []
        for moment in self.moments:
            if self.count_at(self.task.trigger, moment) > 0:
                row = self.row(moment)
                if row is not None:
                    found.append(row)
        return found

    def row(self, trigger: datetime) -> dict[str, Any] | None:
        row: dict[str, Any] = {"trigger": trigger}
        for window in self.task.windows:
            sides = self.sides(window, trigger)
            if sides is None:
                return None
            for has in window.has:
                count = self.count_in(window, has.predicate, *sides)
                if (has.minimum is not None and count < has.minimum) or (
                    has.maximum is not None and count > has.maximum
                ):
                    return None
            if window.label is not None:
                row["label"] = self.count_in(window, window.label, *sides)
            if window.index_timestamp is not None:
                row["index_timestamp"] = sides[0] if window.index_timestamp == "start" else sides[1]
            row[window.name] = sides
        return row

    def sides(self, window: Window, trigger: datetime) -> tuple[datetime, datetime] | None:
        if window.reference == "trigger":
            reference: datetime | None = trigger
        else:
            name, _, side = window.reference.rpartition(".")
            others = self.sides(self.task.window(name), trigger)
            reference = others and others[0 if side == "start" else 1]
        anchor = self.step(window.to_anchor, reference, at_once=False)
        bound = self.step(window.to_bound, anchor, at_once=window.bound_inclusive)
        if anchor is None or bound is None:
            return None
        return (anchor, bound) if window.anchor == "start" else (bound, anchor)

    def step(self, step: Step, origin: datetime | None, *, at_once: bool) -> datetime | None:
        """Return where a step leads; `at_once` allows an event at the origin itself."""
        if origin is None:
            return None
        if isinstance(step, Shift):
            return origin + step.offset
        hits = [moment for moment in self.moments if self.count_at(step.predicate, moment) > 0]
        if step.forward:
            return min((hit for hit in hits if hit > origin or (at_once and hit == origin)), default=None)
        return max((hit for hit in hits if hit < origin or (at_once and hit == origin)), default=None)

    def count_in(self, window: Window, name: str, start: datetime, end: datetime) -> int:
        return sum(
            self.count_at(name, moment)
            for moment in self.moments
            if (moment > start or (window.start_inclusive and moment == start))
            and (moment < end or (window.end_inclusive and moment == end))
        )


def single(number: float) -> float:
    """Round to a 32-bit float."""
    try:
        return float(struct.unpack("f", struct.pack("f", number))[0])
    except OverflowError:
        return math.copysign(math.inf, number)
