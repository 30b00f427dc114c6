"""Slots of a query: which it has, and the query with values in their places."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace

from sql.text.records.query import RecordsQuery
from sql.text.records.values import Slot, Value


def slots_of(query: RecordsQuery) -> tuple[Slot, ...]:
    """Return the different slots of a query in the order of its parts."""
    found: dict[Slot, None] = {}

    def note(slot: Slot) -> Value:
        found[slot] = None
        return slot

    _mapped(query, note)
    return tuple(found)


def fill(query: RecordsQuery, value_of: Callable[[Slot], Value]) -> RecordsQuery:
    """Return the query with `value_of(slot)` in the place of every slot.

    >>> from sql.text.records.query import Exists
    >>> from sql.text.records.selection import Patient, Records
    >>> fill(RecordsQuery(Exists(), Records("lab", who=(Patient(Slot("patient", 1)),))), lambda slot: 10018081)
    RecordsQuery(ask=Exists(negated=False), records=Records(kind='lab', matches=(), \
who=(Patient(subject=10018081),), when=(), value=None, times=None, pick=None, following=None))
    """
    filled = _mapped(query, value_of)
    assert isinstance(filled, RecordsQuery)
    return filled


def _mapped(part: object, value_of: Callable[[Slot], Value]) -> object:
    if isinstance(part, Slot):
        return value_of(part)
    if isinstance(part, tuple):
        return tuple(_mapped(one, value_of) for one in part)
    if is_dataclass(part) and not isinstance(part, type):
        return replace(part, **{one.name: _mapped(getattr(part, one.name), value_of) for one in fields(part)})
    return part
