"""What questions are asked on: a database, the catalogue of its schema, the index of its names."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sql.text.answering.database import Database, opened_database
from sql.text.linking import LinkIndex, index_of
from sql.text.records.catalogue import Catalogue
from sql.text.records.grammar import Grammar
from sql.text.records.schema import read_catalogue
from sql.text.records.shape import CatalogueShape


@dataclass(frozen=True)
class Ground:
    """A database that is open, with its catalogue and the index of its names."""

    database: Database
    catalogue: Catalogue
    index: LinkIndex

    @cached_property
    def grammar(self) -> Grammar:
        """The questions that the catalogue can answer."""
        return Grammar(CatalogueShape(self.catalogue))


@contextmanager
def opened_ground(db: Path, catalogue: str) -> Iterator[Ground]:
    """Open a database with its catalogue and the index of its names, and close it after the block."""
    described = read_catalogue(catalogue)
    with opened_database(db, described) as database:
        yield Ground(database, described, index_of(described, database.connection))
