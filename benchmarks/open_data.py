"""What the benchmarks on open data share: stays and their labels, folds, estimators that plug in, and scoring.

An estimator is a function that learns from training subjects, chooses on tuning subjects, and says the risks of all
others. `cross_fitted` calls it once for each inner fold, so that its risks of the subjects it may learn from come
from fits that did not see them; recalibration and blend are fitted on those, and never on a subject that is
predicted.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Final, Protocol

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import expit, logit
from sklearn.model_selection import StratifiedKFold

from ehr.errors import SourceError
from ehr.splits import Split
from models.baselines import Effort, Material, fit_baseline
from models.baselines.material import Rows
from models.blend import fit_blend
from models.features import FeaturePlan, FeatureSettings, Matrix, Window, plan_features, read_features
from models.metrics import measure, score

INNER_FOLDS: Final = 5
BLEND: Final = "blend"
_SHOWN: Final = ("auroc", "auprc", "brier", "calibration_slope")


@dataclass(frozen=True, slots=True)
class Stays:
    """A connection with the table `event`, and rows (subject_id, prediction_time, boolean_value), one a subject.

    The outcome is null for subjects who are only predicted.
    """

    con: duckdb.DuckDBPyConnection
    rows: pl.DataFrame
    read: dict[FeatureSettings, tuple[FeaturePlan, Matrix]] = field(default_factory=dict)

    def features(self, settings: FeatureSettings) -> tuple[FeaturePlan, Matrix]:
        """Return the features of all rows, read once.

        The columns are planned on the rows whose outcome is known, without reading it: a column is left out when it
        says the same of all of them. All that is learnt from outcomes or scaled is learnt from training rows.
        """
        if settings not in self.read:
            plan = plan_features(self.con, self.rows.drop_nulls("boolean_value"), settings)
            self.read[settings] = plan, read_features(self.con, self.rows, plan)
        return self.read[settings]

    def places(self, split: Mapping[int, Split], *names: Split) -> npt.NDArray[np.int64]:
        """Return where the rows of the subjects of these splits stand."""
        return np.flatnonzero([split.get(subject) in names for subject in self.rows["subject_id"].to_list()])


class Estimator(Protocol):
    """Learns from the subjects of split "train", chooses on "tuning"; returns (subject_id, risk) of all others."""

    def __call__(self, stays: Stays, split: Mapping[int, Split], seed: int) -> pl.DataFrame:
        """Return (subject_id, risk) of tuning and held-out subjects."""


@dataclass(frozen=True, slots=True)
class BaselineEstimator:
    """A baseline of the product on features of the product; `members` boosters are averaged in each inner fold."""

    name: str
    features: FeatureSettings
    members: int = 1

    def __call__(self, stays: Stays, split: Mapping[int, Split], seed: int) -> pl.DataFrame:
        """Return (subject_id, risk) of tuning and held-out subjects."""
        plan, features = stays.features(self.features)
        outcome = stays.rows["boolean_value"].cast(pl.Float64).to_numpy()
        subjects = stays.rows["subject_id"].to_numpy()
        train, tuning, asked = (
            Rows(features[place], outcome[place], subjects[place])
            for place in (
                stays.places(split, "train"),
                stays.places(split, "tuning"),
                stays.places(split, "tuning", "held_out"),
            )
        )
        effort = Effort(seed=seed, replicates=0, members=self.members)
        fitted = fit_baseline(self.name, Material(plan, train, tuning), effort).fitted
        return pl.DataFrame({"subject_id": asked.subjects, "risk": expit(fitted.logits(asked.features)[:, 0])})


LOGISTIC: Final = BaselineEstimator("logistic", FeatureSettings(windows=(Window(),)))
BOOSTING: Final = BaselineEstimator("boosting", FeatureSettings(windows=(Window(), Window(24))))


def outer_folds(rows: pl.DataFrame, folds: int, seed: int = 0) -> list[list[int]]:
    """Return the subjects of stratified folds: the same for the same subjects, outcomes and seed."""
    ordered = rows.sort("subject_id")
    subjects, outcome = ordered["subject_id"].to_numpy(), ordered["boolean_value"].to_numpy()
    parts = StratifiedKFold(folds, shuffle=True, random_state=seed).split(subjects, outcome)
    return [subjects[part].tolist() for _, part in parts]


def foretell(
    stays: Stays, predicted: Sequence[int], estimators: Mapping[str, Estimator], seed: int = 0
) -> pl.DataFrame:
    """Return (subject_id, probability, one column for each estimator, blend) of the predicted subjects.

    Every column is recalibrated on the subjects that may be learnt from; `probability` is the blend.
    """
    known = stays.rows.filter(~pl.col("subject_id").is_in(predicted)).sort("subject_id")
    outcome = known["boolean_value"].to_numpy().astype(np.float64)
    table = pl.DataFrame({"subject_id": predicted}, schema={"subject_id": pl.Int64})
    seen: dict[str, np.ndarray] = {}
    unseen: dict[str, np.ndarray] = {}
    for name, estimator in estimators.items():
        begin = perf_counter()
        said = cross_fitted(stays, known, predicted, estimator, seed)
        seen[name] = known.join(said, on="subject_id", maintain_order="left")["risk"].to_numpy()
        unseen[name] = table.join(said, on="subject_id", maintain_order="left")["risk"].to_numpy()
        print(f"  {name}: {perf_counter() - begin:.0f} s", flush=True)
    for name in estimators:
        alone = fit_blend({name: seen[name]}, outcome)
        table = table.with_columns(pl.Series(name, expit(alone.logits({name: unseen[name]}))))
    blend = fit_blend(seen, outcome)
    table = table.with_columns(pl.Series(BLEND, expit(blend.logits(unseen))))
    return table.select("subject_id", pl.col(BLEND).alias("probability"), *estimators, BLEND)


def cross_fitted(
    stays: Stays, known: pl.DataFrame, predicted: Sequence[int], estimator: Estimator, seed: int
) -> pl.DataFrame:
    """Return (subject_id, risk): of known subjects by the fit that left them out, of the predicted the mean logit."""
    parts = []
    for number, tuning in enumerate(outer_folds(known, INNER_FOLDS, seed + 1)):
        split: dict[int, Split] = dict.fromkeys(known["subject_id"].to_list(), "train")
        split |= dict.fromkeys(tuning, "tuning")
        split |= dict.fromkeys(predicted, "held_out")
        said = estimator(stays, split, seed + 100 * number)
        parts.append(said.with_columns(pl.col("risk").clip(1e-6, 1 - 1e-6)))
    mean = (
        pl.concat(parts)
        .group_by("subject_id")
        .agg(pl.col("risk").map_batches(_logits, return_dtype=pl.Float64).mean())
    )
    return mean.with_columns(pl.Series("risk", expit(mean["risk"].to_numpy())))


def cross_validated(
    stays: Stays,
    estimators: Mapping[str, Estimator],
    folds: int,
    repeats: int = 1,
    *,
    kept: Path | None = None,
    only: Sequence[int] | None = None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the risks of all subjects by fits without them (averaged over repeats), and the figures of each fold.

    What a fold says is kept in the folder `kept` and taken from there when it is there already, so that a long run
    can be interrupted, or shared by processes with `only` some of the folds each. Raises SourceError when one of
    these is no fold.
    """
    if strange := sorted(set(only or ()) - set(range(folds))):
        raise SourceError(f"there is no fold {strange[0]}; the {folds} folds are numbered from 0 to {folds - 1}")
    parts, figures = [], []
    for repeat in range(repeats):
        for number, predicted in enumerate(outer_folds(stays.rows, folds, repeat)):
            if only is not None and number not in only:
                continue
            print(f"repeat {repeat + 1}, fold {number + 1} of {folds}", flush=True)
            file = kept / f"{'-'.join(estimators)}-{folds}-{repeat}-{number}.parquet" if kept else None
            said = _kept(file, partial(foretell, stays, predicted, estimators, seed=1000 * repeat))
            joined = stays.rows.join(said, on="subject_id")
            outcome = joined["boolean_value"].to_numpy().astype(np.float64)
            figures += [
                {"repeat": repeat, "fold": number, "estimator": name, **measure(joined[name].to_numpy(), outcome)}
                for name in (*estimators, BLEND)
            ]
            parts.append(said)
    risks = pl.concat(parts).group_by("subject_id", maintain_order=True).mean()
    return risks.sort("subject_id"), pl.DataFrame(figures)


