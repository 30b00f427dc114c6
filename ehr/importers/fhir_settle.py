"""Settling a batch of FHIR: what can only be decided when all its resources were read, with set operations.

Which patient a search means, which version is the newest, whose patient is missing or was deleted, which medicine a
request names, when a diagnosis without a date became known, what is implausible. What remains moves to the stages of
the intake. The tables are those of fhir_pile.py, and

    fhir_verdict (ordinal, outcome, code, reason, excerpt)   what is not taken in, at most once each
"""

from datetime import timedelta
from typing import Final

import pyarrow as pa

from ehr.events import BIRTH, DEATH
from ehr.importers.fhir_links import check_stays, name_products, resolve_searches
from ehr.importers.fhir_pile import OF_RECORDS, OF_SOURCES, Mark
from ehr.importers.fhir_stage import Staging
from ehr.importers.fhir_versions import digest_records, find_repeated, judge_versions
from ehr.reasons import Reason
from ehr.refresh import ORDER

NEAR: Final = timedelta(days=1)
"""Dates without a zone and birthdays may be a day off before an event counts as implausible."""

SKIPPED: Final = {
    Reason.REPEAT: "exact repeats, skipped: {}",
    Reason.OLD_VERSION: "older than what is known of the record, skipped: {}",
}


def settle(staging: Staging) -> None:
    """Decide what becomes of the staged records, and move those that stay to the stages of the intake."""
    con = staging.con
    staging.flush()
    con.execute(
        "CREATE OR REPLACE TEMP TABLE fhir_verdict "
        "(ordinal BIGINT, outcome VARCHAR, code VARCHAR, reason VARCHAR, excerpt VARCHAR)"
    )
    if Mark.SEARCHED in staging.marks:
        resolve_searches(staging)
    digest_records(con)
    has_repeated = find_repeated(con)
    if has_repeated:
        judge_versions(con, referred=True)
    if _refuse_strangers(staging):
        con.execute(_KEEP_STRANGE_VERSIONS)
    if Mark.NAMED in staging.marks:
        name_products(con)
    if has_repeated:
        judge_versions(con, referred=False)
    _carry_out(staging)
    check_stays(staging)
    _notice_implausible(staging)
    _move_records(staging)
    _move(staging)


def _refuse_strangers(staging: Staging) -> bool:
    """Reject what belongs to a patient who is neither in the input nor in the store, or was deleted; say if any."""
    added = staging.con.execute(
        """
        INSERT INTO fhir_verdict
        WITH open AS (SELECT * FROM fhir_record ANTI JOIN fhir_verdict USING (ordinal)),
        deleted AS (SELECT subject_id FROM open WHERE type = 'Patient' AND kind = 'deleted'),
        known AS (
            SELECT subject_id FROM open WHERE type = 'Patient' AND kind = 'content'
            UNION ALL SELECT subject_id FROM subject ANTI JOIN deleted USING (subject_id)
        ),
        stranger AS (
            SELECT ordinal, subject_id, subject FROM open ANTI JOIN known USING (subject_id)
            WHERE kind = 'content' AND subject IS NOT NULL
            UNION SELECT ordinal, subject_id, subject FROM open SEMI JOIN tombstone USING (subject_id)
            WHERE kind = 'content'
        )
        SELECT ordinal, 'rejected',
               CASE WHEN subject_id IS NULL THEN 'bad-reference'
                    WHEN t.subject_id IS NOT NULL OR d.subject_id IS NOT NULL THEN 'deleted-subject'
                    ELSE 'unknown-subject' END,
               CASE WHEN subject_id IS NULL THEN 'its identifier is that of no Patient, or of several'
                    WHEN t.subject_id IS NOT NULL THEN 'its Patient was deleted from this store'
                    WHEN d.subject_id IS NOT NULL THEN 'its Patient was deleted by the source'
                    ELSE 'its Patient is neither in the input nor in the store' END,
               subject
        FROM stranger LEFT JOIN tombstone t USING (subject_id) LEFT JOIN deleted d USING (subject_id)
        """
    ).fetchall()
    return bool(added[0][0])


