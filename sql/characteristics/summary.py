"""A table one: how many, which share, which median, how much is missing; for everybody or group by group.

Standardised differences between two groups: of numbers (m1 - m2) / sqrt((s1^2 + s2^2) / 2), of shares
(p1 - p2) / sqrt((p1 q1 + p2 q2) / 2) (Austin, Stat Med 2009;28:3083), of categories with several levels the
Mahalanobis distance of Yang and Dalton (SAS Global Forum 2012, paper 335). None where nothing varies in either group
but the groups differ, or where a group has no value.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from sql.characteristics.measure import Characteristics, Variable

GROUP = "group"


@dataclass(frozen=True, slots=True)
class ShareCell:
    """How many rows of a group are so, of all its rows with a value."""

    n: int
    percent: float | None


@dataclass(frozen=True, slots=True)
class NumberCell:
    """A number in a group: median and quartiles (linear interpolation), mean, standard deviation, what is missing."""

    n: int
    median: float | None
    q1: float | None
    q3: float | None
    mean: float | None
    sd: float | None
    missing: int
    missing_percent: float | None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: a number, or one level of a category; a cell per group, in the order of the groups."""

    section: str
    name: str
    level: str | None
    cells: tuple[ShareCell, ...] | tuple[NumberCell, ...]
    smd: float | None


@dataclass(frozen=True, slots=True)
class TableOne:
    """The lines, and of each group its name, rows and subjects."""

    groups: tuple[str, ...]
    rows: tuple[int, ...]
    subjects: tuple[int, ...]
    lines: tuple[Line, ...]


def table_one(described: Characteristics, by: Sequence[str] | None = None) -> TableOne:
    """Summarise `described` for everybody, or for each value of its column GROUP in the order of `by`."""
    groups = tuple(by) if by else ("all",)
    parts = [described.rows.filter(pl.col(GROUP) == name) for name in groups] if by else [described.rows]
    lines = [line for variable in described.variables for line in _lines(variable, parts)]
    return TableOne(
        groups,
        tuple(part.height for part in parts),
        tuple(part["subject_id"].n_unique() for part in parts),
        tuple(lines),
    )


def _lines(variable: Variable, parts: Sequence[pl.DataFrame]) -> list[Line]:
    columns = [part[variable.column] for part in parts]
    if variable.kind == "number":
        smd = number_difference(*columns) if _two(parts) else None
        numbers = tuple(_number_cell(column) for column in columns)
        return [Line(variable.section, variable.name, None, numbers, smd)]
    if variable.kind == "flag":
        flags = [column.cast(pl.Boolean).drop_nulls().cast(pl.String) for column in columns]
        smd = share_difference(*flags) if _two(parts) else None
        shares = tuple(_share_cell(column, "true") for column in flags)
        return [Line(variable.section, variable.name, None, shares, smd)]
    return _levels(variable, [column.cast(pl.String) for column in columns])


def _levels(variable: Variable, columns: Sequence[pl.Series]) -> list[Line]:
    """Return a line per level, the most frequent first, and one for what is missing; the first has the difference."""
    known = [column.drop_nulls() for column in columns]
    counted = pl.concat(known).value_counts().sort(["count", columns[0].name], descending=[True, False])
    smd = share_difference(*known) if _two(columns) else None
    lines = [
        Line(variable.section, variable.name, level, tuple(_share_cell(column, level) for column in known), None)
        for level in counted[columns[0].name].to_list()
    ]
    if any(column.null_count() for column in columns):
        missing = tuple(
            ShareCell(column.null_count(), _percent(column.null_count(), column.len())) for column in columns
        )
        lines.append(Line(variable.section, variable.name, "missing", missing, None))
    first = lines[0] if lines else Line(variable.section, variable.name, "missing", (), None)
    return [Line(first.section, first.name, first.level, first.cells, smd), *lines[1:]]


def _share_cell(column: pl.Series, level: str) -> ShareCell:
    n = int((column == level).sum())
    return ShareCell(n, _percent(n, column.len()))


def _number_cell(column: pl.Series) -> NumberCell:
    values = column.drop_nulls().cast(pl.Float64)
    missing = column.len() - values.len()
    q1, median, q3 = (values.quantile(q, interpolation="linear") for q in (0.25, 0.5, 0.75))
    mean = float(values.to_numpy().mean()) if values.len() else None
    sd = float(values.to_numpy().std(ddof=1)) if values.len() > 1 else None
    return NumberCell(values.len(), median, q1, q3, mean, sd, missing, _percent(missing, column.len()))


def number_difference(first: pl.Series, second: pl.Series) -> float | None:
    """Return the standardised difference of two samples of numbers; 0 when both are the same constant."""
    one, other = (column.drop_nulls().cast(pl.Float64).to_numpy() for column in (first, second))
    if min(len(one), len(other)) < 2:
        return None
    return _ratio(float(one.mean() - other.mean()), float((one.var(ddof=1) + other.var(ddof=1)) / 2))


def share_difference(first: pl.Series, second: pl.Series) -> float | None:
    """Return the standardised difference of two samples of categories.

    Signed for two levels (of the last in the alphabet, so of `true`), else a distance.
    """
    if not first.len() or not second.len():
        return None
    levels = sorted({*first.to_list(), *second.to_list()})
    one, other = (np.array([(column == level).mean() for level in levels[1:]]) for column in (first, second))
    if len(levels) == 2:
        p, q = float(one[0]), float(other[0])
        return _ratio(p - q, (p * (1 - p) + q * (1 - q)) / 2)
    covariance = sum(np.diag(p) - np.outer(p, p) for p in (one, other)) / 2
    difference = one - other
    if not len(levels[1:]) or not difference.any():
        return 0.0
    distance = float(difference @ np.linalg.pinv(covariance) @ difference)
    return float(np.sqrt(distance)) if distance > 0 else None


def _ratio(difference: float, variance: float) -> float | None:
    if difference == 0:
        return 0.0
    return difference / float(np.sqrt(variance)) if variance > 0 else None


def _percent(n: int, total: int) -> float | None:
    return 100 * n / total if total else None


def _two(parts: Sequence[object]) -> bool:
    return len(parts) == 2
