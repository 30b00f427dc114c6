"""Values in units, rises and falls, quotients, what happens near, and scores: cases that say what each means."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ehr.events import EVENT_SCHEMA
from ehr.intake import Intake
from ehr.store import Store, create_store, open_store
from ehr.tasks import Task, parse_task
from sql.cohort import explain_cohort, explain_subject, run_cohort, run_cohort_on_meds, run_cohort_on_subject
from sql.cohort.records import records_of_meds

BEGIN = datetime(2150, 1, 1)
TICK = timedelta(microseconds=1)
CREATININE, GLUCOSE = "LAB//LOINC//2160-0", "LAB//LOINC//2345-7"
Row = tuple[int, datetime | None, str, float | None, str | None]


def at(hours: float) -> datetime:
    return BEGIN + timedelta(hours=hours)


def frame(rows: Sequence[Row]) -> pl.DataFrame:
    names = {
        "subject_id": pl.Int64(),
        "time": pl.Datetime("us"),
        "code": pl.String(),
        "numeric_value": pl.Float32(),
        "unit": pl.String(),
    }
    return pl.DataFrame(list(rows), schema=names, orient="row")


def made_task(predicates: dict[str, Any], trigger: str) -> Task:
    return parse_task(json.dumps({"predicates": predicates, "trigger": trigger}), "made")


def moments(tmp_path: Path, predicates: dict[str, Any], trigger: str, rows: Sequence[Row]) -> list[datetime]:
    """Return the times of the first subject at which `trigger` counts something."""
    path = tmp_path / "events.parquet"
    frame(rows).write_parquet(path)
    return sorted(run_cohort_on_meds(path, made_task(predicates, trigger)).rows["trigger"].to_list())


def series(code: str, *values: tuple[float | datetime, float | None], unit: str | None = None) -> list[Row]:
    return [(1, at(time) if isinstance(time, int | float) else time, code, value, unit) for time, value in values]


# ---- units -------------------------------------------------------------------------------------------------------

UNITS: list[Row] = [
    (1, at(0), CREATININE, 3.0, "mg/dL"),
    (2, at(0), CREATININE, 200.0, "umol/L"),  # 2.26 mg/dL
    (3, at(0), CREATININE, 150.0, "µmol/l"),  # 1.70 mg/dL
    (4, at(0), CREATININE, 176.8, "umol/L"),  # 2.0000 mg/dL
    (5, at(0), CREATININE, 9.0, "furlong"),
    (6, at(0), CREATININE, 9.0, None),
    (7, at(0), CREATININE, None, "mg/dL"),
    (8, None, CREATININE, 5.0, "mg/dL"),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("units")
    (folder / "made.txt").write_text("made")
    store = create_store(folder / "store")
    intake = Intake(store, "made", folder)
    made = frame(UNITS)
    filled = made.with_columns(
        pl.lit(None, dtype=kind).alias(name) for name, kind in EVENT_SCHEMA.items() if name not in made.columns
    )
    with intake.file(folder / "made.txt") as entry:
        assert entry is not None
        entry.stage_frame("event", filled.select(EVENT_SCHEMA.keys()))
        entry.tally("event", rows_in=made.height, accepted=made.height)
    intake.commit()
    store.close()
    return open_store(folder / "store", locked=True)


def test_values_are_compared_in_the_unit_that_is_asked_for(store: Store, tmp_path: Path) -> None:
    high = made_task({"high": {"code": CREATININE, "value": "> 2 mg/dL"}}, "high")
    frame(UNITS).write_parquet(tmp_path / "events.parquet")
    for cohort in (run_cohort(store, high), run_cohort_on_meds(tmp_path / "events.parquet", high)):
        assert cohort.rows["subject_id"].to_list() == [1, 2]
        (remark,) = cohort.task.remarks
        assert remark == (
            f"high: 1 row of {CREATININE} without a unit, 1 row of {CREATININE} in 'furlong' cannot be converted to "
            "mg/dL and do not count"
        )
    assert [run_cohort_on_subject(store, high, subject).rows.height for subject in (1, 2, 3, 5)] == [1, 1, 0, 0]
    in_moles = made_task({"high": {"code": {"regex": "^LAB"}, "value": ">= 176.8 umol/L"}}, "high")
    assert run_cohort(store, in_moles).rows["subject_id"].to_list() == [1, 2, 4]


def test_a_fact_without_a_time_has_a_unit_too(store: Store) -> None:
    text = {"fact": {"code": CREATININE, "value": "> 400 umol/L", "static": True}, "any": {"code": CREATININE}}
    task = made_task({**text, "both": {"expr": "or(fact, any)"}}, "both")
    assert run_cohort(store, task).rows.height == 0  # the one subject with such a fact has no moment
    assert run_cohort(store, task).attrition[1].rows_before == 7


def test_a_unit_may_stand_in_the_code(tmp_path: Path) -> None:
    rows = [
        (1, at(0), "LAB//50931//mg/dL", 180.0),
        (2, at(0), "LAB//50931//mmol/L", 11.0),
        (3, at(0), "LAB//50931//mg/dL", 90.0),
        (4, at(0), "LAB//50931//UNK", 500.0),
    ]
    names = {"subject_id": pl.Int64(), "time": pl.Datetime("us"), "code": pl.String(), "numeric_value": pl.Float32()}
    pl.DataFrame(rows, schema=names, orient="row").write_parquet(tmp_path / "codes.parquet")
    task = made_task({"high": {"code": {"regex": "^LAB//50931//"}, "value": ">= 10 mmol/L"}}, "high")
    cohort = run_cohort_on_meds(tmp_path / "codes.parquet", task)
    assert cohort.rows["subject_id"].to_list() == [2]
    assert cohort.task.remarks == (
        "high: 1 row of LAB//50931//UNK without a unit cannot be converted to mmol/L and does not count",
    )


def test_many_that_cannot_be_converted_are_summed_up(tmp_path: Path) -> None:
    rows: list[Row] = [(1, at(number), f"LAB//X{number}", 1.0, "furlong") for number in range(9)]
    frame(rows).write_parquet(tmp_path / "events.parquet")
    task = made_task({"high": {"code": {"regex": "^LAB"}, "value": ">= 10 mmol/L"}}, "high")
    (remark,) = run_cohort_on_meds(tmp_path / "events.parquet", task).task.remarks
    assert "1 row of LAB//X4 in 'furlong', 4 rows of 4 further codes or units cannot be" in remark


def test_the_conversions_stand_in_the_query(tmp_path: Path) -> None:
    frame(UNITS).write_parquet(tmp_path / "events.parquet")
    records = records_of_meds(tmp_path / "events.parquet")
    task = made_task({"high": {"code": CREATININE, "value": "> 2 mg/dL"}}, "high")
    tree, sql = explain_cohort(records, task)
    assert f"high = code is {CREATININE}, value > 2 mg/dL" in tree
    assert f"('{CREATININE}', 'mg/dL', 1.0e0, 0.0e0)" in sql
    assert "furlong" not in sql


# ---- rises and falls ---------------------------------------------------------------------------------------------


def test_a_rise_is_against_the_lowest_value_not_long_before(tmp_path: Path) -> None:
    rise = {"rise": {"code": CREATININE, "rise": {"by": 0.3, "within": "48h"}}}
    values = series(CREATININE, (0, 1.0), (24, 0.9), (48, 1.2), (60, 1.1), (108, 1.4), (200, 3.0))
    # 1.2 - 0.9 and 1.4 - 1.1 are 0.3 as recorded, a little less in 32 bits; nothing stands in the 48 h before 200 h
    assert moments(tmp_path, rise, "rise", values) == [at(48), at(108)]


def test_the_span_of_a_rise_reaches_to_its_edge_and_leaves_out_its_own_time(tmp_path: Path) -> None:
    rise = {"rise": {"code": CREATININE, "rise": {"ratio": 1.5, "within": "48h"}}}
    assert moments(tmp_path, rise, "rise", series(CREATININE, (0, 1.0), (48, 1.5))) == [at(48)]
    assert moments(tmp_path, rise, "rise", series(CREATININE, (0, 1.0), (at(48) + TICK, 1.5))) == []
    assert moments(tmp_path, rise, "rise", series(CREATININE, (0, 1.0), (0, 1.5))) == []
    assert moments(tmp_path, rise, "rise", series(CREATININE, (0, 0.0), (1, 1.0), (2, 1.5))) == [at(2)]


def test_a_rise_in_a_unit_compares_values_of_several(tmp_path: Path) -> None:
    rise = {"rise": {"code": CREATININE, "rise": {"by": "0.3 mg/dL", "within": "48h"}}}
    rows = [*series(CREATININE, (0, 1.0), unit="mg/dL"), *series(CREATININE, (1, 120.0), (2, 88.4), unit="umol/L")]
    assert moments(tmp_path, rise, "rise", rows) == [at(1)]
    rows = [*series(CREATININE, (0, 1.0)), *series(CREATININE, (1, 3.0), unit="mg/dL")]
    assert moments(tmp_path, rise, "rise", rows) == []


def test_bounds_on_a_rise_hold_for_the_row_and_not_for_those_before(tmp_path: Path) -> None:
    rise = {"rise": {"code": CREATININE, "value": ">= 4", "rise": {"by": 0.3, "within": "48h"}}}
    assert moments(tmp_path, rise, "rise", series(CREATININE, (0, 1.0), (1, 3.0), (2, 4.0))) == [at(2)]


def test_a_fall_mirrors_a_rise(tmp_path: Path) -> None:
    values = series("HB", (0, 10.0), (6, 12.0), (12, 9.0), (18, 8.0))
    by_three = {"fall": {"code": "HB", "fall": {"by": 3, "within": "6h"}}}
    assert moments(tmp_path, by_three, "fall", values) == [at(12)]
    halved = {"fall": {"code": "HB", "fall": {"ratio": 1.5, "within": "1 day"}}}
    assert moments(tmp_path, halved, "fall", values) == [at(18)]


# ---- quotients ---------------------------------------------------------------------------------------------------


def test_a_value_is_divided_by_the_last_one_of_another_predicate(tmp_path: Path) -> None:
    ratio = {
        "fio2": {"code": "FIO2", "value": ">= 21 %"},
        "low": {"code": "PAO2", "per": {"of": "fio2", "within": "4h", "scale": 100}, "value": "< 300"},
    }
    oxygen = series("FIO2", (0, 50.0), (2, 100.0), (2, 40.0), (3, 0.1), unit="%")
    pressure = series("PAO2", (0, 150.0), (1, 149.0), (2, 110.0), (6, 110.0), (at(6) + TICK, 1.0))
    # at 2 h the lower of two counts, at 3 h none that the predicate lets through, after 6 h none is near enough
    assert moments(tmp_path, ratio, "low", [*oxygen, *pressure]) == [at(1), at(2), at(6)]


def test_nothing_is_divided_by_zero_or_by_what_is_not_there(tmp_path: Path) -> None:
    ratio = {"b": {"code": "B"}, "a": {"code": "A", "per": {"of": "b", "within": "4h"}, "value": "> 0"}}
    assert moments(tmp_path, ratio, "a", series("A", (0, 1.0), (1, None))) == []
    assert moments(tmp_path, ratio, "a", [*series("A", (1, 1.0)), *series("B", (0, 1.0), (1, 0.0))]) == []
    assert moments(tmp_path, ratio, "a", [*series("A", (1, 1.0)), *series("B", (0, 1.0), (1, None))]) == [at(1)]
    assert moments(tmp_path, ratio, "a", [*series("A", (1, 3e38)), *series("B", (0, 1e-3))]) == []


# ---- near, and scores --------------------------------------------------------------------------------------------


def test_what_happens_near_is_looked_for_to_the_edge_of_the_span(tmp_path: Path) -> None:
    base = {"culture": {"code": "CULTURE"}, "drug": {"code": "DRUG"}}
    followed = {**base, "suspected": {"expr": "followed(culture, drug, 72h)"}}
    preceded = {**base, "suspected": {"expr": "preceded(culture, drug, 24h)"}}
    cultures = series("CULTURE", (0, None), (100, None))
    for hours, after, before in (
        (0, [0], [0]),
        (72, [0], []),
        (76, [], [100]),
        (100, [100], [100]),
        (101, [100], []),
    ):
        rows = [*cultures, *series("DRUG", (hours, None))]
        assert moments(tmp_path, followed, "suspected", rows) == [at(time) for time in after]
        assert moments(tmp_path, preceded, "suspected", rows) == [at(time) for time in before]
    late = [*cultures, *series("DRUG", (at(72) + TICK, None), (at(76) - TICK, None))]
    assert moments(tmp_path, followed, "suspected", late) == []
    assert moments(tmp_path, preceded, "suspected", late) == []


SCORE: dict[str, Any] = {
    "under_150": {"code": "PLT", "value": "< 150"},
    "under_100": {"code": "PLT", "value": "< 100"},
    "high": {"code": "CREA", "value": ">= 2"},
}
PARTS = {"coagulation": {"under_150": 1, "under_100": 2}, "renal": {"high": 2}}


def test_a_score_adds_the_most_points_of_each_part(tmp_path: Path) -> None:
    platelets = series("PLT", (0, 140.0), (10, 90.0), (30, 140.0), (60, 200.0))
    rows = [*platelets, *series("CREA", (20, 2.0), (34, 1.0), (60, 2.0))]
    for minimum, expected in ((1, [0, 10, 20, 30, 60]), (2, [10, 20, 30, 60]), (4, [20, 30]), (5, [])):
        made = {**SCORE, "score": {"score": {"within": "24h", "minimum": minimum, "parts": PARTS}}}
        assert moments(tmp_path, made, "score", rows) == [at(hours) for hours in expected]


def test_the_rise_of_a_score_is_against_its_lowest_before_or_nothing(tmp_path: Path) -> None:
    made = {**SCORE, "rise": {"score": {"within": "6h", "rise": 2, "over": "48h", "parts": PARTS}}}
    first = series("PLT", (0, 90.0))
    assert moments(tmp_path, made, "rise", first) == [at(0)]
    steps = series("PLT", (0, 140.0), (10, 90.0), (48, 90.0), (at(48) + TICK, 90.0))
    assert moments(tmp_path, made, "rise", steps) == []
    with_kidneys = [*steps, *series("CREA", (12, 2.0), (53, 2.0))]
    # 4 at 12 h against 1 at 0 h; 4 at 53 h against 2 at 10 h and 48 h
    assert moments(tmp_path, made, "rise", with_kidneys) == [at(12), at(53)]


def test_predicates_of_all_kinds_survive_names_that_sql_confuses(tmp_path: Path) -> None:
    made = {
        "Value": {"code": "A", "rise": {"by": 1, "within": "1d"}},
        "value": {"code": "A", "per": {"of": "VALUE", "within": "1d"}, "value": "> 1"},
        "VALUE": {"code": "B"},
        "time": {"expr": "followed(Value, value, 1d)"},
        "code": {"score": {"within": "1d", "minimum": 1, "parts": {"p": {"time": 1}}}},
    }
    rows = [*series("A", (0, 1.0), (1, 3.0)), *series("B", (0, 1.0))]
    assert moments(tmp_path, made, "code", rows) == [at(1)]


def test_the_tree_tells_every_kind_in_words(tmp_path: Path) -> None:
    frame(UNITS).write_parquet(tmp_path / "events.parquet")
    made = {
        **SCORE,
        "rise": {"code": "A", "rise": {"by": "0.3 mg/dL", "within": "48h"}},
        "fall": {"code": "A", "fall": {"ratio": 1.5, "within": "7d"}},
        "per": {"code": "A", "per": {"of": "high", "within": "4h", "scale": 100}, "value": "< 300"},
        "near": {"expr": "followed(rise, fall, 72h)"},
        "score": {"score": {"within": "24h", "rise": 2, "over": "48h", "parts": PARTS}},
        "all": {"expr": "and(per, near, score)"},
    }
    tree, _sql = explain_cohort(records_of_meds(tmp_path / "events.parquet"), made_task(made, "all"))
    for line in (
        "rise = code is A, at least 0.3 mg/dL above the lowest within 2 days before",
        "fall = code is A, the highest within 7 days before is 1.5 times it or more",
        "per = code is A, divided by the last high of at most 4 hours before times 100, value < 300",
        "near = rise with fall at once or at most 3 days later",
        "score = a score at least 2 above its lowest within 2 days before, of the last 1 day: "
        "coagulation 1 for under_150, 2 for under_100; renal 2 for high",
    ):
        assert line in tree


def test_what_is_told_of_a_patient_names_the_rows_that_passed(tmp_path: Path) -> None:
    made = {"visit": {"code": "VISIT"}, "rise": {"code": CREATININE, "rise": {"by": 0.3, "within": "48h"}}}
    window = {
        "start": "trigger",
        "end": "start + 7d",
        "start_inclusive": True,
        "end_inclusive": True,
        "label": "rise",
    }
    task = parse_task(json.dumps({"predicates": made, "trigger": "visit", "windows": {"week": window}}), "made")
    rows = [(1, at(0), "VISIT", None, None), *series(CREATININE, (1, 1.0), (2, 1.5), (3, 1.2), unit="mg/dL")]
    frame(rows).write_parquet(tmp_path / "events.parquet")
    (fate,) = explain_subject(records_of_meds(tmp_path / "events.parquet"), task, 1).fates
    assert fate.label == 1
    assert fate.outcome is not None
    assert [(event.time, event.value) for event in fate.outcome.evidence] == [(at(2), "1.5 mg/dL")]
