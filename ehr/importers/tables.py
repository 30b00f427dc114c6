"""How a table of a source becomes events: a TableSpec says it, and compiles to SQL of DuckDB.

    TableSpec(
        name="hosp/labevents",
        columns=(integer("subject_id", required=True), time("charttime", required=True), number("valuenum"), ...),
        events=(Events(code=("LAB", "$itemid", "$valueuom"), time="charttime", value="valuenum"),),
    )

Every cell of a file is read as text (ehr.importers.csv_source). `typed_select` reads each cell as what its column
says, NULL where it is not that, and marks every row with the checks that it fails: one bit of `problems` for each.
Cells that are required, and checks that refuse, refuse the row; checks that skip leave it out on purpose; the others
give a notice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

from ehr.events import UNKNOWN
from ehr.reasons import Reason
from ehr.refresh import ORDER

Kind = Literal["text", "integer", "number", "time", "minutes"]

NOUNS: Final[dict[Kind, str]] = {
    "text": "a text",
    "integer": "an integer",
    "number": "a number",
    "time": "a time",
    "minutes": "a number of minutes",
}
TIME_FORMATS: Final = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d %H:%M:%S.%f",
)
FIRST_TIME: Final = "1800-01-01"
MOST_MINUTES: Final = 10 * 365 * 24 * 60
"""Minutes before or after the event that times are told from, beyond which a cell is no time: ten years."""

PERSON: Final = "subject_id"
"""The column that says whose row it is: its absence has a reason of its own."""

PERSONS: Final = (PERSON, "person_id")
"""What sources call that column: MIMIC-IV and MEDS, OMOP."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column that is used: a cell that is not of its kind becomes NULL; a required one then refuses the row.

    `quiet` leaves out the notice where other text is normal, as in a dose such as 12.5-25. `keep` keeps the text of
    a cell that is not of its kind in a column of its own, NAME_text. `dated` gives a time the further column
    NAME_precision: 'day' where the cell has no clock time, else NULL.
    """

    name: str
    kind: Kind = "text"
    required: bool = False
    quiet: bool = False
    keep: bool = False
    dated: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of typed rows that it becomes."""
        kept = (f"{self.name}_text",) if self.keep else ()
        return (self.name, *kept, *((f"{self.name}_precision",) if self.dated else ()))


def text(name: str, *, required: bool = False) -> Column:
    """Return a column of text."""
    return Column(name, "text", required)


def integer(name: str, *, required: bool = False) -> Column:
    """Return a column of whole numbers: identifiers and the like; 8.0 is one, 8.5 and 8e7 are none."""
    return Column(name, "integer", required)


def number(name: str, *, required: bool = False, quiet: bool = False) -> Column:
    """Return a column of finite numbers; the text of other cells is kept in NAME_text."""
    return Column(name, "number", required, quiet, keep=True)


def time(name: str, *, required: bool = False, keep: bool = False, dated: bool = False) -> Column:
    """Return a column of times, as in TIME_FORMATS, not before the year 1800."""
    return Column(name, "time", required, keep=keep, dated=dated)


def minutes(name: str, *, required: bool = False) -> Column:
    """Return a column of times told as whole minutes from another event, by which they lie within ten years."""
    return Column(name, "minutes", required)


@dataclass(frozen=True, slots=True)
class Events:
    """One kind of event that each row of a table gives; all but `code` are SQL over the columns of the table.

    A part of `code` is a word, `$column`, or `=SQL` of a text; an empty one gives UNK. A row gives no event where
    `time` is NULL, unless the event is static, or where `when` is not true. Equal events are given `once` where that
    is set. `precision` is that of the time, `codings` the list of all codes. `stay` and `record` take the place of
    those of the table.
    """

    code: tuple[str, ...]
    time: str
    value: str = "NULL"
    text: str = "NULL"
    unit: str = "NULL"
    end: str = "NULL"
    status: str = "NULL"
    when: str | None = None
    once: bool = False
    is_static: bool = False
    precision: str = "NULL"
    codings: str = "NULL"
    stay: str | None = None
    record: str | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """Something wrong with a row: SQL that is true then, and the reason; `cell` is the column to show.

    A row that fails it is refused where it `refuses`, left out on purpose where it `skips`, and taken with a notice
    otherwise. `missing` is the kind of reason where the cell is empty, `code` where it is not what it should be.
    """

    condition: str
    reason: str
    refuses: bool = False
    cell: str | None = None
    code: Reason = Reason.BAD_CELL
    missing: Reason | None = None
    skips: bool = False


