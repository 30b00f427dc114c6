"""Records of made patients for the tests of scores: events in the codes of MIMIC-IV, outside of any store."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import duckdb
import polars as pl

from ehr.hierarchy import make_codebook
from models.scores import SCORES, Scored, score_rows

AT = datetime(2150, 6, 2, 12)
"""When the scores are asked for."""

CODES: dict[str, tuple[str, str | None]] = {
    "heart_rate": ("LAB//220045//bpm", "bpm"),
    "respiratory_rate": ("LAB//220210//insp/min", "insp/min"),
    "systolic_pressure": ("LAB//220179//mmHg", "mmHg"),
    "mean_pressure": ("LAB//220052//mmHg", "mmHg"),
    "temperature": ("LAB//223762//°C", "°C"),
    "fahrenheit": ("LAB//223761//°F", "°F"),
    "oxygen_saturation": ("LAB//220277//%", "%"),
    "oxygen_flow": ("LAB//223834//L/min", "L/min"),
    "inspired_oxygen": ("LAB//223835//UNK", None),
    "arterial_oxygen": ("LAB//220224//mmHg", "mmHg"),
    "eye": ("LAB//220739//UNK", None),
    "verbal": ("LAB//223900//UNK", None),
    "motor": ("LAB//223901//UNK", None),
    "urine_output": ("SUBJECT_FLUID_OUTPUT//226559//ml", "ml"),
    "ventilator": ("LAB//223849//UNK", None),
    "ventilation": ("PROCEDURE//START//225792", None),
    "dobutamine": ("INFUSION_START//221653", "mcg/kg/min"),
    "dopamine": ("INFUSION_START//221662", "mcg/kg/min"),
    "noradrenaline": ("INFUSION_START//221906", "mcg/kg/min"),
    "platelets": ("LAB//51265//K/uL", "K/uL"),
    "bilirubin": ("LAB//50885//mg/dL", "mg/dL"),
    "creatinine": ("LAB//50912//mg/dL", "mg/dL"),
    "urea_nitrogen": ("LAB//51006//mg/dL", "mg/dL"),
    "haematocrit": ("LAB//51221//%", "%"),
    "white_cells": ("LAB//51301//K/uL", "K/uL"),
    "glucose": ("LAB//50931//mg/dL", "mg/dL"),
    "potassium": ("LAB//50971//mEq/L", "mEq/L"),
    "sodium": ("LAB//50983//mEq/L", "mEq/L"),
    "bicarbonate": ("LAB//50882//mEq/L", "mEq/L"),
}


def event(
    hours: float | None,
    name: str,
    value: float | None = None,
    *,
    lasts: float | None = None,
    codings: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Return an event; `lasts` hours from its begin on, `codings` are all codes of its record."""
    code, unit = CODES.get(name, (name, None))
    time = None if hours is None else AT - timedelta(hours=hours)
    end = time + timedelta(hours=lasts) if time is not None and lasts is not None else None
    return {"time": time, "code": code, "numeric_value": value, "unit": unit, "end_time": end, "codings": codings}


def coma(hours: float, eye: int, verbal: int, motor: int) -> list[dict[str, Any]]:
    """Return the three responses of a Glasgow coma scale."""
    return [event(hours, "eye", eye), event(hours, "verbal", verbal), event(hours, "motor", motor)]


def born(years: float) -> dict[str, Any]:
    """Return the birth of a patient of so many years."""
    return {**event(0, "MEDS_BIRTH"), "time": AT.replace(year=AT.year - int(years)) - timedelta(days=1)}


def connection(records: Mapping[int, Iterable[Mapping[str, Any]]]) -> duckdb.DuckDBPyConnection:
    """Return a connection with the table event, and what lies above its codes."""
    rows = [{"subject_id": subject, **one} for subject, events in records.items() for one in events]
    schema = {
        "subject_id": pl.Int64(), "time": pl.Datetime("us"), "code": pl.String(), "numeric_value": pl.Float32(),
        "unit": pl.String(), "end_time": pl.Datetime("us"), "codings": pl.List(pl.String()),
    }  # fmt: skip
    con = duckdb.connect()
    con.register("made_event", pl.DataFrame(rows, schema=schema, strict=False).to_arrow())
    con.execute("CREATE TABLE event AS FROM made_event")
    make_codebook(con, "described")
    return con


def scored(records: Mapping[int, Iterable[Mapping[str, Any]]], names: Sequence[str] = tuple(SCORES)) -> Scored:
    """Return the scores of patients at AT."""
    rows = pl.DataFrame({"subject_id": list(records)}, schema={"subject_id": pl.Int64()}).with_columns(
        prediction_time=pl.lit(AT)
    )
    return score_rows(connection(records), rows, [SCORES[name] for name in names])


def one(events: Iterable[Mapping[str, Any]], name: str) -> dict[str, Any]:
    """Return what one score says of one patient, with the points of its components under `points`."""
    said = scored({1: events}, [name])
    points = dict(said.components.select("component", "points").iter_rows())
    return {**said.totals.row(0, named=True), "points": points}
