"""Cutting typed text into statements at each semicolon that stands in no text, name or remark."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Inside(StrEnum):
    """What the end of a text lies in."""

    CODE = "code"
    TEXT = "text"
    NAME = "name"
    REMARK = "remark"


@dataclass(frozen=True, slots=True)
class Cut:
    """Whole statements without their semicolons, what is left after the last, and what the end of it lies in.

    `begun_at` is where in `rest` the text, name or remark begins that the end lies in; its length for none.
    """

    statements: tuple[str, ...]
    rest: str
    inside: Inside
    begun_at: int

    @property
    def is_blank(self) -> bool:
        """Whether nothing but blanks and remarks is left."""
        return not _BLANK.sub("", self.rest).strip() and self.inside is not Inside.TEXT


_TOKEN: Final = re.compile(
    r"""
    (?P<remark> --[^\n]*\n? | /\*.*?\*/ )
    | (?P<text> (?<![\w$])[eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ )
    | (?P<name> "(?:[^"]|"")*" )
    | (?P<end> ; )
    | (?P<open_remark> /\* ) | (?P<open_text> ' | \$\w*\$ ) | (?P<open_name> " )
    """,
    re.VERBOSE | re.DOTALL,
)
_BLANK: Final = re.compile(r"--[^\n]*\n?|/\*.*?(?:\*/|\Z)", re.DOTALL)
_OPEN: Final = {"open_remark": Inside.REMARK, "open_text": Inside.TEXT, "open_name": Inside.NAME}


def cut(text: str) -> Cut:
    """Cut a text into its statements.

    >>> cut("SELECT ';' -- no; end\\n FROM a; SELECT 'b")
    Cut(statements=("SELECT ';' -- no; end\\n FROM a",), rest=" SELECT 'b", inside=<Inside.TEXT: 'text'>, begun_at=8)
    """
    statements: list[str] = []
    begin = at = 0
    while (found := _TOKEN.search(text, at)) is not None:
        kind = str(found.lastgroup if found.lastgroup != "tag" else "text")
        if kind in _OPEN:
            return Cut(tuple(statements), text[begin:], _OPEN[kind], found.start() - begin)
        is_open_line = kind == "remark" and found[0].startswith("--") and not found[0].endswith("\n")
        if is_open_line:
            return Cut(tuple(statements), text[begin:], Inside.REMARK, found.start() - begin)
        if kind == "end":
            statements.append(text[begin : found.start()])
            begin = found.end()
        at = found.end()
    return Cut(tuple(statements), text[begin:], Inside.CODE, len(text) - begin)
