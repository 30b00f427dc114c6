"""Tokens back to events: nothing is lost but what quantising loses."""

from datetime import timedelta
from itertools import pairwise
from math import inf, isfinite

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ehr.ancestry import families
from ehr.fitting import fit_vocabulary
from ehr.readable import told_events
from ehr.store import Store
from ehr.tokens import tokenize
from ehr.vocabulary import TokenSettings, Vocabulary, measured_unit, same_unit
from tests.ehr.made import START, Event, born, event, events_of, memory_store, other_subjects, training_subjects

LAB = "LAB//50912//mg/dL"
PILL = "PRESCRIPTION//Senna"
SUBJECT = training_subjects[0]


def told(store: Store, vocabulary: Vocabulary) -> pl.DataFrame:
    return told_events(tokenize(store.cursor(), vocabulary), vocabulary)


def kept(store: Store) -> pl.DataFrame:
    query = 'SELECT subject_id, event_id, "time", code, numeric_value, unit FROM event ORDER BY event_id'
    return store.cursor().sql(query).pl()


@settings(max_examples=20, deadline=None)
@given(
    events_of(training_subjects[:5], max_size=80),
    events_of(other_subjects[:2], codes=("LAB//50912//mg/dL", "LAB//never//g", PILL, "X"), max_size=20),
    st.sampled_from([0, 2, 4, 10]),
    st.sampled_from([1, 2]),
)
def test_tokens_to_events_lose_only_what_quantising_loses(
    events: list[Event], unseen: list[Event], quantiles: int, min_subjects: int
) -> None:
    store = memory_store([*events, *unseen, event(SUBJECT, "GENDER//F")])
    vocabulary = fit_vocabulary(store, settings=TokenSettings(min_subjects=min_subjects, quantiles=quantiles))
    in_order = told(store, vocabulary)
    assert_times_since_the_event_before_lie_in_their_range(in_order)
    said, was = in_order.sort("event_id"), kept(store)
    for name in ("event_id", "subject_id", "time"):
        assert said[name].to_list() == was[name].to_list()
    for row, event_row in zip(said.iter_rows(named=True), was.iter_rows(named=True), strict=True):
        code, value = event_row["code"], event_row["numeric_value"]
        assert row["code"] in (code, *families(code), None)
        assert (row["code"] is None) == (row["kind"] == "unknown")
        assert (row["kind"] == "family") == (row["code"] is not None and row["code"] != code)
        has_number = value is not None and isfinite(value)
        is_read = has_number and vocabulary.reading_of(code, event_row["unit"]) is not None
        assert (row["low"] is not None) == is_read
        assert is_read or row["unit"] is None
        if is_read:
            assert same_unit(row["unit"], measured_unit(code, event_row["unit"]))
            assert row["low"] <= value < row["high"]


def assert_times_since_the_event_before_lie_in_their_range(said: pl.DataFrame) -> None:
    for own in said.partition_by("subject_id"):
        rows = own.rows(named=True)
        assert rows[0]["after_low"] is None
        for before, row in pairwise(rows):
            if before["time"] is None:
                assert row["after_low"] is None
                continue
            assert row["after_low"] <= row["time"] - before["time"]
            assert row["after_high"] is None or row["time"] - before["time"] < row["after_high"]


