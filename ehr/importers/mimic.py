"""MIMIC-IV: a folder of CSV files, compressed or not, brought into a store as timelines.

Patients, admissions and ICU stays are read first, since the other tables refer to them; then the tables of events,
then the dictionaries, whose titles are given to the codes in use. A file that cannot be read is refused as a whole
and the others go in; a row that cannot be read is refused and the others go in.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final
from uuid import uuid4

import duckdb

from ehr.errors import SourceError
from ehr.importers import ImportOptions
from ehr.importers.judging import (
    KNOWN_STAYS,
    KNOWN_SUBJECTS,
    Rows,
    check_subjects,
    judge,
    skip_file,
    stage_rows,
)
from ehr.importers.mimic_hosp import MICROBIOLOGYEVENTS
from ehr.importers.mimic_stays import ADMISSIONS, ADMITTED, ICUSTAYS, PATIENTS
from ehr.importers.mimic_tables import DICTIONARIES, NOT_IMPORTED, TABLES
from ehr.importers.mimic_titles import microbiology_select, own_titles_select, title_selects
from ehr.importers.reading import Prepared, prepare, read_unjudged
from ehr.importers.tables import TableSpec
from ehr.intake import ImportReport, Intake
from ehr.store import Store

SPECS: Final = {spec.stem: spec for spec in (ADMISSIONS, PATIENTS, ICUSTAYS, *TABLES, *DICTIONARIES)}
"""Table name -> how it is read, in the order of reading."""

SUFFIXES: Final = (".csv.gz", ".csv")

MODULES: Final = (".", "hosp", "icu", "ed")
"""Folders in which the tables of MIMIC-IV lie, seen from the folder that is imported."""

READERS: Final = 2
"""Threads that read files at the same time: a compressed file is read by one core, whatever their number."""

LARGE: Final = 1_000_000
"""Bytes from which a file is read early, so that the others are read beside it."""


def import_mimic(store: Store, path: Path, options: ImportOptions) -> ImportReport:
    """Bring the MIMIC-IV folder at `path` (with hosp/ and icu/, or either) into `store`.

    Raises SourceError when the folder does not exist or holds no table of MIMIC-IV.
    """
    tables, others = find_tables(path)
    intake = Intake(store, "mimic", path, options.progress)
    with _Reading(intake, tables, others) as reading:
        _read_stays(reading)
        for spec in TABLES:
            rows = reading.table(spec)
            if rows is not None:
                stage_rows(rows)
                if spec is MICROBIOLOGYEVENTS:
                    rows.entry.stage("code", microbiology_select(rows.accepted))
        if intake.has_files:
            _read_titles(reading)
        for file in others:
            reading.skip(file)
        return intake.commit()


def _read_stays(reading: "_Reading") -> None:
    """Read patients, admissions and ICU stays, which refer to each other."""
    con = reading.intake.con
    admissions = reading.table(ADMISSIONS, knows_subjects=False)
    _remember_admissions(con, admissions)
    if admissions is not None:
        stage_rows(admissions)
    _remember_stays(con)
    patients = reading.table(PATIENTS, knows_subjects=False)
    if patients is not None:
        stage_rows(patients)
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {KNOWN_SUBJECTS} AS "
        "SELECT subject_id FROM subject UNION SELECT subject_id FROM stage_subject WHERE identifiers IS NOT NULL"
    )
    if admissions is not None:
        check_subjects(admissions)
    icustays = reading.table(ICUSTAYS)
    if icustays is not None:
        stage_rows(icustays)
    _remember_stays(con)


def _remember_admissions(con: duckdb.DuckDBPyConnection, admissions: Rows | None) -> None:
    """Keep of each admission, of this import or an earlier one, when its billing codes are known: at discharge.

    Without a usable discharge that is the last time known of the stay, which is never too early.
    """
    select = """
        SELECT encounter_id AS hadm_id, subject_id, coalesce(end_time, start_time) AS known_at,
               NULL::TIMESTAMP AS deathtime
        FROM encounter WHERE class = 'inpatient'
    """
    if admissions is not None:
        select = f"""
            SELECT hadm_id, subject_id,
                   CASE WHEN dischtime >= admittime THEN dischtime
                        ELSE greatest(admittime, dischtime, deathtime, edouttime) END AS known_at,
                   CASE WHEN deathtime >= admittime THEN deathtime END AS deathtime
            FROM {admissions.accepted}
            UNION ALL
            FROM ({select}) ANTI JOIN {admissions.accepted} AS read USING (hadm_id)
        """
    con.execute(f"CREATE OR REPLACE TEMP TABLE {ADMITTED} AS {select}")


def _remember_stays(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {KNOWN_STAYS} AS SELECT encounter_id, subject_id FROM stage_encounter "
        "UNION SELECT encounter_id, subject_id FROM encounter"
    )


def _read_titles(reading: "_Reading") -> None:
    """Give titles to the codes in use, from the dictionaries and from the codes themselves."""
    intake = reading.intake
    intake.describe(own_titles_select())
    for spec in DICTIONARIES:
        table = reading.dictionary(spec)
        for select in title_selects(spec.stem, table) if table else ():
            intake.describe(select)


def find_tables(path: Path) -> tuple[dict[str, list[Path]], list[Path]]:
    """Find the tables of MIMIC-IV by the names of their files: name -> files, and all other CSV files under `path`.

    A table lies in `path` itself or in its folder of a module (hosp, icu, ed), and nowhere else: a file of the same
    name further down may belong to other patients. Raises SourceError when there is none.
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
        place = file.parent.relative_to(path).as_posix().lower()
        if stem in SPECS and place in MODULES:
            tables.setdefault(stem, []).append(file)
        else:
            others.append(file)
    if not tables:
        raise SourceError(
            f"{path} holds no table of MIMIC-IV such as hosp/patients.csv or hosp/admissions.csv.gz; "
            "name the folder that holds hosp/ and icu/"
        )
    return tables, others


