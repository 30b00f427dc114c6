"""A reteller says which tokens the words of a question speak for, and the translator heeds it."""

from dataclasses import replace

import numpy as np
import pytest

from ehr.errors import ModelError
from models.translator import Pair, Reteller, Translator, load, save, train, train_reteller
from models.translator.decoding import RETOLD_WEIGHT
from tests.models.translator.made import Tiny, made_pairs, small


@pytest.fixture(scope="module")
def reteller() -> Reteller:
    return train_reteller([*made_pairs(), Pair("what is the weather?", ())], small(epochs=30))


@pytest.fixture(scope="module")
def translator() -> Translator:
    return train(made_pairs(), [], Tiny(), small(epochs=30))


def test_the_words_of_a_question_are_likeliest_given_its_own_tokens(reteller: Reteller) -> None:
    pairs = made_pairs()
    for pair in pairs:
        others = [one.tokens for one in pairs if one.tokens != pair.tokens]
        own, *rest = (logs.sum() for logs in reteller([(pair.question, tokens) for tokens in (pair.tokens, *others)]))
        assert own > max(rest)


def test_each_word_and_the_end_has_its_log_probability(reteller: Reteller) -> None:
    told = [(pair.question, pair.tokens) for pair in made_pairs()]
    for (question, _), logs in zip(told, reteller(told), strict=True):
        assert len(logs) == len(question.replace("?", " ?").split()) + 1
        assert (logs <= 0).all()


def test_many_at_once_are_told_as_each_alone(reteller: Reteller) -> None:
    told = [(pair.question, pair.tokens) for pair in made_pairs()[::3]]
    for one, together in zip(told, reteller(told), strict=True):
        assert together == pytest.approx(reteller([one])[0], abs=1e-4)


def test_a_window_that_the_tokens_forget_makes_its_words_unlikely(reteller: Reteller) -> None:
    question = "list the drugs with drug_1 this year?"
    whole, less = reteller(
        [(question, ("list", "drug", "drug_1", "this_year")), (question, ("list", "drug", "drug_1"))]
    )
    assert whole[-4:].min() > less[-4:].min() + 1


def test_strange_words_and_slots_that_no_token_refers_to_are_unlikely_and_no_error(reteller: Reteller) -> None:
    known, strange, unused = reteller(
        [
            ("list the drugs with drug_1?", ("list", "drug", "drug_1")),
            ("list the glorp with drug_1?", ("list", "drug", "drug_1")),
            ("list the drugs with [drug_1+lab_1]?", ("list", "drug", "of", "patient_1")),
        ]
    )
    assert np.isfinite(strange).all()
    assert np.isfinite(unused).all()
    assert known.sum() > max(strange.sum(), unused.sum())


def test_answers_are_ranked_with_what_they_make_of_the_question(translator: Translator, reteller: Reteller) -> None:
    both = replace(translator, reteller=reteller)
    assert both.parameters > translator.parameters
    for pair in made_pairs()[::4]:
        found = both(pair.question, 4)
        assert found.tokens == pair.tokens
        scores = [one.score for one in found.answers]
        assert scores == sorted(scores, reverse=True)
        for one in found.answers:
            told = RETOLD_WEIGHT * reteller([(pair.question, one.tokens)])[0].sum()
            assert one.score == pytest.approx(one.log - one.penalty + told, abs=1e-3)
        signals = found.signals
        assert signals.retold_run_log <= signals.retold_least_log <= signals.retold_mean <= 0
        assert signals.retold_total_log == pytest.approx(sum(found.answers[0].retold))
        assert 0 < signals.retold_margin <= 8
    assert translator("list the drugs?").signals.retold_total_log == 0


def test_it_overrules_a_parser_that_is_not_sure(translator: Translator, reteller: Reteller) -> None:
    question = "how many drugs are there with drug_1 this year?"
    unsure = train(made_pairs(), [], Tiny(), small(epochs=1))
    wrong = [pair for pair in made_pairs() if unsure(pair.question).tokens != pair.tokens]
    heeding = replace(unsure, reteller=reteller)
    mended = [pair for pair in wrong if heeding(pair.question, 16).tokens == pair.tokens]
    assert len(mended) > len(wrong) / 2 > 0
    assert replace(translator, reteller=reteller)(question).tokens == ("count", "drug", "drug_1", "this_year")


def test_it_comes_back_from_disk(translator: Translator, reteller: Reteller, tmp_path) -> None:
    save(tmp_path, replace(translator, reteller=reteller))
    back = load(tmp_path, Tiny()).reteller
    assert back is not None
    assert (back.lexicon, back.outputs, back.settings, back.report) == (
        reteller.lexicon,
        reteller.outputs,
        reteller.settings,
        reteller.report,
    )
    told = [(pair.question, pair.tokens) for pair in made_pairs()]
    for one, two in zip(reteller(told), back(told), strict=True):
        assert one == pytest.approx(two, abs=0.1)


def test_without_tokens_there_is_nothing_to_tell_and_a_folder_is_for_one_training(tmp_path) -> None:
    with pytest.raises(ModelError, match="no training pair with tokens"):
        train_reteller([Pair("why?", ())], small())
    train_reteller(made_pairs(), small(epochs=1), folder=tmp_path)
    with pytest.raises(ModelError, match="other pairs or settings"):
        train_reteller(made_pairs()[1:], small(epochs=1), folder=tmp_path)
