"""The same made patients, as FHIR and as MIMIC-IV, give the same answers to the same questions."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.cli import main
from ehr.store import Store, open_store
from sql.text import ask

QUESTIONS = (
    "how many patients?",
    "how many women have heart failure",
    "how many patients have diabetes but not hypertension",
    "how many hospital admissions were there, of how many patients?",
    "how many ICU stays lasted longer than 2 days",
    "how many admissions had a creatinine above 2 mg/dL within 24 hours of admission",
    "how many ICU stays had a lactate above 2 mmol/L in the first 24 hours",
    "how many patients were given furosemide",
    "how many patients were prescribed metformin",
    "how many patients died in hospital",
    "how many patients over 65 with COPD",
    "how many patients were readmitted within 30 days",
    "median length of hospital stay in days",
    "median of the first potassium of each admission",
    "how many patients had a temperature above 38 °C",
    "what percentage of admissions ended in death",
)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Store]]:
    opened = {}
    for name in ("fhir", "mimic"):
        root: Path = tmp_path_factory.mktemp(name)
        made = ["simulate", "--patients", "40", "--seed", "5", "--out", str(root / "made"), "--format", name]
        assert main(made) == 0
        assert main(["import", name, str(root / "made"), "--store", str(root / "store")]) == 0
        opened[name] = open_store(root / "store", locked=True)
    yield opened
    for store in opened.values():
        store.close()


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_format_of_the_source_does_not_change_the_answer(stores: dict[str, Store], question: str) -> None:
    rows = []
    for store in stores.values():
        answer = ask(store, question)
        assert answer.result is not None, answer.message
        rows.append(list(answer.result.table.to_pylist()[0].values()))
    assert rows[0] == pytest.approx(rows[1], rel=1e-4)
