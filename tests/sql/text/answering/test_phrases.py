import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sql.text.answering import phrases
from sql.text.answering.folds import core_of
from sql.text.answering.ground import Ground
from sql.text.answering.phrases import phrased
from sql.text.answering.unanswerable import made_unanswerable
from sql.text.answering.wordings import FRAMES, PARTS
from sql.text.linking import link
from sql.text.records.grammar import Grammar
from sql.text.records.schema import read_catalogue
from sql.text.records.shape import CatalogueShape
from sql.text.records.tokens import is_value
from tests.sql.text.records.hospital import CATALOGUE

GRAMMAR = Grammar(CatalogueShape(CATALOGUE))
EHRSQL = read_catalogue("mimic_iv_ehrsql")
EHRSQL_GRAMMAR = Grammar(CatalogueShape(EHRSQL))
ASKS = {
    "exists",
    "never",
    "count_records",
    "count_patients",
    "list",
    "list_distinct",
    "avg",
    "cost",
    "max_cost",
    "top",
}
ASKS |= {
    "mortality",
    "survival",
    "difference",
    "greater",
    "less",
    "new",
    "balance",
    "length",
    "hours_since",
    "percentile",
}
_SLOT = re.compile(r"\[(\w+)\]")


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_phrases_hold_the_slots_of_their_tokens_and_belong_to_the_grammar(seed: int) -> None:
    for one in phrased(CATALOGUE, GRAMMAR, 150, seed):
        assert GRAMMAR.query(one.tokens)
        assert set(_SLOT.findall(one.text)) == {token for token in one.tokens if is_value(token)}
        assert not re.search(r"[{}#]|  | [?.]|\ba [aeio]", one.text), one.text


@pytest.mark.parametrize("frame", FRAMES, ids=[words for words, _ in FRAMES])
def test_every_frame_makes_questions(frame: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phrases, "FRAMES", (frame,))

    assert phrased(EHRSQL, EHRSQL_GRAMMAR, 3)


def test_parts_have_the_same_slots_in_words_and_in_tokens() -> None:
    for words, tokens in (one for part in PARTS.values() for one in part):
        assert set(re.findall(r"\w+_N", words)) == set(re.findall(r"\w+_N", tokens))


def test_phrases_reach_meanings_far_and_wide() -> None:
    made = phrased(EHRSQL, EHRSQL_GRAMMAR, 1000)

    assert len({core_of(one.tokens) for one in made}) > 500
    assert {one.tokens[0] for one in made} >= ASKS


def test_no_more_phrases_than_asked_for_and_always_the_same() -> None:
    assert len(phrased(CATALOGUE, GRAMMAR, 7, seed=3)) == 7
    assert phrased(CATALOGUE, GRAMMAR, 7, seed=3) == phrased(CATALOGUE, GRAMMAR, 7, seed=3)


def test_made_questions_without_an_answer_name_what_real_ones_name(ground: Ground) -> None:
    real = [link("Was patient 1 prescribed aspirin?", ground.index)]
    made = made_unanswerable(real, 400, seed=1)

    assert any("aspirin" in text for text, _ in made)
    assert not any("{" in text for text, _ in made)
    assert not any("heart failure" in text for text, _ in made)
    assert made == made_unanswerable(real, 400, seed=1)
