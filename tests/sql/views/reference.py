"""A slow, plain reading of views: one resource, one row, one expression at a time, as the specification tells it.

Written from the specification's "Processing Algorithm" and FHIRPath alone; with the compiler it shares the reader of
definitions and the table of choices. It knows the part of FHIRPath that views use most.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from sql.views.definition import Column, Select, View
from sql.views.elements import element_of, named_choice
from sql.views.fhirpath import Binary, Call, Constant, Indexer, Literal, Member, Node, This

Items = list[Any]


class TooMany(Exception):
    """Several values stand where one is expected."""


@dataclass(frozen=True)
class Context:
    """What an expression looks at: the item with its type, the resource, the constants and %rowIndex."""

    item: Any
    type: str | None
    resource: Any
    view: View
    row_index: int = 0


def reference_rows(view: View, resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of a view over resources; raises TooMany where a value is not single."""
    rows = []
    for resource in resources:
        if resource.get("resourceType") != view.resource:
            continue
        context = Context(resource, view.resource, resource, view)
        if all(_single(_items(path.node, context)) is True for path in view.where):
            parts = [list(_process(select, context)) for select in view.selects]
            rows += [_merged(row) for row in product(*parts)]
    return rows


def _process(select: Select, context: Context) -> Iterator[dict[str, Any]]:
    foci: list[tuple[Any, str | None]] = [(context.item, context.type)]
    if select.for_each is not None:
        foci = _typed(select.for_each.node, context)
    elif select.repeat:
        foci = list(_traversed(select, context))
    is_iteration = select.for_each is not None or bool(select.repeat)
    for number, (item, type_name) in enumerate(foci):
        inner = replace(context, item=item, type=type_name, row_index=number if is_iteration else context.row_index)
        parts = [
            [{column.name: _cell(column.path.node, column.is_collection, inner)} for _ in "x"]
            for column in select.columns
        ]
        parts += [list(_process(nested, inner)) for nested in select.selects]
        if select.unions:
            parts.append([row for branch in select.unions for row in _process(branch, inner)])
        for row in product(*parts):
            yield _merged(row)
    if not foci and select.or_null:
        yield {column.name: _of_nothing(column) for column in select.all_columns()}


def _of_nothing(column: Column) -> Any:
    zero = [0] if column.is_collection else 0
    return zero if column.path.node == Constant("rowIndex") else None


def _traversed(select: Select, context: Context) -> Iterator[tuple[Any, str | None]]:
    for path in select.repeat:
        for item, type_name in _typed(path.node, context):
            yield item, type_name
            yield from _traversed(select, replace(context, item=item, type=type_name))


def _cell(node: Node, is_collection: bool, context: Context) -> Any:
    items = _items(node, context)
    return items if is_collection else _single(items)


def _single(items: Items) -> Any:
    if len(items) > 1:
        raise TooMany
    return items[0] if items else None


