"""What was known of each row at its time: one column for each variable.

Only the past counts: events at or before the time of the row, and facts without a time. What was never recorded
before is missing for a measurement, and "no" for a diagnosis or a drug.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

import duckdb
import polars as pl

from ehr.events import HEADS, head_of
from ehr.hierarchy import ancestors, concept_of
from ehr.units import unit_in_code
from sql.cohort.records import CODE_FILE, Records

Kind = Literal["number", "category", "flag"]

TOP: Final = 10
"""How many diagnoses, measurements and drugs are described: those that most rows have."""

_ICD_CATEGORY: Final = 3
_ADMISSION: Final = "regexp_matches(code, '^(HOSPITAL_ADMISSION|ENCOUNTER_START//(IMP|ACUTE|NONAC))(//|$)')"


@dataclass(frozen=True, slots=True)
class Variable:
    """Something that each row has: `column` is where, `name` what a person reads."""

    column: str
    name: str
    section: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Characteristics:
    """One row per row of a cohort: subject_id, prediction_time, maybe label, and a column per variable."""

    rows: pl.DataFrame
    variables: tuple[Variable, ...]

    def with_column(self, column: pl.Expr | pl.Series) -> "Characteristics":
        """Return the same with a further column of the rows."""
        return Characteristics(self.rows.with_columns(column), self.variables)


def characteristics(records: Records, rows: pl.DataFrame, *, top: int = TOP) -> Characteristics:
    """Describe `rows` (subject_id, prediction_time, maybe label) from `records`.

    The variables are age in completed years, sex, length of the record and number of events before, admissions to
    hospital before, and the `top` most frequent diagnoses (by ICD category where the code has one), measurements
    (last value) and drugs.
    """
    con = records.con
    numbered = rows.with_row_index("row").with_columns(pl.col("row").cast(pl.Int64))
    con.register("described", numbered.select("row", "subject_id", "prediction_time").to_arrow())
    con.execute(_PAST)
    try:
        people = con.sql(_people(records)).pl()
        past = con.sql(f"SELECT row, {_HISTORY} FROM past GROUP BY row").pl()
        tops = list(_top_variables(con, _descriptions(con), rows.height, top))
    finally:
        con.execute("DROP TABLE IF EXISTS past")
        con.unregister("described")
    table = numbered.join(people, on="row", how="left", maintain_order="left")
    table = table.join(past, on="row", how="left", maintain_order="left")
    table = table.with_columns(pl.col("events", "admissions").fill_null(0))
    found = [*_BASIC]
    for variable, values in tops:
        table = table.join(values, on="row", how="left", maintain_order="left")
        if variable.kind == "flag":
            table = table.with_columns(pl.col(variable.column).fill_null(value=False))
        found.append(variable)
    if "label" in table.columns:
        found.append(Variable("label", "label", "outcome", "flag"))
    return Characteristics(table.drop("row"), tuple(found))


_BASIC: Final = (
    Variable("age", "age, years", "people", "number"),
    Variable("sex", "sex", "people", "category"),
    Variable("history_days", "length of the record, days", "record before", "number"),
    Variable("events", "events", "record before", "number"),
    Variable("admissions", "admissions to hospital", "record before", "number"),
)

_PAST: Final = f"""
CREATE OR REPLACE TEMP TABLE past AS
SELECT row, code, count(*) AS n, {_ADMISSION} AS is_admission,
       min("time") FILTER (code <> 'MEDS_BIRTH') AS first_time, any_value(prediction_time) AS prediction_time,
       max("time") FILTER (isfinite(numeric_value)) AS last_time,
       arg_max(numeric_value, row("time", numeric_value)) FILTER (isfinite(numeric_value)) AS last_value
FROM described JOIN event USING (subject_id)
WHERE "time" <= prediction_time OR "time" IS NULL
GROUP BY row, code
"""

_HISTORY: Final = """
    epoch(any_value(prediction_time) - min(first_time)) / 86400 AS history_days,
    coalesce(sum(n), 0)::BIGINT AS events,
    coalesce(sum(n) FILTER (is_admission), 0)::BIGINT AS admissions
