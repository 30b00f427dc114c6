"""A model card tells what a run knows under the items of two checklists, and says "missing" for the rest."""

import re
from dataclasses import replace

import pytest

from models.evaluate import Evaluation
from models.report import model_card
from models.report.card import MISSING, PARTS
from models.report.card_parts import plain
from models.report.checklists import MI_CLAIM, TRIPOD
from tests.models.report.made import made_evaluation


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    return made_evaluation(subjects=900)


@pytest.fixture(scope="module")
def card(evaluation: Evaluation) -> str:
    return model_card(evaluation.metrics)


def section(card: str, title: str) -> str:
    """Return what stands below a heading."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", card, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1].strip()


def test_every_item_of_both_checklists_has_a_heading() -> None:
    assert {item for part in PARTS for item in part.tripod} == set(TRIPOD)
    assert {item for part in PARTS for item in part.claim} == set(MI_CLAIM)
    assert {re.sub(r"\D", "", item) for item in TRIPOD} == {str(number) for number in range(1, 28)}


def test_a_card_has_all_headings_in_order(card: str) -> None:
    headings = re.findall(r"^## (.*)$", card, re.MULTILINE)
    assert headings == [*(part.title for part in PARTS), "Checklists"]
    assert card.startswith("# Model card: demo version 1\n")


def test_what_the_run_knows_is_told(card: str) -> None:
    assert "Supervised transformer | 0." in section(card, "Performance")
    assert "predicates: {start: {code: A}" in section(card, "Outcome")
    assert "600 people" in section(card, "Who is eligible")
    assert "1,150,000 events" in section(card, "Training")
    assert "| Platt |" in section(card, "Calibration")
    assert "sensitivity 0.8" in section(card, "Usefulness")
    assert "ffc298012322" in section(card, "Hashes and versions")
    assert "hidden" in section(card, "Characteristics of the people")
    assert "| Year | 2018 | hidden | hidden | hidden |" in section(card, "Fairness by subgroup")
    assert "fewer than 11 people" in section(card, "Leakage audit")
    assert "2.47%" in section(card, "Missing data")


def test_what_no_run_can_know_is_missing(card: str) -> None:
    for title in ("Ethical approval", "Funding and conflicts of interest", "Treatments", "Sharing of data"):
        assert section(card, title).splitlines()[-1] == MISSING
    assert re.search(r"^\| 17 \| ethical approval \| missing \|$", card, re.MULTILINE)
    assert re.search(r"^\| 8a \| definition of the outcome \| Outcome \|$", card, re.MULTILINE)


def test_a_model_without_an_evaluation_has_a_card(evaluation: Evaluation) -> None:
    known = {key: evaluation.metrics[key] for key in ("model", "settings", "training", "runtime", "versions")}
    card = model_card(known)
    assert section(card, "Performance").endswith(MISSING)
    assert section(card, "Outcome").endswith(MISSING)
    assert section(card, "Leakage audit").endswith(MISSING)
    assert "1,150,000 events" in section(card, "Training")
    assert "without an evaluation" in card


def test_every_table_has_as_many_cells_as_columns(card: str) -> None:
    for block in re.findall(r"(?:^\|.*\|\n)+", card, re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(widths) == 1, block


def test_text_from_outside_is_only_text(evaluation: Evaluation) -> None:
    evil = "<script>x</script> | a\n## Performance\n```"
    metrics = {
        **evaluation.metrics,
        "task_description": evil,
        "task_text": "predicates:\n```\n<script>\n```\n",
        "warnings": [evil],
        "model": {"model": evil, "version": 1},
        "attrition": [{**step, "rules": [evil]} for step in evaluation.metrics["attrition"]],
    }
    card = model_card(replace(evaluation, metrics=metrics).metrics)
    headings = re.findall(r"^## (.*)$", card, re.MULTILINE)
    assert headings == [*(part.title for part in PARTS), "Checklists"]
    fence = re.search(r"^(`{4,})yaml\n.*?\n\1$", card, re.MULTILINE | re.DOTALL)
    assert fence, "a fence within the task text would end the block"
    outside = card.replace(fence[0], "")
    assert "<script>" not in outside
    assert plain("a|b") == "a\\|b"
