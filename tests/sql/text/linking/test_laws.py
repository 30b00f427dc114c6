"""What holds for every question."""

import string
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sql.text.linking import Linked, LinkIndex, build_index, link
from sql.text.linking.spelling import edits
from tests.sql.text.linking.conftest import COLUMNS, DIAGNOSES, DRUGS, IDS, ITEMS, LABS, PATIENTS, make_hospital

INDEX: LinkIndex = build_index(make_hospital(), COLUMNS, IDS)
NAMES = [title for _, title in DIAGNOSES] + [label for _, label in LABS] + [row[1] for row in ITEMS] + list(DRUGS)
WORDS = [
    "how many",
    "patients",
    "of",
    "with",
    "and",
    ",",
    "?",
    "in",
    "since",
    "top",
    "a",
    "(",
    "'s",
    "lab",
    "test",
    "/",
]
FORMS = [
    "05/12/2100",
    "2100-05-12 10:00:00",
    "2100",
    "three",
    "84.0",
    "2 months",
    "60 or above",
    "20s",
    "12/this year",
]
parts = st.one_of(
    st.sampled_from(NAMES),
    st.sampled_from(WORDS),
    st.sampled_from(FORMS),
    st.sampled_from([str(n) for n in PATIENTS]),
)
questions = st.one_of(st.lists(parts, max_size=12).map(" ".join), st.text(max_size=60))
plain_words = st.sampled_from(
    ["the", "house", "garden", "window", "table", "quickly", "green", "walked", "through", "evening", "music", "was"]
)


@given(questions)
def test_slots_are_in_order_and_never_overlap(question: str) -> None:
    slots = link(question, INDEX).slots
    assert all(0 <= slot.start < slot.end <= len(question) for slot in slots)
    assert all(first.end <= second.start for first, second in pairwise(slots))


@given(questions)
def test_slots_filled_with_their_surfaces_give_the_question(question: str) -> None:
    linked = link(question, INDEX)
    assert linked.filled([slot.surface for slot in linked.slots]) == question
    assert all(question[slot.start : slot.end] == slot.surface for slot in linked.slots)


@given(questions)
def test_every_reference_names_one_slot_with_a_value(question: str) -> None:
    linked = link(question, INDEX)
    references = [reference for slot in linked.slots for reference in slot.references]
    assert len(set(references)) == len(references)
    assert all(linked.value(reference) is not None for reference in references)
    assert all(0 < slot.score <= 1 and 0 <= slot.margin <= slot.score for slot in linked.slots)


@given(questions)
def test_linking_again_gives_the_same(question: str) -> None:
    assert link(question, INDEX) == link(question, INDEX)


@given(st.lists(plain_words, max_size=20).map(" ".join))
def test_text_without_names_has_no_slots(text: str) -> None:
    assert link(text, INDEX).slots == ()


def _finds(linked: Linked, name: str) -> bool:
    return any(one.value == name for slot in linked.slots for one in slot.candidates)


@given(st.sampled_from([name for name in NAMES if len(name) > 5]), st.sampled_from(["upper", "title", "spaces"]))
def test_names_link_in_any_case_and_with_any_spaces(name: str, way: str) -> None:
    written = {"upper": name.upper(), "title": name.title(), "spaces": name.replace(" ", "  ")}[way]
    assert _finds(link(f"who had {written} in 2100", INDEX), name)


@given(
    st.sampled_from(["unspecified essential hypertension", "albumin", "insulin", "heart rate"]).flatmap(
        lambda name: st.tuples(st.just(name), st.integers(1, len(name) - 2))
    ),
    st.sampled_from(["lose", "double"]),
)
def test_names_link_with_a_letter_lost_or_doubled_in_a_long_word(drawn: tuple[str, int], way: str) -> None:
    name, place = drawn
    written = name[:place] + (name[place] * 2 if way == "double" else "") + name[place + 1 :]
    damaged = next((word for word, right in zip(written.split(), name.split(), strict=False) if word != right), name)
    if written.count(" ") == name.count(" ") and len(damaged) > 6 and name[place - 1] != " ":
        assert _finds(link(f"the {written} of all", INDEX), name)


letters = st.text(alphabet=string.ascii_lowercase[:4], max_size=6)


@given(letters, letters)
def test_edits_are_a_symmetric_distance(one: str, other: str) -> None:
    assert edits(one, other) == edits(other, one)
    assert (edits(one, other) == 0) == (one == other)
    assert abs(len(one) - len(other)) <= edits(one, other) <= max(len(one), len(other))
