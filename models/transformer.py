"""The decoder, whole in one file: RMSNorm, SwiGLU, rotary positions on real time, tied embeddings, shared cache.

Shapes are written with r rows, p positions, n futures of a row, h heads, d numbers per head, w the width. One
position is one event: its code, the value that came with it, and its time.
"""

import math
from collections.abc import Iterator
from typing import Final, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.events import Layout, Reading, Values
from models.settings import Architecture

LONGEST_ORDER: Final = 4096.0
"""Longest period, in positions, of the rotations by order."""


class Rotations(nn.Module):
    """Angles of rotary positions (Su et al. 2021, RoFormer): half by real time, half by the order of the events.

    Attention sees differences of positions only, so moving a whole timeline in time changes nothing. Time turns at
    periods spread evenly on a log scale from hours to decades, which keeps gaps of minutes and of years apart;
    the order tells events of one moment apart.
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
        turns = torch.cat([by_time, by_order], dim=-1)
        angles = (2 * math.pi * (turns - turns.floor())).float()
        return angles.cos(), angles.sin()


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
        self.visible = visible  # (r, p): which positions of the history hold an event
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
        """Attend within (r, p, w) where `allowed` (r, 1, p, p) is true, or to what stands before without it."""
        query, key, value = self._heads(x)
        query, key = rotate(query, *turn), rotate(key, *turn)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=allowed, is_causal=allowed is None)
        return self.out(mixed.transpose(1, 2).flatten(2)), LayerCache(key, value)

    def step(self, x: Tensor, turn: tuple[Tensor, Tensor], cache: LayerCache, shared: SharedCache) -> Tensor:
        """Attend from one new event of each future (r, n, w) to the shared history and to the future's own events.

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
        """Map one new event of each future (r, n, w)."""
        x = x + self.attention.step(self.attention_norm(x), turn, cache, shared)
        return x + self.feed(self.feed_norm(x))  # type: ignore[no-any-return]


