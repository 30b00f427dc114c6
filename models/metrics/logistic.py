"""Logistic regressions of the outcome on the logit of the risk, for many weightings of the rows at once.

Rows of one logit are given as sums: (b, g) of positives and of everyone. Newton steps start from the fit to the mean
weighting, which is near to all of them; a step below 1e-4 leaves an error of its square.
"""

from typing import Final

import numpy as np

from models.metrics.rows import Bools, Floats

_ENOUGH: Final = 1e-4
_STEPS: Final = 100
_RIDGE: Final = 1e-9


def slope_and_intercept(values: Floats, positive: Floats, everyone: Floats) -> Floats:
    """Return slope and intercept (b, 2) of outcome ~ logit values (g,); NaN for a weighting with one class."""
    start = np.array([[1.0, 0.0]])
    if len(positive) > 1:
        start = slope_and_intercept(
            values, positive.mean(axis=0, keepdims=True), everyone.mean(axis=0, keepdims=True)
        )
    fitted = np.repeat(np.nan_to_num(start), len(positive), axis=0)
    has_both = _has_both(positive, everyone)
    design = np.column_stack([values, np.ones_like(values)])
    squares = np.column_stack([values * values, values, np.ones_like(values)])
    gained = positive @ design
    enough = _ENOUGH if len(positive) > 1 else 1e-9
    for _ in range(_STEPS):
        risk = _expit(fitted @ design.T)
        expected = everyone * risk
        gradient = gained - expected @ design
        np.subtract(1.0, risk, out=risk)
        expected *= risk
        curve = expected @ squares
        step = _solve(curve, gradient)
        np.clip(step, -1.0, 1.0, out=step)
        fitted[has_both] += step[has_both]
        if np.abs(step[has_both]).max(initial=0.0) < enough:
            break
    fitted[~has_both] = np.nan
    return fitted


def in_the_large(values: Floats, positive: Floats, everyone: Floats) -> Floats:
    """Return the shift (b,) of the logit values (g,) that foretells as many events as came; NaN for one class."""
    start = 0.0
    if len(positive) > 1:
        mean = in_the_large(values, positive.mean(axis=0, keepdims=True), everyone.mean(axis=0, keepdims=True))
        start = float(np.nan_to_num(mean[0]))
    shift = np.full(len(positive), start)
    has_both = _has_both(positive, everyone)
    events = positive.sum(axis=1)
    odds = np.exp(values)
    enough = _ENOUGH if len(positive) > 1 else 1e-9
    for _ in range(_STEPS):
        risk = np.exp(shift)[:, None] * odds
        risk /= 1 + risk
        expected = np.einsum("bg,bg->b", everyone, risk)
        risk *= risk
        curve = expected - np.einsum("bg,bg->b", everyone, risk)
        step = np.clip((events - expected) / (curve + _RIDGE), -1.0, 1.0)
        shift[has_both] += step[has_both]
        if np.abs(step[has_both]).max(initial=0.0) < enough:
            break
    shift[~has_both] = np.nan
    return shift


def _has_both(positive: Floats, everyone: Floats) -> Bools:
    positives = positive.sum(axis=1)
    both: Bools = (positives > 0) & (positives < everyone.sum(axis=1))
    return both


def _expit(values: Floats) -> Floats:
    np.negative(values, out=values)
    np.exp(values, out=values)
    values += 1.0
    np.reciprocal(values, out=values)
    return values


def _solve(curve: Floats, gradient: Floats) -> Floats:
    """Return the Newton steps (b, 2) of curvatures (b, 3) = (xx, x, 1) and gradients (b, 2)."""
    xx, x, one = curve[:, 0] + _RIDGE, curve[:, 1], curve[:, 2] + _RIDGE
    determinant = np.maximum(xx * one - x * x, 1e-30)
    return np.column_stack(
        [
            (one * gradient[:, 0] - x * gradient[:, 1]) / determinant,
            (xx * gradient[:, 1] - x * gradient[:, 0]) / determinant,
        ]
    )
