"""Effects: how the estimate changes when events are left out of what the model reads, found by leaving them out."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import logit

from ehr.errors import ModelError
from models.calibration import LEVEL, Calibration
from models.checkpoint import Checkpoint
from models.explain.history import Bools, Floats, History, Int64s, scores_without
from models.explain.preselect import preselected
from models.heads import Classifier

_SMALLEST: Final = 1e-12
"""Keeps log-odds finite where a calibration says 0 or 1."""


@dataclass(frozen=True, slots=True)
class Change:
    """An estimate with something and without it.

    `effect` is `risk - without`, above 0 where that something raises the estimate; 90 % of the replicates of the
    calibration have theirs between `low` and `high`. `log_odds` is the same change of the log-odds.
    """

    risk: float
    without: float
    effect: float
    low: float
    high: float
    log_odds: float


@dataclass(frozen=True, slots=True)
class Scorer:
    """The supervised part of a model: its classifier, and the calibration that makes risks of scores."""

    classifier: Classifier
    calibration: Calibration

    def estimates(self, history: History, removed: Bools) -> Floats:
        """Return risk, low and high (v, 3) with the positions `removed` (v, p) taken out."""
        scores = scores_without(self.classifier, history, removed)
        return np.stack(self.calibration.risks(scores), axis=1)

    def risks(self, history: History, removed: Bools) -> Floats:
        """Return the risks (v,) with the positions `removed` (v, p) taken out."""
        scores = scores_without(self.classifier, history, removed)
        return self.calibration.risks(scores)[0]

    def changes(self, history: History, removed: Bools) -> list[Change]:
        """Return for each of the variants `removed` (v, p) what taking out those positions changes."""
        whole = np.zeros((1, len(history)), dtype=bool)
        scores = scores_without(self.classifier, history, np.concatenate([whole, removed]))
        risks, _, _ = self.calibration.risks(scores)
        spread = self.calibration.spread(scores)
        effects = risks[0] - risks[1:]
        low, high = np.quantile(spread[0] - spread[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=1)
        odds = log_odds(risks)
        columns = (
            np.full(len(removed), risks[0]),
            risks[1:],
            effects,
            np.minimum(low, effects),
            np.maximum(high, effects),
            odds[0] - odds[1:],
        )
        return [Change(*row) for row in np.stack(columns, axis=1).tolist()]


def scorer_of(checkpoint: Checkpoint) -> Scorer:
    """Return the supervised part of a model; raises ModelError when it has none."""
    if checkpoint.classifier is None or checkpoint.calibration is None:
        raise ModelError(
            f"model {checkpoint.name} was pre-trained without a task, so there is no supervised estimate to explain; "
            f"train it for one with 'ehr train --task TASK --model {checkpoint.name}'"
        )
    return Scorer(checkpoint.classifier, checkpoint.calibration)


def log_odds(risks: Floats) -> Floats:
    """Return the log-odds of risks."""
    odds: Floats = logit(np.clip(risks, _SMALLEST, 1 - _SMALLEST))
    return odds


def ranked_events(scorer: Scorer, history: History, candidates: int) -> list[tuple[int, Change]]:
    """Return the events of a history with their exact effects, the greatest first, whichever way they go.

    Where there are more than `candidates`, only those are left out one by one at which the score is steepest.
    """
    events = preselected(scorer.classifier, history, candidates)
    changes = scorer.changes(history, history.without(events))
    return sorted(zip(events.tolist(), changes, strict=True), key=lambda pair: -abs(pair[1].effect))


def groups_removed(history: History, groups: list[Int64s]) -> Bools:
    """Return for each group of events the positions (g, p) that go with it."""
    if not groups:
        return np.zeros((0, len(history)), dtype=bool)
    return np.concatenate([history.without_all(group) for group in groups])
