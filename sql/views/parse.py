"""Reading FHIRPath: text -> tokens -> syntax tree.

Precedence is that of the grammar of FHIRPath N1, from the tightest: `.` and `[]`, sign, `* / div mod`, `+ - &`,
`is as`, `|`, `< <= > >=`, `= != ~ !~`, `in contains`, `and`, `or xor`, `implies`.
"""

import re
from typing import Final, NamedTuple

from ehr.errors import ViewError
from sql.views.fhirpath import (
    ESCAPES,
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
)

MAX_LENGTH: Final = 20_000
MAX_NESTING: Final = 30
MAX_CHAIN: Final = 60

_DATE: Final = r"[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2})?)?"
_CLOCK: Final = r"[0-9]{2}(?::[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)?"
_TOKEN: Final = re.compile(
    rf"""
    (?P<space>(?:\s|/\*.*?\*/|//[^\r\n]*)+)
  | @(?P<dateTime>{_DATE}T(?:{_CLOCK}(?:Z|[+-][0-9]{{2}}:[0-9]{{2}})?)?)
  | @(?P<date>{_DATE})
  | @T(?P<time>{_CLOCK})
  | (?P<decimal>[0-9]+\.[0-9]+)
  | (?P<integer>[0-9]+)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<quoted_name>`(?:\\.|[^`\\])*`)
  | (?P<string>'(?:\\.|[^'\\])*')
  | (?P<variable>\$(?:this|index|total))
  | (?P<sign><=|>=|!=|!~|[-.\[\](){{}}+*/|&<>=~,%])
    """,
    re.VERBOSE | re.DOTALL,
)
_LEVELS: Final[tuple[frozenset[str], ...]] = (
    frozenset({"implies"}),
    frozenset({"or", "xor"}),
    frozenset({"and"}),
    frozenset({"in", "contains"}),
    frozenset({"=", "~", "!=", "!~"}),
    frozenset({"<", "<=", ">", ">="}),
    frozenset({"|"}),
    frozenset({"is", "as"}),
    frozenset({"+", "-", "&"}),
    frozenset({"*", "/", "div", "mod"}),
)
_WORDS: Final = frozenset({"and", "or", "xor", "implies", "div", "mod", "true", "false"})
_CALENDAR: Final = frozenset(
    f"{unit}{ending}"
    for unit in ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
    for ending in ("", "s")
)


class FhirPathError(ViewError):
    """An expression is no FHIRPath, or uses a part of it that views do not have."""


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


def parse(text: str) -> Node:
    """Return the syntax tree of an expression; raises FhirPathError with the place where it cannot be read.

    >>> parse("name.given")
    Member(target=Member(target=None, name='name'), name='given')
    """
    if len(text) > MAX_LENGTH:
        raise FhirPathError(f"the expression is longer than {MAX_LENGTH:,} characters")
    return _Parser(_tokens(text)).whole()


def _tokens(text: str) -> list[_Token]:
    tokens = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise FhirPathError(f"{text[at]!r} at character {at + 1} begins nothing that FHIRPath knows")
        kind = found.lastgroup or ""
        if kind != "space":
            tokens.append(_Token(kind, found[kind], at))
        at = found.end()
    tokens.append(_Token("end", "", len(text)))
    return tokens


