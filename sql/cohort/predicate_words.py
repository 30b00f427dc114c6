"""A predicate in words: what it counts."""

from ehr.tasks import Change, Derived, Near, Part, Per, Plain, Predicate, Score
from ehr.tasks.timespan import spell_timespan
from ehr.tasks.values import spell_number, spell_range


def predicate_in_words(predicate: Predicate) -> str:
    """Say what a predicate counts.

    >>> from ehr.tasks import parse_task
    >>> task = parse_task('''
    ... trigger: rise
    ... predicates: {rise: {code: LAB//K, value: "> 4 mmol/L", rise: {by: 0.5, within: 2d}}}
    ... ''', "example")
    >>> predicate_in_words(task.predicate("rise"))
    'rise = code is LAB//K, value > 4 mmol/L, at least 0.5 mmol/L above the lowest within 2 days before'
    """
    if isinstance(predicate, Derived):
        return f"{predicate.name} = {f' {predicate.operator} '.join(predicate.inputs)}"
    if isinstance(predicate, Near):
        side = "later" if predicate.after else "earlier"
        near = f"{predicate.second} at once or at most {spell_timespan(predicate.within)} {side}"
        return f"{predicate.name} = {predicate.first} with {near}"
    if isinstance(predicate, Score):
        return f"{predicate.name} = {_score_in_words(predicate)}"
    return f"{predicate.name} = {_plain_in_words(predicate)}"


def _plain_in_words(predicate: Plain) -> str:
    parts = [f"code {_codes_in_words(predicate)}"]
    if predicate.per:
        parts.append(_per_in_words(predicate.per))
    if not predicate.value.is_open:
        parts.append(f"value {spell_range(predicate.value)}")
    if predicate.change:
        parts.append(_change_in_words(predicate.change, predicate.unit))
    parts += [f"{column} is {wanted}" for column, wanted in predicate.columns]
    return f"{', '.join(parts)}{' (a fact without a time)' if predicate.static else ''}"


def _codes_in_words(predicate: Plain) -> str:
    if predicate.regex is not None:
        return f"matches /{predicate.regex}/"
    parts = [f"is {' or '.join(predicate.codes)}"] if predicate.codes else []
    if predicate.concepts:
        parts.append(f"lies at or below {' or '.join(predicate.concepts)}")
    return " or ".join(parts)


def _per_in_words(per: Per) -> str:
    scale = "" if per.scale == 1 else f" times {spell_number(per.scale)}"
    return f"divided by the last {per.name} of at most {spell_timespan(per.within)} before{scale}"


def _change_in_words(change: Change, unit: str | None) -> str:
    side, extreme = ("above", "lowest") if change.rise else ("below", "highest")
    before = f"within {spell_timespan(change.within)} before"
    if change.ratio is not None:
        times = f"{spell_number(change.ratio)} times"
        return (
            f"at least {times} the lowest {before}" if change.rise else f"the highest {before} is {times} it or more"
        )
    amount = spell_number(change.by or 0) + (f" {unit}" if unit else "")
    return f"at least {amount} {side} the {extreme} {before}"


def _score_in_words(score: Score) -> str:
    asked = []
    if score.minimum is not None:
        asked.append(f"at least {spell_number(score.minimum)}")
    if score.rise is not None and score.over is not None:
        asked.append(
            f"at least {spell_number(score.rise)} above its lowest within {spell_timespan(score.over)} before"
        )
    parts = "; ".join(_part_in_words(part) for part in score.parts)
    return f"a score {' and '.join(asked)}, of the last {spell_timespan(score.within)}: {parts}"


def _part_in_words(part: Part) -> str:
    points = ", ".join(f"{spell_number(points)} for {name}" for name, points in part.points)
    return f"{part.name} {points}"
