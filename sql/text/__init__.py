"""English in, guarded SQL out, or an honest no: `ask`.

    question ──► refuse ──► parse ──► Query ──► compile ──► guard and run (sql.query) ──► answers
                              │         └─────► reading, in plain English
                          concepts, from an index built of the store

In the place of `parse` another translator may stand (translator, endpoint); a question after another may refine it
(followups). Whoever fills the Query, what comes after it is the same.

The grammar, from the whole to the parts: sentences, statistics, further (asks), populations, clauses (people,
staying, events), windows, measures, reader. The tables: conditions, procedures, observations, medications; naming
looks names up in them.
"""

from dataclasses import dataclass
from typing import Final

from ehr.errors import QueryFailed, UnsafeQuery
from ehr.store import Store, require_subjects
from sql.catalog import read_catalog
from sql.guard import guard, to_sql
from sql.query import Limits, Result, run_query
from sql.text.answers import sentence_of
from sql.text.concepts import Index
from sql.text.indexing import build_index, index_of
from sql.text.query import Query
from sql.text.question import compile_question, read_question
from sql.text.refuse import Refusal, refuse
from sql.text.strangers import unknown_patient
from sql.text.translator import Ground, Translator, Typed, WrittenSql, by_grammar
from sql.text.written import reading_of_sql, sentence_of_rows

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
    by: str | None = None
    """Who read the question: the grammar, or the model that stood in for it."""


def ask(
    store: Store,
    question: str,
    *,
    role: str = "analyst",
    dry_run: bool = False,
    limits: Limits = DEFAULT_LIMITS,
    index: Index | None = None,
    translator: Translator = by_grammar,
) -> Answer:
    """Answer a question about patients or stays, or say why not; nothing runs that the guard has not let through.

    The index of the store is kept until the next import; pass an `index` of your own to use that, and a `translator`
    to have the question read by another than the grammar. Raises StoreError when the store is empty, UnsafeQuery when
    the role may not read what is asked, and QueryFailed when the query takes too long.
    """
    refusal = refuse(question)
    if refusal is None:
        require_subjects(store)
        ground = Ground(index or index_of(store), read_catalog(store), role)
        understood = translator(question, ground)
        if isinstance(understood, Typed):
            return _answer(store, question, understood, ground, limits, dry_run=dry_run)
        if isinstance(understood, WrittenSql):
            return _answer_of_sql(store, question, understood, ground, limits, dry_run=dry_run)
        refusal = understood
    return _refused(question, refusal)


def _answer(store: Store, question: str, typed: Typed, ground: Ground, limits: Limits, *, dry_run: bool) -> Answer:
    query = typed.query
    stranger = unknown_patient(store, query, ground.catalog, ground.role)
    if stranger is not None:
        return _refused(question, stranger)
    tree = compile_question(query)
    reading, text = read_question(query), to_sql(tree)
    if dry_run:
        guard(tree, ground.catalog, ground.role)
        return Answer(question, reading, text, query=query, by=typed.by)
    result = run_query(store, tree, role=ground.role, limits=limits, catalog=ground.catalog)
    return Answer(question, reading, text, result, sentence=sentence_of(query, result), query=query, by=typed.by)


def _answer_of_sql(
    store: Store, question: str, written: WrittenSql, ground: Ground, limits: Limits, *, dry_run: bool
) -> Answer:
    """Run SQL that no typed question stands behind; the guard is the same, and the reading says what it is not.

    What the guard or the engine refuses ends in a refusal, since whoever asked has not written it.
    """
    reading, whose = reading_of_sql(written.by), f"the SQL of the language model {written.by}"
    try:
        if dry_run:
            guard(written.sql, ground.catalog, ground.role)
            return Answer(question, reading, written.sql, by=written.by)
        result = run_query(store, written.sql, role=ground.role, limits=limits, catalog=ground.catalog)
    except UnsafeQuery as error:
        return _refused(question, Refusal("UNSAFE", f"{whose} is refused: {error}"))
    except QueryFailed as error:
        return _refused(question, Refusal("LOW_CONFIDENCE", f"{whose}: {error}"))
    return Answer(question, reading, written.sql, result, sentence=sentence_of_rows(result), by=written.by)


def _refused(question: str, refusal: Refusal) -> Answer:
    return Answer(question, reason=refusal.reason, message=refusal.message)
