"""The settings of a vocabulary: read from a file and from the command line, and refused where they are none."""

from datetime import datetime
from pathlib import Path

import pytest

from ehr.errors import VocabularyError
from ehr.token_settings import DEMOGRAPHICS, TokenSettings, read_token_settings


def test_assignments_go_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("quantiles: 4\nlevels: [ATC]\ngap_names: [short, long]\ngap_starts: [60, 3600]\n")
    given = read_token_settings(file, ["quantiles=6", "demographics=[GENDER, RACE]"])
    assert TokenSettings(**given) == TokenSettings(
        quantiles=6,
        levels=("ATC",),
        gap_names=("short", "long"),
        gap_starts=(60, 3600),
        demographics=("GENDER", "RACE"),
    )


def test_nothing_given_is_nothing_chosen(tmp_path: Path) -> None:
    empty = tmp_path / "empty.yaml"
    empty.write_text("")
    assert read_token_settings(empty) == read_token_settings() == {}


def test_the_demographic_facts_are_those_of_the_code_heads() -> None:
    assert DEMOGRAPHICS == ("ETHNICITY", "GENDER", "INSURANCE", "LANGUAGE", "MARITAL_STATUS", "RACE")
    assert not TokenSettings().left_out
    few = TokenSettings(demographics=("GENDER",))
    assert [code for code in ("GENDER//F", "RACE//WHITE", "MEDS_BIRTH", "LAB//1") if not few.reads(code)] == [
        "RACE//WHITE"
    ]


@pytest.mark.parametrize(
    ("assignment", "why"),
    [
        ("bins=4", "no setting 'bins'; the settings are age_top"),
        ("quantiles", "--set quantiles: write it as key=value"),
        ("quantiles=many", "quantiles is 'many' and has to be a whole number"),
        ("quantiles=true", "quantiles is True and has to be a whole number"),
        ("levels=ATC", "levels is 'ATC' and has to be a list"),
        ("gap_starts=[1.5]", r"gap_starts is \[1.5\] and has to be a list such as \[300, 3600\]"),
        ("until=7", "until is 7 and has to be a time"),
        ("levels=[", "the value is not understood"),
    ],
)
def test_what_is_no_setting_is_refused(assignment: str, why: str) -> None:
    with pytest.raises(VocabularyError, match=why):
        read_token_settings(None, [assignment])


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    file = tmp_path / "list.yaml"
    file.write_text("- 1\n")
    with pytest.raises(VocabularyError, match="holds no mapping"):
        read_token_settings(file)
    with pytest.raises(VocabularyError, match="cannot be read"):
        read_token_settings(tmp_path / "missing.yaml")


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_subjects": 0},
        {"quantiles": -1},
        {"age_top": 0},
        {"gap_starts": (300,)},
        {"gap_names": ("a", "b"), "gap_starts": (9, 3)},
        {"gap_names": ("a",), "gap_starts": (0,)},
        {"gap_names": ("a", "a"), "gap_starts": (3, 9)},
        {"levels": ("LOINC",)},
        {"demographics": ("EYE_COLOUR",)},
    ],
)
def test_settings_that_contradict_themselves_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(VocabularyError, match="must"):
        TokenSettings(**wrong)  # type: ignore[arg-type]


def test_a_time_is_read_as_yaml_writes_it_and_kept_without_a_zone() -> None:
    given = TokenSettings(**read_token_settings(None, ["until=2019-01-01"]))
    assert given.until_time == datetime(2019, 1, 1)
    assert TokenSettings(until="2019-01-01T02:00+02:00").until_time == datetime(2019, 1, 1)
    assert "until" not in TokenSettings().as_mapping()
    with pytest.raises(VocabularyError, match="until is 'yesterday' and has to be a time"):
        TokenSettings(until="yesterday")
