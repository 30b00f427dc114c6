"""What a store holds, read from the store itself: tables, views, columns and comments; and who may read what."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from ehr.store import Store
from sql.places import Position
from sql.refusals import Refusal, refused

RECORDS: Final = frozenset(
    {
        "patient",
        "encounter",
        "condition",
        "medication",
        "procedure",
        "observation",
        "death",
        "event",
        "subject",
        "code",
        "unit",
    }
)
TRAINING: Final = RECORDS | {"vocabulary", "timeline"}
LEDGER: Final = frozenset({"source", "tally", "reject", "notice", "record", "tombstone"})

ROLES: Final[dict[str, frozenset[str]]] = {
    "aggregate": RECORDS,
    "analyst": RECORDS,
    "clinician": RECORDS,
    "trainer": TRAINING,
    "admin": TRAINING | LEDGER,
}
"""The tables and views that each role may read."""

HIDDEN: Final[dict[str, frozenset[str]]] = {
    "aggregate": frozenset({"identifiers", "record_id", "n_events", "n_subjects", "quantiles"}),
    "analyst": frozenset({"identifiers"}),
    "trainer": frozenset({"identifiers"}),
}
"""The columns that a role may not read wherever they stand: what names a patient or stay in the source.

Role aggregate, whose numbers must each be protected, may not read those that were counted before either.
"""

SYSTEM_NAMES: Final = ("duckdb_", "pg_", "sqlite_", "pragma_", "information_schema")
"""How the names of the engine's own tables begin."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table or view."""

    name: str
    type: str
    comment: str


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or view."""

    name: str
    is_view: bool
    comment: str
    columns: tuple[Column, ...]

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns in their order."""
        return tuple(column.name for column in self.columns)


@dataclass(frozen=True, slots=True)
class Catalog:
    """The tables and views of a store by name, views first, as analysts see them."""

    relations: Mapping[str, Relation]
    _readable: dict[str, dict[str, Relation]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def readable(self, role: str) -> dict[str, Relation]:
        """Return what `role` may read, without hidden columns; raises UnsafeQuery for a role that does not exist."""
        if role not in self._readable:
            allowed, hidden = names_for(role), HIDDEN.get(role, frozenset())
            found = {name: _without(relation, hidden) for name, relation in self.relations.items() if name in allowed}
            self._readable[role] = found
        return dict(self._readable[role])

    def hidden(self, role: str) -> dict[str, frozenset[str]]:
        """Return the tables and views of `role` that have columns which it may not read, with these columns."""
        names = HIDDEN.get(role, frozenset())
        changed = [name for name, relation in self.readable(role).items() if relation is not self.relations[name]]
        return {name: names.intersection(self.relations[name].column_names) for name in changed}

    def allows(self, name: str, role: str) -> bool:
        """Say whether the store has a table or view `name` and `role` may read it."""
        return name in self.relations and name in names_for(role)


def _without(relation: Relation, hidden: frozenset[str]) -> Relation:
    if hidden.isdisjoint(relation.column_names):
        return relation
    return replace(relation, columns=tuple(column for column in relation.columns if column.name not in hidden))


def names_for(role: str) -> frozenset[str]:
    """Return the names of the tables and views that `role` may read.

    Raises UnsafeQuery for a role that does not exist.
    """
    if role not in ROLES:
        what = f"there is no role {role!r}; the roles are {', '.join(ROLES)}"
        raise refused(Refusal.UNKNOWN_ROLE, what, allowed=ROLES)
    return ROLES[role]


def check_with_name(name: str, catalog: Catalog, role: str, at: Position | None = None) -> None:
    """Raise UnsafeQuery for a WITH that takes the name of something that `role` may not read.

    So a difference of opinion about where the name is visible can open no forbidden table or file.
    """
    name = name.lower()
    is_forbidden = name in catalog.relations and not catalog.allows(name, role)
    if is_forbidden or name.startswith(SYSTEM_NAMES) or not name.isidentifier():
        what = f"WITH may not use the name {name!r}"
        raise refused(Refusal.FORBIDDEN_NAME, what, f" for role {role}; choose another plain name", at=at)


def read_catalog(store: Store) -> Catalog:
    """Read the tables and views of `store`; a column of a view without a comment takes that of the table's column."""
    cursor = store.cursor()
    try:
        kinds = cursor.execute(
            """
            SELECT table_name, coalesce(comment, ''), false FROM duckdb_tables()
            WHERE schema_name = 'main' AND NOT internal AND NOT temporary
            UNION ALL
            SELECT view_name, coalesce(comment, ''), true FROM duckdb_views()
            WHERE schema_name = 'main' AND NOT internal AND NOT temporary
            """
        ).fetchall()
        rows = cursor.execute(
            """
            SELECT table_name, column_name, data_type, coalesce(comment, '') FROM duckdb_columns()
            WHERE schema_name = 'main' AND NOT internal ORDER BY table_name, column_index
            """
        ).fetchall()
    finally:
        cursor.close()
    return _assemble(kinds, rows)


def _assemble(kinds: list[tuple[str, str, bool]], rows: list[tuple[str, str, str, str]]) -> Catalog:
    comments: dict[str, str] = {}
    for table in ("code", "subject", "event"):
        comments.update({name: comment for owner, name, _, comment in rows if owner == table and comment})
    columns: dict[str, list[Column]] = {name: [] for name, _, _ in kinds}
    for table, name, data_type, comment in rows:
        if table in columns:
            columns[table].append(Column(name, data_type, comment or comments.get(name, "")))
    relations = [Relation(name, is_view, comment, tuple(columns[name])) for name, comment, is_view in kinds]
    relations.sort(key=lambda relation: (not relation.is_view, relation.name))
    return Catalog({relation.name: relation for relation in relations})
