"""FHIRPath's operators: logic with three values, equality, order, arithmetic, membership (FHIRPath N1, section 6)."""

from collections.abc import Callable
from typing import Final

from sqlglot import exp

from sql.views.build import (
    EMPTY,
    MOMENTS,
    NUMBERS,
    Value,
    between,
    call,
    cast,
    first,
    is_null,
    length,
    negated,
    number,
    text,
    when,
)
from sql.views.convert import alike, boolean, decimal, described, listed, plain, string, whole
from sql.views.fhirpath import Binary, Node
from sql.views.scope import Scope

Operator = Callable[[Value, Value, Scope], Value]


def binary(expression: Binary, scope: Scope) -> Value:
    """Return what an operator between two expressions gives."""
    if expression.operator in {"and", "or"}:
        return _logic(expression, scope)
    left = scope.compile(expression.left, scope)
    right = scope.compile(expression.right, scope)
    return OPERATORS[expression.operator](left, right, scope)


def sign(operator: str, operand: Value, scope: Scope) -> Value:
    """Return a number with a sign before it."""
    value = plain(operand, scope)
    if value.is_empty:
        return value
    if value.written is not None:
        written = value.written if operator == "+" else f"-{value.written}".replace("--", "")
        return Value(exp.Paren(this=exp.Neg(this=value.sql)) if operator == "-" else value.sql, value.kind,
                     written=written)  # fmt: skip
    kind = "integer" if value.kind == "integer" else "decimal"
    sql = value.sql if kind == "integer" else decimal(value, scope)
    return Value(exp.Paren(this=exp.Neg(this=sql)) if operator == "-" else sql, kind)


# Logic ------------------------------------------------------------------------------------------------------------


def _logic(expression: Binary, scope: Scope) -> Value:
    """Join a chain of the same word without nesting: SQL's AND and OR have the same three values as FHIRPath's."""
    operands: list[Node] = []
    rest: Node = expression
    while isinstance(rest, Binary) and rest.operator == expression.operator:
        operands.append(rest.right)
        rest = rest.left
    operands.append(rest)
    terms = [exp.Paren(this=boolean(scope.compile(one, scope), scope)) for one in reversed(operands)]
    joined = exp.and_(*terms) if expression.operator == "and" else exp.or_(*terms)
    return Value(exp.Paren(this=joined), "boolean")


def _xor(left: Value, right: Value, scope: Scope) -> Value:
    return Value(between(exp.NEQ, boolean(left, scope), boolean(right, scope)), "boolean")


def _implies(left: Value, right: Value, scope: Scope) -> Value:
    return Value(between(exp.Or, negated(boolean(left, scope)), exp.Paren(this=boolean(right, scope))), "boolean")


# Equality ---------------------------------------------------------------------------------------------------------


def equal(left: Value, right: Value, scope: Scope) -> Value:
    """Return `left = right`: empty if one is empty, false if they differ in number, else item by item in order."""
    if left.is_empty or right.is_empty:
        return Value(cast(exp.Null(), "BOOLEAN"), "boolean")
    if left.is_many and right.is_many:
        return Value(_equal_lists(left, right, scope), "boolean")
    if right.is_many:
        left, right = right, left
    if left.is_many:
        return Value(_equal_to_one(left, right, scope), "boolean")
    return Value(_equal_items(left, right, scope), "boolean")


def _equal_to_one(items: Value, one: Value, scope: Scope) -> exp.Expression:
    def compared(named: exp.Expression) -> exp.Expression:
        is_single = between(exp.EQ, length(named), number(1))
        is_empty = between(exp.Or, between(exp.EQ, length(named), number(0)), is_null(one.sql))
        same = _equal_items(items.item(first(named)), one, scope)
        return when((is_single, same), (is_empty, exp.Null()), default=exp.false())

    return scope.names.named(items.sql, compared)


