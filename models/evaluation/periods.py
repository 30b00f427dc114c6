"""Temporal validation: the held-out rows before and after a point of time."""

from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import polars as pl

from ehr.errors import ModelError
from ehr.splits import SPLITS, splits
from models.evaluation.compared import Compared, plain
from models.metrics import sample
from models.metrics.measures import metrics_of
from models.metrics.rows import ranked

KIND: Final = "later rows of held-out subjects"
"""What is validated: the model has seen other subjects of the later time, so this is no deployment into a future."""


def temporal(
    compared: Compared, labels: pl.DataFrame, at: float | datetime
) -> tuple[dict[str, Any] | None, str | None]:
    """Return the metrics before and after a point of time, or None and the reason.

    `at` is that time, or the share of all rows of `labels` that lie at or before it. Raises ModelError for a share
    that is none.
    """
    known = labels.drop_nulls("boolean_value").with_columns(pl.col("prediction_time").cast(pl.Datetime("us")))
    times = known["prediction_time"]
    latest = times.max()
    if isinstance(latest, datetime) and latest.year > datetime.now(UTC).year:
        return None, (
            f"the rows reach into the year {latest.year}: times of this source are shifted for each patient, so "
            "nothing can be said of earlier and later ones"
        )
    cut = _cut(times, at)
    later = (compared.table["prediction_time"] > cut).to_numpy()
    if not later.any() or later.all():
        side = "after" if not later.any() else "up to"
        return None, f"no held-out row that is compared lies {side} {cut:%Y-%m-%d %H:%M}"
    places = {"before": np.flatnonzero(~later), "after": np.flatnonzero(later)}
    split = splits(known["subject_id"])
    return {
        "kind": KIND,
        "cut": cut.isoformat(),
        "share_before": float((times <= cut).to_numpy().mean()),
        "counts": {
            period: {name: _count(known.filter((split == name) & inside)) for name in SPLITS}
            for period, inside in (("before", times <= cut), ("after", times > cut))
        },
        "estimators": {name: _of_estimator(compared, name, places) for name in compared.risks},
    }, None


def _cut(times: pl.Series, at: float | datetime) -> datetime:
    if isinstance(at, datetime):
        return at
    if not 0 < at < 1:
        raise ModelError(f"the share of rows before the cut has to lie between 0 and 1, and {at:g} does not")
    cut = times.sort()[max(0, round(at * len(times)) - 1)]
    assert isinstance(cut, datetime)
    return cut


def _of_estimator(compared: Compared, name: str, places: dict[str, Any]) -> dict[str, Any]:
    samples = sample(
        compared.draws,
        {
            period: metrics_of(ranked(compared.risks[name], compared.outcome, chosen))
            for period, chosen in places.items()
        },
    )
    return {
        **{period: plain(measured.estimates()) for period, measured in samples.items()},
        "change": plain(samples["after"].minus(samples["before"])),
    }


def _count(rows: pl.DataFrame) -> dict[str, int]:
    return {
        "subjects": rows["subject_id"].n_unique(),
        "rows": rows.height,
        "positives": int(rows["boolean_value"].sum()),
    }
