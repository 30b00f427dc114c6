"""How a clinical table of OMOP becomes events.

    Clinical(name, head, prefix, start, ...)  --table_of-->  Table, with the SQL of the events of its accepted rows

All these tables name a concept, have a date with or without a time, a person, a visit and a key; they differ in what
they measure. Which there are says ehr.importers.omop_clinical.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from ehr.events import UNKNOWN
from ehr.importers.omop_concepts import any_key, joined
from ehr.importers.tables import Check, Column, TableSpec, integer, record_of, text, time
from ehr.reasons import Reason
from ehr.refresh import ORDER

PERSON_ID: Final = integer("person_id", required=True)

STAY_COLUMNS: Final = (integer("visit_occurrence_id"), integer("visit_detail_id"))

DETAILS: Final = "omop_detail"
"""Temporary table (visit_detail_id, encounter_id, subject_id) of the stays that visit_detail_id stands for."""

VISITS: Final = "omop_visit"
"""Temporary table (encounter_id, subject_id, class, start_time, end_time) of the visits."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Two columns that tell one time: the date, and the date with a clock time, which may be missing.

    A clock time of midnight is none: the CDM writes it where the source has only a date.
    """

    date: str
    datetime: str

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of the table."""
        return (time(self.date), time(self.datetime))

    @property
    def start(self) -> str:
        """The SQL of the time, the start of the day where there is only a date."""
        return f"coalesce({self.datetime}, {self.date})"

    @property
    def precision(self) -> str:
        """The SQL of event.time_precision."""
        return f"CASE WHEN {self.start} = date_trunc('day', {self.start}) THEN 'day' END"

    @property
    def needed(self) -> Check:
        """The check that there is a time."""
        return Check(
            f"{self.start} IS NULL",
            f"{self.date} is not a time",
            refuses=True,
            cell=self.date,
            code=Reason.BAD_TIME,
            missing=Reason.NO_TIME,
        )

    @property
    def one_day(self) -> Check:
        """The check that both columns tell the same day."""
        return Check(
            f"{self.datetime}::DATE <> {self.date}::DATE",
            f"{self.datetime} is on another day than {self.date}: the former counts",
            cell=self.datetime,
            code=Reason.IMPLAUSIBLE,
        )

    def end(self, start: "Moment") -> str:
        """The SQL of the time as the end of what began at `start`, NULL where it lies before that.

        A mere date is its first moment, so that stays have the length in days that they had; where something began
        later on that same day, it is the last second.
        """
        return (
            f"CASE WHEN {self.start} >= {start.start} THEN {self.start} "
            f"WHEN {self._is_same_day(start)} THEN {last_second(self.start)} END"
        )

    def before(self, start: "Moment") -> Check:
        """The check that this end does not come before its start."""
        reason = f"{self.date} is before {start.date}: end left NULL"
        condition = f"{self.start} < {start.start} AND NOT ({self._is_same_day(start)})"
        return Check(condition, reason, cell=self.date, code=Reason.IMPLAUSIBLE)

    def _is_same_day(self, start: "Moment") -> str:
        return f"{self.start} = date_trunc('day', {start.start})"


def last_second(time: str) -> str:
    """Return the SQL of the last second of the day that begins at `time`."""
    return f"{time} + INTERVAL '86399 seconds'"


@dataclass(frozen=True)
class Table:
    """What is read of a table: its cells, and SQL made from the name of its accepted rows.

    `concepts` are its columns that name concepts, `kinds` how many events a row may give; `encounters` and `subjects`
    give rows of these stages.
    """

    spec: TableSpec
    concepts: tuple[str, ...]
    events: Callable[[str], str]
    kinds: int = 1
    encounters: Callable[[str], str] | None = None
    subjects: Callable[[str], str] | None = None


