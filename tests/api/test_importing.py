"""`ehr import`: what it prints and how it exits."""

import json
from pathlib import Path

import pytest

from api.cli import main
from tests.ehr.mimic_made import LABEVENTS, csv_text, write_mimic


def test_import_prints_what_became_of_each_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = csv_text(LABEVENTS) + "3,1,11,Hgb,2150-02-01 12:00:00,1,1,g/dL,\n"
    source = write_mimic(tmp_path / "mimic", labevents=text)
    assert main(["import", "mimic", str(source), "--store", str(tmp_path / "store")]) == 0
    out = capsys.readouterr().out
    lines = [line.split() for line in out.splitlines()]
    assert ["hosp/labevents.csv", "imported", "3", "2", "1", "0", "0"] in lines
    assert ["all", "files", "10", "9", "1", "0", "0"] in lines
    assert ["refused", "itemid", "is", "not", "an", "integer", "1"] in lines
    assert "Read 10 records: 9 accepted, 1 refused, 0 skipped." in out


def test_import_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_mimic(tmp_path / "mimic")
    assert main(["--json", "import", "mimic", str(source), "--store", str(tmp_path / "store")]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["totals"] == {"rows_in": 9, "accepted": 9, "rejected": 0, "skipped": 0}
    assert report["resources"]["hosp/labevents"]["accepted"] == 2
    assert {file["file"] for file in report["files"]} >= {"hosp/patients.csv", "icu/icustays.csv"}
    assert (report["subjects"], report["failed"], report["reasons"]) == (2, [], [])


def test_a_second_import_of_the_same_bytes_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, store = write_mimic(tmp_path / "mimic"), str(tmp_path / "store")
    main(["import", "mimic", str(source), "--store", store])
    capsys.readouterr()
    assert main(["import", "mimic", str(source), "--store", store]) == 0
    out = capsys.readouterr().out
    assert "5 files are in the store already" in out
    assert "Nothing new" in out


def test_a_file_that_failed_as_a_whole_gives_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_mimic(tmp_path / "mimic", labevents=csv_text(LABEVENTS).replace("charttime", "when"))
    assert main(["import", "mimic", str(source), "--store", str(tmp_path / "store")]) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "1 of 5 files could not be read at all and nothing of them went in (the others did)" in out
    assert "required column charttime is missing" in out


@pytest.mark.parametrize("name", ["fhir", "mimic", "meds"])
@pytest.mark.parametrize("kind", ["missing", "empty"])
def test_a_wrong_path_is_one_sentence_and_leaves_no_store(
    name: str, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "source"
    if kind == "empty":
        source.mkdir()
    assert main(["import", name, str(source), "--store", str(tmp_path / "store")]) == 1
    err = capsys.readouterr().err.strip()
    assert err.startswith("ehr: ")
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "store").exists()


def test_an_unknown_format_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["import", "hl7v2", str(tmp_path)])
