"""The decoder, whole in one file: RMSNorm, SwiGLU, rotary positions on real time, tied embeddings, shared cache.

Shapes are written with r rows, p positions, n futures of a row, h heads, d numbers per head, w the width.
"""

import math
from collections.abc import Iterator, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.settings import Architecture

LONGEST_ORDER = 4096.0
"""Longest period, in tokens, of the rotations by order."""


class Rotations(nn.Module):
    """Angles of rotary positions (Su et al. 2021, RoFormer): half by real time, half by the order of the tokens.

    Attention sees differences of positions only, so moving a whole timeline in time changes nothing. Time turns at
    periods spread evenly on a log scale from hours to decades, which keeps gaps of minutes and of years apart;
    the order tells tokens of one moment apart.
    """

    periods: Tensor
    order_periods: Tensor

    def __init__(self, shape: Architecture) -> None:
        super().__init__()
        pairs = shape.width // shape.heads // 4
        self.register_buffer("periods", _log_spaced(shape.shortest_period, shape.longest_period, pairs), False)
        self.register_buffer("order_periods", _log_spaced(2 * math.pi, LONGEST_ORDER, pairs), False)

    def forward(self, days: Tensor, order: Tensor) -> tuple[Tensor, Tensor]:
        """Return cosine and sine (..., d/2) for times in days (float64) and orders (int64) of one shape.

        Angles are taken in float64, so that decades of days keep their seconds, and returned in float32.
        """
        by_time = days.double().unsqueeze(-1) / self.periods
        by_order = order.double().unsqueeze(-1) / self.order_periods
        angles = 2 * math.pi * torch.cat([by_time, by_order], dim=-1)
        return angles.cos().float(), angles.sin().float()


