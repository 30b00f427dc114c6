"""Training a model: next-token pre-training on timelines, fine-tuning for a task, calibration.

Only training subjects reach a loss that is learnt from; tuning subjects choose when to stop and fit the calibration;
held-out subjects are not read. A training that was interrupted goes on where its last whole pass ended.
"""

import copy
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
import pytorch_lightning as lightning
import torch
from sklearn.metrics import roc_auc_score

from ehr.errors import ModelError
from ehr.events import BIRTH
from ehr.progress import Progress, silent
from ehr.splits import Split, splits
from ehr.timelines import Timelines, known_at
from ehr.vocabulary import Vocabulary
from models.calibration import Calibration, fit_calibration
from models.checkpoint import (
    Checkpoint,
    Trained,
    now,
    open_version,
    require_vocabulary,
    save,
    timelines_hash,
)
from models.data import Documents, Reader, bootstrap_weights, side_by_side
from models.emphasis import emphasis_of
from models.events import layout_of
from models.goal import Goal, Labelled, Timed, audited, goal_of, plan_of
from models.heads import Classifier, Heads, ManyHeads
from models.learner import Learner, Material, Passed, fit, quiet, scores_of, threads
from models.objectives import weights_after
from models.readings import fuse
from models.settings import Settings
from models.survival.hazard import Hazard, fit_hazard
from models.transformer import Decoder

__all__ = ["Labelled", "Timed", "reader_of", "train"]

_PRETRAINED: Final = "pretrained.pt"
_STAGES: Final = ("pre-training", "fine-tuning")


@dataclass(frozen=True, slots=True)
class _Work:
    """What every stage of a training works with; `split` says where subjects belong in place of their hash."""

    folder: Path
    reader: Reader
    vocabulary: Vocabulary
    settings: Settings
    split: Mapping[int, Split] | None
    progress: Progress


@dataclass(frozen=True, slots=True)
class _Learnt:
    """What was learnt on top of the decoder, and the report of it."""

    trained: tuple[Trained, ...]
    hazard: Hazard | None
    report: dict[str, Any]


def train(
    models: Path,
    name: str,
    timelines: Timelines,
    vocabulary: Vocabulary,
    settings: Settings | None = None,
    *,
    target: Labelled | None = None,
    also: Sequence[Labelled] = (),
    times: Timed | None = None,
    base: Checkpoint | None = None,
    split: Mapping[int, Split] | None = None,
    until: datetime | None = None,
    progress: Progress = silent,
) -> Checkpoint:
    """Train the next version of model `name` in the folder `models`, and return it.

    Without a `target` it is pre-trained only; `also` are further tasks, which share the fine-tuned decoder, and
    `times` in place of a target teach it when an endpoint comes. `base` is a model whose decoder is taken instead of
    pre-training; its architecture then replaces that of the settings. `split` says of each subject where it belongs,
    in place of the hash of its number; who is not in it is left out. Of what came after `until` (UTC) nothing is
    read: no event, and no row that predicts later; that labels were known by then is for the caller to see to. When
    the last version is unfinished, it is finished.
    Raises ModelError when the data cannot teach the model: no training or tuning subjects, no rows, one outcome
    only, or a `base` that has learnt from later times than `until`.
    """
    goal = goal_of(target, also, times, until)
    settings = _agreed(name, timelines, vocabulary, settings or Settings(), base, until)
    timelines = known_at(timelines, until) if until is not None else timelines
    data_hash = timelines_hash(timelines)
    folder, version = open_version(models, name, plan_of(settings, vocabulary, data_hash, goal, base, split))
    work = _Work(folder, reader_of(timelines, vocabulary, settings), vocabulary, settings, split, progress)
    with quiet(), threads(settings.optimisation.threads):
        lightning.seed_everything(settings.optimisation.seed, verbose=False)
        decoder, report = _pre_trained(work, base)
        learnt = _learnt(work, decoder, goal)
    bound = {"until": until.isoformat()} if until is not None else {}
    report = {**report, **learnt.report, **bound}
    checkpoint = _checkpoint(name, version, work, data_hash, goal, decoder, learnt, report)
    save(folder, checkpoint)
    _clear(folder)
    return checkpoint


