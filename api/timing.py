"""Where endpoints, timelines and models of their times meet: `--endpoint` of `ehr train`, `predict`, `evaluate`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl

from api.learning import DEAD, TaskFile, when_to_predict
from ehr.errors import ModelError, TaskError
from ehr.lookup import Subject
from ehr.store import Store
from ehr.tasks import Endpoint, Task
from ehr.timelines import load_timelines
from models.checkpoint import Checkpoint
from models.predict import NO_HISTORY
from models.survival.hazard import Times
from models.survival.predict import predict_times
from sql.cohort import run_cohort


@dataclass(frozen=True, slots=True)
class Curve:
    """The risk of one cause by each of the `days` after the prediction, and its 90 % interval."""

    cause: str
    days: tuple[float, ...]
    risk: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Course:
    """The curves of one patient at one time, or why there are none; `free` is the chance that nothing has come."""

    subject_id: int
    prediction_time: datetime
    task: str
    endpoint: str
    curves: tuple[Curve, ...]
    free: tuple[float, ...]
    abstention: str | None
    model: Mapping[str, Any]
    warnings: tuple[str, ...]


def timed_endpoint(task: Task, name: str) -> Endpoint:
    """Return the endpoint of that name; raises TaskError unless the task has one of `kind: time`."""
    timed = {endpoint.name: endpoint for endpoint in task.endpoints if endpoint.kind == "time"}
    if name not in timed:
        known = f"it has {', '.join(timed)}" if timed else "it has none; write endpoints: NAME: {kind: time, ...}"
        raise TaskError(f"{task.name}: there is no endpoint {name} of kind time; {known}")
    return timed[name]


def endpoint_times(store: Store, task: Task, name: str) -> Times:
    """Return when an endpoint of the task came in each row; errors as in `timed_endpoint`."""
    endpoint = timed_endpoint(task, name)
    rows = run_cohort(store, task, wide=False).rows.select(
        "subject_id",
        pl.col("index_timestamp").alias("prediction_time"),
        pl.col(name).alias("days"),
        pl.col(f"{name}_event").cast(pl.Int64).alias("cause"),
    )
    causes = (endpoint.predicate, *([endpoint.competing] if endpoint.competing else []))
    return Times(name, causes, rows.drop_nulls())


def foresee_times(
    store: Store, checkpoint: Checkpoint, target: TaskFile, endpoint: str, subject: Subject, at: datetime | None
) -> Course:
    """Say when an endpoint may come for one patient, from what was known `at` a time.

    Without a time it is the last one at which the task predicts. Raises ModelError for a model that was not trained
    for this endpoint of this task.
    """
    if checkpoint.task is None or checkpoint.task.hash != target.text.hash:
        raise ModelError(
            f"model {checkpoint.name} was not trained for this task; train it with 'ehr train --task ... --endpoint "
            f"{endpoint}'"
        )
    at, remark = when_to_predict(store, target.task, subject, at)
    timelines = load_timelines(store, checkpoint.vocabulary, [subject.subject_id])
    rows = pl.DataFrame(
        {"subject_id": [subject.subject_id], "prediction_time": [at]},
        schema={"subject_id": pl.Int64, "prediction_time": pl.Datetime("us")},
    )
    curves, usable = predict_times(checkpoint, timelines, rows, endpoint)
    is_dead = subject.death_time is not None and subject.death_time <= at
    reason = DEAD if is_dead else None if usable.all() else NO_HISTORY
    told = () if reason else tuple(range(len(curves.grid.causes)))

    def row(values: np.ndarray[Any, np.dtype[np.float64]]) -> tuple[float, ...]:
        return tuple(float(value) for value in values)

    return Course(
        subject.subject_id,
        at,
        target.task.name,
        endpoint,
        tuple(
            Curve(
                curves.grid.causes[cause],
                curves.grid.edges,
                row(curves.incidence[0, cause]),
                row(curves.low[0, cause]),
                row(curves.high[0, cause]),
            )
            for cause in told
        ),
        () if reason else row(curves.free[0]),
        reason,
        checkpoint.identity,
        (remark,) if remark else (),
    )