def ends_before(end: str, start: str) -> Check:
    """Return the check that an interval does not run backwards; `end_of` leaves out such an end."""
    reason = f"{end} is before {start}: end left NULL"
    return Check(f"{end} < {start}", reason, cell=end, code=Reason.IMPLAUSIBLE)


def end_of(end: str, start: str) -> str:
    """Return the SQL of the end of an interval, NULL where it lies before the start."""
    return f"CASE WHEN {end} < {start} THEN NULL ELSE {end} END"


@dataclass(frozen=True)
class TableSpec:
    """How the rows of one table become events.

    `ignored` are further columns that the source is known to have. `key` names a row: an exact repeat is skipped,
    and a row with the same key and other cells is refused. `record` is the SQL of event.record_id (see `record_of`):
    a later file that has other cells for a record takes its place (ehr.importers.renewing). `stay` is the SQL of
    event.encounter_id, and `stays` are the columns that must name stays of the same patient. `join` brings columns
    from tables that were read before. `encounters` and `subjects` are SELECTs for these stages with {rows} for the
    accepted rows.
    """

    name: str
    columns: tuple[Column, ...]
    events: tuple[Events, ...] = ()
    ignored: str = ""
    key: tuple[str, ...] = ()
    stay: str = "NULL"
    stays: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    join: str = ""
    joined: tuple[str, ...] = ()
    encounters: tuple[str, ...] = ()
    subjects: str | None = None
    record: str = "NULL"

    @property
    def stem(self) -> str:
        """The name without its folder."""
        return self.name.rpartition("/")[2]

    @property
    def required(self) -> tuple[str, ...]:
        """Columns that a file must have."""
        return tuple(column.name for column in self.columns if column.required)

    @cached_property
    def all_checks(self) -> tuple[Check, ...]:
        """The checks of the cells, those of the table, and that a row gives an event at all."""
        coded = {part for event in self.events for part in event.code}
        cells = tuple(
            _cell_check(column, is_coded=f"${column.name}" in coded, is_key=column.name in self.key)
            for column in self.columns
            if column.kind != "text" or column.required
        )
        return (*cells, *self.checks, *self._event_check())

    @property
    def refusing(self) -> int:
        """The bits of `problems` that refuse a row."""
        return sum(1 << i for i, check in enumerate(self.all_checks) if check.refuses)

    @property
    def skipping(self) -> int:
        """The bits of `problems` that leave a row out on purpose."""
        return sum(1 << i for i, check in enumerate(self.all_checks) if check.skips)

    @property
    def identifiers(self) -> tuple[str, ...]:
        """The columns by which a row is found again: its key, else its patient, else its first column."""
        names = [column.name for column in self.columns]
        return self.key or ((PERSON,) if PERSON in names else tuple(names[:1]))

    def _event_check(self) -> tuple[Check, ...]:
        """Return the checks that a row gives an event, where its required columns do not see to that already.

        A row without a time is refused; one that has a time but nothing to tell is left out.
        """
        times = {event.time for event in self.events if event.when is None}
        if not self.events or times & set(self.required) or any(event.is_static for event in self.events):
            return ()
        refused = [f"{name} IS NULL" for name in self.required] + [c.condition for c in self.checks if c.refuses]
        only = f"NOT coalesce({_any(refused)}, false)"
        timed = f"coalesce({_any([f'{event.time} IS NOT NULL' for event in self.events])}, false)"
        given = f"coalesce({_any([_is_there(event) for event in self.events])}, false)"
        timeless = Check(f"NOT {timed} AND {only}", "no usable time, so no event", refuses=True, code=Reason.NO_TIME)
        return (timeless, Check(f"{timed} AND NOT {given} AND {only}", "nothing to tell", skips=True))


