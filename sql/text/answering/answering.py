"""Answers over a foreign schema: the reading, the SQL and the rows, or a refusal that says why and what to do.

question ──► attempts (link, parse, fill, compile, guard, run) ──► confidence ──► Answer

`Learned` answers so. Others may answer in its place (`Answerer`): a language model, the rules of follow-ups. For what
they read no probability was learnt; everything else that refuses an attempt refuses theirs as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from ehr.errors import UnsafeQuery
from sql.guard import to_sql
from sql.query import Result
from sql.text.answering.attempts import Attempt, Tried, attempts
from sql.text.answering.confidence import Confidence, Trust
from sql.text.answering.familiarity import Familiarity
from sql.text.answering.ground import Ground
from sql.text.answering.naming import MOST_SHOWN, choice_of
from sql.text.answering.parser import Parser
from sql.text.linking import How, Linked
from sql.text.question import read_question
from sql.text.records.query import RecordsQuery
from sql.text.records.sqlite import to_sqlite
from sql.text.refuse import Reason, Refusal, refuse

DEFAULT_COST: Final = 10.0
"""An error costs as much as ten right answers, as in the strictest usual judgement of such answers."""
BY_TRANSLATOR: Final = "translator"


@dataclass(frozen=True, slots=True)
class Judge:
    """What training left behind to trust attempts by."""

    familiarity: Familiarity
    confidence: Confidence


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a question.

    Answered: `reading` says what was understood, `sql` what ran, `sqlite` the same for SQLite (None where a language
    model wrote it), `result` the rows. Not answered: `reason` and `message` say why; `alternatives` are what may have
    been meant. `confidence` is the probability that the answer is, or would have been, right; None where it was not
    learnt. `query` is the typed question, None behind SQL that a language model wrote; `by` says who read it.
    """

    question: str
    confidence: float | None = None
    reading: str | None = None
    sql: str | None = None
    sqlite: str | None = None
    result: Result | None = None
    reason: Reason | None = None
    message: str | None = None
    alternatives: tuple[str, ...] = ()
    query: RecordsQuery | None = None
    by: str = BY_TRANSLATOR


class Answerer(Protocol):
    """Answers questions over a foreign schema; raises nothing for any question."""

    def __call__(
        self, questions: Sequence[str], ground: Ground, previous: RecordsQuery | None = None
    ) -> list[Answer]:
        """Return an answer or a refusal for each; `previous` is what was asked before them in a session."""
        ...


@dataclass(frozen=True, slots=True)
class Learned:
    """Answers with a trained parser, each where an error that costs `cost` right answers is worth the risk."""

    parser: Parser
    judge: Judge
    cost: float = DEFAULT_COST

    def __call__(
        self, questions: Sequence[str], ground: Ground, previous: RecordsQuery | None = None
    ) -> list[Answer]:
        """Return an answer or a refusal for each; the parser reads each question by itself."""
        return answer_all(questions, ground, self.parser, self.judge, self.cost)


def answer_all(
    questions: Sequence[str], ground: Ground, parser: Parser, judge: Judge, cost: float = DEFAULT_COST
) -> list[Answer]:
    """Answer questions, each where an error that costs `cost` right answers is worth the risk."""
    found = attempts(questions, ground, parser, judge.familiarity)
    answers = [answer_of(one, ground, judge.confidence(one.signals), cost) for one in found]
    return [replace(answer, question=question) for answer, question in zip(answers, questions, strict=True)]


