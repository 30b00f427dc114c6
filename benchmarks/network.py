"""The transformer of the product as an estimator of the benchmarks on open data.

The events go through the product's own import, vocabulary, timelines and training, with an explicit split: what is
learnt from held-out subjects is nothing, and pre-training reads training subjects alone.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from benchmarks.open_data import Stays
from ehr.fitting import fit_vocabulary
from ehr.importers import IMPORTERS, ImportOptions
from ehr.splits import Split
from ehr.store import Store, create_store, open_store, opened
from ehr.tokens import tokenize
from ehr.vocabulary import TokenSettings
from models.checkpoint import TaskText
from models.predict import predict
from models.settings import read_settings
from models.training import Labelled, train

TASK = TaskText("open data", "the outcome of the label file")


@dataclass
class NetworkEstimator:
    """A transformer pre-trained on the training subjects' records and fine-tuned for the outcome."""

    settings: tuple[str, ...]
    tokens: TokenSettings
    _stores: dict[int, Path] = field(default_factory=dict)

    def __call__(self, stays: Stays, split: Mapping[int, Split], seed: int) -> pl.DataFrame:
        """Return (subject_id, risk) of tuning and held-out subjects."""
        settings = read_settings(None, (*self.settings, f"seed={seed + 1}"))
        labelled = stays.rows[stays.places(split, "train", "tuning")].drop_nulls("boolean_value")
        asked = stays.rows[stays.places(split, "tuning", "held_out")]
        with tempfile.TemporaryDirectory(prefix="anamnesis-benchmark-") as folder:
            with opened(open_store(self._store_of(stays))) as store:
                training = [subject for subject, part in split.items() if part == "train"]
                vocabulary = fit_vocabulary(store, "open", self.tokens, training=training)
                timelines = tokenize(store.cursor(), vocabulary, list(split))
            target = Labelled(TASK, labelled)
            checkpoint = train(Path(folder), "network", timelines, vocabulary, settings, target=target, split=split)
            _tell(checkpoint.report)
            said = predict(checkpoint, timelines, asked)
        rate = float(labelled["boolean_value"].mean() or 0.0)
        return said.select("subject_id", pl.col("risk").fill_null(rate))

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
        part = report[stage]
        assert isinstance(part, dict)
        auroc = f", tuning AUROC {part['tuning_auroc']:.4f}" if part.get("tuning_auroc") else ""
        print(
            f"    {stage}: {part['passes']} passes, {part['seconds']:.0f} s, loss {part['tuning_loss']:.4f}{auroc}",
            flush=True,
        )
