"""The frames that all tables of a batch are made from: people, rows of the course, stays, units and visits.

Numbers follow MIMIC-IV: subject_id from 10000001, hadm_id from 20000001, stay_id from 30000001. Times are UTC.
"""

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import polars as pl

from ehr.simulate.codes import RACES, REASONS
from ehr.simulate.paths import DAY, Course, Kind
from ehr.simulate.patients import Patients
from ehr.simulate.process import Event, Ints, Move

Tables = dict[str, pl.DataFrame]
"""Tables by name, such as hosp/admissions."""

FIRST_SUBJECT: Final = 10_000_001
FIRST_HADM: Final = 20_000_001
FIRST_STAY: Final = 30_000_001
FIRST_TRANSFER: Final = 40_000_001
MINUTE: Final = 60
REASON_FRAME: Final = pl.DataFrame(
    [
        {
            "reason": place,
            "service": reason.service,
            "ward": reason.ward,
            "icu": reason.icu,
            "elective": reason.elective,
        }
        for place, reason in enumerate(REASONS)
    ],
    schema_overrides={"reason": pl.Int64},
)
LANGUAGES: Final = {"ENGLISH": 0.9, "?": 0.1}


@dataclass(slots=True)
class Offsets:
    """How many patients, stays and records the batches before this one had, so that numbers go on."""

    patients: int = 0
    hadms: int = 0
    icu_stays: int = 0
    transfers: int = 0
    records: int = 0

    def take_records(self, count: int) -> Ints:
        """Return `count` new numbers for records."""
        numbers = np.arange(self.records + 1, self.records + count + 1)
        self.records += count
        return numbers


@dataclass(frozen=True, eq=False)
class Frames:
    """What the tables of one batch share."""

    people: pl.DataFrame
    """subject_id, sex, birth_year, race, insurance, language, marital_status, weight (kg), height (cm), dod."""
    rows: pl.DataFrame
    """The course, with row, subject_id, hadm_id and stay_id (of the ICU)."""
    stays: pl.DataFrame
    """One row per hospital stay."""
    units: pl.DataFrame
    """One row per time in one unit of a stay, in order."""
    visits: pl.DataFrame
    """One row per visit: visit_id, subject_id, class AMB or EMER, start, end."""


def at(second: str) -> pl.Expr:
    """Return a column of seconds since 1970-01-01 as times."""
    return pl.from_epoch(pl.col(second), "s").cast(pl.Datetime("us"))


def build_frames(patients: Patients, offsets: Offsets, rng: np.random.Generator) -> Frames:
    """Return the frames of a batch, and move `offsets` past it."""
    course = patients.course
    columns = {field.name: getattr(course, field.name) for field in fields(Course)}
    rows = pl.DataFrame(columns | {"row": np.arange(len(course)), "context": course.context}).with_columns(
        subject_id=FIRST_SUBJECT + offsets.patients + pl.col("patient"),
        hadm_id=pl.when(pl.col("stay") >= 0).then(FIRST_HADM + offsets.hadms + pl.col("stay")),
    )
    units = _units(rows, offsets)
    rows = rows.join(units.explode("rows").select(row="rows", stay_id="stay_id"), on="row", how="left")
    stays = _stays(rows, rng)
    people = _people(patients, offsets, rows, stays, rng)
    visits = _visits(rows, offsets)
    offsets.patients += len(patients.people.sex)
    offsets.hadms += len(stays)
    offsets.icu_stays += len(units) - units["stay_id"].null_count()
    return Frames(people, rows, stays, units, visits)


def _units(rows: pl.DataFrame, offsets: Offsets) -> pl.DataFrame:
    """Return the times that stays spend in one unit: patients move at the end of a step."""
    steps = rows.filter(pl.col("kind") == Kind.STEP).with_columns(
        part=(pl.col("move") == Move.CHANGE_UNIT).cast(pl.Int64).cum_sum().shift(1, fill_value=0).over("stay")
    )
    units = (
        steps.group_by("stay", "part", maintain_order=True)
        .agg(
            pl.col("subject_id", "hadm_id", "reason", "unit").first(),
            begin=pl.col("start").first(),
            finish=pl.col("end").last(),
            rows=pl.col("row"),
        )
        .with_columns(begin=pl.col("finish").shift(1).over("stay").fill_null(pl.col("begin")))
        .with_columns(
            stay_id=pl.when(pl.col("unit") == 1).then(
                FIRST_STAY - 1 + offsets.icu_stays + (pl.col("unit") == 1).cast(pl.Int64).cum_sum()
            )
        )
    )
    return units.join(REASON_FRAME, on="reason", how="left", maintain_order="left").with_columns(
        careunit=pl.when(pl.col("unit") == 1).then(pl.col("icu")).otherwise(pl.col("ward"))
    )


