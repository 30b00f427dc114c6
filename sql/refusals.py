"""Why a query is refused: a code that stays the same, the place in the text, and what would be allowed instead."""

from collections.abc import Iterable
from enum import StrEnum, unique
from typing import Final

from ehr.errors import UnsafeQuery
from sql.places import Position, place


@unique
class Refusal(StrEnum):
    """The kinds of refusals; programs may rely on the codes."""

    EMPTY_QUERY = "EMPTY_QUERY"
    BAD_TEXT = "BAD_TEXT"
    TOO_LARGE = "TOO_LARGE"
    UNREADABLE = "UNREADABLE"
    NOT_A_SELECT = "NOT_A_SELECT"
    SEVERAL_STATEMENTS = "SEVERAL_STATEMENTS"
    PARAMETER = "PARAMETER"
    FORBIDDEN_SYNTAX = "FORBIDDEN_SYNTAX"
    UNLISTED_PIVOT = "UNLISTED_PIVOT"
    UNKNOWN_ROLE = "UNKNOWN_ROLE"
    UNKNOWN_TABLE = "UNKNOWN_TABLE"
    FORBIDDEN_TABLE = "FORBIDDEN_TABLE"
    FORBIDDEN_NAME = "FORBIDDEN_NAME"
    UNKNOWN_COLUMN = "UNKNOWN_COLUMN"
    FORBIDDEN_COLUMN = "FORBIDDEN_COLUMN"
    FORBIDDEN_FUNCTION = "FORBIDDEN_FUNCTION"
    BAD_ARGUMENT = "BAD_ARGUMENT"
    UNKNOWN_CONCEPT = "UNKNOWN_CONCEPT"
    LOST_CODES = "LOST_CODES"
    SINGLE_PATIENTS = "SINGLE_PATIENTS"
    NOT_ALLOWED = "NOT_ALLOWED"


MEANINGS: Final[dict[Refusal, str]] = {
    Refusal.EMPTY_QUERY: "there is nothing to run",
    Refusal.BAD_TEXT: "the text holds a control character, or is not valid Unicode",
    Refusal.TOO_LARGE: "the text is too long, nested too deeply, or has too many SELECTs or joins",
    Refusal.UNREADABLE: "the text cannot be parsed",
    Refusal.NOT_A_SELECT: "the statement does more than read, or reads something else than rows",
    Refusal.SEVERAL_STATEMENTS: "there is more than one statement",
    Refusal.PARAMETER: "a value is left open (?, $1, $name)",
    Refusal.FORBIDDEN_SYNTAX: "a part of the language that is not on the list, such as #1, INTO or FOR UPDATE",
    Refusal.UNLISTED_PIVOT: "PIVOT does not list its values",
    Refusal.UNKNOWN_ROLE: "there is no such role",
    Refusal.UNKNOWN_TABLE: "the store has no such table or view",
    Refusal.FORBIDDEN_TABLE: "the role may not read this table, or it is a file or a table of the engine",
    Refusal.FORBIDDEN_NAME: "WITH takes a name that could stand for something forbidden",
    Refusal.UNKNOWN_COLUMN: "no table of the query has this column, and no alias gives it",
    Refusal.FORBIDDEN_COLUMN: "the role may not read this column",
    Refusal.FORBIDDEN_FUNCTION: "the function or table function is not on the list",
    Refusal.BAD_ARGUMENT: "a function takes only arguments that are written out, or smaller ones",
    Refusal.UNKNOWN_CONCEPT: "descends_from() names a concept that the store does not know",
    Refusal.LOST_CODES: "descends_from() would miss further codes of records, which a subquery has left out",
    Refusal.SINGLE_PATIENTS: "role aggregate could learn of single patients",
    Refusal.NOT_ALLOWED: "another reason, which the sentence gives",
}
"""What each code means, for the documentation and for programs that list them."""


def refused(
    code: Refusal, what: str, instead: str = "", *, at: Position | None = None, allowed: Iterable[str] = ()
) -> UnsafeQuery:
    """Return the refusal of a query: `what`, then the place where it is known, then what to do `instead`."""
    line, column = at or (None, None)
    return UnsafeQuery(f"{what}{place(at)}{instead}", code=code, line=line, column=column, allowed=allowed)
