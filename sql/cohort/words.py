"""A task in words: what each rule says, and the tree of its windows."""

from collections.abc import Iterator
from datetime import timedelta

from ehr.tasks import (
    ANY_EVENT,
    RECORD_END,
    RECORD_START,
    TRIGGER,
    Has,
    Seek,
    Shift,
    Step,
    Task,
    Window,
)
from ehr.tasks.timespan import spell_timespan
from sql.cohort.plan import Exists, Matches, Plan, Rule
from sql.cohort.predicate_words import predicate_in_words
from sql.cohort.tree import Node


def rule_in_words(rule: Rule) -> str:
    """Say what a rule asks of a patient or of a row."""
    if isinstance(rule, Matches):
        return f"patient: {predicate_in_words(rule.predicate)}"
    if isinstance(rule, Exists):
        window = rule.node.name.rpartition(".")[0]
        return f"{window}: {_exists_in_words(rule.node)}"
    return f"{rule.window.name}: {_range_in_words(rule.has)} {window_in_words(rule.window)}"


def trigger_in_words(task: Task) -> str:
    """Say what makes a row."""
    return f"trigger: {_event(task.trigger)} at least once; each time gives a row"


def window_in_words(window: Window) -> str:
    """Say from when to when a window lasts.

    >>> from ehr.tasks import parse_task
    >>> task = parse_task('''
    ... trigger: _ANY_EVENT
    ... windows:
    ...   gap: {start: trigger, end: start + 36h, start_inclusive: false, end_inclusive: true}
    ... ''', "example")
    >>> window_in_words(task.windows[0])
    'after the trigger, until 1 day 12 hours later'
    """
    anchor = _step_in_words(window.to_anchor, _place(window.reference))
    bound = _step_in_words(window.to_bound, "" if window.anchor == "start" else anchor)
    first, last = (anchor, bound) if window.anchor == "start" else (bound, anchor)
    since = "from" if window.start_inclusive else "after"
    until = "until" if window.end_inclusive else "before"
    if window.is_point:
        return f"at {anchor}" if window.start_inclusive and window.end_inclusive else f"in no time at {anchor}"
    return f"{since} {first}, {until} {last}"


def draw(plan: Plan) -> str:
    """Draw the predicates of a plan and its tree of windows, a line each."""
    lines = ["predicates"]
    lines += [f"  {predicate_in_words(one)}" for one in (*plan.task.demographics, *plan.task.predicates)]
    lines += [f"trigger  {_event(plan.task.trigger)}", *_branches(plan, TRIGGER, "")]
    points = [window for window in plan.task.windows if window.is_point]
    lines += [f"{window.name}: {window_in_words(window)}{_marks(window)}" for window in points]
    return "\n".join(lines)


def _branches(plan: Plan, parent: str, indent: str) -> Iterator[str]:
    children = [node for node in plan.nodes if node.parent == parent]
    for node in children:
        is_last = node is children[-1]
        yield f"{indent}{'└─' if is_last else '├─'} {node.name}  {_node_in_words(plan, node)}"
        yield from _branches(plan, node.name, indent + ("   " if is_last else "│  "))


def _node_in_words(plan: Plan, node: Node) -> str:
    window = next((window for window in plan.task.windows if window.node == node.name), None)
    if window is None:
        return _step_in_words(node.step, _place(node.parent))
    return f"{window.name}: {window_in_words(window)}{_marks(window)}"


def _marks(window: Window) -> str:
    marks = [_range_in_words(has) for has in window.has]
    if window.index_timestamp:
        marks.append(f"prediction time at its {window.index_timestamp}")
    if window.label:
        marks.append(f"label {_event(window.label)}")
    return "".join(f"; {mark}" for mark in marks)


def _range_in_words(has: Has) -> str:
    name = _event(has.predicate)
    if has.maximum == 0:
        return f"no {name}"
    if has.maximum is None:
        return f"at least {has.minimum} {name}"
    if has.minimum is None:
        return f"at most {has.maximum} {name}"
    return f"exactly {has.minimum} {name}" if has.minimum == has.maximum else f"{has.minimum} to {has.maximum} {name}"


def _step_in_words(step: Step, origin: str) -> str:
    """Say where a step leads from `origin`; a forward step from the start of the window may leave it out."""
    forward = step.forward if isinstance(step, Seek) else step.offset > timedelta(0)
    behind = f" {'after' if forward else 'before'} {origin}" if origin else ""
    if isinstance(step, Shift):
        if not step.offset:
            return origin
        return spell_timespan(step.offset) + (behind or " later")
    if step.predicate in (RECORD_START, RECORD_END):
        return f"the {_event(step.predicate)}{behind}"
    return f"the {'next' if forward else 'last'} {_event(step.predicate)}{behind}"


def _exists_in_words(node: Node) -> str:
    """Say that the event to which a node is tied exists."""
    origin = _place(node.parent)
    if not isinstance(node.step, Seek) or node.step.predicate in (RECORD_START, RECORD_END):
        return f"the record {'begins before' if node.is_backward else 'goes on after'} {origin}"
    direction = "before" if node.is_backward else "after"
    return f"some {_event(node.step.predicate)} {direction if node.strict else f'at or {direction}'} {origin}"


def _place(node: str) -> str:
    window, _, side = node.rpartition(".")
    return f"the {side} of {window}" if window else "the trigger"


def _event(predicate: str) -> str:
    names = {ANY_EVENT: "event of any kind", RECORD_START: "begin of the record", RECORD_END: "end of the record"}
    return names.get(predicate, predicate)
