"""MIMIC-IV: a folder of CSV files, compressed or not, brought into a store as timelines.

Patients, admissions and ICU stays are read first, since the other tables refer to them; then the tables of events,
then the dictionaries, whose titles are given to the codes in use. A file that cannot be read is refused as a whole
and the others go in; a row that cannot be read is refused and the others go in.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import duckdb

from ehr.errors import SourceError
from ehr.importers import ImportOptions
from ehr.importers.csv_source import CsvFile, inspect
from ehr.importers.loading import (
    KNOWN_STAYS,
    KNOWN_SUBJECTS,
    Rows,
    check_subjects,
    drop_rows,
    read_rows,
    read_unjudged,
    skip_file,
    stage_rows,
)
from ehr.importers.mimic_tables import (
    ADMISSIONS,
    ADMITTED,
    DICTIONARIES,
    ICUSTAYS,
    MICROBIOLOGYEVENTS,
    NOT_IMPORTED,
    PATIENTS,
    TABLES,
)
from ehr.importers.mimic_titles import microbiology_select, own_titles_select, read_used_codes, title_selects
from ehr.importers.tables import TableSpec
from ehr.intake import ImportReport, Intake
from ehr.store import Store

SPECS: Final = {spec.stem: spec for spec in (ADMISSIONS, PATIENTS, ICUSTAYS, *TABLES, *DICTIONARIES)}
"""Table name -> how it is read, in the order of reading."""

SUFFIXES: Final = (".csv.gz", ".csv")


def import_mimic(store: Store, path: Path, options: ImportOptions) -> ImportReport:
    """Bring the MIMIC-IV folder at `path` (with hosp/ and icu/, or either) into `store`.

    Raises SourceError when the folder does not exist or holds no table of MIMIC-IV.
    """
    tables, others = find_tables(path)
    intake = Intake(store, "mimic", path, options.progress)
    with _Reading(intake, tables, others) as reading:
        _read_stays(reading)
        for spec in TABLES:
            with reading.table(spec) as rows:
                if rows is not None:
                    check_subjects(rows)
                    stage_rows(rows)
                    if spec is MICROBIOLOGYEVENTS:
                        rows.entry.stage("code", microbiology_select(rows.accepted))
        if intake.files:
            _read_titles(reading)
        for file in others:
            reading.skip(file)
    return intake.commit()


def _read_stays(reading: "_Reading") -> None:
    """Read patients, admissions and ICU stays, which refer to each other."""
    con = reading.intake.con
    with reading.table(ADMISSIONS) as admissions:
        _remember_admissions(con, admissions)
        if admissions is not None:
            stage_rows(admissions)
        _remember_stays(con)
        with reading.table(PATIENTS) as patients:
            if patients is not None:
                stage_rows(patients)
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE {KNOWN_SUBJECTS} AS "
            "SELECT subject_id FROM subject UNION SELECT subject_id FROM stage_subject WHERE identifiers IS NOT NULL"
        )
        if admissions is not None:
            check_subjects(admissions)
    with reading.table(ICUSTAYS) as icustays:
        if icustays is not None:
            check_subjects(icustays)
            stage_rows(icustays)
    _remember_stays(con)


def _remember_admissions(con: duckdb.DuckDBPyConnection, admissions: Rows | None) -> None:
    """Keep of each admission, of this import or an earlier one, when its billing codes are known: at discharge.

    Without a usable discharge that is the last time known of the stay, which is never too early.
    """
    stored = """
        SELECT encounter_id AS hadm_id, subject_id, coalesce(end_time, start_time) AS known_at,
               NULL::TIMESTAMP AS deathtime
        FROM encounter WHERE class = 'inpatient'
    """
    read = (
        f"""
        SELECT hadm_id, subject_id,
               CASE WHEN dischtime >= admittime THEN dischtime
                    ELSE greatest(admittime, dischtime, deathtime, edouttime) END AS known_at,
               CASE WHEN deathtime >= admittime THEN deathtime END AS deathtime
        FROM {admissions.accepted}
        UNION ALL
        SELECT * FROM ({stored}) ANTI JOIN {admissions.accepted} USING (hadm_id)
    """
        if admissions
        else stored
    )
    con.execute(f"CREATE OR REPLACE TEMP TABLE {ADMITTED} AS {read}")


def _remember_stays(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {KNOWN_STAYS} AS SELECT encounter_id, subject_id FROM stage_encounter "
        "UNION SELECT encounter_id, subject_id FROM encounter"
    )


def _read_titles(reading: "_Reading") -> None:
    """Give titles to the codes in use, from the dictionaries and from the codes themselves."""
    intake = reading.intake
    read_used_codes(intake.con)
    intake.describe(own_titles_select())
    for spec in DICTIONARIES:
        with reading.dictionary(spec) as table:
            for select in title_selects(spec.stem, table) if table else ():
                intake.describe(select)


def find_tables(path: Path) -> tuple[dict[str, list[Path]], list[Path]]:
    """Find the tables of MIMIC-IV under `path` by the names of their files: name -> files, and all other CSV files.

    Raises SourceError when there is none.
    """
    if not path.is_dir():
        what = "is no folder" if path.exists() else "does not exist"
        raise SourceError(f"{path} {what}; name the folder of MIMIC-IV that holds hosp/ and icu/")
    tables: dict[str, list[Path]] = {}
    others: list[Path] = []
    for file in sorted(path.rglob("*")):
        name = file.name.lower()
        suffix = next((suffix for suffix in SUFFIXES if name.endswith(suffix)), None)
        if suffix is None or not file.is_file():
            continue
        stem = name.removesuffix(suffix)
        if stem in SPECS:
            tables.setdefault(stem, []).append(file)
        else:
            others.append(file)
    if not tables:
        raise SourceError(
            f"{path} holds no table of MIMIC-IV such as hosp/patients.csv or hosp/admissions.csv.gz; "
            "name the folder that holds hosp/ and icu/"
        )
    return tables, others


@dataclass
class _Reading:
    """The files of one import on their way: inspected ahead by a thread, read one after the other."""

    intake: Intake
    tables: dict[str, list[Path]]
    others: list[Path]
    _inspections: dict[Path, "Future[CsvFile]"] = field(default_factory=dict)
    _done: int = 0

    def __enter__(self) -> "_Reading":
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="inspect")
        for path in self.paths():
            self._inspections[path] = self._pool.submit(inspect, path)
        self._total = sum(path.stat().st_size for path in self.paths())
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def paths(self) -> Iterator[Path]:
        """Give the files in the order of reading."""
        for stem in SPECS:
            yield from self.tables.get(stem, ())
        yield from self.others

    @contextmanager
    def table(self, spec: TableSpec) -> Iterator[Rows | None]:
        """Read the table of `spec`; gives None where it is absent, unchanged or refused as a whole."""
        paths = self.tables.get(spec.stem, [])
        rows = None
        for path in paths[:1]:
            rows = self._read(path, spec)
        for path in paths[1:]:
            first = self.intake.name_of(paths[0])
            self.skip(path, f"{spec.name} is there twice: {first} is read, this file is not")
        yield rows
        if rows is not None:
            drop_rows(rows)

    def _read(self, path: Path, spec: TableSpec) -> Rows | None:
        file = self._begin(path)
        with self.intake.file(path, file.sha256) as entry:
            rows = read_rows(entry, file, spec) if entry else None
        self._end(path)
        return rows

    def skip(self, path: Path, notice: str | None = None) -> None:
        """Count the rows of a file that is not imported."""
        file = self._begin(path)
        stem = path.name.lower().partition(".")[0]
        if notice is None and stem not in NOT_IMPORTED:
            notice = "unknown file: not a table of MIMIC-IV that is imported"
        with self.intake.file(path, file.sha256) as entry:
            if entry:
                skip_file(entry, file, self.intake.name_of(path).partition(".")[0], notice)
        self._end(path)

    @contextmanager
    def dictionary(self, spec: TableSpec) -> Iterator[str | None]:
        """Read a dictionary, also where its own bytes are not new, since new codes need it; gives its table."""
        con = self.intake.con
        with self.table(spec) as rows:
            if rows is not None:
                stage_rows(rows)
                yield rows.accepted
                return
        paths = self.tables.get(spec.stem, [])
        yield read_unjudged(con, self._inspections[paths[0]].result(), spec) if paths else None

    def _begin(self, path: Path) -> CsvFile:
        self.intake.progress(self.intake.name_of(path), self._done, self._total)
        return self._inspections[path].result()

    def _end(self, path: Path) -> None:
        self._done += path.stat().st_size
        self.intake.progress(self.intake.name_of(path), self._done, self._total)
