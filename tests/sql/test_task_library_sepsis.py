"""Suspected infection, SOFA and sepsis on MIMIC-IV: what loops over the tables of the source give."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from ehr.store import Store
from ehr.tasks import find_task, parse_task, read_task
from sql.cohort import run_cohort
from tests.sql.library_reference import Patient, after_first_day, read_patients, within

TASK = "include: [stays.yaml, labs.yaml, infection.yaml, organs.yaml]\ntrigger: TRIGGER\nwindows: {}\n"
HOUR = timedelta(hours=1)
CULTURES = (
    "ACID FAST CULTURE|ANAEROBIC CULTURE|BLOOD/|BRUCELLA BLOOD CULTURE|Blood Culture|CULTURE$|TISSUE|in Bottles"
)
NO_CULTURES = "VIRAL|Viral|VARICELLA|CAMPYLOBACTER|YEAST|Enterovirus|R/O"
ANTIBACTERIALS = (
    "amikacin|amoxicillin|ampicillin|azithromycin|aztreonam|cef|ciprofloxacin|clarithromycin|clindamycin|"
    "daptomycin|doxycycline|ertapenem|erythromycin|gentamicin|levofloxacin|linezolid|meropenem|metronidazole|"
    "moxifloxacin|nafcillin|nitrofurantoin|penicillin|piperacillin|sulfameth|tigecycline|tobramycin|"
    "trimethoprim|vancomycin"
)
NO_ANTIBACTERIALS = (
    "Acyclovir|Fluconazole|Micafungin|Voriconazole|Ambisome|Caspofungin|Tamiflu|Ganciclovir|Atovaquone"
)
GIVEN = (
    "Administered",
    "Administered in Other Location",
    "Started",
    "Restarted",
    "Delayed Administered",
    "Partial Administered",
)

Moments = dict[int, set[datetime]]


def table(root: Path, name: str) -> pl.DataFrame:
    return pl.read_csv(root / f"{name}.csv.gz", infer_schema_length=0)


def moments(*frames: pl.DataFrame) -> Moments:
    """Return the times (second column) of each patient (first column)."""
    found: Moments = defaultdict(set)
    for frame in frames:
        for subject, time in frame.iter_rows():
            if time is not None:
                found[int(subject)].add(datetime.fromisoformat(time))
    return found


def cultures(root: Path) -> Moments:
    lab = table(root, "hosp/microbiologyevents").with_columns(time=pl.coalesce("charttime", "chartdate"))
    name = pl.col("test_name").str.strip_chars()
    lab = lab.filter(name.str.contains(CULTURES) & ~name.str.contains(NO_CULTURES))
    items = table(root, "icu/d_items").filter(
        pl.col("label").str.contains("Culture") & pl.col("category").eq("6-Cultures")
    )
    charted = table(root, "icu/procedureevents").filter(pl.col("itemid").is_in(items["itemid"].implode()))
    return moments(lab.select("subject_id", "time"), charted.select("subject_id", "starttime"))


def is_antibiotic(column: str) -> pl.Expr:
    name = pl.col(column).str.to_lowercase()
    begins = pl.any_horizontal(*(name.str.starts_with(one) for one in ANTIBACTERIALS.split("|")))
    return begins & ~name.str.contains(r"[\d%.]")


def antibiotics(root: Path) -> Moments:
    given = table(root, "hosp/emar").filter(is_antibiotic("medication"), pl.col("event_txt").is_in(GIVEN))
    ordered = table(root, "hosp/pharmacy").filter(is_antibiotic("medication"))
    items = table(root, "icu/d_items").filter(
        pl.col("category").eq("Antibiotics"), ~pl.col("label").str.contains(NO_ANTIBACTERIALS)
    )
    infused = table(root, "icu/inputevents").filter(pl.col("itemid").is_in(items["itemid"].implode()))
    return moments(
        given.select("subject_id", "charttime"),
        ordered.select("subject_id", "starttime"),
        infused.select("subject_id", "starttime"),
    )


def suspected(taken: Moments, drugs: Moments) -> Iterator[tuple[int, datetime]]:
    for subject in drugs.keys() & taken.keys():
        for time in drugs[subject]:
            if any(timedelta(0) <= time - culture <= timedelta(hours=72) for culture in taken[subject]):
                yield subject, time
        for time in taken[subject]:
            if any(timedelta(0) <= time - drug <= timedelta(hours=24) for drug in drugs[subject]):
                yield subject, time


LABS = {
    **dict.fromkeys((51265, 51704), ("coagulation", ((150, 1), (100, 2), (50, 3), (20, 4)))),
    **dict.fromkeys((50885, 53089), ("liver", ((1.2, 1), (2, 2), (6, 3), (12, 4)))),
    **dict.fromkeys((50912, 52546, 52024), ("kidney", ((1.2, 1), (2, 2), (3.5, 3), (5, 4)))),
}
"""Organ, bounds and points of laboratory items; of platelets the value lies below the bound, else at or above it."""

PRESSORS = {
    "221653": (2, np.inf, np.inf),
    "221662": (2, 5, 15),
    **dict.fromkeys(("221906", "221289", "229617"), (3, np.inf, 0.1)),
}
"""The points of a pressor at any rate, and the rates in mcg/kg/min above which it has 3 and 4."""

VENTILATOR = ("223848", "223849", "229314", "220339", "224684")
CHARTED = ("220224", "223835", "220052", "220181", "225312", "220739", "223900", "223901", *VENTILATOR)

Contributions = dict[datetime, list[tuple[str, int]]]
"""What is known of organs at each time: an organ and its points, also 0."""


class Chart:
    """The charted rows of one patient by item: times with numbers."""

    def __init__(self) -> None:
        self.rows: dict[str, list[tuple[datetime, float]]] = defaultdict(list)

    def times(self, *items: str) -> list[datetime]:
        """Return when any of the items was charted."""
        return [time for item in items for time, _ in self.rows[item]]


def charts(root: Path) -> dict[int, Chart]:
    found: dict[int, Chart] = defaultdict(Chart)
    chart = table(root, "icu/chartevents").filter(pl.col("itemid").is_in(CHARTED))
    procedures = table(root, "icu/procedureevents").filter(pl.col("itemid").is_in(("225792", "225794")))
    oxygen = table(root, "hosp/labevents").filter(pl.col("itemid").eq("50816"), pl.col("valueuom").eq("%"))
    inputs = table(root, "icu/inputevents").filter(pl.col("itemid").is_in(PRESSORS))
    for frame in (
        chart.select("subject_id", "itemid", "charttime", "valuenum"),
        procedures.select("subject_id", "itemid", "starttime", pl.lit(None)),
        oxygen.select("subject_id", "itemid", "charttime", "valuenum"),
        inputs.select("subject_id", "itemid", "starttime", pl.when(pl.col("rateuom") == "mcg/kg/min").then("rate")),
    ):
        for subject, item, time, number in frame.iter_rows():
            value = float("nan") if number is None else float(np.float32(number))
            found[int(subject)].rows[item].append((datetime.fromisoformat(time), value))
    return found


def contributions(patient: Patient, chart: Chart) -> Contributions:
    found: Contributions = defaultdict(list)
    for item, (organ, steps) in LABS.items():
        for time, value in patient.results[item]:
            reached = [
                points for bound, points in steps if (value < bound if organ == "coagulation" else value >= bound)
            ]
            found[time].append((organ, max(reached, default=0)))
    for item in ("220052", "220181", "225312"):
        for time, value in chart.rows[item]:
            if value > 0:
                found[time].append(("circulation", int(value < 70)))
    for item, (lowest, three, four) in PRESSORS.items():
        for time, rate in chart.rows[item]:
            reached = [3] * bool(rate > np.float32(three)) + [4] * bool(rate > np.float32(four))
            found[time].append(("circulation", max(lowest, *reached, 0)))
    for time, points in [*_respiration(chart), *_brain(chart)]:
        found[time].append(points)
    return found


def _respiration(chart: Chart) -> Iterator[tuple[datetime, tuple[str, int]]]:
    inspired = [one for item in ("223835", "50816") for one in chart.rows[item] if 21 <= one[1] <= 100]
    support = chart.times(*VENTILATOR, "225792", "225794")
    for time, pressure in chart.rows["220224"]:
        before = [(other, value) for other, value in inspired if time - 4 * HOUR <= other <= time]
        points = 0
        if before:
            last = max(other for other, _ in before)
            ratio = pressure / min(value for other, value in before if other == last) * 100
            supported = any(time - 8 * HOUR <= other <= time for other in support)
            points = sum((ratio < 400, ratio < 300, supported and ratio < 200, supported and ratio < 100))
        if pressure > 0:
            yield time, ("respiration", points)


def _brain(chart: Chart) -> Iterator[tuple[datetime, tuple[str, int]]]:
    ventilated = chart.times(*VENTILATOR, "225792")
    missing: dict[datetime, dict[str, int]] = defaultdict(dict)
    for item, best in (("220739", 4), ("223900", 5), ("223901", 6)):
        for time, value in chart.rows[item]:
            tube = item == "223900" and value == 1 and any(time - 8 * HOUR <= other <= time for other in ventilated)
            lost = 0 if tube or np.isnan(value) else best - int(value)
            missing[time][item] = max(lost, missing[time].get(item, 0))
    for time, lost in missing.items():
        total = sum(lost.values())
        if "220739" in lost or total:
            yield time, ("brain", sum((total >= 1, total >= 3, total >= 6, total >= 10)))


def rises(known: Contributions) -> list[datetime]:
    """Return when the score is at least 2 above the lowest one of the 72 hours before."""
    times = sorted(known)
    scores: list[int] = []
    for number, time in enumerate(times):
        worst: dict[str, int] = {}
        for other in times[bisect_left(times, time - 24 * HOUR) : number + 1]:
            for organ, points in known[other]:
                worst[organ] = max(points, worst.get(organ, 0))
        scores.append(sum(worst.values()))
    before = [scores[bisect_left(times, time - 72 * HOUR) : number] for number, time in enumerate(times)]
    return [
        time
        for time, score, earlier in zip(times, scores, before, strict=True)
        if score - min(earlier, default=0) >= 2
    ]


def sepsis_of(infections: Iterable[datetime], rising: Iterable[datetime]) -> list[datetime]:
    infections, rising = list(infections), list(rising)
    first = [time for time in infections if any(time - 48 * HOUR <= other <= time for other in rising)]
    return first + [time for time in rising if any(time - 24 * HOUR <= other <= time for other in infections)]


@pytest.fixture(scope="module")
def root(data_root: Path) -> Path:
    return data_root / "mimic-iv-demo"


@pytest.fixture(scope="module")
def patients(root: Path) -> dict[int, Patient]:
    return read_patients(root, LABS)


@pytest.fixture(scope="module")
def rising(root: Path, patients: dict[int, Patient]) -> Mapping[int, list[datetime]]:
    charted = charts(root)
    return {subject: rises(contributions(patient, charted[subject])) for subject, patient in patients.items()}


@pytest.fixture(scope="module")
def infections(root: Path) -> Mapping[int, list[datetime]]:
    found: dict[int, list[datetime]] = defaultdict(list)
    for subject, time in sorted(set(suspected(cultures(root), antibiotics(root)))):
        found[subject].append(time)
    return found


def found_moments(store: Store, predicate: str) -> set[tuple[int, datetime]]:
    task = parse_task(TASK.replace("TRIGGER", predicate), predicate)
    return set(run_cohort(store, task, wide=False).rows.select("subject_id", "trigger").iter_rows())


def test_infections_are_suspected_when_loops_over_the_source_suspect_them(
    mimic_store: Store, infections: Mapping[int, list[datetime]]
) -> None:
    expected = {(subject, time) for subject, times in infections.items() for time in times}
    assert len(expected) > 1000
    assert found_moments(mimic_store, "infection_suspected") == expected


def test_sofa_rises_when_loops_over_the_source_say_so(
    mimic_store: Store, rising: Mapping[int, list[datetime]]
) -> None:
    expected = {(subject, time) for subject, times in rising.items() for time in times}
    assert len(expected) > 500
    assert found_moments(mimic_store, "sofa_rise") == expected


def test_the_sepsis_task_gives_what_loops_over_the_source_give(
    mimic_store: Store,
    patients: dict[int, Patient],
    infections: Mapping[int, list[datetime]],
    rising: Mapping[int, list[datetime]],
) -> None:
    septic = {id(patients[subject]): sepsis_of(infections.get(subject, []), rising[subject]) for subject in patients}
    expected = after_first_day(
        patients,
        lambda patient, admitted, now, end: within(septic[id(patient)], now, end),
        lambda patient, admitted, now: not any(now - 48 * HOUR <= time <= now for time in septic[id(patient)]),
    )
    rows = run_cohort(mimic_store, read_task(find_task("sepsis")), wide=False).rows
    columns = rows.select("subject_id", "index_timestamp", pl.col("label") > 0)
    assert {(subject, time): label for subject, time, label in columns.iter_rows()} == expected
