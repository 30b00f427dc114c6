"""`ehr tokenize` with settings, and `ehr timeline --tokens`, as a person calls them."""

from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from api.cli import main
from ehr.store import create_store
from tests.ehr.made import START, add_events, born, event, training_subjects

LAB = "LAB//50912//mg/dL"
SUBJECT = training_subjects[0]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    made = create_store(tmp_path / "store")
    rows = [
        row
        for subject in training_subjects[:6]
        for row in (
            event(subject, "GENDER//F"),
            born(subject),
            event(subject, "RACE//WHITE", START),
            event(subject, "DIAGNOSIS//ICD//10//E119", START),
            event(subject, LAB, START + timedelta(hours=3), 1.0 + subject, "mg/dL"),
        )
    ]
    add_events(made, [*rows, event(SUBJECT, "DIAGNOSIS//ICD//10//E110", START + timedelta(days=1))])
    made.close()
    return tmp_path / "store"


def run(capsys: pytest.CaptureFixture[str], store: Path, *arguments: str) -> tuple[int, str, str]:
    code = main([*arguments, "--store", str(store)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_every_setting_can_be_given_and_is_shown(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "tokens.yaml"
    config.write_text("quantiles: 4\nlevels: []\n")
    code, out, _ = run(capsys, store, "tokenize", "--config", str(config), "--set", "demographics=[GENDER]", "--json")
    assert code == 0
    said = orjson.loads(out)
    assert (said["settings"]["quantiles"], said["settings"]["levels"]) == (4, [])
    assert said["settings"]["demographics"] == ["GENDER"]
    assert said["levels"] == 0
    assert said["coverage"]["train"]["numbers_unread_rate"] == 0
    code, _, err = run(capsys, store, "tokenize", "--set", "quantiles=5", "--set", "levels=[ATC]")
    assert code == 1
    assert "fitted with other settings (levels, quantiles)" in err
    assert run(capsys, store, "tokenize", "--config", str(config))[0] == 0


def test_an_unknown_setting_is_refused_with_those_there_are(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, store, "tokenize", "--set", "bins=4")
    assert code == 1
    assert "no setting 'bins'; the settings are age_top" in err


def test_tokens_are_shown_with_the_event_behind_each(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, store, "tokenize")[0] == 0
    code, out, _ = run(capsys, store, "timeline", str(SUBJECT), "--tokens", "--json")
    assert code == 0
    tokens = orjson.loads(out)["tokens"]
    assert [token["name"] for token in tokens] == [
        "GENDER//F",
        "MEDS_BIRTH",
        "GAP//>=5y",
        "AGE//0+",
        "LEVEL//ICD10//E00-E89",
        "LEVEL//ICD10//E08-E13",
        "DIAGNOSIS//ICD//10//E119",
        "RACE//WHITE",
        "GAP//2h-6h",
        LAB,
        "Q1",
        "GAP//12h-1d",
        "UNKNOWN",
    ]
    by_name = {token["name"]: token for token in tokens}
    assert by_name["GAP//2h-6h"]["event_id"] is None
    assert by_name["Q1"]["event_id"] == by_name[LAB]["event_id"]
    assert by_name["Q1"]["number"] == 1.0 + SUBJECT
    assert by_name["LEVEL//ICD10//E08-E13"]["code"] == "DIAGNOSIS//ICD//10//E119"
    assert by_name["UNKNOWN"]["code"] == "DIAGNOSIS//ICD//10//E110"


def test_a_filter_shows_the_tokens_of_its_events_and_what_leads_to_them(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, store, "tokenize")[0] == 0
    code, out, _ = run(capsys, store, "timeline", str(SUBJECT), "--tokens", "--kind", "observation", "--json")
    said = orjson.loads(out)
    assert (code, said["total"]) == (0, 1)
    assert [token["name"] for token in said["tokens"]] == ["GAP//2h-6h", LAB, "Q1"]
    code, out, _ = run(capsys, store, "timeline", str(SUBJECT), "--tokens", "--kind", "condition")
    assert code == 0
    assert "Diabetes mellitus" in out
    assert "in place of" in out
    assert "tokens of 2 events" in out


def test_tokens_need_a_vocabulary(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, store, "timeline", str(SUBJECT), "--tokens", "--vocabulary", "mine")
    assert code == 1
    assert "ehr tokenize --vocabulary mine" in err
