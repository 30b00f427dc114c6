"""Importing FHIR whole into an empty store, against parsing and validating each resource with fhir.resources.

Two inputs, both from the 15 synthetic patients of the test data: their Bundles as they are, where what any import
costs counts for much; and a bulk export, which is their NDJSON `COPIES` times with other ids in each copy, as plain
files, one to a type. The comparison parses the NDJSON once, validates every resource as R4B, and keeps nothing; its
time counts once for each copy. Making the empty store is not timed.
"""

import gzip
import re
import tempfile
from contextlib import ExitStack
from pathlib import Path

import orjson
from fhir.resources.R4B import get_fhir_model_class

from benchmarks.machine import DATA, Result, alternately
from ehr.importers import IMPORTERS, ImportOptions
from ehr.store import Store, create_store, opened

RATIO_GOAL = 25.0
SPEED_GOAL = 60.0
"""MB of uncompressed JSON a second."""
TIMES = 5
COPIES = 40
BUNDLES = DATA / "fhir" / "bundles"
LINES = DATA / "fhir" / "ndjson"
UUID = re.compile(rb"\b[0-9a-f]{4}([0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\b")


def run() -> Result:
    """Import both inputs and validate in turns, and compare the best times."""
    if not (BUNDLES.is_dir() and LINES.is_dir()):
        return Result(f"not measured: the FHIR data are not at {BUNDLES.parent} (set ANAMNESIS_DATA)", None)
    counts: dict[str, int] = {}
    with tempfile.TemporaryDirectory(prefix="anamnesis-benchmark-") as folder, ExitStack() as stack:
        paths = [Path(folder) / str(number) for number in range(2 * TIMES)]
        stores = [stack.enter_context(opened(create_store(path))) for path in paths]
        bulk = Path(folder) / "bulk"
        bulk_size = write_bulk(bulk) / 1e6
        ours, theirs = alternately(
            lambda: counts.update(ours=import_into(stores.pop(), bulk)),
            lambda: counts.update(theirs=validate_lines()),
            TIMES,
        )
        small, their_small = alternately(
            lambda: counts.update(small=import_into(stores.pop(), BUNDLES)),
            lambda: counts.update(their_small=validate_bundles()),
            TIMES,
        )
    ratio, speed = theirs * COPIES / ours, bulk_size / ours
    small_size = sum(len(gzip.decompress(file.read_bytes())) for file in BUNDLES.glob("*.gz")) / 1e6
    return Result(
        f"bulk: {counts['ours']:,} FHIR resources ({bulk_size:.0f} MB of NDJSON, {COPIES} copies of 15 patients with "
        f"other ids) into a store in {ours:.2f} s, {speed:.0f} MB/s; validating {counts['theirs']:,} with "
        f"fhir.resources takes {theirs:.2f} s, times {COPIES}: {ratio:.1f} times as fast (best of {TIMES}; goals: "
        f"{SPEED_GOAL:.0f} MB/s and {RATIO_GOAL:.0f} times). 15 Bundles: {counts['small']:,} resources "
        f"({small_size:.1f} MB) in {small:.3f} s, {small_size / small:.0f} MB/s; validating takes "
        f"{their_small:.2f} s: {their_small / small:.1f} times as fast",
        ratio >= RATIO_GOAL and speed >= SPEED_GOAL,
    )


def write_bulk(folder: Path) -> int:
    """Write the NDJSON of the patients many times, with ids and references of its own in each copy; return bytes."""
    folder.mkdir()
    size = 0
    for file in sorted(LINES.glob("*.ndjson.gz")):
        lines = gzip.decompress(file.read_bytes())
        with (folder / file.name.removesuffix(".gz")).open("wb") as copies:
            for number in range(COPIES):
                size += copies.write(UUID.sub(b"%04x\\1" % number, lines))
    return size


def import_into(store: Store, path: Path) -> int:
    """Import into an empty store; return the number of resources read."""
    report = IMPORTERS["fhir"](store, path, ImportOptions())
    return sum(file.rows_in for file in report.files)


def validate_lines() -> int:
    """Parse the NDJSON of the patients once and validate each resource; return their number."""
    count = 0
    for file in sorted(LINES.glob("*.ndjson.gz")):
        for line in gzip.decompress(file.read_bytes()).splitlines():
            validate(orjson.loads(line))
            count += 1
    return count


def validate_bundles() -> int:
    """Parse the Bundles and validate each resource; return their number."""
    count = 0
    for file in sorted(BUNDLES.glob("*.gz")):
        for entry in orjson.loads(gzip.decompress(file.read_bytes()))["entry"]:
            validate(entry["resource"])
            count += 1
    return count


def validate(resource: dict[str, object]) -> None:
    """Validate a resource as R4B; raises ValidationError."""
    get_fhir_model_class(str(resource["resourceType"])).model_validate(resource)


if __name__ == "__main__":
    print(run().text)
