"""Why a subject is in a cohort: the same verdict as the cohort's, with the events that decided it."""

from datetime import datetime, timedelta

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ehr.errors import UnknownSubject
from ehr.store import Store
from ehr.tasks import find_task, parse_task, read_task
from sql.cohort import explain_membership, explain_subject, find_cohort, lines, run_cohort
from sql.cohort.records import Records, records_of_events

BEGIN = datetime(2150, 1, 1)
TASK = parse_task(
    """
    predicates:
      adm: {code: ADM}
      out: {code: OUT}
      death: {code: DEATH}
      high: {code: LAB, value_min: 5}
      gone: {expr: "or(out, death)"}
    patient_demographics:
      female: {code: GENDER//F}
    trigger: adm
    windows:
      first_day:
        {start: trigger, end: start + 24h, start_inclusive: false, end_inclusive: true, index_timestamp: end,
         has: {gone: "(None, 0)", high: "(1, None)"}}
      rest:
        {start: first_day.end, end: start -> gone, start_inclusive: false, end_inclusive: true, label: death}
    """,
    "example",
)
Event = tuple[int, float | None, str, float | None]
EVENTS: list[Event] = [
    (1, None, "GENDER//F", None),
    (1, 0, "ADM", None),
    (1, 2, "LAB", 4.0),
    (1, 3, "LAB", 6.5),
    (1, 4, "LAB", 7.0),
    (1, 30, "DEATH", None),
    (2, None, "GENDER//F", None),
    (2, 0, "ADM", None),
    (2, 1, "LAB", 9.0),
    (2, 5, "OUT", None),
    (2, 50, "ADM", None),
    (2, 60, "LAB", 9.0),
    (3, None, "GENDER//M", None),
    (3, 0, "ADM", None),
    (4, 0, "LAB", 9.0),
]


def hour(number: float) -> datetime:
    return BEGIN + timedelta(hours=number)


def records(events: list[Event]) -> Records:
    con = duckdb.connect()
    frame = pl.DataFrame(
        [(subject, None if at is None else hour(at), code, value) for subject, at, code, value in events],
        schema={"subject_id": pl.Int64, "time": pl.Datetime("us"), "code": pl.String, "numeric_value": pl.Float32},
        orient="row",
    )
    con.register("given", frame.to_arrow())
    con.execute("CREATE TABLE event AS FROM given")
    return records_of_events(con)


def test_a_trigger_that_is_in_says_what_each_rule_found() -> None:
    found = explain_subject(records(EVENTS), TASK, 1)
    (fate,) = found.fates
    assert found.is_in
    assert (fate.is_in, fate.label, fate.prediction_time) == (True, 1, hour(24))
    assert [verdict.outcome for verdict in fate.verdicts] == ["met"] * 4
    high = fate.verdicts[2]
    assert high.rule.startswith("first_day: at least 1 high")
    assert (high.start, high.end) == (hour(0), hour(24))
    assert [(event.time, event.code, event.value) for event in high.evidence] == [
        (hour(3), "LAB", "6.5"),
        (hour(4), "LAB", "7"),
    ]
    bound = fate.verdicts[3]
    assert bound.found == f"found at {hour(30)}"
    assert [event.code for event in bound.evidence] == ["DEATH"]
    assert fate.outcome is not None
    assert [event.code for event in fate.outcome.evidence] == ["DEATH"]


def test_a_trigger_that_is_out_names_the_first_broken_rule() -> None:
    first, second = explain_subject(records(EVENTS), TASK, 2).fates
    assert [verdict.outcome for verdict in first.verdicts] == ["met", "broken", "not reached", "not reached"]
    assert [(event.time, event.code) for event in first.verdicts[1].evidence] == [(hour(5), "OUT")]
    assert [verdict.outcome for verdict in second.verdicts] == ["met", "met", "met", "broken"]
    assert second.verdicts[3].found == "there is none after it"
    assert (first.label, first.prediction_time, first.outcome) == (None, None, None)


def test_a_fact_without_a_time_can_put_a_subject_out() -> None:
    (fate,) = explain_subject(records(EVENTS), TASK, 3).fates
    assert fate.verdicts[0].outcome == "broken"
    assert fate.verdicts[0].found == "has no such fact"


def test_a_subject_without_a_trigger_has_no_fates_and_an_unknown_one_is_an_error() -> None:
    found = explain_subject(records(EVENTS), TASK, 4)
    assert (found.is_in, found.fates) == (False, ())
    assert list(lines(found)) == [
        "Patient 4 is not in the cohort example.",
        "There is no trigger (trigger: adm at least once; each time gives a row).",
    ]
    with pytest.raises(UnknownSubject, match="the data have no subject 5"):
        explain_subject(records(EVENTS), TASK, 5)


