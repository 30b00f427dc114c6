"""Hierarchies that follow from the text of a code: what lies above it, by prefixes, and by the groups of groups.csv.

ICD10     chapter, block, category (E11), then every longer prefix (E11.6, E11.65). The groups are those of the
          tabular list of ICD-10-CM (CMS and NCHS, fiscal years 2021 to 2026), and those of the WHO (ICD-10, 2019)
          that differ. A category may lie in a block of each: E11 in E08-E13 and in E10-E14. ICD10GM has the same.
ICD9      chapter, section, category (250, V45, E934), then every longer prefix: tabular list of ICD-9-CM (CMS, 2012).
ICD9PROC  chapter, category of two digits, then every longer prefix (ICD-9-CM, volume 3).
ICD10PCS  every prefix: section, body system, operation, body part, approach, device, qualifier (CMS).
ATC       1, 3, 4, 5 and 7 characters (WHO Collaborating Centre for Drug Statistics Methodology).
"""

import csv
from bisect import bisect_right
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final, NamedTuple

from ehr.events import SEPARATOR
from ehr.hierarchy.names import APART, SHAPES

ATC_LEVELS: Final = (1, 3, 4, 5, 7)
"""Lengths of the levels of an ATC code."""

_PLACES: Final = {"C4A": "C43A", "C7A": "C75A", "C7B": "C75B", "D3A": "D36A", "M1A": "M10A", "Z3A": "Z38A"}
"""Categories of ICD-10-CM that end in a letter and stand elsewhere than in the order of the alphabet."""

_GROUPS_OF: Final = {"ICD10GM": "ICD10"}


class Group(NamedTuple):
    """A chapter or block: the concepts of a system from `first` to `last`, both included."""

    first: str
    last: str
    name: str
    title: str

    def holds(self, first: str, last: str) -> bool:
        """Say whether all categories from `first` to `last` belong to the group."""
        return _place(self.first) <= _place(first) and _place(last) <= _place(self.last)


@lru_cache(maxsize=65_536)
def ancestors(concept: str) -> tuple[str, ...]:
    """Return a concept and all that lie above it by structure, nearest first; only itself where nothing is known.

    >>> ancestors("ICD9//25002")
    ('ICD9//25002', 'ICD9//2500', 'ICD9//250', 'ICD9//249-259', 'ICD9//240-279')
    >>> ancestors("ATC//A10BA02")
    ('ATC//A10BA02', 'ATC//A10BA', 'ATC//A10B', 'ATC//A10', 'ATC//A')
    """
    found = dict.fromkeys((concept,))
    waiting = [concept]
    for one in waiting:
        above = [parent for parent in parents(one) if parent not in found]
        found.update(dict.fromkeys(above))
        waiting.extend(above)
    return tuple(found)


@lru_cache(maxsize=65_536)
def parents(concept: str) -> tuple[str, ...]:
    """Return the concepts directly above a concept by structure: none for a chapter, or where nothing is known.

    >>> parents("ICD10//E11"), parents("ICD10//E08-E13")
    (('ICD10//E08-E13', 'ICD10//E10-E14'), ('ICD10//E00-E89',))
    """
    head, _, rest = concept.partition(SEPARATOR)
    if head in APART and SEPARATOR in rest:
        return tuple(f"{head}{SEPARATOR}{parent}" for parent in parents(rest))
    system, _, code = concept.partition(SEPARATOR)
    if system not in SHAPES or not (SHAPES[system].fullmatch(code) or is_group(concept)):
        return ()
    return tuple(f"{system}{SEPARATOR}{parent}" for parent in _parents(system, code))


def title_of(concept: str) -> str | None:
    """Return the title of a chapter, block or other group of the tables; None for anything else.

    >>> title_of("ICD10//E08-E13"), title_of("ATC//A10"), title_of("ICD10//E119")
    ('Diabetes mellitus', 'Drugs used in diabetes', None)
    """
    system, _, code = concept.partition(SEPARATOR)
    return group_titles(_GROUPS_OF.get(system, system)).get(code)


def is_group(concept: str) -> bool:
    """Say whether a concept is a chapter, block or other group of the tables."""
    return title_of(concept) is not None


@cache
def group_titles(system: str) -> Mapping[str, str]:
    """Return the titles of the groups of a system by their codes."""
    return {group.name: group.title for group in _groups(system)}


def has_structure(concept: str) -> bool:
    """Say whether what lies above a concept follows from its text."""
    head, _, rest = concept.partition(SEPARATOR)
    return head in SHAPES or (head in APART and has_structure(rest))


def is_well_formed(concept: str) -> bool:
    """Say whether a concept has a place in a structure: a code that lies in a chapter, or a group."""
    system = concept.partition(SEPARATOR)[0]
    return system in SHAPES and any(is_group(above) for above in ancestors(concept))


def _parents(system: str, code: str) -> tuple[str, ...]:
    if system == "ATC":
        return tuple(code[:level] for level in reversed(ATC_LEVELS) if level < len(code))[:1]
    if system == "ICD10PCS":
        return (code[:-1],) if len(code) > 1 else ()
    first, dash, last = code.partition("-")
    if not dash and len(code) > _category_length(system, code):
        return (code[:-1],)
    return _smallest([group for group in _holding(system, first, last or first) if group.name != code])


def _holding(system: str, first: str, last: str) -> list[Group]:
    """Return the groups that hold all categories from `first` to `last`."""
    starts, placed = _by_place(_GROUPS_OF.get(system, system))
    at = _place(last)
    return [group for end, group in placed[: bisect_right(starts, _place(first))] if end >= at]


def _category_length(system: str, code: str) -> int:
    if system == "ICD9PROC":
        return 2
    return 4 if system == "ICD9" and code.startswith("E") else 3


def _smallest(groups: list[Group]) -> tuple[str, ...]:
    """Return the groups that hold no other one of the list."""
    return tuple(
        group.name
        for group in groups
        if not any(other != group and group.holds(other.first, other.last) for other in groups)
    )


def _place(category: str) -> str:
    return _PLACES.get(category, category)


@cache
def _by_place(system: str) -> tuple[list[str], list[tuple[str, Group]]]:
    """Return the places where the groups of a system begin, in order, and beside them where each ends."""
    ordered = sorted(_groups(system), key=lambda group: _place(group.first))
    return [_place(group.first) for group in ordered], [(_place(group.last), group) for group in ordered]


@cache
def _groups(system: str) -> tuple[Group, ...]:
    """Read the groups of a system; one of a single category is that category."""
    table = files("ehr.hierarchy").joinpath("groups.csv").read_text(encoding="utf-8")
    rows = [row for row in csv.DictReader(table.splitlines()) if row["system"] == system]
    return tuple(
        Group(row["group"].partition("-")[0], row["group"].rpartition("-")[2], row["group"], row["title"])
        for row in rows
    )
