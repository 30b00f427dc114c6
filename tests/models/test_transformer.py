import pytest
import torch

from tests.models.made import random_decoder

SIZE = 12


def some_history(rows, length, seed=0):
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(0, SIZE, (rows, length), generator=generator)
    days = torch.rand((rows, length), generator=generator, dtype=torch.float64).mul(30).cumsum(dim=1)
    return tokens, days


def test_states_do_not_depend_on_what_comes_later():
    decoder = random_decoder(SIZE)
    tokens, days = some_history(1, 10)
    changed, later = tokens.clone(), days.clone()
    changed[:, 6:] = (changed[:, 6:] + 1) % SIZE
    later[:, 6:] += 1000
    assert torch.equal(decoder(tokens, days)[:, :6], decoder(changed, later)[:, :6])


def test_documents_of_one_row_do_not_see_each_other():
    decoder = random_decoder(SIZE)
    tokens, days = some_history(1, 12)
    documents = torch.tensor([[0] * 5 + [1] * 7])
    together = decoder(tokens, days, documents)
    assert torch.allclose(together[:, :5], decoder(tokens[:, :5], days[:, :5]), atol=1e-5)
    assert torch.allclose(together[:, 5:], decoder(tokens[:, 5:], days[:, 5:]), atol=1e-5)


@pytest.mark.parametrize("shift", [-40_000.0, 0.125, 36_525.0])
def test_shifting_a_timeline_in_time_changes_nothing(shift):
    decoder = random_decoder(SIZE)
    tokens, days = some_history(2, 16)
    assert torch.allclose(decoder(tokens, days), decoder(tokens, days + shift), atol=1e-4)


def test_stretching_a_timeline_in_time_changes_its_states():
    decoder = random_decoder(SIZE)
    tokens, days = some_history(1, 16)
    assert not torch.allclose(decoder(tokens, days)[:, -1], decoder(tokens, days * 3)[:, -1], atol=1e-2)


def test_the_order_within_one_moment_matters():
    decoder = random_decoder(SIZE)
    days = torch.zeros((1, 4), dtype=torch.float64)
    one = decoder(torch.tensor([[1, 2, 3, 4]]), days)[:, -1]
    other = decoder(torch.tensor([[2, 1, 3, 4]]), days)[:, -1]
    assert not torch.allclose(one, other, atol=1e-2)


def test_cached_scores_equal_those_of_the_whole_sequence():
    decoder = random_decoder(SIZE)
    lengths, futures, steps = [9, 4, 6], 3, 40
    tokens, days = some_history(3, 9)
    visible = torch.arange(9) < torch.tensor(lengths)[:, None]
    more, gaps = some_history(3 * futures, steps, seed=1)
    more = more.view(3, futures, steps)
    later = (
        gaps.view(3, futures, steps) + torch.stack([days[row, n - 1] for row, n in enumerate(lengths)])[:, None, None]
    )

    with torch.no_grad():
        first, cache = decoder.prefill(tokens, days, visible)
        scores = [decoder.step(more[..., at], later[..., at], cache) for at in range(steps)]
        for row, length in enumerate(lengths):
            for future in range(futures):
                whole = torch.cat([tokens[row, :length], more[row, future]])[None]
                when = torch.cat([days[row, :length], later[row, future]])[None]
                expected = decoder.logits(decoder(whole, when))[0, length - 1 :]
                found = torch.stack([first[row], *(step[row, future] for step in scores)])
                assert torch.allclose(found, expected, atol=1e-3)


def test_futures_that_are_kept_go_on_as_if_the_others_were_there():
    decoder = random_decoder(SIZE)
    tokens, days = some_history(3, 7)
    visible = torch.ones((3, 7), dtype=torch.bool)
    next_tokens = torch.tensor([[1, 2], [3, 4], [5, 6]])
    next_days = days[:, -1:] + torch.tensor([1.0, 2.0])

    with torch.no_grad():
        _, cache = decoder.prefill(tokens, days, visible)
        decoder.step(next_tokens, next_days, cache)
        whole = decoder.step(next_tokens, next_days + 1, cache)
        _, cache = decoder.prefill(tokens, days, visible)
        decoder.step(next_tokens, next_days, cache)
        rows, futures = torch.tensor([2, 0]), torch.tensor([[1], [0]])
        cache.select(rows, futures)
        left = decoder.step(next_tokens[rows].gather(1, futures), (next_days + 1)[rows].gather(1, futures), cache)
    assert torch.allclose(left, whole[rows, futures.squeeze(1)][:, None], atol=1e-5)


def test_the_output_weights_are_the_embeddings_without_the_query():
    decoder = random_decoder(SIZE)
    assert decoder.embed.weight.shape[0] == SIZE + 1
    assert decoder.logits(torch.zeros(1, decoder.shape.width)).shape == (1, SIZE)
    assert not any("logits" in name for name, _ in decoder.named_parameters())
