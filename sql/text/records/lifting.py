"""One SELECT over one table of the EHRSQL set, read as records: which, of whom, when, with which number.

A condition is recognised by the SQL that sqlglot writes for it, which has one form for one meaning.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from sqlglot import exp

from ehr.errors import QuestionError
from sql.text.records.catalogue import Catalogue, Field, Kind
from sql.text.records.selection import (
    Aged,
    Ago,
    At,
    Calendar,
    Comparison,
    InStay,
    Match,
    Normality,
    Patient,
    Person,
    Pick,
    Records,
    SameAge,
    Span,
    Window,
)
from sql.text.records.values import Duration, Range, Value


class NotLifted(QuestionError):
    """The SQL has a form that is not matched."""


@dataclass(slots=True)
class Block:
    """What a SELECT over one table says, while it is read."""

    kind: Kind
    select: exp.Select
    matches: list[Match] = field(default_factory=list)
    who: list[Person] = field(default_factory=list)
    when: list[Window] = field(default_factory=list)
    value: Comparison | Normality | None = None
    ended: bool | None = None
    stay: exp.Select | None = None

    def records(self, pick: Pick | None = None) -> Records:
        """Return the records; windows that say one thing in two parts become one."""
        matches, who, when = tuple(dict.fromkeys(self.matches)), tuple(dict.fromkeys(self.who)), joined(self.when)
        return Records(self.kind.name, matches, who, when, self.value, pick=pick)


def sql_of(node: exp.Expr) -> str:
    """Return the SQL of a node in its one form."""
    return node.sql(dialect="sqlite", comments=False)


def conditions_of(select: exp.Select) -> list[exp.Expr]:
    """Return the conditions that WHERE joins by AND."""
    where = select.args.get("where")
    return list(where.this.flatten()) if where and isinstance(where.this, exp.And) else [where.this] if where else []


def plain(node: exp.Expr) -> Value:
    """Return the value of a literal."""
    if not isinstance(node, exp.Literal):
        raise NotLifted(f"{sql_of(node)} is no literal")
    if node.is_string:
        return node.name
    return float(node.name) if "." in node.name else int(node.name)


def table_of(select: exp.Select) -> str | None:
    """Return the table that a SELECT reads, None for a subquery or nothing."""
    source = select.args.get("from_")
    return source.this.name if source and isinstance(source.this, exp.Table) else None


_TEXT: Final = r"'([^']*)'"
_TIME: Final = r"(?:\w+\.)?(?P<column>\w+)"
_ABSOLUTE: Final = re.compile(rf"STRFTIME\('(?P<format>[^']*)', {_TIME}\) (?P<operator>=|>=|<=) '(?P<date>[\d-]+)'")
_CALENDAR: Final = re.compile(
    rf"DATETIME\({_TIME}, 'start of (?P<unit>\w+)'\) = "
    r"DATETIME\(CURRENT_TIME, 'start of (?P=unit)', '-(?P<back>[01]) (?P=unit)'\)"
)
_AGO: Final = re.compile(rf"DATETIME\({_TIME}\) >= DATETIME\(CURRENT_TIME, '-(?P<amount>\d+) (?P<unit>\w+)'\)")
_FORMATS: Final = {"%Y-%m-%d": "day", "%Y-%m": "month", "%Y": "year"}
_PARTS: Final = {"%m": "year", "%m-%d": "year", "%d": "month"}
_SIDES: Final = {"=": "in", ">=": "since", "<=": "until"}
_OPERATORS: Final[dict[type[exp.Expr], str]] = {
    exp.GT: "above", exp.LT: "below", exp.GTE: "at_least", exp.LTE: "at_most",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """A month or day of a relative year or month, until it is joined with that."""

    unit: str
    text: str


def window_of(condition: exp.Expr) -> tuple[str, Window | Part] | None:
    """Return the column and the window of a condition on time, or None."""
    text = sql_of(condition)
    if found := _ABSOLUTE.fullmatch(text):
        pattern, date = found["format"], found["date"]
        if pattern in _PARTS and found["operator"] == "=":
            return found["column"], Part(_PARTS[pattern], date)
        if pattern in _FORMATS:
            return found["column"], Span(cast(Any, _SIDES[found["operator"]]), date)
    if found := _CALENDAR.fullmatch(text):
        return found["column"], Calendar(cast(Any, found["unit"]), cast(Any, int(found["back"])))
    if found := _AGO.fullmatch(text):
        return found["column"], Ago(Duration(int(found["amount"]), cast(Any, found["unit"])))
    return None


def joined(windows: Sequence[Window | Part]) -> tuple[Window, ...]:
    """Join a month or day with the year or month that it belongs to; equal windows count once."""
    whole = [window for window in dict.fromkeys(windows) if not isinstance(window, Part)]
    for part in dict.fromkeys(window for window in windows if isinstance(window, Part)):
        owner = next((one for one in whole if isinstance(one, Calendar) and one.unit == part.unit), None)
        if owner is None or owner.part is not None:
            raise NotLifted(f"{part.text} belongs to no {part.unit}")
        whole[whole.index(owner)] = replace(owner, part=part.text)
    return tuple(whole)


class Lifter:
    """Reads blocks over the tables of one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.kinds = {kind.table: kind for kind in reversed(list(catalogue.kinds.values()))}
        self.lookups = {
            one.lookup.table for kind in catalogue.kinds.values() for one in kind.fields.values() if one.lookup
        }
        self.stays, self.icu = catalogue.kind("stay"), catalogue.kind("icu")

    def block(self, select: exp.Select, kind: Kind | None = None) -> Block:
        """Read a SELECT over one table; raises NotLifted for a condition that is not known."""
        name = table_of(select)
        if kind is None and name not in self.kinds:
            raise NotLifted(f"{name} is no table of records")
        block = Block(kind or self.kinds[cast(str, name)], select)
        for condition in conditions_of(select):
            self._read(condition, block)
        if block.ended is not None and kind is None:
            self._choose_stay(block, self.stays if select.args.get("joins") else block.kind)
        return block

    def field(self, kind: Kind, column: str) -> Field:
        """Return the field of a kind that stands in a column."""
        found = next((one for one in kind.fields.values() if one.column == column), None)
        if found is None:
            raise NotLifted(f"{kind.table}.{column} is no field")
        return found

    def _read(self, condition: exp.Expr, block: Block) -> None:
        readers: list[Callable[[exp.Expr, Block], bool]] = [
            self._window, self._subquery, self._known, self._equal, self._several, self._compared, self._between,
        ]  # fmt: skip
        if not any(reader(condition, block) for reader in readers):
            raise NotLifted(f"the condition {sql_of(condition)} is not known")

    def _kind_of(self, column: exp.Column, block: Block) -> Kind:
        return self.stays if column.table == self.stays.table != block.kind.table else block.kind

    def _window(self, condition: exp.Expr, block: Block) -> bool:
        found = window_of(condition)
        if found is None:
            return False
        column, window = found
        time = block.kind.time
        if time is None or time.column != column:
            raise NotLifted(f"{column} is not the time of {block.kind.noun[1]}")
        block.when.append(cast(Window, window))
        return True

    def _known(self, condition: exp.Expr, block: Block) -> bool:
        negated = isinstance(condition, exp.Not)
        inner = condition.this if negated else condition
        if not (isinstance(inner, exp.Is) and isinstance(inner.expression, exp.Null)):
            return False
        column = cast(exp.Column, inner.this)
        kind = self._kind_of(column, block)
        if kind.end is not None and kind.end.column == column.name:
            block.ended = negated
        elif negated and kind.where.get(column.name) is not True:
            block.matches.append(Match(self.field(kind, column.name).name, ()))
        return True

    def _equal(self, condition: exp.Expr, block: Block) -> bool:
        if not (isinstance(condition, exp.EQ) and isinstance(condition.this, exp.Column)):
            return False
        column, other = condition.this, condition.expression
        kind = self._kind_of(column, block)
        if column.name == kind.subject:
            block.who.append(Patient(plain(other)))
        elif isinstance(other, exp.Subquery):
            return self._from_subquery(column, cast(exp.Select, other.this), block)
        elif kind.time is not None and column.name == kind.time.column:
            block.when.append(At(plain(other)))
        else:
            block.matches.append(Match(self.field(kind, column.name).name, (plain(other),)))
        return True

    def _several(self, condition: exp.Expr, block: Block) -> bool:
        if not (isinstance(condition, exp.In) and condition.expressions):
            return False
        name = self.field(block.kind, condition.this.name).name
        block.matches.append(Match(name, tuple(plain(one) for one in condition.expressions)))
        return True

    def _compared(self, condition: exp.Expr, block: Block) -> bool:
        if type(condition) not in _OPERATORS or not isinstance(condition.this, exp.Column):
            return False
        column, limit = condition.this, plain(condition.expression)
        if self._is_age(column, block):
            if not isinstance(condition, exp.GTE) or not isinstance(limit, int):
                raise NotLifted(f"{sql_of(condition)} is no range of ages")
            block.who.append(Aged(Range(limit)))
            return True
        value = block.kind.value
        if value is None or value.column != column.name:
            return False
        block.value = Comparison(cast(Any, _OPERATORS[type(condition)]), limit)
        return True

    def _between(self, condition: exp.Expr, block: Block) -> bool:
        negated = isinstance(condition, exp.Not)
        condition = condition.this if negated else condition
        if not isinstance(condition, exp.Between):
            return False
        column, low, high = condition.this, condition.args["low"], condition.args["high"]
        if self._is_age(column, block) and not negated:
            block.who.append(Aged(Range(cast(int, plain(low)), cast(int, plain(high)))))
            return True
        value = block.kind.value
        if value is None or value.column != column.name or not low.name.endswith("_lower"):
            return False
        block.value = Normality("abnormal" if negated else "normal")
        return True

    def _is_age(self, column: exp.Column, block: Block) -> bool:
        age = self.catalogue.age
        return (
            age is not None
            and column.name == self.stays.fields[age.field].column
            and (column.table == self.stays.table or block.kind is self.stays)
        )

    def _subquery(self, condition: exp.Expr, block: Block) -> bool:
        if not (isinstance(condition, exp.In) and isinstance(condition.args.get("query"), exp.Subquery)):
            return False
        return self._from_subquery(condition.this, condition.args["query"].this, block)

    def _from_subquery(self, column: exp.Column, select: exp.Select, block: Block) -> bool:
        table = table_of(select)
        if table in self.lookups:
            block.matches.append(self._named(column, select, block))
        elif table == self.stays.table and self._is_age(column, block):
            inner = self.block(select)
            (patient,) = [one for one in inner.who if isinstance(one, Patient)]
            (stay,) = [one for one in inner.when if isinstance(one, InStay)]
            block.who.append(SameAge(patient.subject, stay.which))
        elif table in (self.stays.table, self.icu.table):
            inner = self.block(select)
            if inner.matches or inner.value:
                raise NotLifted("a stay is restricted by more than its patient, age and place")
            block.who += inner.who
            block.when += inner.when
        else:
            return False
        return True

    def _named(self, column: exp.Column, select: exp.Select, block: Block) -> Match:
        field = self.field(block.kind, column.name)
        lookup = field.lookup
        names: list[Value] = []
        for condition in conditions_of(select):
            if lookup is None or not isinstance(condition, exp.EQ):
                raise NotLifted(f"{sql_of(condition)} is no condition on a name")
            if condition.this.name == lookup.label:
                names.append(plain(condition.expression))
            elif lookup.where.get(condition.this.name) != plain(condition.expression):
                raise NotLifted(f"{sql_of(condition)} is no condition on a name")
        return Match(field.name, tuple(names))

    def _choose_stay(self, block: Block, kind: Kind) -> None:
        """Read ORDER BY ... LIMIT 1 of a stay that has ended as the first or last one."""
        name = cast(Any, "icu" if kind is self.icu else "stay")
        if not block.ended:
            block.when.append(InStay(name, "current"))
            block.ended = None
            return
        pick = self.pick(block.select, kind)
        if pick is not None and pick.place == 1 and pick.extreme is None:
            block.when.append(InStay(name, pick.end))
            block.ended = None

    def pick(self, select: exp.Select, kind: Kind) -> Pick | None:
        """Return the choice that ORDER BY, LIMIT and OFFSET make, or None."""
        order, limit = select.args.get("order"), select.args.get("limit")
        if order is None:
            return None
        if limit is None or limit.expression.name != "1":
            raise NotLifted("an order without LIMIT 1")
        offset = select.args.get("offset")
        keys = list(order.expressions)
        extreme: Any = None
        if kind.value is not None and keys[0].this.name == kind.value.column:
            extreme = "highest" if keys[0].args.get("desc") else "lowest"
            keys = keys[1:]
        times = [one.column for one in (kind.time, kind.end) if one is not None]
        if len(keys) != 1 or keys[0].this.name not in times:
            raise NotLifted(f"{sql_of(order)} is no order by time")
        place: Any = 1 + (int(offset.expression.name) if offset else 0)
        return Pick("last" if keys[0].args.get("desc") else "first", place, extreme)
