"""Visits of OMOP and their parts: visit_occurrence and visit_detail as stays, with the events of their begin and end.

A visit_detail that has the class, the start and the end of its visit is that visit once more, as some converters
write it for every visit: it is counted as skipped, and what names it belongs to the visit.
"""

from typing import Final

import duckdb

from ehr.events import UNKNOWN
from ehr.importers.judging import Rows
from ehr.importers.omop_concepts import any_key, joined
from ehr.importers.omop_tables import DETAILS, PERSON_ID, VISITS, Moment, Table
from ehr.importers.omop_words import CLASSES, DECEASED, values_sql, visit_word_sql
from ehr.importers.tables import TableSpec, integer, record_of, text
from ehr.reasons import Reason
from ehr.refresh import ORDER

KINDS: Final = 2
"""Events that a stay may give: its begin and its end."""

DETAIL_NUMBER: Final = "(md5_number_lower('visit_detail/' || {column}) >> 1)::BIGINT"
"""stable_id(f"visit_detail/{column}") in SQL: visits and their parts are numbered each for itself."""


def _spec(name: str, prefix: str, *further: str) -> TableSpec:
    start, end = _moments(prefix)
    return TableSpec(
        name=name,
        columns=(
            integer(f"{name}_id", required=True),
            PERSON_ID,
            integer(f"{prefix}_concept_id"),
            integer(f"{prefix}_source_concept_id"),
            text(f"{prefix}_source_value"),
            *start.columns,
            *end.columns,
            integer("admitted_from_concept_id"),
            text("admitted_from_source_value"),
            integer("discharged_to_concept_id"),
            text("discharged_to_source_value"),
            *(integer(column) for column in further),
        ),
        ignored=f"{prefix}_type_concept_id provider_id care_site_id preceding_{name}_id",
        key=(f"{name}_id",),
        checks=(start.needed, start.one_day, end.one_day, end.before(start)),
        record=record_of(name, f"{name}_id"),
    )


def _moments(prefix: str) -> tuple[Moment, Moment]:
    return (
        Moment(f"{prefix}_start_date", f"{prefix}_start_datetime"),
        Moment(f"{prefix}_end_date", f"{prefix}_end_datetime"),
    )


def _concepts(prefix: str) -> dict[str, str]:
    return {
        "main": f"{prefix}_concept_id",
        "source": f"{prefix}_source_concept_id",
        "came": "admitted_from_concept_id",
        "went": "discharged_to_concept_id",
    }


def _stays(spec: TableSpec, prefix: str, rows: str) -> str:
    """Return the SELECT of rows with what a stay and its events have in common, under the names of the stay."""
    start, end = _moments(prefix)
    name = f"coalesce(main_name, source_name, {prefix}_source_value)"
    any_code = f"{any_key('main', f'{prefix}_concept_id')}, {any_key('source', f'{prefix}_source_concept_id')}"
    went = "coalesce(went_name, discharged_to_source_value)"
    died = (
        f"discharged_to_concept_id IN ({', '.join(map(str, DECEASED))}) OR regexp_matches(lower({went}), '{_DIED}')"
    )
    return f"""
        SELECT *, {values_sql(CLASSES, "word", "'other'")} AS class,
               coalesce(CASE word WHEN 'ICU' THEN 'IMP' ELSE word END, {any_code}, '{UNKNOWN}') AS word_or_code
        FROM (
            SELECT *, person_id AS subject_id, {visit_word_sql(f"{prefix}_concept_id", name)} AS word, {name} AS type,
                   {start.start} AS start_time, {start.precision} AS start_precision,
                   {end.end(start)} AS end_time, {end.precision} AS end_precision,
                   coalesce(came_name, admitted_from_source_value) AS admit_source,
                   CASE WHEN {died} THEN 'DIED' ELSE {went} END AS disposition, {spec.record} AS record_id
            FROM ({joined(rows, _concepts(prefix))})
        )
    """


_DIED: Final = r"\b(died|deceased|expired|death)\b"


def _events(stays: str, number: str, kinds: tuple[tuple[str, str], ...], when: str = "true") -> str:
    """Return the SELECT of the events of stays: `kinds` are their codes at the start and at the end."""
    selects = []
    for place, (code, side) in enumerate(kinds):
        selects.append(
            f"""
            SELECT subject_id, {side}_time AS "time", {code} AS code, {number} AS encounter_id, record_id,
                   {side}_precision AS time_precision, row * {KINDS} + {place} AS {ORDER}
            FROM ({stays}) WHERE {side}_time IS NOT NULL AND {when}
            """
        )
    return " UNION ALL BY NAME ".join(selects)


def _begin_and_end(start: str, end: str) -> tuple[tuple[str, str], ...]:
    return ((f"'{start}//' || word_or_code", "start"), (f"'{end}//' || word_or_code", "end"))


_VISIT: Final = _spec("visit_occurrence", "visit")


