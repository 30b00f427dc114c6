"""The same questions over the views of a store: the clinic of eight patients, with answers counted by hand."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from ehr.store import Store
from sql.catalog import read_catalog
from sql.guard import guard
from sql.query import run_query
from sql.text.records.compile import compile_records
from sql.text.records.grammar import Grammar
from sql.text.records.linear import delinearize
from sql.text.records.schema import read_catalogue
from sql.text.records.shape import CatalogueShape
from sql.text.records.values import Plain
from tests.sql.text.records.hospital import plain
from tests.sql.text.records.test_compile import split
from tests.sql.text.records.test_records_properties import PLACES, VALUES, filled, questions_of

OURS = read_catalogue("anamnesis", datetime(2151, 8, 2))
OWN: dict[str, list[Plain]] = {
    "observation": ["Creatinine", "Potassium"],
    "condition": ["Heart failure, unspecified"],
    "medication": ["Furosemide"],
    "sex": ["female", "male"],
    "procedure": ["Hemodialysis"],
}

ASKED: list[tuple[str, list[tuple[Any, ...]]]] = [
    ('count_patients condition name ="Heart failure, unspecified"', [(1.0,)]),
    ('list observation value name ="Creatinine" of =1 last', [(1.1,)]),
    ('max observation value name ="Potassium" of =2 first_stay', [(5.6,)]),
    ('max observation value name ="Potassium" of =2 last_stay', [(3.0,)]),
    ('count_records observation name ="Lactate" first_icu', [(3.0,)]),
    ('count_records medication name ="Furosemide" of =1', [(2.0,)]),
    ("list stay destination of =3 last_stay", [("DIED",)]),
    ("list stay age of =1 first", [(70.0,)]),
    ("count_patients stay aged =[80, null]", [(2.0,)]),
    ('count_patients stay of_sex ="female"', [(2.0,)]),
    ("length icu of =1 first_icu", [(2.0,)]),
    ("count_records stay in =\"2150-05\"", [(2.0,)]),
    ("count_records stay this_year", [(1.0,)]),
    ("count_records visit class =\"ambulatory\"", [(1.0,)]),
    ('avg per_day observation value name ="Potassium" of =2', [
        ("2150-05-10", 4.0), ("2150-05-11", 5.6), ("2150-05-18", 3.0),
    ]),
    ('survival ={"month": 1} medication name ="150 ML vancomycin 5 MG/ML Injection" after observation', [(1.0,)]),
    ('difference observation value name ="Creatinine" of =1 first versus last', [(1.4,)]),
    ('list_distinct condition name of =2 same_stay observation name ="Potassium"', [
        ("Acute kidney failure, unspecified",), ("Congestive heart failure, unspecified",),
        ("Family history of ischemic heart disease",), ("Unspecified essential hypertension",),
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("question", "wanted"), ASKED, ids=[question for question, _ in ASKED])
def test_a_question_over_the_views_has_the_answer_counted_by_hand(
    clinic: Store, question: str, wanted: list[tuple[Any, ...]]
) -> None:
    table = run_query(clinic, compile_records(delinearize(split(question)), OURS)).table
    rows = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
    assert [_rounded(row) for row in plain(rows)] == wanted


def _rounded(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Round numbers that were stored in 32 bits, and cut a midnight down to its day."""
    return tuple(round(cell, 5) if isinstance(cell, float) else str(cell).removesuffix(" 00:00:00") for cell in row)


@given(questions_of(Grammar(CatalogueShape(OURS))), PLACES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_the_grammar_allows_passes_the_guard_and_runs_on_the_views(
    clinic: Store, tokens: tuple[str, ...], places: list[int]
) -> None:
    tree = compile_records(filled(Grammar(CatalogueShape(OURS)).query(tokens), places, VALUES | OWN), OURS)
    guard(tree, read_catalog(clinic))
    assert run_query(clinic, tree).table.num_columns >= 1
