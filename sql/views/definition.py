"""Reading a ViewDefinition: JSON -> values that were checked, with the place of each expression kept.

Follows the structure and the rule ValidateColumns of SQL on FHIR v2 (https://sql-on-fhir.org/ig/, "View Definition").
Keys that say nothing about the rows (url, status, description, ...) are not looked at.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from ehr.errors import ViewError
from sql.views.elements import KINDS, is_type
from sql.views.fhirpath import Literal, Node
from sql.views.parse import FhirPathError, parse

MAX_NESTING: Final = 8
"""How deeply selects may be nested: DuckDB's time to plan doubles with each level."""
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_RESOURCE: Final = re.compile(r"[A-Z][A-Za-z]+")
_PREFIXES: Final = ("http://hl7.org/fhir/StructureDefinition/", "http://hl7.org/fhirpath/System.")
_KINDS_OF_JSON: Final = {bool: "a boolean", str: "a text", list: "a list", dict: "an object"}
_BUILT_IN: Final = frozenset({"resource", "rootResource", "context", "rowIndex"})
_ITERATIONS: Final = ("forEach", "forEachOrNull", "repeat")
_CONSTANT_TYPES: Final = tuple(name for name in KINDS if name not in {"markdown", "xhtml"})
_SHAPES: Final = {
    "integer": re.compile(r"-?\d+"),
    "decimal": re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?"),
    "date": re.compile(r"\d{4}(-\d{2}(-\d{2})?)?"),
    "dateTime": re.compile(r"\d{4}(-\d{2}(-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?)?)?"),
    "time": re.compile(r"\d{2}:\d{2}(:\d{2}(\.\d+)?)?"),
}


