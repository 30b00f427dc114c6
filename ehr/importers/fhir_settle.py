"""Settling an import of FHIR: what can only be decided when all resources were read, with set operations.

Which Medication a request names; when a diagnosis without a date became known; which records are exact repeats, or
other versions, of one that came before or is in the store; whose patient is missing; what is implausible. What
remains moves to the stages of the intake.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

import duckdb
import pyarrow as pa

from ehr.events import BIRTH, DEATH
from ehr.importers.fhir_stage import Staging
from ehr.refresh import ORDER

NEAR: Final = timedelta(days=1)
"""Dates without a zone and birthdays may be a day off before an event counts as implausible."""

_DIGEST: Final = (
    'e."time", e.code, e.numeric_value, e.text_value, e.value_code, e.unit, e.end_time, e.status, e.record_id'
)
_STAY_DIGEST: Final = 's.parent_id, s."class", s."type", s.start_time, s.end_time, s.admit_source, s.disposition'
_ROOT: Final = r"regexp_replace(e.record_id, '(\.[A-Za-z]+\[\d+\])+$', '')"
"""The record of an event, without its part: Observation/x.component[0], QuestionnaireResponse/x.item[0].item[2]."""


def settle(staging: Staging) -> None:
    """Decide what becomes of the staged records, and move those that stay to the stages of the intake."""
    staging.flush()
    con = staging.con
    con.execute("CREATE OR REPLACE TEMP TABLE fhir_verdict (ordinal BIGINT, outcome VARCHAR, reason VARCHAR)")
    if staging.has_pending:
        _name_medications(staging)
    _check_stays(staging)
    if staging.has_undated:
        _date_by_stay(staging)
    _find_missing_patients(staging)
    _find_repeats(staging)
    _carry_out(staging)
    _notice_implausible(staging)
    _count_accepted(staging)
    _move(staging)
    staging.finish_notices()


def _name_medications(staging: Staging) -> None:
    """Give the events of requests and administrations the code of the Medication that they name."""
    rows = [(key, _head_of(key), named) for key, named in staging.medications.items()]
    codes = [f"{head}//{named.code}" for _, head, named in rows]
    codings = [
        [code, *[f"{head}//{other}" for other in named.others]] if named.others else None
        for code, (_, head, named) in zip(codes, rows, strict=True)
    ]
    for code, (_, _, named) in zip(codes, rows, strict=True):
        staging.codes.setdefault(code, (named.description, named.system))
    names = pa.table(
        {
            "key": pa.array([key for key, _, _ in rows], pa.string()),
            "code": pa.array(codes, pa.string()),
            "codings": pa.array(codings, pa.list_(pa.string())),
        }
    )
    staging.con.register("medication_names", names)
    staging.con.execute(
        "UPDATE fhir_event SET code = m.code, codings = m.codings FROM medication_names m "
        "WHERE fhir_event.code IS NULL AND named_by = m.key"
    )
    staging.con.unregister("medication_names")
    staging.con.execute(
        "INSERT INTO fhir_verdict SELECT ordinal, 'rejected', "
        "CASE WHEN named_by LIKE 'Device/%' THEN 'device' ELSE 'medicationReference' END || ' is not in the input' "
        "FROM fhir_event WHERE code IS NULL"
    )


def _head_of(key: str) -> str:
    """Return the head of the events that a Medication or a Device names."""
    return "DEVICE" if key.startswith("Device/") else "MEDICATION"


def _check_stays(staging: Staging) -> None:
    """Note records whose stay is not there, and cut the link of those whose stay is another patient's."""
    con = staging.con
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE fhir_known_stay AS
        SELECT s.encounter_id, r.subject_id, s.start_time, s.end_time
        FROM fhir_stay s JOIN fhir_record r USING (ordinal)
        UNION ALL
        SELECT encounter_id, subject_id, start_time, end_time FROM encounter
        WHERE encounter_id IN (SELECT encounter_id FROM fhir_record)
        """
    )
    odd = con.execute(
        """
        SELECT r.source_id, count(*) FILTER (s.encounter_id IS NULL), bool_or(s.subject_id <> r.subject_id)
        FROM fhir_record r LEFT JOIN fhir_known_stay s USING (encounter_id)
        WHERE r.encounter_id IS NOT NULL AND (s.encounter_id IS NULL OR s.subject_id <> r.subject_id)
        GROUP BY r.source_id
        """
    ).fetchall()
    for source_id, missing, _ in odd:
        if missing:
            reason = f"{missing} records name an Encounter that is neither in the input nor in the store"
            staging.entries[source_id].notice(None, None, reason)
    if any(is_strange for _, _, is_strange in odd):
        _cut_strange_stays(staging)


def _cut_strange_stays(staging: Staging) -> None:
    strange = staging.con.execute(
        """
        UPDATE fhir_record SET encounter_id = NULL
        WHERE type <> 'Encounter' AND EXISTS (
            FROM fhir_known_stay s
            WHERE s.encounter_id = fhir_record.encounter_id AND s.subject_id <> fhir_record.subject_id
        )
        RETURNING source_id, line, record_id, 'its Encounter is another patient''s: the link is left out'
        """
    ).fetchall()
    _note(staging, strange)


def _date_by_stay(staging: Staging) -> None:
    """Let an event without a time stand at the end of its stay, when what was found in it was known."""
    con = staging.con
    dated = con.execute(
        """
        SELECT DISTINCT r.ordinal, r.source_id, r.line, r.record_id,
               'no time of its own: it stands at the end of its Encounter'
        FROM fhir_event e JOIN fhir_record r USING (ordinal) JOIN fhir_known_stay s USING (encounter_id)
        WHERE e."time" IS NULL AND r.type <> 'Patient' AND coalesce(s.end_time, s.start_time) IS NOT NULL
        """
    ).fetchall()
    if dated:
        con.execute(
            """
            UPDATE fhir_event SET "time" = coalesce(s.end_time, s.start_time), time_precision = NULL
            FROM fhir_record r JOIN fhir_known_stay s USING (encounter_id)
            WHERE fhir_event.ordinal = r.ordinal AND fhir_event."time" IS NULL AND r.type <> 'Patient'
            """
        )
        _note(staging, [row[1:] for row in dated])
    undated = con.execute(
        """
        SELECT DISTINCT r.source_id, r.line, r.record_id, 'no time: kept without one'
        FROM fhir_event e JOIN fhir_record r USING (ordinal) WHERE e."time" IS NULL AND r.type <> 'Patient'
        """
    ).fetchall()
    _note(staging, undated)


def _find_missing_patients(staging: Staging) -> None:
    """Reject what belongs to a patient who is neither in the input nor in the store."""
    staging.con.execute(
        """
        INSERT INTO fhir_verdict
        SELECT ordinal, 'rejected', 'its Patient is neither in the input nor in the store' FROM fhir_record
        WHERE subject LIKE 'Patient?%' OR subject_id NOT IN (
            SELECT subject_id FROM fhir_record WHERE type = 'Patient' UNION ALL SELECT subject_id FROM subject
        )
        """
    )


def _find_repeats(staging: Staging) -> None:
    """Skip exact repeats of a record; reject another version of one that came before or is in the store.

    Two versions are the same when they give the same events, the same stay and the same mark of death.
    """
    if _note_repeated(staging.con):
        _judge_repeated(staging.con)


def _note_repeated(con: duckdb.DuckDBPyConnection) -> bool:
    """Note in `fhir_repeat` the records that came several times or are in the store; say whether there are any."""
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE fhir_repeat AS
        WITH stored AS (
            SELECT record_id FROM event WHERE subject_id IN (SELECT subject_id FROM fhir_record)
            UNION SELECT record_id FROM encounter WHERE subject_id IN (SELECT subject_id FROM fhir_record)
        )
        SELECT record_id FROM fhir_record GROUP BY record_id HAVING count(*) > 1
        UNION SELECT record_id FROM fhir_record WHERE record_id IN (FROM stored WHERE record_id IS NOT NULL)
        """
    )
    return bool(con.execute("SELECT count(*) > 0 FROM fhir_repeat").fetchall()[0][0])


