"""Measurements and treatments as tables: laboratory, chart, output, infusions, ventilation, readings of visits."""

from typing import Final

import numpy as np
import polars as pl

from ehr.simulate.codes import ADMISSION_WEIGHT, NOREPINEPHRINE, PROPOFOL, SALINE, VENTILATION, Item
from ehr.simulate.evidence import Measured
from ehr.simulate.frames import MINUTE, Frames, Offsets, Tables, at
from ehr.simulate.patients import Patients
from ehr.simulate.physiology import PANELS, Treatment
from ehr.simulate.process import Floats

KG_PER_LB: Final = 0.45359237
CM_PER_INCH: Final = 2.54
BMI: Final = "BMI (kg/m2)"
SEDATED: Final = 0.8
"""Chance that a ventilated patient gets propofol; it depends on ventilation alone."""
WEIGHED: Final = 0.7
"""Chance that a visit after the first has a body weight."""


def charting_tables(patients: Patients, frames: Frames, offsets: Offsets, rng: np.random.Generator) -> Tables:
    """Return the tables of what was measured and done, from the evidence of the patients."""
    values = _values(patients, frames, rng)
    treated = frames.rows[patients.moments].with_columns(
        *(pl.Series(item.name, patients.evidence.treated[:, item]) for item in Treatment)
    )
    weights = frames.people.select("subject_id", patientweight="weight")
    treated = treated.join(weights, on="subject_id", maintain_order="left")
    return {
        "hosp/labevents": _labevents(values, frames, offsets),
        "icu/chartevents": _chartevents(values, frames),
        "icu/outputevents": values.filter(pl.col("table") == "outputevents").select(
            "subject_id", "hadm_id", "stay_id", "itemid", "value", charttime=at("second"), valueuom=pl.lit("ml")
        ),
        "icu/inputevents": _inputevents(treated, rng),
        "icu/procedureevents": _procedureevents(treated),
        "hosp/omr": _omr(values, frames, rng),
    }


def _values(patients: Patients, frames: Frames, rng: np.random.Generator) -> pl.DataFrame:
    """Return all measured values in one frame, in order of patient and time."""
    rows = frames.rows[patients.moments]
    places = rng.random((len(rows), len(PANELS)))
    parts = [_part(measured, places) for measured in patients.evidence.measured]
    frame = pl.concat(parts)
    moment = frame["moment"].to_numpy()
    start, minutes = rows["start"].to_numpy(), (rows["end"] - rows["start"]).to_numpy() // MINUTE
    inside = (frame["place"].to_numpy() * (minutes[moment] - 1)).astype(np.int64) + 1
    columns = rows.select("row", "subject_id", "hadm_id", "stay_id")[moment]
    times = pl.Series("second", start[moment] + inside * MINUTE)
    return pl.concat([frame, columns], how="horizontal").with_columns(times).sort("subject_id", "second", "itemid")


def _part(measured: Measured, places: Floats) -> pl.DataFrame:
    """Return the values of one analyte; `place` is where in its moment each was taken, from 0 to 1."""
    panel = PANELS[measured.panel]
    is_icu = panel.repeats > 1
    place = (measured.repeat + places[measured.moment, measured.panel]) / (panel.repeats if is_icu else 1)
    analyte = measured.analyte
    return pl.DataFrame(
        {"moment": measured.moment, "repeat": measured.repeat, "place": place, "value": measured.value}
    ).with_columns(
        table=pl.lit(panel.table),
        panel=pl.lit(measured.panel),
        itemid=pl.lit(analyte.itemid),
        label=pl.lit(analyte.label),
        is_systolic=pl.lit(analyte.name == "office_systolic"),
        valueuom=pl.lit(analyte.unit, dtype=pl.String),
    )


def _labevents(values: pl.DataFrame, frames: Frames, offsets: Offsets) -> pl.DataFrame:
    """Return the laboratory values; one specimen per panel and time."""
    labs = values.filter(pl.col("table") == "labevents").join(
        frames.visits.select("row", "visit_id"), on="row", how="left", maintain_order="left"
    )
    specimen = pl.struct("row", "panel").rank("dense").cast(pl.Int64)
    return labs.select(
        "subject_id",
        "hadm_id",
        "itemid",
        "valueuom",
        "visit_id",
        specimen_id=specimen + offsets.records,
        labevent_id=pl.Series(offsets.take_records(len(labs))),
        charttime=at("second"),
        storetime=at("second"),
        value=pl.col("value").cast(pl.String).str.strip_suffix(".0"),
        valuenum="value",
    )


