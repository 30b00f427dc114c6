"""One estimate explained: which records move it, alone and together, and how it would stand without some of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import duckdb
import numpy as np

from models.explain.effects import Change, Scorer, groups_removed, ranked_events
from models.explain.groups import GroupEffect, group_effects
from models.explain.history import Bools, History
from models.explain.records import Record, records
from models.explain.words import NO_CAUSES, event_line, share_line, without_line

CANDIDATES: Final = 64
"""Events left out one by one; on made patients they hold 19 of 20 of the ten greatest effects."""

Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class EventEffect:
    """What one record does to the estimate, and a sentence that says so."""

    record: Record
    change: Change
    text: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """What moves an estimate, the greatest effects first.

    `read` counts the records that the model reads beside the fixed ones (static facts, birth), `tried` those that
    were left out one by one. `without_shown` is the estimate without all of `events` at once, `without_all` that from
    the fixed ones alone; `share` is the part of the way between `without_all` and the estimate, in log-odds, that
    `events` account for, None where that is no part of a clear way.
    """

    events: tuple[EventEffect, ...]
    groups: tuple[GroupEffect, ...]
    read: int
    tried: int
    without_shown: float
    without_all: float
    share: float | None
    text: str
    note: str = NO_CAUSES


@dataclass(frozen=True, slots=True)
class WhatIf:
    """How the estimate (risk, low, high) stands `before` and `after` some records are left out.

    `unread` counts those of them that the model does not read, as they lie too far back.
    """

    records: tuple[Record, ...]
    unread: int
    before: Triple
    after: Triple
    change: Change
    text: str


def explain(
    cursor: duckdb.DuckDBPyConnection,
    scorer: Scorer,
    history: History,
    *,
    top: int = 10,
    candidates: int = CANDIDATES,
) -> Explanation:
    """Explain one estimate by the `top` records of the greatest effect, and by groups of records."""
    read = history.events()
    known = records(cursor, read)
    ranked = ranked_events(scorer, history, max(top, candidates))
    shown = ranked[:top]
    everything = groups_removed(history, [np.array([event for event, _ in shown], dtype=np.int64), read])
    shown_out, all_out = scorer.changes(history, everything)
    total = sum(abs(change.log_odds) for _, change in ranked)
    share = sum(abs(change.log_odds) for _, change in shown) / total if total > 0 else None
    return Explanation(
        tuple(EventEffect(known[event], change, event_line(known[event], change)) for event, change in shown),
        group_effects(cursor, scorer, history, known),
        len(read),
        len(ranked),
        shown_out.without,
        all_out.without,
        share,
        share_line((len(shown), len(ranked), len(read)), (shown_out.without, all_out.without, all_out.risk), share),
    )


def what_if(cursor: duckdb.DuckDBPyConnection, scorer: Scorer, history: History, event_ids: Sequence[int]) -> WhatIf:
    """Return how the estimate would stand without these events, fixed ones too where they are named.

    Nothing older is read in their place, so that the effect of one event is the same here and in `explain`.
    """
    asked = np.array(sorted(set(event_ids)), dtype=np.int64)
    removed = history.without_all(asked)
    (change,) = scorer.changes(history, removed)
    before = _triple(scorer, history, np.zeros_like(removed))
    after = _triple(scorer, history, removed)
    named = tuple(records(cursor, asked.tolist()).values())
    unread = int((~np.isin(asked, history.event_ids)).sum())
    return WhatIf(named, unread, before, after, change, without_line(named, before, after, change))


def _triple(scorer: Scorer, history: History, removed: Bools) -> Triple:
    risk, low, high = scorer.estimates(history, removed)[0].tolist()
    return risk, low, high
