import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ehr.events import BIRTH
from models.data import NO_TARGET, PackedBatches, Reader, bootstrap_weights, packed
from models.events import layout_of
from models.readings import fuse
from tests.models.made import CODES, make_rows, make_timelines, make_vocabulary, random_decoder

VOCABULARY = make_vocabulary()
QUERY = len(VOCABULARY)
BIRTH_TOKEN = VOCABULARY.code_tokens[BIRTH]
events = st.lists(
    st.tuples(st.floats(0, 300).map(lambda day: round(day, 3)), st.sampled_from(["A", "B", "C"])), max_size=30
)


def reader_of(records, max_tokens=12):
    return Reader(fuse(make_timelines(VOCABULARY, records), VOCABULARY), max_tokens, QUERY, BIRTH_TOKEN)


def token(code):
    return VOCABULARY.code_tokens[code]


@given(st.lists(st.integers(1, 20), min_size=1, max_size=50), st.integers(20, 40))
def test_packing_keeps_every_document_once_and_no_row_is_too_wide(lengths, width):
    lengths = np.array(lengths)
    rows = list(packed(np.arange(len(lengths)), lengths, width))
    assert np.concatenate(rows).tolist() == list(range(len(lengths)))
    assert all(lengths[row].sum() <= width for row in rows)


@given(st.lists(events, min_size=1, max_size=6), st.booleans(), st.integers(8, 30))
@settings(max_examples=50)
def test_pieces_hold_every_event_and_foresee_it_once_except_behind_a_cut(histories, born, max_tokens):
    first = [(-9000.0, BIRTH)] if born else []
    records = {number: [(None, "SEX//F"), *first, *history] for number, history in enumerate(histories)}
    reader = reader_of(records, max_tokens)
    pieces = reader.pieces(np.ones(len(histories), dtype=bool))
    assert (pieces.stop - pieces.first).sum() == (reader.stop - reader.begin).sum()
    targets = [batch.next_codes[batch.next_codes != NO_TARGET] for batch in _batches(reader, pieces)]
    assert sum(len(part) for part in targets) == (reader.stop - reader.begin).sum() - (~pieces.is_start).sum()
    assert (reader.lengths(pieces) <= max_tokens).all()


def _batches(reader, documents):
    if not len(documents):
        return []
    batches = PackedBatches(reader, documents, tokens_per_step=64, seed=3)
    return [batches[place] for place in range(len(batches))]


def test_targets_are_the_next_events_and_the_prefix_is_never_one():
    reader = reader_of({1: [(None, "SEX//F"), (-9000.0, BIRTH), (0.0, "A"), (0.0, "B"), (2.0, "C")]})
    batch = reader.collate(reader.pieces(np.array([True])), [np.array([0])])
    expected = [token("SEX//F"), BIRTH_TOKEN, token("A"), token("B"), token("C")]
    assert batch.reading.codes.tolist() == [expected]
    assert batch.reading.days.tolist() == [[0.0, 0.0, 9000.0, 9000.0, 9002.0]]
    assert batch.next_codes.tolist() == [[NO_TARGET, *expected[2:], NO_TARGET]]
    assert batch.next_gaps.tolist() == [[NO_TARGET, 3, 0, 2, NO_TARGET]]
    assert (batch.next_bins == NO_TARGET).all()


def test_before_the_first_moment_there_is_no_gap_to_foresee():
    reader = reader_of({1: [(None, "SEX//F"), (0.0, "A"), (2.0, "C")]})
    batch = reader.collate(reader.pieces(np.array([True])), [np.array([0])])
    assert batch.next_codes.tolist() == [[token("A"), token("C"), NO_TARGET]]
    assert batch.next_gaps.tolist() == [[NO_TARGET, 2, NO_TARGET]]


