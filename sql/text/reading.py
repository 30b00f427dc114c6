"""A question back in plain English, from its typed form alone: what was counted, of whom, under which criteria."""

from datetime import datetime, timedelta
from typing import Final

from sql.text.criterion import (
    Age,
    AgeAt,
    AllOf,
    AnyOf,
    Attribute,
    Changed,
    Criterion,
    Died,
    Event,
    Followed,
    HasValue,
    Identity,
    Length,
    Mode,
    Not,
    Ordinal,
    Returned,
    Sex,
    Started,
    Stay,
)
from sql.text.matching import kept_codes
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
from sql.text.stored import EventCounts, Held, Holdings, Resources, TableRows, ValueForms
from sql.text.terms import Calendar, Comparison, Concept, DuringStay, Ever, Kind, Relative, StayKind, Window

STAYS: Final[dict[StayKind, str]] = {
    StayKind.INPATIENT: "hospital stay", StayKind.ICU: "ICU stay", StayKind.EMERGENCY: "emergency department visit",
    StayKind.AMBULATORY: "outpatient visit", StayKind.HOME: "home visit", StayKind.VIRTUAL: "virtual visit",
    StayKind.ANY: "encounter",
}  # fmt: skip
_OPERATORS: Final = {">": "above", ">=": "at least", "<": "below", "<=": "at most", "=": "of exactly"}
_GROUPS: Final = {
    "sex": "sex", "type": "type", "class": "class", "year": "year of its start", "month": "month of its start",
    "disposition": "where the patient went", "source": "where the patient came from",
    "age": "age at the start of the stay, of patients at the last record, in steps of ten years",
}  # fmt: skip
_ATTRIBUTES: Final = {"type": "of the type", "admit_source": "from", "disposition": "that ended with"}
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
        text += f" of {_concept(population.event.concept)}"
        if population.event.comparison:
            text += f" {compared(population.event.comparison, population.event.concept.unit)}"
        text += _when(population.event.window)
        return text + (f" in patients {_said(query.where, None)}" if query.where else "")
    scope = population.kind if isinstance(population, Stays) else None
    return f"{text} {_said(query.where, scope)}" if query.where else text


def _ask(ask: Ask, query: Query) -> str:
    whom = members(query)
    if isinstance(ask, Count):
        part = f"{noun(query.population)} {_said(ask.where, _scope(query))} out of all " if ask.where else ""
        return f"number of {part}{whom}"
    if isinstance(ask, Listing):
        return f"list of {whom}"
    if isinstance(ask, Share):
        return f"percentage of {whom}: those {_said(ask.where, _scope(query))}"
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
        return f"age in whole years{_age_at(measure.at, None)}"
    if isinstance(measure, LengthOf):
        return f"length in {measure.unit}, from start to end,"
    if isinstance(measure, CountOf):
        return f"number of {STAYS[measure.kind]}s, none counting as 0,"
    if isinstance(measure, TimeToEvent):
        first = _concept(measure.event.concept, measure.event.mode)
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
    when = "" if isinstance(measure.window, Ever) else _when(measure.window)
    if isinstance(measure, ChangeOf):
        return f"change of {_concept(measure.concept)}{unit} from the first value to the last{when}"
    if measure.which == "any" or isinstance(population, Records):
        return f"value{unit}"
    return f"{measure.which} {_concept(measure.concept)}{unit}{when}"


def _further(ask: Ask, query: Query) -> str:
    scope = _scope(query)
    if isinstance(ask, Count):
        if ask.of == "patients":
            return "the number of patients that they belong to"
        if ask.of == "stays":
            return "the number of stays that they name"
        if ask.of == "records":
            return "the number of those charted doses or orders"
        return f"the number of them {_said(ask.where, scope)}" if ask.where else "their number"
    if isinstance(ask, Beside):
        return _ask(ask, query)
    return f"their {_statistic(ask, query.population)}" if isinstance(ask, Statistic) else "the same"


# --- what is said -----------------------------------------------------------------------------------------


