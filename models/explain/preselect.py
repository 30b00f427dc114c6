"""Which events of a history are worth leaving out: a guess for all of them in one backward pass."""

import numpy as np
import torch

from models.explain.history import VARIANTS_AT_ONCE, Floats, History, Int64s, batch_to_score, variants
from models.heads import Classifier


def steepness(classifier: Classifier, history: History) -> Floats:
    """Return for each position (p,) how far the mean score could move with the event there; the query gets 0.

    It is the length of the gradient at the event as it enters the first block, times the distance of the event from
    the average event of the history. The product of the vectors (gradient x input) says less: each block normalises
    what it reads, so that the score hardly changes along the input itself (docs/explanation.md has the figures).
    What the heads read of summaries, past the states, is added as it is.
    """
    classifier.eval()
    decoder = classifier.decoder
    with torch.no_grad():
        embedded = decoder.embedded(history.reading)
    embedded.requires_grad_(True)
    states = decoder.states_of(embedded, history.reading.days, both_ways=decoder.shape.both_ways)
    place = torch.zeros(history.reading.codes.shape, dtype=torch.int64)
    batch = batch_to_score(history.reading, place, torch.tensor([len(history) - 1]))
    (gradient,) = torch.autograd.grad(classifier.heads(states, batch).mean(), embedded)
    events = embedded.detach()[0, :-1]
    reach = gradient[0, :-1].norm(dim=-1) * (events - events.mean(dim=0)).norm(dim=-1)
    return np.append(reach.double().numpy(), 0.0) + _through_summaries(classifier, history)


@torch.no_grad()
def _through_summaries(classifier: Classifier, history: History) -> Floats:
    """Return for each position (p,) how far its absence moves the part of the mean score that reads summaries.

    That part is small, so it is asked for every position and not guessed.
    """
    wide = classifier.heads.wide
    moves = np.zeros(len(history))
    if wide is None:
        return moves
    there = np.ones((1, len(history)), dtype=bool)
    whole = float(wide(variants(history.reading, there)).mean())
    for at in range(0, len(history) - 1, VARIANTS_AT_ONCE):
        place = np.arange(at, min(at + VARIANTS_AT_ONCE, len(history) - 1))
        kept = np.arange(len(history))[None, :] != place[:, None]
        moves[place] = np.abs(wide(variants(history.reading, kept)).mean(dim=1).double().numpy() - whole)
    return moves


def preselected(classifier: Classifier, history: History, count: int) -> Int64s:
    """Return at most `count` events of a history, in their order: those at which the score is steepest."""
    events = history.events()
    if len(events) <= count:
        return events
    of_event = history.without(events) @ steepness(classifier, history)
    chosen: Int64s = events[np.sort(np.argsort(-of_event, kind="stable")[:count])]
    return chosen
