"""Records that follow others of the same patient: the join of the two, each pair a row."""

from typing import Final

from sqlglot import exp

from sql.text.records.catalogue import BY_TIME, Catalogue, Kind
from sql.text.records.filters import (
    col,
    match_conditions,
    membership,
    own_conditions,
    stay_conditions,
    table,
    text,
    time_column,
    time_conditions,
)
from sql.text.records.selection import Following, InStay, Later, Records, Same, Within
from sql.text.records.times import duration_of
from sql.text.records.values import Duration

OTHER: Final = "o"


def followed(catalogue: Catalogue, records: Records, query: exp.Select, alias: str) -> exp.Select:
    """Join records with those that they follow, under the alias `o`; the windows of the question bind both."""
    following = records.following
    assert following is not None
    kind, other = catalogue.kind(records.kind), catalogue.kind(following.kind)
    conditions = [
        *_relation(catalogue, kind, other, following, alias),
        *own_conditions(other, OTHER),
        *match_conditions(catalogue, other, following.matches, OTHER),
    ]
    when = [window for window in records.when if not isinstance(window, InStay)]
    conditions += time_conditions(catalogue, when, time_column(other, OTHER))
    conditions += stay_conditions(catalogue, other, records.when, records.who, OTHER)
    joined = query.join(table(other.table, OTHER), on=col(OTHER, other.subject).eq(col(alias, kind.subject)))
    return joined.where(*conditions)


def _relation(catalogue: Catalogue, kind: Kind, other: Kind, following: Following, alias: str) -> list[exp.Expr]:
    earlier, later = time_column(other, OTHER), time_column(kind, alias)
    after = exp.LT(this=earlier, expression=later)
    match following.relation:
        case Later():
            return [after]
        case Same("time"):
            return [exp.EQ(this=earlier, expression=later)]
        case Same("stay"):
            return [after, _same_stay(catalogue, kind, other, alias)]
        case Same(unit):
            return [after, exp.EQ(this=_start_of(unit, earlier), expression=_start_of(unit, later))]
        case Within(value):
            end = plus(earlier, duration_of(value), overflow=catalogue.conventions.months == "overflow")
            return [after, exp.LTE(this=later.copy(), expression=end)]


def _same_stay(catalogue: Catalogue, kind: Kind, other: Kind, alias: str) -> exp.Expr:
    if BY_TIME not in (kind.stay, other.stay) and kind.stay and other.stay:
        return col(OTHER, other.stay).eq(col(alias, kind.stay))
    stays = catalogue.kind("stay")
    both = [*membership(kind, alias, stays, "stay", "k"), *membership(other, OTHER, stays, "stay", "k")]
    query = exp.select(exp.Literal.number(1)).from_(table(stays.table, "k"))
    return exp.Exists(this=query.where(*own_conditions(stays, "k"), *both))


def _start_of(unit: str, time: exp.Expr) -> exp.Expr:
    return exp.TimestampTrunc(this=time.copy(), unit=exp.var(unit.upper()))


def plus(time: exp.Expr, duration: Duration, *, overflow: bool) -> exp.Expr:
    """Add a duration to a time; with `overflow` a month after 31 January is 3 March, without it 28 February."""
    interval = exp.Interval(this=text(str(duration.amount)), unit=exp.var(duration.unit.upper()))
    if not overflow or duration.unit not in ("month", "year"):
        return exp.Add(this=time.copy(), expression=interval)
    start = _start_of("month", time)
    into = exp.paren(exp.Sub(this=time.copy(), expression=start.copy()))
    return exp.Add(this=exp.Add(this=start, expression=interval), expression=into)
