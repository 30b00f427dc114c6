"""What can be asked of the store itself: the tables, resources and events that it was made from."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Holdings:
    """The store as a whole, and no members of it."""


@dataclass(frozen=True, slots=True)
class TableRows:
    """How many rows each table of the source has: all of them, those of a folder, or those of one patient.

    Of a patient only tables are told of which each row can be counted by an event of its own.
    """

    folder: str | None = None
    subject_id: int | None = None


@dataclass(frozen=True, slots=True)
class Resources:
    """How many FHIR resources there are of each type; or how many of the `types` together each patient has."""

    types: tuple[str, ...] = ()
    per: Literal["type", "patient"] = "type"


@dataclass(frozen=True, slots=True)
class ValueForms:
    """How many FHIR Observations have a number, a coded value, a text, components, or none of these."""


@dataclass(frozen=True, slots=True)
class EventCounts:
    """How many events there are, and how many of them have a time where `timed`."""

    timed: bool = False


@dataclass(frozen=True, slots=True)
class OpenRecords:
    """How many records of conditions have no end, how many are marked as active, and how many there are."""


Held = TableRows | Resources | ValueForms | EventCounts | OpenRecords
"""What is asked of the store itself."""
