"""Estimators that `ehr evaluate` fitted beside a model and kept in its folder, to say risks of any rows.

The baselines are read as they were fitted, whatever the store has gained since; the blend weighs them and the
supervised head as it learnt to on tuning rows.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import duckdb
import orjson
import polars as pl

from ehr.errors import ModelError
from ehr.timelines import Timelines
from models.baselines import BASELINES, Baseline, kept_baseline, predict_baseline
from models.blend import Blend, blend_frames, blend_from
from models.checkpoint import Checkpoint, TaskText, write_json
from models.predict import predict

BLEND: Final = "blend"
BLEND_FILE: Final = "blend.json"
KEPT: Final = (*BASELINES, BLEND)
"""Names of the estimators that are kept."""
_SUPERVISED: Final = "supervised"


def keep_blend(folder: Path, blend: Blend, text: TaskText) -> None:
    """Write the blend for a task into the folder of a model."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / BLEND_FILE, {"task_hash": text.hash, **blend.as_mapping()})


def kept_blend(folder: Path, text: TaskText) -> Blend:
    """Return the blend for a task; raises ModelError when none is kept for it, or the file is damaged."""
    path = folder / BLEND_FILE
    try:
        content: Mapping[str, Any] = orjson.loads(path.read_bytes()) if path.exists() else {}
        if content.get("task_hash") == text.hash:
            return blend_from(content)
    except (orjson.JSONDecodeError, AttributeError, KeyError) as error:
        raise ModelError(f"{path} is damaged; remove it and run 'ehr evaluate' again") from error
    raise ModelError(not_kept(BLEND, folder, text.name))


def say_kept(
    name: str,
    checkpoint: Checkpoint,
    folder: Path,
    text: TaskText,
    timelines: Timelines,
    events: duckdb.DuckDBPyConnection,
    rows: pl.DataFrame,
) -> pl.DataFrame:
    """Return what an estimator of KEPT says of rows: subject_id, prediction_time, risk, low, high.

    `folder` is that of the model; `events` has the table `event`. Raises ModelError when it is not kept for the task.
    """
    if name != BLEND:
        return predict_baseline(read_baseline(folder, name, text), events, rows)
    blend = kept_blend(folder, text)
    say: dict[str, Callable[[], pl.DataFrame]] = {
        member: partial(say_kept, member, checkpoint, folder, text, timelines, events, rows) for member in BASELINES
    }
    say[_SUPERVISED] = partial(predict, checkpoint, timelines, rows)
    blended = blend_frames(blend, {member: say[member]() for member in blend.weights})
    keys = ["subject_id", "prediction_time"]
    return rows.select(keys).join(blended, on=keys, how="left", maintain_order="left")


def read_baseline(folder: Path, name: str, text: TaskText) -> Baseline:
    """Return a baseline that is kept for a task; raises ModelError when there is none."""
    found = kept_baseline(folder, name, text.hash)
    if found is None:
        raise ModelError(not_kept(name, folder, text.name))
    return found


def not_kept(name: str, folder: Path, task: str) -> str:
    """Say that an estimator is not kept, and what to do."""
    return (
        f"model {folder.parent.name} version {folder.name} has no {name} beside it for task {task} as it is written; "
        f"fit it with 'ehr evaluate --model {folder.parent.name} --task TASK --out DIR'"
    )
