"""The columns of names and ids that a catalogue describes."""

from collections.abc import Iterator
from typing import Final

from sql.text.linking.index import LinkIndex, build_index
from sql.text.linking.names import Connection, IdColumn, NameColumn, Uses
from sql.text.linking.ordinary import FUNCTION
from sql.text.linking.words import pieces
from sql.text.records.catalogue import Catalogue, Field, Kind

PATIENT: Final = "patient"
_PATIENT_WORDS: Final = ("patient", "subject", "pt")


def index_of(catalogue: Catalogue, connection: Connection) -> LinkIndex:
    """Return the index of the names and ids of a database that a catalogue describes.

    Raises duckdb.Error where a table or column of the catalogue is absent.
    """
    return build_index(connection, list(name_columns(catalogue)), [patients(catalogue)])


def name_columns(catalogue: Catalogue) -> Iterator[NameColumn]:
    """Give the columns whose values fill slots, each once for a kind of slot."""
    seen: set[tuple[str, str]] = set()
    for kind in catalogue.kinds.values():
        for field in kind.fields.values():
            if field.slot is not None:
                column = _column(kind, field, field.slot)
                if (column.kind, column.place) not in seen:
                    seen.add((column.kind, column.place))
                    yield column


def patients(catalogue: Catalogue) -> IdColumn:
    """Return the column of the ids of patients."""
    kind = catalogue.kind(catalogue.people.kind)
    return IdColumn(PATIENT, kind.table, kind.subject, _PATIENT_WORDS)


def _column(kind: Kind, field: Field, slot: str) -> NameColumn:
    cues = _cues(kind, field, slot)
    if field.lookup is None:
        return NameColumn(slot, kind.table, field.column, synonyms=field.synonyms, cues=cues)
    lookup = field.lookup
    uses = Uses(kind.table, field.column, lookup.key)
    return NameColumn(
        slot, lookup.table, lookup.label, lookup.where, uses, lookup.alias, synonyms=field.synonyms, cues=cues
    )


def _cues(kind: Kind, field: Field, slot: str) -> tuple[str, ...]:
    """Return the words that announce a value of the field: its own names, and those of the kind where it names it."""
    named = [field.noun, slot.replace("_", " ")]
    if field.lookup is not None or slot == kind.name:
        named += [*kind.noun, kind.name]
    words = (piece.word for text in named for piece in pieces(text) if piece.stem not in FUNCTION)
    return tuple(dict.fromkeys([*words, *field.cues]))
