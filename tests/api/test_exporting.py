"""`ehr export`: what it prints and how it exits."""

import json
from pathlib import Path

import pytest

from api.cli import main
from tests.ehr.mimic_made import write_mimic


@pytest.fixture
def store(tmp_path: Path) -> str:
    main(["import", "mimic", str(write_mimic(tmp_path / "mimic")), "--store", str(tmp_path / "store")])
    return str(tmp_path / "store")


def test_export_says_what_it_wrote(store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    out = tmp_path / "out"
    assert main(["export", "meds", "--out", str(out), "--store", store]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "events of 2 patients" in text
    assert "subject 2, encounter 3" in text
    assert sorted(path.name for path in out.iterdir()) == ["anamnesis", "data", "metadata"]


def test_export_as_json(store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["--json", "export", "meds", "--out", str(tmp_path / "out"), "--store", store, "--name", "made"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["format"], report["subjects"], report["tables"]["encounter"]) == ("meds", 2, 3)
    assert sum(split["events"] for split in report["splits"].values()) == report["events"] > 10
    assert json.loads((tmp_path / "out" / "metadata" / "dataset.json").read_text())["dataset_name"] == "made"


def test_export_leaves_a_full_folder_alone(store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["export", "meds", "--out", str(tmp_path / "out"), "--store", store]
    assert main(arguments) == 0
    assert main(arguments) == 1
    assert "is not empty" in capsys.readouterr().err
    assert main([*arguments, "--force"]) == 0


def test_export_of_no_store_or_an_odd_size_is_refused(
    store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "meds", "--out", str(tmp_path / "out"), "--store", str(tmp_path / "none")]) == 1
    assert "there is no store" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["export", "meds", "--out", str(tmp_path / "out"), "--store", store, "--shard-events", "0"])
