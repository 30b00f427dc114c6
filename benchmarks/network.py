"""The transformer of the product as an estimator of the benchmarks on open data.

The events go through the product's own import, vocabulary, timelines and training, with an explicit split: what is
learnt from held-out subjects is nothing; pre-training reads the records, and no outcome, of the subjects that remain.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.open_data import Stays
from ehr.fitting import fit_vocabulary
from ehr.importers import IMPORTERS, ImportOptions
from ehr.splits import Split
from ehr.store import Store, create_store, open_store, opened
from ehr.timelines import Timelines
from ehr.tokens import tokenize
from ehr.vocabulary import TokenSettings
from models.checkpoint import Checkpoint, TaskText
from models.predict import predict
from models.settings import read_settings
from models.training import Labelled, train

STOPPING_SHARE = 0.05
"""Share of the subjects whose loss says when pre-training stops."""
TASK = TaskText("open data", "the outcome of the label file")


@dataclass(frozen=True, slots=True)
class Base:
    """Timelines, and a model that was pre-trained on some of them."""

    timelines: Timelines
    checkpoint: Checkpoint


@dataclass
class NetworkEstimator:
    """A transformer pre-trained on the records of all that may be learnt from, fine-tuned in each inner fold.

    Pre-training reads no outcome, so the inner folds of an outer one share it; the subjects foretold are not in it.
    """

    settings: tuple[str, ...]
    tokens: TokenSettings
    numbers: bool = True
    """Whether a value is read as a number too, or by its bin alone."""
    _stores: dict[int, Path] = field(default_factory=dict)
    _bases: dict[tuple[int, frozenset[int]], "Base"] = field(default_factory=dict)

    def __call__(self, stays: Stays, split: Mapping[int, Split], seed: int) -> pl.DataFrame:
        """Return (subject_id, risk) of tuning and held-out subjects."""
        base = self._base_of(stays, split, seed)
        settings = read_settings(None, (*self.settings, f"seed={seed + 1}"))
        labelled = stays.rows[stays.places(split, "train", "tuning")].drop_nulls("boolean_value")
        asked = stays.rows[stays.places(split, "tuning", "held_out")]
        target = Labelled(TASK, labelled)
        with tempfile.TemporaryDirectory(prefix="anamnesis-benchmark-") as folder:
            checkpoint = train(
                Path(folder),
                "network",
                base.timelines,
                base.checkpoint.vocabulary,
                settings,
                target=target,
                base=base.checkpoint,
                split=split,
            )
            _tell(checkpoint.report)
            said = predict(checkpoint, base.timelines, asked)
        rate = float(labelled["boolean_value"].mean() or 0.0)
        return said.select("subject_id", pl.col("risk").fill_null(rate))

    def _base_of(self, stays: Stays, split: Mapping[int, Split], seed: int) -> "Base":
        """Return the decoder pre-trained on all subjects but the foretold ones, trained once."""
        key = id(stays), frozenset(subject for subject, part in split.items() if part == "held_out")
        if key not in self._bases:
            known = sorted(set(split) - key[1])
            stops = set(np.random.default_rng(seed).choice(known, int(len(known) * STOPPING_SHARE), replace=False))
            parts: dict[int, Split] = {subject: "tuning" if subject in stops else "train" for subject in known}
            with opened(open_store(self._store_of(stays))) as store:
                vocabulary = fit_vocabulary(store, "open", self.tokens, training=known)
                timelines = tokenize(store.cursor(), vocabulary, list(split))
            if not self.numbers:
                timelines = replace(timelines, values=np.full_like(timelines.values, np.nan))
            settings = read_settings(None, (*self.settings, f"seed={seed + 1}"))
            with tempfile.TemporaryDirectory(prefix="anamnesis-benchmark-") as folder:
                checkpoint = train(Path(folder), "base", timelines, vocabulary, settings, split=parts)
            _tell(checkpoint.report)
            self._bases = {key: Base(timelines, checkpoint)}
        return self._bases[key]

    def _store_of(self, stays: Stays) -> Path:
        """Return a store with the events of the stays, imported once."""
        if id(stays) not in self._stores:
            folder = Path(tempfile.mkdtemp(prefix="anamnesis-benchmark-"))
            (folder / "meds" / "data").mkdir(parents=True)
            stays.con.sql("FROM event ORDER BY ALL").write_parquet(str(folder / "meds" / "data" / "events.parquet"))
            with opened(create_store(folder / "store")) as store:
                _import(store, folder / "meds")
            self._stores[id(stays)] = folder / "store"
        return self._stores[id(stays)]


def _import(store: Store, folder: Path) -> None:
    IMPORTERS["meds"](store, folder, ImportOptions())


def _tell(report: Mapping[str, object]) -> None:
    for stage in ("pre_training", "fine_tuning"):
        part = report.get(stage)
        if not isinstance(part, dict):
            continue
        loss = f", loss {part['tuning_loss']:.4f}" if part.get("tuning_loss") is not None else ""
        auroc = f", tuning AUROC {part['tuning_auroc']:.4f}" if part.get("tuning_auroc") else ""
        print(
            f"    {stage}: {part['passes']} passes, {part['seconds']:.0f} s{loss}{auroc}",
            flush=True,
        )
