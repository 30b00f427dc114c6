"""What the records show of a patient's state: tests ordered, their values, treatments, drugs and billing codes.

Everything here is drawn from, and weighed with, one table of probabilities per kind of record, so that the
likelihood of what was recorded (and of what was not) is exact: values lie on the grid they are rounded to, and have
the probability of their cell. Times within a step, missing values, doses, routes, growth in cultures and the like
are drawn without regard to phenotype, severity and conditions, and so weigh nothing.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from scipy.special import ndtr

from ehr.simulate.codes import ANALYTES, CONDITIONS, PHENOTYPES, Analyte
from ehr.simulate.physiology import (
    CODED_IF_THERE,
    ORDERED_IF_ABSENT,
    ORDERED_IF_THERE,
    PANELS,
    SEVERITIES,
    TREATED,
    Context,
    Treatment,
)
from ehr.simulate.process import Flags, Floats, Ints

SMALLEST: Final = 1e-300
"""Probability that stands for 0 in a logarithm."""
HEMOGLOBIN: Final = ANALYTES["hemoglobin"]
HEMATOCRIT: Final = ANALYTES["hematocrit"]
DRUG_OWNER: Final = np.repeat(np.arange(len(CONDITIONS)), [len(condition.drugs) for condition in CONDITIONS])
"""The condition of each of their drugs, by place."""


@dataclass(frozen=True, eq=False)
class Moments:
    """When and where records are made, one entry per visit, ED visit or hospital step; columns of one length."""

    sex: Ints
    """0 woman, 1 man."""
    phenotype: Ints
    severity: Ints
    context: Ints


@dataclass(frozen=True, eq=False)
class Measured:
    """The values of one analyte: which moment they belong to, which repeat within it, and the value."""

    analyte: Analyte
    table: str
    panel: int
    moment: Ints
    repeat: Ints
    value: Floats


@dataclass(frozen=True, eq=False)
class Evidence:
    """What was recorded at the moments, and its log likelihood (moments, P, S) under every state."""

    measured: tuple[Measured, ...]
    treated: Flags
    """(moments, Treatment)"""
    log_likelihood: Floats


def observe(moments: Moments, rng: np.random.Generator) -> Evidence:
    """Draw the tests, values and treatments of the moments, and weigh them."""
    likelihood = np.zeros((len(moments.context), len(PHENOTYPES), SEVERITIES))
    measured: list[Measured] = []
    for place, panel in enumerate(PANELS):
        chances = np.array(panel.ordered)[moments.context]
        ordered = rng.random(len(chances)) < _own(chances, moments.severity)
        likelihood += _log(np.where(ordered[:, None], chances, 1 - chances))[:, None, :]
        repeats = np.where(moments.context == Context.ICU, panel.repeats, 1)
        moment = np.repeat(np.flatnonzero(ordered), repeats[ordered])
        repeat = np.arange(len(moment)) - np.searchsorted(moment, moment)
        for number, analyte in enumerate(panel.analytes):
            # the first value is always there, so that the records show every order
            seen = rng.random(len(moment)) >= (panel.missing if number else 0.0)
            values = _draw_values(analyte, moments, moment[seen], rng)
            measured.append(Measured(analyte, panel.table, place, moment[seen], repeat[seen], values))
            weigh(measured[-1], moments.sex, likelihood)
    measured.append(_hematocrit(measured, rng))
    return Evidence(tuple(measured), _treat(moments, likelihood, rng), likelihood)


def weigh(measured: Measured, sex: Ints, log_likelihood: Floats) -> None:
    """Add the log likelihood of measured values to that of their moments (moments, P, S); `sex` is one per moment."""
    place = np.rint((measured.value - measured.analyte.low) / measured.analyte.step).astype(np.int64)
    mass = grid_log_mass(measured.analyte)[sex[measured.moment], place]
    for repeat in range(int(measured.repeat.max(initial=-1)) + 1):
        now = measured.repeat == repeat  # a moment occurs once in a repeat, so that adding by index counts it
        log_likelihood[measured.moment[now]] += mass[now]


@cache
def grid_means(analyte: Analyte) -> Floats:
    """Return the means of an analyte on its normal scale (sex, P, S)."""
    by_state = np.array(analyte.by_phenotype)[:, None] + analyte.per_severity * np.arange(SEVERITIES)
    centre = np.log(analyte.mean) if analyte.log else analyte.mean
    return np.asarray(centre + by_state[None] + np.array([0.0, analyte.in_men])[:, None, None])


@cache
def grid_log_mass(analyte: Analyte) -> Floats:
    """Return the log probability of each value of the grid of an analyte (sex, values, P, S).

    A value stands for the cell that is rounded to it, the lowest and highest for all that lies beyond.
    """
    values = round((analyte.high - analyte.low) / analyte.step) + 1
    edges = analyte.low + (np.arange(1, values) - 0.5) * analyte.step
    scaled = np.log(edges) if analyte.log else edges
    means = grid_means(analyte)[:, None]
    z = (scaled[None, :, None, None] - means) / analyte.spread
    below = np.concatenate([np.zeros_like(means), ndtr(z), np.ones_like(means)], axis=1)
    above = np.concatenate([np.ones_like(means), ndtr(-z), np.zeros_like(means)], axis=1)
    # the difference of the nearer tails keeps its digits far from the mean
    mass = np.where(below[:, :-1] > 0.5, above[:, :-1] - above[:, 1:], below[:, 1:] - below[:, :-1])
    return _log(mass)


def order_drugs(there: Flags, rng: np.random.Generator) -> Flags:
    """Draw which drugs are ordered at admissions of patients with conditions (n, C); returns (n, drugs of all)."""
    chance = np.where(there[:, DRUG_OWNER], ORDERED_IF_THERE, ORDERED_IF_ABSENT)
    return np.asarray(rng.random(chance.shape) < chance)


def likelihood_of_orders(ordered: Flags) -> tuple[Floats, Floats]:
    """Return the likelihoods (n, C) of the orders of drugs given that a condition is there, and that it is absent."""
    found = []
    for chance in (ORDERED_IF_THERE, ORDERED_IF_ABSENT):
        likelihood = np.ones((len(ordered), len(CONDITIONS)))
        for drug, condition in enumerate(DRUG_OWNER):
            likelihood[:, condition] *= np.where(ordered[:, drug], chance, 1 - chance)
        found.append(likelihood)
    return found[0], found[1]


def bill_conditions(there: Flags, rng: np.random.Generator) -> Flags:
    """Draw which of the conditions that are there (n, C) are billed."""
    return np.asarray(there & (rng.random(there.shape) < CODED_IF_THERE))


def likelihood_of_bills(billed: Flags) -> tuple[Floats, Floats]:
    """Return the likelihoods (n, C) of the bills given that a condition is there, and that it is absent."""
    return np.where(billed, CODED_IF_THERE, 1 - CODED_IF_THERE), np.where(billed, 0.0, 1.0)


def _draw_values(analyte: Analyte, moments: Moments, who: Ints, rng: np.random.Generator) -> Floats:
    mean = grid_means(analyte)[moments.sex[who], moments.phenotype[who], moments.severity[who]]
    scaled = mean + analyte.spread * rng.standard_normal(len(who))
    exact = np.exp(scaled) if analyte.log else scaled
    highest = round((analyte.high - analyte.low) / analyte.step)
    place = np.clip(np.rint((exact - analyte.low) / analyte.step), 0, highest)
    return np.asarray(np.round(analyte.low + place * analyte.step, 4))


def _hematocrit(measured: list[Measured], rng: np.random.Generator) -> Measured:
    """Return the haematocrit that goes with each haemoglobin: given that, it says nothing more about the patient."""
    source = next(each for each in measured if each.analyte is HEMOGLOBIN)
    exact = 3 * source.value + HEMATOCRIT.spread * rng.standard_normal(len(source.value))
    value = np.asarray(np.round(np.clip(exact, HEMATOCRIT.low, HEMATOCRIT.high), 1), dtype=np.float64)
    return Measured(HEMATOCRIT, source.table, source.panel, source.moment, source.repeat, value)


def _treat(moments: Moments, likelihood: Floats, rng: np.random.Generator) -> Flags:
    """Draw the treatments of ICU steps and add their log likelihood."""
    treated = np.zeros((len(moments.context), len(Treatment)), dtype=bool)
    icu = np.flatnonzero(moments.context == Context.ICU)
    for treatment in Treatment:
        chances = np.broadcast_to(TREATED[treatment], (len(icu), SEVERITIES))
        given = rng.random(len(icu)) < _own(chances, moments.severity[icu])
        treated[icu, treatment] = given
        likelihood[icu] += _log(np.where(given[:, None], chances, 1 - chances))[:, None, :]
    return treated


def _own(chances: Floats, severity: Ints) -> Floats:
    return np.take_along_axis(chances, severity[:, None], axis=1)[:, 0]


def _log(mass: Floats) -> Floats:
    """Return the logarithm, with a floor far below anything that is drawn instead of minus infinity."""
    return np.asarray(np.log(np.maximum(mass, SMALLEST)))
