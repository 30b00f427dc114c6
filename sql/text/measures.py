"""Rules for numbers: comparisons, units, durations, ages."""

from collections.abc import Iterator
from typing import Final

from sql.text.observations import UNIT_OF
from sql.text.reader import Reader
from sql.text.terms import Comparison, Operator

# A phrase that stands before its number, and what it means.
_BEFORE: Final[dict[str, Operator]] = {
    ">": ">", "above": ">", "over": ">", "greater than": ">", "more than": ">", "higher than": ">",
    "exceeding": ">", "exceeds": ">", "exceeded": ">", "exceed": ">", "larger than": ">", "bigger than": ">",
    "longer than": ">", "rose|went|goes|rises|increased above|over": ">", "surpassed|surpassing": ">",
    ">=": ">=", "at least": ">=", "no less than": ">=", "not less than": ">=", "not below": ">=",
    "greater|more|higher|larger than or equal to": ">=", "above or equal to": ">=", "reached|reaching": ">=",
    "minimum of": ">=", "no lower than": ">=", "rise|go|climb|increase above|over": ">",
    "<": "<", "below": "<", "under": "<", "less than": "<", "lower than": "<", "smaller than": "<",
    "fewer than": "<", "shorter than": "<", "fell|dropped|went|falls|drops|fall|drop|go below|under": "<",
    "falling|dropping|going below|under": "<", "rising|going above|over": ">",
    "<=": "<=", "at most": "<=", "no more than": "<=", "not more than": "<=", "up to": "<=", "not above": "<=",
    "less|lower|smaller|fewer than or equal to": "<=", "below or equal to": "<=", "no higher than": "<=",
    "not exceeding": "<=", "maximum of": "<=", "no greater than": "<=",
    "=": "=", "equal to": "=", "equals": "=", "exactly": "=", "of exactly": "=",
}  # fmt: skip
_AFTER: Final[dict[str, Operator]] = {
    "or more": ">=", "or above": ">=", "or higher": ">=", "or greater": ">=", "or over": ">=", "and above": ">=",
    "or older": ">=", "and older": ">=", "and over": ">=", "and up": ">=", "+": ">=", "or longer": ">=",
    "and more": ">=", "and higher": ">=", "or less": "<=", "or below": "<=", "or lower": "<=", "or under": "<=",
    "or younger": "<=", "and younger": "<=", "or fewer": "<=", "and below": "<=", "or shorter": "<=",
    "and under": "<=", "and less": "<=",
}  # fmt: skip

_UNIT_PHRASES: Final = tuple(
    sorted((unit for unit in UNIT_OF if unit not in {"in", "m", "s", "mm"}), key=len, reverse=True)
)

HOURS: Final[dict[str, float]] = {
    "minute|minutes|min|mins": 1 / 60,
    "hour|hours|h|hr|hrs": 1,
    "day|days|d": 24,
    "week|weeks|wk|wks": 168,
}


def unit(r: Reader, at: int) -> tuple[str | None, int]:
    """Return the unit that stands here, and its end; (None, at) when there is none."""
    for written in _UNIT_PHRASES:
        end = r.phrase(at, written)
        if end is not None:
            return UNIT_OF[written], end
    return None, at


def comparison(r: Reader, at: int, *, bare: Operator | None = None) -> Iterator[tuple[Comparison, str | None, int]]:
    """Yield (comparison, unit, end): "above 2 mg/dL", "of 30 or more", "between 4 and 5".

    `bare` is what a number alone means; without it a number alone is no comparison.
    """
    yield from _between(r, at)
    for words, operator in _BEFORE.items():
        start = r.phrase(at, words)
        number = None if start is None else r.number(start)
        if start is not None and number is not None:
            found, end = unit(r, r.reached(start + 1))
            yield Comparison(operator, number), found, end
    start = r.skip(at, "of", "is", "was")
    number = r.number(start)
    if number is None:
        return
    found, end = unit(r, r.reached(start + 1))
    for words, operator in _AFTER.items():
        after = r.phrase(end, words)
        if after is not None:
            late, after = (found, after) if found else unit(r, after)
            yield Comparison(operator, number), late, after
    if bare is not None:
        yield Comparison(bare, number), found, end


