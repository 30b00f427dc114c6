"""The course of a risk through a stay: which stay, at which times, and what the model says at each of them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from api.learning import GENERATED, MEANING, SUPERVISED, TaskFile, is_trained_for
from ehr.errors import ModelError, UnknownSubject
from ehr.lookup import Subject
from ehr.store import Store
from ehr.timelines import Timelines, load_timelines
from models.checkpoint import Checkpoint
from models.generative.monitor import course, event_times, regular_times
from models.generative.rollout import Sampling

LAST: Final = "last"
EVERY: Final = "6h"
AT_EVENTS: Final = "event"
_STEP: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([mhd])")
_UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


@dataclass(frozen=True, slots=True)
class Stay:
    """A stay of a patient; `end` is that of the record while it lasts."""

    encounter_id: int
    kind: str
    begin: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Point:
    """The risk at a time, or why there is none, and the number of events it rests on."""

    time: datetime
    events: int
    risk: float | None
    low: float | None
    high: float | None
    abstention: str | None
    warning: str | None


@dataclass(frozen=True, slots=True)
class Course:
    """The risk of a patient at the times of a stay."""

    subject_id: int
    task: str
    stay: Stay
    method: str
    interval: str
    points: tuple[Point, ...]
    model: Mapping[str, Any]


def follow(
    store: Store,
    checkpoint: Checkpoint,
    target: TaskFile,
    subject: Subject,
    *,
    through: str = LAST,
    every: str = EVERY,
    futures: int = 0,
) -> Course:
    """Estimate the risk of the task anew through a stay of a patient.

    `through` is the number of the stay or `last`, `every` a step such as 6h or `event` for each moment at which
    something was recorded. With `futures` above 0 the risk is that of generated futures, else the supervised one.
    Raises UnknownSubject where the patient has no such stay, ModelError for steps that are none and as `foresee`.
    """
    if futures <= 0:
        is_trained_for(checkpoint, target, False, "or ask for generated futures with --generate N")
    checkpoint = checkpoint.of(target.text.hash)
    method = GENERATED if futures > 0 else SUPERVISED
    stay = find_stay(store, subject, through)
    timelines = load_timelines(store, checkpoint.vocabulary, [subject.subject_id])
    times = _times(timelines, subject.subject_id, stay, every)
    task, sampling = (target.task, Sampling(futures=futures)) if futures > 0 else (None, None)
    frame = course(checkpoint, timelines, subject.subject_id, times, task=task, sampling=sampling)
    names = ("prediction_time", "events", "risk", "low", "high", "reason", "warning")
    points = tuple(Point(*row) for row in frame.select(names).iter_rows())
    return Course(subject.subject_id, target.task.name, stay, method, MEANING[method], points, checkpoint.identity)


def find_stay(store: Store, subject: Subject, name: str) -> Stay:
    """Return the stay of a patient with this number, or the one that began last; raises UnknownSubject."""
    chosen = "" if name == LAST else "AND encounter_id::VARCHAR = $name"
    parameters = {"subject": subject.subject_id} | ({} if name == LAST else {"name": name})
    rows = (
        store.cursor()
        .execute(
            f"""
            SELECT encounter_id, class, start_time, end_time FROM encounter
            WHERE subject_id = $subject AND start_time IS NOT NULL {chosen}
            ORDER BY parent_id IS NOT NULL, start_time DESC, encounter_id LIMIT 1
            """,
            parameters,
        )
        .fetchall()
    )
    if not rows:
        which = "stay with a begin" if name == LAST else f"stay {name} with a begin"
        raise UnknownSubject(
            f"patient {subject.subject_id} has no {which}; the view encounter of the store lists the stays"
        )
    number, kind, begin, end = rows[0]
    return Stay(number, kind or "", begin, end or max(begin, subject.last_time or begin))


def _times(timelines: Timelines, subject_id: int, stay: Stay, every: str) -> list[datetime]:
    if every == AT_EVENTS:
        return event_times(timelines, subject_id, stay.begin, stay.end)
    step = _STEP.fullmatch(every.strip())
    if step is None:
        raise ModelError(f"--every {every}: write a step such as 6h, 30m or 1d, or event")
    return regular_times(stay.begin, stay.end, float(step[1]) * _UNITS[step[2]])
