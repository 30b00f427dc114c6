"""The picture of a cohort's flow: every number in it, and what cannot be drawn."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from api.consort import draw_consort
from ehr.errors import EhrError
from sql.cohort import Step

STEPS = (
    Step("trigger: admission at least once", 1500, 1200, 3100, 3100, 90_000, 80_000),
    Step("first_day: no death after the trigger", 1200, 1100, 3100, 2500, 80_000, 70_000),
    Step("nothing: nobody is lost here", 1100, 1100, 2500, 2500, 70_000, 70_000),
    Step("rest: some discharge after the end of first_day", 1100, 991, 2500, 2049, 70_000, 60_001),
)


def cohort(*steps: Step, positive: int | None = 221) -> Any:
    return SimpleNamespace(
        task=SimpleNamespace(name="mortality"),
        attrition=steps,
        positive=positive,
        prevalence=positive / steps[-1].rows_after if positive and steps[-1].rows_after else None,
    )


def test_the_picture_holds_every_number(tmp_path: Path) -> None:
    draw_consort(cohort(*STEPS), tmp_path / "flow" / "cohort.svg")
    drawn = (tmp_path / "flow" / "cohort.svg").read_text()
    for text in (
        "1,500 patients, 90,000 events",
        "1,200 patients, 3,100 rows, 80,000 events",
        "Left out: 300 patients, 10,000 events",
        "Left out: 100 patients, 600 rows, 10,000 events",
        "does not meet first_day: no death after the trigger",
        "Left out: 109 patients, 451 rows, 9,999 events",
        "991 patients, 2,049 rows, 60,001 events",
        "label positive in 221 rows (10.8%)",
    ):
        assert text in drawn
    assert "nobody is lost here" not in drawn


def test_the_same_cohort_gives_the_same_file(tmp_path: Path) -> None:
    for name in ("one.svg", "two.svg"):
        draw_consort(cohort(*STEPS), tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_a_cohort_without_rules_or_label_is_drawn_too(tmp_path: Path) -> None:
    draw_consort(cohort(Step("trigger: admission", 5, 5, 5, 5), positive=None), tmp_path / "flow.svg")
    drawn = (tmp_path / "flow.svg").read_text()
    assert "5 patients, 5 rows" in drawn
    assert "Left out" not in drawn
    assert "events" not in drawn


def test_a_picture_can_be_png_and_nothing_else(tmp_path: Path) -> None:
    draw_consort(cohort(*STEPS), tmp_path / "flow.png")
    assert (tmp_path / "flow.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(EhrError, match=r"a picture ends in \.svg or \.png"):
        draw_consort(cohort(*STEPS), tmp_path / "flow.jpg")
