"""Values of compiled expressions, and the few shapes of SQL that they are built from."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import count
from typing import Final

from sqlglot import exp

SQL_TYPES: Final = {
    "json": "JSON",
    "boolean": "BOOLEAN",
    "string": "TEXT",
    "integer": "BIGINT",
    "decimal": "DECIMAL(38, 18)",
    "date": "TEXT",
    "dateTime": "TEXT",
    "time": "TEXT",
}
"""How the values of each kind are held: JSON for what comes from a resource as it is, else the FHIRPath type."""
NUMBERS: Final = frozenset({"integer", "decimal"})
MOMENTS: Final = frozenset({"date", "dateTime"})
_PLAIN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Parts:
    """The elements that are read of one item: its JSON is parsed once for all of them, into a list.

    `column` is the SQL of that list; `paths` says which elements it must hold, in the order of their first use.
    """

    def __init__(self, column: exp.Expression) -> None:
        self.column = column
        self._places: dict[str, int] = {}

    def of(self, name: str) -> exp.Expression:
        """Return the SQL of an element, and note that it is needed."""
        place = self._places.setdefault(name, len(self._places) + 1)
        return call("list_extract", self.column, number(place))

    def read(self, item: exp.Expression) -> exp.Expression:
        """Return the SQL that reads the elements noted so far from an item."""
        return call("json_extract", item, array(text(json_path(name)) for name in self._places))

    def __bool__(self) -> bool:
        return bool(self._places)


@dataclass(frozen=True, slots=True)
class Value:
    """The SQL of an expression: one value (NULL: empty) or, with `is_many`, a list (never NULL) of the kind.

    `type` is the FHIR type of what comes from a resource, where it is known. `base` and `path` are kept while a path
    goes along elements that do not repeat, so that it is read in one step. `written` is the text of a literal number.
    `parts` are the elements of an item that a whole select looks at.
    """

    sql: exp.Expression
    kind: str
    is_many: bool = False
    type: str | None = None
    base: exp.Expression | None = None
    path: tuple[str, ...] = ()
    written: str | None = None
    parts: Parts | None = None

    @property
    def is_empty(self) -> bool:
        """Say whether this is `{}`, the empty collection."""
        return self.kind == "empty"

    def item(self, sql: exp.Expression) -> "Value":
        """Return one item of this list, as `sql` gives it."""
        return Value(sql, self.kind, False, self.type)

    def listed(self, sql: exp.Expression) -> "Value":
        """Return a list of items such as these."""
        return Value(sql, self.kind, True, self.type)

    def typed(self, type_name: str | None) -> "Value":
        """Return this value as one of a FHIR type."""
        return replace(self, type=type_name)


EMPTY: Final = Value(exp.Null(), "empty")


def call(name: str, *arguments: exp.Expression) -> exp.Expression:
    """Return a call of a function or macro of DuckDB."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def text(value: str) -> exp.Expression:
    """Return a text literal; sqlglot writes it with its quotation marks doubled."""
    return exp.Literal.string(value)


def number(value: int | str) -> exp.Expression:
    """Return a number literal."""
    return exp.Literal.number(value)


def truth(value: bool) -> exp.Expression:
    """Return a boolean literal."""
    return exp.Boolean(this=value)


def array(items: Iterable[exp.Expression]) -> exp.Expression:
    """Return a list of these items."""
    return exp.Array(expressions=list(items))


def cast(value: exp.Expression, sql_type: str) -> exp.Expression:
    """Return a value as one of a type of DuckDB."""
    return exp.Cast(this=value, to=exp.DataType.build(sql_type, dialect="duckdb"))


def between(operator: type[exp.Binary], left: exp.Expression, right: exp.Expression) -> exp.Expression:
    """Return `(left operator right)`."""
    return exp.Paren(this=operator(this=left, expression=right))


def negated(value: exp.Expression) -> exp.Expression:
    """Return `(NOT value)`."""
    return exp.Paren(this=exp.Not(this=value))


def is_null(value: exp.Expression) -> exp.Expression:
    """Return `(value IS NULL)`."""
    return between(exp.Is, value, exp.Null())


def when(*branches: tuple[exp.Expression, exp.Expression], default: exp.Expression | None = None) -> exp.Expression:
    """Return a CASE of these conditions and results."""
    return exp.Case(ifs=[exp.If(this=condition, true=result) for condition, result in branches], default=default)


def struct(fields: dict[str, exp.Expression]) -> exp.Expression:
    """Return a struct of named values."""
    return exp.Struct(
        expressions=[exp.PropertyEQ(this=exp.to_identifier(name), expression=value) for name, value in fields.items()]
    )


def field(value: exp.Expression, name: str) -> exp.Expression:
    """Return a field of a struct that has a name of its own."""
    return exp.column(name, table=value.name)


def length(items: exp.Expression) -> exp.Expression:
    """Return the number of items of a list."""
    return call("len", items)


def first(items: exp.Expression) -> exp.Expression:
    """Return the first item of a list, or NULL."""
    return call("list_extract", items, number(1))


def json_path(*steps: str) -> str:
    """Return the path of DuckDB's JSON functions along elements; names have been checked to be plain."""
    return "$." + ".".join(steps)


def is_plain(name: str) -> bool:
    """Say whether a name could be that of an element: FHIR has letters and digits only."""
    return _PLAIN_NAME.fullmatch(name) is not None


def is_cheap(value: exp.Expression) -> bool:
    """Say whether SQL may be repeated: a column, variable or literal, or an element that was read with others."""
    if isinstance(value, exp.Anonymous) and value.name in {"list_extract", "fhir_part"}:
        return all(is_cheap(one) for one in value.expressions)
    return isinstance(value, exp.Column | exp.Literal | exp.Null)


class Names:
    """Fresh names for the variables of lambdas, and the shapes that need one."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def variable(self) -> exp.Expression:
        """Return a new variable."""
        return exp.column(f"v{next(self._numbers)}")

    def each(
        self, items: exp.Expression, body: Callable[[exp.Expression, exp.Expression], exp.Expression]
    ) -> exp.Expression:
        """Return the list of `body(item, number from 1)` for each item."""
        return self._over("list_transform", items, body)

    def kept(
        self, items: exp.Expression, test: Callable[[exp.Expression, exp.Expression], exp.Expression]
    ) -> exp.Expression:
        """Return the items for which `test(item, number from 1)` is true."""
        return self._over("list_filter", items, test)

    def flat(self, items: exp.Expression, body: Callable[[exp.Expression], exp.Expression]) -> exp.Expression:
        """Return the lists that `body` gives for each item, one after the other."""
        return call("flatten", self.each(items, lambda item, _: body(item)))

    def named(self, value: exp.Expression, body: Callable[[exp.Expression], exp.Expression]) -> exp.Expression:
        """Return `body` of a value that is computed once; a column or variable is used as it is."""
        if is_cheap(value):
            return body(value)
        return first(self.each(array([value]), lambda item, _: body(item)))

    def _over(
        self,
        function: str,
        items: exp.Expression,
        body: Callable[[exp.Expression, exp.Expression], exp.Expression],
    ) -> exp.Expression:
        item, place = self.variable(), self.variable()
        inner = body(item, place)
        uses_place = any(column.name == place.name for column in inner.find_all(exp.Column))
        parameters = [exp.to_identifier(one.name) for one in ([item, place] if uses_place else [item])]
        return call(function, items, exp.Lambda(this=inner, expressions=parameters))
