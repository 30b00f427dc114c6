"""What the text of a task gives away: prediction times, conditions and triggers that rest on what comes later.

No record is looked at. Every side of a window is placed as so far after the trigger, or after an event that another
side looked for; what cannot be placed so is left to the checks on the rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from ehr.tasks import (
    BUILT_IN,
    RECORD_END,
    TRIGGER,
    Has,
    Near,
    Plain,
    Seek,
    Shift,
    Step,
    Task,
    Window,
)
from ehr.tasks.timespan import spell_timespan
from models.leakage.findings import Finding, Result, Severity
from models.leakage.material import Material

RESULT: Final = timedelta(hours=1)
"""A prediction may be made so long before its trigger: of a result that is on its way, as in EHRSHOT."""
INPUT: Final = "input"
"""The window that task files of ACES call so."""


@dataclass(frozen=True, slots=True)
class _Point:
    """A side of a window: so far after its root, the trigger or an event that was sought from `origin`."""

    root: str
    offset: timedelta
    sought: tuple[Seek, ...] = ()
    origin: "_Point | None" = None


def check_definition(material: Material) -> Result:
    """Look whether the task lets the outcome, or what else comes later, decide when and for whom it predicts."""
    task = material.task
    if task is None:
        return Result("task", "not known: a label file has no windows")
    index, label = task.index_window, task.label_window
    if index is None or index.index_timestamp is None or label is None or label.label is None:
        return Result("task", "no label or no prediction time")
    at = _point(task, f"{index.name}.{index.index_timestamp}")
    reader = _Reader(material, task, label, at)
    found = (*reader.prediction_time(), *reader.conditions(), *reader.sought(), *reader.followed(), *reader.choices())
    findings = tuple(dict.fromkeys(found))
    seen = (
        f"{len(task.windows)} window{'s' if len(task.windows) > 1 else ''} around a prediction {_in_words(task, at)}"
    )
    return Result("task", seen, tuple(_finding(material, *one) for one in findings))


_Found = tuple[str, Severity, str]


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one task for what comes after its prediction time."""

    material: Material
    task: Task
    label: Window
    at: _Point

    def prediction_time(self) -> Iterator[_Found]:
        """Yield what is wrong with when the task predicts."""
        start = _point(self.task, f"{self.label.name}.start")
        for seek in self.at.sought:
            if seek.predicate == RECORD_END:
                yield "prediction-time-from-the-future", "fails", "the prediction is made at the end of the record"
            elif seek.forward and self._touches(seek.predicate):
                is_before = not _is_at_or_after(start, self.at)
                severity: Severity = "fails" if is_before else "warns"
                where = (
                    f"the prediction time waits for {seek.predicate}, which the label {self.label.label} is part of"
                )
                yield "prediction-time-from-outcome", severity, where
        if self.at.offset < timedelta(0):
            yield from self._counted_back()

    def _counted_back(self) -> Iterator[_Found]:
        root = self.task.trigger if self.at.root == TRIGGER else self.at.sought[-1].predicate
        if not self._is_ahead_of_root():
            return
        words = f"the prediction is made {spell_timespan(-self.at.offset)} before {root}"
        if root in BUILT_IN:
            yield "prediction-time-from-the-future", "fails" if root == RECORD_END else "warns", words
        elif self.label.label in self._closure(root):
            yield "prediction-time-from-outcome", "fails", f"{words}, which the label {self.label.label} is part of"
        elif -self.at.offset > RESULT:
            severity: Severity = "fails" if self._touches(root) else "warns"
            yield "prediction-time-from-the-future", severity, words

    def _is_ahead_of_root(self) -> bool:
        """Say whether the root lies after the prediction: the trigger does, an event sought backward does not."""
        return self.at.root == TRIGGER or self.at.sought[-1].forward

    def conditions(self) -> Iterator[_Found]:
        """Yield each 'has' on time after the prediction."""
        for window in self.task.windows:
            end = _point(self.task, f"{window.name}.end")
            if not _is_after(end, self.at):
                continue
            if window.name == INPUT and window is not self.label:
                yield (
                    "input-window-beyond-prediction",
                    "warns",
                    f"window {window.name} ends after the prediction time",
                )
            for has in window.has:
                if has.predicate in BUILT_IN and has.maximum is None:
                    continue
                yield "eligibility-looks-ahead", self._severity(window, has), _asked(window, has)

    def _severity(self, window: Window, has: Has) -> Severity:
        """Return fails for a condition on the outcome where the label counts it; a gap before only warns."""
        start = _point(self.task, f"{self.label.name}.start")
        end = _point(self.task, f"{window.name}.end")
        is_gap = window is not self.label and _is_at_or_after(start, end)
        return "fails" if self._touches(has.predicate) and not is_gap else "warns"

    def sought(self) -> Iterator[_Found]:
        """Yield each window beside that of the label that has to find the outcome after the prediction."""
        for window in self.task.windows:
            for step, side in ((window.to_anchor, window.anchor), (window.to_bound, window.bound)):
                if window is self.label or not isinstance(step, Seek) or not step.forward:
                    continue
                origin = _point(self.task, f"{window.name}.{side}").origin
                if origin and _is_at_or_after(origin, self.at) and self._touches(step.predicate):
                    words = f"window {window.name} has to find {step.predicate} after the prediction"
                    yield "eligibility-looks-ahead", "warns", words

    def followed(self) -> Iterator[_Found]:
        """Yield each 'followed' that decides on a row before its second event has to be there."""
        asked = {self.task.trigger: _point(self.task, TRIGGER)}
        for window in self.task.windows:
            end = _point(self.task, f"{window.name}.end")
            if not _is_after(end, self.at):
                asked |= {has.predicate: end for has in window.has}
        for name, until in asked.items():
            for near in self._near(name):
                known = _Point(until.root, until.offset + near.within)
                if until.root != self.at.root or known.offset > self.at.offset:
                    words = f"{near.name} of {name} may rest on {near.second} after the prediction"
                    yield "predicate-looks-ahead", "fails" if self._touches(near.second) else "warns", words

    def choices(self) -> Iterator[_Found]:
        """Yield what is wrong with which triggers are kept."""
        if self.task.selection.keep == "last":
            yield "last-trigger-kept", "warns", "the last trigger of each patient is kept"

    def _near(self, name: str) -> list[Near]:
        found = [self.task.predicate(one) for one in self._closure(name)]
        return [one for one in found if isinstance(one, Near) and one.after]

    def _closure(self, name: str) -> frozenset[str]:
        """Return a predicate and all that it rests on."""
        if name in BUILT_IN:
            return frozenset()
        return frozenset({name}).union(*(self._closure(one) for one in self.task.predicate(name).inputs))

    def _touches(self, name: str) -> bool:
        """Say whether a predicate and the label rest on some of the same events."""
        label = self._closure(self.label.label or "")
        found = self._closure(name)
        if label & found:
            return True
        plain = {one for one in found if isinstance(self.task.predicate(one), Plain)}
        codes = frozenset[str]().union(*(self.material.codes.get(one, frozenset()) for one in plain))
        return not codes.isdisjoint(self.material.label_codes)