def test_a_history_ends_with_the_query_at_the_prediction_time_and_foresees_nothing_of_it():
    reader = reader_of({1: [(None, "SEX//F"), (0.0, "A"), (2.0, "C"), (9.0, "B")]})
    documents, usable = reader.histories(make_rows([(1, 5.5)], [True]))
    batch = reader.collate(documents, [np.array([0])])
    assert usable.tolist() == [True]
    assert batch.reading.codes[0, -1] == QUERY
    assert batch.reading.days[0, -1] == 5.5
    assert token("B") not in batch.reading.codes
    assert batch.next_codes[0, -2:].tolist() == [NO_TARGET, NO_TARGET]
    assert batch.queries.tolist() == [batch.documents.shape[1] - 1]
    assert batch.labels.tolist() == [1.0]


def test_a_long_history_keeps_its_prefix_and_its_last_tokens():
    reader = reader_of({1: [(None, "SEX//F"), (-9000.0, BIRTH), *((0.0, "A") for _ in range(30)), (0.0, "C")]}, 10)
    documents, _ = reader.histories(make_rows([(1, 1.0)]))
    batch = reader.collate(documents, [np.array([0])])
    kept = [token("SEX//F"), BIRTH_TOKEN, *[token("A")] * 6, token("C"), QUERY]
    assert batch.reading.codes.tolist() == [kept]
    assert batch.next_codes[0, :3].tolist() == [NO_TARGET, NO_TARGET, token("A")]


@given(past=events, future=events, other=events)
@settings(max_examples=60)
def test_the_future_changes_no_history(past, future, other):
    at = 300.0
    records = [
        {7: [(None, "SEX//F"), *past, *((at + 1 + day, code) for day, code in tail)]} for tail in (future, other)
    ]
    batches = []
    for record in records:
        reader = reader_of(record)
        documents, usable = reader.histories(make_rows([(7, at)], [True]))
        assert usable.tolist() == [bool(past)]
        if past:
            batches.append(reader.collate(documents, [np.array([0])]))
    if past:
        left, right = batches
        assert torch.equal(left.reading.codes, right.reading.codes)
        assert torch.equal(left.reading.days, right.reading.days)
        assert torch.equal(left.next_codes, right.next_codes)
        assert torch.equal(left.next_gaps, right.next_gaps)


def test_a_moment_at_the_prediction_time_is_known_and_one_a_microsecond_later_is_not():
    reader = reader_of({1: [(0.0, "A"), (1.0, "B"), (1.0 + 1e-6 / 86_400, "C")]})
    documents, _ = reader.histories(make_rows([(1, 1.0)]))
    tokens = reader.collate(documents, [np.array([0])]).reading.codes
    assert token("B") in tokens
    assert token("C") not in tokens


def test_subjects_without_a_history_are_left_out_and_named():
    records = {1: [(None, "SEX//F"), (-9000.0, BIRTH), (5.0, "A")], 2: [(0.0, "A")], 3: [(None, "SEX//F")]}
    rows = make_rows([(1, 1.0), (2, 1.0), (3, 1.0), (4, 1.0), (1, 5.0)])
    documents, usable = reader_of(records).histories(rows)
    assert usable.tolist() == [False, True, False, False, True]
    assert documents.subject.tolist() == [1, 0]


def test_a_subject_is_read_alike_alone_and_packed_with_others():
    rng = np.random.default_rng(0)
    records = {
        number: [(float(day), CODES[rng.integers(2)]) for day in np.sort(rng.integers(0, 90, size=5))]
        for number in range(6)
    }
    reader = reader_of(records, max_tokens=64)
    decoder = random_decoder(layout_of(VOCABULARY))
    documents, _ = reader.histories(make_rows([(number, 95.0) for number in records]))
    together = reader.collate(documents, [np.arange(6)])
    states = decoder(together.reading, together.documents).flatten(0, 1)[together.queries]
    for number in records:
        alone = reader.collate(documents, [np.array([number])])
        assert torch.allclose(decoder(alone.reading)[0, -1], states[number], atol=1e-4)


def test_rows_of_one_subject_share_their_bootstrap_weights():
    reader = reader_of({1: [(0.0, "A")], 2: [(0.0, "B")]})
    documents, _ = reader.histories(make_rows([(1, 1.0), (1, 2.0), (2, 1.0)]))
    weights = bootstrap_weights(documents, heads=3, seed=5).weights
    assert weights.shape == (3, 3)
    assert np.array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])
