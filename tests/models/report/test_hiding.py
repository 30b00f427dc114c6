"""Nobody can be told from a table one or a flow: small counts, and those that give them away, are hidden."""

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from models.report.hiding import is_small, merged_steps, without_small_cells


def share(people: int, group: int) -> dict[str, Any]:
    """Return a cell of a flag with its people and the others of its group."""
    return {"n": people, "percent": 100 * people / group, "people": people, "others": group - people}


def line(name: str, level: str | None, *cells: dict[str, Any]) -> dict[str, Any]:
    return {"section": "people", "name": name, "level": level, "cells": list(cells), "smd": 0.2}


def test_few_and_all_but_few_are_hidden_and_none_is_not() -> None:
    cells = [share(people, 500) for people in (0, 1, 10, 11, 489, 490, 499, 500)]
    (shown,) = without_small_cells([line("a drug", None, *cells)])
    assert [cell["hidden"] for cell in shown["cells"]] == [False, True, True, False, False, True, True, False]
    assert shown["cells"][1] == {"n": None, "percent": None, "hidden": True}
    assert shown["smd"] is None
    assert "people" not in shown["cells"][0]


@given(st.lists(st.integers(0, 60), min_size=2, max_size=6))
def test_a_hidden_level_cannot_be_found_by_subtraction(counts: list[int]) -> None:
    cells = [{"n": count, "percent": 1.0, "people": count, "others": 0} for count in counts]
    lines = [line("sex", str(place), cell) for place, cell in enumerate(cells)]
    hidden = [one["cells"][0]["hidden"] for one in without_small_cells(lines)]
    for count, gone in zip(counts, hidden, strict=True):
        assert gone or not is_small(count)
    if any(hidden) and sum(count > 0 for count in counts) > 1:
        assert sum(hidden) > 1


def steps(sizes: list[tuple[int, int]]) -> list[dict[str, Any]]:
    """Return an attrition through (subjects, rows), each rule named by its place."""
    return [
        {
            "rules": [str(place)],
            "subjects_before": before[0],
            "subjects": after[0],
            "rows_before": before[1],
            "rows": after[1],
        }
        for place, (before, after) in enumerate(itertools.pairwise(sizes))
    ]


def test_a_rule_that_loses_few_is_told_with_the_next() -> None:
    merged = merged_steps(steps([(500, 500), (495, 495), (400, 400), (400, 400), (397, 397)]))
    assert [step["rules"] for step in merged] == [["0", "1"], ["2", "3"]] or [step["rules"] for step in merged] == [
        ["0", "1", "2", "3"]
    ]
    assert merged[-1]["subjects"] == 397


def test_when_few_are_lost_in_all_nobody_knows_how_many() -> None:
    (only,) = merged_steps(steps([(100, 100), (97, 97)]))
    assert only["subjects_before"] is None
    assert only["subjects"] == 97


@given(st.lists(st.tuples(st.integers(0, 25), st.integers(0, 25)), min_size=1, max_size=7))
def test_no_step_loses_few_and_every_rule_is_told_once(losses: list[tuple[int, int]]) -> None:
    sizes = [(500, 500)]
    for subjects, rows in losses:
        sizes.append((sizes[-1][0] - subjects, sizes[-1][1] - rows))
    merged = merged_steps(steps(sizes))
    assert [rule for step in merged for rule in step["rules"]] == [str(place) for place in range(len(losses))]
    assert (merged[-1]["subjects"], merged[-1]["rows"]) == sizes[-1]
    for step in merged:
        if step["subjects_before"] is not None:
            assert not is_small(step["subjects_before"] - step["subjects"])
            assert not is_small(step["rows_before"] - step["rows"])
    for first, second in itertools.pairwise(merged):
        assert second["subjects_before"] == first["subjects"]
