"""Table one and the comparison of cohorts: right numbers, only the past, missing said."""

import math
from datetime import datetime, timedelta
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sql.characteristics import (
    GROUP,
    Characteristics,
    NumberCell,
    ShareCell,
    TableOne,
    characteristics,
    compare_cohorts,
    table_one,
)
from sql.characteristics.summary import number_difference, share_difference
from sql.cohort.records import Records, records_of_events

BEGIN = datetime(2150, 1, 1)
SCHEMA: dict[str, Any] = {
    "subject_id": pl.Int64,
    "time": pl.Datetime("us"),
    "code": pl.String,
    "numeric_value": pl.Float32,
}
GLUCOSE = "LAB//GLUCOSE//mg/dL"


def day(number: float) -> datetime:
    return BEGIN + timedelta(days=number)


EVENTS: list[tuple[int, datetime | None, str, float | None]] = [
    (1, None, "GENDER//F", None),
    (1, datetime(2100, 1, 1), "MEDS_BIRTH", None),
    (1, day(0), "DIAGNOSIS//ICD//10//I500", None),
    (1, day(1), GLUCOSE, 100.0),
    (1, day(2), GLUCOSE, 140.0),
    (1, day(2), "HOSPITAL_ADMISSION//ED//ED", None),
    (1, day(9), GLUCOSE, 900.0),
    (2, None, "GENDER//M", None),
    (2, datetime(2119, 12, 31), "MEDS_BIRTH", None),
    (2, day(0), "DIAGNOSIS//ICD//10//I509", None),
    (2, day(1), "MEDICATION//START//Heparin", None),
    (2, day(1), GLUCOSE, float("nan")),
    (3, day(0), GLUCOSE, 80.0),
    (3, day(5), "DIAGNOSIS//ICD//10//E119", None),
]


def records(events: list[tuple[int, datetime | None, str, float | None]]) -> Records:
    con = duckdb.connect()
    con.register("given", pl.DataFrame(events, schema=SCHEMA, orient="row").to_arrow())
    con.execute("CREATE TABLE event AS FROM given")
    return records_of_events(con)


def rows(*given_rows: tuple[int, float]) -> pl.DataFrame:
    return pl.DataFrame(
        [(subject, day(at)) for subject, at in given_rows],
        schema={"subject_id": pl.Int64, "prediction_time": pl.Datetime("us")},
        orient="row",
    )


def column(described: Characteristics, name: str) -> list[Any]:
    variable = next(variable for variable in described.variables if variable.name == name)
    return described.rows[variable.column].to_list()


def line(table: TableOne, name: str, level: str | None = None) -> Any:
    return next(one for one in table.lines if (one.name, one.level) == (name, level))


def test_each_row_has_what_was_known_at_its_time() -> None:
    found = characteristics(records(EVENTS), rows((1, 3), (2, 3), (3, 3), (1, 0.5)))
    assert column(found, "age, years") == [50, 30, None, 50]
    assert column(found, "sex") == ["female", "male", None, "female"]
    assert column(found, "length of the record, days") == [3.0, 3.0, 3.0, 0.5]
    assert column(found, "events") == [6, 5, 1, 3]
    assert column(found, "admissions to hospital") == [1, 0, 0, 0]
    assert column(found, "ICD10//I50") == [True, True, False, True]
    assert column(found, GLUCOSE) == [140.0, None, 80.0, None]
    assert column(found, "MEDICATION//START//Heparin") == [False, True, False, False]
    assert "ICD10//E11" not in [variable.name for variable in found.variables]


def test_only_the_most_frequent_variables_are_described() -> None:
    found = characteristics(records(EVENTS), rows((1, 9), (2, 9), (3, 9)), top=1)
    names = [variable.name for variable in found.variables if variable.section == "diagnoses before"]
    assert names == ["ICD10//I50"]


