"""Trained models on disk: weights, settings, vocabulary, task and calibration, all that a prediction needs.

models/NAME/VERSION/weights.pt    the parameters, read with weights_only
models/NAME/VERSION/model.json    everything else; written last, so a folder without it is an unfinished training
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import orjson
import torch

from ehr.errors import ModelError, UnknownModel, VocabularyError
from ehr.timelines import Timelines
from ehr.vocabulary import Vocabulary, vocabulary_of
from models.calibration import Calibration, calibration_from
from models.events import layout_of
from models.heads import Classifier, Heads
from models.settings import Settings, as_mapping, settings_from
from models.survival.curves import recalibration_from
from models.survival.grid import grid_from
from models.survival.hazard import Hazard
from models.survival.heads import HazardHeads
from models.transformer import Decoder

WEIGHTS_FILE: Final = "weights.pt"
MODEL_FILE: Final = "model.json"
FORMAT: Final = 4
"""Version of model.json."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class TaskText:
    """The task that a model was trained for, as it was written."""

    name: str
    text: str

    @property
    def hash(self) -> str:
        """SHA-256 of the text."""
        return sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Trained:
    """A task that a model foresees: its heads on the fine-tuned decoder that all tasks share, and its calibration."""

    task: TaskText
    classifier: Classifier
    calibration: Calibration


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A trained model in memory: the pre-trained decoder, from which futures are drawn, and what foresees its task.

    Without a task it has no classifier and no calibration. `others` are the tasks that were learnt beside it; `of`
    gives the model with one of them in its place. A model of the time of an endpoint has `hazard` and no classifier.
    """

    name: str
    version: int
    settings: Settings
    vocabulary: Vocabulary
    decoder: Decoder
    classifier: Classifier | None
    calibration: Calibration | None
    task: TaskText | None
    data_hash: str
    created_at: datetime
    report: Mapping[str, Any]
    """Counts of subjects, tokens and rows, and what was measured on tuning subjects."""
    others: tuple[Trained, ...] = ()
    hazard: Hazard | None = None

    @property
    def trained(self) -> tuple[Trained, ...]:
        """All tasks with a classifier, the first one first."""
        if self.task is None or self.classifier is None or self.calibration is None:
            return ()
        return (Trained(self.task, self.classifier, self.calibration), *self.others)

    def of(self, task_hash: str) -> "Checkpoint":
        """Return the model with the task of this hash first; as it is when it has no classifier for such a task."""
        first = [trained for trained in self.trained if trained.task.hash == task_hash]
        if not first or self.task == first[0].task:
            return self
        others = tuple(trained for trained in self.trained if trained is not first[0])
        one = first[0]
        return replace(self, task=one.task, classifier=one.classifier, calibration=one.calibration, others=others)

    @property
    def until(self) -> datetime | None:
        """The time (UTC) after which nothing was learnt from, None where no time was named."""
        time = self.report.get("until")
        return datetime.fromisoformat(time) if time else None

    @property
    def parameters(self) -> int:
        """How many numbers were learnt; those that tasks share count once."""
        heads = [trained.classifier for trained in self.trained] + ([self.hazard.classifier] if self.hazard else [])
        return sum({id(one): one.numel() for part in (self.decoder, *heads) for one in part.parameters()}.values())

    @property
    def identity(self) -> dict[str, Any]:
        """What stands beside every prediction: which model, trained on what, read with which vocabulary."""
        return {
            "model": self.name,
            "version": self.version,
            "created_at": self.created_at.isoformat(),
            "task": self.task.name if self.task else None,
            "task_hash": self.task.hash if self.task else None,
            "tasks": [trained.task.name for trained in self.trained],
            "endpoint": self.hazard.endpoint if self.hazard else None,
            "vocabulary": self.vocabulary.name,
            "vocabulary_hash": self.vocabulary.hash,
            "data_hash": self.data_hash,
            "calibration_hash": _hash(self.calibration.as_mapping()) if self.calibration else None,
        }


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """One line of a list of models."""

    name: str
    version: int
    task: str | None
    created_at: datetime
    vocabulary: str
    vocabulary_hash: str
    data_hash: str
    parameters: int
    bytes: int


def save(folder: Path, checkpoint: Checkpoint) -> None:
    """Write the model into its folder; it counts as finished once model.json is there."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(_weights(checkpoint), folder / WEIGHTS_FILE)
    content = {
        "format": FORMAT,
        **checkpoint.identity,
        "parameters": checkpoint.parameters,
        "weights_sha256": sha256((folder / WEIGHTS_FILE).read_bytes()).hexdigest(),
        "settings": as_mapping(checkpoint.settings),
        "task_text": checkpoint.task.text if checkpoint.task else None,
        "trained": [_as_mapping(trained) for trained in checkpoint.trained],
        "hazard": checkpoint.hazard.as_mapping() if checkpoint.hazard else None,
        "report": dict(checkpoint.report),
        "vocabulary_definition": checkpoint.vocabulary.definition(),
    }
    write_json(folder / MODEL_FILE, content)


