"""The keys of a task that choose its rows and say what is observed of them: who, triggers, endpoints, controls."""

import contextlib
import re
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ehr.errors import TaskError
from ehr.tasks import Controls, Endpoint, Level, Selection, Task, ValueRange, Who, parse_task
from ehr.tasks.place import Place
from ehr.tasks.who import read_who, spell_who

TASK = """
predicates:
  adm: {code: {regex: "^ADM//"}}
  dis: {code: DIS}
  death: {code: DEATH}
  k: {code: LAB//K}
  chf: {code: I50}
  female: {code: SEX//F, static: true}
trigger: adm
windows:
  input: {start: null, end: trigger + 24h, start_inclusive: true, end_inclusive: true, index_timestamp: end}
  target: {start: input.end, end: start -> dis, start_inclusive: false, end_inclusive: true, label: death}
  point: {start: trigger, end: start, start_inclusive: true, end_inclusive: true}
who: women aged 65 or over
triggers: {keep: first, washout: 365d, washed_out: chf, seed: 7}
endpoints:
  death_time: {window: target, predicate: death, kind: time, competing: dis}
  died: {window: target, predicate: death}
  k_level:
    window: target
    predicate: k
    kind: ordinal
    take: max
    unit: mmol/L
    levels: {normal: "<= 5.5", mild: "> 5.5 and <= 6", severe: "> 6"}
controls: {ratio: 4, on: [age, sex, index_year], age_band: 10, seed: 3}
"""


def example(old: str = "", new: str = "") -> Task:
    assert old in TASK
    return parse_task(TASK.replace(old, new), "example.yaml")


def test_rows_and_what_is_observed_of_them_are_read_as_they_are_meant() -> None:
    task = example()
    assert task.who == Who(65, None, "female", "women aged 65 or over")
    assert task.selection == Selection("first", True, timedelta(days=365), "chf", None, None, 7)
    assert task.controls == Controls(4, ("age", "sex", "index_year"), 10, 3)
    assert task.endpoints[:2] == (
        Endpoint("death_time", "target", "death", "time", competing="dis"),
        Endpoint("died", "target", "death", "boolean"),
    )
    assert task.endpoints[2].levels == (
        Level("normal", ValueRange(None, 5.5, maximum_inclusive=True)),
        Level("mild", ValueRange(5.5, 6.0, maximum_inclusive=True)),
        Level("severe", ValueRange(6.0)),
    )
    assert {"chf", "k"} <= {predicate.name for predicate in task.predicates}


def test_each_of_them_is_optional() -> None:
    alone = TASK[: TASK.index("who:")]
    task = parse_task(alone, "example.yaml")
    assert (task.who, task.selection, task.endpoints, task.controls) == (None, Selection(), (), None)


@pytest.mark.parametrize(
    ("text", "rows", "share"), [("1000", 1000, None), ('"10 %"', None, 0.1), ('"100%"', None, 1)]
)
def test_a_sample_is_a_number_of_rows_or_a_share(text: str, rows: int | None, share: float | None) -> None:
    selection = example("seed: 7", f"seed: 7, sample: {text}").selection
    assert (selection.rows, selection.share) == (rows, share)


