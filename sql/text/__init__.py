"""English in, guarded SQL out, or an honest no: `ask`.

    question ──► refuse ──► parse ──► Query ──► compile ──► guard and run (sql.query) ──► answers
                              │         └─────► reading, in plain English
                          concepts, from an index built of the store

The grammar, from the whole to the parts: sentences, statistics, further (asks), populations, clauses (people,
staying, events), windows, measures, reader. The tables: conditions, procedures, observations, medications; naming
looks names up in them.
"""

from dataclasses import dataclass
from typing import Final

from ehr.store import Store, require_subjects
from sql.catalog import read_catalog
from sql.guard import guard, to_sql
from sql.query import Limits, Result, run_query
from sql.text.answers import sentence_of
from sql.text.compile import compile_query
from sql.text.concepts import Index, build_index, index_of
from sql.text.parse import parse
from sql.text.query import Query
from sql.text.reading import read
from sql.text.refuse import Refusal, refuse

__all__ = ["Answer", "Index", "ask", "build_index"]

DEFAULT_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a question.

    Answered: `reading` says what was understood, `sql` what runs, `result` the rows (None on a dry run), `sentence`
    the answer in words. Not answered: `reason` is UNANSWERABLE, AMBIGUOUS, LOW_CONFIDENCE or UNSAFE, and `message`
    says why and what to ask instead.
    """

    question: str
    reading: str | None = None
    sql: str | None = None
    result: Result | None = None
    reason: str | None = None
    message: str | None = None
    sentence: str | None = None
    query: Query | None = None


def ask(
    store: Store,
    question: str,
    *,
    role: str = "analyst",
    dry_run: bool = False,
    limits: Limits = DEFAULT_LIMITS,
    index: Index | None = None,
) -> Answer:
    """Answer a question about patients or stays, or say why not; nothing runs that the guard has not let through.

    The index of the store is kept until the next import; pass an `index` of your own to use that. Raises StoreError
    when the store is empty, UnsafeQuery when the role may not read what is asked, and QueryFailed when the query
    takes too long.
    """
    refusal = refuse(question)
    if refusal is None:
        require_subjects(store)
        understood = parse(question, index or index_of(store))
        if isinstance(understood, Query):
            return _answer(store, question, understood, role, limits, dry_run=dry_run)
        refusal = understood
    return _refused(question, refusal)


def _answer(store: Store, question: str, query: Query, role: str, limits: Limits, *, dry_run: bool) -> Answer:
    catalog = read_catalog(store)
    tree = compile_query(query)
    reading, text = read(query), to_sql(tree)
    if dry_run:
        guard(tree, catalog, role)
        return Answer(question, reading, text, query=query)
    result = run_query(store, tree, role=role, limits=limits, catalog=catalog)
    return Answer(question, reading, text, result, sentence=sentence_of(query, result), query=query)


def _refused(question: str, refusal: Refusal) -> Answer:
    return Answer(question, reason=refusal.reason, message=refusal.message)
