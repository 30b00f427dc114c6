"""What a training is to learn beside the timelines: the labels of tasks, or when an endpoint comes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

import polars as pl

from ehr.errors import ModelError
from ehr.splits import Split
from ehr.vocabulary import Vocabulary
from models.checkpoint import Checkpoint, TaskText
from models.settings import Settings, as_mapping
from models.survival.hazard import Times


@dataclass(frozen=True, slots=True)
class Labelled:
    """A task with its label frame (subject_id, prediction_time, boolean_value).

    `audit` is what the leakage audit found on it, as plain values, which the report of the model keeps.
    """

    task: TaskText
    labels: pl.DataFrame
    audit: Mapping[str, Any] | None = None

    def until(self, time: datetime) -> "Labelled":
        """Return the rows that predict up to a time."""
        return replace(self, labels=self.labels.filter(pl.col("prediction_time") <= time))


@dataclass(frozen=True, slots=True)
class Timed:
    """A task with the times of one of its endpoints; `audit` as in `Labelled`."""

    task: TaskText
    times: Times
    audit: Mapping[str, Any] | None = None

    def until(self, time: datetime) -> "Timed":
        """Return the rows as they stood at a time."""
        return replace(self, times=self.times.until(time))


@dataclass(frozen=True, slots=True)
class Goal:
    """What is to be learnt beside the timelines: the labels of tasks, or the times of an endpoint, up to a time."""

    targets: tuple[Labelled, ...]
    times: Timed | None
    until: datetime | None


def goal_of(target: Labelled | None, also: Sequence[Labelled], times: Timed | None, until: datetime | None) -> Goal:
    """Return what is to be learnt; raises ModelError for tasks that do not go together."""
    targets = _distinct(target, also)
    if times is not None and targets:
        raise ModelError("a model learns the labels of tasks or the time of an endpoint; train one model for each")
    if until is None:
        return Goal(targets, times, None)
    return Goal(tuple(one.until(until) for one in targets), times.until(until) if times else None, until)


def audited(target: Labelled | Timed) -> dict[str, Any]:
    """Return what the leakage audit found, for a report; nothing where there was none."""
    return {"audit": dict(target.audit)} if target.audit is not None else {}


def plan_of(
    settings: Settings,
    vocabulary: Vocabulary,
    data_hash: str,
    goal: Goal,
    base: Checkpoint | None,
    split: Mapping[int, Split] | None,
) -> Mapping[str, Any]:
    """Return what has to be the same for an interrupted training to go on."""
    times = goal.times
    return {
        "settings": as_mapping(settings),
        "vocabulary": vocabulary.hash,
        "data": data_hash,
        "task": [target.task.hash for target in goal.targets],
        "labels": [_labels_hash(target) for target in goal.targets],
        "until": goal.until.isoformat() if goal.until else None,
        "times": [times.task.hash, times.times.endpoint, _hash_of(times.times.rows)] if times else None,
        "split": sha256(repr(sorted(split.items())).encode()).hexdigest() if split is not None else None,
        "base_model": [base.name, base.version] if base else None,
    }


def _labels_hash(target: Labelled) -> str:
    return _hash_of(target.labels.select("subject_id", "prediction_time", "boolean_value"))


def _hash_of(rows: pl.DataFrame) -> str:
    return str(rows.sort(pl.all()).hash_rows(seed=0).sum())


def _distinct(target: Labelled | None, also: Sequence[Labelled]) -> tuple[Labelled, ...]:
    """Return all tasks; raises ModelError when one stands twice, or further ones beside none."""
    if target is None:
        if also:
            raise ModelError("a model has further tasks beside a first one only; name that as the target")
        return ()
    targets = (target, *also)
    names = [one.task.name for one in targets]
    for name in names:
        if names.count(name) > 1:
            raise ModelError(f"task {name} is named twice; a model learns each task once")
    return targets
