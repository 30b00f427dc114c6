"""Patients and stays of eICU-CRD, and the calendar on which they are placed.

eICU-CRD tells no dates: a time is a number of minutes from the admission to the unit, and of a hospital stay only the
year of its discharge and the clock times are known. `make_calendar` gives every stay a place; docs/eicu.md says which
of the times that follow are real (those of one hospital stay among each other, and the time of day) and which are not
(days, and the gaps between the hospital stays of a patient).
"""

from pathlib import Path
from typing import Final
from uuid import uuid4

import duckdb

from ehr.events import BIRTH, DEATH
from ehr.importers.reading import prepare, read_unjudged
from ehr.importers.tables import Check, Events, TableSpec, integer, minutes, number, record_of, text
from ehr.reasons import Reason

CALENDAR: Final = "eicu_calendar"
"""Temporary table of the unit stays of patient.csv with their places on the calendar."""

STAYS: Final = "eicu_stay"
"""Temporary table of the unit stays in the store, for the tables that name them."""

UNIT_RECORD: Final = "patientunitstayid"
HOSPITAL_RECORD: Final = "patienthealthsystemstayid"

OLDEST: Final = 90
"""Age that stands for '> 89', as in published conversions."""


def at(offset: str) -> str:
    """Return the SQL of the time that a column of minutes from the admission to the unit tells."""
    return f"unit_start + to_minutes({offset})"


def _id(kind: str, column: str) -> str:
    """Return the SQL of stable_id(f"eICU/{kind}/{number}")."""
    return f"(md5_number_lower('eICU/{kind}/' || {column}) >> 1)::BIGINT"


_EXPIRED: Final = "lower(trim({})) = 'expired'"

_AGE: Final = f"CASE WHEN trim(age) LIKE '>%' THEN {OLDEST} ELSE try_cast(trim(age) AS INTEGER) END"

_FIELDS: Final = (
    integer("patientunitstayid", required=True),
    integer("patienthealthsystemstayid", required=True),
    text("uniquepid", required=True),
    text("gender"),
    text("age"),
    text("ethnicity"),
    integer("hospitalid"),
    integer("wardid"),
    number("admissionheight"),
    text("hospitaladmittime24"),
    minutes("hospitaladmitoffset"),
    text("hospitaladmitsource"),
    integer("hospitaldischargeyear", required=True),
    text("hospitaldischargetime24"),
    minutes("hospitaldischargeoffset"),
    text("hospitaldischargelocation"),
    text("hospitaldischargestatus"),
    text("unittype"),
    text("unitadmittime24"),
    text("unitadmitsource"),
    integer("unitvisitnumber"),
    text("unitstaytype"),
    number("admissionweight"),
    number("dischargeweight"),
    minutes("unitdischargeoffset"),
    text("unitdischargelocation"),
    text("unitdischargestatus"),
)

_PLACED: Final = (
    "subject_id",
    "hospital_id",
    "unit_id",
    "unit_start",
    "unit_end",
    "hospital_start",
    "hospital_end",
    "birth_time",
    "death_time",
    "is_first_visit",
    "is_first_stay",
    "is_expired",
    "is_deleted",
    "lives_on",
    "stored_start",
)
"""What the calendar says of a row of patient.csv."""

_UNPLACED: Final = TableSpec(name="patient_calendar", columns=_FIELDS)

_CLOCK_IS_OFF: Final = (
    "abs((date_diff('minute', unit_start::DATE + try_cast(unitadmittime24 AS TIME), unit_start) + 2160) "
    "% 1440 - 720) > 1"
)

