"""What a task asks of a generated future: which tokens mean success, and what ends it; read off the task itself."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ehr.ancestry import shared_beginning
from ehr.errors import ModelError
from ehr.events import DEATH
from ehr.hierarchy import ancestors, concept_of, has_structure
from ehr.tasks import ANY_EVENT, BUILT_IN, RECORD_END, TRIGGER, Derived, Has, Plain, Seek, Shift, Task, Window
from ehr.vocabulary import Vocabulary

_DAY: Final = timedelta(days=1)
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Question:
    """What is watched for in the futures of a prediction time; times are in days after it.

    A token of `success` in the window means yes. The window opens at `opens` and closes at `closes`, or with the
    moment of the first token of `stop`, whichever comes first; `death` ends every future. Masks are (tokens,).
    """

    success: Mask
    stop: Mask
    death: Mask
    opens: float
    closes: float | None
    start_inclusive: bool
    end_inclusive: bool


@dataclass(frozen=True, slots=True)
class _Point:
    """A side of a window: so far after the trigger, or after an event that another side sought."""

    root: str
    offset: timedelta


def question(task: Task, vocabulary: Vocabulary) -> Question:
    """Derive from a task what its futures are watched for.

    The window of the label has to begin at the prediction time or a fixed span after it, and to end a fixed span
    after it or with the first event of a kind. Raises ModelError, saying why, for any other task: one that bounds
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
        raise _refused(task, f"window {label.name} does not begin at the prediction time or a fixed span after it")
    _check_other_windows(task, label, at)
    closes, stop = _end(task, label, at, vocabulary)
    success = _tokens(task, label.label, vocabulary)
    if not success.any():
        raise _refused(
            task, f"vocabulary {vocabulary.name} has no token for predicate {label.label}, so futures never show it"
        )
    return Question(
        success,
        stop,
        _code_mask(vocabulary, (DEATH,)),
        (start.offset - at.offset) / _DAY,
        closes,
        label.start_inclusive,
        label.end_inclusive,
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


def _end(task: Task, label: Window, at: _Point, vocabulary: Vocabulary) -> tuple[float | None, Mask]:
    """Return when the window of the label closes by time, and the tokens that close it."""
    end = _resolve(task, f"{label.name}.end")
    if end.root == at.root:
        return (end.offset - at.offset) / _DAY, np.zeros(len(vocabulary), dtype=bool)
    seek = label.to_bound
    if label.anchor != "start" or not isinstance(seek, Seek) or seek.predicate == RECORD_END:
        raise _refused(
            task, f"window {label.name} ends neither a fixed span after it nor with an event sought from its start"
        )
    if not label.end_inclusive:
        raise _refused(
            task, f"window {label.name} leaves out the moment that ends it, so what counts depends on what follows"
        )
    stop = _tokens(task, seek.predicate, vocabulary)
    if not stop.any():
        raise _refused(
            task, f"vocabulary {vocabulary.name} has no token for predicate {seek.predicate}, so futures never end"
        )
    return None, stop


def _check_other_windows(task: Task, label: Window, at: _Point) -> None:
    """Refuse a task that tests what happens after the prediction time, beyond asking that the record goes on."""
    for window in task.windows:
        is_past = window is not label and _is_past(task, window, at)
        if not is_past and any(not _asks_for_record(has) for has in window.has):
            raise _refused(task, f"the 'has' of window {window.name} looks beyond the prediction time")


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


def _tokens(task: Task, name: str, vocabulary: Vocabulary) -> Mask:
    """Return which tokens (tokens,) mean that the predicate counts something."""
    if name == ANY_EVENT:
        return np.arange(len(vocabulary)) >= vocabulary.first_code
    if name in BUILT_IN:
        raise _refused(task, f"futures have no {name}")
    predicate = task.predicate(name)
    if isinstance(predicate, Derived) and predicate.operator != "or":
        raise _refused(task, f"predicate {name} needs two events at one moment, which tokens do not tell for certain")
    if isinstance(predicate, Derived):
        mask = np.zeros(len(vocabulary), dtype=bool)
        for source in predicate.inputs:
            mask |= _tokens(task, source, vocabulary)
        return mask
    if not isinstance(predicate, Plain):
        raise _refused(task, f"predicate {name} looks at several events, and tokens tell codes only")
    if not predicate.value.is_open or predicate.columns or predicate.static or predicate.change:
        raise _refused(task, f"predicate {name} tests more than a code, and tokens tell codes only")
    if predicate.regex is None:
        return _code_mask(vocabulary, predicate.codes) | _concept_mask(task, predicate, vocabulary)
    return _regex_mask(task, predicate, vocabulary)


def _code_mask(vocabulary: Vocabulary, codes: tuple[str, ...]) -> Mask:
    mask = np.zeros(len(vocabulary), dtype=bool)
    mask[[token for code in codes for token in vocabulary.tokens_of(code)]] = True
    return mask


def _concept_mask(task: Task, predicate: Plain, vocabulary: Vocabulary) -> Mask:
    """Return the tokens whose code lies at or below a concept by the structure of its system.

    A family counts when what all its codes share lies there. A vocabulary knows nothing of hierarchies that were
    loaded, so that concepts of other systems are refused.
    """
    loaded = [concept for concept in predicate.concepts if not has_structure(concept)]
    if loaded:
        raise _refused(
            task, f"what lies below {loaded[0]} of predicate {predicate.name} is told by a hierarchy that was loaded"
        )
    mask = np.zeros(len(vocabulary), dtype=bool)
    wanted = set(predicate.concepts)
    for token, text in _texts(vocabulary) if wanted else ():
        mask[token] = not wanted.isdisjoint(ancestors(concept_of(text.removesuffix("\0"))))
    return mask


def _regex_mask(task: Task, predicate: Plain, vocabulary: Vocabulary) -> Mask:
    """Return the tokens whose code holds the pattern.

    A family (`DIAGNOSIS//ICD//10//A04*`, what rare codes are read as) counts when the part that all its codes share
    holds the pattern, so that each of them does; a family of which some codes match and others do not never counts.
    """
    try:
        pattern = re.compile(predicate.regex or "")
    except re.error as error:
        raise _refused(task, f"the pattern of predicate {predicate.name} is not understood ({error})") from error
    mask = np.zeros(len(vocabulary), dtype=bool)
    for token, text in _texts(vocabulary):
        is_family = text.endswith("\0")
        shared = shared_beginning(f"{text[:-1]}*") + "\0" if is_family else text
        mask[token] = pattern.search(shared) is not None
    return mask


def _texts(vocabulary: Vocabulary) -> Iterator[tuple[int, str]]:
    """Yield each code token with its code, and each family with its common part and something that follows it."""
    for name, token in vocabulary.code_tokens.items():
        yield token, vocabulary.code_of(name)
    for family, token in vocabulary.family_tokens.items():
        yield token, family.removesuffix("*") + "\0"


def _refused(task: Task, why: str) -> ModelError:
    return ModelError(f"no futures can be generated for task {task.name}: {why}; use a supervised model")
