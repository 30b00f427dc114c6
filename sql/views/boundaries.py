"""lowBoundary() and highBoundary(): the least and greatest value that a value of its precision can stand for.

FHIRPath, "lowBoundary([precision])": of a decimal half a unit of its last place, of a date, dateTime or time what
its missing parts can be; without an offset a dateTime begins at +14:00 and ends at -12:00. Of a Period the boundary
of its start or end (SQL on FHIR, Shareable View Definition).
"""

from sqlglot import exp

from sql.views.build import NUMBERS, Value, call, number, text
from sql.views.convert import described, plain, single
from sql.views.elements import KINDS
from sql.views.paths import member
from sql.views.scope import DECIMALS, Scope


def boundary(value: Value, digits: exp.Expression | None, sign: int, scope: Scope) -> Value:
    """Return the low (sign -1) or high (sign 1) boundary of one value, to so many digits; None: as many as it has."""
    value = single(value, scope)
    if value.type == "Period":
        return boundary(member(value, "start" if sign < 0 else "end", scope), digits, sign, scope)
    wanted = digits if digits is not None else exp.Null()
    kind = KINDS.get(value.type or "") if value.kind == "json" else value.kind
    if value.is_empty:
        return value
    if kind in NUMBERS:
        sql = call("fhir_decimal_boundary", _written(value, scope), wanted, number(sign))
        return Value(sql, "decimal")
    macros = {"date": "fhir_date_boundary", "dateTime": "fhir_moment_boundary", "time": "fhir_time_boundary"}
    if kind in macros:
        return Value(call(macros[kind], plain(value, scope).sql, wanted, number(sign)), kind)
    if value.kind != "json" or value.type is not None:
        scope.refuse(f"a boundary belongs to a decimal, date, dateTime, time or Period, not to {described(value)}")
    scope.needs.add(DECIMALS)
    return Value(call("fhir_node_boundary", value.sql, wanted, number(sign), text(scope.place)), "json")


def _written(value: Value, scope: Scope) -> exp.Expression:
    """Return a number as it is written, with the zeros at its end."""
    if value.written is not None:
        return text(value.written)
    if value.kind == "json":
        scope.needs.add(DECIMALS)
        return call("fhir_text", value.sql)
    return call("fhir_number_text", value.sql)
