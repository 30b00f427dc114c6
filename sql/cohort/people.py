"""Birth and sex of the patients beside their rows, and how old they are at the trigger."""

from sqlglot import exp

from ehr.tasks import TRIGGER
from sql.cohort.records import Records
from sql.cohort.rules import IsAged, IsOfSex

BORN = "birth_time"
SEX = "sex"


def with_people(table: str, records: Records) -> exp.Query:
    """Add birth_time and sex to the rows of `table`, null where they are not recorded."""
    same = exp.column("subject_id", "reached").eq(exp.column("subject_id", "person"))
    query = exp.select(exp.column(exp.Star(), table="reached"), exp.column(BORN, "person"), exp.column(SEX, "person"))
    return query.from_(exp.to_table(table, alias="reached")).join(
        records.people.subquery("person"), on=same, join_type="left"
    )


def breaks(rule: IsOfSex | IsAged) -> exp.Expr:
    """Return the test that a patient does not meet a rule on birth or sex; what is not known meets none."""
    if isinstance(rule, IsOfSex):
        return _unless(exp.column(SEX).eq(exp.Literal.string(rule.sex)))
    low = rule.minimum or 0
    bounds: list[exp.Expr] = [exp.GTE(this=age_at_trigger(), expression=exp.Literal.number(low))]
    if rule.maximum is not None:
        bounds.append(exp.LTE(this=age_at_trigger(), expression=exp.Literal.number(rule.maximum)))
    return _unless(exp.and_(*bounds))


def age_at_trigger() -> exp.Expr:
    """Return the age in completed years on the day of the trigger, below 0 before the birth.

    Whoever was born on 29 February is a year older on 28 February of a common year.
    """
    time = exp.column(TRIGGER)
    tomorrow = exp.Add(this=time.copy(), expression=exp.Interval(this=exp.Literal.string("1"), unit=exp.var("DAY")))
    is_last_of_february = exp.and_(
        _part(exp.Month, time).eq(2), _part(exp.Day, time).eq(28), _part(exp.Day, tomorrow).eq(1)
    )
    today = exp.Case().when(is_last_of_february, exp.Literal.number(229)).else_(exp.paren(_month_and_day(time)))
    born = exp.column(BORN)
    days = exp.paren(
        _part(exp.Year, time) * 10000 + today - (_part(exp.Year, born) * 10000 + exp.paren(_month_and_day(born)))
    )
    return exp.cast(exp.Floor(this=days / exp.Literal.number("10000.0")), "BIGINT")


def _month_and_day(time: exp.Expr) -> exp.Expr:
    return _part(exp.Month, time) * 100 + _part(exp.Day, time)


def _part(kind: type[exp.Expr], time: exp.Expr) -> exp.Expr:
    return exp.cast(kind(this=time.copy()), "BIGINT")


def _unless(test: exp.Expr) -> exp.Expr:
    """Return the test that another one is false or unknown."""
    return exp.func("COALESCE", exp.not_(test), exp.true())
