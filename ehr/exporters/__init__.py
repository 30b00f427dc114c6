"""Exporters: one function per format, found by name; each writes a store to a new folder."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ehr.progress import Progress, silent

if TYPE_CHECKING:
    from ehr.store import Store


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What the caller of an export may choose.

    `name` is the name of the data set (default: that of the folder of the store). `force` replaces an earlier
    export in the same place. A file holds the patients of about `shard_events` events; with a `partition` there are
    that many files of about the same size instead, not divided by split.
    """

    name: str | None = None
    force: bool = False
    shard_events: int = 1_000_000
    progress: Progress = silent
    partition: int | None = None


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What an export wrote: rows of all kinds, and per split its patients, events and files.

    A partition is not divided by split; its counts stand under `all`.
    """

    format: str
    out: str
    events: int
    subjects: int
    codes: int
    splits: dict[str, dict[str, int]]
    tables: dict[str, int]
    bytes: int


Exporter = Callable[["Store", Path, ExportOptions], ExportReport]
"""Writes a store to a folder that is there only when it is whole; raises ExportError when it may not be written."""


def _meds(store: "Store", out: Path, options: ExportOptions) -> ExportReport:
    from ehr.exporters.meds import export_meds

    return export_meds(store, out, options)


EXPORTERS: Final[dict[str, Exporter]] = {"meds": _meds}
"""Name of a format -> its exporter; the modules behind them load when they are called, as `ehr --help` must not."""
