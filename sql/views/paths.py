"""Going along elements: `a.b`, choices such as value[x], `ofType()`, `extension()`."""

from typing import Final

from sqlglot import exp

from sql.views.build import (
    EMPTY,
    Value,
    array,
    between,
    call,
    first,
    is_cheap,
    is_null,
    is_plain,
    json_path,
    text,
    when,
)
from sql.views.convert import listed, single, string
from sql.views.elements import (
    KINDS,
    SYSTEM,
    UNKNOWN,
    Element,
    element_of,
    is_a,
    is_resource,
    is_type,
    named_choice,
)
from sql.views.fhirpath import Member, Node, This
from sql.views.scope import Scope

_SHAPES: Final = {
    "boolean": ("BOOLEAN",),
    "integer": ("BIGINT", "UBIGINT", "HUGEINT"),
    "decimal": ("BIGINT", "UBIGINT", "HUGEINT", "DOUBLE"),
}


def member(value: Value, name: str, scope: Scope) -> Value:
    """Return the elements of a name that a value has."""
    if value.is_empty or (value.kind != "json"):
        return EMPTY
    if not is_plain(name):
        scope.refuse(f"FHIR has no element {name!r}")
    element = element_of(value.type, name)
    if element.choices:
        return _choice(value, name, element.choices, scope)
    return _element(value, name, element, scope)


def _element(value: Value, name: str, element: Element, scope: Scope) -> Value:
    if value.parts is not None:
        return _part(value.parts.of(name), element, scope)
    if value.is_many:
        items = scope.names.flat(value.sql, lambda item: _items(item, name))
        return Value(items, "json", True, element.type)
    if element.is_many is not False:
        items = scope.names.named(value.sql, lambda one: _items(one, name))
        return Value(items, "json", True, element.type)
    base, path = (value.base, (*value.path, name)) if value.base is not None else (value.sql, (name,))
    steps = [text("$"), *(text(json_path(*path[:end])) for end in range(1, len(path) + 1))]

    def read(one: exp.Expression) -> exp.Expression:
        if len(path) == 1 and isinstance(one, exp.Column):
            return call("fhir_step", one, steps[-1], text(scope.place))
        return call("fhir_one", one, steps[-1], array(steps), text(scope.place))

    is_simple = is_cheap(base)
    sql = scope.names.named(base, read)
    return Value(sql, "json", False, element.type, base if is_simple else None, path if is_simple else ())


def _part(part: exp.Expression, element: Element, scope: Scope) -> Value:
    """Return an element that was read together with others."""
    if element.is_many is not False:
        return Value(call("fhir_part_items", part), "json", True, element.type)
    return Value(call("fhir_part", part, text(scope.place)), "json", False, element.type, base=part)


def _items(node: exp.Expression, name: str) -> exp.Expression:
    path = json_path(name)
    return call("fhir_items", node, text(path), text(f"{path}[*]"))


def _choice(value: Value, name: str, types: tuple[str, ...], scope: Scope) -> Value:
    """Return the value of a choice, of whatever type it has."""
    if value.parts is not None:
        parts = [value.parts.of(named_choice(name, type_name)) for type_name in types]
        return Value(call("fhir_part_choice", array(parts)), "json")
    paths = array(text(json_path(named_choice(name, type_name))) for type_name in types)
    if value.is_many:
        found = scope.names.each(value.sql, lambda item, _: call("fhir_choice", item, paths))
        return Value(scope.names.kept(found, lambda item, _: exp.Not(this=is_null(item))), "json", True)
    return Value(scope.names.named(value.sql, lambda one: call("fhir_choice", one, paths)), "json")


# Types ------------------------------------------------------------------------------------------------------------


def type_name(node: Node, scope: Scope) -> str:
    """Return the type that an argument names: `Patient`, `FHIR.Patient`, `System.String`."""
    parts = []
    while isinstance(node, Member):
        parts.append(node.name)
        if node.target is None:
            return checked_type(".".join(reversed(parts)), scope)
        node = node.target
    return scope.refuse("the argument is the name of a type, such as Quantity")


def checked_type(name: str, scope: Scope) -> str:
    """Return FHIR's name of a type; raises ViewError for one that there is not."""
    plain_name = name.removeprefix("FHIR.").removeprefix("System.")
    if plain_name in SYSTEM and not name.startswith("FHIR."):
        return SYSTEM[plain_name]
    if not is_type(plain_name):
        scope.refuse(f"{name!r} is no type of FHIR")
    return plain_name