def load_model(folder: Path, vocabulary: Vocabulary | None = None) -> Checkpoint:
    """Read a finished model from its folder `models/NAME/VERSION`, ready to predict.

    Raises ModelError when it is not there or damaged, and VocabularyError when `vocabulary` is not the one that the
    model was trained with.
    """
    content = _read_model_file(folder)
    name = content["model"]
    own = vocabulary_of(content["vocabulary"], content["vocabulary_definition"])
    if own.hash != content["vocabulary_hash"]:
        raise ModelError(f"model {name} in {folder} is damaged: its vocabulary does not fit its hash; train it anew")
    if vocabulary is not None:
        require_vocabulary(name, own, vocabulary.name, vocabulary.hash)
    if sha256((folder / WEIGHTS_FILE).read_bytes()).hexdigest() != content["weights_sha256"]:
        raise ModelError(f"model {name} in {folder} is damaged: its weights do not fit their hash; train it anew")
    settings = settings_from(content["settings"])
    weights = torch.load(folder / WEIGHTS_FILE, map_location="cpu", weights_only=True)
    decoder = Decoder(settings.architecture, layout_of(own))
    try:
        decoder.load_state_dict(weights["decoder"])
        trained = _trained(content["trained"], weights, settings, own)
        hazard = _hazard(content["hazard"], weights, settings, own)
    except RuntimeError as error:
        raise ModelError(f"model {name} in {folder} is of another version of this program; train it anew") from error
    return Checkpoint(
        name,
        content["version"],
        settings,
        own,
        decoder.eval(),
        trained[0].classifier if trained else None,
        trained[0].calibration if trained else None,
        TaskText(content["task"], content["task_text"]) if content["task"] else None,
        content["data_hash"],
        datetime.fromisoformat(content["created_at"]),
        content["report"],
        trained[1:],
        hazard,
    )


def find_model(models: Path, name: str, version: int | None = None) -> Path:
    """Return the folder of a finished model, the newest version unless one is named.

    Raises UnknownModel, listing what exists, when there is none.
    """
    check_name(name)
    versions = [number for number in _versions(models / name) if (models / name / str(number) / MODEL_FILE).exists()]
    if version in versions or (version is None and versions):
        return models / name / str(version or max(versions))
    known = ", ".join(f"{model.name} (version {model.version})" for model in list_models(models))
    wanted = name if version is None else f"{name} version {version}"
    have = f"there are {known}" if known else "there is none yet; train one with 'ehr train --model NAME'"
    raise UnknownModel(f"there is no finished model {wanted} in {models}; {have}")


def list_models(models: Path) -> list[ModelSummary]:
    """Return all finished models under the folder `models` that this program can read, by name and version."""
    return [_summary(folder) for folder in _finished(models) if _problem(folder) is None]


def unreadable_models(models: Path) -> dict[str, str]:
    """Return NAME/VERSION -> why, of the finished models that another version wrote or that are damaged."""
    problems = ((folder, _problem(folder)) for folder in _finished(models))
    return {f"{folder.parent.name}/{folder.name}": problem for folder, problem in problems if problem}


def open_version(models: Path, name: str, plan: Mapping[str, Any]) -> tuple[Path, int]:
    """Return the folder and number of the version to train: the unfinished one with the same `plan`, or a new one.

    Raises ModelError when the unfinished one was begun with another plan, naming what differs.
    """
    check_name(name)
    versions = _versions(models / name)
    latest = max(versions, default=0)
    folder = models / name / str(latest)
    if latest and not (folder / MODEL_FILE).exists() and (folder / "plan.json").exists():
        begun = orjson.loads((folder / "plan.json").read_bytes())
        differing = _differences(begun, orjson.loads(orjson.dumps(dict(plan))))
        if differing:
            raise ModelError(
                f"training of model {name} was interrupted and begun with other {', '.join(differing)}; go on with "
                f"the same, name another model, or remove {folder} to begin anew"
            )
        return folder, latest
    folder = models / name / str(latest + 1)
    folder.mkdir(parents=True)
    write_json(folder / "plan.json", dict(plan))
    return folder, latest + 1


def require_vocabulary(model: str, own: Vocabulary, name: str, found_hash: str) -> None:
    """Raise VocabularyError, naming both, unless `found_hash` is that of the model's `own` vocabulary."""
    if own.hash != found_hash:
        raise VocabularyError(
            f"model {model} was trained with vocabulary {own.name} ({own.hash[:12]}) and cannot read {name} "
            f"({found_hash[:12]}); train it anew with 'ehr train', or name a model of that vocabulary"
        )


def check_name(name: str) -> None:
    """Raise ModelError unless `name` can be the name of a folder."""
    if not _NAME.fullmatch(name):
        raise ModelError(f"a model cannot be called {name!r}; use letters, digits, '.', '_' and '-'")


