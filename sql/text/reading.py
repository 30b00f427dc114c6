"""A question back in plain English, from its typed form alone: what was counted, of whom, under which criteria."""

from typing import Final

from sql.text.criterion import Event
from sql.text.query import (
    AgeOf,
    Ask,
    Beside,
    Best,
    ChangeOf,
    Count,
    CountOf,
    Exists,
    LengthOf,
    Listing,
    Measure,
    MomentOf,
    Patients,
    Population,
    Query,
    Ranking,
    Records,
    Share,
    Show,
    Statistic,
    Stays,
    TimeInside,
    TimeToDeath,
    TimeToEvent,
    ValueOf,
)
from sql.text.reading_criteria import said
from sql.text.reading_terms import STAYS, age_at, compared, named, when
from sql.text.stored import EventCounts, Held, Holdings, Resources, TableRows, ValueForms
from sql.text.terms import Ever, Kind, StayKind

_GROUPS: Final = {
    "sex": "sex", "type": "type", "class": "class", "year": "year of its start", "month": "month of its start",
    "disposition": "where the patient went", "source": "where the patient came from",
    "age": "age at the start of the stay, of patients at the last record, in steps of ten years",
}  # fmt: skip
_FUNCTIONS: Final = {"deviation": "standard deviation of the", "total": "total", "each": "each"}


def read(query: Query) -> str:
    """Say in one sentence what was understood.

    >>> from sql.text.criterion import Sex
    >>> from sql.text.query import Count, Patients, Query
    >>> read(Query(Patients(), (Count(),), Sex("female")))
    'Number of patients who are female.'
    """
    first, *more = query.asks
    text = _ask(first, query)
    text += f", by {_GROUPS[query.by]}" if query.by else ""
    text += "".join(f"; and {_further(ask, query)}" for ask in more)
    notes = "".join(f" {note}." for note in query.notes)
    return f"{text[0].upper()}{text[1:]}.{notes}"


def noun(population: Population, *, plural: bool = True) -> str:
    """Name the members of a population."""
    if isinstance(population, Patients):
        return "patients" if plural else "patient"
    if isinstance(population, Stays):
        return STAYS[population.kind] + ("s" if plural else "")
    if isinstance(population, Holdings):
        return "records" if plural else "record"
    return _record_noun(population.event) + ("s" if plural else "")


def _record_noun(event: Event) -> str:
    if event.concept.kind is Kind.MEDICATION:
        return {"given": "charted dose", "ordered": "order", "infused": "infusion", "recorded": "record"}[event.mode]
    return "measurement" if event.concept.kind is Kind.OBSERVATION else "record"


def members(query: Query) -> str:
    """Name the members of the population with all that is said of them."""
    population = query.population
    text = noun(population)
    if isinstance(population, Records):
        text += f" of {named(population.event.concept)}"
        if population.event.comparison:
            text += f" {compared(population.event.comparison, population.event.concept.unit)}"
        text += when(population.event.window)
        return text + (f" in patients {said(query.where, None)}" if query.where else "")
    scope = population.kind if isinstance(population, Stays) else None
    return f"{text} {said(query.where, scope)}" if query.where else text


def _ask(ask: Ask, query: Query) -> str:
    whom = members(query)
    if isinstance(ask, Count):
        part = f"{noun(query.population)} {said(ask.where, _scope(query))} out of all " if ask.where else ""
        return f"number of {part}{whom}"
    if isinstance(ask, Listing):
        return f"list of {whom}"
    if isinstance(ask, Share):
        return f"percentage of {whom}: those {said(ask.where, _scope(query))}"
    if isinstance(ask, Exists):
        return f"whether there are any {whom}"
    if isinstance(ask, Show | Best | Ranking | Beside):
        return _picked(ask, query, whom)
    if isinstance(ask, Statistic):
        return f"{_statistic(ask, query.population)} over {'all ' if query.where is None else ''}{whom}"
    return _held(ask)


