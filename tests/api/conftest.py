"""The story told once, small, and a running service on what it leaves."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Told:
    """What `ehr demo --quick` printed and left."""

    folder: Path
    printed: str

    @property
    def store(self) -> Path:
        return self.folder / "store"


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    folder = tmp_path_factory.mktemp("story") / "demo"
    done = ehr("demo", "--quick", "--dir", str(folder))
    assert done.returncode == 0, done.stdout + done.stderr
    return Told(folder, done.stdout)


@pytest.fixture(scope="session")
def service(told: Told, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of a service on a copy of the story's store, in a process of its own."""
    store = tmp_path_factory.mktemp("service") / "store"
    shutil.copytree(told.store, store)
    with running_service(store) as address:
        yield address


def ehr(*words: str) -> subprocess.CompletedProcess[str]:
    """Run one command of the project as a user would."""
    command = [sys.executable, "-m", "api.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"NO_COLOR": "1"})


class running_service:  # noqa: N801 - reads as a verb in a with statement
    """Run `ehr serve` on a free port; gives the address, and asserts a clean end."""

    def __init__(self, store: Path, *options: str) -> None:
        self.command = [sys.executable, "-m", "api.cli", "--store", str(store), "serve", "--port", "0", *options]

    def __enter__(self) -> str:
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("serving"), line
        return line.split(" on ")[1].split(";")[0]

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        assert self.process.wait(60) == 0
