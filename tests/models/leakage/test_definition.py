"""What the text of a task gives away, on files that do and on their clean twins."""

import pytest

from ehr.tasks import find_task, parse_task, read_task, ready_tasks
from models.leakage.definition import check_definition
from models.leakage.material import Material
from tests.models.leakage.made import CODES, ward

PREDICATES = """
predicates:
  admission: {code: ADMISSION}
  discharge: {code: DISCHARGE}
  death: {code: MEDS_DEATH}
  infarct: {code: INFARCT}
  culture: {code: CULTURE}
  drug: {code: DRUG}
  sodium: {code: SODIUM}
  low_sodium: {code: SODIUM, value_max: 135}
  out: {expr: "or(discharge, death)"}
  death_or_infarct: {expr: "or(death, infarct)"}
  infection: {expr: "followed(culture, drug, 72h)"}
  infection_known: {expr: "preceded(drug, culture, 72h)"}
"""


def task_of(trigger: str, windows: str, rest: str = "") -> str:
    return f"{PREDICATES}\ntrigger: {trigger}\nwindows:\n{windows}\n{rest}"


def window(name: str, start: str, end: str, *more: str, inclusive: bool = False) -> str:
    lines = [f"start: {start}", f"end: {end}", f"start_inclusive: {str(inclusive).lower()}", "end_inclusive: true"]
    return "\n".join([f"  {name}:", *(f"    {line}" for line in (*lines, *more))])


FIRST_DAY = window("first_day", "trigger", "start + 24h", "index_timestamp: end")
REST = window("rest", "first_day.end", "start -> out", "label: death")
YEAR = window("year", "first_day.end", "start + 365d", "label: death")


def findings(text: str) -> dict[str, str]:
    task = parse_task(text, "made")
    result = check_definition(Material(None, task, CODES, ward(4).rows, has_splits=False))
    return {finding.code: finding.severity for finding in result.findings}


PLANTED = {
    "the prediction waits for discharge or death, and the window of the label begins at the trigger": (
        task_of(
            "admission",
            window("stay", "trigger", "start -> out", "index_timestamp: end") + "\n"
            + window("later", "trigger", "start + 365d", "label: death"),
        ),
        {"prediction-time-from-outcome": "fails"},
    ),
    "the prediction waits for the outcome": (
        task_of(
            "admission",
            window("stay", "trigger", "start -> death", "index_timestamp: end") + "\n"
            + window("later", "stay.end", "start + 365d", "label: death_or_infarct"),
        ),
        {"prediction-time-from-outcome": "warns"},
    ),
    "the prediction is counted back from the outcome": (
        task_of("death", window("before", "end - 24h", "trigger", "index_timestamp: start", "label: death")),
        {"prediction-time-from-outcome": "fails"},
    ),
    "the prediction is counted back from the end of the stay": (
        task_of("out", window("before", "end - 24h", "trigger", "index_timestamp: start", "label: death")),
        {"prediction-time-from-outcome": "fails"},
    ),
    "the prediction is counted back from the discharge": (
        task_of(
            "discharge",
            window("before", "end - 24h", "trigger", "index_timestamp: start") + "\n"
            + window("later", "before.start", "start + 30d", "label: death"),
        ),
        {"prediction-time-from-the-future": "warns"},
    ),
    "the prediction is made at the end of the record": (
        task_of(
            "admission",
            window("all", "trigger", "null", "index_timestamp: end") + "\n"
            + window("later", "trigger", "start + 30d", "label: death"),
        ),
        {"prediction-time-from-the-future": "fails"},
    ),
    "who dies within a week is not in": (
        task_of("admission", f"{FIRST_DAY}\n" + window("week", "trigger", "start + 7d", 'has: {death: "(None, 0)"}')
                + f"\n{YEAR}"),
        {"eligibility-looks-ahead": "fails"},
    ),
    "who dies in the gap is not in": (
        task_of(
            "admission",
            f"{FIRST_DAY}\n" + window("gap", "first_day.end", "start + 24h", 'has: {out: "(None, 0)"}') + "\n"
            + window("later", "gap.end", "start + 30d", "label: death"),
        ),
        {"eligibility-looks-ahead": "warns"},
    ),
    "the label window asks for a later culture": (
        task_of("admission", f"{FIRST_DAY}\n" + window(
            "year", "first_day.end", "start + 365d", "label: death", 'has: {culture: "(1, None)"}')),
        {"eligibility-looks-ahead": "warns"},
    ),
    "the outcome has to come": (
        task_of("admission", f"{FIRST_DAY}\n{YEAR}\n" + window("until", "first_day.end", "start -> death")),
        {"eligibility-looks-ahead": "warns"},
    ),
    "the trigger rests on what follows": (
        task_of("infection", f"{FIRST_DAY}\n{YEAR}"),
        {"predicate-looks-ahead": "warns"},
    ),
    "a condition on the past rests on what follows": (
        task_of("admission", FIRST_DAY + '\n    has: {infection: "(1, None)"}\n' + YEAR),
        {"predicate-looks-ahead": "warns"},
    ),
    "the last admission is kept": (
        task_of("admission", f"{FIRST_DAY}\n{YEAR}", "triggers: {keep: last}"),
        {"last-trigger-kept": "warns"},
    ),
    "the window of inputs goes on after the prediction": (
        task_of("admission", f"{FIRST_DAY}\n{YEAR}\n" + window("input", "trigger", "start + 48h")),
        {"input-window-beyond-prediction": "warns"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", PLANTED)
def test_a_task_that_looks_ahead_is_found(what):
    text, expected = PLANTED[what]
    assert findings(text) == expected


TWINS = {
    "the rest of a stay": task_of("admission", f"{FIRST_DAY}\n{REST}"),
    "a year": task_of("admission", f"{FIRST_DAY}\n{YEAR}"),
    "the prediction waits for the discharge, the label is a later admission": task_of(
        "admission",
        window("stay", "trigger", "start -> discharge", "index_timestamp: end") + "\n"
        + window("later", "stay.end", "start + 30d", "label: admission"),
    ),
    "the moment before a result": task_of(
        "sodium", window("result", "end - 1m", "trigger", "index_timestamp: start", "label: low_sodium")
    ),
    "a condition on the past": task_of("admission", FIRST_DAY + '\n    has: {out: "(None, 0)"}\n' + REST),
    "the record has to go on": task_of("admission", f"{FIRST_DAY}\n" + window(
        "year", "first_day.end", "start + 365d", "label: death", 'has: {_ANY_EVENT: "(1, None)"}')),
    "a second infarct": task_of("infarct", f"{FIRST_DAY}\n" + window(
        "year", "first_day.end", "start + 365d", "label: infarct")),
    "an infection when it is known": task_of("infection_known", f"{FIRST_DAY}\n{YEAR}"),
    "an infection that is known at the prediction": task_of(
        "infection", window("days", "trigger", "start + 72h", "index_timestamp: end") + "\n"
        + window("year", "days.end", "start + 365d", "label: death"),
    ),
    "the first admission is kept": task_of("admission", f"{FIRST_DAY}\n{YEAR}", "triggers: {keep: first}"),
}  # fmt: skip


@pytest.mark.parametrize("what", TWINS)
def test_its_clean_twin_passes(what):
    assert findings(TWINS[what]) == {}


@pytest.mark.parametrize("name", ready_tasks())
def test_no_ready_task_looks_ahead(name):
    task = read_task(find_task(name))
    result = check_definition(Material(None, task, {}, ward(4).rows, has_splits=False))
    assert result.findings == ()
    assert "around a prediction" in result.seen