_KEEP_STRANGE_VERSIONS: Final = """
    INSERT INTO fhir_record
    SELECT * REPLACE (-1 - ordinal AS ordinal, 'left-out' AS kind)
    FROM fhir_record SEMI JOIN fhir_verdict USING (ordinal)
    WHERE kind = 'content' AND type <> 'Patient' AND (last_updated IS NOT NULL OR version_id IS NOT NULL)
"""
"""A version of a patient who is not here takes the place of older ones all the same: they are not true any more.

It counts as left out, so that the very same version goes in once its patient is there.
"""


def _carry_out(staging: Staging) -> None:
    """Write the verdicts to the ledger and drop what they concern."""
    con = staging.con
    counts = con.execute(
        "SELECT r.source_id, r.type, v.outcome, v.code, count(*) "
        "FROM fhir_verdict v JOIN fhir_record r USING (ordinal) GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    if not counts:
        return
    for source_id, type_name, outcome, code, count in counts:
        entry = staging.entries[source_id]
        if outcome == "rejected":
            entry.tally(type_name, rejected=count)
        elif outcome == "skipped":
            entry.tally(type_name, skipped=count)
            staging.notice(entry, None, type_name, SKIPPED[code].format(count), Reason(code))
    told = "SELECT r.source_id, r.line, r.record_id AS resource, v.code, v.reason"
    con.execute(
        f"INSERT INTO fhir_reject BY NAME {told}, v.excerpt FROM fhir_verdict v JOIN fhir_record r USING (ordinal) "
        "WHERE outcome = 'rejected' ORDER BY ordinal"
    )
    contested = con.execute(
        f"{told} FROM fhir_verdict v JOIN fhir_record r USING (ordinal) WHERE outcome = 'contested' ORDER BY ordinal"
    ).fetchall()
    staging.note((*row[:3], Reason.CONFLICT, row[4]) for row in contested)
    for table in OF_RECORDS:
        con.execute(f"DELETE FROM {table} WHERE ordinal IN (SELECT ordinal FROM fhir_verdict)")


def _notice_implausible(staging: Staging) -> None:
    """Note events before birth, after death and in the future; they stay as they are."""
    rows = staging.con.execute(
        f"""
        WITH life AS (
            SELECT subject_id, min(birth) AS birth, min(death) AS death FROM (
                SELECT r.subject_id, CASE WHEN e.code = '{BIRTH}' THEN e."time" END AS birth,
                       CASE WHEN e.code = '{DEATH}' THEN e."time" END AS death
                FROM fhir_event e JOIN fhir_record r USING (ordinal) WHERE e.code IN ('{BIRTH}', '{DEATH}')
                UNION ALL
                SELECT subject_id, birth_time, death_time FROM subject
                WHERE subject_id IN (SELECT subject_id FROM fhir_record)
                  AND subject_id NOT IN (SELECT subject_id FROM fhir_record WHERE type = 'Patient')
            ) GROUP BY subject_id
        )
        SELECT DISTINCT r.source_id, r.line, r.record_id, '{Reason.IMPLAUSIBLE}',
               CASE WHEN e."time" > $now THEN 'implausible: in the future'
                    WHEN e."time" < birth - $near THEN 'implausible: before birth'
                    ELSE 'implausible: after death' END
        FROM fhir_event e JOIN fhir_record r USING (ordinal) LEFT JOIN life USING (subject_id)
        WHERE e."time" > $now
           OR (r.type <> 'Patient' AND (e."time" < birth - $near OR e."time" > death + $near))
        """,
        {"now": staging.now + NEAR, "near": NEAR},
    ).fetchall()
    staging.note((*row[:3], Reason(row[3]), row[4]) for row in rows)


def _move_records(staging: Staging) -> None:
    """Count what goes in, stage its versions, and let what it replaces or deletes go.

    Everything of a patient goes whose Patient was deleted. Of the records only the versions stay, as those that were
    left out: no older one comes back, the same one only once the source has that Patient again.
    """
    con = staging.con
    counts = con.execute(
        "SELECT source_id, type, count(*) FROM fhir_record WHERE kind IN ('content', 'deleted') GROUP BY ALL"
    ).fetchall()
    for source_id, type_name, count in counts:
        staging.entries[source_id].tally(type_name, accepted=count)
    con.execute(
        """
        INSERT INTO stage_record BY NAME
        SELECT r.record_id, coalesce(r.subject_id, s.subject_id) AS subject_id, r.version_id, r.last_updated,
               CASE WHEN r.kind IN ('deleted', 'withdrawn') THEN coalesce(r.last_updated, $now) END AS deleted_at,
               CASE WHEN r.kind = 'content' THEN d.digest END AS digest, r.source_id
        FROM fhir_record r LEFT JOIN fhir_digest d USING (ordinal) LEFT JOIN fhir_stored s USING (record_id)
        WHERE r.kind <> 'left-out' OR r.last_updated IS NOT NULL OR r.version_id IS NOT NULL
        """,
        {"now": staging.now},
    )
    con.execute(
        """
        INSERT INTO stage_gone BY NAME
        SELECT s.record_id, s.subject_id, r.source_id FROM fhir_stored s JOIN fhir_record r USING (record_id)
        WHERE s.digest IS NOT NULL AND s.subject_id IS NOT NULL
        """
    )
    deleted = con.execute("SELECT count(*) FROM fhir_record WHERE type = 'Patient' AND kind = 'deleted'").fetchall()
    if deleted[0][0]:
        con.execute(_DELETE_PATIENTS)
        con.execute(_DELETE_THEIR_RECORDS)


_DELETE_PATIENTS: Final = """
    INSERT INTO stage_gone BY NAME
    SELECT NULL AS record_id, subject_id, source_id FROM fhir_record SEMI JOIN subject USING (subject_id)
    WHERE type = 'Patient' AND kind = 'deleted'
"""
_DELETE_THEIR_RECORDS: Final = """
    INSERT INTO stage_record BY NAME
    SELECT s.record_id, s.subject_id, s.version_id, s.last_updated, s.deleted_at, r.source_id
    FROM record s JOIN fhir_record r USING (subject_id) ANTI JOIN stage_record t ON t.record_id = s.record_id
    WHERE r.type = 'Patient' AND r.kind = 'deleted' AND (s.last_updated IS NOT NULL OR s.version_id IS NOT NULL)
"""


def _move(staging: Staging) -> None:
    """Move what remains to the stages of the intake; the events go straight to the store when it commits."""
    con = staging.con
    staging.intake.later.append(
        f"""
        SELECT r.subject_id, e."time", e.code, e.numeric_value, e.text_value, e.value_code, e.unit, r.encounter_id,
               e.end_time, e.status, e.record_id, e.codings, e.time_precision, e.utc_offset, r.source_id,
               e.rowid AS {ORDER}
        FROM fhir_event e JOIN fhir_record r USING (ordinal)
        """
    )
    con.execute(
        "INSERT INTO stage_encounter BY NAME SELECT s.* EXCLUDE (ordinal), r.subject_id, r.identifiers, r.record_id, "
        "r.source_id FROM fhir_stay s JOIN fhir_record r USING (ordinal)"
    )
    con.execute(
        "INSERT INTO stage_product BY NAME SELECT r.record_id, p.* EXCLUDE (ordinal), r.source_id "
        "FROM fhir_product p JOIN fhir_record r USING (ordinal)"
    )
    con.execute(
        "INSERT INTO stage_subject BY NAME SELECT subject_id, identifiers, deceased, source_id "
        "FROM fhir_record WHERE type = 'Patient' AND kind = 'content'"
    )
    rows = staging.pile.codes
    titles = pa.table(
        {
            "code": pa.array(rows.keys(), pa.string()),
            "description": pa.array([row[0] for row in rows.values()], pa.string()),
            "system": pa.array([row[1] for row in rows.values()], pa.string()),
        }
    )
    con.register("code_rows", titles)
    con.execute("INSERT INTO stage_code BY NAME FROM code_rows")
    con.unregister("code_rows")
    staging.flush()
    for name in OF_SOURCES:
        con.execute(f"INSERT INTO stage_{name.removeprefix('fhir_')} BY NAME FROM {name}")
