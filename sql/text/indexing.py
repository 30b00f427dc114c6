"""The index of a store: what concept linking must know of its codes, stays and sources, read once for each state."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from ehr.store import Store
from sql.text.below import read_below
from sql.text.concepts import Index
from sql.text.criterion import StayColumn
from sql.text.matching import Entry, Titles, read_entries
from sql.text.terms import Kind, StayKind
from sql.text.words import stems

KEPT_INDEXES: Final = 4
_INDEXES: Final[dict[tuple[object, ...], Index]] = {}


def index_of(store: Store) -> Index:
    """Return the index of `store`, built anew only when something was imported since the last question."""
    ledger = "SELECT max(source_id), max(finished_at), sum(rows_accepted) FROM source"
    key = (str(store.path.resolve()), *store.cursor().execute(ledger).fetchall()[0])
    if key not in _INDEXES:
        while len(_INDEXES) >= KEPT_INDEXES:
            _INDEXES.pop(next(iter(_INDEXES)), None)
        _INDEXES[key] = build_index(store)
    return _INDEXES[key]


def build_index(store: Store) -> Index:
    """Read the codes of `store`: some thousand rows, some ten milliseconds."""
    entries = read_entries(store)
    by_kind: dict[Kind, list[Entry]] = {kind: [] for kind in Kind}
    for entry in entries:
        by_kind[entry.kind].append(entry)
    words = Counter(word for entry in entries for word in entry.words)
    stays = frozenset(row[0] for row in store.cursor().execute("SELECT DISTINCT class FROM encounter").fetchall())
    titles = {kind: Titles(tuple(found)) for kind, found in by_kind.items()}
    attributes = read_attributes(store)
    words.update(word for values in attributes.values() for value in values for word in stems(value))
    return Index(entries, titles, words, stays, read_below(store), attributes, *_sources(store))


def read_attributes(store: Store) -> Mapping[tuple[StayKind, StayColumn], tuple[str, ...]]:
    """Return the values of the columns that describe stays, by class of stay."""
    columns: tuple[StayColumn, ...] = ("type", "admit_source", "disposition")
    found: dict[tuple[StayKind, StayColumn], tuple[str, ...]] = {}
    for column in columns:
        rows = store.cursor().execute(
            f"SELECT class, list(DISTINCT {column} ORDER BY {column}) FROM encounter "
            f"WHERE {column} IS NOT NULL GROUP BY class"
        )
        found |= {
            (StayKind(name), column): tuple(values) for name, values in rows.fetchall() if name in set(StayKind)
        }
    return found


def _sources(store: Store) -> tuple[frozenset[str], frozenset[str]]:
    """Return the formats that were imported, and the tables or resource types of the sources."""
    formats = store.cursor().execute("SELECT DISTINCT format FROM source WHERE rows_accepted > 0").fetchall()
    tables = store.cursor().execute("SELECT DISTINCT resource FROM tally").fetchall()
    return frozenset(name for (name,) in formats), frozenset(name for (name,) in tables)
