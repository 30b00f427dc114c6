"""Joins to the nearest row in time (ASOF), written with what Spark has: a union, and a window over both sides.

    SELECT reached.*, found.time FROM at_1 AS reached
    ASOF LEFT JOIN running AS found ON reached.subject_id = found.subject_id AND found.time >= reached.trigger

becomes, with the rows of both sides as structs named like the sides:

    SELECT reached.*, found.time FROM (
      SELECT reached, LAST_VALUE(found) IGNORE NULLS OVER (PARTITION BY subject ORDER BY time DESC, side) AS found
      FROM (SELECT ..., STRUCT(reached.*) AS reached, NULL AS found FROM at_1 AS reached
            UNION ALL SELECT ..., NULL, STRUCT(found.*) FROM running AS found)
    ) WHERE the row is of the left side

so that each join costs one sort of both sides per subject, and never pairs of rows. The window runs from the side on
which a match may lie towards the left row; a row on the right at the very same time comes before it, or after it
where the comparison is strict. Spark reads `found.time` as a field of the struct, so that the rest of the query
stays as it is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

AT: Final = "nearest_time"
IS_LEFT: Final = "nearest_is_left"
KEY: Final = "nearest_key"

Fields = Mapping[str, Sequence[str] | None]
"""The columns of each alias that a select reads, in a fixed order; None for all."""


@dataclass(frozen=True, slots=True)
class _Condition:
    """What a join asks: expressions that are equal, and two times that are compared.

    A match lies at or before the left time, or, when `forward`, at or after it; `strict` leaves out the same time.
    """

    left_keys: tuple[exp.Expr, ...]
    right_keys: tuple[exp.Expr, ...]
    left_time: exp.Expr
    right_time: exp.Expr
    forward: bool
    strict: bool


def without_nearest_joins(query: exp.Query) -> exp.Query:
    """Replace every ASOF join in `query`, in place, and return it.

    Raises ValueError for a select with such a join that reads a column without saying of which side.
    """
    for select in reversed(list(query.find_all(exp.Select))):
        if any(_is_nearest(join) for join in select.args.get("joins") or ()):
            _rewrite(select)
    return query


def _is_nearest(join: exp.Join) -> bool:
    return str(join.args.get("method") or "").upper() == "ASOF"


def _rewrite(select: exp.Select) -> None:
    """Give a select one source with a struct for each alias of its joins; those after the last ASOF join stay."""
    first, joins = select.args["from_"].this, select.args["joins"]
    fields = _fields(select, [first.alias_or_name, *(join.alias_or_name for join in joins)])
    relation = exp.select().from_(first)
    tables: list[str] = [first.alias_or_name]
    structs: list[str] = []
    for join in joins:
        if not _is_nearest(join):
            relation = relation.join(join)
            tables.append(join.alias_or_name)
            continue
        packed = {alias: _struct(alias, fields) for alias in tables} | {alias: _name(alias) for alias in structs}
        relation = exp.select().from_(_nearest(relation, packed, join, fields).subquery("nearest"))
        tables, structs = [], [*packed, join.alias_or_name]
    select.set("from_", relation.args["from_"])
    select.set("joins", relation.args.get("joins"))


def _nearest(relation: exp.Select, packed: Mapping[str, exp.Expr], join: exp.Join, fields: Fields) -> exp.Select:
    """Select the structs of the rows of `relation`, and the nearest row of the join as one more, or null."""
    alias = join.alias_or_name
    asked = _condition(join)
    keys = [f"{KEY}_{number}" for number in range(len(asked.left_keys))]
    left = relation.select(
        *(key.as_(name) for key, name in zip(asked.left_keys, keys, strict=True)),
        asked.left_time.as_(AT),
        exp.true().as_(IS_LEFT),
        *(struct.as_(name, quoted=True) for name, struct in packed.items()),
        exp.null().as_(alias, quoted=True),
    )
    right = exp.select(
        *(key.as_(name) for key, name in zip(asked.right_keys, keys, strict=True)),
        asked.right_time.as_(AT),
        exp.false().as_(IS_LEFT),
        *(exp.null().as_(name, quoted=True) for name in packed),
        _struct(alias, fields).as_(alias, quoted=True),
    ).from_(join.this)
    known = (key.copy().is_(exp.null()).not_() for key in (*asked.right_keys, asked.right_time))
    together = exp.union(left, right.where(*known), distinct=False).subquery("side")
    seen = _last_seen(alias, keys, asked).as_(alias, quoted=True)
    marked = exp.select(IS_LEFT, *(_name(name) for name in packed), seen).from_(together)
    found = exp.select(*(_name(name) for name in (*packed, alias))).from_(marked.subquery("marked")).where(IS_LEFT)
    return found if join.side == "LEFT" else found.where(_name(alias).is_(exp.null()).not_())


def _last_seen(alias: str, keys: Iterable[str], asked: _Condition) -> exp.Window:
    """Return the last row of the right side up to a row; a left row without a time comes first and has none."""
    order = [
        exp.Ordered(this=exp.column(AT), desc=asked.forward, nulls_first=True),
        exp.Ordered(this=exp.column(IS_LEFT), desc=asked.strict, nulls_first=True),
    ]
    return exp.Window(
        this=exp.IgnoreNulls(this=exp.LastValue(this=_name(alias))),
        partition_by=[exp.column(key) for key in keys],
        order=exp.Order(expressions=order),
        spec=exp.WindowSpec(kind="ROWS", start="UNBOUNDED", start_side="PRECEDING", end="CURRENT ROW"),
    )


def _condition(join: exp.Join) -> _Condition:
    """Read the condition of a join: equalities, and one comparison of times."""
    alias = join.alias_or_name
    left_keys, right_keys, compared = [], [], []
    for test in join.args["on"].flatten() if isinstance(join.args["on"], exp.And) else [join.args["on"]]:
        is_right_first = any(column.table == alias for column in test.this.find_all(exp.Column))
        right, left = (test.this, test.expression) if is_right_first else (test.expression, test.this)
        if isinstance(test, exp.EQ):
            left_keys.append(left.copy())
            right_keys.append(right.copy())
        else:
            # right >= left looks for a later time, and so does left <= right
            forward = isinstance(test, (exp.GT, exp.GTE)) == is_right_first
            compared.append((left.copy(), right.copy(), forward, isinstance(test, (exp.GT, exp.LT))))
    if len(compared) != 1:
        raise ValueError(f"an ASOF join compares one pair of times, not {len(compared)}: {join.sql('duckdb')}")
    return _Condition(tuple(left_keys), tuple(right_keys), *compared[0])


def _fields(select: exp.Select, aliases: Sequence[str]) -> Fields:
    """Return which columns of each alias a select reads, in its columns, conditions and nested queries."""
    names: dict[str, dict[str, None] | None] = {alias: {} for alias in aliases}
    for column in select.find_all(exp.Column):
        if not column.table and column.find_ancestor(exp.Select) is select:
            raise ValueError(f"column {column.name} stands beside an ASOF join without the name of its table")
        known = names.get(column.table)
        if known is not None:
            if isinstance(column.this, exp.Star):
                names[column.table] = None
            else:
                known[column.name] = None
    return {alias: None if found is None else tuple(found) for alias, found in names.items()}


def _struct(alias: str, fields: Fields) -> exp.Expr:
    names = fields[alias]
    if names is None:
        return exp.Anonymous(this="STRUCT", expressions=[exp.Column(this=exp.Star(), table=_identifier(alias))])
    cells = [cell for name in names for cell in (exp.Literal.string(name), exp.column(name, alias, quoted=True))]
    return exp.Anonymous(this="NAMED_STRUCT", expressions=cells or [exp.Literal.string("is_there"), exp.true()])


def _name(alias: str) -> exp.Column:
    return exp.column(alias, quoted=True)


def _identifier(name: str) -> exp.Identifier:
    return exp.to_identifier(name, quoted=True)
