"""MIMIC-IV: a folder of CSV files, compressed or not, brought into a store as timelines.

Titles are read first, then patients, admissions and stays, since the other tables refer to them, then the tables of
events. A file that cannot be read is refused as a whole and the others go in; a row that cannot be read is refused
and the others go in. Files go in by batches, each in one transaction; those of stays are one batch.
"""

from pathlib import Path
from typing import Final

from ehr.errors import SourceError
from ehr.importers import ImportOptions
from ehr.importers.batches import Batches
from ehr.importers.judging import Rows, check_subjects, stage_rows
from ehr.importers.mimic_changes import follow_deaths, follow_stays, follow_visits
from ehr.importers.mimic_ed import EDSTAYS
from ehr.importers.mimic_known import (
    forget_rows,
    remember_admissions,
    remember_deaths,
    remember_rows,
    remember_stays,
    remember_subjects,
    remember_visits,
    retry_details,
)
from ehr.importers.mimic_stays import ADMISSIONS, ICUSTAYS, PATIENTS
from ehr.importers.mimic_tables import DICTIONARIES, NOT_IMPORTED, STAYS, TABLES
from ehr.importers.mimic_titles import Titles
from ehr.importers.tables import TableSpec
from ehr.intake import ImportReport, Intake
from ehr.store import Store

SPECS: Final = {spec.stem: spec for spec in (*DICTIONARIES, *STAYS, *(spec for group in TABLES for spec in group))}
"""Table name -> how it is read, in the order of reading."""

SUFFIXES: Final = (".csv.gz", ".csv")

MODULES: Final = (".", "hosp", "icu", "ed")
"""Folders in which the tables of MIMIC-IV lie, seen from the folder that is imported."""


def import_mimic(store: Store, path: Path, options: ImportOptions) -> ImportReport:
    """Bring the MIMIC-IV folder at `path` (with hosp/, icu/ and ed/, or any of them) into `store`.

    Raises SourceError when the folder does not exist or holds no table of MIMIC-IV.
    """
    tables, others = find_tables(path)
    retry_details(store.cursor(), tables)
    intake = Intake(store, "mimic", path, options.progress)
    with Batches(intake, SPECS, tables, others, options.batch_bytes) as batches:
        titles = _read_titles(batches)
        _read_stays(batches)
        for group in TABLES:
            batches.make_room(*group)
            _read_group(batches, titles, *group)
        for file in others:
            stem = file.name.lower().partition(".")[0]
            batches.skip(
                file, None if stem in NOT_IMPORTED else "unknown file: not a table of MIMIC-IV that is imported"
            )
        return batches.commit()


def _read_titles(batches: Batches) -> Titles:
    """Read the dictionaries, and let them give the codes in use their titles at every commit."""
    titles = Titles(batches.intake)
    for spec in DICTIONARIES:
        table, rows = batches.dictionary(spec)
        if table:
            titles.add(spec.stem, table, rows)
    titles.describe()
    return titles


def _read_stays(batches: Batches) -> None:
    """Read patients, admissions and stays, which refer to each other, and what changes with them."""
    con = batches.intake.con
    admissions = batches.table(ADMISSIONS, knows_subjects=False)
    remember_deaths(con, needed=admissions is not None or batches.is_new(PATIENTS))
    remember_admissions(con, admissions)
    remember_stays(con, (("hadm_id", admissions),))
    patients = batches.table(PATIENTS, knows_subjects=False)
    remember_subjects(con, patients)
    if admissions:
        check_subjects(admissions)
    icustays = batches.table(ICUSTAYS)
    edstays = batches.table(EDSTAYS)
    remember_visits(con, edstays)
    remember_stays(con, (("hadm_id", admissions), ("stay_id", icustays), ("stay_id", edstays)))
    for rows in (admissions, patients, icustays, edstays):
        if rows:
            stage_rows(rows)
    if edstays:
        follow_visits(edstays)
    if admissions:
        follow_deaths(admissions, patients)
    if follow_stays(admissions, edstays):
        batches.commit()


def _read_group(batches: Batches, titles: Titles, spec: TableSpec, *details: TableSpec) -> None:
    """Read a table of events, then the details of its rows, which wait where it is not there."""
    rows = batches.table(spec)
    _stage(titles, rows)
    for detail in details:
        if not batches.is_new(detail):
            batches.table(detail)
        elif remember_rows(batches.intake, spec, rows):
            _stage(titles, batches.table(detail))
        else:
            for path in batches.tables[detail.stem]:
                batches.skip(path, f"{spec.name} is not there, which says when it was: left out until it is")
    forget_rows(batches.intake.con)


def _stage(titles: Titles, rows: Rows | None) -> None:
    if rows:
        stage_rows(rows)
        titles.note(rows)


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
