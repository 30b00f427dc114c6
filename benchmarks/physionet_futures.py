"""In-hospital death from the first 48 ICU hours by generated futures: PhysioNet/CinC Challenge 2012, without a head.

    python -m benchmarks.physionet_futures --cv 5
    python -m benchmarks.physionet_futures --cv 5 --fold 1 --set epochs=4

Nothing is fine-tuned and there is no head for a task: a decoder learns the next event of the timelines of training
stays, and `models.generative` answers a task file about the timelines of held-out stays. The recording of every stay
is closed after 48 hours: by the mean, the lowest and the highest value of each code, as a flow sheet is, and a mark.
The timeline of a training stay goes on to how the stay ended, as the records of a hospital do: a death or a
discharge, and after a discharge whether a death is recorded later. So the outcome of training stays does reach the
model, but only as the ordinary record that a stay ends with, one event of some 130; what follows the mark counts for
more than what follows other events (`weighted_after`). When stays ended is left out: the end stands a day after the
mark. Of held-out stays nothing after the mark is even imported. Stays and folds are those of
`benchmarks.physionet2012`.

Each fold is foretold by `--members` decoders that differ by their seed; their chances are averaged and recalibrated
by nothing.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final

import numpy as np
import polars as pl

from benchmarks.open_data import Stays, outer_folds, positive
from benchmarks.physionet2012 import HOURS, event_file, prepare
from ehr.errors import EhrError
from ehr.events import DEATH
from ehr.fitting import fit_vocabulary
from ehr.importers import IMPORTERS, ImportOptions
from ehr.splits import Split
from ehr.store import create_store, opened
from ehr.tasks import parse_task
from ehr.timelines import Timelines
from ehr.tokens import tokenize
from ehr.vocabulary import TokenSettings, Vocabulary
from models.checkpoint import Checkpoint
from models.generative.generate import generate
from models.generative.rollout import Sampling
from models.metrics import measure
from models.settings import read_settings
from models.training import train

MARK: Final = "ICU_RECORDING_END"
DISCHARGE: Final = "HOSPITAL_DISCHARGE"
LAST_KNOWN: Final = "LAST_KNOWN_ALIVE"
END_DAYS: Final = 1
LATER_DAYS: Final = 400
"""Days after 48 hours at which the end of a stay and what is known of the time after a discharge stand."""
UNSUMMARISED: Final = ("AGE", "HEIGHT", "WEIGHT", "MechVent")
"""Codes with one value or the same value always."""
TASK: Final = f"""
description: Death before discharge from hospital, foreseen when the recording of the first 48 hours ends.
predicates:
  recording_end: {{code: {MARK}}}
  death: {{code: {DEATH}}}
  discharge: {{code: {DISCHARGE}}}
  end_of_stay: {{expr: "or(death, discharge)"}}
trigger: recording_end
windows:
  rest_of_stay:
    start: trigger
    end: start -> end_of_stay
    start_inclusive: false
    end_inclusive: true
    index_timestamp: start
    label: death
