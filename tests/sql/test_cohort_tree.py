"""Which nodes a task needs, and which rules it can break."""

import json
from typing import Any

import pytest

from ehr.tasks import Task, parse_task
from sql.cohort.plan import plan_task
from sql.cohort.rules import Exists


def task(start: str | None, end: str | None, **more: Any) -> Task:
    window = {"start": start, "end": end, "start_inclusive": True, "end_inclusive": True, **more}
    document = {"predicates": {"p": {"code": "P"}}, "trigger": "p", "windows": {"w": window}}
    return parse_task(json.dumps(document), "task")


def nodes_and_rules(found: Task, *, wide: bool = False) -> tuple[list[str], list[str]]:
    plan = plan_task(found, wide=wide)
    return [node.name for node in plan.nodes], [type(rule).__name__ for rule in plan.rules]


COUNTED = {"has": {"p": "(1, None)"}}


@pytest.mark.parametrize(
    ("start", "end", "more", "nodes", "breaks"),
    [
        (None, "trigger", COUNTED, [], False),
        (None, "trigger + 24h", COUNTED, ["w.end"], False),
        (None, "trigger + 24h", {**COUNTED, "start_inclusive": False}, ["w.end", "w.start"], False),
        (None, "trigger", {"start_inclusive": False}, ["w.start"], True),
        (None, "trigger", {"index_timestamp": "start"}, ["w.start"], False),
        (None, "trigger - 24h", COUNTED, ["w.end", "w.start"], True),
        (None, "trigger -> p", COUNTED, ["w.end"], True),
        (None, "trigger <- p", {}, ["w.end"], True),
        ("trigger", None, {}, [], False),
        ("trigger", None, COUNTED, ["w.end"], False),
        ("trigger", None, {"end_inclusive": False}, ["w.end"], True),
        ("trigger - 1h", None, {"end_inclusive": False}, [], False),
        ("trigger + 1h", None, {}, ["w.start", "w.end"], True),
        ("trigger", "start + 24h", {}, [], False),
    ],
)
def test_a_node_is_there_when_something_is_read_at_it_or_may_break_at_it(
    start: str | None, end: str | None, more: dict[str, Any], nodes: list[str], breaks: bool
) -> None:
    found, rules = nodes_and_rules(task(start, end, **more))
    assert found == nodes
    assert (Exists.__name__ in rules) == breaks


def test_a_wide_plan_has_every_node_and_the_same_rules() -> None:
    found = task(None, "trigger + 24h", has={"p": "(1, None)"})
    assert nodes_and_rules(found, wide=True) == (["w.end", "w.start"], ["Counts"])
    assert nodes_and_rules(found)[1] == ["Counts"]
