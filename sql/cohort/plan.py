"""A task made ready for SQL: its windows as nodes, what is counted where, and the rules that drop rows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ehr.tasks import (
    ANY_EVENT,
    BUILT_IN,
    RECORD_END,
    RECORD_START,
    Composed,
    Derived,
    Has,
    Plain,
    Seek,
    Shift,
    Task,
    Window,
)
from sql.cohort.tree import BEGIN, Edge, Node, Reading, Span, Tree, lay_out, pruned

Compat = Literal["none", "aces"]


@dataclass(frozen=True, slots=True)
class Exists:
    """The rule that an event to which a bound is tied exists."""

    node: Node


@dataclass(frozen=True, slots=True)
class Counts:
    """The rule that the count of a predicate in a window, the sum of those in `spans`, lies in a range."""

    window: Window
    spans: tuple[Span, ...]
    has: Has


@dataclass(frozen=True, slots=True)
class Matches:
    """The rule that a patient has a fact without a time."""

    predicate: Plain


Rule = Matches | Exists | Counts


@dataclass(frozen=True, slots=True)
class Plan:
    """What SQL is made from; `nodes` come parents first, and are those that something needs.

    `counted` names the predicates that windows count, in a fixed order, and `readings` where each is read. Nothing
    is counted before the nodes `begins`. The label is a predicate and the spans in which it is counted.
    """

    task: Task
    nodes: tuple[Node, ...]
    rules: tuple[Rule, ...]
    counted: tuple[str, ...]
    readings: Mapping[str, frozenset[Reading]]
    begins: frozenset[str]
    label: tuple[str, tuple[Span, ...]] | None
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
    def composed(self) -> tuple[Composed, ...]:
        """The predicates that rest on others, inputs first."""
        return tuple(p for p in self.task.predicates if not isinstance(p, Plain))

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
        derived = [predicate for predicate in self.composed if isinstance(predicate, Derived)]
        for one in derived:
            inputs = [source in constant for source in one.inputs]
            if {"or": any(inputs), "and": all(inputs), "unless": inputs[0]}[one.operator]:
                constant.add(one.name)
        return any(one.name in constant for one in derived)


def plan_task(task: Task, *, wide: bool = False, compat: Compat = "none", one_moment: bool = False) -> Plan:
    """Lay the windows of `task` out as nodes and rules; a `wide` plan counts every predicate in every node.

    With `compat="aces"` the plan does what es-aces 0.7.3 does where that is hardly meant: criteria on a window
    without extent are ignored, and a window written backward by a span of time has its index times exchanged. With
    `one_moment` its counts are those of data with a single moment (sql.cohort.tree).
    """
    tree = lay_out(task.windows, one_moment=one_moment)
    static = [Matches(p) for p in (*task.demographics, *task.predicates) if isinstance(p, Plain) and p.static]
    rules: list[Rule] = [*static, *_window_rules(task.windows, tree, compat)]
    target = task.label_window
    label = (target.label, tree.counted(target)) if target and target.label else None
    index = _index_node(task, tree, compat)
    counted = _counted(task, wide)
    pairs = [(rule.has.predicate, rule.spans) for rule in rules if isinstance(rule, Counts)]
    pairs += [label] if label else []
    pairs += [(name, node.counted) for node in tree.nodes.values() for name in counted] if wide else []
    begins = frozenset(node.name for node in tree.nodes.values() if node.step == BEGIN)
    readings = _readings(counted, pairs, begins)
    read = {reading.node for found in readings.values() for reading in found}
    return Plan(
        task=task,
        nodes=pruned(tree.nodes.values(), tree.nodes if wide else read | ({index} if index else set())),
        rules=tuple(rules),
        counted=counted,
        readings=readings,
        begins=begins,
        label=label,
        index=index,
    )


def _window_rules(windows: Sequence[Window], tree: Tree, compat: Compat) -> Iterator[Rule]:
    """Yield the rules in the order in which the nodes are reached; those of a window follow its last node."""
    points = [window for window in windows if window.is_point and compat == "none"]
    for node in tree.nodes.values():
        if not node.is_certain:
            yield Exists(node)
        for window in windows:
            if window.node == node.name:
                yield from (Counts(window, node.counted, has) for has in window.has)
    for window in points:
        yield from (Counts(window, tree.counted(window), has) for has in window.has)


def _readings(
    counted: Sequence[str], pairs: Iterable[tuple[str, tuple[Span, ...]]], begins: frozenset[str]
) -> dict[str, frozenset[Reading]]:
    """Return where the running count of each predicate is read to count it in spans; it is 0 before the record."""
    readings: dict[str, set[Reading]] = {name: set() for name in counted}
    for name, spans in pairs:
        for span in spans:
            if not span.is_empty:
                readings[name] |= {span.until, span.since}
    return {
        name: frozenset(one for one in found if one.node not in begins or one.edge != "before")
        for name, found in readings.items()
    }


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


def _index_node(task: Task, tree: Tree, compat: Compat) -> str | None:
    window = task.index_window
    if window is None:
        return None
    side = window.index_timestamp
    node = tree.nodes[window.node]
    if compat == "aces" and node.is_backward and isinstance(node.step, Shift):
        side = "start" if side == "end" else "end"
    return tree.places[f"{window.name}.{side}"]
