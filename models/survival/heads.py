"""Heads that give the hazard of each cause in each interval, from what the heads of a class see of a history.

Discrete hazards after Gensheimer and Narasimhan 2019, A scalable discrete-time survival model for neural networks;
with several causes each interval is a choice between them and going on.
"""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.heads import Heads
from models.settings import Architecture
from models.survival.grid import Grid


class HazardHeads(Heads):
    """As `Heads`, with scores (q, k * J * C): of k heads, in J intervals, the log of hazard over going on.

    They see states alone, no summary of each code.
    """

    def __init__(self, shape: Architecture, grid: Grid) -> None:
        super().__init__(replace(shape, wide=0), tokens=0, base_rate=0.5)
        self.count, self.intervals, self.causes = shape.ensemble, grid.intervals, len(grid.causes)
        self.scores = nn.Linear((1 + shape.pools) * shape.width, self.count * self.intervals * self.causes)
        nn.init.zeros_(self.scores.weight)
        with torch.no_grad():
            self.scores.bias.copy_(torch.tensor(grid.starts, dtype=torch.float32).flatten().repeat(self.count))

    def losses(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Return the surprise (q, k) at what `Grid.encode` says was observed: an interval not seen tells nothing."""
        return hazard_losses(scores.view(len(scores), -1, self.intervals, self.causes), labels)

    def losses_together(self, scores: Tensor, labels: Tensor, _weights: Tensor) -> Tensor:
        """Return the surprise (q,) of the mean score of all heads."""
        together = scores.view(len(scores), -1, self.intervals * self.causes).mean(dim=1)
        return self.losses(together, labels).squeeze(1)


def hazard_losses(scores: Tensor, labels: Tensor) -> Tensor:
    """Return the surprise (q, k) of hazard scores (q, k, J, C) at observations (q,) coded by `Grid.encode`."""
    code = labels.long()
    causes = scores.shape[-1]
    survived, ended = code // (causes + 1), code % (causes + 1)
    chances = F.log_softmax(F.pad(scores, (1, 0)), dim=-1)  # going on, then each cause
    passed = torch.arange(scores.shape[2], device=scores.device) < survived[:, None]
    going_on = (chances[..., 0] * passed[:, None, :]).sum(dim=-1)
    place = survived.clamp(max=scores.shape[2] - 1)
    end = chances[torch.arange(len(code), device=scores.device), :, place]  # (q, k, 1 + C)
    at_end = end.gather(-1, ended[:, None, None].expand(-1, scores.shape[1], 1)).squeeze(-1)
    return -(going_on + at_end * (ended > 0)[:, None])
