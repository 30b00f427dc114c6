"""The deletion test: do the records that an explanation names matter more to the model than others?

The k records that raise an estimate most are deleted at once (or those that lower it most, whichever is more: of both
together the effects would cancel), and the change is compared with that by deleting k at random, or the k most
recent. Source of the idea: Samek et al. 2017, Evaluating the visualization of what a deep neural network has learned.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from ehr.errors import ModelError
from ehr.progress import Progress, silent
from ehr.timelines import Timelines
from models.checkpoint import Checkpoint
from models.explain.effects import Change, Scorer, groups_removed, log_odds, ranked_events, scorer_of
from models.explain.history import Floats, History, Int64s, histories
from models.learner import threads
from models.metrics import Draws, Sample, sample
from models.metrics.bootstrap import mean_of
from models.predict import predict

DELETED: Final = (1, 2, 5, 10, 20)
ROWS: Final = 200
RANDOM_DRAWS: Final = 3
"""Random choices of each size, whose changes are averaged."""
CANDIDATES: Final = 40
_WAYS: Final = ("ranked", "random", "recent")
_MEASURES: Final = ("risk", "log_odds")


@dataclass(frozen=True, slots=True)
class Deletions:
    """Absolute changes (rows, k, 2) of risk and log-odds for each way to choose what is deleted."""

    subjects: Int64s
    changes: dict[str, Floats]


def deletion_test(
    checkpoint: Checkpoint,
    timelines: Timelines,
    rows: pl.DataFrame,
    *,
    most: int = ROWS,
    deleted: Sequence[int] = DELETED,
    replicates: int = 1000,
    seed: int = 0,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Return mean absolute changes of the estimate after deletions, with 95 % bootstrap intervals over subjects.

    At most `most` of the rows (subject_id, prediction_time) with an estimate are used, drawn with `seed`. Keys: `k`,
    and for each k `ranked` (by effect), `random`, `recent` and `difference` (ranked - random, paired), each
    {value, low, high}, of the risk; the same four of the log-odds under `log_odds`; `rows`, `subjects`, `events`
    (median read per row). A row with fewer than k events loses all of them. Raises ModelError without a row.
    """
    scorer = scorer_of(checkpoint)
    estimated = predict(checkpoint, timelines, rows).filter(pl.col("risk").is_not_null())
    chosen = estimated.sample(min(most, estimated.height), seed=seed)
    read, _ = histories(checkpoint, timelines, chosen)
    read = [history for history in read if len(history.events())]
    if not read:
        raise ModelError(
            "no row has both an estimate and a record to delete; give rows of subjects with events before "
            "their prediction time"
        )
    with threads(checkpoint.settings.optimisation.threads):
        found = _deletions(scorer, read, deleted, seed, progress)
    draws = Draws(found.subjects, replicates, seed)
    risk, odds = (_summary(found, measure, draws) for measure in range(len(_MEASURES)))
    return {
        "k": list(deleted),
        **risk,
        "log_odds": odds,
        "rows": len(read),
        "subjects": len(np.unique(found.subjects)),
        "events": float(np.median([len(history.events()) for history in read])),
        "replicates": replicates,
        "seed": seed,
    }


def _deletions(
    scorer: Scorer, read: Sequence[History], deleted: Sequence[int], seed: int, progress: Progress
) -> Deletions:
    changes: dict[str, Floats] = {way: np.empty((len(read), len(deleted), len(_MEASURES))) for way in _WAYS}
    for number, history in enumerate(read):
        # A stream of its own for each row: which other rows are tested changes nothing.
        rng = np.random.default_rng([seed, abs(history.subject_id), len(history)])
        for way, found in _of_history(scorer, history, deleted, rng).items():
            changes[way][number] = found
        progress("deletion test", number + 1, len(read))
    return Deletions(np.array([history.subject_id for history in read]), changes)


def _of_history(
    scorer: Scorer, history: History, deleted: Sequence[int], rng: np.random.Generator
) -> dict[str, Floats]:
    """Return for each way the absolute changes (k, 2) of risk and log-odds."""
    events = history.events()
    ranked = ranked_events(scorer, history, max(CANDIDATES, *deleted))
    others = [events[::-1], *(rng.permutation(events) for _ in range(RANDOM_DRAWS))]
    chosen = [_strongest(ranked, count) for count in deleted]
    chosen += [order[:count] for order in others for count in deleted]
    whole = np.zeros((1, len(history)), dtype=bool)
    risks = scorer.risks(history, np.concatenate([whole, groups_removed(history, chosen)]))
    both = np.stack([risks, log_odds(risks)], axis=1)
    moved = np.abs(both[1:] - both[0]).reshape(1 + len(others), len(deleted), len(_MEASURES))
    return {"ranked": moved[0], "recent": moved[1], "random": moved[2:].mean(axis=0)}


def _strongest(ranked: Sequence[tuple[int, Change]], count: int) -> Int64s:
    """Return the `count` events that raise the estimate most, or lower it most, whichever is more."""
    rising = sorted(ranked, key=lambda pair: -pair[1].effect)
    sides = (rising[:count], rising[::-1][:count])
    best = max(sides, key=lambda side: abs(sum(change.effect for _, change in side)))
    return np.array([event for event, _ in best], dtype=np.int64)


def _summary(found: Deletions, measure: int, draws: Draws) -> dict[str, list[dict[str, Any]]]:
    """Return the mean change of each way and each k, and the paired difference of ranked and random."""
    columns = range(found.changes["ranked"].shape[1])
    samples = sample(draws, {(way, k): mean_of(found.changes[way][:, k, measure]) for way in _WAYS for k in columns})
    summary = {way: [_plain(samples[way, k].estimates()["mean"]) for k in columns] for way in _WAYS}
    summary["difference"] = [_plain(_minus(samples["ranked", k], samples["random", k])) for k in columns]
    return summary


def _minus(first: Sample, second: Sample) -> Any:
    return first.minus(second)["mean"]


def _plain(estimate: Any) -> dict[str, Any]:
    return {name: value for name, value in asdict(estimate).items() if name != "undefined"}