class Next(nn.Module):
    """What follows a state: the gap, then the code after that gap, then the value of that code."""

    possible: Tensor

    def __init__(self, layout: Layout, width: int) -> None:
        super().__init__()
        self.gap = nn.Linear(width, layout.gaps + 1)
        self.after = nn.Embedding(layout.gaps + 1, width)
        self.mix = nn.Linear(width, width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.often = nn.Parameter(torch.zeros(layout.tokens))
        self.of_code = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.bin = nn.Linear(width, max(1, layout.bins))
        self.register_buffer("possible", torch.tensor(layout.events), False)

    def state_after(self, states: Tensor, gaps: Tensor) -> Tensor:
        """Return the states (..., w) once the gaps (...) are known."""
        return states + self.out(F.silu(self.mix(states) + self.after(gaps)))  # type: ignore[no-any-return]

    def codes(self, after: Tensor, vectors: Tensor) -> Tensor:
        """Return the scores (..., tokens) of the next code, given the vectors (tokens, w) of all."""
        return (after @ vectors.T + self.often).masked_fill(~self.possible, -torch.inf)

    def codes_after(self, states: Tensor, gaps: Tensor, vectors: Tensor) -> Tensor:
        """Return the scores (..., tokens) of the next code after gaps (...), of states (..., w) that are broadcast.

        Where many gaps are asked about, what is the same for all of them is worked out once.
        """
        if gaps.numel() < len(vectors):
            return self.codes(self.state_after(states, gaps), vectors)
        alike = states @ vectors.T + self.often.masked_fill(~self.possible, -torch.inf)
        return alike + F.silu(self.mix(states) + self.after(gaps)) @ (vectors @ self.out.weight).T

    def bins(self, after: Tensor, vector: Tensor) -> Tensor:
        """Return the scores (..., bins) of its value, given the vector (..., w) of the code."""
        return self.bin(F.silu(self.value(after) + self.of_code(vector)))  # type: ignore[no-any-return]


class Decoder(nn.Module):
    """Foresees the next event of a timeline from those before it: p(gap) p(code | gap) p(value bin | gap, code).

    A code's vector is its own embedding and those of its levels (chapter, block ...), so that rare codes lean on
    their kin; the same vectors score the next code (Press & Wolf 2017). One more embedding stands for the query, a
    mark at a prediction time whose state is what the heads for a task read.
    """

    levels: Tensor

    def __init__(self, shape: Architecture, layout: Layout) -> None:
        super().__init__()
        self.shape, self.layout, self.tokens = shape, layout, layout.tokens
        self.embed = nn.Embedding(layout.tokens + 1, shape.width)
        self.values = Values(layout, shape.width)
        self.next = Next(layout, shape.width)
        self.rotations = Rotations(shape)
        self.dropout = nn.Dropout(0.0)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.width)
        self.register_buffer("levels", _padded(layout), False)
        self.apply(_start_small)
        for name, weight in self.named_parameters():
            if name.startswith("blocks") and name.endswith("out.weight"):  # the stream keeps its size with depth
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * shape.layers))

    @property
    def query_token(self) -> int:
        """The token that marks a prediction time."""
        return self.tokens

    @property
    def hidden_bin(self) -> int:
        """The bin that marks a value as hidden."""
        return self.layout.bins + 1

    def set_dropout(self, share: float) -> None:
        """Leave out this share of the residual stream while training."""
        for module in self.modules():
            if isinstance(module, nn.Dropout):
                module.p = share

    def forward(self, reading: Reading, documents: Tensor | None = None, *, both_ways: bool = False) -> Tensor:
        """Return the states (r, p, w) of the events.

        A position sees those before it with the same number in `documents` (r, p); without it, all before it. With
        `both_ways` it sees those after it too, which is no reading to foresee the next event from.
        """
        return self.states_of(self.embedded(reading), reading.days, documents, both_ways=both_ways)

    def embedded(self, reading: Reading) -> Tensor:
        """Return the events as they enter the first block (..., w)."""
        return F.embedding(reading.codes, self.vectors()) + self.values(reading)  # type: ignore[no-any-return]

    def states_of(
        self, embedded: Tensor, days: Tensor, documents: Tensor | None = None, *, both_ways: bool = False
    ) -> Tensor:
        """Return the states of events that were embedded before, so that a gradient can be taken there."""
        if both_ways and documents is None:
            documents = torch.zeros_like(days, dtype=torch.int64)
        return self._read(embedded, days, None if documents is None else document_mask(documents, both_ways))[0]

    def gap_logits(self, states: Tensor) -> Tensor:
        """Return the scores (..., gaps + 1) of the time to the next event: 0 in this moment, i for interval i - 1."""
        return self.next.gap(states)  # type: ignore[no-any-return]

    def code_logits(self, states: Tensor, gaps: Tensor) -> Tensor:
        """Return the scores (..., tokens) of the next code after gaps (...); what is no event scores -inf.

        The states (..., w) are broadcast to the gaps.
        """
        return self.next.codes_after(states, gaps, self.vectors()[: self.tokens])

    def value_logits(self, states: Tensor, gaps: Tensor, codes: Tensor) -> Tensor:
        """Return the scores (..., bins) of the value of the next event, which is of the codes (...)."""
        vector = F.embedding(codes, self.vectors())
        return self.next.bins(self.next.state_after(states, gaps), vector)

    def prefill(self, reading: Reading, visible: Tensor) -> tuple[Tensor, SharedCache]:
        """Read histories (r, p), padded at their end where not `visible`, once for all of their futures.

        Returns the last state of each (r, w) and the cache for `step`.
        """
        states, layers = self._read(self.embedded(reading), reading.days, None)
        cache = SharedCache(layers, visible)
        last = (cache.lengths - 1)[:, None, None].expand(-1, 1, states.shape[-1])
        return states.gather(1, last).squeeze(1), cache

    def step(self, reading: Reading, cache: SharedCache) -> Tensor:
        """Read one more event of each future (r, n) and return its states (r, n, w)."""
        order = (cache.lengths[:, None] + cache.steps).expand_as(reading.codes)
        turn = _for_heads(self.rotations(reading.days, order))
        x = self.embedded(reading)
        for block, layer in zip(self._blocks(), cache.layers, strict=True):
            x = block.step(x, turn, layer, cache)
        cache.steps += 1
        return self.norm(x)  # type: ignore[no-any-return]

    def _read(self, x: Tensor, days: Tensor, allowed: Tensor | None) -> tuple[Tensor, list[LayerCache]]:
        order = torch.arange(days.shape[1], device=days.device).expand_as(days)
        turn = _for_heads(self.rotations(days, order))
        x, caches = self.dropout(x), []
        for block in self._blocks():
            x, cache = block(x, turn, allowed)
            caches.append(cache)
        return self.norm(x), caches

    def vectors(self) -> Tensor:
        """Return the vector of every token and of the query (tokens + 1, w): its own and those of its levels."""
        if not self.levels.shape[1]:
            return self.embed.weight
        padded = F.pad(self.embed.weight, (0, 0, 0, 1))
        return self.embed.weight + padded[self.levels].sum(dim=1)

    def _blocks(self) -> Iterator[Block]:
        return (cast(Block, block) for block in self.blocks)


def document_mask(documents: Tensor, both_ways: bool = False) -> Tensor:
    """Return where attention is allowed (r, 1, p, p): to the same document (r, p), and ahead only `both_ways`."""
    same = documents[:, :, None] == documents[:, None, :]
    return (same if both_ways else same.tril()).unsqueeze(1)


def _padded(layout: Layout) -> Tensor:
    """Return the levels of every token and of the query (tokens + 1, most levels); tokens + 1 stands for none."""
    most = max((len(levels) for levels in layout.levels), default=0)
    none = layout.tokens + 1
    rows = [[*levels, *[none] * (most - len(levels))] for levels in (*layout.levels, ())]
    return torch.tensor(rows, dtype=torch.int64).view(layout.tokens + 1, most)


def _for_heads(turn: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    return turn[0].unsqueeze(1), turn[1].unsqueeze(1)


def _start_small(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
