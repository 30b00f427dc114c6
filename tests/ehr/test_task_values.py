"""Bounds and amounts in task files: what is written is read again, and what is none is left or refused."""

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ehr.errors import TaskError
from ehr.tasks import Change, Derived, Near, Part, Per, Plain, Score, ValueRange, parse_task
from ehr.tasks.values import is_empty, read_amount, read_range, spell_number, spell_range
from tests.conftest import REPOSITORY

UNITS = st.sampled_from((None, "mg/dL", "mmol/L", "10*9/L", "mm[Hg]", "%", "Cel", "/min", "K/uL", "eq/L"))
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def ranges(draw: st.DrawFn) -> ValueRange:
    low, high = draw(st.none() | NUMBERS), draw(st.none() | NUMBERS)
    bounds = ValueRange(
        low,
        high,
        minimum_inclusive=low is not None and draw(st.booleans()),
        maximum_inclusive=high is not None and draw(st.booleans()),
        unit=draw(UNITS),
    )
    return bounds if not (bounds.is_open or is_empty(bounds)) else ValueRange(1.5, None, unit=bounds.unit)


@given(ranges())
def test_what_is_spelt_is_read_again(bounds: ValueRange) -> None:
    assert read_range(spell_range(bounds)) == bounds


@given(NUMBERS, UNITS)
def test_an_amount_is_read_with_its_unit(number: float, unit: str | None) -> None:
    text = spell_number(number)
    assert read_amount(f"{text} {unit}" if unit else text) == (number, unit)


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("> 2 mg/dL", ValueRange(2.0, unit="mg/dL")),
        (">=1.2", ValueRange(1.2, minimum_inclusive=True)),
        ("≤ 7 %", ValueRange(None, 7.0, maximum_inclusive=True, unit="%")),
        ("< 30%", ValueRange(None, 30.0, unit="%")),
        ("130 to 135 mmol/L", ValueRange(130.0, 135.0, True, True, "mmol/L")),
        ("-2 to +2", ValueRange(-2.0, 2.0, True, True)),
        (">= 3 and < 4 mg/dL", ValueRange(3.0, 4.0, True, False, "mg/dL")),
        ("< 4 and >= 3", ValueRange(3.0, 4.0, True, False)),
        ("> 3 mg/dL and <= 4 mg/dL", ValueRange(3.0, 4.0, False, True, "mg/dL")),
        ("> 150 10*9/L", ValueRange(150.0, unit="10*9/L")),
    ],
)
def test_bounds_are_read_as_people_write_them(text: str, bounds: ValueRange) -> None:
    assert read_range(text) == bounds


@pytest.mark.parametrize(
    "text", ["Administered", "", ">", "> two", "5", "5 mg", "1 to", "a > 2", "3 - 4", "2150-01-01"]
)
def test_other_texts_are_no_bounds(text: str) -> None:
    assert read_range(text) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("> 2 mgdL", "'mgdL' is no unit"),
        ("> 2 and below 4", "'and below 4' is no unit"),
        ("5 to 3", "no number is '5 to 3'"),
        ("> 3 and < 3", "no number is"),
        ("> 3 mg/dL and < 4 mmol/L", "two units"),
        ("> 1e999", "beyond all numbers"),
    ],
)
def test_bounds_that_cannot_be_met_are_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_range(text)


# ---- predicates --------------------------------------------------------------------------------------------------


def predicate(body: str, others: str = "b: {code: B}, c: {code: C}") -> object:
    task = parse_task(f"predicates: {{a: {body}, {others}}}\ntrigger: a", "example")
    return task.predicate("a")


def test_predicates_are_read_as_the_language_defines_them() -> None:
    hours = timedelta(hours=48)
    assert predicate('{code: A, value: "> 2 mg/dL"}') == Plain("a", ("A",), value=ValueRange(2.0, unit="mg/dL"))
    rise = predicate("{code: A, rise: {by: 0.3 mg/dL, within: 48h}}")
    assert rise == Plain("a", ("A",), change=Change(True, hours, by=0.3, unit="mg/dL"))
    assert rise.unit == "mg/dL"  # type: ignore[attr-defined]
    fall = predicate("{code: A, fall: {ratio: 1.5, within: 2d, unit: mmol/L}}")
    assert fall == Plain("a", ("A",), change=Change(False, hours, ratio=1.5, unit="mmol/L"))
    per = predicate("{code: A, per: {of: b, within: 2d, scale: 100}, value: '< 300'}")
    assert per == Plain("a", ("A",), value=ValueRange(None, 300.0), per=Per("b", hours, 100.0))
    assert predicate('{expr: "followed(b, c, 48h)"}') == Near("a", "b", "c", hours, after=True)
    assert predicate('{expr: "preceded(b, c, 2d)"}') == Near("a", "b", "c", hours, after=False)
    score = predicate("{score: {within: 2d, rise: 2, over: 48h, minimum: 3, parts: {p: {b: 1, c: 2.5}}}}")
    assert score == Score("a", (Part("p", (("b", 1.0), ("c", 2.5))),), hours, minimum=3.0, rise=2.0, over=hours)


def test_keys_of_another_form_stay_columns() -> None:
    body = predicate("{code: A, value: Administered, rise: 1, fall: down, per: day, score: 3}")
    assert isinstance(body, Plain)
    assert dict(body.columns) == {"value": "Administered", "rise": 1, "fall": "down", "per": "day", "score": 3}
    assert body.value.is_open
    assert body.change is None


