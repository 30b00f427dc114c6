"""What may come next in the linear form, and what of a schema that depends on."""

from collections.abc import Collection, Generator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from sql.text.records.tokens import MOST_SLOTS, RESERVED, SLOTS, is_value, value_of
from sql.text.records.values import Value

Part = TypeVar("Part")


@dataclass(frozen=True, slots=True)
class Options:
    """What may come next: some tokens, values for slots of some kinds, any name of a kind or field."""

    tokens: frozenset[str] = frozenset()
    slots: frozenset[str] = frozenset()
    any_name: bool = False
    any_value: bool = False

    def __or__(self, other: "Options") -> "Options":
        """Return what either allows."""
        return Options(
            self.tokens | other.tokens,
            self.slots | other.slots,
            self.any_name or other.any_name,
            self.any_value or other.any_value,
        )

    def holds(self, token: str) -> bool:
        """Say whether a token may come next; a value that is written out may stand where a slot may."""
        if is_value(token):
            return (
                self.any_value
                or (bool(self.slots) and token.startswith("="))
                or token.rpartition("_")[0] in self.slots
            )
        return token in self.tokens or (self.any_name and token.isidentifier() and token not in RESERVED)

    def listed(self) -> frozenset[str]:
        """Return the tokens one by one, slots up to the highest number that a question may have."""
        return self.tokens | {f"{kind}_{number}" for kind in self.slots for number in range(1, MOST_SLOTS + 1)}


Step = Generator[Options, str, Part]


class Shape(Protocol):
    """What of a schema the grammar depends on; None allows any name."""

    def kinds(self, ask: str) -> Collection[str] | None:
        """Return the kinds of records that can be asked with a first token."""

    def fields(self, kind: str, ask: str) -> Collection[str] | None:
        """Return the fields of a kind that can be asked with a first token; `match` stands for a restriction."""

    def slots(self, kind: str, field: str) -> Collection[str] | None:
        """Return the kinds of slots that can fill a field."""

    def may_lack(self, kind: str, field: str) -> bool:
        """Say whether a question can ask that the field has any value."""

    def followed(self) -> Collection[str] | None:
        """Return the kinds of records that others can follow."""

    def traits(self, kind: str) -> Collection[str]:
        """Return which restrictions a kind knows: of, aged, of_sex, time, stay, icu, value, normal."""


class Open:
    """Any kind, any field."""

    def kinds(self, ask: str) -> None:
        """Return None: any."""

    def fields(self, kind: str, ask: str) -> None:
        """Return None: any."""

    def slots(self, kind: str, field: str) -> None:
        """Return None: any."""

    def may_lack(self, kind: str, field: str) -> bool:
        """Return True: of any."""
        return True

    def followed(self) -> None:
        """Return None: any."""

    def traits(self, kind: str) -> Collection[str]:
        """Return all of them."""
        return ("of", "aged", "of_sex", "time", "stay", "icu", "value", "normal")


def names_of(names: Collection[str] | None) -> Options:
    """Return some names, None for any."""
    return Options(any_name=True) if names is None else Options(frozenset(names))


def values_of(slots: Collection[str] | None) -> Options:
    """Return values for slots of some kinds, None for any value."""
    return Options(any_value=True) if slots is None else Options(slots=frozenset(slots))


def one_value(what: str) -> Step[Value]:
    """Read one value of what `SLOTS` names."""
    return value_of((yield values_of(SLOTS[what])))
