"""Effects in plain English: what, when, with which value, and how far the estimate moves with it."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from models.explain.effects import Change
from models.explain.records import Record

NO_CAUSES: Final = (
    "These are effects of records on this model's estimate. They say nothing of causes: treating what raises an "
    "estimate need not lower the risk."
)
_DATES: Final = {"year": "%Y", "month": "%Y-%m", "day": "%Y-%m-%d"}
_PLAIN_STATUS: Final = {"final", "amended", "corrected", "completed", "active", "finished", "administered"}
_LONGEST_TEXT: Final = 60
_NAMED: Final = 3
_POINT: Final = 0.01


def percent(risk: float, digits: int = 1) -> str:
    """Return a risk in percent.

    >>> percent(0.2134), percent(0.0021, 2)
    ('21.3 %', '0.21 %')
    """
    return f"{risk * 100:.{digits}f} %"


def event_line(record: Record, change: Change) -> str:
    """Say what one record does to the estimate."""
    return f"{named(record)} {_moves(change, plural=False)}"


def group_line(name: str, events: int, change: Change) -> str:
    """Say what all the records of something do to the estimate together."""
    return f"The {events} records of {name} {_moves(change, plural=True)}"


def named(record: Record) -> str:
    """Return a record as a person would name it: title, value with unit, status, date."""
    parts = [record.description or record.code]
    if record.value is not None:
        number = np.format_float_positional(np.float32(record.value), trim="-")
        parts.append(f"{number} {record.unit}" if record.unit else number)
    elif record.text and record.text != record.description:
        parts.append(_short(record.text))
    if record.status and record.status.lower() not in _PLAIN_STATUS:
        parts.append(f"({record.status})")
    if record.time is not None:
        form = _DATES.get(record.time_precision or "", "%Y-%m-%d %H:%M")
        parts.append(f"on {record.time.strftime(form)}")
    return " ".join(parts)


def without_line(removed: Sequence[Record], before: Sequence[float], after: Sequence[float], change: Change) -> str:
    """Say how the estimate (risk, low, high) would stand without some records."""
    if len(removed) == 1:
        what = named(removed[0])
    else:
        titles = list(dict.fromkeys(record.description or record.code for record in removed))
        more = f" and {len(titles) - _NAMED} more" if len(titles) > _NAMED else ""
        what = f"these {len(removed)} records ({', '.join(titles[:_NAMED])}{more})"
    points = abs(change.effect) / _POINT
    verdict = "which changes nothing"
    if points > 0:
        verdict = f"{points:.1f} percentage points {'lower' if change.effect > 0 else 'higher'}"
        verdict += f" (90 % interval of the change: {_points(-change.high)} to {_points(-change.low)})"
    return f"Without {what} the estimate is {_interval(after)} instead of {_interval(before)}, {verdict}."


def share_line(counts: tuple[int, int, int], estimates: tuple[float, float, float], share: float | None) -> str:
    """Say how much of the estimate the records named account for.

    `counts` are the records named, left out one by one, and read; `estimates` that without those named, that without
    all that were read, and the one explained.
    """
    (named_ones, tried, read), digits = counts, _digits(*estimates)
    if not read:
        return "The model reads nothing of this patient but what is fixed, such as sex and birth."
    without_named, without_all, risk = (percent(estimate, digits) for estimate in estimates)
    plural = "" if named_ones == 1 else "s"
    greatest = f"Without the {named_ones} record{plural} of the greatest effect"
    first = f"{greatest} at once the estimate would be {without_named}"
    second = f"with none of the {read} records that the model reads {without_all}, instead of {risk}"
    if share is None:
        return f"{first}, and {second}."
    return f"Those {named_ones} make up {percent(share, 0)} of the effects of {tried} records. {first}, and {second}."


def is_slight(change: Change) -> bool:
    """Say whether the estimate with something and without it reads the same."""
    digits = _digits(change.risk, change.without)
    return percent(change.risk, digits) == percent(change.without, digits)


def _moves(change: Change, *, plural: bool) -> str:
    digits = _digits(change.risk, change.without)
    if is_slight(change):
        return f"hardly {'change' if plural else 'changes'} the estimate of {percent(change.risk, digits)}"
    verb = "raise" if change.effect > 0 else "lower"
    before, after = percent(change.without, digits), percent(change.risk, digits)
    return f"{verb}{'' if plural else 's'} the estimate from {before} to {after}"


def _digits(*risks: float) -> int:
    """Return one digit behind the point, two where all risks are below 1 %."""
    return 2 if max(risks) < _POINT else 1


def _interval(estimate: Sequence[float]) -> str:
    risk, low, high = estimate
    digits = _digits(risk)
    return f"{percent(risk, digits)} ({percent(low, digits)} to {percent(high, digits)})"


def _points(change: float) -> str:
    """Return a change in percentage points, with its sign."""
    return f"{change / _POINT:+.1f}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_TEXT else f"{line[: _LONGEST_TEXT - 3]}..."
