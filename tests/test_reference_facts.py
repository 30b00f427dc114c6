"""Facts that any correct system must reproduce, asked in SQL over our own tables and views.

The questions, definitions and right values are in reference-facts.json beside the real records, our SQL for each in
tests/queries/facts.sql. Each is asked a second time in the plain English that it is given in.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from ehr.store import Store
from sql.query import Result, run_query
from sql.text import Index, ask, build_index
from tests.sql.pairs import read_queries

FACTS = dict(read_queries("facts"))
STORES = {"mimic-iv-demo": "mimic_store", "fhir": "fhir_store", "omop": "omop_store", "M38": "meds_store"}
"""The store that knows the facts of a source; one fact is of the MEDS copy of its source."""


def facts_of(data_root: Path) -> dict[str, dict[str, Any]]:
    facts: list[dict[str, Any]] = json.loads((data_root / "reference-facts.json").read_text())["facts"]
    return {fact["id"]: fact for fact in facts}


def answer(result: Result, like: Any) -> Any:
    """Return the rows in the shape of the expected value: a number, a row, or a list of rows."""
    rows = [list(row) for row in zip(*(column.to_pylist() for column in result.table.columns), strict=True)]
    if isinstance(like, list) and like and isinstance(like[0], list):
        return rows
    assert len(rows) == 1
    is_row = isinstance(like, list) and not isinstance(rows[0][0], list)
    return rows[0] if is_row else rows[0][0]


def test_every_fact_is_asked(data_root: Path) -> None:
    assert facts_of(data_root).keys() == FACTS.keys()


@pytest.mark.parametrize("fact_id", sorted(FACTS))
def test_the_store_knows_the_fact(fact_id: str, data_root: Path, request: pytest.FixtureRequest) -> None:
    fact = facts_of(data_root)[fact_id]
    store: Store = request.getfixturevalue(STORES.get(fact_id, STORES[fact["source"]]))
    found = answer(run_query(store, FACTS[fact_id], role="admin"), fact["value"])
    if "tolerance" in fact:
        assert found == pytest.approx(fact["value"], abs=fact["tolerance"]), fact["question"]
    else:
        assert found == fact["value"], fact["question"]


# --- in plain English ---------------------------------------------------------------------------------------

CLASSES = {"ambulatory": "AMB", "emergency": "EMER", "inpatient": "IMP", "home": "HH"}
OTHER_TABLES_TOO = {"M19", "M34"}
"""The fact tells of some tables, and its question of all that there are: those of the fact are among them."""


@pytest.fixture(scope="module")
def indexes() -> dict[Path, Index]:
    """Indexes of the stores that were asked, built once."""
    return {}


def spoken(store: Store, question: str, indexes: dict[Path, Index]) -> list[list[Any]]:
    """Ask in plain English, and return the rows of the answer."""
    index = indexes.setdefault(store.path, build_index(store))
    answer = ask(store, question, role="admin", index=index)
    assert answer.result is not None, (question, answer.message)
    assert answer.reading
    assert answer.sentence
    return [list(row.values()) for row in answer.result.table.to_pylist()]


def as_told(fact_id: str, rows: list[list[Any]], store: Store) -> list[list[Any]]:
    """Write the rows of an answer as the fact has them: classes of FHIR, versions of ICD, ids and times."""
    if fact_id == "F03":
        return [[CLASSES[name], count] for name, count in rows]
    if fact_id == "M36":
        return [[int(code.split("//")[2]), code.split("//")[3], count] for code, count, _ in rows]
    if fact_id == "F13":
        return [[f"{time:%Y-%m-%dT%H:%M:%SZ}" if hasattr(time, "year") else time for time in row] for row in rows]
    if fact_id == "F19":
        names = store.cursor().execute("SELECT subject_id, unnest(identifiers) FROM subject").fetchall()
        patients = {key: name.removeprefix("Patient/") for key, name in names if name.startswith("Patient/")}
        return [[patients[key], count] for key, count in rows]
    return rows


@pytest.mark.parametrize("fact_id", sorted(FACTS.keys() - {"O04"}))
def test_the_question_of_a_fact_is_answered_as_it_stands(
    fact_id: str, data_root: Path, request: pytest.FixtureRequest, indexes: dict[Path, Index]
) -> None:
    fact = facts_of(data_root)[fact_id]
    store: Store = request.getfixturevalue(STORES.get(fact_id, STORES[fact["source"]]))
    rows = as_told(fact_id, spoken(store, fact["question"], indexes), store)
    value = fact["value"]
    if isinstance(value, list) and isinstance(value[0], list):
        assert [row for row in sorted(rows) if row in value] == sorted(value)
        assert fact_id in OTHER_TABLES_TOO or len(rows) == len(value)
        return
    wanted = value if isinstance(value, list) else [value]
    assert len(rows) == 1
    for own, right in zip(rows[0], wanted, strict=False):
        assert own == (right if isinstance(right, str) else pytest.approx(right, abs=fact.get("tolerance", 0)))
    assert len(rows[0]) >= len(wanted)


def test_the_ages_at_death_are_told_in_complete_years(
    data_root: Path, omop_store: Store, indexes: dict[Path, Index]
) -> None:
    # The fact subtracts the years alone, which makes the patient who died a week before a birthday a year older.
    fact = facts_of(data_root)["O04"]
    ((count, ages, _),) = spoken(omop_store, fact["question"], indexes)
    complete = "SELECT list_sort(list(date_sub('year', birth_time, death_time))) FROM patient WHERE died"
    assert (count, [ages]) == (len(fact["value"]), list(omop_store.cursor().execute(complete).fetchall()[0]))
    assert all(0 <= told - age <= 1 for told, age in zip(fact["value"], ages, strict=True))
