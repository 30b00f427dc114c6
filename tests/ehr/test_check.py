"""Data quality: every planted fault is found by its check and no other, and clean records pass without findings."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from ehr import code_order
from ehr.check import AREAS, CHECKS, Report, as_json, check_store
from ehr.check.limits import SOURCES, limits
from ehr.check.prepare import limited_quantities
from ehr.intake import Intake, event_frame
from ehr.reasons import Reason
from ehr.store import Store

DAY = timedelta(days=1)
BORN = datetime(1950, 5, 1)
ADMITTED = datetime(2020, 3, 1, 8)
DISCHARGED = datetime(2020, 3, 9, 12)

Row = dict[str, Any]


@pytest.fixture(autouse=True)
def _keeping_the_order_of_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_order, "LEAST", 1)


@dataclass
class Records:
    """What is imported: events, stays, titles of codes, and records that were refused or remarked on.

    `after` are statements that harm the store after the import.
    """

    events: list[Row]
    stays: list[Row]
    titles: dict[str, str]
    rejected: list[str] = field(default_factory=list)
    noticed: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)

    def add(self, subject_id: int, code: str, time: datetime | None = ADMITTED + DAY, **more: Any) -> None:
        """Add an event of a code that has a title."""
        self.titles.setdefault(code, f"title of {code}")
        self.events.append({"subject_id": subject_id, "code": code, "time": time, **more})

    def stay(self, number: int, subject_id: int, **more: Any) -> None:
        """Add a stay of the hospital; where its number is taken it gets the next one."""
        taken = {stay["encounter_id"] for stay in self.stays}
        number = number if number not in taken else max(taken) + 1
        row = {"encounter_id": number, "subject_id": subject_id, "class": "inpatient", "type": "URGENT"}
        times = {"start_time": ADMITTED, "end_time": DISCHARGED}
        self.stays.append({**row, **times, "parent_id": None, **more})


def clean() -> Records:
    """Return records of four patients without a fault; some lie close to the edge of one."""
    records = Records(events=[], stays=[], titles={})
    for subject_id in (1, 2, 3, 4):
        records.add(subject_id, "MEDS_BIRTH", BORN)
        records.add(subject_id, "GENDER//F", None)
        records.stay(subject_id, subject_id)
        icu = {"class": "icu", "parent_id": subject_id, "end_time": DISCHARGED + timedelta(hours=5)}
        records.stay(10 + subject_id, subject_id, **icu)
        for hour in range(3):
            time = ADMITTED + timedelta(hours=hour)
            inside = {"time": time, "encounter_id": 10 + subject_id}
            records.add(subject_id, "LAB//50931//mg/dL", numeric_value=100.0 + hour, unit="mg/dL", **inside)
            records.add(subject_id, "LAB//50971//mEq/L", numeric_value=4.0, unit="mEq/L", **inside)
            records.add(subject_id, "LAB//220045//bpm", numeric_value=70.0, unit="bpm", **inside)
            records.add(subject_id, "LAB//223761//°F", numeric_value=98.6, unit="°F", **inside)
        records.add(subject_id, "DIAGNOSIS//ICD//10//E119", DISCHARGED, encounter_id=subject_id)
        records.add(subject_id, "INFUSION_START//1", end_time=ADMITTED + 2 * DAY, encounter_id=subject_id)
    records.stay(21, 1, start_time=DISCHARGED, end_time=DISCHARGED + 3 * DAY)
    records.add(4, "MEDS_DEATH", datetime(2020, 3, 20), time_precision="day")
    records.add(4, "LAB//50971//mEq/L", datetime(2020, 3, 21, 20), numeric_value=7.0, unit="mEq/L")
    records.add(2, "LAB//50931//mg/dL", datetime(1950, 1, 1), time_precision="year", numeric_value=50.0, unit="mg/dL")
    return records


def checked(records: Records) -> Report:
    """Return the report of a store in memory that took the records in."""
    con = duckdb.connect()
    con.execute(files("ehr").joinpath("schema.sql").read_text(encoding="utf-8"))
    store = Store(Path("in-memory"), con, writable=True)
    intake = Intake(store, "made", Path())
    entry = intake.begin("made.ndjson", "0" * 64)
    entry.stage_frame("event", event_frame(records.events))
    entry.stage_frame("encounter", pl.DataFrame(records.stays, infer_schema_length=None))
    titles = {"code": list(records.titles), "description": list(records.titles.values())}
    entry.stage_frame("code", pl.DataFrame(titles, schema={"code": pl.String(), "description": pl.String()}))
    accepted = len(records.events)
    refused = len(records.rejected)
    entry.tally("event", rows_in=accepted + refused, accepted=accepted, rejected=refused)
    for number, code in enumerate(records.rejected):
        entry.reject(number + 1, f"Observation/r{number}", "made up", code=Reason(code))
    for number, code in enumerate(records.noticed):
        entry.notice(number + 1, f"Observation/n{number}", "made up", code=Reason(code))
    intake.commit()
    for statement in records.after:
        con.execute(statement)
    return check_store(store)


def found(report: Report) -> dict[str, int]:
    """Return how much each check found, without those that found nothing."""
    return {outcome.check.name: outcome.found for outcome in report.outcomes if outcome.found}


def test_clean_records_pass_without_findings() -> None:
    report = checked(clean())
    assert found(report) == {}
    assert {outcome.check.name for outcome in report.outcomes if outcome.severity == "nothing to check"} <= {
        "duplicate-event"
    }
    assert report.count("fail") == report.count("warn") == 0


Fault = Callable[[Records], object]


def glucose(records: Records, value: float, time: datetime = ADMITTED + DAY, **more: Any) -> None:
    """Add a glucose of patient 1."""
    records.add(1, "LAB//50931//mg/dL", time, numeric_value=value, unit="mg/dL", **more)


def drop(records: Records, subject_id: int, code: str) -> None:
    """Take the events of a patient with a code away."""
    records.events = [e for e in records.events if (e["subject_id"], e["code"]) != (subject_id, code)]


def twice(records: Records, position: int) -> None:
    """Have an event once more."""
    records.events.append(dict(records.events[position]))


def without_title(records: Records) -> None:
    """Add an event of a code that nobody described."""
    records.events.append({"subject_id": 1, "code": "LAB//999999//UNK", "time": ADMITTED, "text_value": "clear"})


DEAD = datetime(2020, 3, 20)
NOW = datetime.now()

FAULTS: dict[str, tuple[Fault, dict[str, int]]] = {
    "a patient without a birth": (lambda r: drop(r, 3, "MEDS_BIRTH"), {"patient-without-birth": 1}),
    "a patient without a sex": (lambda r: drop(r, 3, "GENDER//F"), {"patient-without-sex": 1}),
    "two sexes": (lambda r: r.add(2, "GENDER//M", None), {"patient-contradicted": 1}),
    "two births": (lambda r: r.add(2, "MEDS_BIRTH", BORN + 400 * DAY), {"patient-contradicted": 1}),
    "two deaths": (lambda r: r.add(4, "MEDS_DEATH", DEAD + 9 * DAY), {"patient-contradicted": 1}),
    "a death before birth": (
        lambda r: (drop(r, 3, "LAB//50931//mg/dL"), r.add(3, "MEDS_DEATH", BORN - 30 * DAY)),
        {"death-before-birth": 1, "event-before-birth": 1, "event-after-death": 11},
    ),
    "a patient of 140 years": (
        lambda r: (drop(r, 2, "MEDS_BIRTH"), r.add(2, "MEDS_BIRTH", datetime(1880, 1, 1))),
        {"patient-too-old": 1},
    ),
    "an event before birth": (lambda r: glucose(r, 90, BORN - 3 * DAY), {"event-before-birth": 1}),
    "an event in the year before birth": (
        lambda r: glucose(r, 90, datetime(1949, 1, 1), time_precision="year"),
        {"event-before-birth": 1},
    ),
    "an event after death": (
        lambda r: r.add(4, "LAB//50971//mEq/L", DEAD + 3 * DAY, numeric_value=4.1, unit="mEq/L"),
        {"event-after-death": 1},
    ),
    "an event in the future": (lambda r: glucose(r, 90, NOW + 30 * DAY), {"event-in-future": 1}),
    "an event that ends before it begins": (
        lambda r: r.add(1, "INFUSION_START//1", ADMITTED + 2 * DAY, end_time=ADMITTED),
        {"event-ends-before-start": 1},
    ),
    "a diagnosis without a time": (
        lambda r: r.add(1, "DIAGNOSIS//ICD//10//I10", None), {"event-without-time": 1},
    ),
    "a time that could not be read": (
        lambda r: (r.noticed.append("bad-time"), r.rejected.append("no-time")),
        {"time-unparsed": 2, "record-rejected": 1},
    ),
    "a stay that ends before it begins": (
        lambda r: r.stay(31, 2, start_time=ADMITTED + 30 * DAY, end_time=ADMITTED + 29 * DAY),
        {"stay-ends-before-start": 1},
    ),
    "a stay without a begin": (lambda r: r.stay(31, 2, start_time=None), {"stay-without-start": 1}),
    "an ICU stay after its hospital stay": (
        lambda r: r.stay(31, 2, **{"class": "icu", "parent_id": 2}, start_time=DISCHARGED + 2 * DAY, end_time=None),
        {"stay-outside-parent": 1},
    ),
    "a stay in an unknown stay": (
        lambda r: r.stay(31, 2, **{"class": "icu", "parent_id": 999}), {"stay-with-wrong-parent": 1},
    ),
    "a stay in another patient's stay": (
        lambda r: r.stay(31, 2, **{"class": "icu", "parent_id": 3}), {"stay-with-wrong-parent": 1},
    ),
    "two stays at once": (
        lambda r: r.stay(31, 2, start_time=DISCHARGED - 2 * DAY, end_time=DISCHARGED + 2 * DAY), {"stay-overlap": 1},
    ),
    "a stay that overlaps one before the last": (
        lambda r: (
            r.stay(31, 2, start_time=ADMITTED - 40 * DAY, end_time=ADMITTED - 10 * DAY),
            r.stay(32, 2, start_time=ADMITTED - 39 * DAY, end_time=ADMITTED - 38 * DAY),
            r.stay(33, 2, start_time=ADMITTED - 20 * DAY, end_time=ADMITTED - 19 * DAY),
        ),
        {"stay-overlap": 2},
    ),
    "an event in an unknown stay": (lambda r: glucose(r, 90, encounter_id=999), {"event-unknown-stay": 1}),
    "an event in another patient's stay": (lambda r: glucose(r, 90, encounter_id=12), {"event-others-stay": 1}),
    "an event far after its stay": (
        lambda r: glucose(r, 90, DISCHARGED + 5 * DAY, encounter_id=11), {"event-outside-stay": 1},
    ),
    "a glucose of 9000": (lambda r: glucose(r, 9000), {"value-implausible": 1}),
    "a pulse below zero": (
        lambda r: r.add(1, "LAB//220045//bpm", numeric_value=-3.0, unit="bpm"), {"value-implausible": 1},
    ),
    "a fever of 150 Fahrenheit": (
        lambda r: r.add(1, "LAB//223761//°F", numeric_value=150.0, unit="°F"), {"value-implausible": 1},
    ),
    "millimoles under milligrams": (
        lambda r: r.add(1, "LAB//50931//mmol/L", numeric_value=180.0, unit="mmol/L"), {"value-implausible": 1},
    ),
    "a coma scale of 9": (
        lambda r: r.add(1, "LAB//220739//UNK", numeric_value=9.0), {"value-implausible": 1},
    ),
    "a value that is there twice": (lambda r: twice(r, 3), {"duplicate-value": 1}),
    "a diagnosis that is there three times": (
        lambda r: [r.add(1, "DIAGNOSIS//ICD//10//I10", DISCHARGED) for _ in range(3)],
        {"duplicate-event": 2},
    ),
    "a unit that nobody understands": (
        lambda r: r.add(1, "LAB//LOCAL//zeta//zorkmids", numeric_value=1.0, unit="zorkmids"),
        {"unit-not-understood": 1},
    ),
    "a number without a unit": (
        lambda r: r.add(1, "LAB//50931//UNK", numeric_value=95.0), {"number-without-unit": 1},
    ),
    "units that cannot be compared": (
        lambda r: r.add(1, "LAB//50931//kg", numeric_value=95.0, unit="kg"), {"units-not-comparable": 1},
    ),
    "a code without a description": (without_title, {"code-without-description": 1}),
    "an order of codes that lacks a code": (
        lambda r: r.after.append(
            "DELETE FROM event_by_code WHERE place = (SELECT place FROM code_place WHERE code = 'INFUSION_START//1')"
        ),
        {"code-order-differs": 1},
    ),
    "a refused record": (lambda r: r.rejected.append("bad-json"), {"record-rejected": 1}),
    "a source that has more": (lambda r: r.noticed.append("incomplete"), {"file-failed": 1}),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found_by_its_check_alone(name: str) -> None:
    plant, expected = FAULTS[name]
    records = clean()
    plant(records)
    report = checked(records)
    assert found(report) == expected
    for outcome in report.outcomes:
        assert (outcome.severity in {"warn", "fail"}) == bool(outcome.found)
        assert bool(outcome.examples) == bool(outcome.found)
        assert sum(file.found for file in outcome.files) == outcome.found


def test_every_check_has_a_planted_fault() -> None:
    assert {name for _, expected in FAULTS.values() for name in expected} == {check.name for check in CHECKS}


def test_all_faults_at_once_are_found_at_least_as_often() -> None:
    records = clean()
    for plant, expected in FAULTS.values():
        if len(expected) == 1:
            plant(records)
    counts = found(checked(records))
    singles = {name for _, expected in FAULTS.values() if len(expected) == 1 for name in expected}
    assert singles <= counts.keys()


def test_shifted_data_is_not_called_the_future() -> None:
    records = clean()
    for row in (*records.events, *records.stays):
        for name in ("time", "end_time", "start_time"):
            if row.get(name) is not None:
                row[name] += 150 * 365 * DAY
    report = checked(records)
    assert found(report) == {}
    assert {o.severity for o in report.outcomes if o.check.name == "event-in-future"} == {"nothing to check"}


def test_examples_are_ids_and_never_values() -> None:
    records = clean()
    records.add(1, "LAB//50931//mg/dL", numeric_value=98765.0, unit="mg/dL", text_value="secret")
    report = as_json(checked(records))
    assert "98765" not in str(report)
    assert "secret" not in str(report)
    implausible = next(check for check in report["checks"] if check["check"] == "value-implausible")
    assert [set(example) for example in implausible["examples"]] == [{"event", "about"}]


def test_checks_are_told_apart_and_explained() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS)
    assert all(check.meaning.endswith(".") and 0 <= check.warn <= check.fail < 1 for check in CHECKS)
    assert set(AREAS) == {check.area for check in CHECKS}


def test_limits_are_of_known_quantities_and_sources() -> None:
    assert len(limited_quantities()) == len(limits())
    assert all(low < high and source in SOURCES for _, _, low, high, source in limited_quantities())


@pytest.mark.parametrize(
    ("name", "at_most"),
    [("event-after-death", 60), ("value-implausible", 60), ("stay-outside-parent", 10), ("event-before-birth", 0),
     ("event-others-stay", 0), ("stay-overlap", 0), ("event-ends-before-start", 0), ("record-rejected", 0)],
)  # fmt: skip
def test_mimic_has_few_faults(mimic_report: Report, name: str, at_most: int) -> None:
    assert {outcome.check.name: outcome.found for outcome in mimic_report.outcomes}[name] <= at_most


def test_known_slips_of_mimic_are_found(mimic_report: Report) -> None:
    """A height of 5 inches, a body mass index of 4649, Fahrenheit charted as Celsius, a pressure of 801 mmHg."""
    implausible = next(o for o in mimic_report.outcomes if o.check.name == "value-implausible")
    assert {"LAB//220052//mmHg", "LAB//223762//°C"} <= implausible.kinds.keys()
    assert {file.file for file in implausible.files} == {
        "hosp/omr.csv.gz",
        "icu/chartevents.csv.gz",
        "hosp/labevents.csv.gz",
    }


@pytest.fixture(scope="module")
def mimic_report(mimic_store: Store) -> Report:
    """Return the report of the MIMIC-IV demo."""
    return check_store(mimic_store)
