"""One name for both sorts of typed questions, with the English and the SQL of either.

A `Query` is about cohorts over the analyst views; a `RecordsQuery` about records over any schema that a catalogue
describes, the views among them.
"""

from sqlglot import exp

from ehr.errors import QuestionError
from sql.text.compile import compile_query
from sql.text.query import Query
from sql.text.reading import read
from sql.text.records.catalogue import Catalogue
from sql.text.records.compile import compile_records
from sql.text.records.query import RecordsQuery
from sql.text.records.reading import read_records

Question = Query | RecordsQuery


def compile_question(question: Question, catalogue: Catalogue | None = None) -> exp.Query:
    """Return the SQL tree of a question, for DuckDB.

    Raises QuestionError for a question about records without a catalogue, or that the catalogue cannot answer.
    """
    if isinstance(question, Query):
        return compile_query(question)
    return compile_records(question, _needed(catalogue))


def read_question(question: Question, catalogue: Catalogue | None = None) -> str:
    """Say in one sentence what is asked; raises QuestionError as `compile_question` does."""
    if isinstance(question, Query):
        return read(question)
    return read_records(question, _needed(catalogue))


def _needed(catalogue: Catalogue | None) -> Catalogue:
    if catalogue is None:
        raise QuestionError(
            "a question about records needs a catalogue, which says what the tables stand for; give one"
        )
    return catalogue
