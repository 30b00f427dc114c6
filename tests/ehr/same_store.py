"""Comparing stores: what a store holds, apart from the numbers that it gives to events and files."""

import polars as pl

from ehr.store import Store, frame_of

CONTENTS = {
    "event": """
        SELECT * EXCLUDE (event_id, source_id),
               row_number() OVER (PARTITION BY subject_id ORDER BY "time" NULLS FIRST, event_id) AS nth
        FROM event ORDER BY subject_id, nth
    """,
    "subject": "FROM subject ORDER BY subject_id",
    "encounter": "SELECT * EXCLUDE (source_id) FROM encounter ORDER BY encounter_id",
    "record": "SELECT * EXCLUDE (source_id) FROM record ORDER BY record_id",
    "tombstone": "SELECT subject_id, n_events FROM tombstone ORDER BY subject_id",
    "code": "FROM code ORDER BY code",
    "code_value": """
        SELECT code, unit, numeric_value, sum(n)::BIGINT AS n FROM code_value
        GROUP BY ALL HAVING sum(n) <> 0 ORDER BY ALL
    """,
    "unit": "FROM unit ORDER BY code, unit",
    "hierarchy": "FROM hierarchy ORDER BY ALL",
    "code_ancestor": "FROM code_ancestor ORDER BY ALL",
}
"""Table -> what of it must be the same in two stores that took in the same records."""

LEDGER = {
    "source": "SELECT file, sha256, format, rows_in, rows_accepted, rows_rejected, rows_skipped, status "
    "FROM source ORDER BY file",
    "reject": "SELECT file, line, resource, code, reason, excerpt FROM reject JOIN source USING (source_id) "
    "ORDER BY ALL",
}
"""What the ledger must say alike when the same files were imported."""


def contents(store: Store, queries: dict[str, str] = CONTENTS) -> dict[str, pl.DataFrame]:
    """Return what a store holds, table by table, in a fixed order."""
    return {name: frame_of(store.cursor().sql(query)) for name, query in queries.items()}


def differences(one: Store, other: Store, queries: dict[str, str] = CONTENTS) -> list[str]:
    """Name the tables in which two stores differ, with the first row that is in one of them only."""
    found = []
    left, right = contents(one, queries), contents(other, queries)
    for name, frame in left.items():
        if not frame.equals(right[name]):
            rows, others = (list(map(repr, table.iter_rows())) for table in (frame, right[name]))
            known, seen = set(others), set(rows)
            only = [row for row in rows if row not in known] + [row for row in others if row not in seen]
            found.append(f"{name}: {len(rows)} and {len(others)} rows, first alone: {only[:1]}")
    return found