def _picked(ask: Show | Best | Ranking | Beside, query: Query, whom: str) -> str:
    if isinstance(ask, Beside):
        return _ask(ask.query.asks[0], ask.query)
    if isinstance(ask, Ranking):
        first = "all" if ask.limit is None else f"the {ask.limit} most frequent"
        return (
            f"{first} {ask.kind} codes by the number of {whom} with a record of them, in alphabetical order if equal"
        )
    measure = _measure(ask.measure, query.population)
    if isinstance(ask, Show):
        return f"{measure} of each of the {whom}"
    best = (
        measure if isinstance(ask.measure, ValueOf) and ask.measure.which == ask.order else f"{ask.order} {measure}"
    )
    who = f"of the {whom}, the {'one' if ask.limit == 1 else ask.limit} with the {best}"
    return f"{who}, and all level with the last of them"


def _held(ask: Held) -> str:
    if isinstance(ask, TableRows):
        of = f" of patient {ask.subject_id}, where each row makes one event" if ask.subject_id is not None else ""
        return (
            f"number of rows{of} in each {f'{ask.folder} ' if ask.folder else ''}table that the store was made from"
        )
    if isinstance(ask, Resources):
        types = f" of the types {', '.join(ask.types)}" if ask.types else ""
        return f"number of resources{types} {'of each type' if ask.per == 'type' else 'together of each patient'}"
    if isinstance(ask, ValueForms):
        return "number of Observations by the form of their value: a number, a coded value, text, components, or none"
    if isinstance(ask, EventCounts):
        return "number of all events" + (", and of those with a time" if ask.timed else "")
    return "number of condition records without an end, of those marked as active, and of all"


def _scope(query: Query) -> StayKind | None:
    return query.population.kind if isinstance(query.population, Stays) else None


def _statistic(ask: Statistic, population: Population) -> str:
    function = _FUNCTIONS.get(ask.function, ask.function)
    if isinstance(ask.measure, MomentOf):
        function = "earliest" if ask.function == "minimum" else "latest"
    if ask.function == "percentile":
        function = f"{ask.percent or 0:g}th percentile of the"
    joint = " of the" if isinstance(ask.measure, ValueOf) and ask.measure.which != "any" else ""
    return f"{function}{joint if not function.endswith('the') else ''} {_measure(ask.measure, population)}"


def _measure(measure: Measure, population: Population) -> str:
    if isinstance(measure, ValueOf | ChangeOf):
        return _valued(measure, population)
    if isinstance(measure, AgeOf):
        return f"age in whole years{age_at(measure.at, None)}"
    if isinstance(measure, LengthOf):
        return f"length in {measure.unit}, from start to end,"
    if isinstance(measure, CountOf):
        return f"number of {STAYS[measure.kind]}s, none counting as 0,"
    if isinstance(measure, TimeToEvent):
        first = named(measure.event.concept, measure.event.mode)
        return f"time in {measure.unit} from the start of the stay to the first {first} in it"
    if isinstance(measure, TimeToDeath):
        return f"time in {measure.unit} from the {measure.anchor} of the stay to a later death"
    if isinstance(measure, TimeInside):
        return f"time in {measure.unit} from the start of the hospital stay around it to its own start"
    if isinstance(measure, MomentOf):
        return {"start": "time of its start", "end": "time of its end", "death": "time of death"}[measure.at]
    return "sex"


def _valued(measure: ValueOf | ChangeOf, population: Population) -> str:
    unit = f" in {measure.concept.unit}" if measure.concept.unit else ""
    at = "" if isinstance(measure.window, Ever) else when(measure.window)
    if isinstance(measure, ChangeOf):
        return f"change of {named(measure.concept)}{unit} from the first value to the last{at}"
    if measure.which == "any" or isinstance(population, Records):
        return f"value{unit}"
    return f"{measure.which} {named(measure.concept)}{unit}{at}"


def _further(ask: Ask, query: Query) -> str:
    scope = _scope(query)
    if isinstance(ask, Count):
        if ask.of == "patients":
            return "the number of patients that they belong to"
        if ask.of == "stays":
            return "the number of stays that they name"
        if ask.of == "records":
            return "the number of those charted doses or orders"
        return f"the number of them {said(ask.where, scope)}" if ask.where else "their number"
    if isinstance(ask, Beside):
        return _ask(ask, query)
    return f"their {_statistic(ask, query.population)}" if isinstance(ask, Statistic) else "the same"