def reader_of(timelines: Timelines, vocabulary: Vocabulary, settings: Settings) -> Reader:
    """Return the timelines ready to be cut into documents for a model with these settings."""
    query_token = len(vocabulary)
    birth_token = vocabulary.code_tokens.get(BIRTH, -1)
    what = settings.data
    return Reader(fuse(timelines, vocabulary), what.max_tokens, query_token, birth_token, what.thin_hours)


def _agreed(
    name: str,
    timelines: Timelines,
    vocabulary: Vocabulary,
    settings: Settings,
    base: Checkpoint | None,
    until: datetime | None,
) -> Settings:
    """Return the settings, with the architecture of the base; raises an EhrError for what does not fit together."""
    require_vocabulary(name, vocabulary, "the vocabulary of the timelines", timelines.vocabulary_hash)
    if base is None:
        return settings
    require_vocabulary(base.name, base.vocabulary, vocabulary.name, vocabulary.hash)
    if until is not None and (base.until is None or base.until > until):
        seen = f"up to {base.until:%Y-%m-%d %H:%M}" if base.until else "of all times"
        raise ModelError(
            f"the decoder of model {base.name} has learnt from events {seen}, and nothing after "
            f"{until:%Y-%m-%d %H:%M} is to be learnt from; name another base or leave it out"
        )
    return Settings(base.settings.architecture, settings.optimisation, settings.data)


def _learnt(work: _Work, decoder: Decoder, goal: Goal) -> _Learnt:
    """Fine-tune for the tasks or the endpoint, if there are any."""
    if goal.times is not None:
        given = partial(splits, given=work.split)
        hazard, passed, told = fit_hazard(
            work.folder, work.reader, decoder, work.settings, goal.times.times, given, work.progress
        )
        report = {"time_to_event": {**told, **_of_stage(passed)}, **audited(goal.times)}
        return _Learnt((), hazard, report)
    if goal.targets:
        trained, told = _fine_tuned(work, decoder, goal.targets)
        return _Learnt(trained, None, told)
    return _Learnt((), None, {})


def _checkpoint(
    name: str,
    version: int,
    work: _Work,
    data_hash: str,
    goal: Goal,
    decoder: Decoder,
    learnt: _Learnt,
    report: Mapping[str, Any],
) -> Checkpoint:
    """Return the finished model."""
    first = learnt.trained[0] if learnt.trained else None
    return Checkpoint(
        name,
        version,
        work.settings,
        work.vocabulary,
        decoder.eval(),
        first.classifier if first else None,
        first.calibration if first else None,
        first.task if first else goal.times.task if goal.times else None,
        data_hash,
        now(),
        report,
        learnt.trained[1:],
        learnt.hazard,
    )


def _pre_trained(work: _Work, base: Checkpoint | None) -> tuple[Decoder, dict[str, Any]]:
    """Return the decoder after the first stage: that of `base`, that of an interrupted run, or one trained now."""
    decoder = Decoder(work.settings.architecture, layout_of(work.vocabulary))
    if base is not None:
        decoder.load_state_dict(base.decoder.state_dict())
        return decoder, {"base": base.identity}
    done = work.folder / _PRETRAINED
    if done.exists():
        saved = torch.load(done, map_location="cpu", weights_only=True)
        decoder.load_state_dict(saved["decoder"])
        return decoder, saved["report"]
    reader = work.reader
    split = splits(reader.timelines.subject_ids, work.split).to_numpy()
    training, tuning = reader.pieces(split == "train"), reader.pieces(split == "tuning")
    if not len(training) or not len(tuning):
        raise ModelError(
            "the store has no events of training or of tuning subjects to learn from; import more patients, or name "
            "a later time where one was named"
        )
    how = work.settings.optimisation
    learner = Learner(decoder, None, how, weights_after(work.vocabulary, how), emphasis_of(work.vocabulary, how))
    material = Material(reader, training, tuning)
    passed = fit("pre-training", learner, material, work.folder / "pre-training", work.progress)
    report = {
        "pre_training": {
            "subjects": int((split == "train").sum()),
            "tuning_subjects": int((split == "tuning").sum()),
            "events": int(reader.lengths(training).sum()),
            **_of_stage(passed),
        }
    }
    torch.save({"decoder": decoder.state_dict(), "report": report}, done)
    return decoder, report


