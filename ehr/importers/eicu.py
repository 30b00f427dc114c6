"""eICU-CRD 2.0: a folder of CSV files, compressed or not, brought into a store as timelines.

patient is read first: it says who a unit stay belongs to, and its place on the calendar (ehr.importers.eicu_stays).
The other tables name the unit stay and tell minutes from its begin. A file that cannot be read is refused as a whole
and the others go in; a row that cannot be read is refused and the others go in. Files go in by batches, each in one
transaction.
"""

from pathlib import Path
from typing import Final

from ehr.errors import SourceError
from ehr.importers import ImportOptions
from ehr.importers.batches import Batches
from ehr.importers.eicu_care import CARE, DIAGNOSIS
from ehr.importers.eicu_drugs import DRUGS
from ehr.importers.eicu_measures import MEASURES
from ehr.importers.eicu_stays import PATIENT, make_calendar, remember_stays
from ehr.importers.eicu_titles import HOSPITAL, diagnosis_titles, own_titles, ward_titles
from ehr.importers.judging import stage_rows
from ehr.importers.tables import events_select
from ehr.intake import ImportReport, Intake
from ehr.reasons import Reason
from ehr.store import Store

TABLES: Final = (*CARE, *DRUGS, *MEASURES)
"""Tables of events, in the order of reading."""

SPECS: Final = {spec.stem: spec for spec in (HOSPITAL, PATIENT, *TABLES)}

SUFFIXES: Final = (".csv.gz", ".csv")

MADE_UP: Final = (
    "eICU-CRD tells no dates: days, and the gaps between the hospital stays of a patient, are made up; "
    "clock times and the times within a hospital stay are not"
)


def import_eicu(store: Store, path: Path, options: ImportOptions) -> ImportReport:
    """Bring the eICU-CRD folder at `path` into `store`.

    Raises SourceError when the folder does not exist, holds no table of eICU-CRD, or when neither it nor the store
    has the stays that its tables name.
    """
    tables, others = find_tables(path)
    intake = Intake(store, "eicu", path, options.progress)
    patients = next(iter(tables.get(PATIENT.stem, ())), None)
    if patients is None and not remember_stays(intake.con):
        raise SourceError(f"{path} holds no patient.csv, and the store has no stays of eICU-CRD; both say who is who")
    make_calendar(intake.con, patients)
    with Batches(intake, SPECS, tables, others, options.batch_bytes) as batches:
        _read_stays(batches)
        for spec in TABLES:
            batches.make_room(spec)
            rows = batches.table(spec, knows_subjects=False)
            if rows:
                stage_rows(rows)
            if rows and spec is DIAGNOSIS:
                rows.entry.stage("code", diagnosis_titles(events_select(spec, rows.accepted)))
        for file in others:
            batches.skip(file, "unknown file: not a table of eICU-CRD that is imported")
        return batches.commit()


def _read_stays(batches: Batches) -> None:
    """Read hospitals and patients, and commit them: all other tables refer to the stays in the store."""
    hospitals, _ = batches.dictionary(HOSPITAL)
    batches.intake.describe(own_titles())
    if hospitals:
        batches.intake.describe(ward_titles(hospitals))
    rows = batches.table(PATIENT, knows_subjects=False)
    if rows:
        rows.entry.notice(None, PATIENT.name, MADE_UP, code=Reason.NOTE)
        stage_rows(rows)
    if batches.intake.has_files:
        batches.commit()
    remember_stays(batches.intake.con)


def find_tables(path: Path) -> tuple[dict[str, list[Path]], list[Path]]:
    """Find the tables of eICU-CRD by the names of their files: name -> files, and all other CSV files of the folder.

    Raises SourceError when there is none.
    """
    if not path.is_dir():
        what = "is no folder" if path.exists() else "does not exist"
        raise SourceError(f"{path} {what}; name the folder of eICU-CRD that holds patient.csv.gz")
    stems = {stem.lower(): stem for stem in SPECS}
    tables: dict[str, list[Path]] = {}
    others: list[Path] = []
    for file in sorted(path.iterdir()):
        name = file.name.lower()
        suffix = next((suffix for suffix in SUFFIXES if name.endswith(suffix)), None)
        if suffix is None or not file.is_file():
            continue
        stem = stems.get(name.removesuffix(suffix))
        if stem:
            tables.setdefault(stem, []).append(file)
        else:
            others.append(file)
    if not tables:
        raise SourceError(f"{path} holds no table of eICU-CRD such as patient.csv.gz or lab.csv; name their folder")
    return tables, others
