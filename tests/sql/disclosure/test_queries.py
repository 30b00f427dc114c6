"""Role aggregate: queries that would tell of single patients, those that too few stand behind, and those answered."""

from typing import Any

import pytest

from ehr.errors import UnsafeQuery
from ehr.store import Store
from sql.disclosure import ROLE
from sql.query import Result, run_query
from tests.sql.disclosure.comparing import agree
from tests.sql.pairs import read_queries

REFUSED = read_queries("disclosure_refused")
HIDDEN = read_queries("disclosure_hidden")
ANSWERED = read_queries("disclosure_answered")


def rows_of(result: Result) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in result.table.to_pylist()]


def test_the_files_are_as_large_as_promised() -> None:
    assert len(REFUSED) + len(HIDDEN) >= 100
    assert len(ANSWERED) >= 45


@pytest.mark.parametrize(("name", "query"), REFUSED, ids=[name for name, _ in REFUSED])
def test_what_would_tell_of_single_patients_is_refused(name: str, query: str, clinic: Store) -> None:
    with pytest.raises(UnsafeQuery) as refusal:
        run_query(clinic, query, role=ROLE)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 320


@pytest.mark.parametrize(("name", "query"), HIDDEN, ids=[name for name, _ in HIDDEN])
def test_what_rests_on_few_patients_is_hidden(name: str, query: str, clinic: Store) -> None:
    result = run_query(clinic, query, role=ROLE)
    assert all(value is None for row in rows_of(result) for value in row)
    assert result.notes


@pytest.mark.parametrize(("name", "query"), ANSWERED, ids=[name for name, _ in ANSWERED])
def test_what_rests_on_many_patients_is_answered_as_to_an_analyst(name: str, query: str, clinic: Store) -> None:
    expected = run_query(clinic, query)
    result = run_query(clinic, query, role=ROLE)
    shown, known = rows_of(result), rows_of(expected)
    assert len(shown) == len(known)
    for row, other in zip(shown, known, strict=True):
        assert all(agree(cell, value) for cell, value in zip(row, other, strict=True)), (row, other)
    assert result.table.column_names == expected.table.column_names
    assert result.notes == ()
