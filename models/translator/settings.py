"""Settings of a translator: its shape and how it is trained, frozen and kept with the weights."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

from ehr.errors import ModelError


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape of the network; the defaults give about a million numbers."""

    width: int = 128
    """Numbers per position; a multiple of 2 * heads."""
    heads: int = 4
    encoder_layers: int = 2
    decoder_layers: int = 2
    expansion: float = 3.0
    """Width of the feed-forward part as a multiple of width."""
    buckets: int = 2048
    """Rows of the table that pieces of words share by their hash."""
    shortest_piece: int = 3
    """Letters of the shortest piece of a word, its ends counted."""
    longest_piece: int = 5
    tied: bool = True
    """Whether the scores of the output tokens use the same table as their embeddings."""
    unused_cost: float = 2.0
    """What a slot of the question that an answer leaves out takes off its log-probability (nats)."""
    longest_question: int = 96
    """Words of a question that are read; a longer one is cut."""
    longest_answer: int = 96
    """Tokens after which decoding gives up."""


@dataclass(frozen=True, slots=True)
class Work:
    """How a translator is trained."""

    seed: int = 1
    """Seed of the first member; the others count on from it."""
    members: int = 1
    """Networks trained alike but for their seed; they decode together, and their agreement is a signal."""
    epochs: int = 14
    """Most passes over the training pairs."""
    patience: int = 8
    """Passes without a better held-out error after which training stops."""
    batch: int = 64
    """Pairs of a step."""
    learning_rate: float = 2e-3
    warmup: float = 0.08
    """Share of the steps over which the learning rate rises."""
    weight_decay: float = 0.05
    clip: float = 1.0
    """Largest norm of the gradient."""
    averaging: float = 0.99
    """A running mean of the weights that decays by this factor a step is kept; 0 keeps the weights as they are."""
    dropout: float = 0.1
    smoothing: float = 0.05
    """Share of the probability that label smoothing spreads over all tokens."""
    word_dropout: float = 0.1
    """Share of the words that a step reads by their pieces alone, as it would an unseen word."""
    renumbering: float = 0.5
    """Share of the pairs whose slots get other numbers in a step, in question and tokens alike."""
    answerable_weight: float = 0.3
    """Weight of the loss of the answerable head beside that of the tokens."""
    rarest: int = 2
    """A word that fewer training questions hold is read by its pieces alone."""
    threads: int = 1
    precision: str = "32-true"
    """As in Lightning; `bf16-mixed` is twice as fast on CPUs that multiply in bfloat16 and slower on others."""


@dataclass(frozen=True, slots=True)
class TranslatorSettings:
    """All settings of a translator."""

    shape: Shape = field(default_factory=Shape)
    work: Work = field(default_factory=Work)


_GROUPS: Final[dict[str, type]] = {"shape": Shape, "work": Work}


def as_mapping(settings: TranslatorSettings) -> dict[str, Any]:
    """Return the settings as plain values by group."""
    return asdict(settings)


def settings_from(values: Mapping[str, Any]) -> TranslatorSettings:
    """Build settings from the mapping that `as_mapping` gives; keys may also stand without their group.

    Raises ModelError for an unknown key, a value of another type, and one out of range.
    """
    groups: dict[str, dict[str, Any]] = {group: {} for group in _GROUPS}
    flat = {key: value for key, value in values.items() if key not in _GROUPS}
    for group in _GROUPS:
        flat.update(values.get(group, {}))
    types = {one.name: (group, one.type) for group, kind in _GROUPS.items() for one in fields(kind)}
    for key, value in flat.items():
        if key not in types:
            raise ModelError(f"a translator has no setting {key!r}; its settings are {', '.join(sorted(types))}")
        group, kind = types[key]
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            wanted = kind.__name__ if isinstance(kind, type) else kind
            raise ModelError(f"setting {key} of the translator is {value!r} and has to be of type {wanted}")
        groups[group][key] = value
    settings = TranslatorSettings(Shape(**groups["shape"]), Work(**groups["work"]))
    _check(settings)
    return settings


def _check(settings: TranslatorSettings) -> None:
    shape, work = settings.shape, settings.work
    shares = {
        "dropout",
        "smoothing",
        "word_dropout",
        "renumbering",
        "averaging",
        "warmup",
    }
    for key, value in {**asdict(shape), **asdict(work)}.items():
        if key in shares:
            if not 0 <= value <= (1 if key == "renumbering" else 0.9999):
                raise ModelError(f"setting {key} of the translator is {value} and has to lie in [0, 1)")
        elif key in ("answerable_weight", "weight_decay", "seed", "patience", "unused_cost"):
            if value < 0:
                raise ModelError(f"setting {key} of the translator is {value} and cannot be below 0")
        elif key not in ("tied", "precision") and value <= 0:
            raise ModelError(f"setting {key} of the translator is {value} and has to be above 0")
    if shape.width % (2 * shape.heads):
        raise ModelError(f"setting width is {shape.width} and has to be a multiple of 2 * heads = {2 * shape.heads}")
    if shape.longest_piece < shape.shortest_piece:
        raise ModelError("setting longest_piece of the translator cannot be below shortest_piece")
