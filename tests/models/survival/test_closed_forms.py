import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.survival.censoring import aalen_johansen, censoring_weights, kaplan_meier
from models.survival.curves import fit_recalibration, incidence
from models.survival.grid import Grid, fit_grid, grid_from
from models.survival.heads import hazard_losses
from models.survival.measures import auroc_at, brier_at, harrell_c

ONE = np.ones((6, 1))


def exponential(rows, rate=0.1, censoring=0.1, other=0.0, seed=0):
    """Return days and causes of rows with constant hazards, censored at a constant rate and at day 30."""
    rng = np.random.default_rng(seed)
    waits = [rng.exponential(1 / one, rows) if one else np.full(rows, np.inf) for one in (censoring, rate, other)]
    ends = np.stack([np.minimum(waits[0], 30.0), *waits[1:]])
    return ends.min(axis=0), ends.argmin(axis=0)


def test_a_constant_hazard_is_recovered_and_ignoring_censoring_would_bias_it():
    days, cause = exponential(40_000)
    grid = fit_grid(days, cause, ("event",))
    scores = np.tile(grid.starts, (1, 1, 1))
    risk = np.interp(10.0, grid.edges, incidence(scores)[0, 0])
    assert risk == pytest.approx(1 - np.exp(-1.0), abs=0.015)
    # Rows censored before day 10 counted as free of the event, and left out: both are far off.
    assert np.mean((cause == 1) & (days <= 10)) < risk - 0.15
    known = (cause == 1) | (days >= 10)
    assert abs(np.mean(((cause == 1) & (days <= 10))[known]) - risk) > 0.05
    assert 1 - kaplan_meier(days, cause == 1)(np.array([10.0]))[0] == pytest.approx(1 - np.exp(-1.0), abs=0.015)


def test_competing_hazards_are_told_apart_and_a_kaplan_meier_of_one_would_tell_too_much():
    days, cause = exponential(40_000, rate=0.05, other=0.15, censoring=0.05)
    grid = fit_grid(days, cause, ("death", "discharge"))
    found = incidence(grid.starts[None])[0]
    truth = 0.25 * (1 - np.exp(-0.2 * 10)), 0.75 * (1 - np.exp(-0.2 * 10))
    for number in (0, 1):
        assert np.interp(10.0, grid.edges, found[number]) == pytest.approx(truth[number], abs=0.015)
        at = aalen_johansen(days, cause, number + 1)(np.array([10.0]))[0]
        assert at == pytest.approx(truth[number], abs=0.015)
    assert 1 - kaplan_meier(days, cause == 1)(np.array([10.0]))[0] > truth[0] + 0.1


def test_the_base_of_the_grid_has_the_least_loss():
    days, cause = exponential(2_000, other=0.05)
    grid = fit_grid(days, cause, ("a", "b"), intervals=5)
    labels = torch.tensor(grid.encode(days, cause))
    starts = torch.tensor(grid.starts).expand(len(days), 1, -1, -1)
    least = float(hazard_losses(starts, labels).mean())
    for shift in (-0.3, 0.3):
        assert float(hazard_losses(starts + shift, labels).mean()) > least + 1e-3


def test_what_is_observed_counts_whole_intervals_and_halves_of_censored_ones():
    grid = Grid((0.0, 1.0, 2.0, 4.0), ("a", "b"), ())
    days = np.array([0.0, 1.0, 1.5, 1.4, 1.6, 3.5, 9.0])
    cause = np.array([1, 2, 1, 0, 0, 0, 1])
    survived, ended = grid.observed(days, cause)
    assert survived.tolist() == [0, 0, 1, 1, 2, 3, 3]
    assert ended.tolist() == [1, 2, 1, 0, 0, 0, 0]


def test_a_loss_is_the_surprise_at_the_row():
    scores = torch.log(torch.tensor([[[[1.0, 2.0], [3.0, 1.0]]]]))  # going on: 1/4 and 1/5
    grid = Grid((0.0, 1.0, 2.0), ("a", "b"), ())
    for days, cause, chance in (
        (0.5, 1, 1 / 4),
        (0.5, 2, 1 / 2),
        (1.5, 1, 3 / 20),
        (1.2, 0, 1 / 4),
        (2.0, 0, 1 / 20),
    ):
        label = torch.tensor(grid.encode(np.array([days]), np.array([cause])))
        assert float(hazard_losses(scores, label)) == pytest.approx(-np.log(chance), abs=1e-6)


