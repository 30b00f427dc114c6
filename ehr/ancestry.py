"""The families that a code belongs to, nearest first: what a rare or unseen code is read as.

A family is written as the beginning of its codes and a star, or as a block or chapter and a star. Only the text of
the code and the tables of the classifications are used, so a code that no vocabulary has ever seen has families all
the same.
"""

from itertools import takewhile
from typing import Final

from ehr.events import SEPARATOR, UNKNOWN
from ehr.hierarchy.levels import levels_above

ICD_CATEGORY: Final = 3
"""Letters and digits of an ICD category: A04 of A0472; shorter beginnings mean nothing clinically."""
ATC_LEVELS: Final = (7, 5, 4, 3, 1)
"""Lengths of the five levels of an ATC code (WHO Collaborating Centre for Drug Statistics Methodology)."""


def families(code: str) -> tuple[str, ...]:
    """Return the families of a code, nearest first; the last one is its head.

    >>> families("LAB//50912//mg/dL")
    ('LAB//50912//mg/dL//*', 'LAB//50912//*', 'LAB//*')
    >>> [family.removeprefix("DIAGNOSIS//ICD//10//") for family in families("DIAGNOSIS//ICD//10//A0472")[:6]]
    ['A0472*', 'A047*', 'A04*', 'A00-A09*', 'A00-B99*', '*']
    """
    parts = code.split(SEPARATOR)
    beginnings = [SEPARATOR.join(parts[:count]) for count in range(len(parts), 0, -1)]
    whole = [f"{beginning}{SEPARATOR}*" for beginning in beginnings]
    levels = _levels(parts)
    if not levels:
        return tuple(whole)
    stem = SEPARATOR.join(parts[:-1])
    cut = [parts[-1][:level] for level in levels]
    groups = [concept.rpartition(SEPARATOR)[2] for concept in reversed(levels_above(code))]
    return (*(f"{stem}{SEPARATOR}{above}*" for above in dict.fromkeys((*cut, *groups))), *whole[1:])


def shared_beginning(family: str) -> str:
    """Return what all codes of a family begin with.

    >>> shared_beginning("DIAGNOSIS//ICD//10//A04*"), shared_beginning("DIAGNOSIS//ICD//10//A00-A09*")
    ('DIAGNOSIS//ICD//10//A04', 'DIAGNOSIS//ICD//10//A0')
    """
    beginning = family.removesuffix("*")
    stem, separator, last = beginning.rpartition(SEPARATOR)
    first, dash, end = last.partition("-")
    is_group = dash and levels_above(family)[-1:] and levels_above(family)[-1].endswith(last)
    if not is_group:
        return beginning
    shared = takewhile(lambda pair: pair[0] == pair[1], zip(first, end, strict=False))
    return f"{stem}{separator}{''.join(letter for letter, _ in shared)}"


def _levels(parts: list[str]) -> list[int]:
    """Return the lengths at which the last part of a hierarchical code may be cut, longest first."""
    last = parts[-1]
    if len(parts) < 2 or last == UNKNOWN:
        return []
    if any(part.startswith("ICD") for part in parts[1:-1]):
        return [n for n in range(len(last), min(ICD_CATEGORY, len(last)) - 1, -1) if last[n - 1] != "."]
    if "ATC" in parts[1:-1]:
        return [level for level in ATC_LEVELS if level <= len(last)]
    return []
