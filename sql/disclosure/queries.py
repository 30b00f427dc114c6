"""The walk through a parsed statement: whom the rows of each query are of, and what must be measured.

A query of patients carries, in a column added to its choice, the patient of each row. An aggregate over such rows
that is not made for each patient is a block: it is measured by itself, and what is left in its place reads the
protected table of its groups. What reads protected tables only may do with them what it likes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import duckdb

from ehr.errors import UnsafeQuery
from sql.catalog import Relation
from sql.disclosure.blocks import Block, key_of
from sql.disclosure.choice import columns_of_choice, exclude_marked
from sql.disclosure.cutting import cut
from sql.disclosure.expressions import Expressions, has_aggregate, is_own_link, parts_of
from sql.disclosure.identity import PLAIN, Column
from sql.disclosure.links import Ties, tie_filtered
from sql.disclosure.scope import MARK, Kind, Node, Scope, Shape, part_of, plain_select, resolve
from sql.disclosure.sources import Side, column, operator, read_from
from sql.places import position_at
from sql.refusals import Refusal, refused

_UNTIED = "; tie them by the patient, as in JOIN encounter USING (subject_id)"
_ROWS = "; count or average: GROUP BY with count(*), count(DISTINCT subject_id), sum, avg, median or quantile_cont"
_LIMIT = " of rows of patients depends on other patients; leave it out, or aggregate first"


@dataclass(frozen=True, slots=True)
class Step:
    """What WITH names: its entry in the tree, and its shape."""

    entry: Node
    shape: Shape


@dataclass(slots=True)
class Walk:
    """The walk through one statement; `blocks` are filled on the way, and the tree is changed."""

    text: str
    con: duckdb.DuckDBPyConnection
    relations: Mapping[str, Relation]
    blocks: list[Block] = field(default_factory=list)
    expressions: Expressions = field(init=False)
    steps: dict[str, Step] = field(default_factory=dict)
    _count: int = 0

    def __post_init__(self) -> None:
        self.expressions = Expressions(self)

    def whole(self, statement: Node) -> None:
        """Walk through a statement, and leave in it only what reads protected tables and such without patients."""
        shape = self.query(statement["node"], None)
        if shape.kind in {Kind.PERSONAL, Kind.LINKED}:
            raise self.refused("this would give rows of single patients", _ROWS)

    def refused(self, what: str, instead: str, node: Node | None = None) -> UnsafeQuery:
        """Return a refusal that tells where the node stands."""
        at = position_at(self.text, node["query_location"]) if node and "query_location" in node else None
        return refused(Refusal.SINGLE_PATIENTS, what, instead, at=at)

    def fresh(self, kind: str = "s") -> str:
        """Return a name that nothing else has."""
        self._count += 1
        return f"{MARK}{kind}{self._count}"

    def renamed(self, shape: Shape, names: list[str]) -> Shape:
        """Return a shape with new names for its first columns."""
        if names and not shape.in_order:
            raise self.refused("new names for the columns of a star", " are not available; name the columns")
        return shape.renamed([str(name) for name in names])

    def named(self, name: str) -> Shape | None:
        """Return the shape of what WITH names so, here."""
        step = self.steps.get(name)
        return step.shape if step else None

    def apart(self, node: Node) -> None:
        """Walk through a query that looks at nothing around it."""
        if self.query(node, None).kind in {Kind.PERSONAL, Kind.LINKED}:
            raise self.refused("a subquery", " would give rows of single patients; aggregate in it")

    def visible(self) -> list[Node]:
        """Return the entries of WITH that can be read here and hold rows of patients, or of nobody."""
        return [step.entry for step in self.steps.values() if step.shape.kind is not Kind.RELEASED]

    def without_nulls(self, node: Node) -> Node:
        """Return a query of one column without its NULLs, which would make NOT IN tell of them."""
        source = {
            "type": "SUBQUERY",
            "alias": f"{MARK}m",
            "sample": None,
            "subquery": {"node": node, "named_param_map": []},
            "column_name_alias": [f"{MARK}v"],
        }
        value = column(f"{MARK}m", f"{MARK}v")
        return plain_select([value], source, operator("OPERATOR_IS_NOT_NULL", value))

    def query(self, node: Node, around: Scope | None, subject: str | None = None) -> Shape:
        """Return the shape of a query; one of patients names them in a further column `subject`."""
        before = dict(self.steps)
        entries = self._read_with(node, around)
        if node["type"] == "SELECT_NODE":
            shape = self._select(node, around, subject)
        elif node["type"] == "SET_OPERATION_NODE" and node.get("children"):
            shape = self._set(node, around, subject)
        else:
            raise self.refused("WITH RECURSIVE", " is not available under role aggregate; use generate_series")
        if shape.kind in {Kind.PUBLIC, Kind.RELEASED}:
            readable = [
                entry for entry in entries if self.steps[entry["key"].lower()].shape.kind is not Kind.PERSONAL
            ]
            node["cte_map"]["map"] = readable
        self.steps = before
        return shape

    def _read_with(self, node: Node, around: Scope | None) -> list[Node]:
        entries: list[Node] = node["cte_map"]["map"]
        for entry in entries:
            name = entry["key"].lower()
            if name in self.steps:
                raise self.refused(f"WITH names {name!r} twice", "; give each step a name of its own")
            shape = self.query(entry["value"]["query_node"], around, self.fresh())
            if shape.kind is Kind.LINKED:
                raise self.refused(f"WITH {name!r}", " may not look at the row around it; write it as a join")
            self.steps[name] = Step(entry, self.renamed(shape, entry["value"]["aliases"]))
        return entries

    def _set(self, node: Node, around: Scope | None, subject: str | None) -> Shape:
        shapes = [self.query(child, around, subject) for child in node["children"]]
        kinds = {shape.kind for shape in shapes}
        if kinds <= {Kind.PUBLIC, Kind.RELEASED}:
            return Shape(max(kinds, key=lambda kind: kind.value), dict.fromkeys(shapes[0].columns, PLAIN))
        if len(kinds) > 1:
            raise self.refused("a set operation of patients with something else", " is not available; ask for each")
        columns = self._merged(shapes, by_name=node["setop_type"] == "UNION_BY_NAME")
        keeps_all = node["setop_all"] and node["setop_type"].startswith("UNION")
        if not keeps_all and not any(each.links for each in columns.values()):
            what = "UNION, INTERSECT or EXCEPT of rows of patients"
            raise self.refused(what, " needs subject_id in the same place on both sides; or write UNION ALL")
        self._check_modifiers(node, is_linked=kinds == {Kind.LINKED})
        return Shape(kinds.pop(), columns, subject)

    def _merged(self, shapes: list[Shape], *, by_name: bool) -> dict[str, Column]:
        """Return the columns of a set operation; raises UnsafeQuery where identifiers meet values."""
        if not all(shape.in_order for shape in shapes):
            raise self.refused("a set operation of stars", " is not available; name the columns")
        sides = [dict(shape.columns) for shape in shapes]
        if not by_name:
            sides = [dict(zip(sides[0], side.values(), strict=False)) for side in sides]
        merged: dict[str, Column] = {}
        for name in dict.fromkeys(name for side in sides for name in side):
            told = {side.get(name, PLAIN) for side in sides}
            identities = {column.identity for column in told}
            if len(identities) > 1:
                raise self.refused(f"the column {name!r}", " is an identifier on one side of a set operation only")
            merged[name] = told.pop() if len(told) == 1 else Column(identities.pop())
        return merged

    def _select(self, node: Node, around: Scope | None, subject: str | None) -> Shape:
        scope, ties = Scope(around), Ties()
        side = read_from(node["from_table"], scope, ties, self)
        if node["sample"]:
            raise self.refused("SAMPLE", " is not available under role aggregate; count all")
        kinds = {item.shape.kind for item in scope.items}
        if not side.personal:
            return self._impersonal(node, scope, kinds)
        if Kind.RELEASED in kinds:
            what = "a result over all patients joined to rows of patients"
            raise self.refused(what, " is not available; ask for it by itself first, and write the number")
        exclude_marked(node["select_list"], scope)
        if node["where_clause"]:
            scope.aliases = self._aliases(node, scope)
            self.expressions.value(node["where_clause"], scope)
            tie_filtered(ties, node["where_clause"], scope)
        if not ties.are_one(list(side.personal)):
            raise self.refused("the tables may be of different patients", _UNTIED, node["from_table"])
        if ties.is_outward:
            return self._linked(node, scope)
        return self._personal(node, scope, side, subject)

    def _impersonal(self, node: Node, scope: Scope, kinds: set[Kind]) -> Shape:
        """A query without patients of its own: those in its subqueries become blocks, or are tied to a row around."""
        before = len(self.blocks)
        columns, in_order = self._columns(node, scope)
        for part in _parts(node):
            self.expressions.value(part, scope)
        is_released = Kind.RELEASED in kinds or len(self.blocks) > before
        kind = Kind.RELEASED if is_released else Kind.LINKED if scope.reaches_out else Kind.PUBLIC
        told = dict.fromkeys(columns, PLAIN) if kind is Kind.RELEASED else columns
        return Shape(kind, told, in_order=in_order)

    def _linked(self, node: Node, scope: Scope) -> Shape:
        """A subquery over the rows of the patient of the row around, who may be looked at in any way."""
        columns, in_order = self._columns(node, scope)
        for part in _parts(node):
            self.expressions.value(part, scope)
        return Shape(Kind.LINKED, columns, in_order=in_order)

    def _personal(self, node: Node, scope: Scope, side: Side, subject: str | None) -> Shape:
        keys = self._keys(node, scope)
        is_grouped = keys is not None or any(has_aggregate(part) for part in _parts(node))
        own = [key for key in keys or [] if is_own_link(key, scope)]
        if is_grouped and not (own and len(node["group_sets"]) <= 1):
            return self._cut(node, scope, side)
        columns, in_order = self._columns(node, scope)
        distinct = next((each for each in node["modifiers"] if each["type"] == "DISTINCT_MODIFIER"), None)
        if distinct is not None and not is_grouped and not self._names_patient(distinct, columns, scope):
            return self._cut_distinct(node, distinct, scope, side)
        for part in _parts(node):
            self.expressions.value(part, scope)
        self._check_modifiers(node, is_linked=False)
        assert side.subject is not None
        if node["group_expressions"]:
            node["group_sets"] = [[*node["group_sets"][0], len(node["group_expressions"])]]
            node["group_expressions"].append(side.subject)
        if subject is not None:
            node["select_list"].append(side.subject | {"alias": subject})
        return Shape(Kind.PERSONAL, columns, subject, in_order)

    def _keys(self, node: Node, scope: Scope) -> list[Node] | None:
        """Return the expressions that a query groups by; None for one that does not group."""
        if node["aggregate_handling"] == "FORCE_AGGREGATES":
            return [item for item in node["select_list"] if not has_aggregate(item)]
        if not node["group_expressions"] and not node["group_sets"]:
            return None
        return [key_of(each, node["select_list"], scope) for each in node["group_expressions"]]

    def _names_patient(self, distinct: Node, columns: Mapping[str, Column], scope: Scope) -> bool:
        targets = distinct["distinct_on_targets"]
        if targets:
            return any(is_own_link(target, scope) for target in targets)
        return any(each.links for each in columns.values())

    def _cut_distinct(self, node: Node, distinct: Node, scope: Scope, side: Side) -> Shape:
        """SELECT DISTINCT is GROUP BY all that is chosen."""
        if distinct["distinct_on_targets"] or any(item["class"] == "STAR" for item in node["select_list"]):
            raise self.refused("DISTINCT of rows of patients", " needs subject_id among them; or write GROUP BY")
        node["modifiers"].remove(distinct)
        node["aggregate_handling"] = "FORCE_AGGREGATES"
        return self._cut(node, scope, side)

    def _cut(self, node: Node, scope: Scope, side: Side) -> Shape:
        if scope.reaches_out:
            raise self.refused("a subquery over all patients that looks at the row around", " is not available")
        assert side.subject is not None
        columns = cut(node, scope, side.subject, self._keys(node, scope), self)
        return Shape(Kind.RELEASED, dict.fromkeys(columns, PLAIN))

    def _columns(self, node: Node, scope: Scope) -> tuple[dict[str, Column], bool]:
        return columns_of_choice(node["select_list"], scope, self)

    def _aliases(self, node: Node, scope: Scope) -> dict[str, Column]:
        """Return what the aliases of a choice stand for, which WHERE may use too."""
        named = {item["alias"].lower(): item for item in node["select_list"] if item["alias"]}
        used = {name for name in _names_in(node["where_clause"]) if name in named and resolve([name], scope) is None}
        return {name: part_of(self.expressions.value(named[name], scope)) for name in used}

    def _check_modifiers(self, node: Node, *, is_linked: bool) -> None:
        for modifier in node["modifiers"]:
            if modifier["type"].startswith("LIMIT") and not is_linked:
                raise self.refused("LIMIT", _LIMIT)


def _parts(node: Node) -> list[Node]:
    """Return the expressions of a query, but for its FROM and WITH."""
    outer = [node["where_clause"], node["having"], node["qualify"]]
    ordered = [order["expression"] for modifier in node["modifiers"] for order in modifier.get("orders", [])]
    targets = [target for modifier in node["modifiers"] for target in modifier.get("distinct_on_targets", [])]
    limits = [modifier.get(name) for modifier in node["modifiers"] for name in ("limit", "offset")]
    chosen = [item for item in node["select_list"] if item["class"] != "STAR"]
    return [part for part in (*chosen, *node["group_expressions"], *outer, *ordered, *targets, *limits) if part]


def _names_in(node: Node) -> set[str]:
    """Return the names that stand alone in an expression."""
    own = {node["column_names"][0].lower()} if len(node.get("column_names", [])) == 1 else set()
    return own.union(*(_names_in(part) for part in parts_of(node)))