@given(st.integers(0, 10_000), st.integers(1, 3), st.integers(1, 6))
@settings(max_examples=50, deadline=None)
def test_curves_rise_and_all_chances_add_up_to_one(seed, causes, intervals):
    scores = np.random.default_rng(seed).normal(scale=3, size=(4, intervals, causes))
    found = incidence(scores)
    assert (np.diff(found, axis=2) >= 0).all()
    going_on = np.cumprod(1 / (1 + np.exp(scores).sum(axis=2)), axis=1)
    assert found.sum(axis=1)[:, 1:] + going_on == pytest.approx(np.ones_like(going_on))
    assert (found[:, :, 0] == 0).all()


def test_recalibration_brings_scores_that_are_too_sure_back():
    rng = np.random.default_rng(3)
    rows = 1_000
    rate = 0.1 * np.exp(rng.normal(size=rows))
    waits, censored = rng.exponential(1 / rate), rng.uniform(5, 40, size=rows)
    days, cause = np.minimum(waits, censored), (waits <= censored).astype(int)
    grid = fit_grid(days, cause, ("event",), intervals=8)
    right = np.log(np.expm1(np.diff(grid.edges) * rate[:, None]))[:, :, None]
    wrong = (grid.starts + 3 * (right - grid.starts) + 1.0).reshape(rows, -1)
    curves = fit_recalibration(wrong, grid, grid.observed(days, cause), np.arange(rows), 0).curves(wrong, grid)
    risk, truth = curves.at(np.array([5.0]))[:, 0], 1 - np.exp(-5 * rate)
    assert np.abs(risk - truth).mean() < 0.05
    assert np.abs(incidence(wrong.reshape(rows, 8, 1))[:, 0, 3] - truth).mean() > 0.1
    assert (curves.low <= curves.incidence).all()
    assert (curves.incidence <= curves.high).all()
    assert curves.free + curves.incidence.sum(axis=1) == pytest.approx(np.ones_like(curves.free))


def test_weights_against_censoring_add_up_to_all_rows():
    days = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    cause = np.array([1, 0, 1, 0, 1, 0])
    weights = censoring_weights(days, cause, 5.0)
    assert weights.tolist() == pytest.approx([1.0, 0.0, 1.25, 0.0, 1.875, 1.875])
    assert weights.sum() == pytest.approx(6.0)


def test_concordance_counts_comparable_pairs():
    days, cause = np.array([1.0, 2.0, 3.0, 4.0, 2.0, 5.0]), np.array([1, 0, 1, 0, 2, 1])
    risk = np.array([0.9, 0.1, 0.5, 0.6, 0.2, 0.5])
    # The first beats all five; the third is compared with 4, 6 and the competing 5; the last with 5 alone.
    assert harrell_c(risk, days, cause, ONE)[0] == pytest.approx((5 + 0 + 0.5 + 1 + 1) / 9)
    assert np.isnan(harrell_c(risk, days, np.zeros(6, dtype=int), ONE)[0])


def test_without_censoring_the_measures_are_the_plain_ones():
    from sklearn.metrics import brier_score_loss, roc_auc_score

    rng = np.random.default_rng(5)
    days, cause = rng.exponential(5, 300), rng.integers(1, 3, 300)
    risk = rng.random(300)
    happened = (cause == 1) & (days <= 4)
    ones = np.ones((300, 1))
    assert auroc_at(risk, days, cause, 4.0, ones)[0] == pytest.approx(roc_auc_score(happened, risk))
    assert brier_at(risk, days, cause, 4.0, ones)[0] == pytest.approx(brier_score_loss(happened, risk))


def test_weighted_measures_find_what_uncensored_ones_would():
    rng = np.random.default_rng(6)
    sure = rng.normal(size=6_000)
    waits, censored = rng.exponential(10 * np.exp(-sure)), rng.exponential(12, size=6_000)
    days, cause = np.minimum(waits, censored), (waits <= censored).astype(int)
    risk = 1 - np.exp(-0.8 * np.exp(sure))
    ones = np.ones((6_000, 1))
    for measure in (auroc_at, brier_at):
        whole = measure(risk, waits, np.ones(6_000, dtype=int), 8.0, ones)[0]
        assert measure(risk, days, cause, 8.0, ones)[0] == pytest.approx(whole, abs=0.012)
    naive = np.mean((((cause == 1) & (days <= 8)) - risk) ** 2)
    assert abs(naive - brier_at(risk, waits, np.ones(6_000, dtype=int), 8.0, ones)[0]) > 0.03


def test_a_grid_comes_back_from_its_file():
    grid = fit_grid(*exponential(200), ("event",))
    assert grid_from(grid.as_mapping()) == grid