WRONG: tuple[tuple[str, str, str, str], ...] = (
    ("women aged 65 or over", "dogs", "who", "names nobody"),
    ("women aged 65 or over", "[women]", "who", "must be a text"),
    ("women aged 65 or over", "patients aged 70 to 20", "who", "above the highest"),
    ("women aged 65 or over", "men and women", "who", "is no age"),
    ("women aged 65 or over", "male women", "who", "both sexes"),
    ("women aged 65 or over", "patients over 150", "who", "above 150"),
    ("keep: first", "keep: best", "triggers.keep", "first, last, random"),
    ("keep: first", "of: all", "triggers.of", "write keep"),
    ("keep: first", "first: true", "triggers.first", "unknown key"),
    ("washout: 365d", "washout: 365", "triggers.washout", "span of time"),
    ("washout: 365d", "washout: 0d", "triggers.washout", "no time"),
    ("washout: 365d, ", "", "triggers.washed_out", "washout: 365d"),
    ("washed_out: chf", "washed_out: ghost", "triggers.washed_out", "ghost"),
    ("washed_out: chf", "washed_out: female", "triggers.washed_out", "without a time"),
    ("seed: 7", "seed: -1", "triggers.seed", "whole number"),
    ("seed: 7", "sample: 0", "triggers.sample", "10 %"),
    ("seed: 7", "sample: '0 %'", "triggers.sample", "share"),
    ("seed: 7", "sample: 'x %'", "triggers.sample", "share"),
    (
        "window: target, predicate: death}",
        "window: goal, predicate: death}",
        "endpoints.died.window",
        "no window goal",
    ),
    ("window: target, predicate: death}", "window: point, predicate: death}", "endpoints.died.window", "one time"),
    ("window: target, predicate: death}", "window: target}", "endpoints.died.predicate", "is missing"),
    ("window: target, predicate: death}", "predicate: death}", "endpoints.died.window", "is missing"),
    ("predicate: death}", "predicate: ghost}", "endpoints.died.predicate", "ghost"),
    ("predicate: death}", "predicate: death, unit: g}", "endpoints.died.unit", "value or ordinal"),
    ("predicate: death}", "predicate: death, kind: maybe}", "endpoints.died.kind", "boolean, count"),
    ("predicate: death}", "predicate: _ANY_EVENT, kind: value}", "endpoints.died.predicate", "no values"),
    ("competing: dis", "competing: ghost", "endpoints.death_time.competing", "ghost"),
    (", index_timestamp: end", "", "endpoints.death_time.window", "prediction time"),
    ("died:", "label:", "endpoints.label", "column of every cohort"),
    ("died:", "death_time_EVENT:", "endpoints.death_time_EVENT", "column of endpoint death_time"),
    ("unit: mmol/L", "unit: bananas", "endpoints.k_level.unit", "no unit"),
    ('"> 6"', '"high"', "endpoints.k_level.levels.severe", "no range"),
    ('"> 6"', '"> 6 mmol/L"', "endpoints.k_level.levels.severe", "write it once"),
    ('{normal: "<= 5.5", mild: "> 5.5 and <= 6", severe: "> 6"}', '{a: "> 1"}', "endpoints.k_level.levels", "two"),
    ("ratio: 4", "ratio: 0", "controls.ratio", "at least 1"),
    ("ratio: 4", "ratio: true", "controls.ratio", "at least 1"),
    ("[age, sex, index_year]", "[age, weight]", "controls.on", "age, sex, index_year"),
    ("[age, sex, index_year]", "age", "controls.on", "list"),
    ("[age, sex, index_year]", "[sex]", "controls.age_band", "into on"),
    (", label: death", "", "controls", "label: PREDICATE"),
)


@pytest.mark.parametrize(("old", "new", "key", "hint"), WRONG)
def test_what_is_wrong_is_refused_with_the_key(old: str, new: str, key: str, hint: str) -> None:
    with pytest.raises(TaskError) as caught:
        example(old, new)
    message = str(caught.value)
    assert message.startswith(f"example.yaml: {key}: ")
    assert hint in message


@pytest.mark.parametrize(
    ("words", "sex", "low", "high"),
    [
        ("adults", None, 18, None),
        ("children", None, None, 17),
        ("adult women", "female", 18, None),
        ("female patients", "female", None, None),
        ("people over 65", None, 66, None),
        ("Men under 40", "male", None, 39),
        ("patients 18-89", None, 18, 89),
        ("patients aged 65+", None, 65, None),
        ("patients at least 18 years old", None, 18, None),
        ("women between 20 and 40 years", "female", 20, 40),
        ("patients older than 18 and younger than 65", None, 19, 64),
        ("men aged 50 and over but under 70", "male", 50, 69),
        ("boys up to 5 years of age", "male", None, 5),
        ("patients aged 18", None, 18, 18),
    ],
)
def test_words_name_sex_and_age_in_completed_years(words: str, sex: str | None, low: int | None, high: int) -> None:
    assert read_who(Place("task"), words) == Who(low, high, sex, words)  # type: ignore[arg-type]


AGES = st.none() | st.integers(0, 150)


@given(low=AGES, high=AGES, sex=st.sampled_from((None, "female", "male")))
def test_whom_a_task_is_about_is_read_as_it_is_spelled(low: int | None, high: int | None, sex: str | None) -> None:
    who = Who(low, high, sex)  # type: ignore[arg-type]
    if low is not None and high is not None and low > high:
        with pytest.raises(TaskError, match="nobody is"):
            read_who(Place("task"), spell_who(who))
    else:
        read = read_who(Place("task"), spell_who(who))
        assert read == Who(low, high, sex, spell_who(who))  # type: ignore[arg-type]


@given(st.text(alphabet="women aged65orvr18to-+ ", max_size=30))
def test_words_are_read_or_refused(words: str) -> None:
    with contextlib.suppress(TaskError):
        who = read_who(Place("task"), words)
        assert who is not None
        assert (who.minimum_age or 0) <= (150 if who.maximum_age is None else who.maximum_age)


def test_the_examples_in_the_documentation_are_tasks() -> None:
    text = (Path(__file__).parents[2] / "docs" / "tasks.md").read_text(encoding="utf-8")
    examples = [block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "trigger:" in block]
    assert len(examples) >= 3
    for example_text in examples:
        assert parse_task(example_text, "docs/tasks.md").trigger
