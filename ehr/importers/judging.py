"""Judging the rows of a table, staging the events of those that go in, and accounting for every row.

    prepared = prepare(con, staging, path, spec, is_wanted)     # ehr.importers.reading, may run in a thread
    rows = judge(entry, prepared, spec)                         # None when the file as a whole is refused
    stage_rows(rows)

What is wrong with a file or a row goes to the ledger as a reject or a notice that names file, row and reason, with
the cells that are at fault and those by which the row is found again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import duckdb

from ehr.importers.csv_source import CsvFile
from ehr.importers.reading import Prepared, count_records, read_typed, text_table, typed_table
from ehr.importers.renewing import earlier_sources, new_events, new_stays
from ehr.importers.tables import Check, TableSpec, code_sql, events_select, reason_sql
from ehr.intake import SourceFile
from ehr.reasons import Reason

NOTICES_EACH: Final = 1_000
"""Notices of one reason that a file may have one by one; what goes beyond is counted in one more."""

LONGEST_BEGIN: Final = 40
"""Characters that are shown of the begin of a row that cannot be split."""

KNOWN_STAYS: Final = "known_stay"
"""Temporary table (encounter_id, subject_id) of the stays that rows may name."""

KNOWN_SUBJECTS: Final = "known_subject"
"""Temporary table (subject_id) of the patients that rows may name."""


@dataclass(slots=True)
class Rows:
    """The rows of one file and what became of them; the counts grow while the rows are judged."""

    entry: SourceFile
    spec: TableSpec
    prepared: Prepared
    n_in: int = 0
    n_rejected: int = 0
    n_skipped: int = 0
    has_problems: bool = False
    has_refused: bool = False

    @property
    def con(self) -> duckdb.DuckDBPyConnection:
        """The connection that holds the tables."""
        return self.entry.intake.con

    @property
    def typed(self) -> str:
        """The table of the rows that could be split into cells: row, columns of the spec, problems."""
        return typed_table(self.prepared.staging, self.spec)

    @property
    def refused(self) -> str:
        """The table of the rows that are refused, or skipped as repeats, for another reason than their cells."""
        return f"refused_{self.spec.stem}"

    @property
    def accepted(self) -> str:
        """The table or subquery of the rows that go in."""
        conditions = []
        if self.has_problems:
            conditions.append(f"problems & {self.spec.refusing | self.spec.skipping} = 0")
        if self.has_refused:
            conditions.append(f"row NOT IN (FROM {self.refused})")
        return f"(FROM {self.typed} WHERE {' AND '.join(conditions)})" if conditions else self.typed

    @property
    def record(self) -> str:
        """The SQL of the text of a row of the file."""
        cells = ", ".join(f"coalesce({column}, '')" for column in self.prepared.columns)
        return f"concat_ws(',', {cells})"

    def renewed(self, what: str) -> str:
        """The table of the events that are `fresh` in this file, or `new` to the store (ehr.importers.renewing)."""
        return f"{what}_{self.spec.stem}"

    def skip_stored(self, count: int) -> None:
        """Count rows that the store has already as skipped, and tell of them once."""
        if count:
            self.n_skipped += count
            notice = f"{count} rows are in the store already: skipped"
            self.entry.notice(None, self.spec.name, notice, code=Reason.REPEAT)

    def drop(self) -> None:
        """Drop the tables, once what they gave is in the store."""
        text = text_table(self.prepared.staging, self.spec)
        for table in (self.typed, text, self.refused, self.renewed("new")):
            self.con.execute(f"DROP TABLE IF EXISTS {table}")

    def refuse(self, select: str) -> int:
        """Refuse the rows that `select` gives; return how many."""
        if not self.has_refused:
            self.con.execute(f"CREATE OR REPLACE TEMP TABLE {self.refused} (row BIGINT)")
            self.has_refused = True
        return int(self.con.execute(f"INSERT INTO {self.refused} {select}").fetchall()[0][0])


def judge(entry: SourceFile, prepared: Prepared, spec: TableSpec, *, knows_subjects: bool = True) -> Rows | None:
    """Judge the rows of a file; None, with the reason in the ledger, when the file cannot be what `spec` says.

    Patients are looked for in `known_subject` unless that is not filled yet.
    """
    if prepared.file.damage or prepared.file.is_empty:
        _tell_of_nothing(entry, prepared.file, spec.name)
        return None
    if prepared.missing:
        _refuse_file(entry, prepared, spec)
        return None
    rows = Rows(entry, spec, prepared)
    if not prepared.is_read:
        read_typed(rows.con, prepared, spec)
    _tell_of_columns(rows)
    _tell_of_lines(rows)
    _tell_of_problems(rows)
    _refuse_repeats(rows)
    _check_references(rows, knows_subjects=knows_subjects and bool(spec.events))
    return rows


def check_subjects(rows: Rows) -> None:
    """Tell of rows whose patient is not in `known_subject`; they go in."""
    if _count(rows.con, f"({_strangers(rows.accepted)})"):
        _tell_of_strangers(rows)


def stage_rows(rows: Rows) -> None:
    """Stage what the accepted rows give and the store has not yet, and count what became of all rows.

    Their events are taken at the commit of the batch; until then the tables of `rows` must stay.
    """
    spec, entry = rows.spec, rows.entry
    sources = earlier_sources(entry.intake, spec)
    if spec.events and rows.n_in:
        events = events_select(spec, rows.accepted)
        entry.stage_later(new_events(rows, events, sources) if sources else events)
    for stays in spec.encounters:
        select = stays.format(rows=rows.accepted)
        entry.stage("encounter", new_stays(rows, select) if sources else select)
    if spec.subjects:
        entry.stage("subject", spec.subjects.format(rows=rows.accepted))
    accepted = rows.n_in - rows.n_rejected - rows.n_skipped
    entry.tally(spec.name, rows_in=rows.n_in, accepted=accepted, rejected=rows.n_rejected, skipped=rows.n_skipped)
    if not rows.n_in:
        entry.status = "empty"


def skip_file(entry: SourceFile, prepared: Prepared, name: str, notice: str | None = None) -> None:
    """Count the rows of a file that gives no events."""
    if notice:
        entry.notice(None, name, notice, code=Reason.NOT_IMPORTED)
    if prepared.file.damage or prepared.file.is_empty:
        _tell_of_nothing(entry, prepared.file, name)
        return
    n_rows = count_records(entry.intake.con, prepared)
    entry.status = "skipped"
    entry.tally(name, rows_in=n_rows, skipped=n_rows)


def _tell_of_nothing(entry: SourceFile, file: CsvFile, name: str) -> None:
    """Tell of a file that has no rows to read."""
    entry.tally(name)
    if file.damage:
        entry.status = "failed"
        entry.reject(None, name, f"{file.damage}; get the file again", code=Reason.BROKEN_FILE)
    else:
        entry.status = "empty"
        entry.notice(None, name, "empty file, no header", code=Reason.INCOMPLETE)


def _refuse_file(entry: SourceFile, prepared: Prepared, spec: TableSpec) -> None:
    n_rows = count_records(entry.intake.con, prepared)
    words = ("column", "is") if len(prepared.missing) == 1 else ("columns", "are")
    entry.status = "failed"
    reason = f"required {words[0]} {', '.join(prepared.missing)} {words[1]} missing"
    header = prepared.file.delimiter.join(prepared.file.header)
    entry.reject(None, spec.name, reason, header, code=Reason.MISSING_COLUMN)
    entry.tally(spec.name, rows_in=n_rows, rejected=n_rows)


def _tell_of_columns(rows: Rows) -> None:
    """Tell of columns that the source is not known to have, and of those that it lacks."""
    entry, spec, columns, file = rows.entry, rows.spec, rows.prepared.columns, rows.prepared.file
    expected = {*spec.ignored.split(), *columns}
    unknown = [header for header in file.header if header.lower() not in expected]
    absent = [column.name for column in spec.columns if column.name not in columns]
    told = {
        f"unknown columns, not used: {', '.join(unknown)}": unknown,
        f"missing columns, left NULL: {', '.join(absent)}": absent,
        f"fields are separated by {file.delimiter!r} instead of a comma": file.delimiter != ","
        and len(file.header) > 1,
    }
    for notice in (notice for notice, is_so in told.items() if is_so):
        entry.notice(None, spec.name, notice, code=Reason.UNKNOWN_COLUMN)


def _tell_of_lines(rows: Rows) -> None:
    """Tell of the records that could not be split, and of those that were read with a remark."""
    name = rows.spec.name
    for record in rows.prepared.broken:
        if record.broken:
            begin = "".join(f"{cell or ''}," for cell in record.cells[:2])
            rows.entry.reject(record.number, name, record.broken, f"{begin[:LONGEST_BEGIN]}…", code=Reason.BROKEN_ROW)
            rows.n_in += 1
            rows.n_rejected += 1
        elif record.remark:
            odd = ", ".join(cell for cell in record.cells if cell and not cell.isascii())
            rows.entry.notice(record.number, name, record.remark, odd, code=Reason.BAD_ENCODING)


def _tell_of_problems(rows: Rows) -> None:
    """Tell which rows fail which checks; reads the file once more, for their text, only when there are such rows."""
    con, spec, name = rows.con, rows.spec, rows.spec.name
    n_typed, failed = con.execute(f"SELECT count(*), bit_or(problems) FROM {rows.typed}").fetchall()[0]
    rows.n_in += n_typed
    if not failed:
        return
    rows.has_problems = True
    checks = [(check, 1 << i) for i, check in enumerate(spec.all_checks) if failed & (1 << i)]
    told = sum(bit for check, bit in checks if not check.skips)
    if told:
        con.execute(
            "CREATE OR REPLACE TEMP TABLE problem AS "
            f"SELECT cells.*, problems FROM ({rows.prepared.source}) AS cells "
            f"JOIN (SELECT row, problems FROM {rows.typed} WHERE problems & {told} <> 0) USING (row)"
        )
    refusing = [(check, bit) for check, bit in checks if check.refuses]
    if refusing:
        reasons, codes = (", ".join(sql(*each) for each in refusing) for sql in (reason_sql, code_sql))
        rows.n_rejected += rows.entry.reject_rows(
            f"SELECT row AS line, '{name}' AS resource, coalesce({codes}) AS code, "
            f"concat_ws('; ', {reasons}) AS reason, {excerpt_sql(spec, refusing)} AS excerpt "
            f"FROM problem WHERE problems & {spec.refusing} <> 0 ORDER BY row"
        )
    for check, bit in checks:
        if check.skips:
            _tell_of_skipped(rows, check, bit)
        elif not check.refuses:
            notice_each(
                rows.entry,
                f"SELECT row AS line, '{name}' AS resource, '{check.code}' AS code, '{check.reason}' AS reason, "
                f"{excerpt_sql(spec, [(check, bit)])} AS excerpt FROM problem "
                f"WHERE problems & {bit} <> 0 AND problems & {spec.refusing | spec.skipping} = 0",
            )


def _tell_of_skipped(rows: Rows, check: Check, bit: int) -> None:
    """Count the rows that a check leaves out on purpose, and no earlier one does, in one notice."""
    before = rows.spec.skipping & (bit - 1)
    skipped = _count(
        rows.con, f"{rows.typed} WHERE problems & {bit} <> 0 AND problems & {rows.spec.refusing | before} = 0"
    )
    if skipped:
        rows.n_skipped += skipped
        notice = f"{skipped} rows left out: {check.reason}"
        rows.entry.notice(None, rows.spec.name, notice, code=Reason.NOT_IMPORTED)


def excerpt_sql(spec: TableSpec, checks: Sequence[tuple[Check, int]] = ()) -> str:
    """Return the SQL of what is shown of a row: the cells that name it, then those at fault; cells are text."""
    parts = [f"'{name}=' || coalesce({name}, '')" for name in spec.identifiers]
    parts += [
        f"CASE WHEN problems & {bit} <> 0 THEN '{check.cell}=' || coalesce({check.cell}, '') END"
        for check, bit in checks
        if check.cell and check.cell not in spec.identifiers
    ]
    return f"concat_ws(', ', {', '.join(parts)})"


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
            SELECT row, {rows.record} AS record, {excerpt_sql(rows.spec)} AS excerpt FROM ({rows.prepared.source})
            WHERE row IN (SELECT row FROM pair UNION ALL SELECT first_row FROM pair)
        )
        SELECT pair.row, first_row, this.excerpt, this.record = that.record AS is_repeat
        FROM pair JOIN record AS this USING (row) JOIN record AS that ON that.row = first_row
        """
    )
    rows.refuse("SELECT row FROM repeated")
    rows.n_skipped += rows.entry.notice_rows(
        f"SELECT row AS line, '{name}' AS resource, '{Reason.REPEAT}' AS code, excerpt, "
        "format('exact duplicate of row {}: skipped', first_row) AS reason FROM repeated WHERE is_repeat ORDER BY row"
    )
    rows.n_rejected += rows.entry.reject_rows(
        f"SELECT row AS line, '{name}' AS resource, '{Reason.CONFLICT}' AS code, excerpt, "
        f"format('{' and '.join(key)} is there already, in row {{}}, with other values: the first row is kept', "
        "first_row) AS reason FROM repeated WHERE NOT is_repeat ORDER BY row"
    )


