"""Limits beyond which a value is no measurement of a living person, by quantity and in its canonical unit.

They are meant to find slips and wrong units, not illness: a value inside may still be wrong. The table is limits.csv;
the last column says where a limit comes from:

- W: the outlier bounds of MIMIC-Extract (Wang et al., CHIL 2020, doi:10.1145/3368555.3384469), which go back to the
  clinicians of Harutyunyan et al. (Sci Data 2019;6:96); the valid bounds where the outlier bounds were set for values
  in another unit; 13 degrees for the lowest temperature that was survived (Gilbert et al., Lancet 2000;355:375), and
  a negative anion gap, which occurs
- D: by definition: percentages, scores
- R: the heaviest and tallest persons on record
- J: judgement: no published bound was found; set wide, well beyond what occurs in the real records of the tests
"""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

SOURCES = {
    "W": "MIMIC-Extract (Wang et al., CHIL 2020)",
    "D": "definition",
    "R": "extremes on record",
    "J": "judgement, set wide",
}


@dataclass(frozen=True, slots=True)
class Limit:
    """Lowest and highest value of a quantity that can be, both allowed, in its canonical unit."""

    quantity: str
    low: float
    high: float
    source: str


@cache
def limits() -> dict[str, Limit]:
    """Return the limits by the name of the quantity."""
    with files("ehr.check").joinpath("limits.csv").open(encoding="utf-8") as file:
        rows = [
            Limit(row["quantity"], float(row["low"]), float(row["high"]), row["source"])
            for row in csv.DictReader(file)
        ]
    return {limit.quantity: limit for limit in rows}
