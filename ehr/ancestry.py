"""The families that a code belongs to, nearest first: what a rare or unseen code is read as.

A family is written as the beginning of its codes and a star. Only the text of the code is used, so a code that
no vocabulary has ever seen has families all the same.
"""

from typing import Final

from ehr.events import SEPARATOR, UNKNOWN

ICD_CATEGORY: Final = 3
"""Letters and digits of an ICD category: A04 of A0472; shorter beginnings mean nothing clinically."""
ATC_LEVELS: Final = (7, 5, 4, 3, 1)
"""Lengths of the five levels of an ATC code (WHO Collaborating Centre for Drug Statistics Methodology)."""


def families(code: str) -> tuple[str, ...]:
    """Return the families of a code, nearest first; the last one is its head.

    >>> families("LAB//50912//mg/dL")
    ('LAB//50912//mg/dL//*', 'LAB//50912//*', 'LAB//*')
    >>> families("DIAGNOSIS//ICD//10//A0472")[:4]
    ('DIAGNOSIS//ICD//10//A0472*', 'DIAGNOSIS//ICD//10//A047*', 'DIAGNOSIS//ICD//10//A04*', 'DIAGNOSIS//ICD//10//*')
    """
    parts = code.split(SEPARATOR)
    beginnings = [SEPARATOR.join(parts[:count]) for count in range(len(parts), 0, -1)]
    whole = [f"{beginning}{SEPARATOR}*" for beginning in beginnings]
    levels = _levels(parts)
    if not levels:
        return tuple(whole)
    stem = SEPARATOR.join(parts[:-1])
    return (*(f"{stem}{SEPARATOR}{parts[-1][:level]}*" for level in levels), *whole[1:])


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
