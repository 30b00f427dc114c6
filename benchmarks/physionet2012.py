"""In-hospital death from the first 48 ICU hours: PhysioNet/CinC Challenge 2012, as event files.

    python benchmarks/physionet2012.py --cv 5
    python benchmarks/physionet2012.py --train a,b --predict EVENTS.parquet --out predictions.parquet

Sets a and b lie under ANAMNESIS_DATA/physionet-2012. What is predicted needs no labels and only the columns of
events_a.parquet. `--cv` prints the figures of stratified cross-validation over the training sets.
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
from benchmarks.network import NetworkEstimator
from benchmarks.open_data import (
    BOOSTING,
    LOGISTIC,
    Estimator,
    Stays,
    cross_validated,
    foretell,
    positive,
    print_figures,
    read_events,
)
from ehr.errors import EhrError, SourceError
from ehr.vocabulary import TokenSettings

FOLDER: Final = DATA / "physionet-2012"
COLUMNS: Final = ("subject_id", "time", "code", "numeric_value")
HOURS: Final = 48
NETWORK: Final = (
    "threads=1",
    "layers=2",
    "width=64",
    "heads=4",
    "shortest_period=0.02",
    "longest_period=100",
    "max_tokens=320",
    "thin_hours=4",
    "tokens_per_step=4096",
    "both_ways=true",
    "hidden_share=0.8",
    "dropout=0.0",
    "epochs=16",
    "pools=4",
    "fine_tune_epochs=6",
    "fine_tune_learning_rate=1e-3",
    "fine_tune_dropout=0.2",
    "event_dropout=0.2",
    "averaging=0.997",
)
ESTIMATORS: Final[dict[str, Estimator]] = {
    "logistic": LOGISTIC,
    "boosting": BOOSTING,
    "transformer": NetworkEstimator(NETWORK, TokenSettings(quantiles=20, age_years=0)),
}
"""To add an estimator, write a function such as `benchmarks.open_data.Estimator` and add a line; it is blended."""

MISSING: Final = -1
CATEGORIES: Final = ("ICUTYPE", "GENDER")
"""Codes whose number is a category: it becomes part of the code."""
PLAUSIBLE: Final = {
    **dict.fromkeys(("SysABP", "NISysABP"), (20, 300)),
    **dict.fromkeys(("DiasABP", "NIDiasABP"), (5, 200)),
    **dict.fromkeys(("MAP", "NIMAP"), (10, 250)),
    "HR": (10, 300),
    "RespRate": (1, 100),
    "Temp": (25, 45),
    "pH": (6.5, 8.0),
    "PaO2": (10, 800),
    "PaCO2": (5, 200),
    "SaO2": (20, 100),
    "FiO2": (0.2, 1.0),
    "HEIGHT": (100, 230),
    "WEIGHT": (20, 300),
    "Weight": (20, 300),
}
"""Numbers outside these bounds (zero pressures, a temperature of -17.8) are artefacts and are dropped."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Cross-validate, or learn and predict; return the exit code."""
    parser = argparse.ArgumentParser(prog="physionet2012", description=__doc__.splitlines()[0])
    parser.add_argument("--train", default="a,b", help="sets or event files to learn from, by comma (default a,b)")
    parser.add_argument("--predict", type=Path, help="event file whose stays are predicted")
    parser.add_argument("--out", type=Path, default=Path("predictions.parquet"), help="file for the predictions")
    parser.add_argument("--cv", type=positive, metavar="FOLDS", help="cross-validate over the training sets instead")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="with --cv: folder for what each fold said; resumes")
    parser.add_argument("--folds", type=_numbers, metavar="0,1", help="with --cv: only these folds, by comma")
    parser.add_argument(
        "--estimators",
        type=lambda names: {name: ESTIMATORS[name] for name in names.split(",")},
        default=ESTIMATORS,
        metavar="NAMES",
        help=f"which to fit and to blend, by comma (default {','.join(ESTIMATORS)})",
    )
    args = parser.parse_args(arguments)
    if (args.cv is None) == (args.predict is None):
        parser.error("give either --cv FOLDS or --predict EVENTS.parquet")
    try:
        stays = prepare([event_file(name) for name in args.train.split(",")], args.predict)
        if args.cv:
            risks, figures = cross_validated(stays, args.estimators, args.cv, kept=args.keep, only=args.folds)
            print_figures(stays, risks, figures)
        else:
            asked = stays.rows.filter(pl.col("boolean_value").is_null())["subject_id"].to_list()
            risks = foretell(stays, asked, args.estimators)
            args.out.parent.mkdir(parents=True, exist_ok=True)
            risks.write_parquet(args.out)
            print(f"{risks.height} stays predicted: {args.out}")
    except EhrError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def event_file(name: str) -> Path:
    """Return the events of a set, by its letter or by its path."""
    return Path(name) if "/" in name or name.endswith(".parquet") else FOLDER / f"events_{name}.parquet"


def prepare(training: Sequence[Path], predicted: Path | None = None) -> Stays:
    """Read and clean events, and make the rows; the labels of a training file lie beside it.

    Raises SourceError when a file is missing or lacks a column, or a stay is both learnt from and predicted.
    """
    con = duckdb.connect()
    read_events(con, [*training, *([predicted] if predicted else [])], COLUMNS)
    con.execute(clean_query())
    known = pl.concat([_labels(path) for path in training])
    unknown = known.clear()
    if predicted is not None:
        unknown = _stays_of(con, predicted)
        both = set(known["subject_id"]) & set(unknown["subject_id"])
        if both:
            raise SourceError(
                f"{predicted} has {len(both)} stays of the training sets; leave those sets out of --train"
            )
    return Stays(con, pl.concat([known, unknown]).sort("subject_id"))


def clean_query() -> str:
    """Return the statement that makes the table `event` from the view `raw`."""
    categories = ", ".join(f"'{code}'" for code in CATEGORIES)
    artefacts = " OR ".join(
        f"(code = '{code}' AND numeric_value NOT BETWEEN {low} AND {high})" for code, (low, high) in PLAUSIBLE.items()
    )
    return f"""
        CREATE OR REPLACE TABLE event AS
        SELECT subject_id, "time",
            CASE WHEN code IN ({categories}) THEN code || '//' || numeric_value::INTEGER ELSE code END AS code,
            CASE WHEN code NOT IN ({categories}) THEN numeric_value END AS numeric_value
        FROM raw
        WHERE numeric_value <> {MISSING} AND isfinite(numeric_value) AND NOT ({artefacts})
    """


def _labels(events: Path) -> pl.DataFrame:
    path = events.with_name(events.name.replace("events", "labels"))
    try:
        labels = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise SourceError(f"the labels of {events} cannot be read: {str(error).splitlines()[0]}") from error
    return labels.select(
        pl.col("subject_id").cast(pl.Int64),
        pl.col("prediction_time").cast(pl.Datetime("us")),
        pl.col("in_hospital_death").cast(pl.Boolean).alias("boolean_value"),
    )


def _stays_of(con: duckdb.DuckDBPyConnection, path: Path) -> pl.DataFrame:
    """Return a row without outcome for each stay of a file, 48 hours after the midnight that it begins at."""
    return (
        con.read_parquet(str(path))
        .aggregate(
            f"subject_id::BIGINT AS subject_id, (date_trunc('day', min(time)) + INTERVAL {HOURS} HOUR)::TIMESTAMP "
            "AS prediction_time, NULL::BOOLEAN AS boolean_value",
            "subject_id",
        )
        .pl()
        .with_columns(pl.col("prediction_time").cast(pl.Datetime("us")))
    )


if __name__ == "__main__":
    sys.exit(main())
