"""Two tasks are the same when they say the same."""

import pytest

from ehr.tasks import parse_task, read_task, ready_tasks
from ehr.tasks.identity import definition_hash

TASK = """
description: an example
predicates:
  adm: {code: ADM}
  death: {code: DEATH}
trigger: adm
who: women aged 65 or over
windows:
  w: {start: trigger, end: start + 24h, start_inclusive: false, end_inclusive: true, label: death}
"""


def digest(old: str = "", new: str = "", name: str = "task") -> str:
    assert old in TASK
    return definition_hash(parse_task(TASK.replace(old, new), name))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("an example", "another one"),
        ("predicates:", "# what is counted\npredicates:"),
        ("24h", "1 day"),
        ("  adm: {code: ADM}\n  death: {code: DEATH}", "  death: {code: DEATH}\n  adm: {code: {any: [ADM]}}"),
        ("trigger: adm", "trigger: adm\ntriggers: {keep: all, seed: 0}"),
        ("women aged 65 or over", "female patients at least 65 years old"),
        ("predicates:", "predicates:\n  unused: {code: U}"),
    ],
)
def test_how_a_task_is_written_does_not_matter(old: str, new: str) -> None:
    assert digest(old, new) == digest() == digest(name="other")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{code: ADM}", "{code: ADM2}"),
        ("{code: ADM}", "{code: ADM, value_min: 0}"),
        ("24h", "25h"),
        ("start_inclusive: false", "start_inclusive: true"),
        ("65 or over", "66 or over"),
        ("trigger: adm", "trigger: adm\ntriggers: {keep: first}"),
        ("trigger: adm", "trigger: death"),
    ],
)
def test_what_it_says_does(old: str, new: str) -> None:
    assert digest(old, new) != digest()


def test_the_ready_tasks_differ() -> None:
    found = [definition_hash(read_task(path)) for path in ready_tasks().values()]
    assert len(set(found)) == len(found) >= 3
