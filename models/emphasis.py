"""Rare events that count for more: the yes-or-no question of chosen codes, asked beside the choice among all codes.

A death is one event in hundreds, so the surprise at codes says little about who is about to die, and a decoder that
foresees the next code almost as well as can be may still tell risks of death too alike. Each chosen code is asked
about once more by itself: is it the next, given the gap? The surprise at the answer is a proper score as the choice
among all codes is (Gneiting and Raftery 2007, Strictly proper scoring rules, section 3.1), and so is their sum: what
is learnt best are still the chances of the data, whatever the weight.
"""

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn

from ehr.errors import ModelError
from ehr.vocabulary import Vocabulary
from models.settings import Optimisation

_SURE: Final = -1e-6
"""Log chances are kept below this, so that those of the opposite are finite."""


class Emphasis(nn.Module):
    """Asks of each of k tokens whether it comes next; the surprise at the answers counts `strength` times."""

    tokens: Tensor

    def __init__(self, tokens: Sequence[int], strength: float) -> None:
        super().__init__()
        self.register_buffer("tokens", torch.tensor(tokens, dtype=torch.int64), False)
        self.strength = strength

    def forward(self, log_chances: Tensor, codes: Tensor) -> Tensor:
        """Return the weighted surprise in nats (e,), given the log chances (e, tokens) and what came (e,)."""
        chances = log_chances[:, self.tokens].clamp(max=_SURE)
        came = codes.unsqueeze(-1) == self.tokens
        surprise = torch.where(came, -chances, -torch.log(-torch.expm1(chances)))
        return self.strength * surprise.sum(dim=-1)


def emphasis_of(vocabulary: Vocabulary, work: Optimisation) -> Emphasis | None:
    """Return what the settings `emphasised` and `emphasis` ask for; None where nothing is emphasised.

    Raises ModelError for a code that the vocabulary has no token for.
    """
    if work.emphasis == 0:
        return None
    tokens = tokens_named(vocabulary, "emphasised", work.emphasised)
    return Emphasis(sorted(set(tokens)), work.emphasis) if tokens else None


def tokens_named(vocabulary: Vocabulary, setting: str, codes: str) -> list[int]:
    """Return the tokens of the codes, by comma, of a setting.

    Raises ModelError for a code that the vocabulary has no token for.
    """
    tokens: list[int] = []
    for code in filter(None, (part.strip() for part in codes.split(","))):
        found = vocabulary.tokens_of(code)
        if not found:
            raise ModelError(
                f"setting {setting} names {code}, and vocabulary {vocabulary.name} has no token for it; "
                "name codes that enough training subjects have"
            )
        tokens += found
    return tokens
