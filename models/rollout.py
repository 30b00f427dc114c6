"""Drawing futures: many rows and many futures of each go forward together, one token at a time.

r rows, n futures of each; times of futures are days after the prediction time.
"""

from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ehr.vocabulary import PAD, Vocabulary
from models.data import Documents, Reader
from models.futures import Question

_DAY_SECONDS: Final = 86_400.0
_FUTURES_AT_ONCE: Final = 1024
_CERTAIN: Final = 1e-9
"""A future that has less chance than this of not having had the event is over."""


class Backbone(Protocol):
    """What futures are drawn from: `models.transformer.Decoder`, or a stub in a test."""

    def prefill(self, tokens: Tensor, days: Tensor, visible: Tensor) -> tuple[Tensor, Any]:
        """Read histories (r, p); return the scores of the next token (r, tokens) and a cache with `select`."""
        ...

    def step(self, tokens: Tensor, days: Tensor, cache: Any) -> Tensor:
        """Read one more token of each future (r, n); return the scores of the next (r, n, tokens)."""
        ...


@dataclass(frozen=True, slots=True)
class Sampling:
    """How futures are drawn."""

    futures: int = 64
    """Futures of each row."""
    max_tokens: int = 1024
    """Most tokens of a future; one that is not over by then counts as one without the event, and is reported."""
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of the futures (d, n): the chance of the event along each, was it drawn, was it cut off."""

    probability: NDArray[np.float64]
    drawn: NDArray[np.bool_]
    unfinished: NDArray[np.bool_]


class Clock:
    """How long a gap token lasts: as long as gaps of its interval did in training.

    `values` (gaps, m) are days at the probabilities `levels` (m,): the start of the interval, its quantiles, its end.
    The interval at the top ends with its highest quantile.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        starts = np.array(vocabulary.settings.gap_starts, dtype=np.float64)
        seen = np.array(vocabulary.gap_seconds) if vocabulary.gap_seconds else starts[:, None]
        ends = np.append(starts[1:], seen[-1, -1])
        count = seen.shape[1]
        levels = np.concatenate([[0.0], (np.arange(count) + 0.5) / count, [1.0]])
        values = np.column_stack([starts, seen, ends]) / _DAY_SECONDS
        self.levels = torch.from_numpy(levels)
        self.values = torch.from_numpy(np.maximum.accumulate(values, axis=1))

    def passed(self, elapsed: NDArray[np.float64]) -> Tensor:
        """Return which share (r, gaps) of the gaps of each interval is no longer than the days `elapsed` (r,)."""
        levels, values = self.levels.numpy(), self.values.numpy()
        shares = [np.interp(elapsed, row, levels, left=0.0, right=1.0) for row in values]
        return torch.from_numpy(np.stack(shares, axis=1))

    def days(self, gap: Tensor, level: Tensor) -> Tensor:
        """Return how long gaps (...) last that are longer than the shares `level` (...) of their interval."""
        right = torch.searchsorted(self.levels, level.contiguous()).clamp(1, len(self.levels) - 1)
        low, high = self.levels[right - 1], self.levels[right]
        before, after = self.values[gap, right - 1], self.values[gap, right]
        return before + (level - low) / (high - low) * (after - before)


