"""The hidden course of made patients: who they are, how their severity moves, and when they are where.

A course is a table of rows in order of time, one per visit, ED visit or quiet time at home, and one per step of six
hours in hospital. It holds what is hidden (phenotype, severity) beside what the records will show.
"""

from dataclasses import dataclass, fields
from datetime import date
from enum import IntEnum
from typing import Final

import numpy as np

from ehr.simulate.physiology import (
    ADMISSION_HOURS,
    AGE_RANGES,
    AGE_SHARES,
    Context,
)
from ehr.simulate.process import ADMISSIONS, READMISSION_DAYS, Event, Floats, Ints, Move, Process, draw

DAY: Final = 86400
STEP: Final = 6 * 3600
FIRST_ENTRY: Final = (date(2012, 1, 1) - date(1970, 1, 1)).days
LAST_ENTRY: Final = (date(2017, 12, 31) - date(1970, 1, 1)).days
FOLLOW_UP_DAYS: Final = (540, 1500)
NONE: Final = -1


class Kind(IntEnum):
    """What a row of a course is."""

    ENTRY = 0
    HOME = 1
    STEP = 2


@dataclass(frozen=True, eq=False)
class People:
    """Who the patients are; one entry each."""

    sex: Ints
    birth_year: Ints
    age_group: Ints
    entry_day: Ints
    """Day of the first visit, counted from 1970-01-01."""
    last_day: Ints
    """Day on which follow-up is to end."""
    phenotype: Ints
    severity: Ints
    """At the first visit."""


@dataclass(frozen=True, eq=False)
class Course:
    """Rows by patient and time; `patient` and `kind` are in every row, the rest where it applies, else -1."""

    patient: Ints
    kind: Ints
    severity: Ints
    """Hidden; after the last move of severity of the row."""
    days: Ints
    """Days at home that the row covers."""
    event: Ints
    """Event of the last of these days."""
    stay: Ints
    """Number of the stay, over all patients, in a row that begins one or belongs to one."""
    admission: Ints
    """Kind of admission of the stay, as in process.ADMISSIONS."""
    reason: Ints
    unit: Ints
    """Unit of the step, or first unit of the stay that the row begins."""
    step: Ints
    """Number of the step in its stay, from 0."""
    move: Ints
    start: Ints
    """Second since 1970-01-01 at which the row's visit, step or stay begins."""
    end: Ints
    """Second at which the visit ends, or presence in the step."""

    def __len__(self) -> int:
        return len(self.patient)

    @property
    def context(self) -> Ints:
        """Where and when the records of each row are made, as physiology.Context; -1 where none are."""
        step = np.where(self.step == 0, Context.ARRIVAL, np.where(self.unit == 0, Context.WARD, Context.ICU))
        home = np.select([self.event == Event.VISIT, self.event == Event.ED], [Context.VISIT, Context.ED], NONE)
        return np.select([self.kind == Kind.ENTRY, self.kind == Kind.HOME], [Context.VISIT, home], step).astype(
            np.int64
        )


def draw_people(process: Process, count: int, rng: np.random.Generator) -> People:
    """Draw sex, age, time of entry, phenotype and severity of `count` patients."""
    age_group = rng.choice(len(AGE_SHARES), count, p=AGE_SHARES)
    low, high = np.array(AGE_RANGES).T
    age = rng.integers(low[age_group], high[age_group] + 1)
    entry_day = rng.integers(FIRST_ENTRY, LAST_ENTRY + 1, count)
    entry_year = entry_day.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
    state = draw(process.start[age_group].reshape(count, -1), rng)
    return People(
        sex=rng.integers(0, 2, count),
        birth_year=entry_year - age,
        age_group=age_group,
        entry_day=entry_day,
        last_day=entry_day + rng.integers(*FOLLOW_UP_DAYS, count),
        phenotype=state // process.start.shape[2],
        severity=state % process.start.shape[2],
    )


def draw_course(process: Process, people: People, rng: np.random.Generator) -> Course:
    """Draw the course of every patient from the first visit to death or the end of follow-up.

    Follow-up goes on until 30 days after the last discharge, so that every readmission within 30 days is in it; and
    it ends by what the records show, so that its end says nothing about what is hidden.
    """
    return _Walk(process, people, rng).run()


