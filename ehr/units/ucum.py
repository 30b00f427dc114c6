"""The grammar of UCUM: what an expression such as `mg/dL` or `10*3/uL` means.

Grammar: UCUM specification 2.2, sections 2.1 to 2.3 (case sensitive symbols). Annotations in braces mean nothing,
as the specification says, but for those in MARKERS and logarithms, which change what is measured.
"""

import re
from fractions import Fraction
from functools import cache
from typing import Final

from ehr.units.atoms import ARBITRARY, ATOMS, BASES, DEFINED, METRIC, PREFIXES, SPECIAL
from ehr.units.unit import NUMBER, Dimension, Unit, multiply

LONGEST: Final = 80
"""Characters of an expression; longer ones are no unit of a record."""

LARGEST_EXPONENT: Final = 30

BODY_SURFACE: Final = "1.73_m2"

QUALIFIERS: Final = frozenset({"FEU", "DDU", "PE"})
"""Annotations that say what a mass is counted in, wherever they stand: fibrinogen equivalents, D-dimer units,
phenytoin equivalents."""

MARKERS: Final[dict[str, str]] = {
    alias: name
    for name, aliases in {
        "tablet": "tablets tbl tab tabs TAB", "capsule": "capsules cap caps CAP", "puff": "puffs PUFF",
        "patch": "patches", "drop": "drops", "dose": "doses", "packet": "packets", "vial": "vials",
        "suppository": "suppositories", "application": "applications", "bag": "bags", "neb": "nebs",
        "inhalation": "inhalations", "spray": "sprays", "syringe": "syringes", "lozenge": "lozenges",
        "enema": "enemas", "stick": "", "troche": "", "FEU": "feu", "DDU": "ddu", "PE": "",
    }.items()
    for alias in (name, *aliases.split())
}  # fmt: skip
"""Annotations that change what is counted: tablets are not puffs."""

_TOKEN: Final = re.compile(
    r"\{([^{}]*)\}|([./()])|(\d+)(?![\d*^])|(10[*^]|(?:\[[^\[\]{}]*\]|[A-Za-z_%'])+)([+-]?\d+)?"
)
"""Annotation; sign; number; symbol and its exponent."""

_LOGARITHM: Final = re.compile(r"\{log[^{}]*\}(/[a-zA-Z]+)?$", re.IGNORECASE)
"""Log copies by volume do not scale with the volume: such a unit converts into itself only."""

_DECIMAL: Final = re.compile(r"\d\.\d(?![^{]*\})")
"""UCUM reads 1.73 as 1 times 73, which nobody means; decimals stand in annotations only."""

_Value = tuple[Fraction, Dimension]


def parse_ucum(text: str) -> Unit | None:
    """Return the unit that `text` means in UCUM, or None where it is none.

    >>> parse_ucum("mg/dL").factor, parse_ucum("mg/dl").dimension
    (Fraction(10, 1), (('g', 1), ('m', -3)))
    >>> parse_ucum("mmHg") is None
    True
    """
    if not text or len(text) > LONGEST or _DECIMAL.search(text):
        return None
    if text in SPECIAL:
        factor, shift = SPECIAL[text]
        return Unit(text, factor, shift, (("K", 1),))
    if _LOGARITHM.match(text):
        whole = text.lower().replace("ml", "mL")
        return Unit(whole, Fraction(1), Fraction(0), ((whole, 1),))
    tokens = _tokens(text)
    if tokens is None:
        return None
    reader = _Reader(tokens)
    value = reader.main_term()
    if value is None or value[0] == 0 or reader.at < len(tokens):
        return None
    dimension = tuple((base, 1 if base[1:-1] in QUALIFIERS else exponent) for base, exponent in value[1])
    return Unit(text, value[0], Fraction(0), dimension)


