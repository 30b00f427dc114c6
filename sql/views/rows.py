"""The selects of a view -> one SELECT: rows are built as lists of structs within each resource, then unnested.

This is the algorithm of the specification ("Processing Algorithm", Process(S, N)) as SQL expressions: going through
items is list_transform, a union is list_concat, columns beside each other are a cross product.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from sqlglot import exp

from ehr.errors import ViewError
from sql.views.build import Names, Parts, Value, array, between, call, cast, field, length, number, struct, text, when
from sql.views.columns import Cell, cell
from sql.views.compile import compiled
from sql.views.convert import listed, node, strict_boolean
from sql.views.definition import Column, Path, Select, View
from sql.views.fhirpath import Constant
from sql.views.scope import Scope

RESOURCES: Final = "resources"
"""The relation that the SELECT reads, with one column `resource` of JSON."""
TOO_DEEP: Final = "repeat goes deeper"
"""What the error at run time says when `repeat` met more levels than it was compiled for."""


@dataclass(frozen=True, slots=True)
class Output:
    """A column of the result: its name, FHIR type (None: unknown), SQL type, and whether its texts are JSON."""

    name: str
    type: str | None
    sql_type: str
    is_json: bool
    description: str | None


@dataclass(frozen=True, slots=True)
class Compiled:
    """A view as SQL over `resources(resource)`, and what the resources must be prepared for (see scope.py)."""

    sql: str
    columns: tuple[Output, ...]
    needs: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Part:
    """Part of the rows of one item: exactly one row of `cells`, or a list `rows` of structs of them."""

    cells: dict[str, exp.Expression]
    rows: exp.Expression | None = None


def compile_view(view: View, levels: int = 8) -> Compiled:
    """Return the SELECT of a view; `repeat` follows so many levels and fails with TOO_DEEP where there are more.

    Raises ViewError with the place of an expression that cannot be compiled.
    """
    types: dict[str, str] = {}
    for column in _columns_everywhere(view.selects):
        if column.type is not None:
            types.setdefault(column.name, column.type)
    while True:
        try:
            return _Compiler(view, levels, types).compiled()
        except _TypeFound as found:
            types[found.column] = found.type


class _TypeFound(Exception):
    """A column's type is known in one branch of a union only, and counts for the others too."""

    def __init__(self, column: str, type_name: str) -> None:
        super().__init__(column)
        self.column = column
        self.type = type_name


