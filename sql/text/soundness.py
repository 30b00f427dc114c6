"""What a `Query` has to keep beyond its type: that every part of it has a meaning where it stands.

The grammar builds only such queries. One from elsewhere (a language model, a refinement, a file) may ask for the
length of the stay of patients, who have none at hand; `flaw` says so, and nothing is compiled that would leave a part
of the question out.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from sql.text.measures import OLDEST
from sql.text.query import (
    Age,
    AgeOf,
    AllOf,
    AnyOf,
    Around,
    Ask,
    Calendar,
    Comparison,
    Concept,
    Count,
    Criterion,
    Died,
    DuringStay,
    Event,
    HasValue,
    Kind,
    Length,
    LengthOf,
    Listing,
    Not,
    Patients,
    Query,
    Records,
    Relative,
    Returned,
    Share,
    Started,
    Statistic,
    Stay,
    Stays,
    ValueOf,
    Window,
)

MAX_ASKS = 6
MAX_CRITERIA = 60


@dataclass(frozen=True, slots=True)
class _Place:
    """What is at hand where a criterion stands: a stay, or a record of a concept."""

    stay: bool
    record: Concept | None = None


def flaw(query: Query) -> str | None:
    """Say what of a query has no meaning, or None for a query that compiles whole.

    >>> from sql.text.query import Comparison, Count, Length, Patients, Query
    >>> flaw(Query(Patients(), (Count(),), Length(Comparison(">", 3.0), "days")))
    'a length belongs to a stay, and none is at hand'
    """
    return next(_flaws(query), None)


def _flaws(query: Query) -> Iterator[str]:
    population = query.population
    place = _Place(isinstance(population, Stays))
    if isinstance(population, Records):
        place = _Place(False, population.event.concept)
        yield from _event(population.event, replace(place, record=None))
        if isinstance(population.event.window, Relative) or population.event.which != "any":
            yield "records are counted at any time or in a span of the calendar, all of them"
    if not 1 <= len(query.asks) <= MAX_ASKS:
        yield f"between 1 and {MAX_ASKS} things can be asked at once"
    if query.where is not None:
        if sum(1 for _ in criteria_of(query.where)) > MAX_CRITERIA:
            yield f"a question has at most {MAX_CRITERIA} criteria"
        yield from _criterion(query.where, place)
    for ask in query.asks:
        yield from _ask(ask, query, place)
    yield from _groups(query)


def criteria_of(criterion: Criterion | None) -> Iterator[Criterion]:
    """Yield a criterion and all that are inside it."""
    if criterion is None:
        return
    yield criterion
    if isinstance(criterion, AllOf | AnyOf):
        for one in criterion.criteria:
            yield from criteria_of(one)
    elif isinstance(criterion, Not):
        yield from criteria_of(criterion.criterion)
    elif isinstance(criterion, Stay):
        yield from criteria_of(criterion.where)


# --- what is asked --------------------------------------------------------------------------------------------


def _ask(ask: Ask, query: Query, place: _Place) -> Iterator[str]:
    is_only = len(query.asks) == 1
    of_records = isinstance(query.population, Records)
    if isinstance(ask, Count):
        yield from _count(ask, query, place)
    elif isinstance(ask, Share):
        if not is_only or of_records:
            yield "a share stands alone, over patients or stays"
        yield from _criterion(ask.where, place)
    elif isinstance(ask, Listing):
        if not is_only or of_records:
            yield "a list stands alone, of patients or stays"
    elif isinstance(ask, Statistic):
        yield from _statistic(ask, query, is_only=is_only)


def _count(ask: Count, query: Query, place: _Place) -> Iterator[str]:
    if ask.where is not None:
        if ask.of != "members":
            yield "of the members only those can be counted who satisfy a criterion"
        yield from _criterion(ask.where, place)
    if ask.of == "patients" and isinstance(query.population, Patients):
        yield "patients are counted as members of their own population"
    if ask.of == "stays" and not isinstance(query.population, Records):
        yield "the stays that records name are counted of records alone"
    if ask.of == "records":
        is_drug = isinstance(query.where, Event) and query.where.concept.kind is Kind.MEDICATION
        if not (is_drug and isinstance(query.population, Patients)):
            yield "doses and orders are counted of patients whose only criterion is the medication"


def _statistic(ask: Statistic, query: Query, *, is_only: bool) -> Iterator[str]:
    measure, population = ask.measure, query.population
    if isinstance(population, Records):
        if not (isinstance(measure, ValueOf) and measure.which == "any" and is_only):
            yield "of records only their values can be summed up, one figure at a time"
        elif measure.concept != population.event.concept:
            yield "the values summed up are those of the records"
    if isinstance(measure, AgeOf) and measure.at == "start" and not isinstance(population, Stays):
        yield "the age at the start of a stay belongs to stays"
    if isinstance(measure, LengthOf) and not isinstance(population, Stays):
        yield "a length belongs to stays"
    if isinstance(measure, ValueOf):
        yield from _measured(measure, query, is_only=is_only)


def _measured(measure: ValueOf, query: Query, *, is_only: bool) -> Iterator[str]:
    if measure.concept.kind is not Kind.OBSERVATION:
        yield f"{measure.concept.name} is no measurement and has no value"
    if isinstance(query.population, Records):
        return
    if measure.which == "any" or not is_only:
        yield "of each member one value is taken, the first, last, highest or lowest, and one figure at a time"
    if isinstance(measure.window, Relative):
        yield "a value of each member is taken at any time, in the stay or in a span of the calendar"
    yield from _window(measure.window, _Place(isinstance(query.population, Stays)))


def _groups(query: Query) -> Iterator[str]:
    if query.by is None:
        return
    if len(query.asks) != 1 or not isinstance(query.asks[0], Count):
        yield "only a single count can be split into groups"
    if isinstance(query.population, Records):
        yield "records cannot be split into groups"
    if query.by != "sex" and isinstance(query.population, Patients):
        yield f"patients have no {query.by} of their own; ask for stays, such as hospital admissions, by {query.by}"


# --- criteria -------------------------------------------------------------------------------------------------


def _criterion(criterion: Criterion, place: _Place) -> Iterator[str]:
    if isinstance(criterion, AllOf | AnyOf):
        if not criterion.criteria:
            yield "a list of criteria is empty"
        for one in criterion.criteria:
            yield from _criterion(one, place)
    elif isinstance(criterion, Not):
        yield from _criterion(criterion.criterion, place)
    elif isinstance(criterion, Event):
        yield from _event(criterion, place)
    elif isinstance(criterion, Died):
        if isinstance(criterion.window, Relative):
            yield "a death is looked for at any time, in a span of the calendar or around a stay"
        yield from _window(criterion.window, place)
    else:
        yield from _of_one(criterion, place)


def _of_one(criterion: Criterion, place: _Place) -> Iterator[str]:
    if isinstance(criterion, Age):
        if criterion.at == "start" and not place.stay:
            yield "the age at the start of a stay needs a stay at hand"
        yield from _bound(criterion.comparison)
        if max(criterion.comparison.low, criterion.comparison.high or 0) > OLDEST or criterion.comparison.low < 0:
            yield f"an age lies between 0 and {OLDEST} years"
    elif isinstance(criterion, Stay):
        if criterion.of == "stay" and not place.stay:
            yield "a stay within another needs a stay at hand"
        if criterion.times is not None:
            yield from _bound(criterion.times)
        if criterion.where is not None:
            yield from _criterion(criterion.where, _Place(True))
    elif isinstance(criterion, HasValue):
        if place.record is None or place.record.kind is not Kind.OBSERVATION:
            yield "a value belongs to the records of a measurement, and none is at hand"
        yield from _bound(criterion.comparison)
    elif isinstance(criterion, Length | Started | Returned):
        yield from _of_stay(criterion, place)


def _of_stay(criterion: Length | Started | Returned, place: _Place) -> Iterator[str]:
    what = {Length: "a length", Started: "a start", Returned: "a return"}[type(criterion)]
    if not place.stay:
        yield f"{what} belongs to a stay, and none is at hand"
    if isinstance(criterion, Length):
        yield from _bound(criterion.comparison)
    elif isinstance(criterion, Started):
        yield from _window(criterion.span, place)
    elif criterion.within <= timedelta(0):
        yield "a length of time is not above zero"


def _event(event: Event, place: _Place) -> Iterator[str]:
    name, kind = event.concept.name, event.concept.kind
    if event.comparison is not None:
        if kind is not Kind.OBSERVATION:
            yield f"{name} is no measurement and has no value"
        yield from _bound(event.comparison)
    elif event.which != "any":
        yield f"the {event.which} {name} is not compared with anything"
    if event.mode != "recorded" and kind is not Kind.MEDICATION:
        yield f"{name} is no medication and cannot be {event.mode}"
    yield from _window(event.window, place)


def _window(window: Window, place: _Place) -> Iterator[str]:
    if isinstance(window, DuringStay | Around) and not place.stay:
        yield "a time relative to a stay needs a stay at hand"
    if isinstance(window, Around):
        if min(window.before, window.after) < timedelta(0) or window.before + window.after <= timedelta(0):
            yield "a length of time is not above zero"
        elif window.before and window.after:
            yield "a time lies before or after the start or end of a stay, not both"
        elif window.inside and bool(window.before) != (window.anchor == "end"):
            yield "a stay is cut to its first or its last hours"
    if isinstance(window, Relative) and window.within is not None and window.within <= timedelta(0):
        yield "a length of time is not above zero"
    if isinstance(window, Calendar):
        if window.since is None and window.until is None:
            yield "a span of the calendar has a beginning or an end"
        elif window.since and window.until and window.since >= window.until:
            yield "a span of the calendar ends after it begins"


def _bound(bound: Comparison) -> Iterator[str]:
    if (bound.operator == "between") != (bound.high is not None):
        yield "'between' has a second number, and nothing else has"
    elif bound.high is not None and bound.high < bound.low:
        yield f"the range from {bound.low:g} to {bound.high:g} is no range"
