"""Where sessions are kept: whose they are, how long, and how many."""

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings

from ehr.errors import NotAllowed, UnknownSession
from ehr.store import Store
from sql.text import Index
from sql.text.followups import FolderSessions, MemorySessions, Session, ask_in
from sql.text.followups.sessions import new_name
from sql.text.query import Query
from sql.text.translator import Ground, Understood, WrittenSql
from tests.sql.text.query_strategies import queries

ONE = Session("ward", "ann", "analyst", "1", None, 1000.0)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_session_belongs_to_its_owner() -> None:
    kept = MemorySessions(clock=Clock())
    kept.keep(ONE)
    assert kept.find("ward", "ann") == ONE
    assert kept.find("ward", "bob") is None
    assert kept.find("other", "ann") is None


def test_a_session_expires_after_its_last_question() -> None:
    clock = Clock()
    kept = MemorySessions(lifetime=60, clock=clock)
    kept.keep(ONE)
    clock.now += 59
    kept.keep(replace(ONE, used=clock.now))
    clock.now += 59
    assert kept.find("ward", "ann") is not None
    clock.now += 1
    assert kept.find("ward", "ann") is None


def test_an_owner_has_so_many_sessions_and_takes_none_from_others() -> None:
    kept = MemorySessions(per_owner=3, clock=Clock())
    kept.keep(replace(ONE, owner="bob"))
    for number in range(10):
        kept.keep(replace(ONE, name=str(number)))
    assert [name for name in map(str, range(10)) if kept.find(name, "ann")] == ["7", "8", "9"]
    assert kept.find("ward", "bob") is not None


def test_all_sessions_together_are_bounded() -> None:
    kept = MemorySessions(limit=5, clock=Clock())
    for number in range(50):
        kept.keep(replace(ONE, owner=f"caller {number}"))
    assert [number for number in range(50) if kept.find("ward", f"caller {number}")] == [45, 46, 47, 48, 49]


def test_names_of_the_service_cannot_be_guessed() -> None:
    names = {new_name() for _ in range(100)}
    assert len(names) == 100
    assert min(map(len, names)) >= 24


# --- in a folder ----------------------------------------------------------------------------------------------


@given(query=queries)
@settings(max_examples=20, deadline=None)
def test_a_folder_gives_back_the_question_whole(tmp_path_factory: pytest.TempPathFactory, query: Query) -> None:
    kept = FolderSessions(tmp_path_factory.mktemp("s"), clock=Clock())
    kept.keep(replace(ONE, query=query))
    assert kept.find("ward", "ann") == replace(ONE, query=query)
    assert kept.find("ward", "bob") is None


def test_the_folder_is_read_by_its_owner_alone_and_bounded(tmp_path: Path) -> None:
    kept = FolderSessions(tmp_path / "sessions", per_owner=2, clock=Clock())
    for name in ("a", "b", "c"):
        kept.keep(replace(ONE, name=name))
    files = sorted((tmp_path / "sessions").iterdir())
    assert len(files) == 2
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE((tmp_path / "sessions").stat().st_mode) == 0o700


def test_expired_and_damaged_files_are_no_sessions(tmp_path: Path) -> None:
    clock = Clock()
    kept = FolderSessions(tmp_path, lifetime=60, clock=clock)
    kept.keep(ONE)
    (file,) = tmp_path.iterdir()
    whole = file.read_text()
    for damaged in ("", "[]", whole[:-5], json.dumps({**json.loads(whole), "owner": "bob"}), "[" * 100_000):
        file.write_text(damaged)
        assert kept.find("ward", "ann") is None
    file.write_text(whole)
    assert kept.find("ward", "ann") == ONE
    clock.now += 60
    assert kept.find("ward", "ann") is None


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "x" * 41, "a b", "é"])
def test_a_name_is_no_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnknownSession, match="the name of a session"):
        FolderSessions(tmp_path).find(name, "ann")


# --- asking within one ----------------------------------------------------------------------------------------


def test_follow_ups_refine_the_last_question_of_their_session(clinic: Store, index: Index) -> None:
    kept = MemorySessions()

    def asked(question: str, owner: str = "ann") -> str:
        return str(ask_in(kept, "ward", owner, clinic, question, index=index).sentence)

    assert asked("how many patients have heart failure?") == "3 patients"
    assert asked("how many women?", owner="bob") == "3 patients"
    assert asked("and only women?") == "1 patient"
    assert asked("what about men?") == "2 patients"
    assert asked("and how many patients have diabetes?") == "2 patients"
    assert asked("how many of them died?") == "0 patients of them"
    assert asked("and only those over 65?", owner="bob") == "2 patients"


def test_what_is_refused_leaves_the_session_as_it_was(clinic: Store, index: Index) -> None:
    kept = MemorySessions()
    ask_in(kept, "ward", "ann", clinic, "how many patients have heart failure?", index=index)
    before = kept.find("ward", "ann")
    answer = ask_in(kept, "ward", "ann", clinic, "only purple ones", index=index)
    assert answer.reason == "LOW_CONFIDENCE"
    assert kept.find("ward", "ann") == before


def test_a_follow_up_without_its_session_is_an_error(clinic: Store, index: Index) -> None:
    kept = MemorySessions()
    with pytest.raises(UnknownSession, match="no session 'ward' of yours"):
        ask_in(kept, "ward", "ann", clinic, "and only women?", index=index)
    ask_in(kept, "ward", "ann", clinic, "how many patients?", index=index)
    with pytest.raises(UnknownSession, match="no session 'ward' of yours"):
        ask_in(kept, "ward", "bob", clinic, "how many patients?", index=index, must_exist=True)


def test_a_session_of_another_state_of_the_store_is_over(clinic: Store, index: Index) -> None:
    kept = MemorySessions()
    ask_in(kept, "ward", "ann", clinic, "how many patients?", index=index)
    session = kept.find("ward", "ann")
    assert session is not None
    kept.keep(replace(session, state="before the import"))
    with pytest.raises(UnknownSession, match="the store has changed"):
        ask_in(kept, "ward", "ann", clinic, "and only women?", index=index)


def test_a_session_goes_on_in_its_role_alone(clinic: Store, index: Index) -> None:
    kept = MemorySessions()
    ask_in(kept, "ward", "ann", clinic, "how many patients?", index=index, role="aggregate")
    with pytest.raises(NotAllowed, match="begun in role aggregate"):
        ask_in(kept, "ward", "ann", clinic, "show me the patients", index=index, role="analyst")


def test_sql_of_a_model_cannot_be_followed(clinic: Store, index: Index) -> None:
    def writing(question: str, ground: Ground) -> Understood:
        return WrittenSql("SELECT 1 AS one", "m")

    kept = MemorySessions()
    ask_in(kept, "ward", "ann", clinic, "how many patients?", index=index)
    ask_in(kept, "ward", "ann", clinic, "give me one", index=index, translator=writing)
    session = kept.find("ward", "ann")
    assert session is not None
    assert session.query is None
    assert ask_in(kept, "ward", "ann", clinic, "and only women?", index=index).reason is not None