class _Parser:
    """A recursive-descent parser: one method per level of the grammar."""

    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens = tokens
        self.next = 0
        self.depth = 0

    def whole(self) -> Node:
        node = self.expression()
        if self.token.kind != "end":
            raise self.fault("an operator or the end")
        return node

    @property
    def token(self) -> _Token:
        return self.tokens[self.next]

    def advance(self) -> _Token:
        token = self.token
        self.next += 1
        return token

    def accept(self, text: str) -> bool:
        if self.token.kind in {"sign", "name"} and self.token.text == text:
            self.next += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.accept(text):
            raise self.fault(repr(text))

    def fault(self, wanted: str) -> FhirPathError:
        token = self.token
        found = f"found {token.text!r}" if token.kind != "end" else "the expression ends"
        return FhirPathError(f"expected {wanted} at character {token.at + 1}, but {found}")

    def expression(self) -> Node:
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise FhirPathError(f"the expression is nested more than {MAX_NESTING} levels deep")
        node = self.level(0)
        self.depth -= 1
        return node

    def level(self, number: int) -> Node:
        if number == len(_LEVELS):
            return self.signed()
        node = self.level(number + 1)
        links = 0
        while self.token.kind in {"sign", "name"} and self.token.text in _LEVELS[number]:
            operator = self.advance().text
            if operator in {"is", "as"}:
                node = TypeTest(operator, node, self.type_name())
            else:
                node = Binary(operator, node, self.level(number + 1))
            links += 1
            if links > MAX_CHAIN and operator not in {"and", "or"}:
                raise FhirPathError(f"more than {MAX_CHAIN} times {operator!r} in a row")
        return node

    def signed(self) -> Node:
        signs = []
        while self.token.kind == "sign" and self.token.text in "+-":
            signs.append(self.advance().text)
            if len(signs) > MAX_NESTING:
                raise FhirPathError(f"more than {MAX_NESTING} signs in a row")
        node = self.invoked()
        for sign in reversed(signs):
            node = Unary(sign, node)
        return node

    def invoked(self) -> Node:
        node = self.term()
        links = 0
        while True:
            if self.accept("."):
                node = self.invocation(node)
            elif self.accept("["):
                node = Indexer(node, self.expression())
                self.expect("]")
            else:
                return node
            links += 1
            if links > MAX_CHAIN:
                raise FhirPathError(f"a path of more than {MAX_CHAIN} steps")

    def term(self) -> Node:
        token = self.token
        if token.kind in {"decimal", "integer"}:
            return self.number()
        if token.kind in {"date", "dateTime", "time"}:
            self.advance()
            return Literal(token.kind, token.text)
        if token.kind == "string":
            self.advance()
            return Literal("string", _unquoted(token.text))
        if token.kind == "name" and token.text in {"true", "false"}:
            self.advance()
            return Literal("boolean", token.text)
        if self.accept("("):
            node = self.expression()
            self.expect(")")
            return node
        if self.accept("{"):
            self.expect("}")
            return Empty()
        if self.accept("%"):
            return Constant(self.constant_name())
        return self.invocation(None)

    def number(self) -> Node:
        token = self.advance()
        value = Literal(token.kind, token.text)
        unit = self.token
        if unit.kind == "string":
            self.advance()
            return Quantity(value, _unquoted(unit.text), is_calendar=False)
        if unit.kind == "name" and unit.text in _CALENDAR:
            self.advance()
            return Quantity(value, unit.text, is_calendar=True)
        return value

    def constant_name(self) -> str:
        if self.token.kind == "string":
            return _unquoted(self.advance().text)
        return self.identifier("the name of a constant")

    def invocation(self, target: Node | None) -> Node:
        if self.token.kind == "variable":
            return self.variable(target)
        name = self.identifier("a name" if target is not None else "a value, a name or '('")
        if not self.accept("("):
            return Member(target, name)
        arguments: list[Node] = []
        if not self.accept(")"):
            arguments.append(self.expression())
            while self.accept(","):
                arguments.append(self.expression())
            self.expect(")")
        return Call(target, name, tuple(arguments))

    def variable(self, target: Node | None) -> Node:
        if target is not None:
            raise self.fault("a name")
        token = self.advance()
        if token.text == "$total":
            raise FhirPathError(f"$total at character {token.at + 1} belongs to aggregate(), which views do not have")
        return This() if token.text == "$this" else Index()

    def identifier(self, wanted: str) -> str:
        token = self.token
        if token.kind == "quoted_name":
            self.advance()
            return _unquoted(token.text)
        if token.kind != "name" or token.text in _WORDS:
            raise self.fault(wanted)
        self.advance()
        return token.text

    def type_name(self) -> str:
        parts = [self.identifier("the name of a type")]
        while self.accept("."):
            parts.append(self.identifier("the name of a type"))
        return ".".join(parts)


_ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_SURROGATES: Final = re.compile(r"[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]")


def _unquoted(text: str) -> str:
    """Return what a quoted text says; a backslash before a character that needs none is dropped."""
    plain = _ESCAPE.sub(_escaped, text[1:-1])
    return _SURROGATES.sub(lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16", "replace"), plain)


def _escaped(found: re.Match[str]) -> str:
    return chr(int(found[1], 16)) if found[1] else ESCAPES.get(found[2], found[2])
