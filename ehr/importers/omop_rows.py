"""The rows of an OMOP table: whose they are, which visit they name, and staging what they give.

known_persons(con)                   # once the persons went in
refuse_strays(rows)                  # rows of nobody, or of another person's visit
stage_table(rows, table)             # events, stays and subjects that the store has not yet
"""

from typing import Final

import duckdb

from ehr.importers.judging import KNOWN_SUBJECTS, Rows, notice_each
from ehr.importers.omop_concepts import learn_concepts
from ehr.importers.omop_tables import DETAILS, VISITS, Table
from ehr.importers.omop_words import values_sql
from ehr.importers.renewing import new_events, new_stays
from ehr.reasons import Reason

STRAYS: Final = "omop_stray"

_REASONS: Final[dict[str, str]] = {
    Reason.DELETED_SUBJECT: "the person was deleted from this store",
    Reason.UNKNOWN_SUBJECT: "person_id is not in person",
    Reason.OTHER_SUBJECT: "the visit is one of another person",
    Reason.BAD_REFERENCE: "the visit is in no table of visits",
}


def known_persons(con: duckdb.DuckDBPyConnection) -> int:
    """Make the table of the persons that rows may name; return how many there are."""
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {KNOWN_SUBJECTS} AS SELECT subject_id FROM subject "
        "UNION SELECT subject_id FROM stage_subject ANTI JOIN tombstone USING (subject_id)"
    )
    return int(con.execute(f"SELECT count(*) FROM {KNOWN_SUBJECTS}").fetchall()[0][0])


def refuse_deleted(rows: Rows) -> None:
    """Refuse persons who were deleted from the store."""
    _refuse(
        rows,
        f"SELECT row, person_id, '{Reason.DELETED_SUBJECT}' AS code, NULL AS stay "
        f"FROM {rows.accepted} SEMI JOIN tombstone ON subject_id = person_id",
    )


def refuse_strays(rows: Rows) -> None:
    """Refuse rows of persons who are not known or were deleted, and of visits of others; tell of unknown visits."""
    visit, detail = _named(rows, "visit_occurrence_id"), _named(rows, "visit_detail_id")
    _refuse(
        rows,
        f"""
        SELECT row, person_id,
               CASE WHEN tombstone.subject_id IS NOT NULL THEN '{Reason.DELETED_SUBJECT}'
                    WHEN known.subject_id IS NULL THEN '{Reason.UNKNOWN_SUBJECT}'
                    WHEN visit.subject_id <> person_id OR detail.subject_id <> person_id
                    THEN '{Reason.OTHER_SUBJECT}'
                    WHEN {visit} IS NOT NULL AND visit.encounter_id IS NULL
                      OR {detail} IS NOT NULL AND detail.encounter_id IS NULL AND visit.encounter_id IS NULL
                    THEN '{Reason.BAD_REFERENCE}' END AS code,
               CASE WHEN code IN ('{Reason.OTHER_SUBJECT}', '{Reason.BAD_REFERENCE}')
                    THEN concat_ws(', ', 'visit_occurrence_id=' || {visit}, 'visit_detail_id=' || {detail})
                    END AS stay
        FROM {rows.accepted} AS rows
        LEFT JOIN {KNOWN_SUBJECTS} AS known ON known.subject_id = person_id
        LEFT JOIN tombstone ON tombstone.subject_id = person_id
        LEFT JOIN {VISITS} AS visit ON visit.encounter_id = {visit}
        LEFT JOIN {DETAILS} AS detail ON detail.visit_detail_id = {detail}
        WHERE code IS NOT NULL
        """,
    )


def _named(rows: Rows, column: str) -> str:
    """Return the SQL of the visit that a row names: 0 stands for none, and the visit itself names none."""
    is_there = any(known.name == column for known in rows.spec.columns)
    return f"nullif(rows.{column}, 0)" if is_there and rows.spec.key != (column,) else "NULL::BIGINT"


def stage_table(rows: Rows, table: Table) -> None:
    """Stage what the accepted rows give and the store has not yet, and count what became of all rows.

    The events lie in a table of their own until the commit, which reads them several times; `drop_events` drops it.
    """
    entry, accepted = rows.entry, rows.accepted
    learn_concepts(rows.con, table.concepts, accepted)
    is_there = _has_earlier(rows)
    events = table.events(accepted)
    if is_there:
        entry.stage_later(new_events(rows, events, [], table.kinds))
    else:
        rows.con.execute(f"CREATE OR REPLACE TEMP TABLE {rows.renewed('new')} AS {events}")
        entry.stage_later(f"FROM {rows.renewed('new')}")
    if table.encounters:
        stays = table.encounters(accepted)
        entry.stage("encounter", new_stays(rows, stays) if is_there else stays)
    if table.subjects:
        entry.stage("subject", table.subjects(accepted))
    count_rows(rows)


def drop_events(rows: Rows) -> None:
    """Drop the events of a table, once they are in the store."""
    rows.con.execute(f"DROP TABLE IF EXISTS {rows.renewed('new')}")


def count_rows(rows: Rows) -> None:
    """Count what became of the rows."""
    taken = rows.n_in - rows.n_rejected - rows.n_skipped
    rows.entry.tally(
        rows.spec.name, rows_in=rows.n_in, accepted=taken, rejected=rows.n_rejected, skipped=rows.n_skipped
    )
    if not rows.n_in:
        rows.entry.status = "empty"


def _has_earlier(rows: Rows) -> bool:
    """Say whether the store has rows of this table, of an earlier import or from another file of it."""
    found = rows.con.execute(
        "SELECT count(*) FROM tally JOIN source USING (source_id) "
        "WHERE resource = ? AND format = ? AND tally.rows_accepted > 0",
        [rows.spec.name, rows.entry.intake.format],
    ).fetchall()
    return bool(found[0][0])


def _refuse(rows: Rows, select: str) -> None:
    """Refuse the rows (row, person_id, code, stay) that `select` gives; bad references are told only."""
    con, name, key = rows.con, rows.spec.name, rows.spec.key[0]
    con.execute(f"CREATE OR REPLACE TEMP TABLE {STRAYS} AS {select}")
    if not con.execute(f"SELECT count(*) FROM {STRAYS}").fetchall()[0][0]:
        return
    id_sql = "NULL" if key == "person_id" else f"'{key}=' || {key}"
    told = f"""
        SELECT row AS line, '{name}' AS resource, code, {values_sql(_REASONS, "code")} AS reason,
               concat_ws(', ', {id_sql}, 'person_id=' || stray.person_id, stay) AS excerpt
        FROM {STRAYS} AS stray JOIN (SELECT row, {key} FROM {rows.accepted}) USING (row)
    """
    notice_each(rows.entry, f"SELECT * FROM ({told}) WHERE code = '{Reason.BAD_REFERENCE}'")
    rows.n_rejected += rows.entry.reject_rows(
        f"SELECT * FROM ({told}) WHERE code <> '{Reason.BAD_REFERENCE}' ORDER BY line"
    )
    rows.refuse(f"SELECT row FROM {STRAYS} WHERE code <> '{Reason.BAD_REFERENCE}'")
