"""MEDS: a data set folder (data/**/*.parquet, metadata/codes.parquet), or parquet files with its columns.

MEDS 0.3 and 0.4 (https://github.com/Medical-Event-Data-Standard/meds) are read, and what `ehr export meds` wrote: its
folder anamnesis/ has the tables that MEDS has no place for, so that the store becomes the one that was exported. A
data set of others has no stays: they follow from its events (ehr.importers.meds_stays).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from ehr.errors import SourceError
from ehr.importers import ImportOptions
from ehr.importers.meds_rows import (
    MARKS,
    Layout,
    column_types,
    kept_name,
    layout_of,
    read_parquet,
    reason_sql,
    rows_select,
)
from ehr.importers.meds_stays import DerivedStays
from ehr.importers.meds_tables import (
    count_rows,
    describe_codes,
    fail,
    first_line,
    read_codes,
    read_own,
    refusing_damage,
)
from ehr.intake import ImportReport, Intake, SourceFile, hash_of
from ehr.meds import CODES, DATA, METADATA, OWN, OWN_TABLES, own_file
from ehr.reasons import Reason
from ehr.refresh import ORDER
from ehr.store import Store
from ehr.units import note_units_in_codes

RESOURCE: Final = "MEDS event"

MOST_FILES: Final = 100
"""Files that go in together at most: each is a part of one query."""

MOST_NOTICES: Final = 1_000
"""Numbers that are none of which a file may tell one by one."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A file of events, looked at but not read; `layout` is None where `damage` says that it cannot be read."""

    path: Path
    sha256: str
    size: int
    layout: Layout | None
    damage: str | None


def import_meds(store: Store, path: Path, options: ImportOptions) -> ImportReport:
    """Bring a MEDS data set, or parquet files with its columns, into `store`.

    Files go in by batches of about `options.batch_bytes`, a larger file alone. Raises SourceError when nothing there
    is MEDS, or when a further column has another type than in the store; nothing is brought in then.
    """
    if path.name == DATA and (path.parent / METADATA).is_dir():
        path = path.parent
    paths = find_parquet(path)
    is_own = (path / own_file("subject")).is_file()
    intake = Intake(store, "meds", path, options.progress)
    files = [_look(intake, file, is_own=is_own) for file in paths]
    _check(intake, path, files)
    stays = None if is_own else DerivedStays(intake)
    if path.is_dir():
        _read_metadata(intake, path, is_own=is_own)
    batch = 0
    for file in _each_once(intake, files):
        with intake.file(file.path, file.sha256) as entry:
            if entry:
                _read_events(entry, file, stays)
                batch += file.size
        if batch >= options.batch_bytes or len(intake.later) >= MOST_FILES:
            _commit(intake, stays)
            batch = 0
    return _commit(intake, stays)


def find_parquet(path: Path) -> list[Path]:
    """Find the event files of a data set: those under data/ where that is there, else all but the metadata.

    Raises SourceError when there is none.
    """
    if path.is_file():
        return [path]
    root = path / DATA if (path / DATA).is_dir() else path
    files = sorted(
        file for file in root.rglob("*.parquet") if file.is_file() and file.parent.name not in (METADATA, OWN)
    )
    if not files:
        raise SourceError(f"{root} holds no .parquet file; name a MEDS data set, or a parquet file with MEDS columns")
    return files


def _look(intake: Intake, path: Path, *, is_own: bool) -> _Found:
    """Hash a file and read the names of its columns; a file whose bytes the store has is not looked at further."""
    sha256, size = hash_of(path), path.stat().st_size
    if intake.knows(sha256):
        return _Found(path, sha256, size, None, None)
    try:
        types = column_types(intake.con, path)
    except duckdb.Error as error:
        return _Found(path, sha256, size, None, f"not a readable parquet file ({first_line(error)})")
    return _Found(path, sha256, size, layout_of(types, is_own=is_own), None)


def _check(intake: Intake, path: Path, files: list[_Found]) -> None:
    """Raise SourceError when no file can be MEDS, or when one has a column that the store knows otherwise."""
    new = [file for file in files if not intake.knows(file.sha256)]
    if new and len(new) == len(files) and all(_damage(file) for file in new):
        raise SourceError(f"{path} holds no MEDS events: {intake.name_of(new[0].path)}: {_damage(new[0])}")
    for file in new:
        if file.layout and not file.layout.missing:
            for name, kind in file.layout.further.items():
                intake.add_column(kept_name(name), kind)


def _each_once(intake: Intake, files: list[_Found]) -> Iterator[_Found]:
    """Give the files with progress; the same bytes twice are the same events, whether or not they share a batch."""
    total, done = sum(file.size for file in files), 0
    seen: set[str] = set()
    for file in files:
        intake.progress(intake.name_of(file.path), done, total)
        if file.sha256 in seen:
            intake.unchanged.append(intake.name_of(file.path))
        else:
            yield file
        seen.add(file.sha256)
        done += file.size
    intake.progress(DATA, total, total)