@given(
    late=st.lists(
        st.tuples(st.integers(1, 3), st.floats(3.001, 50), st.sampled_from([GLUCOSE, "MEDICATION//START//X"])),
        max_size=8,
    )
)
@settings(max_examples=20, deadline=None)
def test_what_comes_later_changes_nothing(late: list[tuple[int, float, str]]) -> None:
    later = [(subject, day(at), code, 5.0) for subject, at, code in late]
    past = [event for event in EVENTS if event[1] is None or event[1] <= day(3)]
    asked = rows((1, 3), (2, 3), (3, 3))
    before, after = characteristics(records(past), asked), characteristics(records([*past, *later]), asked)
    assert before.variables == after.variables
    assert before.rows.equals(after.rows)


def test_the_table_has_shares_medians_and_what_is_missing() -> None:
    table = table_one(characteristics(records(EVENTS), rows((1, 3), (2, 3), (3, 3))))
    assert (table.groups, table.rows, table.subjects) == (("all",), (3,), (3,))
    age = line(table, "age, years")
    assert age.cells == (
        NumberCell(2, 40.0, 35.0, 45.0, 40.0, pytest.approx(math.sqrt(200)), 1, pytest.approx(100 / 3)),
    )
    assert line(table, "sex", "female").cells == (ShareCell(1, 50.0),)
    assert line(table, "sex", "missing").cells == (ShareCell(1, pytest.approx(100 / 3)),)
    assert line(table, "ICD10//I50").cells == (ShareCell(2, pytest.approx(200 / 3)),)
    assert line(table, GLUCOSE).cells[0].missing == 1
    assert all(one.smd is None for one in table.lines)


def test_groups_stand_in_the_order_asked_for() -> None:
    described = characteristics(records(EVENTS), rows((1, 3), (2, 3), (3, 3)))
    described = described.with_column(pl.Series(GROUP, ["b", "a", "a"]))
    table = table_one(described, ["a", "b"])
    assert table.rows == (2, 1)
    assert line(table, "ICD10//I50").cells == (ShareCell(1, 50.0), ShareCell(1, 100.0))


def test_differences_of_numbers_are_those_of_the_formula() -> None:
    first, second = pl.Series([1.0, 2.0, 3.0]), pl.Series([2.0, 4.0, 6.0, None])
    assert number_difference(first, second) == pytest.approx((2 - 4) / math.sqrt((1 + 4) / 2))
    assert number_difference(first, pl.Series([], dtype=pl.Float64)) is None
    assert number_difference(pl.Series([1.0, 1.0]), pl.Series([1.0, 1.0])) == 0
    assert number_difference(pl.Series([1.0, 1.0]), pl.Series([2.0, 2.0])) is None


def test_differences_of_shares_are_those_of_the_formula() -> None:
    first = pl.Series(["true", "true", "false", "false"])
    second = pl.Series(["true", "false", "false", "false"])
    assert share_difference(first, second) == pytest.approx(0.25 / math.sqrt((0.25 + 0.1875) / 2))
    assert share_difference(first, first) == 0
    assert share_difference(first, pl.Series([], dtype=pl.String)) is None


@given(st.lists(st.sampled_from("xyz"), min_size=1, max_size=30), st.lists(st.sampled_from("xyz"), min_size=1))
@settings(max_examples=60, deadline=None)
def test_the_difference_of_categories_is_a_distance(one: list[str], other: list[str]) -> None:
    first, second = pl.Series(one), pl.Series(other)
    there, back = share_difference(first, second), share_difference(second, first)
    assert (there is None) == (back is None)
    if there is not None and back is not None:
        assert abs(there) == pytest.approx(abs(back))
        same = sorted(one) == sorted(other)
        assert (not same) or there == 0


def test_two_cohorts_are_compared() -> None:
    first, second = rows((1, 3), (2, 3)), rows((2, 3), (2, 4), (3, 3))
    found = compare_cohorts(records(EVENTS), ("a", first), ("a", second))
    assert (found.subjects.both, found.subjects.only_first, found.subjects.only_second) == (1, 1, 1)
    assert (found.rows.both, found.rows.only_first, found.rows.only_second) == (1, 1, 2)
    assert found.subjects.jaccard == pytest.approx(1 / 3)
    assert found.table.groups == ("a (A)", "a (B)")
    assert found.table.rows == (2, 3)
    assert line(found.table, "age, years").smd == pytest.approx((40 - 30) / math.sqrt((200 + 0) / 2))
