"""Reading task files: what is said is what is meant, and what is wrong is refused with the key."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ehr.errors import TaskError
from ehr.tasks import (
    RECORD_START,
    Derived,
    Has,
    Plain,
    Seek,
    Shift,
    Task,
    ValueRange,
    find_task,
    parse_task,
    read_task,
    ready_tasks,
)
from ehr.tasks.timespan import parse_timespan, spell_timespan
from ehr.tasks.yaml12 import YamlError, load_yaml

TASK = """
description: an example
predicates:
  adm: {code: {regex: "^ADM//"}}
  dis: {code: {any: [DIS//HOME, DIS//DIED]}}
  death: {code: DEATH}
  k: {code: LAB//K, value_min: 5.5, value_max: 9, value_max_inclusive: true, unit: mmol/L}
  female: {code: SEX//F, static: true}
  out: {expr: "or(dis, death)"}
trigger: adm
windows:
  input:
    start: null
    end: trigger + 24h
    start_inclusive: true
    end_inclusive: true
    has: {out: "(None, 0)", k: "(1,)"}
    index_timestamp: end
  target: {start: input.end, end: start -> out, start_inclusive: false, end_inclusive: true, label: death}
"""


def example(old: str = "", new: str = "") -> Task:
    assert old in TASK
    return parse_task(TASK.replace(old, new), "example.yaml")


def refusal(old: str, new: str) -> str:
    with pytest.raises(TaskError) as caught:
        example(old, new)
    return str(caught.value)


def test_a_task_file_is_read_as_it_is_meant() -> None:
    task = example()
    assert task.trigger == "adm"
    assert task.description == "an example"
    assert [predicate.name for predicate in task.predicates] == ["adm", "dis", "death", "k", "out"]
    assert task.predicate("adm") == Plain("adm", regex="^ADM//")
    assert task.predicate("dis") == Plain("dis", codes=("DIS//HOME", "DIS//DIED"))
    assert task.predicate("k") == Plain(
        "k", codes=("LAB//K",), value=ValueRange(5.5, 9.0, maximum_inclusive=True), columns=(("unit", "mmol/L"),)
    )
    assert task.predicate("out") == Derived("out", "or", ("dis", "death"))
    window = task.window("input")
    assert (window.anchor, window.reference, window.to_anchor) == ("end", "trigger", Shift(timedelta(hours=24)))
    assert window.to_bound == Seek(RECORD_START, forward=False)
    assert window.has == (Has("out", None, 0), Has("k", 1, None))
    assert task.index_window == window
    assert task.window("target").to_bound == Seek("out", forward=True)
    assert task.label_window == task.window("target")
    assert [plain.name for plain in task.plain_inputs("out")] == ["dis", "death"]


def test_what_nothing_uses_is_named_and_not_checked() -> None:
    task = example("  out:", "  broken: {expr: 7}\n  out:")
    assert task.remarks == ("predicates: nothing uses female, broken; what nothing uses is not checked",)


def test_a_flag_that_reads_like_false_and_is_true_is_pointed_out() -> None:
    task = example("start_inclusive: false", "start_inclusive: no")
    assert task.window("target").start_inclusive is True
    assert any("windows.target.start_inclusive" in remark and "write false" in remark for remark in task.remarks)


WRONG: tuple[tuple[str, str, str, str], ...] = (
    ("trigger: adm", "trigger: admission", "trigger", "no predicate 'admission'"),
    ("trigger: adm", "", "trigger", "missing"),
    ("trigger: adm", "trigger: female", "trigger", "without a time"),
    ("description:", "cohort:", "cohort", "unknown key"),
    ("predicates:", "predicates: []\nmetadata:", "predicates", "mapping"),
    ("{code: DEATH}", "DEATH", "predicates.death", "{code: ...}"),
    ("{code: DEATH}", "{code: 7}", "predicates.death.code", "in quotes"),
    ("{code: DEATH}", "{code: {prefix: D}}", "predicates.death.code.prefix", "regex, any"),
    ("{code: DEATH}", "{code: {regex: D, any: [D]}}", "predicates.death.code", "one of"),
    ("{code: DEATH}", "{code: {any: []}}", "predicates.death.code.any", "list"),
    ("{code: DEATH}", "{code: {regex: 'D(?!E)'}}", "predicates.death.code.regex", "Rust"),
    ("{code: DEATH}", "{code: {regex: '[A-Z&&[^D]]'}}", "predicates.death.code.regex", "classes"),
    ("{code: DEATH}", "{value_min: 1}", "predicates.death", "code"),
    ("{code: DEATH}", "{code: D, other_cols: {unit: x}}", "predicates.death.other_cols", "unit: mg/dL"),
    ("value_min: 5.5", "value_min: '5.5'", "predicates.k.value_min", "number"),
    ("unit: mmol/L", "unit: [a, b]", "predicates.k.unit", "one value"),
    ("or(dis, death)", "or(dis)", "predicates.out.expr", "two"),
    ("or(dis, death)", "not(dis, death)", "predicates.out.expr", "and(a, b)"),
    ("or(dis, death)", "or(dis, and(k, adm))", "predicates.out.expr", "name of its own"),
    ("or(dis, death)", "or(dis, out)", "predicates.out", "circle"),
    ("or(dis, death)", "or(dis, ghost)", "predicates.out.expr", "ghost"),
    ("or(dis, death)", "or(dis, _ANY_EVENT)", "predicates.out.expr", "_ANY_EVENT"),
    ("  target:", "  my-window:", "windows.my-window", "letters"),
    ("start_inclusive: false, ", "", "windows.target.start_inclusive", "missing"),
    ("start: input.end, ", "", "windows.target.start", "null"),
    ("start: input.end", "start: adm", "windows.target", "trigger"),
    ("start: input.end", "start: other.end", "windows.target", "no window other"),
    ("start: input.end", "start: target.end", "windows.target", "circle"),
    ("start: input.end", "start: input.middle", "windows.target.start", "input.end"),
    ("start -> out", "start <- out", "windows.target.end", "before it starts"),
    ("start -> out", "start - 1d", "windows.target.end", "before it starts"),
    ("start -> out", "start -> ghost", "windows.target.end", "ghost"),
    ("start -> out", "start ->", "windows.target.end", "name a predicate"),
    ("start -> out", "start -> _RECORD_START", "windows.target.end", "arrow"),
    ("start -> out", "start + 24", "windows.target.end", "24h"),
    ("start -> out", "start + 720:00", "windows.target.end", "no span"),
    ("start -> out", "start + 3 months", "windows.target.end", "no span"),
    ("start -> out", "start + 9999999d", "windows.target.end", "ten thousand years"),
    ("start -> out", "trigger + 1d", "windows.target", "refer to something else"),
    ("start: input.end", "start: end - 1d", "windows.target", "refer to each other"),
    ("end: trigger + 24h", "end: null", "windows.input", "both null"),
    ("label: death", "label: _ANY_EVENT", "windows.target.label", "cannot be a label"),
    ("label: death", "label: death, index_timestamp: start", "windows", "index_timestamp stands in input and target"),
    ("label: death", "index_timestamp: middle", "windows.target.index_timestamp", "start or end"),
    ("label: death", "horizon: 3", "windows.target.horizon", "unknown key"),
    ("start -> out", "start", "windows.target.label", "one time"),
    ('"(1,)"', '"(1)"', "windows.input.has.k", "(1, None)"),
    ('"(1,)"', "[1, null]", "windows.input.has.k", "(1, None)"),
    ('"(1,)"', '"(None, None)"', "windows.input.has.k", "(1, None)"),
    ('"(1,)"', '"(3, 1)"', "windows.input.has.k", "above"),
    ('k: "(1,)"', 'female: "(1,)"', "windows.input.has.female", "without a time"),
    ('{out: "(None, 0)", k: "(1,)"}', "null", "windows.input.has", "mapping"),
)


@pytest.mark.parametrize(("old", "new", "key", "hint"), WRONG)
def test_a_mistake_is_refused_with_file_key_and_hint(old: str, new: str, key: str, hint: str) -> None:
    message = refusal(old, new)
    assert message.startswith(f"example.yaml: {key}: ")
    assert hint in message
    assert "\n" not in message


def test_a_file_that_is_no_yaml_is_refused_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "task.yaml"
    path.write_text("trigger: a\ntrigger: b\n")
    with pytest.raises(
        TaskError, match=r"task\.yaml: is no YAML 1\.2: line 2, column 1: the key 'trigger' stands twice"
    ):
        read_task(path)
    with pytest.raises(TaskError, match="cannot be read"):
        read_task(tmp_path / "absent.yaml")


def test_ready_tasks_are_found_by_name_and_read() -> None:
    assert {"in_hospital_mortality", "readmission_30d"} <= ready_tasks().keys()
    for name in ready_tasks():
        task = read_task(find_task(name))
        assert task.name == name
        assert task.label_window
        assert task.index_window
        assert task.remarks == ()


def test_an_unknown_task_is_refused_with_the_ready_ones() -> None:
    with pytest.raises(TaskError, match="in_hospital_mortality"):
        find_task("no_such_task")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"), ("off", "off"), ("5:30", "5:30"), ("2020-01-01", "2020-01-01"), ("1_000", "1_000"),
        ("017", 17), ("0o17", 15), ("0x10", 16), ("1e1", 10.0), (".5", 0.5), ("~", None), ("Null", None),
        ("True", True), ("'true'", "true"), ("[a, 1]", ["a", 1]), (".inf", float("inf")),
    ],
)  # fmt: skip
def test_yaml_is_version_1_2(text: str, value: Any) -> None:
    assert load_yaml(f"key: {text}") == {"key": value}


def test_yaml_anchors_and_merges_work_and_python_objects_do_not() -> None:
    assert load_yaml("a: &x {u: 1}\nb: {<<: *x, v: 2}") == {"a": {"u": 1}, "b": {"u": 1, "v": 2}}
    with pytest.raises(YamlError, match="line 1"):
        load_yaml("a: !!python/object/apply:os.getcwd []")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1h30m", 5400), ("1.5h", 5400), (".5h", 1800), ("1 week 2d", 777600), ("1 week, 2 days", 777600),
        ("6:00:00", 21600), ("720:00:00", 2592000), ("5:30", 330), (":30", 30), ("1d 6:00:00", 108000),
        ("1:24:00:00", 172800), ("24H", 86400), ("30 days", 2592000), ("1 hr", 3600), ("1.5s", 1.5), ("0h", 0),
    ],
)  # fmt: skip
def test_spans_are_read_as_pytimeparse_reads_them(text: str, seconds: float) -> None:
    assert parse_timespan(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "24", "1mo", "1y", "2h 1d", "1d 1d", "500ms", "1:2:3", "720:00", "1,5h", "1d 5:30", "inf h"]
)
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no span of time"):
        parse_timespan(text)


@given(st.integers(0, 10**7))
def test_a_span_in_words_reads_back_as_the_same_span(seconds: int) -> None:
    span = timedelta(seconds=seconds)
    words = spell_timespan(span)
    assert (parse_timespan(words) if span else timedelta(0)) == span
    assert words == "no time" or span
