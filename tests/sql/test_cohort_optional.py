"""Predicates for several sources: codes that need not occur, and what counts unless something else does."""

from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from ehr.errors import TaskError
from ehr.intake import event_frame
from ehr.tasks import Derived, Plain, parse_task
from sql.cohort import Cohort, run_cohort_on_meds

TASK = """
predicates:
  visit: {code: VISIT}
  sick: {code: {any: ["<< ICD10//E11", "<< SNOMED//44054006", DIABETES], OPTIONAL}}
  leaves: {code: LEAVES}
  dies: {code: DIES}
  alive: {expr: "unless(leaves, dies)"}
trigger: visit
windows:
  after:
    {start: trigger, end: null, start_inclusive: false, end_inclusive: true, label: LABEL, index_timestamp: start}
"""
AT = [datetime(2150, 1, day) for day in range(1, 5)]


@pytest.fixture
def events(tmp_path: Path) -> Path:
    rows = [
        {"subject_id": subject, "time": time, "code": code}
        for subject, time, code in (
            (1, AT[0], "VISIT"),
            (1, AT[1], "LEAVES"),
            (2, AT[0], "VISIT"),
            (2, AT[2], "LEAVES"),
            (2, AT[2], "DIES"),
            (2, AT[3], "LEAVES"),
            (3, AT[0], "VISIT"),
            (3, AT[1], "CONDITION//ICD10//I10"),
        )
    ]
    path = tmp_path / "events.parquet"
    event_frame(rows).write_parquet(path)
    return path


def cohort(events: Path, label: str, optional: str = "optional: true") -> Cohort:
    text = TASK.replace("LABEL", label).replace(", OPTIONAL", f", {optional}" if optional else "")
    return run_cohort_on_meds(events, parse_task(text, "made"))


def test_unless_counts_moments_of_the_first_without_the_second(events: Path) -> None:
    found = dict(cohort(events, "alive").rows.select("subject_id", "label").iter_rows())
    assert found == {1: 1, 2: 1, 3: 0}
    assert parse_task(TASK.replace("LABEL", "alive").replace(", OPTIONAL", ""), "made").predicate("alive") == (
        Derived("alive", "unless", ("leaves", "dies"))
    )


def test_unless_takes_two_predicates() -> None:
    text = TASK.replace("LABEL", "alive").replace(", OPTIONAL", "").replace("(leaves, dies)", "(leaves, dies, sick)")
    with pytest.raises(TaskError, match=r"predicates.alive.expr: .* more than two"):
        parse_task(text, "made")


def test_codes_of_an_optional_predicate_need_not_occur_but_that_is_said(events: Path) -> None:
    found = cohort(events, "sick")
    assert found.rows["label"].to_list() == [0, 0, 0]
    assert found.task.remarks[-1] == "the records have none of the codes of sick: nothing counts for them"
    with pytest.raises(TaskError, match="ICD10//E11"):
        cohort(events, "sick", optional="")
    predicate = found.task.predicate("sick")
    assert isinstance(predicate, Plain)
    assert predicate.optional


@pytest.mark.parametrize("code", ["CONDITION//ICD10//E11.9", "DIABETES", "CONDITION//SNOMED//44054006"])
def test_no_remark_where_one_of_the_codes_occurs(events: Path, code: str, tmp_path: Path) -> None:
    more = event_frame([{"subject_id": 1, "time": AT[1], "code": code}])
    pl.concat([pl.read_parquet(events), more], how="diagonal_relaxed").write_parquet(tmp_path / "more.parquet")
    found = cohort(tmp_path / "more.parquet", "sick")
    assert found.rows["label"].to_list() == [1, 0, 0]
    assert not any("sick" in remark for remark in found.task.remarks)
