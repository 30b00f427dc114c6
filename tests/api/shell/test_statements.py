"""Typed text is cut into statements at semicolons that stand in no text, name or remark."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.shell.statements import Inside, cut

PIECES = st.sampled_from(
    [
        "SELECT 1",
        " ",
        "\n",
        "';'",
        "'it''s;'",
        '"a;b"',
        "-- no; end\n",
        "/* ; ' */",
        "$$;'$$",
        "$t$ ; $t$",
        " e'\\';'",
        "é",
    ]
)


@given(parts=st.lists(st.lists(PIECES, max_size=6).map("".join), max_size=5), rest=st.lists(PIECES, max_size=6))
def test_statements_come_back_as_they_were_joined(parts: list[str], rest: list[str]) -> None:
    found = cut("".join(f"{part};" for part in parts) + "".join(rest))
    assert list(found.statements) == parts
    assert found.rest == "".join(rest)
    assert found.inside is Inside.CODE


@given(text=st.text())
def test_nothing_that_is_typed_is_lost(text: str) -> None:
    found = cut(text)
    assert "".join(f"{statement};" for statement in found.statements) + found.rest == text
    assert 0 <= found.begun_at <= len(found.rest)


@pytest.mark.parametrize(
    ("text", "inside", "is_blank"),
    [
        ("", Inside.CODE, True),
        ("SELECT 1; ", Inside.CODE, True),
        ("SELECT 1; -- done", Inside.REMARK, True),
        ("SELECT 1; /* not closed", Inside.REMARK, True),
        ("SELECT", Inside.CODE, False),
        ("SELECT ';", Inside.TEXT, False),
        ('SELECT ";', Inside.NAME, False),
        ("SELECT $$;", Inside.TEXT, False),
        ("SELECT -- ;", Inside.REMARK, False),
        ("'", Inside.TEXT, False),
    ],
)
def test_what_the_end_lies_in(text: str, inside: Inside, is_blank: bool) -> None:
    found = cut(text)
    assert (found.inside, found.is_blank) == (inside, is_blank)
