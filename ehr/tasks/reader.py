"""Reads a task file: YAML 1.2 in, a checked Task out, or a TaskError that names the file and the key."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from ehr.tasks.endpoints import read_endpoints
from ehr.tasks.include import included_predicates, read_document, read_text
from ehr.tasks.language import BUILT_IN, Endpoint, Seek, Selection, Task, Window
from ehr.tasks.place import Place
from ehr.tasks.predicates import PredicateReader, read_demographics
from ehr.tasks.selection import read_controls, read_selection
from ehr.tasks.who import read_who
from ehr.tasks.windows import check_tree, read_windows
from ehr.tasks.yaml12 import dump_yaml

KEYS: Final = (
    "description",
    "metadata",
    "include",
    "predicates",
    "patient_demographics",
    "trigger",
    "windows",
    "who",
    "triggers",
    "endpoints",
    "controls",
)


def read_task(path: Path) -> Task:
    """Read the task file at `path`, whose stem names the task; raises TaskError naming file and key."""
    return parse_task(read_text(path, "a task file"), path.stem, source=str(path), folder=path.parent)


def parse_task(text: str, name: str, *, source: str | None = None, folder: Path | None = None) -> Task:
    """Read a task from YAML text; `source` stands for the file in messages.

    Without the `folder` that the text comes from, it can include ready files of predicates only. Raises TaskError
    naming the key.
    """
    return _read(text, name, source, folder)[0]


def self_contained(text: str, name: str, *, source: str | None = None, folder: Path | None = None) -> str:
    """Return the text of a task with the shared predicates that it uses written into it, so that it stands alone.

    A text that includes nothing is returned as it is. Arguments and errors are those of `parse_task`.
    """
    task, document, shared = _read(text, name, source, folder)
    if "include" not in document:
        return text
    used = {predicate.name: shared[predicate.name] for predicate in task.predicates if predicate.name in shared}
    rest = {key: body for key, body in document.items() if key not in ("include", "predicates")}
    return dump_yaml({**rest, "predicates": {**(document.get("predicates") or {}), **used}})


def task_text(path: Path) -> str:
    """Return the self-contained text of the task file at `path`; errors are those of `read_task`."""
    return self_contained(read_text(path, "a task file"), path.stem, source=str(path), folder=path.parent)


def _read(
    text: str, name: str, source: str | None, folder: Path | None
) -> tuple[Task, dict[str, Any], dict[str, Any]]:
    """Return the task, what stood in the text, and the bodies of the predicates that it includes."""
    root = Place(source or name)
    document = root.mapping(read_document(text, root.source), KEYS, "a task")
    windows = read_windows(root.at("windows"), document.get("windows"))
    check_tree(root.at("windows"), windows)
    demographics = read_demographics(root.at("patient_demographics"), document.get("patient_demographics", {}))
    own = root.at("predicates").mapping(document.get("predicates", {}), None, "the predicates")
    shared = included_predicates(root.at("include"), document.get("include"), own, folder)
    reader = PredicateReader(root.at("predicates"), own, demographics, shared)
    trigger = root.at("trigger").name(document.get("trigger"), "the predicate that starts a row")
    selection = read_selection(root.at("triggers"), document.get("triggers"))
    endpoints = read_endpoints(root.at("endpoints"), document.get("endpoints"), windows)
    for place, used in (*_uses(root, trigger, windows), *_uses_beyond(root, selection, endpoints)):
        reader.use(place, used)
    controls = read_controls(root.at("controls"), document.get("controls"))
    if controls is not None and not any(window.label for window in windows):
        raise root.at("controls").error("controls are rows without the label; write label: PREDICATE in a window")
    task = Task(
        name=name,
        trigger=trigger,
        predicates=reader.used(),
        windows=windows,
        demographics=demographics,
        description=str(document.get("description") or ""),
        remarks=(*reader.remarks(), *_flag_remarks(document.get("windows") or {})),
        who=read_who(root.at("who"), document.get("who")),
        selection=selection,
        endpoints=endpoints,
        controls=controls,
    )
    return task, document, {key: one.body for key, one in shared.items()}


def _uses(root: Place, trigger: str, windows: tuple[Window, ...]) -> Iterator[tuple[Place, str]]:
    """Yield every predicate that something refers to, with the place that does."""
    yield root.at("trigger"), trigger
    for window in windows:
        place = root.at("windows").at(window.name)
        for side, step in ((window.anchor, window.to_anchor), (window.bound, window.to_bound)):
            if isinstance(step, Seek):
                yield place.at(side), step.predicate
        for has in window.has:
            yield place.at("has").at(has.predicate), has.predicate
        if window.label in BUILT_IN:
            raise place.at("label").error(f"{window.label} cannot be a label; name a predicate of this file")
        if window.label is not None:
            yield place.at("label"), window.label


def _uses_beyond(root: Place, selection: Selection, endpoints: tuple[Endpoint, ...]) -> Iterator[tuple[Place, str]]:
    """Yield every predicate that the choice of triggers and the endpoints refer to, with the place that does."""
    if selection.washed_out is not None:
        yield root.at("triggers").at("washed_out"), selection.washed_out
    for endpoint in endpoints:
        place = root.at("endpoints").at(endpoint.name)
        if endpoint.predicate in BUILT_IN and endpoint.kind in ("value", "ordinal"):
            raise place.at("predicate").error(f"{endpoint.predicate} has no values; name a predicate of this file")
        yield place.at("predicate"), endpoint.predicate
        if endpoint.competing is not None:
            yield place.at("competing"), endpoint.competing


def _flag_remarks(windows: dict[str, Any]) -> Iterator[str]:
    """Yield a remark for each flag that reads like false and counts as true."""
    for name, body in windows.items():
        for key in ("start_inclusive", "end_inclusive"):
            flag = body.get(key)
            if isinstance(flag, str) and flag.lower() in {"no", "off", "false", "n"}:
                yield f"windows.{name}.{key}: {flag!r} is text in YAML 1.2 and counts as true; write false"
