"""A task made ready for SQL: its windows as nodes, what is counted where, and the rules that drop rows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from ehr.tasks import (
    ANY_EVENT,
    BUILT_IN,
    RECORD_END,
    RECORD_START,
    TRIGGER,
    Derived,
    Has,
    Plain,
    Seek,
    Shift,
    Step,
    Task,
    Window,
)

Compat = Literal["none", "aces"]
Edge = Literal["before", "through"]
NOTHING: Final = Shift(timedelta(0))


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

    A `strict` step finds no event at the very time of the parent. `is_backward` is a step against time.
    """

    name: str
    parent: str
    step: Step
    strict: bool
    span: Span

    @property
    def is_backward(self) -> bool:
        """Whether the step leads to an earlier time."""
        return self.step.offset < timedelta(0) if isinstance(self.step, Shift) else not self.step.forward


@dataclass(frozen=True, slots=True)
class Exists:
    """The rule that an event to which a bound is tied exists."""

    node: Node


@dataclass(frozen=True, slots=True)
class Counts:
    """The rule that the count of a predicate in a window lies in a range."""

    window: Window
    span: Span
    has: Has


@dataclass(frozen=True, slots=True)
class Matches:
    """The rule that a patient has a fact without a time."""

    predicate: Plain


Rule = Matches | Exists | Counts


@dataclass(frozen=True, slots=True)
class Plan:
    """What SQL is made from; `nodes` come parents first.

    `counted` names the predicates that windows count, in a fixed order, and `readings` where each is read.
    """

    task: Task
    nodes: tuple[Node, ...]
    rules: tuple[Rule, ...]
    counted: tuple[str, ...]
    readings: Mapping[str, frozenset[Reading]]
    label: tuple[str, Span] | None
    index: str | None

    @property
    def plain(self) -> tuple[Plain, ...]:
        """The plain predicates on facts with a time."""
        return tuple(p for p in self.task.predicates if isinstance(p, Plain) and not p.static)

    @property
    def static(self) -> tuple[Plain, ...]:
        """The predicates that filter patients: the demographics, and static predicates that something uses."""
        return (*self.task.demographics, *(p for p in self.task.predicates if isinstance(p, Plain) and p.static))

    @property
    def derived(self) -> tuple[Derived, ...]:
        """The derived predicates, inputs first."""
        return tuple(p for p in self.task.predicates if isinstance(p, Derived))

    @property
    def sought(self) -> frozenset[str]:
        """The predicates that nodes look for."""
        return frozenset(node.step.predicate for node in self.nodes if isinstance(node.step, Seek))

    def read_at(self, node: str) -> list[tuple[str, Edge]]:
        """Return which running counts are read at a node, or at the trigger."""
        edges: tuple[Edge, Edge] = ("before", "through")
        return [(name, edge) for name in self.counted for edge in edges if Reading(node, edge) in self.readings[name]]

    def built_in(self) -> frozenset[str]:
        """The built-in predicates that something uses."""
        return BUILT_IN & {self.task.trigger, *self.sought, *self.counted}

    def has_constant(self) -> bool:
        """Whether a derived predicate is true of whoever is in the cohort, at all times."""
        constant = {predicate.name for predicate in self.static}
        for one in self.derived:
            inputs = [source in constant for source in one.inputs]
            if {"or": any(inputs), "and": all(inputs), "unless": inputs[0]}[one.operator]:
                constant.add(one.name)
        return any(one.name in constant for one in self.derived)


