# ruff: noqa: E501  (a question, or the SQL for it, stands on one line)
"""The reference facts in other words than they are given in, and questions beside SQL by hand."""

import json
from pathlib import Path
from typing import Any

import pytest

from ehr.store import Store
from sql.text import Index, ask, build_index

# More ways to ask for the same figure.
PARAPHRASES = {
    "M04": ["In how many hospital stays did the patient die?", "how many hospitalizations ended in death?"],
    "M06": ["number of patients with congestive heart failure", "how many people were ever diagnosed with CHF?"],
    "M07": ["median LOS in days", "What was the median hospital length of stay?"],
    "M17": ["how many hospital stays have AKI among the diagnoses", "number of admissions with acute renal failure"],
    "M24": ["what is the median first potassium per hospital admission?"],
    "M28": ["number of ICU stays with lactate > 4 mmol/L within 6 hours of ICU admission"],
    "M29": ["how many ICU stays had invasive ventilation?"],
    "M31": ["median length of emergency department visits in hours"],
    "F06": ["count of patients diagnosed with prediabetes"],
}


def facts(data_root: Path) -> dict[str, dict[str, Any]]:
    found = json.loads((data_root / "reference-facts.json").read_text())["facts"]
    return {fact["id"]: fact for fact in found}


@pytest.fixture(scope="module")
def indexes() -> dict[Path, Index]:
    """Indexes of the stores that were asked, built once."""
    return {}


def answer_of(store: Store, question: str, indexes: dict[Path, Index]) -> list[Any] | None:
    if store.path not in indexes:
        indexes[store.path] = build_index(store)
    answer = ask(store, question, index=indexes[store.path])
    if answer.result is None:
        return None
    return list(answer.result.table.to_pylist()[0].values())


@pytest.mark.parametrize(
    ("name", "question"), [(name, question) for name, asked in PARAPHRASES.items() for question in asked]
)
def test_a_fact_asked_in_other_words_is_answered_right(
    name: str, question: str, data_root: Path, request: pytest.FixtureRequest, indexes: dict[Path, Index]
) -> None:
    fact = facts(data_root)[name]
    store = request.getfixturevalue("mimic_store" if fact["source"].startswith("mimic") else "fhir_store")
    found = answer_of(store, question, indexes)
    assert found is not None
    wanted = fact["value"] if isinstance(fact["value"], list) else [fact["value"]]
    assert found[: len(wanted)] == pytest.approx(wanted, abs=fact.get("tolerance", 0))


@pytest.mark.parametrize(
    ("question", "sql"),
    [
        (
            "how many patients had a hemoglobin below 7 g/dL",
            "SELECT count(DISTINCT subject_id) FROM event WHERE code = 'LAB//51222//g/dL' AND numeric_value < 7::FLOAT",
        ),
        (
            "how many patients had a potassium above 6 mEq/L",
            "SELECT count(DISTINCT subject_id) FROM event WHERE code = 'LAB//50971//mEq/L' AND numeric_value > 6::FLOAT",
        ),
        (
            "how many ICU stays lasted longer than 7 days",
            "SELECT count(*) FROM encounter WHERE class = 'icu' AND end_time - start_time > INTERVAL 7 DAY",
        ),
        (
            "how many patients have type 2 diabetes",
            "SELECT count(DISTINCT subject_id) FROM event WHERE code LIKE 'DIAGNOSIS//ICD//10//E11%' "
            "OR code SIMILAR TO 'DIAGNOSIS//ICD//9//250.[02]'",
        ),
        (
            "how many women have heart failure",
            "SELECT count(DISTINCT subject_id) FROM event JOIN subject USING (subject_id) WHERE sex = 'female' "
            "AND (code LIKE 'DIAGNOSIS//ICD//10//I50%' OR code LIKE 'DIAGNOSIS//ICD//9//428%')",
        ),
        (
            "how many patients were admitted to the ICU more than once",
            "SELECT count(*) FROM (SELECT subject_id FROM encounter WHERE class = 'icu' GROUP BY 1 HAVING count(*) > 1)",
        ),
        (
            "how many patients aged over 80 at admission",
            "SELECT count(DISTINCT e.subject_id) FROM encounter e JOIN subject s USING (subject_id) "
            "WHERE class = 'inpatient' AND year(start_time) - year(birth_time) > 80",
        ),
        (
            "how many patients had a temperature above 39 °C",
            "SELECT count(DISTINCT subject_id) FROM event WHERE (code = 'LAB//223762//°C' AND numeric_value > 39::FLOAT) "
            "OR (code = 'LAB//223761//°F' AND round((numeric_value - 32) * 5 / 9, 4) > 39)",
        ),
        (
            "how many patients were given vancomycin",
            "SELECT count(DISTINCT subject_id) FROM event WHERE code ILIKE 'MEDICATION//%vancomycin%//Administered'",
        ),
        (
            "how many admissions had a creatinine above 2 mg/dL within 24 hours of admission",
            "SELECT count(DISTINCT e.encounter_id) FROM encounter e JOIN event v USING (subject_id) "
            "WHERE class = 'inpatient' AND code = 'LAB//50912//mg/dL' AND numeric_value > 2::FLOAT "
            "AND time BETWEEN e.start_time AND e.start_time + INTERVAL 24 HOUR",
        ),
    ],
)  # fmt: skip
def test_real_records_agree_with_sql_by_hand(mimic_store: Store, question: str, sql: str) -> None:
    answer = ask(mimic_store, question)
    assert answer.result is not None, answer.message
    right = mimic_store.cursor().execute(sql).fetchall()[0][0]
    assert next(iter(answer.result.table.to_pylist()[0].values())) == right
