"""`python -m benchmarks [NAME ...]`: run all benchmarks, or those named, after the name of the machine."""

import sys
from importlib import import_module
from importlib.util import find_spec

from benchmarks.machine import machine_name

MODULES = (
    "startup",
    "import_mimic",
    "import_fhir",
    "import_omop",
    "tokens",
    "growth",
    "timeline",
    "views",
    "cohorts",
    "guard",
    "generation",
    "training",
    "predicting",
    "fewshot",
    "questions",
)


def main(names: list[str]) -> int:
    """Run the benchmarks and return 1 when one of them missed its goal."""
    print(machine_name())
    missed = 0
    for name in names or MODULES:
        if find_spec(f"benchmarks.{name}") is None:
            print(f"{name}: there is no such benchmark; choose from {', '.join(MODULES)}")
            missed += 1
            continue
        result = import_module(f"benchmarks.{name}").run()
        print(f"{name}: {result.text}", flush=True)
        missed += result.is_met is False
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
