"""Cohorts in a store and in MEDS files: rows, labels, attrition, words, and what is refused."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from ehr.errors import SourceError, StoreError, TaskError
from ehr.events import EVENT_SCHEMA
from ehr.intake import Intake
from ehr.store import Store, create_store
from ehr.tasks import find_task, parse_task, read_task
from sql.cohort import explain_cohort, find_cohort, label_table, labels, run_cohort, run_cohort_on_meds
from sql.cohort.records import records_of_meds, records_of_store

BEGIN = datetime(2150, 1, 1)
STAYS: dict[int, list[tuple[int, str]]] = {
    # hours after the begin, code
    1: [(0, "HOSPITAL_ADMISSION//URGENT//UNK"), (72, "HOSPITAL_DISCHARGE//DIED"), (72, "MEDS_DEATH")],
    2: [(0, "ENCOUNTER_START//IMP"), (24, "LAB//K"), (48, "ENCOUNTER_END//IMP"), (500, "ENCOUNTER_START//IMP")],
    3: [(0, "HOSPITAL_ADMISSION//URGENT//UNK"), (24, "HOSPITAL_DISCHARGE//HOME")],
    4: [(0, "ENCOUNTER_START//AMB"), (1, "ENCOUNTER_END//AMB")],
}
DAY = timedelta(days=1)


def event_frame() -> pl.DataFrame:
    rows = [
        {"subject_id": subject_id, "time": BEGIN + timedelta(hours=hour), "code": code}
        for subject_id, events in STAYS.items()
        for hour, code in events
    ]
    static = [
        {"subject_id": subject_id, "time": None, "code": f"GENDER//{'FM'[subject_id % 2]}"} for subject_id in STAYS
    ]
    return pl.DataFrame([*static, *rows], schema_overrides={"time": pl.Datetime("us"), "subject_id": pl.Int64()})


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("cohort")
    frame = event_frame()
    filled = frame.with_columns(
        pl.lit(None, dtype=kind).alias(name) for name, kind in EVENT_SCHEMA.items() if name not in frame.columns
    )
    (folder / "made.txt").write_text("made")
    store = create_store(folder / "store")
    intake = Intake(store, "made", folder)
    with intake.file(folder / "made.txt") as entry:
        assert entry is not None
        entry.stage_frame("event", filled.select(EVENT_SCHEMA.keys()))
        entry.tally("event", rows_in=filled.height, accepted=filled.height)
    intake.commit()
    return store


@pytest.fixture
def meds(tmp_path: Path) -> Path:
    """A MEDS folder in two shards, of which one has no numeric_value."""
    frame = event_frame()
    (tmp_path / "data" / "train").mkdir(parents=True)
    half = frame.filter(pl.col("subject_id") < 3)
    half.with_columns(pl.lit(None, pl.Float32()).alias("numeric_value")).write_parquet(
        tmp_path / "data" / "train" / "0.parquet"
    )
    frame.filter(pl.col("subject_id") >= 3).write_parquet(tmp_path / "data" / "train" / "1.parquet")
    return tmp_path


def task(text: str) -> Any:
    return parse_task(text, "example")


def test_a_ready_task_gives_labels_in_a_store(store: Store) -> None:
    found = labels(run_cohort(store, read_task(find_task("in_hospital_mortality"))))
    assert found.schema == {
        "subject_id": pl.Int64(),
        "prediction_time": pl.Datetime("us"),
        "boolean_value": pl.Boolean(),
    }
    assert found.rows() == [(1, BEGIN + DAY, True), (2, BEGIN + DAY, False)]


def test_readmission_is_asked_of_who_leaves_alive(store: Store) -> None:
    found = labels(run_cohort(store, read_task(find_task("readmission_30d")), wide=False))
    assert found.rows() == [(2, BEGIN + 2 * DAY, True), (3, BEGIN + DAY, False)]


def test_a_meds_folder_gives_what_a_store_gives(store: Store, meds: Path) -> None:
    for name in ("in_hospital_mortality", "readmission_30d", "icu_mortality"):
        wanted = read_task(find_task(name))
        assert run_cohort_on_meds(meds, wanted).rows.equals(run_cohort(store, wanted).rows)


def test_attrition_says_in_words_who_was_lost_where(store: Store) -> None:
    cohort = run_cohort(store, read_task(find_task("in_hospital_mortality")))
    steps = [
        (step.rule, step.subjects_before, step.subjects_after, step.rows_before, step.rows_after)
        for step in cohort.attrition
    ]
    assert steps == [
        ("trigger: hospital_admission at least once; each time gives a row", 4, 3, 4, 4),
        ("first_day: no discharge_or_death after the trigger, until 1 day later", 3, 2, 4, 3),
        ("rest_of_stay: some discharge_or_death at or after the end of first_day", 2, 2, 3, 2),
    ]
    assert (cohort.subjects, cohort.positive, cohort.prevalence) == (2, 1, 0.5)


def test_events_are_counted_at_each_step_where_asked_for(store: Store, meds: Path) -> None:
    ready = read_task(find_task("in_hospital_mortality"))
    for records in (records_of_store(store), records_of_meds(meds)):
        cohort = find_cohort(records, ready, wide=False, count_events=True)
        steps = [(step.events_before, step.events_after) for step in cohort.attrition]
        # Subject 4 has no trigger, subject 3 leaves on the first day; each static fact is an event too.
        assert steps == [(15, 12), (12, 9), (9, 9)]
    assert run_cohort(store, ready).attrition[0].events_before is None


def test_the_begin_and_end_of_a_record_are_those_of_its_events(store: Store, meds: Path) -> None:
    whole = task(
        """
        trigger: _ANY_EVENT
        windows:
          past: {start: null, end: trigger, start_inclusive: true, end_inclusive: true}
          rest: {start: trigger, end: null, start_inclusive: true, end_inclusive: true, index_timestamp: end}
        """
    )
    in_store, in_files = run_cohort(store, whole).rows, run_cohort_on_meds(meds, whole).rows
    assert in_store.equals(in_files)
    last = dict(in_store.group_by("subject_id").agg(pl.col("index_timestamp").unique().implode()).iter_rows())
    assert {subject: times[0] for subject, times in last.items()} == {
        subject: BEGIN + timedelta(hours=max(hour for hour, _ in events)) for subject, events in STAYS.items()
    }


def test_a_label_table_is_a_meds_label_file(store: Store) -> None:
    table = label_table(run_cohort(store, read_task(find_task("in_hospital_mortality"))))
    assert table.schema.names == ["subject_id", "prediction_time", "boolean_value"]
    assert table.schema.types == [pa.int64(), pa.timestamp("us"), pa.bool_()]
    assert table.column("boolean_value").null_count == 0


def test_labels_need_a_prediction_time(store: Store) -> None:
    cohort = run_cohort(store, task("predicates: {k: {code: LAB//K}}\ntrigger: k"))
    assert cohort.rows.height == 1
    with pytest.raises(TaskError, match="index_timestamp"):
        labels(cohort)


def test_a_task_that_nobody_meets_gives_no_rows_with_all_columns(store: Store) -> None:
    cohort = run_cohort(store, read_task(find_task("icu_mortality")))
    assert cohort.rows.height == 0
    assert {"subject_id", "trigger", "index_timestamp", "label", "first_day.end@start"} <= set(cohort.rows.columns)
    assert cohort.prevalence is None


def test_further_columns_of_a_data_set_can_be_used(tmp_path: Path) -> None:
    path = tmp_path / "one.parquet"
    event_frame().with_columns(pl.Series("ward", ["A", "B", "C"] * 5), pl.Series("rank", range(15))).write_parquet(
        path
    )
    ward_a = task("predicates: {a: {code: {regex: .}, ward: B, rank: 4}}\ntrigger: a")
    assert run_cohort_on_meds(path, ward_a).rows.height == 1
    nobody = task("predicates: {a: {code: {regex: .}, ward: null}}\ntrigger: a")
    assert run_cohort_on_meds(path, nobody).rows.height == 0
    for column, hint in (("floor: 1", "no such column"), ("ward: 1", "type VARCHAR"), ("rank: '1'", "type BIGINT")):
        wrong = task(f"predicates: {{a: {{code: {{regex: .}}, {column}}}}}\ntrigger: a")
        with pytest.raises(TaskError, match=rf"predicates\.a\.{column.split(':')[0]}: .*{hint}"):
            run_cohort_on_meds(path, wrong)


def test_names_may_differ_in_case_or_be_those_of_columns(store: Store) -> None:
    names = parse_task(
        """
        predicates:
          time: {code: {regex: HOSPITAL_ADMISSION}}
          Time: {code: {regex: HOSPITAL_DISCHARGE}}
          time_2: {code: MEDS_DEATH}
          code: {expr: "or(time, Time)"}
          subject_id: {expr: "and(Time, time_2)"}
        trigger: time
        patient_demographics: {TIME: {code: {regex: GENDER}}}
        windows:
          w: {start: trigger, end: start -> Time, start_inclusive: false, end_inclusive: true, label: subject_id}
          W: {start: w.end, end: start + 1d, start_inclusive: true, end_inclusive: true, has: {code: "(1, 1)"}}
        """,
        "names",
    )
    rows = run_cohort(store, names).rows
    assert rows["label"].to_list() == [1, 0]
    assert rows["w.end@end"].to_list() == rows["W.end@start"].to_list() == [BEGIN + 3 * DAY, BEGIN + DAY]
    assert rows["w.end#Time"].to_list() == rows["W.end#code"].to_list() == [1, 1]
    assert rows["W.end#time_2"].to_list() == [1, 0]


def test_codes_and_values_from_a_task_file_are_never_sql(store: Store) -> None:
    nasty = "x'; DROP TABLE event; --"
    predicates = {"a": {"code": nasty, "unit": nasty}, "b": {"code": {"regex": "'"}}, "c": {"expr": "or(a, b)"}}
    assert run_cohort(store, task(json.dumps({"predicates": predicates, "trigger": "c"}))).rows.height == 0
    assert run_cohort(store, read_task(find_task("in_hospital_mortality"))).rows.height == 2


def test_explain_shows_tree_and_sql_without_running(meds: Path) -> None:
    tree, sql = explain_cohort(records_of_meds(meds), read_task(find_task("in_hospital_mortality")))
    assert "└─ first_day.end  first_day: after the trigger, until 1 day later; no discharge_or_death" in tree
    assert "   └─ rest_of_stay.end" in tree
    assert sql.startswith("WITH ")
    assert "ASOF LEFT JOIN" in sql


def test_what_is_no_data_is_refused(tmp_path: Path) -> None:
    mortality = read_task(find_task("in_hospital_mortality"))
    with pytest.raises(SourceError, match="no MEDS data set here"):
        run_cohort_on_meds(tmp_path / "absent", mortality)
    (tmp_path / "text.parquet").write_text("no parquet")
    with pytest.raises(SourceError, match="cannot be read as Parquet"):
        run_cohort_on_meds(tmp_path / "text.parquet", mortality)
    pl.DataFrame({"subject_id": [1], "when": [BEGIN]}).write_parquet(tmp_path / "other.parquet")
    with pytest.raises(SourceError, match="lacks the columns time, code"):
        run_cohort_on_meds(tmp_path / "other.parquet", mortality)
    with pytest.raises(StoreError, match="is empty"):
        run_cohort(create_store(tmp_path / "empty"), mortality)
