"""The folder of a MEDS 0.4 data set, and what Anamnesis adds to it: names that its exporter and importer share.

    data/SPLIT/N.parquet             the events; a patient lies in one file, static facts first, then in order of time
    metadata/codes.parquet           the codes in use
    metadata/subject_splits.parquet  which patient belongs to which split
    metadata/dataset.json            who wrote it, and with what
    anamnesis/NAME.parquet           tables of the store that MEDS has no place for

MEDS is described at https://medical-event-data-standard.github.io; its schemas are those of the package `meds`.
"""

from typing import Final

VERSION: Final = "0.4.1"
"""The version of MEDS that exports have."""

ETL_NAME: Final = "Anamnesis"

DATA: Final = "data"
METADATA: Final = "metadata"
CODES: Final = "metadata/codes.parquet"
SPLITS: Final = "metadata/subject_splits.parquet"
DATASET: Final = "metadata/dataset.json"
OWN: Final = "anamnesis"

EVENT_KEYS: Final = ("event_id", "source_id")
"""Columns of `event` that number rows of one store and mean nothing in another: not exported."""

OWN_TABLES: Final[dict[str, str]] = {
    "subject": "subject_id",
    "encounter": "encounter_id",
    "record": "record_id",
    "product": "record_id",
    "tombstone": "subject_id",
    "hierarchy": "child, parent",
}
"""Table of the store that is exported as a file of its own -> the columns that order its rows."""


def own_file(table: str) -> str:
    """Return the place of an own table in the data set.

    >>> own_file("encounter")
    'anamnesis/encounter.parquet'
    """
    return f"{OWN}/{table}.parquet"
