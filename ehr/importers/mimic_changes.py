"""What a later file of MIMIC-IV changes about rows that came before, in tables that it is not a file of itself.

The time of a billing code is that of the discharge; the hour of a death stands in an admission; a visit to the
emergency department that an admission told of may get a row of its own. When such a row comes or changes later, the
events that hang on it follow.
"""

from typing import Final

from ehr.events import DEATH
from ehr.importers.judging import Rows
from ehr.importers.mimic_known import DIED
from ehr.importers.mimic_stays import ADMITTED, VISITED

# Records whose events carry a time of the stay that they name: table of stays, its number, tables of records, time.
_TIMED_BY: Final = (
    (ADMITTED, "hadm_id", ("diagnoses_icd", "drgcodes", "procedures_icd"), "known_at"),
    (VISITED, "stay_id", ("diagnosis",), "known_at"),
    (VISITED, "stay_id", ("triage",), "intime"),
)

_COLUMNS: Final = (
    "event.subject_id, event.code, event.numeric_value, event.text_value, event.value_code, event.unit, "
    "event.encounter_id, event.end_time, event.status, event.record_id, event.codings, event.time_precision, "
    "event.utc_offset"
)


def follow_stays(admissions: Rows | None, edstays: Rows | None) -> int:
    """Move the events that carry a time of a stay which has another now; return how many."""
    moved = 0
    for table, number, records, time in _TIMED_BY:
        rows = admissions if table == ADMITTED else edstays
        if rows is None:
            continue
        heads = ", ".join(f"'{name}'" for name in records)
        changed = rows.con.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE moved_event AS
            SELECT {_COLUMNS}, stay.{time} AS "time"
            FROM event JOIN (FROM {table} SEMI JOIN {rows.accepted} AS read USING ({number})) AS stay
              ON event.subject_id = stay.subject_id AND event.encounter_id = stay.{number}
            WHERE event.subject_id IN (SELECT subject_id FROM {rows.accepted})
              AND split_part(event.record_id, '/', 1) IN ({heads})
              AND event.time_precision IS NULL AND event."time" <> stay.{time}
            """
        ).fetchall()[0][0]
        if changed:
            rows.entry.stage("gone", "SELECT DISTINCT record_id, subject_id FROM moved_event")
            rows.entry.stage("event", "FROM moved_event")
            moved += changed
    return moved


def follow_visits(edstays: Rows) -> int:
    """Take out the visits that admissions told of, where edstays has a row of its own for them; return how many."""
    return edstays.entry.stage(
        "gone",
        f"SELECT record_id, subject_id FROM encounter WHERE record_id IN "
        f"(SELECT 'admissions_ed/' || hadm_id FROM {VISITED} WHERE hadm_id IS NOT NULL)",
    )


def follow_deaths(admissions: Rows, patients: Rows | None) -> int:
    """Write the record of patients anew of whom an admission says when they died, or no longer says it.

    Those with a row in the file of patients are left to that. Gives how many.
    """
    con = admissions.con
    others = f"ANTI JOIN {patients.accepted} AS read USING (subject_id)" if patients else ""
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE dying AS
        WITH told AS (SELECT DISTINCT subject_id FROM {admissions.accepted} {others}),
        exact AS (
            SELECT subject_id, min(deathtime) AS "time", arg_min(hadm_id, deathtime) AS hadm_id
            FROM {ADMITTED} WHERE deathtime IS NOT NULL GROUP BY subject_id
        )
        SELECT subject_id, exact."time", exact.hadm_id
        FROM told LEFT JOIN exact USING (subject_id) LEFT JOIN {DIED} AS stored USING (subject_id)
        LEFT JOIN subject USING (subject_id)
        WHERE exact."time" IS DISTINCT FROM stored."time" AND (exact."time" IS NOT NULL OR stored.hadm_id IS NOT NULL)
          AND coalesce(exact."time" >= birth_time, true)
        """
    )
    admissions.entry.stage("gone", "SELECT 'patients/' || subject_id AS record_id, subject_id FROM dying")
    admissions.entry.stage(
        "event",
        f"""
        SELECT {_COLUMNS}, "time" FROM event
        WHERE subject_id IN (SELECT subject_id FROM dying) AND record_id = 'patients/' || subject_id
          AND code <> '{DEATH}'
        """,
    )
    admissions.entry.stage(
        "event",
        f"""
        SELECT subject_id, "time", '{DEATH}' AS code, hadm_id AS encounter_id, 'patients/' || subject_id AS record_id
        FROM dying WHERE "time" IS NOT NULL
        """,
    )
    return admissions.entry.stage(
        "subject",
        """
        SELECT subject_id, identifiers, dying."time" IS NOT NULL
               OR subject_id IN (SELECT subject_id FROM encounter WHERE disposition = 'DIED') AS deceased
        FROM dying LEFT JOIN subject USING (subject_id)
        """,
    )
