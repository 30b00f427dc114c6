"""Drawing futures: many rows and many futures of each go forward together, one event at a time.

The model's own chances are added up on the way. At each step the chance that the next event is the one that is asked
for, and comes while the window is open, is known before anything is drawn: a sum over all gaps of the chance of the
gap, the share of its length that lies in the window, and the chance of the event after it. So is the chance that the
future is over then. The future is led on as if neither happened, with a weight: the chance that it got so far. What
is added up, weight times chance of the event, has the risk as its mean.

r rows, n futures of each, k gaps that are looked at, v tokens; times of futures are days after the prediction time.
"""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ehr.vocabulary import Vocabulary
from models.events import Reading
from models.generative.backbone import Backbone
from models.generative.draws import Bins, Clock, pick
from models.generative.futures import Question
from models.generative.variates import Surprise
from models.generative.watch import Watch

_SCORES_AT_ONCE: Final = 2**24
"""Scores of codes after all gaps that are held at once; where there are more, each future draws its gap first."""
_INSTANT: Final = 0.5e-6 / 86_400
"""Half a microsecond in days: by so much a bound moves that leaves out its own moment."""


class Histories(NamedTuple):
    """What is known of r rows: their events (r, p), where `visible`, the last of them right before the end.

    `days` (r,) is the prediction time in the days of the reading, `silence` (r,) the days since the last event.
    """

    reading: Reading
    visible: Tensor
    days: Tensor
    silence: Tensor


@dataclass(frozen=True, slots=True)
class Sampling:
    """How futures are drawn."""

    futures: int = 32
    """Futures of each row."""
    max_events: int = 1024
    """Most events of a future; one that is not over by then counts with what it has, and is reported."""
    seed: int = 1
    least_weight: float = 0.1
    """A future whose weight falls below this goes on with the chance of weight / least_weight, at this weight."""


class Outcomes(NamedTuple):
    """What became of the futures (r, n): the chance of the event along each, was it drawn, was it cut off.

    `told` (r, n, f) is what drawn events told beyond what was expected (see `models.generative.variates`); `at_first`
    (r,) the chance that the very next event is the one that is asked for.
    """

    probability: NDArray[np.float64]
    drawn: NDArray[np.bool_]
    unfinished: NDArray[np.bool_]
    told: NDArray[np.float32]
    at_first: NDArray[np.float64]


class _Ahead(NamedTuple):
    """The gaps that may follow (r, n, k), with the chance that the next event comes then.

    `before` and `inside` (r, n, k) are the chances that it comes before the window opens and while it is open; what
    they lack of 1 is the chance that the window is over then. `levels` (r, n, k, 3) are the shares of the gap's
    interval that have passed now, at the opening and at the closing.
    """

    gaps: Tensor
    before: Tensor
    inside: Tensor
    levels: Tensor


class _Codes(NamedTuple):
    """Chances (r, n, k, v) of the codes after each gap, and that codes (r, n, k, c) count whose value decides."""

    chances: Tensor
    counting: Tensor
    success: Tensor
    """Chance (r, n, k) that what follows is what is asked for."""
    dying: Tensor
    """Chance (r, n, k) that it is a death that is not asked for."""


class _Watched:
    """A Watch as tensors: tokens that always count, and those whose value decides."""

    def __init__(self, watch: Watch) -> None:
        self.plain = torch.from_numpy(np.flatnonzero(watch.always))
        self.valued = torch.from_numpy(np.flatnonzero(watch.tokens & ~watch.always))
        self.shares = torch.from_numpy(watch.shares)
        self.starts = torch.from_numpy(watch.starts)

    def counts(self, tokens: Tensor, bins: Tensor, levels: Tensor) -> Tensor:
        """Say which events count that have these values."""
        start, share = self.starts[tokens, bins], self.shares[tokens, bins]
        return (share > 0) & (start <= levels) & (levels <= start + share)


