"""Every shared case of the ACES task language: the same rows, or a refusal where ACES refuses."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ehr.errors import TaskError
from ehr.tasks import read_task
from sql.cohort import Cohort, run_cohort_on_meds

OURS = {"index_timestamp_swapped", "zero_length_has_ignored", "null_trigger_rows", "one_row_frame"}
"""Places where ACES does what is hardly meant: followed with compat="aces" only."""


def cases(data_root: Path) -> list[dict[str, Any]]:
    return list(json.loads((data_root / "aces" / "index.json").read_text())["cases"])


def cohort_of(data_root: Path, case: dict[str, Any], compat: str) -> Cohort:
    folder = data_root / "aces"
    task = read_task(folder / f"{case['name']}.yaml")
    return run_cohort_on_meds(folder / "datasets" / f"{case['dataset']}.parquet", task, compat=compat)  # type: ignore[arg-type]


def difference(expected: pl.DataFrame, cohort: Cohort) -> str | None:
    """Compare as multisets of rows in all columns of the expected file; an empty one lacks the counts."""
    missing = [name for name in expected.columns if name not in cohort.rows.columns]
    if missing:
        return f"lacks {missing}"
    wanted = Counter(expected.iter_rows())
    found = Counter(cohort.rows.select(expected.columns).iter_rows())
    if wanted == found:
        return None
    return f"{(wanted - found).total()} rows missing, {(found - wanted).total()} not expected"


def differing(data_root: Path, chosen: list[dict[str, Any]], compat: str) -> dict[str, str]:
    found = {
        case["name"]: difference(
            pl.read_parquet(data_root / "aces" / case["expected"]), cohort_of(data_root, case, compat)
        )
        for case in chosen
    }
    return {name: how for name, how in found.items() if how is not None}


def test_cohorts_have_the_rows_of_aces(data_root: Path) -> None:
    chosen = [case for case in cases(data_root) if "error" not in case and not OURS & set(case["aces_artifacts"])]
    assert len(chosen) >= 68
    assert differing(data_root, chosen, "none") == {}


def test_on_request_the_oddities_of_aces_are_followed_too(data_root: Path) -> None:
    chosen = [case for case in cases(data_root) if "error" not in case]
    assert len(chosen) >= 74
    assert differing(data_root, chosen, "aces") == {}


def test_every_oddity_of_aces_has_a_sensible_reading(data_root: Path) -> None:
    chosen = [case for case in cases(data_root) if OURS & set(case.get("aces_artifacts", ()))]
    assert len(chosen) >= 6
    assert differing(data_root, chosen, "none").keys() == {case["name"] for case in chosen}


def test_configuration_errors_are_refused_with_the_file(data_root: Path) -> None:
    refused = 0
    for case in cases(data_root):
        if "error" in case:
            with pytest.raises(TaskError, match=f"{case['name']}.yaml: "):
                cohort_of(data_root, case, "none")
            refused += 1
    assert refused >= 31


def test_the_sensible_reading_of_a_backward_window_predicts_at_its_end(data_root: Path) -> None:
    case = next(case for case in cases(data_root) if case["name"] == "edge_index_end_of_backward_window")
    rows = cohort_of(data_root, case, "none").rows
    assert rows["index_timestamp"].to_list() == rows["trigger"].to_list()
    assert rows.height == case["rows"]


def test_a_criterion_on_a_moment_is_evaluated_unless_aces_is_asked_for(data_root: Path) -> None:
    case = next(case for case in cases(data_root) if case["name"] == "edge_point_window")
    assert cohort_of(data_root, case, "none").rows.height == 0
    assert cohort_of(data_root, case, "aces").rows.height == case["rows"]