def answer_of(
    attempt: Attempt, ground: Ground, trust: Trust | None, cost: float = DEFAULT_COST, by: str = BY_TRANSLATOR
) -> Answer:
    """Make an answer of an attempt, or a refusal; without `trust` only what is certain refuses."""
    question, confidence = attempt.linked.question, None if trust is None else trust.right
    refusal = _refused(attempt, ground, trust, cost)
    if refusal is not None:
        choice = choice_of(attempt) if refusal.reason == "AMBIGUOUS" else None
        return refused(question, refusal, by, confidence, () if choice is None else choice.names[:MOST_SHOWN])
    tried = attempt.tried
    assert tried is not None
    assert tried.query is not None
    assert tried.tree is not None
    reading = read_question(tried.query, ground.catalogue)
    sql, sqlite = to_sql(tried.tree), to_sqlite(tried.tree)
    return Answer(question, confidence, reading, sql, sqlite, tried.result, query=tried.query, by=by)


def refused(
    question: str,
    refusal: Refusal,
    by: str = BY_TRANSLATOR,
    confidence: float | None = None,
    alternatives: tuple[str, ...] = (),
) -> Answer:
    """Return a refusal as an answer."""
    return Answer(
        question, confidence, reason=refusal.reason, message=refusal.message, alternatives=alternatives, by=by
    )


# --- refusals ---------------------------------------------------------------------------------------------


def _refused(attempt: Attempt, ground: Ground, trust: Trust | None, cost: float) -> Refusal | None:
    """Return why there is no answer; None where there is one."""
    unsafe = refuse(attempt.linked.text)
    if unsafe is not None and unsafe.reason == "UNSAFE":
        return unsafe
    tried = attempt.tried
    if tried is not None and isinstance(tried.failure, UnsafeQuery):
        return Refusal("UNSAFE", f"the query that this would take is refused: {tried.failure}")
    stranger = unknown_patient(attempt.linked)
    if stranger is not None:
        return stranger
    if tried is None or tried.tree is None:
        return Refusal("UNANSWERABLE", f"no question about these records says this{_strange(attempt)}; {_ASK}")
    if tried.failure is not None:
        return Refusal("LOW_CONFIDENCE", f"{tried.failure}; {_ASK}")
    choice = choice_of(attempt)
    is_trusted = trust is not None and trust.answers(cost)
    if choice is not None and (choice.is_certain or not is_trusted):
        return Refusal("AMBIGUOUS", choice.message)
    if trust is None:
        return None
    left = _left_out(attempt)
    if is_trusted and not left:
        return None
    if is_trusted:
        return Refusal("LOW_CONFIDENCE", f"what was understood leaves {left} of the question out; {_ASK}")
    if trust.none > 1 - trust.right - trust.none:
        return Refusal("UNANSWERABLE", f"the records are not likely to hold this{_strange(attempt)}; {_ASK}")
    what = f"a right answer is {trust.right:.0%} likely, too little where an error costs {cost:g} right answers"
    return Refusal("LOW_CONFIDENCE", f"{what}{_strange(attempt)}; {_understood(tried, ground)}{_ASK}")


def _understood(tried: Tried, ground: Ground) -> str:
    """Say what a question was taken for, so that who asked sees where that went wrong."""
    assert tried.query is not None
    return f"it was understood as {read_question(tried.query, ground.catalogue).rstrip('.')!r}; "


def _left_out(attempt: Attempt) -> str:
    """Name the values of the question that the reading does not use: what is asked is then something else."""
    used = attempt.used()
    return ", ".join(repr(slot.surface) for slot in attempt.linked.slots if slot not in used)


def unknown_patient(linked: Linked) -> Refusal | None:
    """Return the refusal for a patient who is not in the database; None where all are."""
    strangers = [slot.surface for slot in linked.slots if slot.how is How.UNKNOWN]
    return (
        Refusal("UNANSWERABLE", f"the database holds no patient {strangers[0]}; check the number")
        if strangers
        else None
    )


_ASK: Final = "ask in other words, or for what the catalogue describes"


def _strange(attempt: Attempt) -> str:
    """Name the words that nothing explains."""
    words = dict.fromkeys((*attempt.linked.unknown, *attempt.linked.unlinked))
    return f" ({', '.join(repr(word) for word in list(words)[:MOST_SHOWN])} not understood)" if words else ""
