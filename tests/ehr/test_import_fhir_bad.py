"""Every case of fhir/bad does what its index says: nothing crashes, nothing is lost, every refusal has its reason."""

import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from ehr.importers import ImportOptions
from ehr.importers.fhir import import_fhir
from ehr.intake import ImportReport
from ehr.store import Store, create_store, opened
from tests.conftest import DATA

BAD = DATA / "fhir" / "bad"
INDEX: list[dict[str, Any]] = orjson.loads((BAD / "index.json").read_bytes())["cases"] if BAD.is_dir() else []
CASES = {case["id"]: case for case in INDEX}
MADE_UP = re.compile(r"Observation \(4th entry")


def imported(store: Store, case: str) -> ImportReport:
    return import_fhir(store, BAD / CASES[case]["file"], ImportOptions())


@pytest.fixture
def store(data_root: Path, tmp_path: Path) -> Any:
    assert data_root == DATA
    with opened(create_store(tmp_path / "store")) as store:
        yield store


def rows(store: Store, query: str) -> list[tuple[Any, ...]]:
    return store.cursor().execute(query).fetchall()


def stored_records(store: Store) -> set[str]:
    """Return `Type/id` of what is in the store."""
    found = rows(
        store,
        r"""
        SELECT regexp_replace(record_id, '\.component.*', '') FROM event WHERE record_id IS NOT NULL
        UNION SELECT record_id FROM encounter
        UNION SELECT unnest(identifiers) FROM subject
        """,
    )
    return {name for (name,) in found}


def reported(store: Store, item: str) -> list[str]:
    """Return the reasons that reject and notice give for an item of the index: Type/id, line N or the file."""
    item = "" if item in {"file", "whole file"} else item
    line = re.match(r"line (\d+)", item)
    where = f"line = {line[1]}" if line else "resource = $item" if item else "line IS NULL"
    query = f"SELECT reason FROM reject WHERE {where} UNION ALL SELECT reason FROM notice WHERE {where}"
    parameters = {"item": item} if item and not line else {}
    return [reason for (reason,) in store.cursor().execute(query, parameters).fetchall()]


@pytest.mark.parametrize("case", CASES or [""])
def test_a_bad_file_is_judged_as_its_index_says(case: str, store: Store) -> None:
    report = imported(store, case)
    stored = stored_records(store)
    for item in CASES[case]["accepted"]:
        if MADE_UP.match(item):
            assert len([name for name in stored if name.startswith("Observation/")]) == 2
        else:
            assert item in stored
    refused = {row[0]: row[1] for row in rows(store, "SELECT resource, reason FROM reject")}
    for fault in CASES[case]["rejected"]:
        wanted = fault["reason"].split(";")[0]
        item = fault["item"]
        assert item not in stored
        reasons = reported(store, "" if item == "whole file" else item)
        assert any(wanted.lower() in reason.lower() for reason in reasons), (item, wanted, refused)
    for choice in CASES[case]["either"]:
        assert is_told(store, report, choice["item"]), choice


def is_told(store: Store, report: ImportReport, item: str) -> bool:
    """Say whether the store or the report tells what became of an item."""
    if {item, f"Observation/{item}"} & stored_records(store) or reported(store, item):
        return True
    return item.split("/")[0] in report.files[0].resources or item in {"all of x1..x9", "inner Bundle"}


@pytest.mark.parametrize("case", CASES or [""])
def test_every_record_of_a_bad_file_is_counted(case: str, store: Store) -> None:
    report = imported(store, case)
    data = (BAD / CASES[case]["file"]).read_bytes()
    (file,) = report.files
    assert file.rows_in == file.accepted + file.rejected + file.skipped
    if case == "truncated":
        assert (file.status, file.rows_in, file.rejected) == ("failed", 1, 1)
    elif CASES[case]["file"].endswith(".ndjson"):
        assert file.rows_in == len([line for line in data.split(b"\n") if line.strip()])
    assert rows(store, "SELECT count(*) FROM reject") == [(file.rejected,)]
    assert rows(store, "SELECT count(*) FROM event WHERE subject_id NOT IN (SELECT subject_id FROM subject)") == [
        (0,)
    ]


def test_a_truncated_bundle_leaves_nothing_and_tells_the_place(store: Store) -> None:
    report = imported(store, "truncated")
    assert report.failed == ("truncated.json",)
    assert rows(store, "SELECT count(*) FROM event") == [(0,)]
    assert rows(store, "SELECT reason FROM reject") == [("JSON ends too early, at byte 978",)]


def test_partial_dates_keep_their_precision_and_are_known_at_their_end(store: Store) -> None:
    imported(store, "partial-dates")
    found = rows(
        store,
        'SELECT record_id[11:], "time"::VARCHAR, time_precision, utc_offset FROM event '
        "WHERE code LIKE 'CONDITION%' ORDER BY ALL",
    )
    assert found == [
        ("c1", "2019-12-31 23:59:59", "year", None),
        ("c2", "2019-05-31 23:59:59", "month", None),
        ("c3", "2019-05-17 00:00:00", "day", None),
        ("c4", "2019-05-17 08:30:00", None, 120),
        ("c5", None, None, None),
        ("c6", None, None, None),
        ("c7", "2019-06-01 00:00:00", "day", None),
        ("c8", "2018-01-01 00:00:00", "day", None),
    ]
    noted = dict(rows(store, "SELECT resource, reason FROM notice WHERE reason LIKE '%only a%'"))
    assert noted.keys() == {"Patient/p1", "Condition/c1", "Condition/c2"}


