"""A question about records as one SQL tree, over the tables that a catalogue describes.

Deterministic, and total on the questions that the grammar of the catalogue allows: the same question always gives the
same SQL for DuckDB, and `sqlite.to_sqlite` writes that for SQLite. Nothing of the question's words gets into it but
values, as literals. Aliases: r the records, o those that they follow, s a stay, d names, c charges, p patients.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from sqlglot import exp

from ehr.errors import QuestionError
from sql.text.records import query as asks
from sql.text.records.catalogue import Catalogue, Charges, Field, Kind
from sql.text.records.filters import (
    age_sql,
    among,
    amount,
    col,
    every_column,
    instant,
    is_null,
    match_conditions,
    number,
    own_conditions,
    person_conditions,
    stay_conditions,
    stay_of,
    table,
    text,
    time_column,
    time_conditions,
    value_conditions,
    value_field,
)
from sql.text.records.following import followed
from sql.text.records.parts import (
    days_between,
    different,
    names_of,
    order_key,
    period_of,
    rank_over,
    times_condition,
    up_to_place,
    with_names,
)
from sql.text.records.query import RecordsQuery
from sql.text.records.selection import InStay, Moment, Pick, Records
from sql.text.records.times import duration_of, number_of

_AGGREGATES: Final = {"sum": exp.Sum, "avg": exp.Avg, "min": exp.Min, "max": exp.Max}


def compile_records(query: RecordsQuery, catalogue: Catalogue) -> exp.Query:
    """Return the SQL of a question for DuckDB.

    Raises QuestionError for a slot without a value, a value that is none, and a kind or field that the catalogue does
    not describe.
    """
    return _Compiler(catalogue).compile(query)


class _Compiler:
    """The questions over one catalogue, a method for each."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def compile(self, query: RecordsQuery) -> exp.Query:
        records = query.records
        match query.ask:
            case asks.Exists(negated):
                return self._exists(records, negated=negated)
            case asks.Count(of):
                return self._count(of, records)
            case asks.List():
                return self._list(query.ask, records)
            case asks.Aggregate():
                return self._aggregate(query.ask, records)
            case asks.Frequency():
                return self._frequency(query.ask, records)
            case asks.Top():
                return self._top(query.ask, records)
            case asks.Mortality():
                return self._mortality(query.ask, records)
            case asks.Survival():
                return self._survival(query.ask, records)
            case asks.Change():
                return self._change(query.ask, records)
            case asks.New(field, other):
                mine = self._field_query(field, records)
                return exp.except_(mine, self._field_query(field, _moved(records, other)), dialect="duckdb")
            case asks.Balance(other):
                one, two = self._total(records), self._total(replace(records, kind=other, matches=()))
                return exp.select(exp.alias_(exp.Sub(this=one, expression=two), "balance"))
            case asks.Length():
                return self._length(records)
            case asks.Since(unit):
                return self._since(unit, records)
            case asks.Cost():
                return self._cost(records)
            case asks.StayCost():
                return self._stay_cost(query.ask, records)
            case asks.Percentile():
                return self._percentile(query.ask, records)

    # --- rows -----------------------------------------------------------------------------------------

    def _kind(self, records: Records) -> Kind:
        return self.catalogue.kind(records.kind)

    def _rows(self, records: Records, alias: str = "r", *, timed: bool = True, all_ended: bool = False) -> exp.Select:
        """Select from the records, without columns yet.

        `timed` says whether windows of time bind, `all_ended` widens the first or last stay to all that have ended.
        """
        catalogue, kind = self.catalogue, self._kind(records)
        query = exp.select().from_(table(kind.table, alias))
        conditions = own_conditions(kind, alias)
        conditions += match_conditions(catalogue, kind, records.matches, alias)
        conditions += person_conditions(catalogue, kind, records.who, alias)
        if timed and records.when:
            conditions += time_conditions(catalogue, records.when, time_column(kind, alias))
        when = records.when
        if all_ended and kind.end is not None:
            ended = [
                one for one in when if isinstance(one, InStay) and one.of == kind.name and one.which != "current"
            ]
            conditions += [is_null(col(alias, kind.end.column), negated=True) for _ in ended]
            when = tuple(one for one in when if one not in ended)
        conditions += stay_conditions(catalogue, kind, when, records.who, alias)
        conditions += value_conditions(catalogue, kind, records.value, records.matches, alias)
        query = query.where(*conditions)
        return followed(catalogue, records, query, alias) if records.following else query

    def _picked(self, records: Records, alias: str = "r") -> exp.Select:
        """Select from the records or from the one that is picked; equal times stand in the order of the rows."""
        query = self._rows(records, alias)
        return query if records.pick is None else self._limited(query, self._kind(records), records.pick, alias)

    def _limited(self, query: exp.Select, kind: Kind, pick: Pick, alias: str) -> exp.Select:
        order: list[exp.Expr] = []
        if pick.extreme:
            order.append(order_key(amount(value_field(kind), alias), descending=pick.extreme == "highest"))
        order.append(order_key(time_column(kind, alias), descending=pick.end == "last"))
        order.append(col(alias, kind.row))
        query = query.order_by(*order).limit(1)
        return query.offset(pick.place - 1) if pick.place > 1 else query

    def _shown(self, field: Field, kind: Kind, query: exp.Select, alias: str = "r") -> tuple[exp.Select, exp.Expr]:
        """Return the query with what a field needs joined, and the field as it is shown."""
        if field.lookup is not None:
            return with_names(query, field, alias), col("n", field.lookup.label)
        if field.type == "age":
            return query, age_sql(self.catalogue, kind, field, alias)
        if field.may_lack:
            query = query.where(is_null(col(alias, field.column), negated=True))
        return query, col(alias, field.column)

    def _field_query(self, name: str, records: Records) -> exp.Select:
        field = self.catalogue.field(records.kind, name)
        query, shown = self._shown(field, self._kind(records), self._picked(records))
        return query.select(exp.alias_(shown, name))

    # --- questions ------------------------------------------------------------------------------------

    def _exists(self, records: Records, *, negated: bool) -> exp.Select:
        anywhere = self.catalogue.conventions.existence == "any"
        if records.pick is not None and not anywhere:
            rows: exp.Select = self._picked(records).select(exp.alias_(number(1), "one"))
            query = exp.select().from_(rows.subquery("found"))
        else:
            query = self._rows(records, all_ended=anywhere)
        compared = (exp.EQ if negated else exp.GT)(this=exp.Count(this=exp.Star()), expression=number(0))
        return query.select(exp.alias_(compared, "answer"))

    def _count(self, of: str, records: Records) -> exp.Select:
        kind = self._kind(records)
        if records.times is not None:
            subjects = self._rows(records).select(col("r", kind.subject)).group_by(col("r", kind.subject))
            subjects = subjects.having(times_condition(records, exp.Count(this=exp.Star())))
            return exp.select(exp.alias_(exp.Count(this=exp.Star()), of)).from_(subjects.subquery("found"))
        counted: exp.Expr = exp.Star()
        if of != "records":
            counted = different(col("r", kind.subject) if of == "patients" else stay_of(self.catalogue, kind, "r"))
        if records.pick is None:
            return self._rows(records).select(exp.alias_(exp.Count(this=counted), of))
        rows = self._picked(records).select(exp.alias_(number(1), "one"))
        return exp.select(exp.alias_(exp.Count(this=exp.Star()), of)).from_(rows.subquery("found"))

    def _list(self, ask: asks.List, records: Records) -> exp.Select:
        field, kind = self.catalogue.field(records.kind, ask.field), self._kind(records)
        if records.times is not None:
            return self._repeated(field, ask.field, records)
        query = self._field_query(ask.field, records)
        if ask.distinct:
            return query.distinct() if records.pick is None else query
        if records.pick is None and kind.time is not None and field.lookup is None:
            query = query.order_by(time_column(kind, "r"), col("r", kind.row))
        return query

    def _repeated(self, field: Field, name: str, records: Records) -> exp.Select:
        column = col("r", field.column)
        values = self._rows(records).select(exp.alias_(column, "value")).group_by(column.copy())
        values = values.having(times_condition(records, exp.Count(this=exp.Star())))
        return names_of(field, name, values)

    def _aggregate(self, ask: asks.Aggregate, records: Records) -> exp.Select:
        field, kind = self.catalogue.field(records.kind, ask.field), self._kind(records)
        value = age_sql(self.catalogue, kind, field, "r") if field.type == "age" else amount(field, "r")
        shown = exp.alias_(_AGGREGATES[ask.function](this=value), ask.function)
        if ask.per is None:
            return self._picked_from(records).select(shown)
        period = period_of(time_column(kind, "r"), ask.per)
        query = self._rows(records).group_by(period)
        if self.catalogue.conventions.periods == "shown":
            query = query.select(exp.alias_(period.copy(), ask.per))
        return query.select(shown).order_by(period.copy())

    def _picked_from(self, records: Records) -> exp.Select:
        """Select from the records, or from the one that is picked as a table of its own."""
        if records.pick is None:
            return self._rows(records)
        return exp.select().from_(self._picked(records).select(every_column("r")).subquery("r"))

    def _frequency(self, ask: asks.Frequency, records: Records) -> exp.Select:
        kind = self._kind(records)
        period = period_of(time_column(kind, "r"), ask.per)
        counts = self._rows(records).group_by(period)
        counts = counts.select(exp.alias_(exp.Count(this=different(stay_of(self.catalogue, kind, "r"))), "stays"))
        value = _AGGREGATES[ask.function](this=exp.column("stays"))
        return exp.select(exp.alias_(value, ask.function)).from_(counts.subquery("counts"))

    def _top(self, ask: asks.Top, records: Records) -> exp.Select:
        field = self.catalogue.field(records.kind, ask.field)
        column = col("r", field.column)
        place = rank_over(exp.DenseRank(), exp.Ordered(this=exp.Count(this=exp.Star()), desc=True))
        ranked = self._rows(records).select(exp.alias_(column, "value"), exp.alias_(place, "place"))
        ranked = ranked.group_by(column.copy())
        if field.may_lack:
            ranked = ranked.where(is_null(column.copy(), negated=True))
        return names_of(field, ask.field, up_to_place(ranked, number_of(ask.n)))

    def _mortality(self, ask: asks.Mortality, records: Records) -> exp.Select:
        kind, days = self._kind(records), duration_of(ask.within).days
        field = self.catalogue.field(records.kind, ask.field)
        time = time_column(kind, "r")
        first = self._rows(records).where(exp.GTE(this=days_between(time, self._clock()), expression=number(days)))
        subject, value = col("r", kind.subject), col("r", field.column)
        first = first.select(exp.alias_(subject, "subject"), exp.alias_(value, "value"))
        first = first.select(exp.alias_(exp.Min(this=time.copy()), "time"))
        first = first.group_by(subject.copy(), value.copy())
        lived = exp.alias_(exp.Avg(this=self._lived("f", days)), "lived")
        rates = self._join_people(exp.select(col("f", "value"), lived).from_(first.subquery("f")), "f")
        rates = rates.group_by(col("f", "value"))
        place = rank_over(exp.DenseRank(), exp.Ordered(this=exp.column("lived"), desc=False, nulls_first=True))
        ranked = exp.select(exp.column("value"), exp.alias_(place, "place")).from_(rates.subquery("rates"))
        return names_of(field, ask.field, up_to_place(ranked, number_of(ask.n)))

    def _survival(self, ask: asks.Survival, records: Records) -> exp.Select:
        if records.following is None:
            raise QuestionError("a survival rate is counted from a record that others follow; say which")
        catalogue, following, days = self.catalogue, records.following, duration_of(ask.within).days
        kind = catalogue.kind(following.kind)
        begun = replace(records, kind=following.kind, matches=following.matches, following=None, value=None)
        time = time_column(kind, "r")
        long_ago = exp.GTE(this=days_between(time, self._clock()), expression=number(days))
        first = self._rows(begun).where(long_ago).select(exp.alias_(col("r", kind.subject), "subject"))
        first = first.select(exp.alias_(exp.Min(this=time.copy()), "time")).group_by(col("r", kind.subject))
        later = self._rows(replace(records, following=None))
        mine = self._kind(records)
        later = later.where(
            col("r", mine.subject).eq(col("f", "subject")),
            exp.LT(this=col("f", "time"), expression=time_column(mine, "r")),
        )
        query = self._join_people(exp.select().from_(first.subquery("f")), "f")
        query = query.where(exp.Exists(this=later.select(number(1))))
        return query.select(exp.alias_(exp.Avg(this=self._lived("f", days)), "survival"))

    def _join_people(self, query: exp.Select, alias: str) -> exp.Select:
        patients = self.catalogue.kind(self.catalogue.people.kind)
        return query.join(
            table(patients.table, "p"), on=col("p", patients.subject).eq(col(alias, "subject")), copy=False
        )

    def _lived(self, alias: str, days: int) -> exp.Expr:
        """Return 1 where the patient did not die within the days after a time, else 0."""
        people = self.catalogue.people
        if people.death is None:
            raise QuestionError(f"catalogue {self.catalogue.name} knows no deaths; ask without them")
        death = col("p", self.catalogue.field(people.kind, people.death).column)
        died = exp.LT(this=days_between(col(alias, "time"), death), expression=number(days))
        return exp.Case().when(died, number(0)).else_(number(1))

    def _change(self, ask: asks.Change, records: Records) -> exp.Select:
        one = self._one_value(ask.field, records)
        two = self._one_value(ask.field, _moved(records, ask.other))
        operators: dict[str, Callable[..., exp.Expr]] = {"difference": exp.Sub, "greater": exp.GT, "less": exp.LT}
        return exp.select(exp.alias_(operators[ask.how](this=one, expression=two), ask.how))

    def _one_value(self, name: str, records: Records) -> exp.Expr:
        field, kind = self.catalogue.field(records.kind, name), self._kind(records)
        query = self._picked(records)
        if records.pick is None:
            query = query.order_by(time_column(kind, "r"), col("r", kind.row)).limit(1)
        value = age_sql(self.catalogue, kind, field, "r") if field.type == "age" else amount(field, "r")
        return exp.Subquery(this=query.select(value))

    def _total(self, records: Records) -> exp.Expr:
        field = value_field(self._kind(records))
        return exp.Subquery(this=self._rows(records).select(exp.Sum(this=amount(field, "r"))))

    def _clock(self) -> exp.Expr:
        return instant(self.catalogue.clock)

    def _length(self, records: Records) -> exp.Select:
        kind = self._kind(records)
        if kind.end is None:
            raise QuestionError(f"{kind.noun[1]} have no end here; ask without it")
        end = col("r", kind.end.column)
        query = self._picked(records).where(is_null(end, negated=True))
        return query.select(exp.alias_(days_between(time_column(kind, "r"), end.copy()), "days"))

    def _since(self, unit: str, records: Records) -> exp.Select:
        passed = days_between(time_column(self._kind(records), "r"), self._clock())
        if unit == "hours":
            passed = exp.Mul(this=number(24), expression=exp.paren(passed))
        return self._picked(records).select(exp.alias_(passed, unit))

    def _cost(self, records: Records) -> exp.Select:
        charges, kind = self._charges(records)
        query = exp.select(exp.alias_(col("c", charges.amount), "cost")).distinct().from_(table(charges.table, "c"))
        rows = self._rows(records).select(col("r", kind.row))
        return query.where(col("c", charges.type).eq(text(kind.charged or "")), among(col("c", charges.record), rows))

    def _stay_cost(self, ask: asks.StayCost, records: Records) -> exp.Select:
        charges, kind = self._charges(records)
        stays = self._rows(records, timed=False).select(stay_of(self.catalogue, kind, "r"))
        totals = exp.select(exp.alias_(exp.Sum(this=col("c", charges.amount)), "total"))
        totals = totals.from_(table(charges.table, "c")).where(among(col("c", charges.stay), stays))
        totals = totals.where(*time_conditions(self.catalogue, records.when, col("c", charges.time)))
        totals = totals.group_by(col("c", charges.stay))
        value = _AGGREGATES[ask.function](this=exp.column("total"))
        return exp.select(exp.alias_(value, ask.function)).from_(totals.subquery("totals"))

    def _charges(self, records: Records) -> tuple[Charges, Kind]:
        kind = self._kind(records)
        if self.catalogue.charges is None or kind.charged is None:
            raise QuestionError(f"catalogue {self.catalogue.name} knows no costs of {kind.noun[1]}; ask without them")
        return self.catalogue.charges, kind

    def _percentile(self, ask: asks.Percentile, records: Records) -> exp.Select:
        value = amount(value_field(self._kind(records)), "r")
        rank = rank_over(exp.PercentRank(), exp.Ordered(this=value, desc=False, nulls_first=True))
        ranked = self._rows(records).select(exp.alias_(value.copy(), "value"), exp.alias_(rank, "percentile"))
        query = exp.select(exp.column("percentile")).distinct().from_(ranked.subquery("ranked"))
        return query.where(exp.column("value").eq(number(number_of(ask.number))))


def _moved(records: Records, other: Moment) -> Records:
    """Return the same records at another time."""
    return replace(records, when=other.when, pick=other.pick)