def test_what_a_predicate_rests_on_comes_before_it() -> None:
    text = """
    predicates:
      high: {score: {within: 1d, minimum: 1, parts: {p: {near: 1}}}}
      near: {expr: "followed(ratio, drug, 1d)"}
      ratio: {code: A, per: {of: fio2, within: 1h}, value: "< 3"}
      fio2: {code: B}
      drug: {code: C}
    trigger: high
    """
    task = parse_task(text, "example")
    assert [one.name for one in task.predicates] == ["fio2", "ratio", "drug", "near", "high"]
    assert [one.name for one in task.plain_inputs("high")] == ["ratio", "fio2", "drug"]


@pytest.mark.parametrize(
    ("body", "key", "why"),
    [
        ('{code: A, value: "> 2 furlong"}', "value", "is no unit; write it in UCUM"),
        ('{code: A, value: "> 2", value_min: 3}', "value_min", "stand in value already"),
        ("{code: A, rise: {within: 48h}}", "rise", "one of by and ratio"),
        ("{code: A, rise: {by: 1, ratio: 2, within: 48h}}", "rise", "one of by and ratio"),
        ("{code: A, rise: {by: -1, within: 48h}}", "rise.by", "more than 0"),
        ("{code: A, fall: {ratio: 1, within: 48h}}", "fall.ratio", "more than 1"),
        ("{code: A, rise: {ratio: 2 mg/dL, within: 48h}}", "rise.ratio", "unit"),
        ("{code: A, rise: {by: much, within: 48h}}", "rise.by", "no number"),
        ("{code: A, rise: {by: 1 furlong, within: 48h}}", "rise.by", "is no unit"),
        ("{code: A, rise: {by: 1, within: 0h}}", "rise.within", "longer than no time"),
        ("{code: A, rise: {by: 1, within: soon}}", "rise.within", "is no span of time"),
        ("{code: A, rise: {by: 1}}", "rise.within", "must be a span of time"),
        ("{code: A, rise: {by: 1, within: 1h, above: 3}}", "rise.above", "unknown key"),
        ("{code: A, rise: {by: 1, within: 1h}, fall: {by: 1, within: 1h}}", "rise", "stands beside fall"),
        ("{code: A, rise: {by: 1 mg/dL, within: 1h}, value: '> 1 mmol/L'}", "a", "both in one unit"),
        ("{code: A, static: true, rise: {by: 1, within: 1h}}", "a", "fact without a time"),
        ("{code: A, per: {of: d, within: 1h}}", "per.of", "no predicate 'd'"),
        ("{code: A, per: {of: o, within: 1h}}", "per.of", "has no values"),
        ("{code: A, per: {of: s, within: 1h}}", "per.of", "without a time"),
        ("{code: A, per: {within: 1h}}", "per.of", "is missing"),
        ("{code: A, per: {of: b, within: 1h, scale: 0}}", "per.scale", "other than 0"),
        ("{code: A, per: {of: a, within: 1h}}", "a", "rests on itself"),
        ('{expr: "followed(b, c)"}', "expr", "a span of time"),
        ('{expr: "followed(b, c, soon)"}', "expr", "is no span of time"),
        ('{expr: "preceded(b, _ANY_EVENT, 1h)"}', "expr", "cannot be part"),
        ('{expr: "preceded(b, s, 1h)"}', "expr", "without a time"),
        ("{score: {within: 1h, parts: {p: {b: 1}}}}", "score", "asks for nothing"),
        ("{score: {within: 1h, rise: 1, parts: {p: {b: 1}}}}", "score", "rise and over together"),
        ("{score: {within: 1h, minimum: 1, parts: {}}}", "score.parts", "is empty"),
        ("{score: {within: 1h, minimum: 1, parts: {p: {}}}}", "score.parts.p", "has no predicate"),
        ("{score: {within: 1h, minimum: 1, parts: {p: {b: -1}}}}", "score.parts.p.b", "from 0 on"),
        ("{score: {within: 1h, minimum: 0, parts: {p: {b: 1}}}}", "score.minimum", "above 0"),
        ("{score: {within: 1h, minimum: 1, parts: {p: {s: 1}}}}", "score.parts", "without a time"),
    ],
)
def test_a_wrong_predicate_is_refused_with_its_key(body: str, key: str, why: str) -> None:
    others = 'b: {code: B}, c: {code: C}, o: {expr: "or(b, c)"}, s: {code: S, static: true}'
    place = "predicates.a" if key == "a" else f"predicates.a.{key}"
    with pytest.raises(TaskError, match=rf"^example: {place}: .*{why}"):
        predicate(body, others)


def test_the_examples_of_the_manual_are_tasks() -> None:
    page = (REPOSITORY / "docs" / "tasks.md").read_text(encoding="utf-8")
    examples = [text for text in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "\ntrigger:" in text]
    tasks = [parse_task(text, f"example_{number}") for number, text in enumerate(examples)]
    assert len(tasks) >= 2
    kinds = {type(one) for task in tasks for one in task.predicates}
    assert {Plain, Derived, Near, Score} <= kinds
    assert not next(task for task in tasks if any(isinstance(one, Score) for one in task.predicates)).remarks
