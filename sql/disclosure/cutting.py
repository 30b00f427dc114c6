"""What is left of an aggregate query when its block is cut out: a query over the protected table of its groups."""

from typing import Protocol

import duckdb

from sql.disclosure.blocks import MAX_KEYS, Block, Cutter
from sql.disclosure.scope import Node, Scope, plain_select
from sql.disclosure.sources import Walk
from sql.trees import written_expression

_BY_PATIENT = " makes groups of single patients; group by what many patients share, and count them"


class Cutting(Walk, Protocol):
    """What the cut needs of the walk through the queries."""

    con: duckdb.DuckDBPyConnection
    blocks: list[Block]

    def apart(self, node: Node) -> None:
        """Walk through a query that looks at nothing around it."""
        ...

    def visible(self) -> list[Node]:
        """Return the entries of WITH that can be read here and hold rows of patients, or of nobody."""
        ...


def cut(node: Node, scope: Scope, subject: Node, keys: list[Node] | None, walk: Cutting) -> list[str]:
    """Cut the block out of an aggregate query, which is changed in its place; return the names of its columns."""
    for item in node["select_list"]:
        if item["class"] == "STAR":
            raise walk.refused("a star", " would give rows of single patients; name groups and aggregates", item)
    names = [item["alias"] or _name_of(item, walk) for item in node["select_list"]]
    block = _block(node, subject, keys or [], walk)
    cutter = Cutter(block, node["select_list"], scope, walk.expressions.value, walk.refused, walk.apart)
    _rewrite(node, names, cutter)
    for key in block.keys:
        if walk.expressions.value(key, scope).identity:
            raise walk.refused("an identifier in GROUP BY", _BY_PATIENT, key)
    walk.blocks.append(block)
    return [name.lower() for name in names]


def _name_of(item: Node, walk: Cutting) -> str:
    if item["class"] == "COLUMN_REF":
        return str(item["column_names"][-1])
    return written_expression(walk.con, item)


def _block(node: Node, subject: Node, keys: list[Node], walk: Cutting) -> Block:
    if len(keys) > MAX_KEYS:
        raise walk.refused(f"GROUP BY of {len(keys)} columns", f" is too fine; use at most {MAX_KEYS}")
    sets = [sorted(places) for places in node["group_sets"]] or [list(range(len(keys)))]
    if len({tuple(places) for places in sets}) < len(sets):
        raise walk.refused("a grouping set given twice", " is not available; leave one out")
    rows = plain_select([], node["from_table"], node["where_clause"])
    return Block(walk.fresh("t"), rows, subject, keys, sets, walk.visible())


def _rewrite(node: Node, names: list[str], cutter: Cutter) -> None:
    chosen: list[Node] = []
    aliases: frozenset[str] = frozenset()
    for item, name in zip(node["select_list"], names, strict=True):
        chosen.append(cutter.above(item, aliases) | {"alias": name})
        aliases |= {name.lower()}
    node["select_list"] = chosen
    node["where_clause"] = cutter.above(node["having"], aliases) if node["having"] else None
    node["qualify"] = cutter.above(node["qualify"], aliases) if node["qualify"] else None
    for modifier in node["modifiers"]:
        for order in modifier.get("orders", []):
            order["expression"] = _ordered(order["expression"], cutter, aliases)
        targets = modifier.get("distinct_on_targets", [])
        targets[:] = [_ordered(target, cutter, aliases) for target in targets]
    node["from_table"] = {
        "type": "BASE_TABLE",
        "alias": "",
        "sample": None,
        "schema_name": "",
        "table_name": cutter.table,
        "column_name_alias": [],
        "catalog_name": "",
        "at_clause": None,
    }
    node |= {"group_expressions": [], "group_sets": [], "aggregate_handling": "STANDARD_HANDLING", "having": None}


def _ordered(node: Node, cutter: Cutter, aliases: frozenset[str]) -> Node:
    """ORDER BY takes an alias before a group of the same name, and a number for a place in the choice."""
    is_alias = node["class"] == "COLUMN_REF" and len(node["column_names"]) == 1
    if node["class"] in {"CONSTANT", "STAR"} or (is_alias and node["column_names"][0].lower() in aliases):
        return node
    return cutter.above(node, aliases)
