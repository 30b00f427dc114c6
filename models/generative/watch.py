"""Which events of a future a predicate of a task counts: by their code, and by their value where it bounds values."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ehr.ancestry import shared_beginning
from ehr.errors import ModelError
from ehr.hierarchy import ancestors, concept_of, has_structure
from ehr.tasks import ANY_EVENT, BUILT_IN, Derived, Plain, Task, ValueRange
from ehr.units import conversion_between, item_of, parse_unit, quantity_of
from ehr.vocabulary import UNKNOWN, Vocabulary
from models.generative.draws import Bins

_LEAF: Final = re.compile(r"LOINC//\d+-\d")
"""A concept that nothing lies below: a LOINC number names one test."""
Mask = NDArray[np.bool_]
Shares = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Watch:
    """Which share of the events with a token and a value bin counts: `shares` (tokens, bins + 1).

    Bin 0 is that of an event without a value. Numbers are spread evenly in their bin, and those that count are the
    ones from the share `starts` (tokens, bins + 1) of the bin on; where a bound lies within a bin, the number that is
    drawn decides, elsewhere the bin does.
    """

    shares: Shares
    starts: Shares

    @property
    def tokens(self) -> Mask:
        """The tokens (tokens,) of which some events count."""
        some: Mask = self.shares.max(axis=1) > 0
        return some

    @property
    def always(self) -> Mask:
        """The tokens (tokens,) of which every event counts."""
        every: Mask = self.shares.min(axis=1) == 1
        return every


def code_watch(vocabulary: Vocabulary, mask: Mask) -> Watch:
    """Return the watch that counts all events of the tokens in `mask` (tokens,)."""
    shares = np.zeros((len(vocabulary), max(1, vocabulary.settings.quantiles) + 1))
    shares[mask] = 1.0
    return Watch(shares, np.zeros_like(shares))


def code_mask(vocabulary: Vocabulary, codes: tuple[str, ...]) -> Mask:
    """Return the tokens (tokens,) of codes that have some of their own, in any unit."""
    mask = np.zeros(len(vocabulary), dtype=bool)
    mask[[token for code in codes for token in vocabulary.tokens_of(code)]] = True
    return mask


def watch_of(task: Task, name: str, vocabulary: Vocabulary) -> Watch:
    """Return which events a predicate counts; raises ModelError where tokens cannot tell."""
    if name == ANY_EVENT:
        tokens = np.arange(len(vocabulary))
        return code_watch(vocabulary, (tokens >= vocabulary.first_code) | (tokens == UNKNOWN))
    if name in BUILT_IN:
        raise refused(task, f"futures have no {name}")
    predicate = task.predicate(name)
    if isinstance(predicate, Derived) and predicate.operator == "or":
        watch = code_watch(vocabulary, np.zeros(len(vocabulary), dtype=bool))
        for source in predicate.inputs:
            watch = _either(task, name, watch, watch_of(task, source, vocabulary))
        return watch
    if isinstance(predicate, Derived):
        raise refused(task, f"predicate {name} needs two events at one moment, which tokens do not tell for certain")
    if not isinstance(predicate, Plain) or predicate.change or predicate.per:
        raise refused(task, f"predicate {name} looks at several events, and tokens are told apart one by one")
    if predicate.columns or predicate.static:
        raise refused(task, f"predicate {name} tests columns that tokens do not have")
    mask = _plain_mask(task, predicate, vocabulary)
    if predicate.value.is_open:
        return code_watch(vocabulary, mask)
    return _value_watch(task, predicate, mask, vocabulary)


def refused(task: Task, why: str) -> ModelError:
    """Return the error that says why futures cannot tell what a task asks."""
    return ModelError(f"no futures can be generated for task {task.name}: {why}; use a supervised model")


def _either(task: Task, name: str, one: Watch, other: Watch) -> Watch:
    """Return what counts by one watch or the other."""
    more = other.shares > one.shares
    shares, starts = np.where(more, other.shares, one.shares), np.where(more, other.starts, one.starts)
    less = np.where(more, one.shares, other.shares)
    told = (less == 0) | (shares == 1) | ((one.shares == other.shares) & (one.starts == other.starts))
    if not told.all():
        raise refused(task, f"two inputs of predicate {name} have bounds within one value bin of a code")
    return Watch(shares, starts)


def _plain_mask(task: Task, predicate: Plain, vocabulary: Vocabulary) -> Mask:
    if predicate.regex is None:
        return code_mask(vocabulary, predicate.codes) | _concept_mask(task, predicate, vocabulary)
    return _regex_mask(task, predicate, vocabulary)


def _value_watch(task: Task, predicate: Plain, mask: Mask, vocabulary: Vocabulary) -> Watch:
    """Return the share of each bin of the tokens in `mask` that lies between the bounds of a predicate."""
    bins = Bins(vocabulary)
    watch = code_watch(vocabulary, np.zeros(len(vocabulary), dtype=bool))
    for token in np.flatnonzero(mask & bins.has_values.numpy()):
        bounds = _bounds_for(task, predicate, vocabulary, vocabulary.tokens[token])
        if bounds is None:
            continue
        low, high = bins.low[token], bins.high[token]
        width = np.where(high > low, high - low, 1.0)
        first = np.clip((bounds[0] - low) / width, 0.0, 1.0)
        last = np.clip((bounds[1] - low) / width, 0.0, 1.0)
        is_point = (high <= low) & (low >= bounds[0]) & (low <= bounds[1])
        watch.shares[token, 1:] = np.where(is_point, 1.0, np.maximum(0.0, last - first))
        watch.starts[token, 1:] = np.where(is_point, 0.0, first)
    if not watch.tokens.any():
        raise refused(
            task, f"vocabulary {vocabulary.name} has no value bins for predicate {predicate.name} in a unit that fits"
        )
    return watch


def _bounds_for(task: Task, predicate: Plain, vocabulary: Vocabulary, name: str) -> tuple[float, float] | None:
    """Return the bounds in the unit of a code token; None where its numbers do not convert, so that none counts."""
    asked = predicate.value
    if asked.unit is None:
        return _bounds(asked, 1.0, 0.0)
    code, unit = vocabulary.other_units.get(name, (name, vocabulary.units.get(name, "")))
    one, target = parse_unit(unit), parse_unit(asked.unit)
    if one is None or target is None:
        return None
    recognised = quantity_of(item_of(code, unit), None)
    way = conversion_between(one, target, recognised.quantity if recognised else None)
    return None if way is None else _bounds(asked, float(way.factor), float(way.shift))


def _bounds(asked: ValueRange, factor: float, shift: float) -> tuple[float, float]:
    """Return the bounds of numbers that `factor` and `shift` bring into the unit of `asked`."""
    low = -np.inf if asked.minimum is None else (asked.minimum - shift) / factor
    high = np.inf if asked.maximum is None else (asked.maximum - shift) / factor
    return float(low), float(high)


def _concept_mask(task: Task, predicate: Plain, vocabulary: Vocabulary) -> Mask:
    """Return the tokens whose code lies at or below a concept by the structure of its system.

    A family counts when what all its codes share lies there. A vocabulary knows nothing of hierarchies that were
    loaded: concepts of other systems are refused, unless nothing lies below them or no code is of their system.
    """
    mask = np.zeros(len(vocabulary), dtype=bool)
    wanted = set(predicate.concepts)
    if not wanted:
        return mask
    systems = set()
    for token, text in _texts(vocabulary):
        concept = concept_of(text.removesuffix("\0"))
        systems.add(_system(concept))
        mask[token] = not wanted.isdisjoint(ancestors(concept)) or concept in wanted
    for concept in predicate.concepts:
        if not has_structure(concept) and not _LEAF.fullmatch(concept) and _system(concept) in systems:
            raise refused(
                task,
                f"what lies below {concept} of predicate {predicate.name} is told by a hierarchy that was loaded",
            )
    return mask


def _system(concept: str) -> str:
    return concept.partition("//")[0]


def _regex_mask(task: Task, predicate: Plain, vocabulary: Vocabulary) -> Mask:
    """Return the tokens whose code holds the pattern.

    A family (`DIAGNOSIS//ICD//10//A04*`, what rare codes are read as) counts when the part that all its codes share
    holds the pattern, so that each of them does; a family of which some codes match and others do not never counts.
    """
    try:
        pattern = re.compile(predicate.regex or "")
    except re.error as error:
        raise refused(task, f"the pattern of predicate {predicate.name} is not understood ({error})") from error
    mask = np.zeros(len(vocabulary), dtype=bool)
    for token, text in _texts(vocabulary):
        is_family = text.endswith("\0")
        shared = shared_beginning(f"{text[:-1]}*") + "\0" if is_family else text
        mask[token] = pattern.search(shared) is not None
    return mask


def _texts(vocabulary: Vocabulary) -> Iterator[tuple[int, str]]:
    """Yield each code token with its code, and each family with its common part and something that follows it."""
    for name, token in vocabulary.code_tokens.items():
        yield token, vocabulary.code_of(name)
    for family, token in vocabulary.family_tokens.items():
        yield token, family.removesuffix("*") + "\0"
