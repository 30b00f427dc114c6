"""FHIRPath's syntax tree -> SQL over one item of JSON."""

from typing import assert_never

from sqlglot import exp

from sql.views.build import EMPTY, Value, between, call, cast, json_path, number, text, truth, when
from sql.views.convert import listed, single, whole
from sql.views.elements import is_a, is_resource
from sql.views.fhirpath import (
    Binary,
    Call,
    Constant,
    Empty,
    Index,
    Indexer,
    Literal,
    Member,
    Node,
    Quantity,
    This,
    TypeTest,
    Unary,
)
from sql.views.functions import called
from sql.views.operators import binary, sign
from sql.views.paths import checked_type, is_of_type, member, of_type
from sql.views.scope import Scope

_SYSTEMS = {
    "ucum": "http://unitsofmeasure.org",
    "sct": "http://snomed.info/sct",
    "loinc": "http://loinc.org",
}


def compiled(node: Node, scope: Scope) -> Value:
    """Return what an expression gives for the item that `scope` looks at."""
    match node:
        case Literal():
            return _literal(node)
        case Quantity():
            return _quantity(node)
        case Empty():
            return EMPTY
        case Constant(name):
            return _constant(name, scope)
        case This():
            return scope.this
        case Index():
            return _index(scope)
        case Member(target, name):
            return _root(name, scope) if target is None else member(compiled(target, scope), name, scope)
        case Call():
            return called(node, scope)
        case Indexer(target, index):
            return _indexed(compiled(target, scope), compiled(index, scope), scope)
        case Unary(operator, operand):
            return sign(operator, compiled(operand, scope), scope)
        case Binary():
            return binary(node, scope)
        case TypeTest(operator, operand, type_name):
            wanted = checked_type(type_name, scope)
            if operator == "is":
                return is_of_type(operand, wanted, scope)
            return single(of_type(operand, wanted, scope), scope)
        case _:
            assert_never(node)


def _literal(node: Literal) -> Value:
    if node.kind == "boolean":
        return Value(truth(node.text == "true"), "boolean")
    if node.kind == "integer":
        return Value(cast(number(node.text), "BIGINT"), "integer", written=node.text)
    if node.kind == "decimal":
        return Value(cast(text(node.text), "DECIMAL(38, 18)"), "decimal", written=node.text)
    return Value(text(node.text.removesuffix("T") if node.kind == "dateTime" else node.text), node.kind)


def _quantity(node: Quantity) -> Value:
    value = call("json_object", text("value"), number(node.value.text), text("unit"), text(node.unit))
    return Value(value, "json", False, "Quantity")


def _constant(name: str, scope: Scope) -> Value:
    if name in scope.constants:
        return _literal(scope.constants[name])
    if name in {"resource", "rootResource"}:
        return scope.resource
    if name == "context":
        return scope.context
    if name == "rowIndex":
        return Value(scope.row_index, "integer")
    if name in _SYSTEMS:
        return Value(text(_SYSTEMS[name]), "string")
    known = [*scope.constants, "resource", "context", "rowIndex", *_SYSTEMS]
    return scope.refuse(f"there is no constant %{name}; there are {', '.join(f'%{one}' for one in known)}")


def _index(scope: Scope) -> Value:
    if scope.index is None:
        scope.refuse("$index has a meaning only within where(), select(), all() and exists()")
    return Value(scope.index, "integer")


def _root(name: str, scope: Scope) -> Value:
    """Return an element of the item looked at, or the item itself where the name is that of its type."""
    if not name[:1].isupper():
        return member(scope.this, name, scope)
    known = scope.this.type
    if known is None and is_resource(name):
        said = call("json_extract_string", scope.this.sql, text(json_path("resourceType")))
        sql = when((between(exp.EQ, said, text(name)), scope.this.sql))
        return Value(sql, "json", False, name)
    if known is None or not is_a(known, name):
        scope.refuse(f"{name!r} is not what the expression looks at, which is {known or 'of unknown type'}")
    return scope.this


def _indexed(target: Value, index: Value, scope: Scope) -> Value:
    if target.is_empty or index.is_empty:
        return EMPTY
    items = listed(target, scope)
    place = whole(index, scope)

    def taken(at: exp.Expression) -> exp.Expression:
        found = call("list_extract", items.sql, between(exp.Add, at, number(1)))
        return when((between(exp.GTE, at, number(0)), found))

    if index.written is not None and index.written.isdigit():
        return items.item(call("list_extract", items.sql, number(int(index.written) + 1)))
    return items.item(scope.names.named(place, taken))
