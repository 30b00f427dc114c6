"""A task made ready for SQL: its windows as nodes, what is counted where, and the rules that drop rows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from ehr.tasks import (
    ANY_EVENT,
    BUILT_IN,
    RECORD_END,
    RECORD_START,
    TRIGGER,
    Composed,
    Derived,
    Endpoint,
    Plain,
    Seek,
    Shift,
    Task,
    Window,
)
from sql.cohort.rules import (
    Choice,
    Clear,
    Counts,
    Exists,
    IsAged,
    IsFirst,
    IsOfSex,
    Kept,
    Matches,
    OneControl,
    Paired,
    Rule,
    Sampled,
    WithoutCase,
)
from sql.cohort.tree import BEGIN, Edge, Node, Reading, Span, Tree, lay_out, pruned

Compat = Literal["none", "aces"]

LOST_AT: Final = "lost_at"
"""Column of the result: the number of the first rule that the row breaks, or null."""
WASHOUT: Final = "washout"
"""Name of the node so long before the trigger as nothing must have happened; those of windows hold a dot."""
COUNTED: Final = ("boolean", "count")
"""Kinds of endpoints that are counts of a window; the others look for moments or values in it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What SQL is made from; `nodes` come parents first, and are those that something needs.

    `counted` names the predicates that windows count, in a fixed order, and `readings` where each is read. Nothing
    is counted before the nodes `begins`. The label is a predicate and the spans in which it is counted. `helpers` are
    nodes that belong to no window. `observed` are the endpoints, each with the spans of its window.
    """

    task: Task
    nodes: tuple[Node, ...]
    rules: tuple[Rule, ...]
    counted: tuple[str, ...]
    readings: Mapping[str, frozenset[Reading]]
    begins: frozenset[str]
    label: tuple[str, tuple[Span, ...]] | None
    index: str | None
    helpers: tuple[Node, ...] = ()
    observed: tuple[tuple[Endpoint, tuple[Span, ...]], ...] = ()

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
        """The predicates that nodes and endpoints look for."""
        nodes = {node.step.predicate for node in self.nodes if isinstance(node.step, Seek)}
        timed = [endpoint for endpoint, _spans in self.observed if endpoint.kind == "time"]
        return frozenset(nodes.union(*({one.predicate, one.competing or one.predicate} for one in timed)))

    @property
    def needs_people(self) -> bool:
        """Whether a rule looks at the birth or the sex of the patient."""
        traits = self.task.controls.on if self.task.controls else ()
        return self.task.who is not None or "age" in traits or "sex" in traits

    @property
    def choices(self) -> tuple[tuple[int, Choice], ...]:
        """The rules on a row among others, with their numbers."""
        return tuple((number, one) for number, one in enumerate(self.rules, start=1) if isinstance(one, Choice))

    def lost_before(self, number: int) -> str:
        """Return the column that tells which rows are lost before the rule of that number among the choices."""
        before = [other for other, _rule in self.choices if other < number]
        return f"{LOST_AT}_{before[-1]}" if before else LOST_AT

    @property
    def lost_at(self) -> str:
        """The column that tells which rows are lost at all."""
        return self.lost_before(len(self.rules) + 1)

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


def looks_at_others(task: Task) -> bool:
    """Say whether it depends on other patients whether a trigger is in."""
    return task.controls is not None or task.selection.rows is not None or task.selection.share is not None


def plan_task(task: Task, *, wide: bool = False, compat: Compat = "none", one_moment: bool = False) -> Plan:
    """Lay the windows of `task` out as nodes and rules; a `wide` plan counts every predicate in every node.

    With `compat="aces"` the plan does what es-aces 0.7.3 does where that is hardly meant: criteria on a window
    without extent are ignored, and a window written backward by a span of time has its index times exchanged. With
    `one_moment` its counts are those of data with a single moment (sql.cohort.tree).
    """
    tree = lay_out(task.windows, one_moment=one_moment)
    washout = tuple(_washout(task))
    rules = (*_patient_rules(task, washout), *_window_rules(task.windows, tree, compat), *_choices(task))
    target = task.label_window
    label = (target.label, tree.counted(target)) if target and target.label else None
    observed = tuple(_observed(task, tree))
    index = _index_node(task, tree, compat)
    counted = _counted(task, wide)
    pairs = [(rule.has.predicate, rule.spans) for rule in rules if isinstance(rule, Counts)]
    pairs += [(rule.predicate, (rule.span,)) for rule in rules if isinstance(rule, Clear)]
    pairs += [label] if label else []
    pairs += [(one.predicate, spans) for one, spans in observed if one.kind in COUNTED]
    pairs += [(name, node.counted) for node in tree.nodes.values() for name in counted] if wide else []
    begins = frozenset(node.name for node in tree.nodes.values() if node.step == BEGIN)
    readings = _readings(counted, pairs, begins)
    needed = {reading.node for found in readings.values() for reading in found} | ({index} if index else set())
    edges = [tree.span(task.window(one.window)) for one in task.endpoints if one.kind not in COUNTED]
    needed |= {node for span in edges for node in (span.first, span.last)}
    return Plan(
        task=task,
        nodes=pruned(tree.nodes.values(), tree.nodes if wide else needed),
        rules=rules,
        counted=counted,
        readings=readings,
        begins=begins,
        label=label,
        index=index,
        helpers=washout,
        observed=observed,
    )


def _observed(task: Task, tree: Tree) -> Iterator[tuple[Endpoint, tuple[Span, ...]]]:
    """Yield the endpoints with the spans in which they are counted, or else with that of the window."""
    for endpoint in task.endpoints:
        window = task.window(endpoint.window)
        yield endpoint, tree.counted(window) if endpoint.kind in COUNTED else (tree.span(window),)


def _washout(task: Task) -> Iterator[Node]:
    """Yield the node so long before the trigger as nothing must have happened."""
    if task.selection.washout is not None:
        span = Span(WASHOUT, True, TRIGGER, False)
        yield Node(WASHOUT, TRIGGER, Shift(-task.selection.washout), True, span, (span,), True)


def _patient_rules(task: Task, washout: Sequence[Node]) -> Iterator[Rule]:
    """Yield the rules on the patient and on the trigger."""
    selection, who = task.selection, task.who
    if selection.keep != "all" and not selection.eligible:
        yield IsFirst(selection)
    yield from (Matches(p) for p in (*task.demographics, *task.predicates) if isinstance(p, Plain) and p.static)
    if who is not None and who.sex is not None:
        yield IsOfSex(who.sex)
    if who is not None and (who.minimum_age is not None or who.maximum_age is not None):
        yield IsAged(who.minimum_age, who.maximum_age)
    if selection.washout is not None:
        yield from (Clear(_washed_out(task), selection.washout, node.span) for node in washout)


def _washed_out(task: Task) -> str:
    return task.selection.washed_out or task.trigger


def _choices(task: Task) -> Iterator[Rule]:
    """Yield the rules on a row among others, which come last."""
    selection, controls = task.selection, task.controls
    if selection.keep != "all" and selection.eligible:
        yield Kept(selection)
    if selection.rows is not None or selection.share is not None:
        yield Sampled(selection)
    if controls is not None:
        yield WithoutCase()
        yield OneControl(controls)
        yield Paired(controls)


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
    names |= {endpoint.predicate for endpoint in task.endpoints if endpoint.kind in COUNTED}
    names |= {_washed_out(task)} if task.selection.washout is not None else set()
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
