"""The hidden process behind made patients, and the exact probability of what it does next.

A patient is of one phenotype, which never changes, and has a severity, which moves; neither is in the records. At
home time runs in calendar days: each day the severity moves, then at most one event happens (a visit, a visit to
the emergency department, an admission, death). In hospital time runs in steps of six hours since admission: each
step the severity moves, the records of the step are made, then the patient stays, changes between ward and ICU,
leaves or dies.

So the records are the output of a hidden Markov model with absorbing ends. `after_days`, `after_admission` and
`after_step` are its forward filter (Rabiner 1989, Proceedings of the IEEE 77:257, section III): days without an event
and tests that were not ordered weigh as much as what happened. `death_in_hospital` and `admission_within` are the
matching backward recursions (first-step analysis of an absorbing chain). Chronic conditions are chains of their own,
one per condition, independent given the phenotype, so that `Conditions` carries them beside the belief exactly.

Axes of all tables: A age group, K kind of admission, R reason, W unit (0 ward, 1 ICU), C condition, P phenotype,
S severity. A belief is an array (patients, P, S) whose rows sum to 1.
"""

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

READMISSION_DAYS: Final = 30


class Event(IntEnum):
    """What a day at home brings."""

    NOTHING = 0
    VISIT = 1
    ED = 2
    EMERGENCY = 3
    ELECTIVE = 4
    DEATH = 5


class Move(IntEnum):
    """How a step in hospital ends."""

    REMAIN = 0
    CHANGE_UNIT = 1
    LEAVE = 2
    DIE = 3


ADMISSIONS: Final = (Event.EMERGENCY, Event.ELECTIVE)
"""The kinds of admission, in the order of axis K."""


@dataclass(frozen=True, eq=False)
class Process:
    """The tables of the process; every axis that is drawn from comes last and sums to 1."""

    start: Floats
    """Phenotype and severity at the first visit (A, P, S)."""
    home: Floats
    """Severity from one day to the next at home (P, S, S)."""
    event: Floats
    """Event of a day at home (A, P, S, Event)."""
    acute: Floats
    """Severity before an admission to severity at its beginning (K, P, S, S)."""
    reason: Floats
    """Reason of an admission (K, P, S, R)."""
    unit: Floats
    """First unit of a stay (S, W)."""
    stay: Floats
    """Severity from one step to the next in hospital (W, P, S, S)."""
    move: Floats
    """End of a step in hospital (A, R, W, P, S, Move)."""
    present: Floats
    """Chance that a condition is there at the first visit (A, C, P); drawn for each condition by itself."""
    onset: Floats
    """Chance that a condition begins on a day at home (C, P); drawn for each condition by itself."""
    longest: int = 180
    """Days at home that are drawn at once."""

    @cached_property
    def quiet(self) -> Floats:
        """Severity to severity over 0 to `longest` days without an event (A, days, P, S, S)."""
        return _powers(self.home * self.event[:, :, None, :, Event.NOTHING], self.longest)

    @cached_property
    def last_day(self) -> Floats:
        """Severity before a day at home to severity and event of that day (A, P, S, S, Event)."""
        return self.home[None, ..., None] * self.event[:, :, None]


def after_days(process: Process, belief: Floats, age: Ints, days: Ints, event: Ints) -> Floats:
    """Return the belief after `days` (1 or more) at home, of which all but the last were quiet and the last had
    `event`.
    """
    quiet = process.quiet[age, days - 1]
    last = process.last_day[age, :, :, :, event]
    return normalised(np.einsum("nps,npst,nptu->npu", belief, quiet, last, optimize=["einsum_path", (0, 1), (0, 1)]))


def after_admission(process: Process, belief: Floats, kind: Ints, reason: Ints, unit: Ints) -> Floats:
    """Return the belief once kind, reason and first unit of an admission are known."""
    severity = np.einsum("nps,npst->npt", belief, process.acute[kind])
    return normalised(severity * process.reason[kind, :, :, reason] * process.unit.T[unit][:, None, :])


def after_step(
    process: Process, belief: Floats, age: Ints, reason: Ints, unit: Ints, evidence: Floats, move: Ints
) -> Floats:
    """Return the belief after a step in hospital with the log likelihood `evidence` (n, P, S) of its records."""
    severity = np.einsum("nps,npst->npt", belief, process.stay[unit])
    return normalised(weighed(severity, evidence) * process.move[age, reason, unit, :, :, move])


def weighed(belief: Floats, evidence: Floats) -> Floats:
    """Multiply a belief by the likelihood whose logarithm is `evidence`, scaled so that it cannot vanish."""
    possible = np.where(belief > 0, evidence, -np.inf)
    return np.asarray(belief * np.exp(evidence - possible.max(axis=(1, 2), keepdims=True)))


