"""Importing 15 FHIR bundles whole into a store, against reading them and validating each with fhir.resources.

The comparison reads and parses the same files, validates every resource as R4B, and keeps nothing.
"""

import gzip
import shutil
import tempfile
from pathlib import Path

import orjson
from fhir.resources.R4B import get_fhir_model_class

from benchmarks.machine import DATA, Result, alternately
from ehr.importers import IMPORTERS, ImportOptions
from ehr.store import create_store, opened

GOAL = 10.0
TIMES = 5
BUNDLES = DATA / "fhir" / "bundles"


def run() -> Result:
    """Import and validate in turns, and compare the best times."""
    if not BUNDLES.is_dir():
        return Result(f"not measured: the FHIR bundles are not at {BUNDLES} (set ANAMNESIS_DATA)", None)
    folder = Path(tempfile.mkdtemp(prefix="anamnesis-benchmark-"))
    counts: dict[str, int] = {}
    try:
        ours, theirs = alternately(
            lambda: counts.update(ours=import_bundles(folder / str(len(list(folder.iterdir()))))),
            lambda: counts.update(theirs=validate_bundles()),
            TIMES,
        )
    finally:
        shutil.rmtree(folder)
    ratio = theirs / ours
    megabytes = sum(len(gzip.decompress(file.read_bytes())) for file in BUNDLES.glob("*.gz")) / 1e6
    return Result(
        f"{counts['ours']:,} FHIR resources ({megabytes:.1f} MB) into a store in {ours:.3f} s, "
        f"{megabytes / ours:.0f} MB/s; validating {counts['theirs']:,} with fhir.resources takes {theirs:.2f} s: "
        f"{ratio:.1f} times as fast (best of {TIMES}; goal: at least {GOAL:.0f})",
        ratio >= GOAL,
    )


def import_bundles(folder: Path) -> int:
    """Import into a new store, everything included; return the number of resources read."""
    with opened(create_store(folder)) as store:
        report = IMPORTERS["fhir"](store, BUNDLES, ImportOptions())
    return sum(file.rows_in for file in report.files)


def validate_bundles() -> int:
    """Parse the bundles and validate each resource; return their number."""
    count = 0
    for file in sorted(BUNDLES.glob("*.gz")):
        for entry in orjson.loads(gzip.decompress(file.read_bytes()))["entry"]:
            resource = entry["resource"]
            get_fhir_model_class(resource["resourceType"]).model_validate(resource)
            count += 1
    return count


if __name__ == "__main__":
    print(run().text)
