"""The README and the pages of docs/ tell the truth: their commands are run and their output is compared.

A ```console block holds commands after `$ ` and what they print; `...` stands for anything. A block after
`<!-- needs a trained model -->` is run only where ANAMNESIS_DEMO names the folder of a finished `make demo`, and its
numbers may differ, since a training depends on the machine in the last digits.
"""

import doctest
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from api.story import NEWCOMER, Scale
from tests.conftest import REPOSITORY

PAGES = (REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md")))
BLOCK = re.compile(r"(<!-- needs a trained model -->\n+)?```console\n(.*?)```", re.DOTALL)
DEMO = os.environ.get("ANAMNESIS_DEMO")
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass(frozen=True)
class Snippet:
    page: str
    command: str
    expected: str
    needs_model: bool


def snippets() -> Iterator[Snippet]:
    for page in PAGES:
        for needs_model, block in BLOCK.findall(page.read_text(encoding="utf-8")):
            for command, expected in re.findall(r"^\$ (.*(?:\\\n.*)*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
                yield Snippet(page.name, command, expected, bool(needs_model))


@pytest.fixture(scope="session")
def story_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which demo/store is what `make demo` leaves, without the model unless it was run."""
    if DEMO:
        return Path(DEMO).resolve().parent
    folder = tmp_path_factory.mktemp("readme")
    scale = Scale()
    size = ["--patients", str(scale.patients), "--seed", str(scale.seed)]
    run(folder, ["simulate", *size, "--format", "mimic", "--out", "demo/data"])
    run(folder, ["--store", "demo/store", "import", "mimic", "demo/data"])
    run(folder, ["simulate", *NEWCOMER, "--format", "fhir", "--out", "demo/newcomer"])
    run(folder, ["--store", "demo/store", "import", "fhir", "demo/newcomer"])
    return folder


def run(folder: Path, words: list[str]) -> None:
    subprocess.run([sys.executable, "-m", "api.cli", *words], cwd=folder, check=True, capture_output=True)


@pytest.mark.parametrize("snippet", list(snippets()), ids=lambda s: f"{s.page}: {s.command[:60]}")
def test_the_documentation_shows_what_the_commands_print(snippet: Snippet, story_folder: Path) -> None:
    if snippet.needs_model and not DEMO:
        pytest.skip("needs the trained model of make demo; the gate runs it with ANAMNESIS_DEMO")
    scripts = Path(sys.executable).parent
    environment = os.environ | {
        "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
        "ANAMNESIS_STORE": "demo/store",
        "COLUMNS": "120",
        "NO_COLOR": "1",
    }
    done = subprocess.run(
        snippet.command, shell=True, cwd=story_folder, env=environment, capture_output=True, text=True, check=False
    )
    printed, expected = done.stdout + done.stderr, snippet.expected
    if snippet.needs_model:
        printed, expected = without_numbers(printed), without_numbers(expected)
    checker = doctest.OutputChecker()
    example = doctest.Example(snippet.command, expected)
    assert checker.check_output(expected, printed, FLAGS), checker.output_difference(example, printed, FLAGS)


def without_numbers(text: str) -> str:
    """Put `#` for every number and every hash."""
    return re.sub(r"\b[0-9a-f]{12}\b|[-+]?\d[\d,]*(?:\.\d+)?", "#", text)


def test_the_readme_has_snippets() -> None:
    assert sum(snippet.page == "README.md" for snippet in snippets()) >= 8
