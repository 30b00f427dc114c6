"""Frozen values as JSON and back, from their types alone: what a language model fills, and what a session keeps.

A dataclass becomes an object whose key "type" is the name of its class, so that every member of a union can be told;
the other keys are its fields. `Leaf` says what stands for a type that must not be written out: a concept, which a
language model may only pick among those that were found.
"""

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, cast, get_args, get_origin, get_type_hints

from ehr.errors import EhrError, FormError

TAG: Final = "type"
MAX_DEPTH: Final = 24
MAX_VALUES: Final = 20_000
MAX_ITEMS: Final = 10_000
MAX_TEXT: Final = 10_000
MAX_NUMBER: Final = 1e12


@dataclass(frozen=True, slots=True)
class Leaf:
    """What stands in JSON for the values of a type; `read` raises FormError for what stands for none of them."""

    schema: Mapping[str, object]
    read: Callable[[object], object]
    write: Callable[[Any], object]


Leaves = Mapping[type, Leaf]


@dataclass(frozen=True, slots=True)
class Form:
    """How values are written: the types with a form of their own, and fields that keep their default."""

    leaves: Leaves = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()


PLAIN: Final = Form()


def _hours(value: object) -> timedelta:
    if not isinstance(value, dict) or value.keys() != {"hours"}:
        raise FormError('a length of time is wanted, such as {"hours": 24}')
    try:
        return timedelta(hours=_number(value["hours"], "hours"))
    except OverflowError as error:
        raise FormError("the length of time is too long") from error


def _datetime(value: object) -> datetime:
    if isinstance(value, str) and len(value) <= 32:
        try:
            return datetime.fromisoformat(value).replace(tzinfo=None)
        except ValueError as error:
            raise FormError("a time is wanted, such as 2150-03-01T00:00:00") from error
    raise FormError("a time is wanted, such as 2150-03-01T00:00:00")


def _date(value: object) -> date:
    return _datetime(value).date()


_HOURS_SCHEMA: Final = {
    "type": "object",
    "properties": {"hours": {"type": "number"}},
    "required": ["hours"],
    "additionalProperties": False,
}
_TIMES: Final[Leaves] = {
    timedelta: Leaf(_HOURS_SCHEMA, _hours, lambda value: {"hours": value.total_seconds() / 3600}),
    datetime: Leaf({"type": "string", "description": "2150-03-01T00:00:00"}, _datetime, datetime.isoformat),
    date: Leaf({"type": "string", "description": "2150-03-01"}, _date, date.isoformat),
}


# --- the types ------------------------------------------------------------------------------------------------


def members_of(kind: object) -> tuple[object, ...]:
    """Return the members of a union, flat, or the type itself."""
    if get_origin(kind) in (Union, UnionType):
        return tuple(member for part in get_args(kind) for member in members_of(part))
    return (kind,)


def _hints(kind: type, form: Form) -> dict[str, object]:
    """Return the fields of a dataclass that are written, with their types."""
    hints = get_type_hints(kind)
    if TAG in hints:
        raise TypeError(f"{kind.__name__} has a field {TAG!r}, which names the class in JSON")
    return {one.name: hints[one.name] for one in fields(cast(Any, kind)) if one.name not in form.hidden and one.init}


def _is_value(kind: object) -> bool:
    return isinstance(kind, type) and is_dataclass(kind)


def _name(kind: object) -> str:
    return cast(type, kind).__name__


# --- the schema -----------------------------------------------------------------------------------------------


def schema_of(kind: object, form: Form = PLAIN) -> dict[str, object]:
    """Return the JSON schema of a type: every key is required and none else allowed, as strict decoders want it.

    `kind` is a frozen dataclass, or a union of them, of numbers, texts, literals, enumerations, times, tuples and
    each other. Raises TypeError for a type that is none of these.
    """
    definitions: dict[str, object] = {}
    whole = _schema(kind, form, definitions)
    return {**whole, "$defs": definitions} if definitions else whole


