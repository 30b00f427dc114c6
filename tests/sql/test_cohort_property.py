"""The compiled query gives the rows that a plain reading of the task gives, for any events and any task."""

import json
import random
import re
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from ehr.tasks import Shift, Task, parse_task
from sql.cohort import find_cohort
from sql.cohort.plan import plan_task
from sql.cohort.records import records_of_events
from tests.sql.cohort_reference import Event, reference_rows

BEGIN = datetime(2150, 1, 1)
CODES = ("ADM//ED", "ADM//WARD", "DIS//HOME", "LAB//K", "LAB//NA", "DEATH", "SEX//F", "SEX//M")
PREDICATES: dict[str, dict[str, Any]] = {
    "adm": {"code": {"regex": "^ADM//"}},
    "dis": {"code": "DIS//HOME"},
    "lab": {"code": {"regex": "LAB"}},
    "high": {"code": "LAB//K", "value_min": 1.1, "value_min_inclusive": True},
    "above": {"code": "LAB//K", "value_min": 1.1},
    "low": {"code": {"any": ["LAB//K", "LAB//NA"]}, "value_max": 1.1, "value_max_inclusive": True},
    "ward": {"code": {"regex": "."}, "unit": "A"},
    "death": {"code": "DEATH"},
    "female": {"code": "SEX//F", "static": True},
    "out": {"expr": "or(dis, death)"},
    "both": {"expr": "and(lab, adm)"},
    "woman_in": {"expr": "and(female, adm)"},
    "woman_or": {"expr": "or(female, dis)"},
    "nested": {"expr": "or(both, out, high)"},
}
COUNTABLE = (*(name for name in PREDICATES if name != "female"), "_ANY_EVENT")
SPANS = ("6h", "12h", "1 day", "36h", "2d 6h", "0h")
FLAGS = st.booleans()
TIMES = (None, *(BEGIN + timedelta(hours=6 * step) for step in range(12)))


@st.composite
def event_tables(draw: st.DrawFn) -> list[Event]:
    """Draw a table that is dense enough for windows to hold something, which hypothesis' own lists seldom are."""
    chance = random.Random(draw(st.integers(0, 10**6)))
    events = [
        Event(
            subject_id=chance.randint(1, 3),
            time=chance.choice(TIMES),
            code=chance.choice(CODES),
            numeric_value=chance.choice((None, 1.0, 1.1, 1.2, float("nan"), float("inf"), float("-inf"))),
            unit=chance.choice((None, "A", "B")),
        )
        for _ in range(draw(st.sampled_from((60, 80, 40, 10, 1, 0))))
    ]
    sexes = [
        Event(subject_id, None, code)
        for subject_id in (1, 2)
        for code in ("SEX//F", "SEX//M")
        if chance.random() < 0.8
    ]
    return events + sexes + [chance.choice(events) for _ in range(3 if events else 0)]


@st.composite
def windows(draw: st.DrawFn, known: tuple[str, ...]) -> dict[str, Any]:
    origin = draw(st.sampled_from(("trigger", *(f"{name}.{side}" for name in known for side in ("start", "end")))))
    forward = draw(FLAGS)
    own = "start" if forward else "end"
    anchor = draw(
        st.sampled_from(
            (origin, origin, f"{origin} + SPAN", f"{origin} - SPAN", f"{origin} -> EVENT", f"{origin} <- EVENT")
        )
    )
    shift, arrow = ("+", "->") if forward else ("-", "<-")
    bound = draw(st.sampled_from((f"{own} {shift} SPAN", f"{own} {shift} SPAN", f"{own} {arrow} EVENT", None, own)))
    anchor, bound = (
        text and text.replace("SPAN", draw(st.sampled_from(SPANS))).replace("EVENT", draw(st.sampled_from(COUNTABLE)))
        for text in (anchor, bound)
    )
    ranges = st.sampled_from(("(1, None)", "(None, 1)", "(None, 2)", "(1, 3)", "(0, None)", "(None, 0)"))
    counted = st.sampled_from((*COUNTABLE, "_RECORD_START", "_RECORD_END"))
    has = draw(st.dictionaries(counted, ranges, max_size=1)) if draw(FLAGS) else {}
    return {
        "start": anchor if forward else bound,
        "end": bound if forward else anchor,
        "start_inclusive": draw(FLAGS),
        "end_inclusive": draw(FLAGS),
        **({"has": has} if has else {}),
    }


