"""A place in a task file: what an error names, and the checks that every part of the file needs."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from ehr.errors import TaskError
from ehr.tasks.timespan import parse_timespan


@dataclass(frozen=True, slots=True)
class Place:
    """A key of a task file, such as `windows.input.end` of `mortality.yaml`."""

    source: str
    path: tuple[str, ...] = ()

    def at(self, key: str) -> "Place":
        """Return the place of a key below this one."""
        return Place(self.source, (*self.path, key))

    def error(self, message: str) -> TaskError:
        """Return the error that says what is wrong here and what to write instead."""
        return TaskError(f"{self.source}: {'.'.join(self.path) or 'the file'}: {message}")

    def mapping(self, value: Any, keys: Sequence[str] | None, what: str) -> dict[Any, Any]:
        """Return `value` if it is a mapping with no other keys than `keys`; `what` says what stands here."""
        if not isinstance(value, dict):
            raise self.error(f"{what} must be a mapping of keys to values, not {_kind(value)}")
        for key in value:
            if keys is not None and key not in keys:
                raise self.at(str(key)).error(f"unknown key; {what} has {', '.join(keys)}")
        return value

    def name(self, value: Any, what: str) -> str:
        """Return `value` if it is a name, in letters, digits and `_`; `what` says whose."""
        if value is None:
            raise self.error(f"is missing; name {what}")
        if not isinstance(value, str) or not re.fullmatch(r"\w+", value):
            raise self.error(f"{value!r} is no name; write {what} in letters, digits and _")
        return value

    def child_name(self, value: Any) -> str:
        """Return `value` if a key below this one may be called so."""
        return self.at(str(value)).name(value, "this key")

    def span(self, value: Any) -> timedelta:
        """Return the span of time that `value` writes, such as 24h."""
        if not isinstance(value, str):
            raise self.error("must be a span of time, such as 24h or 30d")
        try:
            return parse_timespan(value)
        except ValueError as error:
            raise self.error(str(error)) from error

    def flag(self, value: Any) -> bool:
        """Return the truth of a scalar as ACES takes it: a text is true unless it is empty."""
        if isinstance(value, dict | list):
            raise self.error("must be true or false")
        return bool(value)


def _kind(value: Any) -> str:
    if value is None:
        return "empty"
    return {str: "a text", list: "a list", bool: "true or false"}.get(type(value), "a number")
