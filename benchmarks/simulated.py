"""Simulated patients whose true risk is known: learn from one folder, foresee another.

    python -m benchmarks.simulated --train DIR --predict DIR --out predictions.parquet

Takes folders as the simulator of timelines writes them. Of the first are read events.parquet and, of truth.parquet,
subject_id, prediction_time and outcome; of the second, whose events end at the prediction, subject_id and
prediction_time alone. What is written has subject_id, prediction_time, a column of each estimator, and `probability`:
the blend of them that a tenth of the training patients, from whom no weight was learnt, were foretold best by.
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import polars as pl
import torch

from ehr.fitting import fit_vocabulary
from ehr.importers import IMPORTERS, ImportOptions
from ehr.splits import Split
from ehr.store import Store, create_store, opened
from ehr.tasks import parse_task
from ehr.timelines import Timelines, load_timelines, tokenize_store
from ehr.vocabulary import TokenSettings, Vocabulary
from models.baselines import Baseline, Effort, fit_baseline, gather, predict_baseline
from models.checkpoint import Checkpoint, TaskText
from models.features import FeatureSettings, Window
from models.generative.generate import generate
from models.generative.rollout import Sampling
from models.predict import predict
from models.settings import read_settings
from models.training import Labelled, train

KEY = ["subject_id", "prediction_time"]
TUNING_SHARE = 0.1
BLENDED_ROWS = 2500
"""Rows of tuning patients, at most, that the weight of the blend is chosen by."""
HEADS = 3
"""Fine-tunings of the one decoder, whose risks are averaged."""
PROCESSES = 2
"""Processes that generate futures, a core each."""
GAP_STARTS = tuple(int(seconds) for seconds in np.unique(np.geomspace(300, 3e7, 48).round(-1)))
"""What lies within one, the model does not tell apart: with a perfect one, 24 make risks 3 % too low, 48 2 %."""
TOKENS = TokenSettings(gap_names=tuple(f"from {start} s" for start in GAP_STARTS), gap_starts=GAP_STARTS, age_years=0)
SETTINGS = (
    "threads=2",
    "layers=2",
    "width=96",
    "heads=4",
    "shortest_period=0.05",
    "longest_period=3000",
    "max_tokens=384",
    "tokens_per_step=4096",
    "epochs=10",
    "emphasised=MEDS_DEATH",
    "emphasis=20",
    "fine_tune_epochs=3",
    "dropout=0.0",
)
TASK = """
description: Death within 30 days, foreseen 24 hours after an admission.
predicates:
  admission: {code: HOSPITAL_ADMISSION}
  death: {code: MEDS_DEATH}
trigger: admission
windows:
  first_day: {start: trigger, end: start + 24h, start_inclusive: false, end_inclusive: true, index_timestamp: end}
  target: {start: first_day.end, end: start + 30d, start_inclusive: false, end_inclusive: true, label: death}