def _equal_lists(left: Value, right: Value, scope: Scope) -> exp.Expression:
    def compared(one: exp.Expression, other: exp.Expression) -> exp.Expression:
        def items(item: exp.Expression, place: exp.Expression) -> exp.Expression:
            return _equal_items(left.item(item), right.item(call("list_extract", other, place)), scope)

        lengths = length(one), length(other)
        is_empty = between(exp.Or, between(exp.EQ, lengths[0], number(0)), between(exp.EQ, lengths[1], number(0)))
        return when(
            (is_empty, exp.Null()),
            (between(exp.NEQ, *lengths), exp.false()),
            default=call("fhir_all", scope.names.each(one, items)),
        )

    return scope.names.named(left.sql, lambda one: scope.names.named(right.sql, lambda two: compared(one, two)))


def _equal_items(left: Value, right: Value, scope: Scope) -> exp.Expression:
    """Return whether two single values are equal; NULL where that cannot be said."""
    left, right = plain(left, scope), plain(right, scope)
    if {left.kind, right.kind} <= NUMBERS:
        return between(exp.EQ, left.sql, right.sql)
    if "Quantity" in {left.type, right.type} and left.kind == right.kind == "json":
        return between(exp.EQ, call("fhir_order_quantities", left.sql, right.sql, text(scope.place)), number(0))
    if left.kind == right.kind:
        return _equal_same(left, right, scope)
    if "json" in {left.kind, right.kind}:
        return _equal_node(left, right, scope)
    if _are_moments(left, right):
        return between(exp.EQ, call("fhir_order_moments", left.sql, right.sql), number(0))
    if {left.kind, right.kind} == {"time", "string"}:
        return between(exp.EQ, call("fhir_order_times", left.sql, right.sql), number(0))
    missing = between(exp.Or, is_null(left.sql), is_null(right.sql))
    return when((missing, cast(exp.Null(), "BOOLEAN")), default=exp.false())


def _equal_same(left: Value, right: Value, scope: Scope) -> exp.Expression:
    if left.kind == "json":
        return call("fhir_equal", left.sql, right.sql)
    if left.kind in MOMENTS:
        return between(exp.EQ, call("fhir_order_moments", left.sql, right.sql), number(0))
    if left.kind == "time":
        return between(exp.EQ, call("fhir_order_times", left.sql, right.sql), number(0))
    return between(exp.EQ, left.sql, right.sql)


def _equal_node(left: Value, right: Value, scope: Scope) -> exp.Expression:
    """Compare JSON of unknown type with a value of a known one."""
    if right.kind == "json":
        left, right = right, left

    def compared(one: exp.Expression) -> exp.Expression:
        if right.kind == "boolean":
            return call("fhir_equal_boolean", one, right.sql)
        if right.kind in NUMBERS:
            return call("fhir_equal_number", one, right.sql)
        if right.kind in MOMENTS:
            return between(exp.EQ, call("fhir_order_moments", call("fhir_text", one), right.sql), number(0))
        if right.kind == "time":
            return between(exp.EQ, call("fhir_order_times", call("fhir_text", one), right.sql), number(0))
        return call("fhir_equal_text", one, right.sql)

    return scope.names.named(left.sql, compared)


def _are_moments(left: Value, right: Value) -> bool:
    """Say whether both are dates or dateTimes; a text beside one is read as one."""
    kinds = {left.kind, right.kind}
    return kinds <= {*MOMENTS, "string"} and kinds != {"string"}


def _unequal(left: Value, right: Value, scope: Scope) -> Value:
    return Value(negated(equal(left, right, scope).sql), "boolean")


def _equivalent(left: Value, right: Value, scope: Scope) -> Value:
    """Return `left ~ right`, which is never empty."""
    if left.is_empty or right.is_empty:
        other = listed(right if left.is_empty else left, scope)
        return Value(between(exp.EQ, length(other.sql), number(0)), "boolean")
    if not left.is_many and not right.is_many:
        return Value(_equivalent_items(left, right, scope), "boolean")
    left, right = listed(left, scope), listed(right, scope)

    def compared(one: exp.Expression, other: exp.Expression) -> exp.Expression:
        def matches(item: exp.Expression, _: exp.Expression) -> exp.Expression:
            def fits(candidate: exp.Expression, __: exp.Expression) -> exp.Expression:
                return _equivalent_items(left.item(item), right.item(candidate), scope)

            return between(exp.GT, length(scope.names.kept(other, fits)), number(0))

        are_all = between(exp.EQ, length(scope.names.kept(one, matches)), length(one))
        return between(exp.And, between(exp.EQ, length(one), length(other)), are_all)

    named = scope.names.named
    return Value(named(left.sql, lambda one: named(right.sql, lambda other: compared(one, other))), "boolean")


