"""Importers: one function per format, found by name; each brings a folder or a file into a store."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ehr.progress import Progress, silent

if TYPE_CHECKING:
    from ehr.intake import ImportReport
    from ehr.store import Store


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What the caller of an import may choose.

    `strict` checks every record against the standard of its format (slower; only FHIR has such a check);
    `progress` is called with the file at hand and the bytes done and to do. Files go in by batches of about
    `batch_bytes` bytes, each batch in one transaction. `billing` takes in what FHIR Claims and ExplanationOfBenefits
    say, under codes of their own.
    """

    strict: bool = False
    progress: Progress = silent
    batch_bytes: int = 256 * 2**20
    billing: bool = False


Importer = Callable[["Store", Path, ImportOptions], "ImportReport"]
"""Brings everything under a path into a store; raises SourceError when it is not its format."""


def _fhir(store: "Store", path: Path, options: ImportOptions) -> "ImportReport":
    from ehr.importers.fhir import import_fhir

    return import_fhir(store, path, options)


def _mimic(store: "Store", path: Path, options: ImportOptions) -> "ImportReport":
    from ehr.importers.mimic import import_mimic

    return import_mimic(store, path, options)


def _meds(store: "Store", path: Path, options: ImportOptions) -> "ImportReport":
    from ehr.importers.meds import import_meds

    return import_meds(store, path, options)


def _omop(store: "Store", path: Path, options: ImportOptions) -> "ImportReport":
    from ehr.importers.omop import import_omop

    return import_omop(store, path, options)


def _eicu(store: "Store", path: Path, options: ImportOptions) -> "ImportReport":
    from ehr.importers.eicu import import_eicu

    return import_eicu(store, path, options)


IMPORTERS: Final[dict[str, Importer]] = {
    "fhir": _fhir,
    "mimic": _mimic,
    "meds": _meds,
    "omop": _omop,
    "eicu": _eicu,
}
"""Name of a format -> its importer; the modules behind them load when they are called, as `ehr --help` must not."""
