"""Names: the distinct values of the columns that hold names, read from a database of any schema."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import duckdb
from sqlglot import exp

from sql.text.linking.ordinary import ORDINARY
from sql.text.linking.words import pieces

Connection = duckdb.DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class Uses:
    """The records that use the names of a dictionary table: `table.column` holds the key `key` of the dictionary."""

    table: str
    column: str
    key: str


@dataclass(frozen=True, slots=True)
class NameColumn:
    """A column whose values are names that questions use.

    `kind` is what a slot of it is called; several columns may share it. `where` keeps the rows of a shared dictionary
    that belong to the kind. `uses` names the records of a dictionary: names without records link only as a whole.
    `alias` is a column with another name of the same thing, `synonyms` gives further ones by stored value, and `cues`
    are the words that announce a name of this kind.
    """

    kind: str
    table: str
    column: str
    where: Mapping[str, str] = field(default_factory=dict)
    uses: Uses | None = None
    alias: str | None = None
    synonyms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    cues: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """The column with its table."""
        return f"{self.table}.{self.column}"


@dataclass(frozen=True, slots=True)
class IdColumn:
    """A column whose whole numbers are ids, and the words that stand in front of one: "patient 10000032"."""

    kind: str
    table: str
    column: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Name:
    """A stored value of a column of names, with the number of records that use it."""

    kind: str
    value: str
    column: str
    records: int
    alias: str | None = None


def read_names(connection: Connection, columns: Iterable[NameColumn]) -> Iterator[Name]:
    """Give the distinct names that records use, with how many do; duckdb.Error where a column is absent."""
    for column in columns:
        query = _query(column).having(exp.column("records") > 0)
        for value, alias, records in connection.execute(query.sql(dialect="duckdb")).fetchall():
            yield Name(column.kind, value, column.place, records, alias)


def read_unused(connection: Connection, columns: Iterable[NameColumn]) -> Iterator[tuple[str, NameColumn, str]]:
    """Give the names of dictionaries that no record uses: their plain key, their column and the name.

    The keys are made in the database, as `plain_key` makes them: a dictionary holds a hundred thousand names.
    """
    for column in columns:
        if column.uses is not None:
            names = _query(column).having(exp.column("records").eq(0)).subquery("names")
            text = f"TRIM(REGEXP_REPLACE(LOWER(value), '{MARKS}', ' ', 'g'))"
            query = exp.select(text, "value").from_(names)
            for key, value in connection.execute(query.sql(dialect="duckdb")).fetchall():
                yield key, column, value


def plain_key(text: str) -> str:
    """Return a text in lower case with a space in place of what is neither an ASCII letter nor a digit.

    >>> plain_key("Alzheimer's disease (0.5%)")
    'alzheimer s disease 0 5'
    """
    return _MARKS.sub(" ", text.lower()).strip()


def read_ids(connection: Connection, column: IdColumn) -> frozenset[str]:
    """Return the distinct ids of a column as text."""
    value = exp.cast(exp.column(column.column, quoted=True), "VARCHAR")
    query = exp.select(value).distinct().from_(exp.to_identifier(column.table, quoted=True))
    return frozenset(row[0] for row in connection.execute(query.sql(dialect="duckdb")).fetchall() if row[0])


def _query(column: NameColumn) -> exp.Select:
    value = exp.cast(exp.column(column.column, table="names", quoted=True), "VARCHAR")
    alias = exp.cast(exp.column(column.alias, table="names", quoted=True) if column.alias else exp.null(), "VARCHAR")
    table = exp.to_identifier(column.table, quoted=True)
    query = exp.select(value.as_("value"), exp.func("ANY_VALUE", alias).as_("alias")).from_(
        exp.Table(this=table, alias=exp.TableAlias(this=exp.to_identifier("names")))
    )
    for name, kept in column.where.items():
        query = query.where(exp.column(name, table="names", quoted=True).eq(exp.Literal.string(kept)))
    if column.uses is None:
        query = query.select(exp.func("COUNT", exp.Star()).as_("records"))
    else:
        link = exp.column(column.uses.column, quoted=True)
        counted = (
            exp.select(link.as_("link"), exp.func("COUNT", exp.Star()).as_("records"))
            .from_(exp.to_identifier(column.uses.table, quoted=True))
            .group_by(link.copy())
        )
        key = exp.column(column.uses.key, table="names", quoted=True)
        total = exp.func("COALESCE", exp.func("SUM", exp.column("records", table="used")), exp.Literal.number(0))
        query = query.select(exp.cast(total, "BIGINT").as_("records")).join(
            counted.subquery("used"), on=key.eq(exp.column("link", table="used")), join_type="left"
        )
    return query.where(value.copy().is_(exp.null()).not_()).group_by(exp.Literal.number(1))


MARKS: Final = "[^a-z0-9]+"
_MARKS: Final = re.compile(MARKS)
_BRACKETED: Final = re.compile(r"\s*[(\[]([^()\[\]]*)[)\]]")
_ENDING: Final = re.compile(r"\s*#\s*\d+$")
MAX_INVERTED: Final = 3
MAX_ABBREVIATION: Final = 6


def variants(name: str) -> Iterator[str]:
    """Give other ways to write a stored name: without or by its abbreviation in brackets, with its comma undone.

    >>> list(variants("lactate dehydrogenase (ld)")), list(variants("calcium, total"))
    (['lactate dehydrogenase', 'ld'], ['total calcium'])
    """
    plain = _BRACKETED.sub("", name).strip()
    if plain and plain != name:
        yield plain
    for inner in _BRACKETED.findall(name):
        if _abbreviates(inner.strip(), plain):
            yield inner.strip()
    parts = [part.strip() for part in plain.split(",")]
    if len(parts) == 2 and all(parts) and len(parts[1].split()) <= MAX_INVERTED:
        yield f"{parts[1]} {parts[0]}"
    if ";" in plain:
        yield from (part.strip() for part in plain.split(";") if part.strip())
    if _ENDING.search(plain):
        yield _ENDING.sub("", plain)


def _abbreviates(inner: str, plain: str) -> bool:
    """Say whether the letters in brackets stand in this order in the name, the first at the beginning of a word."""
    letters = inner.lower()
    if not (letters.isalnum() and 2 <= len(letters) <= MAX_ABBREVIATION) or not plain:
        return False
    if {piece.stem for piece in pieces(letters)} & ORDINARY:
        return False
    starts = [piece.word for piece in pieces(plain)]
    rest = "".join(starts)
    if not any(word[0] == letters[0] for word in starts):
        return False
    place = rest.find(letters[0])
    for letter in letters:
        place = rest.find(letter, place)
        if place < 0:
            return False
        place += 1
    return True
