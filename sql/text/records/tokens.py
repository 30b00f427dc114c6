"""The words of the linear form, and values as tokens: a slot, or `=` and the value as JSON."""

import json
import re
from typing import Final, Literal, get_args

from ehr.errors import QuestionError
from sql.text.records.values import Duration, DurationUnit, Range, Slot, Value

END: Final = "<end>"
"""Stands among what may follow a prefix that is a whole question."""
VERSUS: Final = "versus"

CALENDAR: Final[dict[str, tuple[Literal["year", "month", "day"], Literal[0, 1]]]] = {
    "this_year": ("year", 0), "last_year": ("year", 1), "this_month": ("month", 0), "last_month": ("month", 1),
    "today": ("day", 0), "yesterday": ("day", 1),
}  # fmt: skip
"""Year, month or day of the clock (0) or before it (1)."""
PICKS: Final[dict[str, tuple[Literal["first", "last"], Literal[1, 2, 3]]]] = {
    "first": ("first", 1), "second": ("first", 2), "third": ("first", 3),
    "last": ("last", 1), "second_last": ("last", 2), "third_last": ("last", 3),
}  # fmt: skip
"""From which end of time, and which place from there."""

SLOTS: Final[dict[str, frozenset[str]]] = {
    name: frozenset(kinds)
    for name, *kinds in (
        ("patient", "patient"),
        ("age", "age"),
        ("number", "number"),
        ("duration", "duration"),
        ("date", "date"),
        ("moment", "moment"),
        ("year part", "month", "month_day"),
        ("month part", "day"),
        ("sex", "sex"),
    )
}
"""Kinds of slots by what they stand for; those of names and other fields are in the catalogue."""
RESERVED: Final = frozenset(
    f"""
    exists never count_records count_patients count_stays list list_distinct
    sum avg min max per_day per_month per_year
    sum_number avg_number min_number max_number sum_cost avg_cost min_cost max_cost cost top mortality survival
    difference greater less new versus balance length hours_since days_since percentile
    of aged of_sex same_age since until in at ago {" ".join(CALENDAR)}
    first_stay last_stay current_stay first_icu last_icu current_icu
    above below at_least at_most equal normal abnormal above_normal below_normal times_exactly times_at_least
    highest lowest {" ".join(PICKS)} within same_day same_month same_stay same_time after {END}
    """.split()
)
"""The words of the grammar, which no kind or field may have as its name."""
MOST_SLOTS: Final = 6
"""How many slots of a kind a question may have."""

_SLOT: Final = re.compile(r"([a-z][a-z0-9]*(?:_[a-z][a-z0-9]*)*)_([1-9][0-9]*)")


def value_token(value: Value) -> str:
    """Return a value as a token.

    >>> [value_token(value) for value in (Slot("lab", 1), "aspirin", 12.5, Range(60), Duration(2, "month"))]
    ['lab_1', '="aspirin"', '=12.5', '=[60, null]', '={"month": 2}']
    """
    if isinstance(value, Slot):
        return str(value)
    if isinstance(value, Range):
        return "=" + json.dumps([value.low, value.high])
    if isinstance(value, Duration):
        return "=" + json.dumps({value.unit: value.amount})
    return "=" + json.dumps(value, ensure_ascii=False)


def is_value(token: str) -> bool:
    """Say whether a token is a slot or a value written out."""
    return token.startswith("=") or _SLOT.fullmatch(token) is not None


def slot_of(token: str) -> Slot | None:
    """Return the slot that a token stands for, or None."""
    found = _SLOT.fullmatch(token)
    return Slot(found[1], int(found[2])) if found else None


def value_of(token: str) -> Value:
    """Return the value that a token stands for; raises QuestionError for another token."""
    slot = slot_of(token)
    if slot is not None:
        return slot
    try:
        if not token.startswith("="):
            raise ValueError("no value")
        return _plain(json.loads(token[1:]))
    except (ValueError, TypeError) as error:
        raise QuestionError(f"{token!r} is no value; write a slot such as lab_1, or = and JSON") from error


def _plain(loaded: object) -> Value:
    match loaded:
        case bool() | None:
            raise ValueError("neither text nor number")
        case str() | int() | float():
            return loaded
        case [int(low), int() | None as high]:
            return Range(low, high)
        case dict():
            ((unit, amount),) = loaded.items()
            if unit in get_args(DurationUnit) and isinstance(amount, int):
                return Duration(amount, unit)
    raise ValueError("of no known form")
