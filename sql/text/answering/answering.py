"""Answers over a foreign schema: the reading, the SQL and the rows, or a refusal that says why and what to do.

question ──► attempts (link, parse, fill, compile, guard, run) ──► confidence ──► Answer
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ehr.errors import UnsafeQuery
from sql.guard import to_sql
from sql.query import Result
from sql.text.answering.attempts import Attempt, Ground, attempts
from sql.text.answering.confidence import Confidence, Trust
from sql.text.answering.familiarity import Familiarity
from sql.text.answering.parser import Parser
from sql.text.linking import How
from sql.text.linking import Slot as Found
from sql.text.records.reading import read_records
from sql.text.records.sqlite import to_sqlite
from sql.text.refuse import Reason, Refusal, refuse

DEFAULT_COST: Final = 10.0
"""An error costs as much as ten right answers, as in the strictest usual judgement of such answers."""
CLOSE: Final = 0.1
"""Candidates of a slot whose scores differ by less than this leave open which is meant."""
MOST_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Judge:
    """What training left behind to trust attempts by."""

    familiarity: Familiarity
    confidence: Confidence


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a question.

    Answered: `reading` says what was understood, `sql` what ran, `sqlite` the same for SQLite, `result` the rows.
    Not answered: `reason` and `message` say why; `alternatives` are what may have been meant. `confidence` is the
    probability that the answer is, or would have been, right.
    """

    question: str
    confidence: float
    reading: str | None = None
    sql: str | None = None
    sqlite: str | None = None
    result: Result | None = None
    reason: Reason | None = None
    message: str | None = None
    alternatives: tuple[str, ...] = ()


def answer_all(
    questions: Sequence[str], ground: Ground, parser: Parser, judge: Judge, cost: float = DEFAULT_COST
) -> list[Answer]:
    """Answer questions, each where an error that costs `cost` right answers is worth the risk."""
    found = attempts(questions, ground, parser, judge.familiarity)
    return [answer_of(one, ground, judge.confidence(one.signals), cost) for one in found]


def answer_of(attempt: Attempt, ground: Ground, trust: Trust, cost: float) -> Answer:
    """Make an answer of an attempt, or a refusal."""
    question = attempt.linked.question
    refusal = _refused(attempt, trust, cost)
    if refusal is not None:
        return Answer(
            question,
            trust.right,
            reason=refusal.reason,
            message=refusal.message,
            alternatives=_alternatives(attempt) if refusal.reason == "AMBIGUOUS" else (),
        )
    tried = attempt.tried
    assert tried is not None
    assert tried.query is not None
    assert tried.tree is not None
    reading = read_records(tried.query, ground.catalogue)
    return Answer(question, trust.right, reading, to_sql(tried.tree), to_sqlite(tried.tree), tried.result)


# --- refusals ---------------------------------------------------------------------------------------------


def _refused(attempt: Attempt, trust: Trust, cost: float) -> Refusal | None:
    """Return why there is no answer; None where there is one."""
    unsafe = refuse(attempt.linked.text)
    if unsafe is not None and unsafe.reason == "UNSAFE":
        return unsafe
    tried = attempt.tried
    if tried is not None and isinstance(tried.failure, UnsafeQuery):
        return Refusal("UNSAFE", f"the query that this would take is refused: {tried.failure}")
    strangers = [slot.surface for slot in attempt.linked.slots if slot.how is How.UNKNOWN]
    if strangers:
        return Refusal("UNANSWERABLE", f"the database holds no patient {strangers[0]}; check the number")
    if tried is None or tried.tree is None:
        return Refusal("UNANSWERABLE", f"no question about these records says this{_strange(attempt)}; {_ASK}")
    if tried.failure is not None:
        return Refusal("LOW_CONFIDENCE", f"{tried.failure}; {_ASK}")
    doubtful = _open(attempt)
    if doubtful is not None and (doubtful.how is How.PARTIAL or not trust.answers(cost)):
        return _ambiguous(attempt)
    if trust.answers(cost):
        return None
    if trust.none > 1 - trust.right - trust.none:
        return Refusal("UNANSWERABLE", f"the records are not likely to hold this{_strange(attempt)}; {_ASK}")
    what = f"a right answer is {trust.right:.0%} likely, too little where an error costs {cost:g} right answers"
    return Refusal("LOW_CONFIDENCE", f"{what}{_strange(attempt)}; {_ASK}")


_ASK: Final = "ask in other words, or for what the catalogue describes"


def _strange(attempt: Attempt) -> str:
    """Name the words that nothing explains."""
    words = dict.fromkeys((*attempt.linked.unknown, *attempt.linked.unlinked))
    return f" ({', '.join(repr(word) for word in list(words)[:MOST_SHOWN])} not understood)" if words else ""


def _open(attempt: Attempt) -> Found | None:
    """Return a slot that may mean several stored names about as likely."""
    return next((slot for slot in attempt.used() if slot.margin < CLOSE), None)


def _ambiguous(attempt: Attempt) -> Refusal:
    slot = _open(attempt)
    assert slot is not None
    names = "; ".join(_alternatives(attempt))
    return Refusal("AMBIGUOUS", f"{slot.surface!r} may mean several names; write one of them: {names}")


def _alternatives(attempt: Attempt) -> tuple[str, ...]:
    slot = _open(attempt)
    names = [] if slot is None else list(dict.fromkeys(str(one.value) for one in slot.candidates))
    return tuple(names[:MOST_SHOWN])
