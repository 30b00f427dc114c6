"""The windows of a task as a tree of nodes: how each side is reached, and which time lies between two of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, Literal

from ehr.tasks import RECORD_END, RECORD_START, TRIGGER, Seek, Shift, Step, Window

Edge = Literal["before", "through"]
NOTHING: Final = Shift(timedelta(0))
BEGIN: Final = Seek(RECORD_START, forward=False)
END: Final = Seek(RECORD_END, forward=True)


@dataclass(frozen=True, slots=True)
class Span:
    """The time between two nodes, in the order of time, with what belongs to it at either edge."""

    first: str
    first_inclusive: bool
    last: str
    last_inclusive: bool

    @property
    def is_empty(self) -> bool:
        """Whether no time can lie in it: a moment that does not belong to itself."""
        return self.first == self.last and not (self.first_inclusive and self.last_inclusive)

    @property
    def since(self) -> "Reading":
        """Where a running count is read that does not belong to the span any more."""
        return Reading(self.first, "before" if self.first_inclusive else "through")

    @property
    def until(self) -> "Reading":
        """Where a running count is read that holds all of the span."""
        return Reading(self.last, "through" if self.last_inclusive else "before")


@dataclass(frozen=True, slots=True)
class Reading:
    """A running count from the begin of the record: before a node, or through it, its own moment included."""

    node: str
    edge: Edge


@dataclass(frozen=True, slots=True)
class Node:
    """One end of a window: reached from `parent` by a step, it closes a span in which predicates can be counted.

    A `strict` step finds no event at the very time of the parent. `is_backward` is a step against time. A count of
    the window is the sum of those in the spans `counted`: `span` itself, but for an oddity of ACES. The event that an
    `is_certain` step seeks is always there.
    """

    name: str
    parent: str
    step: Step
    strict: bool
    span: Span
    counted: tuple[Span, ...]
    is_certain: bool

    @property
    def is_backward(self) -> bool:
        """Whether the step leads to an earlier time."""
        return self.step.offset < timedelta(0) if isinstance(self.step, Shift) else not self.step.forward


@dataclass(frozen=True, slots=True)
class Tree:
    """The nodes of a task, parents first, and at which of them (or at the trigger) each side of a window lies."""

    nodes: Mapping[str, Node]
    places: Mapping[str, str]

    def span(self, window: Window) -> Span:
        """Return the span of a window."""
        return _span(window, self.places)

    def counted(self, window: Window) -> tuple[Span, ...]:
        """Return the spans in which the events of a window are counted."""
        return self.nodes[window.node].counted if window.node in self.nodes else (self.span(window),)


def lay_out(windows: Sequence[Window], *, one_moment: bool = False) -> Tree:
    """Lay windows out as nodes; a step of zero adds none.

    With `one_moment`, counts are those of ACES for data that hold a single moment: of a window written backward by a
    span of time it counts the two ends, each under the flag of the side that it stands for in the file, and nothing
    between; and what an event ends that is looked for from a time before the trigger is counted once more when the
    window includes its start.
    """
    places = {TRIGGER: TRIGGER}
    nodes: dict[str, Node] = {}
    known = {TRIGGER: _Known(at_or_before=True, at_or_after=True)}
    waiting = list(windows)
    while waiting:
        window = next(window for window in waiting if window.reference in places)
        waiting.remove(window)
        for node in _place(window, places):
            origin = known[node.parent]
            known[node.name] = _reached(origin, node)
            nodes[node.name] = replace(node, is_certain=_is_certain(origin, node))
            if one_moment:
                nodes[node.name] = replace(nodes[node.name], counted=tuple(_in_one_moment(node, nodes)))
    return Tree(nodes, places)


def pruned(nodes: Iterable[Node], needed: Iterable[str]) -> tuple[Node, ...]:
    """Return the nodes that something needs: by name, because its event may not be there, or to reach another one."""
    needed = set(needed)
    kept: list[Node] = []
    for node in reversed(list(nodes)):
        if node.name in needed or not node.is_certain:
            kept.append(node)
            needed.add(node.parent)
    return tuple(reversed(kept))


def _place(window: Window, places: dict[str, str]) -> Iterator[Node]:
    """Yield the nodes of a window and note where both its sides lie."""
    parent = places[window.reference]
    anchor = f"{window.name}.{window.anchor}"
    places[anchor] = parent
    if window.to_anchor != NOTHING:
        step = window.to_anchor
        backward = step.offset < timedelta(0) if isinstance(step, Shift) else not step.forward
        span = Span(anchor, False, parent, False) if backward else Span(parent, False, anchor, False)
        places[anchor] = anchor
        yield Node(anchor, parent, step, True, span, (span,), False)
    places[window.node] = places[anchor]
    if window.to_bound != NOTHING:
        places[window.node] = window.node
        span = _span(window, places)
        strict = not window.bound_inclusive
        yield Node(window.node, places[anchor], window.to_bound, strict, span, (span,), False)


def _span(window: Window, places: Mapping[str, str]) -> Span:
    start, end = places[f"{window.name}.start"], places[f"{window.name}.end"]
    return Span(start, window.start_inclusive, end, window.end_inclusive)


# ---- which events are sure to be there ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Known:
    """Whether some event of the subject is sure to lie at or before a node, before it, at or after it, after it."""

    at_or_before: bool = False
    before: bool = False
    at_or_after: bool = False
    after: bool = False


def _reached(origin: _Known, node: Node) -> _Known:
    if isinstance(node.step, Shift):
        earlier, later = (False, origin.at_or_after) if node.is_backward else (origin.at_or_before, False)
        return _Known(earlier, earlier, later, later)
    before = node.step.forward and (origin.before or (node.strict and origin.at_or_before))
    after = not node.step.forward and (origin.after or (node.strict and origin.at_or_after))
    return _Known(at_or_before=True, before=before, at_or_after=True, after=after)


def _is_certain(origin: _Known, node: Node) -> bool:
    """Say whether a step leads somewhere in any case: a span of time, or an edge of the record that lies ahead."""
    if node.step == BEGIN:
        return origin.before or (origin.at_or_before and not node.strict)
    if node.step == END:
        return origin.after or (origin.at_or_after and not node.strict)
    return isinstance(node.step, Shift)


# ---- an oddity of ACES -------------------------------------------------------------------------------------------


def _in_one_moment(node: Node, nodes: Mapping[str, Node]) -> Iterator[Span]:
    span = node.span
    if isinstance(node.step, Shift) and node.is_backward:
        # The start of such a window is its later time to ACES.
        if span.first_inclusive:
            yield _moment(span.last)
        if span.last_inclusive:
            yield _moment(span.first)
        return
    yield span
    if isinstance(node.step, Seek) and node.step.forward and span.first_inclusive:
        root, offset = node.parent, timedelta(0)
        while root in nodes and isinstance(step := nodes[root].step, Shift):
            root, offset = nodes[root].parent, offset + step.offset
        if offset < timedelta(0):
            yield _moment(root)


def _moment(node: str) -> Span:
    return Span(node, True, node, True)
