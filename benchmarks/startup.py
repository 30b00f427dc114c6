"""`ehr --help` answers at once."""

import subprocess
import sys

from benchmarks.machine import REPOSITORY, Result, seconds

GOAL = 0.3


def run() -> Result:
    """Start `ehr --help` several times and take the best."""
    command = [sys.executable, "-m", "api.cli", "--help"]
    best = min(
        seconds(lambda: subprocess.run(command, check=True, capture_output=True, cwd=REPOSITORY)) for _ in range(7)
    )
    return Result(f"ehr --help answers in {best:.2f} s (best of 7; goal: under {GOAL} s)", best < GOAL)


if __name__ == "__main__":
    print(run().text)
