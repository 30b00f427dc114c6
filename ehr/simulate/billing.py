"""Billing codes as tables: diagnoses and DRGs, known at discharge, and procedures, known on the day after them."""

from typing import Final

import polars as pl

from ehr.simulate import codes
from ehr.simulate.charting import BMI
from ehr.simulate.codes import ANALYTES, CONDITIONS, REASONS
from ehr.simulate.frames import Frames, Tables, at
from ehr.simulate.patients import Patients

OBESE: Final = 30.0
KIDNEY_FAILURE_RATIO: Final = 1.5
"""Rise of creatinine over the lowest of the stay that is billed as acute kidney failure (KDIGO 2012, stage 1)."""
ICD_VERSION: Final = 10
SEPSIS: Final = "A419"


def billing_tables(patients: Patients, frames: Frames, charted: Tables) -> Tables:
    """Return the billing tables; complications follow from what was charted in the stay."""
    stays = _what_happened(frames, charted)
    return {
        "hosp/diagnoses_icd": _diagnoses(patients, stays),
        "hosp/procedures_icd": _procedures(stays),
        "hosp/drgcodes": _drgs(stays),
    }


def _what_happened(frames: Frames, charted: Tables) -> pl.DataFrame:
    """Return the stays with what their charts show: first ventilation, first vasopressor, rise of creatinine, BMI."""
    inputs, labs, omr = charted["icu/inputevents"], charted["hosp/labevents"], charted["hosp/omr"]
    ventilated = charted["icu/procedureevents"].group_by("hadm_id").agg(ventilated=pl.col("endtime").min())
    pressed = (
        inputs.filter(pl.col("itemid") == codes.NOREPINEPHRINE.itemid)
        .group_by("hadm_id")
        .agg(pressed=pl.col("endtime").min())
    )
    creatinine = labs.filter(pl.col("itemid") == ANALYTES["creatinine"].itemid, pl.col("hadm_id").is_not_null())
    rise = creatinine.group_by("hadm_id").agg(rise=pl.col("valuenum").max() / pl.col("valuenum").min())
    first_bmi = omr.filter(pl.col("result_name") == BMI).group_by("subject_id", maintain_order=True).agg(
        bmi=pl.col("result_value").first().cast(pl.Float64)
    )  # fmt: skip
    stays = frames.stays
    for found in (ventilated, pressed, rise):
        stays = stays.join(found, on="hadm_id", how="left", maintain_order="left")
    return stays.join(first_bmi, on="subject_id", how="left", maintain_order="left")


def _diagnoses(patients: Patients, stays: pl.DataFrame) -> pl.DataFrame:
    """Return the diagnoses of each stay: its reason first, then complications, then chronic conditions."""
    reason, is_sepsis = pl.col("reason"), pl.col("reason") == _place_of(SEPSIS)
    complications = (
        (codes.RESPIRATORY_FAILURE, pl.col("ventilated").is_not_null()),
        (codes.SEPTIC_SHOCK, pl.col("pressed").is_not_null() & is_sepsis),
        (codes.HYPOTENSION, pl.col("pressed").is_not_null() & ~is_sepsis),
        (codes.ACUTE_KIDNEY_FAILURE, (pl.col("rise") >= KIDNEY_FAILURE_RATIO) & (reason != _place_of("N179"))),
        (codes.OBESITY, pl.col("bmi") >= OBESE),
    )
    parts = [_bill(stays.filter(reason == place), 0, each.icd10) for place, each in enumerate(REASONS)]
    parts += [_bill(stays.filter(when), 1 + place, code[0]) for place, (code, when) in enumerate(complications)]
    number = stays["stay"].to_numpy()
    for place, condition in enumerate(CONDITIONS):
        billed = stays.filter(pl.Series(patients.billed[number, place]))
        parts.append(_bill(billed, 1 + len(complications) + place, condition.icd10))
    table = pl.concat(parts).sort("subject_id", "hadm_id", "rank")
    return table.select(
        "subject_id", "hadm_id", seq_num=pl.int_range(1, pl.len() + 1).over("hadm_id"), icd_code="icd_code",
        icd_version=pl.lit(ICD_VERSION), known=at("left"),
    )  # fmt: skip


def _bill(stays: pl.DataFrame, rank: int, code: str) -> pl.DataFrame:
    return stays.select("subject_id", "hadm_id", "left", rank=pl.lit(rank), icd_code=pl.lit(code))


def _place_of(icd10: str) -> int:
    return next(place for place, reason in enumerate(REASONS) if reason.icd10 == icd10)


def _procedures(stays: pl.DataFrame) -> pl.DataFrame:
    """Return the operation that a stay was for, and what the ICU did.

    A date alone counts from its midnight, so a procedure is dated on the day after it was done, and left out when the
    patient had left by then.
    """
    done = [
        (pl.col("reason") == place, reason.procedure.icd10, at("admitted") + pl.duration(hours=1))
        for place, reason in enumerate(REASONS)
        if reason.procedure
    ]
    done += [
        (pl.col(column).is_not_null(), procedure.icd10, pl.col(column))
        for column, procedure in (("ventilated", codes.VENTILATED), ("pressed", codes.CENTRAL_LINE))
    ]
    parts = [
        stays.filter(when).select("subject_id", "hadm_id", left=at("left"), icd_code=pl.lit(code), performed=moment)
        for when, code, moment in done
    ]
    table = pl.concat(parts).sort("subject_id", "hadm_id", "performed", "icd_code")
    billed = pl.col("performed").dt.truncate("1d").dt.offset_by("1d")
    return table.filter(billed <= pl.col("left")).select(
        "subject_id", "hadm_id", seq_num=pl.int_range(1, pl.len() + 1).over("hadm_id"), chartdate=billed.dt.date(),
        icd_code="icd_code", icd_version=pl.lit(ICD_VERSION),
    )  # fmt: skip


def _drgs(stays: pl.DataFrame) -> pl.DataFrame:
    """Return the two DRGs of each stay; severity and risk of mortality are 1 to 4 by what was done."""
    level = 1 + pl.col("in_icu").cast(pl.Int64) + pl.col("ventilated").is_not_null() + pl.col("pressed").is_not_null()
    nothing = pl.lit(None, dtype=pl.Int64)
    parts = []
    for place, reason in enumerate(REASONS):
        own = stays.filter(pl.col("reason") == place)
        for kind, (code, title), grade in (("HCFA", reason.drg, nothing), ("APR", reason.apr_drg, level)):
            parts.append(
                own.select(
                    "subject_id", "hadm_id", drg_type=pl.lit(kind), drg_code=pl.lit(code), description=pl.lit(title),
                    drg_severity=grade, drg_mortality=grade,
                )
            )  # fmt: skip
    return pl.concat(parts).sort("subject_id", "hadm_id", "drg_type")
