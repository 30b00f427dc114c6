"""What may follow what is typed in the shell: commands, tables, columns, functions, codes. Knows no terminal."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from api.shell.codes import Found, find_codes, find_concepts
from api.shell.statements import Inside, cut
from ehr.store import Store
from sql.catalog import Catalog, Relation
from sql.functions import functions_for
from sql.macros import DESCENDS_FROM, macros_for

TABLE: Final = "TABLE"
"""The argument of a command that takes a table or view."""
LIMIT: Final = 50
"""How many codes are offered."""

KEYWORDS: Final = (
    *("SELECT", "FROM", "WHERE", "GROUP BY", "ORDER BY", "HAVING", "QUALIFY", "LIMIT", "WITH", "RECURSIVE", "AS"),
    *("JOIN", "LEFT JOIN", "SEMI JOIN", "ANTI JOIN", "ASOF JOIN", "CROSS JOIN", "USING", "ON", "LATERAL", "UNION"),
    *("UNION ALL", "INTERSECT", "EXCEPT", "DISTINCT", "ALL", "AND", "OR", "NOT", "IN", "EXISTS", "BETWEEN", "LIKE"),
    *("ILIKE", "IS", "NULL", "TRUE", "FALSE", "CASE", "WHEN", "THEN", "ELSE", "END", "CAST", "INTERVAL", "DATE"),
    *("TIMESTAMP", "DESC", "ASC", "NULLS LAST", "OVER", "PARTITION BY", "ROWS BETWEEN", "FILTER", "EXCLUDE", "PIVOT"),
)

_WORD: Final = re.compile(r"[^\W\d]\w*$")
_QUALIFIED: Final = re.compile(r'(?:"([^"]+)"|([^\W\d]\w*))\.(\w*)$')
_LEXEME: Final = re.compile(r'"[^"]*"|[^\W\d]\w*|[^\s\w]')
_QUOTED: Final = re.compile(r"'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/", re.DOTALL)
_CALL: Final = re.compile(r"([^\W\d]\w*)\s*$")
_AFTER_TABLE: Final = frozenset(
    {
        *("where", "group", "order", "having", "qualify", "limit", "join", "left", "right", "inner", "full", "cross"),
        *("asof", "semi", "anti", "natural", "on", "using", "union", "intersect", "except", "window", "positional"),
        *("lateral", "select", "from"),
    }
)
"""Words that are no alias of the table before them."""
_OF_CONCEPTS: Final = frozenset({"descends_from", "has_code_within", "first_value_within", "last_value_within"})


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A text that may take the place of the last `replaces` characters typed, and what it is."""

    text: str
    replaces: int
    note: str


@dataclass(frozen=True, slots=True)
class Command:
    """A command of the shell: its name with the dot, its arguments in words, what it does, and values they take."""

    name: str
    arguments: str
    does: str
    values: tuple[str, ...] = ()


class Completer:
    """Completes statements over the tables that a role may read, and commands."""

    def __init__(self, store: Store, catalog: Catalog, commands: Sequence[Command]) -> None:
        self._store = store
        self._catalog = catalog
        self._commands = commands

    def suggestions(self, before: str, after: str, role: str) -> list[Suggestion]:
        """Return what may follow `before`, the nearest first; `after` is what stands behind the cursor."""
        if before.startswith("."):
            return list(self._of_commands(before, role))
        typed = cut(before)
        if typed.inside is Inside.TEXT:
            return self._of_codes(typed.rest, typed.begun_at, role)
        if typed.inside is not Inside.CODE:
            return []
        behind = cut(after)
        statement = typed.rest + (behind.statements[0] if behind.statements else behind.rest)
        return list(self._of_words(typed.rest, statement, role))

    def _of_commands(self, before: str, role: str) -> Iterator[Suggestion]:
        name, blank, argument = before.partition(" ")
        for command in self._commands:
            if not blank and command.name.startswith(name):
                yield Suggestion(command.name, len(name), command.does)
            elif blank and command.name == name:
                tables = self._catalog.readable(role) if command.arguments == TABLE else ()
                for value in (*command.values, *tables):
                    if value.startswith(argument.strip()):
                        yield Suggestion(value, len(argument), "")

    def _of_codes(self, rest: str, begun_at: int, role: str) -> list[Suggestion]:
        """Return codes for a text that is not closed yet; concepts where a function takes them."""
        if rest[begun_at : begun_at + 1] != "'" or not self._catalog.allows("code", role):
            return []
        typed = rest[begun_at + 1 :].replace("''", "'")
        find = find_concepts if _call_around(rest[:begun_at]) in _OF_CONCEPTS else find_codes
        found: list[Found] = find(self._store, typed, LIMIT)
        length = len(rest) - begun_at - 1
        return [Suggestion(one.name.replace("'", "''"), length, one.title) for one in found]

    def _of_words(self, before: str, statement: str, role: str) -> Iterator[Suggestion]:
        readable = self._catalog.readable(role)
        tables = _tables_in(statement, readable)
        qualified = _QUALIFIED.search(before)
        if qualified is not None:
            relation = tables.get((qualified[1] or qualified[2]).lower())
            yield from _columns([relation] if relation else [], qualified[3])
            return
        found = _WORD.search(before)
        word = found[0] if found else ""
        if _expects_table(before[: len(before) - len(word)]):
            yield from _fitting({name: one.comment for name, one in readable.items()}, word)
            yield from _fitting(dict.fromkeys(_with_names(statement), "named by WITH"), word)
            return
        yield from _columns(list(dict.fromkeys(tables.values())), word)
        if not word:
            return
        yield from _fitting(dict.fromkeys(tables, "table or alias"), word)
        ours = [DESCENDS_FROM, *macros_for(self._catalog, role)]
        yield from _fitting({f"{macro.name}(": macro.comment for macro in ours}, word)
        yield from _keywords(word)
        yield from _fitting({f"{name}(": "function" for name in sorted(functions_for(role))}, word)


