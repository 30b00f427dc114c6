"""Reading one table: its rows typed and judged, then its events staged, and every row accounted for.

    rows = read_rows(entry, file, spec)      # None when the file as a whole is refused
    stage_rows(rows)

The rows of a table lie in a temporary table of their own, those that are refused in another; what is wrong with a
file or a row goes to the ledger as a reject or a notice that names file, row and reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import duckdb

from ehr.importers.csv_source import SCAN, CsvFile, Row, scan, scan_slowly
from ehr.importers.tables import TableSpec, events_select, reason_sql, typed_select
from ehr.intake import SourceFile

NOTICES_EACH: Final = 1_000
"""Notices of one reason that a file may have one by one; what goes beyond is counted in one more."""

KNOWN_STAYS: Final = "known_stay"
"""Temporary table (encounter_id, subject_id) of the stays that rows may name."""

KNOWN_SUBJECTS: Final = "known_subject"
"""Temporary table (subject_id) of the patients that rows may name."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one file: `typed` has all that could be split into cells, `refused` those that go no further.

    `columns` are the columns of the file, as `csv_scan` names them.
    """

    entry: SourceFile
    spec: TableSpec
    columns: tuple[str, ...]
    n_in: int
    n_broken: int

    @property
    def con(self) -> duckdb.DuckDBPyConnection:
        """The connection that holds the tables."""
        return self.entry.intake.con

    @property
    def typed(self) -> str:
        """The table of the rows: row, columns of the spec, problems."""
        return f"typed_{self.spec.stem}"

    @property
    def refused(self) -> str:
        """The table of the rows that are refused, or skipped as repeats, for another reason than their cells."""
        return f"refused_{self.spec.stem}"

    @property
    def accepted(self) -> str:
        """The view of the rows that go in."""
        return f"accepted_{self.spec.stem}"

    @property
    def record(self) -> str:
        """The SQL of the text of a row of `csv_scan`."""
        cells = ", ".join(f"coalesce({column}, '')" for column in self.columns)
        return f"concat_ws(',', {cells})"


def read_rows(entry: SourceFile, file: CsvFile, spec: TableSpec) -> Rows | None:
    """Read a file as what `spec` says; None, with the reason in the ledger, when it cannot be that."""
    if file.damage or file.is_empty:
        _tell_of_nothing(entry, file, spec.name)
        return None
    columns = _column_names(file, spec)
    missing = [name for name in spec.required if name not in columns]
    if missing:
        _refuse_file(entry, file, spec, columns, missing)
        return None
    _tell_of_columns(entry, file, spec, columns)
    broken = _read_typed(entry.intake.con, file, spec, columns)
    n_broken = sum(row.broken is not None for row in broken)
    n_typed = _count(entry.intake.con, f"typed_{spec.stem}")
    rows = Rows(entry, spec, columns, n_typed + n_broken, n_broken)
    rows.con.execute(f"CREATE OR REPLACE TEMP TABLE {rows.refused} (row BIGINT, is_repeat BOOLEAN)")
    _renew_accepted(rows)
    _tell_of_lines(rows, broken)
    _tell_of_problems(rows)
    _refuse_repeats(rows)
    for column in spec.stays:
        _check_stay(rows, column)
    return rows


def read_unjudged(con: duckdb.DuckDBPyConnection, file: CsvFile, spec: TableSpec) -> str | None:
    """Read a file whose ledger row exists already; return the table of its rows, None when it cannot be that."""
    columns = _column_names(file, spec)
    if file.damage or file.is_empty or not set(spec.required) <= set(columns):
        return None
    _read_typed(con, file, spec, columns)
    return f"typed_{spec.stem}"


def check_subjects(rows: Rows) -> None:
    """Tell of rows whose patient is not in `known_subject`; they go in."""
    con, entry, name = rows.con, rows.entry, rows.spec.name
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE stranger AS SELECT DISTINCT subject_id FROM {rows.accepted} "
        f"ANTI JOIN {KNOWN_SUBJECTS} USING (subject_id)"
    )
    if not _count(con, "stranger"):
        return
    if not _count(con, KNOWN_SUBJECTS):
        entry.notice(None, name, "no table of patients went in that subject_id could be compared with")
        return
    _notice_each(
        entry,
        f"SELECT row AS line, '{name}' AS resource, 'subject_id is not in patients' AS reason, "
        f"subject_id::VARCHAR AS excerpt FROM {rows.accepted} SEMI JOIN stranger USING (subject_id)",
    )


def stage_rows(rows: Rows) -> None:
    """Stage the events, stays and subjects of the accepted rows, and count what became of all rows."""
    spec, entry = rows.spec, rows.entry
    if spec.events:
        entry.stage("event", events_select(spec, rows.accepted))
    for select in spec.encounters:
        entry.stage("encounter", select.format(rows=rows.accepted))
    if spec.subjects:
        entry.stage("subject", spec.subjects.format(rows=rows.accepted))
    by_cell, repeats, others = rows.con.execute(
        f"SELECT (SELECT count(*) FILTER (problems & {spec.refusing} <> 0) FROM {rows.typed}), "
        f"(SELECT count(*) FILTER (is_repeat) FROM {rows.refused}), (SELECT count(*) FILTER (NOT is_repeat) FROM {rows.refused})"
    ).fetchall()[0]
    rejected = rows.n_broken + by_cell + others
    entry.tally(
        spec.name, rows_in=rows.n_in, accepted=rows.n_in - rejected - repeats, rejected=rejected, skipped=repeats
    )
    if not rows.n_in:
        entry.status = "empty"


def drop_rows(rows: Rows) -> None:
    """Give back the memory of a table that nothing needs any more."""
    rows.con.execute(f"DROP VIEW {rows.accepted}")
    rows.con.execute(f"DROP TABLE {rows.typed}")
    rows.con.execute(f"DROP TABLE {rows.refused}")


def skip_file(entry: SourceFile, file: CsvFile, name: str, notice: str | None = None) -> None:
    """Count the rows of a file that gives no events."""
    if notice:
        entry.notice(None, name, notice)
    if file.damage or file.is_empty:
        _tell_of_nothing(entry, file, name)
        return
    n_rows = _count_records(entry, file, [f"column_{position}" for position in range(len(file.header))])
    entry.status = "skipped"
    entry.tally(name, rows_in=n_rows, skipped=n_rows)


def _read_typed(
    con: duckdb.DuckDBPyConnection, file: CsvFile, spec: TableSpec, columns: tuple[str, ...]
) -> list[Row]:
    """Make the typed table; return the records that are broken or have a remark."""
    absent = [column.name for column in spec.columns if column.name not in columns]
    create = f"CREATE OR REPLACE TEMP TABLE typed_{spec.stem} AS {typed_select(spec)}"
    try:
        scan(con, file, columns, absent)
        con.execute(create)
    except duckdb.InvalidInputException:
        broken = scan_slowly(con, file, columns, absent)
        con.execute(create)
        return broken
    return []


def _tell_of_nothing(entry: SourceFile, file: CsvFile, name: str) -> None:
    """Tell of a file that has no rows to read."""
    entry.tally(name)
    if file.damage:
        entry.status = "failed"
        entry.reject(None, name, f"{file.damage}; get the file again")
    else:
        entry.status = "empty"
        entry.notice(None, name, "empty file, no header")


def _refuse_file(
    entry: SourceFile, file: CsvFile, spec: TableSpec, columns: Sequence[str], missing: Sequence[str]
) -> None:
    n_rows = _count_records(entry, file, columns)
    words = ("column", "is") if len(missing) == 1 else ("columns", "are")
    entry.status = "failed"
    reason = f"required {words[0]} {', '.join(missing)} {words[1]} missing"
    entry.reject(None, spec.name, reason, file.delimiter.join(file.header))
    entry.tally(spec.name, rows_in=n_rows, rejected=n_rows)


def _column_names(file: CsvFile, spec: TableSpec) -> tuple[str, ...]:
    """Name the columns of a file as `spec` does, by their header whatever their place; others by their place."""
    known = {column.name for column in spec.columns}
    names: list[str] = []
    for position, header in enumerate(file.header):
        name = header.lower()
        names.append(name if name in known and name not in names else f"column_{position}")
    return tuple(names)


def _tell_of_columns(entry: SourceFile, file: CsvFile, spec: TableSpec, columns: Sequence[str]) -> None:
    """Tell of columns that the source is not known to have, and of those that it lacks."""
    expected = {*spec.ignored.split(), *columns}
    unknown = [header for header in file.header if header.lower() not in expected]
    absent = [column.name for column in spec.columns if column.name not in columns]
    if unknown:
        entry.notice(None, spec.name, f"unknown columns, not used: {', '.join(unknown)}")
    if absent:
        entry.notice(None, spec.name, f"missing columns, left NULL: {', '.join(absent)}")
    if file.delimiter != "," and len(file.header) > 1:
        entry.notice(None, spec.name, f"fields are separated by {file.delimiter!r} instead of a comma")


def _count_records(entry: SourceFile, file: CsvFile, columns: Sequence[str]) -> int:
    """Count the records of a file, broken ones too."""
    con = entry.intake.con
    try:
        scan(con, file, columns)
        return _count(con, SCAN)
    except duckdb.InvalidInputException:
        broken = scan_slowly(con, file, columns)
        return _count(con, SCAN) + sum(row.broken is not None for row in broken)


def _tell_of_lines(rows: Rows, records: Sequence[Row]) -> None:
    """Tell of the records that could not be split, and of those that were read with a remark."""
    for record in records:
        excerpt = ",".join(cell or "" for cell in record.cells)
        if record.broken:
            rows.entry.reject(record.number, rows.spec.name, record.broken, excerpt)
        elif record.remark:
            rows.entry.notice(record.number, rows.spec.name, record.remark, excerpt)


def _tell_of_problems(rows: Rows) -> None:
    """Tell which rows fail which checks; reads the file once more, for their text, only when there are such rows."""
    con, spec, name = rows.con, rows.spec, rows.spec.name
    failed = con.execute(f"SELECT bit_or(problems) FROM {rows.typed}").fetchall()[0][0] or 0
    if not failed:
        return
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE problem AS SELECT {SCAN}.*, {rows.record} AS record, problems "
        f"FROM {SCAN} JOIN (SELECT row, problems FROM {rows.typed} WHERE problems <> 0) USING (row)"
    )
    checks = [(check, 1 << i) for i, check in enumerate(spec.all_checks) if failed & (1 << i)]
    refusing = [reason_sql(check, bit) for check, bit in checks if check.refuses]
    if refusing:
        rows.entry.reject_rows(
            f"SELECT row AS line, '{name}' AS resource, concat_ws('; ', {', '.join(refusing)}) AS reason, "
            f"record AS excerpt FROM problem WHERE problems & {spec.refusing} <> 0 ORDER BY row"
        )
    for check, bit in checks:
        if not check.refuses:
            _notice_each(
                rows.entry,
                f"SELECT row AS line, '{name}' AS resource, '{check.reason}' AS reason, "
                f"{check.cell or 'NULL'}::VARCHAR AS excerpt FROM problem "
                f"WHERE problems & {bit} <> 0 AND problems & {spec.refusing} = 0",
            )


def _refuse_repeats(rows: Rows) -> None:
    """Skip exact repeats of a row, and refuse rows whose key is taken; the first row with a key is kept."""
    key, con, name = rows.spec.key, rows.con, rows.spec.name
    if not key:
        return
    named = " AND ".join(f"{column} IS NOT NULL" for column in key)
    columns = ", ".join(key)
    distinct = columns if len(key) == 1 else f"({columns})"
    extra = con.execute(f"SELECT count(*) - count(DISTINCT {distinct}) FROM {rows.accepted} WHERE {named}").fetchall()
    if not extra[0][0]:
        return
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE repeated AS
        WITH pair AS (
            SELECT row, first_value(row) OVER (PARTITION BY {columns} ORDER BY row) AS first_row
            FROM {rows.accepted} WHERE {named} QUALIFY row <> first_row
        ),
        record AS (
            SELECT row, {rows.record} AS record FROM {SCAN}
            WHERE row IN (SELECT row FROM pair UNION ALL SELECT first_row FROM pair)
        )
        SELECT pair.row, first_row, this.record, this.record = that.record AS is_repeat
        FROM pair JOIN record AS this USING (row) JOIN record AS that ON that.row = first_row
        """
    )
    con.execute(f"INSERT INTO {rows.refused} SELECT row, is_repeat FROM repeated")
    _renew_accepted(rows)
    rows.entry.notice_rows(
        f"SELECT row AS line, '{name}' AS resource, record AS excerpt, "
        "format('exact duplicate of row {}: skipped', first_row) AS reason FROM repeated WHERE is_repeat ORDER BY row"
    )
    rows.entry.reject_rows(
        f"SELECT row AS line, '{name}' AS resource, record AS excerpt, "
        f"format('{' and '.join(key)} is there already, in row {{}}, with other values: the first row is kept', "
        "first_row) AS reason FROM repeated WHERE NOT is_repeat ORDER BY row"
    )