@st.composite
def tasks(draw: st.DrawFn) -> Task:
    body: dict[str, Any] = {}
    for number in range(draw(st.integers(1, 3))):
        body[f"w{number}"] = draw(windows(tuple(body)))
    extended = [name for name, window in body.items() if not _is_point(window)]
    if extended and draw(FLAGS):
        body[draw(st.sampled_from(extended))]["label"] = draw(st.sampled_from(COUNTABLE[:-1]))
    if extended and draw(FLAGS):
        body[draw(st.sampled_from(extended))]["index_timestamp"] = draw(st.sampled_from(("start", "end")))
    document = {
        "predicates": PREDICATES,
        "trigger": draw(st.sampled_from((*COUNTABLE, "_ANY_EVENT", "_RECORD_START", "_RECORD_END"))),
        "windows": body,
    }
    if draw(st.integers(0, 5)) == 0:
        document["patient_demographics"] = {"male": {"code": "SEX//M"}}
    return parse_task(json.dumps(document), "random")


def _is_point(window: dict[str, Any]) -> bool:
    return any(re.fullmatch(r"(start|end)( [+-] 0h)?", window[side] or "") for side in ("start", "end"))


def compiled_rows(task: Task, events: list[Event]) -> list[dict[str, Any]]:
    columns = {
        "subject_id": pa.array([event.subject_id for event in events], pa.int64()),
        "time": pa.array([event.time for event in events], pa.timestamp("us")),
        "code": pa.array([event.code for event in events], pa.string()),
        "numeric_value": pa.array([event.numeric_value for event in events], pa.float32()),
        "unit": pa.array([event.unit for event in events], pa.string()),
    }
    with duckdb.connect() as con:
        con.register("event", pa.table(columns))
        return find_cohort(records_of_events(con), task).rows.to_dicts()


def in_wide_columns(task: Task, row: dict[str, Any], counts: dict[str, int]) -> dict[str, Any]:
    """Name the times of a reference row as a wide cohort does: exchanged for a step back by a span of time."""
    named = {key: row[key] for key in ("subject_id", "trigger", "label", "index_timestamp") if key in row}
    for window in task.windows:
        if not window.is_point:
            start, end = row[window.name]
            backward = isinstance(window.to_bound, Shift) and window.bound == "start"
            named[f"{window.node}@start"], named[f"{window.node}@end"] = (end, start) if backward else (start, end)
    return named | counts


@settings(max_examples=80, deadline=None)
@given(task=tasks(), events=event_tables())
def test_compiled_rows_are_those_of_a_plain_reading(task: Task, events: list[Event]) -> None:
    expected = reference_rows(task, events, lambda pattern, code: re.search(pattern, code) is not None)
    nodes = {window.node for window in task.windows}
    found = [
        {
            name: cell
            for name, cell in row.items()
            if "#" not in name and ("@" not in name or name.split("@")[0] in nodes)
        }
        for row in compiled_rows(task, events)
    ]
    wanted = [in_wide_columns(task, row, {}) for row in expected]
    assert Counter(tuple(sorted(row.items())) for row in found) == Counter(
        tuple(sorted(row.items())) for row in wanted
    )


@settings(max_examples=25, deadline=None)
@given(task=tasks(), events=event_tables())
def test_attrition_sums_exactly(task: Task, events: list[Event]) -> None:
    with duckdb.connect() as con:
        columns = {
            "subject_id": pa.int64(),
            "time": pa.timestamp("us"),
            "code": pa.string(),
            "numeric_value": pa.float32(),
        }
        table = pa.table(
            {name: pa.array([getattr(event, name) for event in events], kind) for name, kind in columns.items()}
            | {"unit": pa.array([event.unit for event in events], pa.string())}
        )
        con.register("event", table)
        cohort = find_cohort(records_of_events(con), task, wide=False)
    first, last = cohort.attrition[0], cohort.attrition[-1]
    assert len(cohort.attrition) == 1 + len(plan_task(task).rules)
    assert first.subjects_before == len({event.subject_id for event in events})
    for before, after in zip(cohort.attrition, cohort.attrition[1:], strict=False):
        assert (before.subjects_after, before.rows_after) == (after.subjects_before, after.rows_before)
        assert after.subjects_before >= after.subjects_after
        assert after.rows_before >= after.rows_after
    assert (last.subjects_after, last.rows_after) == (cohort.subjects, cohort.rows.height)
