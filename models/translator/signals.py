"""What speaks for and against a translation being right: the features of a calibrated confidence."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np

from models.translator.decoding import Hypothesis, Judgement


@dataclass(frozen=True, slots=True)
class Signals:
    """Signals of one translation. Logarithms are natural and at most 0; shares and probabilities lie in [0, 1]."""

    mean_log: float
    """Mean log-probability of the tokens of the best answer."""
    least_log: float
    """That of its least likely token."""
    total_log: float
    """That of the whole answer."""
    margin: float
    """How far the score stands above that of the second answer; 30 where there is none."""
    entropy: float
    """Largest entropy of a choice."""
    agreement: float
    """Share of the members that would write the same answer by themselves."""
    least_member_log: float
    """Log-probability of the whole answer by the member that likes it least."""
    answerable: float
    """Mean probability by the members that the question has an answer."""
    least_answerable: float
    """The least of these probabilities."""
    unseen_words: float
    """Share of the words of the question that no training question held."""
    retold_mean: float = 0.0
    """Mean log-probability of the words of the question given the best answer; 0 here and below where nobody told."""
    retold_least_log: float = 0.0
    """That of the least likely word."""
    retold_run_log: float = 0.0
    """That of the least likely run of three words."""
    retold_total_log: float = 0.0
    """That of the whole question."""
    retold_margin: float = 0.0
    """How far that stands above what the likeliest of the other answers gives the question, at most 8 either way."""

    def as_mapping(self) -> Mapping[str, float]:
        """Return the signals by name."""
        return asdict(self)


_RUN: Final = 3
_MOST_MARGIN: Final = 8.0
NO_WAY: Final = -30.0
"""Log-probability in place of that of an answer where the grammar leaves none."""


def signals_of(
    answers: Sequence[Hypothesis], judgements: Sequence[Judgement], place: int, unseen_words: float
) -> Signals:
    """Gather the signals of the question at `place` of a batch that the members judged."""
    answerable = [float(one.answerable[place]) for one in judgements]
    shared = (float(np.mean(answerable)), min(answerable), unseen_words)
    if not answers:
        return Signals(NO_WAY, NO_WAY, NO_WAY, 0.0, -NO_WAY, 0.0, NO_WAY, *shared, *[NO_WAY] * 4)
    best = answers[0]
    margin = best.score - answers[1].score if len(answers) > 1 else -NO_WAY
    return Signals(
        float(np.mean(best.logs)),
        min(best.logs),
        best.log,
        min(margin, -NO_WAY),
        max(best.entropies),
        float(np.mean([one.same[place] for one in judgements])),
        max(min(float(one.logs[place]) for one in judgements), NO_WAY),
        *shared,
        *_retold(answers),
    )


def _retold(answers: Sequence[Hypothesis]) -> tuple[float, ...]:
    """Return the signals of the words of the question given the best answer."""
    logs = answers[0].retold
    if not logs:
        return ()
    total = sum(logs)
    runs = [sum(logs[at : at + _RUN]) for at in range(max(1, len(logs) - _RUN + 1))]
    others = [sum(one.retold) for one in answers[1:]]
    margin = min(max(total - max(others), -_MOST_MARGIN), _MOST_MARGIN) if others else _MOST_MARGIN
    return float(np.mean(logs)), min(logs), min(runs), total, margin
