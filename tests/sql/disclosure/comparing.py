"""Comparing the cells of two answers."""

import math
from typing import Any


def agree(cell: Any, expected: Any) -> bool:
    """Say whether two cells are the same; sums of floats may differ in the last digits, by the order of the rows."""
    if isinstance(cell, float) and isinstance(expected, float) and math.isfinite(cell):
        return math.isclose(cell, expected, rel_tol=1e-9, abs_tol=1e-9)
    return repr(cell) == repr(expected)