def _said(criterion: Criterion | None, scope: StayKind | None) -> str:
    if criterion is None:
        return ""
    if isinstance(criterion, AllOf):
        return " and ".join(_said(one, scope) for one in criterion.criteria)
    if isinstance(criterion, AnyOf):
        return "either " + " or ".join(_said(one, scope) for one in criterion.criteria)
    if isinstance(criterion, Not):
        return _denied(criterion.criterion, scope)
    return _positive(criterion, scope)


def _denied(criterion: Criterion, scope: StayKind | None) -> str:
    text = _said(criterion, scope)
    if isinstance(criterion, Event | Stay | Died) and " with " in f" {text}":
        before, _, after = f" {text}".partition(" with ")
        return f"{before} without {after}".strip()
    return f"for whom this does not hold: {text}"


def _positive(criterion: Criterion, scope: StayKind | None) -> str:
    of = "" if scope is None else "of patients "
    if isinstance(criterion, Event):
        return _event(criterion, scope)
    if isinstance(criterion, Sex):
        return f"{of}who are {criterion.value}"
    if isinstance(criterion, Age):
        return f"{of}aged {_age(criterion.comparison)}{_age_at(criterion.at, scope)}"
    if isinstance(criterion, Died):
        return _died(criterion, scope)
    if isinstance(criterion, Stay):
        return _stay(criterion, scope)
    if isinstance(criterion, Length):
        return f"with a length {compared(criterion.comparison, criterion.unit)}"
    if isinstance(criterion, Started):
        return f"that began {_span(criterion.span)}"
    if isinstance(criterion, HasValue):
        return f"with a value {compared(criterion.comparison, None)}"
    if isinstance(criterion, Identity):
        return f"{of}with the number {criterion.subject_id}"
    if isinstance(criterion, Attribute):
        return f"{_ATTRIBUTES[criterion.column]} {' or '.join(criterion.values)}"
    if isinstance(criterion, Ordinal):
        return f"that are the patient's {criterion.which} of their kind"
    if isinstance(criterion, Changed):
        side = "above" if criterion.direction == "rose" else "below"
        return f"whose last {_concept(criterion.concept)}{_when(criterion.window, scope)} is {side} the first"
    if isinstance(criterion, Followed):
        return f"followed within {_length(criterion.within)} after its end by a later one of the same patient"
    assert isinstance(criterion, Returned)
    return f"that began within {_length(criterion.within)} after the end of an earlier one of the same patient"


def _event(event: Event, scope: StayKind | None) -> str:
    name = _concept(event.concept, event.mode)
    when = _when(event.window, scope)
    of = "of patients " if scope is not None and isinstance(event.window, Ever) else ""
    if event.comparison is not None:
        which = f"a {event.which}" if event.which != "any" else _article(name)
        ever = " at any time" if isinstance(event.window, Ever) else when
        return f"{of}with {which} {name} {compared(event.comparison, event.concept.unit)}{ever}"
    if event.concept.kind is Kind.CONDITION:
        return f"{of}with a diagnosis of {name}{_diagnosed_when(event.window, scope)}"
    if event.concept.kind is Kind.MEDICATION:
        what = {
            "given": "a charted dose of",
            "ordered": "an order of",
            "infused": "an infusion of",
            "recorded": "an order, charted dose or infusion of",
        }
        return f"{of}with {what[event.mode]} {name}{when}"
    what_else = "a measurement of" if event.concept.kind is Kind.OBSERVATION else "the procedure"
    return f"{of}with {what_else} {name}{when}"


def _article(name: str) -> str:
    return "an" if name[0] in "aeio" else "a"


def _diagnosed_when(window: Window, scope: StayKind | None) -> str:
    if isinstance(window, Ever):
        return ""
    if isinstance(window, DuringStay) and scope:
        around = "" if scope is StayKind.INPATIENT else " or of the hospital stay around it"
        return f" among the diagnoses of that {STAYS[scope]}{around}"
    return _when(window, scope)


