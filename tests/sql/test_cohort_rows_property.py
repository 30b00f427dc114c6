"""The rows that a task chooses, and what it observes of them, are those of a plain reading, for any events."""

import json
import random
from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ehr.tasks import Task, parse_task
from sql.cohort import Cohort, find_cohort
from sql.cohort.records import records_of_events
from tests.sql.cohort_reference import Event
from tests.sql.rows_reference import Row, age, chosen_rows

BEGIN = datetime(2150, 1, 1)
TIMES = tuple(BEGIN + timedelta(hours=12 * step) for step in range(10))
BIRTHS = (datetime(2090, 1, 2), datetime(2090, 1, 4, 8), datetime(2100, 1, 1), datetime(2092, 2, 29), None)
PREDICATES = {
    "adm": {"code": {"regex": "^ADM//"}},
    "dis": {"code": "DIS"},
    "death": {"code": "DEATH"},
    "k": {"code": "LAB//K"},
    "out": {"expr": "or(dis, death)"},
}


@st.composite
def event_tables(draw: st.DrawFn) -> list[Event]:
    chance = random.Random(draw(st.integers(0, 10**6)))
    codes = ("ADM//ED", "ADM//ED", "DIS", "DEATH", "LAB//K", "LAB//K", "OTHER")
    events = [
        Event(
            chance.randint(1, 8), chance.choice(TIMES), code, chance.choice((None, 3.0, 4.0, 5.5, 6.5, float("nan")))
        )
        for code in chance.choices(codes, k=draw(st.sampled_from((90, 60, 25, 1))))
    ]
    for number in range(1, 9):
        birth = chance.choice(BIRTHS)
        events += [Event(number, birth, "MEDS_BIRTH")] if birth else []
        events += [Event(number, None, chance.choice(("GENDER//F", "GENDER//M")))] if chance.random() < 0.9 else []
    return events


@st.composite
def tasks(draw: st.DrawFn, *, controls: bool) -> Task:
    forward = st.sampled_from(("start + 36h", "start + 2d", "start -> out", None))
    document: dict[str, Any] = {
        "predicates": PREDICATES,
        "trigger": draw(st.sampled_from(("adm", "k", "out"))),
        "windows": {
            "past": {
                "start": "end - 24h",
                "end": draw(st.sampled_from(("trigger", "trigger + 12h"))),
                "start_inclusive": True,
                "end_inclusive": True,
                "index_timestamp": "end",
            },
            "target": {
                "start": "past.end",
                "end": draw(forward),
                "label": draw(st.sampled_from(("death", "dis"))),
                "start_inclusive": draw(st.booleans()),
                "end_inclusive": draw(st.booleans()),
            },
        },
        "who": draw(st.sampled_from((None, "women", "men under 58", "patients aged 50 to 59", "adults"))),
        "triggers": draw(selections()),
        "endpoints": draw(st.dictionaries(st.sampled_from(("first", "Second", "third")), endpoints(), max_size=3)),
    }
    if controls:
        traits = draw(st.lists(st.sampled_from(("age", "sex", "index_year")), unique=True))
        document["controls"] = {"ratio": draw(st.integers(1, 3)), "on": traits, "seed": draw(st.integers(0, 9))}
        document["controls"] |= {"age_band": draw(st.sampled_from((1, 10, 60)))} if "age" in traits else {}
    return parse_task(json.dumps(document), "random")


@st.composite
def selections(draw: st.DrawFn) -> dict[str, Any]:
    keep = draw(st.sampled_from(("all", "all", "first", "last", "random")))
    found: dict[str, Any] = {"keep": keep, "seed": draw(st.integers(0, 9))}
    if keep != "all":
        found["of"] = draw(st.sampled_from(("all", "eligible")))
    if draw(st.integers(0, 2)) == 0:
        found |= {"washout": draw(st.sampled_from(("12h", "1 day", "3d")))}
        found |= draw(st.sampled_from(({}, {"washed_out": "dis"}, {"washed_out": "out"})))
    if draw(st.integers(0, 2)) == 0:
        found["sample"] = draw(st.sampled_from((1, 3, 1000, "10 %", "50 %", "100 %")))
    return found


def endpoints() -> st.SearchStrategy[dict[str, Any]]:
    takes = st.sampled_from(("first", "last", "min", "max", "mean"))
    windows = st.sampled_from(("past", "target"))
    levels = st.just({"low": "<= 4", "middle": "> 4 and <= 6", "high": "> 6"})
    counted = st.fixed_dictionaries(
        {"window": windows, "predicate": st.sampled_from(("out", "k")), "kind": st.sampled_from(("boolean", "count"))}
    )
    value = st.fixed_dictionaries(
        {"window": windows, "predicate": st.just("k"), "kind": st.just("value"), "take": takes}
    )
    level = st.fixed_dictionaries(
        {"window": windows, "predicate": st.just("k"), "kind": st.just("ordinal"), "take": takes, "levels": levels}
    )
    time = st.fixed_dictionaries(
        {"window": windows, "predicate": st.sampled_from(("death", "k")), "kind": st.just("time")},
        optional={"competing": st.sampled_from(("dis", "adm"))},
    )
    return counted | value | level | time


