"""Kidney injury, infection, SOFA and sepsis of the ready tasks on made timelines with known answers."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ehr.intake import event_frame
from ehr.tasks import parse_task
from ehr.tasks.include import ready_concepts
from ehr.tasks.yaml12 import dump_yaml, load_yaml
from sql.cohort import run_cohort_on_meds

BEGIN = datetime(2150, 1, 1)
FILES = ["stays.yaml", "diagnoses.yaml", "labs.yaml", "infection.yaml", "organs.yaml"]
UNITS = {
    "LAB//50912//mg/dL": "mg/dL",
    "LAB//51265//K/uL": "K/uL",
    "LAB//50885//mg/dL": "mg/dL",
    "LAB//220181//mmHg": "mmHg",
    "LAB//220224//mmHg": "mmHg",
}
CREATININE, PLATELETS, BILIRUBIN, PRESSURE, ARTERIAL = UNITS
INSPIRED = "LAB//223835//UNK"
EYE, VERBAL, MOTOR = "LAB//220739//UNK", "LAB//223900//UNK", "LAB//223901//UNK"
NORADRENALINE, DOPAMINE, DOBUTAMINE = "INFUSION_START//221906", "INFUSION_START//221662", "INFUSION_START//221653"
PEEP = "LAB//220339//cmH2O"
CULTURE, ANTIBIOTIC = "MICROBIOLOGY//TAKEN//70012//90201", "MEDICATION//CefePIME//Administered"

Fact = tuple[float, str] | tuple[float, str, float] | tuple[float, str, float, str]
"""Hours since the begin, code, and for a value number and unit."""


def hours(
    folder: Path, cases: Sequence[list[Fact]], predicate: str, predicates: dict[str, Any] | None = None
) -> list[list[float]]:
    """Return for each case, which is a patient, the hours at which a predicate of the shared files counts."""
    path = folder / "events.parquet"
    event_frame([row for number, facts in enumerate(cases) for row in rows_of(number, facts)]).write_parquet(path)
    document = {"include": FILES, "predicates": predicates or {}, "trigger": predicate, "windows": {}}
    found = run_cohort_on_meds(path, parse_task(dump_yaml(document), "made"), wide=False).rows
    times: list[list[float]] = [[] for _ in cases]
    for number, time in found.select("subject_id", "trigger").iter_rows():
        times[number].append((time - BEGIN) / timedelta(hours=1))
    return times


def rows_of(number: int, facts: list[Fact]) -> Iterator[dict[str, Any]]:
    """Yield the events of a case."""
    for hour, code, *value in facts:
        row: dict[str, Any] = {"subject_id": number, "time": BEGIN + timedelta(hours=hour), "code": code}
        row["numeric_value"] = value[0] if value else None
        row["unit"] = value[1] if len(value) > 1 else UNITS.get(code)
        yield row


def sofa(folder: Path, cases: Sequence[list[Fact]]) -> list[list[int]]:
    """Return for each case the SOFA score at each of its times, up to 6."""
    shared = load_yaml(ready_concepts()["organs.yaml"].read_text())
    parts = shared["predicates"]["sofa_rise"]["score"]["parts"]
    scores = {f"from_{n}": {"score": {"within": "24h", "minimum": n, "parts": parts}} for n in range(1, 7)}
    moment = {"start": "trigger", "end": "start + 1s", "start_inclusive": True, "end_inclusive": False}
    window = {**moment, "has": dict.fromkeys(scores, "(0, None)")}
    document = {"include": FILES, "predicates": scores, "trigger": "_ANY_EVENT", "windows": {"now": window}}
    path = folder / "events.parquet"
    event_frame([row for number, facts in enumerate(cases) for row in rows_of(number, facts)]).write_parquet(path)
    rows = run_cohort_on_meds(path, parse_task(dump_yaml(document), "made"), wide=True).rows
    found: list[list[int]] = [[] for _ in cases]
    for row in rows.iter_rows(named=True):
        found[row["subject_id"]].append(sum(row[f"now.end#{name}"] for name in scores))
    return found


KDIGO: list[tuple[list[tuple[float, float]], list[float], list[float], list[float]]] = [
    ([(0, 1.0), (24, 1.2)], [], [], []),
    ([(0, 1.0), (24, 1.3)], [24], [], []),
    ([(0, 1.0), (48, 1.3)], [48], [], []),
    ([(0, 1.0), (49, 1.3)], [], [], []),
    ([(0, 1.0), (49, 1.5)], [49], [], []),
    ([(0, 1.0), (168, 1.5)], [168], [], []),
    ([(0, 1.0), (169, 1.5)], [], [], []),
    ([(0, 1.1), (72, 1.65)], [72], [], []),
    ([(0, 1.0), (60, 1.2), (100, 1.5)], [100], [], []),
    ([(0, 2.0), (10, 1.0), (20, 1.9)], [20], [], []),
    ([(0, 0.6), (60, 1.2), (120, 1.8)], [60, 120], [60, 120], [120]),
    ([(0, 3.8), (24, 4.1)], [24], [24], [24]),
    ([(0, 3.9), (24, 4.1)], [], [], []),
    ([(0, 4.2)], [], [], []),
]


def test_kidney_injury_and_its_stages(tmp_path: Path) -> None:
    cases: list[list[Fact]] = [[(hour, CREATININE, value) for hour, value in values] for values, *_ in KDIGO]
    assert hours(tmp_path, cases, "kidney_injury") == [injury for _, injury, _, _ in KDIGO]
    assert hours(tmp_path, cases, "kidney_injury_stage_2") == [stage for _, _, stage, _ in KDIGO]
    assert hours(tmp_path, cases, "kidney_injury_stage_3") == [stage for _, _, _, stage in KDIGO]


def test_creatinine_in_other_units_rises_alike(tmp_path: Path) -> None:
    facts: list[Fact] = [
        (0, "LAB//LOINC//14682-9//umol/L", 88.42, "umol/L"),
        (24, "LAB//LOINC//14682-9//umol/L", 106.1, "umol/L"),
        (30, "LAB//LOINC//2160-0//mg/dL", 1.31, "mg/dL"),
    ]
    assert hours(tmp_path, [facts], "creatinine_rise_48h") == [[30]]


PARTS: list[tuple[list[Fact], int]] = [
    ([(0, PLATELETS, 150)], 0),
    ([(0, PLATELETS, 149)], 1),
    ([(0, PLATELETS, 100)], 1),
    ([(0, PLATELETS, 99)], 2),
    ([(0, PLATELETS, 49)], 3),
    ([(0, PLATELETS, 19)], 4),
    ([(0, BILIRUBIN, 1.1)], 0),
    ([(0, BILIRUBIN, 1.2)], 1),
    ([(0, BILIRUBIN, 2.0)], 2),
    ([(0, BILIRUBIN, 5.9)], 2),
    ([(0, BILIRUBIN, 6.0)], 3),
    ([(0, BILIRUBIN, 12.0)], 4),
    ([(0, CREATININE, 1.1)], 0),
    ([(0, CREATININE, 1.2)], 1),
    ([(0, CREATININE, 2.0)], 2),
    ([(0, CREATININE, 3.5)], 3),
    ([(0, CREATININE, 5.0)], 4),
    ([(0, PRESSURE, 70)], 0),
    ([(0, PRESSURE, 69)], 1),
    ([(0, PRESSURE, -5)], 0),
    ([(0, DOBUTAMINE, 3, "mcg/kg/min")], 2),
    ([(0, DOPAMINE, 5, "mcg/kg/min")], 2),
    ([(0, DOPAMINE, 5.1, "mcg/kg/min")], 3),
    ([(0, DOPAMINE, 15.1, "mcg/kg/min")], 4),
    ([(0, NORADRENALINE, 0.1, "mcg/kg/min")], 3),
    ([(0, NORADRENALINE, 0.11, "mcg/kg/min")], 4),
    ([(0, "MEDICATION//RXNORM//7512", 4, "mg")], 3),
    ([(0, PRESSURE, 60), (0, NORADRENALINE, 0.05, "mcg/kg/min")], 3),
    ([(0, INSPIRED, 21), (1, ARTERIAL, 84)], 0),
    ([(0, INSPIRED, 21), (1, ARTERIAL, 83)], 1),
    ([(0, INSPIRED, 50), (1, ARTERIAL, 149)], 2),
    ([(0, INSPIRED, 50), (1, ARTERIAL, 99)], 2),
    ([(0, PEEP, 5), (0, INSPIRED, 50), (1, ARTERIAL, 99)], 3),
    ([(0, PEEP, 5), (0, INSPIRED, 100), (1, ARTERIAL, 99)], 4),
    ([(0, PEEP, 5), (0, INSPIRED, 100), (5, ARTERIAL, 99)], 0),
    ([(0, INSPIRED, 0.5), (1, ARTERIAL, 50)], 0),
    ([(0, EYE, 4), (0, VERBAL, 5), (0, MOTOR, 6)], 0),
    ([(0, EYE, 3), (0, VERBAL, 5), (0, MOTOR, 6)], 1),
    ([(0, EYE, 3), (0, VERBAL, 4), (0, MOTOR, 5)], 2),
    ([(0, EYE, 2), (0, VERBAL, 3), (0, MOTOR, 5)], 2),
    ([(0, EYE, 2), (0, VERBAL, 2), (0, MOTOR, 5)], 3),
    ([(0, EYE, 1), (0, VERBAL, 1), (0, MOTOR, 4)], 3),
    ([(0, EYE, 1), (0, VERBAL, 1), (0, MOTOR, 3)], 4),
    ([(0, PEEP, 5), (1, EYE, 4), (1, VERBAL, 1), (1, MOTOR, 6)], 0),
    ([(0, "LAB//LOINC//9269-2//{score}", 13, "{score}")], 1),
    ([(0, "LAB//LOINC//9269-2//{score}", 5, "{score}")], 4),
]


def test_each_organ_has_the_points_of_vincent(tmp_path: Path) -> None:
    found = sofa(tmp_path, [facts for facts, _ in PARTS])
    assert [max(points) for points in found] == [points for _, points in PARTS]


def test_organs_add_up_over_the_worst_of_a_day(tmp_path: Path) -> None:
    facts: list[Fact] = [
        (0, PLATELETS, 90),
        (10, CREATININE, 2.5),
        (20, BILIRUBIN, 1.5),
        (24, PRESSURE, 65),
        (30, PRESSURE, 65),
    ]
    assert sofa(tmp_path, [facts]) == [[2, 4, 5, 6, 4]]


RISES: list[tuple[list[Fact], list[float]]] = [
    ([(0, PLATELETS, 149)], []),
    ([(0, PLATELETS, 99)], [0]),
    ([(0, PLATELETS, 149), (10, CREATININE, 2.0)], [10]),
    ([(0, PLATELETS, 149), (10, CREATININE, 1.2)], []),
    ([(0, CREATININE, 5.5), (30, CREATININE, 5.5), (60, CREATININE, 5.5)], [0]),
    ([(0, CREATININE, 1.2), (70, CREATININE, 3.5)], [70]),
    ([(0, CREATININE, 1.2), (80, CREATININE, 1.3)], []),
    ([(0, PLATELETS, 149), (30, CREATININE, 2.0)], []),
    ([(0, PLATELETS, 149), (26, PLATELETS, 200), (30, CREATININE, 2.0)], [30]),
    ([(0, PRESSURE, 60), (26, PRESSURE, 80), (30, CREATININE, 2.0)], [30]),
]


def test_sofa_rises_by_two_above_the_lowest_of_three_days(tmp_path: Path) -> None:
    assert hours(tmp_path, [facts for facts, _ in RISES], "sofa_rise") == [expected for _, expected in RISES]


INFECTIONS: list[tuple[list[Fact], list[float]]] = [
    ([(0, CULTURE)], []),
    ([(0, ANTIBIOTIC)], []),
    ([(0, CULTURE), (72, ANTIBIOTIC)], [72]),
    ([(0, CULTURE), (73, ANTIBIOTIC)], []),
    ([(0, ANTIBIOTIC), (24, CULTURE)], [24]),
    ([(0, ANTIBIOTIC), (25, CULTURE)], []),
    ([(0, ANTIBIOTIC), (0, CULTURE)], [0]),
    ([(0, CULTURE), (5, "MEDICATION//Ciprofloxacin 0.3% Ophth Soln//Administered")], []),
    ([(0, CULTURE), (5, "MEDICATION//CefePIME//Not Given")], []),
    ([(0, CULTURE), (5, "MEDICATION//STOP//CefePIME")], []),
    ([(0, CULTURE), (5, "MEDICATION//START//CefePIME")], [5]),
    ([(0, CULTURE), (5, "MEDICATION//MetRONIDAZOLE (FLagyl)//Administered")], [5]),
    ([(0, CULTURE), (5, "MEDICATION//Sulfameth/Trimethoprim DS//Administered")], [5]),
    ([(0, CULTURE), (5, "INFUSION_START//225851")], [5]),
    ([(0, "MICROBIOLOGY//TAKEN//70017//90248"), (5, ANTIBIOTIC)], []),
    ([(0, "REPORT//LOINC//600-7"), (5, "MEDICATION//RXNORM//2193")], [5]),
]


def test_an_infection_is_suspected_by_culture_and_antibiotic(tmp_path: Path) -> None:
    assert hours(tmp_path, [facts for facts, _ in INFECTIONS], "infection_suspected") == [
        expected for _, expected in INFECTIONS
    ]


SEPSIS: list[tuple[list[Fact], list[float]]] = [
    ([(0, PLATELETS, 99), (47, CULTURE), (48, ANTIBIOTIC)], [48]),
    ([(0, PLATELETS, 99), (47, CULTURE), (49, ANTIBIOTIC)], []),
    ([(0, CULTURE), (1, ANTIBIOTIC), (25, PLATELETS, 99)], [25]),
    ([(0, CULTURE), (1, ANTIBIOTIC), (26, PLATELETS, 99)], []),
    ([(0, PLATELETS, 99), (5, CULTURE)], []),
    ([(0, CULTURE), (1, ANTIBIOTIC), (5, PLATELETS, 149)], []),
]


def test_sepsis_is_dated_to_when_infection_and_sofa_rise_are_known(tmp_path: Path) -> None:
    assert hours(tmp_path, [facts for facts, _ in SEPSIS], "sepsis") == [expected for _, expected in SEPSIS]
