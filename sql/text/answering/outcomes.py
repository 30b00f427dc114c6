"""How attempts ended: right, wrong, or without an answer to give; and what a rule of answering is worth."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sql.query import Result
from sql.text.answering.attempts import Attempt, Tried, try_reading
from sql.text.answering.confidence import Outcome, Trust
from sql.text.answering.examples import Example
from sql.text.answering.ground import Ground

MOST_ROWS: Final = 100
DECIMALS: Final = 3


def outcome_of(attempt: Attempt, example: Example | None, ground: Ground) -> Outcome:
    """Say how an answer to a question would end, given what the question means.

    `example` is None where the meaning is not one of typed questions: then no answer is right. An answer is right
    that has the tokens of the example or the same rows, numbers rounded, in any order.
    """
    if example is not None and not example.tokens:
        return "none"
    tried = attempt.tried
    if example is None or tried is None or tried.result is None:
        return "wrong"
    if tried.tokens == example.tokens:
        return "right"
    meant: Tried = try_reading(0, example.tokens, attempt.linked, ground)
    same = meant.result is not None and rows_of(meant.result) == rows_of(tried.result)
    return "right" if same else "wrong"


def rows_of(result: Result) -> list[tuple[str, ...]]:
    """Return the rows of a result as texts that compare: numbers rounded, rows in order, the first hundred."""
    columns = [column.to_pylist() for column in result.table.columns]
    return sorted(tuple(_cell(cell) for cell in row) for row in zip(*columns, strict=True))[:MOST_ROWS]


def _cell(cell: Any) -> str:
    if isinstance(cell, bool):
        return str(float(cell))
    return str(round(float(cell), DECIMALS)) if isinstance(cell, int | float) else str(cell)


@dataclass(frozen=True, slots=True)
class Worth:
    """What answering by a rule is worth: per question on average 100 when right, `-100 cost` for an error."""

    cost: float
    score: float
    answered: int
    wrong: int


def worth(trusts: Sequence[Trust], outcomes: Sequence[Outcome], cost: float, weights: Sequence[float]) -> Worth:
    """Judge the rule `Trust.answers` at a cost; `weights` say how much each question counts."""
    total, answered, wrong = 0.0, 0, 0
    for trust, outcome, weight in zip(trusts, outcomes, weights, strict=True):
        if trust.answers(cost):
            answered += 1
            wrong += outcome != "right"
            total += weight * (1.0 if outcome == "right" else -cost)
        else:
            total += weight * (outcome == "none")
    return Worth(cost, 100 * total / sum(weights), answered, wrong)
