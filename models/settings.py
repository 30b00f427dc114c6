"""Settings of a model: frozen values; each is a flag (`--set key=value`) and a key of a YAML file."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

import yaml

from ehr.errors import ModelError


@dataclass(frozen=True, slots=True)
class Architecture:
    """The shape of the decoder; the defaults of all groups fit two cores and one to a few thousand patients."""

    layers: int = 2
    """Blocks of attention and feed-forward."""
    width: int = 64
    """Numbers per position; a multiple of 4 * heads."""
    heads: int = 2
    """Attention heads of a block."""
    expansion: float = 2.75
    """Width of the feed-forward part as a multiple of width."""
    shortest_period: float = 0.25
    """Shortest period in days of the rotations by time."""
    longest_period: float = 73_000.0
    """Longest period in days of the rotations by time."""
    pools: int = 1
    """Weighted means of the states of a history that the heads for a task read."""
    wide: int = 16
    """Hidden numbers of the part of the heads that reads a summary of each code (count, last value ...); 0: none."""
    both_ways: bool = False
    """Read a history both ways for a task: hidden values are learnt in pre-training beside the next event."""
    ensemble: int = 8
    """Heads for a task, each trained on its own bootstrap of the subjects; their spread makes the interval."""


@dataclass(frozen=True, slots=True)
class Optimisation:
    """How the model is trained; pre-training reads timelines, fine-tuning reads the histories of a task."""

    seed: int = 1
    epochs: int = 2
    """Most passes of pre-training over the training subjects."""
    patience: int = 2
    """Passes without a better loss on the tuning subjects after which pre-training stops."""
    learning_rate: float = 3e-3
    hidden_share: float = 0.5
    """Share of the batches of pre-training in which values are hidden, where histories are read both ways."""
    weighted_after: str = ""
    """Codes, by comma, after which the next event counts `after_weight` times in pre-training: a discharge, say."""
    after_weight: float = 1.0
    """How often it counts there: more where what comes next is what will be asked for and is rare in the records."""
    emphasised: str = "MEDS_DEATH"
    """Codes, by comma, of which pre-training asks by themselves, too, whether they come next: rare, and of weight."""
    emphasis: float = 0.0
    """How often the answer to that counts beside the choice among all codes; chances stay those of the data."""
    dropout: float = 0.1
    """Share of the numbers in the residual stream that is left out in each step of pre-training."""
    pre_averaging: float = 0.0
    """Pre-training keeps a running mean of its weights that decays by this factor a step; 0 keeps the weights."""
    fine_tune_epochs: int = 4
    """Most passes of fine-tuning over the labelled rows of the training subjects."""
    fine_tune_patience: int = 3
    fine_tune_learning_rate: float = 5e-4
    fine_tune_dropout: float = 0.1
    """The same in fine-tuning."""
    wide_dropout: float = 0.3
    """Share of the summaries that each step of fine-tuning does without."""
    event_dropout: float = 0.0
    """Share of the events with a value that each step of fine-tuning does without."""
    averaging: float = 0.0
    """Fine-tuning keeps a running mean of its weights that decays by this factor a step; 0 keeps them as they are."""
    language_weight: float = 0.3
    """Weight of the next-event loss beside the loss of the task while fine-tuning, read forwards only."""
    positive_weight: float = 1.0
    """How often a row with the outcome counts in fine-tuning; what that adds to the scores is taken off again."""
    intervals: int = 20
    """Intervals over which the hazard of an endpoint is told; each holds as many events of the training rows."""
    frozen: bool = False
    """Train the heads only (linear probe) and leave the decoder as pre-training made it."""
    tokens_per_step: int = 2048
    """Most positions of one batch, padding included; with little data many small steps learn more than few large."""
    accumulate: int = 1
    """Batches whose gradients are added up before a step."""
    weight_decay: float = 0.1
    warmup: float = 0.1
    """Share of the steps over which the learning rate rises."""
    clip: float = 1.0
    """Largest norm of the gradient."""
    threads: int = 2
    """Threads of torch; on busy cores fewer can be much faster."""
    accelerator: str = "cpu"
    """As in Lightning: cpu, gpu, auto."""
    devices: int = 1
    """Processes that share the batches; `ddp_fork` runs several on CPUs."""
    strategy: str = "auto"
    """As in Lightning: auto, ddp_fork, ddp, fsdp."""
    precision: str = "32-true"
    """As in Lightning: 32-true, bf16-mixed."""


@dataclass(frozen=True, slots=True)
class Data:
    """What the model gets to read."""

    max_tokens: int = 256
    """Positions of one document, one per event: the prefix of a subject and the last events of the history."""
    thin_hours: float = 0.0
    """Of each code only the last event in every so many hours, counted back from the end, is read; 0 reads all."""
    unseen_warning: float = 0.2
    """Share of unseen codes in a history above which a prediction carries a warning."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one training."""

    architecture: Architecture = Architecture()
    optimisation: Optimisation = Optimisation()
    data: Data = Data()


