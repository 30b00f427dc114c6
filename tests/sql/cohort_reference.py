"""A slow, plain reading of what a task means, to compare the compiled query with: one subject, one moment at a time.

Written from the semantics alone; it shares with the compiler only the values of `ehr.tasks`.
"""

import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

from ehr.errors import EhrError
from ehr.tasks import (
    ANY_EVENT,
    RECORD_END,
    RECORD_START,
    Change,
    Derived,
    Near,
    Plain,
    Score,
    Shift,
    Step,
    Task,
    ValueRange,
    Window,
)
from ehr.units import convert


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
        """Say whether an event passes all tests of a predicate, those on other events included."""
        if not self.is_row(predicate, event):
            return False
        value = self.value(predicate, event)
        if predicate.change is not None and not self.changes(predicate, predicate.change, event, value):
            return False
        return predicate.value.is_open or (value is not None and lies_between(predicate.value, value))

    def is_row(self, predicate: Plain, event: Event) -> bool:
        """Say whether code and columns match."""
        if predicate.regex is None:
            if event.code not in predicate.codes:
                return False
        elif not self.matches_regex(predicate.regex, event.code):
            return False
        return all(wanted is not None and getattr(event, name) == wanted for name, wanted in predicate.columns)

    def value(self, predicate: Plain, event: Event) -> float | None:
        """Return the value of an event in the unit of a predicate, divided as it says."""
        value = in_unit(event, predicate.unit)
        if value is None or predicate.per is None:
            return value
        divisor = self.task.predicate(predicate.per.name)
        assert isinstance(divisor, Plain)
        found = [
            (-(event.time - other.time), number)  # type: ignore[operator]
            for other in self.timed
            if other.time <= event.time and self.matches(divisor, other)  # type: ignore[operator]
            if (number := self.value(divisor, other)) is not None and math.isfinite(number)
        ]
        if not found:
            return None
        last = max(age for age, _number in found)
        lowest = min(number for age, number in found if age == last)
        if -last > predicate.per.within or lowest == 0:
            return None
        quotient = value / lowest * predicate.per.scale
        return single(quotient) if abs(quotient) < 3e38 or math.isinf(value) or math.isnan(value) else None

    def changes(self, predicate: Plain, change: Change, event: Event, value: float | None) -> bool:
        """Say whether a value lies far enough from those before it."""

        def takes_part(number: float | None) -> bool:
            return number is not None and math.isfinite(number) and (change.ratio is None or number > 0)

        earlier = [
            number
            for other in self.timed
            if event.time - change.within <= other.time < event.time  # type: ignore[operator]
            if self.is_row(predicate, other)
            if takes_part(number := self.value(predicate, other))
        ]
        if value is None or not takes_part(value) or not earlier:
            return False
        extreme = min(earlier) if change.rise else max(earlier)  # type: ignore[type-var]
        assert extreme is not None
        higher, lower = (value, extreme) if change.rise else (extreme, value)
        step = 2.0**-23
        if change.ratio is not None:
            return higher >= lower * (change.ratio * (1 - 2 * step))
        assert change.by is not None
        return higher - lower + (abs(value) + abs(extreme)) * step >= change.by

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
            if predicate.operator == "unless":
                return int(truths[0] and not truths[1])
            return int(all(truths) if predicate.operator == "and" else any(truths))
        if isinstance(predicate, Near):
            return int(self.count_at(predicate.first, moment) > 0 and self.is_near(predicate, moment))
        if isinstance(predicate, Score):
            return int(self.is_high(predicate, moment))
        if predicate.static:
            return 1
        return sum(event.time == moment and self.matches(predicate, event) for event in self.timed)

    def is_near(self, near: Near, moment: datetime) -> bool:
        others = [other for other in self.moments if self.count_at(near.second, other) > 0]
        waits = [(other - moment) if near.after else (moment - other) for other in others]
        return any(wait <= near.within for wait in waits if wait >= wait * 0)

    def score(self, score: Score, moment: datetime) -> Fraction | None:
        """Return the score of a moment, or None where none of its predicates counts anything."""
        if not any(self.count_at(name, moment) > 0 for name in score.inputs):
            return None
        recent = [other for other in self.moments if moment - score.within <= other <= moment]
        return sum(
            (
                max(
                    (Fraction(points) for name, points in part.points if self.is_seen(name, recent)),
                    default=Fraction(0),
                )
                for part in score.parts
            ),
            Fraction(0),
        )

    def is_seen(self, name: str, moments: Sequence[datetime]) -> bool:
        return any(self.count_at(name, moment) > 0 for moment in moments)

    def is_high(self, score: Score, moment: datetime) -> bool:
        points = self.score(score, moment)
        if points is None or (score.minimum is not None and points < Fraction(score.minimum)):
            return False
        if score.rise is None or score.over is None:
            return True
        before = [self.score(score, other) for other in self.moments if moment - score.over <= other < moment]
        lowest = min((other for other in before if other is not None), default=Fraction(0))
        return points - lowest >= Fraction(score.rise)

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


def lies_between(bounds: ValueRange, value: float) -> bool:
    """Compare as 32-bit floats; NaN passes every lower bound and no upper one."""
    low, high = bounds.minimum, bounds.maximum
    if low is not None and not math.isnan(value):
        low = single(low)
        if not (value >= low if bounds.minimum_inclusive else value > low):
            return False
    if high is not None:
        high = single(high)
        if math.isnan(value) or not (value <= high if bounds.maximum_inclusive else value < high):
            return False
    return True


def in_unit(event: Event, unit: str | None) -> float | None:
    """Return the value of an event in a unit, None where it cannot be converted; glucose is all that is measured."""
    if event.numeric_value is None or unit is None:
        return None if event.numeric_value is None else single(event.numeric_value)
    if event.unit is None:
        return None
    try:
        return single(convert(single(event.numeric_value), event.unit, unit, analyte="glucose"))
    except EhrError:
        return None


def single(number: float) -> float:
    """Round to a 32-bit float."""
    try:
        return float(struct.unpack("f", struct.pack("f", number))[0])
    except OverflowError:
        return math.copysign(math.inf, number)