def _log_spaced(shortest: float, longest: float, count: int) -> Tensor:
    return torch.logspace(math.log10(shortest), math.log10(longest), count, dtype=torch.float64)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn the pairs (i, i + d/2) of `x` (..., d) by their angles (..., d/2)."""
    left, right = x.chunk(2, dim=-1)
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    return torch.cat([left * cos - right * sin, right * cos + left * sin], dim=-1)


class LayerCache:
    """Keys and values of one layer: those of the history once per row, and those that each of its futures added."""

    def __init__(self, keys: Tensor, values: Tensor) -> None:
        self.keys, self.values = keys, values  # (r, h, p, d)
        self.own_keys = self.own_values = keys.new_empty(0)  # (r, h, n, capacity, d)

    def append(self, keys: Tensor, values: Tensor, at: int) -> tuple[Tensor, Tensor]:
        """Keep one more key and value (r, h, n, d) of each future; return all of them (r, h, n, at + 1, d)."""
        if at == 0 or at == self.own_keys.shape[-2]:
            room = [*keys.shape[:-1], max(32, at), keys.shape[-1]]
            self.own_keys = _grown(self.own_keys, keys.new_empty(room))
            self.own_values = _grown(self.own_values, values.new_empty(room))
        self.own_keys[..., at, :] = keys
        self.own_values[..., at, :] = values
        return self.own_keys[..., : at + 1, :], self.own_values[..., : at + 1, :]

    def select(self, rows: Tensor, futures: Tensor) -> None:
        """Keep the futures (r', n') of the rows (r',) and forget the others."""
        self.keys, self.values = self.keys[rows], self.values[rows]
        if self.own_keys.numel():
            index = futures[:, None, :, None, None]
            self.own_keys = _taken(self.own_keys[rows], index)
            self.own_values = _taken(self.own_values[rows], index)


def _grown(old: Tensor, room: Tensor) -> Tensor:
    return torch.cat([old, room], dim=-2) if old.numel() else room


def _taken(x: Tensor, index: Tensor) -> Tensor:
    return x.take_along_dim(index, dim=2)


class SharedCache:
    """What the decoder remembers of r histories and of n futures of each: the histories are kept once."""

    def __init__(self, layers: list[LayerCache], visible: Tensor) -> None:
        self.layers = layers
        self.visible = visible  # (r, p): which positions of the history hold a token
        self.lengths = visible.sum(dim=1)  # (r,)
        self.steps = 0

    def select(self, rows: Tensor, futures: Tensor) -> None:
        """Keep the futures (r', n') of the rows (r',) and forget the others."""
        for layer in self.layers:
            layer.select(rows, futures)
        self.visible, self.lengths = self.visible[rows], self.lengths[rows]


class Attention(nn.Module):
    """Multi-head attention with rotary positions."""

    def __init__(self, shape: Architecture) -> None:
        super().__init__()
        self.heads = shape.heads
        self.project = nn.Linear(shape.width, 3 * shape.width, bias=False)
        self.out = nn.Linear(shape.width, shape.width, bias=False)

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor], allowed: Tensor | None) -> tuple[Tensor, LayerCache]:
        """Attend within (r, p, w) where `allowed` (r, 1, p, p) is true, or causally without it."""
        query, key, value = self._heads(x)
        query, key = rotate(query, *turn), rotate(key, *turn)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=allowed, is_causal=allowed is None)
        return self.out(mixed.transpose(1, 2).flatten(2)), LayerCache(key, value)

    def step(self, x: Tensor, turn: tuple[Tensor, Tensor], cache: LayerCache, shared: SharedCache) -> Tensor:
        """Attend from one new token of each future (r, n, w) to the shared history and to the future's own tokens.

        The futures of a row stand where the positions of a sequence do, so that the products with the keys and
        values of the history are plain matrix products over all of them at once.
        """
        query, key, value = self._heads(x)  # (r, h, n, d)
        query, key = rotate(query, *turn), rotate(key, *turn)
        own_keys, own_values = cache.append(key, value, shared.steps)
        query = query * query.shape[-1] ** -0.5
        past = query @ cache.keys.transpose(-1, -2)  # (r, h, n, p)
        past = past.masked_fill(~shared.visible[:, None, None, :], -torch.inf)
        own = (own_keys @ query.unsqueeze(-1)).squeeze(-1)  # (r, h, n, s)
        weights = torch.cat([past, own], dim=-1).softmax(dim=-1)
        on_past, on_own = weights[..., : past.shape[-1]], weights[..., past.shape[-1] :]
        mixed = on_past @ cache.values + (on_own.unsqueeze(-2) @ own_values).squeeze(-2)
        return self.out(mixed.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]

    def _heads(self, x: Tensor) -> Iterator[Tensor]:
        """Return query, key and value (r, h, p, d)."""
        return iter(self.project(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4))


