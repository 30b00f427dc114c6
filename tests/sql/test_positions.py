# ruff: noqa: E501  (a table has a line for each of its queries)
"""Errors of the engine name the place in the user's own text, though another text ran."""

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ehr.errors import QueryFailed
from ehr.store import Store
from sql.positions import offset_in
from sql.query import run_query

MARK = "¦"
"""Stands before the part of a query that is wrong."""


def failing(store: Store, marked: str) -> tuple[QueryFailed, tuple[int, int]]:
    before = marked[: marked.index(MARK)]
    expected = (before.count("\n") + 1, len(before) - before.rfind("\n"))
    with pytest.raises(QueryFailed) as failure:
        run_query(store, marked.replace(MARK, ""))
    return failure.value, expected


@pytest.mark.parametrize(
    "marked",
    [
        "SELECT ¦sum(sex) FROM patient",
        "SELECT sex,\n       ¦sum(sex)\nFROM patient GROUP BY 1",
        "SELECT 'é' AS \"ü\",   ¦sum(sex) FROM patient",
        "-- a remark\nSELECT count(*) ¦+ sex FROM patient GROUP BY sex",
        "SELECT ¦sex, count(*) FROM patient",
        "SELECT count(*) FROM patient a, patient b WHERE ¦sex = 'female'",
        "WITH d AS (SELECT subject_id, code FROM condition)\nSELECT d.¦description FROM d",
        "SELECT age_at(subject_id, birth_time) AS a,\n ¦sum(sex) FROM patient GROUP BY ALL",
        "SELECT subject_id FROM condition WHERE descends_from(code, 'ICD10//I50') AND ¦abs(code) > 1",
        "SELECT ¦sum(sex) FROM patient LIMIT 3",
        "SELECT ¦sum(sex) FROM patient LIMIT (SELECT 1)",
        "SELECT * FROM (SELECT ¦sum(sex) AS a FROM patient) LIMIT 1 + 1",
        "SELECT 1 AS a UNION ALL SELECT ¦sum(sex) FROM patient",
        "SELECT CASE WHEN subject_id > 0 THEN 1 END FROM patient WHERE exists (SELECT 1 FROM condition WHERE code > 'x' AND status > ' ' AND ¦abs(code) > 1 AND system > 'y' AND description > 'zzzzzzzzzzzzzzzzzzzzzzzzzzz')",
    ],
)  # fmt: skip
def test_what_cannot_be_planned_is_pointed_at(marked: str, ward: Store) -> None:
    error, expected = failing(ward, marked.replace("d.¦description", "¦d.description"))
    assert (error.line, error.column) == expected
    assert f"(line {expected[0]}, column {expected[1]})" in str(error)


@pytest.mark.parametrize(
    "marked",
    [
        "SELECT subject_id,\n  ¦CAST(code AS INTEGER) FROM condition",
        "SELECT subject_id, code¦::INTEGER FROM condition",
        "SELECT ¦CAST(code AS DATE) FROM condition WHERE code > '' ORDER BY 1",
    ],
)
def test_what_fails_on_the_way_is_pointed_at_without_its_value(marked: str, ward: Store) -> None:
    error, expected = failing(ward, marked)
    assert (error.line, error.column) == expected
    assert "DIAGNOSIS" not in str(error)


def test_where_the_engine_names_no_place_none_is_made_up(ward: Store) -> None:
    with pytest.raises(QueryFailed) as failure:
        run_query(ward, "SELECT strptime(code, '%Y') FROM condition")
    assert failure.value.line is None
    assert "(line" not in str(failure.value)


@settings(deadline=None, max_examples=40)
@given(blanks=st.lists(st.sampled_from([" ", "\n", "  ", "\t", " -- é\n", " /* ü\n */ "]), min_size=6, max_size=6))
def test_the_place_does_not_depend_on_how_the_text_is_laid_out(blanks: list[str], ward: Store) -> None:
    words = ["SELECT", "sex,", "¦sum(sex)", "FROM", "patient", "GROUP BY", "sex"]
    marked = words[0] + "".join(blank + word for blank, word in zip(blanks, words[1:], strict=True))
    error, expected = failing(ward, marked)
    assert (error.line, error.column) == expected


@settings(deadline=None, max_examples=60)
@given(before=st.integers(0, 40), after=st.integers(0, 40))
def test_a_quoted_piece_leads_to_its_place(before: int, after: int) -> None:
    columns = [f"c{n}" for n in range(before)] + ["wrong"] + [f"d{n}" for n in range(after)]
    sql = f"SELECT {', '.join(columns)} FROM (SELECT {', '.join(f'1 AS {c}' for c in columns if c != 'wrong') or 1})"
    with pytest.raises(duckdb.Error) as failure:
        duckdb.connect().execute(sql)
    assert offset_in(sql, str(failure.value)) == sql.index("wrong")


def test_a_piece_that_occurs_twice_leads_nowhere() -> None:
    assert offset_in("SELECT a, a", "Error\n\nLINE 1: ...a...\n           ^") is None
    assert offset_in("SELECT a", "Error without a place") is None
