"""What stands on the decoder for a task: heads that score a history, and the classifier of both."""

import math
from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.data import Batch
from models.settings import Architecture
from models.transformer import Decoder
from models.wide import Wide


class Heads(nn.Module):
    """The heads for a task: each gives a score (log-odds before calibration) of what was read up to a query.

    They see the state at the query, weighted means of all states of the document, whose weights begin equal, and,
    with `wide`, a summary of each code: with few labels a bag of codes tells what attention has not learnt to see.
    """

    def __init__(self, shape: Architecture, tokens: int, base_rate: float, positive_weight: float = 1.0) -> None:
        super().__init__()
        width, self.pools, self.positive_weight = shape.width, shape.pools, positive_weight
        self.query_norm, self.past_norm = nn.RMSNorm(width), nn.RMSNorm(width)
        self.weigh = nn.Linear(width, shape.pools, bias=False)
        self.dropout = nn.Dropout(0.0)
        self.wide = Wide(tokens, shape.wide, shape.ensemble) if shape.wide else None
        self.scores = nn.Linear((1 + shape.pools) * width, shape.ensemble)
        nn.init.normal_(self.weigh.weight, std=0.02 if shape.pools > 1 else 0.0)
        nn.init.zeros_(self.scores.weight)
        nn.init.constant_(self.scores.bias, math.log(positive_weight * base_rate / (1 - base_rate)))

    def forward(self, states: Tensor, batch: Batch) -> Tensor:
        """Return the scores (q, k) of the documents of a batch with states (r, p, w); each has a query."""
        scores: Tensor = self.scores(self.dropout(self.seen(states, batch)))
        return scores if self.wide is None else scores + self.wide(batch)

    def set_dropout(self, share: float, wide_share: float) -> None:
        """Leave out these shares of what is seen of the states and of the summaries while training."""
        self.dropout.p = share
        if self.wide is not None:
            self.wide.dropout.p = wide_share

    def seen(self, states: Tensor, batch: Batch) -> Tensor:
        """Return what the heads see of each document (q, (1 + pools) * w): of its states."""
        flat = states.flatten(0, 1)
        document = batch.documents.flatten() + 1  # padding is 0
        weights = self.weigh(self.past_norm(flat)).float().clamp(-20, 20).exp()  # (r * p, pools)
        count = len(batch.queries) + 1
        total = weights.new_zeros((count, self.pools)).index_add(0, document, weights)
        parts = (weights.unsqueeze(-1) * flat.unsqueeze(1)).flatten(1)
        sums = parts.new_zeros((count, parts.shape[1])).index_add(0, document, parts)
        means = sums.unflatten(1, (self.pools, -1)) / total.clamp(min=1e-9).unsqueeze(-1)
        past = self.past_norm(means[1:].to(flat.dtype)).flatten(1)
        return torch.cat([self.query_norm(flat[batch.queries]), past], dim=-1)

    def losses(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Return the losses (q, k) of the scores (q, k) at the labels (q,), positives weighed as the settings say."""
        spread = labels[:, None].expand_as(scores)
        weight = None if self.positive_weight == 1 else scores.new_tensor(self.positive_weight)
        return F.binary_cross_entropy_with_logits(scores, spread, reduction="none", pos_weight=weight)

    def losses_together(self, scores: Tensor, labels: Tensor, _weights: Tensor) -> Tensor:
        """Return the losses (q,) of the mean score of all heads, by which a pass is judged."""
        return self.losses(scores.mean(dim=1, keepdim=True), labels).squeeze(1)

    @torch.no_grad()
    def unweigh(self) -> None:
        """Take from the scores what the weight of positives added to them: its logarithm, whatever the history.

        Where positives count w times, the best score is the log-odds of a world with w times as many of them (Elkan
        2001, The foundations of cost-sensitive learning).
        """
        self.scores.bias.sub_(math.log(self.positive_weight))
        self.positive_weight = 1.0


class ManyHeads(nn.Module):
    """The heads of several tasks side by side; a document says by its weights (k of each task) whose label it has.

    The weights of all other tasks are zero there.
    """

    def __init__(self, tasks: Sequence[Heads]) -> None:
        super().__init__()
        self.tasks = nn.ModuleList(tasks)

    @property
    def each(self) -> tuple[Heads, ...]:
        """The heads of each task."""
        return tuple(cast(Heads, heads) for heads in self.tasks)

    def forward(self, states: Tensor, batch: Batch) -> Tensor:
        """Return the scores (q, tasks * k) of the documents of a batch."""
        return torch.cat([heads(states, batch) for heads in self.tasks], dim=1)

    def losses(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Return the losses (q, tasks * k), so large that the mean over all columns is that of a document's own."""
        parts = [heads.losses(part, labels) for heads, part in zip(self.each, self._of_each(scores), strict=True)]
        return torch.cat(parts, dim=1) * len(parts)

    def losses_together(self, scores: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
        """Return the losses (q,) of the mean score of the heads of each document's own task."""
        parts = zip(self.each, self._of_each(scores), self._of_each(weights), strict=True)
        return torch.stack(
            [heads.losses_together(part, labels, own) * (own[:, 0] > 0) for heads, part, own in parts]
        ).sum(dim=0)

    def _of_each(self, columns: Tensor) -> tuple[Tensor, ...]:
        return columns.chunk(len(self.tasks), dim=1)


class Classifier(nn.Module):
    """A decoder with the heads for a task on top of it."""

    def __init__(self, decoder: Decoder, heads: Heads) -> None:
        super().__init__()
        self.decoder, self.heads = decoder, heads

    def forward(self, batch: Batch) -> Tensor:
        """Return the scores (q, k) of the documents of a batch."""
        return self.heads(self.states(batch), batch)  # type: ignore[no-any-return]

    def states(self, batch: Batch) -> Tensor:
        """Return the states (r, p, w) of a batch, read as `states_of` reads it."""
        return states_of(self.decoder, batch)


def states_of(decoder: Decoder, batch: Batch) -> Tensor:
    """Return the states (r, p, w) of a batch, read forwards or both ways as the settings of the decoder say."""
    return decoder(batch.reading, batch.documents, both_ways=decoder.shape.both_ways)  # type: ignore[no-any-return]
