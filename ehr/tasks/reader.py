"""Reads a task file: YAML 1.2 in, a checked Task out, or a TaskError that names the file and the key."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from ehr.errors import TaskError
from ehr.tasks.language import BUILT_IN, Seek, Task, Window
from ehr.tasks.place import Place
from ehr.tasks.predicates import PredicateReader, read_demographics
from ehr.tasks.windows import check_tree, read_window
from ehr.tasks.yaml12 import YamlError, load_yaml

KEYS: Final = ("description", "metadata", "predicates", "patient_demographics", "trigger", "windows")


def read_task(path: Path) -> Task:
    """Read the task file at `path`, whose stem names the task; raises TaskError naming file and key."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise TaskError(f"{path}: cannot be read as a task file ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise TaskError(f"{path}: is no text in UTF-8; a task is a YAML file") from error
    return parse_task(text, path.stem, source=str(path))


def parse_task(text: str, name: str, *, source: str | None = None) -> Task:
    """Read a task from YAML text; `source` stands for the file in messages. Raises TaskError naming the key."""
    root = Place(source or name)
    try:
        document = load_yaml(text)
    except YamlError as error:
        raise TaskError(f"{root.source}: is no YAML 1.2: {error}") from error
    document = root.mapping(document, KEYS, "a task")
    windows = _windows(root.at("windows"), document.get("windows"))
    check_tree(root.at("windows"), windows)
    demographics = read_demographics(root.at("patient_demographics"), document.get("patient_demographics", {}))
    reader = PredicateReader(root.at("predicates"), document.get("predicates", {}), demographics)
    trigger = root.at("trigger").name(document.get("trigger"), "the predicate that starts a row")
    for place, used in _uses(root, trigger, windows):
        reader.use(place, used)
    return Task(
        name=name,
        trigger=trigger,
        predicates=reader.used(),
        windows=windows,
        demographics=demographics,
        description=str(document.get("description") or ""),
        remarks=(*reader.remarks(), *_flag_remarks(document.get("windows") or {})),
    )


def _windows(place: Place, document: Any) -> tuple[Window, ...]:
    if document is None:
        return ()
    windows = tuple(
        read_window(place.at(str(name)), place.child_name(name), body)
        for name, body in place.mapping(document, None, "the windows").items()
    )
    for what, found in (
        ("label", [window.name for window in windows if window.label is not None]),
        ("index_timestamp", [window.name for window in windows if window.index_timestamp is not None]),
    ):
        if len(found) > 1:
            raise place.error(f"{what} stands in {' and '.join(found)}; keep it in one window")
    return windows


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


def _flag_remarks(windows: dict[str, Any]) -> Iterator[str]:
    """Yield a remark for each flag that reads like false and counts as true."""
    for name, body in windows.items():
        for key in ("start_inclusive", "end_inclusive"):
            flag = body.get(key)
            if isinstance(flag, str) and flag.lower() in {"no", "off", "false", "n"}:
                yield f"windows.{name}.{key}: {flag!r} is text in YAML 1.2 and counts as true; write false"