def admission_share(kind: int, second_of_day: Ints) -> Floats:
    """Return the share of admissions of a kind that begin at a second of the day or before it, on a full minute."""
    weights = ADMISSION_HOURS[kind] / ADMISSION_HOURS[kind].sum()
    hour = second_of_day // 3600
    before = np.concatenate([[0.0], np.cumsum(weights)])[hour]
    return np.asarray(before + weights[hour] * (second_of_day % 3600 // 60 + 1) / 60)


class _Walk:
    """All patients on their way: each round moves those at home by one spell and those in hospital by one step."""

    def __init__(self, process: Process, people: People, rng: np.random.Generator) -> None:
        count = len(people.sex)
        self.process, self.people, self.rng = process, people, rng
        self.severity = people.severity.copy()
        self.day = people.entry_day.copy()
        self.limit = people.last_day.copy()
        self.active = np.ones(count, dtype=bool)
        self.inside = np.zeros(count, dtype=bool)
        self.stay, self.admission, self.reason, self.unit, self.step, self.start = np.full((6, count), NONE)
        self.stays = 0
        self.rows: list[dict[str, Ints]] = []
        # what is left over days without an event, by age, phenotype and severity: (A, P, S, days)
        self.left = np.moveaxis(process.quiet.sum(axis=-1), 1, -1)

    def run(self) -> Course:
        everyone = np.arange(len(self.active))
        start = self.day * DAY + self._clinic_hour(len(everyone))
        self._add(everyone, Kind.ENTRY, start=start, end=start + 1800)
        while self.active.any():
            at_home = np.flatnonzero(self.active & ~self.inside)
            in_hospital = np.flatnonzero(self.active & self.inside)
            if len(at_home):
                self._spend_days(at_home)
            if len(in_hospital):
                self._spend_step(in_hospital)
        names = [field.name for field in fields(Course)]
        columns = {name: np.concatenate([row[name] for row in self.rows]) for name in names}
        order = np.argsort(columns["patient"], kind="stable")
        return Course(**{name: column[order] for name, column in columns.items()})

    def _add(self, who: Ints, kind: Kind, **columns: Ints) -> None:
        nothing = np.full(len(who), NONE)
        row = {field.name: nothing for field in fields(Course)}
        row |= {"patient": who, "kind": np.full(len(who), int(kind)), "severity": self.severity[who].copy()}
        self.rows.append(row | columns)

    def _clinic_hour(self, count: int) -> Ints:
        return self.rng.integers(8 * 60, 17 * 60, count) * 60

    def _spend_days(self, who: Ints) -> None:
        """Draw the days until the next event, at most those left of the follow-up, and the event."""
        age, phenotype, severity = self.people.age_group[who], self.people.phenotype[who], self.severity[who]
        cap = np.minimum(self.limit[who] - self.day[who], self.process.longest)
        left = self.left[age, phenotype, severity, 1:]
        days = 1 + (left >= self.rng.random(len(who))[:, None]).sum(axis=1)
        quiet = days > cap
        days = np.minimum(days, cap)
        before = self.process.quiet[age, days - 1, phenotype, severity]
        weights = np.einsum("ns,nste->nte", before, self.process.last_day[age, phenotype])
        weights[quiet, :, 1:] = 0
        weights[~quiet, :, Event.NOTHING] = 0
        pick = draw(weights.reshape(len(who), -1), self.rng)
        severity, event = pick // len(Event), pick % len(Event)
        self.severity[who] = severity
        self.day[who] += days
        self._begin_stays(who, event)
        start, end = self._times_at_home(who, event)
        admitted = np.isin(event, ADMISSIONS)
        stay_columns = {
            name: np.where(admitted, getattr(self, name)[who], NONE)
            for name in ("stay", "admission", "reason", "unit")
        }
        row = {"days": days, "event": event, "start": start, "end": end, "severity": severity}
        self._add(who, Kind.HOME, **row, **stay_columns)
        self.active[who] = admitted | ((event != Event.DEATH) & (self.day[who] < self.limit[who]))

    def _times_at_home(self, who: Ints, event: Ints) -> tuple[Ints, Ints]:
        """Return begin and end of what happened on the day: a death is known by its date alone, hence midnight."""
        midnight = self.day[who] * DAY
        clinic = midnight + self._clinic_hour(len(who))
        arrival = midnight + self.rng.integers(0, 18 * 60, len(who)) * 60
        start = np.select([event == Event.VISIT, event == Event.ED], [clinic, arrival], midnight)
        start = np.where(np.isin(event, ADMISSIONS), self.start[who], start)
        hours = self.rng.integers(90, 5 * 60, len(who)) * 60
        return start, start + np.select(
            [event == Event.VISIT, event == Event.ED], [np.full(len(who), 1800), hours], 0
        )

    def _begin_stays(self, who: Ints, event: Ints) -> None:
        """Admit those whose day ended in an admission: hour, severity, reason and first unit."""
        for kind, admission in enumerate(ADMISSIONS):
            new = who[event == admission]
            if not len(new):
                continue
            phenotype = self.people.phenotype[new]
            self.severity[new] = draw(self.process.acute[kind, phenotype, self.severity[new]], self.rng)
            self.reason[new] = draw(self.process.reason[kind, phenotype, self.severity[new]], self.rng)
            self.unit[new] = draw(self.process.unit[self.severity[new]], self.rng)
            hour = draw(np.tile(ADMISSION_HOURS[kind], (len(new), 1)), self.rng)
            self.start[new] = self.day[new] * DAY + hour * 3600 + self.rng.integers(0, 60, len(new)) * 60
            self.stay[new] = self.stays + np.arange(len(new))
            self.admission[new], self.step[new], self.inside[new] = kind, 0, True
            self.stays += len(new)

    def _spend_step(self, who: Ints) -> None:
        """Move those in hospital by one step of six hours; presence ends early when the step ends in a move."""
        phenotype, reason, unit = self.people.phenotype[who], self.reason[who], self.unit[who].copy()
        self.severity[who] = draw(self.process.stay[unit, phenotype, self.severity[who]], self.rng)
        move = draw(
            self.process.move[self.people.age_group[who], reason, unit, phenotype, self.severity[who]], self.rng
        )
        start = self.start[who] + self.step[who] * STEP
        part = self.rng.integers(90, STEP // 60, len(who)) * 60
        end = start + np.where(move == Move.REMAIN, STEP, part)
        self._add(
            who, Kind.STEP, stay=self.stay[who], admission=self.admission[who], reason=reason, unit=unit,
            step=self.step[who].copy(), move=move, start=start, end=end,
        )  # fmt: skip
        self.unit[who] = np.where(move == Move.CHANGE_UNIT, 1 - unit, unit)
        self.step[who] += 1
        gone = who[move == Move.LEAVE]
        self.inside[gone] = False
        self.day[gone] = end[move == Move.LEAVE] // DAY
        self.limit[gone] = np.maximum(self.limit[gone], self.day[gone] + READMISSION_DAYS + 1)
        self.active[who[move == Move.DIE]] = False
