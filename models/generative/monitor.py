"""The risk of one patient again and again through a stay, each time from what was known by then.

After ARES (Renc et al. 2025, GigaScience 14:giaf107), which estimates anew as the stay goes on.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import polars as pl

from ehr.errors import ModelError
from ehr.tasks import Task
from ehr.timelines import Timelines
from models.checkpoint import Checkpoint
from models.generative.generate import generate
from models.generative.rollout import Sampling
from models.predict import predict

MOST_TIMES: Final = 500
"""Estimates of one course; a finer one is refused."""


def regular_times(begin: datetime, end: datetime, every: timedelta) -> list[datetime]:
    """Return the times from `begin` to `end` with a step of `every`, both ends included where they are met.

    Raises ModelError for a step that is not above 0, or so short that there are more than MOST_TIMES.

    >>> [time.hour for time in regular_times(datetime(2150, 1, 1), datetime(2150, 1, 1, 13), timedelta(hours=6))]
    [0, 6, 12]
    """
    if every <= timedelta(0):
        raise ModelError("a risk is followed in steps of more than 0 hours; write --every 6h")
    count = (end - begin) // every + 1
    _check_count(count)
    return [begin + step * every for step in range(count)]


def event_times(timelines: Timelines, subject_id: int, begin: datetime, end: datetime) -> list[datetime]:
    """Return the moments of the subject's events from `begin` to `end`, rising; errors as in `regular_times`."""
    place = int(np.searchsorted(timelines.subject_ids, subject_id))
    if place == len(timelines) or timelines.subject_ids[place] != subject_id:
        return []
    times = timelines.times[timelines.offsets[place] : timelines.offsets[place + 1]]
    low, high = np.datetime64(begin, "us"), np.datetime64(end, "us")
    moments: list[datetime] = np.unique(times[(times >= low) & (times <= high)]).astype(object).tolist()
    _check_count(len(moments))
    return moments


def course(
    checkpoint: Checkpoint,
    timelines: Timelines,
    subject_id: int,
    times: Sequence[datetime],
    *,
    task: Task | None = None,
    sampling: Sampling | None = None,
) -> pl.DataFrame:
    """Return the risk at each of the times, in their order, columns as in `models.predict.RISK_SCHEMA`.

    With a `task` it comes from generated futures, whose further columns are there too; without one from the
    supervised head. Errors as in `predict` and `generate`.
    """
    rows = pl.DataFrame(
        {"subject_id": [subject_id] * len(times), "prediction_time": list(times)},
        schema={"subject_id": pl.Int64, "prediction_time": pl.Datetime("us")},
    )
    if task is None:
        return predict(checkpoint, timelines, rows)
    return generate(checkpoint, timelines, rows, task, sampling)


def _check_count(count: int) -> None:
    if count > MOST_TIMES:
        raise ModelError(f"{count:,} estimates of one stay are too many; take longer steps, so that {MOST_TIMES} do")
