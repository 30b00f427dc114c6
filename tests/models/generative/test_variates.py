import numpy as np
import pytest
import torch

from models.events import Reading
from models.generative.variates import Surprise, lessened, most_frequent
from tests.models.made import make_vocabulary

VOCABULARY = make_vocabulary(codes=("A", "B", "C"))
A, B = VOCABULARY.code_tokens["A"], VOCABULARY.code_tokens["B"]


def test_what_was_told_is_taken_away_and_the_mean_stays():
    chance = np.random.default_rng(1)
    told = chance.normal(size=(200, 32, 4)).astype(np.float32)
    risk = chance.uniform(0.1, 0.4, size=(200, 1))
    chances = risk + 0.05 * told[..., 0] - 0.02 * told[..., 2] + 0.01 * chance.normal(size=(200, 32))
    found = lessened(chances, told, risk[:, 0])
    assert found.std(axis=1).mean() < 0.3 * chances.std(axis=1).mean()
    error = np.abs(found.mean(axis=1) - risk[:, 0]).mean()
    assert error < 0.3 * np.abs(chances.mean(axis=1) - risk[:, 0]).mean()
    assert found.mean() == pytest.approx(risk.mean(), abs=0.001)


def test_too_few_futures_are_left_as_they_are():
    chances = np.random.default_rng(1).random((2, 16))
    told = np.ones((2, 16, 4), dtype=np.float32)
    told[:, :8] = -1
    assert (lessened(chances, told, np.array([0.1, 0.2])) == chances).all()
    assert (lessened(chances, told[..., :0], np.array([0.1, 0.2])) == chances).all()


def test_what_is_told_of_an_event_has_the_mean_zero():
    surprise = Surprise(VOCABULARY, torch.tensor([A, B]))
    chances = torch.tensor([[[0.25, 0.5]]], dtype=torch.float64)
    one = torch.ones(1, 1, dtype=torch.float64)

    def told(token):
        drawn = Reading(torch.tensor([[token]]), torch.zeros(1, 1), torch.zeros(1, 1), torch.zeros(1, 1))
        return surprise.told(chances, drawn, torch.zeros(1, 1), one, 0.5 * one)

    mean = 0.25 * told(A) + 0.5 * told(B) + 0.25 * told(VOCABULARY.code_tokens["C"])
    assert mean.abs().max() < 1e-6
    assert told(A)[0, 0].tolist() == [0.75, -0.5, 0, 0, 0.375, -0.25, 0, 0]


def test_the_most_frequent_codes_are_followed():
    tokens = np.array([A] * 3 + [B] * 2 + [VOCABULARY.first_gap] * 9)
    assert most_frequent(tokens, VOCABULARY).tolist() == [A, B]
