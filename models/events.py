"""Events as the decoder takes them in: what stands at a position, which tokens there are, and what a value adds."""

from dataclasses import dataclass
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from ehr.vocabulary import PAD, Vocabulary

_KNOTS: Final = torch.linspace(-3.2, 3.2, 17)
"""Where the response to a value can bend, in asinh of spreads from the median."""
_VALUE_RANK: Final = 32
"""Shapes of response to a value that codes mix."""


class Reading(NamedTuple):
    """Events side by side, all of one shape: (r, p) for histories, (r, n) for one step of n futures of each row.

    `codes` int64 are tokens, or the query; `bins` int64 the value bin from 1, 0 without a value; `values` float32
    in spreads from the median of the code, NaN without one; `days` float64 from any origin of the subject.
    """

    codes: Tensor
    bins: Tensor
    values: Tensor
    days: Tensor


@dataclass(frozen=True, slots=True)
class Layout:
    """What the decoder has to know of a vocabulary: how many tokens, bins and gap intervals, and which tokens occur.

    `levels` has for each token the tokens of its levels (chapter, block ...), `events` whether it can be an event.
    """

    tokens: int
    bins: int
    gaps: int
    levels: tuple[tuple[int, ...], ...]
    events: tuple[bool, ...]


def layout_of(vocabulary: Vocabulary) -> Layout:
    """Return the layout of a vocabulary."""
    size = len(vocabulary)
    first, last = vocabulary.first_age, vocabulary.first_level
    kept = [token != PAD and (token < vocabulary.first_quantile or first <= token < last) for token in range(size)]
    events = [is_kept or token >= vocabulary.first_code for token, is_kept in enumerate(kept)]
    levels = [vocabulary.levels_of(token) if token >= vocabulary.first_code else () for token in range(size)]
    gaps = len(vocabulary.settings.gap_starts)
    return Layout(size, vocabulary.settings.quantiles, gaps, tuple(levels), tuple(events))


class Values(nn.Module):
    """What a value adds to its event: its bin's own vector, and a bent line through its number that its code shapes.

    The number bends at fixed knots (piecewise-linear encoding, Gorishniy et al. 2022, On embeddings for numerical
    features); each code weighs a few shared responses in its own way.
    """

    knots: Tensor

    def __init__(self, layout: Layout, width: int) -> None:
        super().__init__()
        self.register_buffer("knots", _KNOTS, False)
        self.bins = nn.Embedding(layout.bins + 2, width)
        self.respond = nn.Linear(len(_KNOTS) + 1, _VALUE_RANK)
        self.share = nn.Embedding(layout.tokens + 1, _VALUE_RANK)
        self.out = nn.Linear(_VALUE_RANK, width, bias=False)

    def forward(self, reading: Reading) -> Tensor:
        """Return what the values add (..., w); zero where there is none, and a mark where one is hidden."""
        has_value = (reading.bins > 0).unsqueeze(-1)
        is_known = has_value & ~reading.values.isnan().unsqueeze(-1)
        bent = torch.asinh(reading.values.nan_to_num()).clamp(float(_KNOTS[0]), float(_KNOTS[-1])).unsqueeze(-1)
        spacing = float(_KNOTS[1] - _KNOTS[0])
        tents = (1 - (bent - self.knots).abs() / spacing).clamp(min=0)
        response = self.respond(torch.cat([tents, bent], dim=-1))
        shaped = self.out(response * (1 + self.share(reading.codes)))
        return self.bins(reading.bins) * has_value + shaped * is_known  # type: ignore[no-any-return]