def timelines_hash(timelines: Timelines) -> str:
    """Return a SHA-256 of the timelines: subjects, tokens, times and values, and what the tokens mean."""
    digest = sha256(timelines.vocabulary_hash.encode())
    times = timelines.times.view("int64")
    for part in (timelines.subject_ids, timelines.offsets, timelines.tokens, times, timelines.values):
        digest.update(part.tobytes())
    return digest.hexdigest()


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file in one step: it is there whole or not at all."""
    scratch = path.with_suffix(".tmp")
    scratch.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY))
    os.replace(scratch, path)


def now() -> datetime:
    """Return the time in UTC, to the second, without a zone."""
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)


def _weights(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return what the file of weights holds: the decoder, the fine-tuned one, the heads of each task."""
    weights: dict[str, Any] = {"decoder": checkpoint.decoder.state_dict()}
    if checkpoint.trained:
        weights["fine_tuned"] = checkpoint.trained[0].classifier.decoder.state_dict()
        weights["heads"] = [trained.classifier.heads.state_dict() for trained in checkpoint.trained]
    if checkpoint.hazard is not None:
        weights["hazard"] = checkpoint.hazard.classifier.state_dict()
    return weights


def _trained(
    entries: Sequence[Mapping[str, Any]], weights: Mapping[str, Any], settings: Settings, vocabulary: Vocabulary
) -> tuple[Trained, ...]:
    """Return the tasks of a model file, all on one decoder; raises RuntimeError for weights of another shape."""
    if not entries:
        return ()
    shape = settings.architecture
    decoder = Decoder(shape, layout_of(vocabulary)).eval()
    decoder.load_state_dict(weights["fine_tuned"])
    found = []
    for entry, state in zip(entries, weights["heads"], strict=True):
        heads = Heads(shape, len(vocabulary), base_rate=0.5)
        heads.load_state_dict(state)
        task = TaskText(entry["task"], entry["task_text"])
        found.append(Trained(task, Classifier(decoder, heads).eval(), calibration_from(entry["calibration"])))
    return tuple(found)


def _hazard(
    entry: Mapping[str, Any] | None, weights: Mapping[str, Any], settings: Settings, vocabulary: Vocabulary
) -> Hazard | None:
    """Return the hazard of a model file; raises RuntimeError for weights of another shape."""
    if entry is None:
        return None
    grid = grid_from(entry["grid"])
    decoder = Decoder(settings.architecture, layout_of(vocabulary))
    classifier = Classifier(decoder, HazardHeads(settings.architecture, grid)).eval()
    classifier.load_state_dict(weights["hazard"])
    return Hazard(entry["endpoint"], classifier, grid, recalibration_from(entry["recalibration"]))


def _as_mapping(trained: Trained) -> dict[str, Any]:
    task, calibration = trained.task, trained.calibration.as_mapping()
    return {"task": task.name, "task_hash": task.hash, "task_text": task.text, "calibration": calibration}


def _read_model_file(folder: Path) -> dict[str, Any]:
    path = folder / MODEL_FILE
    if not path.exists():
        raise ModelError(f"there is no finished model in {folder}; train it with 'ehr train --model NAME'")
    try:
        content = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise ModelError(f"{path} is damaged; train the model anew") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ModelError(f"{path} is of another version of this program; train the model anew")
    return content


def _finished(models: Path) -> list[Path]:
    """Return the folders of all finished models, by name and version."""
    names = sorted(models.iterdir()) if models.is_dir() else []
    folders = (name / str(version) for name in names for version in _versions(name))
    return [folder for folder in folders if (folder / MODEL_FILE).exists()]


def _problem(folder: Path) -> str | None:
    """Return why a finished model cannot be read, None when it can."""
    try:
        _read_model_file(folder)
    except ModelError as error:
        return str(error)
    return None


def _summary(folder: Path) -> ModelSummary:
    content = _read_model_file(folder)
    return ModelSummary(
        content["model"],
        content["version"],
        ", ".join(content["tasks"]) or content["task"],
        datetime.fromisoformat(content["created_at"]),
        content["vocabulary"],
        content["vocabulary_hash"],
        content["data_hash"],
        content["parameters"],
        sum(file.stat().st_size for file in folder.iterdir() if file.is_file()),
    )


def _versions(folder: Path) -> list[int]:
    """Return the numbers of the versions of a model, finished or not, rising."""
    if not folder.is_dir():
        return []
    return sorted(int(entry.name) for entry in folder.iterdir() if entry.name.isdigit())


def _differences(begun: Mapping[str, Any], plan: Mapping[str, Any]) -> list[str]:
    """Return the names of what differs between two plans; groups of settings are looked into."""
    names = []
    for key in sorted({*begun, *plan}):
        old, new = begun.get(key), plan.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            names += _differences(old, new)
        elif old != new:
            names.append(key.replace("_", " "))
    return names


def _hash(content: Mapping[str, Any]) -> str:
    return sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()
