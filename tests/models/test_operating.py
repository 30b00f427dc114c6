"""Operating points and decision curves are those of their definitions, worked out row by row."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.metrics import sample
from models.metrics.bootstrap import Draws
from models.metrics.decision import THRESHOLDS, net_benefit, net_benefit_of_all
from models.metrics.operating import OPERATING, chosen_thresholds, operating_at
from models.metrics.rows import ranked

risk = st.sampled_from([0.0, 0.01, 0.1, 0.25, 0.5, 0.73, 0.99, 1.0])
rows = st.lists(st.tuples(risk, st.booleans()), min_size=1, max_size=50)
Rows = list[tuple[float, bool]]


def columns(drawn: Rows) -> tuple[np.ndarray, np.ndarray]:
    risks, outcomes = zip(*drawn, strict=True)
    return np.array(risks, dtype=float), np.array(outcomes, dtype=float)


def by_hand(risks: np.ndarray, outcomes: np.ndarray, threshold: float) -> dict[str, float]:
    flagged, event = risks >= threshold, outcomes == 1
    found, disturbed = (flagged & event).sum(), (flagged & ~event).sum()
    missed, spared = (~flagged & event).sum(), (~flagged & ~event).sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        values = {
            "sensitivity": found / (found + missed),
            "specificity": spared / (spared + disturbed),
            "ppv": found / (found + disturbed),
            "npv": spared / (spared + missed),
            "flagged": flagged.mean(),
            "alerts_per_event": (found + disturbed) / found,
        }
    return {name: value if np.isfinite(value) else np.nan for name, value in values.items()}


@settings(max_examples=100, deadline=None)
@given(rows, st.lists(st.sampled_from([0.0, 0.1, 0.2, 0.5, 0.73, 0.995, 1.0]), min_size=1, max_size=4))
def test_operating_values_are_those_of_the_table_of_four(drawn: Rows, thresholds: list[float]) -> None:
    risks, outcomes = columns(drawn)
    values = operating_at(ranked(risks, outcomes), thresholds)(np.ones((1, len(risks))))
    for place, threshold in enumerate(thresholds):
        expected = by_hand(risks, outcomes, threshold)
        for name in OPERATING:
            assert values[f"{name}@{place}"][0] == pytest.approx(expected[name], nan_ok=True)


@settings(max_examples=100, deadline=None)
@given(rows)
def test_thresholds_do_what_their_names_say(drawn: Rows) -> None:
    risks, outcomes = columns(drawn)
    chosen = chosen_thresholds(risks, outcomes)
    higher = {value: risks[risks > value].min(initial=2.0) for value in risks}
    lower = {value: risks[risks < value].max(initial=-1.0) for value in risks}
    sensitive, specific, flagging = (chosen[name] for name in ("sensitivity 0.8", "specificity 0.9", "flagging 10 %"))
    if outcomes.any():
        assert sensitive is not None
        assert by_hand(risks, outcomes, sensitive)["sensitivity"] >= 0.8 - 1e-9
        assert by_hand(risks, outcomes, higher[sensitive])["sensitivity"] < 0.8
    else:
        assert sensitive is None
    if specific is not None:
        assert by_hand(risks, outcomes, specific)["specificity"] >= 0.9 - 1e-9
        assert lower[specific] < 0 or by_hand(risks, outcomes, lower[specific])["specificity"] < 0.9
    if flagging is not None:
        assert by_hand(risks, outcomes, flagging)["flagged"] <= 0.1 + 1e-9
        assert lower[flagging] < 0 or by_hand(risks, outcomes, lower[flagging])["flagged"] > 0.1
    else:
        assert (risks == risks.max()).mean() > 0.1


def test_a_balanced_threshold_has_the_best_of_the_smaller_of_both() -> None:
    rng = np.random.default_rng(0)
    risks = rng.beta(1, 3, 200).round(2)
    outcomes = (rng.random(200) < risks).astype(float)
    chosen = chosen_thresholds(risks, outcomes)["sensitivity = PPV"]

    def smaller(threshold: float) -> float:
        values = by_hand(risks, outcomes, threshold)
        return min(values["sensitivity"], values["ppv"])

    assert chosen is not None
    assert smaller(chosen) == max(smaller(threshold) for threshold in np.unique(risks))


@settings(max_examples=50, deadline=None)
@given(rows)
def test_net_benefit_is_that_of_vickers_and_elkin(drawn: Rows) -> None:
    risks, outcomes = columns(drawn)
    values = net_benefit(ranked(risks, outcomes))(np.ones((1, len(risks))))
    everyone = net_benefit_of_all(outcomes)
    n = len(risks)
    for place, threshold in enumerate(THRESHOLDS):
        found = sum(1 for risk, event in drawn if risk >= threshold and event)
        disturbed = sum(1 for risk, event in drawn if risk >= threshold and not event)
        assert values[str(place)][0] == pytest.approx(found / n - disturbed / n * threshold / (1 - threshold))
        positives = outcomes.sum()
        of_all = positives / n - (n - positives) / n * threshold / (1 - threshold)
        assert everyone[place] == pytest.approx(of_all)


def test_a_worked_decision_curve() -> None:
    values = net_benefit(ranked([0.1, 0.3, 0.6, 0.9], [0, 1, 0, 1]))(np.ones((1, 4)))
    worth = {threshold: values[str(THRESHOLDS.index(threshold))][0] for threshold in (0.05, 0.25, 0.5, 0.8, 0.95)}
    assert worth[0.05] == pytest.approx(0.5 - 0.5 * 0.05 / 0.95)
    assert worth[0.25] == pytest.approx(2 / 4 - 1 / 4 / 3)
    assert worth[0.5] == pytest.approx(1 / 4 - 1 / 4)
    assert worth[0.8] == pytest.approx(1 / 4)
    assert worth[0.95] == 0


def test_intervals_of_all_points_come_of_the_same_draws() -> None:
    rng = np.random.default_rng(1)
    risks = rng.random(300)
    outcomes = (rng.random(300) < risks).astype(float)
    draws = Draws(np.repeat(np.arange(100), 3), replicates=100)
    statistic = operating_at(ranked(risks, outcomes), [0.5, 0.5, 0.7])
    drawn = sample(draws, {"points": statistic})["points"].drawn
    assert np.array_equal(drawn["ppv@0"], drawn["ppv@1"])
    assert (drawn["flagged@2"] <= drawn["flagged@0"]).all()
