"""The few levels above a code that are worth a token each: chapter and block, or the levels of ATC.

ICD10, ICD10GM, ICD9   chapter and block (section), and what groups.csv has between them
ICD9PROC               chapter, category of two digits
ICD10PCS               section, body system, operation: the first three characters
ATC                    anatomical, therapeutic, pharmacological, chemical: 1, 3, 4 and 5 characters

The groups that only the WHO has are left out where ICD-10-CM has its own, so that the levels of a code are nested.
"""

from functools import lru_cache
from typing import Final

from ehr.events import SEPARATOR
from ehr.hierarchy.names import APART, SHAPES, concept_of
from ehr.hierarchy.structure import ATC_LEVELS, ancestors, is_group, title_of

LEVEL_SYSTEMS: Final = tuple(sorted(SHAPES))
"""Systems whose codes have levels by their structure."""
_PCS_LEVELS: Final = (1, 2, 3)
_FAMILY: Final = "*"


@lru_cache(maxsize=65_536)
def levels_above(code: str) -> tuple[str, ...]:
    """Return the concepts that are the levels of a code or of a family, outermost first; none without a structure.

    A family (`DIAGNOSIS//ICD//10//E11*`) has the levels that all its codes share.

    >>> levels_above("DIAGNOSIS//ICD//10//E119")
    ('ICD10//E00-E89', 'ICD10//E08-E13')
    >>> levels_above("MEDICATION//ATC//A10B*")
    ('ATC//A', 'ATC//A10', 'ATC//A10B')
    >>> levels_above("LAB//50912//mg/dL")
    ()
    """
    is_family = code.endswith(_FAMILY)
    concept = _family_concept(code.removesuffix(_FAMILY)) if is_family else concept_of(code)
    above = ancestors(concept)
    found = [one for one in (above if is_family else above[1:]) if _is_level(one)]
    shared = [one for one in found if not (title_of(one) or "").endswith("(WHO)")]
    return tuple(reversed(shared or found))


def system_of(concept: str) -> str:
    """Return the code system of a concept.

    >>> system_of("ATC//A10"), system_of("ALLERGY//ATC//A10")
    ('ATC', 'ATC')
    """
    head, _, rest = concept.partition(SEPARATOR)
    return rest.partition(SEPARATOR)[0] if head in APART else head


def _is_level(concept: str) -> bool:
    system, code = system_of(concept), concept.rpartition(SEPARATOR)[2]
    if system == "ATC":
        return len(code) in ATC_LEVELS[:-1]
    if system == "ICD10PCS":
        return len(code) in _PCS_LEVELS
    return is_group(f"{system}{SEPARATOR}{code}") or (system == "ICD9PROC" and len(code) == 2)


def _family_concept(stem: str) -> str:
    """Return the concept that all codes with this beginning lie below; beginnings of ICD-10-PCS look like no code."""
    concept = concept_of(stem)
    parts = stem.split(SEPARATOR)
    if concept == stem and parts[0] == "PROCEDURE" and "".join(parts[1:-1]) == "ICD10":
        return f"ICD10PCS{SEPARATOR}{parts[-1]}"
    return concept
