"""The parts of a typed question, whatever its types: frozen dataclasses and tuples of them."""

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

T = TypeVar("T")


def parts_of(value: object) -> Iterator[object]:
    """Yield a value and all that is inside it, in the order of its fields."""
    yield value
    if isinstance(value, tuple):
        for one in value:
            yield from parts_of(one)
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from parts_of(getattr(value, field.name))


def mapped(value: T, change: Callable[[Any], Any]) -> T:
    """Return a value with every dataclass inside it, and itself, replaced by what `change` makes of it."""
    found: Any = value
    if isinstance(found, tuple):
        return tuple(mapped(one, change) for one in found)  # type: ignore[return-value]
    if not is_dataclass(found) or isinstance(found, type):
        return value
    new = {field.name: mapped(getattr(found, field.name), change) for field in fields(found) if field.init}
    changed: T = change(replace(found, **new))
    return changed
