"""One patient's past as a model reads it, and what the model says when parts of it are left out."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from ehr.timelines import Timelines
from ehr.tokens import NO_EVENT
from models.checkpoint import Checkpoint
from models.data import Batch, Documents, Reader
from models.events import Reading
from models.heads import Classifier
from models.training import reader_of

VARIANTS_AT_ONCE: Final = 32

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Int64s = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class History:
    """What a model reads of one row: p positions, of which the last is the query at the prediction time.

    `reading` has shape (1, p). `event_ids` (p,) has the event behind each position, NO_EVENT at the query; an age
    stands with the event of the birth. `times` (p,) are NaT for what has none and at the query. `is_fixed` (p,) says
    what is read at the head of every document of the patient (static facts, birth), and holds for the query too.
    """

    subject_id: int
    reading: Reading
    event_ids: Int64s
    times: NDArray[np.datetime64]
    is_fixed: Bools

    def __len__(self) -> int:
        """Return the number of positions, with the query."""
        return len(self.event_ids)

    def events(self) -> Int64s:
        """Return the events that are read after the fixed part, in the order of the reading.

        What stands for an event of the fixed part, such as an age, is none of its own.
        """
        is_free = ~self.is_fixed & ~np.isin(self.event_ids, self.event_ids[self.is_fixed])
        _, first = np.unique(self.event_ids[is_free], return_index=True)
        found: Int64s = self.event_ids[is_free][np.sort(first)]
        return found

    def without(self, event_ids: Int64s) -> Bools:
        """Return for each event (s,) the positions (s, p) that go with it."""
        found: Bools = self.event_ids[None, :] == event_ids[:, None]
        return found

    def without_all(self, event_ids: Int64s) -> Bools:
        """Return the positions (1, p) that go with any of the events."""
        found: Bools = np.isin(self.event_ids, event_ids) & (self.event_ids != NO_EVENT)
        return found[None, :]


def histories(
    checkpoint: Checkpoint, timelines: Timelines, rows: pl.DataFrame
) -> tuple[list[History], NDArray[np.bool_]]:
    """Return the histories of the rows (subject_id, prediction_time) that have one, and which rows (r,) those are.

    `models.data.Reader.histories` decides what was known; nothing after the prediction time is in them.
    """
    reader = reader_of(timelines, checkpoint.vocabulary, checkpoint.settings)
    documents, usable = reader.histories(rows.select("subject_id", "prediction_time"))
    return [_history(reader, documents, number) for number in range(len(documents))], usable


def _history(reader: Reader, documents: Documents, number: int) -> History:
    batch = reader.collate(documents, [np.array([number])], predict=True)
    place, first = int(documents.subject[number]), int(documents.first[number])
    start, prefix = int(reader.start[place]), int(reader.prefix[place])
    source = np.concatenate([np.arange(start, start + prefix), documents.places[first : int(documents.stop[number])]])
    timelines = reader.timelines
    event_ids = np.append(timelines.event_ids[source], NO_EVENT).astype(np.int64)
    is_fixed = np.arange(len(event_ids)) < prefix
    is_fixed[-1] = True
    times = np.append(timelines.times[source], np.datetime64("NaT", "us"))
    return History(int(timelines.subject_ids[place]), batch.reading, event_ids, times, is_fixed)


@torch.no_grad()
def scores_without(classifier: Classifier, history: History, removed: Bools) -> Floats:
    """Return the scores (v, k) of the heads with the positions `removed` (v, p) taken out; never the query.

    The others keep their times and their order. Where nothing is removed, every row is the same computation.
    """
    classifier.eval()
    removed = removed & (np.arange(len(history)) < len(history) - 1)
    distinct, inverse = np.unique(removed, axis=0, return_inverse=True)
    out = np.empty((len(distinct), classifier.heads.scores.out_features))
    # Variants of one length share a batch, so that little is padded.
    order = np.argsort((~distinct).sum(axis=1), kind="stable")
    for at in range(0, len(order), VARIANTS_AT_ONCE):
        index = order[at : at + VARIANTS_AT_ONCE]
        batch = variants(history.reading, ~distinct[index])
        out[index] = classifier(batch).double().numpy()
    return out[inverse.reshape(-1)]


def variants(reading: Reading, kept: Bools) -> Batch:
    """Return a batch with one row per variant, the positions `kept` (v, p) moved together and padded at the end."""
    lengths = kept.sum(axis=1)
    width = int(lengths.max())
    source = torch.from_numpy(np.argsort(~kept, axis=1, kind="stable")[:, :width].copy())
    is_there = np.arange(width) < lengths[:, None]
    parts = (part[0][source] for part in reading)
    documents = torch.from_numpy(np.where(is_there, np.arange(len(kept))[:, None], -1))
    queries = torch.from_numpy(np.arange(len(kept)) * width + lengths - 1)
    return batch_to_score(Reading(*parts), documents, queries)


def batch_to_score(reading: Reading, documents: Tensor, queries: Tensor) -> Batch:
    """Return a batch that has all that the heads read, and no targets."""
    nothing = torch.empty(0, dtype=torch.int64)
    return Batch(reading, documents, nothing, nothing, nothing, queries, torch.empty(0), torch.empty(0))