def _between(r: Reader, at: int) -> Iterator[tuple[Comparison, str | None, int]]:
    for opening, joint in (("between", "and|to"), ("from", "to"), ("of", "to"), ("", "to")):
        start = at if not opening else r.phrase(at, opening)
        low = None if start is None else r.number(start)
        if start is None or low is None:
            continue
        low_unit, end = unit(r, start + 1)
        second = r.phrase(end, joint)
        high = None if second is None else r.number(second)
        if second is None or high is None:
            continue
        high_unit, end = unit(r, r.reached(second + 1))
        if low <= high and (low_unit is None or low_unit == high_unit):
            yield Comparison("between", low, high), high_unit, end
        else:
            r.trouble(end, f"the range from {low:g} to {high:g} is no range; write the lower bound first")


def hours(r: Reader, at: int) -> tuple[float, int] | None:
    """Return a duration in hours and its end: "24 hours", "7 days", "24h"."""
    number = r.number(at)
    start = at + 1
    if number is None:
        if (start := r.phrase(at, "one|single") or -1) < 0:
            return None
        number = 1.0
    for words, factor in HOURS.items():
        end = r.phrase(start, words)
        if end is not None:
            return number * factor, end
    if r.phrase(start, "month|months|year|years"):
        r.trouble(start + 1, "months and years differ in length; give the time in days or weeks")
    return None


def years(r: Reader, at: int) -> int:
    """Return the position after "years", "years old", "years of age", "yo"."""
    return r.skip(at, "years", "year", "years old", "year old", "years of age", "yrs", "yo", "y/o", "yrs old", "old")


OLDEST: Final = 130


def age(r: Reader, at: int, *, said: bool, plain: bool = True) -> Iterator[tuple[Comparison, int]]:
    """Yield an age in years: "65 or over", "between 18 and 40 years"; `said` when the word age went before.

    `plain` lets "over 65" be an age without more; of a stay it may be its length.
    """
    for found, end in _ages(r, at, said=said, plain=plain):
        if max(found.low, found.high or 0) <= OLDEST:
            yield found, end


# What means an age even where nothing else says so, as in "women over 65"; the others need "years" or "aged".
_PLAIN_AGE: Final[dict[str, Operator]] = {
    "older than": ">", "over": ">", "over age of": ">", "above age of": ">",
    "younger than": "<", "under": "<", "under age of": "<", "below age of": "<",
    "no younger than": ">=", "not younger than": ">=", "older than or equal to": ">=", "at least age of": ">=",
    "no older than": "<=", "not older than": "<=", "younger than or equal to": "<=",
}  # fmt: skip


_OVER: Final = ("over", "under")


def _ages(r: Reader, at: int, *, said: bool, plain: bool) -> Iterator[tuple[Comparison, int]]:
    for words, operator in (*_PLAIN_AGE.items(), *_BEFORE.items()):
        start = r.phrase(at, words)
        number = None if start is None else r.number(start)
        if start is not None and number is not None:
            end = years(r, r.reached(start + 1))
            if said or end > start + 1 or (words in _PLAIN_AGE and (plain or words not in _OVER)):
                yield Comparison(operator, number), end
    for found, end in _age_range(r, at):
        if said or plain or r.number(end - 1) is None:
            yield found, end
    number = r.number(at)
    if number is None:
        return
    end = years(r, r.reached(at + 1))
    for words, operator in _AFTER.items():
        after = r.phrase(end, words)
        if after is not None and (said or end > at + 1 or "old" in words or "young" in words):
            yield Comparison(operator, number), years(r, after)
    if said or r.phrase(at + 1, "years old", "year old", "years of age"):
        yield Comparison("=", number), end


def _age_range(r: Reader, at: int) -> Iterator[tuple[Comparison, int]]:
    for opening, joint in (("between", "and|to"), ("from", "to"), ("", "to")):
        start = at if not opening else r.phrase(at, opening, f"{opening} ages of", f"{opening} age of")
        low = None if start is None else r.number(start)
        second = None if start is None or low is None else r.phrase(start + 1, joint)
        high = None if second is None else r.number(second)
        if low is not None and second is not None and high is not None and low <= high <= OLDEST:
            yield Comparison("between", low, high), years(r, r.reached(second + 1))