def _stays(rows: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Return one row per hospital stay, in order of hadm_id."""
    steps = rows.filter(pl.col("kind") == Kind.STEP)
    stays = (
        steps.group_by("stay")
        .agg(
            pl.col("subject_id", "hadm_id", "reason", "admission").first(),
            admitted=pl.col("start").min(),
            left=pl.col("end").max(),
            died=(pl.col("move") == Move.DIE).any(),
            in_icu=(pl.col("unit") == 1).any(),
        )
        .sort("hadm_id")
        .join(REASON_FRAME, on="reason", how="left", maintain_order="left")
    )
    wait = rng.integers(60, 360, len(stays))
    return stays.with_columns(
        wait=pl.Series(wait) * MINUTE,
        handover=pl.Series(rng.integers(10, 60, len(stays))) * MINUTE,
        way_in=pl.Series(rng.random(len(stays))),
        way_out=pl.Series(rng.random(len(stays))),
    ).with_columns(
        registered=pl.when(~pl.col("elective")).then(
            pl.col("admitted") - pl.min_horizontal("wait", pl.col("admitted") % DAY)
        )
    )


def _people(
    patients: Patients, offsets: Offsets, rows: pl.DataFrame, stays: pl.DataFrame, rng: np.random.Generator
) -> pl.DataFrame:
    """Return who the patients are; what is drawn here depends on age and sex alone."""
    who = patients.people
    count = len(who.sex)
    entry_year = 1970 + who.entry_day.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64)
    age = entry_year - who.birth_year
    insurance = np.where(
        rng.random(count) < np.where(age >= 65, 0.85, 0.06), "Medicare",
        np.where(rng.random(count) < np.where(age >= 65, 0.2, 0.3), "Medicaid", "Other"),
    )  # fmt: skip
    married = np.array(["SINGLE", "MARRIED", "WIDOWED", "DIVORCED"])
    shares = np.array([[0.60, 0.32, 0.01, 0.07], [0.25, 0.55, 0.05, 0.15], [0.15, 0.48, 0.25, 0.12]])
    marital = (rng.random(count)[:, None] > np.cumsum(shares, axis=1)[np.digitize(age, [40, 68])]).sum(axis=1)
    height = np.round(rng.normal(np.where(who.sex == 1, 175.5, 162.0), 7.0))
    bmi = np.clip(np.exp(rng.normal(np.log(27.5), 0.19, count)), 16, 60)
    races, race_shares = [race[0] for race in RACES], [race[1] for race in RACES]
    frame = pl.DataFrame(
        {
            "patient": np.arange(count),
            "subject_id": FIRST_SUBJECT + offsets.patients + np.arange(count),
            "gender": np.where(who.sex == 1, "M", "F"),
            "birth_year": who.birth_year,
            "anchor_age": age,
            "anchor_year": entry_year,
            "race": rng.choice(races, count, p=race_shares),
            "insurance": insurance,
            "language": rng.choice(list(LANGUAGES), count, p=list(LANGUAGES.values())),
            "marital_status": married[np.minimum(marital, 3)],
            "height": height,
            "weight": np.round(bmi * (height / 100) ** 2, 1),
        }
    )
    deaths = pl.concat(
        [
            rows.filter(pl.col("event") == Event.DEATH).select("subject_id", died="start"),
            stays.filter("died").select("subject_id", died="left"),
        ]
    )
    return frame.join(deaths, on="subject_id", how="left", maintain_order="left")


def _visits(rows: pl.DataFrame, offsets: Offsets) -> pl.DataFrame:
    """Return visits and visits to the emergency department that ended at home."""
    is_visit = (pl.col("kind") == Kind.ENTRY) | pl.col("event").is_in([Event.VISIT, Event.ED])
    visits = rows.filter(is_visit).select(
        "row", "patient", "subject_id", "start", "end",
        class_name=pl.when(pl.col("event") == Event.ED).then(pl.lit("EMER")).otherwise(pl.lit("AMB")),
        first=pl.col("kind") == Kind.ENTRY,
    )  # fmt: skip
    return visits.with_columns(visit_id=pl.Series(offsets.take_records(len(visits))))
