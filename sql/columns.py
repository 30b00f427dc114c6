"""Looking up the columns of a query, so that a misspelt one is refused with the names that are near.

The check errs on the side of passing: a name that any part of the query could give is accepted, and the engine
decides. What may be read is settled by the tables, and by the second wall for columns that a role may not read.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NoReturn

from sqlglot import exp

from sql.catalog import Relation
from sql.places import near, position_of, suggestion
from sql.refusals import Refusal, refused

_PSEUDO: Final = frozenset({"rowid"})
_OPEN: Final = (exp.Pivot, exp.Unnest, exp.Values, exp.Lateral)
"""Parts of a query that bring columns whose names are not written in it."""

_NAMING: Final = (exp.Alias, exp.TableAlias, exp.Aliases, exp.Window, exp.Star, exp.PropertyEQ, exp.Dot)
"""Parts of a query that give names."""


def check_columns(
    tree: exp.Expr, readable: Mapping[str, Relation], hidden: Mapping[str, frozenset[str]] = MappingProxyType({})
) -> None:
    """Raise UnsafeQuery for a column that neither a table of the query has nor any of its aliases gives.

    The tables of the store must carry the schema `main` by now, so that they are told from names of WITH. `hidden`
    are columns that the tables have and the role may not read; the second wall sees to it that none is read.
    """
    tables = _tables(tree, readable)
    columns = [column for column in tree.find_all(exp.Column) if isinstance(column.this, exp.Identifier)]
    for column in columns:
        relation = tables.get(column.table.lower()) if len(column.parts) == 2 else None
        if relation is not None and column.name.lower() not in {*relation.column_names, *_PSEUDO}:
            _refuse_of_table(column, relation, hidden.get(relation.name, frozenset()))
    if _is_open(tree, tables):
        return
    names = _names_given(tree, readable)
    for column in columns:
        first = column.parts[0].name
        if first.isidentifier() and first.lower() not in names:
            _refuse_unknown(column, names, frozenset().union(*hidden.values()))


def _refuse_of_table(column: exp.Column, relation: Relation, hidden: frozenset[str]) -> NoReturn:
    at = position_of(column)
    if column.name.lower() in hidden:
        raise refused(
            Refusal.FORBIDDEN_COLUMN,
            f"the role may not read {relation.name}.{column.name.lower()}",
            _listing(relation),
            at=at,
            allowed=relation.column_names,
        )
    meant = near(column.name, relation.column_names)
    raise refused(
        Refusal.UNKNOWN_COLUMN,
        f"{relation.name} has no column {column.name!r}",
        suggestion(meant) or _listing(relation),
        at=at,
        allowed=meant or relation.column_names,
    )


def _refuse_unknown(column: exp.Column, names: frozenset[str], hidden: frozenset[str]) -> NoReturn:
    first, at = column.parts[0].name, position_of(column.parts[0])
    if len(column.parts) == 1 and first.lower() in hidden:
        raise refused(Refusal.FORBIDDEN_COLUMN, f"the role may not read the column {first!r}", at=at)
    what = f"column {first!r}" if len(column.parts) == 1 else f"table or alias {first!r}"
    meant = near(first, names)
    raise refused(Refusal.UNKNOWN_COLUMN, f"the query knows no {what}", suggestion(meant), at=at, allowed=meant)


def _tables(tree: exp.Expr, readable: Mapping[str, Relation]) -> dict[str, Relation | None]:
    """Return the store's table behind each name used for one; None for a name that means two things."""
    tables: dict[str, Relation | None] = {}
    for table in tree.find_all(exp.Table):
        relation = readable.get(table.name.lower()) if table.db else None
        if table.args.get("alias") and table.args["alias"].columns:
            relation = None
        name = table.alias_or_name.lower()
        tables[name] = relation if tables.get(name, relation) == relation else None
    for node in tree.find_all(exp.Subquery, exp.Unnest, exp.Lateral, exp.Values, exp.CTE):
        tables[node.alias.lower()] = None
    return tables


def _is_open(tree: exp.Expr, tables: Mapping[str, Relation | None]) -> bool:
    """Say whether a part of the query brings columns whose names are not written in it."""
    for node in tree.find_all(*_OPEN, exp.Table, exp.Anonymous, exp.Star, exp.Column):
        if isinstance(node, _OPEN) or (isinstance(node, exp.Table) and isinstance(node.this, exp.Func)):
            return True
        if isinstance(node, exp.Anonymous) and node.name.lower() in {"unnest", "columns"}:
            return True
        if isinstance(node, exp.Star) and isinstance(node.parent, exp.Dot):
            return True
        if isinstance(node, exp.Column) and isinstance(node.this, exp.Star) and node.table.lower() not in tables:
            return True
    return False


def _names_given(tree: exp.Expr, readable: Mapping[str, Relation]) -> frozenset[str]:
    """Return every name that a column of the query could have: of its tables, and given in it as an alias."""
    names = {"main", *_PSEUDO}
    for table in tree.find_all(exp.Table):
        names.add(table.name.lower())
        if table.db and table.name.lower() in readable:
            names.update(readable[table.name.lower()].column_names)
    names.update(column.name.lower() for column in tree.find_all(exp.Column) if column.table)
    for alias in tree.find_all(*_NAMING):
        names.update(
            identifier.name.lower() for identifier in alias.find_all(exp.Identifier) if _is_given(identifier)
        )
    return frozenset(names)


def _is_given(identifier: exp.Identifier) -> bool:
    return not isinstance(identifier.parent, exp.Column)


def _listing(relation: Relation) -> str:
    return f"; it has {', '.join(relation.column_names)}"
