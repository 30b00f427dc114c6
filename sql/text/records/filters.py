"""Which rows are the records of a question: matches, people, windows and numbers as SQL conditions on an alias."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlglot import exp

from ehr.errors import QuestionError
from sql.text.records.catalogue import BY_TIME, Catalogue, Field, Kind
from sql.text.records.selection import (
    Aged,
    Ago,
    At,
    Calendar,
    Comparison,
    InStay,
    Match,
    Normality,
    OfSex,
    Patient,
    Person,
    SameAge,
    Span,
    Which,
    Window,
)
from sql.text.records.times import bounds, moment, number_of, text_of
from sql.text.records.values import Range, Value

_COMPARED: Final[dict[str, type[exp.Binary]]] = {
    "above": exp.GT, "below": exp.LT, "at_least": exp.GTE, "at_most": exp.LTE, "equal": exp.EQ,
}  # fmt: skip


# --- small parts ------------------------------------------------------------------------------------------


def col(alias: str, name: str) -> exp.Column:
    """Return a column of an alias."""
    return exp.column(name, table=alias)


def every_column(alias: str) -> exp.Column:
    """Return all columns of an alias."""
    return exp.Column(this=exp.Star(), table=exp.to_identifier(alias))


def table(name: str, alias: str) -> exp.Expr:
    """Return a table under an alias."""
    return exp.alias_(exp.to_table(name), alias, table=True)


def text(value: str) -> exp.Expr:
    """Return a text."""
    return exp.Literal.string(value)


def instant(value: datetime) -> exp.Expr:
    """Return a point in time, as text that compares with times in either engine."""
    return text(value.isoformat(sep=" ", timespec="seconds"))


def number(value: float) -> exp.Expr:
    """Return a number."""
    literal = exp.Literal.number(repr(abs(value)))
    return exp.Neg(this=literal) if value < 0 else literal


def literal(value: Value) -> exp.Expr:
    """Return a value to compare a column with; the engine reads text as the type of the column."""
    return number(value) if isinstance(value, int | float) else text(text_of(value))


def is_null(column: exp.Expr, *, negated: bool = False) -> exp.Expr:
    """Say that a column has no value, or has one."""
    condition = exp.Is(this=column, expression=exp.Null())
    return exp.not_(condition) if negated else condition


def among(column: exp.Expr, query: exp.Select) -> exp.Expr:
    """Say that a column is among the rows of a query."""
    return exp.In(this=column, query=exp.Subquery(this=query))


def amount(field: Field, alias: str) -> exp.Expr:
    """Return a numeric field as a number."""
    column = col(alias, field.column)
    return exp.cast(column, exp.DType.DOUBLE) if field.stored == "text" else column


def time_column(kind: Kind, alias: str) -> exp.Column:
    """Return when a record happened; raises QuestionError for records without a time."""
    if kind.time is None:
        raise QuestionError(f"{kind.noun[1]} have no time here; ask without one")
    return col(alias, kind.time.column)


def value_field(kind: Kind) -> Field:
    """Return the number of a kind of records; raises QuestionError for records without one."""
    if kind.value is None:
        raise QuestionError(f"{kind.noun[1]} have no number here; ask without one")
    return kind.value


def stay_of(catalogue: Catalogue, kind: Kind, alias: str) -> exp.Expr:
    """Return the key of the hospital stay that a record belongs to: its column, or the stay around its time."""
    if kind.stay is None:
        raise QuestionError(f"{kind.noun[1]} belong to no hospital stay here; ask of patients or records")
    if kind.stay != BY_TIME:
        return col(alias, kind.stay)
    stays = catalogue.kind("stay")
    assert stays.key is not None
    key = exp.Min(this=col("k", stays.key))
    query = exp.select(key).from_(table(stays.table, "k")).where(*own_conditions(stays, "k"))
    return exp.Subquery(this=query.where(*membership(kind, alias, stays, "stay", "k")))


def membership(kind: Kind, alias: str, stays: Kind, of: str, stay: str) -> list[exp.Expr]:
    """Say that a record belongs to the stay under the alias `stay`: it names the stay, or its time lies in it."""
    assert stays.key is not None
    assert stays.end is not None
    own = kind.stay if of == "stay" else kind.icu
    if kind.name != of and own is not None and own != BY_TIME:
        return [col(stay, stays.key).eq(col(alias, own))]
    time, end = time_column(kind, alias), col(stay, stays.end.column)
    return [
        col(stay, stays.subject).eq(col(alias, kind.subject)),
        exp.GTE(this=time, expression=time_column(stays, stay)),
        exp.or_(is_null(end), exp.LTE(this=time.copy(), expression=end.copy())),
    ]


# --- conditions -------------------------------------------------------------------------------------------


def own_conditions(kind: Kind, alias: str) -> list[exp.Expr]:
    """Return what makes a row of the table a record of the kind."""
    found = []
    for column, values in kind.where.items():
        if values is True:
            found.append(is_null(col(alias, column), negated=True))
        else:
            found.append(_one_of(col(alias, column), [text(value) for value in values]))
    return found


def match_conditions(catalogue: Catalogue, kind: Kind, matches: Sequence[Match], alias: str) -> list[exp.Expr]:
    """Return the conditions on fields; those with a lookup are compared by the name of the code."""
    found = []
    for match in matches:
        field = catalogue.field(kind.name, match.field)
        column = col(alias, field.column)
        values = [literal(value) for value in match.values]
        if not values:
            found.append(is_null(column, negated=True))
        elif field.lookup is None:
            found.append(_one_of(column, values))
        else:
            found.append(among(column, names_query(field, values)))
    return found


def names_query(field: Field, values: Sequence[exp.Expr]) -> exp.Select:
    """Select the codes of some names."""
    lookup = field.lookup
    assert lookup is not None
    query = exp.select(col("d", lookup.key)).from_(table(lookup.table, "d"))
    query = query.where(_one_of(col("d", lookup.label), values))
    return query.where(*(col("d", name).eq(text(value)) for name, value in lookup.where.items()))


def _one_of(column: exp.Expr, values: Sequence[exp.Expr]) -> exp.Expr:
    return exp.EQ(this=column, expression=values[0]) if len(values) == 1 else exp.In(this=column, expressions=values)


def value_conditions(
    catalogue: Catalogue, kind: Kind, value: Comparison | Normality | None, matches: Sequence[Match], alias: str
) -> list[exp.Expr]:
    """Return the condition on the number of the records."""
    if value is None:
        return []
    field = value_field(kind)
    measured = amount(field, alias)
    if isinstance(value, Normality):
        return [_normality(catalogue, kind, value, matches, alias)]
    limit = number(number_of(value.number))
    if field.stored == "float":
        limit = exp.cast(limit, exp.DType.FLOAT)
    return [_COMPARED[value.operator](this=measured, expression=limit)]


def _normality(catalogue: Catalogue, kind: Kind, value: Normality, matches: Sequence[Match], alias: str) -> exp.Expr:
    named = [text_of(one) for match in matches if match.field == "name" for one in match.values]
    ranges = {name: ends for name, ends in kind.normal.items() if not named or name in named}
    if not ranges:
        known = ", ".join(kind.normal) or "none"
        raise QuestionError(f"catalogue {catalogue.name} has no normal range of {', '.join(named)}; it has {known}")
    conditions = []
    for name, (low, high) in ranges.items():
        measured = amount(value_field(kind), alias)
        compared: exp.Expr = exp.Between(this=measured, low=number(low), high=number(high))
        if value.side == "abnormal":
            compared = exp.not_(compared)
        elif value.side != "normal":
            limit = number(high if value.side == "above_normal" else low)
            compared = (exp.GT if value.side == "above_normal" else exp.LT)(this=measured, expression=limit)
        of_name = match_conditions(catalogue, kind, [Match("name", (name,))], alias)
        conditions.append(compared if len(ranges) == 1 and named else exp.and_(compared, *of_name))
    return exp.or_(*conditions)


# --- people -----------------------------------------------------------------------------------------------


def person_conditions(catalogue: Catalogue, kind: Kind, who: Sequence[Person], alias: str) -> list[exp.Expr]:
    """Return the conditions on the patient of the records."""
    return [_person(catalogue, kind, person, alias) for person in who]


def _person(catalogue: Catalogue, kind: Kind, person: Person, alias: str) -> exp.Expr:
    subject = col(alias, kind.subject)
    match person:
        case Patient(value):
            return subject.eq(literal(value))
        case OfSex(sex):
            people = catalogue.people
            if people.sex is None:
                raise QuestionError(f"catalogue {catalogue.name} knows no sex of patients; ask without it")
            patients = catalogue.kind(people.kind)
            query = exp.select(col("p", patients.subject)).from_(table(patients.table, "p"))
            field = catalogue.field(people.kind, people.sex)
            return among(subject, query.where(col("p", field.column).eq(literal(sex))))
        case Aged() | SameAge():
            return _of_age(catalogue, kind, person, alias)


def _of_age(catalogue: Catalogue, kind: Kind, person: Aged | SameAge, alias: str) -> exp.Expr:
    if catalogue.age is None:
        raise QuestionError(f"catalogue {catalogue.name} knows no age of patients; ask without it")
    stays = catalogue.kind(catalogue.age.kind)
    field = catalogue.field(catalogue.age.kind, catalogue.age.field)
    if kind.name == stays.name:
        return _age_condition(catalogue, person, age_sql(catalogue, stays, field, alias))
    condition = _age_condition(catalogue, person, age_sql(catalogue, stays, field, "a"))
    return _belongs(kind, alias, stays, "stay", "a", [*own_conditions(stays, "a"), condition])


def age_sql(catalogue: Catalogue, kind: Kind, field: Field, alias: str) -> exp.Expr:
    """Return the age in whole years: a column, or counted from birth to the time in that column."""
    column = col(alias, field.column)
    if field.type != "age":
        return column
    people = catalogue.people
    patients = catalogue.kind(people.kind)
    assert people.birth is not None
    birth = col("b", catalogue.field(people.kind, people.birth).column)
    query = exp.select(birth).from_(table(patients.table, "b"))
    query = query.where(col("b", patients.subject).eq(col(alias, kind.subject)))
    return exp.Anonymous(this="DATE_SUB", expressions=[text("year"), exp.Subquery(this=query), column])


def _age_condition(catalogue: Catalogue, person: Aged | SameAge, age: exp.Expr) -> exp.Expr:
    if isinstance(person, SameAge):
        stays = catalogue.kind("stay")
        assert catalogue.age is not None
        field = catalogue.field(catalogue.age.kind, catalogue.age.field)
        of_patient = chosen_stays(catalogue, "stay", person.stay, Patient(person.subject), "o")
        return age.eq(exp.Subquery(this=of_patient.select(age_sql(catalogue, stays, field, "o")).limit(1)))
    if isinstance(person.ages, Range):
        low, high = number(person.ages.low), person.ages.high
        if high is not None:
            return exp.Between(this=age, low=low, high=number(high))
        return exp.GTE(this=age, expression=low)
    return age.eq(number(number_of(person.ages)))


# --- windows ----------------------------------------------------------------------------------------------


def time_conditions(catalogue: Catalogue, when: Sequence[Window], time: exp.Expr) -> list[exp.Expr]:
    """Return the conditions of the windows that are spans or instants of time."""
    found: list[exp.Expr] = []
    for window in when:
        if isinstance(window, At):
            found.append(exp.EQ(this=time.copy(), expression=instant(moment(window))))
        elif isinstance(window, Span | Calendar | Ago):
            start, end = bounds(window, catalogue)
            if start is not None:
                found.append(exp.GTE(this=time.copy(), expression=instant(start)))
            if end is not None:
                found.append(exp.LT(this=time.copy(), expression=instant(end)))
    return found


def stay_conditions(
    catalogue: Catalogue, kind: Kind, when: Sequence[Window], who: Sequence[Person], alias: str
) -> list[exp.Expr]:
    """Return the conditions of the windows that are stays of the patient."""
    patient = next((person for person in who if isinstance(person, Patient)), None)
    found = []
    for window in when:
        if isinstance(window, InStay):
            stays = catalogue.kind(window.of)
            chosen = chosen_stays(catalogue, window.of, window.which, patient, "s")
            found.append(_belongs_to(kind, alias, stays, window.of, chosen))
    return found


def chosen_stays(catalogue: Catalogue, of: str, which: Which, patient: Patient | None, alias: str) -> exp.Select:
    """Select from the first, last or current stays of one patient or each, without columns yet.

    First and last are among those that have ended, the others have not.
    """
    stays = catalogue.kind(of)
    assert stays.end is not None
    query = exp.select().from_(table(stays.table, alias)).where(*own_conditions(stays, alias))
    if patient is not None:
        query = query.where(col(alias, stays.subject).eq(literal(patient.subject)))
    query = query.where(is_null(col(alias, stays.end.column), negated=which != "current"))
    if which == "current":
        return query
    order = [time_column(stays, alias).desc() if which == "last" else time_column(stays, alias)]
    order.append(col(alias, stays.row))
    if patient is not None:
        return query.order_by(*order).limit(1)
    place = exp.Window(
        this=exp.RowNumber(), partition_by=[col(alias, stays.subject)], order=exp.Order(expressions=_ordered(order))
    )
    inner = query.select(every_column(alias), exp.alias_(place, "place"))
    return exp.select().from_(inner.subquery(alias)).where(exp.column("place", table=alias).eq(number(1)))


def _ordered(parts: Sequence[exp.Expr]) -> list[exp.Expr]:
    return [part if isinstance(part, exp.Ordered) else exp.Ordered(this=part, desc=False) for part in parts]


def _belongs_to(kind: Kind, alias: str, stays: Kind, of: str, chosen: exp.Select) -> exp.Expr:
    """Say that a record belongs to one of the stays of a query."""
    assert stays.key is not None
    own = kind.stay if of == "stay" else kind.icu
    if kind.name == of or (own is not None and own != BY_TIME):
        return among(col(alias, stays.key if kind.name == of else own or ""), chosen.select(col("s", stays.key)))
    listed = among(col("i", stays.key), chosen.select(col("s", stays.key)))
    return _belongs(kind, alias, stays, of, "i", [listed])


def _belongs(kind: Kind, alias: str, stays: Kind, of: str, stay: str, conditions: Sequence[exp.Expr]) -> exp.Expr:
    """Say that there is a stay, under the alias `stay`, that a record belongs to and that fulfils conditions."""
    assert stays.key is not None
    own = kind.stay if of == "stay" else kind.icu
    if kind.name != of and own is not None and own != BY_TIME:
        query = exp.select(col(stay, stays.key)).from_(table(stays.table, stay)).where(*conditions)
        return among(col(alias, own), query)
    query = exp.select(number(1)).from_(table(stays.table, stay)).where(*conditions)
    return exp.Exists(this=query.where(*membership(kind, alias, stays, of, stay)))
