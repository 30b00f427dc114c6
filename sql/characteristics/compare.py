"""Two cohorts side by side: whom they share, and how their people differ."""

from dataclasses import dataclass

import polars as pl

from sql.characteristics.measure import TOP, characteristics
from sql.characteristics.summary import GROUP, TableOne, table_one
from sql.cohort.records import Records


@dataclass(frozen=True, slots=True)
class Overlap:
    """How many are in both and in one only, counted as subjects or as rows (subject and time)."""

    both: int
    only_first: int
    only_second: int

    @property
    def jaccard(self) -> float | None:
        """What is in both as a share of what is in either; None when nothing is."""
        total = self.both + self.only_first + self.only_second
        return self.both / total if total else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The overlap of two cohorts, and their characteristics beside each other with standardised differences."""

    subjects: Overlap
    rows: Overlap
    table: TableOne


def compare_cohorts(
    records: Records, first: tuple[str, pl.DataFrame], second: tuple[str, pl.DataFrame], *, top: int = TOP
) -> Comparison:
    """Compare two named cohorts, each with rows (subject_id, prediction_time, maybe label); names are made distinct.

    People in both stand in both groups of the table, as they do in a comparison of two definitions.
    """
    names = (first[0], second[0]) if first[0] != second[0] else (f"{first[0]} (A)", f"{second[0]} (B)")
    parts = [
        frame.with_columns(pl.lit(name).alias(GROUP))
        for name, frame in zip(names, (first[1], second[1]), strict=True)
    ]
    together = pl.concat(parts, how="diagonal")
    described = characteristics(records, together.drop(GROUP), top=top)
    return Comparison(
        _overlap(first[1], second[1], ["subject_id"]),
        _overlap(first[1], second[1], ["subject_id", "prediction_time"]),
        table_one(described.with_column(together[GROUP]), names),
    )


def _overlap(first: pl.DataFrame, second: pl.DataFrame, keys: list[str]) -> Overlap:
    one, other = first.select(keys).unique(), second.select(keys).unique()
    both = one.join(other, on=keys, how="semi").height
    return Overlap(both, one.height - both, other.height - both)
