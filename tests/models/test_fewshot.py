"""Few labels: the same draws for all inputs, more shots contain fewer, and held-out rows only judge."""

import numpy as np
import polars as pl
import pytest

from ehr.errors import ModelError
from models.fewshot import GRID, Shot, few_shot, summary

SHOTS = (1, 8, 500)


@pytest.fixture(scope="module")
def made():
    """Return a telling and an empty kind of inputs, outcomes, and the part of each of 300 rows."""
    rng = np.random.default_rng(0)
    outcome = rng.random(300) < 0.3
    telling = np.column_stack([outcome + rng.normal(0, 0.4, 300), rng.normal(size=300), np.full(300, np.nan)])
    telling[::7, 1] = np.nan
    part = rng.choice(["train", "tuning", "held_out"], 300, p=[0.5, 0.2, 0.3])
    return (
        {"telling": telling.astype(np.float32), "noise": rng.normal(size=(300, 3)).astype(np.float32)},
        outcome,
        part,
    )


@pytest.fixture(scope="module")
def found(made):
    return few_shot(*made, shots=SHOTS, seeds=1)


def test_every_kind_of_input_is_judged_on_the_same_draws_and_then_on_all_rows(found):
    draws = {name: [(one.shots, one.seed) for one in found if one.inputs == name] for name in ("telling", "noise")}
    assert draws["telling"] == draws["noise"]
    assert draws["telling"] == [(1, 0), (8, 0), (None, 0)], "nobody has 500"
    assert all(one.strength in GRID for one in found)


def test_what_tells_the_outcome_is_learnt_from_few_labels_and_noise_is_not(found):
    of_eight = {name: np.mean([one.auroc for one in found if one.inputs == name and one.shots == 8]) for name in
                ("telling", "noise")}  # fmt: skip
    assert of_eight["telling"] > 0.9
    assert 0.3 < of_eight["noise"] < 0.7


def test_held_out_outcomes_move_no_fit(made, found):
    inputs, outcome, part = made
    flipped = np.where(part == "held_out", ~outcome, outcome)
    again = few_shot(inputs, flipped, part, shots=SHOTS, seeds=1)
    assert [one.strength for one in again] == [one.strength for one in found]
    assert [one.auroc for one in again] == pytest.approx([1 - one.auroc for one in found])


def test_rows_that_were_not_drawn_do_not_matter(made, monkeypatch):
    inputs, outcome, part = made
    drawn = []
    monkeypatch.setattr(
        "models.fewshot._judged",
        lambda name, _columns, _outcome, rows, draw: (
            drawn.append((draw, *map(set, rows))) or Shot(name, *draw, 0, 0, 1)
        ),
    )
    few_shot({"telling": inputs["telling"]}, outcome, part, shots=(2, 4), seeds=2)
    by_draw = {draw: (train, tuning, held_out) for draw, train, tuning, held_out in drawn}
    for seed in range(2):
        assert by_draw[2, seed][0] < by_draw[4, seed][0], "more shots contain fewer"
        for count in (2, 4):
            train, tuning, held_out = by_draw[count, seed]
            assert outcome[list(train)].sum() == outcome[list(tuning)].sum() == count
            assert len(train) == len(tuning) == 2 * count
            assert held_out == set(np.flatnonzero(part == "held_out"))
    assert by_draw[2, 0][0] != by_draw[2, 1][0]
    assert by_draw[None, 0][0] == set(np.flatnonzero(part == "train"))


def test_a_part_without_one_of_the_outcomes_is_refused(made):
    inputs, outcome, part = made
    with pytest.raises(ModelError, match="tuning rows with both outcomes"):
        few_shot(inputs, outcome & (part != "tuning"), part)


def test_the_summary_has_mean_and_spread_of_the_draws():
    frame = summary(
        [
            Shot("counts", 4, 0, 0.6, 0.3, 1.0),
            Shot("counts", 4, 1, 0.8, 0.5, 1.0),
            Shot("counts", None, 0, 0.9, 0.7, 1.0),
        ]
    )
    assert frame["shots"].to_list() == [4, None]
    assert frame["auroc"].to_list() == pytest.approx([0.7, 0.9])
    assert frame["auprc_sd"][0] == pytest.approx(np.std([0.3, 0.5], ddof=1))
    assert frame["draws"].to_list() == [2, 1]
    assert frame.schema["shots"] == pl.Int64
