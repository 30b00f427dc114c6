"""Control variates: what the drawn events of futures told beyond what was expected, and what that is worth.

At each step the model itself gives the mean of anything that is told of the next event, so that the difference of
what was drawn and its mean has the mean 0 whatever came before. Sums of such differences along a future are known to
be 0 on average, and they go with its chance of the event: more admissions or higher values than were expected mean a
higher one. Taking away the part of the chance that goes with them leaves the mean and lessens the spread (Glynn and
Szechtman 2002). The weights are found by ridge regression on the futures of other rows, half against half.
"""

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ehr.vocabulary import Vocabulary
from models.events import Reading

FOLLOWED: Final = 48
"""Tokens that are followed at most."""
_FUTURES_PER_WEIGHT: Final = 10
_RIDGE: Final = 1e-3

Floats = NDArray[np.float64]


class Surprise:
    """What is told of the drawn events: for each token that is followed, that it came, and its value bin.

    Each is there twice, as it is and times the share of the window that remains.
    """

    def __init__(self, vocabulary: Vocabulary, followed: Tensor | None) -> None:
        self.tokens = torch.zeros(0, dtype=torch.int64) if followed is None else followed
        self.spread = max(1.0, vocabulary.settings.quantiles / 12**0.5)

    def __len__(self) -> int:
        """Return how many numbers are told of each future."""
        return 4 * len(self.tokens)

    def told(self, chances: Tensor, drawn: Reading, bins: Tensor, weight: Tensor, remaining: Tensor) -> Tensor:
        """Return what the drawn events (r, n) told beyond the `chances` of the tokens (r, n, f / 4) and mean `bins`.

        Each future counts by its `weight` (r, n); `remaining` (r, n) is the share of the window to come.
        """
        came = (drawn.codes[..., None] == self.tokens).double()
        values = came * ((drawn.bins - bins) / self.spread)[..., None]
        told = torch.cat([came - chances, values], dim=-1) * weight[..., None]
        return torch.cat([told, told * remaining[..., None]], dim=-1).float()


def most_frequent(tokens: NDArray[np.integer], vocabulary: Vocabulary) -> Tensor:
    """Return the code tokens that are most frequent among `tokens`, at most FOLLOWED, rising."""
    counts = np.bincount(tokens.astype(np.int64), minlength=len(vocabulary))
    counts[: vocabulary.first_code] = 0
    chosen = np.argsort(-counts, kind="stable")[:FOLLOWED]
    return torch.from_numpy(np.sort(chosen[counts[chosen] > 0]))


def lessened(chances: Floats, told: NDArray[np.float32], at_first: Floats) -> Floats:
    """Return the chances (d, n) without what goes with what was told (d, n, f): the same mean, less spread.

    What was told counts by itself and times the log of the chance `at_first` (d,), since it is worth more where the
    risk is higher. With too few futures for so many weights the chances come back as they are.
    """
    rows, futures = chances.shape
    level = np.log(at_first + 1e-9)
    level = (level - level.mean()) / max(1e-9, float(level.std()))
    spread = told.reshape(-1, told.shape[-1]).std(axis=0) if told.size else np.zeros(0)
    told = told[..., spread > 1e-4 * max(1.0, float(spread.max(initial=0.0)))]
    if rows * futures < 2 * _FUTURES_PER_WEIGHT * 2 * told.shape[-1] or not told.shape[-1]:
        return chances
    told = np.concatenate([told, told * level[:, None, None].astype(np.float32)], axis=-1)
    result = chances.copy()
    for half in (np.arange(rows) % 2 == 0, np.arange(rows) % 2 == 1):
        result[half] -= told[half] @ _weights(chances[~half], told[~half])
    return result


def _weights(chances: Floats, told: NDArray[np.float32]) -> Floats:
    """Return what each number told is worth (f,), by ridge regression within the rows."""
    centred = (told - told.mean(axis=1, keepdims=True)).reshape(-1, told.shape[-1]).astype(np.float64)
    wanted = (chances - chances.mean(axis=1, keepdims=True)).ravel()
    products = centred.T @ centred
    products += _RIDGE * np.trace(products) / len(products) * np.eye(len(products))
    weights: Floats = np.linalg.solve(products, centred.T @ wanted)
    return weights
