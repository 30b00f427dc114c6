"""Facts on rows are known at the prediction time, except for the end of the stay."""

from datetime import datetime, timedelta

import polars as pl
import pytest

from ehr.store import Store
from models.facts import ATTRIBUTES, row_facts
from tests.ehr.made import Event, event, memory_store

AT = datetime(2019, 6, 1, 12)
DAY = timedelta(days=1)


def person(subject_id: int, sex: str = "F", years: float = 50) -> list[Event]:
    return [
        event(subject_id, f"GENDER//{sex}"),
        event(subject_id, "MEDS_BIRTH", AT - timedelta(days=365.25 * years + 1)),
    ]


def put_stay(
    store: Store,
    number: int,
    subject_id: int,
    kind: str,
    start: datetime,
    end: datetime | None,
    unit: str | None = None,
) -> None:
    store.cursor().execute(
        "INSERT INTO encounter (encounter_id, subject_id, class, type, start_time, end_time, source_id) "
        "VALUES (?, ?, ?, ?, ?, ?, 1)",
        [number, subject_id, kind, unit, start, end],
    )


def facts_of(store: Store, *rows: tuple[int, datetime]) -> pl.DataFrame:
    labels = pl.DataFrame(rows, schema={"subject_id": pl.Int64, "prediction_time": pl.Datetime("us")}, orient="row")
    return row_facts(store.cursor(), labels)


def test_a_row_has_the_last_fact_up_to_its_prediction_time() -> None:
    store = memory_store(
        [
            *person(1), *person(2, "M", years=17.9), *person(3, "M", years=80.1),
            event(1, "RACE//UNKNOWN", AT - 3 * DAY), event(1, "RACE//ASIAN - CHINESE", AT),
            event(1, "RACE//WHITE", AT + DAY), event(2, "ETHNICITY//HISPANIC"),
            event(1, "TRANSFER_TO//EICU//hospital 73 ward 92", AT - DAY),
            event(1, "TRANSFER_TO//EICU//hospital 74 ward 1", AT + DAY),
        ]
    )  # fmt: skip
    facts = facts_of(store, (2, AT), (1, AT), (1, AT - DAY), (3, AT))
    assert facts["subject_id"].to_list() == [2, 1, 1, 3], "rows keep their order"
    assert facts["sex"].to_list() == ["male", "female", "female", "male"]
    assert facts["age_band"].to_list() == ["0-17", "40-64", "40-64", "80+"]
    assert facts["race"].to_list() == [None, "asian", "unknown", None]
    assert facts["ethnicity"].to_list() == ["hispanic", None, None, None]
    assert facts["site"].to_list() == [None, "73", "73", None]
    assert facts["year"].to_list() == ["2019"] * 4


def test_later_records_change_no_fact() -> None:
    earlier = [*person(1), event(1, "RACE//WHITE", AT - DAY), event(1, "LAB//1", AT)]
    later = [event(1, "RACE//ASIAN", AT + DAY), event(1, "ETHNICITY//OTHER", AT + timedelta(microseconds=1))]
    one, other = (facts_of(memory_store(events), (1, AT)) for events in (earlier, [*earlier, *later]))
    assert one.equals(other)


def test_the_unit_is_that_of_the_icu_stay_and_the_stay_that_of_the_hospital() -> None:
    store = memory_store([*person(1), *person(2)])
    put_stay(store, 10, 1, "inpatient", AT - 2 * DAY, AT + 3 * DAY)
    put_stay(store, 11, 1, "icu", AT - DAY, AT + DAY, "MICU")
    put_stay(store, 12, 1, "icu", AT + 2 * DAY, AT + 3 * DAY, "SICU")
    put_stay(store, 20, 2, "icu", AT - DAY, None)
    rows = facts_of(store, (1, AT), (1, AT + 2 * DAY - timedelta(hours=1)), (1, AT + 9 * DAY), (2, AT))
    assert rows["care_unit"].to_list() == ["micu", "inpatient", None, "icu"]
    assert rows["stay_start"].to_list() == [AT - 2 * DAY, AT - 2 * DAY, None, AT - DAY]
    assert rows["stay_end"].to_list() == [AT + 3 * DAY, AT + 3 * DAY, None, None]


def test_a_year_that_has_not_come_is_none() -> None:
    store = memory_store([*person(1), event(1, "LAB//1", datetime(2150, 1, 1))])
    assert facts_of(store, (1, datetime(2150, 1, 1)))["year"].to_list() == [None]


@pytest.mark.parametrize("subjects", [[], [7]])
def test_rows_of_nobody_have_no_facts(subjects: list[int]) -> None:
    facts = facts_of(memory_store(person(1)), *((subject, AT) for subject in subjects))
    assert facts.height == len(subjects)
    known = facts.select(name for name in ATTRIBUTES if name != "year")
    assert all(column.null_count() == len(subjects) for column in known)


def test_the_demo_of_mimic_has_facts_but_no_years(mimic_store: Store) -> None:
    labels = mimic_store.cursor().sql(
        "SELECT subject_id, start_time + INTERVAL 1 DAY AS prediction_time FROM encounter WHERE class = 'inpatient' "
        "AND end_time > start_time + INTERVAL 1 DAY"
    )
    facts = row_facts(mimic_store.cursor(), pl.DataFrame(labels.to_arrow_table()))
    assert facts["year"].null_count() == facts.height
    assert facts["sex"].null_count() == 0
    assert "white" in facts["race"].to_list()
    assert facts["care_unit"].null_count() == 0
    assert (facts["stay_end"] > facts["prediction_time"]).all()
