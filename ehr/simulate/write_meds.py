"""Made patients in the Medical Event Data Standard (MEDS 0.4): data/0.parquet and metadata/.

The events are those that the importer of MIMIC-IV gives for the same tables, so that the codes of both can never
drift apart: the tables are written to a temporary folder, imported into a temporary store, and read out again.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import orjson

from ehr.importers import ImportOptions
from ehr.importers.mimic import import_mimic
from ehr.progress import Progress, silent
from ehr.simulate.frames import Tables
from ehr.simulate.write_mimic import write_mimic
from ehr.store import Store, create_store, opened

DATASET: Final = {
    "dataset_name": "Anamnesis made patients",
    "etl_name": "ehr simulate",
    "meds_version": "0.4.1",
}

EVENTS: Final = """
    SELECT subject_id, "time", code, numeric_value, text_value, unit, encounter_id, end_time, status
    FROM event ORDER BY ALL NULLS FIRST
"""
CODES: Final = """
    SELECT code, description, CASE WHEN len(parents) > 0 THEN parents END AS parent_codes FROM code ORDER BY code
"""


def write_meds(tables: Tables, out: Path, progress: Progress = silent) -> None:
    """Write the events, the codes with their titles, and the description of the data set under `out`."""
    with TemporaryDirectory(prefix="ehr-simulate-") as folder:
        source = Path(folder, "mimic")
        write_mimic(tables, source, progress)
        with opened(create_store(Path(folder, "store"))) as store:
            import_mimic(store, source, ImportOptions(progress=progress))
            _write(store, out)


def _write(store: Store, out: Path) -> None:
    data, metadata = out / "data", out / "metadata"
    for path in (data, metadata):
        path.mkdir(parents=True, exist_ok=True)
    con = store.cursor()
    con.execute("SET threads = 1")  # the order of rows in the file is then that of the query
    con.execute(f"COPY ({EVENTS}) TO $path (FORMAT parquet)", {"path": str(data / "0.parquet")})
    con.execute(f"COPY ({CODES}) TO $path (FORMAT parquet)", {"path": str(metadata / "codes.parquet")})
    (metadata / "dataset.json").write_bytes(orjson.dumps(DATASET, option=orjson.OPT_INDENT_2))
