"""What a history tells of each code, without attention: how often it stands there, and what its values were.

The heads for a task read it beside the states of the decoder (wide and deep, Cheng et al. 2016): with few labels a
count or a last value is learnt from a handful of patients, which attention needs many more to find.
"""

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.data import Batch

SUMMARIES: Final = 8
"""log(1 + count), whether any, and of the values: mean, greatest, least, last, squares of mean and last."""
_REACH: Final = 3.0
"""Values are read as asinh of their spreads from the median, cut off here."""


class Wide(nn.Module):
    """Maps the summaries of every code to `out` numbers: a linear part, and a small hidden layer beside it."""

    def __init__(self, tokens: int, hidden: int, out: int) -> None:
        super().__init__()
        self.tokens = tokens
        self.dropout = nn.Dropout(0.0)
        self.linear = nn.Linear(tokens * SUMMARIES, out, bias=False)
        self.inner = nn.Linear(tokens * SUMMARIES, hidden)
        self.outer = nn.Linear(hidden, out, bias=False)
        nn.init.zeros_(self.linear.weight)
        nn.init.normal_(self.inner.weight, std=0.01)
        nn.init.zeros_(self.outer.weight)

    def forward(self, batch: Batch) -> Tensor:
        """Return what the documents (q,) of a batch say by their summaries (q, out)."""
        seen = self.dropout(summaries(batch, self.tokens).flatten(1))
        return self.linear(seen) + self.outer(F.gelu(self.inner(seen)))  # type: ignore[no-any-return]


def summaries(batch: Batch, tokens: int) -> Tensor:
    """Return the summaries (q, tokens, SUMMARIES) of the documents of a batch; 0 where there is nothing."""
    document, code = batch.documents.flatten(), batch.reading.codes.flatten()
    count = len(batch.queries) * tokens
    place = document.clamp(min=0) * tokens + code.clamp(max=tokens - 1)
    is_event = (document >= 0) & (code < tokens)
    is_valued = is_event & ~batch.reading.values.flatten().isnan()
    often = torch.bincount(place[is_event], minlength=count).float()
    at = place[is_valued]
    values = torch.asinh(batch.reading.values.flatten()[is_valued]).clamp(-_REACH, _REACH)
    none = values.new_zeros(count)
    mean = none.index_add(0, at, values) / torch.bincount(at, minlength=count).clamp(min=1)
    most = none.scatter_reduce(0, at, values, "amax", include_self=False)
    least = none.scatter_reduce(0, at, values, "amin", include_self=False)
    order = torch.arange(len(values), device=values.device)
    latest = torch.zeros_like(none, dtype=torch.int64).scatter_reduce(0, at, order + 1, "amax")
    last = torch.cat([values.new_zeros(1), values])[latest]
    parts = [torch.log1p(often) / 2, (often > 0).float(), mean, most, least, last, mean.square(), last.square()]
    return torch.stack(parts, dim=-1).view(-1, tokens, SUMMARIES)
