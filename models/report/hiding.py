"""Cells of so few people that one of them might be told from it: they are left out of reports and of model cards.

A report leaves the place where the records are. Counts from 1 to 10 people are hidden, none is shown as none; what
would give a hidden count away by subtraction is hidden with it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from models.evaluation.compared import SMALLEST

SMALLEST_SHOWN: Final = SMALLEST
HIDDEN: Final = "hidden"
"""How a hidden cell is written, whether it is small itself or would give a small one away."""


def is_small(people: int) -> bool:
    """Say whether a count of people has to be hidden."""
    return 0 < people < SMALLEST_SHOWN


def without_small_cells(lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the lines of a table one with small cells hidden.

    A line has section, name, level, cells and smd; each cell has `people`, how many stand behind its count, and
    `others`, how many of its group do not; `people` and `others` are left out of the result, and a hidden cell has
    no numbers. Where one level of a variable is hidden in a group, the next smallest is hidden too, since the group
    has a known size; a difference that rests on a hidden cell is hidden.
    """
    hidden = [[is_small(cell["people"]) or is_small(cell["others"]) for cell in line["cells"]] for line in lines]
    for start, end in _runs([(line["section"], line["name"]) for line in lines]):
        if end - start > 1:
            _hide_second(lines[start:end], hidden[start:end])
    return [
        {
            **line,
            "cells": [_shown(cell, gone) for cell, gone in zip(line["cells"], gones, strict=True)],
            "smd": None if any(gones) else line["smd"],
        }
        for line, gones in zip(lines, hidden, strict=True)
    ]


def merged_steps(steps: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the steps of an attrition so that none of them loses 1 to 10 people or rows.

    A step has rules (a list), subjects_before, subjects, rows_before and rows. One that loses few is told together
    with those after it, and with those before where none comes after. When all together lose few, what was there
    before is None.
    """
    merged: list[dict[str, Any]] = []
    for step in steps:
        if merged and _loses_few(merged[-1]):
            merged[-1] = _together(merged[-1], step)
        else:
            merged.append(dict(step))
    while len(merged) > 1 and _loses_few(merged[-1]):
        merged[-2:] = [_together(merged[-2], merged[-1])]
    if merged and _loses_few(merged[-1]):
        merged[-1] |= {"subjects_before": None, "rows_before": None}
    return merged


def _loses_few(step: Mapping[str, Any]) -> bool:
    lost = (step["subjects_before"] - step["subjects"], step["rows_before"] - step["rows"])
    return any(map(is_small, lost))


def _together(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    before = {key: first[key] for key in ("subjects_before", "rows_before")}
    return {**second, **before, "rules": [*first["rules"], *second["rules"]]}


def _hide_second(lines: Sequence[Mapping[str, Any]], hidden: Sequence[list[bool]]) -> None:
    """Hide another level in every group where exactly one is hidden."""
    for group in range(len(lines[0]["cells"])):
        gone = [place for place, row in enumerate(hidden) if row[group]]
        others = [place for place in range(len(lines)) if place not in gone]
        others = [place for place in others if lines[place]["cells"][group]["people"] > 0]
        if len(gone) == 1 and others:
            hidden[min(others, key=lambda place: lines[place]["cells"][group]["people"])][group] = True


def _shown(cell: Mapping[str, Any], is_hidden: bool) -> dict[str, Any]:
    kept = {key: value for key, value in cell.items() if key not in ("people", "others")}
    return dict.fromkeys(kept) | {"hidden": True} if is_hidden else {**kept, "hidden": False}


def _runs(names: Sequence[Any]) -> list[tuple[int, int]]:
    """Return start and end of each stretch of equal names."""
    starts = [place for place, name in enumerate(names) if not place or names[place - 1] != name]
    return list(zip(starts, [*starts[1:], len(names)], strict=True))
