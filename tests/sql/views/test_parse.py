"""Reading FHIRPath: what is written reads back, what is no FHIRPath is refused and never breaks the reader."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ehr.errors import ViewError
from sql.views.definition import read_view
from sql.views.fhirpath import (
    Binary,
    Call,
    Constant,
    Empty,
    Index,
    Indexer,
    Literal,
    Member,
    Node,
    Quantity,
    This,
    TypeTest,
    Unary,
    written,
)
from sql.views.parse import FhirPathError, parse
from sql.views.rows import compile_view

NAMES = st.sampled_from(["name", "family", "div", "contains", "is", "a b", "true", "`", "_x", "ünd"])
DIGITS = st.integers(0, 10**9).map(str)
NUMBERS = DIGITS.map(lambda text: Literal("integer", text)) | st.tuples(DIGITS, DIGITS).map(
    lambda parts: Literal("decimal", ".".join(parts))
)
DATES = st.sampled_from(["2014", "2014-01", "2014-01-25"])
CLOCKS = st.sampled_from(["10", "10:30", "10:30:15", "10:30:15.123"])
LITERALS = st.one_of(
    NUMBERS,
    st.text(st.characters(exclude_categories=["Cs"])).map(lambda text: Literal("string", text)),
    st.sampled_from(["true", "false"]).map(lambda text: Literal("boolean", text)),
    DATES.map(lambda text: Literal("date", text)),
    DATES.map(lambda text: Literal("dateTime", f"{text}T")),
    st.tuples(CLOCKS, st.sampled_from(["", "Z", "+02:00"])).map(
        lambda parts: Literal("dateTime", f"2014-01-25T{''.join(parts)}")
    ),
    CLOCKS.map(lambda text: Literal("time", text)),
    st.builds(Quantity, NUMBERS, st.sampled_from(["mg", "'", "[degF]"]), st.just(False)),
    st.builds(Quantity, NUMBERS, st.sampled_from(["days", "year"]), st.just(True)),
)
LEAVES: st.SearchStrategy[Node] = st.one_of(
    LITERALS,
    st.builds(Empty),
    st.builds(This),
    st.builds(Index),
    st.builds(Constant, NAMES),
    st.builds(Member, st.none(), NAMES),
)
OPERATORS = st.sampled_from(
    ["and", "or", "xor", "implies", "=", "!=", "~", "!~", "<", "<=", ">", ">=", "+", "-", "*", "/", "div", "mod", "&",
     "|", "in", "contains"]
)  # fmt: skip


def _larger(nodes: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    return st.one_of(
        st.builds(Member, nodes, NAMES),
        st.builds(Call, st.none() | nodes, NAMES, st.lists(nodes, max_size=3).map(tuple)),
        st.builds(Indexer, nodes, nodes),
        st.builds(Unary, st.sampled_from(["+", "-"]), nodes),
        st.builds(Binary, OPERATORS, nodes, nodes),
        st.builds(TypeTest, st.sampled_from(["is", "as"]), nodes, st.sampled_from(["Quantity", "FHIR.Patient"])),
    )


@given(st.recursive(LEAVES, _larger, max_leaves=12))
def test_what_is_written_reads_back_as_the_same_tree(node: Node) -> None:
    assert parse(written(node)) == node


@given(st.text(max_size=60) | st.text("()[]{}.%$@'`\\,+-*/|&<>=~! a1T:/\n", max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        node = parse(text)
    except FhirPathError:
        return
    assert parse(written(node)) == node


@settings(max_examples=60, deadline=None)
@given(st.recursive(LEAVES, _larger, max_leaves=8))
def test_any_expression_is_compiled_or_refused(node: Node) -> None:
    document = {"resource": "Patient", "select": [{"column": [{"name": "a", "path": written(node)}]}]}
    try:
        answer = compile_view(read_view(document)).sql
    except ViewError as error:
        answer = str(error)
    assert answer.startswith(("SELECT", "ViewDefinition.select[0].column[0] (a).path: "))


PRECEDENCE = [
    ("a + b * c", "(a + (b * c))"),
    ("-a.b", "(-a.b)"),
    ("a * -b", "(a * (-b))"),
    ("a = b and c or d implies e", "((((a = b) and c) or d) implies e)"),
    ("a | b = c", "((a | b) = c)"),
    ("a < b = c", "((a < b) = c)"),
    ("a is X and b", "((a is X) and b)"),
    ("a + b is X", "((a + b) is X)"),
    ("a in b and c", "((a in b) and c)"),
    ("a & b + c", "((a & b) + c)"),
    ("1.first()", "1.first()"),
    ("a // the rest\n . /* and */ b", "a.b"),
    ("contains.contains('x')", "contains.contains('x')"),
]


@pytest.mark.parametrize(("text", "expected"), PRECEDENCE)
def test_operators_bind_as_the_grammar_says(text: str, expected: str) -> None:
    assert written(parse(text)) == expected


REFUSED = [
    ("", "expression ends"),
    ("@@", "'@' at character 1"),
    ("a..b", "expected a name at character 3"),
    ("a b", "expected an operator or the end at character 3"),
    ("a.where(", "expression ends"),
    ("a[1", "expected ']'"),
    ("(a", r"expected '\)'"),
    ("'a", "at character 1 begins nothing"),
    ("and", "expected a value"),
    ("$total", "belongs to aggregate"),
    ("a.$this", "expected a name"),
    ("(" * 40 + "a" + ")" * 40, "nested more than 30"),
    ("+" * 40 + "1", "signs in a row"),
    (".".join("a" * 80), "a path of more than"),
    (" + ".join("1" * 80), "in a row"),
    ("a" * 30_000, "longer than"),
]


@pytest.mark.parametrize(("text", "reason"), REFUSED, ids=[reason for _, reason in REFUSED])
def test_what_is_no_fhirpath_is_refused_with_the_place(text: str, reason: str) -> None:
    with pytest.raises(FhirPathError, match=reason):
        parse(text)
