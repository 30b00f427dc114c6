"""Errors as data for programs: a code that stays the same, the sentence, the place, and what would be allowed."""

import re
from typing import Any, Final

from ehr.errors import EhrError, QueryFailed, QueryMemory, QueryTimeout, UnsafeQuery

_CODES: Final[dict[type[EhrError], str]] = {
    QueryTimeout: "TIME_LIMIT",
    QueryMemory: "MEMORY_LIMIT",
}
"""Codes that are not the name of the class."""


def code_of(error: EhrError) -> str:
    """Return the code of an error: the kind of a refusal of the guard, else the name of its class.

    >>> code_of(QueryFailed("it failed")), code_of(UnsafeQuery("not that", code="UNKNOWN_TABLE"))
    ('QUERY_FAILED', 'UNKNOWN_TABLE')
    """
    if isinstance(error, UnsafeQuery):
        return error.code
    name = type(error).__name__
    return _CODES.get(type(error)) or re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()


def problem(error: EhrError) -> dict[str, Any]:
    """Return an error as one JSON document; `line` and `column` are null where they are unknown."""
    place = (error.line, error.column) if isinstance(error, UnsafeQuery | QueryFailed) else (None, None)
    return {
        "error": {
            "code": code_of(error),
            "message": str(error),
            "line": place[0],
            "column": place[1],
            "allowed": list(error.allowed) if isinstance(error, UnsafeQuery) else [],
        }
    }
