"""Timelines as the model reads them: one position per event, its code, value and time fused.

The token stream of a timeline tells an event in several tokens (gap, levels, code, value bin). What the model reads
keeps one position for each code, family or age token; the gap before it, its bin and its number stand beside it.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ehr.timelines import Timelines
from ehr.vocabulary import UNKNOWN, Vocabulary

NO_GAP: Final = -1
"""Before the first moment of a subject there is nothing to be a gap after."""


@dataclass(frozen=True, slots=True)
class Readings:
    """Fused timelines of n positions.

    `timelines.tokens` (n,) holds codes, families, ages and UNKNOWN only, `timelines.values` (n,) the numbers in
    spreads from the median of their code (NaN without one). `bins` (n,) is the value bin from 1, 0 without a value;
    `gaps` (n,) is the interval of the time since the position before: 0 within one moment, 1 for the shortest gap
    interval of the vocabulary and so on, NO_GAP where no time stands before.
    """

    timelines: Timelines
    bins: NDArray[np.uint8]
    gaps: NDArray[np.int8]

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
    return Readings(fused, bins, _gaps(fused, vocabulary))


def thin(readings: Readings, vocabulary: Vocabulary, hours: float) -> Readings:
    """Return the readings with the first event of each code in every stretch of `hours` of a subject; 0 keeps all.

    Stretches count from the first time of the subject. An event is kept or not by what came before it alone, so what
    is known at any time does not depend on what follows. Static facts are kept.
    """
    if hours <= 0 or not len(readings):
        return readings
    whole = readings.timelines
    subject = np.repeat(np.arange(len(whole)), np.diff(whole.offsets))
    times = whole.times.view(np.int64)
    is_timed = ~np.isnat(whole.times)
    begins = np.full(len(whole), np.iinfo(np.int64).max)
    np.minimum.at(begins, subject[is_timed], times[is_timed])
    stretch = np.where(is_timed, (times - begins[subject]) // int(hours * 3_600_000_000), -1)
    order = np.lexsort((np.arange(len(times)), stretch, whole.tokens, subject))
    is_new = np.ones(len(order), dtype=bool)
    for part in (subject, whole.tokens, stretch):
        ordered = part[order]
        is_new[1:] &= ordered[1:] == ordered[:-1]
    is_new[1:] = ~is_new[1:]
    kept = np.zeros(len(order), dtype=bool)
    kept[order] = is_new
    kept |= ~is_timed
    offsets = np.concatenate([[0], np.cumsum(kept)])[whole.offsets].astype(np.int64)
    thinned = replace(
        whole,
        offsets=offsets,
        tokens=whole.tokens[kept],
        times=whole.times[kept],
        event_ids=whole.event_ids[kept],
        values=whole.values[kept],
    )
    return Readings(thinned, readings.bins[kept], _gaps(thinned, vocabulary))


def gap_of(seconds: NDArray[np.float64], vocabulary: Vocabulary) -> NDArray[np.int64]:
    """Return the gap interval of each span: 0 below the shortest gap, i for interval i - 1 of the vocabulary."""
    return np.searchsorted(np.array(vocabulary.settings.gap_starts, dtype=np.float64), seconds, side="right")


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


def _gaps(fused: Timelines, vocabulary: Vocabulary) -> NDArray[np.int8]:
    times = fused.times.view(np.int64)
    gaps = np.full(len(times), NO_GAP, dtype=np.int8)
    if len(times) > 1:
        timed = ~np.isnat(fused.times)
        is_first = np.zeros(len(times) + 1, dtype=bool)
        is_first[fused.offsets] = True
        follows = np.flatnonzero(timed[1:] & timed[:-1] & ~is_first[1:-1]) + 1
        gaps[follows] = gap_of((times[follows] - times[follows - 1]) / 1e6, vocabulary)
    return gaps
