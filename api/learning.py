"""Where labels, timelines and models meet: what `ehr train`, `ehr predict`, `ehr evaluate` and the service share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import polars as pl

from api.explaining import Asked, answer
from ehr.errors import ModelError, TaskError, UnknownSubject
from ehr.lookup import Subject
from ehr.store import Store
from ehr.tasks import Task, find_task, parse_task, self_contained
from ehr.tasks.include import read_text
from ehr.timelines import load_timelines
from ehr.vocabulary import load_vocabulary
from models.baselines.logistic import Contribution, Logistic
from models.checkpoint import Checkpoint, TaskText, find_model, load_model, require_vocabulary
from models.explain import Explanation, WhatIf
from models.features import read_features
from models.generative.futures import past_part
from models.generative.generate import generate
from models.generative.rollout import Sampling
from models.kept import BLEND, read_baseline, say_kept
from models.predict import NO_HISTORY, predict
from sql.cohort import Cohort, labels, run_cohort, run_cohort_on_subject

SUPERVISED: Final = "supervised"
GENERATED: Final = "generated"
MEANING: Final[dict[str, str]] = {
    SUPERVISED: "90 % interval: how far the estimate would move had other patients been at hand to learn from",
    "logistic": "90 % interval: how far the estimate would move had other patients been at hand to learn from",
    "boosting": "90 % interval: how far the estimate would move had other patients been at hand to learn from",
    BLEND: "90 % interval: those of the estimates that are blended, as if their errors went together",
    GENERATED: "90 % interval: the error of having drawn this many futures; how well the model foresees is not in it",
}
"""What the interval of each method says."""
NOTHING: Final = Asked()
NO_LABEL: Final = "{name}: no window has a label, so there is nothing to foresee; write label: PREDICATE"
DEAD: Final = "the patient is recorded as dead at this time"


@dataclass(frozen=True, slots=True)
class TaskFile:
    """A task together with its text, which models keep and compare."""

    task: Task
    text: TaskText


@dataclass(frozen=True, slots=True)
class Estimate:
    """One estimate of a risk; without a risk, `abstention` says why there is none."""

    method: str
    risk: float | None
    low: float | None
    high: float | None
    interval: str
    abstention: str | None
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Foresight:
    """What a model says about one patient at one time, and what it rests on.

    `explanation` and `what_if` are of the supervised estimate, None where not asked for or where the model abstains.
    """

    subject_id: int
    prediction_time: datetime
    task: str
    known_events: int
    estimates: tuple[Estimate, ...]
    model: Mapping[str, Any]
    warnings: tuple[str, ...]
    explanation: Explanation | None = None
    what_if: WhatIf | None = None
    contributions: tuple[Contribution, ...] = ()
    """What moves the estimate of logistic regression most, where that was asked for with an explanation."""


def read_task_file(name_or_path: str) -> TaskFile:
    """Return a ready task, or the task in a file; raises TaskError when there is none or it is wrong."""
    path = find_task(name_or_path)
    return task_file(read_text(path, "a task file"), path.stem, source=str(path), folder=path.parent)


def task_file(text: str, name: str, *, source: str | None = None, folder: Path | None = None) -> TaskFile:
    """Return the task in a text, which is kept with all that it includes; arguments as in `ehr.tasks.parse_task`."""
    task = parse_task(text, name, source=source, folder=folder)
    return TaskFile(task, TaskText(name, self_contained(text, name, source=source, folder=folder)))


def label_frame(store: Store, task: Task) -> pl.DataFrame:
    """Return the rows of a task (subject_id, prediction_time, boolean_value), by subject and time.

    Raises TaskError when the task has no label or no prediction time.
    """
    return labelled_cohort(store, task)[1]


def labels_known_by(store: Store, task: Task, time: datetime) -> pl.DataFrame:
    """Return the rows of `label_frame` that were settled at a time: none of the task's windows ends later.

    So a row with the outcome is known as late as one without, and neither is more frequent shortly before that time.
    """
    if task.label_window is None:
        raise TaskError(NO_LABEL.format(name=task.name))
    cohort = run_cohort(store, task, wide=True)
    ends = [pl.col(name) for name in cohort.rows.columns if name.endswith(("@start", "@end"))]
    settled = cohort.rows.filter(pl.max_horizontal("trigger", *ends) <= time)
    return labels(replace(cohort, rows=settled))


def labelled_cohort(store: Store, task: Task) -> tuple[Cohort, pl.DataFrame]:
    """Return the cohort of a task and its label frame; errors as in `label_frame`."""
    if task.label_window is None:
        raise TaskError(NO_LABEL.format(name=task.name))
    cohort = run_cohort(store, task, wide=False)
    return cohort, labels(cohort)


def prediction_times(store: Store, task: Task, subject_id: int) -> list[datetime]:
    """Return when the task predicts for a patient, whether or not it is known what came later, rising."""
    rows = labels(run_cohort_on_subject(store, past_part(task), subject_id))
    return sorted(rows["prediction_time"].to_list())


def open_model(store: Store, name: str, version: int | None = None) -> Checkpoint:
    """Return a finished model of the store.

    Raises ModelError when there is none, and VocabularyError when the store now has another vocabulary under the name
    of the model's, or none.
    """
    checkpoint = load_model(find_model(store.models, name, version))
    stored = load_vocabulary(store, checkpoint.vocabulary.name)
    require_vocabulary(name, checkpoint.vocabulary, stored.name, stored.hash)
    return checkpoint


def foresee(
    store: Store,
    checkpoint: Checkpoint,
    target: TaskFile,
    subject: Subject,
    at: datetime | None = None,
    futures: int = 0,
    asked: Asked = NOTHING,
    beside: Sequence[str] = (),
) -> Foresight:
    """Estimate the risk of the task for one patient from what was known `at` a time (UTC).

    Without a time it is the last one at which the task predicts for this patient, else that of the last event. The
    supervised estimate is there when the model was trained for this task; `futures` above 0 adds the generated one.
    `asked` is what is to be told about the supervised estimate. `beside` names further estimators, of
    `models.kept.KEPT`, that an evaluation of the model has fitted. For a patient who is dead at that time all
    abstain. Raises ModelError when neither estimate is possible or what is asked about is none, UnknownSubject when
    the patient has no events.
    """
    checkpoint = checkpoint.of(target.text.hash)
    methods = _methods(checkpoint, target, futures, asked)
    at, remark = when_to_predict(store, target.task, subject, at)
    timelines = load_timelines(store, checkpoint.vocabulary, [subject.subject_id])
    rows = pl.DataFrame(
        {"subject_id": [subject.subject_id], "prediction_time": [at]},
        schema={"subject_id": pl.Int64, "prediction_time": pl.Datetime("us")},
    )
    found: dict[str, dict[str, Any]] = {}
    if SUPERVISED in methods:
        found[SUPERVISED] = predict(checkpoint, timelines, rows).row(0, named=True)
    if GENERATED in methods:
        sampling = Sampling(futures=futures)
        found[GENERATED] = generate(checkpoint, timelines, rows, target.task, sampling).row(0, named=True)
    folder = find_model(store.models, checkpoint.name, checkpoint.version)
    for name in dict.fromkeys(beside):
        said = say_kept(name, checkpoint, folder, target.text, timelines, store.cursor(), rows).row(0, named=True)
        found[name] = {**said, "reason": _silence(said), "warning": None}
    is_dead = subject.death_time is not None and subject.death_time <= at
    reasons = {method: DEAD if is_dead else row["reason"] for method, row in found.items()}
    estimates = (_estimate(method, row, reasons[method]) for method, row in found.items())
    explanation, what_if = None, None
    if asked and reasons[SUPERVISED] is None:
        explanation, what_if = answer(store, checkpoint, timelines, rows, asked)
    warnings = dict.fromkeys(row["warning"] for row in found.values() if row["warning"])
    return Foresight(
        subject.subject_id,
        at,
        target.task.name,
        next(iter(found.values()))["events"],
        tuple(estimates),
        checkpoint.identity,
        (*warnings, *([remark] if remark else [])),
        explanation,
        what_if,
        _contributions(store, folder, target, rows, asked) if "logistic" in found and not is_dead else (),
    )


def _silence(said: Mapping[str, Any]) -> str | None:
    """Return why an estimator that was kept says nothing of a row."""
    if said["risk"] is None:
        return NO_HISTORY
    return None if said["low"] is not None else "it was fitted on rows of one outcome only"


def _contributions(
    store: Store, folder: Path, target: TaskFile, row: pl.DataFrame, asked: Asked
) -> tuple[Contribution, ...]:
    """Return what moves the estimate of logistic regression for one row; nothing where that is not asked for."""
    baseline = read_baseline(folder, "logistic", target.text)
    if not asked.top or not isinstance(baseline.fitted, Logistic):
        return ()
    return tuple(baseline.fitted.contributions(read_features(store.cursor(), row, baseline.plan), asked.top))


def _methods(checkpoint: Checkpoint, target: TaskFile, futures: int, asked: Asked) -> tuple[str, ...]:
    """Return the methods that can answer; raises ModelError when there is none, or none that can be asked about."""
    can_do_without = futures > 0 and not asked
    instead = "only supervised estimates are explained" if asked else "or ask for generated futures with --generate N"
    supervised = (SUPERVISED,) if is_trained_for(checkpoint, target, can_do_without, instead) else ()
    return (*supervised, GENERATED) if futures > 0 else supervised


def when_to_predict(
    store: Store, task: Task, subject: Subject, asked: datetime | None
) -> tuple[datetime, str | None]:
    """Return when to predict, and what to know about it when the task itself does not predict then."""
    times = prediction_times(store, task, subject.subject_id)
    if asked is None and times:
        return times[-1], None
    at = asked or subject.last_time
    if at is None:
        raise UnknownSubject(f"patient {subject.subject_id} has no event with a time; name a time to predict at")
    if at in times:
        return at, None
    usual = f"for this patient it predicts at {times[-1]:%Y-%m-%dT%H:%M:%S}" if times else "for this patient never"
    return at, f"task {task.name} does not predict at this time ({usual}), so nothing like it was learnt from"


def is_trained_for(checkpoint: Checkpoint, target: TaskFile, can_do_without: bool, instead: str) -> bool:
    """Say whether the supervised part of a model answers a task; raises ModelError unless it `can_do_without`."""
    if any(trained.task.hash == target.text.hash for trained in checkpoint.trained):
        return True
    if can_do_without:
        return False
    names = [trained.task.name for trained in checkpoint.trained]
    made_for = f"for task {' and '.join(names)}" if names else "without a task"
    if target.task.name in names:
        made_for = f"for another text of task {target.task.name}"
    elif checkpoint.hazard is not None:
        made_for = f"for the time of {checkpoint.hazard.endpoint}, which --endpoint asks for"
    raise ModelError(
        f"model {checkpoint.name} was trained {made_for}; train it for this one with 'ehr train --task ...', "
        f"{instead}"
    )


def _estimate(method: str, row: Mapping[str, Any], abstention: str | None) -> Estimate:
    """Return an estimate, without its numbers when there is a reason to abstain."""
    if abstention is not None:
        return Estimate(method, None, None, None, MEANING[method], abstention, {})
    names = ("share", "share_low", "share_high", "futures", "unfinished")
    details = {name: row[name] for name in names if name in row}
    return Estimate(method, row["risk"], row["low"], row["high"], MEANING[method], None, details)