GROUPS: Final[dict[str, type]] = {"architecture": Architecture, "optimisation": Optimisation, "data": Data}
FIELDS: Final[dict[str, tuple[str, type]]] = {
    field.name: (group, field.type if isinstance(field.type, type) else str)
    for group, values in GROUPS.items()
    for field in fields(values)
}
"""Name of every setting -> its group and its type; names are unique over the groups."""


def read_settings(config: Path | None = None, assignments: Iterable[str] = ()) -> Settings:
    """Read a YAML file, then assignments such as `width=64` over it; what neither names keeps its default.

    Keys stand alone (`width: 64`) or under their group (`architecture: {width: 64}`). Raises ModelError for an
    unknown key, naming the valid ones, and for a value of another type or out of range.
    """
    values: dict[str, Any] = {}
    if config is not None:
        values.update(_flat(_read_yaml(config), str(config)))
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals:
            raise ModelError(f"--set {assignment}: write it as key=value")
        values[key.strip().rpartition(".")[2]] = yaml.safe_load(value)
    return _build(values)


def settings_from(values: Mapping[str, Mapping[str, Any]]) -> Settings:
    """Build settings from the mapping that `as_mapping` gives, as a checkpoint holds it."""
    return _build(_flat(values, "the settings of the model"))


def as_mapping(settings: Settings) -> dict[str, dict[str, Any]]:
    """Return the settings as plain values by group."""
    return asdict(settings)


def _read_yaml(path: Path) -> Mapping[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"the settings in {path} cannot be read: {reason}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ModelError(f"{path} holds no mapping of settings; write lines such as 'width: 64'")
    return content


def _flat(content: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the settings by name, whether they stood alone or under their group."""
    values: dict[str, Any] = {}
    for key, value in content.items():
        if key not in GROUPS:
            values[key] = value
        elif isinstance(value, Mapping):
            values.update(value)
        else:
            raise ModelError(f"{where}: {key} is a group of settings, so lines such as 'width: 64' stand under it")
    return values


def _build(values: Mapping[str, Any]) -> Settings:
    groups: dict[str, dict[str, Any]] = {group: {} for group in GROUPS}
    for key, value in values.items():
        if key not in FIELDS:
            raise ModelError(f"there is no setting {key!r}; the settings are {', '.join(sorted(FIELDS))}")
        group, kind = FIELDS[key]
        groups[group][key] = _typed(key, value, kind)
    settings = Settings(
        Architecture(**groups["architecture"]), Optimisation(**groups["optimisation"]), Data(**groups["data"])
    )
    _check(settings)
    return settings


def _typed(key: str, value: Any, kind: type) -> Any:
    """Return `value` as `kind`; YAML reads 1e-3 as text, so numbers are tried from text too."""
    if kind is float and isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            return float(value)
        except ValueError:
            pass
    elif type(value) is kind:
        return value
    raise ModelError(f"setting {key} is {value!r} and has to be of type {kind.__name__}")


def _check(settings: Settings) -> None:
    shape, work, data = settings.architecture, settings.optimisation, settings.data
    positive = {
        "layers": shape.layers,
        "heads": shape.heads,
        "width": shape.width,
        "expansion": shape.expansion,
        "pools": shape.pools,
        "ensemble": shape.ensemble,
        "shortest_period": shape.shortest_period,
        "learning_rate": work.learning_rate,
        "fine_tune_learning_rate": work.fine_tune_learning_rate,
        "positive_weight": work.positive_weight,
        "after_weight": work.after_weight,
        "intervals": work.intervals,
        "tokens_per_step": work.tokens_per_step,
        "accumulate": work.accumulate,
        "threads": work.threads,
        "devices": work.devices,
    }
    for key, value in positive.items():
        if value <= 0:
            raise ModelError(f"setting {key} is {value} and has to be above 0")
    if shape.width % (4 * shape.heads):
        raise ModelError(f"setting width is {shape.width} and has to be a multiple of 4 * heads = {4 * shape.heads}")
    shares = {
        "dropout": work.dropout,
        "fine_tune_dropout": work.fine_tune_dropout,
        "event_dropout": work.event_dropout,
        "averaging": work.averaging,
        "pre_averaging": work.pre_averaging,
    }
    if work.emphasis < 0:
        raise ModelError(f"setting emphasis is {work.emphasis} and cannot be below 0")
    if not 0 <= work.hidden_share <= 1:
        raise ModelError(f"setting hidden_share is {work.hidden_share} and has to lie in [0, 1]")
    for key, share in shares.items():
        if not 0 <= share < 1:
            raise ModelError(f"setting {key} is {share} and has to lie in [0, 1)")
    if shape.longest_period <= shape.shortest_period:
        raise ModelError("setting longest_period has to be longer than shortest_period")
    if data.thin_hours < 0:
        raise ModelError(f"setting thin_hours is {data.thin_hours} and cannot be below 0")
    if data.max_tokens < 16:
        raise ModelError(f"setting max_tokens is {data.max_tokens} and has to be at least 16")
    if min(work.epochs, work.fine_tune_epochs, work.patience, work.fine_tune_patience) < 0:
        raise ModelError("settings epochs, patience, fine_tune_epochs and fine_tune_patience cannot be below 0")
