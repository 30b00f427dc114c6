"""Scores recalibrated to risks: what they rest on, and which are left out."""

from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from models.scores.risk import FEWEST, MOST, TITLES, fit_scores, predict_score
from tests.models.scores.made import AT, coma, connection, event

N = 240


def ward(seed: int) -> tuple[dict[int, list[dict[str, Any]]], pl.DataFrame]:
    """Return patients whose outcome follows from their readings, and the rows; one in twelve has no reading."""
    rng = np.random.default_rng(seed)
    illness = rng.normal(size=N)
    records: dict[int, list[dict[str, Any]]] = {}
    for subject, ill in enumerate(illness):
        records[subject] = [] if subject % 12 == 0 else [
            event(2, "respiratory_rate", round(16 + 4 * ill)),
            event(2, "oxygen_saturation", min(100, round(96 - 2 * ill))),
            event(2, "oxygen_flow", float(ill > 1)),
            event(2, "systolic_pressure", round(120 - 15 * ill)),
            event(2, "heart_rate", round(80 + 15 * ill)),
            event(2, "temperature", 37.0),
            *coma(2, 4, 5, 6),
        ]  # fmt: skip
    outcome = rng.random(N) < expit(1.5 * illness - 1)
    rows = pl.DataFrame({"subject_id": list(records), "prediction_time": AT, "boolean_value": outcome})
    return records, rows.with_columns(pl.col("prediction_time").cast(pl.Datetime("us")))


@pytest.fixture(scope="module")
def made() -> tuple[Any, pl.DataFrame]:
    records, rows = ward(0)
    return connection(records), rows


def test_only_scores_with_enough_inputs_are_shown_and_the_best_first(made: tuple[Any, pl.DataFrame]) -> None:
    con, rows = made
    fits, remarks = fit_scores(con, rows[:160], rows[160:])
    names = [fit.name for fit in fits]
    assert 0 < len(names) <= MOST
    assert set(names) <= {"score_news2", "score_mews", "score_qsofa"} <= TITLES.keys()
    assert "SOFA (" in remarks[0]
    assert "Charlson index with age (0%)" in remarks[0]


def test_a_risk_rises_with_the_points_and_lies_in_its_interval(made: tuple[Any, pl.DataFrame]) -> None:
    con, rows = made
    fit = next(fit for fit in fit_scores(con, rows[:160], rows[160:])[0] if fit.name == "score_news2")
    said = predict_score(fit, con, rows)
    assert said.select("subject_id", "prediction_time").equals(rows.select("subject_id", "prediction_time"))
    assert said.select((pl.col("low") <= pl.col("risk")) & (pl.col("risk") <= pl.col("high")))["low"].all()
    assert fit.coefficients[0, 1] > 0
    bare_rows = len(range(0, 160, 12))
    assert fit.about["inputs_on_record"] == pytest.approx(1 - bare_rows / 160)
    assert fit.about["complete_rows"] == pytest.approx(1 - bare_rows / 160)
    bare = said.filter(pl.col("subject_id") % 12 == 0)["risk"].unique().to_list()
    assert bare == [fit.bare]


def test_the_regression_is_that_of_another_library(made: tuple[Any, pl.DataFrame]) -> None:
    con, rows = made
    fit = next(fit for fit in fit_scores(con, rows, rows[:0])[0] if fit.name == "score_news2")
    said = predict_score(fit, con, rows).filter(pl.col("subject_id") % 12 != 0)
    points = (np.log(said["risk"] / (1 - said["risk"])) - fit.coefficients[0, 0]) / fit.coefficients[0, 1]
    outcome = rows.filter(pl.col("subject_id") % 12 != 0)["boolean_value"].to_numpy()
    other = LogisticRegression(C=1e3).fit(np.round(points.to_numpy())[:, None], outcome)
    assert fit.coefficients[0, 1] == pytest.approx(other.coef_[0, 0], abs=0.01)
    assert fit.coefficients[0, 0] == pytest.approx(other.intercept_[0], abs=0.03)


def test_too_few_rows_or_one_outcome_give_no_estimator(made: tuple[Any, pl.DataFrame]) -> None:
    con, rows = made
    alike = rows.with_columns(boolean_value=pl.lit(value=False))
    for train in (rows[: FEWEST - 1], alike):
        fits, remarks = fit_scores(con, train, rows[160:])
        assert fits == []
        assert len(remarks) == 1


def test_a_fit_does_not_look_at_what_came_after(made: tuple[Any, pl.DataFrame]) -> None:
    records, rows = ward(0)
    later = {
        subject: [*events, event(-3, "heart_rate", 200), event(-3, "respiratory_rate", 60)]
        for subject, events in records.items()
    }
    con, _ = made
    earlier, _ = fit_scores(con, rows[:160], rows[160:])
    changed, _ = fit_scores(connection(later), rows[:160], rows[160:])
    assert [fit.name for fit in earlier] == [fit.name for fit in changed]
    assert all(np.array_equal(a.coefficients, b.coefficients) for a, b in zip(earlier, changed, strict=True))
    moved = rows.with_columns(pl.col("prediction_time") + timedelta(hours=4))
    assert not predict_score(changed[0], connection(later), moved).equals(predict_score(earlier[0], con, moved))
