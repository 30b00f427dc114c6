"""Which unit all values of one kind are compared in, and how to get there."""

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Final

from ehr.units.atoms import ARBITRARY
from ehr.units.quantities import Quantity
from ehr.units.spellings import parse_unit
from ehr.units.ucum import parse_ucum
from ehr.units.unit import NUMBER, Dimension, Unit, multiply

GENERIC: Final = (
    "mg", "kg/m2", "mg/L", "mg/h", "mmol", "mmol/L", "mmol/kg", "mmol/h", "meq", "meq/L", "meq/h",
    "meq/kg", "mosm", "mosm/L", "mosm/kg", "10*9/L", "/kg", "mL", "mL/h", "mL/kg", "mL/kg/h", "cm", "m2",
    "cm/s", "s", "/min", "Cel", "mm[Hg]", "mL/cm[H2O]", "cm[H2O]/L/s", "dyn.s/cm5", "dyn.s/cm5/m2", "kcal", "kcal/kg",
    "W", "N", "mA", "mV", "Ohm", "S", "Gy/s", "deg", "[pH]", "/[HPF]", "/[LPF]", "Np", "B", "mg{FEU}/L", "mg{DDU}/L",
    "mg{PE}", "cd", "C", "C/kg",
)  # fmt: skip
"""One unit for each dimension, for what the table of quantities does not name."""

SCALED: Final[dict[str, tuple[str, ...]]] = {
    "surface": ("mL/m2", "L/min/m2"),
    "weight": ("mg/kg", "ug/kg/min"),
}
"""Per square metre or kilogram of body: in dimensions a length, a speed, a number and a rate, which they are not."""

_COUNTED: Final = ("U", "[IU]", *ARBITRARY)
_COUNTED_FORMS: Final = ("{}", "{}/L", "{}/h", "{}/kg", "{}/kg/h", "{}/g")

AFFINE: Final[dict[tuple[str, str], tuple[Fraction, Fraction]]] = {
    ("hemoglobin A1c", "mmol/mol"): (Fraction("0.09148"), Fraction("2.152")),
}
"""Quantity and unit -> factor and shift to its canonical unit.

HbA1c: NGSP (%) = 0.09148 * IFCC (mmol/mol) + 2.152, the master equation of the NGSP
(https://ngsp.org/ifccngsp.asp; Hoelzel et al., Clin Chem 2004;50:166)."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """value * factor + shift is the value in `unit`, which is UCUM."""

    unit: str
    factor: Fraction
    shift: Fraction


def canonical(unit: Unit, quantity: Quantity | None = None) -> Conversion:
    """Return how to bring a value into the canonical unit of its quantity, else into that of its dimension."""
    if quantity is not None and (found := to_quantity(unit, quantity)):
        return found
    if scaled := scale_of(unit):
        target = _scaled()[scaled, unit.dimension]
    elif unit.dimension == NUMBER:
        target = "1" if _is_plain_number(unit) else "%"
    else:
        target = _generic().get(unit.dimension) or spell(unit.dimension)
    return _between(unit, _known(target), target)


def scale_of(unit: Unit) -> str | None:
    """Say whether a unit is per body surface or body weight in a way that its dimension does not show.

    >>> scale_of(parse_unit("mcg/kg/min")), scale_of(parse_unit("mL/kg"))
    ('weight', None)
    """
    for scale, sign in (("surface", "m2"), ("weight", "/kg")):
        if sign in unit.ucum and (scale, unit.dimension) in _scaled():
            return scale
    return None


def to_quantity(unit: Unit, quantity: Quantity) -> Conversion | None:
    """Return how to bring a value into the canonical unit of `quantity`; None where no way leads there.

    Mass and amount are bridged by the molar mass, equivalents by the valence, and the units that laboratories write
    for the canonical one are taken for it.
    """
    if found := AFFINE.get((quantity.name, unit.ucum)):
        return Conversion(quantity.unit, *found)
    target = _known(quantity.unit)
    if unit.dimension == target.dimension:
        if _is_plain_number(target) and not _is_plain_number(unit):
            return None
        return _between(unit, target, quantity.unit)
    for text in quantity.same:
        same = _known(text)
        if unit.dimension == same.dimension and _is_plain_number(unit) == _is_plain_number(same):
            return Conversion(quantity.unit, unit.factor / same.factor, Fraction(0))
    return _by_amount(unit, target, quantity)


def spell(dimension: Dimension) -> str:
    """Spell a dimension in base units of UCUM: the last resort for a canonical unit.

    >>> spell((("g", 1), ("m", -6), ("s", -1))), spell((("s", -1), ("{tablet}", 1)))
    ('g/m6/s', '{tablet}/s')
    """
    above = [_to_power(base, exponent) for base, exponent in dimension if exponent > 0]
    below = ["/" + _to_power(base, -exponent, "/") for base, exponent in dimension if exponent < 0]
    return ".".join(above) + "".join(below)


def _to_power(base: str, exponent: int, sign: str = ".") -> str:
    if base.startswith("{"):
        return sign.join([base] * exponent)
    return base if exponent == 1 else f"{base}{exponent}"


def _between(unit: Unit, target: Unit, text: str) -> Conversion:
    return Conversion(text, unit.factor / target.factor, (unit.shift - target.shift) / target.factor)


def _by_amount(unit: Unit, target: Unit, quantity: Quantity) -> Conversion | None:
    """Bring equivalents to moles by the valence, then moles to grams by the molar mass, on both sides."""
    if quantity.valence is not None:
        rate = Fraction(1, quantity.valence)
        unit, target = _replaced(unit, "eq", "mol", rate), _replaced(target, "eq", "mol", rate)
    if unit.dimension != target.dimension and quantity.molar_mass is not None:
        mass = quantity.molar_mass
        unit, target = _replaced(unit, "mol", "g", mass), _replaced(target, "mol", "g", mass)
    return _between(unit, target, quantity.unit) if unit.dimension == target.dimension else None


def _replaced(unit: Unit, base: str, other: str, rate: Fraction) -> Unit:
    """Write a unit with `other` for `base`: one of base is `rate` of other."""
    power = dict(unit.dimension).get(base, 0)
    swapped = multiply((unit.dimension, 1), (((base, -1), (other, 1)), power))
    return Unit(unit.ucum, unit.factor * rate**power, unit.shift, swapped)


def _is_plain_number(unit: Unit) -> bool:
    """Say whether the unit is 1 or a word in braces, and no percentage or ratio of units."""
    return unit.dimension == NUMBER and unit.factor == 1 and (unit.ucum == "1" or unit.ucum.startswith("{"))


@cache
def _known(text: str) -> Unit:
    unit = parse_ucum(text) or parse_unit(text)
    if unit is None:
        raise ValueError(f"{text!r} in the tables of units is no unit")
    return unit


@cache
def _generic() -> dict[Dimension, str]:
    counted = [form.format(symbol) for symbol in _COUNTED for form in _COUNTED_FORMS]
    return {_known(text).dimension: text for text in (*counted, *GENERIC)}


@cache
def _scaled() -> dict[tuple[str, Dimension], str]:
    return {(scale, _known(text).dimension): text for scale, texts in SCALED.items() for text in texts}
