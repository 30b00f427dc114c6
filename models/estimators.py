"""Estimators: who says what of the held-out rows, for `models.evaluate` to compare.

`estimate_all` lets the model and the baseline beside it say their risks. To add an estimator, give it a name and a
title here and a function that returns a frame (subject_id, prediction_time, risk, low, high).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import polars as pl

from ehr.errors import ModelError
from ehr.progress import Progress, silent
from ehr.splits import splits
from ehr.tasks import Task
from ehr.timelines import Timelines
from models.baseline import Baseline, fit_baseline, load_baseline, predict_baseline, save_baseline, strongest
from models.checkpoint import Checkpoint, TaskText, timelines_hash
from models.generate import generate
from models.predict import predict
from models.rollout import Sampling

SUPERVISED: Final = "supervised"
GENERATED: Final = "generated"
BASELINE: Final = "baseline"
BAYES: Final = "bayes"
TITLES: Final = {
    SUPERVISED: "Supervised transformer",
    GENERATED: "Generated futures",
    BASELINE: "Counts + logistic regression",
    BAYES: "True probability (Bayes)",
}
KEY: Final = ["subject_id", "prediction_time"]


@dataclass(frozen=True, slots=True)
class Estimates:
    """What one estimator said: a frame (subject_id, prediction_time, risk, low, high), null where it abstains."""

    frame: pl.DataFrame
    seconds: float
    about: Mapping[str, Any] = field(default_factory=dict)


def estimate_all(
    checkpoint: Checkpoint,
    timelines: Timelines,
    labels: pl.DataFrame,
    task: Task,
    text: TaskText,
    *,
    folder: Path | None = None,
    sampling: Sampling | None = None,
    progress: Progress = silent,
) -> tuple[dict[str, Estimates], list[str]]:
    """Return what each estimator says of the held-out rows, and remarks on those that could say nothing.

    The baseline is fitted on the training rows of `labels`, or read from `folder` when it was fitted there on the
    same rows before. Futures are generated when `sampling` is given and the task can be read off tokens. Raises
    ModelError when no held-out subject has a row, or the model can neither predict nor generate for this task.
    """
    rows = held_out(labels)
    said: dict[str, Estimates] = {}
    remarks: list[str] = []
    if checkpoint.classifier is None:
        remarks.append(f"model {checkpoint.name} was pre-trained without a task, so it has no supervised head")
    elif checkpoint.task is None or checkpoint.task.hash != text.hash:
        trained = checkpoint.task.name if checkpoint.task else "no task"
        remarks.append(
            f"the supervised head of model {checkpoint.name} was trained for {trained} as written then, not for this "
            f"{text.name}, and is left out"
        )
    else:
        progress("supervised", 0, 0)
        said[SUPERVISED] = _timed(lambda: predict(checkpoint, timelines, rows), {})
    if sampling is not None:
        try:
            progress("generated futures", 0, 0)
            said[GENERATED] = _timed(
                lambda: generate(checkpoint, timelines, rows, task, sampling), {"futures": sampling.futures}
            )
        except ModelError as error:
            remarks.append(f"no futures were generated, since {error}")
    if not said:
        raise ModelError(
            f"there is nothing of model {checkpoint.name} to evaluate on task {text.name}: {'; '.join(remarks)}; "
            f"train it with 'ehr train --model {checkpoint.name} --task {text.name}', or add --futures N"
        )
    baseline, remark = _baseline(checkpoint, timelines, labels, text, folder, progress)
    if remark:
        remarks.append(f"baseline: {remark}")
    about = {"C": baseline.strength, **baseline.report, "strongest_features": strongest(baseline)}
    said[BASELINE] = _timed(lambda: predict_baseline(baseline, timelines, rows, checkpoint.vocabulary), about)
    return said, remarks


def held_out(labels: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of held-out subjects, by subject and time; raises ModelError when there are none."""
    rows = labels.filter(splits(labels["subject_id"]) == "held_out").drop_nulls("boolean_value")
    if rows.is_empty():
        raise ModelError(
            f"the task has {labels.height} rows and none of a held-out subject, so there is nothing to evaluate on; "
            "import more patients"
        )
    return rows.with_columns(pl.col("prediction_time").cast(pl.Datetime("us"))).sort(KEY)


def _baseline(
    checkpoint: Checkpoint,
    timelines: Timelines,
    labels: pl.DataFrame,
    text: TaskText,
    folder: Path | None,
    progress: Progress,
) -> tuple[Baseline, str | None]:
    learnt = labels.filter(splits(labels["subject_id"]) != "held_out").drop_nulls("boolean_value").sort(KEY)
    identity = {
        "task_hash": text.hash,
        "timelines": timelines_hash(timelines),
        "rows": str(learnt.hash_rows(seed=0).sum()),
        "height": learnt.height,
    }
    baseline = load_baseline(folder, identity) if folder is not None else None
    if baseline is None:
        baseline = fit_baseline(timelines, learnt, checkpoint.vocabulary, progress=progress)
        if folder is not None:
            save_baseline(folder, baseline, identity)
    return baseline, baseline.remark


def _timed(run: Any, about: Mapping[str, Any]) -> Estimates:
    begin = perf_counter()
    frame = run()
    return Estimates(frame, perf_counter() - begin, about)