def _equivalent_items(left: Value, right: Value, scope: Scope) -> exp.Expression:
    left, right = plain(left, scope), plain(right, scope)
    both_missing = between(exp.And, is_null(left.sql), is_null(right.sql))
    if left.kind == right.kind == "string":
        same = between(exp.EQ, call("fhir_folded", left.sql), call("fhir_folded", right.sql))
    elif {left.kind, right.kind} <= NUMBERS:
        same = call("fhir_equivalent_numbers", decimal(left, scope), decimal(right, scope))
    else:
        same = _equal_items(left, right, scope)
    return when((both_missing, exp.true()), default=call("coalesce", same, exp.false()))


def _not_equivalent(left: Value, right: Value, scope: Scope) -> Value:
    return Value(negated(_equivalent(left, right, scope).sql), "boolean")


# Order ------------------------------------------------------------------------------------------------------------


def _ordered(operator: type[exp.Binary]) -> Operator:
    def compared(left: Value, right: Value, scope: Scope) -> Value:
        left, right = plain(left, scope), plain(right, scope)
        if left.is_empty or right.is_empty:
            return Value(cast(exp.Null(), "BOOLEAN"), "boolean")
        order = _order(left, right, scope)
        if order is None:
            return Value(between(operator, left.sql, right.sql), "boolean")
        return Value(between(operator, order, number(0)), "boolean")

    return compared


def _order(left: Value, right: Value, scope: Scope) -> exp.Expression | None:
    """Return -1, 0, 1 or NULL for two single values; None where SQL's own order is the right one."""
    kinds = {left.kind, right.kind}
    if kinds <= NUMBERS or kinds == {"string"}:
        return None
    if _are_moments(left, right):
        return call("fhir_order_moments", left.sql, right.sql)
    if kinds <= {"time", "string"}:
        return call("fhir_order_times", left.sql, right.sql)
    if "json" not in kinds or "boolean" in kinds:
        scope.refuse(f"{described(left)} and {described(right)} have no order")
    if kinds == {"json"}:
        if "Quantity" in {left.type, right.type}:
            return call("fhir_order_quantities", left.sql, right.sql, text(scope.place))
        return call("fhir_order_nodes", left.sql, right.sql, text(scope.place))
    if kinds & NUMBERS:
        return call("fhir_order_values", decimal(left, scope), decimal(right, scope))
    if kinds & MOMENTS:
        return call("fhir_order_moments", string(left, scope), string(right, scope))
    if "time" in kinds:
        return call("fhir_order_times", string(left, scope), string(right, scope))
    return call("fhir_order_values", string(left, scope), string(right, scope))


# Arithmetic -------------------------------------------------------------------------------------------------------


def _add(left: Value, right: Value, scope: Scope) -> Value:
    left, right = plain(left, scope), plain(right, scope)
    if left.is_empty or right.is_empty:
        return EMPTY
    if "string" in {left.kind, right.kind}:
        if not {left.kind, right.kind} <= {"string", "json"}:
            scope.refuse(f"{described(left)} and {described(right)} cannot be added; use & to join texts")
        return Value(between(exp.DPipe, string(left, scope), string(right, scope)), "string")
    return _sum(exp.Add)(left, right, scope)


