"""Estimates of times from observed rows alone: Kaplan-Meier, Aalen-Johansen, and weights against censoring."""

from dataclasses import dataclass

import numpy as np

from models.survival.grid import Bools, Floats, Ints


@dataclass(frozen=True, slots=True)
class Steps:
    """A function that jumps to `values` (m,) at `times` (m,), rising, and is `first` before the first of them."""

    times: Floats
    values: Floats
    first: float

    def __call__(self, at: Floats, *, before: bool = False) -> Floats:
        """Return the values at the times `at`, or just `before` them."""
        place = np.searchsorted(self.times, at, side="left" if before else "right")
        found: Floats = np.concatenate([[self.first], self.values])[place]
        return found


def kaplan_meier(days: Floats, happened: Bools) -> Steps:
    """Return the chance that nothing has happened yet (Kaplan-Meier 1958); who ends at a time is at risk there."""
    times, deaths, at_risk = _counted(days, happened)
    return Steps(times, np.cumprod(1 - deaths / at_risk).astype(np.float64), 1.0)


def aalen_johansen(days: Floats, cause: Ints, number: int = 1) -> Steps:
    """Return the chance that cause `number` has happened by a time, before any other (Aalen and Johansen 1978)."""
    times, ends, at_risk = _counted(days, cause > 0)
    _, hits, _ = _counted(days, cause == number)
    left = np.concatenate([[1.0], np.cumprod(1 - ends / at_risk)[:-1]])
    return Steps(times, np.cumsum(left * hits / at_risk), 0.0)


def censoring_weights(days: Floats, cause: Ints, horizon: float) -> Floats:
    """Return the weight (n,) of each row in what is measured at a horizon: one over the chance to have been seen.

    Rows censored before the horizon weigh nothing; the others stand for them (Graf et al. 1999; Blanche et al. 2013).
    The chance not to be censored is the Kaplan-Meier estimate with censoring as the event, just before the time at
    which the row ended, or before the horizon. Rows that ended at a time are taken to have ended before others are
    censored there.
    """
    uncensored = kaplan_meier(np.where(cause == 0, np.nextafter(days, np.inf), days), cause == 0)
    is_known = (cause > 0) | (days >= horizon)
    chance = uncensored(np.minimum(days, horizon), before=True)
    return np.where(is_known, 1 / np.maximum(chance, 1e-12), 0.0)


def _counted(days: Floats, happened: Bools) -> tuple[Floats, Floats, Floats]:
    """Return the distinct times, how often it happened at each, and how many were at risk then."""
    times, place = np.unique(days, return_inverse=True)
    ended = np.bincount(place, minlength=len(times))
    at_risk = len(days) - np.concatenate([[0], np.cumsum(ended)[:-1]])
    counts = np.bincount(place, weights=happened, minlength=len(times)).astype(np.float64)
    return times, counts, at_risk.astype(np.float64)
