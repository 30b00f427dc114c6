import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ehr.errors import QuestionError
from sql.text.answering.confidence import Outcome, Trust, confidence_from, fit_confidence
from sql.text.answering.judging import RIDGES, Judged, chosen_ridge, expected
from sql.text.answering.outcomes import worth

shares = st.floats(0, 1)


@st.composite
def trusts(draw: st.DrawFn) -> Trust:
    right = draw(shares)
    return Trust(right, (1 - right) * draw(shares))


@given(trust=trusts(), cheap=st.floats(0, 1000), more=st.floats(0, 1000))
def test_what_is_refused_at_a_cost_is_refused_at_a_higher_one(trust: Trust, cheap: float, more: float) -> None:
    assert trust.answers(cheap) or not trust.answers(cheap + more)


@given(trust=trusts(), cost=st.floats(0, 1000))
def test_an_answer_is_given_only_above_the_odds_of_its_cost(trust: Trust, cost: float) -> None:
    assert not trust.answers(cost) or trust.right > cost / (1 + cost)


def made(n: int, seed: int = 0) -> tuple[list[dict[str, float]], list[Outcome]]:
    """Draw attempts whose outcome depends on one signal and not on the other."""
    chance = np.random.default_rng(seed)
    signals, outcomes = [], []
    for _ in range(n):
        x = float(chance.normal())
        none = 1 / (1 + math.exp(2 + 3 * x))
        right = (1 - none) / (1 + math.exp(-2 - 2 * x))
        drawn = chance.random()
        outcome: Outcome = "none" if drawn < none else "right" if drawn < none + right else "wrong"
        signals.append({"x": x, "noise": float(chance.normal())})
        outcomes.append(outcome)
    return signals, outcomes


def test_the_probabilities_are_calibrated() -> None:
    confidence = fit_confidence(*made(4000))
    signals, outcomes = made(4000, seed=1)
    found = np.array([confidence(one).right for one in signals])
    right = np.array([one == "right" for one in outcomes])

    for group in np.array_split(np.argsort(found), 5):
        assert found[group].mean() == pytest.approx(right[group].mean(), abs=0.05)


def test_a_larger_share_without_answer_raises_its_probability() -> None:
    signals, outcomes = made(1000)
    here, there = fit_confidence(signals, outcomes), fit_confidence(signals, outcomes, 0.5)

    assert there({"x": 0.0, "noise": 0.0}).none > here({"x": 0.0, "noise": 0.0}).none


def test_a_confidence_is_the_same_from_its_plain_values() -> None:
    confidence = fit_confidence(*made(200))
    again = confidence_from(confidence.as_mapping())

    assert again({"x": 0.3, "noise": 0.1}) == confidence({"x": 0.3, "noise": 0.1})


def test_a_missing_signal_is_named() -> None:
    with pytest.raises(QuestionError, match="'noise'"):
        fit_confidence(*made(200))({"x": 0.0})


def test_one_outcome_teaches_nothing() -> None:
    with pytest.raises(QuestionError, match="different ways"):
        fit_confidence([{"x": 0.0}, {"x": 1.0}], ["right", "right"])


def test_a_rule_is_worth_what_its_answers_and_silences_bring() -> None:
    trust = [Trust(0.99, 0.0), Trust(0.99, 0.0), Trust(0.1, 0.8), Trust(0.1, 0.1)]
    found = worth(trust, ["right", "wrong", "none", "right"], 10, [1.0] * 4)

    assert (found.score, found.answered, found.wrong) == (100 * (1 - 10 + 1 + 0) / 4, 2, 1)


def test_what_is_expected_counts_real_questions_only() -> None:
    signals, outcomes = made(600)
    judged = [
        Judged(one, outcome, place, made=place % 3 == 0)
        for place, (one, outcome) in enumerate(zip(signals, outcomes, strict=True))
    ]
    found = expected(judged, 0.2)
    real = [outcome for place, outcome in enumerate(outcomes) if place % 3]

    assert found.accuracy == real.count("right") / (len(real) - real.count("none"))
    assert [one.cost for one in found.worths] == [0, 5, 10]
    assert found.worths[0].score > found.worths[2].score


def test_other_attempts_at_a_question_do_not_foretell_it() -> None:
    chance = np.random.default_rng(5)
    once = []
    for place in range(120):
        outcome: Outcome = "right" if place % 3 else "wrong"
        signals = {f"of_{number}": float(number == place) for number in range(120)} | {"noise": chance.normal()}
        once.append(Judged(signals, outcome, place, part=place % 2))
    again = [replace(one, part=one.part + 2) for one in once]  # another draw, the same fold: nothing new is said

    alone, twice = (expected(judged, None).worths[1].score for judged in (once, once + again))

    assert alone == twice == 0


def test_the_pull_is_what_serves_other_folds_best() -> None:
    chance = np.random.default_rng(4)
    judged = []
    for fold in range(2):
        for place in range(400):
            right = bool(chance.random() < 0.7)
            signals = {"honest": float(right) + chance.normal(0, 0.7), "noise": chance.normal()}
            signals["fold"] = (1.0 if right else -1.0) * (
                1 if fold else -1
            )  # tells in one fold the opposite of the other
            outcome: Outcome = "right" if right else "wrong" if place % 2 else "none"
            judged.append(Judged(signals, outcome, len(judged), part=fold))

    assert chosen_ridge(judged, None) == max(RIDGES)
    assert chosen_ridge([replace(one, part=0) for one in judged], None) < max(RIDGES)
