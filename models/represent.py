"""What a pre-trained decoder makes of a history, without any label: numbers that simple estimators can learn from.

The decoder is taken as pre-training left it, so that the same numbers serve every task (Wornow et al. 2023, EHRSHOT).
"""

from typing import Final

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from ehr.timelines import Timelines
from models.checkpoint import Checkpoint, require_vocabulary
from models.data import Batch
from models.heads import states_of
from models.learner import threads
from models.training import reader_of

PARTS: Final = ("last event", "prediction time", "mean")
"""Whose states stand side by side in a representation."""
_AT_ONCE: Final = 32


@torch.no_grad()
def represent(
    checkpoint: Checkpoint, timelines: Timelines, rows: pl.DataFrame
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the representation (q, 3 * width) of each row (subject_id, prediction_time) with a history.

    Side by side stand the state at the last event known, the state of the query at the prediction time, and the mean
    of the states of all that is read. The second value (rows,) is false for rows of which nothing was known; they
    have no representation. Raises VocabularyError when the timelines were read with another vocabulary.
    """
    require_vocabulary(
        checkpoint.name, checkpoint.vocabulary, "the vocabulary of the timelines", timelines.vocabulary_hash
    )
    reader = reader_of(timelines, checkpoint.vocabulary, checkpoint.settings)
    documents, usable = reader.histories(rows.select("subject_id", "prediction_time"))
    decoder = checkpoint.decoder.eval()
    shape = checkpoint.settings.architecture
    out = np.empty((len(documents), len(PARTS) * shape.width), dtype=np.float32)
    order = np.argsort(reader.lengths(documents), kind="stable")
    with threads(checkpoint.settings.optimisation.threads):
        for at in range(0, len(order), _AT_ONCE):
            index = order[at : at + _AT_ONCE]
            batch = reader.collate(documents, [np.array([place]) for place in index], predict=True)
            out[index] = _side_by_side(states_of(decoder, batch), batch).numpy()
    return out, usable


def _side_by_side(states: Tensor, batch: Batch) -> Tensor:
    """Return the parts (q, 3 * w) of the states (r, p, w) of rows that hold one document each."""
    flat = states.flatten(0, 1)
    is_read = (batch.documents >= 0).unsqueeze(-1)
    means = (states * is_read).sum(dim=1) / is_read.sum(dim=1)
    return torch.cat([flat[batch.queries - 1], flat[batch.queries], means], dim=-1)