def _damage(file: _Found) -> str | None:
    """Say why a file that is new cannot be read; None where it can."""
    if file.layout and file.layout.missing:
        there = ", ".join(file.layout.types)
        return f"required column {' and '.join(file.layout.missing)} missing; there are {there}"
    return file.damage


def _read_metadata(intake: Intake, root: Path, *, is_own: bool) -> None:
    """Read what stands beside the events, which they may then refer to; the tables of an export first."""
    for table in OWN_TABLES if is_own else ():
        file = root / own_file(table)
        if file.is_file():
            with intake.file(file) as entry:
                if entry:
                    with refusing_damage(entry, f"Anamnesis {table}"):
                        read_own(entry, file, table)
    codes = root / CODES
    if codes.is_file():
        describe_codes(intake, codes)
        with intake.file(codes) as entry:
            if entry:
                with refusing_damage(entry, "MEDS code"):
                    read_codes(entry, codes, is_own=is_own)


def _read_events(entry: SourceFile, file: _Found, stays: DerivedStays | None) -> None:
    """Judge the rows of a file, and let those that have a patient, a code and no bad time go in at the commit."""
    con, layout, damage = entry.intake.con, file.layout, _damage(file)
    if layout is None or damage:
        n_rows = 0 if layout is None else count_rows(con, file.path)
        reason = Reason.BROKEN_FILE if layout is None else Reason.MISSING_COLUMN
        fail(entry, RESOURCE, n_rows, damage or "", reason)
        return
    knows_deleted = bool(con.execute("SELECT count(*) FROM tombstone").fetchall()[0][0])
    rows = rows_select(layout, read_parquet(file.path), knows_deleted=knows_deleted)
    try:
        # Counting every column reads the whole file, which finds damaged pages before anything is staged.
        n_rows, n_refused, n_bad = con.execute(
            "SELECT count(*), count(_problem), count(*) FILTER (_bad_value AND _problem IS NULL), count(COLUMNS(*)) "
            f"FROM ({rows})"
        ).fetchall()[0][:3]
    except (duckdb.InvalidInputException, duckdb.IOException) as error:
        damage = f"not a readable parquet file ({first_line(error)})"
        fail(entry, RESOURCE, count_rows(con, file.path), damage, Reason.BROKEN_FILE)
        return
    _tell(entry, layout, rows, n_refused=n_refused, n_bad=n_bad)
    accepted = f"({rows}) WHERE _problem IS NULL" if n_refused else f"({rows})"
    unit = "unit" if "unit" in layout.columns else note_units_in_codes(con, f"SELECT code FROM {accepted}")
    entry.stage_later(
        f"SELECT * EXCLUDE ({', '.join(MARKS)}) REPLACE ({unit} AS unit), _row AS {ORDER} FROM (FROM {accepted}) r"
    )
    if stays:
        entry.stage("subject", f"SELECT DISTINCT subject_id, ['meds|' || subject_id] AS identifiers FROM {accepted}")
        stays.note(accepted)
    entry.tally(RESOURCE, rows_in=n_rows, accepted=n_rows - n_refused, rejected=n_refused)
    if not n_rows:
        entry.status = "empty"


def _tell(entry: SourceFile, layout: Layout, rows: str, *, n_refused: int, n_bad: int) -> None:
    """Tell of further columns, of rows that are refused, and of numbers that are none."""
    if layout.further:
        kept = ", ".join(kept_name(name) for name in layout.further)
        entry.notice(None, RESOURCE, f"further columns are kept in event: {kept}", code=Reason.UNKNOWN_COLUMN)
    if n_refused:
        entry.reject_rows(
            f"SELECT _row AS line, '{RESOURCE}' AS resource, {reason_sql()} AS code, _problem AS reason, "
            f"_excerpt AS excerpt FROM ({rows}) WHERE _problem IS NOT NULL ORDER BY _row"
        )
    if n_bad:
        entry.notice_rows(
            f"SELECT _row AS line, '{RESOURCE}' AS resource, '{Reason.BAD_NUMBER}' AS code, "
            "'numeric_value is not a number: left NULL' AS reason, code AS excerpt "
            f"FROM ({rows}) WHERE _problem IS NULL AND _bad_value ORDER BY _row LIMIT {MOST_NOTICES}"
        )
    if n_bad > MOST_NOTICES:
        more = f"{n_bad - MOST_NOTICES:,} more rows: numeric_value is not a number: left NULL"
        entry.notice(None, RESOURCE, more, code=Reason.BAD_NUMBER)


def _commit(intake: Intake, stays: DerivedStays | None) -> ImportReport:
    """Commit the batch at hand, with the stays that follow from its events."""
    if stays and intake.pending:
        stays.stage(intake.pending[-1])
    return intake.commit()
