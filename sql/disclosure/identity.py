"""What the columns of the store tell of a person: which name one, which link rows of one; which tables name none.

Every row of a table with `subject_id` is a row of one patient. An identifier may link rows, be counted and be
grouped by; nothing may be computed with it, and it is compared with other identifiers only, never with a value.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sql.catalog import Relation

SUBJECT: Final = "subject_id"

LINKS: Final[dict[str, str]] = {
    SUBJECT: "subject",
    "encounter_id": "stay",
    "parent_id": "stay",
    "event_id": "event",
}
"""Columns that name a patient, or what belongs to one patient alone; equal ones link rows of one patient."""

LINKING: Final = frozenset(LINKS.values())
OTHER: Final = "other"
"""The identity of a column that names somebody and links nothing for certain."""
MIXED: Final = "mixed"
"""The identity of a whole row, or what else holds an identifier among other values: it is compared with nothing."""

_NAMING: Final = frozenset({"identifiers", "record_id", "rowid"})
_HARMLESS: Final = frozenset({"source_id"})

PUBLIC: Final[dict[str, frozenset[str]]] = {
    "code": frozenset({"code", "description", "system", "kind", "parents", "unit"}),
    "unit": frozenset({"code", "unit", "item", "canonical_unit", "factor", "shift"}),
    "code_ancestor": frozenset({"code", "ancestor"}),
}
"""The tables that hold no patient, and their columns that tell of none."""


@dataclass(frozen=True, slots=True)
class Column:
    """What a column tells: `identity` where it names somebody, `base` where it is a column of the store unchanged."""

    identity: str | None = None
    base: str | None = None

    @property
    def links(self) -> bool:
        """Whether equal values of it are of one patient."""
        return self.identity in LINKING


PLAIN: Final = Column()


def identity_of(name: str) -> str | None:
    """Return the identity of a column of the store by its name.

    >>> identity_of("encounter_id"), identity_of("record_id"), identity_of("sex")
    ('stay', 'other', None)
    """
    if name in LINKS:
        return LINKS[name]
    names_somebody = name in _NAMING or (name.endswith("_id") and name not in _HARMLESS)
    return OTHER if names_somebody else None


def columns_of(relation: Relation) -> Mapping[str, Column]:
    """Return the columns of a table or view; of a table without patients only those that tell of none."""
    names = [name.lower() for name in relation.column_names]
    if SUBJECT not in names:
        names = [name for name in names if name in PUBLIC.get(relation.name, frozenset())]
    return {name: Column(identity_of(name), name) for name in names}
