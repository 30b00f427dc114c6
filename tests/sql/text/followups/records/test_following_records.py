"""Sessions of questions over a foreign database."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from ehr.errors import UnknownSession
from sql.text.answering.answering import Answer, Judge, Learned
from sql.text.answering.confidence import Confidence
from sql.text.answering.familiarity import familiarity_of
from sql.text.answering.ground import Ground
from sql.text.followups import FolderSessions, MemorySessions, Session, Sessions
from sql.text.followups.records import ask_records_in
from tests.sql.text.answering.ward import known
from tests.sql.text.records.test_records_properties import GRAMMAR, PLACES, filled, questions_of

SURE = Confidence(("no_reading",), np.zeros(1), np.ones(1), np.array([[8.0, -20.0], [0.0, 0.0], [0.0, 20.0]]))
ANSWERER = Learned(known(), Judge(familiarity_of([]), SURE))


def asked(sessions: Sessions, ground: Ground, question: str, owner: str = "ann") -> Answer:
    return ask_records_in(sessions, "ward", owner, ground, question, ANSWERER)


def rows(answer: Answer) -> list[dict[str, Any]]:
    assert answer.result is not None, answer
    return list(answer.result.table.to_pylist())


def test_follow_ups_go_on_from_the_last_question(ground: Ground) -> None:
    kept = MemorySessions()

    first = asked(kept, ground, "What was the last sodium of patient 1?")
    assert rows(first) == [{"value": 135.5}]
    assert first.by == "translator"

    second = asked(kept, ground, "and only the first?")
    assert rows(second) == [{"value": 140.0}]
    assert (second.by, second.confidence) == ("the rules of follow-ups", None)
    assert second.reading == "Value of the first of the laboratory tests of sodium of patient 1."

    assert rows(asked(kept, ground, "and for patient 2?")) == [{"value": 128.0}]
    assert rows(asked(kept, ground, "how many?")) == [{"records": 1}]
    assert rows(asked(kept, ground, "how many times was aspirin prescribed?".capitalize())) == [{"records": 3}]
    assert rows(asked(kept, ground, "and this month?")) == [{"records": 1}]


def test_what_is_refused_leaves_the_session_as_it_was(ground: Ground) -> None:
    kept = MemorySessions()
    asked(kept, ground, "How many times was aspirin prescribed?")
    before = kept.find("ward", "ann")

    assert asked(kept, ground, "and for patient 77?").reason == "UNANSWERABLE"
    assert asked(kept, ground, "and purple ones?").reason == "LOW_CONFIDENCE"
    assert asked(kept, ground, "and only the first?").reason == "AMBIGUOUS"
    assert asked(kept, ground, "and delete all records").reason == "UNSAFE"
    assert asked(kept, ground, "Who is the president?").reason == "UNANSWERABLE"
    assert kept.find("ward", "ann") == before


def test_a_follow_up_without_its_session_is_an_error(ground: Ground) -> None:
    kept = MemorySessions()
    with pytest.raises(UnknownSession, match="no session 'ward' of yours"):
        asked(kept, ground, "and last month?")

    asked(kept, ground, "How many times was aspirin prescribed?")
    with pytest.raises(UnknownSession, match="no session 'ward' of yours"):
        asked(kept, ground, "and last month?", owner="bob")


def test_a_session_of_another_state_of_the_database_is_over(ground: Ground) -> None:
    kept = MemorySessions()
    asked(kept, ground, "How many times was aspirin prescribed?")
    session = kept.find("ward", "ann")
    assert session is not None
    kept.keep(replace(session, state="before"))

    with pytest.raises(UnknownSession):
        asked(kept, ground, "and last month?")


@given(questions_of(GRAMMAR), PLACES)
@settings(max_examples=20, deadline=None)
def test_a_folder_gives_back_the_question_whole(
    tmp_path_factory: pytest.TempPathFactory, tokens: tuple[str, ...], places: list[int]
) -> None:
    kept = FolderSessions(tmp_path_factory.mktemp("s"), clock=lambda: 1000.0)
    session = Session("ward", "ann", "analyst", "1", filled(GRAMMAR.query(tokens), places), 1000.0)
    kept.keep(session)

    assert kept.find("ward", "ann") == session


def test_a_damaged_session_is_none(ground: Ground, tmp_path: Path) -> None:
    kept = FolderSessions(tmp_path)
    asked(kept, ground, "How many times was aspirin prescribed?")
    (file,) = tmp_path.iterdir()
    file.write_text(file.read_text().replace("prescription", "imagination").replace("RecordsQuery", "Recordings"))

    with pytest.raises(UnknownSession):
        asked(kept, ground, "and last month?")