def typed_select(spec: TableSpec, source: str) -> str:
    """Return the SELECT that reads the cells of `source`, which are text, as what they are, with `problems`."""
    cells = [part for column in spec.columns for part in _cell(column)]
    names = [name for column in spec.columns for name in column.names]
    bits = " | ".join(
        f"CASE WHEN {check.condition} THEN {1 << i} ELSE 0 END::BIGINT" for i, check in enumerate(spec.all_checks)
    )
    columns = ", ".join(("row", *names, *spec.joined))
    text = f"SELECT row, {', '.join(cells)} FROM ({source})"
    return f"SELECT {columns}, {bits or '0'} AS problems FROM ({text}) {spec.join}"


def events_select(spec: TableSpec, rows: str) -> str:
    """Return the SELECT of the events that the accepted `rows` give."""
    return " UNION ALL ".join(_events(spec, event, rows, place) for place, event in enumerate(spec.events))


def reason_sql(check: Check, bit: int) -> str:
    """Return the SQL of the reason of a check, NULL where the row passes it; cells are text."""
    reason = f"'{check.reason}'"
    if check.refuses and check.cell:
        reason = f"CASE WHEN {check.cell} IS NULL THEN '{check.cell} is missing' ELSE '{check.reason}' END"
    return f"CASE WHEN problems & {bit} <> 0 THEN {reason} END"


def code_sql(check: Check, bit: int) -> str:
    """Return the SQL of the kind of reason (ehr.reasons) of a check, NULL where the row passes it; cells are text."""
    code = f"'{check.code}'"
    if check.missing and check.cell:
        code = f"CASE WHEN {check.cell} IS NULL THEN '{check.missing}' ELSE '{check.code}' END"
    return f"CASE WHEN problems & {bit} <> 0 THEN {code} END"


def record_of(table: str, *parts: str) -> str:
    """Return the SQL of a record_id: the table, then the columns that name its row; NULL where the first is.

    >>> record_of("admissions", "hadm_id")
    "'admissions/' || hadm_id"
    >>> record_of("diagnoses_icd", "hadm_id", "seq_num")
    "'diagnoses_icd/' || hadm_id || '/' || coalesce(seq_num::VARCHAR, 'UNK')"
    """
    first, *rest = parts
    return " || '/' || ".join(
        (f"'{table}/' || {first}", *(f"coalesce({part}::VARCHAR, '{UNKNOWN}')" for part in rest))
    )


def _cell_check(column: Column, *, is_coded: bool, is_key: bool) -> Check:
    reason = f"{column.name} is not {NOUNS[column.kind]}"
    bad, missing = _kinds_of_reason(column, is_coded=is_coded, is_key=is_key)
    if column.required:
        return Check(f"{column.name} IS NULL", reason, refuses=True, cell=column.name, code=bad, missing=missing)
    consequence = "value left NULL, text kept" if column.kind == "number" else "left NULL"
    is_bad = f"{column.name} IS NULL AND {_raw(column.name)} IS NOT NULL"
    return Check("false" if column.quiet else is_bad, f"{reason}: {consequence}", cell=column.name, code=bad)


def _kinds_of_reason(column: Column, *, is_coded: bool, is_key: bool) -> tuple[Reason, Reason]:
    """Return the kinds of reason for a cell that is not what its column holds, and for one that is missing."""
    if column.name in PERSONS:
        return Reason.BAD_ID, Reason.NO_SUBJECT
    if is_key:
        return Reason.BAD_ID, Reason.BAD_ID
    if column.kind in ("time", "minutes"):
        return Reason.BAD_TIME, Reason.NO_TIME
    if column.kind == "number":
        return Reason.BAD_NUMBER, Reason.BAD_NUMBER
    return Reason.BAD_CELL, Reason.NO_CODE if is_coded else Reason.BAD_CELL


def _cell(column: Column) -> list[str]:
    """Return the SQL of a cell as its kind, and of its text."""
    raw = column.name
    if column.kind == "text":
        return [f"{raw} AS {raw}"]
    parsed = _PARSERS[column.kind].format(cell=raw)
    kept = [f"{raw} AS {_raw(raw)}", f"{parsed} AS {raw}"]
    if column.keep:
        kept.append(f"CASE WHEN {parsed} IS NULL THEN {raw} END AS {raw}_text")
    if column.dated:
        kept.append(f"CASE WHEN length(trim({raw})) <= {len('2150-02-01')} THEN 'day' END AS {raw}_precision")
    return kept


