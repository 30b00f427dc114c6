"""What a unit is here: a factor, a shift and a dimension, all exact."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

Dimension = tuple[tuple[str, int], ...]
"""Base unit and exponent, sorted by base, without zeros: (("g", 1), ("m", -3))."""

NUMBER: Final[Dimension] = ()


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit: `value * factor + shift` is the value in base units of its dimension.

    `ucum` is its spelling in UCUM. The shift is not 0 for temperatures only. Two units measure the same kind of
    thing exactly when their dimensions are equal.
    """

    ucum: str
    factor: Fraction
    shift: Fraction
    dimension: Dimension

    def same_as(self, other: "Unit") -> bool:
        """Say whether a value in one unit is the same value in the other."""
        return (self.factor, self.shift, self.dimension) == (other.factor, other.shift, other.dimension)


def multiply(*parts: tuple[Dimension, int]) -> Dimension:
    """Return the dimension of a product of powers.

    >>> multiply(((("g", 1),), 1), ((("m", 1),), -3))
    (('g', 1), ('m', -3))
    """
    return dimension_of((base, exponent * power) for dimension, power in parts for base, exponent in dimension)


def dimension_of(pairs: Iterable[tuple[str, int]]) -> Dimension:
    """Return the dimension of bases and exponents, each base once, those that cancel left out."""
    sums: dict[str, int] = {}
    for base, exponent in pairs:
        sums[base] = sums.get(base, 0) + exponent
    return tuple(sorted((base, exponent) for base, exponent in sums.items() if exponent))
