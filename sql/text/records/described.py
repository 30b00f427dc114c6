"""The tables of a catalogue file as the guard sees them: what queries over a database that is no store may read."""

from dataclasses import dataclass

from sql.catalog import Catalog, Column, Relation, names_for
from sql.text.records.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class Described(Catalog):
    """Tables that every role may read whose answers need no protection by themselves."""

    def readable(self, role: str) -> dict[str, Relation]:
        """Return all tables, none for role aggregate; raises UnsafeQuery for a role that does not exist."""
        names_for(role)
        return {} if role == "aggregate" else dict(self.relations)

    def hidden(self, role: str) -> dict[str, frozenset[str]]:
        """Return no columns: a catalogue file names only those that may be read."""
        return {}

    def allows(self, name: str, role: str) -> bool:
        """Say whether the catalogue describes a table `name` and `role` may read it."""
        return name in self.readable(role)


def described(catalogue: Catalogue) -> Described:
    """Return the tables and columns that a catalogue names, for `guard` and `run`."""
    relations = {}
    for name, columns in catalogue.tables().items():
        found = tuple(Column(column, "", "") for column in sorted(columns))
        relations[name] = Relation(name, False, f"as catalogue {catalogue.name} describes it", found)
    return Described(relations)