def _chartevents(values: pl.DataFrame, frames: Frames) -> pl.DataFrame:
    """Return the vital signs, and the body weight at the beginning of each ICU stay."""
    weights = frames.units.filter(pl.col("stay_id").is_not_null()).join(
        frames.people.select("subject_id", "weight"), on="subject_id", maintain_order="left"
    )
    columns = ("subject_id", "hadm_id", "stay_id", "itemid", "valueuom", "second", "value")
    admission = weights.select(
        "subject_id", "hadm_id", "stay_id", itemid=pl.lit(ADMISSION_WEIGHT.itemid), valueuom=pl.lit("kg"),
        second="begin", value="weight",
    ).select(columns)  # fmt: skip
    charted = values.filter(pl.col("table") == "chartevents").select(columns)
    return pl.concat([charted, admission]).sort("subject_id", "second", "itemid").select(
        "subject_id", "hadm_id", "stay_id", "itemid", "valueuom", charttime=at("second"), storetime=at("second"),
        value=pl.col("value").cast(pl.String).str.strip_suffix(".0"), valuenum="value", warning=pl.lit(0),
    )  # fmt: skip


def _inputevents(treated: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Return one infusion per step and drug; rates and amounts are drawn without regard to the state."""
    sedated = treated.filter("VENTILATION")
    sedated = sedated.filter(pl.Series(rng.random(len(sedated)) < SEDATED))
    parts = [
        _infusion(treated.filter("VASOPRESSOR"), NOREPINEPHRINE, "mcg/kg/min", (0.03, 0.35), rng),
        _infusion(sedated, PROPOFOL, "mcg/kg/min", (10, 50), rng),
        _infusion(treated.filter("FLUID"), SALINE, "mL/hour", (75, 250), rng),
    ]
    return pl.concat(parts).sort("subject_id", "starttime", "itemid")


def _infusion(
    rows: pl.DataFrame, item: Item, rate_unit: str, rates: tuple[float, float], rng: np.random.Generator
) -> pl.DataFrame:
    hours = (pl.col("endtime") - pl.col("starttime")).dt.total_minutes() / 60
    by_weight = pl.col("rate") * pl.col("patientweight") * hours * 60 / 1000
    amount = by_weight if rate_unit == "mcg/kg/min" else pl.col("rate") * hours
    digits = 3 if rates[1] < 1 else 1
    return (
        rows.with_columns(
            rate=pl.Series(np.round(rng.uniform(*rates, len(rows)), digits)),
            starttime=at("start") + pl.duration(minutes=5),
            endtime=at("end") - pl.duration(minutes=1),
        )
        .select(
            "subject_id", "hadm_id", "stay_id", "starttime", "endtime", "rate", "patientweight",
            itemid=pl.lit(item.itemid), amount=amount.round(2), amountuom=pl.lit(item.unit),
            rateuom=pl.lit(rate_unit), statusdescription=pl.lit("FinishedRunning"),
        )
    )  # fmt: skip


def _procedureevents(treated: pl.DataFrame) -> pl.DataFrame:
    minutes = (pl.col("end") - pl.col("start")) // MINUTE - 6
    return treated.filter("VENTILATION").select(
        "subject_id", "hadm_id", "stay_id", starttime=at("start") + pl.duration(minutes=5),
        endtime=at("end") - pl.duration(minutes=1), itemid=pl.lit(VENTILATION.itemid), value=minutes,
        valueuom=pl.lit("min"), ordercategoryname=pl.lit("Ventilation"), statusdescription=pl.lit("FinishedRunning"),
    )  # fmt: skip


def _omr(values: pl.DataFrame, frames: Frames, rng: np.random.Generator) -> pl.DataFrame:
    """Return the readings of visits, dated by day: height once, weight and BMI often, blood pressure as measured."""
    visits = frames.visits.filter(pl.col("class_name") == "AMB").join(
        frames.people.select("patient", "height", "weight"), on="patient", maintain_order="left"
    )
    visits = visits.with_columns(
        weight=pl.col("weight") * pl.Series(np.clip(rng.normal(1.0, 0.02, len(visits)), 0.9, 1.1)),
        weighed=pl.col("first") | pl.Series(rng.random(len(visits)) < WEIGHED),
    )
    weighed = visits.filter("weighed")
    bmi = pl.col("weight") / (pl.col("height") / 100) ** 2
    pressure = (
        values.filter(pl.col("table") == "omr")
        .group_by("row")
        .agg(
            pl.col("value").filter("is_systolic").first().alias("systolic"),
            pl.col("value").filter(~pl.col("is_systolic")).first().alias("diastolic"),
        )
    )
    measured = visits.join(pressure, on="row", maintain_order="left")
    whole = [pl.col(name).cast(pl.Int64).cast(pl.String) for name in ("systolic", "diastolic")]
    parts = [
        _reading(measured, "Blood Pressure", pl.concat_str(whole, separator="/")),
        _reading(weighed, "Weight (Lbs)", (pl.col("weight") / KG_PER_LB).round(1).cast(pl.String)),
        _reading(weighed, BMI, bmi.round(1).cast(pl.String)),
        _reading(
            visits.filter("first"), "Height (Inches)", (pl.col("height") / CM_PER_INCH).round(1).cast(pl.String)
        ),
    ]
    return pl.concat(parts).sort("subject_id", "chartdate", "result_name")


def _reading(visits: pl.DataFrame, name: str, value: pl.Expr) -> pl.DataFrame:
    return visits.select(
        "subject_id",
        "visit_id",
        chartdate=at("start").dt.date(),
        seq_num=pl.lit(1),
        result_name=pl.lit(name),
        result_value=value,
    )
