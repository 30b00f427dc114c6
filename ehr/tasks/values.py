"""Bounds and amounts as task files write them: `> 2 mg/dL`, `130 to 135 mmol/L`, `>= 3 and < 4`, `0.3 mg/dL`."""

import re
from math import isfinite
from typing import Final

from ehr.tasks.language import ValueRange
from ehr.units import parse_unit

NUMBER: Final = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
UNIT: Final = r"(?:(?:\s+|(?=[^\s\d.]))(?P<{0}>\S(?:.*?\S)?))?"
"""A unit stands after a space, or right behind its number when it does not begin like more of it."""

_ALIKE: Final = str.maketrans({"≥": ">=", "≤": "<="})
_LOWEST: Final = rf"(?P<above>>=?)\s*(?P<minimum>{NUMBER}){UNIT.format('minimum_unit')}"
_HIGHEST: Final = rf"(?P<below><=?)\s*(?P<maximum>{NUMBER}){UNIT.format('maximum_unit')}"
_BOUNDS: Final = tuple(
    re.compile(rf"\s*{form}\s*")
    for form in (
        rf"{_LOWEST}\s+and\s+{_HIGHEST}",
        rf"{_HIGHEST}\s+and\s+{_LOWEST}",
        _LOWEST,
        _HIGHEST,
        rf"(?P<minimum>{NUMBER})\s+to\s+(?P<maximum>{NUMBER}){UNIT.format('maximum_unit')}",
    )
)
_AMOUNT: Final = re.compile(rf"\s*({NUMBER}){UNIT.format('unit')}\s*")


def read_range(text: str) -> ValueRange | None:
    """Return the bounds that `text` writes, or None when it writes none.

    Raises ValueError, with what to write, for bounds that no number meets, and for a unit that is none.

    >>> read_range("> 2 mg/dL")
    ValueRange(minimum=2.0, maximum=None, minimum_inclusive=False, maximum_inclusive=False, unit='mg/dL')
    >>> read_range("130 to 135") == read_range(">= 130 and <= 135")
    True
    >>> read_range("Administered") is None
    True
    """
    found = next((match for form in _BOUNDS if (match := form.fullmatch(text.translate(_ALIKE)))), None)
    if found is None:
        return None
    parts = found.groupdict()
    both = "above" not in parts and "below" not in parts
    value = ValueRange(
        minimum=_number(parts.get("minimum")),
        maximum=_number(parts.get("maximum")),
        minimum_inclusive=both or parts.get("above") == ">=",
        maximum_inclusive=both or parts.get("below") == "<=",
        unit=_unit(text, {unit for name in ("minimum_unit", "maximum_unit") if (unit := parts.get(name))}),
    )
    if is_empty(value):
        raise ValueError(f"no number is {text.strip()!r}; write the lower bound first, as in '130 to 135'")
    return value


def read_amount(text: str) -> tuple[float, str | None]:
    """Return a number and its unit, None without one; raises ValueError for anything else.

    >>> read_amount("0.3 mg/dL"), read_amount("1.5")
    ((0.3, 'mg/dL'), (1.5, None))
    """
    found = _AMOUNT.fullmatch(text)
    number = _number(found[1]) if found else None
    if found is None or number is None:
        raise ValueError(f"{text!r} is no number with or without a unit, such as '0.3 mg/dL'")
    return number, _unit(text, {found["unit"]} if found["unit"] else set())


def known_unit(text: str) -> str:
    """Return `text` when it is a unit; raises ValueError otherwise.

    >>> known_unit("mg/dL")
    'mg/dL'
    """
    if parse_unit(text) is None:
        raise ValueError(f"{text!r} is no unit; write it in UCUM, such as mg/dL, mmol/L, 10*9/L or mm[Hg]")
    return text


def spell_range(value: ValueRange) -> str:
    """Write bounds so that `read_range` reads them again.

    >>> spell_range(ValueRange(3.0, 4.5, minimum_inclusive=True, unit="mg/dL"))
    '>= 3 and < 4.5 mg/dL'
    """
    parts = []
    if value.minimum is not None:
        parts.append(f"{'>=' if value.minimum_inclusive else '>'} {spell_number(value.minimum)}")
    if value.maximum is not None:
        parts.append(f"{'<=' if value.maximum_inclusive else '<'} {spell_number(value.maximum)}")
    return " and ".join(parts) + (f" {value.unit}" if value.unit else "")


def spell_number(number: float) -> str:
    """Write a number exactly, in as few digits as tell it from all others.

    >>> spell_number(2.0), spell_number(0.3), spell_number(1e22)
    ('2', '0.3', '1e+22')
    """
    return repr(number).removesuffix(".0")


def is_empty(value: ValueRange) -> bool:
    """Say whether no number lies between the bounds."""
    if value.minimum is None or value.maximum is None:
        return False
    touches = value.minimum_inclusive and value.maximum_inclusive
    return value.minimum > value.maximum or (value.minimum == value.maximum and not touches)


def _number(text: str | None) -> float | None:
    if text is None:
        return None
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"{text} is beyond all numbers")
    return number


def _unit(text: str, units: set[str]) -> str | None:
    if len(units) > 1:
        raise ValueError(f"{text!r} has two units ({' and '.join(sorted(units))}); write both bounds in one")
    return known_unit(units.pop()) if units else None
