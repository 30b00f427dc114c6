"""A slow, plain reading of how a task chooses its rows and what it observes of them, to compare the query with.

Written from the definitions in `ehr.tasks.language` alone.
"""

import hashlib
import math
import re
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from ehr.tasks import Endpoint, Selection, Task
from tests.sql.cohort_reference import Event, Subject, reference_rows

Row = dict[str, Any]


def matches(pattern: str, code: str) -> bool:
    return re.search(pattern, code) is not None


def chosen_rows(task: Task, events: Sequence[Event]) -> list[Row]:
    """Return the rows with label, endpoints and, where there are controls, match_id and is_case."""
    people = {number: [event for event in events if event.subject_id == number] for number in range(1, 9)}
    rows = [
        row
        for row in reference_rows(task, events, matches)
        if _is_about(task, row, people[row["subject_id"]]) and _is_clear(task, row, people[row["subject_id"]])
    ]
    selection = task.selection
    if selection.keep != "all":
        if not selection.eligible:
            every = [
                {"subject_id": number, "trigger": moment}
                for number, own in people.items()
                for moment in _moments(task, own)
                if Subject(task, own, matches).count_at(task.trigger, moment)
            ]
            kept = {(row["subject_id"], row["trigger"]) for row in _kept(selection, every)}
            rows = [row for row in rows if (row["subject_id"], row["trigger"]) in kept]
        else:
            rows = _kept(selection, rows)
    rows = _sample(selection, rows)
    rows = _matched(task, rows, people) if task.controls else rows
    for row in rows:
        for endpoint in task.endpoints:
            row.update(_observed(task, endpoint, row, people[row["subject_id"]]))
    return rows


def chance(seed: int, row: Row) -> str:
    return hashlib.md5(f"{seed}/{row['subject_id']}/{row['trigger']:%Y-%m-%d %H:%M:%S.%f}".encode()).hexdigest()


def age(birth: date, at: date) -> int:
    """Return completed years; whoever was born on a day that the year lacks is a year older a day before 1 March."""
    try:
        birthday = birth.replace(year=at.year)
    except ValueError:
        birthday = date(at.year, 2, 28)
    return at.year - birth.year - (at < birthday)


def _moments(task: Task, events: Sequence[Event]) -> list[datetime]:
    return Subject(task, events, matches).moments


def _birth(events: Sequence[Event]) -> datetime | None:
    return min((event.time for event in events if event.code == "MEDS_BIRTH" and event.time), default=None)


def _sex(events: Sequence[Event]) -> str | None:
    sexes = {"GENDER//F": "female", "GENDER//M": "male"}
    return min((sexes[event.code] for event in events if event.code in sexes), default=None)


def _is_about(task: Task, row: Row, events: Sequence[Event]) -> bool:
    who = task.who
    if who is None:
        return True
    if who.sex is not None and _sex(events) != who.sex:
        return False
    if who.minimum_age is None and who.maximum_age is None:
        return True
    birth = _birth(events)
    if birth is None:
        return False
    years = age(birth.date(), row["trigger"].date())
    return (who.minimum_age or 0) <= years <= (math.inf if who.maximum_age is None else who.maximum_age)


def _is_clear(task: Task, row: Row, events: Sequence[Event]) -> bool:
    span = task.selection.washout
    if span is None:
        return True
    subject = Subject(task, events, matches)
    name = task.selection.washed_out or task.trigger
    before = [moment for moment in subject.moments if row["trigger"] - span <= moment < row["trigger"]]
    return not any(subject.count_at(name, moment) for moment in before)


def _kept(selection: Selection, rows: list[Row]) -> list[Row]:
    kept: dict[int, Row] = {}
    for row in rows:
        best = kept.setdefault(row["subject_id"], row)
        is_better = {
            "first": row["trigger"] < best["trigger"],
            "last": row["trigger"] > best["trigger"],
            "random": chance(selection.seed, row) < chance(selection.seed, best),
        }[selection.keep]
        kept[row["subject_id"]] = row if is_better else best
    return list(kept.values())


