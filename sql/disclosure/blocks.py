"""Cutting an aggregate out of a statement: what is measured over rows of patients, and what reads its result.

    SELECT sex, round(avg(value), 1) FROM observation ... GROUP BY sex HAVING count(*) > 100 ORDER BY 2

becomes the block of its groups (sex) and aggregates (avg(value), count(*)), and in its place

    SELECT "§k0" AS sex, round("§a0", 1) FROM "§t0" WHERE "§a1" > 100 ORDER BY 2

so that HAVING, ORDER BY, LIMIT and all computing see nothing but protected values.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from ehr.errors import UnsafeQuery
from sql.disclosure.aggregates import TITLES, Aggregate, Rests, instead_of, read_aggregate
from sql.disclosure.expressions import has_aggregate, is_aggregate
from sql.disclosure.identity import Column
from sql.disclosure.scope import MARK, Found, Item, Node, Scope, resolve
from sql.disclosure.sources import column

MAX_KEYS: Final = 5
_PLACES: Final = frozenset({"query_location", "query_location_length", "alias"})


@dataclass(slots=True)
class Block:
    """An aggregate over rows of patients.

    `rows` is the query without its aggregation; `keys` are the expressions that it groups by, in `sets` (places in
    `keys`); `subject` names the patient of a row; `steps` are the entries of WITH that it may read.
    """

    table: str
    rows: Node
    subject: Node
    keys: list[Node]
    sets: list[list[int]]
    steps: list[Node]
    aggregates: list[Aggregate] = field(default_factory=list)
    groupings: list[list[int]] = field(default_factory=list)


class Cutter:
    """Rewrites the parts of a query that stand above its aggregates."""

    def __init__(
        self,
        block: Block,
        chosen: list[Node],
        scope: Scope,
        value: Callable[[Node, Scope], Column],
        refuse: Callable[[str, str, Node | None], UnsafeQuery],
        subquery: Callable[[Node], None],
    ) -> None:
        self._block = block
        self._chosen = chosen
        self.table = block.table
        self._scope = scope
        self._value = value
        self._refuse = refuse
        self._subquery = subquery
        self._keys = {self.canonical(key): place for place, key in reversed(list(enumerate(block.keys)))}
        self._seen: dict[bytes, int] = {}

    def canonical(self, node: Node) -> bytes:
        """Return what two expressions share that mean the same: without places and aliases, columns resolved."""
        return orjson.dumps(self._plain(node), option=orjson.OPT_SORT_KEYS)

    def _plain(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._plain(each) for each in value]
        if not isinstance(value, dict):
            return value
        if value.get("class") == "COLUMN_REF":
            found = resolve(value["column_names"], self._scope)
            if found is not None and found.item is not None and found.depth == 0:
                return ["column", self._scope.items.index(found.item), found.name]
            return [name.lower() for name in value["column_names"]]
        return {key: self._plain(each) for key, each in value.items() if key not in _PLACES}

    def above(self, node: Node, aliases: frozenset[str] = frozenset()) -> Node:
        """Return an expression over the protected table in place of one over groups; `aliases` may be used again."""
        key = self._keys.get(self.canonical(node))
        if key is not None:
            return column(self._block.table, f"{MARK}k{key}") | {"alias": node["alias"]}
        if is_aggregate(node):
            return column(self._block.table, f"{MARK}a{self._measured(node)}") | {"alias": node["alias"]}
        if node.get("type") == "GROUPING_FUNCTION":
            return column(self._block.table, f"{MARK}g{self._grouping(node)}") | {"alias": node["alias"]}
        if node["class"] == "COLUMN_REF":
            if node["column_names"][-1].lower() in aliases and len(node["column_names"]) == 1:
                return node
            name = ".".join(node["column_names"])
            raise self._refuse(f"{name!r}", " must be among the groups of GROUP BY, or inside an aggregate", node)
        if node["class"] == "STAR":
            raise self._refuse("a star", " would give rows of single patients; name the groups and aggregates", node)
        if node["class"] == "SUBQUERY":
            self._subquery(node["subquery"]["node"])
        return self._with_parts(node, aliases)

    def _with_parts(self, node: Node, aliases: frozenset[str]) -> Node:
        return {key: value if key == "subquery" else self._above_any(value, aliases) for key, value in node.items()}

    def _above_any(self, value: Any, aliases: frozenset[str]) -> Any:
        if isinstance(value, list):
            return [self._above_any(each, aliases) for each in value]
        if not isinstance(value, dict):
            return value
        if "class" in value and value["class"] != "TYPE":
            return self.above(value, aliases)
        return {key: self._above_any(each, aliases) for key, each in value.items()}

    def _measured(self, node: Node) -> int:
        """Return the place of an aggregate among those of the block."""
        known = self._seen.get(self.canonical(node))
        if known is not None:
            return known
        aggregate = read_aggregate(deepcopy(node), self._refuse)
        for part in (aggregate.argument, aggregate.where):
            if part is not None and has_aggregate(part):
                raise self._refuse("an aggregate of an aggregate", " needs a subquery for the inner one", node)
        told = self._value(aggregate.argument, self._scope) if aggregate.argument else Column()
        if aggregate.where:
            self._value(aggregate.where, self._scope)
        if aggregate.rests is Rests.TITLE and not self._is_title(aggregate.argument):
            raise self._refuse(
                f"{aggregate.function}()", f" gives a single patient's value{instead_of(aggregate.function)}", node
            )
        if told.identity and aggregate.rests is not Rests.COUNT:
            raise self._refuse(f"{aggregate.function}() of an identifier", " is not available; count it", node)
        self._seen[self.canonical(node)] = len(self._block.aggregates)
        self._block.aggregates.append(aggregate)
        return len(self._block.aggregates) - 1

    def _is_title(self, argument: Node | None) -> bool:
        """Say whether a value is the title of the very code that is among the groups of every set."""
        found = self._found(argument)
        if found is None or found.item is None or found.column.base not in TITLES:
            return False
        codes = {place for place, key in enumerate(self._block.keys) if self._is_code_of(found.item, key)}
        return all(codes & set(places) for places in self._block.sets)

    def _is_code_of(self, item: Item, key: Node) -> bool:
        found = self._found(key)
        if found is None or found.column.base != "code" or found.item is None:
            return False
        is_joint = len(key["column_names"]) == 1 and item in self._scope.using.get(found.name, ())
        return found.item is item or is_joint

    def _found(self, node: Node | None) -> Found | None:
        if node is None or node["class"] != "COLUMN_REF":
            return None
        found = resolve(node["column_names"], self._scope)
        return found if found and found.depth == 0 else None

    def _grouping(self, node: Node) -> int:
        meant = [key_of(child, self._chosen, self._scope) for child in node["children"]]
        keys = [self._keys.get(self.canonical(each)) for each in meant]
        if any(key is None for key in keys):
            raise self._refuse("grouping()", " takes expressions of GROUP BY", node)
        self._block.groupings.append([key for key in keys if key is not None])
        return len(self._block.groupings) - 1


def key_of(node: Node, select_list: list[Node], scope: Scope) -> Node:
    """Return the expression that an entry of GROUP BY means: by its number, by its alias, or itself."""
    literal = node.get("literal") or {}
    if node["class"] == "CONSTANT" and literal.get("kind") == "INTEGER":
        place = int(literal["text"]) - 1
        return select_list[place] if 0 <= place < len(select_list) else node
    if node["class"] == "COLUMN_REF" and len(node["column_names"]) == 1:
        name = node["column_names"][0].lower()
        found = resolve([name], scope)
        named = [item for item in select_list if item["alias"].lower() == name]
        if named and (found is None or found.item is None or found.depth > 0):
            return named[0]
    return node
