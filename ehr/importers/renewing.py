"""Files of a table that the store has already: a later extract, or the increment of a day.

What came before is recognised and skipped, what changed takes the place of what it was, and what is new goes in:

- A row whose table names it by a key has a record_id. Its events are compared with those of the record in the store:
  equal ones are skipped, others replace them. The file that comes later counts.
- A row without a key cannot be told from another with the same events. Of equal events, at one time of one patient,
  as many go in as the file has beyond those that the store has of this table.

No row is taken out because a later file lacks it, since that file may be an increment. The cost is that of one look
at the column subject_id and of the events of the patients in the file, and nothing where the store has no such table.
"""

from typing import TYPE_CHECKING, Final

from ehr.importers.tables import TableSpec
from ehr.intake import Intake
from ehr.refresh import ORDER

if TYPE_CHECKING:
    from ehr.importers.judging import Rows

SIGNATURE: Final = (
    "hash(code, numeric_value, text_value, value_code, unit, encounter_id, end_time, status, codings, time_precision)"
)
"""SQL of what events are compared by, beside patient, time and record."""

EVERY_COLUMN: Final = "SELECT * EXCLUDE (source_id) FROM stage_event WHERE false"
"""SELECT of no event, which gives events the columns that they lack."""


def earlier_sources(intake: Intake, spec: TableSpec) -> list[int]:
    """Return the files of a table that the store had before this import."""
    found = intake.con.execute(
        "SELECT source_id FROM tally JOIN source USING (source_id) "
        "WHERE resource = ? AND format = ? AND tally.rows_accepted > 0 AND source_id < ? ORDER BY source_id",
        [spec.name, intake.format, intake.first_id],
    )
    return [row[0] for row in found.fetchall()]


def new_events(rows: "Rows", select: str, sources: list[int], kinds: int | None = None) -> str:
    """Return the SELECT of those events of `select` that the store lacks; the records that they renew are gone.

    `sources` are the files that the store has of this table, `kinds` how many events a row may give, by which their
    order counts the rows. Rows that bring nothing new are counted as skipped.
    """
    con, fresh, new = rows.con, rows.renewed("fresh"), rows.renewed("new")
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {fresh} AS SELECT *, {SIGNATURE} AS signature "
        f"FROM ({EVERY_COLUMN} UNION ALL BY NAME ({select}))"
    )
    con.execute(f"CREATE OR REPLACE TEMP TABLE earlier AS {_earlier(rows, fresh, sources)}")
    con.execute(f"CREATE OR REPLACE TEMP TABLE compared AS {_COMPARED.format(fresh=fresh)}")
    rows.entry.stage("gone", "SELECT record_id, subject_id FROM compared WHERE NOT is_equal")
    con.execute(f"CREATE OR REPLACE TEMP TABLE {new} AS {_NEW.format(fresh=fresh)}")
    kinds = kinds or len(rows.spec.events)
    skipped = con.execute(
        f"SELECT (SELECT count(DISTINCT {ORDER} // {kinds}) FROM {fresh}) "
        f"- (SELECT count(DISTINCT {ORDER} // {kinds}) FROM {new})"
    ).fetchall()[0][0]
    rows.skip_stored(skipped)
    for table in (fresh, "earlier", "compared"):
        con.execute(f"DROP TABLE {table}")
    return f"FROM {new}"


def new_stays(rows: "Rows", select: str) -> str:
    """Return the SELECT of those stays of `select` that the store has not, or has otherwise."""
    names = [row[0] for row in rows.con.execute(f"DESCRIBE {select}").fetchall()]
    equal = " AND ".join(f"fresh.{name} IS NOT DISTINCT FROM encounter.{name}" for name in names)
    return f"SELECT fresh.* FROM ({select}) AS fresh ANTI JOIN encounter ON {equal}"


def _earlier(rows: "Rows", fresh: str, sources: list[int]) -> str:
    """Return the SELECT of the events of the store that those of `fresh` may repeat or renew: none for new patients.

    A record is looked for in every source: what changes with a stay was written again by the file of the stay.
    """
    keyed, unkeyed = rows.con.execute(
        f"SELECT count(record_id), count(*) FILTER (record_id IS NULL) FROM {fresh} "
        "SEMI JOIN subject USING (subject_id)"
    ).fetchall()[0]
    columns = f'SELECT subject_id, "time", record_id, {SIGNATURE} AS signature'
    of_records = f"""
        {columns} FROM event
        WHERE subject_id IN (SELECT subject_id FROM {fresh} WHERE record_id IS NOT NULL)
          AND record_id IN (SELECT record_id FROM {fresh} WHERE record_id IS NOT NULL)
    """
    of_times = f"""
        {columns} FROM event
        SEMI JOIN (SELECT DISTINCT subject_id, "time" FROM {fresh} WHERE record_id IS NULL) AS fresh
        ON event.subject_id = fresh.subject_id AND event."time" IS NOT DISTINCT FROM fresh."time"
        WHERE event.subject_id IN (SELECT subject_id FROM {fresh} WHERE record_id IS NULL)
          AND record_id IS NULL AND source_id IN ({", ".join(map(str, sources))})
    """
    selects = [select for select, count in ((of_records, keyed), (of_times, unkeyed)) if count]
    return " UNION ALL ".join(selects) or f"{columns} FROM event WHERE false"


_COMPARED: Final = """
    WITH mine AS (
        SELECT record_id, any_value(subject_id) AS subject_id, count(*) AS n, sum(hash("time", signature)) AS total
        FROM {fresh} WHERE record_id IS NOT NULL GROUP BY record_id
    ),
    theirs AS (
        SELECT record_id, any_value(subject_id) AS subject_id, count(*) AS n, sum(hash("time", signature)) AS total
        FROM earlier WHERE record_id IS NOT NULL GROUP BY record_id
    )
    SELECT record_id, theirs.subject_id, (mine.subject_id, mine.n, mine.total)
           = (theirs.subject_id, theirs.n, theirs.total) AS is_equal
    FROM mine JOIN theirs USING (record_id)
"""

_NEW: Final = """
    SELECT * EXCLUDE (signature) FROM {fresh}
    WHERE record_id IS NOT NULL AND record_id NOT IN (SELECT record_id FROM compared WHERE is_equal)
    UNION ALL
    SELECT fresh.* EXCLUDE (signature, nth)
    FROM (
        SELECT *, row_number() OVER (PARTITION BY subject_id, "time", signature ORDER BY event_order) AS nth
        FROM {fresh} WHERE record_id IS NULL
    ) AS fresh
    LEFT JOIN (
        SELECT subject_id, "time", signature, count(*) AS n FROM earlier WHERE record_id IS NULL GROUP BY ALL
    ) AS earlier
    ON fresh.subject_id = earlier.subject_id AND fresh.signature = earlier.signature
       AND fresh."time" IS NOT DISTINCT FROM earlier."time"
    WHERE nth > coalesce(n, 0)
"""
