"""Whom a task is about, in words: `women aged 65 or over`, `patients aged 18 to 89`, `men under 40`, `adults`."""

import re
from typing import Any, Final, Literal

from ehr.tasks.language import Who
from ehr.tasks.place import Place

Sex = Literal["female", "male"]
MAJORITY: Final = 18
"""Completed years from which on somebody is an adult."""
OLDEST: Final = 150

_WHOM: Final[dict[str, tuple[Sex | None, int | None, int | None]]] = {
    "patients": (None, None, None),
    "people": (None, None, None),
    "persons": (None, None, None),
    "subjects": (None, None, None),
    "everybody": (None, None, None),
    "women": ("female", None, None),
    "females": ("female", None, None),
    "men": ("male", None, None),
    "males": ("male", None, None),
    "adults": (None, MAJORITY, None),
    "children": (None, None, MAJORITY - 1),
    "girls": ("female", None, MAJORITY - 1),
    "boys": ("male", None, MAJORITY - 1),
}
"""Word -> sex, and the ages that it holds."""

_ADJECTIVES: Final[dict[str, tuple[Sex | None, int | None]]] = {
    "adult": (None, MAJORITY),
    "female": ("female", None),
    "male": ("male", None),
}
_AGE: Final = r"(\d{1,3})(?:[ -]?(?:years?|yrs?|y)\b(?: old| of age)?)?"
_CLAUSES: Final = tuple(
    (re.compile(pattern), lower, upper)
    for pattern, lower, upper in (
        (rf"(?:between |from )?{_AGE} ?(?:to|and|until|-|–) ?{_AGE}(?! ?(?:or|and)\b)", 0, 0),
        (rf"{_AGE} ?(?:\+|(?:or|and) (?:over|older|above|more)\b)", 0, None),
        (rf"{_AGE} (?:or|and) (?:under|younger|below|less)\b", None, 0),
        (rf"(?:at least|not under|from) {_AGE}", 0, None),
        (rf"(?:at most|up to|not over|until) {_AGE}", None, 0),
        (rf"(?:over|older than|above|more than) {_AGE}", 1, None),
        (rf"(?:under|younger than|below|less than) {_AGE}", None, -1),
        (_AGE, 0, 0),
    )
)
"""How ages are bounded, and what is added to the first and the last number of the text to get the bounds."""

_FORMS: Final = (
    "write such as 'women aged 65 or over', 'men under 40', 'patients aged 18 to 89', 'adult women', 'adults' or "
    "'children'"
)


def read_who(place: Place, words: Any) -> Who | None:
    """Return whom `words` name, None for no words; raises TaskError naming the key for anything else.

    Ages are completed years: over 65 begins with the 66th birthday, and under 40 ends the day before the 40th.
    """
    if words is None:
        return None
    if not isinstance(words, str):
        raise place.error(f"must be a text; {_FORMS}")
    text = re.sub(r"[\s,]+", " ", words).strip().lower()
    sex, lower, upper, rest = _whom(place, words, text)
    ages = [(lower, upper)]
    while rest:
        rest = re.sub(r"^(?:and |but )?(?:(?:who (?:are|were) )?aged? )?", "", rest)
        bounds, rest = _clause(place, words, rest)
        ages.append(bounds)
    lowest = max((low for low, _high in ages if low is not None), default=None)
    highest = min((high for _low, high in ages if high is not None), default=None)
    if max(lowest or 0, highest or 0) > OLDEST:
        raise place.error(f"{words!r} names an age above {OLDEST} years")
    if highest is not None and (lowest or 0) > highest:
        raise place.error(f"nobody is {words!r}: the lowest age is above the highest one")
    return Who(lowest, highest, sex, words.strip())


def spell_who(who: Who) -> str:
    """Write whom a task is about so that `read_who` reads it again.

    >>> spell_who(Who(65, None, "female")), spell_who(Who(None, 17)), spell_who(Who(18, 18, "male"))
    ('women aged 65 or over', 'patients aged 17 or under', 'men aged 18')
    """
    whom = {None: "patients", "female": "women", "male": "men"}[who.sex]
    low, high = who.minimum_age, who.maximum_age
    if low is None and high is None:
        return whom
    if low == high:
        return f"{whom} aged {low}"
    if high is None:
        return f"{whom} aged {low} or over"
    return f"{whom} aged {high} or under" if low is None else f"{whom} aged {low} to {high}"


def _whom(place: Place, words: str, text: str) -> tuple[Sex | None, int | None, int | None, str]:
    """Read the adjectives and the noun that the text begins with: sex, bounds of age, and what is left."""
    sexes: set[Sex] = set()
    lows: list[int] = []
    tokens = text.split(" ")
    while tokens and tokens[0] in _ADJECTIVES:
        sex, low = _ADJECTIVES[tokens.pop(0)]
        sexes |= {sex} if sex else set()
        lows += [low] if low else []
    if not tokens or tokens[0] not in _WHOM:
        raise place.error(f"{words!r} names nobody; {_FORMS}")
    sex, noun_low, high = _WHOM[tokens.pop(0)]
    sexes |= {sex} if sex else set()
    if len(sexes) > 1:
        raise place.error(f"{words!r} names both sexes; {_FORMS}")
    lows += [noun_low] if noun_low is not None else []
    return next(iter(sexes), None), max(lows, default=None), high, " ".join(tokens)


def _clause(place: Place, words: str, text: str) -> tuple[tuple[int | None, int | None], str]:
    """Read one bound of age, or two, at the begin of the text, and return what is left of it."""
    for form, lower, upper in _CLAUSES:
        found = form.match(text)
        if found and (found.end() == len(text) or text[found.end()] == " "):
            ages = [int(age) for age in found.groups()]
            low = ages[0] + lower if lower is not None else None
            high = ages[-1] + upper if upper is not None else None
            return (low, high), text[found.end() :].strip()
    raise place.error(f"{words!r}: {text!r} is no age; {_FORMS}")
