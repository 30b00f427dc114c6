"""Rises, falls, quotients, units, what happens near, and scores: the compiled query agrees with a plain reading."""

import json
import random
import re
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ehr.tasks import Task, parse_task
from tests.sql.cohort_reference import Event, Subject
from tests.sql.test_cohort_property import compiled_rows

BEGIN = datetime(2150, 1, 1)
HOUR, TICK = timedelta(hours=1), timedelta(microseconds=1)
TIMES = (*(BEGIN + 6 * step * HOUR for step in range(6)), BEGIN + 6 * HOUR + TICK, BEGIN + 18 * HOUR - TICK, None)
VALUES = (None, 0.0, 0.6, 0.9, 1.0, 1.1, 1.3, 1.4, 1.5, 2.0, 100.0, -1.0, float("nan"), float("inf"), float("-inf"))
GLUCOSE = "LAB//LOINC//2345-7"
CODES = (GLUCOSE, GLUCOSE, "LAB//K", "LAB//FIO2", "DRUG", "CULTURE")
SPANS = st.sampled_from(("6h", "12h", "1 day", "36h"))
POINTS = st.sampled_from((1, 2, 0.5, 1.25))
BOUNDS = st.sampled_from(("> 1", ">= 1.1", "< 1.4", "<= 1.3", "0.9 to 1.5", "> 0 and < 2"))
IN_UNITS = st.sampled_from(("> 1 mg/dL", ">= 18 mg/dL", "< 1 mmol/L", "0.05 to 20 mmol/L"))


@st.composite
def event_tables(draw: st.DrawFn) -> list[Event]:
    chance = random.Random(draw(st.integers(0, 10**6)))
    return [
        Event(
            subject_id=chance.randint(1, 2),
            time=chance.choice(TIMES),
            code=chance.choice(CODES),
            numeric_value=chance.choice(VALUES),
            unit=chance.choice((None, *["mg/dL"] * 4, "mmol/L", "furlong")),
        )
        for _ in range(draw(st.sampled_from((60, 40, 3, 0))))
    ]


@st.composite
def predicates(draw: st.DrawFn) -> dict[str, dict[str, Any]]:
    """Draw one predicate of each kind, some resting on others."""
    kind = draw(st.sampled_from(("rise", "fall")))
    size: dict[str, Any] = draw(
        st.sampled_from(({"by": 0.3}, {"by": "0.5 mg/dL"}, {"ratio": 1.5}, {"ratio": 1.5, "unit": "mmol/L"}))
    )
    change: dict[str, Any] = {"code": GLUCOSE, kind: {**size, "within": draw(SPANS)}}
    if draw(st.booleans()):
        change["value"] = draw(BOUNDS)
    per = {"of": "fio2", "within": draw(SPANS | st.just("0h")), "scale": draw(st.sampled_from((1, 100, -0.5)))}
    divided: dict[str, Any] = {"code": "LAB//K", "per": per, "value": draw(BOUNDS)}
    if draw(st.booleans()):
        divided[draw(st.sampled_from(("rise", "fall")))] = {"by": 0.1, "within": draw(SPANS)}
    word = draw(st.sampled_from(("followed", "preceded")))
    first, second = draw(st.permutations(("changed", "divided", "drug", "either", "in_unit")))[:2]
    parts = {
        "one": {"changed": draw(POINTS), "drug": draw(POINTS)},
        "zero": {"fio2": 0},
        "two": {draw(st.sampled_from(("near", "in_unit", "either"))): draw(POINTS), "divided": draw(POINTS)},
    }
    score: dict[str, Any] = {"within": draw(SPANS | st.just("0h")), "parts": parts}
    asked = draw(st.sampled_from(("minimum", "rise", "both")))
    if asked != "rise":
        score["minimum"] = draw(POINTS)
    if asked != "minimum":
        score |= {"rise": draw(POINTS), "over": draw(SPANS)}
    return {
        "changed": change,
        "divided": divided,
        "fio2": {"code": {"regex": "FIO2$"}, **({"value": draw(BOUNDS)} if draw(st.booleans()) else {})},
        "drug": {"code": {"any": ["DRUG", "NOT//IN//USE"]}},
        "in_unit": {"code": GLUCOSE, "value": draw(IN_UNITS)},
        "either": {"expr": "or(drug, divided)"},
        "near": {"expr": f"{word}({first}, {second}, {draw(SPANS | st.just('0h'))})"},
        "high": {"score": score},
        "late": {"expr": "preceded(high, near, 12h)"},
    }


def task_of(made: dict[str, dict[str, Any]]) -> Task:
    """Return a task that counts each predicate at each moment by itself."""
    at = {"start": "trigger", "end": "start + 0.000001s", "start_inclusive": True, "end_inclusive": False}
    body = {**at, "has": dict.fromkeys(made, "(0, None)")}
    return parse_task(json.dumps({"predicates": made, "trigger": "_ANY_EVENT", "windows": {"at": body}}), "made")


def reference_counts(task: Task, events: list[Event]) -> set[tuple[Any, ...]]:
    counted = set()
    for subject_id in {event.subject_id for event in events}:
        own = [event for event in events if event.subject_id == subject_id]
        subject = Subject(task, own, lambda pattern, code: re.search(pattern, code) is not None)
        for moment in subject.moments:
            counts = (subject.count_at(predicate.name, moment) for predicate in task.predicates)
            counted.add((subject_id, moment, *counts))
    return counted


@settings(max_examples=60, deadline=None)
@given(made=predicates(), events=event_tables())
def test_predicates_count_at_each_moment_what_a_plain_reading_counts(
    made: dict[str, dict[str, Any]], events: list[Event]
) -> None:
    task = task_of(made)
    names = ["subject_id", "trigger", *(f"at.end#{predicate.name}" for predicate in task.predicates)]
    found = {tuple(row[name] for name in names) for row in compiled_rows(task, events)}
    assert found == reference_counts(task, events)


def test_every_kind_happens_in_such_events() -> None:
    """The comparison above is worth something only where predicates count something."""
    chance = random.Random(7)
    events = [
        Event(1, chance.choice(TIMES), chance.choice(CODES), chance.choice(VALUES), chance.choice((None, "mg/dL")))
        for _ in range(200)
    ]
    made = {
        "changed": {"code": GLUCOSE, "rise": {"by": 0.3, "within": "12h"}},
        "fio2": {"code": "LAB//FIO2"},
        "divided": {"code": "LAB//K", "per": {"of": "fio2", "within": "12h"}, "value": "> 1"},
        "in_unit": {"code": GLUCOSE, "value": "> 0.05 mmol/L"},
        "near": {"expr": "followed(changed, divided, 12h)"},
        "high": {"score": {"within": "12h", "minimum": 2, "parts": {"a": {"changed": 1}, "b": {"divided": 1}}}},
    }
    for name in made:
        task = parse_task(json.dumps({"predicates": made, "trigger": name}), "made")
        assert compiled_rows(task, events), name
