import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sql.text.answering.composing import composed
from sql.text.answering.examples import Example
from sql.text.answering.familiarity import familiarity_from, familiarity_of
from sql.text.records.grammar import Grammar
from sql.text.records.shape import CatalogueShape
from sql.text.records.tokens import is_value
from tests.sql.text.records.hospital import CATALOGUE

GRAMMAR = Grammar(CatalogueShape(CATALOGUE))
EVENTS = {
    "had a [lab_1] test": "lab name lab_1",
    "been prescribed [drug_1]": "prescription name drug_1",
    "undergone [procedure_1]": "procedure name procedure_1",
    "got diagnosed with [diagnosis_1]": "diagnosis name diagnosis_1",
}
WINDOWS = {
    "since [date_1]": "since date_1",
    "during the first hospital stay": "first_stay",
    "in the last [duration_1]": "ago duration_1",
    "this year": "this_year",
}
ALL = [
    Example(f"Has patient [patient_1] {event} {window}", tuple(f"exists {what} of patient_1 {when}".split()))
    for event, what in EVENTS.items()
    for window, when in WINDOWS.items()
]
COUNTED = Example("How often has [lab_1] been measured", ("count_records", "lab", "name", "lab_1"))
_SLOT = re.compile(r"\[(\w+)\]")


def test_what_is_missing_is_made_of_what_is_there() -> None:
    missing = ALL[5]
    made = composed([one for one in ALL if one is not missing], GRAMMAR, 100)

    assert (missing.text, missing.tokens) in [(one.text, one.tokens) for one in made]


@settings(max_examples=15, deadline=None)
@given(kept=st.sets(st.sampled_from(range(len(ALL))), min_size=6), seed=st.integers(0, 5))
def test_made_questions_are_right_ones_of_the_grammar(kept: set[int], seed: int) -> None:
    meanings = {one.text: one.tokens for one in ALL}
    examples = [ALL[place] for place in sorted(kept)]

    for one in composed(examples, GRAMMAR, 50, seed):
        assert GRAMMAR.query(one.tokens)
        assert set(_SLOT.findall(one.text)) == {token for token in one.tokens if is_value(token)}
        assert one.text not in {example.text for example in examples}
        assert meanings[one.text] == one.tokens


def test_no_more_are_made_than_asked_for_and_always_the_same() -> None:
    made = composed([*ALL[:3], *ALL[5:14], COUNTED], GRAMMAR, 6, seed=2)

    assert 0 < len(made) <= 6
    assert made == composed([*ALL[:3], *ALL[5:14], COUNTED], GRAMMAR, 6, seed=2)


def test_examples_without_an_answer_take_no_part() -> None:
    assert composed([Example("What is love?", ()), COUNTED], GRAMMAR, 10) == []


def test_familiar_words_with_their_meaning_are_not_strange() -> None:
    familiar = familiarity_of(ALL * 3)
    right, wrong = familiar.signals(ALL[0].text, ALL[0].tokens), familiar.signals(ALL[0].text, ALL[4].tokens)

    assert (right["new_words"], right["new_pairs"], right["missing_tokens"]) == (0, 0, 0)
    assert right["least_support"] == pytest.approx(1)
    assert wrong["least_support"] < right["least_support"]
    assert wrong["missing_tokens"] > 0


def test_familiarity_is_the_same_from_its_plain_values() -> None:
    familiar = familiarity_of(ALL)
    text, tokens = "Has nobody been prescribed [drug_1] this year", ALL[7].tokens

    assert familiarity_from(familiar.as_mapping()).signals(text, tokens) == familiar.signals(text, tokens)
    assert familiar.signals(text, tokens)["new_words"] == 1