PATIENT: Final = TableSpec(
    name="patient",
    columns=_FIELDS,
    ignored="apacheadmissiondx unitdischargetime24",
    key=("patientunitstayid",),
    record=record_of("patient", "patientunitstayid"),
    stay="hospital_id",
    join=f"LEFT JOIN (SELECT patientunitstayid, {', '.join(_PLACED)} FROM {CALENDAR}) USING (patientunitstayid)",
    joined=_PLACED,
    checks=(
        Check(
            "hospitaldischargeyear NOT BETWEEN 1900 AND 2200",
            "hospitaldischargeyear is no year",
            refuses=True,
            cell="hospitaldischargeyear",
            code=Reason.BAD_TIME,
        ),
        Check(
            "coalesce(hospitaldischargeoffset, unitdischargeoffset) IS NULL",
            "no offset of a discharge, from which the stay could be placed",
            refuses=True,
            cell="hospitaldischargeoffset",
            code=Reason.NO_TIME,
        ),
        Check("is_deleted", "the patient was deleted from this store", refuses=True, code=Reason.DELETED_SUBJECT),
        Check(
            "stored_start <> unit_start",
            "the stay has another place in the calendar of the store: import all of eICU-CRD into a new store",
            refuses=True,
            code=Reason.CONFLICT,
        ),
        Check(
            "hospitaldischargetime24 IS NULL OR try_cast(hospitaldischargetime24 AS TIME) IS NULL",
            "hospitaldischargetime24 is not a time of day: midnight is taken",
            cell="hospitaldischargetime24",
            code=Reason.BAD_TIME,
        ),
        Check(
            _CLOCK_IS_OFF,
            "unitadmittime24 is not what the offsets give: the offsets count",
            cell="unitadmittime24",
            code=Reason.IMPLAUSIBLE,
        ),
        Check(
            "unitdischargeoffset < 0",
            "unitdischargeoffset is before the admission: end left NULL",
            cell="unitdischargeoffset",
            code=Reason.IMPLAUSIBLE,
        ),
        Check(
            "hospitaladmitoffset > hospitaldischargeoffset",
            "hospitaladmitoffset is after hospitaldischargeoffset: end left NULL",
            cell="hospitaladmitoffset",
            code=Reason.IMPLAUSIBLE,
        ),
        Check(
            "lives_on",
            "Expired, yet the patient has a later stay: no death",
            cell="hospitaldischargestatus",
            code=Reason.IMPLAUSIBLE,
        ),
        Check(f"age IS NOT NULL AND ({_AGE}) IS NULL", "age is not a number of years: no birth", cell="age"),
    ),
    events=(
        Events(
            (
                "GENDER",
                "=CASE lower(gender) WHEN 'male' THEN 'M' WHEN 'female' THEN 'F' WHEN 'unknown' THEN 'UNK' "
                "ELSE upper(gender) END",
            ),
            "NULL",
            is_static=True,
            when="gender IS NOT NULL AND is_first_stay",
        ),
        Events((BIRTH,), "birth_time", precision="'year'", when="is_first_stay"),
        Events(("HOSPITAL_ADMISSION", "UNK", "$hospitaladmitsource"), "hospital_start", when="is_first_visit"),
        Events(("RACE", "$ethnicity"), "hospital_start", when="is_first_visit AND ethnicity IS NOT NULL"),
        Events(("ICU_ADMISSION", "$unittype"), "unit_start", end="unit_end", status="unitstaytype", stay="unit_id"),
        Events(
            ("TRANSFER_TO", "EICU", "=concat_ws(' ', 'hospital', hospitalid, 'ward', wardid)"),
            "unit_start",
            when="wardid IS NOT NULL",
            stay="unit_id",
        ),
        *(
            Events(
                ("OBSERVATION", "EICU", name, unit),
                time,
                value=name,
                unit=f"'{unit}'",
                when=f"{name} > 0",
                stay="unit_id",
            )
            for name, unit, time in (
                ("admissionheight", "cm", "unit_start"),
                ("admissionweight", "kg", "unit_start"),
                ("dischargeweight", "kg", "unit_end"),
            )
        ),
        Events(("ICU_DISCHARGE", "$unittype"), "unit_end", stay="unit_id"),
        Events((DEATH,), "death_time", when="is_first_stay"),
        Events(
            (
                "HOSPITAL_DISCHARGE",
                f"=CASE WHEN {_EXPIRED.format('hospitaldischargestatus')} THEN 'DIED' "
                "ELSE hospitaldischargelocation END",
            ),
            "hospital_end",
            when="is_first_visit",
        ),
    ),
    encounters=(
        f"""
        SELECT hospital_id AS encounter_id, subject_id, 'inpatient' AS class, hospital_start AS start_time,
               hospital_end AS end_time, hospitaladmitsource AS admit_source,
               CASE WHEN {_EXPIRED.format("hospitaldischargestatus")} THEN 'DIED' ELSE hospitaldischargelocation END
                   AS disposition,
               '{HOSPITAL_RECORD}/' || patienthealthsystemstayid AS record_id
        FROM {{rows}} WHERE is_first_visit
        """,
        f"""
        SELECT unit_id AS encounter_id, hospital_id AS parent_id, subject_id, 'icu' AS class, unittype AS type,
               unit_start AS start_time, unit_end AS end_time, unitadmitsource AS admit_source,
               CASE WHEN {_EXPIRED.format("unitdischargestatus")} THEN 'DIED' ELSE unitdischargelocation END
                   AS disposition,
               '{UNIT_RECORD}/' || patientunitstayid AS record_id
        FROM {{rows}}
        """,
    ),
    subjects="SELECT subject_id, ['eicu|' || uniquepid] AS identifiers, is_expired AS deceased FROM {rows}",
)


