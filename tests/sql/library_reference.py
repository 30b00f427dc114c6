"""What the ready tasks must give on MIMIC-IV: plain loops over the tables of the source, one patient at a time.

Nothing here goes through events, task files or the compiler. A row is (subject_id, prediction time); its value is
whether the outcome followed.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

Times = list[datetime]
Rows = dict[tuple[int, datetime], bool]
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


@dataclass
class Patient:
    """The times of one patient; `deaths` holds the death and discharges of who died, `results` values by item."""

    born: int = 0
    admissions: Times = field(default_factory=list)
    discharges: Times = field(default_factory=list)
    deaths: Times = field(default_factory=list)
    dated_deaths: Times = field(default_factory=list)
    icu_in: Times = field(default_factory=list)
    icu_out: Times = field(default_factory=list)
    emergency: Times = field(default_factory=list)
    diagnoses: list[tuple[datetime, int, str]] = field(default_factory=list)
    results: dict[int, list[tuple[datetime, float]]] = field(default_factory=lambda: defaultdict(list))

    @property
    def ends(self) -> Times:
        """Discharges and deaths."""
        return [*self.discharges, *self.deaths]


def read_patients(root: Path, items: Iterable[int]) -> dict[int, Patient]:
    """Read the tables of a MIMIC-IV folder; of laboratory results those of `items` that have a number and a unit."""
    found: dict[int, Patient] = defaultdict(Patient)
    dates_of_death: dict[int, datetime] = {}
    times_of_death: dict[int, Times] = defaultdict(list)
    for row in _table(root / "hosp" / "patients.csv.gz", dates=("dod",)):
        found[row["subject_id"]].born = row["anchor_year"] - row["anchor_age"]
        if row["dod"]:
            dates_of_death[row["subject_id"]] = row["dod"]
    discharged: dict[int, datetime] = {}
    for row in _table(root / "hosp" / "admissions.csv.gz", "admittime", "dischtime", "deathtime", "edregtime"):
        patient = found[row["subject_id"]]
        patient.admissions.append(row["admittime"])
        patient.discharges.append(row["dischtime"])
        discharged[row["hadm_id"]] = row["dischtime"]
        if row["discharge_location"] == "DIED":
            patient.deaths.append(row["dischtime"])
        if row["deathtime"]:
            times_of_death[row["subject_id"]].append(row["deathtime"])
        if row["edregtime"]:
            patient.emergency.append(row["edregtime"])
    for subject, date in dates_of_death.items():
        time = min(times_of_death[subject], default=date)
        found[subject].deaths.append(time)
        found[subject].dated_deaths.append(time)
    for row in _table(root / "icu" / "icustays.csv.gz", "intime", "outtime"):
        found[row["subject_id"]].icu_in.append(row["intime"])
        found[row["subject_id"]].icu_out.append(row["outtime"])
    for row in _table(root / "hosp" / "transfers.csv.gz", "intime"):
        if row["eventtype"] == "ED":
            found[row["subject_id"]].emergency.append(row["intime"])
    for row in _table(root / "hosp" / "diagnoses_icd.csv.gz", text=("icd_code",)):
        code = (discharged[row["hadm_id"]], row["icd_version"], row["icd_code"].strip())
        found[row["subject_id"]].diagnoses.append(code)
    wanted = set(items)
    for row in _table(root / "hosp" / "labevents.csv.gz", "charttime", text=("value", "comments")):
        if row["itemid"] in wanted and row["valuenum"] is not None and row["valueuom"]:
            found[row["subject_id"]].results[row["itemid"]].append((row["charttime"], row["valuenum"]))
    return dict(found)


def after_first_day(
    patients: dict[int, Patient],
    outcome: Callable[[Patient, datetime, datetime, datetime], bool],
    keep: Callable[[Patient, datetime, datetime], bool] = lambda patient, admitted, now: True,
) -> Rows:
    """Return a row for each admission 24 hours later, for who is still in; `outcome` gets admission, now and end."""
    rows: Rows = {}
    for subject, patient in patients.items():
        for admitted in patient.admissions:
            now = admitted + DAY
            later = [time for time in patient.ends if time > now]
            if later and not within(patient.ends, admitted, now) and keep(patient, admitted, now):
                rows[subject, now] = outcome(patient, admitted, now, min(later))
    return rows


def icu_mortality(patients: dict[int, Patient]) -> Rows:
    """Return a row for each ICU stay after 24 hours in it."""
    rows: Rows = {}
    for subject, patient in patients.items():
        ends = [*patient.icu_out, *patient.dated_deaths]
        for entered in patient.icu_in:
            now = entered + DAY
            later = [time for time in ends if time > now]
            if later and not within(ends, entered, now):
                rows[subject, now] = within(patient.dated_deaths, now, min(later))
    return rows


def after_discharge(
    patients: dict[int, Patient],
    outcome: Callable[[Patient, datetime], bool],
    keep: Callable[[Patient, datetime], bool] = lambda patient, now: True,
) -> Rows:
    """Return a row for each discharge alive."""
    return {
        (subject, now): outcome(patient, now)
        for subject, patient in patients.items()
        for now in patient.discharges
        if not within(patient.deaths, now - timedelta(seconds=1), now) and keep(patient, now)
    }


def new_diagnosis(patients: dict[int, Patient], pattern10: str, pattern9: str) -> Rows:
    """Return the discharges alive of who has no such diagnosis so far, with whether one is billed within a year."""
    patterns = {10: re.compile(pattern10), 9: re.compile(pattern9)}

    def told(patient: Patient) -> Times:
        return [time for time, version, code in patient.diagnoses if patterns[version].match(code)]

    return after_discharge(
        patients,
        lambda patient, now: within(told(patient), now, now + 365 * DAY),
        lambda patient, now: not any(time <= now for time in told(patient)),
    )


def next_levels(
    patients: dict[int, Patient], items: Sequence[int], severity: Callable[[float], int]
) -> dict[tuple[int, datetime], int]:
    """Return a row one minute before each time with a result of `items`: how severe the worst one of that time is."""
    rows: dict[tuple[int, datetime], int] = {}
    for subject, patient in patients.items():
        results = [result for item in items for result in patient.results[item]]
        for time, value in results:
            assert time.year - patient.born >= 18
            now = time - MINUTE
            rows[subject, now] = max(severity(value), rows.get((subject, now), 0))
    return rows


def kidney_injuries(results: Sequence[tuple[datetime, float]]) -> Times:
    """Return when creatinine (mg/dL) rose by 0.3 in 48 hours or to 1.5 times the lowest of 7 days (KDIGO)."""
    found = []
    for time, value in results:
        two_days = [other for earlier, other in results if time - 2 * DAY <= earlier < time]
        week = [other for earlier, other in results if time - 7 * DAY <= earlier < time]
        if (two_days and round(value - min(two_days), 4) >= 0.3) or (week and round(value / min(week), 6) >= 1.5):
            found.append(time)
    return found


def kidney_injury(patients: dict[int, Patient], items: Sequence[int]) -> Rows:
    """Return who, a day after admission, is without dialysis and kidney injury so far and had creatinine measured."""
    dialysis = {10: re.compile("N186|Z992"), 9: re.compile("5856|V4511")}

    def results(patient: Patient) -> list[tuple[datetime, float]]:
        return [result for item in items for result in patient.results[item]]

    def keep(patient: Patient, admitted: datetime, now: datetime) -> bool:
        begin = now - 8 * DAY
        on_dialysis = any(time <= now and dialysis[version].match(code) for time, version, code in patient.diagnoses)
        measured = any(begin <= time <= now for time, _value in results(patient))
        injured = any(begin <= time <= now for time in kidney_injuries(results(patient)))
        return measured and not injured and not on_dialysis

    return after_first_day(
        patients, lambda patient, admitted, now, end: within(kidney_injuries(results(patient)), now, end), keep
    )


def within(times: Iterable[datetime], after: datetime, until: datetime) -> bool:
    """Say whether one of `times` lies after `after` and not later than `until`."""
    return any(after < time <= until for time in times)


def _table(path: Path, *times: str, dates: Sequence[str] = (), text: Sequence[str] = ()) -> Iterable[dict[str, Any]]:
    """Yield the rows of a CSV file with `times` and `dates` as datetimes and `text` as it stands."""
    frame = pl.read_csv(
        path, infer_schema_length=None, schema_overrides=dict.fromkeys((*times, *dates, *text), pl.String)
    )
    parsed = [pl.col(name).str.to_datetime("%Y-%m-%d %H:%M:%S") for name in times]
    parsed += [pl.col(name).str.to_datetime("%Y-%m-%d") for name in dates]
    yield from frame.with_columns(parsed).iter_rows(named=True)