def _fitting(names: dict[str, str], word: str) -> Iterator[Suggestion]:
    for name, note in names.items():
        if name.lower().startswith(word.lower()):
            yield Suggestion(name, len(word), note)


def _keywords(word: str) -> Iterator[Suggestion]:
    """Yield keywords in the case that is typed."""
    for keyword in KEYWORDS:
        if keyword.lower().startswith(word.lower()):
            yield Suggestion(keyword.lower() if word.islower() else keyword, len(word), "")


def _columns(relations: Sequence[Relation], word: str) -> Iterator[Suggestion]:
    seen: set[str] = set()
    for relation in relations:
        for column in relation.columns:
            if column.name not in seen and column.name.startswith(word.lower()):
                seen.add(column.name)
                yield Suggestion(column.name, len(word), f"{column.type.lower()}  {column.comment}")


def _call_around(before: str) -> str:
    """Return the function in whose brackets the end of a text stands, or nothing.

    >>> _call_around("SELECT lower(code) FROM event WHERE descends_from(code, ['a', ")
    'descends_from'
    """
    plain = _QUOTED.sub(lambda found: " " * len(found[0]), before)
    depth = 0
    for at in range(len(plain) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(plain[at], 0)
        if depth < 0:
            name = _CALL.search(plain[:at])
            return name[1].lower() if name else ""
    return ""


def _expects_table(before: str) -> bool:
    """Say whether the name of a table comes next: after FROM and JOIN, and after a comma in FROM."""
    lexemes = [lexeme.lower() for lexeme in _LEXEME.findall(_QUOTED.sub(" ", before))]
    if not lexemes:
        return False
    if lexemes[-1] in {"from", "join"}:
        return True
    if lexemes[-1] != ",":
        return False
    depth = 0
    for lexeme in reversed(lexemes):
        depth += {")": 1, "(": -1}.get(lexeme, 0)
        if depth < 0 or (depth == 0 and lexeme in _AFTER_TABLE - {"from", "join"}):
            return False
        if depth == 0 and lexeme == "from":
            return True
    return False


def _tables_in(statement: str, readable: dict[str, Relation]) -> dict[str, Relation]:
    """Return the tables of the store that a statement reads, by the names it calls them."""
    lexemes = _LEXEME.findall(_QUOTED.sub(" ", statement))
    tables: dict[str, Relation] = {}
    for at, lexeme in enumerate(lexemes):
        relation = readable.get(lexeme.lower())
        if relation is None or at == 0 or not _expects_table(" ".join(lexemes[:at])):
            continue
        following = [*lexemes[at + 1 : at + 3], "", ""]
        alias = following[1] if following[0].lower() == "as" else following[0]
        is_alias = alias[:1] == '"' or (alias.isidentifier() and alias.lower() not in _AFTER_TABLE)
        tables[(alias.strip('"') if is_alias else lexeme).lower()] = relation
    return tables


def _with_names(statement: str) -> list[str]:
    """Return the names that a statement gives to queries: name AS (."""
    return re.findall(r"([^\W\d]\w*)\s+AS\s*(?:(?:NOT\s+)?MATERIALIZED\s*)?\(", statement, re.IGNORECASE)
