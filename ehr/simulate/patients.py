"""Patients with their hidden course, the evidence that their records hold, and their true risks."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from ehr.simulate.evidence import (
    Evidence,
    Moments,
    bill_conditions,
    likelihood_of_bills,
    likelihood_of_orders,
    observe,
    order_drugs,
)
from ehr.simulate.paths import Course, People, draw_course, draw_people
from ehr.simulate.physiology import build_process
from ehr.simulate.process import Flags, Ints, Process
from ehr.simulate.truth import Records, true_risks


@dataclass(frozen=True, eq=False)
class Patients:
    """A batch of patients: all that the writers turn into records, and the truth."""

    people: People
    course: Course
    moments: Ints
    """Row of the course of each moment of `evidence`."""
    evidence: Evidence
    ordered: Flags
    """Drugs of the conditions that are ordered, per stay (stays, drugs)."""
    billed: Flags
    """Conditions that are billed, per stay (stays, C)."""
    risks: pl.DataFrame
    """As truth.true_risks gives them."""


def draw_patients(count: int, rng: np.random.Generator, process: Process | None = None) -> Patients:
    """Draw `count` patients with what their records show and their true risks."""
    process = process or build_process()
    people = draw_people(process, count, rng)
    course = draw_course(process, people, rng)
    context = course.context
    moments = np.flatnonzero(context >= 0)
    who = course.patient[moments]
    evidence = observe(
        Moments(people.sex[who], people.phenotype[who], course.severity[moments], context[moments]), rng
    )
    there = _conditions_by_stay(process, people, course, rng)
    ordered, billed = order_drugs(there, rng), bill_conditions(there, rng)
    by_row = np.zeros((len(course), *evidence.log_likelihood.shape[1:]))
    by_row[moments] = evidence.log_likelihood
    records = Records(by_row, likelihood_of_orders(ordered), likelihood_of_bills(billed))
    risks = true_risks(process, people.age_group, course, records)
    return Patients(people, course, moments, evidence, ordered, billed, risks)


def _conditions_by_stay(process: Process, people: People, course: Course, rng: np.random.Generator) -> Flags:
    """Draw when each condition begins, and return which are there in each stay (stays, C).

    A condition is there from the first visit, or begins on a day at home; none begins in hospital.
    """
    present = process.present[people.age_group, :, people.phenotype]
    onset_day = rng.geometric(process.onset.T[people.phenotype])
    onset_day[rng.random(present.shape) < present] = 0
    days = np.where(course.days > 0, course.days, 0)
    so_far = np.cumsum(days)
    before = np.concatenate([[0], so_far])[np.searchsorted(course.patient, course.patient)]
    begins = np.flatnonzero(course.step == 0)
    begins = begins[np.argsort(course.stay[begins])]
    return np.asarray((so_far - before)[begins, None] >= onset_day[course.patient[begins]])
