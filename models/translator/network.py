"""The network: a small encoder-decoder transformer that points at slots.

Pre-norm blocks with rotary positions (Su et al., "RoFormer", 2021) and scaled dot-product attention; the score of a
slot is that of a pointer to its place in the question (Vinyals, Fortunato and Jaitly, "Pointer Networks", 2015).
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.translator.batches import IGNORED, Batch
from models.translator.settings import Shape

KeysValues = tuple[Tensor, Tensor]


def rotated(x: Tensor, start: int) -> Tensor:
    """Turn the pairs of numbers of `x` (b, h, t, d) by their position, counted from `start`."""
    half = x.shape[-1] // 2
    cos, sin = (turn.to(x) for turn in _turns(start, x.shape[-2], half))
    one, two = x[..., :half], x[..., half:]
    return torch.cat([one * cos - two * sin, one * sin + two * cos], -1)


@lru_cache(maxsize=1024)
def _turns(start: int, length: int, half: int) -> tuple[Tensor, Tensor]:
    """Return cosine and sine (length, half) of the angles; made outside inference, since training may reuse them."""
    with torch.inference_mode(False):
        speed = 10_000 ** -(torch.arange(half, dtype=torch.float32) / half)
        angle = torch.arange(start, start + length, dtype=torch.float32)[:, None] * speed
        return angle.cos(), angle.sin()


class Attention(nn.Module):
    """Attention of positions (b, t, w) to themselves or to a memory."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.ask = nn.Linear(width, width, bias=False)
        self.keys_values = nn.Linear(width, 2 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def _parted(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)

    def remember(self, memory: Tensor, start: int | None) -> KeysValues:
        """Return keys and values (b, h, t, d) of a memory, its keys turned by position unless `start` is None."""
        keys, values = (self._parted(part) for part in self.keys_values(memory).chunk(2, -1))
        return (keys if start is None else rotated(keys, start)), values

    def forward(
        self, x: Tensor, memory: KeysValues, start: int | None, mask: Tensor | None = None, *, causal: bool = False
    ) -> Tensor:
        """Read a memory; `mask` (b, 1, 1, t) says where it holds something."""
        ask = self._parted(self.ask(x))
        ask = ask if start is None else rotated(ask, start)
        # In bfloat16 the backward pass of this function is several times slower than in single precision on a CPU.
        with torch.autocast(x.device.type, enabled=False):
            keys, values = (part.float() for part in memory)
            read = F.scaled_dot_product_attention(ask.float(), keys, values, attn_mask=mask, is_causal=causal)
        return cast(Tensor, self.out(read.transpose(1, 2).flatten(2)))


class FeedForward(nn.Sequential):
    """Two layers with a GELU between them."""

    def __init__(self, width: int, expansion: float) -> None:
        inner = round(width * expansion)
        super().__init__(nn.Linear(width, inner), nn.GELU(), nn.Linear(inner, width))


class EncoderBlock(nn.Module):
    """Attention both ways, then the feed-forward part."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.attention = Attention(shape.width, shape.heads)
        self.feed = FeedForward(shape.width, shape.expansion)
        self.norms = nn.ModuleList(nn.LayerNorm(shape.width) for _ in range(2))
        self.dropout = nn.Dropout(0.0)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return the new states (b, t, w)."""
        normed = self.norms[0](x)
        x = x + self.dropout(self.attention(normed, self.attention.remember(normed, 0), 0, mask))
        return cast(Tensor, x + self.dropout(self.feed(self.norms[1](x))))


class DecoderBlock(nn.Module):
    """Attention to what was written, to what was read, then the feed-forward part."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.itself = Attention(shape.width, shape.heads)
        self.across = Attention(shape.width, shape.heads)
        self.feed = FeedForward(shape.width, shape.expansion)
        self.norms = nn.ModuleList(nn.LayerNorm(shape.width) for _ in range(3))
        self.dropout = nn.Dropout(0.0)

    def forward(
        self, x: Tensor, question: KeysValues, mask: Tensor, past: KeysValues | None
    ) -> tuple[Tensor, KeysValues]:
        """Return the new states (b, l, w), and keys and values of all that is written so far."""
        normed = self.norms[0](x)
        start = 0 if past is None else past[0].shape[2]
        written = self.itself.remember(normed, start)
        if past is not None:
            written = (torch.cat([past[0], written[0]], 2), torch.cat([past[1], written[1]], 2))
        x = x + self.dropout(self.itself(normed, written, start, causal=past is None))
        x = x + self.dropout(self.across(self.norms[1](x), question, None, mask))
        return x + self.dropout(self.feed(self.norms[2](x))), written


@dataclass(frozen=True, slots=True)
class Read:
    """A batch of questions as the decoder sees it; `rows` repeats or reorders them."""

    memories: tuple[KeysValues, ...]
    """For each block of the decoder."""
    mask: Tensor
    slots: Tensor
    """States (b, s, w) where the slots stand, with the kind that each is referred to by."""
    has_slot: Tensor

    def rows(self, chosen: Tensor) -> "Read":
        """Return the questions of these rows."""
        memories = tuple((keys[chosen], values[chosen]) for keys, values in self.memories)
        return Read(memories, self.mask[chosen], self.slots[chosen], self.has_slot[chosen])


class Network(nn.Module):
    """Questions in, scores of tokens and slots out, and a score for being answerable at all."""

    def __init__(self, shape: Shape, rows: int, tokens: int) -> None:
        super().__init__()
        self.shape, self.tokens = shape, tokens
        width = shape.width
        self.table = nn.EmbeddingBag(rows, width, mode="sum")
        self.encoder = nn.ModuleList(EncoderBlock(shape) for _ in range(shape.encoder_layers))
        self.encoder_norm = nn.LayerNorm(width)
        self.outputs = nn.Embedding(tokens + 1, width)
        self.scores = None if shape.tied else nn.Linear(width, tokens)
        self.slot_kind = nn.Linear(width, width, bias=False)
        self.slot_in = nn.Linear(width, width, bias=False)
        self.pointer = nn.Linear(width, width, bias=False)
        self.decoder = nn.ModuleList(DecoderBlock(shape) for _ in range(shape.decoder_layers))
        self.decoder_norm = nn.LayerNorm(width)
        self.pool = nn.Linear(width, 1)
        self.answerable = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, 1))
        self.dropout = nn.Dropout(0.0)
        self.apply(_initialise)

    def set_dropout(self, share: float) -> None:
        """Leave out this share of the numbers in every step of training."""
        for module in self.modules():
            if isinstance(module, nn.Dropout):
                module.p = share

    def states(self, batch: Batch) -> Tensor:
        """Return the states (b, t, w) of the words of the questions."""
        words = self.table(batch.rows, batch.offsets, per_sample_weights=batch.weights)
        x = self.dropout(words.view(*batch.read.shape, -1))
        mask = batch.read[:, None, None, :]
        for block in self.encoder:
            x = block(x, mask)
        return cast(Tensor, self.encoder_norm(x))

    def read(self, batch: Batch, states: Tensor) -> Read:
        """Return what the decoder needs to know of the questions."""
        memories = tuple(cast(DecoderBlock, block).across.remember(states, None) for block in self.decoder)
        places = batch.slots[:, :, None].expand(-1, -1, states.shape[-1])
        slots = states.gather(1, places) + self.slot_kind(F.embedding(batch.kinds, self.table.weight))
        return Read(memories, batch.read[:, None, None, :], slots, batch.has_slot)

    def answerable_scores(self, batch: Batch, states: Tensor) -> Tensor:
        """Return the log-odds (b,) that a question has an answer."""
        attention = self.pool(states)[..., 0].masked_fill(~batch.read, -torch.inf).softmax(-1)
        return cast(Tensor, self.answerable((attention[..., None] * states).sum(1))[:, 0])

    def embed(self, written: Tensor, read: Read) -> Tensor:
        """Return embeddings (b, l, w) of indices of tokens, then slots; the index -1 begins an answer."""
        begin = torch.where(written < 0, self.tokens, written)
        fixed = self.outputs(begin.clamp(max=self.tokens))
        is_slot = written >= self.tokens
        places = (written - self.tokens).clamp(0, read.slots.shape[1] - 1)
        pointed = read.slots.gather(1, places[:, :, None].expand(-1, -1, fixed.shape[-1]))
        return torch.where(is_slot[:, :, None], self.slot_in(pointed), fixed)

    def decode(
        self, written: Tensor, read: Read, past: tuple[KeysValues, ...] | None = None
    ) -> tuple[Tensor, tuple[KeysValues, ...]]:
        """Return log-probabilities (b, l, tokens + s) of what comes next, and the keys and values so far."""
        x = self.dropout(self.embed(written, read))
        kept: list[KeysValues] = []
        for place, block in enumerate(self.decoder):
            x, memory = block(x, read.memories[place], read.mask, None if past is None else past[place])
            kept.append(memory)
        x = self.decoder_norm(x)
        fixed = F.linear(x, self.outputs.weight[: self.tokens]) if self.scores is None else self.scores(x)
        pointed = self.pointer(x) @ read.slots.transpose(1, 2) * self.shape.width**-0.5
        pointed = pointed.masked_fill(~read.has_slot[:, None, :], -torch.inf)
        return torch.cat([fixed, pointed], -1).log_softmax(-1), tuple(kept)

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return log-probabilities (b, l, tokens + s) of the targets' places, and the answerable scores (b,)."""
        states = self.states(batch)
        read = self.read(batch, states)
        written = F.pad(batch.targets[:, :-1].masked_fill(batch.targets[:, :-1] == IGNORED, 0), (1, 0), value=-1)
        return self.decode(written, read)[0], self.answerable_scores(batch, states)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=module.in_features**-0.5)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Embedding | nn.EmbeddingBag):
        nn.init.normal_(module.weight, std=0.1)
