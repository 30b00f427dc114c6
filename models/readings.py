"""Timelines as the model reads them: one position per event, its code, value and time fused.

The token stream of a timeline tells an event in several tokens (gap, levels, code, value bin). What the model reads
keeps one position for each code, family or age token; the gap before it, its bin and its number stand beside it.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ehr.timelines import Timelines, ranges
from ehr.vocabulary import UNKNOWN, Vocabulary

NO_GAP: Final = -1
"""Before the first moment of a subject there is nothing to be a gap after."""

Ints = NDArray[np.int64]
Times = NDArray[np.datetime64]


@dataclass(frozen=True, slots=True)
class Readings:
    """Fused timelines of n positions.

    `timelines.tokens` (n,) holds codes, families, ages and UNKNOWN only, `timelines.values` (n,) the numbers in
    spreads from the median of their code (NaN without one). `bins` (n,) is the value bin from 1, 0 without a value.
    `gap_starts` has the first second of each gap interval of the vocabulary.
    """

    timelines: Timelines
    bins: NDArray[np.uint8]
    gap_starts: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.bins)


def fuse(timelines: Timelines, vocabulary: Vocabulary) -> Readings:
    """Return the timelines with one position per event; the order of the events stays."""
    tokens = timelines.tokens
    is_bin = (tokens >= vocabulary.first_quantile) & (tokens < vocabulary.first_gap)
    is_position = (tokens == UNKNOWN) | ((tokens >= vocabulary.first_age) & (tokens < vocabulary.first_level))
    is_position |= tokens >= vocabulary.first_code
    kept = np.flatnonzero(is_position)
    follows = np.append(kept + 1, len(tokens))[: len(kept)]
    has_value = np.append(is_bin, False)[follows]
    behind = follows[has_value]
    bins, values = np.zeros(len(kept), dtype=np.uint8), np.full(len(kept), np.nan)
    bins[has_value] = tokens[behind] - vocabulary.first_quantile + 1
    values[has_value] = timelines.values[behind]
    codes = tokens[kept]
    offsets = np.concatenate([[0], np.cumsum(is_position)])[timelines.offsets]
    fused = replace(
        timelines,
        offsets=offsets.astype(np.int64),
        tokens=codes,
        times=timelines.times[kept],
        event_ids=timelines.event_ids[kept],
        values=_normalised(codes, values, vocabulary),
    )
    return Readings(fused, bins, np.array(vocabulary.settings.gap_starts, dtype=np.float64))


def latest(readings: Readings, first: Ints, stop: Ints, ends: Times, hours: float) -> tuple[Ints, Ints]:
    """Thin d stretches of positions, `first` to before `stop` (d,), that end at the times `ends` (d,).

    Of each code the last event in every span of `hours`, counted back from the end, is kept, so that what is known
    of dense measurements stays recent. Returns the places that are kept, packed, and how many each stretch keeps.
    Positions of a stretch without a time are kept.
    """
    place = ranges(first, stop)
    stretch = np.repeat(np.arange(len(first)), stop - first)
    back = ends[stretch] - readings.timelines.times[place]
    span = np.where(np.isnat(back), -1, back.astype(np.int64) // int(hours * 3_600_000_000))
    codes = readings.timelines.tokens[place]
    order = np.lexsort((-place, span, codes, stretch))
    is_last = np.ones(len(order), dtype=bool)
    is_last[1:] = np.zeros(max(0, len(order) - 1), dtype=bool)
    for part in (stretch, codes, span):
        ordered = part[order]
        is_last[1:] |= ordered[1:] != ordered[:-1]
    kept = np.zeros(len(order), dtype=bool)
    kept[order] = is_last
    kept |= span < 0
    return place[kept], np.bincount(stretch[kept], minlength=len(first))


def gaps_between(readings: Readings, before: Ints, after: Ints) -> Ints:
    """Return the interval of the time from the places `before` to the places `after` (m,).

    0 is less than the shortest gap, i the interval i - 1 of the vocabulary, NO_GAP where one of them has no time.
    """
    times = readings.timelines.times
    span = times[after] - times[before]
    gaps = np.searchsorted(readings.gap_starts, span.astype(np.int64) / 1e6, side="right")
    found: Ints = np.where(np.isnat(span), NO_GAP, gaps)
    return found


def _normalised(
    codes: NDArray[np.uint32], values: NDArray[np.float64], vocabulary: Vocabulary
) -> NDArray[np.float32]:
    """Return the numbers in spreads from the median of their code."""
    scales = np.tile([0.0, 1.0], (len(vocabulary), 1))
    for code, scale in vocabulary.scales.items():
        if code in vocabulary.code_tokens:
            scales[vocabulary.code_tokens[code]] = scale
    normalised: NDArray[np.float32] = ((values - scales[codes, 0]) / scales[codes, 1]).astype(np.float32)
    return normalised
