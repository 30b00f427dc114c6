"""Data of which a single moment is left: what ACES counts there, and what a window says."""

import json
from datetime import datetime
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ehr.tasks import parse_task
from sql.cohort import run_cohort_on_meds

AT = datetime(2150, 1, 2)


def label(folder: Path, start: str, end: str, flags: tuple[bool, bool], compat: Literal["none", "aces"]) -> int:
    """Return the label, a count of the two admissions at the only moment of the patients who are VIPs."""
    rows = [(1, None, "VIP"), (1, AT, "ADM"), (1, AT, "ADM"), (2, AT, "ADM"), (2, datetime(2150, 1, 3), "ADM")]
    columns = {
        "subject_id": pa.array([row[0] for row in rows], pa.int64()),
        "time": pa.array([row[1] for row in rows], pa.timestamp("us")),
        "code": pa.array([row[2] for row in rows]),
    }
    pq.write_table(pa.table(columns), folder / "meds.parquet")
    window = {"start": start, "end": end, "start_inclusive": flags[0], "end_inclusive": flags[1], "label": "adm"}
    document = {
        "predicates": {"adm": {"code": "ADM"}},
        "patient_demographics": {"vip": {"code": "VIP"}},
        "trigger": "adm",
        "windows": {"w": window},
    }
    rows_found = run_cohort_on_meds(folder / "meds.parquet", parse_task(json.dumps(document), "task"), compat=compat)
    assert rows_found.rows.height == 1
    return int(rows_found.rows["label"][0])


@pytest.mark.parametrize(
    ("start", "end", "flags", "meant", "in_aces"),
    [
        ("end - 24h", "trigger", (True, False), 0, 2),
        ("end - 24h", "trigger", (False, True), 2, 0),
        ("end - 24h", "trigger", (True, True), 2, 2),
        ("end - 24h", "trigger + 24h", (True, False), 2, 0),
        ("end - 24h", "trigger + 24h", (False, True), 0, 2),
        ("end - 24h", "trigger + 12h", (True, True), 2, 0),
        ("trigger", "start + 24h", (True, False), 2, 2),
        ("trigger - 12h", "start + 24h", (False, False), 2, 2),
        ("trigger - 12h", "start -> adm", (False, True), 2, 2),
        ("trigger - 12h", "start -> adm", (True, True), 2, 4),
        ("trigger - 12h", "start -> adm", (True, False), 0, 2),
    ],
)
def test_aces_counts_a_single_moment_by_rules_of_its_own(
    tmp_path: Path, start: str, end: str, flags: tuple[bool, bool], meant: int, in_aces: int
) -> None:
    assert label(tmp_path, start, end, flags, "none") == meant
    assert label(tmp_path, start, end, flags, "aces") == in_aces