_FORMAT_LIST: Final = "[" + ", ".join(f"'{form}'" for form in TIME_FORMATS) + "]"
# Casts round 8.7 and read 0x10 and 8e7: a whole number is taken as written, or with zeros after its point.
_WHOLE: Final = (
    "CASE WHEN try_cast({cell} AS BIGINT)::VARCHAR = {cell} THEN try_cast({cell} AS BIGINT) "
    "WHEN regexp_full_match({cell}, '[ ]*[+-]?[0-9]+([.]0*)?[ ]*') THEN try_cast({cell} AS BIGINT) END"
)
_PARSERS: Final[dict[Kind, str]] = {
    "integer": _WHOLE,
    "minutes": f"CASE WHEN {_WHOLE} BETWEEN -{MOST_MINUTES} AND {MOST_MINUTES} THEN {_WHOLE} END",
    "number": "CASE WHEN isfinite(try_cast({cell} AS FLOAT)) THEN try_cast({cell} AS FLOAT) END",
    # strptime reads words such as infinity as 1900-01-01: a time begins with a digit.
    "time": (
        f"CASE WHEN ascii({{cell}}) BETWEEN 48 AND 57 AND try_strptime({{cell}}, {_FORMAT_LIST}) >= "
        f"TIMESTAMP '{FIRST_TIME}' THEN try_strptime({{cell}}, {_FORMAT_LIST}) END"
    ),
}


_TYPES: Final = {
    "numeric_value": "FLOAT",
    '"time"': "TIMESTAMP",
    "end_time": "TIMESTAMP",
    "encounter_id": "BIGINT",
    "codings": "VARCHAR[]",
}
"""Columns of an event that are no text."""


def _raw(name: str) -> str:
    return f"{name}__raw"


def _any(conditions: Sequence[str]) -> str:
    return " OR ".join(f"({condition})" for condition in conditions) or "false"


def _is_there(event: Events) -> str:
    return f"{event.time} IS NOT NULL" + (f" AND {event.when}" if event.when else "")


def _events(spec: TableSpec, event: Events, rows: str, place: int) -> str:
    """Return the SELECT of one kind of event; `event_order` follows the rows, then the kinds of a row."""
    kinds = {column.name: column.kind for column in spec.columns}
    columns = {
        "subject_id": "subject_id",
        '"time"': "NULL" if event.is_static else event.time,
        "code": _code(event.code, kinds),
        "numeric_value": event.value,
        "text_value": event.text,
        "unit": event.unit,
        "encounter_id": event.stay or spec.stay,
        "end_time": event.end,
        "status": event.status,
        "record_id": event.record or spec.record,
        "time_precision": event.precision,
        "codings": event.codings,
    }
    listed = ", ".join(
        f"({sql})::{_TYPES.get(name, 'VARCHAR')} AS {name}" if sql == "NULL" else f"{sql} AS {name}"
        for name, sql in columns.items()
    )
    where = event.when or "true" if event.is_static else _is_there(event)
    order = f"{'min(row)' if event.once else 'row'} * {len(spec.events)} + {place} AS {ORDER}"
    return f"SELECT {listed}, {order} FROM {rows} WHERE {where}{' GROUP BY ALL' if event.once else ''}"


def _code(parts: tuple[str, ...], kinds: dict[str, Kind]) -> str:
    """Return the SQL of a code: words as they are, columns and SQL with UNK where empty and // as /."""
    listed = []
    for part in parts:
        if part[0] not in "$=":
            listed.append(f"'{part}'")
        elif part[0] == "=" or kinds.get(part[1:], "text") == "text":
            listed.append(f"coalesce(replace({part[1:]}, '//', '/'), '{UNKNOWN}')")
        else:
            listed.append(f"coalesce({part[1:]}::VARCHAR, '{UNKNOWN}')")
    return f"concat_ws('//', {', '.join(listed)})" if len(listed) > 1 else listed[0]