def _check_stay(rows: Rows, column: str) -> None:
    """Refuse rows that name a stay of another patient; tell of stays that are not there."""
    con, entry, name = rows.con, rows.entry, rows.spec.name
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE loose AS
        SELECT subject_id, stay, stay IN (SELECT encounter_id FROM {KNOWN_STAYS}) AS is_foreign
        FROM (SELECT DISTINCT subject_id, {column} AS stay FROM {rows.accepted} WHERE {column} IS NOT NULL) AS named
        ANTI JOIN {KNOWN_STAYS} AS known ON known.encounter_id = stay AND known.subject_id = named.subject_id
        """
    )
    if not _count(con, "loose"):
        return
    if not _count(con, KNOWN_STAYS):
        entry.notice(None, name, f"no stays went in that {column} could be compared with")
        return
    loose = f"{rows.accepted} AS rows JOIN loose ON rows.subject_id = loose.subject_id AND {column} = stay"
    _notice_each(
        entry,
        f"SELECT row AS line, '{name}' AS resource, '{column} is the stay of no row that went in' AS reason, "
        f"stay::VARCHAR AS excerpt FROM {loose} WHERE NOT is_foreign",
    )
    con.execute(f"CREATE OR REPLACE TEMP TABLE foreign_row AS SELECT row FROM {loose} WHERE is_foreign")
    if not _count(con, "foreign_row"):
        return
    entry.reject_rows(
        f"SELECT row AS line, '{name}' AS resource, '{column} is the stay of another patient' AS reason, "
        f"{rows.record} AS excerpt FROM {SCAN} SEMI JOIN foreign_row USING (row) ORDER BY row"
    )
    con.execute(f"INSERT INTO {rows.refused} SELECT row, false FROM foreign_row")
    _renew_accepted(rows)


def _notice_each(entry: SourceFile, select: str) -> None:
    """Keep the first notices that `select` gives one by one, and one for all the others."""
    entry.notice_rows(
        f"""
        WITH one AS (SELECT *, row_number() OVER (ORDER BY line) AS nth FROM ({select}))
        SELECT line, resource, reason, excerpt FROM one WHERE nth <= {NOTICES_EACH}
        UNION ALL
        SELECT NULL, min(resource), format('{{}} more rows: {{}}', count(*), min(reason)), NULL
        FROM one WHERE nth > {NOTICES_EACH} HAVING count(*) > 0
        """
    )


def _renew_accepted(rows: Rows) -> None:
    con = rows.con
    others = f" AND row NOT IN (SELECT row FROM {rows.refused})" if _count(con, rows.refused) else ""
    con.execute(
        f"CREATE OR REPLACE TEMP VIEW {rows.accepted} AS FROM {rows.typed} "
        f"WHERE problems & {rows.spec.refusing} = 0{others}"
    )


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(con.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])
