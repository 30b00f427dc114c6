"""Metrics are those of their definitions, and say None where rows cannot tell."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from ehr.errors import ModelError
from models.metrics import (
    METRICS,
    Draws,
    calibration_bins,
    mean,
    measure,
    metrics_of,
    precision_recall_curve,
    roc_curve,
    score,
    wilson,
)
from models.metrics.rows import ranked

risk = st.sampled_from([0.0, 0.01, 0.1, 0.25, 0.25, 0.5, 0.73, 0.99, 1.0])
rows = st.lists(st.tuples(risk, st.booleans()), min_size=1, max_size=60)


def made(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    risks = rng.beta(1, 4, n).round(3)
    return risks, (rng.random(n) < risks).astype(float)


@settings(max_examples=100, deadline=None)
@given(rows)
def test_discrimination_and_brier_are_those_of_scikit_learn(drawn: list[tuple[float, bool]]) -> None:
    risks, outcomes = (np.array(column, dtype=float) for column in zip(*drawn, strict=True))
    measured = measure(risks, outcomes)
    assert measured["brier"] == pytest.approx(brier_score_loss(outcomes, risks))
    if 0 < outcomes.sum() < len(outcomes):
        assert measured["auroc"] == pytest.approx(roc_auc_score(outcomes, risks))
        assert measured["auprc"] == pytest.approx(average_precision_score(outcomes, risks))
    else:
        undefined = ("auroc", "auprc", "calibration_slope", "calibration_intercept", "calibration_in_the_large")
        assert [measured[name] for name in undefined] == [None] * len(undefined)


@pytest.mark.parametrize("seed", range(3))
def test_calibration_is_the_logistic_regression_on_the_logit(seed: int) -> None:
    risks, outcomes = made(600, seed)
    clipped = np.clip(risks, 1e-6, 1 - 1e-6)
    logit = np.log(clipped / (1 - clipped))
    fitted = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(logit[:, None], outcomes)
    measured = measure(risks, outcomes)
    assert measured["calibration_slope"] == pytest.approx(fitted.coef_[0, 0], abs=1e-4)
    assert measured["calibration_intercept"] == pytest.approx(fitted.intercept_[0], abs=1e-4)
    large = measured["calibration_in_the_large"]
    assert large is not None
    assert (1 / (1 + np.exp(-(logit + large)))).sum() == pytest.approx(outcomes.sum(), abs=1e-4)


def test_ece_is_the_mean_gap_of_ten_equal_bins() -> None:
    risks = np.linspace(0.005, 0.995, 100)
    outcomes = (np.arange(100) % 2).astype(float)
    gaps = [abs(outcomes[part].mean() - risks[part].mean()) for part in np.array_split(np.arange(100), 10)]
    assert measure(risks, outcomes)["ece"] == pytest.approx(np.mean(gaps))


def event1_by_hand(risks: np.ndarray, outcomes: np.ndarray) -> float:
    best = 0.0
    for threshold in np.unique(risks):
        flagged = risks >= threshold
        best = max(best, min(outcomes[flagged].sum() / outcomes.sum(), outcomes[flagged].mean()))
    return best


def event2_by_hand(risks: np.ndarray, outcomes: np.ndarray) -> float:
    order = np.argsort(risks, kind="stable")
    risks = risks[order]
    tied = {value: outcomes[order][risks == value].mean() for value in np.unique(risks)}
    shared = np.array([tied[value] for value in risks])
    statistic, means = 0.0, []
    for part in np.array_split(np.arange(len(risks)), 10):
        if len(part):
            means.append(risks[part].mean())
            expected = len(part) * means[-1] * (1 - means[-1]) + 0.001
            statistic += (shared[part].sum() - risks[part].sum()) ** 2 / expected
    return float(statistic / (means[-1] - means[0]))


@settings(max_examples=100, deadline=None)
@given(rows)
def test_the_scores_of_physionet_2012_are_those_of_their_definition(drawn: list[tuple[float, bool]]) -> None:
    risks, outcomes = (np.array(column, dtype=float) for column in zip(*drawn, strict=True))
    measured = measure(risks, outcomes)
    if 0 < outcomes.sum() < len(outcomes):
        assert measured["event1"] == pytest.approx(event1_by_hand(risks, outcomes))
    else:
        assert measured["event1"] is None
    if np.ptp(np.sort(risks)[[0, -1]]) > 0 and (foretold := event2_range(risks)) > 0:
        assert foretold <= 1
        assert measured["event2"] == pytest.approx(event2_by_hand(risks, outcomes), rel=1e-6)
    else:
        assert measured["event2"] is None


def event2_range(risks: np.ndarray) -> float:
    parts = [part for part in np.array_split(np.sort(risks), 10) if len(part)]
    return float(parts[-1].mean() - parts[0].mean())


@pytest.mark.parametrize("times", [1, 2, 5])
def test_a_weight_counts_as_so_many_rows(times: int) -> None:
    risks, outcomes = made(150)
    counts = np.random.default_rng(times).integers(0, times + 1, 150)
    once = metrics_of(ranked(risks, outcomes))(counts[None, :].astype(float))
    many = measure(np.repeat(risks, counts), np.repeat(outcomes, counts))
    for name in ("auroc", "auprc", "brier", "calibration_slope", "calibration_in_the_large", "event1"):
        assert once[name][0] == pytest.approx(many[name], abs=1e-6)


def test_classes_that_a_threshold_parts_have_no_calibration_slope() -> None:
    measured = measure([0.1, 0.2, 0.3, 0.4], [0, 0, 1, 1])
    assert measured["auroc"] == 1.0
    assert measured["calibration_slope"] is None
    assert measure([0.3, 0.3, 0.3], [0, 0, 1])["calibration_slope"] is None


@settings(max_examples=20, deadline=None)
@given(rows, st.randoms())
def test_the_order_of_the_rows_changes_nothing(drawn: list[tuple[float, bool]], random: st.DataObject) -> None:
    shuffled = list(drawn)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = (measure(*(np.array(c, dtype=float) for c in zip(*part, strict=True))) for part in (drawn, shuffled))
    for name in METRICS:
        assert one[name] == pytest.approx(other[name], abs=1e-6)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    truth = measure(*made(200_000, 99))["auroc"]
    held = []
    for seed in range(60):
        risks, outcomes = made(300, seed)
        interval = score({"a": risks}, outcomes, np.arange(300), replicates=200, seed=seed).estimators["a"]["auroc"]
        assert interval.low is not None
        assert interval.high is not None
        held.append(interval.low <= truth <= interval.high)
    assert 0.85 <= np.mean(held) <= 1.0


def test_rows_of_one_subject_stay_together() -> None:
    risks, outcomes = made(200)
    alone = score({"a": risks}, outcomes, np.arange(200), replicates=300)
    copied = score({"a": np.repeat(risks, 5)}, np.repeat(outcomes, 5), np.repeat(np.arange(200), 5), replicates=300)
    for name in ("auroc", "brier"):
        one, other = alone.estimators["a"][name], copied.estimators["a"][name]
        assert (one.low, one.high) == pytest.approx((other.low, other.high))


def test_differences_are_paired() -> None:
    risks, outcomes = made(300)
    noisy = np.clip(risks + 0.001 * np.random.default_rng(1).random(300), 0, 1)
    scores = score({"a": risks, "b": noisy, "c": risks}, outcomes, np.arange(300), replicates=200)
    same = scores.differences["a", "c"]["auroc"]
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)
    near, single = scores.differences["a", "b"]["auroc"], scores.estimators["a"]["auroc"]
    assert near.high is not None
    assert near.low is not None
    assert single.high is not None
    assert single.low is not None
    assert near.high - near.low < (single.high - single.low) / 5


def test_the_same_seed_gives_the_same_interval() -> None:
    risks, outcomes = made(100)
    assert score({"a": risks}, outcomes, np.arange(100), seed=3) == score(
        {"a": risks}, outcomes, np.arange(100), seed=3
    )


def test_undefined_replicates_are_counted() -> None:
    estimate = score({"a": [0.2, 0.8]}, [0, 1], [1, 2], replicates=400).estimators["a"]["auroc"]
    assert estimate.value == 1.0
    assert estimate.undefined == pytest.approx(0.5, abs=0.1)
    nothing = score({"a": [0.2, 0.8]}, [0, 0], [1, 2], replicates=10).estimators["a"]["auroc"]
    assert (nothing.value, nothing.low, nothing.high, nothing.undefined) == (None, None, None, 1.0)


@settings(max_examples=50, deadline=None)
@given(rows)
def test_calibration_bins_hold_every_row_once(drawn: list[tuple[float, bool]]) -> None:
    risks, outcomes = (np.array(column, dtype=float) for column in zip(*drawn, strict=True))
    bins = calibration_bins(risks, outcomes)
    assert sum(part.rows for part in bins) == len(risks)
    assert sum(part.positives for part in bins) == outcomes.sum()
    assert len(bins) <= 10
    assert [part.mean_risk for part in bins] == sorted(part.mean_risk for part in bins)
    assert all(part.low - 1e-9 <= part.observed <= part.high + 1e-9 for part in bins)


@settings(max_examples=50, deadline=None)
@given(rows)
def test_the_area_below_the_curves_is_the_metric(drawn: list[tuple[float, bool]]) -> None:
    risks, outcomes = (np.array(column, dtype=float) for column in zip(*drawn, strict=True))
    if not 0 < outcomes.sum() < len(outcomes):
        return
    false_positive, sensitivity = roc_curve(risks, outcomes)
    recall, precision = precision_recall_curve(risks, outcomes)
    measured = measure(risks, outcomes)
    assert np.trapezoid(sensitivity, false_positive) == pytest.approx(measured["auroc"])
    assert (np.diff(np.append(0, recall)) * precision).sum() == pytest.approx(measured["auprc"])


def test_a_mean_has_an_interval_over_subjects() -> None:
    estimate = mean(np.arange(100.0), Draws(np.arange(100)))
    assert estimate.value == 49.5
    assert estimate.low is not None
    assert estimate.high is not None
    assert estimate.low == pytest.approx(49.5 - 1.96 * 2.887, abs=0.7)
    assert estimate.high == pytest.approx(49.5 + 1.96 * 2.887, abs=0.7)


def test_wilson_bounds_stay_in_range() -> None:
    assert wilson(0, 10) == (0.0, pytest.approx(0.2775, abs=1e-4))
    assert wilson(10, 10) == (pytest.approx(0.7225, abs=1e-4), pytest.approx(1.0))


@pytest.mark.parametrize(
    ("risks", "outcomes"), [([1.1], [1]), ([float("nan")], [0]), ([0.5], [2]), ([], []), ([0.1], [])]
)
def test_what_is_no_risk_is_refused(risks: list[float], outcomes: list[float]) -> None:
    with pytest.raises(ModelError):
        measure(risks, outcomes)