def _sample(selection: Selection, rows: list[Row]) -> list[Row]:
    if selection.rows is None and selection.share is None:
        return rows
    wanted = selection.rows if selection.rows is not None else math.floor((selection.share or 0) * len(rows) + 0.5)
    return sorted(rows, key=lambda row: chance(selection.seed, row))[:wanted]


def _matched(task: Task, rows: list[Row], people: dict[int, list[Event]]) -> list[Row]:
    controls = task.controls
    assert controls is not None

    def stratum(row: Row) -> tuple[Any, ...]:
        own, birth = people[row["subject_id"]], _birth(people[row["subject_id"]])
        traits = {
            "age": birth and age(birth.date(), row["trigger"].date()) // controls.age_band,
            "sex": _sex(own),
            "index_year": row.get("index_timestamp", row["trigger"]).year,
        }
        return tuple(traits[name] for name in controls.on)

    cases = sorted((row for row in rows if row["label"]), key=lambda row: chance(controls.seed, row))
    sick = {row["subject_id"] for row in cases}
    healthy = [row for row in rows if row["subject_id"] not in sick]
    healthy = sorted(healthy, key=lambda row: chance(controls.seed, row))
    drawn = list({row["subject_id"]: row for row in reversed(healthy)}.values())
    drawn = sorted(drawn, key=lambda row: chance(controls.seed, row))
    found = []
    for case in cases:
        place = stratum(case)
        case["match"] = (place, sum(stratum(other) == place for other in cases[: cases.index(case)]))
        found.append(case)
    n_cases = Counter(stratum(case) for case in cases)
    taken: Counter[tuple[Any, ...]] = Counter()
    for control in drawn:
        place = stratum(control)
        slot = taken[place] // controls.ratio
        taken[place] += 1
        if None not in place and slot < n_cases[place]:
            control["match"] = (place, slot)
            found.append(control)
    return found


def _observed(task: Task, endpoint: Endpoint, row: Row, events: Sequence[Event]) -> Row:
    subject, window = Subject(task, events, matches), task.window(endpoint.window)
    start, end = row[endpoint.window]
    if endpoint.kind in ("boolean", "count"):
        count = subject.count_in(window, endpoint.predicate, start, end)
        return {endpoint.name: count > 0 if endpoint.kind == "boolean" else count}
    inside = [
        moment
        for moment in subject.moments
        if (moment > start or (window.start_inclusive and moment == start))
        and (moment < end or (window.end_inclusive and moment == end))
    ]
    if endpoint.kind == "time":
        found = [next((m for m in inside if subject.count_at(name, m)), None) for name in _causes(endpoint)]
        known = [moment for moment in found if moment is not None]
        until = min(known) if known else min(end, subject.moments[-1])
        cause = found.index(until) + 1 if known else 0
        days = (until - row["index_timestamp"]) / timedelta(days=1)
        return {endpoint.name: days, f"{endpoint.name}_event": cause}
    predicate = task.predicate(endpoint.predicate)
    rows = [e for e in subject.timed if e.time in inside and subject.matches(predicate, e)]  # type: ignore[arg-type]
    values = [
        (e.time, e.numeric_value) for e in rows if e.numeric_value is not None and e.numeric_value == e.numeric_value
    ]
    return {endpoint.name: _taken(endpoint, values)}


def _causes(endpoint: Endpoint) -> list[str]:
    return [endpoint.predicate, *([endpoint.competing] if endpoint.competing else [])]


def _taken(endpoint: Endpoint, values: list[tuple[Any, float]]) -> Any:
    if not values:
        return None
    edge = {"first": min, "last": max}.get(endpoint.take)
    numbers = [value for time, value in values if edge is None or time == edge(at for at, _value in values)]
    value = {"max": max, "mean": lambda them: sum(them) / len(them)}.get(endpoint.take, min)(numbers)
    if endpoint.kind == "value":
        return value
    for number, level in enumerate(endpoint.levels):
        low, high = level.value.minimum, level.value.maximum
        above = low is None or value > low or (level.value.minimum_inclusive and value == low)
        below = high is None or value < high or (level.value.maximum_inclusive and value == high)
        if above and below:
            return number
    return None