def test_no_bad_date_becomes_another_day(store: Store) -> None:
    imported(store, "bad-dates")
    days = rows(store, "SELECT DISTINCT \"time\"::DATE::VARCHAR FROM event WHERE code LIKE 'LAB%'")
    assert days == [("2020-05-01",)]
    assert rows(store, "SELECT birth_time FROM subject WHERE list_contains(identifiers, 'Patient/p2')") == [(None,)]


def test_numbers_are_kept_as_they_are_or_not_at_all(store: Store) -> None:
    imported(store, "odd-quantities")
    values = {
        name: (number, text)
        for name, number, text in rows(store, "SELECT record_id, numeric_value, text_value FROM event")
    }
    assert values["Observation/n1"] == (-5.0, None)
    assert values["Observation/n2"] == (-12.5, None)
    assert values["Observation/n3"] == (None, "1e+308")
    assert values["Observation/n10"] == (None, "<5")
    assert values["Observation/n11"] == (None, None)
    assert values["Observation/n13"] == (None, None)
    assert reported(store, "Observation/n2") == []
    assert reported(store, "Observation/n7") == ["NaN is not JSON, at byte 256"]
    assert rows(store, "SELECT count(*) FROM event WHERE isinf(numeric_value) OR isnan(numeric_value)") == [(0,)]


def test_codes_of_any_system_keep_their_form(store: Store) -> None:
    imported(store, "unknown-code-system")
    codes = dict(rows(store, "SELECT record_id, code FROM event WHERE code LIKE 'LAB%'"))
    assert codes["Observation/o2"] == "LAB//hospital.example.org/codes//LOC-1//%"
    for known in ("o3", "o5", "o6", "o7"):
        assert codes[f"Observation/{known}"] == "LAB//LOINC//4548-4//%"
    assert codes["Observation/o4"] == "LAB//UNK//4548-4//%"
    assert reported(store, "Observation/o4") == ["code: a code without a system is kept as UNK"]
    assert all(len(code.split("//")) == 4 for code in codes.values())
    codings = dict(rows(store, "SELECT record_id, codings FROM event WHERE codings IS NOT NULL"))
    assert codings == {"Observation/o6": ["LAB//LOINC//4548-4//%", "LAB//hospital.example.org/codes//A/B C//%"]}


def test_what_did_not_happen_is_no_event_and_what_is_implausible_is_flagged(store: Store) -> None:
    imported(store, "status-and-plausibility")
    assert rows(store, "SELECT count(*) FROM condition WHERE code LIKE '%44054006%'") == [(0,)]
    assert rows(store, "SELECT count(*) FROM medication") == [(0,)]
    flagged = rows(store, "SELECT resource, reason FROM notice WHERE reason LIKE 'implausible%' ORDER BY resource")
    assert flagged == [
        ("Observation/w1", "implausible: before birth"),
        ("Observation/w2", "implausible: in the future"),
        ("Observation/w3", "implausible: after death"),
        ("Patient/p2", "implausible: death before birth"),
    ]
    dead = rows(store, "SELECT identifiers[1], death_time IS NULL FROM patient WHERE died ORDER BY ALL")
    assert dead == [("Patient/p2", False), ("Patient/p3", False), ("Patient/p4", True)]


def test_references_within_a_transaction_lead_to_its_own_entries(store: Store) -> None:
    imported(store, "urn-uuid")
    found = rows(
        store,
        "SELECT s.identifiers[1], n.record_id FROM event e JOIN subject s USING (subject_id) "
        "JOIN encounter n USING (encounter_id) WHERE e.record_id = 'Observation/o-a'",
    )
    assert found == [("Patient/a", "Encounter/e-a")]


def test_a_page_of_a_search_says_that_more_pages_exist(store: Store) -> None:
    imported(store, "searchset")
    (reason,) = [reason for (reason,) in rows(store, "SELECT reason FROM notice")]
    assert "incomplete" in reason
    assert "250" in reason
    assert "next page" in reason


def test_a_contained_medication_gives_the_code(store: Store) -> None:
    imported(store, "contained")
    codes = rows(store, "SELECT code FROM event WHERE record_id = 'MedicationRequest/m1'")
    assert codes == [("MEDICATION//RXNORM//860975",)]
    assert rows(store, "SELECT count(*) FROM event WHERE record_id = 'Observation/o3'") == [(0,)]


def test_the_whole_folder_goes_in_at_once(store: Store) -> None:
    report = import_fhir(store, BAD, ImportOptions())
    assert set(report.failed) == {"truncated.json", "index.json"} - {"index.json"}
    total = rows(store, "SELECT sum(rows_in), sum(rows_accepted + rows_rejected + rows_skipped) FROM source")
    assert total[0][0] == total[0][1] > 100
    assert rows(store, "SELECT count(*) FROM event WHERE record_id = 'Observation/ok1'") == [(1,)]
