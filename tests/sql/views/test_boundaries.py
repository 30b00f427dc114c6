"""lowBoundary() and highBoundary(), after FHIRPath's section on them."""

from typing import Any

import pytest

from tests.sql.views.running import value

EMPTY = {"resourceType": "Observation"}

LITERALS: list[tuple[str, Any]] = [
    ("1.587.lowBoundary()", 1.5865),
    ("1.587.highBoundary()", 1.5875),
    ("1.587.lowBoundary(6)", 1.5865),
    ("1.587.lowBoundary(2)", 1.58),
    ("1.587.highBoundary(2)", 1.59),
    ("1.587.lowBoundary(0)", 1.0),
    ("1.587.highBoundary(0)", 2.0),
    ("1.587.lowBoundary(-1)", None),
    ("1.587.lowBoundary(40)", None),
    ("(-1.587).lowBoundary()", -1.5875),
    ("(-1.587).highBoundary()", -1.5865),
    ("(-1.587).lowBoundary(2)", -1.59),
    ("(-1.587).highBoundary(2)", -1.58),
    ("(-1.587).lowBoundary(0)", -2.0),
    ("12.500.lowBoundary(4)", 12.4995),
    ("120.lowBoundary(2)", 119.5),
    ("120.highBoundary(2)", 120.5),
    ("0.0034.lowBoundary(1)", 0.0),
    ("1.lowBoundary()", 0.5),
    ("1.0.lowBoundary()", 0.95),
    ("1.0.highBoundary()", 1.05),
    ("0.lowBoundary()", -0.5),
    ("{}.lowBoundary()", None),
    ("@2014.lowBoundary()", "2014-01-01"),
    ("@2014.highBoundary()", "2014-12-31"),
    ("@2014.lowBoundary(6)", "2014-01"),
    ("@2014.highBoundary(6)", "2014-12"),
    ("@2014-02.highBoundary()", "2014-02-28"),
    ("@2012-02.highBoundary()", "2012-02-29"),
    ("@2014-02-03.highBoundary(4)", "2014"),
    ("@2014-02.lowBoundary(9)", None),
    ("@2014-01-01T08.lowBoundary()", "2014-01-01T08:00:00.000+14:00"),
    ("@2014-01-01T08.highBoundary()", "2014-01-01T08:59:59.999-12:00"),
    ("@2014-01-01T08:05+02:00.lowBoundary(17)", "2014-01-01T08:05:00.000+02:00"),
    ("@2014-01-01T08:05+02:00.highBoundary(17)", "2014-01-01T08:05:59.999+02:00"),
    ("@2014-01-01T08:05:03.5Z.highBoundary()", "2014-01-01T08:05:03.599Z"),
    ("@2014-01-01T08.lowBoundary(8)", "2014-01-01"),
    ("@2014T.highBoundary()", "2014-12-31T23:59:59.999-12:00"),
    ("@2014T.highBoundary(6)", "2014-12"),
    ("@2014-01-01T08:05Z.lowBoundary(12)", "2014-01-01T08:05Z"),
    ("@T10:30.lowBoundary()", "10:30:00.000"),
    ("@T10:30.highBoundary()", "10:30:59.999"),
    ("@T10:30.highBoundary(6)", "10:30:59"),
    ("@T10.highBoundary(9)", "10:59:59.999"),
]


@pytest.mark.parametrize(("path", "expected"), LITERALS, ids=[path for path, _ in LITERALS])
def test_the_boundary_of_a_literal(path: str, expected: Any) -> None:
    assert value(path, EMPTY) == expected


NUMBERS = [
    ("1", 0.5, 1.5),
    ("1.0", 0.95, 1.05),
    ("1.00", 0.995, 1.005),
    ("-2.50", -2.505, -2.495),
    ("1.5e1", 14.5, 15.5),
]


@pytest.mark.parametrize(("written", "low", "high"), NUMBERS)
@pytest.mark.parametrize("path", ["value.ofType(Quantity).value", "madeUp"])
def test_the_zeros_at_the_end_of_a_decimal_in_a_resource_count(
    path: str, written: str, low: float, high: float
) -> None:
    text = f'{{"resourceType": "Observation", "valueQuantity": {{"value": {written}}}, "madeUp": {written}}}'
    assert value(f"{path}.lowBoundary()", text, type="decimal") == low
    assert value(f"{path}.highBoundary()", text, type="decimal") == high


def test_texts_that_hold_numbers_are_left_alone_where_the_zeros_count() -> None:
    text = r'{"resourceType": "Observation", "id": "a 1.50 \" 2.50", "valueQuantity": {"value": 1.50, "unit": "1.0"}}'
    view = {"select": [{"column": [
        {"name": "id", "path": "id"},
        {"name": "low", "path": "value.ofType(Quantity).value.lowBoundary()"},
        {"name": "v", "path": "value.ofType(Quantity)", "type": "Quantity"},
        {"name": "plain", "path": "value.ofType(Quantity).value"},
        {"name": "n", "path": "value.ofType(Quantity).value = 1.5"},
    ]}]}  # fmt: skip
    from tests.sql.views.running import rows

    (row,) = rows({"resource": "Observation", **view}, text)
    assert row == {
        "id": 'a 1.50 " 2.50', "low": 1.495, "v": {"value": 1.5, "unit": "1.0"}, "plain": 1.5, "n": True
    }  # fmt: skip


def test_what_an_element_is_decides_between_date_and_datetime() -> None:
    patient = {"resourceType": "Patient", "birthDate": "1970-06"}
    observation = {"resourceType": "Observation", "effectiveDateTime": "2010-10-10", "valueTime": "12:34"}
    assert value("birthDate.lowBoundary()", patient) == "1970-06-01"
    assert value("birthDate.highBoundary()", patient) == "1970-06-30"
    low, high = "2010-10-10T00:00:00.000+14:00", "2010-10-10T23:59:59.999-12:00"
    assert value("effective.ofType(dateTime).lowBoundary()", observation) == low
    assert value("effective.ofType(dateTime).highBoundary()", observation) == high
    assert value("value.ofType(time).lowBoundary()", observation) == "12:34:00.000"
    assert value("value.ofType(time).highBoundary()", observation) == "12:34:59.999"


def test_the_boundaries_of_a_period_are_those_of_its_ends() -> None:
    observation = {"resourceType": "Observation", "effectivePeriod": {"start": "2010-10", "end": "2011"}}
    assert value("effective.ofType(Period).lowBoundary()", observation) == "2010-10-01T00:00:00.000+14:00"
    assert value("effective.ofType(Period).highBoundary()", observation) == "2011-12-31T23:59:59.999-12:00"


def test_the_boundary_of_an_unknown_element_goes_by_its_look() -> None:
    resource = {"resourceType": "Basic", "a": "2010-10", "b": "2010-10-10T10:00Z", "c": "10:30"}
    assert value("a.highBoundary()", resource) == "2010-10-31"
    assert value("b.highBoundary()", resource) == "2010-10-10T10:00:59.999Z"
    assert value("c.highBoundary()", resource) == "10:30:59.999"
