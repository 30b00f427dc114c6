"""The audit log: one line per question, with its outcome and without a value."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from ehr.audit import audited
from ehr.errors import QueryFailed, StoreError, UnsafeQuery
from ehr.store import Store, create_store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    create_store(tmp_path / "store").close()
    return open_store(tmp_path / "store", locked=True)


def lines(store: Store) -> list[dict[str, Any]]:
    return [json.loads(line) for line in store.audit_log.read_text().splitlines()]


def test_a_question_leaves_who_what_and_how_many(store: Store) -> None:
    with audited(store, "sql", "SELECT 1", role="analyst", who="ada") as entry:
        entry.rows = 1
    (line,) = lines(store)
    assert (line["who"], line["role"], line["action"], line["query"]) == ("ada", "analyst", "sql", "SELECT 1")
    assert (line["outcome"], line["rows"], line["reason"]) == ("answered", 1, None)
    assert line["sha256"] == hashlib.sha256(b"SELECT 1").hexdigest()
    assert line["time"].endswith("+00:00")


@pytest.mark.parametrize(
    ("error", "outcome", "reason"),
    [
        (UnsafeQuery("not that"), "refused", "not that"),
        (QueryFailed("too slow"), "failed", "too slow"),
        (ValueError("a value of a patient"), "failed", "ValueError"),
        (KeyboardInterrupt(), "failed", "KeyboardInterrupt"),
    ],
)
def test_what_goes_wrong_is_logged_and_raised(error: BaseException, outcome: str, reason: str, store: Store) -> None:
    with pytest.raises(type(error)), audited(store, "sql", "SELECT 1", role="analyst"):
        raise error
    assert [(line["outcome"], line["reason"], line["rows"]) for line in lines(store)] == [(outcome, reason, None)]


def test_a_question_that_is_no_text_is_logged_all_the_same(store: Store) -> None:
    with audited(store, "sql", "SELECT '\udcff'", role="analyst"):
        pass
    assert [line["query"] for line in lines(store)] == ["SELECT '?'"]


def test_lines_add_up_and_are_private(store: Store) -> None:
    for number in range(3):
        with audited(store, "sql", f"SELECT {number}", role="analyst"):
            pass
    assert [line["query"] for line in lines(store)] == ["SELECT 0", "SELECT 1", "SELECT 2"]
    assert store.audit_log.stat().st_mode & 0o077 == 0


def test_nothing_is_answered_without_a_trace(store: Store) -> None:
    store.audit_log.mkdir()
    with pytest.raises(StoreError, match="cannot be written"), audited(store, "sql", "SELECT 1", role="analyst"):
        pass
