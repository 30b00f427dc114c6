"""Dates, ages, durations and numbers of questions."""

import duckdb
import pytest

from sql.text.linking import LinkIndex, NameColumn, build_index, link
from sql.text.records.values import Duration, Plain, Range


@pytest.mark.parametrize(
    ("question", "text", "values"),
    [
        ("on 2100-05-12", "on [date_1]", ["2100-05-12"]),
        ("on 05/12/2100.", "on [date_1].", ["2100-05-12"]),
        ("since 31/12/2100", "since [date_1]", ["2100-12-31"]),
        ("on the 31st of december 2100", "on [date_1]", ["2100-12-31"]),
        ("on May 12, 2100 or 3 Jun 2100", "on [date_1] or [date_2]", ["2100-05-12", "2100-06-03"]),
        ("in 05/2100 and 2100-06", "in [date_1] and [date_2]", ["2100-05", "2100-06"]),
        ("since may 2100 until June of 2100", "since [date_1] until [date_2]", ["2100-05", "2100-06"]),
        ("in 2100", "in [date_1]", ["2100"]),
        ("at 2100-06-24 12:00:00?", "at [moment_1]?", ["2100-06-24 12:00:00"]),
        ("on 12/31/this year", "on [month_day_1]/this year", ["12-31"]),
        ("on the 4th of july last year", "on [month_day_1] last year", ["07-04"]),
        ("in 09/last year", "in [month_1]/last year", ["09"]),
        ("in september this year", "in [month_1] this year", ["09"]),
        ("on this month/08", "on this month/[day_1]", ["08"]),
        ("on the 8th of last month", "on [day_1] of last month", ["08"]),
        ("since 9 months ago", "since [duration_1] ago", [Duration(9, "month")]),
        ("within two weeks", "within [duration_1]", [Duration(2, "week")]),
        ("the 3-month mortality", "the [duration_1] mortality", [Duration(3, "month")]),
        ("since a year ago", "since [duration_1] ago", [Duration(1, "year")]),
        ("in their 60s", "in their [age_1]", [Range(60, 69)]),
        ("in their thirties", "in their [age_1]", [Range(30, 39)]),
        ("aged 60 or above", "aged [age_1]", [Range(60)]),
        ("the 60 years or older", "the [age_1]", [Range(60)]),
        ("older than 64", "[age_1]", [Range(65)]),
        ("aged under 18 years", "aged [age_1]", [Range(0, 17)]),
        ("aged between 40 and 49", "aged [age_1]", [Range(40, 49)]),
        ("a 70-year-old", "a [age_1]", [Range(70, 70)]),
        ("top five most frequent", "top [number_1] most frequent", [5]),
        ("the three most common", "the [number_1] most common", [3]),
        ("two or more times", "[number_1] or more times", [2]),
        ("received twice", "received [number_1]", [2]),
        ("less than 84.0", "less than [number_1]", [84.0]),
        ("above 1,200.5 or 3000", "above [number_1] or [number_2]", [1200.5, 3000]),
    ],
)
def test_forms_are_read(question: str, text: str, values: list[Plain], index: LinkIndex) -> None:
    found = link(question, index)
    assert found.text == text
    assert [slot.value for slot in found.slots] == values


@pytest.mark.parametrize(
    "question",
    [
        "the last one prescribed",
        "may they march on",
        "what happened in the second half of the week",
        "the first hospital stay this year",
        "yesterday compared to today",
    ],
)
def test_words_that_only_look_like_quantities_are_left(question: str, index: LinkIndex) -> None:
    assert link(question, index).text == question


def test_days_that_the_calendar_lacks_are_no_dates(index: LinkIndex) -> None:
    assert all(slot.kinds != ("date",) for slot in link("on 02/30/2100", index).slots)


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("pts dx'd w/ sepsis this yr", "patients diagnosed with [diagnosis_1] this year"),
        ("avg h of pt 7 b/w 2100 and 2101", "average h of patient [patient_1] between [date_1] and [date_2]"),
        ("ppl on insulin w/o sepsis, hosp stays", "people on [drug_1] without [diagnosis_1], hospital stays"),
        ("patients diagnosed with sepsis", "patients diagnosed with [diagnosis_1]"),
    ],
)
def test_shorthand_is_written_out(question: str, text: str, index: LinkIndex) -> None:
    assert link(question, index).text == text


def test_shorthand_within_a_name_is_part_of_it() -> None:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE given AS SELECT 'multivitamins w/minerals' AS drug")
    index = build_index(connection, [NameColumn("drug", "given", "drug")])
    assert link("pts on multivitamins w/minerals", index).text == "patients on [drug_1]"