class FeedForward(nn.Module):
    """SwiGLU (Shazeer 2020, GLU variants improve transformer)."""

    def __init__(self, shape: Architecture) -> None:
        super().__init__()
        inner = round(shape.width * shape.expansion / 8) * 8
        self.gate_and_up = nn.Linear(shape.width, 2 * inner, bias=False)
        self.out = nn.Linear(inner, shape.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map each position (..., w) on its own."""
        gate, up = self.gate_and_up(x).chunk(2, dim=-1)
        return self.out(F.silu(gate) * up)  # type: ignore[no-any-return]


class Block(nn.Module):
    """Attention and feed-forward, each on the normalised stream and added to it."""

    def __init__(self, shape: Architecture) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(shape.width)
        self.attention = Attention(shape)
        self.feed_norm = nn.RMSNorm(shape.width)
        self.feed = FeedForward(shape)
        self.dropout = nn.Dropout(0.0)

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor], allowed: Tensor | None) -> tuple[Tensor, LayerCache]:
        """Map the stream (r, p, w); also return the keys and values of this layer."""
        mixed, cache = self.attention(self.attention_norm(x), turn, allowed)
        x = x + self.dropout(mixed)
        return x + self.dropout(self.feed(self.feed_norm(x))), cache

    def step(self, x: Tensor, turn: tuple[Tensor, Tensor], cache: LayerCache, shared: SharedCache) -> Tensor:
        """Map one new token of each future (r, n, w)."""
        x = x + self.attention.step(self.attention_norm(x), turn, cache, shared)
        return x + self.feed(self.feed_norm(x))  # type: ignore[no-any-return]


class Decoder(nn.Module):
    """Foresees the next token of a timeline from those before it.

    `tokens` counts the vocabulary; one more embedding stands for the query, a mark at a prediction time whose state
    is what the heads for a task read. Embeddings and output weights are one matrix (Press & Wolf 2017).
    """

    def __init__(self, shape: Architecture, tokens: int) -> None:
        super().__init__()
        self.shape, self.tokens = shape, tokens
        self.embed = nn.Embedding(tokens + 1, shape.width)
        self.rotations = Rotations(shape)
        self.dropout = nn.Dropout(0.0)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.width)
        self.apply(_start_small)
        for name, weight in self.named_parameters():
            if name.endswith("out.weight"):  # ends of residual branches: the stream keeps its size with depth
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * shape.layers))

    @property
    def query_token(self) -> int:
        """The token that marks a prediction time."""
        return self.tokens

    def set_dropout(self, share: float) -> None:
        """Leave out this share of the residual stream while training."""
        for module in self.modules():
            if isinstance(module, nn.Dropout):
                module.p = share

    @torch.no_grad()
    def start_query_from(self, tokens: Sequence[int]) -> None:
        """Let the query begin as the mean of `tokens`: as a gap up to now, its state foresees what comes next."""
        self.embed.weight[self.query_token] = self.embed.weight[list(tokens)].mean(dim=0)

    def forward(self, tokens: Tensor, days: Tensor, documents: Tensor | None = None) -> Tensor:
        """Return the states (r, p, w) of `tokens` (r, p) at the times `days` (r, p, float64, from any origin).

        A position sees those before it with the same number in `documents` (r, p); without it, all before it.
        """
        return self._read(tokens, days, documents)[0]

    def logits(self, states: Tensor) -> Tensor:
        """Return the scores (..., tokens) of the next token after states (..., w)."""
        return states @ self.embed.weight[: self.tokens].T

    def prefill(self, tokens: Tensor, days: Tensor, visible: Tensor) -> tuple[Tensor, SharedCache]:
        """Read histories (r, p), padded at their end where not `visible`, once for all of their futures.

        Returns the scores of the first token to come (r, tokens) and the cache for `step`.
        """
        states, layers = self._read(tokens, days, None)
        cache = SharedCache(layers, visible)
        last = (cache.lengths - 1)[:, None, None].expand(-1, 1, states.shape[-1])
        return self.logits(states.gather(1, last).squeeze(1)), cache

    def step(self, tokens: Tensor, days: Tensor, cache: SharedCache) -> Tensor:
        """Read one more token of each future (r, n) and return the scores of the next (r, n, tokens)."""
        order = (cache.lengths[:, None] + cache.steps).expand_as(tokens)
        turn = _for_heads(self.rotations(days, order))
        x = self.embed(tokens)
        for block, layer in zip(self._blocks(), cache.layers, strict=True):
            x = block.step(x, turn, layer, cache)
        cache.steps += 1
        return self.logits(self.norm(x))

    def _read(self, tokens: Tensor, days: Tensor, documents: Tensor | None) -> tuple[Tensor, list[LayerCache]]:
        order = torch.arange(tokens.shape[1], device=tokens.device).expand_as(tokens)
        turn = _for_heads(self.rotations(days, order))
        allowed = None if documents is None else document_mask(documents)
        x, caches = self.dropout(self.embed(tokens)), []
        for block in self._blocks():
            x, cache = block(x, turn, allowed)
            caches.append(cache)
        return self.norm(x), caches

    def _blocks(self) -> Iterator[Block]:
        return (cast(Block, block) for block in self.blocks)


def document_mask(documents: Tensor) -> Tensor:
    """Return where attention is allowed (r, 1, p, p): to the same document (r, p), and not ahead."""
    same = documents[:, :, None] == documents[:, None, :]
    return same.tril().unsqueeze(1)


def _for_heads(turn: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    return turn[0].unsqueeze(1), turn[1].unsqueeze(1)


def _start_small(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
