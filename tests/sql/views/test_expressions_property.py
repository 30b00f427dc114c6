"""Random expressions: each gives a value, is refused, or fails with an error of ours, never one of the engine."""

import re

import duckdb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ehr.errors import ViewError
from sql.views.fhirpath import Binary, Call, Constant, Empty, Indexer, Member, Node, This, TypeTest, Unary, written
from sql.views.functions import FUNCTIONS
from tests.sql.views.running import value
from tests.sql.views.test_fhirpath import PATIENT
from tests.sql.views.test_parse import LITERALS, OPERATORS

PLACE = re.compile(r"ViewDefinition\.select\[0\]\.column\[0\] \(v\)\.path: ")
ELEMENTS = st.sampled_from(
    ["name", "given", "family", "active", "birthDate", "multipleBirth", "deceased", "extension", "value", "link",
     "other", "id", "madeUp", "deep", "n", "meta", "lastUpdated", "period", "start"]
)  # fmt: skip
TYPES = st.sampled_from(["string", "boolean", "Quantity", "HumanName", "date", "dateTime", "code", "Patient"])
TYPED = frozenset({"ofType", "as", "is", "getReferenceKey"})
LEAVES: st.SearchStrategy[Node] = st.one_of(
    st.builds(Member, st.none(), ELEMENTS),
    st.sampled_from([Empty(), This(), Constant("rowIndex"), Constant("resource")]),
    LITERALS,
)


def _larger(nodes: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    def call(name: str) -> st.SearchStrategy[Node]:
        arguments = st.builds(Member, st.none(), TYPES) if name in TYPED else nodes
        function = FUNCTIONS[name]
        counted = st.lists(arguments, min_size=function.least, max_size=function.most).map(tuple)
        return st.builds(Call, nodes, st.just(name), counted)

    return st.one_of(
        st.builds(Member, nodes, ELEMENTS),
        st.sampled_from(sorted(FUNCTIONS)).flatmap(call),
        st.builds(Indexer, nodes, nodes),
        st.builds(Unary, st.sampled_from(["+", "-"]), nodes),
        st.builds(Binary, OPERATORS, nodes, nodes),
        st.builds(TypeTest, st.sampled_from(["is", "as"]), nodes, TYPES),
    )


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(node=st.recursive(LEAVES, _larger, max_leaves=6), is_collection=st.booleans())
def test_an_expression_gives_a_value_or_an_error_with_its_place(node: Node, is_collection: bool) -> None:
    try:
        value(written(node), PATIENT, collection=is_collection)
    except (ViewError, duckdb.InvalidInputException) as error:
        answer = str(error)
    else:
        return
    is_pattern = "matches(" in written(node) and "ViewDefinition" not in answer
    assert PLACE.search(answer) or is_pattern
