"""Spans of time as task files write them: `24h`, `1h30m`, `1 week 2 days`, `6:00:00`."""

import re
from datetime import timedelta
from typing import Final

NUMBER: Final = r"(?:\d+(?:\.\d*)?|\.\d+)"
UNITS: Final = {
    "weeks": r"w|wks?|weeks?",
    "days": r"d|days?",
    "hours": r"h|hrs?|hours?",
    "minutes": r"m|mins?|minutes?",
    "seconds": r"s|secs?|seconds?",
}
LIMIT: Final = timedelta(days=3_652_500)
"""Ten thousand years: what lies beyond is no time that a record can hold."""


def _part(unit: str) -> str:
    return rf"(?:(?P<{unit}>{NUMBER})\s*(?:{UNITS[unit]})\s*(?:,\s*)?)?"


_SECONDS: Final = r"(?P<seconds>\d{2}(?:\.\d+)?)"
_FORMS: Final = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        "".join(_part(unit) for unit in UNITS),
        rf"{_part('weeks')}{_part('days')}(?P<hours>\d+):(?P<minutes>\d{{2}}):{_SECONDS}",
        rf"(?P<days>\d+):(?P<hours>\d{{2}}):(?P<minutes>\d{{2}}):{_SECONDS}",
        rf"(?P<minutes>\d{{1,2}})?:{_SECONDS}",
    )
)


def parse_timespan(text: str) -> timedelta:
    """Return the span that `text` writes, to the microsecond; raises ValueError for anything else.

    Numbers with units come in falling order, each at most once (`w d h m s` and their words, decimals allowed), or as
    a clock: `[weeks] [days] h:mm:ss`, `d:hh:mm:ss`, and `mm:ss`, which is minutes and seconds. The forms are those of
    pytimeparse (a Python package of that name); months, years and numbers without a unit are none.

    >>> parse_timespan("1h30m"), parse_timespan("1 week, 2 days"), parse_timespan("5:30")
    (datetime.timedelta(seconds=5400), datetime.timedelta(days=9), datetime.timedelta(seconds=330))
    """
    for form in _FORMS:
        match = form.fullmatch(text.strip())
        parts = {unit: float(number) for unit, number in match.groupdict().items() if number} if match else {}
        if parts:
            return _span(parts)
    raise ValueError(
        f"{text!r} is no span of time; write a number with a unit of w, d, h, m or s, such as 24h or 30d"
    )


def _span(parts: dict[str, float]) -> timedelta:
    try:
        span = timedelta(**parts)
    except OverflowError:
        span = timedelta.max
    if span > LIMIT:
        raise ValueError("the span is longer than ten thousand years")
    return span


def spell_timespan(span: timedelta) -> str:
    """Write a span for a person, in the largest units that fit, without its sign.

    >>> spell_timespan(timedelta(hours=36)), spell_timespan(timedelta(days=-30))
    ('1 day 12 hours', '30 days')
    """
    span = abs(span)
    hours, rest = divmod(span.seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    amounts = {
        "day": span.days,
        "hour": hours,
        "minute": minutes,
        "second": seconds + span.microseconds / 1e6 if span.microseconds else seconds,
    }
    words = [f"{amount} {unit}{'' if amount == 1 else 's'}" for unit, amount in amounts.items() if amount]
    return " ".join(words) or "no time"
