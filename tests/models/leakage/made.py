"""A ward of made patients without a leak, into which tests plant one: events, stays, subjects and labelled rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import duckdb
import numpy as np
import polars as pl

from ehr.tasks import Task, parse_task
from models.leakage import Audit, audit

DAY = timedelta(days=1)
START = datetime(2150, 1, 1)
EVENT_SCHEMA = {
    "subject_id": pl.Int64(),
    "time": pl.Datetime("us"),
    "code": pl.String(),
    "numeric_value": pl.Float32(),
    "encounter_id": pl.Int64(),
    "time_precision": pl.String(),
}
TASK = """
predicates:
  admission: {code: HOSPITAL_ADMISSION//URGENT}
  discharge: {code: HOSPITAL_DISCHARGE//HOME}
  death: {code: MEDS_DEATH}
  infarct: {code: {any: [DIAGNOSIS//ICD//10//I214, DIAGNOSIS//ICD//10//I219]}}
  out: {expr: "or(discharge, death)"}
trigger: admission
windows:
  first_day:
    start: trigger
    end: start + 24h
    start_inclusive: false
    end_inclusive: true
    index_timestamp: end
  later:
    start: first_day.end
    end: start + 300d
    start_inclusive: false
    end_inclusive: true
    label: infarct
"""
CODES = {"infarct": frozenset({"DIAGNOSIS//ICD//10//I214", "DIAGNOSIS//ICD//10//I219"}), "death": {"MEDS_DEATH"}}


@dataclass(frozen=True)
class Ward:
    events: pl.DataFrame
    rows: pl.DataFrame
    stays: pl.DataFrame
    identifiers: Mapping[int, Sequence[str]]

    @property
    def positives(self) -> list[int]:
        return self.rows.filter("boolean_value")["subject_id"].to_list()

    @property
    def negatives(self) -> list[int]:
        return self.rows.filter(~pl.col("boolean_value"))["subject_id"].to_list()

    def predicted(self, subject: int) -> datetime:
        return self.rows.filter(pl.col("subject_id") == subject)["prediction_time"][0]

    def plant(self, subjects: Sequence[int], code: str, after: timedelta, **cells) -> "Ward":
        """Add an event of some subjects so long after their prediction times; negative is before."""
        records = [
            {"subject_id": one, "time": self.predicted(one) + after, "code": code, "encounter_id": one, **cells}
            for one in subjects
        ]
        return replace(self, events=pl.concat([self.events, pl.DataFrame(records, schema=EVENT_SCHEMA)]))

    def with_rows(self, **columns) -> "Ward":
        return replace(self, rows=self.rows.with_columns(**columns))

    def audit(self, task: Task | None = None, splits: pl.DataFrame | None = None) -> Audit:
        con = duckdb.connect(config={"threads": 1})
        born = (
            self.rows.select("subject_id")
            .unique()
            .with_columns(
                identifiers=pl.col("subject_id").map_elements(
                    lambda one: list(self.identifiers.get(one, [f"made|{one}"])), return_dtype=pl.List(pl.String)
                ),
                death_time=pl.lit(None, dtype=pl.Datetime("us")),
            )
        )
        for name, frame in (("event", self.events), ("encounter", self.stays), ("subject", born)):
            con.register(f"{name}_frame", frame.to_arrow())
            con.execute(f"CREATE TABLE {name} AS FROM {name}_frame")
        return audit(con, self.rows, task=task, codes=CODES, splits=splits)


def made_task(text: str = TASK) -> Task:
    return parse_task(text, "made")


def ward(n: int = 240, seed: int = 5) -> Ward:
    """Return a ward in which nothing but chance tells the label; the label's diagnosis comes at discharge, later."""
    rng = np.random.default_rng(seed)
    events, rows, stays = [], [], []
    for subject in range(1, n + 1):
        admitted = START + timedelta(days=int(rng.integers(0, 3000)), minutes=int(rng.integers(1, 1440)), seconds=7)
        discharged = admitted + timedelta(days=2 + float(rng.exponential(2)), seconds=13)
        label = bool(rng.random() < 0.4)
        events.append((subject, None, "GENDER//F", None, None, None))
        events.append((subject, admitted, "HOSPITAL_ADMISSION//URGENT", None, subject, None))
        events += [
            (
                subject,
                admitted + timedelta(hours=float(rng.uniform(0.1, 40))),
                f"LAB//{rng.integers(5)}//mmol/L",
                float(rng.normal(100, 10)),
                subject,
                None,
            )
            for _ in range(30)
        ]
        events.append((subject, discharged, "HOSPITAL_DISCHARGE//HOME", None, subject, None))
        events.append(
            (subject, discharged, f"DIAGNOSIS//ICD//10//{'I214' if label else 'J189'}", None, subject, None)
        )
        at = admitted + DAY
        rows.append((subject, at, label, admitted, 0, (discharged - at) / DAY if label else 300.0, label))
        stays.append((subject, None, subject, "inpatient", admitted, discharged))
    return Ward(
        pl.DataFrame(events, schema=EVENT_SCHEMA, orient="row"),
        pl.DataFrame(
            rows,
            schema={
                "subject_id": pl.Int64(),
                "prediction_time": pl.Datetime("us"),
                "boolean_value": pl.Boolean(),
                "trigger": pl.Datetime("us"),
                "label_in_inputs": pl.Int64(),
                "days_to_label": pl.Float64(),
                "label_seen": pl.Boolean(),
            },
            orient="row",
        ),
        pl.DataFrame(
            stays,
            schema={
                "encounter_id": pl.Int64(),
                "parent_id": pl.Int64(),
                "subject_id": pl.Int64(),
                "class": pl.String(),
                "start_time": pl.Datetime("us"),
                "end_time": pl.Datetime("us"),
            },
            orient="row",
        ),
        {},
    )


def verdicts(found: Audit) -> dict[str, str]:
    return {finding.code: finding.severity for finding in reversed(found.findings)}