def test_what_is_told_reads_plainly() -> None:
    store = memory_store(
        [
            event(SUBJECT, "GENDER//F"),
            born(SUBJECT, 52.5),
            event(SUBJECT, "DIAGNOSIS//ICD//10//E119", START),
            event(SUBJECT, LAB, START + timedelta(hours=3), 1.5),
            event(other_subjects[0], "STRANGE//1", START, 3.0),
        ]
    )
    said = told(store, fit_vocabulary(store, settings=TokenSettings(min_subjects=1)))
    first = said.filter(subject_id=SUBJECT)
    assert first["code"].to_list() == ["GENDER//F", "MEDS_BIRTH", "DIAGNOSIS//ICD//10//E119", LAB]
    assert first["age"].to_list() == [None, None, "AGE//0+", None]
    assert first["low"].to_list() == [None, None, None, -inf]
    assert first["unit"].to_list() == [None, None, None, "mg/dL"]
    assert first["after_low"].to_list()[2:] == [timedelta(seconds=157_784_760), timedelta(hours=2)]
    assert first["after_high"].to_list()[2:] == [None, timedelta(hours=6)]
    other = said.filter(subject_id=other_subjects[0]).row(0, named=True)
    assert (other["kind"], other["code"], other["low"], other["unit"]) == ("unknown", None, None, None)


def test_each_unit_of_a_code_has_bins_and_a_scale_of_its_own() -> None:
    """8.6 mg and 1 tablet are one dose of one drug: neither may be read as little or much of the other."""
    milligrams = [
        event(s, PILL, START + timedelta(days=d), 8.6 * d, "mg") for s in training_subjects[:5] for d in (1, 2)
    ]
    tablets = [event(s, PILL, START + timedelta(days=9), 1.0 + s, "TAB") for s in training_subjects[:5]]
    rare = [event(SUBJECT, PILL, START + timedelta(days=12), 5.0, "mL")]
    spelt = [event(SUBJECT, PILL, START + timedelta(days=13), 8.6, "MG"), event(SUBJECT, PILL, START)]
    store = memory_store([*milligrams, *tablets, *rare, *spelt])
    vocabulary = fit_vocabulary(store)
    assert vocabulary.units == {PILL: "mg"}
    assert vocabulary.other_units == {f"{PILL} [TAB]": (PILL, "TAB")}
    assert vocabulary.codes == (PILL, f"{PILL} [TAB]")
    assert vocabulary.scales[PILL][0] == pytest.approx(8.6)
    assert vocabulary.scales[f"{PILL} [TAB]"][0] == pytest.approx(1.0 + np.median(training_subjects[:5]))
    assert vocabulary.tokens_of(PILL) == tuple(vocabulary.code_tokens[name] for name in vocabulary.codes)
    assert vocabulary.reading_of(PILL, "MG") == PILL
    assert vocabulary.reading_of(PILL, "mL") is None
    said = told(store, vocabulary).filter(subject_id=SUBJECT)
    assert said["code"].to_list() == [PILL] * 6
    assert said["unit"].to_list() == [None, "mg", "mg", "TAB", None, "mg"]


def test_a_number_without_a_unit_is_none_of_the_unit_of_the_others() -> None:
    rows = [
        event(s, "OBSERVATION//x", START + timedelta(days=d), 1.0 * d, "kg")
        for s in training_subjects[:5]
        for d in (1, 2)
    ]
    bare = [event(s, "OBSERVATION//x", START + timedelta(days=5), 7.0) for s in training_subjects[:5]]
    vocabulary = fit_vocabulary(memory_store([*rows, *bare]))
    assert vocabulary.other_units == {"OBSERVATION//x [no unit]": ("OBSERVATION//x", "")}
    assert vocabulary.reading_of("OBSERVATION//x", None) == "OBSERVATION//x [no unit]"


def test_values_are_told_where_codes_have_levels() -> None:
    store = memory_store([event(SUBJECT, "MEDICATION//ATC//A10BA02", START, 500.0, "mg")])
    said = told(store, fit_vocabulary(store, settings=TokenSettings(min_subjects=1)))
    assert said.select("code", "unit", "low", "high").rows() == [("MEDICATION//ATC//A10BA02", "mg", -inf, inf)]


def test_no_tokens_tell_no_events() -> None:
    store = memory_store([event(SUBJECT, LAB, START, 1.0)])
    vocabulary = fit_vocabulary(store)
    assert told_events(tokenize(store.cursor(), vocabulary, []), vocabulary).is_empty()
