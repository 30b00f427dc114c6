"""Laws of questions: nothing crashes, nothing unguarded runs, filler changes nothing, every code is of the store."""

import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ehr.store import Store
from sql.catalog import read_catalog
from sql.guard import guard
from sql.text import Index, ask
from sql.text.compile import compile_query
from sql.text.parse import parse
from sql.text.query import Query
from sql.text.reading import read

WORDS = [
    "how",
    "many",
    "number",
    "of",
    "patients",
    "women",
    "admissions",
    "ICU",
    "stays",
    "emergency",
    "visits",
    "list",
    "which",
    "average",
    "median",
    "percentage",
    "with",
    "without",
    "and",
    "or",
    "not",
    "no",
    "had",
    "have",
    "given",
    "received",
    "on",
    "underwent",
    "died",
    "in",
    "hospital",
    "heart",
    "failure",
    "sepsis",
    "diabetes",
    "asthma",
    "creatinine",
    "lactate",
    "potassium",
    "temperature",
    "glucose",
    "furosemide",
    "vancomycin",
    "norepinephrine",
    "dialysis",
    "ventilation",
    "above",
    "below",
    "between",
    "at",
    "least",
    "2",
    "4",
    "24",
    "39",
    "65",
    "2150",
    "mg/dL",
    "°C",
    "hours",
    "days",
    "of",
    "the",
    "first",
    "last",
    "within",
    "after",
    "before",
    "during",
    "admission",
    "discharge",
    "that",
    "stay",
    "aged",
    "over",
    "under",
    "years",
    "older",
    "than",
    ",",
    "?",
    "whose",
    "of",
    "them",
    "by",
    "sex",
    "type",
    "age",
    "length",
    "drop",
    "table",
    "delete",
]
SALADS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=16).map(" ".join)
PATIENTS = ("patients", "women", "men", "adult patients", "patients over 65", "ICU patients")
STAYS = ("admissions", "ICU stays", "hospital admissions of women")
SAID = (
    "with heart failure", "with diabetes", "without sepsis", "who died", "given furosemide", "aged 60 or over",
    "with a creatinine above 1 mg/dL", "with a lactate above 2 mmol/L",
)  # fmt: skip
FILLERS = ("", "please", "kindly")
OPENINGS = ("", "can you tell me ", "please ", "could you please tell me ", "I would like to know ", "tell me ")
LIMITS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(salad=SALADS)
@settings(LIMITS, max_examples=150)
def test_word_salad_is_answered_through_the_guard_or_refused(clinic: Store, index: Index, salad: str) -> None:
    answer = ask(clinic, salad, index=index)
    if answer.reason is None:
        assert answer.sql is not None
        guard(answer.sql, read_catalog(clinic))
        assert answer.result is not None
        assert answer.reading
    else:
        assert answer.reason in {"UNANSWERABLE", "AMBIGUOUS", "LOW_CONFIDENCE", "UNSAFE"}
        assert answer.message
        assert answer.sql is None


@given(text=st.text(max_size=200))
@LIMITS
def test_any_text_is_answered_or_refused(clinic: Store, index: Index, text: str) -> None:
    answer = ask(clinic, text, index=index)
    assert (answer.reason is None) == (answer.sql is not None)


@given(
    who=st.sampled_from(PATIENTS), said=st.lists(st.sampled_from(SAID), min_size=1, max_size=3, unique=True),
    opening=st.sampled_from(OPENINGS), filler=st.sampled_from(FILLERS), ending=st.sampled_from(("", "?", " ?", ".")),
)  # fmt: skip
@LIMITS
def test_filler_does_not_change_what_is_understood(
    index: Index, who: str, said: list[str], opening: str, filler: str, ending: str
) -> None:
    core = f"how many {who} {' and '.join(said)}"
    plain = parse(core, index)
    assert isinstance(plain, Query)
    assert parse(f"{opening}{filler} how many of the {who} {' and '.join(said)}{ending}", index) == plain
    assert parse(core.upper() if "mg/dL" not in core and "mmol" not in core else core, index) == plain


@given(
    who=st.sampled_from(PATIENTS + STAYS), said=st.lists(st.sampled_from(SAID), min_size=1, max_size=3, unique=True)
)
@LIMITS
def test_every_code_in_the_sql_is_a_code_of_the_store(clinic: Store, index: Index, who: str, said: list[str]) -> None:
    query = parse(f"how many {who} {' and '.join(said)}", index)
    assert isinstance(query, Query)
    known = {row[0] for row in clinic.cursor().execute("SELECT code FROM code").fetchall()}
    used = {text for text in re.findall(r"'([^']*)'", compile_query(query).sql("duckdb")) if "//" in text}
    assert used <= known


@given(said=st.sampled_from(SAID))
@LIMITS
def test_a_criterion_and_its_negation_part_the_patients(clinic: Store, index: Index, said: str) -> None:
    opposite = {
        "with heart failure": "without heart failure", "with diabetes": "without diabetes",
        "without sepsis": "with sepsis", "who died": "who did not die", "given furosemide": "not given furosemide",
        "aged 60 or over": "under 60", "with a creatinine above 1 mg/dL": "without a creatinine above 1 mg/dL",
        "with a lactate above 2 mmol/L": "without a lactate above 2 mmol/L",
    }[said]  # fmt: skip
    counts = []
    for criterion in (said, opposite):
        answer = ask(clinic, f"how many patients {criterion}", index=index)
        assert answer.result is not None, answer.message
        counts.append(answer.result.table.to_pylist()[0]["patients"])
    assert sum(counts) == 8


@given(said=st.lists(st.sampled_from(SAID), min_size=2, max_size=3, unique=True))
@settings(LIMITS, max_examples=20)
def test_the_order_of_criteria_does_not_change_the_answer(clinic: Store, index: Index, said: list[str]) -> None:
    forward = ask(clinic, f"how many patients {' and '.join(said)}", index=index)
    backward = ask(clinic, f"how many patients {' and '.join(reversed(said))}", index=index)
    assert forward.result is not None
    assert backward.result is not None
    assert forward.result.table.to_pylist() == backward.result.table.to_pylist()


@given(salad=SALADS)
@LIMITS
def test_the_reading_follows_from_the_query_alone(index: Index, salad: str) -> None:
    first, second = parse(salad, index), parse(salad, index)
    assert first == second
    if isinstance(first, Query) and isinstance(second, Query):
        assert read(first) == read(second)
