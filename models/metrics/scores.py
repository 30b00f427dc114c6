"""All metrics of all estimators on the same rows, and the differences of each pair."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.metrics.bootstrap import Draws, Estimate, Sample, sample
from models.metrics.measures import METRICS, metrics_of
from models.metrics.rows import number, ranked


@dataclass(frozen=True, slots=True)
class Scores:
    """Metrics of each estimator, and for each pair (first, second) the metric of the first minus the second."""

    estimators: dict[str, dict[str, Estimate]]
    differences: dict[tuple[str, str], dict[str, Estimate]]
    replicates: int


def measure(risk: npt.ArrayLike, outcome: npt.ArrayLike) -> dict[str, float | None]:
    """Return every metric of one estimator, without intervals.

    Raises ModelError when the arrays do not fit, a risk lies outside [0, 1] or an outcome is neither 0 nor 1.
    """
    rows = ranked(risk, outcome)
    values = metrics_of(rows)(np.ones((1, len(rows.risk))))
    return {name: number(values[name][0]) for name in METRICS}


def score(
    risks: Mapping[str, npt.ArrayLike],
    outcome: npt.ArrayLike,
    subjects: npt.ArrayLike,
    *,
    replicates: int = 1000,
    seed: int = 0,
    draws: Draws | None = None,
) -> Scores:
    """Return all metrics of all estimators on the same rows, and the differences of each pair, with intervals.

    Whole subjects are resampled, with all their rows, since rows of one patient are not independent; `draws` are the
    resamples where they were made before. Errors as in `measure`.
    """
    drawn = draws if draws is not None else Draws(subjects, replicates, seed)
    samples = sample(drawn, {name: metrics_of(ranked(risk, outcome)) for name, risk in risks.items()})
    estimators = {name: measured.estimates() for name, measured in samples.items()}
    return Scores(estimators, differences(samples), drawn.replicates)


def differences(samples: Mapping[str, Sample]) -> dict[tuple[str, str], dict[str, Estimate]]:
    """Return for each pair (first, second) every value of the first minus the second, with intervals."""
    return {(first, second): samples[first].minus(samples[second]) for first, second in pairs(list(samples))}


def pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    """Return every two of the names, in their order.

    >>> pairs(["a", "b", "c"])
    [('a', 'b'), ('a', 'c'), ('b', 'c')]
    """
    return [(first, second) for place, first in enumerate(names) for second in names[place + 1 :]]
