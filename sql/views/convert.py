"""From what an expression gives to what its user needs: one value, a boolean, a number, a text, a list.

The rules are those of FHIRPath's "Singleton Evaluation of Collections" and "Conversion".
"""

from dataclasses import replace

from sqlglot import exp

from sql.views.build import EMPTY, NUMBERS, SQL_TYPES, Value, array, call, cast, is_null, text, truth, when
from sql.views.elements import KINDS
from sql.views.scope import Scope


def single(value: Value, scope: Scope) -> Value:
    """Return the one item; an error at run time when there are several."""
    if not value.is_many:
        return value
    return value.item(call("fhir_single", value.sql, text(scope.place)))


def plain(value: Value, scope: Scope) -> Value:
    """Return one value as the FHIRPath type that its FHIR type stands for; JSON where that is not known."""
    value = single(value, scope)
    kind = KINDS.get(value.type or "")
    if value.kind != "json" or kind is None:
        return value
    if kind not in {"boolean", "integer", "decimal"}:
        return Value(call("fhir_text", value.sql), kind)
    name = value.type if value.type == "integer64" else kind
    return Value(call(f"fhir_{name}", value.sql, text(scope.place)), kind)


def listed(value: Value, scope: Scope) -> Value:
    """Return the items as a list."""
    if value.is_many:
        return value
    if value.is_empty:
        return Value(_empty_list("json"), "json", True)
    if isinstance(value.sql, exp.Literal | exp.Boolean):
        return value.listed(array([value.sql]))
    items = scope.names.named(
        value.sql, lambda one: when((is_null(one), _empty_list(value.kind)), default=array([one]))
    )
    return value.listed(items)


def _empty_list(kind: str) -> exp.Expression:
    return cast(array([]), f"{SQL_TYPES[kind]}[]")


def boolean(value: Value, scope: Scope) -> exp.Expression:
    """Return one value as a boolean; anything but a boolean counts as true when it is there."""
    value = single(value, scope)
    if value.is_empty:
        return cast(exp.Null(), "BOOLEAN")
    if value.kind == "boolean":
        return value.sql
    if value.kind == "json":
        if value.type == "boolean":
            return call("fhir_boolean", value.sql, text(scope.place))
        return scope.names.named(value.sql, lambda one: call("fhir_truth", one))
    return when((exp.Not(this=is_null(value.sql)), truth(True)))


def strict_boolean(value: Value, scope: Scope) -> exp.Expression:
    """Return one value as a boolean; anything else is an error."""
    value = plain(value, scope)
    if value.kind == "json" and value.type is None:
        return call("fhir_boolean", value.sql, text(scope.place))
    if value.kind not in {"boolean", "empty"}:
        scope.refuse(f"gives {described(value)}, not true or false")
    return value.sql


def decimal(value: Value, scope: Scope) -> exp.Expression:
    """Return one value as a decimal of 18 places."""
    value = plain(value, scope)
    if value.kind == "json":
        return call("fhir_decimal", value.sql, text(scope.place))
    if value.kind not in {*NUMBERS, "empty"}:
        scope.refuse(f"takes a number, not {described(value)}")
    return value.sql if value.kind == "decimal" else cast(value.sql, SQL_TYPES["decimal"])


def whole(value: Value, scope: Scope) -> exp.Expression:
    """Return one value as a whole number."""
    value = plain(value, scope)
    if value.kind == "integer":
        return value.sql
    return call("fhir_whole", decimal(value, scope), text(scope.place))


def string(value: Value, scope: Scope) -> exp.Expression:
    """Return one primitive value as text; an element with parts is an error."""
    value = plain(value, scope)
    if value.is_empty:
        return cast(exp.Null(), "TEXT")
    if value.kind == "json":
        if value.type is not None:
            scope.refuse(f"takes a text, not {described(value)}")
        return call("fhir_string", value.sql, text(scope.place))
    if value.kind == "decimal":
        return call("fhir_number_text", value.sql)
    return cast(value.sql, "TEXT") if value.kind in {"integer", "boolean"} else value.sql


def node(value: Value, scope: Scope) -> Value:
    """Return values as JSON."""
    if value.kind == "json":
        return value
    if value.is_empty:
        return Value(cast(exp.Null(), "JSON"), "json")
    if value.is_many:
        items = scope.names.each(value.sql, lambda one, _: call("to_json", one))
        return Value(items, "json", True, _type_of_kind(value.kind))
    return Value(call("to_json", value.sql), "json", False, _type_of_kind(value.kind))


def _type_of_kind(kind: str) -> str:
    return kind  # FHIRPath's kinds bear the names of the FHIR types


def alike(one: Value, other: Value, scope: Scope) -> tuple[Value, Value]:
    """Return two values as the same kind: both lists or both single, numbers as decimals, else as JSON."""
    if one.is_many or other.is_many:
        one, other = listed(one, scope), listed(other, scope)
    else:
        one, other = plain(one, scope), plain(other, scope)
    if one.is_empty or other.is_empty:
        known = other if one.is_empty else one
        if known.is_empty:
            return EMPTY, EMPTY
        nothing = replace(known, sql=cast(exp.Null(), SQL_TYPES[known.kind]), base=None, path=(), written=None)
        return (nothing, known) if one.is_empty else (known, nothing)
    if one.kind == other.kind:
        type_name = one.type if one.type == other.type else None
        return one.typed(type_name), other.typed(type_name)
    if not one.is_many and {one.kind, other.kind} == NUMBERS:
        return Value(decimal(one, scope), "decimal"), Value(decimal(other, scope), "decimal")
    return node(one, scope).typed(None), node(other, scope).typed(None)


def described(value: Value) -> str:
    """Name what an expression gives, for a message."""
    name = value.type if value.kind == "json" else value.kind
    many = "several of " if value.is_many else ""
    return f"{many}type {name}" if name else f"{many}unknown type"
