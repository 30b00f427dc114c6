"""A follow-up never widens what may be disclosed: role aggregate stays aggregate, whatever is said on the way."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ehr.errors import UnsafeQuery
from ehr.store import Store
from sql.disclosure import MIN_SUBJECTS
from sql.query import run_query
from sql.text import Index, ask
from sql.text.compile import compile_query
from sql.text.followups import MemorySessions, ask_in
from sql.text.query import Listing, Query

FOLLOW_UPS = (
    "and only women?", "what about men?", "by sex", "show me the patients", "list them", "who are they?",
    "how many of them died?", "what percentage of them died?", "and with diabetes?", "without sepsis", "and in 2150?",
    "by year", "what about ICU stays?", "and their average age?", "how many?", "only those over 65",
)  # fmt: skip
FIRST = ("how many patients?", "how many patients have heart failure?", "how many hospital admissions in 2150?")
CHAINS = st.tuples(st.sampled_from(FIRST), st.lists(st.sampled_from(FOLLOW_UPS), min_size=1, max_size=3))


@given(chain=CHAINS)
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
def test_role_aggregate_stays_aggregate_through_any_chain(
    clinic: Store, index: Index, chain: tuple[str, list[str]]
) -> None:
    kept = MemorySessions()
    first, more = chain
    for question in (first, *more):
        try:
            answer = ask_in(kept, "s", "ann", clinic, question, index=index, role="aggregate")
        except UnsafeQuery:
            continue  # rows of single patients, as the next test says
        session = kept.find("s", "ann")
        assert session is not None
        assert session.role == "aggregate"
        if answer.reason is not None:
            continue
        assert isinstance(answer.query, Query)
        assert not any(isinstance(ask, Listing) for ask in answer.query.asks)
        assert answer.result is not None
        for row in answer.result.table.to_pylist():
            counted = [value for name, value in row.items() if name in {"patients", "stays", "n"} and value]
            assert all(value >= MIN_SUBJECTS for value in counted), row


@pytest.mark.parametrize(
    "follow_up", ["and only women?", "by sex", "how many of them died?", "and their average age?"]
)
def test_a_refined_question_discloses_what_the_same_question_does_when_asked_whole(
    clinic: Store, index: Index, follow_up: str
) -> None:
    kept = MemorySessions()
    ask_in(kept, "s", "ann", clinic, "how many patients?", index=index, role="aggregate")
    answer = ask_in(kept, "s", "ann", clinic, follow_up, index=index, role="aggregate")
    assert answer.query is not None
    assert answer.result is not None
    whole = run_query(clinic, compile_query(answer.query), role="aggregate")
    assert answer.result.table.to_pylist() == whole.table.to_pylist()


@pytest.mark.parametrize("question", ["show me the patients", "list them", "who are they?"])
def test_a_list_stays_forbidden_when_it_is_asked_as_a_follow_up(clinic: Store, index: Index, question: str) -> None:
    kept = MemorySessions()
    ask_in(kept, "s", "ann", clinic, "how many patients have heart failure?", index=index, role="aggregate")
    with pytest.raises(UnsafeQuery) as refined:
        ask_in(kept, "s", "ann", clinic, question, index=index, role="aggregate")
    with pytest.raises(UnsafeQuery) as whole:
        ask(clinic, "list the patients with heart failure", index=index, role="aggregate")
    assert str(refined.value) == str(whole.value)


def test_a_session_holds_no_rows(clinic: Store, index: Index, tmp_path: Path) -> None:
    from sql.text.followups import FolderSessions

    kept = FolderSessions(tmp_path)
    answer = ask_in(kept, "s", "ann", clinic, "list the patients with heart failure", index=index)
    assert answer.result is not None
    (file,) = tmp_path.iterdir()
    held = file.read_text()
    for row in answer.result.table.to_pylist():
        assert str(row["birth_time"]) not in held
        assert str(row["last_time"]) not in held
