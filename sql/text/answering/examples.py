"""Questions with the SQL that answers them as examples for a parser: slots in the question and among the tokens."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from ehr.errors import QuestionError
from sql.text.linking import Linked
from sql.text.records.grammar import Grammar
from sql.text.records.linear import linearize
from sql.text.records.query import RecordsQuery
from sql.text.records.tokens import END, value_of
from sql.text.records.values import Plain, Range

_FROM: Final = "aged_from"
_UNDER: Final = "aged_under"


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of a file: its id, its words, and the SQL that answers it; None where nothing does."""

    id: str
    question: str
    sql: str | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """A question with placeholders for its slots and the tokens that it means; none where it has no answer."""

    text: str
    tokens: tuple[str, ...]
    weight: float = 1.0


def read_asked(file: Path) -> list[Asked]:
    """Read a list of {id, question} with or without `sql` from a JSON file; raises QuestionError naming the place."""
    try:
        content = orjson.loads(file.read_bytes())
    except FileNotFoundError as error:
        raise QuestionError(f"there is no file {file}; give a JSON file with a list of questions") from error
    except orjson.JSONDecodeError as error:
        raise QuestionError(f"{file} is no JSON: {error}; write a list of objects with id and question") from error
    if not isinstance(content, list):
        raise QuestionError(f"{file} must hold a list of objects with id and question")
    asked = [_asked(one, f"{file}: entry {place}") for place, one in enumerate(content, 1)]
    ids = {one.id for one in asked}
    if len(ids) < len(asked):
        raise QuestionError(f"{file} gives an id twice; ids tell the questions apart")
    return asked


def _asked(entry: Any, where: str) -> Asked:
    if not isinstance(entry, dict):
        raise QuestionError(f"{where} must be an object with id and question")
    key, question, sql = entry.get("id"), entry.get("question"), entry.get("sql")
    if not isinstance(key, str | int) or isinstance(key, bool):
        raise QuestionError(f"{where} needs an id, a text or a whole number")
    if not isinstance(question, str) or not question.strip():
        raise QuestionError(f"{where} needs a question in words")
    if sql is not None and not isinstance(sql, str):
        raise QuestionError(f"{where}: sql must be a text, or null where nothing answers the question")
    return Asked(str(key), question, None if sql is None or sql.strip() in ("", "null") else sql)


def slotted(query: RecordsQuery, linked: Linked, grammar: Grammar) -> tuple[str, ...] | None:
    """Return the tokens of a query with the slots of its question in place of their values.

    None where a value stands in no slot of the kinds that the grammar allows there, or where the grammar does not
    allow the query. Of several slots with the same value each is taken once before any is taken twice.
    """
    tokens: list[str] = []
    taken: set[str] = set()
    try:
        for token in (*linearize(query), END):
            allowed = grammar.allowed(tokens)
            if token.startswith("="):
                wanted = value_of(token)
                found = [
                    one
                    for slot in linked.slots
                    for one in slot.references
                    if one in allowed and _means(linked.value(one), wanted, tokens[-1])
                ]
                if not found:
                    return None
                token = min(found, key=lambda one: one in taken)
                taken.add(token)
            if token not in allowed:
                return None
            tokens.append(token)
    except QuestionError:
        return None
    return tuple(tokens[:-1])


def _means(held: Plain | None, wanted: object, before: str) -> bool:
    """Say whether the value of a slot is the one wanted; "60 or above" holds the 60 of "aged from 60"."""
    if isinstance(held, Range) and not isinstance(wanted, Range):
        if before == _FROM:
            return held.high is None and held.low == wanted
        return before == _UNDER and held.high is not None and held.high + 1 == wanted
    return held is not None and held == wanted


def examples_of(
    asked: Sequence[Asked],
    linked: Sequence[Linked],
    lift: Callable[[str], RecordsQuery | None],
    grammar: Grammar,
) -> Iterator[Example | None]:
    """Give the example of each question; None where its SQL has no typed question or its values no slots.

    `lift` reads SQL back into a typed question.
    """
    for one, found in zip(asked, linked, strict=True):
        if one.sql is None:
            yield Example(found.text, ())
            continue
        query = lift(one.sql)
        tokens = None if query is None else slotted(query, found, grammar)
        yield None if tokens is None else Example(found.text, tokens)


def is_question(tokens: Sequence[str], grammar: Grammar) -> bool:
    """Say whether made tokens are a question of the grammar that does not list what it names."""
    try:
        query = grammar.query(tokens)
    except QuestionError:
        return False
    field = getattr(query.ask, "field", None)
    return all(match.field != field or not match.values for match in query.records.matches)
