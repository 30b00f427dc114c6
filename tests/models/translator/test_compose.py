"""Composition learns from pairs that differ in one stretch, and makes only pairs that the grammar accepts."""

import pytest

from models.translator import Pair, usable
from models.translator.compose import Swap, compose, learn_swaps
from models.translator.grammar import accepts
from models.translator.pairs import held_out
from tests.models.translator.made import Tiny, made_pairs

PAIRS = made_pairs()
MEANING = {pair.question.replace("?", " ?"): pair.tokens for pair in PAIRS}


def test_swaps_tell_what_words_do_to_tokens() -> None:
    swaps = {(swap.words, swap.to_words): (swap.tokens, swap.to_tokens) for swap in learn_swaps(PAIRS)}
    assert swaps[("this", "year"), ("since", "date_1")] == (("this_year",), ("since", "date_1"))
    assert swaps[("lab", "tests"), ("drugs",)] == (("lab",), ("drug",))
    assert all((two, one) in swaps for one, two in swaps)


def test_a_rest_of_the_compositions_is_made_right_from_the_others() -> None:
    known, unknown = held_out(PAIRS, 0.3, seed=3, key=lambda pair: pair.tokens[0:1] + pair.tokens[-1:])
    assert known
    assert unknown
    made = compose(known, learn_swaps(known), Tiny(), 200)
    assert len({pair.question for pair in made}) == len(made)
    assert all(accepts(Tiny(), pair.tokens) and usable(pair, Tiny()) is None for pair in made)
    real = [pair for pair in made if pair.question in MEANING]
    assert all(pair.tokens == MEANING[pair.question] for pair in real)
    found = {pair.tokens for pair in real}
    assert sum(pair.tokens in found for pair in unknown) >= len(unknown) / 2


def test_new_meanings_come_first_and_the_same_seed_makes_the_same() -> None:
    known = [pair for pair in PAIRS if "this_year" not in pair.tokens or pair.tokens[0] == "count"]
    swaps = learn_swaps(known)
    made = compose(known, swaps, Tiny(), 5, seed=4, weight=0.5)
    assert made == compose(known, swaps, Tiny(), 5, seed=4, weight=0.5)
    assert len(made) == 5
    assert {pair.tokens for pair in made}.isdisjoint(pair.tokens for pair in known)
    assert all(pair.weight == 0.5 for pair in made)
    assert compose(known, swaps, Tiny(), 5, keep=lambda pair: "zebra" in pair.question) == []


@pytest.mark.parametrize(
    ("question", "tokens", "why"),
    [
        (
            "list the lab tests of patient_1 since date_1",
            ("list", "lab", "of", "patient_1", "since", "date_1"),
            "held",
        ),
        ("list the lab tests this year", ("list", "lab"), "meant nothing"),
    ],
)
def test_a_table_of_swaps_is_applied_only_where_it_makes_sense(
    question: str, tokens: tuple[str, ...], why: str
) -> None:
    """A slot that the question holds already, and tokens that are not there."""
    swap = Swap(("lab", "tests"), ("labs", "since", "date_1"), ("lab",), ("lab", "since", "date_1"))
    other = Swap(("this", "year"), ("since", "date_1"), ("this_year",), ("since", "date_1"))
    assert compose([Pair(question, tokens)], [swap if why == "held" else other], Tiny(), 5) == []
    plain = Pair("list the lab tests", ("list", "lab"))
    assert compose([plain], [swap], Tiny(), 5) == [
        Pair("list the labs since date_1", ("list", "lab", "since", "date_1"))
    ]
