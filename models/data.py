"""From readings to batches: which events are read together, packed into rows without letting documents mix."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from ehr.timelines import past_ends
from models.events import Reading
from models.readings import NO_GAP, Readings, gaps_between, latest

NO_TARGET: Final = -100
"""Target of a position that has none; what torch's cross entropy ignores."""
_DAY: Final = np.timedelta64(1, "D") / np.timedelta64(1, "us")

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]
Times = NDArray[np.datetime64]


@dataclass(frozen=True, slots=True)
class Documents:
    """What is read in one go, d of them: the prefix of a subject, a stretch of its events, perhaps a query.

    `subject` is the place in the timelines; the stretch is `first` to before `stop` in `places`, which are places of
    the packed events; `is_start` says that it begins where the timed events do; `query` is a prediction time (NaT
    without one); `label` is 0, 1 or NaN; `weights` (d, k) weigh the row in each of k heads.
    """

    subject: Ints
    first: Ints
    stop: Ints
    is_start: NDArray[np.bool_]
    query: Times
    label: Floats
    weights: Floats
    places: Ints

    def __len__(self) -> int:
        return len(self.subject)

    @property
    def last(self) -> Ints:
        """The place (d,) of the last event of each stretch."""
        return self.places[self.stop - 1]

    def take(self, index: Ints | NDArray[np.bool_]) -> "Documents":
        """Return the documents at `index`."""
        return Documents(
            self.subject[index],
            self.first[index],
            self.stop[index],
            self.is_start[index],
            self.query[index],
            self.label[index],
            self.weights[index],
            self.places,
        )


class Batch(NamedTuple):
    """Rows of packed documents (r, p); `queries` (q,) are places in the flattened rows, one per labelled document.

    `documents` numbers the documents within the batch, -1 where a row is padded. `next_gaps`, `next_codes` and
    `next_bins` (r, p) are what follows each position, NO_TARGET where that is not to be foreseen. `labels` (q,) and
    `weights` (q, k) belong to the queries.
    """

    reading: Reading
    documents: Tensor
    next_gaps: Tensor
    next_codes: Tensor
    next_bins: Tensor
    queries: Tensor
    labels: Tensor
    weights: Tensor


