"""Quantities of a question: ages, durations and other numbers."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final, cast

from sql.text.linking.slots import AGE, DURATION, NUMBER, Candidate, Slot
from sql.text.records.values import Duration, DurationUnit, Plain, Range

_SMALL: Final = """
one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
nineteen
"""
_TENS: Final = "ten twenty thirty forty fifty sixty seventy eighty ninety hundred"
_WORDS: Final = (
    {word: number for number, word in enumerate(_SMALL.split(), 1)}
    | {word: 10 * number for number, word in enumerate(_TENS.split(), 1)}
    | {"twice": 2, "thrice": 3, "a": 1, "an": 1}
)
_DECADES: Final = (
    "teens",
    "twenties",
    "thirties",
    "forties",
    "fifties",
    "sixties",
    "seventies",
    "eighties",
    "nineties",
)
_UNITS: Final = {"hr": "hour", "wk": "week", "yr": "year"}

_WORD: Final = rf"(?:{'|'.join(sorted(_WORDS.keys() - {'a', 'an'}, key=len, reverse=True))})\b"
_COUNT: Final = rf"(?P<n>\d+|(?!one\b){_WORD})"
_DIGITS: Final = r"(?P<n>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"
_EDGE: Final = r"(?<![\w.])(?<!\d[,/-])"
_END: Final = r"(?!\w)(?!\.\d)(?!,\d{3})"
_UNIT: Final = r"(?P<unit>hour|hr|day|week|wk|month|year|yr)s?\b"
_YEARS: Final = r"(?:[\s-]*(?:years?|yrs?)(?:[\s-]*(?:old|of\s+age))?\b)?"
_MORE: Final = r"(?:above|over|older|greater|higher|more)"
_LESS: Final = r"(?:below|under|younger|less|lower|fewer)"
_AGED: Final = r"\b(?:aged?|ages)\s+(?:is\s+|was\s+|of\s+|are\s+|group\s+)*"

Reader = Callable[[re.Match[str]], Plain | None]


def _years(low: int, high: int | None) -> Range | None:
    return Range(low, high) if high is None or 0 <= low <= high else None


def _number(match: re.Match[str]) -> int | float:
    word = match["n"].lower().replace(",", "")
    if word in _WORDS:
        return _WORDS[word]
    return float(word) if "." in word else int(word)


def _age(match: re.Match[str]) -> int:
    return int(match["n"])


def _duration(match: re.Match[str]) -> Duration | None:
    unit = match["unit"].lower()
    return Duration(int(_number(match)), cast(DurationUnit, _UNITS.get(unit, unit)))


def _rule(kind: str, pattern: str, read: Reader) -> tuple[str, re.Pattern[str], Reader]:
    return kind, re.compile(rf"(?P<whole>{pattern})", re.IGNORECASE), read


def _after_age(pattern: str) -> str:
    """Return a pattern for what follows "aged": the group `part` is the slot."""
    return rf"{_AGED}(?P<part>{pattern})"


_AGE: Final = rf"(?P<n>\d{{1,3}}){_END}"
_BETWEEN: Final = rf"(?:(?:between|from)\s+)?(?P<n>\d{{1,3}})\s*(?:and|to|-|–)\s*(?P<m>\d{{1,3}}){_END}{_YEARS}"
# The first rule that reads a text wins; the group `part`, or else the whole, is the slot.
_RULES: Final = (
    _rule(AGE, r"(?<![\w.,/-])(?P<n>[1-9]0)['’]?s(?!\w)", lambda found: Range(_age(found), _age(found) + 9)),
    _rule(
        AGE,
        rf"\b(?P<name>{'|'.join(_DECADES)})\b",
        lambda found: Range(low := 10 * (_DECADES.index(found["name"].lower()) + 1), low + 9),
    ),
    _rule(AGE, _after_age(_BETWEEN), lambda found: _years(_age(found), int(found["m"]))),
    _rule(
        AGE,
        rf"{_EDGE}(?P<n>\d{{1,3}}){_YEARS}(?:\s*\+|\s+(?:or|and)\s+(?:above|over|older|up)\b){_YEARS}",
        lambda found: Range(_age(found)),
    ),
    _rule(
        AGE,
        rf"{_EDGE}(?P<n>\d{{1,3}}){_YEARS}\s+(?:or|and)\s+(?:below|under|younger)\b{_YEARS}",
        lambda found: Range(0, _age(found)),
    ),
    _rule(AGE, rf"\bolder\s+than\s+{_AGE}{_YEARS}", lambda found: Range(_age(found) + 1)),
    _rule(AGE, rf"\byounger\s+than\s+{_AGE}{_YEARS}", lambda found: _years(0, _age(found) - 1)),
    _rule(AGE, _after_age(rf"at\s+least\s+{_AGE}{_YEARS}"), lambda found: Range(_age(found))),
    _rule(AGE, _after_age(rf"at\s+most\s+{_AGE}{_YEARS}"), lambda found: Range(0, _age(found))),
    _rule(AGE, _after_age(rf"{_MORE}(?:\s+than)?\s+{_AGE}{_YEARS}"), lambda found: Range(_age(found) + 1)),
    _rule(AGE, _after_age(rf"{_LESS}(?:\s+than)?\s+{_AGE}{_YEARS}"), lambda found: _years(0, _age(found) - 1)),
    _rule(AGE, _after_age(rf"{_AGE}{_YEARS}"), lambda found: Range(_age(found), _age(found))),
    _rule(
        AGE,
        rf"{_EDGE}(?P<n>\d{{1,3}})[\s-]*(?:years?|yrs?)[\s-]*(?:old|of\s+age)\b",
        lambda found: Range(_age(found), _age(found)),
    ),
    _rule(DURATION, rf"{_EDGE}(?P<n>\d+|{_WORD})(?:\s+|-)?{_UNIT}", _duration),
    _rule(DURATION, rf"\b(?:within|since|past|last|after|under)\s+(?P<part>(?P<n>an?)\s+{_UNIT})", _duration),
    _rule(NUMBER, rf"\b(?:top|first|last|highest|lowest|least|most|best)\s+(?P<part>{_COUNT}){_END}", _number),
    _rule(NUMBER, rf"{_EDGE}(?P<part>one)(?=\s+(?:or\s+more|times?)\b)", lambda _: 1),
    _rule(NUMBER, rf"{_EDGE}{_COUNT}{_END}", _number),
    _rule(NUMBER, rf"{_EDGE}{_DIGITS}(?!\d)(?!\.\d)(?!,\d{{3}})", _number),
)


def quantities(text: str, taken: Sequence[tuple[int, int]]) -> Iterator[Slot]:
    """Give the quantities of a text outside the places already `taken`, as slots that do not overlap."""
    held = list(taken)
    for kind, pattern, read in _RULES:
        for match in pattern.finditer(text):
            start, end = match.span("part" if match.groupdict().get("part") else "whole")
            if any(start < until and begin < end for begin, until in held):
                continue
            value = read(match)
            if value is not None:
                held.append((start, end))
                yield Slot(start, end, text[start:end], (kind,), (Candidate(kind, value, 1.0),))