def _visit_events(rows: str) -> str:
    stays = _stays(_VISIT, "visit", rows)
    is_icu = "word IS NOT DISTINCT FROM 'ICU'"
    stay = _events(
        stays, "visit_occurrence_id", _begin_and_end("ENCOUNTER_START", "ENCOUNTER_END"), f"NOT ({is_icu})"
    )
    icu = _events(stays, "visit_occurrence_id", _begin_and_end("ICU_ADMISSION", "ICU_DISCHARGE"), is_icu)
    return f"{stay} UNION ALL BY NAME {icu}"


def _visit_stays(rows: str) -> str:
    return f"""
        SELECT visit_occurrence_id AS encounter_id, NULL::BIGINT AS parent_id, subject_id, class, type, start_time,
               end_time, admit_source, disposition, record_id
        FROM ({_stays(_VISIT, "visit", rows)})
    """


VISIT_OCCURRENCE: Final = Table(_VISIT, tuple(_concepts("visit").values()), _visit_events, KINDS, _visit_stays)

_DETAIL: Final = _spec("visit_detail", "visit_detail", "visit_occurrence_id", "parent_visit_detail_id")


def _detail_events(rows: str) -> str:
    """The begin and end of intensive care; for any other part of a visit that the patient was moved there."""
    stays = _stays(_DETAIL, "visit_detail", rows)
    number = DETAIL_NUMBER.format(column="visit_detail_id")
    is_icu = "word IS NOT DISTINCT FROM 'ICU'"
    icu = _events(stays, number, _begin_and_end("ICU_ADMISSION", "ICU_DISCHARGE"), is_icu)
    moved = _events(stays, number, (("'TRANSFER_TO//' || word_or_code", "start"),), f"NOT ({is_icu})")
    return f"{icu} UNION ALL BY NAME {moved}"


def _detail_stays(rows: str) -> str:
    return f"""
        SELECT {DETAIL_NUMBER.format(column="stay.visit_detail_id")} AS encounter_id,
               coalesce(above.encounter_id, visit_occurrence_id) AS parent_id, stay.subject_id, class, type,
               start_time, end_time, admit_source, disposition, record_id
        FROM ({_stays(_DETAIL, "visit_detail", rows)}) AS stay
        LEFT JOIN {DETAILS} AS above ON above.visit_detail_id = parent_visit_detail_id
    """


VISIT_DETAIL: Final = Table(_DETAIL, tuple(_concepts("visit_detail").values()), _detail_events, KINDS, _detail_stays)


def make_stays(con: duckdb.DuckDBPyConnection) -> None:
    """Make the tables of the visits and their parts that the store has."""
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {VISITS} AS
        SELECT encounter_id, subject_id, class, start_time, end_time FROM encounter
        WHERE starts_with(record_id, 'visit_occurrence/')
        """
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {DETAILS} AS
        SELECT substr(record_id, 14)::BIGINT AS visit_detail_id, encounter_id, subject_id FROM encounter
        WHERE starts_with(record_id, 'visit_detail/')
        """
    )


def remember_visits(rows: Rows) -> None:
    """Take the accepted rows of visit_occurrence into the table of visits."""
    con = rows.con
    con.execute(f"DELETE FROM {VISITS} WHERE encounter_id IN (SELECT visit_occurrence_id FROM {rows.accepted})")
    con.execute(
        f"INSERT INTO {VISITS} SELECT encounter_id, subject_id, class, start_time, end_time "
        f"FROM ({_visit_stays(rows.accepted)})"
    )


def remember_details(rows: Rows) -> None:
    """Take the accepted rows of visit_detail into the table of parts; skip those that are their visit once more."""
    con = rows.con
    con.execute(f"DELETE FROM {DETAILS} WHERE visit_detail_id IN (SELECT visit_detail_id FROM {rows.accepted})")
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE found_detail AS
        SELECT row, visit_detail_id, visit.encounter_id, stay.subject_id
        FROM ({_stays(_DETAIL, "visit_detail", rows.accepted)}) AS stay
        LEFT JOIN {VISITS} AS visit
        ON visit.encounter_id = visit_occurrence_id AND visit.subject_id = stay.subject_id
           AND parent_visit_detail_id IS NULL AND (visit.class, visit.start_time) = (stay.class, stay.start_time)
           AND visit.end_time IS NOT DISTINCT FROM stay.end_time
        """
    )
    con.execute(
        f"INSERT INTO {DETAILS} SELECT visit_detail_id, "
        f"coalesce(encounter_id, {DETAIL_NUMBER.format(column='visit_detail_id')}), subject_id FROM found_detail"
    )
    same = rows.refuse("SELECT row FROM found_detail WHERE encounter_id IS NOT NULL")
    if same:
        rows.n_skipped += same
        notice = f"{same} rows have the class, start and end of their visit: skipped, they are no other stays"
        rows.entry.notice(None, rows.spec.name, notice, code=Reason.REPEAT)
