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
NOTHING: Final = Shift(timedelta(0))


@dataclass(frozen=True, slots=True)
class Span:
    """The time between two nodes, in the order of time, with what belongs to it at either edge."""

    first: str
    first_inclusive: bool
    last: str
    last_inclusive: bool


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

    `counted` names the predicates that windows count, in a fixed order, and `reads` at which nodes.
    """

    task: Task
    nodes: tuple[Node, ...]
    rules: tuple[Rule, ...]
    counted: tuple[str, ...]
    reads: Mapping[str, frozenset[str]]
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

    def counted_at(self, node: str) -> tuple[str, ...]:
        """Return the predicates of which running counts are read at a node, or at the trigger."""
        return tuple(name for name in self.counted if name in self.reads.get(node, ()))

    def built_in(self) -> frozenset[str]:
        """The built-in predicates that something uses."""
        return BUILT_IN & {self.task.trigger, *self.sought, *self.counted}

    def needs_every_moment(self) -> bool:
        """Whether moments without any event of interest matter.

        They do when any event counts, and when a predicate is true of some patients at all times.
        """
        static = {predicate.name for predicate in self.static}
        constant = any(one.operator == "or" and static & set(one.inputs) for one in self.derived)
        constant |= any(one.operator == "and" and static >= set(one.inputs) for one in self.derived)
        return constant or ANY_EVENT in self.built_in()


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
        reads=_reads(pairs),
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


def _reads(pairs: Iterable[tuple[str, Span]]) -> dict[str, frozenset[str]]:
    """Return which predicates are counted from or up to each node."""
    reads: dict[str, set[str]] = {}
    for name, span in pairs:
        for node in (span.first, span.last):
            reads.setdefault(node, set()).add(name)
    return {node: frozenset(names) for node, names in reads.items()}


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
