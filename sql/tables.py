"""Looking up the tables of a query: in the WITH clauses around each, else among those that the role may read."""

from typing import Final

from sqlglot import exp

from ehr.errors import UnsafeQuery
from sql.catalog import SYSTEM_NAMES, Catalog, check_with_name
from sql.places import near, position_of, suggestion
from sql.refusals import Refusal, refused

MAIN: Final = frozenset({"", "main"})
"""The schemas of a table of the store: its own, or none written."""


def resolve_tables(tree: exp.Expr, catalog: Catalog, role: str) -> None:
    """Write the schema `main` before every table of the store; raises UnsafeQuery for a table that is not allowed."""
    pending: list[tuple[exp.Expr, frozenset[str]]] = [(tree, frozenset())]
    while pending:
        node, visible = pending.pop()
        if isinstance(node, exp.Table):
            _resolve(node, visible, catalog, role)
        with_clause = node.args.get("with_")
        if with_clause is not None:
            for cte in with_clause.expressions:
                name = cte.alias.lower()
                check_with_name(name, catalog, role, position_of(cte.args["alias"]))
                pending.append((cte.this, visible | {name} if with_clause.recursive else visible))
                visible |= {name}
        pending.extend((child, visible) for child in node.iter_expressions() if child is not with_clause)


def _resolve(table: exp.Table, visible: frozenset[str], catalog: Catalog, role: str) -> None:
    if isinstance(table.this, exp.Func):
        if table.args.get("db") is not None:
            raise refused(
                Refusal.FORBIDDEN_FUNCTION,
                "a table function takes no schema",
                "; write its name alone",
                at=position_of(table),
            )
        return
    name = table.name.lower()
    schema = table.db.lower()
    if table.catalog or schema not in MAIN or not isinstance(table.this, exp.Identifier):
        raise _refused_table(table, catalog, role)
    if name in visible and not schema:
        return
    if not catalog.allows(name, role):
        raise _refused_table(table, catalog, role)
    table.set("db", exp.to_identifier("main"))


def _refused_table(table: exp.Table, catalog: Catalog, role: str) -> UnsafeQuery:
    parts = ".".join(part.name for part in table.parts)
    readable = catalog.readable(role)
    name = table.name.lower()
    meant = [] if name in catalog.relations else near(name, readable)
    is_ours = not table.catalog and table.db.lower() in MAIN and name.isidentifier()
    is_unknown = is_ours and name not in catalog.relations and not name.startswith(SYSTEM_NAMES)
    at = position_of(table.parts[0])
    allowed = meant or sorted(readable)
    if is_unknown:
        hint = suggestion(meant) or f"; role {role} may read {', '.join(sorted(readable))}"
        return refused(Refusal.UNKNOWN_TABLE, f"there is no table {parts!r}", hint, at=at, allowed=allowed)
    hint = suggestion(meant) or f"; it may read {', '.join(sorted(readable))}"
    return refused(Refusal.FORBIDDEN_TABLE, f"role {role} may not read {parts!r}", hint, at=at, allowed=allowed)
