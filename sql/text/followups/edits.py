"""Changes of a typed question: each takes a `Query` and returns another, and the rest of it stays as it was."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from sql.text.criterion import Age, AllOf, Criterion, Died, Event, HasValue, Length, Not, Sex, Started, Stay, all_of
from sql.text.parts import mapped, parts_of
from sql.text.query import Ask, By, Count, Listing, Patients, Query, Records, Stays
from sql.text.reading import noun
from sql.text.reading_terms import STAYS
from sql.text.scopes import aged_then
from sql.text.terms import Calendar, DuringStay, Ever, StayKind


class Unfit(Exception):
    """The last question cannot be changed so; the message says why and what to say instead."""


Edit = Callable[[Query], Query]


def ask_for(query: Query, asks: tuple[Ask, ...]) -> Query:
    """Ask something else of the same members."""
    if isinstance(asks[0], Listing) and isinstance(query.population, Records):
        raise Unfit(f"single {noun(query.population)} are not listed; ask for the patients")
    return replace(query, asks=asks, by=None)


def group(query: Query, by: By) -> Query:
    """Split the figure into groups; a list becomes a count."""
    asks = (Count(),) if any(isinstance(ask, Listing) for ask in query.asks) else query.asks
    return replace(query, asks=asks, by=by)


def members_of(query: Query, kind: StayKind | None) -> Query:
    """Return the question about the patients (None), or the stays of a kind, that its members belong to."""
    population = query.population
    if kind is None:
        return query if isinstance(population, Patients) else _patients_of(query)
    if isinstance(population, Stays) and population.kind is kind:
        return query
    raise Unfit(f"it is about {noun(population)}; ask for the {STAYS[kind]}s in a whole question")


def _patients_of(query: Query) -> Query:
    population = query.population
    if isinstance(population, Stays):
        return replace(query, population=Patients(), where=Stay(population.kind, query.where))
    if isinstance(population, Records):
        if any(isinstance(part, HasValue) for part in parts_of((query.where, query.asks))):
            raise Unfit("it is about values of single records; ask for the patients in a whole question")
        return replace(query, population=Patients(), where=all_of(population.event, query.where))
    raise Unfit("it is not about patients")


def with_kind(query: Query, kind: StayKind) -> Query:
    """Ask the same of stays of another kind."""
    if not isinstance(query.population, Stays):
        raise Unfit(f"it is about {noun(query.population)}; ask for the {STAYS[kind]}s in a whole question")
    return replace(query, population=Stays(kind))


# --- criteria -------------------------------------------------------------------------------------------------


def add(query: Query, said: Criterion, *, strict: bool) -> Query:
    """Add what is said to the criteria.

    A sex takes the place of another one, unless it was said with "only" (`strict`): then nobody would be left.
    """
    said = _in_scope(query, said)
    others = [one for one in _conjuncts(query.where) if isinstance(one, Sex)]
    sexes = [one for one in _conjuncts(said) if isinstance(one, Sex)]
    if others and sexes and others[0] != sexes[0]:
        if strict:
            people = "women" if sexes[0].value == "female" else "men"
            raise Unfit(f"it is about {others[0].value} patients already; ask 'what about {people}?' to change that")
        return put_in_place(query, said)
    present = _conjuncts(query.where)
    new = [one for one in _conjuncts(said) if one not in present]
    return replace(query, where=all_of(*present, *new))


def put_in_place(query: Query, said: Criterion) -> Query:
    """Put each thing said in the place of what the last question says of the same, or add it."""
    said = _in_scope(query, said)
    where = _conjuncts(query.where)
    for one in _conjuncts(said):
        places = [place for place, other in enumerate(where) if _is_of_same(other, one)]
        if len(places) > 1:
            raise Unfit("it says several such things; ask a whole question")
        if places:
            where[places[0]] = _taking_over(where[places[0]], one)
        elif isinstance(one, Event) and _holds_event(query, one):
            raise Unfit(f"say where {one.concept.name} belongs in a whole question")
        else:
            where.append(one)
    return replace(query, where=all_of(*where))


def _holds_event(query: Query, said: Event) -> bool:
    """Say whether an event of the kind stands deeper in the question, where it is not clear which is meant."""
    return any(isinstance(part, Event) and part.concept.kind is said.concept.kind for part in parts_of(query))


def _taking_over(old: Criterion, new: Criterion) -> Criterion:
    """Keep the window of an event whose concept alone is named, and a "not" around it."""
    if isinstance(old, Not) and isinstance(old.criterion, Event) and isinstance(new, Event):
        return Not(_taking_over(old.criterion, new))
    if isinstance(old, Event) and isinstance(new, Event) and isinstance(new.window, Ever) and new.comparison is None:
        if old.comparison is not None:
            raise Unfit(f"give the bound for {new.concept.name} in a whole question")
        return replace(new, window=old.window, mode=old.mode if new.mode == "recorded" else new.mode)
    return new


def _is_of_same(old: Criterion, new: Criterion) -> bool:
    if isinstance(old, Not) and isinstance(new, Event):
        return _is_of_same(old.criterion, new)
    bare_old = old.criterion if isinstance(old, Not) else old
    bare_new = new.criterion if isinstance(new, Not) else new
    if isinstance(bare_old, Event) and isinstance(bare_new, Event):
        return bare_old.concept.kind is bare_new.concept.kind
    return type(bare_old) is type(bare_new) and isinstance(bare_old, Sex | Age | Died | Length | Started)


def _conjuncts(criterion: Criterion | None) -> list[Criterion]:
    if criterion is None:
        return []
    return list(criterion.criteria) if isinstance(criterion, AllOf) else [criterion]


def _in_scope(query: Query, said: Criterion) -> Criterion:
    """Take what is said of patients as said of their stays, where the question is about stays."""
    if not isinstance(query.population, Stays):
        return said
    scoped = aged_then(said)
    if isinstance(scoped, Event) and isinstance(scoped.window, Ever):
        own = [part for part in parts_of(query.where) if isinstance(part, Event)]
        if own and all(isinstance(event.window, DuringStay) for event in own):
            return replace(scoped, window=DuringStay())
    return scoped


# --- time -----------------------------------------------------------------------------------------------------


def at_time(query: Query, span: Calendar) -> Query:
    """Put a span of the calendar in the place of the one that the question has, or give it one."""
    spans = {part for part in parts_of(query) if isinstance(part, Calendar)}
    if len(spans) > 1:
        raise Unfit("it names several times; ask a whole question")
    if spans:
        (old,) = spans
        return mapped(query, lambda part: span if part == old else part)
    if isinstance(query.population, Stays):
        return replace(query, where=all_of(*_conjuncts(query.where), Started(span)))
    return _dated(query, span)


def _dated(query: Query, span: Calendar) -> Query:
    """Date the only thing that the question says of its patients, or its records."""
    population = query.population
    if isinstance(population, Records):
        if not isinstance(population.event.window, Ever):
            raise Unfit("its records have a time of their own; ask a whole question")
        return replace(query, population=Records(replace(population.event, window=span)))
    datable = [part for part in parts_of(query.where) if isinstance(part, Event | Died | Stay)]
    if len(datable) != 1:
        raise Unfit(f"say what was {_said(span)}, such as 'and with a hospital admission {_said(span)}'")
    (only,) = datable
    if isinstance(only, Stay):
        dated: Criterion = replace(only, where=all_of(only.where, Started(span)))
    elif isinstance(only.window, Ever):
        dated = replace(only, window=span)
    else:
        raise Unfit(f"say what was {_said(span)} in a whole question")
    return mapped(query, lambda part: dated if part == only else part)


def _said(span: Calendar) -> str:
    return f"in {(span.since or span.until or datetime.min).year}"
