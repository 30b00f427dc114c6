"""What a query sees: the items of its FROM with their columns, and those of the queries around it.

A name is resolved as DuckDB resolves it: the nearest query first, a column before an alias of the choice. A name
that is not found links nothing, and is taken for an identifier when it sounds like one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Final

from sql.disclosure.identity import MIXED, OTHER, PLAIN, Column, identity_of

Node = dict[str, Any]

MARK: Final = "§"
"""How the names begin that are given here; a query that holds one is refused."""


class Kind(Enum):
    """Whom the rows of a query are of."""

    PUBLIC = auto()
    """Of nobody: codes, listed values, ranges."""
    PERSONAL = auto()
    """Each of one patient, whom a column names."""
    LINKED = auto()
    """Of the patient of the row around: a correlated subquery."""
    RELEASED = auto()
    """Of groups of patients, protected."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a query, or an item of FROM, gives: its columns, and the one that names the patient of each row.

    `in_order` says whether the columns are all there in their order, so that they can be told by their places.
    """

    kind: Kind
    columns: Mapping[str, Column]
    subject: str | None = None
    in_order: bool = True

    def renamed(self, names: list[str]) -> "Shape":
        """Return the shape with new names for the first columns, as in `t(a, b)`."""
        if not names:
            return self
        old = list(self.columns)
        new = {before: after.lower() for before, after in zip(old, names, strict=False)}
        columns = {new.get(name, name): column for name, column in self.columns.items()}
        surplus = {name.lower(): PLAIN for name in names[len(old) :]}
        subject = new.get(self.subject, self.subject) if self.subject else None
        return Shape(self.kind, columns | surplus, subject, self.in_order)


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """An item of FROM under its name."""

    name: str
    shape: Shape


@dataclass(slots=True, eq=False)
class Scope:
    """The items of a query, the aliases of its choice, and the query around it."""

    around: "Scope | None"
    items: list[Item] = field(default_factory=list)
    aliases: dict[str, Column] = field(default_factory=dict)
    using: dict[str, tuple[Item, ...]] = field(default_factory=dict)
    """The items that each name of USING joins."""
    reaches_out: bool = False
    """Whether something in it names a column of a query around it."""

    @property
    def is_personal(self) -> bool:
        """Whether its rows are of patients."""
        return any(item.shape.kind is Kind.PERSONAL for item in self.items)


@dataclass(frozen=True, slots=True)
class Found:
    """What a name stands for: the column, the item that has it, and how many queries further out that is."""

    column: Column
    item: Item | None = None
    depth: int = 0
    name: str = ""


def resolve(names: list[str], scope: Scope | None) -> Found | None:
    """Return what a column reference stands for, or None where no query around has it."""
    parts = [name.lower() for name in names]
    if parts[-1] == "rowid":
        return Found(Column(OTHER))
    depth = 0
    while scope is not None:
        found = _resolve_in(parts, scope, depth)
        if found is not None:
            return found
        scope, depth = scope.around, depth + 1
    return Found(Column(MIXED)) if any(identity_of(part) for part in parts) else None


def _resolve_in(parts: list[str], scope: Scope, depth: int) -> Found | None:
    for skipped in range(len(parts) - 1):
        found = _of_item(parts[skipped:], scope, depth)
        if found is not None:
            return found
    giving = [item for item in scope.items if parts[0] in item.shape.columns]
    if giving:
        column = giving[0].shape.columns[parts[0]]
        whole = len(parts) == 1
        return Found(column if whole else part_of(column), giving[0] if whole else None, depth, parts[0])
    if parts[0] in scope.aliases:
        return Found(part_of(scope.aliases[parts[0]]), None, depth, parts[0])
    if any(item.name == parts[0] for item in scope.items):
        return Found(Column(MIXED), None, depth)  # the whole row
    return None


def _of_item(parts: list[str], scope: Scope, depth: int) -> Found | None:
    """Resolve item.column, or item.column.part."""
    if len(parts) < 2:
        return None
    for item in scope.items:
        if item.name == parts[0] and parts[1] in item.shape.columns:
            column = item.shape.columns[parts[1]]
            whole = len(parts) == 2
            return Found(column if whole else part_of(column), item if whole else None, depth, parts[1])
        if item.name == parts[0] and identity_of(parts[1]):
            return Found(Column(MIXED), None, depth)
    return None


def part_of(column: Column) -> Column:
    """Return what is known of a value taken from a column: it still names somebody, and links nothing."""
    if column.identity == MIXED:
        return column
    return Column(OTHER) if column.identity else PLAIN


def plain_select(select_list: list[Node], source: Node, where: Node | None) -> Node:
    """Return a SELECT of ours, as DuckDB's tree writes it."""
    return {
        "type": "SELECT_NODE",
        "modifiers": [],
        "cte_map": {"map": []},
        "select_list": select_list,
        "from_table": source,
        "where_clause": where,
        "group_expressions": [],
        "group_sets": [],
        "aggregate_handling": "STANDARD_HANDLING",
        "having": None,
        "sample": None,
        "qualify": None,
    }
