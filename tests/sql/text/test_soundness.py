"""Which questions have a meaning: those that do compile whole and run; the others are told apart and why."""

from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ehr.store import Store
from sql.query import run_query
from sql.text import Index
from sql.text.answers import sentence_of
from sql.text.compile import compile_query
from sql.text.criterion import Age, AllOf, Died, Event, Length
from sql.text.parse import parse
from sql.text.query import Count, Listing, Patients, Query, Records, Share, Stays
from sql.text.reading import read
from sql.text.soundness import flaw
from sql.text.terms import Around, Calendar, Comparison, DuringStay, Relative, StayKind
from tests.sql.text.query_strategies import CREATININE, FUROSEMIDE, HEART_FAILURE, of_store, queries
from tests.sql.text.test_questions import FIGURES

PEOPLE, ADMISSIONS = Patients(), Stays(StayKind.INPATIENT)
ABOVE_TWO = Comparison(">", 2.0)


@given(query=st.one_of(queries, queries, queries, of_store))
@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_question_without_a_flaw_compiles_runs_and_reads(clinic: Store, query: Query) -> None:
    if flaw(query) is not None:
        return
    result = run_query(clinic, compile_query(query), role="admin")
    assert result.table.num_columns
    assert read(query)
    assert sentence_of(query, result)


@pytest.mark.parametrize("question", [question for question, answer in FIGURES if answer])
def test_what_the_grammar_builds_has_no_flaw(index: Index, question: str) -> None:
    query = parse(question, index)
    assert isinstance(query, Query), question
    assert flaw(query) is None


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (Query(PEOPLE, ()), "between 1 and"),
        (Query(PEOPLE, (Count(),), AllOf(())), "empty"),
        (Query(PEOPLE, (Count(),), Length(ABOVE_TWO, "days")), "belongs to a stay"),
        (Query(PEOPLE, (Count(),), Event(CREATININE, DuringStay())), "needs a stay at hand"),
        (Query(PEOPLE, (Count(),), Died(Around("start", after=timedelta(days=30)))), "needs a stay at hand"),
        (Query(PEOPLE, (Count(),), Died(Relative("after", HEART_FAILURE))), "a death is looked for"),
        (Query(PEOPLE, (Count(),), Age(ABOVE_TWO, "start")), "needs a stay at hand"),
        (Query(PEOPLE, (Count(),), Age(Comparison(">", 500.0), "last")), "between 0 and 130"),
        (Query(PEOPLE, (Count(),), Event(HEART_FAILURE, comparison=ABOVE_TWO)), "no measurement"),
        (Query(PEOPLE, (Count(),), Event(HEART_FAILURE, mode="given")), "no medication"),
        (Query(PEOPLE, (Count(),), Event(CREATININE, which="first")), "not compared"),
        (Query(PEOPLE, (Count(),), Event(CREATININE, comparison=Comparison("between", 3.0, 2.0))), "no range"),
        (Query(PEOPLE, (Count(),), Event(CREATININE, comparison=Comparison("between", 3.0))), "second number"),
        (Query(PEOPLE, (Count(),), Event(CREATININE, Calendar(None, None))), "beginning or an end"),
        (
            Query(PEOPLE, (Count(),), Event(CREATININE, Calendar(datetime(2151, 1, 1), datetime(2150, 1, 1)))),
            "ends after it begins",
        ),
        (Query(PEOPLE, (Count(),), by="year"), "patients have no year of their own"),
        (Query(PEOPLE, (Listing(), Count())), "a list stands alone"),
        (Query(PEOPLE, (Listing(),), by="sex"), "only a single count"),
        (Query(PEOPLE, (Count("patients"),)), "members of their own population"),
        (Query(PEOPLE, (Count("records"),)), "whose only criterion is the medication"),
        (Query(Records(Event(CREATININE, DuringStay())), (Count(),)), "needs a stay at hand"),
        (Query(Records(Event(FUROSEMIDE)), (Share(Died()),)), "a share stands alone"),
        (Query(ADMISSIONS, (Count(),), Event(CREATININE, Around("start"))), "not above zero"),
    ],
)
def test_a_flaw_is_named(query: Query, said: str) -> None:
    assert said in str(flaw(query))
