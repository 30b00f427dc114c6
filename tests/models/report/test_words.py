"""What is said in words follows from the figures, and is careful where they are few."""

from typing import Any

import pytest

from models.estimators import BASELINE, BAYES, SUPERVISED
from models.report.words import trust, useful_range, verdicts


def figure(value: float | None, low: float | None = None, high: float | None = None) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high, "undefined": 0.0}


def metrics(**changed: Any) -> dict[str, Any]:
    """Return metrics of two estimators, of which the first is well calibrated and no better."""
    own = {"calibration_slope": figure(1.0, 0.8, 1.2), "calibration_in_the_large": figure(0.0, -0.1, 0.1)}
    estimators = {
        name: {"title": title, "metrics": own}
        for name, title in ((SUPERVISED, "Transformer"), (BASELINE, "Logistic"), (BAYES, "Truth"))
    }
    pairs = [
        {"first": SUPERVISED, "second": BASELINE, "metrics": {"auroc": figure(0.01, -0.02, 0.04)}},
        {"first": SUPERVISED, "second": BAYES, "metrics": {"auroc": figure(-0.1, -0.2, -0.05)}},
    ]
    return {
        "estimators": estimators,
        "differences": pairs,
        "compared": {"rows": 5000, "subjects": 4000, "positives": 600},
        "audit": {"findings": [], "checks": []},
    } | changed


def said(**changed: Any) -> str:
    return " ".join(trust(metrics(**changed), SUPERVISED))


@pytest.mark.parametrize(
    ("positives", "words"),
    [(12, "No: only 12 predictions"), (4990, "No: only 10"), (60, "With caution: 60"), (600, "There are 600")],
)
def test_few_events_forbid_trust(positives: int, words: str) -> None:
    assert words in said(compared={"rows": 5000, "subjects": 4000, "positives": positives})


@pytest.mark.parametrize(
    ("slope", "large", "words"),
    [
        ((0.6, 0.5, 0.7), (0.0, -0.1, 0.1), "they are too extreme (slope 0.600"),
        ((1.6, 1.3, 1.9), (0.0, -0.1, 0.1), "they are too timid"),
        ((1.0, 0.9, 1.1), (-0.5, -0.7, -0.3), "they are too high on average"),
        ((1.0, 0.9, 1.1), (0.5, 0.3, 0.7), "they are too low on average"),
        ((1.0, 0.9, 1.1), (0.0, -0.1, 0.1), "may be read as chances as far as these data can tell"),
        ((1.9, 0.9, 2.8), (0.0, -0.1, 0.1), "cannot be told from so few"),
        ((None, None, None), (0.0, -0.1, 0.1), "the calibration slope is undefined"),
    ],
)
def test_calibration_is_told_by_its_intervals(slope: Any, large: Any, words: str) -> None:
    own = {"calibration_slope": figure(*slope), "calibration_in_the_large": figure(*large)}
    estimators = metrics()["estimators"]
    assert words in said(estimators={**estimators, SUPERVISED: {"title": "Transformer", "metrics": own}})


@pytest.mark.parametrize(
    ("auroc", "words"),
    [
        (figure(-0.05, -0.08, -0.02), "these rank better and should be preferred: Logistic."),
        (figure(0.01, -0.02, 0.04), "not shown to rank better than these: Logistic."),
    ],
)
def test_a_rival_that_is_as_good_is_named(auroc: dict[str, Any], words: str) -> None:
    pairs = [{"first": SUPERVISED, "second": BASELINE, "metrics": {"auroc": auroc}}]
    assert words in said(differences=pairs)


def test_the_truth_is_no_rival() -> None:
    better = [{"first": SUPERVISED, "second": BASELINE, "metrics": {"auroc": figure(0.05, 0.02, 0.08)}}]
    text = said(differences=[*better, metrics()["differences"][1]])
    assert "rank better" not in text
    assert "Truth" not in " ".join(verdicts(metrics()))


def test_the_audit_is_told_or_said_to_be_absent() -> None:
    assert "The leakage audit found nothing" in said()
    assert "No leakage audit stands beside" in said(audit=None)
    assert "has a finding: read it before" in said(audit={"findings": [{}], "checks": []})
    assert "has 2 findings: read them before" in said(audit={"findings": [{}, {}], "checks": []})


def test_thresholds_are_useful_where_a_curve_is_above_both_extremes() -> None:
    curve = {"thresholds": [0.1, 0.2, 0.3, 0.4], "net_benefit": [0.05, 0.06, None, -0.01]}
    text = useful_range("it", curve, [0.1, 0.02, 0.0, -0.3])
    assert text.endswith("at 1 of 4 thresholds, between 0.2 and 0.2.")
    assert "no threshold" in useful_range("it", {**curve, "net_benefit": [0.0] * 4}, [0.1, 0.02, 0.0, -0.3])
