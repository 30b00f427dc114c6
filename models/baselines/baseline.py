"""A baseline as a whole: which columns it reads, what was fitted on them, and the file that keeps it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import orjson
import polars as pl
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from ehr.errors import ModelError
from ehr.progress import Progress, silent
from models.baselines.boosting import Boosting, fit_boosting
from models.baselines.logistic import Logistic, fit_logistic, fit_shuffled
from models.baselines.material import Constant, Effort, Fitted, Floats, Learner, Material, fit_constant
from models.features import FeaturePlan, plan_from, read_features

FORMAT: Final = 2
BASELINES: Final[dict[str, Learner]] = {"logistic": fit_logistic, "boosting": fit_boosting}
"""To add a baseline, write a `Learner` and add a line here and in _KINDS."""
_KINDS: Final[dict[str, Callable[[Mapping[str, Any]], Fitted]]] = {
    "Logistic": Logistic.from_mapping,
    "Boosting": Boosting.from_mapping,
    "Constant": lambda values: Constant(values["share"], values["counts"]),
}
CONTROL: Final = "shuffled"
"""Name of the control that is fitted on shuffled outcomes."""
_Z90: Final = 1.6448536269514722


@dataclass(frozen=True, slots=True)
class Baseline:
    """A fitted baseline and the columns that it reads."""

    name: str
    plan: FeaturePlan
    fitted: Fitted


def fit_baseline(
    name: str, material: Material, effort: Effort | None = None, progress: Progress = silent
) -> Baseline:
    """Fit the baseline of this name in BASELINES, or the CONTROL; with one outcome only in training, its share."""
    effort = effort or Effort()
    if not material.train.has_both:
        return Baseline(name, material.plan, fit_constant(material))
    fitted = fit_shuffled(material, effort) if name == CONTROL else BASELINES[name](material, effort, progress)
    return Baseline(name, material.plan, fitted)


def control_aurocs(control: Baseline, con: duckdb.DuckDBPyConnection, rows: pl.DataFrame) -> list[float]:
    """Return the AUROC of each shuffle on the label rows; nothing where `rows` have one outcome only.

    Raises ModelError for a baseline that is no control.
    """
    if control.name != CONTROL:
        raise ModelError(f"{control.name} is no control; fit it with the name {CONTROL}")
    outcome = rows["boolean_value"].to_numpy()
    if len(set(outcome.tolist())) < 2:
        return []
    logits = control.fitted.logits(read_features(con, rows, control.plan))
    return [float(roc_auc_score(outcome, logits[:, number])) for number in range(logits.shape[1])]


def predict_baseline(baseline: Baseline, con: duckdb.DuckDBPyConnection, rows: pl.DataFrame) -> pl.DataFrame:
    """Return (subject_id, prediction_time, risk, low, high), one row per row of `rows`, in their order.

    `con` has the table `event`. `low` and `high` span 90 % of the bootstrap fits (mean and spread on the logit
    scale); they say how far the estimate would move with other training patients.
    """
    logits = baseline.fitted.logits(read_features(con, rows, baseline.plan))
    return framed(rows, logits)


def framed(rows: pl.DataFrame, logits: Floats) -> pl.DataFrame:
    """Return risk and interval from logits (rows, 1 + replicates); without two replicates the interval is null."""
    point = logits[:, 0]
    half = _Z90 * logits[:, 1:].std(axis=1) if logits.shape[1] > 2 else np.full(len(point), np.nan)
    return rows.select("subject_id", "prediction_time").with_columns(
        risk=pl.Series(expit(point)),
        low=pl.Series(expit(point - half)).fill_nan(None),
        high=pl.Series(expit(point + half)).fill_nan(None),
    )


def save_baseline(folder: Path, baseline: Baseline, identity: Mapping[str, Any]) -> None:
    """Write the baseline into a folder of models/; `identity` says for which task and data it was fitted."""
    content = {
        "format": FORMAT,
        "identity": dict(identity),
        "plan": baseline.plan.as_mapping(),
        "kind": type(baseline.fitted).__name__,
        "fitted": baseline.fitted.as_mapping(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = baseline_file(folder, baseline.name)
    scratch = path.with_suffix(".tmp")
    scratch.write_bytes(orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY))
    scratch.replace(path)


def load_baseline(folder: Path, name: str, identity: Mapping[str, Any]) -> Baseline | None:
    """Return the baseline in a folder, or None when there is none for this identity and it has to be fitted.

    Raises ModelError when the file is damaged.
    """
    return _read(folder, name, lambda found: bool(found == dict(identity)))


def kept_baseline(folder: Path, name: str, task_hash: str) -> Baseline | None:
    """Return the baseline in a folder that was fitted for a task, on whatever rows, or None.

    Raises ModelError when the file is damaged.
    """
    return _read(folder, name, lambda found: bool(found["task_hash"] == task_hash))


def _read(folder: Path, name: str, fits: Callable[[Mapping[str, Any]], bool]) -> Baseline | None:
    """Return the baseline in a folder if its identity `fits`."""
    path = baseline_file(folder, name)
    if not path.exists():
        return None
    try:
        content = orjson.loads(path.read_bytes())
        if content["format"] != FORMAT or not fits(content["identity"]):
            return None
        return Baseline(name, plan_from(content["plan"]), _KINDS[content["kind"]](content["fitted"]))
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path} is damaged; remove it and run 'ehr evaluate' again") from error


def baseline_file(folder: Path, name: str) -> Path:
    """Return where the baseline of this name lies beside a model."""
    return folder / f"baseline_{name}.json"
