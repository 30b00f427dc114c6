import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ehr.errors import ModelError
from models.emphasis import Emphasis, emphasis_of
from models.events import layout_of
from models.objectives import next_event_losses
from tests.models.made import random_decoder, tiny_settings
from tests.models.test_objectives import VOCABULARY, followed, some_batch


def log_chances(*chances: float) -> torch.Tensor:
    return torch.tensor([chances]).log()


def test_the_answer_of_a_code_counts_as_often_as_asked_beside_the_others():
    asked = Emphasis([1], 10.0)
    assert torch.allclose(asked(log_chances(0.7, 0.2, 0.1), torch.tensor([1])), -10 * torch.tensor([0.2]).log())
    for other in 0, 2:
        assert torch.allclose(
            asked(log_chances(0.7, 0.2, 0.1), torch.tensor([other])), -10 * torch.tensor([0.8]).log()
        )


@given(st.floats(0.01, 0.99), st.floats(0.5, 100))
def test_the_chance_of_the_data_surprises_least_whatever_the_weight(chance: float, strength: float):
    asked = Emphasis([0], strength)
    told = torch.tensor([chance, min(chance + 0.005, 0.9999), max(chance - 0.005, 0.0001)], dtype=torch.float64)
    rows = torch.stack([told, 1 - told], dim=1).log()
    came, not_came = asked(rows, torch.zeros(3, dtype=torch.int64)), asked(rows, torch.ones(3, dtype=torch.int64))
    expected = chance * came + (1 - chance) * not_came
    assert expected.argmin() == 0


def test_a_chance_of_one_or_none_surprises_without_bounds_but_with_a_number():
    asked = Emphasis([0], 1.0)
    rows = torch.tensor([[0.0, -torch.inf], [-torch.inf, 0.0]])
    assert asked(rows, torch.tensor([0, 1])).isfinite().all()
    assert asked(rows[:1], torch.tensor([1])).item() > 10


def test_pre_training_adds_the_surprise_at_what_is_emphasised():
    decoder, batch = random_decoder(layout_of(VOCABULARY)), followed(some_batch())
    work = tiny_settings("emphasised=LAB", "emphasis=5").optimisation
    states = decoder(batch.reading, batch.documents)
    plain = next_event_losses(decoder, states, batch)
    emphasised = next_event_losses(decoder, states, batch, emphasis=emphasis_of(VOCABULARY, work))
    assert (emphasised > plain).all()
    lighter = tiny_settings("emphasised=LAB", "emphasis=1").optimisation
    once = next_event_losses(decoder, states, batch, emphasis=emphasis_of(VOCABULARY, lighter))
    assert torch.allclose(emphasised - plain, 5 * (once - plain), atol=1e-4)


def test_nothing_is_emphasised_unless_asked_and_codes_without_a_token_are_refused():
    for assignments in (), ("emphasised=LAB",), ("emphasised=''", "emphasis=3"):
        assert emphasis_of(VOCABULARY, tiny_settings(*assignments).optimisation) is None
    with pytest.raises(ModelError, match="emphasised names NONE, and vocabulary test has no token for it"):
        emphasis_of(VOCABULARY, tiny_settings("emphasised=LAB, NONE", "emphasis=3").optimisation)
    with pytest.raises(ModelError, match=r"emphasis is -1\.0 and cannot be below 0"):
        tiny_settings("emphasis=-1")