@dataclass(frozen=True)
class Clinical:
    """A table of events. `head` and what follows `lookups` are SQL over its columns.

    `prefix` is that of its concept columns: condition for condition_concept_id. `lookups` name further columns of
    concepts, by which the SQL can use NAME_key, NAME_name and NAME_unit (see ehr.importers.omop_concepts.joined).
    `known_at` is a time, or NULL, before which the event was not known, and its precision.
    """

    name: str
    head: str
    prefix: str
    start: Moment
    end: Moment | None = None
    further: tuple[Column, ...] = ()
    ignored: str = ""
    lookups: dict[str, str] = field(default_factory=dict)
    number: str = "NULL::FLOAT"
    text: str = "NULL::VARCHAR"
    answer: str = "NULL::VARCHAR"
    unit: str = "NULL::VARCHAR"
    has_unit_in_code: bool = False
    status: str = "NULL::VARCHAR"
    known_at: tuple[str, str] = ("NULL::TIMESTAMP", "NULL")
    has_source_concept: bool = True
    has_stay: bool = True

    @property
    def key(self) -> str:
        """The column that names a row."""
        return f"{self.name}_id"

    @property
    def concepts(self) -> dict[str, str]:
        """Name -> column of all its concepts; main and source are those of its code."""
        source = {"source": f"{self.prefix}_source_concept_id"} if self.has_source_concept else {}
        return {"main": f"{self.prefix}_concept_id", **source, **self.lookups}

    @property
    def spec(self) -> TableSpec:
        """Its columns and checks."""
        moments = (self.start, *((self.end,) if self.end else ()))
        value = f"{self.prefix}_source_value"
        named_by = [column for name, column in self.concepts.items() if name in ("main", "source")]
        checks = [self.start.needed, *(moment.one_day for moment in moments)]
        if self.end:
            checks.append(self.end.before(self.start))
        is_nameless = " AND ".join((*(f"coalesce({column}, 0) = 0" for column in named_by), f"{value} IS NULL"))
        nameless = f"neither {named_by[0]} nor {value}"
        checks.append(Check(is_nameless, nameless, refuses=True, code=Reason.NO_CODE))
        return TableSpec(
            name=self.name,
            columns=(
                integer(self.key, required=True),
                PERSON_ID,
                *(integer(column) for column in named_by),
                text(value),
                *(column for moment in moments for column in moment.columns),
                *(STAY_COLUMNS if self.has_stay else ()),
                *self.further,
            ),
            ignored=f"provider_id {self.ignored}",
            key=(self.key,),
            checks=tuple(checks),
            record=record_of(self.name, self.key),
        )


def events_select(table: Clinical, rows: str) -> str:
    """Return the SELECT of the events that the accepted `rows` of a table give."""
    first, further = _codes(table)
    unit = f"coalesce('//' || replace({table.unit}, '//', '/'), '')" if table.has_unit_in_code else "''"
    start, end, (late, late_precision) = table.start.start, "NULL::TIMESTAMP", table.known_at
    if table.end:
        end = table.end.end(table.start)
    stay = "coalesce(detail_stay, nullif(visit_occurrence_id, 0))" if table.has_stay else "NULL::BIGINT"
    return f"""
        SELECT person_id AS subject_id, "time", {table.head} || '//' || first || unit_part AS code,
               numeric_value, text_value, value_code, unit, encounter_id, end_time, status, record_id,
               CASE WHEN further <> first
                    THEN [{table.head} || '//' || first || unit_part, {table.head} || '//' || further || unit_part]
                    END AS codings,
               time_precision, row AS {ORDER}
        FROM (
            SELECT *, {first} AS first, {further} AS further, {unit} AS unit_part,
                   greatest({start}, {late}) AS "time", {end} AS end_time,
                   if({late} > {start}, {late_precision}, {table.start.precision}) AS time_precision,
                   {table.number} AS numeric_value, {table.text} AS text_value, {table.answer} AS value_code,
                   {table.unit} AS unit, {table.status} AS status, {table.spec.record} AS record_id,
                   {stay} AS encounter_id
            FROM ({_joined(table, rows)})
        )
    """


def table_of(table: Clinical) -> Table:
    """Return what is read of a clinical table."""
    return Table(table.spec, tuple(table.concepts.values()), partial(events_select, table))


def _codes(table: Clinical) -> tuple[str, str]:
    """Return the SQL of the concept that names the event, and of the other one.

    The standard concept names it. Where only the concept of the source is known, that one does, and the standard one
    stands beside it by its number. Without any it is the value of the source.
    """
    columns = table.concepts
    main = any_key("main", columns["main"])
    named = f"'{UNKNOWN}//' || replace({table.prefix}_source_value, '//', '/')"
    if "source" not in columns:
        return f"coalesce({main}, {named})", "NULL::VARCHAR"
    source = any_key("source", columns["source"])
    is_source = "main_key IS NULL AND source_key IS NOT NULL"
    return f"if({is_source}, source_key, coalesce({main}, {source}, {named}))", f"if({is_source}, {main}, {source})"


def _joined(table: Clinical, rows: str) -> str:
    if not table.has_stay:
        return joined(rows, table.concepts)
    stays = f"""
        LEFT JOIN {DETAILS} AS detail ON detail.visit_detail_id = rows.visit_detail_id
        LEFT JOIN {VISITS} AS visit ON visit.encounter_id = rows.visit_occurrence_id
    """
    return joined(rows, table.concepts, stays, "detail.encounter_id AS detail_stay, visit.end_time AS visit_end")
