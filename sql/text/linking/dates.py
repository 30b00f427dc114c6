"""Dates of a question: moments, days, months and years, whole or in part, as slots with their value in ISO form."""

import re
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Final

from sql.text.linking.slots import DATE, DAY, MOMENT, MONTH, MONTH_DAY, Candidate, Slot

_MONTHS: Final = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_SHORT: Final = {name[:3]: place for place, name in enumerate(_MONTHS, 1)} | {"sept": 9}
_NAME: Final = rf"(?P<name>{'|'.join(_MONTHS)}|(?:{'|'.join(_SHORT)})\b\.?)"
_YEAR: Final = r"(?P<year>(?:19|20|21)\d\d)"
_DAY: Final = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_RELATIVE: Final = r"(?:this|last|the|current|previous|that|same|past)"
_OF_YEAR: Final = rf"(?=\s*(?:/|of|in|,)?\s*{_RELATIVE}\s+(?:current\s+|previous\s+|last\s+|same\s+)?year)"
_OF_MONTH: Final = rf"(?=\s*(?:day\s+)?(?:of|in)\s+{_RELATIVE}\s+(?:current\s+|previous\s+|last\s+|same\s+)?month)"
_BEFORE_YEAR: Final = (
    r"(?<=\bin )|(?<=\bsince )|(?<=\byear )|(?<=\bduring )|(?<=\bof )|(?<=\buntil )|(?<=\bbefore )|(?<=\bafter )"
    r"|(?<=\bthroughout )|(?<=\bfrom )|(?<=\bfor )|(?<=\bto )|(?<=\band )|(?<=\bby )|(?<=\btill )|(?<=\bwithin )"
    r"|(?<=\bbetween )"
)
_EDGE: Final = r"(?<![\w./-])"
_END: Final = r"(?![\w-])(?!/\d)(?!\.\d)"


def _iso(match: re.Match[str]) -> str | None:
    month, day = int(match["month"]), int(match["day"])
    if month > 12 >= day and "swap" in match.groupdict():
        month, day = day, month
    return _day(int(match["year"]), month, day)


def _named(match: re.Match[str]) -> str | None:
    return _day(int(match["year"]), _month(match), int(match["day"]))


def _day(year: int, month: int, day: int) -> str | None:
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return None


def _month(match: re.Match[str]) -> int:
    return _SHORT[match["name"].lower()[:3]]


def _moment(match: re.Match[str]) -> str | None:
    clock = (int(match["hour"]), int(match["minute"]), int(match["second"] or 0))
    try:
        return str(datetime(int(match["year"]), int(match["month"]), int(match["day"]), *clock))
    except ValueError:
        return None


def _year_month(match: re.Match[str]) -> str | None:
    return f"{match['year']}-{int(match['month']):02}" if 1 <= int(match["month"]) <= 12 else None


def _named_year_month(match: re.Match[str]) -> str:
    return f"{match['year']}-{_month(match):02}"


def _month_day(match: re.Match[str]) -> str | None:
    known = _day(2000, int(match["month"]), int(match["day"]))
    return known[5:] if known else None


def _named_month_day(match: re.Match[str]) -> str | None:
    known = _day(2000, _month(match), int(match["day"]))
    return known[5:] if known else None


def _of_month(match: re.Match[str]) -> str | None:
    return f"{int(match['day']):02}" if 1 <= int(match["day"]) <= 31 else None


def _of_year(match: re.Match[str]) -> str | None:
    return f"{int(match['month']):02}" if 1 <= int(match["month"]) <= 12 else None


Reader = Callable[[re.Match[str]], str | None]


def _rule(kind: str, pattern: str, read: Reader) -> tuple[str, re.Pattern[str], Reader]:
    return kind, re.compile(_EDGE + pattern + _END, re.IGNORECASE), read


# The first rule that reads a text wins; a match that names no day of the calendar is no slot.
_RULES: Final = (
    _rule(
        MOMENT,
        r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})(?:\s+|T)"
        r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d))?",
        _moment,
    ),
    _rule(DATE, r"(?P<year>\d{4})(?P<cut>[-/])(?P<month>\d{1,2})(?P=cut)(?P<day>\d{1,2})", _iso),
    _rule(DATE, r"(?P<month>\d{1,2})(?P<swap>[/-])(?P<day>\d{1,2})(?P=swap)(?P<year>\d{4})", _iso),
    _rule(DATE, rf"{_NAME}\s+(?:the\s+)?{_DAY}(?:\s*,\s*|\s+of\s+|\s+){_YEAR}", _named),
    _rule(DATE, rf"(?:the\s+)?{_DAY}\s+(?:of\s+)?{_NAME}(?:\s*,\s*|\s+of\s+|\s+){_YEAR}", _named),
    _rule(DATE, r"(?P<year>\d{4})[-/](?P<month>\d{1,2})", _year_month),
    _rule(DATE, r"(?P<month>\d{1,2})/(?P<year>\d{4})", _year_month),
    _rule(DATE, rf"{_NAME}(?:\s*,\s*|\s+of\s+|\s+){_YEAR}", _named_year_month),
    _rule(MONTH_DAY, rf"(?P<month>\d{{1,2}})/(?P<day>\d{{1,2}}){_OF_YEAR}", _month_day),
    _rule(MONTH_DAY, rf"{_NAME}\s+(?:the\s+)?{_DAY}", _named_month_day),
    _rule(MONTH_DAY, rf"(?:the\s+)?{_DAY}\s+(?:of\s+)?{_NAME}", _named_month_day),
    _rule(MONTH, rf"(?P<month>\d{{1,2}})(?=/){_OF_YEAR}", _of_year),
    _rule(MONTH, rf"(?P<name>{'|'.join(_MONTHS)}){_OF_YEAR}", lambda match: f"{_month(match):02}"),
    _rule(
        MONTH,
        rf"(?:(?<=\bin )|(?<=\bsince )|(?<=\bduring )|(?<=\blast )|(?<=\bthroughout )|(?<=\bof )|(?<=\bthis ))"
        rf"(?P<name>{'|'.join(_MONTHS)})",
        lambda match: f"{_month(match):02}",
    ),
    _rule(DAY, rf"(?:the\s+)?{_DAY}{_OF_MONTH}", _of_month),
    _rule(DATE, rf"(?:{_BEFORE_YEAR}){_YEAR}", lambda match: match["year"]),
)
# "this month/23": the day stands behind a slash that belongs to the words.
_MONTH_SLASH_DAY: Final = re.compile(rf"(?<=month/)(?P<day>\d{{1,2}}){_END}", re.IGNORECASE)


def dates(text: str) -> Iterator[Slot]:
    """Give the dates of a text as slots, which do not overlap."""
    taken: list[tuple[int, int]] = []
    for kind, pattern, read in (*_RULES, (DAY, _MONTH_SLASH_DAY, _of_month)):
        for match in pattern.finditer(text):
            start, end = match.span()
            if any(start < until and begin < end for begin, until in taken):
                continue
            value = read(match)
            if value is not None:
                taken.append((start, end))
                yield Slot(start, end, match.group(), (kind,), (Candidate(kind, value, 1.0),))
