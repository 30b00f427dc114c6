"""What a task asks of a generated future: which events mean success, and what ends it; read off the task itself."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import numpy as np

from ehr.errors import ModelError
from ehr.events import DEATH
from ehr.tasks import BUILT_IN, RECORD_END, TRIGGER, Has, Seek, Shift, Task, Window
from ehr.vocabulary import Vocabulary
from models.generative.watch import Mask, Watch, code_mask, code_watch, refused, watch_of

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Question:
    """What is watched for in the futures of a prediction time; times are in days after it.

    An event of `success` in the window means yes. The window opens at `opens` and closes at `closes`, or with the
    moment of the first event of `stop`, whichever comes first; `death` (tokens,) ends every future. Where the task
    predicts right before its trigger, the next event is one of the tokens `given` (tokens,), `given_after` days on.
    """

    success: Watch
    stop: Watch
    death: Mask
    opens: float
    closes: float | None
    start_inclusive: bool
    end_inclusive: bool
    given: Mask | None = None
    given_after: float = 0.0


@dataclass(frozen=True, slots=True)
class _Point:
    """A side of a window: so far after the trigger, or after an event that another side sought."""

    root: str
    offset: timedelta


def question(task: Task, vocabulary: Vocabulary) -> Question:
    """Derive from a task what its futures are watched for.

    The window of the label has to begin at the prediction time or a fixed span after it, and to end a fixed span
    after it or with the first event of a kind. Raises ModelError, saying why, for any other task: one that compares
    values, that needs two events at one moment, or whose rows depend on the future in other ways.
    """
    label, index = task.label_window, task.index_window
    if label is None or label.label is None or index is None or index.index_timestamp is None:
        raise ModelError(
            f"task {task.name} needs a window with a label and one with an index_timestamp to be foreseen"
        )
    at = _resolve(task, f"{index.name}.{index.index_timestamp}")
    start = _resolve(task, f"{label.name}.start")
    if start.root != at.root or start.offset < at.offset:
        raise refused(task, f"window {label.name} does not begin at the prediction time or a fixed span after it")
    _check_other_windows(task, label, at)
    closes, stop = _end(task, label, at, vocabulary)
    success = watch_of(task, label.label, vocabulary)
    if not success.tokens.any():
        raise refused(
            task, f"vocabulary {vocabulary.name} has no token for predicate {label.label}, so futures never show it"
        )
    given, given_after = _given(task, at, vocabulary)
    return Question(
        success,
        stop,
        code_mask(vocabulary, (DEATH,)),
        (start.offset - at.offset) / _DAY,
        closes,
        label.start_inclusive,
        label.end_inclusive,
        given,
        given_after,
    )


def past_part(task: Task) -> Task:
    """Return the task without what it asks of the future: whom it predicts for and when, whatever comes after.

    Raises ModelError when the task has no prediction time.
    """
    at = _prediction_point(task)
    # What is observed, and who else is in, is no matter of this patient's past.
    selection = replace(task.selection, rows=None, share=None)
    task = replace(task, selection=selection, endpoints=(), controls=None)
    past = (window for window in task.windows if _is_past(task, window, at) and window is not task.label_window)
    index = task.index_window
    if index is not None and (index is task.label_window or not _is_past(task, index, at)):
        # The window opens at the prediction time: its opening is kept and what it holds is not looked at.
        opening = replace(index, to_bound=Shift(timedelta(seconds=1)), has=(), label=None)
        return replace(task, windows=(*past, opening))
    return replace(task, windows=tuple(past))


def _end(task: Task, label: Window, at: _Point, vocabulary: Vocabulary) -> tuple[float | None, Watch]:
    """Return when the window of the label closes by time, and the tokens that close it."""
    end = _resolve(task, f"{label.name}.end")
    if end.root == at.root:
        return (end.offset - at.offset) / _DAY, code_watch(vocabulary, np.zeros(len(vocabulary), dtype=bool))
    seek = label.to_bound
    if label.anchor != "start" or not isinstance(seek, Seek) or seek.predicate == RECORD_END:
        raise refused(
            task, f"window {label.name} ends neither a fixed span after it nor with an event sought from its start"
        )
    if not label.end_inclusive:
        raise refused(
            task, f"window {label.name} leaves out the moment that ends it, so what counts depends on what follows"
        )
    stop = watch_of(task, seek.predicate, vocabulary)
    if not stop.tokens.any():
        raise refused(
            task, f"vocabulary {vocabulary.name} has no token for predicate {seek.predicate}, so futures never end"
        )
    return None, stop


def _given(task: Task, at: _Point, vocabulary: Vocabulary) -> tuple[Mask | None, float]:
    """Return which tokens the trigger may be and how long after the prediction time it comes; none where it is past.

    Only a span shorter than any gap is understood: within it no other event is to be foreseen.
    """
    after = -at.offset / _DAY
    if at.root != TRIGGER or after <= 0:
        return None, 0.0
    if after * _DAY >= timedelta(seconds=vocabulary.settings.gap_starts[0]):
        raise refused(task, "it predicts long before its trigger, so that what comes between is not known")
    given = watch_of(task, task.trigger, vocabulary).tokens
    if not given.any():
        raise refused(task, f"vocabulary {vocabulary.name} has no token for its trigger {task.trigger}")
    return given, after


def _check_other_windows(task: Task, label: Window, at: _Point) -> None:
    """Refuse a task that tests what happens after the prediction time, beyond asking that the record goes on."""
    for window in task.windows:
        is_past = window is not label and _is_past(task, window, at)
        if not is_past and any(not _asks_for_record(has) for has in window.has):
            raise refused(task, f"the 'has' of window {window.name} looks beyond the prediction time")


def _prediction_point(task: Task) -> _Point:
    index = task.index_window
    if index is None or index.index_timestamp is None:
        raise ModelError(
            f"task {task.name} names no prediction time; write index_timestamp: start or end in a window"
        )
    return _resolve(task, f"{index.name}.{index.index_timestamp}")


def _is_past(task: Task, window: Window, at: _Point) -> bool:
    """Say whether a window ends at the prediction time or a fixed span before it."""
    end = _resolve(task, f"{window.name}.end")
    return end.root == at.root and end.offset <= at.offset


def _asks_for_record(has: Has) -> bool:
    """Say whether a test only asks that the subject is still observed, which is so for every generated future."""
    return has.predicate in BUILT_IN and has.maximum is None


def _resolve(task: Task, node: str) -> _Point:
    """Return where a side of a window, such as input.end, lies."""
    if node == TRIGGER:
        return _Point(TRIGGER, timedelta(0))
    name, _, side = node.rpartition(".")
    window = task.window(name)
    anchor = _moved(task, window.reference, window.to_anchor, f"{name}.{window.anchor}")
    if side == window.anchor:
        return anchor
    if isinstance(window.to_bound, Shift):
        return _Point(anchor.root, anchor.offset + window.to_bound.offset)
    return _Point(node, timedelta(0))


def _moved(task: Task, reference: str, step: Shift | Seek, node: str) -> _Point:
    if isinstance(step, Shift):
        point = _resolve(task, reference)
        return _Point(point.root, point.offset + step.offset)
    return _Point(node, timedelta(0))