def _concept(concept: Concept, mode: Mode = "recorded") -> str:
    number = len(kept_codes(concept, mode))
    apart = "; infusions not counted" if mode == "given" and kept_codes(concept, "infused") else ""
    return f"{concept.name} ({concept.label}{apart}; {number} code{'s' if number != 1 else ''} in this store)"


def _died(criterion: Died, scope: StayKind | None) -> str:
    if isinstance(criterion.window, Ever):
        return ("of patients " if scope else "") + "with a recorded death"
    if isinstance(criterion.window, DuringStay):
        return "with a death that ended the stay"
    return f"with a death{_when(criterion.window, scope)}"


def _stay(stay: Stay, scope: StayKind | None) -> str:
    name = STAYS[stay.kind]
    many = f"{_times(stay.times)} {name}s" if stay.times else f"a{'n' if name[0] in 'aeIio' else ''} {name}"
    within = " as a part of it" if stay.of == "stay" else ""
    of = "of patients " if scope is not None and stay.of == "patient" else ""
    if stay.where is None:
        return f"{of}with {many}{within}"
    joint = "each" if stay.times else "one and the same" if isinstance(stay.where, AllOf) else ""
    what = f"{many}{within}" if not joint or stay.times else f"one and the same {name}{within}"
    return f"{of}with {what} ({_said(stay.where, stay.kind)})"


def _times(bound: Comparison) -> str:
    if bound.operator == "between":
        return f"between {bound.low:g} and {bound.high:g}"
    words = {">": "more than ", ">=": "at least ", "<": "fewer than ", "<=": "at most ", "=": "exactly "}
    return f"{words[bound.operator]}{bound.low:g}"


def compared(bound: Comparison, unit: str | None) -> str:
    """Say a bound: "above 2 mg/dL"."""
    after = f" {unit}" if unit else ""
    if bound.operator == "between":
        return f"between {bound.low:g} and {bound.high:g}{after}"
    return f"{_OPERATORS[bound.operator]} {bound.low:g}{after}"


def _age(bound: Comparison) -> str:
    if bound.operator == "between":
        return f"{bound.low:g} to {bound.high:g}"
    return {
        ">": f"over {bound.low:g}",
        ">=": f"{bound.low:g} or over",
        "<": f"under {bound.low:g}",
        "<=": f"{bound.low:g} or under",
        "=": f"{bound.low:g}",
    }[bound.operator]


def _age_at(at: AgeAt, scope: StayKind | None) -> str:
    if at == "start":
        return f" at the start of {'that ' + STAYS[scope] if scope else 'the stay'}"
    return " at death" if at == "death" else " at their last record"


def _when(window: Window, scope: StayKind | None = None) -> str:
    stay = f"that {STAYS[scope]}" if scope else "the stay"
    if isinstance(window, Ever):
        return ""
    if isinstance(window, DuringStay):
        return f" during {stay}"
    if isinstance(window, Calendar):
        return f" {_span(window)}"
    if isinstance(window, Relative):
        limit = f"within {_length(window.within)} " if window.within else ""
        return f" {limit}{window.side} the first record of {_concept(window.concept)}"
    edge = f"the {window.anchor} of {stay}"
    if window.inside:
        side = "first" if window.anchor == "start" else "last"
        return f" in the {side} {_length(window.after or window.before)} of {stay}"
    if window.before:
        return f" in the {_length(window.before)} before {edge}"
    return f" within {_length(window.after)} after {edge}"


def _length(length: timedelta) -> str:
    hours = length.total_seconds() / 3600
    if hours and hours % 24 == 0 and hours > 48:
        return f"{hours / 24:g} days"
    return f"{hours:g} hour{'' if hours == 1 else 's'}" if hours >= 1 else f"{hours * 60:g} minutes"


def _span(span: Calendar) -> str:
    if span.since and span.until:
        if span.since == datetime(span.since.year, 1, 1) and span.until == datetime(span.since.year + 1, 1, 1):
            return f"in {span.since.year}"
        return f"from {span.since:%Y-%m-%d} until before {span.until:%Y-%m-%d}"
    return f"from {span.since:%Y-%m-%d} on" if span.since else f"before {span.until:%Y-%m-%d}"