def sample(
    backbone: Backbone,
    reader: Reader,
    documents: Documents,
    asked: Question,
    vocabulary: Vocabulary,
    sampling: Sampling,
) -> Outcomes:
    """Draw futures for documents that all have a query, in their order; the same seed gives the same futures."""
    shape = (len(documents), sampling.futures)
    outcomes = Outcomes(np.zeros(shape), np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool))
    chance = torch.Generator().manual_seed(sampling.seed)
    order = np.argsort(reader.lengths(documents), kind="stable")
    rows = max(1, _FUTURES_AT_ONCE // sampling.futures)
    for at in range(0, len(order), rows):
        index = order[at : at + rows]
        rollout = _Rollout(reader, documents.take(index), asked, vocabulary, sampling, chance)
        rollout.run(backbone)
        outcomes.probability[index] = 1 - rollout.out_survival.numpy()
        outcomes.drawn[index] = rollout.out_drawn.numpy()
        outcomes.unfinished[index] = rollout.out_alive.numpy()
    return outcomes


class _Rollout:
    """The futures of a few rows on their way.

    `survival` is the chance that the event has not happened in the window so far, `drawn` whether a draw let it
    happen, `closing` whether the moment at hand is the last one; a future that is over is not `alive`.
    """

    def __init__(
        self,
        reader: Reader,
        documents: Documents,
        asked: Question,
        vocabulary: Vocabulary,
        sampling: Sampling,
        chance: torch.Generator,
    ) -> None:
        self.asked, self.chance, self.sampling = asked, chance, sampling
        self.clock = Clock(vocabulary)
        self.first_gap, self.end_gap = vocabulary.first_gap, vocabulary.first_age
        self.success, self.stop, self.death = (
            torch.from_numpy(mask) for mask in (asked.success, asked.stop, asked.death)
        )
        past = replace(documents, query=np.full(len(documents), np.datetime64("NaT", "us")))
        self.batch = reader.collate(past, [np.array([row]) for row in range(len(documents))], predict=True)
        self.predicted_at = torch.from_numpy(_days(documents.query - reader.origin[documents.subject]))
        self.elapsed = _days(documents.query - reader.timelines.times[documents.stop - 1])
        shape = (len(documents), sampling.futures)
        self.row = torch.arange(shape[0])
        self.future = torch.arange(shape[1]).expand(shape)
        self.now = torch.zeros(shape, dtype=torch.float64)
        self.survival = torch.ones(shape, dtype=torch.float64)
        self.drawn, self.closing = torch.zeros(shape, dtype=torch.bool), torch.zeros(shape, dtype=torch.bool)
        self.alive = torch.ones(shape, dtype=torch.bool)
        self.out_survival, self.out_drawn, self.out_alive = (
            self.survival.clone(),
            self.drawn.clone(),
            self.alive.clone(),
        )

    @torch.no_grad()
    def run(self, backbone: Backbone) -> None:
        """Lead all futures to their ends, or to the longest that is allowed."""
        scores, cache = backbone.prefill(self.batch.tokens, self.batch.days, self.batch.documents >= 0)
        tokens = self._first_gap(scores)
        for _ in range(self.sampling.max_tokens):
            if not self.alive.any():
                break
            tokens = self._shrunk(tokens, cache)
            tokens = self._next(backbone.step(tokens, self.predicted_at[:, None] + self.now, cache))
        self._write()

    def _first_gap(self, scores: Tensor) -> Tensor:
        """Draw the gap after the history (r, n), given that it is longer than the time since the last event.

        When more time has passed than any gap of training took, the wait begins anew with the longest interval.
        """
        passed = self.clock.passed(self.elapsed)  # (r, gaps)
        weights = scores[:, self.first_gap : self.end_gap].double().softmax(dim=1) * (1 - passed)
        beyond = weights.sum(dim=1) <= 0
        weights[beyond, -1] = 1.0
        passed[beyond] = 0.0
        gap = torch.multinomial(weights, self.sampling.futures, replacement=True, generator=self.chance)
        least = passed.gather(1, gap)
        wait = self.clock.days(gap, least + (1 - least) * self._uniform(gap))
        since = torch.from_numpy(np.where(beyond.numpy(), 0.0, self.elapsed))
        self._move(torch.ones_like(self.alive), wait - since[:, None])
        return gap + self.first_gap

    def _next(self, scores: Tensor) -> Tensor:
        """Read the scores of the next token (r, n, tokens), draw it, and do what it means; return it (r, n)."""
        chances = scores.double().softmax(dim=-1)
        chances[..., PAD] = 0.0
        chances /= chances.sum(dim=-1, keepdim=True)
        watched = self.alive & self._is_open()
        event = ((chances * self.success).sum(dim=-1) * watched).clamp(0, 1)
        self.survival *= 1 - event
        self.drawn |= self._uniform(event) < event
        chances *= ~(watched[..., None] & self.success)
        tokens = self._drawn(chances)
        is_gap = (tokens >= self.first_gap) & (tokens < self.end_gap)
        self.alive &= ~(is_gap & self.closing) & ~self.death[tokens] & (self.survival > _CERTAIN)
        gap = torch.where(is_gap, tokens - self.first_gap, 0)
        self._move(is_gap, self.clock.days(gap, self._uniform(event)))
        self.closing |= watched & self.stop[tokens]
        return tokens

    def _move(self, moves: Tensor, days: Tensor) -> None:
        """Let time go on where `moves`; a future that comes to the end of the window is over."""
        self.now = torch.where(moves & self.alive, self.now + days, self.now)
        if self.asked.closes is not None:
            is_over = self.now > self.asked.closes
            if not self.asked.end_inclusive:
                is_over |= self.now == self.asked.closes
            self.alive &= ~is_over

    def _is_open(self) -> Tensor:
        """Say in which futures the window of the label has begun."""
        return self.now >= self.asked.opens if self.asked.start_inclusive else self.now > self.asked.opens

    def _shrunk(self, tokens: Tensor, cache: Any) -> Tensor:
        """Forget the futures that are over once half of the work would go to them; return the tokens left."""
        counts = self.alive.sum(dim=1)
        rows = counts.nonzero().squeeze(1)
        width = int(counts.max())
        if 2 * len(rows) * width > self.alive.numel():
            return tokens
        self._write()
        futures = self.alive[rows].int().argsort(dim=1, descending=True, stable=True)[:, :width]
        cache.select(rows, futures)
        self.row, self.predicted_at = self.row[rows], self.predicted_at[rows]
        for name in ("future", "now", "survival", "drawn", "closing", "alive"):
            setattr(self, name, getattr(self, name)[rows].gather(1, futures))
        return tokens[rows].gather(1, futures)

    def _write(self) -> None:
        """Write how the futures stand to where they belong among all."""
        at = (self.row[:, None].expand_as(self.future), self.future)
        self.out_survival[at] = self.survival
        self.out_drawn[at] = self.drawn
        self.out_alive[at] = self.alive

    def _drawn(self, chances: Tensor) -> Tensor:
        """Draw tokens (r, n) by their chances (r, n, tokens), of any sum; PAD where only the event could follow."""
        upto = chances.cumsum(dim=-1)
        total = upto[..., -1:]
        tokens = torch.searchsorted(upto, self._uniform(total) * total, right=True).squeeze(-1)
        return torch.where(total.squeeze(-1) > 0, tokens.clamp(max=chances.shape[-1] - 1), PAD)

    def _uniform(self, like: Tensor) -> Tensor:
        return torch.rand(like.shape, dtype=torch.float64, generator=self.chance)


def _days(span: NDArray[np.timedelta64]) -> NDArray[np.float64]:
    return span / np.timedelta64(1, "D")
