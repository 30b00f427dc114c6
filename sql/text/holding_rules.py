"""Rules for what is asked of the store itself: rows of tables, resources by type, events, forms of values."""

from collections.abc import Iterator
from typing import Final

from sql.text.concepts import Absent
from sql.text.further import source_end, tail_end
from sql.text.populations import one_patient
from sql.text.query import Query
from sql.text.reader import Reader, phrases
from sql.text.stored import EventCounts, Held, Holdings, OpenRecords, Resources, TableRows, ValueForms

_MANY: Final = phrases("how many; number of; count of")
_TABLES: Final = phrases("table|tables; file|files; of these tables; these tables; source table|tables")
_OPEN: Final = phrases(
    "are|is still open; are|is open; are|is ongoing; are still active; are unresolved; remain open"
)
_FORMS: Final = phrases(
    """
    number|numbers; numeric value; quantity; coded value; concept; string|strings; text; components; component; none;
    none of these; no value
    """
)
FHIR: Final = "fhir"


def of_store(r: Reader, at: int) -> Iterator[tuple[Query, int]]:
    """Yield the questions about the store itself."""
    start = r.phrase(at, *_MANY)
    if start is None:
        return
    for build in (_rows, _resources, _forms, _events, _open):
        for ask, end in build(r, start):
            yield Query(Holdings(), (ask,)), end


def _rows(r: Reader, at: int) -> Iterator[tuple[Held, int]]:
    start = r.phrase(at, "rows", "records")
    if start is None or r.word(start - 1) != "rows":
        return
    each = r.phrase(start, "does each", "does every", "has each", "per", "of each", "in each", "are in each")
    if each is not None:
        folder = r.word(each)
        named = r.phrase(each + 1, *_TABLES)
        if named is not None and any(name.startswith(f"{folder}/") for name in r.index.tables):
            yield TableRows(folder), r.skip(named, "have", "has")
        plain = r.phrase(each, *_TABLES)
        if plain is not None:
            yield TableRows(), r.skip(plain, "have", "has")
    owned = r.phrase(start, "has", "does", "of", "for")
    for number, end in one_patient(r, owned) if owned is not None else ():
        after = r.phrase(r.skip(end, "have", "has"), "in each", "in", "per", "in every")
        last = None if after is None else r.phrase(r.skip(after, "of"), *_TABLES)
        if last is not None:
            yield TableRows(subject_id=number), last


def _resources(r: Reader, at: int) -> Iterator[tuple[Held, int]]:
    start = r.phrase(at, "resources", "fhir resources")
    if start is None or not _is_fhir(r, start):
        return
    each = r.phrase(start, "of each|every type", "per type", "by type", "of each resource type")
    if each is not None:
        yield Resources(), r.skip(each, "are there", "are in store")
    typed = r.phrase(start, "of types", "of type")
    if typed is None:
        return
    names, end = _type_names(r, typed)
    each = r.phrase(end, "has|have each patient", "does each patient have", "per patient", "of each patient")
    if names and each is not None:
        yield Resources(names, "patient"), each
    if names:
        yield Resources(names), r.skip(end, "are there")


def _type_names(r: Reader, at: int) -> tuple[tuple[str, ...], int]:
    """Return the resource types of a list, as FHIR writes them."""
    known = {name.lower(): name for name in r.index.tables}
    names: list[str] = []
    end = at
    while r.word(end) in known:
        names.append(known[r.word(end)])
        at = r.reached(end + 1)
        end = r.skip(at, ", and", ",", "and")
    return tuple(names), at


def _forms(r: Reader, at: int) -> Iterator[tuple[Held, int]]:
    """Read "Observations have a number, a coded value, a string, components, or none of these"."""
    start = r.phrase(at, "observations have", "observations with", "observations have value that is")
    if start is None:
        return
    said = 0
    end = start
    while (after := r.phrase(end, *_FORMS)) is not None:
        said += 1
        end = r.skip(after, ", or", ", and", ",", "or", "and")
    if said > 1 and _is_fhir(r, end):
        yield ValueForms(), end


def _events(r: Reader, at: int) -> Iterator[tuple[Held, int]]:
    start = r.phrase(at, "events")
    if start is None:
        return
    source = source_end(r, start)
    end = tail_end(r, start if source is None else source)
    timed = r.phrase(r.skip(end, ","), "and how many of them have time", "and how many have time")
    if timed is not None:
        yield EventCounts(timed=True), timed
    yield EventCounts(), end


def _open(r: Reader, at: int) -> Iterator[tuple[Held, int]]:
    start = r.phrase(at, "conditions", "open conditions", "condition records")
    if start is None:
        return
    is_named = "open" in r.text(at, start).lower().split()
    end = start if is_named else r.phrase(start, *_OPEN)
    if end is not None and _is_fhir(r, end):
        yield OpenRecords(), r.skip(end, "are there")


def _is_fhir(r: Reader, at: int) -> bool:
    """Say whether the store was made from FHIR, which alone says so; remember it where not."""
    if r.index.formats == {FHIR}:
        return True
    r.trouble(at, Absent("", "FHIR resources", "; this store was not made from FHIR alone"))
    return False
