"""What is said of a patient's stays, put together: "that admission" is one and the same throughout a question."""

from dataclasses import replace

from sql.text.criterion import Age, AllOf, AnyOf, Criterion, Not, Stay, all_of
from sql.text.query import Patients, Population, Stays
from sql.text.terms import StayKind


def settle(population: Population, criterion: Criterion | None) -> Criterion | None:
    """Join what is said of stays of one kind into one stay.

    For patients: "with a creatinine above 2 within 24 hours of admission and aged 65 at admission" is about one
    admission. For a population of stays that was described by its patients ("length of stay of patients admitted in
    2150") what is said of a stay of that kind is said of the stay at hand.
    """
    criteria = criterion.criteria if isinstance(criterion, AllOf) else (criterion,)
    if isinstance(population, Stays):
        return all_of(*criteria)
    joined: dict[StayKind, list[Criterion]] = {}
    bare: dict[StayKind, None] = {}
    others: list[Criterion | None] = []
    for one in criteria:
        if isinstance(one, Stay) and one.times is None and one.of == "patient":
            if one.where is None:
                bare[one.kind] = None
            else:
                joined.setdefault(one.kind, []).append(one.where)
        else:
            others.append(one)
    stays = [Stay(kind, all_of(*wheres)) for kind, wheres in joined.items()]
    stays += [Stay(kind) for kind in bare if kind not in joined]
    return all_of(*others, *stays) if isinstance(population, Patients) or stays else all_of(*criteria)


def lift(kind: StayKind, criterion: Criterion | None) -> Criterion | None:
    """Carry what is said of patients over to their stays of a kind."""
    criteria = criterion.criteria if isinstance(criterion, AllOf) else (criterion,)
    own = [
        one.where if isinstance(one, Stay) and one.kind is kind and one.times is None and one.of == "patient" else one
        for one in criteria
    ]
    return all_of(*(None if one is None else aged_then(one) for one in own))


def aged_then(criterion: Criterion) -> Criterion:
    """Take an age without a time as that at the start of the stay at hand: "ICU stays of women over 70"."""
    if isinstance(criterion, AllOf | AnyOf):
        return replace(criterion, criteria=tuple(aged_then(one) for one in criterion.criteria))
    if isinstance(criterion, Not):
        return Not(aged_then(criterion.criterion))
    return replace(criterion, at="start") if isinstance(criterion, Age) and criterion.at == "last" else criterion
