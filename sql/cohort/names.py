"""Names that SQL can tell apart: ACES knows upper from lower case, and SQL has columns of its own."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from ehr.tasks import TRIGGER, Derived, Near, Part, Predicate, Score, Seek, Step, Task, Window

RESERVED: Final = ("subject_id", "time", "code", "looked_up", "value")
"""Columns that stand beside predicates in the queries of a cohort."""


def with_safe_names(task: Task) -> Task:
    """Return the task with predicates and windows renamed where SQL would confuse them, in the same order."""
    known = [predicate.name for predicate in (*task.predicates, *task.demographics)]
    predicates = _distinct(known, RESERVED)
    windows = _distinct([window.name for window in task.windows], ())
    return replace(
        task,
        trigger=predicates.get(task.trigger, task.trigger),
        predicates=tuple(_renamed(predicate, predicates) for predicate in task.predicates),
        demographics=tuple(replace(one, name=predicates[one.name]) for one in task.demographics),
        windows=tuple(_renamed_window(window, predicates, windows) for window in task.windows),
        selection=replace(task.selection, washed_out=_renamed_name(task.selection.washed_out, predicates)),
        endpoints=tuple(
            replace(
                endpoint,
                window=windows[endpoint.window],
                predicate=predicates.get(endpoint.predicate, endpoint.predicate),
                competing=_renamed_name(endpoint.competing, predicates),
            )
            for endpoint in task.endpoints
        ),
    )


def _renamed_name(name: str | None, names: Mapping[str, str]) -> str | None:
    return names.get(name, name) if name is not None else None


def _distinct(names: Iterable[str], taken: Iterable[str]) -> dict[str, str]:
    """Give each name one that differs from all others, and from those taken, in more than case."""
    names = list(names)
    used = {name.lower() for name in taken}
    distinct = {}
    for name in names:
        candidate, number = name, 1
        while candidate.lower() in used or (candidate != name and candidate in names):
            number += 1
            candidate = f"{name}_{number}"
        used.add(candidate.lower())
        distinct[name] = candidate
    return distinct


def _renamed(predicate: Predicate, names: Mapping[str, str]) -> Predicate:
    name = names[predicate.name]
    if isinstance(predicate, Derived):
        return replace(predicate, name=name, inputs=tuple(names[source] for source in predicate.inputs))
    if isinstance(predicate, Near):
        return replace(predicate, name=name, first=names[predicate.first], second=names[predicate.second])
    if isinstance(predicate, Score):
        return replace(predicate, name=name, parts=tuple(_renamed_part(part, names) for part in predicate.parts))
    per = replace(predicate.per, name=names[predicate.per.name]) if predicate.per else None
    return replace(predicate, name=name, per=per)


def _renamed_part(part: Part, names: Mapping[str, str]) -> Part:
    return replace(part, points=tuple((names[source], points) for source, points in part.points))


def _renamed_window(window: Window, predicates: Mapping[str, str], windows: Mapping[str, str]) -> Window:
    target, _, side = window.reference.rpartition(".")
    return replace(
        window,
        name=windows[window.name],
        reference=f"{windows[target]}.{side}" if target else TRIGGER,
        to_anchor=_renamed_step(window.to_anchor, predicates),
        to_bound=_renamed_step(window.to_bound, predicates),
        has=tuple(replace(has, predicate=predicates.get(has.predicate, has.predicate)) for has in window.has),
        label=predicates.get(window.label, window.label) if window.label else None,
    )


def _renamed_step(step: Step, names: Mapping[str, str]) -> Step:
    return replace(step, predicate=names.get(step.predicate, step.predicate)) if isinstance(step, Seek) else step
