"""What the grammar of the linear form takes from a catalogue: the questions that it can answer."""

from collections.abc import Collection

from sql.text.records.catalogue import Catalogue, Kind


class CatalogueShape:
    """The shape of a catalogue for a Grammar."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._kinds: dict[str, tuple[str, ...]] = {}

    def kinds(self, ask: str) -> Collection[str]:
        """Return the kinds of records that can be asked with a first token."""
        if ask not in self._kinds:
            self._kinds[ask] = tuple(name for name, kind in self.catalogue.kinds.items() if self._can(ask, kind))
        return self._kinds[ask]

    def fields(self, kind: str, ask: str) -> Collection[str]:
        """Return the fields of a kind that can be asked with a first token; `match` stands for a restriction."""
        fields = self.catalogue.kind(kind).fields.values()
        if ask == "match":
            return [one.name for one in fields if one.slot]
        if ask in ("list", "list_distinct"):
            return [one.name for one in fields]
        wanted = "text" if ask in ("top", "mortality", "new") else "number"
        return [one.name for one in fields if one.type == wanted]

    def slots(self, kind: str, field: str) -> Collection[str]:
        """Return the kinds of slots that can fill a field."""
        slot = self.catalogue.field(kind, field).slot
        return (slot,) if slot else ()

    def may_lack(self, kind: str, field: str) -> bool:
        """Say whether a question can ask that the field has any value."""
        return self.catalogue.field(kind, field).may_lack

    def followed(self) -> Collection[str]:
        """Return the kinds of records that others can follow."""
        return [name for name, kind in self.catalogue.kinds.items() if kind.time]

    def traits(self, kind: str) -> Collection[str]:
        """Return which restrictions a kind knows: of, aged, of_sex, time, stay, icu, value, normal."""
        described = self.catalogue.kind(kind)
        people = self.catalogue.people
        found = {
            "of": True,
            "aged": self.catalogue.age is not None and described.stay is not None,
            "of_sex": people.sex is not None,
            "time": described.time is not None,
            "stay": described.stay is not None,
            "icu": "icu" in self.catalogue.kinds and described.stay is not None and described.time is not None,
            "value": described.value is not None,
            "normal": bool(described.normal),
        }
        return [name for name, holds in found.items() if holds]

    def _can(self, ask: str, kind: Kind) -> bool:
        if ask in ("exists", "never", "count_records", "count_patients", "list", "list_distinct"):
            return True
        if ask in ("sum", "avg", "min", "max", "difference", "greater", "less", "top", "new"):
            return bool(self.fields(kind.name, ask)) and kind.time is not None
        if ask == "count_stays" or ask.endswith("_number"):
            return kind.stay is not None and kind.time is not None
        if ask in ("mortality", "survival"):
            dies = self.catalogue.people.death is not None and kind.time is not None
            return dies and (ask == "survival" or bool(self.fields(kind.name, ask)))
        if ask in ("cost", "avg_cost", "min_cost", "max_cost", "sum_cost"):
            return self.catalogue.charges is not None and kind.charged is not None
        if ask in ("balance", "percentile"):
            return kind.value is not None and kind.time is not None
        return kind.time is not None and (ask != "length" or kind.end is not None)
