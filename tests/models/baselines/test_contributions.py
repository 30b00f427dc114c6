"""What moves one estimate of the logistic regression."""

import numpy as np
import pytest
from scipy.special import expit

from models.baselines.logistic import Logistic, fit_scaling


@pytest.fixture
def fitted() -> Logistic:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(200, 3)).astype(np.float32)
    features[::3, 2] = np.nan
    coefficients = np.array([[2.0, -1.0, 0.1, 0.5]])
    names = ("count: A", "last: B", "mean: C")
    return Logistic(names, fit_scaling(features), coefficients, np.array([-1.0]), {}, None)


def test_contributions_add_up_to_the_way_from_an_average_row(fitted: Logistic) -> None:
    row = np.array([[1.5, 0.2, np.nan]], dtype=np.float32)
    told = fitted.contributions(row, 10)
    odds = fitted.logits(row)[0, 0]
    assert sum(one.log_odds for one in told) == pytest.approx(odds - fitted.intercepts[0])
    assert told[0].column == "count: A"
    assert {one.column: one.value for one in told} == {
        "count: A": pytest.approx(1.5),
        "last: B": pytest.approx(0.2),
        "mean: C": None,
        "not known, mean: C": None,
    }
    for one in told:
        assert one.effect == pytest.approx(expit(odds) - expit(odds - one.log_odds))


def test_only_the_greatest_are_told_whichever_way_they_go(fitted: Logistic) -> None:
    told = fitted.contributions(np.array([[-2.0, 2.0, 0.0]], dtype=np.float32), 2)
    assert [one.column for one in told] == ["count: A", "last: B"]
    assert all(one.log_odds < 0 and one.effect < 0 for one in told)