def cohort_of(task: Task, events: list[Event]) -> Cohort:
    kinds = {"subject_id": pa.int64(), "time": pa.timestamp("us"), "code": pa.string(), "numeric_value": pa.float32()}
    columns = {name: pa.array([getattr(event, name) for event in events], kind) for name, kind in kinds.items()}
    with duckdb.connect() as con:
        con.register("event", pa.table(columns))
        return find_cohort(records_of_events(con), task, wide=False)


def comparable(task: Task, row: Row) -> tuple[Any, ...]:
    names = [
        name for one in task.endpoints for name in ((one.name, f"{one.name}_event"), (one.name,))[one.kind != "time"]
    ]
    cells = [row[name] for name in ("subject_id", "trigger", "index_timestamp", "label", *names)]
    return tuple(round(cell, 9) if isinstance(cell, float) else cell for cell in cells)


@settings(max_examples=30, deadline=None)
@given(task=tasks(controls=False), events=event_tables())
def test_rows_and_endpoints_are_those_of_a_plain_reading(task: Task, events: list[Event]) -> None:
    cohort = cohort_of(task, events)
    found = Counter(comparable(task, row) for row in cohort.rows.to_dicts())
    assert found == Counter(comparable(task, row) for row in chosen_rows(task, events))
    assert cohort.attrition[-1].rows_after == cohort.rows.height


@settings(max_examples=15, deadline=None)
@given(task=tasks(controls=True), events=event_tables())
def test_controls_are_those_of_a_plain_reading(task: Task, events: list[Event]) -> None:
    rows = cohort_of(task, events).rows
    wanted = chosen_rows(task, events)
    assert Counter(comparable(task, row) for row in rows.to_dicts()) == Counter(
        comparable(task, row) for row in wanted
    )
    together = {(row["subject_id"], row["trigger"]): row["match"] for row in wanted}
    pairs = {(together[row["subject_id"], row["trigger"]], row["match_id"]) for row in rows.to_dicts()}
    assert len(pairs) == len({match for match, _number in pairs}) == len({number for _match, number in pairs})


@settings(max_examples=15, deadline=None)
@given(task=tasks(controls=True), events=event_tables())
def test_each_case_has_its_own_controls_and_no_patient_is_both(task: Task, events: list[Event]) -> None:
    assert task.controls is not None
    rows = cohort_of(task, events).rows
    assert rows["is_case"].to_list() == (rows["label"] > 0).to_list()
    matches = rows.group_by("match_id").agg(pl.col("is_case").sum().alias("cases"), pl.len().alias("n"))
    assert (matches["cases"] == 1).all()
    assert (matches["n"] - 1 <= task.controls.ratio).all()
    controls = rows.filter(~pl.col("is_case"))["subject_id"]
    assert controls.is_unique().all()
    assert not set(controls) & set(rows.filter("is_case")["subject_id"])
    assert sorted(matches["match_id"]) == list(range(1, matches.height + 1))


@pytest.mark.parametrize(
    ("at", "years"),
    [
        (date(2150, 2, 27), 57),
        (date(2150, 2, 28), 58),
        (date(2150, 3, 1), 58),
        (date(2152, 2, 28), 59),
        (date(2152, 2, 29), 60),
    ],
)
def test_a_leap_day_is_a_birthday_on_the_last_of_february(at: date, years: int) -> None:
    born = datetime(2092, 2, 29, 13)
    assert age(born.date(), at) == years
    events = [Event(1, born, "MEDS_BIRTH"), Event(1, datetime(at.year, at.month, at.day, 7), "ADM//ED")]
    for lowest, n_rows in ((years, 1), (years + 1, 0)):
        document = {"predicates": PREDICATES, "trigger": "adm", "who": f"patients aged {lowest} or over"}
        assert cohort_of(parse_task(json.dumps(document), "age"), events).rows.height == n_rows


def test_the_draw_changes_with_the_seed() -> None:
    events = [Event(number, time, "ADM//ED") for number in range(1, 9) for time in TIMES]
    document = {"predicates": PREDICATES, "trigger": "adm", "triggers": {"keep": "random", "seed": 1}}
    draws = []
    for seed in (1, 1, 2):
        document["triggers"] = {"keep": "random", "seed": seed}
        draws.append(cohort_of(parse_task(json.dumps(document), "draw"), events).rows["trigger"].to_list())
    assert draws[0] == draws[1] != draws[2]
