import pytest
import torch

from models.events import Layout, Reading
from tests.models.made import random_decoder

SIZE, BINS, GAPS = 12, 4, 3
LAYOUT = Layout(SIZE, BINS, GAPS, ((),) * 6 + ((3, 4), (3,), (3, 4), (), (), ()), (False,) * 5 + (True,) * 7)


def some_history(rows, length, seed=0):
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randint(5, SIZE, (rows, length), generator=generator)
    bins = torch.randint(0, BINS + 1, (rows, length), generator=generator)
    values = torch.where(bins > 0, torch.randn((rows, length), generator=generator), torch.nan)
    days = torch.rand((rows, length), generator=generator, dtype=torch.float64).mul(30).cumsum(dim=1)
    return Reading(codes, bins, values, days)


def part(reading, *index):
    return Reading(*(tensor[index] for tensor in reading))


def moved(reading, days):
    return reading._replace(days=reading.days + days)


def joined(*readings):
    return Reading(*(torch.cat(tensors)[None] for tensors in zip(*readings, strict=True)))


def test_states_do_not_depend_on_what_comes_later():
    decoder = random_decoder(LAYOUT)
    history, other = some_history(1, 10), some_history(1, 10, seed=1)
    mixed = Reading(
        *(torch.cat([left[:, :6], right[:, 6:]], dim=1) for left, right in zip(history, other, strict=True))
    )
    assert torch.equal(decoder(history)[:, :6], decoder(mixed)[:, :6])


def test_documents_of_one_row_do_not_see_each_other():
    decoder = random_decoder(LAYOUT)
    history = some_history(1, 12)
    documents = torch.tensor([[0] * 5 + [1] * 7])
    together = decoder(history, documents)
    assert torch.allclose(together[:, :5], decoder(part(history, slice(None), slice(5))), atol=1e-5)
    assert torch.allclose(together[:, 5:], decoder(part(history, slice(None), slice(5, None))), atol=1e-5)


@pytest.mark.parametrize("shift", [-40_000.0, 0.125, 36_525.0])
def test_shifting_a_timeline_in_time_changes_nothing(shift):
    decoder = random_decoder(LAYOUT)
    history = some_history(2, 16)
    assert torch.allclose(decoder(history), decoder(moved(history, shift)), atol=1e-4)


def test_stretching_a_timeline_in_time_changes_its_states():
    decoder = random_decoder(LAYOUT)
    history = some_history(1, 16)
    stretched = history._replace(days=history.days * 3)
    assert not torch.allclose(decoder(history)[:, -1], decoder(stretched)[:, -1], atol=1e-2)


def test_the_order_within_one_moment_matters():
    decoder = random_decoder(LAYOUT)
    history = some_history(1, 4)._replace(days=torch.zeros((1, 4), dtype=torch.float64))
    swapped = part(history, slice(None), torch.tensor([1, 0, 2, 3]))
    assert not torch.allclose(decoder(history)[:, -1], decoder(swapped)[:, -1], atol=1e-2)


def test_a_value_counts_by_its_number_and_nothing_stands_for_none():
    decoder = random_decoder(LAYOUT)
    history = some_history(1, 8)._replace(bins=torch.full((1, 8), 2), values=torch.zeros((1, 8)))
    higher = history._replace(values=torch.full((1, 8), 0.7))
    assert not torch.allclose(decoder(history), decoder(higher), atol=1e-3)
    bare, odd = (
        history._replace(bins=torch.zeros((1, 8), dtype=torch.int64), values=torch.full((1, 8), value))
        for value in (torch.nan, 3.0)
    )
    assert torch.equal(decoder(bare), decoder(odd))


def test_codes_of_one_level_share_its_vector():
    decoder = random_decoder(LAYOUT)
    before = decoder.vectors().clone()
    with torch.no_grad():
        decoder.embed.weight[4] += 1
    moved_by = (decoder.vectors() - before)[:, 0]
    assert moved_by.round(decimals=4).tolist() == [0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 0, 0, 0]