def of_type(target: Node | None, wanted: str, scope: Scope) -> Value:
    """Return the items of the target that are of a type; `value.ofType(Quantity)` reads `valueQuantity`."""
    if isinstance(target, Member):
        parent = scope.this if target.target is None else scope.compile(target.target, scope)
        element = element_of(parent.type, target.name)
        if parent.kind == "json" and is_plain(target.name):
            if element.choices:
                return _of_choice(parent, target.name, element.choices, wanted, scope)
            if element == UNKNOWN and parent.type is None:
                return _of_unknown(parent, target.name, wanted, scope)
    return filtered(scope.this if target is None else scope.compile(target, scope), wanted, scope)


def _of_choice(parent: Value, name: str, types: tuple[str, ...], wanted: str, scope: Scope) -> Value:
    fitting = [one for one in types if is_a(one, wanted)] or [wanted]
    found = [_element(parent, named_choice(name, one), Element(one, False), scope) for one in fitting]
    if len(found) == 1:
        return found[0]
    lists = [listed(one, scope).sql for one in found]
    return Value(call("list_concat", *lists), "json", True, wanted)


def _of_unknown(parent: Value, name: str, wanted: str, scope: Scope) -> Value:
    """Return what stands under the name of a choice, or under the plain name and looks like the type."""
    chosen = _element(parent, named_choice(name, wanted), Element(wanted, None), scope)
    plain_one = filtered(_element(parent, name, UNKNOWN, scope), wanted, scope)
    return Value(call("list_concat", chosen.sql, listed(plain_one, scope).sql), "json", True, wanted)


def filtered(value: Value, wanted: str, scope: Scope) -> Value:
    """Return the items that are of a type."""
    if value.is_empty:
        return value
    known = value.type if value.kind == "json" else value.kind
    if known is not None:
        return value if is_a(known, wanted) else EMPTY
    if value.is_many:
        kept = scope.names.kept(value.sql, lambda item, _: looks_like(item, wanted))
        return Value(kept, "json", True, wanted)
    sql = scope.names.named(value.sql, lambda one: when((looks_like(one, wanted), one)))
    return Value(sql, "json", False, wanted)


def looks_like(node: exp.Expression, wanted: str) -> exp.Expression:
    """Say whether JSON of unknown type could be of a type, by its shape; a resource tells its type."""
    if is_resource(wanted):
        said = call("json_extract_string", node, text("$.resourceType"))
        if wanted in {"Resource", "DomainResource"}:
            return exp.Not(this=is_null(said))
        return call("coalesce", between(exp.EQ, said, text(wanted)), exp.false())
    kind = KINDS.get(wanted)
    shape = call("json_type", node)
    if kind in _SHAPES:
        if kind == "decimal":
            return call("fhir_is_number", node)
        return shape.isin(*[text(name) for name in _SHAPES[kind]])
    if kind is None:
        return between(exp.EQ, shape, text("OBJECT"))
    if kind in {"date", "dateTime"}:
        return between(exp.And, call("fhir_is_text", node), call("fhir_is_moment", call("fhir_text", node)))
    return call("fhir_is_text", node)


def is_of_type(target: Node, wanted: str, scope: Scope) -> Value:
    """Return whether the one item of the target is of a type; false where there is none."""
    found = of_type(target, wanted, scope)
    if found.is_empty:
        return Value(exp.false(), "boolean")
    return Value(exp.Not(this=is_null(single(found, scope).sql)), "boolean")


# Extensions -------------------------------------------------------------------------------------------------------


def extension(target: Node | None, url: Value, scope: Scope) -> Value:
    """Return the extensions of a url; those of a primitive element stand beside it, under `_name`."""
    value = scope.this if target is None else scope.compile(target, scope)
    own = listed(member(value, "extension", scope), scope)
    found = own.sql
    if isinstance(target, Member) and (value.type is None or value.type in KINDS):
        parent = scope.this if target.target is None else scope.compile(target.target, scope)
        names = _beside(parent, target.name)
        beside = [_element(_element(parent, name, UNKNOWN, scope), "extension", UNKNOWN, scope) for name in names]
        lists = [one.sql for one in beside if one.is_many]
        found = call("list_concat", own.sql, *lists) if value.kind == "json" and own.kind == "json" else found
    wanted = string(url, scope)

    def fits(item: exp.Expression, _: exp.Expression) -> exp.Expression:
        return between(exp.EQ, call("json_extract_string", item, text("$.url")), wanted)

    return Value(scope.names.kept(found, fits), "json", True, "Extension")


def _beside(parent: Value, name: str) -> list[str]:
    """Return the names under which JSON has what belongs to a primitive element."""
    choices = element_of(parent.type, name).choices
    return [f"_{named_choice(name, one)}" for one in choices if one in KINDS] or [f"_{name}"]


def this_of(node: Node | None, scope: Scope) -> Value:
    """Return what a function is applied to."""
    return scope.this if node is None or isinstance(node, This) else scope.compile(node, scope)


def head(value: Value) -> Value:
    """Return the first item."""
    return value.item(first(value.sql)) if value.is_many else value
