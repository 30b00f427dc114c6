"""The example of docs/views.md gives what the page says."""

import re
from pathlib import Path

import pytest

from api.cli import main
from tests.conftest import REPOSITORY


def test_the_example_prints_what_the_page_shows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = (REPOSITORY / "docs" / "views.md").read_text()
    view, observation = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    (expected,) = re.findall(r"```csv\n(.*?)```", page, re.DOTALL)
    (tmp_path / "view.json").write_text(view)
    (tmp_path / "observation.json").write_text(observation)
    paths = [str(tmp_path / "view.json"), "--from", str(tmp_path / "observation.json")]
    assert main(["view", "run", *paths, "--format", "csv"]) == 0
    assert capsys.readouterr().out == expected