def _judge_repeated(con: duckdb.DuckDBPyConnection) -> None:
    """Give a verdict on each version of the noted records but the first one that nothing came before."""
    con.execute(
        f"""
        INSERT INTO fhir_verdict
        WITH staged AS (
            SELECT r.ordinal, r.record_id,
                   coalesce(sum(hash(r.subject_id, r.encounter_id, {_DIGEST})::HUGEINT), 0)
                   + any_value(CASE WHEN s.ordinal IS NULL THEN 0 ELSE hash({_STAY_DIGEST})::HUGEINT END)
                   + any_value(coalesce(r.deceased, false)::INTEGER) AS digest
            FROM fhir_record r LEFT JOIN fhir_event e USING (ordinal) LEFT JOIN fhir_stay s USING (ordinal)
            WHERE r.record_id IN (FROM fhir_repeat) AND r.ordinal NOT IN (SELECT ordinal FROM fhir_verdict)
            GROUP BY r.ordinal, r.record_id
        ),
        stored_event AS (
            SELECT {_ROOT} AS record_id, sum(hash(e.subject_id, e.encounter_id, {_DIGEST})::HUGEINT) AS digest
            FROM event e WHERE e.subject_id IN (SELECT subject_id FROM fhir_record) AND e.record_id IS NOT NULL
            GROUP BY ALL
        ),
        stored_stay AS (
            SELECT s.record_id, hash({_STAY_DIGEST})::HUGEINT AS digest
            FROM encounter s WHERE s.record_id IN (FROM fhir_repeat)
        ),
        stored_death AS (
            SELECT DISTINCT r.record_id, (s.died AND s.death_time IS NULL)::INTEGER AS digest
            FROM fhir_record r JOIN subject s USING (subject_id) WHERE r.type = 'Patient'
        ),
        stored AS (
            SELECT record_id, sum(digest) AS digest
            FROM (FROM stored_event UNION ALL FROM stored_stay UNION ALL FROM stored_death)
            WHERE record_id IN (FROM fhir_repeat) GROUP BY record_id
        ),
        versions AS (
            SELECT staged.ordinal, staged.digest, stored.digest AS stored_digest,
                   first_value(staged.digest) OVER one AS first_digest, row_number() OVER one AS nth
            FROM staged LEFT JOIN stored USING (record_id)
            WINDOW one AS (PARTITION BY staged.record_id ORDER BY staged.ordinal)
        )
        SELECT ordinal,
               CASE WHEN digest = coalesce(stored_digest, first_digest) THEN 'skipped' ELSE 'rejected' END,
               CASE WHEN digest = coalesce(stored_digest, first_digest) THEN 'an exact repeat'
                    WHEN stored_digest IS NOT NULL THEN 'another version of this record is in the store'
                    ELSE 'another version of this record came before' END
        FROM versions WHERE nth > 1 OR stored_digest IS NOT NULL
        """
    )


