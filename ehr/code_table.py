"""Keeping table `code` in step with the events: counts that add up, so that an import costs what it brings.

`code_value` has how often each value of each code occurs. An import adds its events and takes off those that it
removes; numbers of events, units and exact quantiles follow from these sums without a look at the events. Only the
number of patients needs one, at the events of the patients that are touched.
"""

from typing import Final

import duckdb

from ehr.events import HEADS

TOUCHED: Final = "touched_code"
"""Temporary table (code) of the codes that an import touches, while it is committed."""

GONE_EVENT: Final = "gone_event"
"""Temporary table (place, subject_id, code, unit, numeric_value) of the events that an import removes."""

LEVELS: Final = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
SLACK: Final = 100_000
"""Rows by which code_value may grow beyond twice its size before its sums are added up."""


def note_touched_codes(con: duckdb.DuckDBPyConnection, last_event: int) -> None:
    """Note the codes of events that came (after number `last_event`) or went, and those with a new title."""
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {TOUCHED} AS
        SELECT DISTINCT code FROM event WHERE event_id > {last_event}
        UNION SELECT code FROM {GONE_EVENT}
        UNION SELECT code FROM stage_code SEMI JOIN code USING (code)
        """
    )


def refresh_codes(con: duckdb.DuckDBPyConnection, last_event: int) -> None:
    """Bring `code_value` and `code` up to date; a new title replaces an old one, a bare head says its meaning."""
    _count_values(con, last_event)
    _count_subjects(con, last_event)
    con.execute(_CODES)
    con.execute(f"DELETE FROM code WHERE code IN (FROM {TOUCHED}) AND code NOT IN (SELECT code FROM counted_code)")
    _add_up(con)


def _count_values(con: duckdb.DuckDBPyConnection, last_event: int) -> None:
    con.execute(
        f"""
        INSERT INTO code_value BY NAME
        SELECT code, unit, numeric_value, sum(one) AS n
        FROM (
            SELECT code, unit, numeric_value, 1 AS one FROM event WHERE event_id > {last_event}
            UNION ALL SELECT code, unit, numeric_value, -1 FROM {GONE_EVENT}
        )
        GROUP BY ALL HAVING sum(one) <> 0
        """
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE counted_value AS
        SELECT code, unit, numeric_value, sum(n)::BIGINT AS n FROM code_value
        WHERE code IN (FROM {TOUCHED}) GROUP BY ALL HAVING sum(n) > 0
        """
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE counted_code AS "
        "SELECT code, sum(n)::BIGINT AS n_events FROM counted_value GROUP BY code"
    )


def _count_subjects(con: duckdb.DuckDBPyConnection, last_event: int) -> None:
    """Note in `subject_change` how many patients each code gains: those that had no event of it, less those lost."""
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE subject_change AS
        WITH came AS MATERIALIZED (SELECT DISTINCT code, subject_id FROM event WHERE event_id > {last_event}),
        went AS MATERIALIZED (SELECT DISTINCT code, subject_id FROM {GONE_EVENT}),
        stayed AS MATERIALIZED (
            SELECT DISTINCT code, subject_id FROM event
            WHERE event_id <= {last_event}
              AND subject_id IN (SELECT subject_id FROM touched_subject)
              AND code IN (FROM {TOUCHED})
        ),
        change AS (
            SELECT code, 1 AS one FROM came ANTI JOIN stayed USING (code, subject_id)
            UNION ALL SELECT code, -1 FROM went ANTI JOIN stayed USING (code, subject_id)
        )
        SELECT code, sum(one)::BIGINT AS n FROM change GROUP BY code
        """
    )


def _add_up(con: duckdb.DuckDBPyConnection) -> None:
    """Add up the sums of `code_value` once they have grown to twice what they were, which costs little over time."""
    rows, before = con.execute("SELECT (SELECT count(*) FROM code_value), n_code_values FROM store_state").fetchall()[
        0
    ]
    if rows <= 2 * before + SLACK:
        return
    con.execute(
        "CREATE OR REPLACE TEMP TABLE summed_value AS "
        "SELECT code, unit, numeric_value, sum(n)::BIGINT AS n FROM code_value GROUP BY ALL HAVING sum(n) <> 0"
    )
    con.execute("DELETE FROM code_value")
    con.execute("INSERT INTO code_value BY NAME FROM summed_value ORDER BY code, unit, numeric_value")
    con.execute("UPDATE store_state SET n_code_values = (SELECT count(*) FROM summed_value)")
    con.execute("DROP TABLE summed_value")


def _quantile(level: float) -> str:
    """Return the SQL of a quantile, interpolated as quantile_cont does, over values with their counts.

    The value at place k in order is the greatest value with at most k values before it.
    """
    place = f"({level} * (total - 1))"
    low = f"max(value) FILTER (before <= floor({place}))"
    high = f"max(value) FILTER (before <= ceil({place}))"
    share = f"any_value({place} - floor({place}))"
    return f"({low} + ({high} - {low}) * {share})::FLOAT"


_SYSTEM: Final = """
    CASE WHEN split_part(counted.code, '//', 2) = 'ICD' THEN 'ICD' || split_part(counted.code, '//', 3)
         WHEN split_part(counted.code, '//', 3) = 'ICD' THEN 'ICD' || split_part(counted.code, '//', 4)
         WHEN split_part(counted.code, '//', 2) IN
              ('SNOMED', 'LOINC', 'RXNORM', 'ICD10', 'ICD9', 'ATC', 'CVX', 'NDC')
         THEN split_part(counted.code, '//', 2) END
"""

_HEADS: Final = ", ".join(f"('{name}', '{head.kind}', '{head.meaning}')" for name, head in HEADS.items())

_QUANTILES: Final = ", ".join(_quantile(level) for level in LEVELS)

_CODES: Final = f"""
    INSERT OR REPLACE INTO code BY NAME
    WITH head(name, kind, meaning) AS (VALUES {_HEADS}),
    common AS (
        SELECT code, first(unit ORDER BY n DESC, unit) AS unit
        FROM (SELECT code, unit, sum(n) AS n FROM counted_value WHERE unit IS NOT NULL GROUP BY ALL) GROUP BY code
    ),
    number AS (
        SELECT code, numeric_value::DOUBLE AS value, sum(n) AS n FROM counted_value
        WHERE isfinite(numeric_value) GROUP BY ALL
    ),
    ranked AS (
        SELECT code, value, sum(n) OVER (PARTITION BY code ORDER BY value) - n AS before,
               sum(n) OVER (PARTITION BY code) AS total
        FROM number
    ),
    spread AS (SELECT code, [{_QUANTILES}] AS quantiles FROM ranked GROUP BY code),
    titled AS (
        SELECT code, max(description) AS description, max(system) AS system, max(parents) AS parents
        FROM stage_code GROUP BY code
    )
    SELECT counted.code,
           coalesce(titled.description, code.description, if(head.name = counted.code, head.meaning, NULL))
               AS description,
           coalesce(titled.system, code.system, {_SYSTEM}) AS system, coalesce(head.kind, 'other') AS kind,
           coalesce(titled.parents, code.parents) AS parents, common.unit, counted.n_events,
           coalesce(code.n_subjects, 0) + coalesce(change.n, 0) AS n_subjects, spread.quantiles
    FROM counted_code AS counted
    LEFT JOIN titled USING (code)
    LEFT JOIN code USING (code)
    LEFT JOIN common USING (code)
    LEFT JOIN spread USING (code)
    LEFT JOIN subject_change AS change USING (code)
    LEFT JOIN head ON head.name = split_part(counted.code, '//', 1)
"""
