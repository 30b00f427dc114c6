"""Recalibration is fitted on tuning rows alone, and mends what a line or a rising step function can mend."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from models.calibration import fit_isotonic, fit_platt
from models.evaluation.compared import Compared
from models.evaluation.recalibrated import recalibration
from models.metrics import Draws, score

pairs = st.lists(
    st.tuples(st.sampled_from([-3.0, -1.5, -1.0, 0.0, 0.5, 2.0]), st.booleans()), min_size=1, max_size=60
)


@settings(max_examples=100, deadline=None)
@given(pairs)
def test_isotonic_regression_is_that_of_scikit_learn(drawn: list[tuple[float, bool]]) -> None:
    scores, labels = (np.array(column, dtype=float) for column in zip(*drawn, strict=True))
    grid = np.linspace(-4, 4, 33)
    expected = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(scores, labels).predict(grid)
    fitted = fit_isotonic(scores, labels).risks(grid)
    assert fitted == pytest.approx(expected, abs=1e-6)
    assert (np.diff(fitted) >= -1e-12).all()


def test_platt_scaling_of_many_rows_is_logistic_regression() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 2, 20_000)
    labels = (rng.random(20_000) < expit(0.5 * scores - 1)).astype(float)
    fitted = fit_platt(scores, labels)
    expected = LogisticRegression(C=np.inf, tol=1e-10).fit(scores[:, None], labels)
    assert fitted.slope == pytest.approx(expected.coef_[0, 0], abs=0.005)
    assert fitted.intercept == pytest.approx(expected.intercept_[0], abs=0.005)
    assert fitted.risks(np.zeros(1))[0] == pytest.approx(expit(fitted.intercept))


def made(n: int, seed: int, slope: float, shift: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    logit = rng.normal(-1, 1.2, n)
    return expit(slope * logit + shift), (rng.random(n) < expit(logit)).astype(float)


def compared(tuning: tuple[np.ndarray, np.ndarray] | None) -> Compared:
    risk, outcome = made(1500, 1, slope=2.0, shift=0.7)
    subjects = np.arange(1500)
    table = pl.DataFrame({"subject_id": subjects})
    return Compared(table, {"a": risk}, outcome, subjects, Draws(subjects, 50), {"a": tuning} if tuning else {})


def before(rows: Compared) -> dict[str, object]:
    return dict(score(rows.risks, rows.outcome, rows.subjects, draws=rows.draws).estimators["a"])


def test_a_distorted_risk_is_mended_and_the_true_ranking_kept() -> None:
    rows = compared(made(2000, 2, slope=2.0, shift=0.7))
    result = recalibration(rows, "a", before(rows))  # type: ignore[arg-type]
    assert result["fitted_on"] == {"rows": 2000, "positives": int(rows.tuning["a"][1].sum())}
    assert abs(result["before"]["calibration_slope"]["value"] - 1) > 0.4
    assert abs(result["platt"]["calibration_slope"]["value"] - 1) < 0.15
    for way in ("platt", "isotonic"):
        assert result[way]["brier"]["value"] < result["before"]["brier"]["value"]
        assert result[way]["ece"]["value"] < result["before"]["ece"]["value"]
        assert abs(result[way]["calibration_in_the_large"]["value"]) < 0.2


def test_outcomes_of_held_out_rows_change_nothing_of_the_fit() -> None:
    rows = compared(made(500, 2, slope=2.0, shift=0.7))
    flipped = replace(rows, outcome=1 - rows.outcome)
    one, other = (recalibration(part, "a", before(part)) for part in (rows, flipped))  # type: ignore[arg-type]
    assert one["fitted_on"] == other["fitted_on"]
    mean = fit_isotonic(np.log(rows.tuning["a"][0]), rows.tuning["a"][1]).heights.mean()
    assert 0 < mean < 1
    assert one["platt"]["brier"]["value"] != other["platt"]["brier"]["value"]


def test_isotonic_risks_are_never_none_or_all() -> None:
    rows = compared((np.array([0.1, 0.2, 0.8, 0.9]), np.array([0.0, 0.0, 1.0, 1.0])))
    bins = recalibration(rows, "a", before(rows))["isotonic"]["calibration_bins"]  # type: ignore[arg-type]
    assert min(part["mean_risk"] for part in bins) == pytest.approx(1 / 8)
    assert 0.8 < max(part["mean_risk"] for part in bins) <= 7 / 8


def test_without_tuning_rows_the_reason_is_told() -> None:
    rows = compared(None)
    result = recalibration(rows, "a", before(rows))  # type: ignore[arg-type]
    assert result["platt"] is None
    assert "nothing is known" in result["reason"]
    single = compared((np.array([0.2, 0.4]), np.array([0.0, 0.0])))
    assert "one outcome" in recalibration(single, "a", before(single))["reason"]  # type: ignore[arg-type]
