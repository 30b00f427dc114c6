"""Learning whom to trust: attempts at questions that their parser had not seen, and the confidence fitted on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from ehr.errors import ModelError
from sql.text.answering.answering import Judge
from sql.text.answering.confidence import Confidence, Outcome, Trust, confidence_from, fit_confidence
from sql.text.answering.familiarity import Familiarity, familiarity_from
from sql.text.answering.outcomes import Worth, worth

JUDGE_FILE: Final = "judge.json"
FORMAT: Final = 1
COSTS: Final = (0.0, 5.0, 10.0)
RIDGES: Final = (1.0, 5.0, 20.0, 60.0, 200.0)
"""Pulls on the weights of the confidence to choose from."""
_PARTS: Final = 5


@dataclass(frozen=True, slots=True)
class Judged:
    """An attempt at a held-out question: its signals and how it ended.

    `question` is the number of the question, `made` whether it is a made one, and `part` what was kept from the
    parser. A question that was parted several times over has an attempt for each.
    """

    signals: Mapping[str, float]
    outcome: Outcome
    question: int
    made: bool = False
    part: int = 0


def judge_of(judged: Sequence[Judged], familiarity: Familiarity, none_share: float | None) -> Judge:
    """Fit the confidence on attempts, questions without an answer weighing as `none_share` says."""
    return Judge(familiarity, _fitted(judged, none_share, chosen_ridge(judged, none_share)))


def chosen_ridge(judged: Sequence[Judged], none_share: float | None) -> float:
    """Return the pull on the weights with which attempts at other questions foretell those at a part best.

    Each part keeps other meanings from its parser, so what serves there serves questions that are new in other ways.
    """

    def surprise(ridge: float) -> float:
        weights = _weights([one.outcome for one in judged], none_share)
        trusts = _foretold(judged, none_share, ridge)
        chances = [_chance(trust, one.outcome) for trust, one in zip(trusts, judged, strict=True)]
        return -float(np.average(np.log(np.maximum(chances, 1e-12)), weights=weights))

    return min(RIDGES, key=surprise)


def _chance(trust: Trust, outcome: Outcome) -> float:
    return {"right": trust.right, "none": trust.none, "wrong": 1 - trust.right - trust.none}[outcome]


def _fitted(judged: Sequence[Judged], none_share: float | None, ridge: float) -> Confidence:
    return fit_confidence([one.signals for one in judged], [one.outcome for one in judged], none_share, ridge)


def _foretold(judged: Sequence[Judged], none_share: float | None, ridge: float, seed: int = 0) -> list[Trust]:
    """Return the trust in each attempt by a confidence that saw no attempt at a question of its part.

    Where the others did not end in different ways, as where there is one part only, parts drawn at random stand for
    them.
    """
    parts = np.array([one.part for one in judged])
    if any(len({one.outcome for one in _others(judged, parts, part)}) < 2 for part in np.unique(parts)):
        drawn = np.random.default_rng(seed).integers(_PARTS, size=1 + max(one.question for one in judged))
        parts = drawn[[one.question for one in judged]]
    trusts: dict[int, Trust] = {}
    for part in np.unique(parts):
        confidence = _fitted(_others(judged, parts, part), none_share, ridge)
        trusts |= {at: confidence(judged[at].signals) for at in np.flatnonzero(parts == part).tolist()}
    return [trusts[at] for at in range(len(judged))]


def _others(judged: Sequence[Judged], parts: NDArray[np.int64], part: int) -> list[Judged]:
    """Return the attempts at questions that no attempt of a part is at."""
    inside = {judged[at].question for at in np.flatnonzero(parts == part).tolist()}
    return [one for one in judged if one.question not in inside]


@dataclass(frozen=True, slots=True)
class Expected:
    """What answering is expected to be worth: at each cost, and how reliable the confidence is.

    `reliability` gives, for tenths of the questions by confidence, the mean confidence and the share that was right.
    """

    worths: tuple[Worth, ...]
    accuracy: float
    reliability: tuple[tuple[float, float], ...]

    def as_mapping(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            **{f"RS({one.cost:g})": round(one.score, 2) for one in self.worths},
            "answered": {f"{one.cost:g}": one.answered for one in self.worths},
            "wrong": {f"{one.cost:g}": one.wrong for one in self.worths},
            "accuracy_answerable": round(self.accuracy, 4),
            "reliability": [[round(mean, 4), round(share, 4)] for mean, share in self.reliability],
        }


def expected(judged: Sequence[Judged], none_share: float | None, seed: int = 0) -> Expected:
    """Judge the confidence by attempts at questions that it was not fitted on, real questions only.

    Questions without an answer count as `none_share` says.
    """
    trusts = _foretold(judged, none_share, chosen_ridge(judged, none_share), seed)
    real = [(one.outcome, trust) for one, trust in zip(judged, trusts, strict=True) if not one.made]
    outcomes = [outcome for outcome, _ in real]
    held = [trust for _, trust in real]
    weights = _weights(outcomes, none_share)
    answerable = [outcome for outcome in outcomes if outcome != "none"]
    return Expected(
        tuple(worth(held, outcomes, cost, weights) for cost in COSTS),
        answerable.count("right") / max(1, len(answerable)),
        _reliability(held, outcomes),
    )


def _weights(outcomes: Sequence[Outcome], none_share: float | None) -> list[float]:
    none = sum(one == "none" for one in outcomes)
    if none_share is None or not 0 < none < len(outcomes):
        return [1.0] * len(outcomes)
    heavy = none_share / (1 - none_share) * (len(outcomes) - none) / none
    return [heavy if outcome == "none" else 1.0 for outcome in outcomes]


def _reliability(trusts: Sequence[Trust], outcomes: Sequence[Outcome]) -> tuple[tuple[float, float], ...]:
    order = np.argsort([trust.right for trust in trusts], kind="stable")
    groups = [group for group in np.array_split(order, 10) if len(group)]
    return tuple(
        (
            float(np.mean([trusts[at].right for at in group])),
            float(np.mean([outcomes[at] == "right" for at in group])),
        )
        for group in groups
    )


def save_judge(folder: Path, judge: Judge, report: Mapping[str, Any]) -> None:
    """Write what attempts are trusted by, and the report of the training, into a folder."""
    content = {
        "format": FORMAT,
        "confidence": judge.confidence.as_mapping(),
        "familiarity": judge.familiarity.as_mapping(),
        "report": dict(report),
    }
    (folder / JUDGE_FILE).write_bytes(orjson.dumps(content))


def load_judge(folder: Path) -> tuple[Judge, dict[str, Any]]:
    """Read what `save_judge` wrote, with the report; raises ModelError when there is none or it is damaged."""
    file = folder / JUDGE_FILE
    try:
        content = orjson.loads(file.read_bytes())
    except FileNotFoundError as error:
        raise ModelError(f"there is no trained translator in {folder}; {HOW_TO_TRAIN}") from error
    except orjson.JSONDecodeError as error:
        raise ModelError(f"{file} cannot be read: {error}; train the translator again") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ModelError(f"{file} is not of version {FORMAT} of this format; train the translator again")
    confidence = confidence_from(content["confidence"])
    return Judge(familiarity_from(content["familiarity"]), confidence), content["report"]


HOW_TO_TRAIN: Final = (
    "train one first: 'ehr train --translator --questions FILE.json --db FOLDER --catalogue NAME --out FOLDER'"
)
