"""Properties of questions about records: whatever the grammar allows is a question, compiles, passes and runs."""

from collections.abc import Collection, Mapping, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from sql.guard import guard
from sql.text.records.compile import compile_records
from sql.text.records.described import described
from sql.text.records.grammar import Grammar
from sql.text.records.linear import delinearize, linearize
from sql.text.records.query import RecordsQuery
from sql.text.records.reading import read_records
from sql.text.records.shape import CatalogueShape
from sql.text.records.slots import fill, slots_of
from sql.text.records.tokens import END
from sql.text.records.values import Duration, Plain, Range, Slot
from tests.sql.text.records.hospital import CATALOGUE, Hospital

GRAMMAR = Grammar(CatalogueShape(CATALOGUE))
TABLES = described(CATALOGUE)
VALUES: dict[str, list[Plain]] = {
    "patient": [1, 2, "3", 4], "age": [Range(60), Range(20, 29), 40], "number": [1, 2, 75.0, "135.5"],
    "duration": [Duration(1, "month"), Duration(6, "month"), Duration(2, "day"), Duration(1, "year")],
    "date": ["2100", "2100-06", "2100-01-31"], "moment": ["2100-01-31 12:00:00"], "month": ["01", "06"],
    "month_day": ["01-31", "06-11"], "day": ["30"], "sex": ["f", "m"], "diagnosis": ["heart failure", "pneumonia"],
    "procedure": ["dialysis", "insertion of catheter"], "lab": ["sodium", "glucose"], "vital": ["heart rate"],
    "drug": ["aspirin", "insulin"], "input": ["saline"], "output": ["foley", "saline"], "specimen": ["urine"],
    "careunit": ["micu", "medicine"], "route": ["po", "iv"], "organism": ["e. coli"],
}  # fmt: skip


def chosen(draw: st.DrawFn, allowed: Collection[str], length: int) -> str:
    """Draw a token: an end is likelier the longer the question, and of slots of a kind the first two stand."""
    if END in allowed and draw(st.integers(0, 12)) < length - 3:
        return END
    return draw(st.sampled_from(sorted(token for token in allowed if token[-2:] not in ("_3", "_4", "_5", "_6"))))


@st.composite
def questions_of(draw: st.DrawFn, grammar: Grammar) -> tuple[str, ...]:
    """Draw the tokens of a question by a walk through a grammar."""
    tokens: list[str] = []
    while True:
        token = chosen(draw, grammar.allowed(tokens), len(tokens))
        if token == END:
            return tuple(tokens)
        tokens.append(token)


def filled(query: RecordsQuery, places: list[int], values: Mapping[str, Sequence[Plain]] = VALUES) -> RecordsQuery:
    """Fill every slot with one of the values of its kind; other names are names that nothing has."""

    def value_of(slot: Slot) -> Plain:
        known = values.get(slot.kind, ["nothing"])
        return known[places[slots.index(slot) % len(places)] % len(known)]

    slots = slots_of(query)
    return fill(query, value_of)


PLACES = st.lists(st.integers(0, 5), min_size=1, max_size=6)


@given(questions_of(GRAMMAR))
@settings(max_examples=60, deadline=None)
def test_tokens_and_questions_are_each_others_inverse(tokens: tuple[str, ...]) -> None:
    query = GRAMMAR.query(tokens)
    assert linearize(query) == tokens
    assert delinearize(tokens) == query


@given(questions_of(GRAMMAR), PLACES)
@settings(max_examples=60, deadline=None)
def test_a_filled_question_comes_back_from_its_tokens(tokens: tuple[str, ...], places: list[int]) -> None:
    query = filled(GRAMMAR.query(tokens), places)
    assert delinearize(linearize(query)) == query
    assert not slots_of(query)


@given(questions_of(GRAMMAR), PLACES)
@settings(max_examples=60, deadline=None)
def test_what_the_grammar_allows_passes_the_guard_and_gives_one_answer_on_both_engines(
    hospital: Hospital, tokens: tuple[str, ...], places: list[int]
) -> None:
    query = filled(GRAMMAR.query(tokens), places)
    tree = compile_records(query, CATALOGUE)
    guard(tree, TABLES)
    on_duckdb, on_sqlite = hospital.answers(tree)
    assert on_duckdb == on_sqlite
    assert compile_records(query, CATALOGUE) == tree


@given(questions_of(GRAMMAR), PLACES)
@settings(max_examples=50, deadline=None)
def test_every_question_has_a_reading_with_all_its_values(tokens: tuple[str, ...], places: list[int]) -> None:
    query = GRAMMAR.query(tokens)
    reading = read_records(query, CATALOGUE)
    assert reading.endswith(".")
    for slot in slots_of(query):
        assert str(slot) in reading
