"""What futures are drawn with: how long gaps last, which numbers lie in a value bin, and drawing by weights."""

from typing import Final

import numpy as np
import torch
from torch import Tensor

from ehr.vocabulary import Vocabulary

_DAY_SECONDS: Final = 86_400.0


class Clock:
    """How long a gap lasts: as long as gaps of its interval did in training.

    Gaps are numbered as the model gives them: 0 is within the same moment and lasts no time, i is interval i - 1 of
    the vocabulary. `values` (gaps, m) are days at the shares `levels` (m,): the start of the interval, its quantiles,
    its end. The interval at the top ends with its highest quantile.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        starts = np.array(vocabulary.settings.gap_starts, dtype=np.float64)
        seen = np.array(vocabulary.gap_seconds) if vocabulary.gap_seconds else starts[:, None]
        ends = np.append(starts[1:], seen[-1, -1])
        count = seen.shape[1]
        values = np.column_stack([starts, seen, ends]) / _DAY_SECONDS
        at_once = np.zeros((1, values.shape[1]))
        self.levels = torch.from_numpy(np.concatenate([[0.0], (np.arange(count) + 0.5) / count, [1.0]]))
        self.values = torch.from_numpy(np.vstack([at_once, np.maximum.accumulate(values, axis=1)]))

    def __len__(self) -> int:
        """Return the number of gaps, that within a moment included."""
        return len(self.values)

    def passed(self, elapsed: Tensor) -> Tensor:
        """Return which share (..., gaps) of the gaps of each interval is no longer than the days `elapsed` (...)."""
        levels, flat = self.levels.numpy(), elapsed.numpy().ravel()
        shares = [np.interp(flat, row, levels, left=0.0, right=1.0) for row in self.values[1:].numpy()]
        at_once = (flat >= 0).astype(np.float64)
        return torch.from_numpy(np.stack([at_once, *shares], axis=1)).view(*elapsed.shape, -1)

    def days(self, gap: Tensor, level: Tensor) -> Tensor:
        """Return how long gaps (...) last that are longer than the shares `level` (...) of their interval."""
        right = torch.searchsorted(self.levels, level.contiguous()).clamp(1, len(self.levels) - 1)
        low, high = self.levels[right - 1], self.levels[right]
        before, after = self.values[gap, right - 1], self.values[gap, right]
        return before + (level - low) / (high - low) * (after - before)


class Bins:
    """Which numbers lie in the value bins: bounds (tokens, bins), medians and spreads (tokens,), NaN without any.

    A bin that is open to one side ends a spread beyond its edge. Within a bin numbers are spread evenly.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        count = max(1, vocabulary.settings.quantiles)
        self.low = np.full((len(vocabulary), count), np.nan)
        self.high = self.low.copy()
        self.median, self.spread = np.full(len(vocabulary), np.nan), np.ones(len(vocabulary))
        for name, edges in vocabulary.edges.items():
            token = vocabulary.code_tokens[name]
            median, spread = vocabulary.scales[name]
            self.median[token], self.spread[token] = median, spread
            inner = edges or (median,)
            bounds = np.array([inner[0] - spread, *edges, inner[-1] + spread])
            place = np.minimum(np.arange(count), len(bounds) - 2)
            self.low[token], self.high[token] = bounds[place], bounds[place + 1]
        self.has_values = torch.from_numpy(np.isfinite(self.low[:, 0]))
        self._low, self._high = torch.from_numpy(self.low), torch.from_numpy(self.high)
        self._median, self._spread = torch.from_numpy(self.median), torch.from_numpy(self.spread)

    def numbers(self, tokens: Tensor, bins: Tensor, levels: Tensor) -> Tensor:
        """Return the number of each token (...) at a place in its bin, as a model reads it: NaN for bin 0.

        `levels` (...) in [0, 1] say where between the bounds of the bin it lies; it is given in spreads above the
        median, in 32 bits.
        """
        place = (bins - 1).clamp(min=0)
        low, high = self._low[tokens, place], self._high[tokens, place]
        scaled = (low + levels * (high - low) - self._median[tokens]) / self._spread[tokens]
        return torch.where(bins > 0, scaled, torch.nan).float()


def pick(weights: Tensor, level: Tensor) -> Tensor:
    """Return the places (...) in `weights` (..., k), of any sum above 0, at the shares `level` (...) of their sum."""
    upto = weights.cumsum(dim=-1)
    found = torch.searchsorted(upto, (level.unsqueeze(-1) * upto[..., -1:]).to(upto.dtype), right=True).squeeze(-1)
    # Rounding may lead beyond the last place that has weight.
    last = (upto >= upto[..., -1:]).int().argmax(dim=-1)
    return found.minimum(last)
