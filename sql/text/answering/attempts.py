"""Attempts: a question as far as it can be taken without asking whether to trust it.

The readings of the parser are filled with the values of the slots, compiled, guarded and run, the likeliest first;
the first that runs and finds something is kept, since a question that is meant rarely has nothing behind it. What
went wrong on the way, and how sure each step is, are the signals that `confidence` weighs.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from ehr.errors import EhrError, QueryFailed, QuestionError, UnsafeQuery
from sql.query import Result
from sql.text.answering.familiarity import Familiarity
from sql.text.answering.ground import Ground
from sql.text.answering.parser import Parsed, Parser
from sql.text.linking import Linked, features, link
from sql.text.linking import Slot as Found
from sql.text.question import compile_question
from sql.text.records.query import RecordsQuery
from sql.text.records.slots import fill
from sql.text.records.values import Plain, Slot

MOST_READINGS: Final = 3
"""Readings that are tried where the ones before fail or find nothing."""
FAR: Final = 4.0
"""A reading less likely than the best by this (nats) is not tried."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A reading of a question that was compiled and run: its place among the readings, and what came of it.

    Without a tree it could not be compiled, without a result it could not be run; `failure` says why.
    """

    place: int
    tokens: tuple[str, ...]
    query: RecordsQuery | None = None
    tree: exp.Query | None = None
    result: Result | None = None
    failure: EhrError | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing, or nothing but missing values, came of it."""
        table = None if self.result is None else self.result.table
        return table is None or all(column.null_count == len(column) for column in table.columns)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A question, its slots, the reading that was kept (None where no reading was found) and the signals of trust."""

    linked: Linked
    parsed: Parsed
    tried: Tried | None
    signals: dict[str, float]

    def used(self) -> list[Found]:
        """Return the slots that the reading refers to."""
        tokens = set(self.tried.tokens) if self.tried else set()
        return [slot for slot in self.linked.slots if tokens & set(slot.references)]


def attempts(questions: Sequence[str], ground: Ground, parser: Parser, familiar: Familiarity) -> list[Attempt]:
    """Take questions as far as they go."""
    linked = [link(question, ground.index) for question in questions]
    parsed = parser([one.text for one in linked])
    return [attempt(one, reading, ground, familiar) for one, reading in zip(linked, parsed, strict=True)]


def attempt(linked: Linked, parsed: Parsed, ground: Ground, familiar: Familiarity) -> Attempt:
    """Take a question that was linked and parsed as far as it goes."""
    tried = _best(linked, parsed, ground)
    return Attempt(linked, parsed, tried, signals_of(linked, parsed, tried, familiar))


def _best(linked: Linked, parsed: Parsed, ground: Ground) -> Tried | None:
    first: Tried | None = None
    for place, tokens in enumerate(parsed.readings[:MOST_READINGS]):
        if parsed.scores[place] < parsed.scores[0] - FAR:
            break
        tried = try_reading(place, tokens, linked, ground)
        if not tried.is_empty:
            return tried
        first = first or tried
    return first


def try_reading(place: int, tokens: tuple[str, ...], linked: Linked, ground: Ground) -> Tried:
    """Fill, compile and run a reading; what refuses or fails stands in `failure`."""
    try:
        query = fill(ground.grammar.query(tokens), lambda slot: _value(slot, linked))
    except QuestionError as error:
        return Tried(place, tokens, failure=error)
    return try_query(query, ground, place, tokens)


def try_query(query: RecordsQuery, ground: Ground, place: int = 0, tokens: tuple[str, ...] = ()) -> Tried:
    """Compile and run a typed question without slots; what refuses or fails stands in `failure`."""
    tree: exp.Query | None = None
    try:
        tree = compile_question(query, ground.catalogue)
        return Tried(place, tokens, query, tree, ground.database.run(tree))
    except (QuestionError, UnsafeQuery, QueryFailed) as error:
        return Tried(place, tokens, query, tree, failure=error)


def _value(slot: Slot, linked: Linked) -> Plain:
    value = linked.value(str(slot))
    if value is None:
        raise QuestionError(f"the question names no {slot.kind} for {slot}")
    return value


# --- signals ----------------------------------------------------------------------------------------------


def signals_of(linked: Linked, parsed: Parsed, tried: Tried | None, familiar: Familiarity) -> dict[str, float]:
    """Return all signals of trust by name, each a plain number."""
    tokens = tried.tokens if tried else ()
    used = [slot for slot in linked.slots if set(tokens) & set(slot.references)]
    behind = parsed.scores[0] - parsed.scores[tried.place] if tried else 0.0
    return {
        **_tamed(parsed.signals),
        "no_reading": float(tried is None),
        "fell_back": float(bool(tried and tried.place)),
        "behind": behind,
        "not_compiled": float(bool(tried and tried.tree is None)),
        "failed": float(bool(tried and tried.tree is not None and tried.result is None)),
        "empty": float(bool(tried and tried.result is not None and tried.is_empty)),
        "rows": math.log1p(tried.result.table.num_rows) if tried and tried.result else 0.0,
        "length": float(len(tokens)),
        "unused_slots": float(len(linked.slots) - len(used)),
        **{f"link_{name}": value for name, value in features(linked).items()},
        "used_score": min((slot.score for slot in used), default=1.0),
        "used_margin": min((slot.margin for slot in used), default=1.0),
        **familiar.signals(linked.text, tokens),
    }


def _tamed(signals: Mapping[str, float]) -> dict[str, float]:
    """Return the signals of the parser, long tails of logarithms drawn in and shares as log-odds."""
    tamed = {}
    for name, value in signals.items():
        if name.endswith("answerable"):
            share = min(max(value, 1e-4), 1 - 1e-4)
            tamed[name] = math.log(share / (1 - share))
        elif name.endswith("log") or name in ("margin", "entropy"):
            tamed[name] = math.copysign(math.log1p(20 * abs(value)), value)
        else:
            tamed[name] = float(value)
    return tamed