def _sum(operator: type[exp.Binary]) -> Operator:
    def computed(left: Value, right: Value, scope: Scope) -> Value:
        left, right = plain(left, scope), plain(right, scope)
        if left.is_empty or right.is_empty:
            return EMPTY
        kind = "integer" if left.kind == right.kind == "integer" else "decimal"
        is_whole = kind == "integer"
        operands = (left.sql, right.sql) if is_whole else (decimal(left, scope), decimal(right, scope))
        return Value(_named_both(operands, lambda one, two: call("try", between(operator, one, two)), scope), kind)

    return computed


def _computed(macro: str, keeps_integers: bool = False, kind: str = "decimal") -> Operator:
    def computed(left: Value, right: Value, scope: Scope) -> Value:
        left, right = plain(left, scope), plain(right, scope)
        if left.is_empty or right.is_empty:
            return EMPTY
        is_whole = keeps_integers and left.kind == right.kind == "integer"
        operands = decimal(left, scope), decimal(right, scope)
        sql = _named_both(operands, lambda one, two: call(macro, one, two), scope)
        if is_whole:
            return Value(whole(Value(sql, "decimal"), scope), "integer")
        return Value(sql, kind)

    return computed


def _named_both(
    operands: tuple[exp.Expression, exp.Expression],
    body: Callable[[exp.Expression, exp.Expression], exp.Expression],
    scope: Scope,
) -> exp.Expression:
    """Name both operands: TRY takes nothing that could raise an error of its own."""
    left, right = operands
    return scope.names.named(left, lambda one: scope.names.named(right, lambda two: body(one, two)))


def _joined(left: Value, right: Value, scope: Scope) -> Value:
    """Return `left & right`: texts one after the other, where an empty one counts as ''."""
    parts = [call("coalesce", string(one, scope), text("")) for one in (left, right)]
    return Value(between(exp.DPipe, *parts), "string")


# Collections ------------------------------------------------------------------------------------------------------


def union(left: Value, right: Value, scope: Scope) -> Value:
    """Return the items of both, each once."""
    return distinct(combined(left, right, scope), scope)


def combined(left: Value, right: Value, scope: Scope) -> Value:
    """Return the items of both, one after the other."""
    left, right = alike(listed(left, scope), listed(right, scope), scope)
    return left.listed(call("list_concat", left.sql, right.sql))


def distinct(items: Value, scope: Scope) -> Value:
    """Return each item once, in the order of their first places."""

    def kept(named: exp.Expression) -> exp.Expression:
        return scope.names.kept(named, lambda item, place: between(exp.EQ, call("list_position", named, item), place))

    items = listed(items, scope)
    return items.listed(scope.names.named(items.sql, kept))


def is_in(left: Value, right: Value, scope: Scope) -> Value:
    """Return whether the one item of the left is among the items of the right."""
    wanted, items = plain(left, scope), listed(right, scope)
    if wanted.is_empty:
        return Value(cast(exp.Null(), "BOOLEAN"), "boolean")

    def found(one: exp.Expression) -> exp.Expression:
        def fits(item: exp.Expression, _: exp.Expression) -> exp.Expression:
            return _equal_items(wanted.item(one), items.item(item), scope)

        is_there = between(exp.GT, length(scope.names.kept(items.sql, fits)), number(0))
        return when((is_null(one), cast(exp.Null(), "BOOLEAN")), default=is_there)

    return Value(scope.names.named(wanted.sql, found), "boolean")


OPERATORS: Final[dict[str, Operator]] = {
    "xor": _xor,
    "implies": _implies,
    "=": equal,
    "!=": _unequal,
    "~": _equivalent,
    "!~": _not_equivalent,
    "<": _ordered(exp.LT),
    "<=": _ordered(exp.LTE),
    ">": _ordered(exp.GT),
    ">=": _ordered(exp.GTE),
    "+": _add,
    "-": _sum(exp.Sub),
    "*": _computed("fhir_multiply", keeps_integers=True),
    "/": _computed("fhir_divide"),
    "div": _computed("fhir_div", kind="integer"),
    "mod": _computed("fhir_mod", keeps_integers=True),
    "&": _joined,
    "|": union,
    "in": is_in,
    "contains": lambda left, right, scope: is_in(right, left, scope),
}
