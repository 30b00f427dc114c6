"""Training a model: next-token pre-training on timelines, fine-tuning for a task, calibration.

Only training subjects reach a loss that is learnt from; tuning subjects choose when to stop and fit the calibration;
held-out subjects are not read. A training that was interrupted goes on where its last whole pass ended.
"""

import copy
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
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
from ehr.timelines import Timelines
from ehr.vocabulary import Vocabulary
from models.calibration import Calibration, fit_calibration
from models.checkpoint import (
    Checkpoint,
    TaskText,
    Trained,
    now,
    open_version,
    require_vocabulary,
    save,
    timelines_hash,
)
from models.data import Documents, Reader, bootstrap_weights, side_by_side
from models.events import layout_of
from models.heads import Classifier, Heads, ManyHeads
from models.learner import Learner, Material, Passed, fit, quiet, scores_of, threads
from models.objectives import weights_after
from models.readings import fuse
from models.settings import Settings, as_mapping
from models.survival.hazard import Times, fit_hazard
from models.transformer import Decoder

_PRETRAINED: Final = "pretrained.pt"
_STAGES: Final = ("pre-training", "fine-tuning")


@dataclass(frozen=True, slots=True)
class Labelled:
    """A task with its label frame (subject_id, prediction_time, boolean_value).

    `audit` is what the leakage audit found on it, as plain values, which the report of the model keeps.
    """

    task: TaskText
    labels: pl.DataFrame
    audit: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Timed:
    """A task with the times of one of its endpoints."""

    task: TaskText
    times: Times


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
    progress: Progress = silent,
) -> Checkpoint:
    """Train the next version of model `name` in the folder `models`, and return it.

    Without a `target` it is pre-trained only; `also` are further tasks, which share the fine-tuned decoder, and
    `times` in place of a target teach it when an endpoint comes. `base` is a model whose decoder is taken instead of
    pre-training; its architecture then replaces that of the settings. `split` says of each subject where it belongs,
    in place of the hash of its number; who is not in it is left out. When the last version is unfinished, it is
    finished.
    Raises ModelError when the data cannot teach the model: no training or tuning subjects, no rows, one outcome only.
    """
    settings = settings or Settings()
    targets = _distinct(target, also)
    if times is not None and targets:
        raise ModelError("a model learns the labels of tasks or the time of an endpoint; train one model for each")
    require_vocabulary(name, vocabulary, "the vocabulary of the timelines", timelines.vocabulary_hash)
    if base is not None:
        require_vocabulary(base.name, base.vocabulary, vocabulary.name, vocabulary.hash)
        settings = Settings(base.settings.architecture, settings.optimisation, settings.data)
    data_hash = timelines_hash(timelines)
    folder, version = open_version(models, name, _plan(settings, vocabulary, data_hash, targets, times, base, split))
    reader = reader_of(timelines, vocabulary, settings)
    with quiet(), threads(settings.optimisation.threads):
        lightning.seed_everything(settings.optimisation.seed, verbose=False)
        decoder, report = _pre_trained(folder, reader, vocabulary, settings, base, split, progress)
        trained: tuple[Trained, ...] = ()
        hazard = None
        if targets:
            trained, learnt = _fine_tuned(folder, reader, decoder, settings, targets, split, progress)
            report |= learnt
        if times is not None:
            given = partial(splits, given=split)
            hazard, passed, learnt = fit_hazard(folder, reader, decoder, settings, times.times, given, progress)
            report["time_to_event"] = {**learnt, **_of_stage(passed)}
    first = trained[0] if trained else None
    checkpoint = Checkpoint(
        name,
        version,
        settings,
        vocabulary,
        decoder.eval(),
        first.classifier if first else None,
        first.calibration if first else None,
        first.task if first else times.task if times else None,
        data_hash,
        now(),
        report,
        trained[1:],
        hazard,
    )
    save(folder, checkpoint)
    _clear(folder)
    return checkpoint


def reader_of(timelines: Timelines, vocabulary: Vocabulary, settings: Settings) -> Reader:
    """Return the timelines ready to be cut into documents for a model with these settings."""
    query_token = len(vocabulary)
    birth_token = vocabulary.code_tokens.get(BIRTH, -1)
    what = settings.data
    return Reader(fuse(timelines, vocabulary), what.max_tokens, query_token, birth_token, what.thin_hours)


