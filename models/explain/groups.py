"""Effects of records that belong together: one of forty heart rates shows nothing of what the forty do."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import duckdb
import numpy as np
import polars as pl

from models.explain.effects import Change, Scorer, groups_removed
from models.explain.history import History, Int64s
from models.explain.preselect import steepness
from models.explain.records import Record
from models.explain.words import group_line

GROUP_CANDIDATES: Final = 64
"""Groups of each kind that are left out; those at whose records the score is steepest in sum."""
GROUPS_SHOWN: Final = 3
"""Of each kind."""
_KINDS: Final = ("code", "day", "encounter")


@dataclass(frozen=True, slots=True)
class GroupEffect:
    """What several records do together: all of one `kind` (code, day, encounter) that the model reads.

    `name` is the code, the date (UTC), or the number of the stay.
    """

    kind: str
    name: str
    events: int
    change: Change
    text: str


def group_effects(
    cursor: duckdb.DuckDBPyConnection, scorer: Scorer, history: History, known: Mapping[int, Record]
) -> tuple[GroupEffect, ...]:
    """Return the greatest effects of groups of at least two of the records, at most GROUPS_SHOWN of each kind."""
    groups = _groups(known)
    weight = dict(zip(history.event_ids.tolist(), steepness(scorer.classifier, history).tolist(), strict=True))
    names = _stays(cursor, groups["encounter"])
    found: list[GroupEffect] = []
    for kind in _KINDS:
        candidates = _candidates(groups[kind], weight)
        changes = scorer.changes(history, groups_removed(history, list(candidates.values())))
        effects = []
        for (name, members), change in zip(candidates.items(), changes, strict=True):
            record = known[int(members[0])]
            words = {"code": record.description or record.code, "day": name, "encounter": names.get(name, name)}
            line = group_line(words[kind], len(members), change)
            effects.append(GroupEffect(kind, name, len(members), change, line))
        found += sorted(effects, key=_size)[:GROUPS_SHOWN]
    return tuple(sorted(found, key=_size))


def _size(effect: GroupEffect) -> float:
    return -abs(effect.change.effect)


def _groups(known: Mapping[int, Record]) -> dict[str, dict[str, list[int]]]:
    """Return the events of each code, of each day and of each stay."""
    groups: dict[str, dict[str, list[int]]] = {kind: defaultdict(list) for kind in _KINDS}
    for event, record in known.items():
        groups["code"][record.code].append(event)
        if record.time is not None:
            groups["day"][f"{record.time:%Y-%m-%d}"].append(event)
        if record.encounter_id is not None:
            groups["encounter"][str(record.encounter_id)].append(event)
    return groups


def _candidates(groups: Mapping[str, list[int]], weight: Mapping[int, float]) -> dict[str, Int64s]:
    """Return the groups of at least two events that are worth leaving out."""
    several = {name: events for name, events in groups.items() if len(events) > 1}
    total = {name: sum(weight[event] for event in events) for name, events in several.items()}
    steepest = sorted(several, key=lambda name: -total[name])[:GROUP_CANDIDATES]
    return {name: np.array(several[name], dtype=np.int64) for name in steepest}


def _stays(cursor: duckdb.DuckDBPyConnection, encounters: Mapping[str, Sequence[int]]) -> dict[str, str]:
    """Return how each stay that the store knows is called."""
    asked = pl.DataFrame({"encounter_id": pl.Series([int(name) for name in encounters], dtype=pl.Int64)})
    cursor.register("asked_encounter", asked.to_arrow())
    try:
        rows = cursor.execute(
            "SELECT encounter_id, class, start_time FROM encounter SEMI JOIN asked_encounter USING (encounter_id)"
        ).fetchall()
    finally:
        cursor.unregister("asked_encounter")
    return {
        str(number): f"the {'ICU' if kind == 'icu' else kind} stay" + (f" of {start:%Y-%m-%d %H:%M}" if start else "")
        for number, kind, start in rows
    }