def test_only_events_can_follow_and_what_follows_depends_on_the_gap():
    decoder = random_decoder(LAYOUT)
    states = decoder(some_history(2, 5))
    gaps = torch.zeros((2, 5), dtype=torch.int64)
    scores = decoder.code_logits(states, gaps)
    assert torch.isinf(scores[..., :5]).all()
    assert torch.isfinite(scores[..., 5:]).all()
    assert not torch.allclose(scores[..., 5:], decoder.code_logits(states, gaps + 2)[..., 5:], atol=1e-3)
    assert decoder.gap_logits(states).shape == (2, 5, GAPS + 1)
    assert decoder.value_logits(states, gaps, gaps + 7).shape == (2, 5, BINS)


def test_codes_after_many_gaps_at_once_are_those_after_each():
    decoder = random_decoder(LAYOUT)
    states = decoder(some_history(2, 5))
    every = torch.arange(GAPS + 1).expand(2, 5, GAPS + 1)
    at_once = decoder.code_logits(states[..., None, :], every)
    one_by_one = torch.stack(
        [
            decoder.code_logits(state, gaps)
            for state, gaps in zip(
                states[..., None, :].expand(-1, -1, GAPS + 1, -1).reshape(-1, 1, states.shape[-1]),
                every.reshape(-1, 1),
                strict=True,
            )
        ]
    )
    torch.testing.assert_close(at_once.reshape(one_by_one.shape), one_by_one, atol=1e-5, rtol=1e-5)


def test_cached_states_equal_those_of_the_whole_sequence():
    decoder = random_decoder(LAYOUT)
    lengths, futures, steps = [9, 4, 6], 3, 40
    history = some_history(3, 9)
    visible = torch.arange(9) < torch.tensor(lengths)[:, None]
    more = Reading(*(tensor.view(3, futures, steps) for tensor in some_history(3 * futures, steps, seed=1)))
    ends = torch.stack([history.days[row, length - 1] for row, length in enumerate(lengths)])
    more = moved(more, ends[:, None, None])

    with torch.no_grad():
        first, cache = decoder.prefill(history, visible)
        states = [decoder.step(part(more, ..., at), cache) for at in range(steps)]
        for row, length in enumerate(lengths):
            for future in range(futures):
                expected = decoder(joined(part(history, row, slice(length)), part(more, row, future)))[
                    0, length - 1 :
                ]
                found = torch.stack([first[row], *(step[row, future] for step in states)])
                assert torch.allclose(found, expected, atol=1e-3)


def test_futures_that_are_kept_go_on_as_if_the_others_were_there():
    decoder = random_decoder(LAYOUT)
    history = some_history(3, 7)
    visible = torch.ones((3, 7), dtype=torch.bool)
    following = some_history(3, 2, seed=2)._replace(days=history.days[:, -1:] + torch.tensor([1.0, 2.0]))

    with torch.no_grad():
        _, cache = decoder.prefill(history, visible)
        decoder.step(following, cache)
        whole = decoder.step(moved(following, 1), cache)
        _, cache = decoder.prefill(history, visible)
        decoder.step(following, cache)
        rows, futures = torch.tensor([2, 0]), torch.tensor([[1], [0]])
        cache.select(rows, futures)
        kept = Reading(*(tensor[rows].gather(1, futures) for tensor in moved(following, 1)))
        left = decoder.step(kept, cache)
    assert torch.allclose(left, whole[rows, futures.squeeze(1)][:, None], atol=1e-5)


def test_the_vectors_that_score_the_next_code_are_those_that_are_read():
    decoder = random_decoder(LAYOUT)
    assert decoder.embed.weight.shape[0] == SIZE + 1
    after = torch.zeros(1, decoder.shape.width)
    assert decoder.next.codes(after, decoder.vectors()[:SIZE]).shape == (1, SIZE)