def _carry_out(staging: Staging) -> None:
    """Write the verdicts to the ledger and drop what they concern."""
    con = staging.con
    if con.execute("SELECT count(*) FROM fhir_verdict").fetchall()[0][0] == 0:
        return
    refused = con.execute(
        """
        SELECT r.source_id, r.type, r.line, r.record_id, v.reason, r.subject
        FROM (SELECT ordinal, min(reason) AS reason FROM fhir_verdict WHERE outcome = 'rejected' GROUP BY ordinal) v
        JOIN fhir_record r USING (ordinal) ORDER BY ordinal
        """
    ).fetchall()
    for source_id, type_name, line, record_id, reason, subject in refused:
        entry = staging.entries[source_id]
        entry.reject(line, record_id, reason, subject)
        entry.tally(type_name, rejected=1)
    repeated = con.execute(
        """
        SELECT r.source_id, r.type, count(*) FROM fhir_verdict v JOIN fhir_record r USING (ordinal)
        WHERE v.outcome = 'skipped' GROUP BY ALL
        """
    ).fetchall()
    for source_id, type_name, count in repeated:
        entry = staging.entries[source_id]
        entry.tally(type_name, skipped=count)
        entry.notice(None, type_name, f"{count} records are exact repeats: skipped")
    for table in ("fhir_record", "fhir_event", "fhir_stay"):
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
            ) GROUP BY subject_id
        )
        SELECT DISTINCT r.source_id, r.line, r.record_id,
               CASE WHEN e."time" > $now THEN 'implausible: in the future'
                    WHEN e."time" < birth - $near THEN 'implausible: before birth'
                    ELSE 'implausible: after death' END
        FROM fhir_event e JOIN fhir_record r USING (ordinal) LEFT JOIN life USING (subject_id)
        WHERE e."time" > $now
           OR (r.type <> 'Patient' AND (e."time" < birth - $near OR e."time" > death + $near))
        """,
        {"now": datetime.now(UTC).replace(tzinfo=None) + NEAR, "near": NEAR},
    ).fetchall()
    _note(staging, rows)


def _count_accepted(staging: Staging) -> None:
    counts = staging.con.execute("SELECT source_id, type, count(*) FROM fhir_record GROUP BY ALL").fetchall()
    for source_id, type_name, count in counts:
        staging.entries[source_id].tally(type_name, accepted=count)


def _move(staging: Staging) -> None:
    """Move what remains to the stages of the intake; the events go straight to the store when it commits."""
    con = staging.con
    staging.intake.later.append(
        f"""
        SELECT r.subject_id, e."time", e.code, e.numeric_value, e.text_value, e.value_code, e.unit, r.encounter_id,
               e.end_time, e.status, e.record_id, e.codings, e.time_precision,
               e.utc_offset, r.source_id, e.rowid AS {ORDER}
        FROM fhir_event e JOIN fhir_record r USING (ordinal)
        """
    )
    con.execute(
        "INSERT INTO stage_encounter BY NAME SELECT s.* EXCLUDE (ordinal), r.subject_id, r.record_id, r.source_id "
        "FROM fhir_stay s JOIN fhir_record r USING (ordinal)"
    )
    con.execute(
        "INSERT INTO stage_subject BY NAME SELECT subject_id, identifiers, deceased, source_id "
        "FROM fhir_record WHERE type = 'Patient'"
    )
    rows = staging.codes
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


def _note(staging: Staging, rows: list[tuple[int, int | None, str, str]]) -> None:
    for source_id, line, record_id, reason in rows:
        staging.notice(staging.entries[source_id], line, record_id, reason)
