"""What the tables of a schema stand for: kinds of records, their keys, times, names and numbers.

A catalogue comes from a YAML file (`schema` reads it). The compiler takes every table and column of its SQL from
here, the grammar every kind, field and slot.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from ehr.errors import QuestionError

FieldType = Literal["text", "number", "time", "age"]
Stored = Literal["double", "float", "text"]
Verb = tuple[str, str, str]
BY_TIME: Final = "by time"


@dataclass(frozen=True, slots=True)
class Lookup:
    """A table that gives the names of codes: `key` is the code, `label` its name; `where` restricts its rows.

    `alias` is a column with a shorter name, by which questions may know the code.
    """

    table: str
    key: str
    label: str
    where: Mapping[str, str] = field(default_factory=dict)
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """Something that a record says.

    `slot` is the kind of slots that fill it where a question can ask for a value of it. A number may be stored as
    text or in 32 bits. A field that `may_lack` its value is asked for only where it has one. An age is counted in
    whole years from birth to the time in `column`. `synonyms` are what questions call a value, `cues` the words that
    announce one where the value is an ordinary word.
    """

    name: str
    column: str
    type: FieldType = "text"
    noun: str = ""
    slot: str | None = None
    lookup: Lookup | None = None
    stored: Stored = "double"
    may_lack: bool = False
    synonyms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    cues: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of records: a row of `table` that satisfies `where` is one.

    `row` tells rows apart, `subject` is the patient. `stay` and `icu` are the columns that name the hospital stay and
    the ICU stay, or BY_TIME where only the time tells. `key` is what these refer to, for the kinds stay and icu
    themselves. `where` maps a column to its values, or to True where it must have one. `charged` is how charges name
    the kind, `normal` gives the normal ranges of numbers by name, `verbs` what a patient did, has done and was doing
    (`received`, `received`, `receiving`) whom the record is of, `alone` the same where no name follows.
    """

    name: str
    noun: tuple[str, str]
    table: str
    row: str
    subject: str
    fields: Mapping[str, Field]
    key: str | None = None
    stay: str | None = None
    icu: str | None = None
    where: Mapping[str, tuple[str, ...] | Literal[True]] = field(default_factory=dict)
    normal: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    charged: str | None = None
    verbs: tuple[Verb, ...] = ()
    alone: tuple[Verb, ...] = ()

    @property
    def time(self) -> Field | None:
        """When the record happened or began."""
        return self.fields.get("time")

    @property
    def end(self) -> Field | None:
        """When it ended."""
        return self.fields.get("end")

    @property
    def value(self) -> Field | None:
        """Its number."""
        return self.fields.get("value")


@dataclass(frozen=True, slots=True)
class People:
    """The kind that has a row for each patient, and which of its fields are sex, birth and death."""

    kind: str
    sex: str | None = None
    birth: str | None = None
    death: str | None = None


@dataclass(frozen=True, slots=True)
class AgeField:
    """Where the age of a patient stands: a field of the kind of hospital stays."""

    kind: str
    field: str


@dataclass(frozen=True, slots=True)
class Charges:
    """The table of charges: amount, time, hospital stay, and the record that is charged, by type and row."""

    table: str
    amount: str
    time: str
    stay: str
    record: str
    type: str


@dataclass(frozen=True, slots=True)
class Conventions:
    """How a collection of questions means what it says; the defaults are the plain meaning.

    months: a month after 31 January is 28 February (clip) or 3 March (overflow).
    existence: whether "is there ... in the first record" looks at the one record, or at any of them.
    periods: whether a number per day, month or year comes with the period (shown) or alone (hidden).
    """

    months: Literal["clip", "overflow"] = "clip"
    existence: Literal["picked", "any"] = "picked"
    periods: Literal["shown", "hidden"] = "shown"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """A schema for questions about records; `clock` is the present of its data."""

    name: str
    clock: datetime
    kinds: Mapping[str, Kind]
    people: People
    age: AgeField | None = None
    charges: Charges | None = None
    conventions: Conventions = Conventions()

    def kind(self, name: str) -> Kind:
        """Return a kind of records; raises QuestionError for one that the catalogue does not describe."""
        if name not in self.kinds:
            known = ", ".join(self.kinds)
            raise QuestionError(f"catalogue {self.name} has no records of kind {name!r}; it has {known}")
        return self.kinds[name]

    def field(self, kind: str, name: str) -> Field:
        """Return a field of a kind; raises QuestionError where the kind or the field is not described."""
        fields = self.kind(kind).fields
        if name not in fields:
            known = ", ".join(fields)
            raise QuestionError(
                f"catalogue {self.name}: records of kind {kind!r} have no {name!r}; they have {known}"
            )
        return fields[name]

    def tables(self) -> Mapping[str, frozenset[str]]:
        """Return the columns that queries can name, by table."""
        found: dict[str, set[str]] = {}
        for kind in self.kinds.values():
            columns = found.setdefault(kind.table, set())
            named = (kind.row, kind.subject, kind.key, kind.stay, kind.icu, *kind.where)
            columns.update(column for column in named if column and column != BY_TIME)
            for one in kind.fields.values():
                columns.add(one.column)
                if one.lookup:
                    lookup = found.setdefault(one.lookup.table, set())
                    lookup.update((one.lookup.key, one.lookup.label, *one.lookup.where))
        if self.charges:
            charged = self.charges
            columns = found.setdefault(charged.table, set())
            columns.update((charged.amount, charged.time, charged.stay, charged.record, charged.type))
        return {table: frozenset(columns) for table, columns in found.items()}
