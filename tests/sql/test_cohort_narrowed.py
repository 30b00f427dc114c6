"""Events that are picked by fixed pieces of text: the same as those that the patterns match, and the same cohorts."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ehr.tasks import Plain, Task, parse_task
from sql.cohort import narrowed as module
from sql.cohort import run_cohort_on_meds
from sql.cohort.narrowed import fixed_piece
from sql.cohort.records import FOUND, records_of_meds
from sql.cohort.run import find_cohort
from tests.sql.cohort_reference import Event
from tests.sql.test_cohort_property import event_tables, tasks

LETTERS = "aB/ .-\\(%_'\n"
PIECES = st.lists(st.sampled_from(("a", "B", "/", " ", "-", "_", "'", "\\.", "\\(", "\\\\")), min_size=1, max_size=4)


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        yield con


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(("", "^")),
    PIECES.map("".join),
    st.sampled_from(("", ".*", "$")),
    st.lists(st.text(alphabet=LETTERS, max_size=8), min_size=1, max_size=6),
)
def test_a_fixed_piece_matches_what_the_pattern_matches(
    con: duckdb.DuckDBPyConnection, begin: str, text: str, end: str, codes: list[str]
) -> None:
    pattern = begin + text + end
    plain = text.replace("\\", "", 1) if text.startswith("\\") else text
    test = fixed_piece(pattern)
    assert test is not None
    asked = f"SELECT regexp_matches(code, $pattern), {test.sql('duckdb')} FROM (SELECT unnest($codes) AS code)"
    rows = con.execute(asked, {"pattern": pattern, "codes": [*codes, plain, f"x{plain}", f"{plain}x"]}).fetchall()
    assert [row[0] for row in rows] == [row[1] for row in rows]


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "^",
        ".*",
        "a|b",
        "[ab]",
        "a+",
        "a?",
        "(a)",
        "a.b",
        "a{2}",
        "\\d",
        "^.*a",
        "a.*$",
        "a.*b",
        "(?i)a",
        "\\bA",
        "é",
    ],
)
def test_other_patterns_are_left_to_the_engine(pattern: str) -> None:
    assert fixed_piece(pattern) is None


def meds(folder: Path, events: list[Event]) -> Path:
    file = folder / "events.parquet"
    kinds = {"subject_id": pa.int64(), "time": pa.timestamp("us"), "code": pa.string(), "numeric_value": pa.float32()}
    columns = {name: pa.array([getattr(one, name) for one in events], kind) for name, kind in kinds.items()}
    pq.write_table(pa.table(columns | {"unit": pa.array([one.unit for one in events], pa.string())}), file)
    return file


def in_pieces(task: Task) -> Task:
    """Return the task with the one pattern that is no piece of text replaced by one that is."""
    return replace(
        task,
        predicates=tuple(
            replace(one, regex="B//") if isinstance(one, Plain) and one.regex == "." else one
            for one in task.predicates
        ),
    )


@settings(max_examples=25, deadline=None)
@given(task=tasks().map(in_pieces), events=event_tables())
def test_cohorts_are_the_same_with_and_without(
    task: Task, events: list[Event], tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = meds(tmp_path_factory.mktemp("meds"), events)
    found = find_cohort(records_of_meds(file), task)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST", 0)
        without = find_cohort(records_of_meds(file), task)
    assert found.rows.equals(without.rows)
    assert found.attrition == without.attrition


ASKED = """
predicates:
  lab: {code: {regex: ^LAB//}}
trigger: lab
windows: {day: {start: trigger, end: start + 24h, start_inclusive: false, end_inclusive: true}}
"""


def test_the_sql_of_a_narrowed_cohort_runs_on_all_events(tmp_path: Path) -> None:
    file = meds(tmp_path, [Event(1, datetime(2150, 1, 1), "LAB//K"), Event(1, datetime(2150, 1, 2), "DEATH")])
    cohort = run_cohort_on_meds(file, parse_task(ASKED, "asked"), wide=False)
    assert f"AS {FOUND}" in cohort.sql
    with duckdb.connect() as con:
        con.execute(f"CREATE VIEW event AS FROM '{file}'")
        assert len(con.execute(cohort.sql).fetchall()) == cohort.rows.height == 1
