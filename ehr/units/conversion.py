"""Converting values from one unit into another."""

from fractions import Fraction
from math import isfinite

from ehr.errors import IncommensurableUnits, UnknownAnalyte, UnknownUnit
from ehr.units.canonical import Conversion, scale_of, to_quantity
from ehr.units.quantities import Quantity, find_quantity
from ehr.units.spellings import parse_unit
from ehr.units.unit import Unit


def convert(value: float, from_unit: str, to_unit: str, analyte: str | None = None) -> float:
    """Return `value` in `to_unit`; units may be UCUM or as hospitals spell them.

    `analyte` is a name, a title or a LOINC code: it is needed between mass and amount (mg/dL and mmol/L), between
    equivalents and moles, and between IU and U. The arithmetic is exact up to the last rounding.

    Raises UnknownUnit, UnknownAnalyte, and IncommensurableUnits where no way leads from one to the other.

    >>> round(convert(100, "mg/dL", "mmol/L", analyte="glucose"), 3)
    5.551
    >>> convert(98.6, "°F", "Cel")
    37.0
    """
    source, target = _unit(from_unit), _unit(to_unit)
    way = conversion_between(source, target, _quantity(analyte))
    if way is None:
        about = f" for {analyte}" if analyte else "; name the analyte if one is its mass and the other its amount"
        raise IncommensurableUnits(f"{from_unit!r} and {to_unit!r} cannot be converted into each other{about}")
    return float(Fraction(value) * way.factor + way.shift) if isfinite(value) else value


def conversion_between(one: Unit, other: Unit, quantity: Quantity | None = None) -> Conversion | None:
    """Return the way from one unit to another, of `quantity` or of anything; None where there is none.

    >>> conversion_between(_unit("degF"), _unit("Cel")).factor
    Fraction(5, 9)
    """
    ways = _ways(one, other, quantity)
    if ways is None:
        return None
    there, back = ways
    return Conversion(other.ucum, there.factor / back.factor, (there.shift - back.shift) / back.factor)


def commensurable(one: Unit, other: Unit, quantity: Quantity | None = None) -> bool:
    """Say whether values in the two units can be compared, of `quantity` or of anything."""
    return _ways(one, other, quantity) is not None


def _ways(one: Unit, other: Unit, quantity: Quantity | None) -> tuple[Conversion, Conversion] | None:
    """Return the way from each unit to one in between, None where there is none."""
    if quantity is not None:
        ways = to_quantity(one, quantity), to_quantity(other, quantity)
        if ways[0] and ways[1]:
            return ways[0], ways[1]
        if ways[0] or ways[1]:
            return None
    if one.dimension != other.dimension or scale_of(one) != scale_of(other):
        return None
    return _to_base(one), _to_base(other)


def _to_base(unit: Unit) -> Conversion:
    return Conversion("", unit.factor, unit.shift)


def _unit(text: str) -> Unit:
    unit = parse_unit(text)
    if unit is None:
        raise UnknownUnit(f"{text!r} is no known unit; write it in UCUM, such as 'mg/dL' (docs/units.md)")
    return unit


def _quantity(analyte: str | None) -> Quantity | None:
    quantity = find_quantity(analyte) if analyte else None
    if analyte and quantity is None:
        raise UnknownAnalyte(f"{analyte!r} is no analyte with a molar mass here; docs/units.md lists them")
    return quantity
