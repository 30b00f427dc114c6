from copy import deepcopy

import pytest

from models.report.explained import TITLE, beats_chance, explained, verdict


def estimate(value, spread=0.001):
    return {"value": value, "low": value - spread, "high": value + spread}


TOLD = {
    "k": [1, 5],
    "ranked": [estimate(0.019), estimate(0.031)],
    "random": [estimate(0.0012), estimate(0.003)],
    "recent": [estimate(0.003), estimate(0.012)],
    "difference": [estimate(0.0178), estimate(0.028)],
    "rows": 200,
    "subjects": 122,
    "events": 172.5,
}


def test_the_section_has_the_figures_and_a_verdict():
    page = explained({"explanation": TOLD})
    assert TITLE in page
    assert "Explanations name what matters to this model" in page
    assert "deleting the record that they name first moves the risk by 1.90 percentage points on average" in page
    assert "deleting as many at random by 0.12" in page
    assert "3.10<small>3.00 to 3.20</small>" in page
    assert "<figure" in page


@pytest.mark.parametrize("low", [-0.001, 0.0, None])
def test_what_does_not_beat_chance_is_said_to_be_so(low):
    told = deepcopy(TOLD)
    told["difference"][1]["low"] = low
    assert not beats_chance(told)
    assert verdict(told).startswith("Explanations do not clearly name what matters")
    assert "do not clearly" in explained({"explanation": told})


def test_without_a_deletion_test_there_is_no_section():
    assert explained({}) == ""