class _Compiler:
    def __init__(self, view: View, levels: int, types: dict[str, str]) -> None:
        self.view = view
        self.levels = levels
        self.types = types
        self.names = Names()
        self.fields = {column.name: f"c{number}" for number, column in enumerate(view.columns())}
        self.cells: dict[str, Cell] = {}

    def compiled(self) -> Compiled:
        parts = Parts(exp.column("parts"))
        resource = Value(exp.column("resource"), "json", False, self.view.resource, parts=parts)
        scope = Scope(
            place="ViewDefinition",
            names=self.names,
            constants=self.view.constants,
            resource=resource,
            this=resource,
            context=resource,
            row_index=number(0),
            compile=compiled,
        )
        said = call("fhir_resource_type", resource.sql)
        is_wanted = between(exp.EQ, said, text(self.view.resource))
        tests = is_wanted
        if self.view.where:
            joined = exp.and_(*(exp.Paren(this=self.test(path, scope)) for path in self.view.where))
            tests = when((is_wanted, exp.Paren(this=joined)), default=exp.false())
        part = self.product([self.select(one, scope) for one in self.view.selects])
        read = exp.select("resource", exp.alias_(parts.read(exp.column("resource")), "parts")).from_(RESOURCES)
        source = exp.select().from_(read.subquery("items") if parts else RESOURCES).where(tests, copy=False)
        return Compiled(self.statement(part, source), self.outputs(), frozenset(scope.needs))

    def statement(self, part: _Part, source: exp.Select) -> str:
        """Return the SELECT of the rows of the resources in `source`."""
        named = {field: name for name, field in self.fields.items()}
        if part.rows is None:
            columns = [exp.alias_(sql, named[name], quoted=True) for name, sql in part.cells.items()]
            return _written(source.select(*columns, copy=False))
        inner = source.select(exp.alias_(call("unnest", part.rows), "v"), copy=False).subquery("rows")
        columns = [exp.alias_(exp.column(name, table="v"), named[name], quoted=True) for name in part.cells]
        return _written(exp.select(*columns).from_(inner))

    def outputs(self) -> tuple[Output, ...]:
        return tuple(
            Output(column.name, cell.type, cell.sql_type, cell.is_json, column.description)
            for column in self.view.columns()
            for cell in [self.cells[column.name]]
        )

    def test(self, path: Path, scope: Scope) -> exp.Expression:
        """Return the condition of a where; CASE around all of them keeps other types of resources out."""
        at = scope.at(path.place)
        return strict_boolean(compiled(path.node, at), at)

    # Selects ------------------------------------------------------------------------------------------------------

    def select(self, select: Select, scope: Scope) -> _Part:
        """Return the rows of a select for the item that `scope` looks at."""
        if select.for_each is None and not select.repeat:
            return self.body(select, scope)
        if select.for_each is None:
            return self.iterated(select, self.repeated(select, scope), scope)
        at = scope.at(select.for_each.place)
        return self.iterated(select, listed(compiled(select.for_each.node, at), at), scope)

    def iterated(self, select: Select, items: Value, scope: Scope) -> _Part:
        """Return the rows of a select for each item; those of forEachOrNull over nothing are one row of nothing."""
        inner = _Part({})
        parts = Parts(exp.Null())

        def row(item: exp.Expression, place: exp.Expression) -> exp.Expression:
            nonlocal inner, parts
            one = items.item(item)
            if items.kind == "json":
                parts = Parts(field(item, "p"))
                one = replace(one, sql=field(item, "n"), parts=parts)
            row_index = between(exp.Sub, place, number(1))
            inner = self.body(select, scope.going_through(one, row_index))
            return struct(inner.cells) if inner.rows is None else inner.rows

        def read(item: exp.Expression, _: exp.Expression) -> exp.Expression:
            return struct({"n": item, "p": parts.read(item)} if parts else {"n": item})

        source = exp.Placeholder()
        found = self.names.each(source, row)
        source.replace(self.names.each(items.sql, read) if items.kind == "json" else items.sql)

        def joined(rows: exp.Expression) -> exp.Expression:
            return rows if inner.rows is None else call("flatten", rows)

        if not select.or_null:
            return _Part(inner.cells, joined(found))
        # What is looked at twice is named outside of the lambda: DuckDB's time to plan doubles with each one around.
        nothing = array([self.null_row(select)])
        rows = self.names.named(
            found,
            lambda rows: when((between(exp.EQ, length(rows), number(0)), nothing), default=joined(rows)),
        )
        return _Part(inner.cells, rows)

    def body(self, select: Select, scope: Scope) -> _Part:
        """Return the rows of one item: its columns, nested selects and union beside each other."""
        parts = [_Part(self.columns(select, scope))] if select.columns else []
        parts += [self.select(nested, scope) for nested in select.selects]
        if select.unions:
            branches = [self.select(branch, scope) for branch in select.unions]
            rows = [array([struct(one.cells)]) if one.rows is None else one.rows for one in branches]
            parts.append(_Part(branches[0].cells, rows[0] if len(rows) == 1 else call("list_concat", *rows)))
        return self.product(parts)

    def columns(self, select: Select, scope: Scope) -> dict[str, exp.Expression]:
        found = {}
        for column in select.columns:
            at = scope.at(column.path.place)
            made = cell(column, compiled(column.path.node, at), self.types.get(column.name), at)
            self.check_branches(column.name, made, at.place)
            found[self.fields[column.name]] = made.sql
        return found

    def check_branches(self, name: str, made: Cell, place: str) -> None:
        """Compare a column with the same one in an earlier branch of a union."""
        before = self.cells.setdefault(name, made)
        if before.sql_type == made.sql_type and before.is_json == made.is_json:
            return
        known = [one.type for one in (before, made) if one.type is not None]
        if len(known) == 1:
            raise _TypeFound(name, known[0])
        raise ViewError(
            f"{place}: the column is of type {made.type}, but of type {before.type} in another branch of unionAll; "
            "give it the same type in each"
        )

    def product(self, parts: list[_Part]) -> _Part:
        """Return the cross product of parts; the first one changes slowest."""
        single = {name: sql for part in parts if part.rows is None for name, sql in part.cells.items()}
        order = [name for part in parts for name in part.cells]
        lists = [part for part in parts if part.rows is not None]
        if not lists:
            return _Part(single)
        if not single and len(lists) == 1:
            return lists[0]
        known = {f"l{number}": part.rows for number, part in enumerate(lists) if part.rows is not None}

        def crossed(named: exp.Expression) -> exp.Expression:
            return self.crossed(named, lists, {name: field(named, name) for name in single}, order)

        made = self.names.each(array([struct({**single, **known})]), lambda one, _: crossed(one))
        return _Part(dict.fromkeys(order, exp.Null()), call("list_extract", made, number(1)))

    def crossed(
        self,
        named: exp.Expression,
        lists: list[_Part],
        cells: dict[str, exp.Expression],
        order: list[str],
        at: int = 0,
    ) -> exp.Expression:
        is_last = at == len(lists) - 1

        def row(item: exp.Expression, _: exp.Expression) -> exp.Expression:
            here = cells | {name: field(item, name) for name in lists[at].cells}
            if is_last:
                return struct({name: here[name] for name in order})
            return self.crossed(named, lists, here, order, at + 1)

        rows = self.names.each(field(named, f"l{at}"), row)
        return rows if is_last else call("flatten", rows)

    def null_row(self, select: Select) -> exp.Expression:
        """Return the row of forEachOrNull over nothing: %rowIndex is 0, all else is NULL."""
        cells = {}
        for column in select.all_columns():
            is_index = column.path.node == Constant("rowIndex")
            zero = array([number(0)]) if column.is_collection else number(0)
            value = zero if is_index else exp.Null()
            cells[self.fields[column.name]] = cast(value, self.cells[column.name].sql_type)
        return struct(cells)

    # Repeat -------------------------------------------------------------------------------------------------------

    def repeated(self, select: Select, scope: Scope) -> Value:
        """Return all items that the paths reach, over and over: each before those below it.

        A fold goes down one level at a time: `r` holds what was found, `f` the last level found. Each item carries
        the numbers of its ancestors and itself among their siblings, by which the items are put in order.
        """
        empty = cast(array([]), "STRUCT(k BIGINT[], n JSON)[]")
        keys = cast(array([]), "BIGINT[]")
        start = struct({"r": empty, "f": self.children(select, node(scope.this, scope), keys, scope)})
        steps = call(
            "list_transform",
            call("range", number(self.levels)),
            exp.Lambda(this=struct({"r": empty, "f": empty}), expressions=[exp.to_identifier("step")]),
        )
        state, step = self.names.variable(), self.names.variable()
        below = self.names.flat(
            field(state, "f"),
            lambda one: self.children(select, Value(field(one, "n"), "json"), field(one, "k"), scope),
        )
        fold = exp.Lambda(
            this=struct({"r": call("list_concat", field(state, "r"), field(state, "f")), "f": below}),
            expressions=[exp.to_identifier(state.name), exp.to_identifier(step.name)],
        )
        reached = call("list_reduce", steps, fold, start)
        rest = text(f"{select.place}.repeat: {TOO_DEEP} than {self.levels} levels")

        def ordered(state: exp.Expression) -> exp.Expression:
            is_whole = between(exp.EQ, length(field(state, "f")), number(0))
            items = call("list_sort", field(state, "r"))
            nodes = self.names.each(items, lambda one, _: field(one, "n"))
            return when((is_whole, nodes), default=call("error", rest))

        return Value(self.names.named(reached, ordered), "json", True)

    def children(self, select: Select, item: Value, keys: exp.Expression, scope: Scope) -> exp.Expression:
        """Return what the paths reach from an item, as structs of sort keys and JSON."""

        def reached(named: exp.Expression) -> exp.Expression:
            found = []
            for path in select.repeat:
                at = scope.at(path.place).going_through(item.item(named), number(0))
                found.append(node(listed(compiled(path.node, at), at), at).sql)
            return found[0] if len(found) == 1 else call("list_concat", *found)

        return self.names.each(
            self.names.named(item.sql, reached),
            lambda child, place: struct({"k": call("list_append", keys, place), "n": child}),
        )


def _columns_everywhere(selects: tuple[Select, ...]) -> Iterator[Column]:
    """Yield the columns of all branches of unions too."""
    for select in selects:
        yield from select.columns
        yield from _columns_everywhere(select.selects)
        yield from _columns_everywhere(select.unions)


def _written(query: exp.Select) -> str:
    return query.sql("duckdb", pretty=True, normalize_functions=False)
