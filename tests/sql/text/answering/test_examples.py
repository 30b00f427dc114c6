import json
from pathlib import Path

import pytest

from ehr.errors import QuestionError
from sql.text.answering.examples import Asked, Example, read_asked, slotted
from sql.text.answering.folds import Parting, core_of, folds
from sql.text.answering.ground import Ground
from sql.text.linking import link
from sql.text.records.linear import delinearize
from sql.text.records.query import Count, List, RecordsQuery
from sql.text.records.selection import Match, Patient, Pick, Records


def written(folder: Path, content: object) -> Path:
    file = folder / "questions.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


def test_questions_are_read_with_their_sql_where_they_have_one(tmp_path: Path) -> None:
    file = written(tmp_path, [{"id": 1, "question": "how many?", "sql": "null"}, {"id": "b", "question": "who?"}])

    assert read_asked(file) == [Asked("1", "how many?"), Asked("b", "who?")]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ({"id": 1}, "must hold a list"),
        ([1], "entry 1 must be an object"),
        ([{"question": "who?"}], "entry 1 needs an id"),
        ([{"id": 1, "question": " "}], "entry 1 needs a question"),
        ([{"id": 1, "question": "who?", "sql": 3}], "sql must be a text"),
        ([{"id": 1, "question": "who?"}, {"id": "1", "question": "what?"}], "an id twice"),
    ],
)
def test_what_is_no_question_is_told_with_its_place(tmp_path: Path, content: object, what: str) -> None:
    with pytest.raises(QuestionError, match=what):
        read_asked(written(tmp_path, content))


def test_a_missing_file_and_broken_json_are_told(tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("[", encoding="utf-8")

    for file, what in ((tmp_path / "none.json", "no file"), (broken, "no JSON")):
        with pytest.raises(QuestionError, match=what):
            read_asked(file)


def test_values_become_the_slots_that_hold_them(ground: Ground) -> None:
    linked = link("When was patient 1 last prescribed aspirin?", ground.index)
    query = RecordsQuery(
        List("time"), Records("prescription", (Match("name", ("aspirin",)),), (Patient(1),), pick=Pick("last"))
    )

    tokens = slotted(query, linked, ground.grammar)

    assert tokens is not None
    assert " ".join(tokens) == "list prescription time name drug_1 of patient_1 last"
    assert linked.text == "When was patient [patient_1] last prescribed [drug_1]?"


def test_a_value_that_the_question_does_not_hold_makes_no_example(ground: Ground) -> None:
    linked = link("How many times was aspirin prescribed?", ground.index)
    query = RecordsQuery(Count("records"), Records("prescription", (Match("name", ("heparin",)),)))

    assert slotted(query, linked, ground.grammar) is None


# --- folds ------------------------------------------------------------------------------------------------

MEANINGS = [
    f"{ask} {kind} name {slot}_1 of patient_1 {window}".split()
    for ask in ("exists", "count_records")
    for kind, slot in (
        ("lab", "lab"),
        ("prescription", "drug"),
        ("procedure", "procedure"),
        ("diagnosis", "diagnosis"),
    )
    for window in ("this_year", "last_month", "today", "yesterday", "first_stay", "last_stay")
]
EXAMPLES = [Example(" ".join(["ask", *tokens]), tuple(tokens)) for tokens in MEANINGS]


def test_folds_hold_known_and_unknown_meanings() -> None:
    found = folds(EXAMPLES, 2, seed=3)

    for fold in (0, 1):
        trained = {core_of(one.tokens) for one, own in zip(EXAMPLES, found, strict=True) if own != fold}
        held = [core_of(one.tokens) for one, own in zip(EXAMPLES, found, strict=True) if own == fold]
        assert any(core in trained for core in held)
    whole = {
        core
        for core in map(core_of, MEANINGS)
        if len({f for e, f in zip(EXAMPLES, found, strict=True) if core_of(e.tokens) == core}) == 1
    }
    assert whole


def test_folds_are_the_same_again_and_each_question_has_one() -> None:
    assert folds(EXAMPLES, 3, seed=5) == folds(EXAMPLES, 3, seed=5)
    assert set(folds(EXAMPLES, 3, seed=5)) <= {0, 1, 2}


def test_each_draw_parts_the_questions_anew() -> None:
    parting = Parting(folds=2, draws=3, seed=3)
    first, second, third = (folds(EXAMPLES, 2, seed) for seed in parting.seeds)

    assert first == folds(EXAMPLES, 2, seed=3)
    assert len({tuple(first), tuple(second), tuple(third)}) == 3
    assert {part for places in zip(first, second, third, strict=True) for part in parting.parts_of(places)} == set(
        range(parting.parts)
    )


def test_alike_questions_without_an_answer_stay_together() -> None:
    texts = [f"what is the phone number of patient [patient_{n}]?" for n in range(1, 9)]

    assert len(set(folds([Example(text, ()) for text in texts], 4))) == 1


def test_the_core_of_a_meaning_knows_no_window() -> None:
    assert {core_of(tokens) for tokens in MEANINGS[:6]} == {("exists", "lab", "name", "lab", "of", "patient")}
    assert delinearize(MEANINGS[0])