def normalised(belief: Floats) -> Floats:
    """Scale each row of a belief to sum to 1."""
    return np.asarray(belief / belief.sum(axis=(1, 2), keepdims=True))


class Conditions:
    """What is believed of every patient's chronic conditions, exactly, beside the belief about phenotype and
    severity.

    Given the phenotype the conditions depend neither on each other nor on the severity, so their records weigh on the
    phenotype through one factor per condition. `there` and `absent` (patients, C, P) hold the joint likelihood of a
    condition's records with its presence or absence, and `log_scale` (patients, C, P) what was divided out of them.
    """

    def __init__(self, process: Process, age: Ints) -> None:
        self.onset = process.onset
        self.there = process.present[age].copy()
        self.absent = 1 - self.there
        self.log_scale = np.zeros_like(self.there)

    def pass_days(self, who: Ints, days: Ints) -> None:
        """Let `days` at home pass, on each of which a condition can begin."""
        still = (1 - self.onset) ** days[:, None, None]
        absent = self.absent[who]
        self.there[who] += absent * (1 - still)
        self.absent[who] = absent * still

    def see(self, who: Ints, if_there: Floats, if_absent: Floats) -> None:
        """Take in records with likelihoods (n, C) given that a condition is there or absent."""
        there = self.there[who] * if_there[:, :, None]
        absent = self.absent[who] * if_absent[:, :, None]
        total = there + absent
        self.there[who], self.absent[who] = there / total, absent / total
        self.log_scale[who] += np.log(total)

    def evidence(self, who: Ints) -> Floats:
        """Return the log likelihood (n, P, 1) of all their records, to weigh a belief with."""
        return np.asarray(self.log_scale[who].sum(axis=1)[:, :, None])


def death_in_hospital(process: Process) -> Floats:
    """Return the chance that a patient still in hospital after a step dies before leaving it (A, R, W, P, S).

    W is the unit of the next step. The vector q of these chances satisfies q = T (die + remain q + change q'), with
    T the severity moves of a step and q' the chances in the other unit: one linear system per age, reason and
    phenotype.
    """
    ages, reasons, units, phenotypes, severities, _ = process.move.shape
    shape = (ages, reasons, phenotypes, units, severities)
    system = np.zeros((*shape, units, severities))
    target = np.zeros((*shape, 1))
    for unit in range(units):
        stay, move = process.stay[unit], process.move[:, :, unit]
        target[:, :, :, unit, :, 0] = np.einsum("pst,arpt->arps", stay, move[..., Move.DIE])
        system[:, :, :, unit, :, unit] += stay * move[:, :, :, None, :, Move.REMAIN]
        system[:, :, :, unit, :, 1 - unit] += stay * move[:, :, :, None, :, Move.CHANGE_UNIT]
    size = units * severities
    flat = np.eye(size) - system.reshape(*shape[:3], size, size)
    chances = np.linalg.solve(flat, target.reshape(*shape[:3], size, 1)).reshape(shape)
    return np.asarray(np.moveaxis(chances, 3, 2))


def admission_within(process: Process) -> tuple[Floats, Floats]:
    """Return the chances of an admission after a discharge: on days 1 to 29 (A, P, S), and on day 30 by kind (K, A,
    P, S).

    They depend on the severity at discharge. Day 30 comes apart because only its hours up to the hour of the
    discharge lie within 30 days.
    """
    free = process.event[..., : Event.EMERGENCY].sum(axis=-1)
    before = _powers(process.home * free[:, :, None, :], READMISSION_DAYS - 1)
    by_kind = np.stack([process.last_day[..., kind].sum(axis=-1) for kind in ADMISSIONS])
    early = np.einsum("adpst,kapt->aps", before[:, :-1], by_kind)
    last = np.einsum("apst,kapt->kaps", before[:, -1], by_kind)
    return np.asarray(early), np.asarray(last)


def draw(weights: Floats, rng: np.random.Generator) -> Ints:
    """Draw one column per row of weights (n, columns) that need not sum to 1."""
    cumulative = np.cumsum(weights, axis=1)
    point = rng.random(len(weights))[:, None] * cumulative[:, -1:]
    return np.asarray((point >= cumulative).sum(axis=1), dtype=np.int64)


def _powers(day: Floats, longest: int) -> Floats:
    """Return the powers 0 to `longest` of daily matrices (A, P, S, S), as (A, days, P, S, S)."""
    powers = [np.broadcast_to(np.eye(day.shape[-1]), day.shape)]
    for _ in range(longest):
        powers.append(powers[-1] @ day)
    return np.stack(powers, axis=1)
