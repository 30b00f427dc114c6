"""Facts that any correct system must reproduce, asked in SQL over our own tables and views.

The questions, definitions and right values are in reference-facts.json beside the real records, our SQL for each in
tests/queries/facts.sql.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from ehr.store import Store
from sql.query import Result, run_query
from tests.sql.pairs import read_queries

FACTS = dict(read_queries("facts"))


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
    stores = {"mimic-iv-demo": "mimic_store", "fhir": "fhir_store", "omop": "omop_store"}
    name = "meds_store" if fact_id == "M38" else stores[fact["source"]]
    store: Store = request.getfixturevalue(name)
    found = answer(run_query(store, FACTS[fact_id], role="admin"), fact["value"])
    if "tolerance" in fact:
        assert found == pytest.approx(fact["value"], abs=fact["tolerance"]), fact["question"]
    else:
        assert found == fact["value"], fact["question"]
