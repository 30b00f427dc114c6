"""The syntax tree of FHIRPath, and how it is written back as text.

The grammar is that of FHIRPath N1 (http://hl7.org/fhirpath/N1, appendix "Formal specifications").
"""

from dataclasses import dataclass
from typing import Final

ESCAPES: Final = {
    "'": "'",
    '"': '"',
    "`": "`",
    "\\": "\\",
    "/": "/",
    "r": "\r",
    "n": "\n",
    "t": "\t",
    "f": "\f",
}


@dataclass(frozen=True, slots=True)
class Literal:
    """A value written out: `kind` is boolean, string, integer, decimal, date, dateTime or time."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with a unit: a UCUM code, or a calendar word such as `days` (then `is_calendar`)."""

    value: Literal
    unit: str
    is_calendar: bool


@dataclass(frozen=True, slots=True)
class Empty:
    """The empty collection, `{}`."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A value from outside: `%name`."""

    name: str


@dataclass(frozen=True, slots=True)
class This:
    """The item that is looked at: `$this`."""


@dataclass(frozen=True, slots=True)
class Index:
    """The number of the item that is looked at, from 0: `$index`."""


@dataclass(frozen=True, slots=True)
class Member:
    """The elements of that name of the target; of the item that is looked at where there is no target."""

    target: "Node | None"
    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function applied to the target; to the item that is looked at where there is no target."""

    target: "Node | None"
    name: str
    arguments: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Indexer:
    """One item of a collection: `target[index]`."""

    target: "Node"
    index: "Node"


@dataclass(frozen=True, slots=True)
class Unary:
    """A sign before a number."""

    operator: str
    operand: "Node"


@dataclass(frozen=True, slots=True)
class Binary:
    """An operator between two expressions."""

    operator: str
    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True)
class TypeTest:
    """`operand is Type` or `operand as Type`."""

    operator: str
    operand: "Node"
    type_name: str


Node = (
    Literal | Quantity | Empty | Constant | This | Index | Member | Call | Indexer | Unary | Binary | TypeTest
)  # fmt: skip

_RESERVED: Final = frozenset({"true", "false", "and", "or", "xor", "implies", "div", "mod"})


def written(node: Node) -> str:
    """Return an expression that reads back as the same tree.

    >>> written(Binary("=", Member(None, "use"), Literal("string", "it's")))
    "(use = 'it\\\\'s')"
    """
    match node:
        case Literal(kind, text):
            return _literal(kind, text)
        case Quantity(value, unit, is_calendar):
            return f"{value.text} {unit if is_calendar else _quoted(unit, chr(39))}"
        case Empty():
            return "{}"
        case Constant(name):
            return f"%{_name(name)}"
        case This():
            return "$this"
        case Index():
            return "$index"
        case Member(target, name):
            return _after(target) + _name(name)
        case Call(target, name, arguments):
            return f"{_after(target)}{_name(name)}({', '.join(map(written, arguments))})"
        case Indexer(target, index):
            return f"{_term(target)}[{written(index)}]"
        case Unary(operator, operand):
            return f"({operator}{written(operand)})"
        case Binary(operator, left, right):
            return f"({written(left)} {operator} {written(right)})"
        case TypeTest(operator, operand, type_name):
            return f"({written(operand)} {operator} {'.'.join(map(_name, type_name.split('.')))})"


def _after(target: Node | None) -> str:
    return "" if target is None else f"{_term(target)}."


def _term(node: Node) -> str:
    """Write what a dot or bracket follows; a quantity needs brackets of its own."""
    return f"({written(node)})" if isinstance(node, Quantity) else written(node)


def _literal(kind: str, text: str) -> str:
    if kind == "string":
        return _quoted(text, "'")
    if kind in {"date", "dateTime"}:
        return f"@{text}"
    return f"@T{text}" if kind == "time" else text


def _name(name: str) -> str:
    is_plain = name.isascii() and name.isidentifier() and name not in _RESERVED
    return name if is_plain else _quoted(name, "`")


def _quoted(text: str, mark: str) -> str:
    written_out = {"\\": "\\\\", mark: f"\\{mark}", "\r": "\\r", "\n": "\\n", "\t": "\\t", "\f": "\\f"}
    return mark + "".join(written_out.get(character, character) for character in text) + mark
