"""Follow-ups of questions about records, as changes of their tokens."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sql.text.answering.ground import Ground
from sql.text.followups.records import Refined, refine_records
from sql.text.question import compile_question
from sql.text.records.linear import linearize
from sql.text.records.query import RecordsQuery
from sql.text.refuse import Refusal
from tests.sql.text.records.hospital import CATALOGUE
from tests.sql.text.records.test_records_properties import GRAMMAR, PLACES, filled, questions_of

LAST = 'list lab value name ="sodium" of =1 last'
COUNT = 'count_records prescription name ="aspirin"'
AFTER = 'count_patients prescription name ="aspirin" within ={"month":2} diagnosis name ="pneumonia"'
COMPARED = 'greater vital value name ="heart rate" of =1 last versus first'
DIFFERENT = "list_distinct prescription name of =1"


def query_of(text: str) -> RecordsQuery:
    """Read tokens whose values may hold spaces."""
    return GRAMMAR.query(re.findall(r'="[^"]*"|=\{[^}]*\}|\S+', text))


def refined(question: str, before: str, ground: Ground) -> Refined | Refusal | None:
    return refine_records(question, query_of(before), ground)


@pytest.mark.parametrize(
    ("before", "said", "after"),
    [
        (LAST, "and last month?", 'list lab value name ="sodium" of =1 last_month last'),
        (LAST, "and for patient 2?", 'list lab value name ="sodium" of =2 last'),
        (LAST, "And only the first?", 'list lab value name ="sodium" of =1 first'),
        (LAST, "the second last one", 'list lab value name ="sodium" of =1 second_last'),
        (LAST, "how many?", 'count_records lab name ="sodium" of =1'),
        (LAST, "show me the times", 'list lab time name ="sodium" of =1'),
        (LAST, "and the time?", 'list lab time name ="sodium" of =1 last'),
        (LAST, "when was that?", 'list lab time name ="sodium" of =1 last'),
        (LAST, "in how many patients?", 'count_patients lab name ="sodium" of =1'),
        (LAST, "for all patients", 'list lab value name ="sodium" last'),
        (LAST, "and glucose?", 'list lab value name ="glucose" of =1 last'),
        (LAST, "what about glucose of patient 3?", 'list lab value name ="glucose" of =3 last'),
        (LAST, "the daily average?", 'avg per_day lab value name ="sodium" of =1'),
        (LAST, "and their highest value?", 'max lab value name ="sodium" of =1'),
        (LAST, "only those above 100", 'list lab value name ="sodium" of =1 above =100 last'),
        (LAST, "was there any?", 'exists lab name ="sodium" of =1 last'),
        (COUNT, "and only women?", 'count_records prescription name ="aspirin" of_sex ="f"'),
        (
            COUNT,
            "only men aged 60 or above",
            'count_records prescription name ="aspirin" aged =[60,null] of_sex ="m"',
        ),
        (COUNT, "how many?", COUNT),
        (COUNT, "in how many hospital stays?", 'count_stays prescription name ="aspirin"'),
        (COUNT, "since 06/2100", 'count_records prescription name ="aspirin" since ="2100-06"'),
        (COUNT, "and in the last 3 days?", 'count_records prescription name ="aspirin" ago ={"day":3}'),
        (COUNT, "in january this year", 'count_records prescription name ="aspirin" this_year ="01"'),
        (COUNT, "on the 30th of this month", 'count_records prescription name ="aspirin" this_month ="30"'),
        (COUNT, "during the last hospital visit", 'count_records prescription name ="aspirin" last_stay'),
        (COUNT, "in the current ICU stay", 'count_records prescription name ="aspirin" current_icu'),
        (COUNT, "via iv?", 'count_records prescription name ="aspirin" route ="iv"'),
        (COUNT, "and the routes?", 'list prescription route name ="aspirin"'),
        (COUNT, "show the different routes", 'list_distinct prescription route name ="aspirin"'),
        (COUNT, "what about last year, for patient 2?", 'count_records prescription name ="aspirin" of =2 last_year'),
        (AFTER, "how many?", AFTER),
        (AFTER, "what about diabetes?", AFTER.replace("pneumonia", "diabetes")),
        (AFTER, "and heparin?", AFTER.replace("aspirin", "heparin")),
        (COMPARED, "and for patient 3?", COMPARED.replace("=1", "=3")),
        (DIFFERENT, "in how many patients?", "count_patients prescription of =1"),
    ],
)
def test_a_follow_up_changes_what_it_says_and_nothing_else(
    ground: Ground, before: str, said: str, after: str
) -> None:
    found = refined(said, before, ground)

    assert isinstance(found, Refined), found
    assert found.query == query_of(after)


@pytest.mark.parametrize(
    ("before", "said", "after"),
    [
        ("this_year", "last month", "last_month"),
        ('since ="2100-01"', "until 2100-06", 'since ="2100-01" until ="2100-06"'),
        ('since ="2100-01"', "since 2100-06", 'since ="2100-06"'),
        ('since ="2100-01" until ="2100-06"', "in 2100-02", 'in ="2100-02"'),
        ("this_year first_stay", "last month", "last_month first_stay"),
        ("this_year first_stay", "during the last hospital stay", "this_year last_stay"),
        ("this_year first_stay", "ever", ""),
    ],
)
def test_a_window_takes_the_place_of_those_of_its_sort(ground: Ground, before: str, said: str, after: str) -> None:
    found = refined(said, f"{COUNT} {before}", ground)

    assert isinstance(found, Refined), found
    assert found.query == query_of(f"{COUNT} {after}")


@pytest.mark.parametrize(
    ("before", "said", "reason", "message"),
    [
        (LAST, "and only women?", "AMBIGUOUS", "about one patient"),
        (LAST, "what about heparin?", "AMBIGUOUS", "laboratory tests"),
        (LAST, "show me the routes", "AMBIGUOUS", "have no 'routes'; show of them: time, name, value"),
        (LAST, "only the normal ones", "AMBIGUOUS", "cannot be said of 'Value of the last"),
        (COUNT, "and only the first?", "AMBIGUOUS", "cannot be said of 'Number of prescriptions of aspirin'"),
        (COUNT, "by month", "AMBIGUOUS", "the average per month"),
        (COMPARED, "and last month?", "AMBIGUOUS", "compares two times"),
        (COMPARED, "how many?", "AMBIGUOUS", "compares two times"),
        (DIFFERENT, "how many?", "AMBIGUOUS", "these are not counted"),
        ('list vital value name ="daily weight"', "only the normal ones", "AMBIGUOUS", "no normal range"),
        (LAST, "and purple ones?", "LOW_CONFIDENCE", "'purple ones' was not understood"),
        (LAST, "what about the weather?", "LOW_CONFIDENCE", "ask for example"),
        (LAST, "and purple ones of patient 2?", "LOW_CONFIDENCE", "'purple ones of patient 2'"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_to_say(
    ground: Ground, before: str, said: str, reason: str, message: str
) -> None:
    found = refined(said, before, ground)

    assert isinstance(found, Refusal), found
    assert found.reason == reason
    assert message in found.message


@pytest.mark.parametrize(
    "question",
    [
        "how many times was aspirin prescribed?",
        "what is the weather",
        "tell me the number of patients who were discharged",
        "show me the drugs of patient 2 last month",
        "when was patient 2 last prescribed aspirin?",
        "",
        "?",
        "x" * 1000,
    ],
)
def test_a_whole_question_is_no_follow_up(ground: Ground, question: str) -> None:
    assert refined(question, COUNT, ground) is None


SAID = (
    "and", "only", "last month", "for patient 2", "the first", "how many?", "show me the times", "what about",
    "heparin", "women", "since 06/2100", "the average", "per day", "above 3", "in the last stay", "ever", "purple",
)  # fmt: skip


@given(questions_of(GRAMMAR), PLACES, st.lists(st.sampled_from(SAID), min_size=1, max_size=3))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_said_the_result_is_a_question_that_compiles(
    ground: Ground, tokens: tuple[str, ...], places: list[int], said: list[str]
) -> None:
    found = refine_records(" ".join(said), filled(GRAMMAR.query(tokens), places), ground)

    if isinstance(found, Refined):
        assert GRAMMAR.query(linearize(found.query)) == found.query
        assert compile_question(found.query, CATALOGUE)
