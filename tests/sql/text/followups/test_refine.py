"""Follow-ups over the clinic: what they make of the last question, and what they refuse."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sql.text import Index
from sql.text.followups.refine import refine, seems_to_follow
from sql.text.parse import parse
from sql.text.query import Query
from sql.text.reader import phrases
from sql.text.reading import read
from sql.text.refuse import Refusal
from sql.text.soundness import flaw

HEART_FAILURE = "how many patients have heart failure"
ADMISSIONS = "how many hospital admissions in 2150"


def chained(index: Index, *questions: str) -> Query | Refusal | None:
    """Read the first question with the grammar, and each other one as a follow-up of the one before."""
    first, *more = questions
    query = parse(first, index)
    assert isinstance(query, Query), query
    found: Query | Refusal | None = query
    for question in more:
        assert isinstance(found, Query), found
        found = refine(question, found, index)
    return found


@pytest.mark.parametrize(
    ("questions", "same_as"),
    [
        ((HEART_FAILURE, "and only women?"), "how many patients have heart failure and are female"),
        ((HEART_FAILURE, "only women"), "how many patients have heart failure and are female"),
        ((HEART_FAILURE, "women only"), "how many patients have heart failure and are female"),
        ((HEART_FAILURE, "and women?", "what about men?"), "how many patients have heart failure and are male"),
        ((HEART_FAILURE, "and women?", "and men?"), "how many patients have heart failure and are male"),
        ((HEART_FAILURE, "without diabetes"), "how many patients have heart failure but not diabetes"),
        ((HEART_FAILURE, "and with diabetes?"), "how many patients have heart failure and diabetes"),
        ((HEART_FAILURE, "what about diabetes?"), "how many patients have diabetes"),
        ((HEART_FAILURE, "how about those with sepsis?"), "how many patients have sepsis"),
        ((HEART_FAILURE, "given furosemide"), "how many patients have heart failure and were given furosemide"),
        ((HEART_FAILURE, "and over 65"), "how many patients have heart failure and are over 65"),
        ((HEART_FAILURE, "by sex"), "how many patients have heart failure by sex"),
        ((HEART_FAILURE, "split by sex please"), "how many patients have heart failure by sex"),
        ((HEART_FAILURE, "show me the patients"), "list the patients with heart failure"),
        ((HEART_FAILURE, "who are they?"), "list the patients with heart failure"),
        ((HEART_FAILURE, "list them", "how many are there?"), HEART_FAILURE),
        ((HEART_FAILURE, "and in 2150?"), "how many patients have heart failure in 2150"),
        ((HEART_FAILURE, "and in 2150?", "what about 2151?"), "how many patients have heart failure in 2151"),
        ((HEART_FAILURE, "and their average age?"), "average age of patients with heart failure"),
        ((ADMISSIONS, "and in 2151?"), "how many hospital admissions in 2151"),
        ((ADMISSIONS, "by year"), "how many hospital admissions in 2150 by year"),
        ((ADMISSIONS, "by year", "and by admission type"), "how many hospital admissions in 2150 by admission type"),
        ((ADMISSIONS, "what about ICU stays?"), "how many ICU stays in 2150"),
        ((ADMISSIONS, "what is their median length of stay?"), "median length of hospital stay in 2150"),
        (
            ("how many ICU stays had a lactate above 2 mmol/L", "and only women"),
            "how many ICU stays had a lactate above 2 mmol/L and of women",
        ),
    ],
)  # fmt: skip
def test_a_follow_up_is_the_whole_question_that_it_stands_for(
    index: Index, questions: tuple[str, ...], same_as: str
) -> None:
    found, whole = chained(index, *questions), parse(same_as, index)
    assert isinstance(found, Query), found
    assert isinstance(whole, Query), whole
    assert read(found) == read(whole)
    assert found == whole


@pytest.mark.parametrize(
    ("questions", "reading"),
    [
        ((HEART_FAILURE, "how many of them died?"), "Number of patients with a recorded death out of all patients"),
        ((HEART_FAILURE, "how many of those are women?"), "Number of patients who are female out of all patients"),
        (
            (HEART_FAILURE, "what percentage of them died?"),
            "Percentage of patients with a diagnosis of heart failure",
        ),
        ((ADMISSIONS, "show me the patients"), "List of patients with a hospital stay (that began in 2150)"),
        ((ADMISSIONS, "list them"), "List of hospital stays that began in 2150."),
        (
            (ADMISSIONS, "how many of them ended in death?"),
            "Number of hospital stays with a death that ended the stay",
        ),
        (("median creatinine of women", "show the patients"), "List of patients with a measurement of creatinine"),
    ],
)
def test_the_reading_of_a_refined_question_says_it_whole(
    index: Index, questions: tuple[str, ...], reading: str
) -> None:
    found = chained(index, *questions)
    assert isinstance(found, Query), found
    assert read(found).startswith(reading)


@pytest.mark.parametrize(
    ("questions", "said"),
    [
        ((HEART_FAILURE, "by year"), "patients have no year of their own; ask for stays"),
        ((HEART_FAILURE, "only men", "only women"), "about male patients already; ask 'what about women?'"),
        ((HEART_FAILURE, "and diabetes?"), "say 'what about diabetes?' to ask it in place of the last"),
        ((HEART_FAILURE, "and with diabetes", "what about sepsis?"), "it says several such things"),
        ((HEART_FAILURE, "and with diabetes", "and in 2150?"), "say what was in 2150"),
        ((HEART_FAILURE, "what about ICU stays?"), "it is about patients"),
        ((HEART_FAILURE, "show me the hospital admissions"), "it is about patients"),
        (("how many patients had a creatinine above 2 mg/dL", "what about lactate?"), "give the bound for lactate"),
        ((HEART_FAILURE, "what about kidney failure?"), "may mean several things"),
        ((HEART_FAILURE, "only purple ones"), "'purple ones' was not understood as a follow-up"),
    ],
)
def test_what_cannot_be_refined_is_refused_with_a_way_out(
    index: Index, questions: tuple[str, ...], said: str
) -> None:
    found = chained(index, *questions)
    assert isinstance(found, Refusal), found
    assert found.reason in {"AMBIGUOUS", "LOW_CONFIDENCE"}
    assert said in found.message


@pytest.mark.parametrize(
    "question",
    ["how many patients have sepsis?", "list the patients with sepsis", "median length of ICU stay", "", "what now"],
)
def test_a_whole_question_is_no_follow_up(index: Index, question: str) -> None:
    assert chained(index, HEART_FAILURE, question) is None


def test_what_a_follow_up_leaves_as_it_was_it_leaves_untouched(index: Index) -> None:
    first = parse(HEART_FAILURE, index)
    found = chained(index, HEART_FAILURE, "only women", "list them", "count them")
    again = chained(index, HEART_FAILURE, "only women")
    assert found == again
    assert isinstance(first, Query)
    assert isinstance(found, Query)
    assert found.population == first.population


@pytest.mark.parametrize(
    ("question", "follows"),
    [("and only women?", True), ("what about men", True), ("by year", True), ("how many of them died", True),
     ("how many patients have sepsis", False), ("list the women", False), ("", False)],
)  # fmt: skip
def test_follow_ups_have_a_mark(question: str, follows: bool) -> None:
    assert seems_to_follow(question) == follows


WORDS = st.lists(
    st.sampled_from(
        phrases(
            """
            and; only; just; what about; how many of them; of those; died; women; men; by sex; by year; show me; list;
            the patients; without; with; sepsis; diabetes; in 2150; 2151; over 65; their average age; icu stays; ?; ,
            """
        )
    ),
    min_size=1,
    max_size=4,
).map(" ".join)
FIRST = st.sampled_from([HEART_FAILURE, ADMISSIONS, "median creatinine of women", "list the women with diabetes"])


@given(first=FIRST, more=st.lists(WORDS, min_size=1, max_size=3))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_words_give_a_sound_question_a_refusal_or_nothing(index: Index, first: str, more: list[str]) -> None:
    query = parse(first, index)
    assert isinstance(query, Query)
    for words in more:
        found = refine(words, query, index)
        assert found == refine(words, query, index)
        if isinstance(found, Query):
            assert flaw(found) is None
            assert read(found)
            query = found
        elif found is not None:
            assert found.message
