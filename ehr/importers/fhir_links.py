"""What a record of FHIR names: a patient by a search, a medicine or device, a stay."""

from typing import Final

import duckdb

from ehr.importers.fhir_pile import Mark
from ehr.importers.fhir_stage import Staging
from ehr.reasons import Reason

HEAD: Final = "CASE WHEN starts_with(named_by, 'Device/') THEN 'DEVICE' ELSE 'MEDICATION' END"
"""SQL of the head of the events whose code is that of the product that they name."""


def resolve_searches(staging: Staging) -> None:
    """Let records belong to the patient, and the stay, that alone has the identifier by which they name it.

    A search for `SYSTEM|VALUE` wants both, `|VALUE` one without a system, and `VALUE` any system. It looks among the
    staged records and in the store, and is told in a notice.
    """
    con = staging.con
    for name, number, stored in (
        ("subject", "subject_id", "SELECT subject_id, unnest(identifiers) AS identifier FROM subject"),
        ("encounter", "encounter_id", "SELECT encounter_id, unnest(identifiers) AS identifier FROM encounter"),
    ):
        type_name = "Patient" if name == "subject" else "Encounter"
        found = con.execute(
            f"""
            WITH asked AS (
                SELECT DISTINCT {name} AS question, split_part({name}, '?identifier=', 2) AS wanted
                FROM fhir_record WHERE {name} LIKE '{type_name}?%' AND {number} IS NULL
            ),
            named AS (
                SELECT {number}, unnest(identifiers) AS identifier FROM fhir_record
                WHERE type = '{type_name}' AND kind = 'content'
                UNION {stored}
            ),
            answer AS (
                SELECT question, min({number}) AS number
                FROM asked JOIN named
                  ON identifier = wanted
                  OR (NOT contains(wanted, '|') AND regexp_extract(identifier, '^[^|]*\\|(.*)$', 1) = wanted)
                WHERE wanted NOT IN ('', '|') GROUP BY question HAVING count(DISTINCT {number}) = 1
            )
            UPDATE fhir_record SET {number} = answer.number FROM answer
            WHERE {name} = answer.question AND {number} IS NULL
            RETURNING source_id, line, record_id
            """
        ).fetchall()
        reason = f"{type_name} found by its identifier"
        staging.note((*row, Reason.NOTE, reason) for row in found)


def name_products(con: duckdb.DuckDBPyConnection) -> None:
    """Give the events that name a Medication or Device its code; reject those that name one that is nowhere."""
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE fhir_named AS
        WITH open AS (
            SELECT ordinal, record_id, kind FROM fhir_record ANTI JOIN fhir_verdict USING (ordinal)
            WHERE type IN ('Medication', 'Device')
        )
        SELECT record_id, codes, description, system FROM fhir_product JOIN open USING (ordinal)
        UNION ALL
        SELECT record_id, codes, description, system FROM product ANTI JOIN open USING (record_id)
        WHERE record_id IN (SELECT named_by FROM fhir_event WHERE code IS NULL)
        """
    )
    con.execute(
        f"""
        UPDATE fhir_event SET code = {HEAD} || '//' || codes[1],
               codings = CASE WHEN len(codes) > 1 THEN list_transform(codes, lambda c: {HEAD} || '//' || c) END
        FROM fhir_named n WHERE fhir_event.code IS NULL AND named_by = n.record_id
        """
    )
    con.execute(
        f"""
        INSERT INTO stage_code BY NAME
        SELECT DISTINCT {HEAD} || '//' || codes[1] AS code, description, system
        FROM fhir_named n JOIN (SELECT DISTINCT named_by FROM fhir_event) ON named_by = n.record_id
        """
    )
    con.execute(
        """
        INSERT INTO fhir_verdict
        SELECT ordinal, 'rejected', 'bad-reference',
               any_value(CASE WHEN named_by LIKE 'Device/%' THEN 'device' ELSE 'medicationReference' END)
               || ' is neither in the input nor in the store', any_value(named_by)
        FROM fhir_event ANTI JOIN fhir_verdict USING (ordinal) WHERE code IS NULL GROUP BY ordinal
        """
    )


def check_stays(staging: Staging) -> None:
    """Note records whose stay is not there, cut the link where it is another patient's, date what has no time."""
    con = staging.con
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE fhir_known_stay AS
        SELECT s.encounter_id, r.subject_id, s.start_time, s.end_time
        FROM fhir_stay s JOIN fhir_record r USING (ordinal)
        UNION ALL
        SELECT encounter_id, subject_id, start_time, end_time FROM encounter
        WHERE encounter_id IN (SELECT encounter_id FROM fhir_record)
          AND record_id NOT IN (SELECT record_id FROM fhir_record WHERE type = 'Encounter')
        """
    )
    odd = con.execute(
        """
        SELECT r.source_id, count(*) FILTER (s.encounter_id IS NULL), bool_or(s.subject_id <> r.subject_id)
        FROM (SELECT source_id, encounter_id, subject_id FROM fhir_record WHERE encounter_id IS NOT NULL) r
        LEFT JOIN fhir_known_stay s USING (encounter_id)
        WHERE s.encounter_id IS NULL OR s.subject_id <> r.subject_id
        GROUP BY r.source_id
        """
    ).fetchall()
    missing = "records name an Encounter that is neither in the input nor in the store"
    staging.note((one, None, None, Reason.BAD_REFERENCE, f"{count} {missing}") for one, count, _ in odd if count)
    if any(is_strange for _, _, is_strange in odd):
        _cut_strange_stays(staging)
    if Mark.UNDATED in staging.marks:
        _date_by_stay(staging)


def _cut_strange_stays(staging: Staging) -> None:
    strange = staging.con.execute(
        """
        UPDATE fhir_record SET encounter_id = NULL
        WHERE type <> 'Encounter' AND EXISTS (
            FROM fhir_known_stay s
            WHERE s.encounter_id = fhir_record.encounter_id AND s.subject_id <> fhir_record.subject_id
        )
        RETURNING source_id, line, record_id
        """
    ).fetchall()
    reason = "its Encounter is another patient's: the link is left out"
    staging.note((*row, Reason.OTHER_SUBJECT, reason) for row in strange)


def _date_by_stay(staging: Staging) -> None:
    """Let an event without a time stand at the end of its stay, when what was found in it was known."""
    con = staging.con
    dated = con.execute(
        """
        SELECT DISTINCT r.ordinal, r.source_id, r.line, r.record_id
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
        reason = "no time of its own: it stands at the end of its Encounter"
        staging.note((*row[1:], Reason.NO_TIME, reason) for row in dated)
    undated = con.execute(
        """
        SELECT DISTINCT r.source_id, r.line, r.record_id
        FROM fhir_event e JOIN fhir_record r USING (ordinal) WHERE e."time" IS NULL AND r.type <> 'Patient'
        """
    ).fetchall()
    staging.note((*row, Reason.NO_TIME, "no time: kept without one") for row in undated)