def _pre_trained(
    folder: Path,
    reader: Reader,
    vocabulary: Vocabulary,
    settings: Settings,
    base: Checkpoint | None,
    assigned: Mapping[int, Split] | None,
    progress: Progress,
) -> tuple[Decoder, dict[str, Any]]:
    """Return the decoder after the first stage: that of `base`, that of an interrupted run, or one trained now."""
    decoder = Decoder(settings.architecture, layout_of(vocabulary))
    if base is not None:
        decoder.load_state_dict(base.decoder.state_dict())
        return decoder, {"base": base.identity}
    done = folder / _PRETRAINED
    if done.exists():
        saved = torch.load(done, map_location="cpu", weights_only=True)
        decoder.load_state_dict(saved["decoder"])
        return decoder, saved["report"]
    split = splits(reader.timelines.subject_ids, assigned).to_numpy()
    training, tuning = reader.pieces(split == "train"), reader.pieces(split == "tuning")
    if not len(training) or not len(tuning):
        raise ModelError(
            "the store has no events of training or of tuning subjects to learn from; import more patients"
        )
    work = settings.optimisation
    learner = Learner(decoder, None, work, weights_after(vocabulary, work))
    passed = fit("pre-training", learner, Material(reader, training, tuning), folder / "pre-training", progress)
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
    folder: Path,
    reader: Reader,
    decoder: Decoder,
    settings: Settings,
    targets: Sequence[Labelled],
    assigned: Mapping[int, Split] | None,
    progress: Progress,
) -> tuple[tuple[Trained, ...], dict[str, Any]]:
    """Train heads for all tasks on one copy of the decoder, calibrate each, and say what was measured.

    The decoder itself stays as it is: histories end before the outcome, so a decoder that goes on learning from them
    forgets how often it comes, and its futures would be wrong.
    """
    pairs = [_labelled_documents(reader, target, assigned) for target in targets]
    shape, work = settings.architecture, settings.optimisation
    rates = [float(training.label.mean()) for training, _ in pairs]
    heads = [Heads(shape, decoder.tokens, rate, work.positive_weight) for rate in rates]
    drawn = [bootstrap_weights(training, shape.ensemble, work.seed) for training, _ in pairs]
    training, tuning = side_by_side(drawn), side_by_side([tuning for _, tuning in pairs])
    shared = copy.deepcopy(decoder)
    learner = Learner(shared, heads[0] if len(heads) == 1 else ManyHeads(heads), work)
    passed = fit("fine-tuning", learner, Material(reader, training, tuning), folder / "fine-tuning", progress)
    trained, reports = [], []
    for target, own, (rows, tuning_rows) in zip(targets, heads, pairs, strict=True):
        own.unweigh()
        classifier = Classifier(shared, own)
        calibration, measured = _calibrated(classifier, reader, tuning_rows, work.seed)
        trained.append(Trained(target.task, classifier, calibration))
        counts = {"rows": len(rows), "events": int(rows.label.sum())}
        audit = {"audit": dict(target.audit)} if target.audit is not None else {}
        reports.append({"task": target.task.name, **counts, **measured, **audit})
    first = {key: value for key, value in reports[0].items() if key not in ("task", "audit")}
    report: dict[str, Any] = {"fine_tuning": {**first, **_of_stage(passed)}}
    report |= {key: reports[0][key] for key in ("audit",) if key in reports[0]}
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


def _plan(
    settings: Settings,
    vocabulary: Vocabulary,
    data_hash: str,
    targets: Sequence[Labelled],
    times: Timed | None,
    base: Checkpoint | None,
    split: Mapping[int, Split] | None,
) -> Mapping[str, Any]:
    """Return what has to be the same for an interrupted training to go on."""
    return {
        "settings": as_mapping(settings),
        "vocabulary": vocabulary.hash,
        "data": data_hash,
        "task": [target.task.hash for target in targets],
        "labels": [_labels_hash(target) for target in targets],
        "times": [times.task.hash, times.times.endpoint, _hash_of(times.times.rows)] if times else None,
        "split": sha256(repr(sorted(split.items())).encode()).hexdigest() if split is not None else None,
        "base_model": [base.name, base.version] if base else None,
    }


def _labels_hash(target: Labelled) -> str:
    return _hash_of(target.labels.select("subject_id", "prediction_time", "boolean_value"))


def _hash_of(rows: pl.DataFrame) -> str:
    return str(rows.sort(pl.all()).hash_rows(seed=0).sum())


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
