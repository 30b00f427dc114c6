"""Importing 15 FHIR bundles whole into an empty store, against reading them and validating each with fhir.resources.

The comparison reads and parses the same files, validates every resource as R4B, and keeps nothing. Making the empty
store is not timed.
"""

import gzip
import tempfile
from contextlib import ExitStack
from pathlib import Path

import orjson
from fhir.resources.R4B import get_fhir_model_class

from benchmarks.machine import DATA, Result, alternately
from ehr.importers import IMPORTERS, ImportOptions
from ehr.store import Store, create_store, opened

GOAL = 10.0
TIMES = 7
BUNDLES = DATA / "fhir" / "bundles"


def run() -> Result:
    """Import and validate in turns, and compare the best times."""
    if not BUNDLES.is_dir():
        return Result(f"not measured: the FHIR bundles are not at {BUNDLES} (set ANAMNESIS_DATA)", None)
    counts: dict[str, int] = {}
    with tempfile.TemporaryDirectory(prefix="anamnesis-benchmark-") as folder, ExitStack() as stack:
        stores = [stack.enter_context(opened(create_store(Path(folder) / str(number)))) for number in range(TIMES)]
        ours, theirs = alternately(
            lambda: counts.update(ours=import_bundles(stores.pop())),
            lambda: counts.update(theirs=validate_bundles()),
            TIMES,
        )
    ratio = theirs / ours
    megabytes = sum(len(gzip.decompress(file.read_bytes())) for file in BUNDLES.glob("*.gz")) / 1e6
    return Result(
        f"{counts['ours']:,} FHIR resources ({megabytes:.1f} MB) into a store in {ours:.3f} s, "
        f"{megabytes / ours:.0f} MB/s; validating {counts['theirs']:,} with fhir.resources takes {theirs:.2f} s: "
        f"{ratio:.1f} times as fast (best of {TIMES}; goal: at least {GOAL:.0f})",
        ratio >= GOAL,
    )


def import_bundles(store: Store) -> int:
    """Import into an empty store; return the number of resources read."""
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