def marker_of(annotation: str) -> Dimension:
    """Return the dimension that an annotation adds: none, but for markers.

    >>> marker_of("score"), marker_of("FEU")
    ((), (('{FEU}', 1),))
    """
    if annotation in MARKERS:
        return ((f"{{{MARKERS[annotation]}}}", 1),)
    return NUMBER


@cache
def atom(symbol: str) -> _Value | None:
    """Return factor and dimension of one symbol, with or without prefix; None for an unknown one."""
    if symbol in ATOMS:
        return _defined(symbol)
    for length in (2, 1):
        prefix, rest = symbol[:length], symbol[length:]
        if prefix in PREFIXES and rest in METRIC:
            value = _defined(rest)
            return PREFIXES[prefix] * value[0], value[1]
    return None


@cache
def _defined(symbol: str) -> _Value:
    if symbol in BASES or symbol in ARBITRARY:
        return Fraction(1), ((symbol, 1),)
    number, expression = DEFINED[symbol]
    unit = parse_ucum(expression)
    if unit is None:
        raise ValueError(f"the table of units defines {symbol} by {expression!r}, which is no unit")
    return Fraction(number) * unit.factor, unit.dimension


_Token = tuple[str, str, str]
"""Kind (annotation, sign, number or symbol), text, exponent."""


def _tokens(text: str) -> list[_Token] | None:
    found: list[_Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            return None
        annotation, sign, number, symbol, exponent = match.groups()
        if annotation is not None:
            found.append(("annotation", annotation, ""))
        elif sign:
            found.append(("sign", sign, ""))
        elif number:
            found.append(("number", number, ""))
        else:
            found.append(("symbol", symbol, exponent or ""))
        at = match.end()
    return found


class _Reader:
    """Reads a list of tokens from left to right; every method returns None where the grammar is broken."""

    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens = tokens
        self.at = 0

    def main_term(self) -> _Value | None:
        if self._is_sign("/"):
            return self._chain((Fraction(1), NUMBER))
        return self.term()

    def term(self) -> _Value | None:
        first = self._component()
        return None if first is None else self._chain(first)

    def _chain(self, value: _Value) -> _Value | None:
        while self._is_sign("/") or self._is_sign("."):
            power = -1 if self._is_sign("/") else 1
            self.at += 1
            component = self._component()
            if component is None or component[0] == 0:
                return None
            value = value[0] * component[0] ** power, multiply((value[1], 1), (component[1], power))
        return value

    def _component(self) -> _Value | None:
        if self.at >= len(self.tokens):
            return None
        kind, text, exponent = self.tokens[self.at]
        self.at += 1
        if kind == "annotation":
            return _annotated((Fraction(1), NUMBER), text)
        if kind == "sign":
            value = self._in_brackets() if text == "(" else None
        else:
            value = (Fraction(int(text)), NUMBER) if kind == "number" else _power(text, exponent)
        if value is not None and self.at < len(self.tokens) and self.tokens[self.at][0] == "annotation":
            value = _annotated(value, self.tokens[self.at][1])
            self.at += 1
        return value

    def _in_brackets(self) -> _Value | None:
        value = self.term()
        if value is None or not self._is_sign(")"):
            return None
        self.at += 1
        return value

    def _is_sign(self, sign: str) -> bool:
        return self.at < len(self.tokens) and self.tokens[self.at][:2] == ("sign", sign)


def _power(symbol: str, exponent: str) -> _Value | None:
    value = atom(symbol)
    power = int(exponent) if exponent else 1
    if value is None or abs(power) > LARGEST_EXPONENT:
        return None
    return value[0] ** power, multiply((value[1], power))


def _annotated(value: _Value, annotation: str) -> _Value:
    """Return a unit with its annotation: `{1.73_m2}` stands for that area, so that it does not get lost."""
    if annotation == BODY_SURFACE:
        return value[0] * Fraction("1.73"), multiply((value[1], 1), ((("m", 2),), 1))
    return value[0], multiply((value[1], 1), (marker_of(annotation), 1))
