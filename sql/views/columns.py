"""From what a column's path gives to the column of the result: one value or a list, of the type that was asked for.

Booleans are BOOLEAN, integers INTEGER (BIGINT for integer64), decimals DOUBLE; texts, dates and times stay text as
FHIR writes them; elements with parts, and what has no known type, are JSON. The tag ansi/type asks for another SQL
type.
"""

from typing import Final, NamedTuple

from sqlglot import exp
from sqlglot.errors import SqlglotError

from ehr.errors import ViewError
from sql.views.build import NUMBERS, Value, call, cast, text
from sql.views.convert import (
    decimal,
    described,
    listed,
    node,
    plain,
    single,
    strict_boolean,
    string,
    whole,
)
from sql.views.definition import Column
from sql.views.elements import KINDS
from sql.views.scope import Scope

_SQL_TYPES: Final = {"boolean": "BOOLEAN", "integer": "INTEGER", "decimal": "DOUBLE"}
_WISHES: Final = frozenset(
    getattr(exp.DataType.Type, name)
    for name in (
        *("BOOLEAN", "SMALLINT", "INT", "BIGINT", "DECIMAL", "FLOAT", "DOUBLE", "TEXT", "VARCHAR", "CHAR"),
        *("DATE", "TIME", "TIMESTAMP", "TIMESTAMPTZ", "BINARY", "VARBINARY"),
    )
)


class Cell(NamedTuple):
    """A column's SQL, its SQL type, whether its texts are JSON, and its FHIR type where that is known."""

    sql: exp.Expression
    sql_type: str
    is_json: bool
    type: str | None


def cell(column: Column, value: Value, declared: str | None, scope: Scope) -> Cell:
    """Return the SQL of a column; raises ViewError where the path cannot give the type that was asked for."""
    type_name = declared or _inferred(value)
    kind = KINDS.get(type_name, "json") if type_name else "json"
    _check(value, declared, kind, scope)
    sql_type = "BIGINT" if type_name == "integer64" else _SQL_TYPES.get(kind, "TEXT")
    wish = _wished(column) if column.sql_type else None

    def converted(one: Value) -> exp.Expression:
        if wish is not None:
            return _as_wished(one, kind, wish, scope)
        return _converted(one, kind, sql_type, scope)

    final = wish.sql("duckdb") if wish is not None else sql_type
    is_json = kind == "json" and wish is None
    if not column.is_collection:
        return Cell(converted(single(value, scope)), final, is_json, type_name)
    items = listed(value, scope)
    sql = scope.names.each(items.sql, lambda item, _: converted(items.item(item)))
    return Cell(sql, f"{final}[]", is_json, type_name)


def _inferred(value: Value) -> str | None:
    """Return the type that the path gives by itself."""
    if value.kind == "json":
        return value.type
    return None if value.is_empty else value.kind


def _check(value: Value, declared: str | None, kind: str, scope: Scope) -> None:
    """Refuse a type that the path can never give."""
    given = KINDS.get(value.type or "", "json") if value.kind == "json" else value.kind
    if declared is None or value.is_empty or (value.kind == "json" and value.type is None):
        return
    is_fitting = {
        "json": given == "json",
        "boolean": given == "boolean",
        "integer": given in NUMBERS,
        "decimal": given in NUMBERS,
        "string": given != "json",
    }.get(kind, given in {"date", "dateTime", "time", "string"})
    if not is_fitting:
        scope.refuse(f"gives {described(value)}, but the column is of type {declared}")


def _converted(one: Value, kind: str, sql_type: str, scope: Scope) -> exp.Expression:
    if kind == "json":
        return call("fhir_json", node(one, scope).sql)
    if kind == "boolean":
        return cast(strict_boolean(one, scope), "BOOLEAN")
    if kind == "integer":
        return _tried(whole(one, scope), sql_type, scope)
    if kind == "decimal":
        return cast(decimal(one, scope), "DOUBLE")
    return string(one, scope)


def _wished(column: Column) -> exp.DataType:
    """Return the SQL type of the tag ansi/type; raises ViewError unless it is a plain one."""
    wish = column.sql_type or ""
    try:
        found = exp.DataType.build(wish.upper().replace("CHARACTER VARYING", "VARCHAR"), dialect="postgres")
    except (SqlglotError, ValueError) as error:
        raise ViewError(f"{column.path.place}: the tag ansi/type has {wish!r}, which is no SQL type") from error
    if found.this not in _WISHES:
        raise ViewError(f"{column.path.place}: the tag ansi/type has {wish!r}, which columns cannot have")
    return found


def _as_wished(one: Value, kind: str, wish: exp.DataType, scope: Scope) -> exp.Expression:
    value = plain(one, scope)
    name = wish.sql("duckdb")
    if kind == "json":
        return _tried(call("fhir_json", node(one, scope).sql), name, scope)
    if wish.this in {exp.DataType.Type.BINARY, exp.DataType.Type.VARBINARY}:
        return call("try", call("from_base64", string(one, scope)))
    if kind in NUMBERS and wish.is_type("text", "varchar", "char"):
        return string(one, scope)
    if kind in NUMBERS:
        return _tried(decimal(one, scope), name, scope)
    return _tried(string(one, scope) if kind != "boolean" else value.sql, name, scope)


def _tried(value: exp.Expression, sql_type: str, scope: Scope) -> exp.Expression:
    """Cast, with an error that names the place and not the value."""
    wanted = exp.DataType.build(sql_type, dialect="duckdb")

    def attempted(one: exp.Expression) -> exp.Expression:
        failed = call("error", text(f"{scope.place}: a value does not fit the type {sql_type}"))
        is_there = exp.Not(this=exp.Paren(this=exp.Is(this=one, expression=exp.Null())))
        fallback = exp.Case(ifs=[exp.If(this=is_there, true=failed)])
        return call("coalesce", exp.TryCast(this=one, to=wanted, safe=True), fallback)

    return scope.names.named(value, attempted)
