"""Where a column of a parsed query comes from, followed through WITH and subqueries to a table of the store.

Works on DuckDB's own tree (json_serialize_sql). Whatever is not understood for certain has no origin: a name that two
sources could give, the columns of a set operation or of PIVOT, a computed value.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sql.catalog import Relation

Node = dict[str, Any]

_LISTS: Final = frozenset({"TABLE_FUNCTION", "EXPRESSION_LIST"})


@dataclass(frozen=True, slots=True)
class Scope:
    """A query, the one around it, and the queries that WITH names here, each with the names it gives its columns."""

    node: Node
    around: "Scope | None"
    named: Mapping[str, Node]


@dataclass(frozen=True, slots=True)
class Origin:
    """An item of FROM, by identity, and its column; `relation` is the table or view, None for listed values."""

    item: int
    relation: str | None
    column: str


class Origins:
    """Follows the columns of one statement."""

    def __init__(self, statement: Node, relations: Mapping[str, Relation]) -> None:
        self._relations = relations
        self._scopes: dict[int, Scope] = {}
        self.calls: list[tuple[Any, Any, Scope]] = []
        """Every function call of the statement: what holds it, its key there, and the query it stands in."""
        self._enter(statement)

    def queries(self) -> Iterator[Node]:
        """Yield every query of the statement."""
        for scope in self._scopes.values():
            yield scope.node

    def item_of(self, names: list[str], scope: Scope) -> Node | None:
        """Return the item of FROM that gives a column, in the nearest query that has one; None where unsure."""
        found = self._find(names, scope)
        return found[0] if found else None

    def origin_of(self, names: list[str], scope: Scope) -> Origin | None:
        """Return where a column comes from, or None where that is not certain."""
        found = self._find(names, scope)
        return self._origin(found[0], names[-1].lower(), found[1]) if found else None

    def has_codings(self, relation: str | None) -> bool:
        """Say whether a table or view has the further codes of its records."""
        return relation is not None and {"code", "codings"} <= set(self._relations[relation].column_names)

    def _enter(self, statement: Node) -> None:
        """Note the scope of every query, and every call."""
        pending: list[tuple[Any, Any, Scope | None, Mapping[str, Node]]] = [(statement, "node", None, {})]
        while pending:
            holder, key, around, named = pending.pop()
            value = holder[key]
            if isinstance(value, list):
                pending.extend((value, place, around, named) for place in range(len(value)))
            elif isinstance(value, dict):
                if "cte_map" in value:
                    for entry in value["cte_map"]["map"]:
                        pending.append((entry["value"], "query_node", around, named))
                        named = {**named, entry["key"].lower(): entry["value"]}
                    around = self._scopes[id(value)] = Scope(value, around, named)
                if "function_name" in value and around is not None:
                    self.calls.append((holder, key, around))
                pending.extend((value, name, around, named) for name in value if name != "cte_map")

    def _find(self, names: list[str], scope: Scope | None) -> tuple[Node, Scope] | None:
        """Return the item of FROM that gives a column, and the query whose FROM it is."""
        column = names[-1].lower()
        while scope is not None:
            items = list(_items(scope.node.get("from_table")))
            if len(names) > 1:
                items = [item for item in items if name_of(item).lower() == names[-2].lower()]
            columns = [self._columns(item, scope) for item in items]
            giving = [item for item, given in zip(items, columns, strict=True) if given is None or column in given]
            if len(giving) > 1:  # joined USING the column
                giving = [item for item in giving if self._is_joint(item, column, scope)] or giving
            if giving:
                return (giving[0], scope) if len(giving) == 1 else None
            scope = scope.around
        return None

    def _origin(self, item: Node, column: str, scope: Scope) -> Origin | None:
        query = self._query(item, scope)
        if query is not None:
            return self._output(query, column) if not _renamed(item, scope) else None
        if item["type"] in _LISTS:
            return Origin(id(item), None, column)
        relation = self._relation(item)
        return Origin(id(item), relation, column) if relation and not item["column_name_alias"] else None

    def _output(self, query: Node, column: str) -> Origin | None:
        """Return the origin of a column that a query gives."""
        if query["type"] != "SELECT_NODE":
            return None
        scope = self._scopes[id(query)]
        for item in query["select_list"]:
            if item["class"] == "STAR":
                if column in _changed(item) or item["columns"] or item["expr"]:
                    continue
                names = [item["relation_name"], column] if item["relation_name"] else [column]
                origin = self.origin_of(names, Scope(query, None, scope.named))
                if origin is not None:
                    return origin
            elif (item["alias"] or item.get("column_names", [""])[-1]).lower() == column:
                if item["class"] == "COLUMN_REF":
                    return self.origin_of(item["column_names"], scope)
                return Origin(id(item), None, column) if item.get("function_name", "").lower() == "unnest" else None
        return None

    def _is_joint(self, item: Node, column: str, scope: Scope) -> bool:
        origin = self._origin(item, column, scope)
        return origin is not None and self.has_codings(origin.relation)

    def _columns(self, item: Node, scope: Scope) -> frozenset[str] | None:
        """Return the names of the columns of an item of FROM; None where they are not written in the query."""
        query = self._query(item, scope)
        renamed = _renamed(item, scope)
        if item["type"] in _LISTS:
            return frozenset({*renamed, name_of(item).lower(), item.get("function", {}).get("function_name", "")})
        relation = self._relation(item)
        if query is None and relation is None:
            return None
        own = self._names(query) if query is not None else frozenset(self._relations[relation or ""].column_names)
        return own | renamed if own is not None else None

    def _names(self, query: Node) -> frozenset[str] | None:
        """Return the names that a query gives its columns, or more; None where they are not written in it."""
        while query["type"] == "SET_OPERATION_NODE" and query.get("left"):
            query = query["left"]
        if query["type"] != "SELECT_NODE":
            return None
        scope = self._scopes[id(query)]
        names: set[str] = set()
        for item in query["select_list"]:
            if item["class"] != "STAR":
                names.add((item["alias"] or item.get("column_names", [""])[-1]).lower())
                continue
            for source in _items(query["from_table"]):
                given = self._columns(source, scope)
                if given is None or item["columns"] or item["expr"]:
                    return None
                names |= given
            names |= _changed(item)
        return frozenset(names)

    def _query(self, item: Node, scope: Scope) -> Node | None:
        """Return the query that an item of FROM stands for: a subquery, or one that WITH names."""
        if item["type"] == "SUBQUERY":
            node: Node = item["subquery"]["node"]
            return node
        if item["type"] == "BASE_TABLE" and not item["schema_name"]:
            entry = scope.named.get(item["table_name"].lower())
            return entry["query_node"] if entry else None
        return None

    def _relation(self, item: Node) -> str | None:
        name = str(item.get("table_name", "")).lower()
        return name if item["type"] == "BASE_TABLE" and name in self._relations else None


def name_of(item: Node) -> str:
    """Return the name by which a query calls an item of its FROM."""
    return str(item["alias"] or item.get("table_name", ""))


def _items(source: Node | None) -> Iterator[Node]:
    """Yield the items that a FROM joins."""
    pending = [source] if source else []
    while pending:
        item = pending.pop()
        if item["type"] == "JOIN":
            pending += [item["right"], item["left"]]
        elif item["type"] != "EMPTY":
            yield item


def _renamed(item: Node, scope: Scope) -> frozenset[str]:
    """Return the names that a query gives the columns of an item anew: d(a, b)."""
    entry = scope.named.get(item.get("table_name", "").lower()) if not item.get("schema_name") else None
    names = [*item.get("column_name_alias", []), *(entry or {}).get("aliases", [])]
    return frozenset(str(name).lower() for name in names)


def _changed(star: Node) -> set[str]:
    """Return the columns that a star leaves out, replaces or renames."""
    renamed = [(entry["key"]["column"], entry["value"]) for entry in star["rename_list"]]
    return {
        str(name).lower()
        for name in (
            *star["exclude_list"],
            *(entry["column"] if isinstance(entry, dict) else entry for entry in star["qualified_exclude_list"]),
            *(entry["key"] for entry in star["replace_list"]),
            *(name for pair in renamed for name in pair),
        )
    }
