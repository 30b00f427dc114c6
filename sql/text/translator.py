"""Whatever turns a question into a typed one: the grammar, a learned parser, or a language model in its place."""

from dataclasses import dataclass
from typing import Protocol

from sql.catalog import Catalog
from sql.text.concepts import Index
from sql.text.parse import parse
from sql.text.query import Query
from sql.text.refuse import Refusal


@dataclass(frozen=True, slots=True)
class Ground:
    """What a question is asked on: the concepts of the store, its views, the role, and the question before."""

    index: Index
    catalog: Catalog
    role: str
    previous: Query | None = None


@dataclass(frozen=True, slots=True)
class Typed:
    """A typed question, and who filled it."""

    query: Query
    by: str = "grammar"


@dataclass(frozen=True, slots=True)
class WrittenSql:
    """SQL in place of a typed question, and who wrote it; it has passed no guard yet."""

    sql: str
    by: str


Understood = Typed | WrittenSql | Refusal


class Translator(Protocol):
    """Reads a question, or says why not; raises nothing for any question."""

    def __call__(self, question: str, ground: Ground) -> Understood:
        """Return what was understood."""
        ...


def by_grammar(question: str, ground: Ground) -> Understood:
    """Read a question with the grammar of `parse`."""
    found = parse(question, ground.index)
    return Typed(found) if isinstance(found, Query) else found
