import re

from sql.text.answering.attempts import Ground
from sql.text.answering.phrases import OF_ALL, OF_ONE, phrased
from sql.text.answering.unanswerable import made_unanswerable
from sql.text.linking import link
from sql.text.records.grammar import Grammar
from sql.text.records.shape import CatalogueShape
from sql.text.records.tokens import is_value
from tests.sql.text.records.hospital import CATALOGUE

GRAMMAR = Grammar(CatalogueShape(CATALOGUE))
_SLOT = re.compile(r"\[(\w+)\]")


def test_phrases_hold_the_slots_of_their_tokens_and_belong_to_the_grammar() -> None:
    for one in phrased(CATALOGUE, GRAMMAR, 10_000):
        assert GRAMMAR.query(one.tokens)
        assert sorted(_SLOT.findall(one.text)) == sorted(token for token in one.tokens if is_value(token))


def test_every_phrase_makes_a_question_of_some_kind() -> None:
    texts = " ".join(one.text for one in phrased(CATALOGUE, GRAMMAR, 10_000))

    for words, _ in (*OF_ONE, *OF_ALL):
        pattern = re.escape(words).replace(r"\{s\}", r"\w+").replace(r"\{p\}", r"[\w ]+").replace(r"\{w\}", "")
        assert re.search(pattern, texts), words


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