class _Reading:
    """The files of one import on their way: prepared by threads, judged and staged one after the other.

    Their rows lie in a database in memory that all connections of the import see.
    """

    def __init__(self, intake: Intake, tables: dict[str, list[Path]], others: list[Path]) -> None:
        self.intake = intake
        self.tables = tables
        self._specs = {path: SPECS[stem] for stem, paths in tables.items() for path in paths[:1]}
        self._paths = [path for stem in SPECS for path in tables.get(stem, ())] + others
        self._staging = f"staging_{uuid4().hex}"
        self._cursors: list[duckdb.DuckDBPyConnection] = []
        self._done = 0
        self._total = sum(path.stat().st_size for path in self._paths)

    def __enter__(self) -> "_Reading":
        self.intake.con.execute(f"ATTACH ':memory:' AS {self._staging}")
        self._pool = ThreadPoolExecutor(max_workers=READERS, thread_name_prefix="reader")
        by_need = sorted(self._paths, key=lambda path: path not in self._specs or path.stat().st_size < LARGE)
        first = [path for path in self._paths if self._specs.get(path) in (ADMISSIONS, PATIENTS, ICUSTAYS)]
        self._prepared = {path: self._pool.submit(self._prepare, path) for path in dict.fromkeys((*first, *by_need))}
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        for cursor in self._cursors:
            cursor.interrupt()
        self._pool.shutdown()
        for cursor in self._cursors:
            cursor.close()
        self.intake.con.execute(f"DETACH {self._staging}")

    def table(self, spec: TableSpec, *, knows_subjects: bool = True) -> Rows | None:
        """Judge the table of `spec`; gives None where it is absent, unchanged or refused as a whole."""
        paths = self.tables.get(spec.stem, [])
        for path in paths[1:]:
            first = self.intake.name_of(paths[0])
            self.skip(path, f"{spec.name} is there twice: {first} is read, this file is not")
        for path in paths[:1]:
            prepared = self._begin(path)
            with self.intake.file(path, prepared.file.sha256) as entry:
                rows = judge(entry, prepared, spec, knows_subjects=knows_subjects) if entry else None
            self._end(path)
            return rows
        return None

    def dictionary(self, spec: TableSpec) -> str | None:
        """Read a dictionary, also where its own bytes are not new, since new codes need it; gives its table."""
        rows = self.table(spec)
        if rows is not None:
            stage_rows(rows)
            return rows.accepted
        paths = self.tables.get(spec.stem, [])
        return read_unjudged(self.intake.con, self._prepared[paths[0]].result(), spec) if paths else None

    def skip(self, path: Path, notice: str | None = None) -> None:
        """Count the rows of a file that is not imported."""
        prepared = self._begin(path)
        stem = path.name.lower().partition(".")[0]
        if notice is None and stem not in NOT_IMPORTED:
            notice = "unknown file: not a table of MIMIC-IV that is imported"
        with self.intake.file(path, prepared.file.sha256) as entry:
            if entry:
                skip_file(entry, prepared, self.intake.name_of(path).partition(".")[0], notice)
        self._end(path)

    def _prepare(self, path: Path) -> Prepared:
        cursor = self.intake.store.cursor()
        self._cursors.append(cursor)
        spec = self._specs.get(path)
        return prepare(cursor, self._staging, path, spec, lambda file: not self.intake.knows(file.sha256))

    def _begin(self, path: Path) -> Prepared:
        self.intake.progress(self.intake.name_of(path), self._done, self._total)
        return self._prepared[path].result()

    def _end(self, path: Path) -> None:
        self._done += path.stat().st_size
        self.intake.progress(self.intake.name_of(path), self._done, self._total)
