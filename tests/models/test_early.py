"""Early-prediction scores are those of Gao et al., worked out row by row, and of the examples of the source."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ehr.errors import ModelError
from models.metrics.early import early_score, outcome_specific_error

Row = tuple[bool, float, float, float]
"""Event, days that remain, risk, days foretold."""
days_of_stay = st.integers(0, 3_000).map(lambda hundredths: hundredths / 100)
rows = st.lists(
    st.tuples(st.booleans(), days_of_stay, st.sampled_from([0.1, 0.5, 0.51, 0.9]), days_of_stay),
    min_size=1,
    max_size=30,
)


def test_the_worked_examples_of_the_source() -> None:
    assert early_score([0, 1], [5, 5], [0.7, 0.7], threshold=10) == 0.8
    assert outcome_specific_error([1], [60], [0.7], [10], threshold=10, large=110) == 25.0


def earned(event: bool, days: float, flagged: bool, threshold: float) -> float:
    if event and flagged:
        return 1.0 if days >= threshold else days / threshold
    if event:
        return 0.0 if days >= threshold else days / threshold - 1
    return -0.1 if flagged else 0.0


@settings(max_examples=150, deadline=None)
@given(rows, st.floats(0.5, 20))
def test_early_score_is_the_share_of_what_could_be_earned(drawn: list[Row], threshold: float) -> None:
    got = sum(earned(event, days, risk > 0.5, threshold) for event, days, risk, _ in drawn)
    best = sum(earned(event, days, event, threshold) for event, days, _, _ in drawn)
    outcome, days, risk, _ = zip(*drawn, strict=True)
    score = early_score(outcome, days, risk, threshold)
    if best > 0:
        assert score == pytest.approx(max(got / best, -1), abs=1e-9)
    else:
        assert score is None


def error(row: Row, threshold: float, large: float) -> float:
    event, days, risk, said = row
    fading = 1.0 if days <= threshold else max(0.0, (days - large) / (threshold - large))
    if event == (risk > 0.5):
        return fading * abs(said - days)
    return fading * (max(0.0, large - said) + max(0.0, large - days))


@settings(max_examples=150, deadline=None)
@given(rows, st.floats(0.5, 10), st.floats(0.5, 20))
def test_outcome_specific_error_is_the_mean_of_its_rows(drawn: list[Row], threshold: float, more: float) -> None:
    large = threshold + more
    outcome, days, risk, said = zip(*drawn, strict=True)
    expected = np.mean([error(row, threshold, large) for row in drawn])
    assert outcome_specific_error(outcome, days, risk, said, threshold, large) == pytest.approx(expected, abs=1e-9)


def test_the_earlier_the_warning_the_higher_the_score() -> None:
    outcome, days = [1, 1, 1], [9.0, 4.0, 1.0]
    warned_from = ([0.9, 0.9, 0.9], [0.1, 0.9, 0.9], [0.1, 0.1, 0.9], [0.1, 0.1, 0.1])
    assert [early_score(outcome, days, risk, threshold=5) for risk in warned_from] == [1.0, 0.5, 0.0, -0.5]


def test_what_is_no_stay_is_refused() -> None:
    with pytest.raises(ModelError, match="0 or more"):
        early_score([1], [-1], [0.5], threshold=5)
    with pytest.raises(ModelError, match="threshold more than 0"):
        early_score([1], [1], [0.5], threshold=0)
    with pytest.raises(ModelError, match="at least one row"):
        early_score([], [], [], threshold=5)
    with pytest.raises(ModelError, match="longer than an early one"):
        outcome_specific_error([1], [1], [0.5], [1], threshold=5, large=5)