def _check_references(rows: Rows, *, knows_subjects: bool) -> None:
    """Refuse rows that name a stay of another patient; tell of stays and patients that are not there."""
    stays = rows.spec.stays
    if not rows.n_in or not (stays or knows_subjects):
        return
    columns = ", ".join(("subject_id", *stays))
    selects = [_loose("named", column) for column in stays] + ([_strangers("named")] if knows_subjects else [])
    counts = ", ".join(f"(SELECT count(*) FROM ({select}))" for select in selects)
    found = rows.con.execute(
        f"WITH named AS MATERIALIZED (SELECT DISTINCT {columns} FROM {rows.accepted}) SELECT {counts}"
    ).fetchall()[0]
    for column, count in zip(stays, found, strict=False):
        if count:
            _tell_of_stay(rows, column)
    if knows_subjects and found[-1]:
        _tell_of_strangers(rows)


def _strangers(rows: str) -> str:
    """Return the SELECT of the patients that rows name and that are not known."""
    return f"SELECT DISTINCT subject_id FROM {rows} ANTI JOIN {KNOWN_SUBJECTS} USING (subject_id)"


def _tell_of_strangers(rows: Rows) -> None:
    name = rows.spec.name
    if not _count(rows.con, KNOWN_SUBJECTS):
        notice = "no table of patients went in that subject_id could be compared with"
        rows.entry.notice(None, name, notice, code=Reason.INCOMPLETE)
        return
    notice_each(
        rows.entry,
        f"SELECT row AS line, '{name}' AS resource, '{Reason.UNKNOWN_SUBJECT}' AS code, "
        "'subject_id is not in patients' AS reason, 'subject_id=' || subject_id AS excerpt "
        f"FROM {rows.accepted} SEMI JOIN ({_strangers(rows.accepted)}) USING (subject_id)",
    )