"""
SETTINGS: Final = (
    "threads=1",
    "layers=2",
    "width=64",
    "heads=4",
    "shortest_period=0.02",
    "longest_period=100",
    "max_tokens=192",
    "thin_hours=24",
    "tokens_per_step=4096",
    "learning_rate=2e-3",
    "dropout=0.25",
    "epochs=6",
    f"weighted_after={MARK}",
    "after_weight=50",
)
TOKENS: Final = TokenSettings(quantiles=20, age_years=0)
STOPPING_SHARE: Final = 0.05
"""Share of the training stays whose loss says when training stops."""
ESTIMATES: Final = {"chances": "risk", "share": "share"}
"""Name of each estimate -> its column: the chances added up along the futures, and the share of the futures."""


@dataclass(frozen=True, slots=True)
class Past:
    """What a fold learns from and is asked about: timelines, their vocabulary, and where each stay belongs."""

    timelines: Timelines
    vocabulary: Vocabulary
    split: Mapping[int, Split]


def main(arguments: Sequence[str] | None = None) -> int:
    """Foretell the held-out stays of the folds, print the figures, and return the exit code."""
    parser = argparse.ArgumentParser(prog="physionet_futures", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--train", default="a,b", help="sets or event files, by comma (default a,b)")
    parser.add_argument(
        "--cv", type=positive, default=5, metavar="FOLDS", help="how many folds there are (default 5)"
    )
    parser.add_argument(
        "--fold", type=positive, action="append", metavar="N", help="only this fold, from 1; repeatable"
    )
    parser.add_argument("--members", type=positive, default=1, help="decoders of each fold (default 1)")
    parser.add_argument("--futures", type=positive, default=32, help="futures of each stay (default 32)")
    parser.add_argument(
        "--learn", type=float, default=1.0, metavar="SHARE", help="share of the training stays to use"
    )
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--out", type=Path, help="file for the estimates (parquet)")
    args = parser.parse_args(arguments)
    try:
        files = [event_file(name) for name in args.train.split(",")]
        stays, ends = prepare(files), read_ends(files)
        parts = []
        for number, held_out in enumerate(outer_folds(stays.rows, args.cv), start=1):
            if args.fold and number not in args.fold:
                continue
            print(f"fold {number} of {args.cv}", flush=True)
            past = past_of(stays, ends, held_out, share=args.learn)
            rows = marked(stays.rows).filter(pl.col("subject_id").is_in(held_out))
            said = foretell(past, rows, args.settings, args.members, args.futures)
            parts.append(said.with_columns(fold=pl.lit(number)))
            print_figures(parts[-1], f"fold {number}")
        found = pl.concat(parts)
        print_figures(found, f"{len(parts)} folds pooled")
        if args.out:
            found.write_parquet(args.out)
    except EhrError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def read_ends(files: Iterable[Path]) -> pl.DataFrame:
    """Return how timelines end, as events (subject_id, time, code), from the label files beside the event files.

    A discharge is followed by a later death, where one is recorded, or by the last that is known: without either,
    nothing would teach a model that nothing follows a discharge at once. Stays of unknown length have no end.
    """
    labels = pl.concat(pl.read_parquet(path.with_name(path.name.replace("events", "labels"))) for path in files)
    died = pl.col("in_hospital_death") == 1
    died_later = ~died & (pl.col("survival_days") > pl.col("length_of_stay_days"))
    known = labels.filter(pl.col("length_of_stay_days") >= 0)
    parts = (
        (died, END_DAYS, DEATH),
        (~died, END_DAYS, DISCHARGE),
        (died_later, LATER_DAYS, DEATH),
        (~died & ~died_later, LATER_DAYS, LAST_KNOWN),
    )
    return pl.concat(
        known.filter(which).select(
            pl.col("subject_id").cast(pl.Int64),
            (pl.col("prediction_time").cast(pl.Datetime("us")) + pl.duration(days=days)).alias("time"),
            pl.lit(code).alias("code"),
        )
        for which, days, code in parts
    )


def marked(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with the time of the mark, two seconds after 48 hours: it follows all that is recorded."""
    return rows.with_columns(pl.col("prediction_time") + pl.duration(seconds=2))


def summary_query() -> str:
    """Return the query for the values that close the recording, a second after 48 hours, as rows of `event`.

    A code with one value has a mean only.
    """
    left_out = ", ".join(f"'{code}'" for code in UNSUMMARISED)
    return f"""
        SELECT subject_id, start + INTERVAL '{HOURS} hours 1 second' AS "time", name || '//' || code AS code,
            number::FLOAT AS numeric_value
        FROM (
            SELECT subject_id, code, count(*) AS "values", unnest(['MEAN', 'LOWEST', 'HIGHEST']) AS name,
                unnest([avg(numeric_value), min(numeric_value), max(numeric_value)]) AS number
            FROM event
            WHERE numeric_value IS NOT NULL AND code NOT IN ({left_out})
            GROUP BY subject_id, code
        )
        JOIN (SELECT subject_id, date_trunc('day', min("time")) AS start FROM event GROUP BY ALL) USING (subject_id)
        WHERE "values" > 1 OR name = 'MEAN'
    """


