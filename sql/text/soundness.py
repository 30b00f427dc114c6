"""What a `Query` has to keep beyond its type: that every part of it has a meaning where it stands.

The grammar builds only such queries. One from elsewhere (a language model, a refinement, a file) may ask for the
length of the stay of patients, who have none at hand; `flaw` says so, and nothing is compiled that would leave a part
of the question out.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from sql.text.criterion import (
    Age,
    AllOf,
    AnyOf,
    Attribute,
    Changed,
    Criterion,
    Died,
    Event,
    Followed,
    HasValue,
    Length,
    Not,
    Ordinal,
    Returned,
    Started,
    Stay,
)
from sql.text.measures import OLDEST
from sql.text.query import (
    AgeOf,
    Ask,
    Beside,
    Best,
    ChangeOf,
    Count,
    Exists,
    LengthOf,
    Listing,
    Measure,
    MomentOf,
    Patients,
    Query,
    Ranking,
    Records,
    SexOf,
    Share,
    Show,
    Statistic,
    Stays,
    TimeInside,
    TimeToDeath,
    TimeToEvent,
    ValueOf,
)
from sql.text.stored import Held, Holdings, Resources
from sql.text.terms import Around, Calendar, Comparison, Concept, DuringStay, Kind, Relative, Window

MAX_ASKS = 6
MAX_CRITERIA = 60


@dataclass(frozen=True, slots=True)
class _Place:
    """What is at hand where a criterion stands: a stay, or a record of a concept."""

    stay: bool
    record: Concept | None = None


def flaw(query: Query) -> str | None:
    """Say what of a query has no meaning, or None for a query that compiles whole.

    >>> from sql.text.criterion import Length
    >>> from sql.text.query import Count, Patients, Query
    >>> from sql.text.terms import Comparison
    >>> flaw(Query(Patients(), (Count(),), Length(Comparison(">", 3.0), "days")))
    'a length belongs to a stay, and none is at hand'
    """
    return next(_flaws(query), None)


def _flaws(query: Query) -> Iterator[str]:
    population = query.population
    if isinstance(population, Holdings) or any(isinstance(ask, Held) for ask in query.asks):
        yield from _held(query)
        return
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


def _held(query: Query) -> Iterator[str]:
    if not isinstance(query.population, Holdings) or not all(isinstance(ask, Held) for ask in query.asks):
        yield "of the store itself only what it was made from can be asked, and of nothing else"
    if len(query.asks) != 1 or query.where is not None or query.by is not None:
        yield "what the store was made from is asked one thing at a time, without criteria and groups"
    for ask in query.asks:
        if isinstance(ask, Resources) and ask.per == "patient" and not ask.types:
            yield "the resources of each patient are counted of types that are named"


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
    elif isinstance(ask, Exists):
        if not is_only:
            yield "whether there is any stands alone"
    elif isinstance(ask, Statistic):
        yield from _statistic(ask, query, is_only=is_only)
    else:
        yield from _picked(ask, query, place, is_only=is_only)


def _picked(ask: Ask, query: Query, place: _Place, *, is_only: bool) -> Iterator[str]:
    of_records = isinstance(query.population, Records)
    if isinstance(ask, Beside):
        other = ask.query
        if of_records or isinstance(query.asks[0], Listing | Show | Best | Ranking | Exists | Statistic):
            yield "another count stands beside a count of patients or stays"
        if other.asks != (Count(),) or other.by is not None or isinstance(other.population, Holdings):
            yield "beside a count stands another one, without groups"
        yield from _flaws(other)
        return
    if not is_only or of_records:
        yield "a list or ranking stands alone, of patients or stays"
    if isinstance(ask, Ranking):
        if ask.kind not in (Kind.CONDITION, Kind.PROCEDURE):
            yield "conditions and procedures can be ranked by how many have them"
        if ask.limit is not None and ask.limit < 1:
            yield "a ranking has at least one place"
    elif isinstance(ask, Show | Best):
        yield from _measure(ask.measure, query, place)
        if isinstance(ask, Best) and (ask.limit < 1 or isinstance(ask.measure, SexOf)):
            yield "a ranking has at least one place, by a number or a time"


def _measure(measure: Measure, query: Query, place: _Place) -> Iterator[str]:
    """Yield what a measure of one member needs and does not have."""
    stays = isinstance(query.population, Stays)
    if isinstance(measure, AgeOf) and measure.at == "start" and not stays:
        yield "the age at the start of a stay belongs to stays"
    if isinstance(measure, LengthOf | TimeToEvent | TimeToDeath | TimeInside) and not stays:
        yield "a length, or a time since the start or end, belongs to stays"
    if isinstance(measure, MomentOf) and measure.at != "death" and not stays:
        yield "a start and an end belong to stays"
    if isinstance(measure, ValueOf | ChangeOf):
        yield from _value_of(measure, place)
    if isinstance(measure, TimeToEvent):
        event = measure.event
        yield from _event(event, place)
        if not isinstance(event.window, DuringStay) or event.comparison is not None:
            yield "the time to an event is that to its first record during the stay"


def _value_of(measure: ValueOf | ChangeOf, place: _Place) -> Iterator[str]:
    if measure.concept.kind is not Kind.OBSERVATION:
        yield f"{measure.concept.name} is no measurement and has no value"
    if isinstance(measure, ValueOf) and measure.which == "any":
        yield "of each member one value is taken, the first, last, highest or lowest"
    if isinstance(measure.window, Relative):
        yield "a value of each member is taken at any time, in the stay or in a span of the calendar"
    yield from _window(measure.window, place)


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
    if (ask.function == "percentile") != (ask.percent is not None) or not 0 <= (ask.percent or 0) <= 100:
        yield "a percentile has a percentage between 0 and 100, and nothing else has"
    if isinstance(measure, SexOf) or (isinstance(measure, MomentOf) and ask.function not in ("minimum", "maximum")):
        yield "a time has an earliest and a latest, and a sex is no number"
    others = [other for other in query.asks if isinstance(other, Statistic)]
    is_only = all(other.measure == measure for other in others) and len(others) == len(query.asks)
    if isinstance(population, Records):
        if not (isinstance(measure, ValueOf) and measure.which == "any" and is_only):
            yield "of records only their values can be summed up, one figure at a time"
        elif measure.concept != population.event.concept:
            yield "the values summed up are those of the records"
    elif isinstance(measure, ValueOf):
        yield from _measured(measure, query, is_only=is_only)
    else:
        yield from _measure(measure, query, _Place(isinstance(population, Stays)))


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
    first = query.asks[0]
    if len(query.asks) != 1 and not all(isinstance(ask, Statistic) for ask in query.asks):
        yield "only a single count or share, or figures of one measure, can be split into groups"
    if not isinstance(first, Count | Share | Statistic) or (isinstance(first, Count) and first.of == "records"):
        yield "only a single count or share, or figures of one measure, can be split into groups"
    if isinstance(first, Statistic) and isinstance(first.measure, ValueOf) and first.measure.which != "any":
        yield "the values of each member are not split into groups"
    if query.by not in ("sex", "age") and isinstance(query.population, Records):
        yield f"records have no {query.by} of their own"
    if query.by not in ("sex", "age") and isinstance(query.population, Patients):
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
    elif isinstance(criterion, Changed):
        if criterion.concept.kind is not Kind.OBSERVATION:
            yield f"{criterion.concept.name} is no measurement and has no value"
        if isinstance(criterion.window, Relative):
            yield "a change is looked for at any time, in the stay or in a span of the calendar"
        yield from _window(criterion.window, place)
    elif isinstance(criterion, Attribute | Ordinal):
        if not place.stay:
            yield "what the source says of a stay belongs to a stay, and none is at hand"
        if isinstance(criterion, Attribute) and not criterion.values:
            yield "a list of values is empty"
    elif isinstance(criterion, Length | Started | Returned | Followed):
        yield from _of_stay(criterion, place)


def _of_stay(criterion: Length | Started | Returned | Followed, place: _Place) -> Iterator[str]:
    what = {Length: "a length", Started: "a start", Returned: "a return", Followed: "a later stay"}[type(criterion)]
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
