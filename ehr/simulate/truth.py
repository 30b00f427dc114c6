"""The true risk of a patient given exactly what the records show up to a prediction time.

The filter of `process` runs over the rows of a course and their evidence; it sees neither phenotype nor severity,
nor any row after the one at which it predicts.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from ehr.simulate.paths import DAY, STEP, Course, Kind, admission_share
from ehr.simulate.process import (
    ADMISSIONS,
    READMISSION_DAYS,
    Conditions,
    Floats,
    Ints,
    Move,
    Process,
    admission_within,
    after_admission,
    after_days,
    after_step,
    death_in_hospital,
    normalised,
    weighed,
)

IN_HOSPITAL_MORTALITY: Final = "in_hospital_mortality"
READMISSION_30D: Final = "readmission_30d"
STEPS_BEFORE_PREDICTION: Final = DAY // STEP
"""In-hospital mortality is predicted 24 hours after admission."""


@dataclass(frozen=True, eq=False)
class Records:
    """What the filter sees beside the course: likelihoods of the records, one entry per row or per stay."""

    evidence: Floats
    """Log likelihood of the measurements of each row (rows, P, S); 0 where there are none."""
    drugs: tuple[Floats, Floats]
    """Likelihood of the drugs ordered in the first step of each stay, by condition there or absent (stays, C)."""
    bills: tuple[Floats, Floats]
    """Likelihood of the conditions billed at the end of each stay, likewise (stays, C)."""


def true_risks(process: Process, age_group: Ints, course: Course, records: Records) -> pl.DataFrame:
    """Return the exact risk at each prediction time of both tasks, and what then happened.

    Columns: patient, second (since 1970-01-01), task, true_probability, outcome; in order of patient and time.
    """
    risk = filter_course(process, age_group, course, records)
    names = ("patient", "stay", "step", "move", "start", "end")
    frame = pl.DataFrame({name: getattr(course, name) for name in names} | {"risk": risk}).filter(pl.col("step") >= 0)
    stays = (
        frame.group_by("stay")
        .agg(pl.col("patient").first(), admitted=pl.col("start").min(), died=(pl.col("move") == Move.DIE).any())
        .sort("patient", "admitted")
        .with_columns(next_admitted=pl.col("admitted").shift(-1).over("patient"))
    )
    frame = frame.join(stays.drop("patient"), on="stay")
    within = (pl.col("next_admitted") - pl.col("end")) <= READMISSION_DAYS * DAY
    mortality = frame.filter(
        pl.col("step") == STEPS_BEFORE_PREDICTION - 1, ~pl.col("move").is_in([Move.LEAVE, Move.DIE])
    )
    readmission = frame.filter(pl.col("move") == Move.LEAVE)
    parts = [
        _part(mortality, IN_HOSPITAL_MORTALITY, pl.col("admitted") + DAY, pl.col("died")),
        _part(readmission, READMISSION_30D, pl.col("end"), within.fill_null(False)),
    ]
    return pl.concat(parts).sort("patient", "second", "task")


def filter_course(process: Process, age_group: Ints, course: Course, records: Records) -> Floats:
    """Return the risk after each row: of death in hospital while inside, of readmission at a discharge, else NaN."""
    risk = np.full(len(course), np.nan)
    lengths = np.bincount(course.patient, minlength=len(age_group))
    first = np.cumsum(lengths) - lengths
    order = np.argsort(-lengths, kind="stable")
    state = _State(process, age_group)
    for place in range(int(lengths.max(initial=0))):
        rows = first[order[: np.searchsorted(-lengths[order], -place)]] + place
        state.see(course, records, rows, risk)
    return risk


class _State:
    """What is believed of all patients at one place of their courses."""

    def __init__(self, process: Process, age_group: Ints) -> None:
        self.process, self.age = process, age_group
        self.belief = process.start[age_group].copy()
        self.conditions = Conditions(process, age_group)
        self.death = death_in_hospital(process)
        self.early, self.last = admission_within(process)

    def see(self, course: Course, records: Records, rows: Ints, risk: Floats) -> None:
        """Take in one row of each patient that has one, and write the risks after it."""
        kind = course.kind[rows]
        entries, home, steps = (rows[kind == each] for each in (Kind.ENTRY, Kind.HOME, Kind.STEP))
        if len(entries):
            who = course.patient[entries]
            self.belief[who] = normalised(weighed(self.belief[who], records.evidence[entries]))
        if len(home):
            self._see_days(course, records, home)
        if len(steps):
            self._see_step(course, records, steps, risk)

    def _see_days(self, course: Course, records: Records, rows: Ints) -> None:
        who, days = course.patient[rows], course.days[rows]
        belief = after_days(self.process, self.belief[who], self.age[who], days, course.event[rows])
        self.belief[who] = normalised(weighed(belief, records.evidence[rows]))
        self.conditions.pass_days(who, days)
        new = rows[course.stay[rows] >= 0]
        who = course.patient[new]
        self.belief[who] = after_admission(
            self.process, self.belief[who], course.admission[new], course.reason[new], course.unit[new]
        )

    def _see_step(self, course: Course, records: Records, rows: Ints, risk: Floats) -> None:
        who, reason, unit, move = course.patient[rows], course.reason[rows], course.unit[rows], course.move[rows]
        self.belief[who] = after_step(
            self.process, self.belief[who], self.age[who], reason, unit, records.evidence[rows], move
        )
        gone = (move == Move.LEAVE) | (move == Move.DIE)
        for seen, likelihood in ((course.step[rows] == 0, records.drugs), (gone, records.bills)):
            stay = course.stay[rows[seen]]
            self.conditions.see(who[seen], likelihood[0][stay], likelihood[1][stay])
        posterior = normalised(weighed(self.belief[who], self.conditions.evidence(who)))
        next_unit = np.where(move == Move.CHANGE_UNIT, 1 - unit, unit)
        chance = np.where(
            (move == Move.LEAVE)[:, None, None],
            self._readmission(self.age[who], course.end[rows] % DAY),
            self.death[self.age[who], reason, next_unit],
        )
        risk[rows] = np.where(move == Move.DIE, np.nan, (posterior * chance).sum(axis=(1, 2)))

    def _readmission(self, age: Ints, second_of_day: Ints) -> Floats:
        """Return the chance of an admission within 30 days of a discharge at a second of the day (n, P, S)."""
        chance = self.early[age]
        for kind in range(len(ADMISSIONS)):
            chance = chance + admission_share(kind, second_of_day)[:, None, None] * self.last[kind, age]
        return np.asarray(chance)


def _part(rows: pl.DataFrame, task: str, second: pl.Expr, outcome: pl.Expr) -> pl.DataFrame:
    return rows.select("patient", second=second, task=pl.lit(task), true_probability="risk", outcome=outcome)
