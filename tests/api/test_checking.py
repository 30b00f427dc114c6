"""`ehr check`: the table, the page, JSON, and the exit code."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from api.cli import main

Row = dict[str, Any]


def ndjson(folder: Path, *resources: Row) -> Path:
    """Write resources into one file."""
    path = folder / "records.ndjson"
    path.write_text("\n".join(json.dumps(resource) for resource in resources))
    return path


def patient(**more: Any) -> Row:
    return {"resourceType": "Patient", "id": "p", "gender": "female", "birthDate": "1960-04-02", **more}


def glucose(value: float, name: str = "o") -> Row:
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "subject": {"reference": "Patient/p"},
        "effectiveDateTime": "2020-01-01T08:00:00Z",
        "code": {"coding": [{"system": "http://loinc.org", "code": "2345-7", "display": "Glucose <b>serum</b>"}]},
        "valueQuantity": {"value": value, "unit": "mg/dL", "code": "mg/dL", "system": "http://unitsofmeasure.org"},
    }


@pytest.fixture
def good(tmp_path: Path) -> list[str]:
    """Return the arguments that name a store without faults."""
    return store_of(tmp_path, patient(), glucose(90))


@pytest.fixture
def bad(tmp_path: Path) -> list[str]:
    """Return the arguments that name a store with a glucose that cannot be."""
    return store_of(tmp_path, patient(), glucose(90), glucose(90000, "o2"))


def store_of(folder: Path, *resources: Row) -> list[str]:
    store = ["--store", str(folder / "store")]
    assert main([*store, "import", "fhir", str(ndjson(folder, *resources))]) == 0
    return store


def test_a_store_without_faults_passes(good: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main([*good, "check", "--strict"]) == 0
    assert "0 checks fail, 0 warn" in capsys.readouterr().out


def test_findings_are_printed_with_an_example(bad: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main([*bad, "check"]) == 0
    shown = capsys.readouterr().out
    assert "Values that cannot be" in shown
    assert "1 check fails" in shown
    assert "90000" not in shown


def test_strict_fails_when_a_check_does(bad: list[str]) -> None:
    assert main([*bad, "check", "--strict"]) == 1


def test_json_says_what_the_page_says(bad: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "report"
    capsys.readouterr()
    assert main([*bad, "check", "--json", "--out", str(out)]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed.pop("report") == str(out / "quality.html")
    assert printed == json.loads((out / "quality.json").read_text())
    failed = [check for check in printed["checks"] if check["severity"] == "fail"]
    assert [(check["check"], check["found"], check["of"]) for check in failed] == [("value-implausible", 1, 2)]
    assert failed[0]["files"] == [{"file": "records.ndjson", "found": 1, "of": 2, "share": 0.5}]
    assert [file["found"] for file in printed["files"]] == [{"value-implausible": 1}]


def test_the_page_stands_alone_and_shows_no_values(bad: list[str], tmp_path: Path) -> None:
    assert main([*bad, "check", "--out", str(tmp_path / "report")]) == 0
    page = (tmp_path / "report" / "quality.html").read_text()
    assert page.startswith("<!doctype html>")
    assert not re.search(r"(src|href)=[\"'](?!#)", page)
    assert "<b>serum" not in page
    assert "90000" not in page
    assert 'id="value-implausible"' in page
    assert 'href="#value-implausible"' in page
    assert "records.ndjson" in page


def test_an_empty_store_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--store", str(tmp_path / "none"), "check"]) == 1
    assert "there is no store" in capsys.readouterr().err
