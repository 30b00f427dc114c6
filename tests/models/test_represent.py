"""What a pre-trained decoder makes of a history: of the past alone, whoever else is asked about."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ehr.errors import VocabularyError
from models.heads import states_of
from models.represent import PARTS, represent
from models.training import reader_of
from tests.models.made import make_rows, make_timelines, make_vocabulary, untrained_checkpoint

VOCABULARY = make_vocabulary()
RECORDS = {
    1: [(None, "SEX//F"), (0.0, "A"), (1.0, "B"), (4.0, "C")],
    2: [(0.0, "B"), (2.0, "RISK")],
    3: [(None, "SEX//F"), (9.0, "A")],
}
ROWS = make_rows([(1, 2.0), (3, 5.0), (2, 3.0), (1, 5.0), (7, 1.0)])


@pytest.fixture(scope="module")
def checkpoint():
    return untrained_checkpoint(VOCABULARY)


@pytest.fixture(scope="module")
def timelines():
    return make_timelines(VOCABULARY, RECORDS)


def test_rows_of_which_something_was_known_have_three_states_each(checkpoint, timelines):
    found, usable = represent(checkpoint, timelines, ROWS)
    assert usable.tolist() == [True, False, True, True, False], "only a static fact, and nobody"
    assert found.shape == (3, len(PARTS) * checkpoint.settings.architecture.width)
    assert np.isfinite(found).all()
    assert not np.allclose(found[0], found[2])


def test_the_parts_are_the_states_of_the_last_event_of_the_query_and_their_mean(checkpoint, timelines):
    (found,), _ = represent(checkpoint, timelines, ROWS[:1])
    reader = reader_of(timelines, VOCABULARY, checkpoint.settings)
    documents, _ = reader.histories(ROWS[:1])
    with torch.no_grad():
        (states,) = states_of(checkpoint.decoder, reader.collate(documents, [np.array([0])], predict=True)).numpy()
    last_event, at_prediction, mean = np.split(found, len(PARTS))
    assert np.allclose(last_event, states[-2], atol=1e-5)
    assert np.allclose(at_prediction, states[-1], atol=1e-5)
    assert np.allclose(mean, states.mean(axis=0), atol=1e-5)


def test_a_row_is_the_same_alone_and_among_others(checkpoint, timelines):
    together, usable = represent(checkpoint, timelines, ROWS)
    for place, row in enumerate(np.flatnonzero(usable).tolist()):
        alone, _ = represent(checkpoint, timelines, ROWS[row : row + 1])
        assert np.allclose(together[place], alone[0], atol=1e-4)


def test_what_comes_later_changes_nothing(checkpoint, timelines):
    later = {subject: [*record, (5.5, "RISK"), (6.0, "A")] for subject, record in RECORDS.items()}
    rows = make_rows([(1, 5.0), (2, 3.0)])
    found, _ = represent(checkpoint, timelines, rows)
    assert np.allclose(found, represent(checkpoint, make_timelines(VOCABULARY, later), rows)[0], atol=1e-5)


def test_the_decoder_is_taken_as_pre_training_left_it(checkpoint, timelines):
    without_task = replace(checkpoint, classifier=None, calibration=None, task=None)
    assert np.array_equal(represent(checkpoint, timelines, ROWS)[0], represent(without_task, timelines, ROWS)[0])


def test_timelines_of_another_vocabulary_are_refused(checkpoint):
    other = make_vocabulary(codes=("A", "Z"))
    with pytest.raises(VocabularyError, match=other.hash[:12]):
        represent(checkpoint, make_timelines(other, {1: [(0.0, "A")]}), make_rows([(1, 1.0)]))