class Reader:
    """Readings ready to be cut into documents: where the prefix of each subject ends and the rest begins.

    The prefix is read at the head of every document of the subject: the static facts, and the birth where it is the
    first thing that has a time (its distance in time tells the age, however far back the document reaches).
    `max_tokens` bounds the positions of a document. With `thin_hours`, of each code only the last event in every span
    of so many hours is read, counted back from the end of what is read.
    """

    def __init__(
        self, readings: Readings, max_tokens: int, query_token: int, birth_token: int, thin_hours: float = 0.0
    ) -> None:
        timelines = readings.timelines
        self.readings, self.timelines = readings, timelines
        self.max_tokens, self.query_token, self.thin_hours = max_tokens, query_token, thin_hours
        self.start: Ints = timelines.offsets[:-1].astype(np.int64)
        self.stop: Ints = timelines.offsets[1:].astype(np.int64)
        timed = np.concatenate([[0], np.cumsum(~np.isnat(timelines.times))])
        first_timed = self.stop - (timed[self.stop] - timed[self.start])
        tokens, times = np.append(timelines.tokens, 0), np.append(timelines.times, np.datetime64("NaT", "us"))
        has_birth = (first_timed < self.stop) & (tokens[first_timed] == birth_token)
        self.begin: Ints = first_timed + has_birth
        """Where what is foreseen begins."""
        self.prefix: Ints = self.begin - self.start
        self.origin = np.where(first_timed < self.stop, times[first_timed], times[-1])
        """Time of the first timed event, from which days are counted."""

    def pieces(self, subjects: NDArray[np.bool_]) -> Documents:
        """Cut the whole timelines of the chosen `subjects` (s,) into documents of at most max_tokens."""
        chosen = np.flatnonzero(subjects & (self.begin < self.stop))
        ends = self.timelines.times[self.stop[chosen] - 1]
        places, begin, end = self._read(self.begin[chosen], self.stop[chosen], ends)
        room = np.maximum(1, self.max_tokens - self.prefix[chosen])
        counts = -(-(end - begin) // room)
        which = np.repeat(np.arange(len(chosen)), counts)
        piece = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
        first = begin[which] + piece * room[which]
        stop = np.minimum(first + room[which], end[which])
        return _documents(chosen[which], first, stop, piece == 0, places)

    def histories(self, rows: pl.DataFrame) -> tuple[Documents, NDArray[np.bool_]]:
        """Return what was known at each row (subject_id, prediction_time[, boolean_value]), and which rows have any.

        `ehr.timelines.past_ends` decides what was known; the last max_tokens - 1 positions are kept with the prefix
        first, and a query at the prediction time ends the document. Rows of subjects about whom nothing but the
        prefix was known are left out; the second value (rows,) is false for them.
        """
        numbers = rows["subject_id"].to_numpy()
        times = rows["prediction_time"].cast(pl.Datetime("us")).to_numpy()
        here = np.isin(numbers, self.timelines.subject_ids)
        _, ends = past_ends(self.timelines, numbers[here], times[here])
        subject = np.searchsorted(self.timelines.subject_ids, numbers[here])
        known = ends > self.begin[subject]
        usable = here.copy()
        usable[here] = known
        subject = subject[known]
        asked = times[usable].astype("datetime64[us]")
        places, begin, stop = self._read(self.begin[subject], ends[known], asked)
        first = np.maximum(begin, stop - np.maximum(1, self.max_tokens - 1 - self.prefix[subject]))
        documents = _documents(subject, first, stop, first == begin, places)
        label = np.full(len(subject), np.nan, dtype=np.float32)
        if "boolean_value" in rows.columns:
            label = rows["boolean_value"].cast(pl.Float32).to_numpy()[usable]
        return replace(documents, query=asked, label=label), usable

    def _read(self, first: Ints, stop: Ints, ends: Times) -> tuple[Ints, Ints, Ints]:
        """Return the places that are read of stretches, and where each stretch begins and ends among them."""
        if self.thin_hours <= 0 or not len(first):
            return np.arange(len(self.readings)), first, stop
        places, counts = latest(self.readings, first, stop, ends, self.thin_hours)
        after = np.cumsum(counts)
        return places, after - counts, after

    def collate(self, documents: Documents, rows: list[Ints], *, predict: bool = False) -> Batch:
        """Lay the documents with the numbers in each of `rows` one after another, as one batch.

        Targets are the next timed events; a document that begins in the middle of a timeline has no target for its
        first timed event, since what came before it is not there to be read. With `predict` there are none at all.
        """
        order = np.concatenate(rows)
        chosen = documents.take(order)
        asked = ~np.isnat(chosen.query)
        prefix = self.prefix[chosen.subject]
        lengths = prefix + chosen.stop - chosen.first + asked
        doc = np.repeat(np.arange(len(order)), lengths)
        place = np.arange(len(doc)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        is_query = asked[doc] & (place == lengths[doc] - 1)
        in_prefix = place < prefix[doc]
        source = np.zeros(len(doc), dtype=np.int64)
        source[in_prefix] = self.start[chosen.subject][doc[in_prefix]] + place[in_prefix]
        is_read = ~in_prefix & ~is_query
        source[is_read] = chosen.places[(chosen.first - prefix)[doc[is_read]] + place[is_read]]
        lay = _Layout(rows, lengths)
        reading = Reading(
            lay.out(np.where(is_query, self.query_token, self.timelines.tokens[source]).astype(np.int64), 0),
            lay.out(np.where(is_query, 0, self.readings.bins[source]).astype(np.int64), 0),
            lay.out(np.where(is_query, np.nan, self.timelines.values[source]).astype(np.float32), np.nan),
            lay.out(self._days(source, chosen, doc, in_prefix, is_query), 0),
        )
        hidden = in_prefix | is_query | ((place == prefix[doc]) & ~chosen.is_start[doc])
        gaps, codes, bins = self._targets(source, doc, hidden, predict=predict)
        return Batch(
            reading,
            lay.out(doc.astype(np.int64), -1),
            lay.out(gaps, NO_TARGET),
            lay.out(codes, NO_TARGET),
            lay.out(bins, NO_TARGET),
            torch.from_numpy(lay.flat[is_query]),
            torch.from_numpy(chosen.label[asked]),
            torch.from_numpy(chosen.weights[asked]),
        )

    def _targets(
        self, source: Ints, doc: Ints, hidden: NDArray[np.bool_], *, predict: bool
    ) -> tuple[Ints, Ints, Ints]:
        """Return gap, code and value bin of what follows each position, unless that is `hidden`."""
        gaps, codes, bins = np.full((3, len(doc)), NO_TARGET, dtype=np.int64)
        if not predict and len(doc) > 1:
            here = np.flatnonzero((doc[1:] == doc[:-1]) & ~hidden[1:])
            behind = source[here + 1]
            gap = gaps_between(self.readings, source[here], behind)
            value_bin = self.readings.bins[behind].astype(np.int64)
            gaps[here] = np.where(gap == NO_GAP, NO_TARGET, gap)
            codes[here] = self.timelines.tokens[behind]
            bins[here] = np.where(value_bin == 0, NO_TARGET, value_bin - 1)
        return gaps, codes, bins

    def lengths(self, documents: Documents) -> Ints:
        """Return how many positions each document takes."""
        asked = ~np.isnat(documents.query)
        return self.prefix[documents.subject] + documents.stop - documents.first + asked

    def _days(
        self,
        source: Ints,
        chosen: Documents,
        doc: Ints,
        in_prefix: NDArray[np.bool_],
        is_query: NDArray[np.bool_],
    ) -> NDArray[np.float64]:
        """Return days since the first timed event of the subject; its prefix stands at zero."""
        times = np.where(is_query, chosen.query[doc], self.timelines.times[source])
        origin = self.origin[chosen.subject][doc]
        since = np.where(in_prefix, np.timedelta64(0, "us"), times - origin)
        return since.astype("timedelta64[us]").astype(np.int64) / _DAY


class PackedBatches(Dataset[Batch]):
    """The batches of one pass over documents: packed into rows of max_tokens, `rows_per_batch` rows each."""

    def __init__(self, reader: Reader, documents: Documents, tokens_per_step: int, seed: int | None) -> None:
        self.reader, self.documents = reader, documents
        order = np.arange(len(documents))
        if seed is not None:
            order = np.random.default_rng(seed).permutation(order)
        rows = list(packed(order, reader.lengths(documents), reader.max_tokens))
        rows_per_batch = max(1, tokens_per_step // reader.max_tokens)
        self.batches = [rows[at : at + rows_per_batch] for at in range(0, len(rows), rows_per_batch)]

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> Batch:
        return self.reader.collate(self.documents, self.batches[index])


def packed(order: Ints, lengths: Ints, width: int) -> Iterator[Ints]:
    """Fill rows of `width` with documents in the given order: a row ends when the next document does not fit.

    >>> [row.tolist() for row in packed(np.array([2, 0, 1]), np.array([4, 3, 5]), 9)]
    [[2, 0], [1]]
    """
    ends = np.cumsum(lengths[order])
    at = 0
    while at < len(order):
        full = (ends[at - 1] if at else 0) + width
        stop = max(at + 1, int(np.searchsorted(ends, full, side="right")))
        yield order[at:stop]
        at = stop


def bootstrap_weights(documents: Documents, heads: int, seed: int) -> Documents:
    """Weigh the documents for each of `heads` heads by a Bayesian bootstrap over subjects (Rubin 1981).

    All documents of a subject share one weight, drawn from Exp(1), so each head sees its own resample of patients.
    """
    places, inverse = np.unique(documents.subject, return_inverse=True)
    weights = np.random.default_rng(seed).exponential(size=(len(places), heads)).astype(np.float32)
    return replace(documents, weights=weights[inverse])


def side_by_side(parts: Sequence[Documents]) -> Documents:
    """Return the documents of several tasks as one, with weights (d, sum of k): those of other tasks are zero."""
    if len(parts) == 1:
        return parts[0]
    shifts = np.cumsum([0, *(len(part.places) for part in parts)])
    columns = np.cumsum([0, *(part.weights.shape[1] for part in parts)])
    weights = [
        np.pad(part.weights, ((0, 0), (columns[at], columns[-1] - columns[at + 1]))) for at, part in enumerate(parts)
    ]
    return Documents(
        np.concatenate([part.subject for part in parts]),
        np.concatenate([part.first + shift for part, shift in zip(parts, shifts[:-1], strict=True)]),
        np.concatenate([part.stop + shift for part, shift in zip(parts, shifts[:-1], strict=True)]),
        np.concatenate([part.is_start for part in parts]),
        np.concatenate([part.query for part in parts]),
        np.concatenate([part.label for part in parts]),
        np.concatenate(weights),
        np.concatenate([part.places for part in parts]),
    )


def _documents(subject: Ints, first: Ints, stop: Ints, is_start: NDArray[np.bool_], places: Ints) -> Documents:
    count = len(subject)
    return Documents(
        subject.astype(np.int64),
        first.astype(np.int64),
        stop.astype(np.int64),
        is_start,
        np.full(count, np.datetime64("NaT", "us")),
        np.full(count, np.nan, dtype=np.float32),
        np.ones((count, 1), dtype=np.float32),
        places,
    )


class _Layout:
    """Where the positions of documents laid one after another stand in the rows of a batch."""

    def __init__(self, rows: list[Ints], lengths: Ints) -> None:
        per_row = np.array([len(row) for row in rows])
        widths = np.add.reduceat(lengths, np.cumsum(per_row) - per_row)
        row = np.repeat(np.arange(len(rows)), widths)
        column = np.arange(len(row)) - np.repeat(np.cumsum(widths) - widths, widths)
        self.shape = (len(rows), int(widths.max()))
        self.flat: Ints = row * self.shape[1] + column

    def out(self, values: NDArray[Any], empty: float) -> Tensor:
        """Return the values as rows, `empty` where a row is padded."""
        laid = np.full(self.shape[0] * self.shape[1], empty, dtype=values.dtype)
        laid[self.flat] = values
        return torch.from_numpy(laid.reshape(self.shape))
