"""Which records move an estimate, and how it would stand without some: for `ehr predict` and the service."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl

from ehr.errors import ModelError
from ehr.store import Store
from ehr.timelines import Timelines, past_ends
from ehr.tokens import NO_EVENT
from models.checkpoint import Checkpoint
from models.explain import Explanation, History, WhatIf, explain, histories, scorer_of, what_if
from models.explain.records import Record, records
from models.learner import threads

TOP: Final = 10
NOTHING_LEFT: Final = "Nothing but fixed facts is left then, from which the model gives no estimate of its own."


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked about an estimate: its `top` records (0 for none), and the estimate without some events.

    `events` are numbers of events; `codes` are codes as the store writes them, in which `*` stands for anything.
    """

    top: int = 0
    events: tuple[int, ...] = ()
    codes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Say whether anything is asked."""
        return bool(self.top or self.events or self.codes)


def answer(
    store: Store, checkpoint: Checkpoint, timelines: Timelines, row: pl.DataFrame, asked: Asked
) -> tuple[Explanation | None, WhatIf | None]:
    """Return the explanation of the estimate of one row (subject_id, prediction_time), and that without events.

    Each is None where it was not asked for. The row has a supervised estimate. Raises ModelError for an event that
    the patient has not, that lies after the prediction time, or a code that nothing known has.
    """
    scorer = scorer_of(checkpoint)
    (history, *_), _ = histories(checkpoint, timelines, row)
    with threads(checkpoint.settings.optimisation.threads):
        explanation = explain(store.cursor(), scorer, history, top=asked.top) if asked.top else None
        if not asked.events and not asked.codes:
            return explanation, None
        removed = events_asked(store, timelines, row, asked)
        found = what_if(store.cursor(), scorer, history, removed)
    return explanation, _remarked(found, history, removed)


def events_asked(store: Store, timelines: Timelines, row: pl.DataFrame, asked: Asked) -> list[int]:
    """Return the events to leave out: those named, and those known at the row's time that have one of the codes."""
    begins, ends = past_ends(timelines, row["subject_id"].to_numpy(), row["prediction_time"].to_numpy())
    past = timelines.event_ids[int(begins[0]) : int(ends[0])]
    known = np.unique(past[past != NO_EVENT])
    subject, at = row.select("subject_id", "prediction_time").row(0)
    ever = set(timelines.event_ids.tolist()) - {NO_EVENT}
    for event in asked.events:
        if event not in ever:
            raise ModelError(
                f"patient {subject} has no event {event} in the timeline; --explain and the columns event_id of "
                "'ehr sql' tell the numbers of events"
            )
        if event not in known:
            raise ModelError(
                f"event {event} lies after the prediction time {at:%Y-%m-%d %H:%M}, so the estimate does not rest on "
                "it; name one up to that time"
            )
    found = records(store.cursor(), known.tolist()).values() if asked.codes else ()
    removed = set(asked.events)
    for code in asked.codes:
        removed |= _of_code(code, list(found), subject)
    return sorted(removed)


def _of_code(code: str, found: Sequence[Record], subject: int) -> set[int]:
    """Return the events whose code fits; raises ModelError when there are none."""
    pattern = re.compile(".*".join(re.escape(part) for part in code.split("*")))
    events = {record.event_id for record in found if pattern.fullmatch(record.code)}
    if not events:
        raise ModelError(
            f"nothing known of patient {subject} at the prediction time has code {code!r}; * stands for anything; "
            f"'ehr timeline {subject}' lists the records"
        )
    return events


def _remarked(found: WhatIf, history: History, removed: Sequence[int]) -> WhatIf:
    """Say what limits an estimate without events."""
    remarks = [found.text]
    if found.unread:
        remarks.append(f"{found.unread} of the records left out lie further back than the model reads.")
    if set(history.events().tolist()) <= set(removed):
        remarks.append(NOTHING_LEFT)
    return replace(found, text=" ".join(remarks))
