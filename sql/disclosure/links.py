"""Which items of a FROM are rows of the same patient: what the equalities of identifiers tie together."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Final

from sql.disclosure.scope import Found, Item, Kind, Node, Scope, Shape, resolve

OUTSIDE: Final = Item("", Shape(Kind.PUBLIC, {}))
"""Stands for the row of the query around."""


@dataclass(slots=True)
class Ties:
    """The personal items of one query, tied by equalities, and whether one is tied to the row around."""

    parents: dict[Item, Item] = field(default_factory=dict)
    is_outward: bool = False

    def tie(self, left: Item, right: Item) -> None:
        """Say that two items are rows of one patient."""
        self.parents[self._root(left)] = self._root(right)

    def are_one(self, items: list[Item]) -> bool:
        """Say whether all the items are rows of one patient: that of the row around, where one is tied to it."""
        around = [OUTSIDE] if self.is_outward else []
        return len({self._root(item) for item in [*items, *around]}) <= 1

    def _root(self, item: Item) -> Item:
        while self.parents.get(item, item) is not item:
            item = self.parents[item]
        return item


def equalities(condition: Node | None, scope: Scope) -> Iterator[tuple[Found, Found]]:
    """Yield the identifiers of one kind that a condition demands to be equal, whatever else it demands."""
    pending = [condition] if condition else []
    while pending:
        node = pending.pop()
        if node["type"] == "CONJUNCTION_AND":
            pending.extend(node["children"])
        elif node["type"] == "COMPARE_EQUAL":
            pair = _identifier(node["left"], scope), _identifier(node["right"], scope)
            if pair[0] and pair[1] and pair[0].column.identity == pair[1].column.identity:
                yield pair[0], pair[1]


def tie_filtered(ties: Ties, condition: Node | None, scope: Scope) -> None:
    """Tie the items whose identifiers WHERE demands to be equal, to each other and to the row around."""
    for left, right in equalities(condition, scope):
        assert left.item is not None
        assert right.item is not None
        if left.depth == right.depth == 0:
            ties.tie(left.item, right.item)
            continue
        inner, outer = (left, right) if left.depth == 0 else (right, left)
        if inner.depth == 0 and _is_nearest(scope, outer):
            ties.tie(inner.item or OUTSIDE, OUTSIDE)
            ties.is_outward = True


def tie_joined(ties: Ties, condition: Node | None, items: Collection[Item], scope: Scope) -> None:
    """Tie the items of an inner join whose identifiers its condition demands to be equal."""
    for left, right in equalities(condition, scope):
        if left.item and right.item and {left.item, right.item} <= set(items):
            ties.tie(left.item, right.item)


def crossing(
    left: Collection[Item], right: Collection[Item], condition: Node | None, using: list[str], scope: Scope
) -> tuple[Item, Item] | None:
    """Return an item of each side of a join that it demands to be rows of one patient.

    One pair only: an outer join keeps rows that do not meet its condition, so that it ties nothing within a side.
    """
    for one, other in equalities(condition, scope):
        for first, second in ((one.item, other.item), (other.item, one.item)):
            if first and second and first in left and second in right:
                return first, second
    return _by_using(left, right, using)


def _by_using(left: Collection[Item], right: Collection[Item], using: list[str]) -> tuple[Item, Item] | None:
    for name in (name.lower() for name in using):
        for one in left:
            for other in right:
                mine, theirs = one.shape.columns.get(name), other.shape.columns.get(name)
                if mine and theirs and mine.links and mine.identity == theirs.identity:
                    return one, other
    return None


def _identifier(node: Node, scope: Scope) -> Found | None:
    """Return what an expression names when it is an unchanged identifier of an item."""
    if node["class"] != "COLUMN_REF":
        return None
    found = resolve(node["column_names"], scope)
    return found if found and found.column.links and found.item is not None else None


def _is_nearest(scope: Scope, outer: Found) -> bool:
    """Say whether a name stands for a personal item of the nearest query around that has patients."""
    around = scope.around
    for _ in range(outer.depth - 1):
        if around is None or around.is_personal:
            return False
        around = around.around
    return outer.item is not None and outer.item.shape.kind is Kind.PERSONAL
