# ruff: noqa: E501  (a table has a line for each of its queries)
"""The functions of ours in SQL: exact, closed to what a role may not read, and blind to the names of the query."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import duckdb
import orjson
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ehr.errors import QueryFailed, UnsafeQuery
from ehr.intake import Intake, event_frame
from ehr.store import Store, create_store, open_store
from sql import catalog as catalog_module
from sql.catalog import read_catalog
from sql.macros import MACROS
from sql.query import run_query

BIRTHS = {1: datetime(2000, 2, 29), 2: datetime(2001, 6, 15, 13), 3: None, 4: datetime(1990, 12, 31)}
BEGIN = datetime(2050, 1, 1, 8)
GLUCOSE, MOLAR = "LAB//LOINC//2345-7//mg/dL", "LAB//LOINC//2345-7//mmol/L"
COUNT, SHARE = "LAB//LOINC//4544-3//%", "LAB//LOINC//6690-2//10*9/L"
SCORE = "LAB//LOINC//9269-2"
DIABETES = ["CONDITION//SNOMED//44054006", "CONDITION//ICD10//E11.9"]
EVENTS: list[tuple[int, float | None, str, float | None, str | None]] = [
    (1, -5.0, GLUCOSE, 90.0, "mg/dL"),
    (1, 0.0, GLUCOSE, 100.0, "mg/dL"),
    (1, 0.0, GLUCOSE, 101.0, "mg/dL"),
    (1, 3.0, MOLAR, 5.55, "mmol/L"),
    (1, 24.0, GLUCOSE, 140.0, "mg/dL"),
    (1, 24.0, GLUCOSE, 141.0, "mg/dL"),
    (1, 24.5, GLUCOSE, 150.0, "mg/dL"),
    (1, None, GLUCOSE, 999.0, "mg/dL"),
    (2, 1.0, GLUCOSE, None, "mg/dL"),
    (2, 2.0, GLUCOSE, 77.0, "mg/dL"),
    (2, 2.0, SCORE, 15.0, None),
    (2, 2.0, COUNT, 40.0, "%"),
    (3, 2.0, SHARE, 4.0, "10*9/L"),
    (3, 20.0, "DIAGNOSIS//ICD//10//I509", None, None),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    path = tmp_path_factory.mktemp("macros") / "store"
    writable = create_store(path)
    intake = Intake(writable, "made", path)
    entry = intake.begin("made", "0" * 64)
    births = [{"subject_id": n, "code": "MEDS_BIRTH", "time": born} for n, born in BIRTHS.items() if born]
    events = [
        {
            "subject_id": subject,
            "time": None if hours is None else BEGIN + timedelta(hours=hours),
            "code": code,
            "numeric_value": value,
            "unit": unit,
        }
        for subject, hours, code, value, unit in EVENTS
    ]
    coded = {"subject_id": 4, "time": BEGIN, "code": DIABETES[0], "codings": DIABETES}
    entry.stage_frame("event", event_frame([*births, *events, coded]))
    stays = [
        {"encounter_id": 7, "subject_id": 1, "class": "inpatient", "start_time": BEGIN, "end_time": BEGIN + timedelta(hours=36)},
        {"encounter_id": 8, "subject_id": 2, "class": "icu", "start_time": BEGIN, "end_time": None},
    ]  # fmt: skip
    entry.stage_frame("encounter", pl.DataFrame(stays, infer_schema_length=None))
    entry.tally("made", rows_in=len(events), accepted=len(events))
    intake.commit()
    writable.close()
    locked = open_store(path, locked=True)
    yield locked
    locked.close()


def answer(store: Store, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in run_query(store, query).table.to_pylist()]


def value(store: Store, expression: str) -> Any:
    ((found,),) = answer(store, f"SELECT {expression}")
    return found


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("age_at(1, DATE '2018-02-28')", 18),
        ("age_at(1, DATE '2018-02-27')", 17),
        ("age_at(1, DATE '2020-02-28')", 19),
        ("age_at(1, DATE '2020-02-29')", 20),
        ("age_at(2, TIMESTAMP '2019-06-15 00:00')", 18),
        ("age_at(2, '2019-06-14 23:59')", 17),
        ("age_at(2, '2001-06-15')", 0),
        ("age_at(2, '2001-06-14')", None),
        ("age_at(3, '2019-06-14')", None),
        ("age_at(99, '2019-06-14')", None),
        ("age_at(1, NULL)", None),
        ("age_at(NULL, '2019-06-14')", None),
        ("los_days(TIMESTAMP '2050-01-01 08:00', '2050-01-02 20:00')", 1.5),
        ("los_days('2050-01-02', '2050-01-01')", -1.0),
        ("los_days(NULL, '2050-01-01')", None),
        ("los_days(7)", 1.5),
        ("los_days(8)", None),
        ("los_days(9)", None),
        ("within('2050-01-01 10:00', '2050-01-01 08:00', '2 hours')", True),
        ("within('2050-01-01 08:00', '2050-01-01 08:00', '2 hours')", True),
        ("within('2050-01-01 10:00:01', '2050-01-01 08:00', '2h')", False),
        ("within('2050-01-01 07:59', '2050-01-01 08:00', INTERVAL 2 HOUR)", False),
        ("within('2050-01-01 07:59', '2050-01-01 08:00', INTERVAL (-2) HOUR)", True),
        ("within('2050-01-01 07:59', '2050-01-01 08:00', '-2 hours')", True),
        ("within('2050-01-01', '2050-01-01', NULL)", None),
        ("within(NULL, '2050-01-01', '1 day')", None),
        ("within('2050-03-31', DATE '2050-02-28', '1 month')", False),
        ("first_value_within(1, 'LOINC//2345-7', '2050-01-01 08:00', '24 hours')", 100.0),
        ("last_value_within(1, 'LOINC//2345-7', '2050-01-01 08:00', '24 hours')", 141.0),
        ("first_value_within(1, 'LOINC//2345-7', '2050-01-01 08:01', '4 hours')", pytest.approx(100.0, abs=0.05)),
        ("first_value_within(1, 'LAB//LOINC//2345-7//mmol/L', '2050-01-01 08:00', '4 hours')", pytest.approx(100.0, abs=0.05)),
        ("first_value_within(1, 'LOINC//2345-7', '2050-01-01 08:00', '-5 hours')", 90.0),
        ("last_value_within(1, 'LOINC//2345-7', '2050-01-01 08:00', '-5 hours')", 101.0),
        ("first_value_within(1, 'LOINC//2345-7', '2050-01-01 08:00', INTERVAL (-5) HOUR)", 90.0),
        ("first_value_within(1, 'LOINC//2345-7', '2049-01-01', '1 day')", None),
        ("first_value_within(2, 'LOINC//2345-7', '2050-01-01 08:00', '1 day')", 77.0),
        ("first_value_within(2, 'LOINC//9269-2', '2050-01-01 08:00', '1 day')", 15.0),
        ("first_value_within(2, 'LOINC//2345-7', NULL, '1 day')", None),
        ("first_value_within(4, ['ICD10//E11', 'ICD9//250'], '2050-01-01', '1 day')", None),
        ("has_code_within(4, ['ICD10//E11', 'ICD9//250'], '2050-01-01', '1 day')", True),
        ("has_code_within(4, 'SNOMED//44054006', '2050-01-01', '1 day')", True),
        ("has_code_within(4, 'icd10 e11', '2050-01-01 08:00:01', '1 day')", False),
        ("has_code_within(3, 'ICD10//I50', NULL, '1 day')", False),
        ("has_code_within(3, 'ICD10//I50', '2050-01-03', '-2 days')", True),
        ("Age_At(1, DATE '2018-02-28') + main.age_at(1, DATE '2018-02-28')", None),
    ],
)  # fmt: skip
def test_what_each_gives(expression: str, expected: Any, store: Store) -> None:
    if "main." in expression:
        with pytest.raises(UnsafeQuery):
            value(store, expression)
    else:
        assert value(store, expression) == expected


@settings(deadline=None, max_examples=60)
@given(day=st.dates(date(2000, 2, 29), date(2110, 1, 1)))
def test_an_age_is_what_date_sub_counts_from_the_birth(day: date, store: Store) -> None:
    birth = BIRTHS[1]
    assert birth is not None
    query = f"SELECT age_at(1, DATE '{day}'), date_sub('year', DATE '{birth.date()}', DATE '{day}')"
    ((ours, engine),) = answer(store, query)
    assert ours == engine


@settings(deadline=None, max_examples=60)
@given(minutes=st.integers(-300, 300), span=st.integers(-300, 300))
def test_within_includes_both_ends_in_either_direction(minutes: int, span: int, store: Store) -> None:
    at, bound = timedelta(minutes=minutes), timedelta(minutes=span)
    expected = min(timedelta(0), bound) <= at <= max(timedelta(0), bound)
    moment, reference = f"TIMESTAMP '{BEGIN + at}'", f"TIMESTAMP '{BEGIN}'"
    assert value(store, f"within({moment}, {reference}, '{span} minutes')") is expected
    assert value(store, f"within({moment}, {reference}, to_minutes({span}))") is expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT age_at(subject_id, start_time) AS a FROM encounter ORDER BY a", [(48,), (49,)]),
        ("SELECT age_at(subject_id, min(start_time)) AS a FROM encounter GROUP BY subject_id ORDER BY a", [(48,), (49,)]),
        ("SELECT age_at(subject_id, start_time) // 10, count(*) FROM encounter GROUP BY age_at(subject_id, start_time) // 10", [(4, 2)]),
        ("SELECT avg(age_at(e.subject_id, e.start_time)) FILTER (WHERE e.class = 'icu') FROM encounter e", [(48.0,)]),
        ("SELECT subject_id FROM encounter WHERE age_at(subject_id, start_time) >= 49", [(1,)]),
        ("SELECT subject_id FROM encounter GROUP BY subject_id HAVING age_at(subject_id, max(start_time)) >= 49", [(1,)]),
        ("SELECT subject_id FROM encounter QUALIFY row_number() OVER (ORDER BY age_at(subject_id, start_time)) = 1", [(2,)]),
        ("SELECT e.subject_id FROM encounter e JOIN patient p ON p.subject_id = e.subject_id AND age_at(p.subject_id, e.start_time) = 48", [(2,)]),
        ("WITH event AS (SELECT 1 AS subject_id, TIMESTAMP '2050-01-01 08:00' AS time) SELECT first_value_within(subject_id, 'LOINC//2345-7', time, '1 day') FROM event", [(100.0,)]),
        ("SELECT first_value_within(e.subject_id, 'LOINC//2345-7', e.time, '1 day') FROM event e WHERE numeric_value = 77", [(77.0,)]),
        ("SELECT sum(los_days(encounter_id)) FROM encounter", [(1.5,)]),
        ("SELECT max(age_at(subject_id, time)) FROM (SELECT subject_id, time FROM event WHERE code = 'MEDS_BIRTH')", [(0,)]),
        ("SELECT age_at(subject_id, (SELECT max(start_time) FROM encounter)) FROM patient WHERE subject_id = 2", [(48,)]),
        ("SELECT age_at(subject_id, CASE WHEN within(start_time, '2050-01-01', '1 day') THEN start_time END) FROM encounter WHERE subject_id = 1", [(49,)]),
    ],
)  # fmt: skip
def test_they_stand_wherever_a_value_stands(query: str, expected: list[Any], store: Store) -> None:
    assert answer(store, query) == expected


def test_no_column_of_the_query_is_taken_for_one_of_the_macro(store: Store) -> None:
    """Names of the tables behind a macro mean, in its arguments, what they mean outside of it."""
    query = """
        WITH s AS (SELECT 1 AS code, 2 AS birth_time, TIMESTAMP '2050-01-01 08:00' AS numeric_value, 7 AS end_time)
        SELECT age_at(birth_time, numeric_value), los_days(end_time),
               first_value_within(code, 'LOINC//2345-7', numeric_value, '1 hour')
        FROM s
    """
    assert answer(store, query) == [(48, 1.5, 100.0)]


def test_a_result_is_named_as_the_user_wrote_it(store: Store) -> None:
    query = "SELECT age_at(subject_id, start_time), los_days(encounter_id) AS days FROM encounter"
    assert run_query(store, query).table.column_names == ["age_at(subject_id, start_time)", "days"]


def test_values_agree_with_a_plain_join(mimic_store: Store) -> None:
    code = "LAB//50912//mg/dL"
    ours = f"""
        SELECT encounter_id, first_value_within(subject_id, '{code}', start_time, '24 hours') AS first,
               last_value_within(subject_id, '{code}', start_time, '24 hours') AS last
        FROM encounter WHERE class = 'inpatient' ORDER BY encounter_id
    """
    plain = f"""
        SELECT e.encounter_id, arg_min(o.numeric_value, (o.time, o.event_id)), arg_max(o.numeric_value, (o.time, o.event_id))
        FROM encounter e LEFT JOIN event o ON o.subject_id = e.subject_id AND o.code = '{code}'
         AND o.numeric_value IS NOT NULL AND o.time BETWEEN e.start_time AND e.start_time + INTERVAL 24 HOUR
        WHERE e.class = 'inpatient' GROUP BY e.encounter_id ORDER BY e.encounter_id
    """
    rows = answer(mimic_store, ours)
    assert rows == answer(mimic_store, plain)
    assert sum(first is not None for _, first, _ in rows) > 100


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        ("SELECT age_at(subject_id) FROM patient", ["line 1, column 8", "age_at(subject_id, time)"]),
        ("SELECT\n  los_days() FROM encounter", ["line 2, column 3", "los_days(encounter_id)"]),
        ("SELECT age_at(subject_id, start_time) OVER () FROM encounter", ["is called as"]),
        ("SELECT los_days(DISTINCT encounter_id) FROM encounter", ["is called as"]),
        ("SELECT los_days(encounter_id) FILTER (WHERE true) FROM encounter", ["is called as"]),
        ("SELECT e.encounter_id.los_days() FROM encounter e", []),
        ("SELECT age_at(any_value(subject_id), max(start_time)) FROM encounter", ["no aggregate", "WITH"]),
        ("SELECT first_value_within(subject_id, 'LOINC//2345-7', min(start_time), '1 day') FROM encounter GROUP BY 1", ["no aggregate"]),
        ("SELECT los_days(lag(encounter_id) OVER ()) FROM encounter", ["no aggregate or window"]),
        ("SELECT has_code_within(subject_id, code, start_time, '1 day') FROM condition", ["written out"]),
        ("SELECT has_code_within(subject_id, [], start_time, '1 day') FROM condition", ["written out"]),
        ("SELECT has_code_within(subject_id, ['ICD10//I50', code], start_time, '1 day') FROM condition", ["written out"]),
        ("SELECT has_code_within(subject_id, 'ICD10//E1l', start_time, '1 day') FROM condition", ["has_code_within() (line 1, column 8)", "near to it"]),
        ("SELECT within(start_time, end_time, '3 dayz') FROM encounter", ["'3 dayz'", "'30 days'"]),
        ("SELECT first_value_within(subject_id, ['LOINC//4544-3', 'LOINC//6690-2'], start_time, '1 day') FROM encounter", ["%", "10*9/L", "cannot be compared"]),
        ("SELECT * FROM age_at(1, 2)", ["not allowed"]),
        ("SELECT agee_at(subject_id, start_time) FROM encounter", ["age_at"]),
    ],
)  # fmt: skip
def test_what_is_refused_is_told_with_its_place(query: str, parts: list[str], store: Store) -> None:
    with pytest.raises(UnsafeQuery) as refusal:
        run_query(store, query)
    for part in parts:
        assert part in str(refusal.value)


@pytest.mark.parametrize(
    "expression",
    [
        "age_at(1, make_date(" * 12 + "2050" + ", 1, 1))" * 12,
        " + ".join(["los_days(7)"] * 21),
        "age_at(1, make_date(" + " + ".join(["1"] * 300) + ", 1, 1))",
        " + ".join(["1"] * 300),
    ],
)
def test_little_text_makes_no_enormous_query(expression: str, store: Store) -> None:
    with pytest.raises(UnsafeQuery) as refusal:
        value(store, expression)
    assert refusal.value.code == "TOO_LARGE"


def test_calls_may_be_nested_and_many_within_bounds(store: Store) -> None:
    assert value(store, " + ".join(["los_days(7)"] * 20)) == 30.0
    nested = "age_at(1, make_date(2000 + age_at(1, make_date(2000 + age_at(1, '2050-03-01'), 3, 1)), 3, 1))"
    assert value(store, nested) == 50


def test_a_lambda_cannot_hold_what_reads_a_table(store: Store) -> None:
    with pytest.raises(QueryFailed):
        run_query(store, "SELECT list_transform([1], lambda x: age_at(x, start_time)) FROM encounter")


@pytest.mark.parametrize("name", sorted(MACROS))
def test_the_sql_of_a_macro_reads_only_the_tables_that_it_names(name: str) -> None:
    for form in MACROS[name].forms:
        for one in (form, form.with_conversion()):
            for side in ("after", "before", "either"):
                tree = duckdb.sql("SELECT json_serialize_sql($1)", params=[f"SELECT {one.sql_for(side)}"]).fetchall()
                parsed = orjson.loads(tree[0][0])
                assert not parsed["error"]
                assert tables_of(parsed) <= one.tables
        assert tables_of(orjson.loads(serialized(form.sql_for("after")))) == form.tables


def serialized(sql: str) -> bytes:
    return str(duckdb.sql("SELECT json_serialize_sql($1)", params=[f"SELECT {sql}"]).fetchall()[0][0]).encode()


def tables_of(value: Any) -> set[str]:
    if isinstance(value, list):
        return set().union(*(tables_of(item) for item in value))
    if not isinstance(value, dict):
        return set()
    own = {value["table_name"]} if value.get("type") == "BASE_TABLE" else set()
    if own:
        assert value["schema_name"] == "main"
    return own | set().union(*(tables_of(item) for item in value.values()))


@pytest.mark.parametrize(
    ("call", "table"),
    [
        ("age_at(subject_id, death_time)", "subject"),
        ("los_days(subject_id)", "encounter"),
        ("has_code_within(subject_id, 'ICD10//E11', death_time, '1 day')", "event"),
        ("first_value_within(subject_id, 'LOINC//2345-7', death_time, '1 day')", "event"),
    ],
)
def test_a_role_needs_the_tables_behind_a_macro(
    call: str, table: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(catalog_module.ROLES, "clerk", frozenset({"patient", "code"}))
    known = read_catalog(store)
    with pytest.raises(UnsafeQuery, match=f"reads '{table}', which role clerk may not read"):
        run_query(store, f"SELECT {call} FROM patient", role="clerk", catalog=known)
    assert run_query(
        store, "SELECT within(death_time, birth_time, '1 day') FROM patient", role="clerk", catalog=known
    )