"""


def _people(records: Records) -> str:
    return f"""
        SELECT row, date_sub('year', birth_time, prediction_time) AS age, sex
        FROM described LEFT JOIN ({records.people.sql("duckdb")}) USING (subject_id)
    """


def _top_variables(
    con: duckdb.DuckDBPyConnection, descriptions: dict[str, str], n_rows: int, top: int
) -> Iterable[tuple[Variable, pl.DataFrame]]:
    """Yield the most frequent variables of each section, each with its values (row, column)."""
    grouped = pl.DataFrame(
        list(_groups(con, descriptions)), schema=("code", "section", "name"), orient="row", schema_overrides=_TEXTS
    )
    con.register("grouped", grouped.to_arrow())
    counted = con.sql(
        """
        SELECT section, name, mode(code ORDER BY code) AS code, count(DISTINCT row) AS rows
        FROM past JOIN grouped USING (code)
        WHERE section <> 'measurements' OR last_value IS NOT NULL
        GROUP BY section, name ORDER BY section, rows DESC, name
        """
    ).fetchall()
    con.unregister("grouped")
    for section in _SECTIONS:
        chosen = [(name, code) for found, name, code, _rows in counted if found == section][:top]
        for number, (name, code) in enumerate(chosen):
            codes = grouped.filter(section=section, name=name)["code"].to_list()
            column = f"{section} {number + 1}"
            is_number = section == "measurements"
            value = "arg_max(last_value, row(last_time, code))" if is_number else "true"
            values = con.sql(
                f'SELECT row, {value} AS "{column}" FROM past WHERE code IN (SELECT unnest($codes)) GROUP BY row',
                params={"codes": codes},
            ).pl()
            shown = f"{name} ({descriptions[code]})" if _is_category(name) and code in descriptions else name
            yield Variable(column, shown, section, "number" if is_number else "flag"), values


_SECTIONS: Final = ("diagnoses before", "measurements", "drugs before")
_SECTION_OF: Final = {"condition": _SECTIONS[0], "observation": _SECTIONS[1], "medication": _SECTIONS[2]}
_TEXTS: Final = {"code": pl.String, "section": pl.String, "name": pl.String}


def _groups(con: duckdb.DuckDBPyConnection, descriptions: dict[str, str]) -> Iterable[tuple[str, str, str]]:
    """Yield each code of the past with the section that it belongs to and the name under which it is described."""
    for (code,) in con.execute("SELECT DISTINCT code FROM past").fetchall():
        head = HEADS.get(head_of(code))
        section = _SECTION_OF.get(head.kind) if head else None
        if section == _SECTIONS[0]:
            yield code, section, _category(code) or descriptions.get(code) or code
        elif section is not None:
            unit = unit_in_code(code)
            description = descriptions.get(code)
            yield code, section, (f"{description}, {unit}" if unit else description) if description else code


def _category(code: str) -> str | None:
    """Return the ICD category of a diagnosis, such as ICD10//I50, or None without one."""
    concept = concept_of(code)
    return next((one for one in (concept, *ancestors(concept)) if _is_category(one)), None) if concept else None


def _is_category(concept: str) -> bool:
    system, _, short = concept.rpartition("//")
    return system in {"ICD10", "ICD9"} and len(short) == _ICD_CATEGORY


def _descriptions(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Return the descriptions of codes that a store, or the metadata of a MEDS data set, has."""
    known = {str(row[0]) for row in con.execute("SELECT table_name FROM information_schema.tables").fetchall()}
    table = next((name for name in ("code", CODE_FILE) if name in known), None)
    if table is None:
        return {}
    return dict(con.execute(f"SELECT code, description FROM {table} WHERE description IS NOT NULL").fetchall())
