"""Features of the past: counts of tokens and last values, for all rows at once.

The past is what `ehr.timelines.past_ends` says. For every token: how often it occurred, over the whole history and
over the last day; for every code with numbers: the bin of the last value. Beside them age, length of the history,
time since the last record, and number of records.
"""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse

from ehr.events import BIRTH
from ehr.timelines import Timelines, past_ends, ranges
from ehr.vocabulary import YEAR_SECONDS, Vocabulary

DAY: Final = np.timedelta64(1, "D").astype("timedelta64[us]")
_TOKENS_AT_ONCE: Final = 8_000_000
_DENSE: Final = ("age", "history_days", "days_since_last", "records")

Matrix = Any
"""A scipy.sparse.csr_matrix; scipy has no types."""
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Times = npt.NDArray[np.datetime64]


def extract(timelines: Timelines, rows: pl.DataFrame, vocabulary: Vocabulary) -> Matrix:
    """Return the features (rows, 3 * tokens + 4), columns named by `feature_names`.

    Counts are log(1 + n). The last value of a code is its bin, from -1 (lowest) to 1 (highest) and never 0.
    """
    subjects, times = rows["subject_id"].to_numpy(), rows["prediction_time"].to_numpy().astype("datetime64[us]")
    begins, ends = past_ends(timelines, subjects, times)
    parts = [
        _extract(timelines, begins[part], ends[part], times[part], vocabulary) for part in _batches(ends - begins)
    ]
    width = 3 * len(vocabulary) + len(_DENSE)
    return sparse.vstack(parts, format="csr") if parts else sparse.csr_matrix((0, width))


def feature_names(vocabulary: Vocabulary) -> list[str]:
    """Return what each column of `extract` says."""
    kinds = ("count", "count in the last day", "last value")
    return [*(f"{kind}: {token}" for kind in kinds for token in vocabulary.tokens), *_DENSE]


def _extract(
    timelines: Timelines,
    begins: Ints,
    ends: Ints,
    at: Times,
    vocabulary: Vocabulary,
) -> Matrix:
    n, width = len(begins), len(vocabulary)
    place = ranges(begins, ends)
    row = np.repeat(np.arange(n), ends - begins)
    tokens, times = timelines.tokens[place].astype(np.int64), timelines.times[place]
    is_recent = times > at[row] - DAY
    counts = _counted(row, tokens, (n, width))
    recent = _counted(row[is_recent], tokens[is_recent], (n, width))
    last = _last_values(row, tokens, n, vocabulary)
    dense = sparse.csr_matrix(_dense(begins, ends, at, row, tokens, times, vocabulary))
    return sparse.hstack([counts, recent, last, dense], format="csr")


def _counted(row: Ints, tokens: Ints, shape: tuple[int, int]) -> Matrix:
    counted = sparse.csr_matrix((np.ones(len(row)), (row, tokens)), shape=shape)
    counted.sum_duplicates()
    np.log1p(counted.data, out=counted.data)
    return counted


def _last_values(row: Ints, tokens: Ints, n: int, vocabulary: Vocabulary) -> Matrix:
    """Return the bin of the last value of each code; a value bin stands right behind its code."""
    bins = vocabulary.settings.quantiles
    is_bin = (tokens >= vocabulary.first_quantile) & (tokens < vocabulary.first_gap)
    where = np.flatnonzero(is_bin)
    key = row[where] * len(vocabulary) + tokens[where - 1]
    # The first of the reversed keys is the last value in time.
    distinct, first = np.unique(key[::-1], return_index=True)
    value = tokens[where[::-1][first]] - vocabulary.first_quantile
    centred = (2 * value - (bins - 1)) / max(bins - 1, 1)
    centred = np.where(centred == 0, 1e-3, centred)
    cell = (distinct // len(vocabulary), distinct % len(vocabulary))
    return sparse.csr_matrix((centred, cell), shape=(n, len(vocabulary)))


def _dense(
    begins: Ints,
    ends: Ints,
    at: Times,
    row: Ints,
    tokens: Ints,
    times: Times,
    vocabulary: Vocabulary,
) -> Floats:
    """Return age in decades, and on a logarithmic scale days of history, days since the last record, and records."""
    day, micros = 86_400e6, at.view(np.int64).astype(np.float64)
    is_birth = (tokens == vocabulary.token_of(BIRTH)) & ~np.isnat(times) & (BIRTH in vocabulary.code_tokens)
    is_timed = ~np.isnat(times) & ~is_birth
    stamps = times.view(np.int64).astype(np.float64)
    birth, first, last = np.full((3, len(begins)), np.nan)
    np.fmin.at(birth, row[is_birth], stamps[is_birth])
    np.fmin.at(first, row[is_timed], stamps[is_timed])
    np.fmax.at(last, row[is_timed], stamps[is_timed])
    age = (micros - birth) / (YEAR_SECONDS * 1e6) / 10
    history, silence = (np.log1p(np.maximum(micros - since, 0) / day) for since in (first, last))
    dense: Floats = np.nan_to_num(np.column_stack([age, history, silence, np.log1p(ends - begins)]))
    return dense


def _batches(lengths: Ints) -> Iterator[slice]:
    """Cut the rows into stretches of about _TOKENS_AT_ONCE tokens."""
    if not len(lengths):
        return
    number = (np.cumsum(lengths) - lengths) // _TOKENS_AT_ONCE
    starts = np.append(0, np.flatnonzero(np.diff(number)) + 1)
    for start, end in zip(starts, np.append(starts[1:], len(lengths)), strict=True):
        yield slice(int(start), int(end))
