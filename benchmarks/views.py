"""A view of the FHIR Observations, compiled to SQL, against the same view read row by row in Python.

Both read the same NDJSON file from the disk and give the same rows, which is checked. The comparison parses each
resource with orjson and evaluates each expression for each row (tests/sql/views/reference.py).
"""

import gzip
import tempfile
from pathlib import Path
from typing import Any

import orjson

from benchmarks.machine import DATA, Result, alternately
from sql.views.definition import View, read_view
from sql.views.run import run_view
from tests.sql.views.reference import reference_rows

GOAL = 3.0
TIMES = 2
COPIES = 16
OBSERVATIONS = DATA / "fhir" / "ndjson" / "Observation.ndjson.gz"
DEFINITION: dict[str, Any] = {
    "resource": "Observation",
    "constant": [{"name": "loinc", "valueString": "http://loinc.org"}],
    "select": [
        {
            "column": [
                {"name": "id", "path": "getResourceKey()"},
                {"name": "patient", "path": "subject.getReferenceKey(Patient)"},
                {"name": "time", "path": "effective.ofType(dateTime)"},
                {"name": "code", "path": "code.coding.where(system = %loinc).code.first()"},
                {"name": "value", "path": "value.ofType(Quantity).value"},
                {"name": "unit", "path": "value.ofType(Quantity).unit"},
            ]
        },
        {
            "forEachOrNull": "component",
            "column": [
                {"name": "part", "path": "code.coding.code.first()"},
                {"name": "part_value", "path": "value.ofType(Quantity).value"},
            ],
        },
    ],
    "where": [{"path": "status = 'final' and code.exists()"}],
}


def run() -> Result:
    """Run the view both ways in turns, and compare the best times."""
    if not OBSERVATIONS.is_file():
        return Result(f"not measured: the FHIR resources are not at {OBSERVATIONS} (set ANAMNESIS_DATA)", None)
    view = read_view(DEFINITION)
    with tempfile.TemporaryDirectory(prefix="anamnesis-benchmark-") as folder:
        file = Path(folder) / "Observation.ndjson"
        file.write_bytes(gzip.decompress(OBSERVATIONS.read_bytes()) * COPIES)
        megabytes = file.stat().st_size / 1e6
        is_same = run_view(view, [file]).records() == row_by_row(view, file)
        ours, theirs = alternately(lambda: run_view(view, [file]), lambda: row_by_row(view, file), TIMES)
        rows = run_view(view, [file]).table.num_rows
    ratio = theirs / ours
    same = "the same rows" if is_same else "OTHER ROWS"
    return Result(
        f"{rows:,} rows of a view over {megabytes:.0f} MB of Observations in {ours:.3f} s, "
        f"{megabytes / ours:.0f} MB/s; row by row in Python {theirs:.2f} s, {same}: {ratio:.1f} times as fast "
        f"(best of {TIMES}; goal: at least {GOAL:.0f})",
        is_same and ratio >= GOAL,
    )


def row_by_row(view: View, file: Path) -> list[dict[str, Any]]:
    """Return the rows of a view as the specification tells it, one resource after the other."""
    with file.open("rb") as lines:
        return reference_rows(view, [orjson.loads(line) for line in lines])


if __name__ == "__main__":
    print(run().text)
