"""Estimators: who says what of the held-out rows, for `models.evaluate` to compare.

`estimate_all` lets the model say its risks, fits the baselines beside it, and blends them; recalibrated clinical
scores stand apart. To add a baseline, see `models.baselines`; to add another estimator, give it a name and a title
here and a line in `estimate_all` that says a frame (subject_id, prediction_time, risk, low, high).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import duckdb
import numpy as np
import polars as pl

from ehr.errors import ModelError
from ehr.progress import Progress, silent
from ehr.splits import Split, splits
from ehr.tasks import Task
from ehr.timelines import Timelines
from models.baselines import (
    BASELINES,
    CONTROL,
    Baseline,
    Effort,
    Material,
    control_aurocs,
    fit_baseline,
    gather,
    load_baseline,
    predict_baseline,
    save_baseline,
)
from models.blend import Blend, blend_frames, fit_blend
from models.checkpoint import Checkpoint, TaskText
from models.features import past_digest
from models.generative.generate import generate
from models.generative.rollout import Sampling
from models.kept import BLEND, keep_blend
from models.predict import predict
from models.scores.risk import TITLES as SCORE_TITLES
from models.scores.risk import fit_scores, predict_score

SUPERVISED: Final = "supervised"
GENERATED: Final = "generated"
LOGISTIC: Final = "logistic"
BOOSTING: Final = "boosting"
BAYES: Final = "bayes"
BASELINE: Final = LOGISTIC
"""The baseline whose coefficients a report shows."""
TITLES: Final = {
    SUPERVISED: "Supervised transformer",
    GENERATED: "Generated futures",
    LOGISTIC: "Logistic regression",
    BOOSTING: "Gradient boosting",
    BLEND: "Blend of the above",
    BAYES: "True probability (Bayes)",
    **SCORE_TITLES,
}
_CONTROL_ERRORS: Final = 4.0
_CONTROL_SLACK: Final = 0.02
KEY: Final = ["subject_id", "prediction_time"]


@dataclass(frozen=True, slots=True)
class Estimates:
    """What one estimator said: a frame (subject_id, prediction_time, risk, low, high), null where it abstains."""

    frame: pl.DataFrame
    seconds: float
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Said:
    """What each estimator said of the held-out rows and of the tuning rows, and remarks on those that said nothing.

    Generated futures are of held-out rows only, as they take long. None of the estimators learnt from the outcomes of
    tuning rows, but settings were chosen there, and the blend and the calibration of the supervised head were fitted.
    """

    held_out: dict[str, Estimates]
    tuning: dict[str, Estimates]
    remarks: list[str]


def estimate_all(
    checkpoint: Checkpoint,
    timelines: Timelines,
    labels: pl.DataFrame,
    task: Task,
    text: TaskText,
    *,
    learnable: pl.DataFrame | None = None,
    events: duckdb.DuckDBPyConnection,
    folder: Path | None = None,
    sampling: Sampling | None = None,
    split: Mapping[int, Split] | None = None,
    progress: Progress = silent,
) -> Said:
    """Return what each estimator says of the held-out and the tuning rows of `labels`.

    `learnable` are the rows that may be learnt from, where that is not all of `labels`: those known by the time up to
    which the model has learnt. Training and tuning rows are taken from them. Raises ModelError where the model is
    bound to a time and they are not given.

    The baselines read the table `event` of the connection `events`; they are fitted on the training rows, or read
    from `folder` when they were fitted there on the same rows before. Futures are generated when `sampling` is given
    and the task can be read off tokens. `split` is used instead of the hash split where given. Raises ModelError when
    no held-out subject has a row, or the model can neither predict nor generate for this task.
    """
    checkpoint = checkpoint.of(text.hash)
    if checkpoint.until is not None and learnable is None:
        raise ModelError(
            f"model {checkpoint.name} has learnt nothing after {checkpoint.until:%Y-%m-%d %H:%M}, so those beside it "
            "must not either; hand over the label rows that were known by then as `learnable`"
        )
    rows, learnt = held_out(labels, split), labels if learnable is None else learnable
    tuning = _rows_of(learnt, "tuning", split)
    said = Said({}, {}, [])
    progress("supervised", 0, 0)
    _add_supervised(said, checkpoint, timelines, text, rows, tuning)
    if sampling is not None:
        progress("generated futures", 0, 0)
        _add_generated(said, checkpoint, timelines, task, rows, sampling)
    if not said.held_out:
        raise ModelError(
            f"there is nothing of model {checkpoint.name} to evaluate on task {text.name}: "
            f"{'; '.join(said.remarks)}; "
            f"train it with 'ehr train --model {checkpoint.name} --task {text.name}', or add --futures N"
        )
    fitted = baselines_of(events, learnt, text, folder=folder, split=split, progress=progress)
    _add_baselines(said, fitted, events, rows, tuning)
    _add_blend(said, tuning, folder, text)
    progress("clinical scores", 0, 0)
    _add_scores(said, events, _rows_of(learnt, "train", split), rows, tuning)
    return said


def _add_supervised(
    said: Said, checkpoint: Checkpoint, timelines: Timelines, text: TaskText, rows: pl.DataFrame, tuning: pl.DataFrame
) -> None:
    """Let the head of the task speak, or remark why there is none."""
    if (reason := _no_head(checkpoint, text)) is not None:
        said.remarks.append(reason)
        return
    _say(said, SUPERVISED, lambda asked: predict(checkpoint, timelines, asked), rows, tuning)


def _add_generated(
    said: Said, checkpoint: Checkpoint, timelines: Timelines, task: Task, rows: pl.DataFrame, sampling: Sampling
) -> None:
    """Let futures speak of the held-out rows, or remark why there are none."""
    try:
        about = {"futures": sampling.futures}
        said.held_out[GENERATED] = _timed(lambda: generate(checkpoint, timelines, rows, task, sampling), about)
    except ModelError as error:
        said.remarks.append(f"no futures were generated, since {error}")


def _add_baselines(
    said: Said,
    fitted: dict[str, Baseline],
    events: duckdb.DuckDBPyConnection,
    rows: pl.DataFrame,
    tuning: pl.DataFrame,
) -> None:
    """Let the baselines speak; what the control reaches on shuffled outcomes stands with the regression."""
    control = _judge_control(control_aurocs(fitted.pop(CONTROL), events, rows), said)
    for name, baseline in fitted.items():
        if baseline.fitted.remark:
            said.remarks.append(f"{TITLES[name].lower()}: {baseline.fitted.remark}")
        strongest = [list(pair) for pair in baseline.fitted.strongest(20)]
        own: dict[str, Any] = {**baseline.fitted.report, "strongest_features": strongest}
        own |= {"control": control} if name == LOGISTIC else {}
        _say(said, name, partial(predict_baseline, baseline, events), rows, tuning, own)


def _add_scores(
    said: Said, events: duckdb.DuckDBPyConnection, learnt: pl.DataFrame, rows: pl.DataFrame, tuning: pl.DataFrame
) -> None:
    """Let the clinical scores speak, recalibrated on the rows `learnt`."""
    scores, remarks = fit_scores(events, learnt, tuning)
    said.remarks.extend(remarks)
    for score in scores:
        _say(said, score.name, partial(predict_score, score, events), rows, tuning, score.about)


def baselines_of(
    events: duckdb.DuckDBPyConnection,
    labels: pl.DataFrame,
    text: TaskText,
    *,
    folder: Path | None = None,
    split: Mapping[int, Split] | None = None,
    effort: Effort | None = None,
    progress: Progress = silent,
) -> dict[str, Baseline]:
    """Return the baselines and the control, fitted on the training rows of `labels` or read from `folder`."""
    effort = effort or Effort()
    train, tuning = (_rows_of(labels, name, split) for name in ("train", "tuning"))
    identity = {
        "task_hash": text.hash,
        "past": past_digest(events, pl.concat([train, tuning])),
        "rows": [_digest(train), _digest(tuning)],
        "replicates": effort.replicates,
    }
    fitted: dict[str, Baseline] = {}
    material: Material | None = None
    for name in (*BASELINES, CONTROL):
        kept = load_baseline(folder, name, identity) if folder is not None else None
        if kept is None:
            progress("baselines: features", 0, 0)
            material = material or gather(events, train, tuning)
            kept = fit_baseline(name, material, effort, progress)
            if folder is not None:
                save_baseline(folder, kept, identity)
        fitted[name] = kept
    return fitted


def held_out(labels: pl.DataFrame, split: Mapping[int, Split] | None = None) -> pl.DataFrame:
    """Return the rows of held-out subjects, by subject and time; raises ModelError when there are none."""
    rows = _rows_of(labels, "held_out", split)
    if rows.is_empty():
        raise ModelError(
            f"the task has {labels.height} rows and none of a held-out subject, so there is nothing to evaluate on; "
            "import more patients"
        )
    return rows


def _rows_of(labels: pl.DataFrame, name: str, split: Mapping[int, Split] | None) -> pl.DataFrame:
    """Return the rows of one split whose outcome is known, by subject and time."""
    rows = labels.filter(splits(labels["subject_id"], split) == name).drop_nulls("boolean_value")
    return rows.with_columns(pl.col("prediction_time").cast(pl.Datetime("us"))).sort(KEY)


def _no_head(checkpoint: Checkpoint, text: TaskText) -> str | None:
    """Return why the model has no supervised head for the task, or None when it has one."""
    if checkpoint.classifier is None:
        return f"model {checkpoint.name} was pre-trained without a task, so it has no supervised head"
    if checkpoint.task is None or checkpoint.task.hash != text.hash:
        trained = checkpoint.task.name if checkpoint.task else "no task"
        return (
            f"the supervised head of model {checkpoint.name} was trained for {trained} as written then, not for this "
            f"{text.name}, and is left out"
        )
    return None


def _judge_control(aurocs: list[float], said: Said) -> dict[str, Any]:
    """Return what fits on shuffled outcomes reach on held-out rows, and remark on a mean that no luck explains."""
    if not aurocs:
        return {"shuffles": 0, "mean_auroc": None, "lowest": None, "highest": None}
    mean, error = float(np.mean(aurocs)), float(np.std(aurocs) / np.sqrt(len(aurocs)))
    if abs(mean - 0.5) > max(_CONTROL_ERRORS * error, _CONTROL_SLACK):
        said.remarks.append(
            f"control failed: fitted on shuffled outcomes, logistic regression still reaches a mean AUROC of "
            f"{mean:.3f} on held-out rows over {len(aurocs)} shuffles; look for held-out rows among the training rows"
        )
    return {"shuffles": len(aurocs), "mean_auroc": mean, "lowest": min(aurocs), "highest": max(aurocs)}


def _add_blend(said: Said, tuning: pl.DataFrame, folder: Path | None, text: TaskText) -> None:
    """Blend all who spoke of the tuning rows, where these have both outcomes."""
    members = list(said.tuning)
    known = _complete(tuning, {name: said.tuning[name].frame for name in members})
    if known["boolean_value"].n_unique() < 2:
        said.remarks.append("there is no blend, since the tuning rows do not have both outcomes")
        return
    risks = {name: known[f"risk_{name}"].to_numpy() for name in members}
    blend = fit_blend(risks, known["boolean_value"].to_numpy().astype(np.float64))
    if folder is not None:
        keep_blend(folder, blend, text)

    def say(spoken: Mapping[str, Estimates]) -> Callable[[], pl.DataFrame]:
        return lambda: blend_frames(blend, {name: spoken[name].frame for name in members})

    said.held_out[BLEND] = _timed(say(said.held_out), _about_blend(blend))
    said.tuning[BLEND] = _timed(say(said.tuning), _about_blend(blend))


def _about_blend(blend: Blend) -> dict[str, Any]:
    return {**blend.as_mapping(), "weights": {name: round(weight, 4) for name, weight in blend.weights.items()}}


def _complete(rows: pl.DataFrame, frames: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Return the rows of which every estimator says something, with a column risk_NAME for each."""
    for name, frame in frames.items():
        said = frame.select(*KEY, pl.col("risk").alias(f"risk_{name}")).drop_nulls().unique(KEY)
        rows = rows.join(said, on=KEY, how="inner", maintain_order="left")
    return rows


def _say(
    said: Said,
    name: str,
    run: Callable[[pl.DataFrame], pl.DataFrame],
    rows: pl.DataFrame,
    tuning: pl.DataFrame,
    about: Mapping[str, Any] | None = None,
) -> None:
    """Let an estimator speak of the held-out rows, and of the tuning rows where there are any."""
    said.held_out[name] = _timed(lambda: run(rows), about or {})
    if not tuning.is_empty():
        said.tuning[name] = _timed(lambda: run(tuning), about or {})


def _timed(run: Callable[[], pl.DataFrame], about: Mapping[str, Any]) -> Estimates:
    begin = perf_counter()
    frame = run()
    return Estimates(frame, perf_counter() - begin, about)


def _digest(rows: pl.DataFrame) -> str:
    return f"{rows.height} {rows.select(*KEY, 'boolean_value').hash_rows(seed=0).sum()}"
