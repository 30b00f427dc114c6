"""What a model has to answer for futures to be drawn from it.

r rows, n futures of each, p events of a history, w the width of a state, v tokens.
"""

from typing import Any, Protocol

from torch import Tensor

from models.events import Reading


class Backbone(Protocol):
    """What futures are drawn from: `models.transformer.Decoder`, or another model of the same questions."""

    def prefill(self, reading: Reading, visible: Tensor) -> tuple[Tensor, Any]:
        """Read histories (r, p); return their last states (r, w) and a cache with `select(rows, futures)`."""
        ...

    def step(self, reading: Reading, cache: Any) -> Tensor:
        """Read one more event of each future (r, n); return the states (r, n, w) after it."""
        ...

    def gap_logits(self, states: Tensor) -> Tensor:
        """Return the scores (..., gaps) of the gap that follows; 0 is within the same moment."""
        ...

    def code_logits(self, states: Tensor, gaps: Tensor) -> Tensor:
        """Return the scores (..., v) of the code after gaps (...); the states (..., w) are broadcast to them."""
        ...

    def value_logits(self, states: Tensor, gaps: Tensor, codes: Tensor) -> Tensor:
        """Return the scores (..., bins) of the value bin of codes (...) after states and gaps."""
        ...
