"""Which version of a record is the newest, and what becomes of the others.

The order is that of `last_updated`, then of numeric version ids; a missing one counts as older than any. At one and
the same version a deletion or withdrawal goes before content, and content before what was left out; then what the
store has, then what came first. So the newest state stays whatever the order in which versions come.
"""

from typing import Final

import duckdb

REFERRED: Final = ("Patient", "Medication", "Device")
"""Types whose newest version is decided first: whether a record stays may hang on what it names."""

_PARTS: Final = (
    """
    SELECT ordinal, concat(epoch_us("time"), '|', coalesce(named_by, code), '|', numeric_value, '|', text_value, '|',
           value_code, '|', unit, '|', epoch_us(end_time), '|', status, '|', record_id, '|',
           CASE WHEN named_by IS NULL THEN codings::VARCHAR END, '|', time_precision, '|', utc_offset) AS said
    FROM fhir_event
    """,
    """
    SELECT ordinal, concat('stay|', parent_id, '|', "class", '|', "type", '|', epoch_us(start_time), '|',
           epoch_us(end_time), '|', admit_source, '|', disposition) FROM fhir_stay
    """,
    "SELECT ordinal, concat('product|', codes::VARCHAR, '|', description) FROM fhir_product",
    """
    SELECT ordinal, concat('record|', subject_id, '|', encounter_id, '|', list_sort(identifiers)::VARCHAR, '|',
           deceased)
    FROM fhir_record WHERE kind = 'content'
    """,
)


def digest_records(con: duckdb.DuckDBPyConnection) -> None:
    """Make the table `fhir_digest` (ordinal, digest): a hash of all that the content of a record says.

    MD5 does not change between releases of the database, as its own hash may; the order of events does not matter.
    """
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE fhir_digest AS
        SELECT ordinal, (sum(md5_number_lower(said)::HUGEINT) % 9223372036854775783)::BIGINT AS digest
        FROM ({" UNION ALL ".join(_PARTS)}) GROUP BY ordinal
        """
    )


def find_repeated(con: duckdb.DuckDBPyConnection) -> bool:
    """Note what the store has of the staged records, and which came several times; say whether there are any.

    Makes the tables `fhir_stored`, with columns as in `record`, and `fhir_repeat` (record_id).
    """
    con.execute(
        "CREATE OR REPLACE TEMP TABLE fhir_stored AS "
        "FROM record WHERE record_id IN (SELECT record_id FROM fhir_record)"
    )
    found = con.execute(
        """
        CREATE OR REPLACE TEMP TABLE fhir_repeat AS
        SELECT record_id FROM fhir_record GROUP BY record_id HAVING count(*) > 1
        UNION SELECT record_id FROM fhir_stored
        """
    ).fetchall()
    return bool(found[0][0])


def judge_versions(con: duckdb.DuckDBPyConnection, *, referred: bool) -> None:
    """Give a verdict on every version but the newest, of the types that others refer to or of all others."""
    con.execute(_JUDGE, {"referred": referred, "types": list(REFERRED)})


_JUDGE: Final = """
    INSERT INTO fhir_verdict
    WITH version AS (
        SELECT ordinal, record_id, kind, version_id, last_updated, digest
        FROM fhir_record LEFT JOIN fhir_digest USING (ordinal)
        WHERE record_id IN (FROM fhir_repeat) AND list_contains($types, type) = $referred
          AND ordinal NOT IN (SELECT ordinal FROM fhir_verdict)
        UNION ALL BY NAME
        SELECT NULL AS ordinal, record_id, version_id, last_updated, digest,
               CASE WHEN deleted_at IS NOT NULL THEN 'deleted' WHEN digest IS NULL THEN 'left-out'
                    ELSE 'content' END AS kind
        FROM fhir_stored WHERE list_contains($types, split_part(record_id, '/', 1)) = $referred
    ),
    numbered AS (
        SELECT *, coalesce(last_updated, '-infinity') AS updated,
               CASE WHEN kind IN ('deleted', 'withdrawn') AND version_id IS NULL THEN 1e35::HUGEINT
                    WHEN regexp_full_match(version_id, '[0-9]{1,30}') THEN version_id::HUGEINT
                    ELSE -1 END AS number,
               CASE kind WHEN 'content' THEN 1 WHEN 'left-out' THEN 2 ELSE 0 END AS weakness
        FROM version
    ),
    ranked AS (
        SELECT *, first_value(ordinal) OVER newest AS first_ordinal, first_value(kind) OVER newest AS first_kind,
               first_value(digest) OVER newest AS first_digest,
               (updated, number) = (first_value(updated) OVER newest, first_value(number) OVER newest) AS is_same,
               last_updated IS NULL AND version_id IS NULL AS is_unversioned
        FROM numbered
        WINDOW newest AS (PARTITION BY record_id ORDER BY updated DESC, number DESC, weakness, ordinal NULLS FIRST)
    ),
    judged AS (
        SELECT *, CASE WHEN kind = 'withdrawn' THEN 'dropped'
                       WHEN kind = 'left-out' AND first_kind = 'content' AND is_same THEN 'contested'
                       WHEN kind = 'left-out' THEN 'dropped'
                       WHEN kind = 'deleted' AND first_kind = 'deleted' AND is_same THEN 'repeat'
                       WHEN kind = 'deleted' OR first_kind <> 'content' THEN 'old-version'
                       WHEN NOT (is_same OR is_unversioned) THEN 'old-version'
                       WHEN digest = first_digest THEN 'repeat'
                       ELSE 'conflict' END AS code
        FROM ranked WHERE ordinal IS DISTINCT FROM first_ordinal AND ordinal IS NOT NULL
    )
    SELECT ordinal, CASE WHEN code IN ('repeat', 'old-version') THEN 'skipped' WHEN code = 'conflict' THEN 'rejected'
                         ELSE code END AS outcome,
           code,
           CASE WHEN is_unversioned AND is_same THEN
                    'another content of it came before, and neither says in meta.lastUpdated which is newer'
                WHEN is_unversioned THEN 'without meta.lastUpdated, and another content of it that has one is there'
                ELSE 'another content of it came before under the same version' END AS reason,
           NULL AS excerpt
    FROM judged
"""
"""Verdicts: `skipped` and `rejected` are counted, `dropped` was counted when it was read, and so was `contested`,
which says that something did not happen while another content without a version says that it did."""