def _schema(kind: object, form: Form, definitions: dict[str, object]) -> dict[str, object]:
    members = members_of(kind)
    if len(members) > 1:
        return {"anyOf": [_schema(member, form, definitions) for member in members]}
    (only,) = members
    leaf = _leaf(only, form)
    if leaf is not None:
        return dict(leaf.schema)
    if _is_value(only):
        name = _key(cast(type, only))
        if name not in definitions:
            definitions[name] = {}
            definitions[name] = _object(cast(type, only), form, definitions)
        return {"$ref": f"#/$defs/{name}"}
    return _simple(only, form, definitions)


def _key(kind: type) -> str:
    """Name a definition; types of the same name in other modules stay apart."""
    return f"{kind.__module__}.{kind.__name__}".replace(".", "_")


def _object(kind: type, form: Form, definitions: dict[str, object]) -> dict[str, object]:
    properties: dict[str, object] = {TAG: {"type": "string", "enum": [_name(kind)]}}
    properties |= {name: _schema(hint, form, definitions) for name, hint in _hints(kind, form).items()}
    return {
        "type": "object",
        "description": " ".join((inspect.getdoc(kind) or "").split()),
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _simple(kind: object, form: Form, definitions: dict[str, object]) -> dict[str, object]:
    if get_origin(kind) is tuple:
        items = [part for part in get_args(kind) if part is not Ellipsis]
        return {"type": "array", "items": _schema(Union[tuple(items)], form, definitions)}  # noqa: UP007
    if get_origin(kind) is Literal:
        return {"enum": list(get_args(kind))}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {"type": "string", "enum": [member.value for member in kind]}
    names = {NoneType: "null", bool: "boolean", int: "integer", float: "number", str: "string"}
    if kind in names:
        return {"type": names[kind]}
    raise TypeError(f"{kind!r} has no form in JSON")


def _leaf(kind: object, form: Form) -> Leaf | None:
    if not isinstance(kind, type):
        return None
    return form.leaves.get(kind) or _TIMES.get(kind)


# --- writing --------------------------------------------------------------------------------------------------


def to_json(value: object, form: Form = PLAIN) -> object:
    """Return a frozen value as dicts, lists, texts and numbers; `from_json` gives it back."""
    leaf = _leaf(type(value), form)
    if leaf is not None:
        return leaf.write(value)
    if is_dataclass(value) and not isinstance(value, type):
        names = _hints(type(value), form)
        return {TAG: _name(type(value)), **{name: to_json(getattr(value, name), form) for name in names}}
    if isinstance(value, tuple):
        return [to_json(one, form) for one in value]
    return value.value if isinstance(value, Enum) else value


# --- reading --------------------------------------------------------------------------------------------------


def from_json(kind: object, data: object, form: Form = PLAIN) -> Any:
    """Return the value of type `kind` that `data` stands for.

    Keys that are missing have their default, and unknown ones are refused. Raises FormError, which names the place
    ("where.criteria[1].comparison.low"), for anything else than a value of the type.
    """
    return _Reading(form).read(kind, data, "", 0)


@dataclass(slots=True)
class _Reading:
    form: Form
    values: int = 0

    def read(self, kind: object, data: object, at: str, depth: int) -> object:
        self.values += 1
        if depth > MAX_DEPTH or self.values > MAX_VALUES:
            raise FormError(f"{at or 'the value'} is too large or nested too deep")
        members = members_of(kind)
        if len(members) > 1:
            return self._member(members, data, at, depth)
        (only,) = members
        leaf = _leaf(only, self.form)
        if leaf is not None:
            return self._located(leaf.read, data, at)
        if _is_value(only):
            return self._object(cast(type, only), data, at, depth)
        if get_origin(only) is tuple:
            return self._tuple(only, data, at, depth)
        return self._located(lambda given: _scalar(only, given), data, at)

    def _located(self, read: Callable[[object], object], data: object, at: str) -> object:
        try:
            return read(data)
        except FormError as error:
            raise FormError(f"{at}: {error}" if at else str(error)) from error

    def _member(self, members: tuple[object, ...], data: object, at: str, depth: int) -> object:
        """Read a member of a union: an object by its name, anything else by what fits."""
        if isinstance(data, dict) and TAG in data:
            named = [member for member in members if _is_value(member) and _name(member) == data[TAG]]
            named = [member for member in named if _leaf(member, self.form) is None]
            if named:
                return self._first(named, data, at, depth)
        problems = []
        for member in members:
            if _is_value(member) and _leaf(member, self.form) is None:
                continue
            try:
                return self.read(member, data, at, depth + 1)
            except FormError as error:
                problems.append(str(error))
        names = [_name(member) for member in members if _is_value(member)]
        wanted = f"an object with {TAG!r} one of {', '.join(names)} is wanted" if names else "; ".join(problems)
        raise FormError(f"{at}: {wanted}" if at and names else wanted)

    def _first(self, named: list[object], data: object, at: str, depth: int) -> object:
        """Read the first of several types of one name that the value is of."""
        for member in named[:-1]:
            try:
                return self.read(member, data, at, depth + 1)
            except FormError:
                continue
        return self.read(named[-1], data, at, depth + 1)

    def _object(self, kind: type, data: object, at: str, depth: int) -> object:
        where = f"{at}: " if at else ""
        if not isinstance(data, dict):
            raise FormError(f"{where}an object of type {_name(kind)} is wanted")
        hints = _hints(kind, self.form)
        if data.get(TAG, _name(kind)) != _name(kind):
            raise FormError(f"{where}{TAG} {_name(kind)} is wanted")
        unknown = sorted(str(key)[:40] for key in data.keys() - hints.keys() - {TAG})
        if unknown:
            raise FormError(f"{where}{_name(kind)} has no key {unknown[0]!r}; its keys are {', '.join(hints)}")
        given = {
            name: self.read(hint, data[name], f"{at}.{name}" if at else name, depth + 1)
            for name, hint in hints.items()
            if name in data
        }
        missing = [one.name for one in fields(cast(Any, kind)) if one.name not in given and _is_needed(one)]
        if missing:
            raise FormError(f"{where}{_name(kind)} needs the key {missing[0]!r}")
        try:
            return kind(**given)
        except EhrError as error:
            raise FormError(f"{where}{error}") from error

    def _tuple(self, kind: object, data: object, at: str, depth: int) -> object:
        items = get_args(kind)
        if not isinstance(data, list) or len(data) > MAX_ITEMS:
            raise FormError(f"{at or 'the value'}: a list is wanted")
        if Ellipsis in items:
            items = (items[0],) * len(data)
        if len(items) != len(data):
            raise FormError(f"{at or 'the value'}: a list of {len(items)} is wanted")
        return tuple(
            self.read(item, one, f"{at}[{place}]", depth + 1)
            for place, (item, one) in enumerate(zip(items, data, strict=True))
        )


def _is_needed(one: Any) -> bool:
    return one.init and one.default is MISSING and one.default_factory is MISSING


def _scalar(kind: object, data: object) -> object:
    if get_origin(kind) is Literal:
        if any(data == option and type(data) is type(option) for option in get_args(kind)):
            return data
        raise FormError(f"one of {', '.join(map(str, get_args(kind)))} is wanted")
    if isinstance(kind, type) and issubclass(kind, Enum):
        for member in kind:
            if isinstance(data, str) and member.value == data:
                return member
        raise FormError(f"one of {', '.join(str(member.value) for member in kind)} is wanted")
    if kind is float:
        return _number(data, "a number")
    if kind is int and isinstance(data, int) and not isinstance(data, bool) and abs(data) <= MAX_NUMBER:
        return data
    if kind is str and isinstance(data, str) and len(data) <= MAX_TEXT:
        return data
    if kind is bool and isinstance(data, bool):
        return data
    if kind is NoneType and data is None:
        return None
    wanted = {NoneType: "null", bool: "true or false", int: "a whole number", str: "a text"}
    raise FormError(f"{wanted.get(cast(type, kind), 'something else')} is wanted")


def _number(data: object, what: str) -> float:
    if isinstance(data, int | float) and not isinstance(data, bool):
        try:
            number = float(data)
        except OverflowError as error:
            raise FormError(f"{what} is wanted that is not so large") from error
        if math.isfinite(number) and abs(number) <= MAX_NUMBER:
            return number
    raise FormError(f"{what} is wanted")