class Rollout:
    """The futures of some rows on their way; `outcomes` tells what became of them.

    `weight` is the chance that a future got so far, `total` what it gave so far; `lives` says that, had events been
    drawn, none would have ended it, and `drawn` that one was the event; `closing` that this moment is the last.
    """

    _FIELDS: Final = ("now", "weight", "total", "lives", "drawn", "closing", "alive", "told")

    def __init__(
        self,
        histories: Histories,
        asked: Question,
        vocabulary: Vocabulary,
        sampling: Sampling,
        chance: torch.Generator,
        followed: Tensor | None = None,
    ) -> None:
        self.histories, self.asked, self.sampling, self.chance = histories, asked, sampling, chance
        self.clock, self.bins = Clock(vocabulary), Bins(vocabulary)
        self.success, self.stop = _Watched(asked.success), _Watched(asked.stop)
        self.death = torch.from_numpy(np.flatnonzero(asked.death))
        self.other_death = torch.from_numpy(np.flatnonzero(asked.death & ~asked.success.always))
        self.all_gaps = len(self.clock) * len(vocabulary)
        shape = (len(histories.days), sampling.futures)
        self.row, self.days = torch.arange(shape[0]), histories.days
        self.future = torch.arange(shape[1]).expand(shape)
        self.now = torch.zeros(shape, dtype=torch.float64)
        self.weight, self.total = torch.ones_like(self.now), torch.zeros_like(self.now)
        self.alive = torch.ones(shape, dtype=torch.bool)
        self.lives, self.drawn, self.closing = self.alive, ~self.alive, ~self.alive
        self.surprise = Surprise(vocabulary, followed)
        self.told = torch.zeros((*shape, len(self.surprise)), dtype=torch.float32)
        self.at_first = self.now[:, 0]
        self.ends = {name: getattr(self, name).clone() for name in self._FIELDS}

    @torch.no_grad()
    def run(self, backbone: Backbone) -> Outcomes:
        """Lead all futures to their ends, or to the longest that is allowed."""
        states, cache = backbone.prefill(self.histories.reading, self.histories.visible)
        futures = states[:, None].expand(-1, self.sampling.futures, -1)
        ahead, since = self._first(backbone, futures)
        given = None if self.asked.given is None else torch.from_numpy(self.asked.given)
        reading = self._next(backbone, futures, ahead, since, given)
        self.at_first = self.total[:, 0].clone()
        for _ in range(self.sampling.max_events):
            if not self.alive.any():
                break
            reading = self._shrunk(reading, cache)
            states = backbone.step(reading, cache)
            reading = self._next(backbone, states, self._ahead(backbone, states), torch.zeros_like(self.now))
        self._write()
        total, drawn, alive, told = (self.ends[name].numpy() for name in ("total", "drawn", "alive", "told"))
        return Outcomes(total, drawn, alive, told, self.at_first.numpy())

    def _first(self, backbone: Backbone, states: Tensor) -> tuple[_Ahead, Tensor]:
        """Return the gaps after the history, which are longer than the silence since, and that silence (r, n).

        When more time has passed than any gap of training took, the wait begins anew with the longest interval.
        """
        silence = self.histories.silence[:, None].expand_as(self.now)
        if self.asked.given is not None:
            return self._given(silence), silence
        chances = backbone.gap_logits(states).double().softmax(dim=-1)
        waited = self.clock.passed(silence)
        beyond = (chances * (1 - waited)).sum(dim=-1) <= 0
        anew = torch.zeros(len(self.clock), dtype=torch.float64)
        anew[-1] = 1.0
        chances = torch.where(beyond[..., None], anew, chances)
        waited = torch.where(beyond[..., None], 1 - anew, waited)
        since = torch.where(beyond, 0.0, silence)
        return self._placed(chances, waited, since), since

    def _given(self, silence: Tensor) -> _Ahead:
        """Return the one gap to an event that is known to come."""
        days = silence + self.asked.given_after
        gap = (days[..., None] >= self.clock.values[1:, 0]).sum(dim=-1, keepdim=True)
        levels = self.clock.passed(days).gather(-1, gap)[..., None].expand(-1, -1, -1, 3)
        return _Ahead(gap, torch.zeros_like(days)[..., None], torch.ones_like(days)[..., None], levels)

    def _ahead(self, backbone: Backbone, states: Tensor) -> _Ahead:
        """Return the gaps after an event of the future; with one drawn for each where there are too many codes."""
        chances = backbone.gap_logits(states).double().softmax(dim=-1)
        waited = torch.zeros_like(chances)
        return self._placed(chances, waited, torch.zeros_like(self.now))

    def _placed(self, chances: Tensor, waited: Tensor, since: Tensor) -> _Ahead:
        """Split the chances of the gaps (r, n, gaps) by where they lead: before the window, into it, beyond it.

        `waited` (r, n, gaps) is the share of each interval that has passed in the time `since` (r, n) the last event.
        """
        asked = self.asked
        opens = asked.opens - (_INSTANT if asked.start_inclusive else 0)
        at_open = self.clock.passed(since + opens - self.now)
        at_open[..., 0] = (self.now <= opens).double()
        at_close = torch.ones_like(at_open)
        if asked.closes is not None:
            closes = asked.closes - (0 if asked.end_inclusive else _INSTANT)
            at_close = self.clock.passed(since + closes - self.now)
        at_open = at_open.maximum(waited)
        at_close = at_close.maximum(at_open)
        at_close[..., 1:] = torch.where(self.closing[..., None], at_open[..., 1:], at_close[..., 1:])
        left = (chances * (1 - waited)).sum(dim=-1, keepdim=True)
        before, inside = chances * (at_open - waited) / left, chances * (at_close - at_open) / left
        gaps = torch.arange(chances.shape[-1]).expand(chances.shape)
        ahead = _Ahead(gaps, before, inside, torch.stack([waited, at_open, at_close], dim=-1))
        return ahead if self.all_gaps * self.now.numel() <= _SCORES_AT_ONCE else self._one_gap(ahead)

    def _one_gap(self, ahead: _Ahead) -> _Ahead:
        """Draw one of the gaps that do not end the future; it stands for all of them."""
        both = ahead.before + ahead.inside
        place = pick(both, self._uniform())[..., None]
        scale = both.sum(dim=-1, keepdim=True) / both.gather(-1, place).clamp(min=1e-300)
        before, inside = (part.gather(-1, place) * scale for part in (ahead.before, ahead.inside))
        return _Ahead(place, before, inside, _at(ahead.levels, place))

    def _codes(self, backbone: Backbone, states: Tensor, gaps: Tensor, given: Tensor | None) -> _Codes:
        """Ask the model for the codes after each of the gaps (r, n, k), which are among the `given` (v,)."""
        wide = states[..., None, :]
        chances = backbone.code_logits(wide, gaps).softmax(dim=-1)
        if given is not None:
            chances = chances * given
            chances = chances / chances.sum(dim=-1, keepdim=True)
        valued = self.success.valued
        counting = chances.new_zeros((*gaps.shape, 0))
        success = chances[..., self.success.plain].sum(dim=-1).double()
        if len(valued):
            shape = (*gaps.shape, len(valued))
            bins = backbone.value_logits(
                wide[..., None, :].expand(*shape, -1), gaps[..., None].expand(shape), valued.expand(shape)
            ).softmax(dim=-1)
            counting = (bins * self.success.shares[valued, 1:]).sum(dim=-1)
            success = success + (chances[..., valued] * counting).sum(dim=-1)
        return _Codes(chances, counting, success, chances[..., self.other_death].sum(dim=-1).double())

    def _next(
        self, backbone: Backbone, states: Tensor, ahead: _Ahead, since: Tensor, given: Tensor | None = None
    ) -> Reading:
        """Add up the chance of the event, lead the futures on as if neither it nor an end came; return what came."""
        codes = self._codes(backbone, states, ahead.gaps, given)
        event = (ahead.inside * codes.success).sum(dim=-1)
        goes_on = torch.cat(
            [
                ahead.before * (1 - codes.dying),
                ahead.inside * (1 - codes.success - codes.dying).clamp(min=0),
            ],
            dim=-1,
        )
        rest = goes_on.sum(dim=-1)
        self._draw_event(event, rest)
        self._weigh(event, rest)
        place = pick(goes_on, self._uniform())
        is_inside, place = place >= ahead.gaps.shape[-1], (place % ahead.gaps.shape[-1])[..., None]
        gap = ahead.gaps.gather(-1, place).squeeze(-1)
        self._move(gap, _at(ahead.levels, place).squeeze(-2), is_inside, since)
        chances = _at(codes.chances, place).squeeze(-2).clone()
        chances[..., self.death] = 0
        counting = _at(codes.counting, place).squeeze(-2)
        chances[..., self.success.plain] *= ~is_inside[..., None]
        chances[..., self.success.valued] *= 1 - counting * is_inside[..., None]
        token = pick(chances, self._uniform())
        reading, expected = self._valued(backbone, states, gap, token, is_inside)
        remaining = 1 - self.now / self.asked.closes if self.asked.closes else torch.ones_like(self.now)
        weight = torch.where(self.alive, self.weight, 0.0)
        self.told = self.told + self.surprise.told(self._expected(ahead, codes), reading, expected, weight, remaining)
        return reading

    def _expected(self, ahead: _Ahead, codes: _Codes) -> Tensor:
        """Return the chances (r, n, f) of the tokens that are followed, given that the future goes on."""
        inside = codes.chances[..., self.surprise.tokens].double()
        before = inside.clone()
        is_death = torch.isin(self.surprise.tokens, self.death)
        before[..., is_death] = 0
        inside[..., is_death | torch.isin(self.surprise.tokens, self.success.plain)] = 0
        for place, token in enumerate(self.success.valued.tolist()):
            inside[..., self.surprise.tokens == token] *= 1 - codes.counting[..., place, None]
        mean = (ahead.before[..., None] * before + ahead.inside[..., None] * inside).sum(dim=-2)
        rest = ahead.before * (1 - codes.dying) + ahead.inside * (1 - codes.success - codes.dying)
        return mean / rest.sum(dim=-1, keepdim=True).clamp(min=1e-12)

    def _valued(
        self,
        backbone: Backbone,
        states: Tensor,
        gap: Tensor,
        tokens: Tensor,
        is_inside: Tensor,
    ) -> tuple[Reading, Tensor]:
        """Draw the values of the tokens (r, n), of those in the window such as are not asked for; close what stops.

        Returns the events and the bins (r, n) that were to be expected, 0 without values.
        """
        has_values = self.bins.has_values[tokens]
        bins = torch.zeros_like(tokens)
        place, expected = torch.zeros_like(self.now), torch.zeros_like(self.now)
        if has_values.any():
            chances = backbone.value_logits(states, gap, tokens).double().softmax(dim=-1)
            taken = torch.where(is_inside[..., None], self.success.shares[tokens], 0.0)
            chances = chances * (1 - taken[..., 1:])
            bins = torch.where(has_values, pick(chances, self._uniform()) + 1, 0)
            mean = (chances * torch.arange(1, chances.shape[-1] + 1)).sum(dim=-1) / chances.sum(dim=-1)
            expected = torch.where(has_values, mean, 0.0)
            share = taken.gather(-1, bins[..., None]).squeeze(-1)
            place = self._uniform() * (1 - share)
            place = torch.where(place >= self.success.starts[tokens, bins], place + share, place)
        self.closing = self.closing | (is_inside & self.stop.counts(tokens, bins, place))
        numbers = self.bins.numbers(tokens, bins, place)
        return Reading(tokens, bins, numbers, self.days[:, None] + self.now), expected

    def _draw_event(self, event: Tensor, rest: Tensor) -> None:
        """Let chance decide, for the share of futures, whether the event comes now or the future is over now."""
        level = self._uniform()
        lives = self.lives & self.alive
        self.drawn = self.drawn | (lives & (level < event))
        self.lives = self.lives & (level >= 1 - rest)

    def _weigh(self, event: Tensor, rest: Tensor) -> None:
        """Add what this step gives, and go on with what is left; a light future is dropped or made heavier."""
        least = self.sampling.least_weight
        self.total = torch.where(self.alive, self.total + self.weight * event, self.total)
        weight = self.weight * rest
        stays = self._uniform() * least < weight
        self.weight = torch.where(weight < least, torch.where(stays, least, 0.0), weight)
        self.alive = self.alive & (self.weight > 0) & (rest > 0)

    def _move(self, gap: Tensor, levels: Tensor, is_inside: Tensor, since: Tensor) -> None:
        """Let the time of the gaps (r, n) pass, drawn between the shares (r, n, 3) that lead to where they lead."""
        low = torch.where(is_inside, levels[..., 1], levels[..., 0])
        high = torch.where(is_inside, levels[..., 2], levels[..., 1])
        wait = self.clock.days(gap, low + self._uniform() * (high - low)) - since
        if self.asked.closes is not None:  # what rounding may add
            wait = torch.where(is_inside, wait.minimum(self.asked.closes - self.now), wait)
        self.now = torch.where(self.alive & (gap > 0), self.now + wait.clamp(min=0), self.now)

    def _shrunk(self, reading: Reading, cache: Any) -> Reading:
        """Forget the futures that are over once a quarter of the work would go to them; return the events left."""
        counts = self.alive.sum(dim=1)
        rows = counts.nonzero().squeeze(1)
        width = int(counts.max())
        if 4 * len(rows) * width > 3 * self.alive.numel():
            return reading
        self._write()
        futures = self.alive[rows].int().argsort(dim=1, descending=True, stable=True)[:, :width]
        cache.select(rows, futures)
        self.row, self.days = self.row[rows], self.days[rows]
        for name in ("future", *self._FIELDS):
            setattr(self, name, _kept(getattr(self, name)[rows], futures))
        return Reading(*(part[rows].gather(1, futures) for part in reading))

    def _write(self) -> None:
        """Write how the futures stand to where they belong among all."""
        at = (self.row[:, None].expand_as(self.future), self.future)
        for name in self._FIELDS:
            self.ends[name][at] = getattr(self, name)

    def _uniform(self) -> Tensor:
        return torch.rand(self.now.shape, dtype=torch.float64, generator=self.chance)


def _kept(values: Tensor, futures: Tensor) -> Tensor:
    """Return of values (r, n, ...) those of the futures (r, m)."""
    index = futures if values.ndim == 2 else futures[..., None].expand(*futures.shape, values.shape[-1])
    return values.gather(1, index)


def _at(values: Tensor, place: Tensor) -> Tensor:
    """Return of values (r, n, k, ...) those at the places (r, n, 1)."""
    return values.gather(-2, place[..., None].expand(*place.shape, values.shape[-1]))
