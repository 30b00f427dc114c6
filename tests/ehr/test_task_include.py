"""Shared predicates: read where they stand, never in conflict, and written into what is kept."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ehr.errors import TaskError
from ehr.tasks import Derived, Plain, parse_task, read_task, self_contained
from ehr.tasks.yaml12 import dump_yaml, load_yaml

SHARED = """
description: what several tasks count
predicates:
  admission: {code: {regex: "^ADM//"}}
  death: {code: DEATH}
  discharge: {code: DIS}
  out: {expr: "or(discharge, death)"}
  broken: {expr: 7}
"""
TASK = """
include: shared.yaml
predicates:
  lab: {code: 'off', value_min: 5.0}
trigger: admission
windows:
  stay:
    start: trigger
    end: start -> out
    start_inclusive: false
    end_inclusive: true
    has: {lab: "(1, None)"}
    label: death
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shared.yaml").write_text(SHARED)
    (tmp_path / "task.yaml").write_text(TASK)
    return tmp_path


def refusal(folder: Path, old: str, new: str, text: str = TASK) -> str:
    assert old in text
    with pytest.raises(TaskError) as caught:
        parse_task(text.replace(old, new), "task.yaml", folder=folder)
    return str(caught.value)


def test_included_predicates_are_as_if_they_stood_in_the_task(folder: Path) -> None:
    task = read_task(folder / "task.yaml")
    assert task.predicate("death") == Plain("death", codes=("DEATH",))
    assert task.predicate("out") == Derived("out", "or", ("discharge", "death"))
    assert [one.name for one in task.predicates] == ["lab", "admission", "death", "discharge", "out"]


def test_what_is_included_and_not_used_is_neither_checked_nor_remarked_upon(folder: Path) -> None:
    assert read_task(folder / "task.yaml").remarks == ()


def test_a_kept_text_holds_all_that_it_uses_and_no_more(folder: Path) -> None:
    kept = self_contained(TASK, "task", folder=folder)
    assert parse_task(kept, "task") == read_task(folder / "task.yaml")
    assert "include" not in load_yaml(kept)
    assert list(load_yaml(kept)["predicates"]) == ["lab", "admission", "death", "discharge", "out"]


def test_a_text_that_includes_nothing_is_kept_as_it_was_written(folder: Path) -> None:
    alone = self_contained(TASK, "task", folder=folder) + "# a remark\n"
    assert self_contained(alone, "task") == alone


def test_one_name_in_two_files_is_refused_with_both(folder: Path) -> None:
    message = refusal(folder, "lab: {code", "death: {code: D}\n  lab: {code")
    assert f"{folder / 'shared.yaml'}: predicates.death" in message
    assert "task.yaml" in message
    (folder / "more.yaml").write_text("predicates: {out: {code: OUT}}")
    message = refusal(folder, "shared.yaml", "[shared.yaml, more.yaml]")
    assert f"{folder / 'more.yaml'}: predicates.out" in message
    assert f"{folder / 'shared.yaml'}" in message


def test_a_mistake_is_named_where_it_stands(folder: Path) -> None:
    assert f"{folder / 'shared.yaml'}: predicates.broken.expr" in refusal(folder, "-> out", "-> broken")
    (folder / "shared.yaml").write_text("windows: {}")
    assert f"{folder / 'shared.yaml'}: windows: unknown key" in refusal(folder, "trigger: admission", "trigger: lab")
    assert "task.yaml: include: there is no file none.yaml" in refusal(folder, "shared.yaml", "none.yaml")
    assert "names no file" in refusal(folder, "shared.yaml", "{a: b}")


@pytest.mark.parametrize("name", ["shared.yaml", "../shared.yaml", "/etc/hostname", "../__init__.py", "."])
def test_a_text_without_a_folder_reads_no_file_of_this_machine(folder: Path, name: str) -> None:
    with pytest.raises(TaskError, match="may include only"):
        parse_task(TASK.replace("shared.yaml", str(folder / name)), "task_yaml")
    with pytest.raises(TaskError, match="may include only"):
        parse_task(TASK.replace("shared.yaml", name), "task_yaml")


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False)
        | st.text(max_size=8)
        | st.sampled_from(("yes", "off", "5:30", "0o17", "1e5", "<<", "~", "2020-01-01", ".inf", "01")),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text(min_size=1, max_size=5).filter(lambda key: key != "<<"), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_yaml_is_read_as_it_was_written(value: Any) -> None:
    assert load_yaml(dump_yaml(value)) == value
