"""What questions of train.json say of the checks on a language model, and of the rules of follow-ups."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from sql.text.answering.database import opened_database
from sql.text.answering.examples import Asked, examples_of, read_asked
from sql.text.answering.ground import Ground
from sql.text.endpoint.records.checks import tokens_left_out
from sql.text.followups.records import Refined, refine_records
from sql.text.linking import index_of, link
from sql.text.records.lift import lift
from sql.text.records.lifting import NotLifted
from sql.text.records.query import RecordsQuery
from sql.text.records.schema import read_catalogue

TRIED = 1000
BEFORE = ('list lab value name ="sodium" of =10018081 last', 'count_records prescription name ="aspirin"')


@pytest.fixture(scope="module")
def asked(data_root: Path) -> list[Asked]:
    whole = list(read_asked(data_root / "ehrsql-2024" / "shared-task-1.0" / "train.json"))
    return random.Random(1).sample(whole, TRIED)


@pytest.fixture(scope="module")
def hospital(data_root: Path) -> Iterator[Ground]:
    catalogue = read_catalogue("mimic_iv_ehrsql")
    with opened_database(data_root / "ehrsql-2024" / "shared-task-1.0" / "db", catalogue) as database:
        yield Ground(database, catalogue, index_of(catalogue, database.connection))


def test_the_checks_let_right_readings_pass(asked: list[Asked], hospital: Ground) -> None:
    def lifted(sql: str) -> RecordsQuery | None:
        try:
            return lift(sql, hospital.catalogue)
        except NotLifted:
            return None

    linked = [link(one.question, hospital.index) for one in asked]
    right = list(examples_of(asked, linked, lifted, hospital.grammar))
    pairs = [
        (example.tokens, text) for example, text in zip(right, linked, strict=True) if example and example.tokens
    ]
    faults = [fault for tokens, text in pairs if (fault := tokens_left_out(tokens, text))]

    assert len(pairs) > 0.8 * TRIED
    assert len(faults) <= TRIED // 300, faults


def test_whole_questions_are_not_taken_for_follow_ups(asked: list[Asked], hospital: Ground) -> None:
    before = [hospital.grammar.query(tokens.split()) for tokens in BEFORE]
    taken = [
        one.question
        for one in asked
        for last in before
        if isinstance(refine_records(one.question, last, hospital), Refined)
    ]

    assert taken == []