@dataclass(frozen=True, slots=True)
class Path:
    """A FHIRPath expression, as text and as a tree, and where in the definition it stands."""

    text: str
    node: Node
    place: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `type` is the name of a FHIR type, None where the definition gives none; `sql_type` a wish by tag."""

    name: str
    path: Path
    type: str | None
    is_collection: bool
    sql_type: str | None
    description: str | None


@dataclass(frozen=True, slots=True)
class Select:
    """A selection: what it goes through (at most one of `for_each` and `repeat`), its columns and what is within."""

    place: str
    for_each: Path | None
    or_null: bool
    repeat: tuple[Path, ...]
    columns: tuple[Column, ...]
    selects: "tuple[Select, ...]"
    unions: "tuple[Select, ...]"

    def all_columns(self) -> Iterator[Column]:
        """Yield the columns in the order of the result: own ones, those of nested selects, those of the union."""
        yield from self.columns
        for select in self.selects:
            yield from select.all_columns()
        if self.unions:
            yield from self.unions[0].all_columns()


@dataclass(frozen=True, slots=True)
class View:
    """A ViewDefinition that was read and checked."""

    resource: str
    name: str | None
    constants: dict[str, Literal]
    where: tuple[Path, ...]
    selects: tuple[Select, ...]

    def columns(self) -> list[Column]:
        """Return the columns in the order of the result."""
        return [column for select in self.selects for column in select.all_columns()]


def read_view(document: Any) -> View:
    """Read a ViewDefinition from parsed JSON; raises ViewError with the place of what is wrong."""
    if not isinstance(document, dict):
        raise ViewError(f"a ViewDefinition is a JSON object, not {_what(document)}")
    said = document.get("resourceType", "ViewDefinition")
    if not isinstance(said, str) or said.rpartition("/")[2] != "ViewDefinition":  # release 2.0 has it as a URL
        raise ViewError(f"resourceType is {said!r}, not 'ViewDefinition'")
    resource = _text(document, "resource", "ViewDefinition")
    if not _RESOURCE.fullmatch(resource):
        raise ViewError(f"ViewDefinition.resource: {resource!r} is no name of a type of resource, such as 'Patient'")
    name = _optional(document, "name", "ViewDefinition", _name)
    constants = _constants(document)
    where = tuple(_path(one, "path", place) for one, place in _objects(document, "where", "ViewDefinition"))
    selects = tuple(_select(one, place, 1) for one, place in _objects(document, "select", "ViewDefinition"))
    if not selects:
        raise ViewError("ViewDefinition.select is missing; a view has at least one select with a column")
    view = View(resource, name, constants, where, selects)
    if not view.columns():
        raise ViewError("ViewDefinition.select has no column")
    seen: list[Column] = []
    for select in selects:
        seen = _check_columns(select, seen)
    return view


def _select(value: dict[str, Any], place: str, depth: int) -> Select:
    if depth > MAX_NESTING:
        raise ViewError(f"{place}: selects are nested more than {MAX_NESTING} levels deep")
    given = [key for key in _ITERATIONS if key in value]
    if len(given) > 1:
        raise ViewError(f"{place} has both {given[0]} and {given[1]}; a select goes through one thing")
    iteration = given[0] if given else None
    return Select(
        place=place,
        for_each=_path(value, iteration, place) if iteration in {"forEach", "forEachOrNull"} and iteration else None,
        or_null=iteration == "forEachOrNull",
        repeat=_repeat(value, place),
        columns=tuple(_column(one, at) for one, at in _objects(value, "column", place)),
        selects=tuple(_select(one, at, depth + 1) for one, at in _objects(value, "select", place)),
        unions=tuple(_select(one, at, depth + 1) for one, at in _objects(value, "unionAll", place)),
    )


def _repeat(value: dict[str, Any], place: str) -> tuple[Path, ...]:
    if "repeat" not in value:
        return ()
    paths = value["repeat"]
    if not isinstance(paths, list) or not paths:
        raise ViewError(f"{place}.repeat is {_what(paths)}; it is a list of one or more FHIRPath expressions")
    return tuple(_parsed(text, f"{place}.repeat[{number}]") for number, text in enumerate(paths))


def _column(value: dict[str, Any], place: str) -> Column:
    name = _name(_text(value, "name", place), f"{place}.name")
    place = f"{place} ({name})"
    is_collection = value.get("collection", False)
    if not isinstance(is_collection, bool):
        raise ViewError(f"{place}.collection is {_what(is_collection)}; it is true or false")
    return Column(
        name=name,
        path=_path(value, "path", place),
        type=_optional(value, "type", place, _type),
        is_collection=is_collection,
        sql_type=_tagged_type(value, place),
        description=_optional(value, "description", place, lambda text, _: text),
    )


def _tagged_type(value: dict[str, Any], place: str) -> str | None:
    """Return the SQL type that the tag ansi/type asks for; the list is called `tag`, or `tags`."""
    wish = None
    for key in ("tag", "tags"):
        for tag, at in _objects(value, key, place):
            if _text(tag, "name", at) == "ansi/type":
                wish = _text(tag, "value", at)
    return wish


def _type(text: str, place: str) -> str:
    name = text
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    name = name.removeprefix("System.")
    if name != text and name[:1].isupper() and name[:1].lower() + name[1:] in KINDS:
        name = name[:1].lower() + name[1:]
    if not is_type(name):
        raise ViewError(f"{place}: {text!r} is no type of FHIR")
    return name


def _constants(document: dict[str, Any]) -> dict[str, Literal]:
    constants: dict[str, Literal] = {}
    for value, place in _objects(document, "constant", "ViewDefinition"):
        name = _name(_text(value, "name", place), f"{place}.name")
        if name in constants or name in _BUILT_IN:
            raise ViewError(f"{place}: %{name} is defined already")
        given = [key for key in value if key.startswith("value")]
        if len(given) != 1:
            raise ViewError(f"{place} ({name}) has {len(given)} values; a constant has one, such as valueString")
        constants[name] = _constant(given[0], value[given[0]], f"{place} ({name})")
    return constants


def _constant(key: str, value: Any, place: str) -> Literal:
    type_name = next((name for name in _CONSTANT_TYPES if key == f"value{name[0].upper()}{name[1:]}"), None)
    if type_name is None:
        raise ViewError(f"{place}: {key} is no value of a constant; it is one of the primitive types, as valueString")
    kind = KINDS[type_name]
    if kind == "boolean":
        if not isinstance(value, bool):
            raise ViewError(f"{place}.{key} is {_what(value)}, not true or false")
        return Literal(kind, "true" if value else "false")
    is_number = kind in {"integer", "decimal"}
    is_text = isinstance(value, str)
    if isinstance(value, bool) or not (is_text or (is_number and isinstance(value, int | float | Decimal))):
        raise ViewError(f"{place}.{key} is {_what(value)}, which is no {type_name}")
    text = str(value)
    if is_text and is_number and type_name != "integer64":
        raise ViewError(f"{place}.{key} is a text, which is no {type_name}")
    if kind in _SHAPES and not _SHAPES[kind].fullmatch(text):
        raise ViewError(f"{place}.{key}: {text!r} is no {type_name}")
    return Literal(kind, text)


def _check_columns(select: Select, before: list[Column]) -> list[Column]:
    """Return the columns after `select`, as the specification's ValidateColumns; raises ViewError."""
    seen = list(before)
    for column in select.columns:
        _add(column, seen)
    for nested in select.selects:
        seen = _check_columns(nested, seen)
    if not select.unions:
        return seen
    branches = [_check_columns(branch, seen)[len(seen) :] for branch in select.unions]
    for branch, columns in zip(select.unions[1:], branches[1:], strict=True):
        _check_match(branches[0], columns, branch.place)
    return seen + branches[0]


