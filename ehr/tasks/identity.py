"""What makes two tasks the same: a digest of what a task says, whatever its file is called and how it is written."""

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final

import orjson

from ehr.tasks.language import Task

_UNSAID: Final[Mapping[str, tuple[str, ...]]] = {"Task": ("name", "description", "remarks"), "Who": ("words",)}
"""Parts that change nothing about the rows."""


def definition(task: Task) -> dict[str, Any]:
    """Return what a task says as plain values, without what is left at its default; predicates by name."""
    said: dict[str, Any] = _plain(task)
    said["predicates"] = sorted(said["predicates"], key=lambda predicate: str(predicate["name"]))
    return said


def definition_hash(task: Task) -> str:
    """Return the SHA-256 of the definition: comments, names of files and the order of predicates do not matter.

    What later versions of the language add does not change it for tasks that do not use it.
    """
    return sha256(orjson.dumps(definition(task), option=orjson.OPT_SORT_KEYS)).hexdigest()


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        kind = type(value).__name__
        cells = {
            field.name: _plain(getattr(value, field.name))
            for field in fields(value)
            if field.name not in _UNSAID.get(kind, ()) and not _is_default(field.default, getattr(value, field.name))
        }
        return {"is": kind, **cells}
    if isinstance(value, timedelta):
        return {"microseconds": value // timedelta(microseconds=1)}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, str | int | bool) else repr(value)


def _is_default(default: Any, value: Any) -> bool:
    return default is not MISSING and type(default) is type(value) and bool(default == value)
