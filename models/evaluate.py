"""Evaluation on held-out subjects: every estimator on the same rows, with intervals and paired differences.

`evaluate` compares what the estimators of `models.estimators` said with what came. The result is one mapping of plain
values, written as metrics.json; docs/evaluation.md lists its keys.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from ehr.errors import ModelError
from ehr.splits import SPLITS, Split, splits
from models.checkpoint import now
from models.estimators import BAYES, KEY, TITLES, Estimates, held_out
from models.evaluation.compared import Compared, plain
from models.evaluation.coverage import coverage
from models.evaluation.periods import Knowledge
from models.evaluation.periods import temporal as temporal_validation
from models.evaluation.recalibrated import recalibration
from models.evaluation.stays import early
from models.evaluation.subgroups import subgroups
from models.evaluation.uses import decision_curve, operating_points
from models.metrics import LEVEL, Draws, Scores, calibration_bins, mean, score
from models.metrics.decision import net_benefit_of_all

FORMAT: Final = 1
FEW_POSITIVES: Final = 30
"""Below this many positives (or negatives) no figure of a report should decide anything."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The metrics as plain values, and what they were computed from.

    `predictions` has one row per estimator and label row; `compared` has the label rows that the metrics are of, with
    a column risk_NAME for each estimator, the true probability included.
    """

    metrics: dict[str, Any]
    predictions: pl.DataFrame
    compared: pl.DataFrame


def evaluate(
    labels: pl.DataFrame,
    said: Mapping[str, Estimates],
    *,
    truth: pl.DataFrame | None = None,
    tuning: Mapping[str, Estimates] | None = None,
    facts: pl.DataFrame | None = None,
    temporal: float | datetime | None = None,
    known: Knowledge | None = None,
    split: Mapping[int, Split] | None = None,
    replicates: int = 1000,
    seed: int = 0,
    remarks: Sequence[str] = (),
    about: Mapping[str, Any] | None = None,
) -> Evaluation:
    """Compare what each estimator said of the held-out rows with what came.

    All estimators are compared on the rows of which all of them (and `truth`, where given) say something; how often
    each abstains is counted. `truth` has subject_id, prediction_time and true_probability. `tuning` is what the
    estimators said of the tuning rows of `labels`: operating points are chosen and recalibration is fitted there.
    `facts` is what `models.facts.row_facts` gives for `labels`: subgroups and early prediction need it. `temporal`
    parts the rows at a time, or at the share of all rows that lie before it; `known` says up to which time the
    estimators have learnt, and rows are parted there where `temporal` says nothing. `split` says of each subject
    where it belongs, in place of the hash, and has to be that of the training. `about` is put into the metrics as it
    is. Raises ModelError without a row to compare.
    """
    rows = held_out(labels, split)
    table = _side_by_side(rows, said, truth)
    compared = _compared(rows, table, labels, said, tuning or {}, truth, replicates, seed, split)
    scores = score(compared.risks, compared.outcome, compared.subjects, draws=compared.draws)
    parts, missing = _parts(compared, labels, facts, temporal, known or Knowledge(), said)
    metrics = {
        "format": FORMAT,
        "created_at": now().isoformat(),
        **(about or {}),
        "counts": _counts(labels, split),
        "compared": _count(compared.table),
        "bootstrap": {"replicates": replicates, "seed": seed, "level": LEVEL, "unit": "subject"},
        "estimators": {name: _estimator(compared, name, scores, table, said) for name in compared.risks},
        "differences": _differences(scores),
        "decision_curve_all": net_benefit_of_all(compared.outcome),
        **parts,
        "warnings": _warnings(rows, compared.table, scores),
        "remarks": [*remarks, *missing],
    }
    shown = compared.table.select(
        *KEY, "boolean_value", *(pl.Series(f"risk_{name}", risk) for name, risk in compared.risks.items())
    )
    return Evaluation(metrics, _predictions(table, said, truth), shown)


def _compared(
    rows: pl.DataFrame,
    table: pl.DataFrame,
    labels: pl.DataFrame,
    said: Mapping[str, Estimates],
    tuning: Mapping[str, Estimates],
    truth: pl.DataFrame | None,
    replicates: int,
    seed: int,
    split: Mapping[int, Split] | None,
) -> Compared:
    """Return the rows of which every estimator says something, and what is known of tuning rows."""
    columns = {name: f"risk_{name}" for name in said} | ({BAYES: BAYES} if truth is not None else {})
    shared = table.drop_nulls(list(columns.values()))
    if shared.is_empty():
        raise ModelError(_nothing_in_common(rows, said, table, truth))
    subjects = shared["subject_id"].to_numpy()
    tuned = labels.filter(splits(labels["subject_id"], split) == "tuning").drop_nulls("boolean_value")
    tuned = tuned.with_columns(pl.col("prediction_time").cast(pl.Datetime("us"))).sort(KEY)
    beside = _side_by_side(tuned, tuning, truth)
    return Compared(
        table=shared,
        risks={name: shared[column].to_numpy() for name, column in columns.items()},
        outcome=_outcome(shared),
        subjects=subjects,
        draws=Draws(subjects, replicates, seed),
        tuning={
            name: (known[column].to_numpy(), _outcome(known))
            for name, column in columns.items()
            if column in beside.columns and not (known := beside.drop_nulls(column)).is_empty()
        },
        split=split,
    )


def _outcome(rows: pl.DataFrame) -> npt.NDArray[np.float64]:
    return rows["boolean_value"].to_numpy().astype(np.float64)


def _estimator(
    compared: Compared, name: str, scores: Scores, table: pl.DataFrame, said: Mapping[str, Estimates]
) -> dict[str, Any]:
    """Return all that is told of one estimator."""
    risk = compared.risks[name]
    column = f"risk_{name}" if name in said else name
    truth = compared.risks.get(BAYES)
    answered = table.drop_nulls(column).select("subject_id", "boolean_value", risk=column)
    return {
        "title": TITLES.get(name, name),
        "metrics": plain(scores.estimators[name]),
        "calibration_bins": [asdict(part) for part in calibration_bins(risk, compared.outcome)],
        "distance_to_truth": asdict(mean(np.abs(risk - truth), compared.draws)) if truth is not None else None,
        "abstained": int(table[column].null_count()) if name in said else 0,
        "seconds": said[name].seconds if name in said else None,
        "about": dict(said[name].about) if name in said else {},
        "operating_points": operating_points(compared, name),
        "decision_curve": decision_curve(compared, name),
        "recalibration": recalibration(compared, name, scores.estimators[name]),
        "coverage": coverage(compared, name, answered, table.height, scores.estimators[name]),
    }


def _parts(
    compared: Compared,
    labels: pl.DataFrame,
    facts: pl.DataFrame | None,
    at: float | datetime | None,
    known: Knowledge,
    said: Mapping[str, Estimates],
) -> tuple[dict[str, Any], list[str]]:
    """Return subgroups, periods and early prediction, and why there are none of them."""
    parts: dict[str, Any] = {"subgroups": [], "subgroup_gaps": [], "temporal": None, "early": None}
    missing: list[str | None] = []
    if facts is not None:
        parts["subgroups"], parts["subgroup_gaps"], remark = subgroups(compared, facts)
        parts["early"], reason = early(compared, facts, said)
        missing += [remark, reason]
    at = known.until if at is None else at
    if at is not None:
        parts["temporal"], reason = temporal_validation(compared, labels, at, known)
        missing.append(reason and f"no temporal validation: {reason}")
    return parts, [reason for reason in missing if reason]


def _side_by_side(rows: pl.DataFrame, said: Mapping[str, Estimates], truth: pl.DataFrame | None) -> pl.DataFrame:
    """Return the rows with risk_, low_ and high_ of every estimator, and the true probability."""
    table = rows.select(*KEY, "boolean_value")
    for name, estimates in said.items():
        named = estimates.frame.select(
            *KEY, *(pl.col(column).alias(f"{column}_{name}") for column in ("risk", "low", "high"))
        ).unique(KEY, maintain_order=True)
        table = table.join(named, on=KEY, how="left", maintain_order="left")
    if truth is not None:
        known = truth.select(
            pl.col("subject_id").cast(pl.Int64),
            pl.col("prediction_time").cast(pl.Datetime("us")),
            pl.col("true_probability").alias(BAYES),
        ).unique(KEY, maintain_order=True)
        table = table.join(known, on=KEY, how="left", maintain_order="left")
    return table


def _predictions(table: pl.DataFrame, said: Mapping[str, Estimates], truth: pl.DataFrame | None) -> pl.DataFrame:
    """Return one row per estimator and label row."""
    true = pl.col(BAYES) if truth is not None else pl.lit(None, dtype=pl.Float64)
    parts = [
        table.select(
            *KEY,
            "boolean_value",
            pl.lit(name).alias("estimator"),
            *(pl.col(f"{column}_{name}").cast(pl.Float64).alias(column) for column in ("risk", "low", "high")),
            true.alias("true_probability"),
        )
        for name in said
    ]
    return pl.concat(parts)


def _counts(labels: pl.DataFrame, given: Mapping[int, Split] | None) -> dict[str, dict[str, int]]:
    """Return subjects, rows and positives of every split."""
    known = labels.drop_nulls("boolean_value")
    split = splits(known["subject_id"], given)
    return {name: _count(known.filter(split == name)) for name in SPLITS}


def _count(rows: pl.DataFrame) -> dict[str, int]:
    return {
        "subjects": rows["subject_id"].n_unique(),
        "rows": rows.height,
        "positives": int(rows["boolean_value"].sum()),
    }


def _differences(scores: Scores) -> list[dict[str, Any]]:
    """Return the paired differences, first minus second."""
    return [
        {"first": first, "second": second, "metrics": plain(metrics)}
        for (first, second), metrics in scores.differences.items()
    ]


def _warnings(rows: pl.DataFrame, compared: pl.DataFrame, scores: Scores) -> list[str]:
    """Say what keeps the figures from being trusted."""
    positives, n = int(compared["boolean_value"].sum()), compared.height
    warnings = []
    if 0 in (positives, n - positives):
        warnings.append(
            f"All {n} compared rows have the same outcome: AUROC, AUPRC and calibration slope are undefined."
        )
    elif min(positives, n - positives) < FEW_POSITIVES:
        rarer = "positive" if positives <= n - positives else "negative"
        warnings.append(
            f"Only {min(positives, n - positives)} of {n} rows are {rarer}: every figure here is too uncertain to "
            "compare models or to act upon."
        )
    if n < rows.height:
        warnings.append(
            f"{rows.height - n} of {rows.height} held-out rows are left out, because an estimator abstains there or "
            "their true probability is not known."
        )
    undefined = max(estimate.undefined for metrics in scores.estimators.values() for estimate in metrics.values())
    if 0.01 < undefined < 1:
        warnings.append(
            f"Up to {undefined:.0%} of the bootstrap samples held one outcome only, or classes that a threshold "
            "parts; the intervals leave them out and are too narrow."
        )
    return warnings


def _nothing_in_common(
    rows: pl.DataFrame, said: Mapping[str, Estimates], table: pl.DataFrame, truth: pl.DataFrame | None
) -> str:
    """Say why no row can be compared."""
    if truth is not None and table[BAYES].null_count() == table.height:
        return (
            f"the truth has no probability for any of the {rows.height} held-out rows; is it that of the same made "
            "patients and of this task?"
        )
    silent_ones = [TITLES.get(name, name) for name in said if table[f"risk_{name}"].null_count() == table.height]
    who = ", ".join(silent_ones) or "each row has an estimator that"
    return f"there is no held-out row to compare on: {who} abstains; tokenise again if patients were imported since"
