"""The linear form: one example of each part, and what is refused."""

import pytest

from ehr.errors import QuestionError
from sql.text.records.linear import delinearize, linearize
from sql.text.records.query import Change, Count, List, RecordsQuery
from sql.text.records.selection import (
    Calendar,
    Following,
    InStay,
    Match,
    Moment,
    Patient,
    Pick,
    Records,
    Span,
    Within,
)
from sql.text.records.slots import fill, slots_of
from sql.text.records.values import Duration, Plain, Slot

PATIENT = Patient(Slot("patient", 1))
SODIUM = Match("name", (Slot("lab", 1),))

FORMS = [
    (
        "list lab value name lab_1 of patient_1 since date_1 last",
        RecordsQuery(
            List("value"), Records("lab", (SODIUM,), (PATIENT,), (Span("since", Slot("date", 1)),), pick=Pick("last"))
        ),
    ),
    (
        "difference lab value name lab_1 of patient_1 last_stay last versus last_stay second_last",
        RecordsQuery(
            Change("difference", "value", Moment((InStay("stay", "last"),), Pick("last", 2))),
            Records("lab", (SODIUM,), (PATIENT,), (InStay("stay", "last"),), pick=Pick("last")),
        ),
    ),
    (
        "count_patients diagnosis this_year month_1 within duration_1 procedure name procedure_1 procedure_2",
        RecordsQuery(
            Count("patients"),
            Records(
                "diagnosis",
                when=(Calendar("year", 0, Slot("month", 1)),),
                following=Following(
                    Within(Slot("duration", 1)),
                    "procedure",
                    (Match("name", (Slot("procedure", 1), Slot("procedure", 2))),),
                ),
            ),
        ),
    ),
]


@pytest.mark.parametrize(("text", "query"), FORMS, ids=[text for text, _ in FORMS])
def test_a_question_and_its_tokens(text: str, query: RecordsQuery) -> None:
    assert " ".join(linearize(query)) == text
    assert delinearize(text.split()) == query


def test_the_parts_of_a_question_have_one_order() -> None:
    windows = (InStay("stay", "last"), Span("since", "2100"))
    one = Records("lab", (Match("route", ("po",)), Match("name", ("x",))), when=windows)
    two = Records("lab", (Match("name", ("x",)), Match("route", ("po",))), when=windows[::-1])
    assert one == two
    with pytest.raises(QuestionError, match="matches: Match stands twice"):
        Records("lab", (SODIUM, SODIUM))


def test_slots_are_found_in_order_and_filled() -> None:
    query = FORMS[2][1]
    assert [str(slot) for slot in slots_of(query)] == ["month_1", "duration_1", "procedure_1", "procedure_2"]
    values: dict[str, Plain] = {"month": "08", "duration": Duration(2, "month"), "procedure": "dialysis"}
    filled = fill(query, lambda slot: values[slot.kind])
    assert not slots_of(filled)
    assert " ".join(linearize(filled)).endswith('within ={"month": 2} procedure name ="dialysis" ="dialysis"')


REFUSED = [
    ("", "'<end>' may not follow nothing; it could be avg"),
    ("list lab", "'<end>' may not follow list lab; it could be a name"),
    ("list lab value last first", "'first' may not follow list lab value last; it could be <end>"),
    ("list lab value of", "'<end>' may not follow list lab value of; it could be a value such as patient_1"),
    ("list lab value of =true", "'=true' is no value"),
    ("list lab value of ={}", "'={}' is no value"),
    ("difference lab value last", "same_time, versus, within"),
    ("survival =3 lab", "above, above_normal, after, aged"),
]


@pytest.mark.parametrize(("text", "said"), REFUSED, ids=[text for text, _ in REFUSED])
def test_tokens_that_are_no_question_are_refused_with_what_could_stand_there(text: str, said: str) -> None:
    with pytest.raises(QuestionError) as raised:
        delinearize(text.split())
    assert said in str(raised.value)
