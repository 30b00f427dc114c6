"""FHIRPath's functions, and the two that SQL on FHIR adds.

To add one: write a function that takes the target's node, the arguments' nodes and the scope, and add a line to
FUNCTIONS. Functions of one value that DuckDB has as well are a line in SIMPLE.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from sqlglot import exp

from sql.views.boundaries import boundary
from sql.views.build import EMPTY, SQL_TYPES, Value, between, call, cast, is_null, length, negated, number, text, when
from sql.views.convert import alike, boolean, decimal, described, listed, plain, single, string, whole
from sql.views.elements import is_resource
from sql.views.fhirpath import Call, Node
from sql.views.operators import combined, distinct, is_in, union
from sql.views.paths import extension, filtered, head, is_of_type, member, of_type, this_of, type_name
from sql.views.scope import LINKS, Scope

Arguments = tuple[Node, ...]


class Function(NamedTuple):
    """A function, and how many arguments it takes."""

    apply: Callable[[Node | None, Arguments, Scope], Value]
    least: int = 0
    most: int = 0


def called(node: Call, scope: Scope) -> Value:
    """Return what a function gives; raises ViewError for one that views do not have."""
    function = FUNCTIONS.get(node.name)
    if function is None:
        scope.refuse(f"{node.name}() is no function that views have; there are {', '.join(sorted(FUNCTIONS))}")
    given = len(node.arguments)
    if not function.least <= given <= function.most:
        wanted = str(function.least) if function.least == function.most else f"{function.least} to {function.most}"
        scope.refuse(f"{node.name}() takes {wanted} argument{'s' * (wanted != '1')}, not {given}")
    return function.apply(node.target, node.arguments, scope)


# Filtering --------------------------------------------------------------------------------------------------------


def _where(target: Node | None, arguments: Arguments, scope: Scope) -> Value:
    value = this_of(target, scope)
    if value.is_empty:
        return value
    if value.is_many:
        return value.listed(scope.names.kept(value.sql, _test(value, arguments[0], scope)))
    test = _test(value, arguments[0], scope)
    return value.item(scope.names.named(value.sql, lambda one: when((test(one, number(1)), one))))


def _test(value: Value, criteria: Node, scope: Scope) -> Callable[[exp.Expression, exp.Expression], exp.Expression]:
    """Return the test of an item and its number from 1 that criteria stand for."""

    def test(item: exp.Expression, place: exp.Expression) -> exp.Expression:
        inner = scope.looking_at(value.item(item), between(exp.Sub, place, number(1)))
        return call("coalesce", boolean(scope.compile(criteria, inner), inner), exp.false())

    return test


def _exists(target: Node | None, arguments: Arguments, scope: Scope) -> Value:
    value = _where(target, arguments, scope) if arguments else this_of(target, scope)
    return Value(_is_there(value), "boolean")


def _is_there(value: Value) -> exp.Expression:
    if value.is_empty:
        return exp.false()
    if value.is_many:
        return between(exp.GT, length(value.sql), number(0))
    return negated(is_null(value.sql))


def _empty(target: Node | None, arguments: Arguments, scope: Scope) -> Value:
    return Value(negated(_is_there(this_of(target, scope))), "boolean")


def _not(target: Node | None, arguments: Arguments, scope: Scope) -> Value:
    return Value(negated(boolean(this_of(target, scope), scope)), "boolean")


def _all(target: Node | None, arguments: Arguments, scope: Scope) -> Value:
    items = listed(this_of(target, scope), scope)
    test = _test(items, arguments[0], scope)
    failed = scope.names.kept(items.sql, lambda item, place: negated(test(item, place)))
    return Value(between(exp.EQ, length(failed), number(0)), "boolean")


def _all_are(wanted: bool) -> Callable[[Node | None, Arguments, Scope], Value]:
    def apply(target: Node | None, arguments: Arguments, scope: Scope) -> Value:
        items = listed(this_of(target, scope), scope)
        odd = scope.names.kept(
            items.sql,
            lambda item, _: between(exp.NEQ, boolean(items.item(item), scope), exp.Boolean(this=wanted)),
        )
        return Value(between(exp.EQ, length(odd), number(0)), "boolean")

    return apply


def _select(target: Node | None, arguments: Arguments, scope: Scope) -> Value:
    items = listed(this_of(target, scope), scope)
    found = EMPTY

    def projected(item: exp.Expression, place: exp.Expression) -> exp.Expression:
        nonlocal found
        inner = scope.looking_at(items.item(item), between(exp.Sub, place, number(1)))
        found = listed(scope.compile(arguments[0], inner), inner)
        return found.sql

    return Value(call("flatten", scope.names.each(items.sql, projected)), found.kind, True, found.type)


def _of_type(target: Node | None, arguments: Arguments, scope: Scope) -> Value:
    return of_type(target, type_name(arguments[0], scope), scope)


def _as(target: Node | None, arguments: Arguments, scope: Scope) -> Value:
    return single(_of_type(target, arguments, scope), scope)


def _is(target: Node | None, arguments: Arguments, scope: Scope) -> Value:
    wanted = type_name(arguments[0], scope)
    if target is None:
        return Value(_is_there(filtered(scope.this, wanted, scope)), "boolean")
    return is_of_type(target, wanted, scope)


# Parts of a collection --------------------------------------------------------------------------------------------


def _first(target: Node | None, arguments: Arguments, scope: Scope) -> Value:
    return head(this_of(target, scope))


def _last(target: Node | None, arguments: Arguments, scope: Scope) -> Value:
    value = this_of(target, scope)
    return value.item(call("list_extract", value.sql, number("-1"))) if value.is_many else value


def _single(target: Node | None, arguments: Arguments, scope: Scope) -> Value:
    return single(this_of(target, scope), scope)


def _tail(target: Node | None, arguments: Arguments, scope: Scope) -> Value:
    items = listed(this_of(target, scope), scope)
    return items.listed(scope.names.kept(items.sql, lambda _, place: between(exp.GT, place, number(1))))


def _skip(target: Node | None, arguments: Arguments, scope: Scope) -> Value:
    items = listed(this_of(target, scope), scope)
    count = call("greatest", whole(scope.compile(arguments[0], scope), scope), number(0))
    return items.listed(scope.names.kept(items.sql, lambda _, place: between(exp.GT, place, count)))


def _take(target: Node | None, arguments: Arguments, scope: Scope) -> Value:
    items = listed(this_of(target, scope), scope)
    count = whole(scope.compile(arguments[0], scope), scope)
    return items.listed(scope.names.kept(items.sql, lambda _, place: between(exp.LTE, place, count)))


def _count(target: Node | None, arguments: Arguments, scope: Scope) -> Value:
    return Value(cast(length(listed(this_of(target, scope), scope).sql), "BIGINT"), "integer")


def _distinct(target: Node | None, arguments: Arguments, scope: Scope) -> Value:
    return distinct(this_of(target, scope), scope)


def _is_distinct(target: Node | None, arguments: Arguments, scope: Scope) -> Value:
    items = listed(this_of(target, scope), scope)
    counted = scope.names.named(
        items.sql, lambda one: between(exp.EQ, length(call("list_distinct", one)), length(one))
    )
    return Value(counted, "boolean")


def _combining(
    combine: Callable[[Value, Value, Scope], Value],
) -> Callable[[Node | None, Arguments, Scope], Value]:
    def apply(target: Node | None, arguments: Arguments, scope: Scope) -> Value:
        return combine(this_of(target, scope), scope.compile(arguments[0], scope), scope)

    return apply


def _among(is_kept: bool) -> Callable[[Value, Value, Scope], Value]:
    def combine(items: Value, others: Value, scope: Scope) -> Value:
        items = listed(items, scope)

        def test(item: exp.Expression, _: exp.Expression) -> exp.Expression:
            found = call("coalesce", is_in(items.item(item), others, scope).sql, exp.false())
            return found if is_kept else negated(found)

        kept = items.listed(scope.names.kept(items.sql, test))
        return distinct(kept, scope) if is_kept else kept

    return combine


def _iif(target: Node | None, arguments: Arguments, scope: Scope) -> Value:
    inner = scope if target is None else scope.looking_at(single(this_of(target, scope), scope))
    condition = boolean(inner.compile(arguments[0], inner), inner)
    one = inner.compile(arguments[1], inner)
    other = inner.compile(arguments[2], inner) if len(arguments) > 2 else EMPTY
    one, other = alike(one, other, inner)
    if one.is_empty:
        return one
    sql = when((call("coalesce", condition, exp.false()), one.sql), default=other.sql)
    return Value(sql, one.kind, one.is_many, one.type)


# Texts ------------------------------------------------------------------------------------------------------------


def _join(target: Node | None, arguments: Arguments, scope: Scope) -> Value:
    """Join the texts; an empty collection gives '' (so the conformance tests have it)."""
    items = listed(this_of(target, scope), scope)
    separator = string(scope.compile(arguments[0], scope), scope) if arguments else text("")
    if not isinstance(separator, exp.Literal):
        scope.refuse("join() takes a separator that is written out or a constant")
    texts = scope.names.each(items.sql, lambda item, _: string(items.item(item), scope))
    return Value(call("array_to_string", texts, separator), "string")


def _split(target: Node | None, arguments: Arguments, scope: Scope) -> Value:
    value = string(this_of(target, scope), scope)
    parts = call("string_split", value, string(scope.compile(arguments[0], scope), scope))
    return Value(call("coalesce", parts, cast(exp.Array(expressions=[]), "TEXT[]")), "string", True)


def _substring(target: Node | None, arguments: Arguments, scope: Scope) -> Value:
    value = string(this_of(target, scope), scope)
    start = whole(scope.compile(arguments[0], scope), scope)
    size = (
        call("greatest", whole(scope.compile(arguments[1], scope), scope), number(0))
        if len(arguments) > 1
        else number(2**31 - 1)
    )

    def cut(one: exp.Expression, at: exp.Expression) -> exp.Expression:
        is_inside = between(exp.And, between(exp.GTE, at, number(0)), between(exp.LT, at, call("length", one)))
        return when((is_inside, call("substr", one, between(exp.Add, at, number(1)), size)))

    named = scope.names.named
    return Value(named(value, lambda one: named(start, lambda at: cut(one, at))), "string")


def _simple(
    sql: Callable[..., exp.Expression], kind: str, of: str = "string"
) -> Callable[[Node | None, Arguments, Scope], Value]:
    """Return a function of one value, and of arguments of the same sort, that is empty where one of them is."""
    convert = {"string": string, "decimal": decimal}[of]

    def apply(target: Node | None, arguments: Arguments, scope: Scope) -> Value:
        values = [convert(this_of(target, scope), scope)]
        values += [convert(scope.compile(argument, scope), scope) for argument in arguments]
        return Value(sql(*values), kind)

    return apply


def _to_integer(target: Node | None, arguments: Arguments, scope: Scope) -> Value:
    return _to_number(this_of(target, scope), "integer", r"[+-]?[0-9]+", scope)


def _to_decimal(target: Node | None, arguments: Arguments, scope: Scope) -> Value:
    return _to_number(this_of(target, scope), "decimal", r"[+-]?[0-9]+(\.[0-9]+)?", scope)


def _to_number(value: Value, kind: str, pattern: str, scope: Scope) -> Value:
    """Return a number, a text that is written as one, or a boolean as 1 or 0; empty for anything else."""
    value = plain(value, scope)
    written = cast(cast(value.sql, "INTEGER"), "TEXT") if value.kind == "boolean" else string(value, scope)
    wanted = exp.DataType.build(SQL_TYPES[kind], dialect="duckdb")

    def read(one: exp.Expression) -> exp.Expression:
        is_number = call("regexp_full_match", one, text(pattern))
        return when((is_number, exp.TryCast(this=one, to=wanted, safe=True)))

    return Value(scope.names.named(written, read), kind)


def _to_string(target: Node | None, arguments: Arguments, scope: Scope) -> Value:
    return Value(string(this_of(target, scope), scope), "string")


def _round(target: Node | None, arguments: Arguments, scope: Scope) -> Value:
    places = whole(scope.compile(arguments[0], scope), scope) if arguments else number(0)
    value = decimal(this_of(target, scope), scope)
    rounded = call("round", cast(value, "DOUBLE"), cast(places, "INTEGER"))
    return Value(cast(call("format", text("{:.15g}"), rounded), "DECIMAL(38, 18)"), "decimal")


# SQL on FHIR ------------------------------------------------------------------------------------------------------


def _extension(target: Node | None, arguments: Arguments, scope: Scope) -> Value:
    return extension(target, scope.compile(arguments[0], scope), scope)


def _resource_key(target: Node | None, arguments: Arguments, scope: Scope) -> Value:
    value = this_of(target, scope)
    if value.type is not None and not is_resource(value.type):
        scope.refuse("getResourceKey() belongs to a resource; within forEach write %resource.getResourceKey()")
    return Value(string(member(value, "id", scope), scope), "string")


def _reference_key(target: Node | None, arguments: Arguments, scope: Scope) -> Value:
    value = this_of(target, scope)
    wanted = type_name(arguments[0], scope) if arguments else ""
    if value.is_empty:
        return value
    if value.kind != "json" or value.type not in {None, "Reference"}:
        scope.refuse(f"getReferenceKey() belongs to a Reference, not to {described(value)}")

    scope.needs.add(LINKS)

    def key(reference: exp.Expression) -> exp.Expression:
        said = call("json_extract_string", reference, text("$.type"))
        return call("fhir_reference_key", call("fhir_reference", reference), said, text(wanted))

    if not value.is_many:
        return Value(scope.names.named(value.sql, key), "string")
    keys = scope.names.each(value.sql, lambda item, _: key(item))
    return Value(scope.names.kept(keys, lambda item, _: negated(is_null(item))), "string", True)


def _boundary(sign: int) -> Callable[[Node | None, Arguments, Scope], Value]:
    def apply(target: Node | None, arguments: Arguments, scope: Scope) -> Value:
        digits = whole(scope.compile(arguments[0], scope), scope) if arguments else None
        return boundary(this_of(target, scope), digits, sign, scope)

    return apply


def _unchanged(target: Node | None, arguments: Arguments, scope: Scope) -> Value:
    return this_of(target, scope)


FUNCTIONS: Final[dict[str, Function]] = {
    "where": Function(_where, 1, 1),
    "exists": Function(_exists, 0, 1),
    "empty": Function(_empty),
    "not": Function(_not),
    "hasValue": Function(_exists),
    "getValue": Function(_unchanged),
    "all": Function(_all, 1, 1),
    "allTrue": Function(_all_are(True)),
    "allFalse": Function(_all_are(False)),
    "select": Function(_select, 1, 1),
    "ofType": Function(_of_type, 1, 1),
    "as": Function(_as, 1, 1),
    "is": Function(_is, 1, 1),
    "first": Function(_first),
    "last": Function(_last),
    "single": Function(_single),
    "tail": Function(_tail),
    "skip": Function(_skip, 1, 1),
    "take": Function(_take, 1, 1),
    "count": Function(_count),
    "distinct": Function(_distinct),
    "isDistinct": Function(_is_distinct),
    "union": Function(_combining(union), 1, 1),
    "combine": Function(_combining(combined), 1, 1),
    "intersect": Function(_combining(_among(is_kept=True)), 1, 1),
    "exclude": Function(_combining(_among(is_kept=False)), 1, 1),
    "iif": Function(_iif, 2, 3),
    "join": Function(_join, 0, 1),
    "split": Function(_split, 1, 1),
    "substring": Function(_substring, 1, 2),
    "startsWith": Function(_simple(lambda one, part: call("starts_with", one, part), "boolean"), 1, 1),
    "endsWith": Function(_simple(lambda one, part: call("ends_with", one, part), "boolean"), 1, 1),
    "contains": Function(_simple(lambda one, part: call("contains", one, part), "boolean"), 1, 1),
    "matches": Function(_simple(lambda one, pattern: call("regexp_matches", one, pattern), "boolean"), 1, 1),
    "replace": Function(_simple(lambda one, old, new: call("replace", one, old, new), "string"), 2, 2),
    "indexOf": Function(
        _simple(lambda one, part: between(exp.Sub, call("strpos", one, part), number(1)), "integer"), 1, 1
    ),
    "length": Function(_simple(lambda one: call("length", one), "integer")),
    "upper": Function(_simple(lambda one: call("upper", one), "string")),
    "lower": Function(_simple(lambda one: call("lower", one), "string")),
    "trim": Function(_simple(lambda one: call("trim", one, text(" \t\r\n\f")), "string")),
    "toString": Function(_to_string),
    "toInteger": Function(_to_integer),
    "toDecimal": Function(_to_decimal),
    "abs": Function(_simple(lambda one: call("abs", one), "decimal", of="decimal")),
    "ceiling": Function(_simple(lambda one: cast(call("ceil", one), "BIGINT"), "integer", of="decimal")),
    "floor": Function(_simple(lambda one: cast(call("floor", one), "BIGINT"), "integer", of="decimal")),
    "truncate": Function(_simple(lambda one: cast(call("trunc", one), "BIGINT"), "integer", of="decimal")),
    "round": Function(_round, 0, 1),
    "extension": Function(_extension, 1, 1),
    "getResourceKey": Function(_resource_key),
    "getReferenceKey": Function(_reference_key, 0, 1),
    "lowBoundary": Function(_boundary(-1), 0, 1),
    "highBoundary": Function(_boundary(1), 0, 1),
}
