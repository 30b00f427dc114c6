"""What each phenotype and severity does to a patient: the numbers behind process, tests and treatments.

All numbers are invented, set so that rates are plausible: of the stays that last a day 6 to 12 % end in death, and
12 to 20 % of discharges are followed by an admission within 30 days; tests/ehr/test_simulate_truth.py holds them to
it.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np

from ehr.simulate.codes import ANALYTES, CONDITIONS, PHENOTYPES, REASONS, Analyte
from ehr.simulate.process import Event, Floats, Move, Process

FRAILTY: Final = np.array([0.40, 0.75, 1.20, 1.25, 1.15, 1.80, 2.00])
SEVERITIES: Final = 4
AGE_RANGES: Final = ((18, 44), (45, 64), (65, 79), (80, 89))
"""Youngest and oldest of each age group, by the age at the first visit; MIMIC-IV hides ages above 89."""
AGE_SHARES: Final = (0.14, 0.32, 0.35, 0.19)
AGE_HAZARD: Final = np.array([0.5, 0.8, 1.2, 1.7])
PHENOTYPE_BY_AGE: Final = np.array([
    [0.60, 0.18, 0.03, 0.05, 0.07, 0.05, 0.02],
    [0.34, 0.25, 0.11, 0.09, 0.10, 0.08, 0.03],
    [0.18, 0.21, 0.19, 0.12, 0.12, 0.10, 0.08],
    [0.08, 0.13, 0.22, 0.15, 0.11, 0.08, 0.23],
])  # fmt: skip
ADMISSION_HOURS: Final = np.array([
    [2, 2, 2, 1, 1, 1, 2, 3, 4, 5, 6, 7, 7, 7, 7, 7, 7, 6, 6, 5, 5, 4, 4, 3],
    [0, 0, 0, 0, 0, 2, 9, 12, 12, 10, 9, 8, 7, 6, 4, 2, 1, 0, 0, 0, 0, 0, 0, 0],
], dtype=float)  # fmt: skip
"""Weights of the hour of admission by kind; the same for all patients."""


class Context(IntEnum):
    """Where and when records are made."""

    VISIT = 0
    ED = 1
    ARRIVAL = 2
    WARD = 3
    ICU = 4


@dataclass(frozen=True, slots=True)
class Panel:
    """Quantities that are measured together, and how often: chance of an order by context and severity."""

    name: str
    table: str
    ordered: tuple[tuple[float, float, float, float], ...]
    repeats: int = 1
    """Times that it is measured in an ICU step, spread over the step."""
    missing: float = 0.03
    """Chance that a value other than the first is not there, by accident."""

    @property
    def analytes(self) -> tuple[Analyte, ...]:
        """What it measures."""
        return tuple(analyte for analyte in ANALYTES.values() if analyte.panel == self.name)


NEVER: Final = (0.0, 0.0, 0.0, 0.0)
ALWAYS: Final = (1.0, 1.0, 1.0, 1.0)


PANELS: Final = (
    # chance of an order by severity, at a visit, in the ED, on arrival, in a ward step, in an ICU step
    Panel("chemistry", "labevents",
          ((0.35,) * 4, (0.7,) * 4, (0.97,) * 4, (0.20, 0.24, 0.30, 0.40), (0.30, 0.34, 0.40, 0.50))),
    Panel("blood count", "labevents",
          ((0.30,) * 4, (0.7,) * 4, (0.97,) * 4, (0.18, 0.21, 0.26, 0.34), (0.26, 0.30, 0.34, 0.42))),
    Panel("blood gas", "labevents",
          (NEVER, (0.03, 0.06, 0.15, 0.3), (0.06, 0.14, 0.4, 0.75), (0.01, 0.02, 0.1, 0.3), (0.1, 0.18, 0.34, 0.55))),
    Panel("liver", "labevents",
          ((0.12,) * 4, (0.25,) * 4, (0.35, 0.40, 0.50, 0.60), (0.03, 0.04, 0.07, 0.10), (0.06, 0.08, 0.12, 0.16))),
    Panel("cardiac", "labevents",
          (NEVER, (0.25,) * 4, (0.30, 0.35, 0.40, 0.45), (0.01, 0.02, 0.03, 0.04), (0.03, 0.04, 0.05, 0.06))),
    Panel("coagulation", "labevents",
          (NEVER, (0.2,) * 4, (0.5, 0.5, 0.6, 0.7), (0.06, 0.07, 0.10, 0.16), (0.12, 0.15, 0.22, 0.32))),
    Panel("sugar", "labevents", ((0.18,) * 4, NEVER, (0.12,) * 4, NEVER, NEVER)),
    Panel("vital signs", "chartevents", (NEVER, NEVER, NEVER, NEVER, ALWAYS), repeats=2),
    Panel("urine", "outputevents", (NEVER, NEVER, NEVER, NEVER, (0.8, 0.8, 0.85, 0.9))),
    Panel("office", "omr", ((0.8,) * 4, NEVER, NEVER, NEVER, NEVER), missing=0.0),
)  # fmt: skip


class Treatment(IntEnum):
    """What is done in an ICU step."""

    VENTILATION = 0
    VASOPRESSOR = 1
    FLUID = 2


TREATED: Final = np.array([[0.01, 0.04, 0.28, 0.62], [0.004, 0.02, 0.18, 0.62], [0.10, 0.15, 0.30, 0.40]])
"""Chance of a treatment in an ICU step by severity."""
ORDERED_IF_THERE: Final = 0.75
ORDERED_IF_ABSENT: Final = 0.015
"""Chances that a drug of a condition is ordered at an admission of a patient who has, or has not, the condition."""
CODED_IF_THERE: Final = 0.88
"""Chance that a condition that is there is billed; one that is absent never is."""


WARD_MOVES: Final = ((0.008, 0.016, 0.042), (0.11, 0.090, 0.085))
ICU_MOVES: Final = ((0.010, 0.020, 0.040), (0.12, 0.11, 0.105))
"""Chances in a step that severity rises from 0, 1 and 2, and that it falls from 1, 2 and 3, before frailty."""


def build_process() -> Process:
    """Return the process of all made patients."""
    return Process(
        start=PHENOTYPE_BY_AGE[:, :, None] * _start_severity(),
        home=_ladder(worse=(0.0030, 0.012, 0.02), better=(0.034, 0.05, 0.05)),
        event=_home_events(),
        acute=np.stack([_acute(), _planned()]),
        reason=np.stack([_reasons(elective=False), _reasons(elective=True)]),
        unit=np.array([[0.97, 0.03], [0.92, 0.08], [0.70, 0.30], [0.25, 0.75]]),
        stay=np.stack([_ladder(*WARD_MOVES), _ladder(*ICU_MOVES)]),
        move=_moves(),
        present=_prevalence(),
        onset=np.array([condition.prevalence for condition in CONDITIONS]) * 0.00006,
    )  # fmt: skip


def _start_severity() -> Floats:
    unwell = np.clip(0.10 * FRAILTY, 0, 0.4)
    return np.stack([1 - unwell, 0.85 * unwell, 0.13 * unwell, 0.02 * unwell], axis=1)


def _ladder(worse: tuple[float, ...], better: tuple[float, ...]) -> Floats:
    """Return severity moves of one step up or down (P, S, S); frailty speeds worsening and slows recovery."""
    moves = np.zeros((len(PHENOTYPES), SEVERITIES, SEVERITIES))
    for level in range(SEVERITIES - 1):
        moves[:, level, level + 1] = worse[level] * FRAILTY**0.8
        moves[:, level + 1, level] = better[level] * FRAILTY**-0.3
    return np.asarray(moves + np.eye(SEVERITIES) * (1 - moves.sum(axis=2, keepdims=True)))


def _home_events() -> Floats:
    events = np.zeros((len(AGE_SHARES), len(PHENOTYPES), SEVERITIES, len(Event)))
    age = AGE_HAZARD[:, None, None]
    frail = FRAILTY[None, :, None]
    severity = np.arange(SEVERITIES)[None, None, :]
    events[..., Event.VISIT] = 0.0035 + 0.0025 * frail + 0.003 * severity
    events[..., Event.ED] = 0.0005 * frail * (1 + severity)
    events[..., Event.EMERGENCY] = np.array([0.00060, 0.0150, 0.050, 0.18]) * frail**0.85 * age**0.4
    events[..., Event.ELECTIVE] = 0.00012
    events[..., Event.DEATH] = np.array([0.000008, 0.0001, 0.0010, 0.02]) * frail * age
    events[..., Event.NOTHING] = 1 - events.sum(axis=-1)
    return events


def _acute() -> Floats:
    """Return the severity at an emergency admission given that before it, worse for the frail (P, S, S)."""
    base = np.array(
        [[0.20, 0.55, 0.20, 0.05], [0.08, 0.57, 0.27, 0.08], [0.0, 0.25, 0.53, 0.22], [0.0, 0.05, 0.35, 0.60]]
    )
    tilted = base[None] * np.exp(0.30 * np.log(FRAILTY)[:, None, None] * np.arange(SEVERITIES))
    return np.asarray(tilted / tilted.sum(axis=2, keepdims=True))


def _planned() -> Floats:
    """Return the severity at an elective admission: surgery leaves nobody well, and few very ill (P, S, S)."""
    base = np.array(
        [[0.50, 0.44, 0.05, 0.01], [0.20, 0.66, 0.12, 0.02], [0.0, 0.30, 0.58, 0.12], [0.0, 0.05, 0.45, 0.50]]
    )
    return np.broadcast_to(base, (len(PHENOTYPES), SEVERITIES, SEVERITIES))


def _reasons(*, elective: bool) -> Floats:
    weights = np.zeros((len(PHENOTYPES), SEVERITIES, len(REASONS)))
    for place, reason in enumerate(REASONS):
        if reason.elective == elective:
            weights[..., place] = np.outer(reason.weight, np.exp(reason.with_severity * np.arange(SEVERITIES)))
    return np.asarray(weights / weights.sum(axis=2, keepdims=True))


def _moves() -> Floats:
    shape = (len(AGE_SHARES), len(REASONS), 2, len(PHENOTYPES), SEVERITIES)
    danger = np.array([reason.danger for reason in REASONS])[None, :, None, None, None]
    age = AGE_HAZARD[:, None, None, None, None]
    frail = FRAILTY[None, None, None, :, None]
    death = np.array([[0.00003, 0.0002, 0.0020, 0.024], [0.00005, 0.0004, 0.0022, 0.020]])[None, None, :, None, :]
    leave = np.array([[0.17, 0.065, 0.005, 0.0005], [0.004, 0.001, 0.0, 0.0]])[None, None, :, None, :]
    change = np.array([[0.001, 0.005, 0.045, 0.22], [0.34, 0.11, 0.02, 0.004]])[None, None, :, None, :]
    moves = np.zeros((*shape, len(Move)))
    moves[..., Move.DIE] = death * danger * age * frail**0.4
    moves[..., Move.LEAVE] = leave
    moves[..., Move.CHANGE_UNIT] = change
    moves[..., Move.REMAIN] = 1 - moves.sum(axis=-1)
    return moves


def _prevalence() -> Floats:
    """Return how common each condition is, by phenotype, moved on the logit scale by age group (A, C, P)."""
    prevalence = np.array([condition.prevalence for condition in CONDITIONS])
    ageing = np.array([condition.ageing for condition in CONDITIONS])[:, None]
    middle = np.arange(len(AGE_SHARES)) - (len(AGE_SHARES) - 1) / 2
    logit = np.log(prevalence / (1 - prevalence)) + ageing * middle[:, None, None]
    return np.asarray(1 / (1 + np.exp(-logit)))
