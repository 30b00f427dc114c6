"""Random views over random patients: the compiled SELECT gives what the plain reading of the specification gives."""

from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ehr.errors import ViewError
from sql.views.definition import read_view
from tests.sql.views.reference import TooMany, reference_rows
from tests.sql.views.running import rows

WORDS = st.sampled_from(["a", "b", "it's", ""])


def objects(**parts: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=parts)


def lists(item: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(item, min_size=1, max_size=3)


TELECOM = objects(system=WORDS, value=WORDS, rank=st.integers(0, 2))
NAME = objects(use=WORDS, family=WORDS, given=lists(WORDS))
CONTACT = objects(name=NAME, gender=WORDS, telecom=lists(TELECOM))
PATIENT = objects(
    id=WORDS,
    active=st.booleans(),
    gender=WORDS,
    deceasedBoolean=st.booleans(),
    multipleBirthInteger=st.integers(0, 2),
    name=lists(NAME),
    telecom=lists(TELECOM),
    contact=lists(CONTACT),
).map(lambda patient: {"resourceType": "Patient", **patient})

TESTS = st.recursive(
    st.sampled_from(
        ["active", "gender = 'a'", "name.use = 'b'", "multipleBirth.ofType(integer) > 0", "rank != 1", "use = %c",
         "name.exists()", "telecom.where(system = 'a').empty()", "contact.telecom.count() > 2",
         "deceased.ofType(boolean)",
         "name.first().given.first() < 'b'", "given.exists()", "gender.exists().not()", "$this.id = %resource.id"]
    ),
    lambda inner: st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda parts: f"({' '.join(parts)})"),
    max_leaves=3,
)  # fmt: skip
STEPS = st.sampled_from(
    ["name", "telecom", "contact", "contact.telecom", "name.given", "contact.name", "telecom[1]", "$this"]
)
FOR_EACH = STEPS | st.tuples(STEPS, TESTS).map(lambda parts: f"{parts[0]}.where({parts[1]})")
PATHS = TESTS | FOR_EACH | st.sampled_from(
    ["id", "family", "given.join('-')", "name.family.first()", "%rowIndex", "value", "system", "rank", "rank + 1",
     "%resource.getResourceKey()", "%resource.name.count()", "$this", "name[0].given[1]", "gender"]
)  # fmt: skip

TEXTS = st.sampled_from(["family", "given.join('-')", "name.family", "gender", "use", "value", "%resource.id", "'a'"])


@st.composite
def views(draw: st.DrawFn) -> dict[str, Any]:
    numbers = iter(range(100))

    def columns() -> list[dict[str, Any]]:
        return [
            {
                "name": f"c{next(numbers)}",
                "path": draw(PATHS),
                **({"collection": True} if draw(st.booleans()) else {}),
            }
            for _ in range(draw(st.integers(1, 2)))
        ]

    def select(depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {"column": columns()}
        if draw(st.booleans()):
            made[draw(st.sampled_from(["forEach", "forEachOrNull"]))] = draw(FOR_EACH)
        if depth and draw(st.booleans()):
            made["select"] = [select(depth - 1) for _ in range(draw(st.integers(1, 2)))]
        if depth and draw(st.booleans()):
            pools = {f"c{next(numbers)}": draw(st.sampled_from([TESTS, TEXTS])) for _ in range(2)}
            made["unionAll"] = [
                {**draw(st.sampled_from([{}, {"forEach": "name"}, {"forEachOrNull": "telecom"}])),
                 "column": [{"name": name, "path": draw(pool), "collection": True} for name, pool in pools.items()]}
                for _ in range(2)
            ]  # fmt: skip
        return made

    where = [{"path": draw(TESTS)}] if draw(st.booleans()) else []
    return {
        "resource": "Patient",
        "constant": [{"name": "c", "valueString": "b"}],
        "select": [select(2) for _ in range(draw(st.integers(1, 2)))],
        "where": where,
    }


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(view=views(), patients=st.lists(PATIENT, min_size=1, max_size=4))
def test_the_compiled_view_gives_the_rows_of_the_specification(
    view: dict[str, Any], patients: list[dict[str, Any]]
) -> None:
    read = read_view(view)
    try:
        expected = reference_rows(read, patients)
    except TooMany:
        with pytest.raises((duckdb.InvalidInputException, ViewError)):
            rows(view, *patients)
        return
    try:
        found = rows(view, *patients)
    except ViewError:  # branches of a union that differ in type, a test that can give no boolean
        assume(False)
    assert found == expected