def _finding(material: Material, code: str, severity: Severity, message: str) -> Finding:
    return Finding(code, severity, message, material.rows, material.subjects)


def _asked(window: Window, has: Has) -> str:
    return f"window {window.name} ends after the prediction time and asks for {has.predicate} {_bounds(has)}"


def _bounds(has: Has) -> str:
    """Return how often, in words.

    >>> [_bounds(Has("death", *pair)) for pair in ((None, 0), (1, None), (1, 3))]
    ['never', 'at least 1 times', '1 to 3 times']
    """
    if has.maximum == 0:
        return "never"
    if has.maximum is None:
        return f"at least {has.minimum} times"
    return f"{has.minimum or 0} to {has.maximum} times"


def _in_words(task: Task, at: _Point) -> str:
    root = task.trigger if at.root == TRIGGER else at.sought[-1].predicate
    if not at.offset:
        return f"at {root}"
    return f"{spell_timespan(abs(at.offset))} {'after' if at.offset > timedelta(0) else 'before'} {root}"


# ---- where sides lie ---------------------------------------------------------------------------------------------


def _point(task: Task, node: str) -> _Point:
    """Return where a side of a window, such as input.end, lies."""
    if node == TRIGGER:
        return _Point(TRIGGER, timedelta(0))
    name, _, side = node.rpartition(".")
    window = task.window(name)
    anchor = _moved(_point(task, window.reference), window.to_anchor, f"{name}.{window.anchor}")
    return anchor if side == window.anchor else _moved(anchor, window.to_bound, f"{name}.{window.bound}")


def _moved(origin: _Point, step: Step, node: str) -> _Point:
    if isinstance(step, Shift):
        return _Point(origin.root, origin.offset + step.offset, origin.sought, origin.origin)
    return _Point(node, timedelta(0), (*origin.sought, step), origin)


def _is_at_or_after(point: _Point, at: _Point) -> bool:
    """Say whether a point surely lies at or after another: a span after it, or sought forward from such a point."""
    if point.root == at.root:
        return point.offset >= at.offset
    forward = bool(point.sought) and point.sought[-1].forward and point.offset >= timedelta(0)
    return forward and point.origin is not None and _is_at_or_after(point.origin, at)


def _is_after(point: _Point, at: _Point) -> bool:
    if point.root == at.root:
        return point.offset > at.offset
    return _is_at_or_after(point, at)