def _merged(row: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    return {name: value for part in row for name, value in part.items()}


# FHIRPath: each expression gives a list of items with their types --------------------------------------------------


def _items(node: Node, context: Context) -> Items:
    return [item for item, _ in _typed(node, context)]


def _typed(node: Node, context: Context) -> list[tuple[Any, str | None]]:
    if isinstance(node, This):
        return [(context.item, context.type)]
    if isinstance(node, Literal):
        return [(_literal(node), None)]
    if isinstance(node, Constant):
        if node.name == "rowIndex":
            return [(context.row_index, None)]
        return [(context.resource, context.view.resource)] if node.name == "resource" else [
            (_literal(context.view.constants[node.name]), None)]  # fmt: skip
    if isinstance(node, Member):
        parents = _typed(node.target, context) if node.target is not None else [(context.item, context.type)]
        return [found for item, type_name in parents for found in _member(item, type_name, node.name)]
    if isinstance(node, Indexer):
        place = _single(_items(node.index, context))
        return _typed(node.target, context)[place : place + 1] if place is not None else []
    if isinstance(node, Call):
        return _call(node, context)
    if isinstance(node, Binary):
        result = _OPERATORS[node.operator](_items(node.left, context), _items(node.right, context))
        return [] if result is None else [(result, None)]
    raise NotImplementedError(type(node))


def _literal(node: Literal) -> Any:
    readers: dict[str, Callable[[str], Any]] = {
        "boolean": lambda text: text == "true",
        "integer": int,
        "decimal": float,
    }
    return readers.get(node.kind, str)(node.text)


def _member(item: Any, type_name: str | None, name: str) -> list[tuple[Any, str | None]]:
    if not isinstance(item, dict):
        return []
    element = element_of(type_name, name)
    if element.choices:
        keys = [(named_choice(name, one), one) for one in element.choices]
        return [(item[key], one) for key, one in keys if key in item]
    found = item.get(name)
    values = found if isinstance(found, list) else [found]
    return [(value, element.type) for value in values if value is not None]


def _call(node: Call, context: Context) -> list[tuple[Any, str | None]]:
    if node.name == "ofType":
        return _of_type(node, context)
    found = _typed(node.target, context) if node.target is not None else [(context.item, context.type)]
    items = [item for item, _ in found]
    if node.name in {"where", "exists"} and node.arguments:
        found = [
            one for one in found if _truth(_items(node.arguments[0], replace(context, item=one[0], type=one[1])))
        ]
    if node.name == "where":
        return found
    if node.name == "first":
        return found[:1]
    if node.name == "extension":
        urls = _items(node.arguments[0], context)
        return [one for item, kind in found for one in _member(item, kind, "extension") if one[0].get("url") in urls]
    if node.name == "not":
        truth = _truth(items)
        return [] if truth is None else [(not truth, None)]
    separator = _single(_items(node.arguments[0], context)) if node.name == "join" and node.arguments else ""
    results: dict[str, Callable[[], Any]] = {
        "exists": lambda: bool(found),
        "empty": lambda: not found,
        "count": lambda: len(found),
        "join": lambda: separator.join(items),
        "getResourceKey": lambda: items[0].get("id"),
    }
    if node.name == "getReferenceKey":
        return [(item["reference"].split("/")[-1], None) for item in items]
    result = results[node.name]()
    return [] if result is None else [(result, None)]


def _of_type(node: Call, context: Context) -> list[tuple[Any, str | None]]:
    (wanted,) = node.arguments
    assert isinstance(wanted, Member)
    assert isinstance(node.target, Member)
    parents = (
        _typed(node.target.target, context) if node.target.target is not None else [(context.item, context.type)]
    )
    key = named_choice(node.target.name, wanted.name)
    return [(item[key], wanted.name) for item, _ in parents if isinstance(item, dict) and key in item]


# Operators -----------------------------------------------------------------------------------------------------


def _truth(items: Items) -> bool | None:
    value = _single(items)
    return value if value is None or isinstance(value, bool) else True


def _and(left: Items, right: Items) -> bool | None:
    one, other = _truth(left), _truth(right)
    if one is False or other is False:
        return False
    return None if one is None or other is None else True


def _or(left: Items, right: Items) -> bool | None:
    one, other = _truth(left), _truth(right)
    if one is True or other is True:
        return True
    return None if one is None or other is None else False


def _equal(left: Items, right: Items) -> bool | None:
    if not left or not right:
        return None
    if len(left) != len(right):
        return False
    return all(_same(one, other) for one, other in zip(left, right, strict=True))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=1e-15)
    return bool(one == other)


def _unequal(left: Items, right: Items) -> bool | None:
    result = _equal(left, right)
    return None if result is None else not result


def _greater(left: Items, right: Items) -> bool | None:
    one, other = _single(left), _single(right)
    return None if one is None or other is None else one > other


def _plus(left: Items, right: Items) -> Any:
    one, other = _single(left), _single(right)
    return None if one is None or other is None else one + other


_OPERATORS: dict[str, Callable[[Items, Items], Any]] = {
    "and": _and,
    "or": _or,
    "=": _equal,
    "!=": _unequal,
    ">": _greater,
    "<": lambda left, right: _greater(right, left),
    "+": _plus,
}