def test_it_is_written_for_a_person() -> None:
    written = "\n".join(lines(explain_subject(records([*EVENTS, *((1, 5, "LAB", 8.0),) * 5]), TASK, 1)))
    assert f"{hour(0)}  in, predicted at {hour(24)}, label counted 1" in written
    assert "  + first_day: at least 1 high" in written
    assert f"      {hour(3)}  LAB = 6.5" in written
    assert "      and 4 more" in written
    assert "  = label: death" in written


codes = st.sampled_from(["ADM", "OUT", "DEATH", "LAB"])
made = st.lists(
    st.tuples(st.integers(1, 3), st.integers(0, 8).map(lambda n: n * 6.0), codes), min_size=1, max_size=25
)


@given(events=made, women=st.sets(st.integers(1, 3)))
@settings(max_examples=25, deadline=None)
def test_the_fates_are_those_of_the_cohort(events: list[tuple[int, float, str]], women: set[int]) -> None:
    rows: list[Event] = [(subject, at, code, 9.0 if at % 12 else 1.0) for subject, at, code in events]
    whole = records([*rows, *((subject, None, "GENDER//F", None) for subject in women)])
    cohort = find_cohort(whole, TASK, wide=False)
    expected = {(row["subject_id"], row["trigger"]): row for row in cohort.rows.iter_rows(named=True)}
    for subject in {event[0] for event in events}:
        for fate in explain_subject(whole, TASK, subject).fates:
            row = expected.pop((subject, fate.trigger), None)
            assert fate.is_in == (row is not None)
            broken = [verdict for verdict in fate.verdicts if verdict.outcome == "broken"]
            assert len(broken) == (0 if fate.is_in else 1)
            if row is not None:
                assert (fate.label, fate.prediction_time) == (row["label"], row["index_timestamp"])
            for verdict in fate.verdicts:
                for event in verdict.evidence:
                    assert verdict.start is not None
                    assert verdict.end is not None
                    assert verdict.start <= event.time <= verdict.end
    assert expected == {}


def test_it_holds_in_a_store_of_real_records(mimic_store: Store) -> None:
    task = read_task(find_task("in_hospital_mortality"))
    rows = run_cohort(mimic_store, task, wide=False).rows
    for subject in rows["subject_id"].unique().sort().to_list()[:5]:
        fates = explain_membership(mimic_store, task, subject).fates
        there = rows.filter(subject_id=subject)["trigger"].to_list()
        assert [fate.trigger for fate in fates if fate.is_in] == there


CHOSEN = parse_task(
    """
    who: women aged 18 to 60
    predicates:
      adm: {code: ADM}
      lab: {code: LAB}
    trigger: adm
    triggers: {keep: first, washout: 10h, washed_out: lab}
    """,
    "chosen",
)


def test_age_sex_washout_and_choice_are_told() -> None:
    birth = -40 * 365.25 * 24
    events: list[Event] = [
        (1, None, "GENDER//F", None),
        (1, birth, "MEDS_BIRTH", None),
        (1, 0, "LAB", 5.0),
        (1, 5, "ADM", None),
        (1, 50, "ADM", None),
        (1, 90, "ADM", None),
        (2, birth, "MEDS_BIRTH", None),
        (2, 1, "ADM", None),
        (3, None, "GENDER//F", None),
        (3, birth * 2, "MEDS_BIRTH", None),
        (3, 1, "ADM", None),
    ]
    first, second, third = explain_subject(records(events), CHOSEN, 1).fates
    assert [fate.is_in for fate in (first, second, third)] == [False, True, False]
    told = {verdict.rule.split(":")[0]: verdict for verdict in first.verdicts if verdict.outcome == "broken"}
    (washout,) = told.values()
    assert [(event.time, event.code) for event in washout.evidence] == [(hour(0), "LAB")]
    found = [verdict.found for verdict in second.verdicts]
    assert "recorded as female" in found
    assert "aged 40" in found
    assert third.verdicts[-1].found == f"the trigger that stays is that of {hour(50)}"
    (other,) = explain_subject(records(events), CHOSEN, 2).fates
    assert "no sex is recorded" in [verdict.found for verdict in other.verdicts if verdict.outcome == "broken"]
    (old,) = explain_subject(records(events), CHOSEN, 3).fates
    assert "aged 80" in [verdict.found for verdict in old.verdicts if verdict.outcome == "broken"]