def _loose(rows: str, column: str) -> str:
    """Return the SELECT (subject_id, stay) of what rows name together and no known stay has."""
    return (
        f"SELECT subject_id, stay FROM (SELECT DISTINCT subject_id, {column} AS stay FROM {rows} "
        f"WHERE {column} IS NOT NULL) AS pair ANTI JOIN {KNOWN_STAYS} AS known "
        "ON known.encounter_id = pair.stay AND known.subject_id = pair.subject_id"
    )


def _tell_of_stay(rows: Rows, column: str) -> None:
    con, entry, name = rows.con, rows.entry, rows.spec.name
    if not _count(con, KNOWN_STAYS):
        notice = f"no stays went in that {column} could be compared with"
        entry.notice(None, name, notice, code=Reason.INCOMPLETE)
        return
    excerpt = f"'subject_id=' || subject_id || ', {column}=' || stay"
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE loose AS
        SELECT row, rows.subject_id, stay, stay IN (SELECT encounter_id FROM {KNOWN_STAYS}) AS is_foreign
        FROM {rows.accepted} AS rows JOIN ({_loose(rows.accepted, column)}) AS loose
        ON rows.subject_id = loose.subject_id AND rows.{column} = stay
        """
    )
    notice_each(
        entry,
        f"SELECT row AS line, '{name}' AS resource, '{Reason.BAD_REFERENCE}' AS code, "
        f"'{column} is the stay of no row that went in' AS reason, {excerpt} AS excerpt "
        "FROM loose WHERE NOT is_foreign",
    )
    rows.n_rejected += entry.reject_rows(
        f"SELECT row AS line, '{name}' AS resource, '{Reason.OTHER_SUBJECT}' AS code, "
        f"'{column} is the stay of another patient' AS reason, {excerpt} AS excerpt "
        "FROM loose WHERE is_foreign ORDER BY row"
    )
    rows.refuse("SELECT row FROM loose WHERE is_foreign")


def notice_each(entry: SourceFile, select: str) -> None:
    """Keep the first notices that `select` gives one by one, and one for all the others."""
    entry.notice_rows(
        f"""
        WITH one AS (SELECT *, row_number() OVER (ORDER BY line) AS nth FROM ({select}))
        SELECT line, resource, code, reason, excerpt FROM one WHERE nth <= {NOTICES_EACH}
        UNION ALL
        SELECT NULL, min(resource), min(code), format('{{}} more rows: {{}}', count(*), min(reason)), NULL
        FROM one WHERE nth > {NOTICES_EACH} HAVING count(*) > 0
        """
    )


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(con.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])