def _fine_tuned(
    work: _Work, decoder: Decoder, targets: Sequence[Labelled]
) -> tuple[tuple[Trained, ...], dict[str, Any]]:
    """Train heads for all tasks on one copy of the decoder, calibrate each, and say what was measured.

    The decoder itself stays as it is: histories end before the outcome, so a decoder that goes on learning from them
    forgets how often it comes, and its futures would be wrong.
    """
    reader, shape, how = work.reader, work.settings.architecture, work.settings.optimisation
    pairs = [_labelled_documents(reader, target, work.split) for target in targets]
    rates = [float(training.label.mean()) for training, _ in pairs]
    heads = [Heads(shape, decoder.tokens, rate, how.positive_weight) for rate in rates]
    drawn = [bootstrap_weights(training, shape.ensemble, how.seed) for training, _ in pairs]
    material = Material(reader, side_by_side(drawn), side_by_side([tuning for _, tuning in pairs]))
    shared = copy.deepcopy(decoder)
    learner = Learner(shared, heads[0] if len(heads) == 1 else ManyHeads(heads), how)
    passed = fit("fine-tuning", learner, material, work.folder / "fine-tuning", work.progress)
    trained, reports = [], []
    for target, own, (rows, tuning_rows) in zip(targets, heads, pairs, strict=True):
        own.unweigh()
        classifier = Classifier(shared, own)
        calibration, measured = _calibrated(classifier, reader, tuning_rows, how.seed)
        trained.append(Trained(target.task, classifier, calibration))
        counts = {"rows": len(rows), "events": int(rows.label.sum())}
        reports.append({"task": target.task.name, **counts, **measured, **audited(target)})
    first = {key: value for key, value in reports[0].items() if key not in ("task", "audit")}
    report = {"fine_tuning": {**first, **_of_stage(passed)}, **audited(targets[0])}
    return tuple(trained), report | ({"also": reports[1:]} if reports[1:] else {})


def _calibrated(
    classifier: Classifier, reader: Reader, tuning: Documents, seed: int
) -> tuple[Calibration, dict[str, Any]]:
    """Return the calibration of the heads of a task, fitted on tuning rows, and what is measured on these."""
    scores = scores_of(classifier, reader, tuning)
    labels = tuning.label.astype(np.float64)
    calibration = fit_calibration(scores, labels, tuning.subject, seed)
    risk, _, _ = calibration.risks(scores)
    both = 0 < labels.mean() < 1
    return calibration, {
        "tuning_rows": len(tuning),
        "tuning_events": int(labels.sum()),
        "tuning_auroc": float(roc_auc_score(labels, risk)) if both else None,
        "tuning_brier": float(np.mean((risk - labels) ** 2)),
    }


def _labelled_documents(
    reader: Reader, target: Labelled, assigned: Mapping[int, Split] | None
) -> tuple[Documents, Documents]:
    """Return the histories of the labelled rows of training and of tuning subjects."""
    rows = target.labels.drop_nulls(["prediction_time", "boolean_value"])
    rows = rows.with_columns(splits(rows["subject_id"], assigned))
    training, _ = reader.histories(rows.filter(pl.col("split") == "train"))
    tuning, _ = reader.histories(rows.filter(pl.col("split") == "tuning"))
    name = target.task.name
    if not len(training) or not len(tuning):
        raise ModelError(
            f"task {name} has {len(training)} rows of training subjects and {len(tuning)} of tuning subjects with a "
            "history, and needs some of both; import more patients or widen the task"
        )
    if not 0 < training.label.mean() < 1:
        raise ModelError(
            f"all {len(training)} rows of training subjects of task {name} have one outcome only, so nothing can "
            "be learnt; import more patients or widen the task"
        )
    return training, tuning


def _of_stage(passed: Passed) -> dict[str, Any]:
    loss = None if math.isnan(passed.loss) else passed.loss
    return {
        "tuning_loss": loss,
        "passes": passed.passes,
        "seconds": round(passed.seconds, 1),
        "curve": list(passed.curve),
    }


def _clear(folder: Path) -> None:
    """Remove what only an interrupted training needs."""
    for stage in _STAGES:
        shutil.rmtree(folder / stage, ignore_errors=True)
    (folder / _PRETRAINED).unlink(missing_ok=True)
    (folder / "plan.json").unlink(missing_ok=True)
