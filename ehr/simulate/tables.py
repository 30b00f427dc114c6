"""Made patients as the tables of MIMIC-IV: the one place where a course becomes records.

Every format is written from these tables, so that all hold the same facts. What course and evidence do not decide
(wards, doses, races, minutes) is drawn on the way, and says nothing about risks. So that nothing is dated before it
is known:

- diagnoses and DRGs are billed at discharge;
- what MIMIC-IV dates by day alone counts from midnight: a death at home and the readings of a visit, on a day on
  which nothing else happens, and a procedure, which is dated on the day after it was done;
- treatments are charted step by step, so that the end of a record never tells what comes after it.
"""

from typing import Final

import numpy as np
import polars as pl

from ehr.simulate.billing import billing_tables
from ehr.simulate.charting import charting_tables
from ehr.simulate.frames import FIRST_TRANSFER, Frames, Offsets, Tables, at, build_frames
from ehr.simulate.ordering import ordering_tables
from ehr.simulate.patients import Patients

ANCHOR_GROUPS: Final = {2013: "2011 - 2013", 2016: "2014 - 2016", 2019: "2017 - 2019"}
"""Last year of a group -> its name."""
ED_UNIT: Final = "Emergency Department"


def build_tables(patients: Patients, offsets: Offsets, rng: np.random.Generator) -> Tables:
    """Return the filled columns of all tables of a batch, and move `offsets` past it.

    Beside the tables of MIMIC-IV there is `visits`, the visits that MIMIC-IV knows by their readings alone.
    """
    frames = build_frames(patients, offsets, rng)
    charted = charting_tables(patients, frames, offsets, rng)
    return {
        "hosp/patients": _patients(frames),
        "hosp/admissions": _admissions(frames),
        "hosp/transfers": _transfers(frames, offsets),
        "hosp/services": frames.stays.select(
            "subject_id", "hadm_id", transfertime=at("admitted"), curr_service="service"
        ),
        "icu/icustays": _icustays(frames),
        "visits": frames.visits.select("visit_id", "subject_id", "class_name", start=at("start"), end=at("end")),
        **charted,
        **ordering_tables(patients, frames, offsets, rng),
        **billing_tables(patients, frames, charted),
    }


def _patients(frames: Frames) -> pl.DataFrame:
    group = pl.lit(None, dtype=pl.String)
    for last_year, name in reversed(ANCHOR_GROUPS.items()):
        group = pl.when(pl.col("anchor_year") <= last_year).then(pl.lit(name)).otherwise(group)
    return frames.people.select(
        "subject_id", "gender", "anchor_age", "anchor_year", anchor_year_group=group, dod=at("died").dt.date()
    )


def _admissions(frames: Frames) -> pl.DataFrame:
    elective, way_in, way_out = pl.col("elective"), pl.col("way_in"), pl.col("way_out")
    days = (pl.col("left") - pl.col("admitted")) / 86400
    gone = (
        pl.when("died").then(pl.lit("DIED"))
        .when((pl.col("anchor_age") >= 65) & (days > 4) & (way_out < 0.35)).then(pl.lit("SKILLED NURSING FACILITY"))
        .when((days > 6) & (way_out < 0.50)).then(pl.lit("REHAB"))
        .when(way_out > 0.70).then(pl.lit("HOME HEALTH CARE"))
        .otherwise(pl.lit("HOME"))
    )  # fmt: skip
    return frames.stays.join(frames.people.drop("patient", "died"), on="subject_id", maintain_order="left").select(
        "subject_id",
        "hadm_id",
        admittime=at("admitted"),
        dischtime=at("left"),
        deathtime=pl.when("died").then(at("left")),
        admission_type=pl.when(elective & (way_in < 0.5)).then(pl.lit("ELECTIVE"))
        .when(elective).then(pl.lit("SURGICAL SAME DAY ADMISSION"))
        .when(way_in < 0.7).then(pl.lit("EW EMER.")).when(way_in < 0.9).then(pl.lit("URGENT"))
        .otherwise(pl.lit("OBSERVATION ADMIT")),
        admission_location=pl.when(elective).then(pl.lit("PHYSICIAN REFERRAL")).otherwise(pl.lit("EMERGENCY ROOM")),
        discharge_location=gone,
        insurance="insurance",
        language="language",
        marital_status="marital_status",
        race="race",
        edregtime=at("registered"),
        edouttime=pl.when(pl.col("registered").is_not_null()).then(_handed_over()),
        hospital_expire_flag=pl.col("died").cast(pl.Int64),
    )  # fmt: skip


def _handed_over() -> pl.Expr:
    """Return when a patient left the emergency department for the ward, a little after the admission."""
    return pl.from_epoch(pl.col("admitted") + pl.col("handover"), "s").cast(pl.Datetime("us"))


def _transfers(frames: Frames, offsets: Offsets) -> pl.DataFrame:
    nothing = pl.lit(None, dtype=pl.String)
    arrivals = frames.stays.filter(pl.col("registered").is_not_null()).select(
        "subject_id",
        "hadm_id",
        eventtype=pl.lit("ED"),
        careunit=pl.lit(ED_UNIT),
        intime=at("registered"),
        outtime=at("admitted"),
    )
    visits = frames.visits.filter(pl.col("class_name") == "EMER").select(
        "subject_id", hadm_id=pl.lit(None, dtype=pl.Int64), eventtype=pl.lit("ED"), careunit=pl.lit(ED_UNIT),
        intime=at("start"), outtime=at("end"),
    )  # fmt: skip
    moves = frames.units.select(
        "subject_id", "hadm_id",
        eventtype=pl.when(pl.col("part") == 0).then(pl.lit("admit")).otherwise(pl.lit("transfer")),
        careunit="careunit", intime=at("begin"), outtime=at("finish"),
    )  # fmt: skip
    leavings = frames.stays.select(
        "subject_id", "hadm_id", eventtype=pl.lit("discharge"), careunit=nothing, intime=at("left"),
        outtime=pl.lit(None, dtype=pl.Datetime("us")),
    )  # fmt: skip
    table = pl.concat([arrivals, visits, moves, leavings]).sort(
        "subject_id", "intime", "outtime", maintain_order=True
    )
    first = FIRST_TRANSFER + offsets.transfers
    offsets.transfers += len(table)
    return table.with_columns(transfer_id=pl.int_range(first, first + len(table)))


def _icustays(frames: Frames) -> pl.DataFrame:
    return frames.units.filter(pl.col("stay_id").is_not_null()).select(
        "subject_id", "hadm_id", "stay_id", first_careunit="icu", last_careunit="icu", intime=at("begin"),
        outtime=at("finish"), los=(pl.col("finish") - pl.col("begin")) / 86400,
    )  # fmt: skip
