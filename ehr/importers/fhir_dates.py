"""Reading the dates of FHIR: exactly or not at all, with their precision and their offset from UTC."""

import calendar
import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple

from ehr.importers.fhir_values import Notes, Refused, as_object, at_fault, wrong_type
from ehr.reasons import Reason

_DATE: Final = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d:\d\d)(:\d\d)?(\.\d+)?(Z|[+-](?:0\d|1[0-4]):[0-5]\d)?)?)?)?", re.ASCII
)


class Moment(NamedTuple):
    """A date or time of FHIR, in UTC without a zone.

    `first` and `last` bound what a date without a clock time may mean: the last second of a year, a month or a day.
    `time` is where an event stands: the instant; the start of a day; the last second of a year or a month, since
    only then what happened in it was surely known. `precision` is year, month or day, None for a clock time; `offset`
    the minutes east of UTC that were written, None where none were.
    """

    time: datetime
    precision: str | None
    offset: int | None
    first: datetime
    last: datetime
    remark: str | None

    @property
    def shown(self) -> str:
        """The time as text, no more precise than it was written."""
        digits = {"year": 4, "month": 7, "day": 10}.get(self.precision or "")
        return self.first.isoformat(sep=" ")[:digits]


def moment(value: object, field: str, notes: Notes) -> Moment | None:
    """Return a date or dateTime, with a note when it is less than a day or a clock time with its zone.

    >>> moment("2019-05-17T10:30:00+02:00", "onsetDateTime", []).time
    datetime.datetime(2019, 5, 17, 8, 30)
    >>> moment("2019-05", "onsetDateTime", []).time
    datetime.datetime(2019, 5, 31, 23, 59, 59)

    Raises Refused for anything that is no date of FHIR: nothing is guessed and no day is shifted.
    """
    if value is None:
        return None
    if type(value) is not str:
        raise wrong_type(field, "a string", value)
    found = _read_date(value)
    if found is None:
        raise Refused(f"bad {field}", at_fault(field, value), code=Reason.BAD_TIME)
    if found.remark:
        notes.append((Reason.PARTIAL_TIME, f"{field} {found.remark}"))
    return found


@lru_cache(maxsize=65_536)
def _read_date(text: str) -> Moment | None:
    """Return what a date says; None when `text` is no date."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    year, month, day, clock, seconds, fraction, zone = match.groups()
    try:
        if clock is None:
            return _whole(int(year), int(month) if month else None, int(day) if day else None)
        is_leap_second = seconds == ":60"
        whole = f"{year}-{month}-{day}T{clock}{':59' if is_leap_second else seconds or ':00'}"
        local = datetime.fromisoformat(whole + (fraction or "")[:7] + (zone or "Z"))
        instant = local.astimezone(UTC).replace(tzinfo=None)
        if is_leap_second:
            instant += timedelta(seconds=1)
    except (ValueError, OverflowError):
        return None
    remark = None if seconds else "has a clock time without seconds"
    if zone is None:
        return Moment(instant, None, None, instant, instant, "has a clock time without a zone: read as UTC")
    offset = local.utcoffset() or timedelta()
    return Moment(instant, None, int(offset.total_seconds()) // 60, instant, instant, remark)


def _whole(year: int, month: int | None, day: int | None) -> Moment:
    """Return a date without a clock time; raises ValueError when the calendar has no such day."""
    first = datetime(year, 1 if month is None else month, 1 if day is None else day)
    if day is not None:
        return Moment(first, "day", None, first, first.replace(hour=23, minute=59, second=59), None)
    precision = "month" if month else "year"
    of_end = month or 12
    last = datetime(year, of_end, calendar.monthrange(year, of_end)[1], 23, 59, 59)
    return Moment(last, precision, None, first, last, f"gives only a {precision}")


def at_first(found: Moment | None) -> Moment | None:
    """Return a moment that stands at its start, as births and the starts of stays do."""
    return found and (found if found.time is found.first else found._replace(time=found.first))


def at_last(found: Moment | None) -> Moment | None:
    """Return a moment that stands at its last second: the end of a Period includes its whole day, month or year."""
    return found and (found if found.time is found.last else found._replace(time=found.last))


def period(value: object, field: str, notes: Notes) -> tuple[Moment | None, Moment | None]:
    """Return start and end of a Period; an end before the start is left out with a note."""
    if value is None:
        return None, None
    found = as_object(value, field)
    start = moment(found.get("start"), f"{field}.start", notes)
    end = at_last(moment(found.get("end"), f"{field}.end", notes))
    if start is not None and end is not None and end.last < start.first:
        notes.append((Reason.IMPLAUSIBLE, f"{field} ends before it starts: the end is left out"))
        return start, None
    return start, end


def period_text(value: object, field: str, notes: Notes) -> str:
    """Return a Period as text, no more precise than it was written."""
    start, end = period(value, field, notes)
    return f"{start.shown if start else ''} to {end.shown if end else ''}"
