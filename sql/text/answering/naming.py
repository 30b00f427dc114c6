"""Which stored name a word of a question means, where that is open: the names to choose from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from sql.text.answering.attempts import Attempt
from sql.text.linking import How, Linked
from sql.text.linking import Slot as Found
from sql.text.linking.slots import numbered

CLOSE: Final = 0.1
"""Candidates of a slot whose scores differ by less than this leave open which is meant."""
MOST_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Choice:
    """Words of a question that may mean any of some stored names, the likeliest first.

    `is_certain` says that nothing can tell which: they are words of several names, and no name of a record.
    """

    surface: str
    names: tuple[str, ...]
    is_certain: bool

    @property
    def message(self) -> str:
        """What to do about it."""
        if len(self.names) == 1:
            return f"{self.surface!r} is no name in these records; write {self.names[0]!r} if that is meant"
        more = len(self.names) - MOST_SHOWN
        shown = [*self.names[:MOST_SHOWN], *([f"{more} more"] if more > 0 else [])]
        return f"{self.surface!r} may mean several names; write one of them: {'; '.join(shown)}"


def choice_of(attempt: Attempt) -> Choice | None:
    """Return the names that a slot leaves open which the reading uses: the first that nothing can decide, or any."""
    tokens = attempt.tried.tokens if attempt.tried else ()
    found = [choice for slot in attempt.used() if (choice := _choice(slot, tokens)) is not None]
    return next((one for one in found if one.is_certain), found[0] if found else None)


def without_undecided(linked: Linked) -> Linked:
    """Return a linked question without the slots of which nothing can tell which of several names they mean."""
    kept = [slot for slot in linked.slots if not _is_undecided(slot)]
    return linked if len(kept) == len(linked.slots) else replace(linked, slots=numbered(kept))


def _is_undecided(slot: Found) -> bool:
    choice = _choice(slot, slot.references)
    return choice is not None and choice.is_certain


def _choice(slot: Found, tokens: Sequence[str]) -> Choice | None:
    kinds = {one.rpartition("_")[0] for one in slot.references if one in tokens}
    candidates = [one for one in slot.candidates if one.kind in kinds]
    if not candidates:
        return None
    best = candidates[0]
    partial = [one for one in candidates if one.how is How.PARTIAL]
    if best.how is How.PARTIAL or (partial and not best.records):
        ordered = sorted(partial, key=lambda one: -one.records)
        names = tuple(dict.fromkeys(str(one.value) for one in ordered))
        return Choice(slot.surface, names, is_certain=len(names) > 1 or best.how is not How.PARTIAL)
    close = [one for one in candidates if one.score > best.score - CLOSE]
    names = tuple(dict.fromkeys(str(one.value) for one in close))
    return Choice(slot.surface, names, is_certain=False) if len(names) > 1 else None
