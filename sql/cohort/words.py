"""A task in words: what each rule says, and the tree of its windows."""

from collections.abc import Iterator
from datetime import timedelta

from ehr.tasks import (
    ANY_EVENT,
    RECORD_END,
    RECORD_START,
    TRIGGER,
    Endpoint,
    Has,
    Seek,
    Selection,
    Shift,
    Step,
    Task,
    Who,
    Window,
)
from ehr.tasks.timespan import spell_timespan
from ehr.tasks.who import spell_who
from sql.cohort.plan import Plan
from sql.cohort.predicate_words import predicate_in_words
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
    Rule,
    Sampled,
    WithoutCase,
)
from sql.cohort.tree import Node


def rule_in_words(rule: Rule) -> str:
    """Say what a rule asks of a patient or of a row."""
    if isinstance(rule, Matches):
        return f"patient: {predicate_in_words(rule.predicate)}"
    if isinstance(rule, Exists):
        window = rule.node.name.rpartition(".")[0]
        return f"{window}: {_exists_in_words(rule.node)}"
    if isinstance(rule, IsOfSex):
        return f"patient: {rule.sex}"
    if isinstance(rule, IsAged):
        return f"patient: {spell_who(Who(rule.minimum, rule.maximum)).removeprefix('patients ')} at the trigger"
    if isinstance(rule, IsFirst):
        return f"triggers: {_kept_in_words(rule.selection)} of each patient"
    if isinstance(rule, Clear):
        return f"triggers: no {_event(rule.predicate)} within {spell_timespan(rule.within)} before the trigger"
    if not isinstance(rule, Counts):
        return _choice_in_words(rule)
    return f"{rule.window.name}: {_range_in_words(rule.has)} {window_in_words(rule.window)}"


def _choice_in_words(rule: Choice) -> str:
    """Say which of the rows that are left stay."""
    if isinstance(rule, Kept):
        return f"triggers: {_kept_in_words(rule.selection)} that is left of each patient"
    if isinstance(rule, Sampled):
        rows, share = rule.selection.rows, rule.selection.share or 0
        drawn = f"{rows:,} rows" if rows is not None else f"{100 * share:.6g} % of the rows"
        return f"triggers: a sample of {drawn} (seed {rule.selection.seed})"
    if isinstance(rule, WithoutCase):
        return "controls: no row without the label of a patient who has it in another row"
    if isinstance(rule, OneControl):
        return f"controls: one row of each patient without the label (seed {rule.controls.seed})"
    on = " and ".join(trait.replace("_", " ") for trait in rule.controls.on)
    return f"controls: at most {rule.controls.ratio} for each row with the label{f', of the same {on}' if on else ''}"


def _kept_in_words(selection: Selection) -> str:
    drawn = f"one drawn trigger (seed {selection.seed})"
    return drawn if selection.keep == "random" else f"the {selection.keep} trigger"


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
    lines += [rule_in_words(rule) for rule in plan.rules if not isinstance(rule, Matches | Exists | Counts)]
    lines += [f"endpoint {one.name}: {endpoint_in_words(one)}" for one in plan.task.endpoints]
    return "\n".join(lines)


def endpoint_in_words(endpoint: Endpoint) -> str:
    """Say what an endpoint observes.

    >>> endpoint_in_words(Endpoint("e", "target", "k", "ordinal", take="max", unit="mmol/L"))
    'level of the highest value of k in target, in mmol/L'
    >>> endpoint_in_words(Endpoint("e", "target", "death", "time", competing="discharge"))
    'days until death in target, or until discharge if that comes first'
    """
    event = _event(endpoint.predicate)
    take = {"min": "lowest", "max": "highest"}.get(endpoint.take, endpoint.take)
    value = f"{take} value of {event} in {endpoint.window}{f', in {endpoint.unit}' if endpoint.unit else ''}"
    other = f", or until {_event(endpoint.competing)} if that comes first" if endpoint.competing else ""
    return {
        "boolean": f"whether there is {event} in {endpoint.window}",
        "count": f"how often there is {event} in {endpoint.window}",
        "value": value,
        "ordinal": f"level of the {value}",
        "time": f"days until {event} in {endpoint.window}{other}",
    }[endpoint.kind]


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