"""


def foretell(
    learnt: Path, asked: Path, folder: Path, assignments: Sequence[str] = (), futures: int = 16, seed: int = 1
) -> pl.DataFrame:
    """Return the estimates for the rows of `asked` by models that learnt from `learnt`; `folder` is for files."""
    labels = pl.read_parquet(learnt / "truth.parquet", columns=[*KEY, "outcome"]).rename({"outcome": "boolean_value"})
    rows = pl.read_parquet(asked / "truth.parquet", columns=KEY)
    with opened(_imported(learnt, folder / "learnt")) as store:
        subjects = store.cursor().sql("SELECT subject_id FROM subject ORDER BY subject_id").pl()["subject_id"]
        split = _split(subjects, seed)
        training = [subject for subject, part in split.items() if part == "train"]
        vocabulary = fit_vocabulary(store, "default", TOKENS, training=training)
        tokenize_store(store, vocabulary)
        timelines = load_timelines(store, vocabulary)
        booster = _booster(store, labels, split, seed)
    _say(f"{len(timelines):,} patients, {len(timelines.tokens):,} tokens")
    models = _learnt(folder / "models", timelines, vocabulary, labels, split, (*SETTINGS, *assignments), seed)
    with opened(_imported(asked, folder / "asked")) as store:
        past = load_timelines(store, vocabulary)
        boosting = predict_baseline(booster, store.cursor(), rows)["risk"]
    tuning = _of(labels, split, "tuning").head(BLENDED_ROWS)
    known = _estimates(models, timelines, tuning, futures).join(tuning, on=KEY)
    found = _estimates(models, past, rows, futures)
    weight = _best_weight(known)
    _say(f"weight of the supervised estimate in the blend: {weight:.2f}")
    return found.with_columns(boosting=boosting, probability=_blend(found, weight))


@dataclass(frozen=True, slots=True)
class _Models:
    """A pre-trained decoder, and what was fine-tuned from it."""

    decoder: Checkpoint
    heads: tuple[Checkpoint, ...]


def _learnt(
    folder: Path,
    timelines: Timelines,
    vocabulary: Vocabulary,
    labels: pl.DataFrame,
    split: dict[int, Split],
    assignments: Sequence[str],
    seed: int,
) -> _Models:
    """Pre-train a decoder, and fine-tune it several times over."""
    settings = read_settings(None, (*assignments, f"seed={seed}"))
    decoder = train(folder, "decoder", timelines, vocabulary, settings, split=split)
    _say(f"pre-trained: {_figures(decoder, 'pre_training')}")
    target = Labelled(TaskText("death_30d", TASK), labels)
    heads = []
    for number in range(HEADS):
        own = read_settings(None, (*assignments, f"seed={seed + number}"))
        name = f"head_{number + 1}"
        heads.append(train(folder, name, timelines, vocabulary, own, target=target, base=decoder, split=split))
        _say(f"fine-tuned: {_figures(heads[-1], 'fine_tuning')}")
    return _Models(decoder, tuple(heads))


def _figures(checkpoint: Checkpoint, stage: str) -> dict[str, object]:
    """Return what the report of a stage says but for its curve."""
    return {name: value for name, value in checkpoint.report[stage].items() if name != "curve"}


def _imported(source: Path, folder: Path) -> Store:
    """Return a store of the events of a folder; its truth is no part of it."""
    data = folder / "meds" / "data"
    data.mkdir(parents=True)
    shutil.copyfile(source / "events.parquet", data / "0.parquet")
    (folder / "meds" / "metadata").mkdir()
    store = create_store(folder / "store")
    IMPORTERS["meds"](store, data / "0.parquet", ImportOptions())
    return store


def _booster(store: Store, labels: pl.DataFrame, split: dict[int, Split], seed: int) -> Baseline:
    """Return gradient boosting on features of the past and of the last month, week and day."""
    train, tuning = _of(labels, split, "train"), _of(labels, split, "tuning")
    windows = (Window(), Window(24 * 30), Window(24 * 7), Window(24))
    material = gather(store.cursor(), train, tuning, FeatureSettings(windows))
    fitted = fit_baseline("boosting", material, Effort(seed=seed, replicates=0))
    _say(f"gradient boosting on {len(material.plan.columns)} features of {len(train):,} rows")
    return fitted


def _split(subjects: pl.Series, seed: int) -> dict[int, Split]:
    """Return which patients tune and which train."""
    tunes = np.random.default_rng(seed).random(len(subjects)) < TUNING_SHARE
    return {int(subject): "tuning" if tune else "train" for subject, tune in zip(subjects, tunes, strict=True)}


def _of(rows: pl.DataFrame, split: dict[int, Split], part: Split) -> pl.DataFrame:
    """Return the rows of the subjects of one part."""
    return rows.filter(pl.col("subject_id").replace_strict(split, return_dtype=pl.String) == part)


def _estimates(models: _Models, timelines: Timelines, rows: pl.DataFrame, futures: int) -> pl.DataFrame:
    """Return the rows with the columns supervised, generated and share."""
    risks = [predict(head, timelines, rows)["risk"] for head in models.heads]
    supervised = pl.select(pl.mean_horizontal(*risks)).to_series()
    _say(f"foretold {len(rows):,} rows by {len(risks)} supervised heads")
    generated = _generated(models.decoder, timelines, rows, futures)
    _say(f"foretold them by {futures} futures each, {generated['unfinished'].mean():.4f} of them unfinished")
    columns = {
        "supervised": supervised.fill_null(supervised.mean()),
        "generated": generated["risk"].fill_null(generated["risk"].mean()),
        "share": generated["share"].fill_null(generated["share"].mean()),
    }
    return rows.select(KEY).with_columns(**columns)


def _generated(checkpoint: Checkpoint, timelines: Timelines, rows: pl.DataFrame, futures: int) -> pl.DataFrame:
    """Generate futures of the rows, a share of them in each process."""
    size = -(-len(rows) // PROCESSES)
    parts = [rows.slice(start, size) for start in range(0, len(rows), size)]
    work = partial(_generate, checkpoint, timelines, futures)
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        return pl.concat(pool.map(work, parts, range(1, len(parts) + 1)))


def _generate(
    checkpoint: Checkpoint, timelines: Timelines, futures: int, rows: pl.DataFrame, seed: int
) -> pl.DataFrame:
    torch.set_num_threads(1)
    task = parse_task(TASK, "death_30d")
    return generate(checkpoint, timelines, rows, task, Sampling(futures=futures, seed=seed))


def _best_weight(known: pl.DataFrame) -> float:
    """Return the weight of the supervised estimate beside the generated one with the least surprise."""
    outcome = known["boolean_value"].to_numpy()

    def surprise(weight: float) -> float:
        risk = _blend(known, weight).to_numpy()
        return float(-np.log(np.where(outcome, risk, 1 - risk)).mean())

    return min(np.linspace(0, 1, 21).tolist(), key=surprise)


def _blend(frame: pl.DataFrame, weight: float) -> pl.Series:
    """Return the weighted mean of the log-odds of both estimates, as probabilities."""
    one, other = (frame[name].clip(1e-4, 1 - 1e-4).to_numpy() for name in ("supervised", "generated"))
    odds = weight * np.log(one / (1 - one)) + (1 - weight) * np.log(other / (1 - other))
    return pl.Series("probability", 1 / (1 + np.exp(-odds)))


_BEGAN = time.perf_counter()


def _say(what: str) -> None:
    print(f"[{time.perf_counter() - _BEGAN:6.0f} s] {what}", flush=True)


def main() -> None:
    """Read the arguments, foretell and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--train", type=Path, required=True, metavar="DIR", help="events.parquet and truth.parquet")
    parser.add_argument("--predict", type=Path, required=True, metavar="DIR", help="the same, truncated")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="where the estimates go (parquet)")
    parser.add_argument("--futures", type=int, default=16, help="futures of each row")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE")
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="anamnesis-benchmark-"))
    try:
        found = foretell(args.train, args.predict, folder, args.settings, args.futures, args.seed)
    finally:
        shutil.rmtree(folder)
    found.write_parquet(args.out)
    _say(f"{len(found):,} rows in {args.out}")


if __name__ == "__main__":
    main()
