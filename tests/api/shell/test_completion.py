# ruff: noqa: E501  (a table has a line for each of its cases)
"""The shell offers what may follow: tables, columns of the tables named, functions, codes and concepts, commands."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.shell.completion import Completer
from api.shell.session import COMMANDS
from ehr.store import Store, open_store
from sql.catalog import read_catalog
from tests.sql.ward import build_ward


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    path = tmp_path_factory.mktemp("completion") / "store"
    build_ward(path)
    store = open_store(path, locked=True)
    yield store
    store.close()


@pytest.fixture(scope="module")
def completer(store: Store) -> Completer:
    return Completer(store, read_catalog(store), tuple(COMMANDS))


def offered(completer: Completer, typed: str, role: str = "analyst") -> list[str]:
    """Return what the text would be with each suggestion taken; ¦ marks the cursor."""
    before, _, after = typed.partition("¦")
    found = completer.suggestions(before, after, role)
    return [before[: len(before) - one.replaces] + one.text for one in found]


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("SELECT * FROM enc", "SELECT * FROM encounter"),
        ("SELECT * FROM encounter e, pat", "SELECT * FROM encounter e, patient"),
        ("SELECT * FROM encounter JOIN dea", "SELECT * FROM encounter JOIN death"),
        ("SELECT birth¦ FROM patient", "SELECT birth_time"),
        ("SELECT p.birth¦ FROM patient p", "SELECT p.birth_time"),
        ("SELECT p.s¦ FROM patient AS p JOIN encounter e USING (subject_id)", "SELECT p.subject_id"),
        ("SELECT e.cl¦ FROM patient p JOIN encounter e USING (subject_id)", "SELECT e.class"),
        ("SELECT 1; SELECT disp¦ FROM encounter; SELECT 2", "SELECT 1; SELECT disposition"),
        ("SELECT sex FROM patient WHERE birth", "SELECT sex FROM patient WHERE birth_time"),
        ("SELECT desce", "SELECT descends_from("),
        ("SELECT LOS", "SELECT los_days("),
        ("sele", "select"),
        ("SELE", "SELECT"),
        ("WITH stays AS (FROM encounter) SELECT * FROM sta", "WITH stays AS (FROM encounter) SELECT * FROM stays"),
        ("SELECT * FROM condition WHERE code = 'DIAGNOSIS//ICD//10//I5", "SELECT * FROM condition WHERE code = 'DIAGNOSIS//ICD//10//I509"),
        ("SELECT * FROM condition WHERE code = 'heart fail", "SELECT * FROM condition WHERE code = 'DIAGNOSIS//ICD//10//I509"),
        ("SELECT 1 FROM condition WHERE descends_from(code, 'ICD10//I50", "SELECT 1 FROM condition WHERE descends_from(code, 'ICD10//I50"),
        ("SELECT 1 FROM condition WHERE descends_from(code, 'x', 'diabetes mell", "SELECT 1 FROM condition WHERE descends_from(code, 'x', 'ICD10//E08-E13"),
        ("SELECT has_code_within(subject_id, ['congestive", "SELECT has_code_within(subject_id, ['ICD9//4280"),
        (".desc", ".describe"),
        (".describe enc", ".describe encounter"),
        (".role cli", ".role clinician"),
        (".format par", ".format parquet"),
    ],
)  # fmt: skip
def test_what_is_offered_first(typed: str, first: str, completer: Completer) -> None:
    assert offered(completer, typed)[0] == first


@pytest.mark.parametrize(
    "typed",
    ["SELECT -- fro", "SELECT /* fro", 'SELECT "sub', "SELECT '", "SELECT 'h", "SELECT x.", "", ".nothing ", "SELECT zzz"],
)  # fmt: skip
def test_where_nothing_fits_nothing_is_offered(typed: str, completer: Completer) -> None:
    assert offered(completer, typed) == []


def test_only_what_the_role_may_read_is_offered(completer: Completer) -> None:
    assert offered(completer, "SELECT * FROM reje") == []
    assert offered(completer, "SELECT * FROM reje", "admin") == ["SELECT * FROM reject"]
    assert offered(completer, "SELECT ident¦ FROM patient") == []
    assert offered(completer, "SELECT ident¦ FROM patient", "clinician") == ["SELECT identifiers"]
    assert ".describe code_ancestor" not in offered(completer, ".describe code")


def test_columns_come_with_what_they_mean(completer: Completer) -> None:
    (found,) = completer.suggestions("SELECT dispo", " FROM encounter", "analyst")
    assert "DIED for a death in hospital" in found.note


@settings(deadline=None, max_examples=200)
@given(before=st.text(alphabet="SELECT FROM patient.e,('\";-/*_ñ\n", max_size=40), after=st.text(max_size=10))
def test_any_text_can_be_completed(before: str, after: str, completer: Completer) -> None:
    for one in completer.suggestions(before, after, "analyst"):
        assert 0 <= one.replaces <= len(before)
