"""Temporal validation: the held-out rows before and after a point of time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import polars as pl

from ehr.errors import ModelError
from ehr.splits import SPLITS, Split, splits
from models.checkpoint import Checkpoint
from models.evaluation.compared import Compared, is_small, people, plain
from models.metrics import Sample, sample
from models.metrics.measures import metrics_of
from models.metrics.rows import Ints, ranked

KIND: Final = "later rows of held-out subjects"
SEEN: Final = ("all", "part", "none")
"""How much of the later time the estimators have learnt from, by other subjects: `none` of it where it lies after all
that was learnt, as when a model is deployed."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """The time (UTC) after which estimators have learnt nothing, and after which their vocabulary counted nothing.

    None is no bound.
    """

    until: datetime | None = None
    vocabulary_until: datetime | None = None

    @property
    def vocabulary_has_seen_more(self) -> bool:
        """Whether the vocabulary counted events of a time that nothing else was learnt from."""
        if self.until is None:
            return False
        return self.vocabulary_until is None or self.vocabulary_until > self.until

    def seen_after(self, cut: datetime, latest: datetime) -> str:
        """Return which of SEEN holds for the time from a cut to the latest row."""
        if self.until is None or self.until >= latest:
            return "all"
        return "none" if self.until <= cut else "part"


def knowledge_of(checkpoint: Checkpoint) -> Knowledge:
    """Return up to which time a model has learnt."""
    return Knowledge(checkpoint.until, checkpoint.vocabulary.settings.until_time)


def temporal(
    compared: Compared, labels: pl.DataFrame, at: float | datetime, known: Knowledge | None = None
) -> tuple[dict[str, Any] | None, str | None]:
    """Return the metrics before and after a point of time, or None and the reason.

    `at` is that time, or the share of all rows of `labels` that lie at or before it; `known` says up to which time
    the estimators have learnt. Raises ModelError for a share that is none.
    """
    knowledge = known or Knowledge()
    rows = labels.drop_nulls("boolean_value").with_columns(pl.col("prediction_time").cast(pl.Datetime("us")))
    times = rows["prediction_time"]
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
    if any(is_small(people(compared, at)) for at in places.values()):
        return None, f"too few people, or too few of one outcome, before or after {cut:%Y-%m-%d %H:%M}"
    inside = {"before": rows.filter(times <= cut), "after": rows.filter(times > cut)}
    samples = {name: _samples(compared, name, places) for name in compared.risks}
    return {
        "kind": KIND,
        "cut": cut.isoformat(),
        **_told(knowledge, cut, latest),
        "share_before": float((times <= cut).to_numpy().mean()),
        "counts": _counts(inside, compared.split),
        **{period: _period(compared, samples, period, places[period]) for period in places},
        "change": {name: plain(part["after"].minus(part["before"])) for name, part in samples.items()},
    }, None


def _told(known: Knowledge, cut: datetime, latest: object) -> dict[str, Any]:
    """Return how much of the later time was learnt from, as plain values."""
    assert isinstance(latest, datetime)
    return {
        "learnt_until": known.until.isoformat() if known.until else None,
        "seen": known.seen_after(cut, latest),
        "vocabulary_seen": known.vocabulary_until is None or known.vocabulary_until > cut,
    }


def _cut(times: pl.Series, at: float | datetime) -> datetime:
    if isinstance(at, datetime):
        return at
    if not 0 < at < 1:
        raise ModelError(f"the share of rows before the cut has to lie between 0 and 1, and {at:g} does not")
    cut = times.sort()[max(0, round(at * len(times)) - 1)]
    assert isinstance(cut, datetime)
    return cut


def _samples(compared: Compared, name: str, places: Mapping[str, Ints]) -> dict[str, Sample]:
    risk, outcome = compared.risks[name], compared.outcome
    return sample(
        compared.draws, {period: metrics_of(ranked(risk, outcome, chosen)) for period, chosen in places.items()}
    )


def _period(
    compared: Compared, samples: Mapping[str, Mapping[str, Sample]], period: str, places: Ints
) -> dict[str, Any]:
    return {
        "subjects": len(np.unique(compared.subjects[places])),
        "rows": len(places),
        "positives": int(compared.outcome[places].sum()),
        "estimators": {name: plain(part[period].estimates()) for name, part in samples.items()},
    }


def _counts(
    inside: Mapping[str, pl.DataFrame], given: Mapping[int, Split] | None
) -> dict[str, dict[str, dict[str, int] | None]]:
    """Return the counts of every split in both periods; None where one of the two would tell of a few."""
    counted: dict[str, dict[str, dict[str, int] | None]] = {period: {} for period in inside}
    for name in SPLITS:
        parts = {period: rows.filter(splits(rows["subject_id"], given) == name) for period, rows in inside.items()}
        is_told = not any(_tells_of_few(rows) for rows in parts.values())
        for period, rows in parts.items():
            counted[period][name] = _count(rows) if is_told else None
    return counted


def _tells_of_few(rows: pl.DataFrame) -> bool:
    events = rows.filter(pl.col("boolean_value"))
    others = rows.filter(~pl.col("boolean_value"))
    return is_small(tuple(part["subject_id"].n_unique() for part in (rows, events, others)))


def _count(rows: pl.DataFrame) -> dict[str, int]:
    return {
        "subjects": rows["subject_id"].n_unique(),
        "rows": rows.height,
        "positives": int(rows["boolean_value"].sum()),
    }