def _kept(file: Path | None, make: Callable[[], pl.DataFrame]) -> pl.DataFrame:
    """Return the table of a file, which is made and written when it is not there."""
    if file is None:
        return make()
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        make().write_parquet(file)
    return pl.read_parquet(file)


def print_figures(stays: Stays, risks: pl.DataFrame, figures: pl.DataFrame) -> None:
    """Print the pooled figures with 95 % bootstrap intervals, and the mean AUROC of the folds."""
    joined = stays.rows.join(risks, on="subject_id").sort("subject_id")
    outcome = joined["boolean_value"].to_numpy().astype(np.float64)
    names = [name for name in risks.columns if name not in ("subject_id", "probability")]
    scores = score({name: joined[name].to_numpy() for name in names}, outcome, joined["subject_id"].to_numpy())
    print(f"{joined.height} stays, {int(outcome.sum())} with the outcome; pooled over folds")
    for name in names:
        values = scores.estimators[name]
        cells = " ".join(f"{key} {_cell(values[key].value, values[key].low, values[key].high)}" for key in _SHOWN)
        mean = figures.filter(pl.col("estimator") == name)["auroc"].mean()
        print(f"{name:10s} {cells}; mean AUROC of the folds {mean:.4f}")


def read_events(con: duckdb.DuckDBPyConnection, paths: Sequence[Path], needed: Sequence[str]) -> None:
    """Make the view `raw` of parquet files; raises SourceError when one cannot be read or lacks a column."""
    for path in paths:
        try:
            columns = pl.read_parquet_schema(path)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise SourceError(f"{path} cannot be read as parquet: {str(error).splitlines()[0]}") from error
        if missing := [name for name in needed if name not in columns]:
            raise SourceError(f"{path} has no column {', '.join(missing)}; give a file with {', '.join(needed)}")
    con.read_parquet([str(path) for path in paths]).select(", ".join(needed)).create_view("raw", replace=True)


def positive(text: str) -> int:
    """Read a number of folds or repeats from the command line."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _logits(risks: pl.Series) -> pl.Series:
    return pl.Series(logit(risks.to_numpy()))


def _cell(value: float | None, low: float | None, high: float | None) -> str:
    if value is None or low is None or high is None:
        return "undefined"
    return f"{value:.4f} [{low:.3f}, {high:.3f}]"