def make_calendar(con: duckdb.DuckDBPyConnection, patients: Path | None) -> None:
    """Place the stays in patient.csv on a calendar; without that file the table is there and empty."""
    staging = f"calendar_{uuid4().hex}"
    con.execute(f"ATTACH ':memory:' AS {staging}")
    rows = None
    if patients:
        rows = read_unjudged(con, prepare(con, staging, patients, _UNPLACED, lambda _: False), _UNPLACED)
    if rows is None:
        rows = f"{staging}.nobody"
        columns = ", ".join(f"NULL::{_TYPES.get(field.kind, 'VARCHAR')} AS {field.name}" for field in _FIELDS)
        con.execute(f"CREATE TABLE {rows} AS SELECT 0 AS row, {columns} LIMIT 0")
    remember_stays(con)
    con.execute(f"CREATE OR REPLACE TEMP TABLE {CALENDAR} AS {_CALENDAR.format(rows=rows)}")
    con.execute(f"DETACH {staging}")


def remember_stays(con: duckdb.DuckDBPyConnection) -> int:
    """Keep the unit stays that the store has, with the ends of their hospital stays; return how many."""
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {STAYS} AS
        SELECT split_part(unit.record_id, '/', 2)::BIGINT AS patientunitstayid, unit.subject_id,
               unit.encounter_id AS unit_id, unit.start_time AS unit_start, unit.end_time AS unit_end,
               coalesce(hospital.end_time, unit.end_time) AS hospital_end
        FROM encounter AS unit LEFT JOIN encounter AS hospital ON hospital.encounter_id = unit.parent_id
        WHERE starts_with(unit.record_id, '{UNIT_RECORD}/')
        """
    )
    return int(con.execute(f"SELECT count(*) FROM {STAYS}").fetchall()[0][0])


_TYPES: Final = {"integer": "BIGINT", "minutes": "BIGINT", "number": "FLOAT"}

_ORDER: Final = "age NULLS FIRST, is_dead, patienthealthsystemstayid"
"""Order of the hospital stays of a patient that end in one year, which eICU-CRD does not tell."""

_CALENDAR: Final = f"""
    WITH visit AS (  -- one row per unit stay
        SELECT row, patientunitstayid, patienthealthsystemstayid, uniquepid, unitvisitnumber, {_AGE} AS age,
               hospitaldischargeyear AS year,
               coalesce(try_cast(hospitaldischargetime24 AS TIME), TIME '00:00:00') AS clock,
               hospitaladmitoffset AS admit, coalesce(hospitaldischargeoffset, unitdischargeoffset) AS discharge,
               hospitaldischargeoffset IS NOT NULL AND coalesce(hospitaladmitoffset <= hospitaldischargeoffset, true)
                   AS has_end,
               CASE WHEN unitdischargeoffset >= 0 THEN unitdischargeoffset END AS leave,
               coalesce({_EXPIRED.format("hospitaldischargestatus")}, false) AS is_dead,
               coalesce({_EXPIRED.format("unitdischargestatus")}, false) AS is_dead_in_unit
        FROM {{rows}}
        WHERE patientunitstayid IS NOT NULL AND patienthealthsystemstayid IS NOT NULL AND uniquepid IS NOT NULL
          AND hospitaldischargeyear BETWEEN 1900 AND 2200
          AND coalesce(hospitaldischargeoffset, unitdischargeoffset) IS NOT NULL
        QUALIFY row_number() OVER (PARTITION BY patientunitstayid ORDER BY row) = 1
    ),
    stay AS (  -- one row per hospital stay, told by its first unit stay; `days` are the midnights in it
        SELECT *, greatest(0, ceil((discharge - coalesce(admit, 0) - date_part('epoch', clock) / 60) / 1440))::INTEGER
                   AS days
        FROM visit
        QUALIFY row_number() OVER (PARTITION BY uniquepid, patienthealthsystemstayid
                                   ORDER BY unitvisitnumber NULLS LAST, admit DESC NULLS LAST, patientunitstayid) = 1
    ),
    ordered AS (
        SELECT *, row_number() OVER person AS nth, row_number() OVER person_year AS nth_of_year,
               count(*) OVER person_year AS in_year
        FROM stay
        WINDOW person AS (PARTITION BY uniquepid ORDER BY year, {_ORDER}),
               person_year AS (PARTITION BY uniquepid, year ORDER BY {_ORDER}
                               ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
    ),
    planned AS (  -- the days of a year are dealt out evenly among the stays that end in it
        SELECT *, make_date(year::INTEGER, 1, 1) - DATE '1900-01-01' - 1
                  + (nth_of_year * (make_date(year::INTEGER + 1, 1, 1) - make_date(year::INTEGER, 1, 1))) // in_year
                  AS plan,
               sum(days + 1) OVER (PARTITION BY uniquepid ORDER BY nth) AS needed
        FROM ordered
    ),
    placed AS (  -- no stay begins before the day after the one before it, so a long one pushes those after it on
        SELECT *, DATE '1900-01-01' + clock + to_days(
                      (needed + max(plan - needed) OVER (PARTITION BY uniquepid ORDER BY nth))::INTEGER
                  ) AS end_time
        FROM planned
    ),
    timed AS (
        SELECT visit.*, placed.patientunitstayid = visit.patientunitstayid AS is_first_visit, placed.nth,
               max(placed.nth) OVER (PARTITION BY visit.uniquepid) AS last_nth,
               placed.end_time - to_minutes(placed.discharge - placed.admit) AS hospital_start,
               CASE WHEN placed.has_end THEN placed.end_time END AS hospital_end,
               placed.end_time - to_minutes(coalesce(placed.discharge - placed.admit + visit.admit, visit.discharge))
                   AS unit_start
        FROM visit JOIN placed USING (uniquepid, patienthealthsystemstayid)
    ),
    person AS (
        SELECT uniquepid, make_date(arg_min(year(unit_start) - age, (age >= {OLDEST}, unit_start))::INTEGER, 1, 1)
                   ::TIMESTAMP AS birth_time,
               bool_or(is_dead OR is_dead_in_unit) FILTER (nth = last_nth) AS is_expired,
               coalesce(max(unit_start + to_minutes(leave)) FILTER (is_dead_in_unit AND nth = last_nth),
                        max(hospital_end) FILTER (is_dead AND nth = last_nth)) AS death_time,
               arg_min(patientunitstayid, (unit_start, patientunitstayid)) AS first_visit
        FROM timed GROUP BY uniquepid
    )
    SELECT timed.patientunitstayid, subject_id, {_id("hospital", "patienthealthsystemstayid")} AS hospital_id,
           {_id("unit", "timed.patientunitstayid")} AS unit_id, timed.unit_start,
           timed.unit_start + to_minutes(leave) AS unit_end, hospital_start, hospital_end, birth_time, death_time,
           is_first_visit, first_visit = timed.patientunitstayid AS is_first_stay,
           coalesce(is_expired, false) AS is_expired,
           subject_id IN (SELECT subject_id FROM tombstone) AS is_deleted,
           is_first_visit AND is_dead AND nth < last_nth AS lives_on, known.unit_start AS stored_start
    FROM (SELECT *, (md5_number_lower('eICU/' || uniquepid) >> 1)::BIGINT AS subject_id FROM timed) AS timed
    JOIN person USING (uniquepid) LEFT JOIN (SELECT patientunitstayid, unit_start FROM {STAYS}) AS known
         USING (patientunitstayid)
"""
