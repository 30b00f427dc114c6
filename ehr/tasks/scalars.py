"""Single values of a task file that have to be of a kind: a whole number, one of some words."""

from collections.abc import Sequence
from typing import Any, TypeVar

from ehr.tasks.place import Place

Word = TypeVar("Word", bound=str)


def whole_number(place: Place, value: Any, least: int) -> int:
    """Return `value` if it is a whole number of at least `least`; raises TaskError naming the key."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise place.error(f"{value!r} is no whole number of at least {least}")
    return value


def one_of(place: Place, value: Any, words: Sequence[Word]) -> Word:
    """Return `value` if it is one of `words`; raises TaskError naming the key and the words."""
    for word in words:
        if value == word:
            return word
    raise place.error(f"{value!r} is none of {', '.join(words)}")
