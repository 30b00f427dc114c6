"""Death of COVID-19 inpatients from what is known 24 hours after admission: the 375 patients of Tongji Hospital.

    python benchmarks/tjh.py --cv 5 --repeats 4

The data lie under ANAMNESIS_DATA/tjh-covid. Patients who had left by 24 hours or had no laboratory value by then are
not eligible. Nothing after the prediction time is read, whatever stands in the file; discharge and death never are.
"""

import sys

if not __package__:  # run as a script: modules are found from the folder above
    sys.path[0] = str(__file__).rpartition("/benchmarks/")[0] or "."

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import duckdb
import polars as pl

from benchmarks.machine import DATA
from benchmarks.open_data import (
    BaselineEstimator,
    Estimator,
    Stays,
    cross_validated,
    positive,
    print_figures,
    read_events,
)
from ehr.errors import EhrError, SourceError
from models.features import FeatureSettings, Window

FOLDER: Final = DATA / "tjh-covid"
COLUMNS: Final = ("subject_id", "time", "code", "numeric_value")
FEATURES: Final = FeatureSettings(windows=(Window(),), statistics=("count", "last"), min_rows=20)
ESTIMATORS: Final[dict[str, Estimator]] = {
    "logistic": BaselineEstimator("logistic", FEATURES),
    "boosting": BaselineEstimator("boosting", FEATURES),
}
OUTCOMES: Final = ("MEDS_DEATH", "HOSPITAL_DISCHARGE")
MARKER: Final = "2019-nCoV nucleic acid detection"
"""Its number is always -1: that a test was done is said by the code alone."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Cross-validate; return the exit code."""
    parser = argparse.ArgumentParser(prog="tjh", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=FOLDER, help="folder with events.parquet and labels.parquet")
    parser.add_argument("--cv", type=positive, default=5, metavar="FOLDS", help="stratified folds (default 5)")
    parser.add_argument("--repeats", type=positive, default=4, metavar="N", help="times with other folds (default 4)")
    args = parser.parse_args(arguments)
    try:
        stays = prepare(args.data)
        risks, figures = cross_validated(stays, ESTIMATORS, args.cv, args.repeats)
        print_figures(stays, risks, figures)
    except EhrError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def prepare(folder: Path) -> Stays:
    """Read events and the rows of eligible patients; raises SourceError when a file is missing or lacks a column."""
    con = duckdb.connect()
    read_events(con, [folder / "events.parquet"], COLUMNS)
    outcomes = ", ".join(f"'{code}'" for code in OUTCOMES)
    con.execute(
        f"""
        CREATE OR REPLACE TABLE event AS
        SELECT subject_id, "time", code, CASE WHEN code <> '{MARKER}' AND numeric_value >= 0 THEN numeric_value END
            AS numeric_value
        FROM raw WHERE code NOT IN ({outcomes})
        """
    )
    try:
        labels = pl.read_parquet(folder / "labels.parquet")
    except (OSError, pl.exceptions.PolarsError) as error:
        raise SourceError(f"the labels in {folder} cannot be read: {str(error).splitlines()[0]}") from error
    rows = labels.filter(pl.col("eligible_24h").cast(pl.Boolean)).select(
        pl.col("subject_id").cast(pl.Int64),
        pl.col("prediction_time").cast(pl.Datetime("us")),
        pl.col("died").cast(pl.Boolean).alias("boolean_value"),
    )
    return Stays(con, rows.sort("subject_id"))


if __name__ == "__main__":
    sys.exit(main())
