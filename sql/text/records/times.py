"""Windows of time as the first instant in them and the first after them, from the clock of the catalogue."""

from datetime import date, datetime, time, timedelta
from typing import Final

from ehr.errors import QuestionError
from sql.text.records.catalogue import Catalogue
from sql.text.records.selection import Ago, At, Calendar, Span
from sql.text.records.values import Duration, Slot, Value

Bounds = tuple[datetime | None, datetime | None]
"""From the first instant until just before the second; None leaves an end open."""

_STEPS: Final = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
}


def bounds(window: Span | Calendar | Ago, catalogue: Catalogue) -> Bounds:
    """Return the ends of a window; raises QuestionError for what is no date."""
    if isinstance(window, Ago):
        return before(catalogue.clock, duration_of(window.duration), catalogue), None
    start, end = _period(_date_text(window, catalogue.clock))
    side = window.side if isinstance(window, Span) else "in"
    return (None if side == "until" else start), (None if side == "since" else end)


def moment(window: At) -> datetime:
    """Return the time of an exact moment."""
    text = text_of(window.moment)
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise QuestionError(f"{text!r} is no point in time; write it as 2100-05-12 14:00:00") from error


def duration_of(value: Value) -> Duration:
    """Return a value that must be a duration."""
    if not isinstance(value, Duration):
        raise QuestionError(f"{value!s} is no duration; give a number and a unit, such as 2 months")
    return value


def text_of(value: Value) -> str:
    """Return a value as the text of it; raises QuestionError for a slot that was not filled."""
    if isinstance(value, Slot):
        raise QuestionError(f"the slot {value} has no value; fill it before the question is compiled")
    return str(value)


def number_of(value: Value) -> int | float:
    """Return a value that must be a number."""
    text = text_of(value)
    try:
        return value if isinstance(value, int | float) else float(text) if "." in text else int(text)
    except ValueError as error:
        raise QuestionError(f"{text!r} is no number") from error


def before(clock: datetime, duration: Duration, catalogue: Catalogue) -> datetime:
    """Return the time that lies a duration before the clock."""
    try:
        if duration.unit in _STEPS:
            return clock - duration.amount * _STEPS[duration.unit]
        months = duration.amount * (12 if duration.unit == "year" else 1)
        whole = clock.year * 12 + clock.month - 1 - months
        first = date(whole // 12, whole % 12 + 1, 1)
        day = first + timedelta(days=clock.day - 1)
        if catalogue.conventions.months == "clip" and day.month != first.month:
            day = day.replace(day=1) - timedelta(days=1)
        return datetime.combine(day, clock.time())
    except (ValueError, OverflowError) as error:
        raise QuestionError(f"{duration.amount} {duration.unit}s ago is before all dates; ask for less") from error


def _date_text(window: Span | Calendar, clock: datetime) -> str:
    if isinstance(window, Span):
        return text_of(window.date)
    if window.unit == "day":
        return (clock.date() - timedelta(days=window.back)).isoformat()
    months = clock.year * 12 + clock.month - 1 - window.back * (12 if window.unit == "year" else 1)
    found = f"{months // 12:04}" if window.unit == "year" else f"{months // 12:04}-{months % 12 + 1:02}"
    return found if window.part is None else f"{found}-{text_of(window.part)}"


def _period(text: str) -> tuple[datetime, datetime]:
    """Return the ends of a year, month or day."""
    try:
        parts = [int(part) for part in text.split("-")]
        year, month, day = (*parts, 1, 1)[:3] if len(parts) < 3 else parts
        start = date(year, month, day)
        if len(parts) == 3:
            end = start + timedelta(days=1)
        else:
            end = date(year + 1, 1, 1) if len(parts) == 1 or month == 12 else date(year, month + 1, 1)
    except (ValueError, OverflowError) as error:
        raise QuestionError(f"{text!r} is no date; write a year, 2100-05 or 2100-05-12") from error
    return datetime.combine(start, time()), datetime.combine(end, time())
