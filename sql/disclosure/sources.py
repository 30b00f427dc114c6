"""The FROM of a query: its items, whether they are rows of one patient, and the column that names that patient."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from sql.catalog import Relation
from sql.disclosure.expressions import Expressions, Queries
from sql.disclosure.identity import PLAIN, PUBLIC, SUBJECT, columns_of
from sql.disclosure.links import Ties, crossing, tie_joined
from sql.disclosure.scope import Item, Kind, Node, Scope, Shape

_UNTIED: Final = "; join them by the patient, as in JOIN encounter USING (subject_id)"
_INNER: Final = frozenset({"INNER"})
_ONE_SIDED: Final = frozenset({"SEMI", "ANTI"})
_JOINS: Final = _INNER | _ONE_SIDED | {"LEFT", "RIGHT", "OUTER", "FULL"}
_JOIN_FORMS: Final = frozenset({"REGULAR", "CROSS", "ASOF"})


class Walk(Queries, Protocol):
    """What FROM needs of the walk through the queries."""

    relations: Mapping[str, Relation]
    expressions: Expressions

    def fresh(self, kind: str = "s") -> str:
        """Return a name that nothing else has."""
        ...

    def renamed(self, shape: Shape, names: list[str]) -> Shape:
        """Return a shape with new names for its first columns."""
        ...

    def named(self, name: str) -> Shape | None:
        """Return the shape of what WITH names so, here."""
        ...


@dataclass(frozen=True, slots=True)
class Side:
    """A part of a FROM: its items, those of patients among them, and the expression that names the patient."""

    items: tuple[Item, ...] = ()
    personal: tuple[Item, ...] = ()
    subject: Node | None = None


def read_from(node: Node, scope: Scope, ties: Ties, walk: Walk) -> Side:
    """Read a FROM, adding its items to `scope` and what ties them to `ties`.

    Raises UnsafeQuery where rows of different patients could meet.
    """
    if node.get("sample"):
        raise walk.refused("SAMPLE", " is not available under role aggregate; count all", node)
    if node["type"] == "JOIN":
        return _join(node, scope, ties, walk)
    if node["type"] == "EMPTY":
        return Side()
    return _single(_item(node, scope, walk), scope)


def _single(item: Item, scope: Scope) -> Side:
    scope.items.append(item)
    if item.shape.kind is not Kind.PERSONAL:
        return Side((item,))
    assert item.shape.subject is not None
    return Side((item,), (item,), column(item.name, item.shape.subject))


def column(*names: str) -> Node:
    """Return a reference to a column.

    >>> column("p", "sex")["column_names"]
    ['p', 'sex']
    """
    return {"class": "COLUMN_REF", "type": "COLUMN_REF", "alias": "", "column_names": list(names)}


def _item(node: Node, scope: Scope, walk: Walk) -> Item:
    if node["type"] == "SUBQUERY" and not node["alias"]:
        node["alias"] = walk.fresh("q")
    name = str(node["alias"] or node.get("table_name", "")).lower()
    renamed = [str(each) for each in node.get("column_name_alias", [])]
    if node["type"] == "BASE_TABLE":
        return Item(name, walk.renamed(_table(node, walk), renamed))
    if node["type"] == "SUBQUERY":
        shape = walk.query(node["subquery"]["node"], scope, walk.fresh())
        return Item(name, walk.renamed(shape, renamed))
    if node["type"] == "TABLE_FUNCTION":
        for argument in node["function"]["arguments"]:
            walk.expressions.value(argument["expression"], scope)
            if argument["name"]:
                raise walk.refused("a named argument", " is not available under role aggregate", node)
        own = str(node["function"]["function_name"]).lower()
        return Item(name or own, Shape(Kind.PUBLIC, dict.fromkeys([own, name or own], PLAIN)).renamed(renamed))
    if node["type"] == "EXPRESSION_LIST":
        for value in (value for row in node["values"] for value in row):
            walk.expressions.value(value, scope)
        width = max((len(row) for row in node["values"]), default=0)
        return Item(name, Shape(Kind.PUBLIC, {f"col{n}": PLAIN for n in range(width)}).renamed(renamed))
    raise walk.refused(node["type"], " is not available under role aggregate; use GROUP BY and FILTER", node)


def _table(node: Node, walk: Walk) -> Shape:
    name = str(node["table_name"]).lower()
    named = None if node["schema_name"] else walk.named(name)
    if named is not None:
        return named
    relation = walk.relations[name]
    columns = columns_of(relation)
    if SUBJECT in columns:
        return Shape(Kind.PERSONAL, columns, SUBJECT)
    if name in PUBLIC:
        return Shape(Kind.PUBLIC, columns)
    raise walk.refused(f"the table {name!r}", " is not available under role aggregate", node)


def _join(node: Node, scope: Scope, ties: Ties, walk: Walk) -> Side:
    left = read_from(node["left"], scope, ties, walk)
    right = read_from(node["right"], scope, ties, walk)
    kind, form, condition = node["join_type"], node["ref_type"], node["condition"]
    if kind not in _JOINS or form not in _JOIN_FORMS:
        raise walk.refused(
            f"a {form} {kind} JOIN", " is not available under role aggregate; write JOIN ... USING", node
        )
    if condition:
        walk.expressions.value(condition, scope)
    _check_using(node, left, right, scope, walk)
    pair = crossing(left.personal, right.personal, condition, node["using_columns"], scope)
    if pair is not None:
        ties.tie(*pair)
    elif left.personal and right.personal and not (kind in _INNER and form != "ASOF"):
        raise walk.refused("the two sides of the join may be of different patients", _UNTIED, node)
    if kind in _INNER and form != "ASOF":
        tie_joined(ties, condition, {*left.items, *right.items}, scope)
    if kind in _ONE_SIDED:
        if right.personal and not left.personal:
            raise walk.refused(
                f"a {kind} JOIN from codes to patients", " is not available; begin with the patients", node
            )
        scope.items = [item for item in scope.items if item not in right.items]
        return Side(left.items, (*left.personal, *right.personal), left.subject)
    return Side(left.items + right.items, left.personal + right.personal, _subject(kind, left, right))


def _check_using(node: Node, left: Side, right: Side, scope: Scope, walk: Walk) -> None:
    """Note what USING joins; refuse one that compares an identifier with a value."""
    for name in (name.lower() for name in node["using_columns"]):
        columns = [item.shape.columns.get(name) for item in left.items + right.items]
        identities = {each.identity for each in columns if each is not None}
        scope.using[name] = tuple(item for item in left.items + right.items if name in item.shape.columns)
        if len(identities) > 1:
            raise walk.refused(
                f"USING ({name})", " compares an identifier with a value, which is not available", node
            )


def _subject(kind: str, left: Side, right: Side) -> Node | None:
    if left.subject is None or right.subject is None:
        return left.subject or right.subject
    if kind in {"OUTER", "FULL"}:
        return operator("OPERATOR_COALESCE", left.subject, right.subject)
    return right.subject if kind == "RIGHT" else left.subject


def operator(kind: str, *children: Node) -> Node:
    """Return an operator of DuckDB's tree over its operands."""
    return {"class": "OPERATOR", "type": kind, "alias": "", "children": [dict(child) for child in children]}