def plan_task(task: Task, *, wide: bool = False, compat: Compat = "none") -> Plan:
    """Lay the windows of `task` out as nodes; a `wide` plan counts every predicate in every node.

    With `compat="aces"` the plan does what es-aces 0.7.3 does where that is hardly meant: criteria on a window
    without extent are ignored, and a window written backward by a span of time has its index times exchanged.
    """
    nodes: dict[str, Node] = {}
    places = {TRIGGER: TRIGGER}
    waiting = list(task.windows)
    while waiting:
        window = next(window for window in waiting if window.reference in places)
        waiting.remove(window)
        for node in _place(window, places):
            nodes[node.name] = node
    static = [Matches(p) for p in (*task.demographics, *task.predicates) if isinstance(p, Plain) and p.static]
    rules: list[Rule] = [*static, *_window_rules(task.windows, nodes, places, compat)]
    target = task.label_window
    label = (target.label, nodes[target.node].span) if target and target.label else None
    counted = _counted(task, wide)
    pairs = [(rule.has.predicate, rule.span) for rule in rules if isinstance(rule, Counts)]
    pairs += [label] if label else []
    pairs += [(name, node.span) for node in nodes.values() for name in counted] if wide else []
    return Plan(
        task=task,
        nodes=tuple(nodes.values()),
        rules=tuple(rules),
        counted=counted,
        readings=_readings(counted, pairs),
        label=label,
        index=_index_node(task, nodes, places, compat),
    )


def _place(window: Window, places: dict[str, str]) -> Iterator[Node]:
    """Yield the nodes of a window and note where both its sides lie; a step of zero adds no node."""
    parent = places[window.reference]
    anchor = f"{window.name}.{window.anchor}"
    places[anchor] = parent
    if window.to_anchor != NOTHING:
        step = window.to_anchor
        backward = step.offset < timedelta(0) if isinstance(step, Shift) else not step.forward
        span = Span(anchor, False, parent, False) if backward else Span(parent, False, anchor, False)
        places[anchor] = anchor
        yield Node(anchor, parent, step, True, span)
    places[window.node] = places[anchor]
    if window.to_bound != NOTHING:
        places[window.node] = window.node
        yield Node(
            window.node, places[anchor], window.to_bound, not window.bound_inclusive, window_span(window, places)
        )


def window_span(window: Window, places: Mapping[str, str]) -> Span:
    """Return the span of a window whose two sides lie at `places`."""
    start, end = places[f"{window.name}.start"], places[f"{window.name}.end"]
    return Span(start, window.start_inclusive, end, window.end_inclusive)


def _window_rules(
    windows: Sequence[Window], nodes: Mapping[str, Node], places: Mapping[str, str], compat: Compat
) -> Iterator[Rule]:
    """Yield the rules in the order in which the nodes are reached; those of a window follow its last node."""
    points = [window for window in windows if window.is_point and compat == "none"]
    for node in nodes.values():
        if isinstance(node.step, Seek):
            yield Exists(node)
        for window in windows:
            if window.node == node.name:
                yield from (Counts(window, node.span, has) for has in window.has)
    for window in points:
        yield from (Counts(window, window_span(window, places), has) for has in window.has)


def _readings(counted: Sequence[str], pairs: Iterable[tuple[str, Span]]) -> dict[str, frozenset[Reading]]:
    """Return where the running count of each predicate is read to count it in spans."""
    readings: dict[str, set[Reading]] = {name: set() for name in counted}
    for name, span in pairs:
        if not span.is_empty:
            readings[name] |= {span.since, span.until}
    return {name: frozenset(found) for name, found in readings.items()}


def _counted(task: Task, wide: bool) -> tuple[str, ...]:
    names = {has.predicate for window in task.windows for has in window.has}
    names |= {window.label for window in task.windows if window.label}
    if wide:
        names |= {p.name for p in task.predicates if not (isinstance(p, Plain) and p.static)}
        steps = [step for window in task.windows for step in (window.to_anchor, window.to_bound)]
        sought = {step.predicate for step in steps if isinstance(step, Seek)}
        names |= BUILT_IN & {task.trigger} | {ANY_EVENT} & sought
    order = [*(predicate.name for predicate in task.predicates), ANY_EVENT, RECORD_START, RECORD_END]
    return tuple(name for name in order if name in names)


def _index_node(task: Task, nodes: Mapping[str, Node], places: Mapping[str, str], compat: Compat) -> str | None:
    window = task.index_window
    if window is None:
        return None
    side = window.index_timestamp
    node = nodes[window.node]
    if compat == "aces" and node.is_backward and isinstance(node.step, Shift):
        side = "start" if side == "end" else "end"
    return places[f"{window.name}.{side}"]
