"""What the decoder learns from before any task: the next event (read forwards), and values that were hidden.

The next event is what futures are drawn from. Hidden values are told from all that stands around them, before and
after, so that the states of a whole history come to say how the patient is rather than what is recorded next
(masked modelling, Devlin et al. 2019, BERT; one network for both, Dong et al. 2019, UniLM).
"""

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from ehr.vocabulary import Vocabulary
from models.data import NO_TARGET, Batch
from models.emphasis import Emphasis, tokens_named
from models.settings import Optimisation
from models.transformer import Decoder

HIDDEN_CODES: Final = 0.25
"""Chance that all values of one code in a document are hidden at once, so that neighbours do not give them away."""
HIDDEN_EVENTS: Final = 0.3
"""Chance that the value of an event is hidden by itself."""


def next_event_losses(
    decoder: Decoder,
    states: Tensor,
    batch: Batch,
    weights_after: Tensor | None = None,
    emphasis: Emphasis | None = None,
) -> Tensor:
    """Return the surprise in nats (e,) at the events that follow: at their gap, their code and their value bin.

    With `weights_after` (tokens,) what follows an event counts as often as its token says. That is known before it
    comes, so that the chances that are learnt stay those of the data. `emphasis` adds the surprise at chosen codes.
    """
    asked = batch.next_codes != NO_TARGET
    weights = None if weights_after is None else weights_after[batch.reading.codes[asked]]
    states, gaps, codes = states[asked], batch.next_gaps[asked], batch.next_codes[asked]
    bins = batch.next_bins[asked]
    known = gaps.clamp(min=0)
    after = decoder.next.state_after(states, known)
    vectors = decoder.vectors()
    losses = F.cross_entropy(decoder.next.gap(states), gaps, reduction="none", ignore_index=NO_TARGET)
    log_chances = decoder.next.codes(after, vectors[: decoder.tokens]).log_softmax(dim=-1)
    losses = losses + F.nll_loss(log_chances, codes, reduction="none")
    if emphasis is not None:
        losses = losses + emphasis(log_chances, codes)
    valued = bins != NO_TARGET
    scores = decoder.next.bins(after[valued], F.embedding(codes[valued], vectors))
    surprise = F.cross_entropy(scores, bins[valued], reduction="none")
    losses = losses.index_add(0, valued.nonzero().squeeze(1), surprise.to(losses.dtype))
    return losses if weights is None else losses * weights


def weights_after(vocabulary: Vocabulary, work: Optimisation) -> Tensor | None:
    """Return how often what follows each token counts (tokens,), as `weighted_after` says; None where all are even.

    Raises ModelError for a code that the vocabulary has no token for.
    """
    tokens = tokens_named(vocabulary, "weighted_after", work.weighted_after) if work.after_weight != 1 else []
    if not tokens:
        return None
    weights = torch.ones(len(vocabulary))
    weights[tokens] = work.after_weight
    return weights


def hidden_value_losses(decoder: Decoder, batch: Batch, chance: torch.Generator) -> Tensor:
    """Hide values of the batch, read it both ways, and return the surprise in nats (e,) at the bins hidden."""
    reading = batch.reading
    hidden = _chosen(batch, decoder.tokens, chance).to(reading.bins.device)
    read = reading._replace(
        bins=torch.where(hidden, decoder.hidden_bin, reading.bins),
        values=torch.where(hidden, torch.nan, reading.values),
    )
    states = decoder(read, batch.documents, both_ways=True)[hidden]
    scores = decoder.next.bins(states, F.embedding(reading.codes[hidden], decoder.vectors()))
    return F.cross_entropy(scores, reading.bins[hidden] - 1, reduction="none")


def without_events(batch: Batch, share: float, chance: torch.Generator) -> Batch:
    """Return the batch with a share of the events that have a value taken out of their documents, by chance."""
    if share <= 0:
        return batch
    drawn = torch.rand(batch.documents.shape, generator=chance) < share
    out = drawn.to(batch.documents.device) & (batch.reading.bins > 0)
    return batch._replace(documents=torch.where(out, -1, batch.documents))


def _chosen(batch: Batch, tokens: int, chance: torch.Generator) -> Tensor:
    """Return which values (r, p) are hidden, drawn on the CPU so that the draw does not depend on the device."""
    kinds = batch.documents.clamp(min=0).cpu() * tokens + batch.reading.codes.cpu().clamp(max=tokens - 1)
    of_code = torch.rand(int(kinds.max()) + 1, generator=chance) < HIDDEN_CODES
    of_event = torch.rand(kinds.shape, generator=chance) < HIDDEN_EVENTS
    return (of_code[kinds] | of_event) & (batch.reading.bins.cpu() > 0) & (batch.documents.cpu() >= 0)