def _add(column: Column, seen: list[Column]) -> None:
    if any(column.name == one.name for one in seen):
        raise ViewError(f"{column.path.place}: there is a column {column.name!r} already")
    seen.append(column)


def _check_match(first: list[Column], other: list[Column], place: str) -> None:
    names = [column.name for column in first]
    others = [column.name for column in other]
    if names != others:
        raise ViewError(f"{place} has the columns {others}, but unionAll[0] has {names}; they must be the same")
    for one, two in zip(first, other, strict=True):
        if one.is_collection != two.is_collection or (one.type and two.type and one.type != two.type):
            raise ViewError(
                f"{place}: column {two.name!r} is {_described(two)}, but in unionAll[0] it is {_described(one)}"
            )


def _described(column: Column) -> str:
    return f"{'a collection of ' if column.is_collection else ''}{column.type or 'no type'}"


# Parts ------------------------------------------------------------------------------------------------------------


def _objects(value: dict[str, Any], key: str, place: str) -> list[tuple[dict[str, Any], str]]:
    """Return the objects in a list, each with its place; none when the key is missing."""
    if key not in value:
        return []
    found = value[key]
    if not isinstance(found, list):
        raise ViewError(f"{place}.{key} is {_what(found)}; it is a list")
    for number, one in enumerate(found):
        if not isinstance(one, dict):
            raise ViewError(f"{place}.{key}[{number}] is {_what(one)}; it is an object")
    return [(one, f"{place}.{key}[{number}]") for number, one in enumerate(found)]


def _text(value: dict[str, Any], key: str, place: str) -> str:
    if key not in value:
        raise ViewError(f"{place}.{key} is missing")
    found = value[key]
    if not isinstance(found, str):
        raise ViewError(f"{place}.{key} is {_what(found)}; it is a text")
    if not found.strip():
        raise ViewError(f"{place}.{key} is empty")
    return found


def _optional(value: dict[str, Any], key: str, place: str, check: Callable[[str, str], str]) -> str | None:
    return check(_text(value, key, place), f"{place}.{key}") if value.get(key) is not None else None


def _name(text: str, place: str) -> str:
    if not _NAME.fullmatch(text):
        raise ViewError(f"{place}: {text!r} is no name; names are letters, digits and _, and begin with a letter")
    return text


def _path(value: dict[str, Any], key: str, place: str) -> Path:
    return _parsed(_text(value, key, place), f"{place}.{key}")


def _parsed(text: Any, place: str) -> Path:
    if not isinstance(text, str):
        raise ViewError(f"{place} is {_what(text)}; it is a FHIRPath expression")
    try:
        return Path(text, parse(text), place)
    except FhirPathError as error:
        raise ViewError(f"{place}: {error}") from error


def _what(value: Any) -> str:
    """Name what stands where something else should, for a message."""
    if value is None:
        return "null"
    return _KINDS_OF_JSON.get(type(value), "a number")