def past_of(stays: Stays, ends: pl.DataFrame, held_out: Sequence[int], seed: int = 0, share: float = 1.0) -> Past:
    """Return the timelines of all stays, in which those of `held_out` stop at the mark and the others go on.

    With a `share` below 1 only so many of the other stays are kept, and learnt from.
    """
    chance = np.random.default_rng(seed)
    others = sorted(set(stays.rows["subject_id"].to_list()) - set(held_out))
    others = sorted(chance.choice(others, int(len(others) * share), replace=False).tolist())
    stops = set(chance.choice(others, int(len(others) * STOPPING_SHARE), replace=False).tolist())
    split: dict[int, Split] = {subject: "tuning" if subject in stops else "train" for subject in others}
    split |= dict.fromkeys(held_out, "held_out")
    marks = marked(stays.rows).select(
        "subject_id", pl.col("prediction_time").alias("time"), pl.lit(MARK).alias("code")
    )
    added = pl.concat([marks, ends.filter(pl.col("subject_id").is_in(others))])
    added = added.filter(pl.col("subject_id").is_in(list(split)))
    folder = Path(tempfile.mkdtemp(prefix="anamnesis-benchmark-"))
    try:
        data = folder / "meds" / "data"
        data.mkdir(parents=True)
        stays.con.register("added", added.to_arrow())
        stays.con.register("kept", pl.DataFrame({"subject_id": list(split)}).to_arrow())
        stays.con.sql(
            f"FROM (FROM event UNION ALL BY NAME ({summary_query()})) SEMI JOIN kept USING (subject_id) "
            "UNION ALL BY NAME FROM added ORDER BY ALL"
        ).write_parquet(str(data / "0.parquet"))
        with opened(create_store(folder / "store")) as store:
            IMPORTERS["meds"](store, folder / "meds", ImportOptions())
            vocabulary = fit_vocabulary(store, "futures", TOKENS, training=others)
            timelines = tokenize(store.cursor(), vocabulary, sorted(split))
    finally:
        shutil.rmtree(folder)
    return Past(timelines, vocabulary, split)


def foretell(
    past: Past, rows: pl.DataFrame, assignments: Sequence[str] = (), members: int = 1, futures: int = 32
) -> pl.DataFrame:
    """Return the rows with the columns of ESTIMATES: the means over decoders trained with different seeds."""
    task = parse_task(TASK, "death_before_discharge")
    found = []
    for seed in range(1, members + 1):
        checkpoint = learn(past, (*assignments, f"seed={seed}"))
        begin = perf_counter()
        said = generate(checkpoint, past.timelines, rows, task, Sampling(futures=futures, seed=seed))
        print(
            f"  {futures} futures of {len(rows)} stays: {perf_counter() - begin:.0f} s, "
            f"{said['unfinished'].to_numpy().mean():.4f} of them unfinished",
            flush=True,
        )
        found.append(rows.with_columns(said[column].alias(name) for name, column in ESTIMATES.items()))
        if members > 1:
            print_figures(found[-1], f"  decoder {seed}")
    return pl.concat(found).group_by(rows.columns, maintain_order=True).mean()


def learn(past: Past, assignments: Sequence[str]) -> Checkpoint:
    """Return a decoder that learnt the next events of training stays."""
    settings = read_settings(None, (*SETTINGS, *assignments))
    with tempfile.TemporaryDirectory(prefix="anamnesis-benchmark-") as folder:
        checkpoint = train(Path(folder), "futures", past.timelines, past.vocabulary, settings, split=past.split)
    report = checkpoint.report["pre_training"]
    losses = " ".join(f"{one['tuning_loss']:.4f}" for one in report["curve"])
    print(f"  {report['passes']} passes, {report['seconds']:.0f} s, tuning losses {losses}", flush=True)
    return checkpoint


def print_figures(found: pl.DataFrame, what: str) -> None:
    """Print AUROC, AUPRC, Brier score and calibration slope of both estimates."""
    outcome = found["boolean_value"].to_numpy().astype(np.float64)
    for name in ESTIMATES:
        values = measure(found[name].to_numpy(), outcome)
        shown = " ".join(f"{key} {_cell(values[key])}" for key in ("auroc", "auprc", "brier", "calibration_slope"))
        print(
            f"{what}, {name}: {shown}; mean risk {found[name].to_numpy().mean():.3f} of {outcome.mean():.3f}",
            flush=True,
        )


def _cell(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"


if __name__ == "__main__":
    sys.exit(main())
