"""Codes named in questions stand for themselves and all codes below them, and the reading says so."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ehr.intake import Intake, event_frame
from ehr.store import Store, create_store
from sql.text import Index, ask
from sql.text.below import mark_concepts, named_concepts
from sql.text.terms import Kind


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("How many patients have << ICD10 I50?", [2]),
        ("How many patients have ICD10 I50?", [2]),
        ("How many patients have ICD10//I50?", [2]),
        ("How many patients have << I50?", [2]),
        ("how many patients with icd-10-cm i50", [2]),
        ("How many patients have ICD-10 code I50.2?", [1]),
        ("How many patients have ICD-10 I30-I5A?", [2]),
        ("How many patients have << ICD10 I50 or << ICD9 428?", [3]),
        ("How many patients have ICD 9 401?", [1]),
        ("How many patients have SNOMED 44054006?", [1]),
        ("How many patients have ICD10 E11 and heart failure?", [1]),
        ("How many patients without ICD10 I50?", [6]),
        ("How many hospital stays have a diagnosis of ICD10 N17?", [1]),
        ("What percentage of patients have ICD10 I00-I99?", [25.0, 2, 8]),
        ("How many patients have ICD10 P00-P96?", None),
    ],
)
def test_a_named_code_counts_with_all_codes_below_it(
    question: str, expected: list[Any] | None, clinic: Store, index: Index
) -> None:
    answer = ask(clinic, question, index=index)
    if expected is None:
        assert answer.reason == "UNANSWERABLE"
    else:
        assert answer.result is not None, answer.message
        assert list(answer.result.table.to_pylist()[0].values()) == expected
        assert "this code and all codes below it" in (answer.reading or "")
        assert "descends_from" in (answer.sql or "")


def test_an_unknown_code_is_refused_with_what_is_near(clinic: Store, index: Index) -> None:
    answer = ask(clinic, "How many patients have << ICD10 I55?", index=index)
    assert answer.reason == "UNANSWERABLE"
    assert "ICD10//I55" in (answer.message or "")
    assert "ICD10//I50" in (answer.message or "")


def test_further_codes_of_records_count(tmp_path: Path) -> None:
    store = create_store(tmp_path / "store")
    intake = Intake(store, "made", tmp_path)
    entry = intake.begin("made", "0" * 64)
    codings = ["CONDITION//SNOMED//44054006", "CONDITION//ICD10//E11.9"]
    events = [
        {"subject_id": 1, "code": codings[0], "codings": codings},
        {"subject_id": 2, "code": codings[0]},
        {"subject_id": 3, "code": "CONDITION//ICD10//I10"},
    ]
    entry.stage_frame("event", event_frame(events))
    entry.stage_frame("subject", event_frame(events).select("subject_id").unique())
    entry.tally("made", rows_in=3, accepted=3)
    intake.commit()
    for question, n in (("ICD10 E11", 1), ("SNOMED 44054006", 2), ("ICD10 I10-I16", 1), ("ICD10 E00-E89", 1)):
        answer = ask(store, f"How many patients have << {question}?")
        assert answer.result is not None, answer.message
        assert answer.result.table.to_pylist() == [{"patients": n}]
    store.close()


def test_the_neighbour_of_a_block_is_not_taken_for_a_code_of_it(tmp_path: Path) -> None:
    """R52 lies in the block R50-R69, whose name begins like R50, fever."""
    store = create_store(tmp_path / "store")
    intake = Intake(store, "made", tmp_path)
    entry = intake.begin("made", "0" * 64)
    events = [
        {"subject_id": 1, "code": "DIAGNOSIS//ICD//10//R52"},
        {"subject_id": 2, "code": "DIAGNOSIS//ICD//10//R509"},
    ]
    entry.stage_frame("event", event_frame(events))
    entry.tally("made", rows_in=2, accepted=2)
    intake.commit()
    answer = ask(store, "How many patients have fever?")
    assert answer.result is not None, answer.message
    assert answer.result.table.to_pylist() == [{"patients": 1}]
    store.close()


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("patients with ICD10 codes for diabetes", "patients with ICD10 codes for diabetes"),
        ("creatinine << 2", "creatinine << 2"),
        ("with << i50.9", "with i50.9"),
        ("temperature above 38", "temperature above 38"),
        ("<< ICD-9-CM 428.0?", " ICD9//4280 ?"),
        ("ATC A10 in 2150", " ATC//A10  in 2150"),
    ],
)
def test_only_codes_of_their_system_are_marked(text: str, marked: str) -> None:
    assert mark_concepts(text) == marked


@given(text=st.text(max_size=60))
def test_marking_never_fails_and_marks_what_is_read_back(text: str) -> None:
    for word in mark_concepts(text).split():
        for name in named_concepts(word, Kind.CONDITION):
            assert "//" in name
