"""One stage of learning with Lightning: the loss, the optimiser, the passes over the data, and where to stop."""

import logging
import math
import signal
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, cast

import numpy as np
import pytorch_lightning as lightning
import torch
from numpy.typing import NDArray
from pytorch_lightning.callbacks import Callback, EarlyStopping, EMAWeightAveraging, ModelCheckpoint
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torch.utils.data import DataLoader

from ehr.progress import Progress
from models.data import Batch, Documents, PackedBatches, Reader
from models.emphasis import Emphasis
from models.heads import Classifier, Heads, ManyHeads, states_of
from models.objectives import hidden_value_losses, next_event_losses, without_events
from models.settings import Optimisation
from models.transformer import Decoder

TUNING_LOSS: Final = "tuning_loss"
_DOCUMENTS_AT_ONCE: Final = 32
Stage = Literal["pre-training", "fine-tuning"]


@dataclass(frozen=True, slots=True)
class Material:
    """What one stage learns from: documents of training subjects and of tuning subjects."""

    reader: Reader
    training: Documents
    tuning: Documents


@dataclass(frozen=True, slots=True)
class Passed:
    """How a stage went: the least loss on tuning subjects (NaN without any), passes made, seconds of this run.

    `curve` has for each pass `pass`, `training_loss` and `tuning_loss`.
    """

    loss: float
    passes: int
    seconds: float
    curve: tuple[dict[str, float], ...]


class Learner(lightning.LightningModule):
    """The decoder, and in fine-tuning its heads, on their way to fewer surprises."""

    weights_after: Tensor | None

    def __init__(
        self,
        decoder: Decoder,
        heads: Heads | ManyHeads | None,
        work: Optimisation,
        weights_after: Tensor | None = None,
        emphasis: Emphasis | None = None,
    ) -> None:
        super().__init__()
        self.decoder, self.work = decoder, work
        self.register_buffer("weights_after", weights_after, False)
        self.emphasis = emphasis
        self.heads = heads
        decoder.requires_grad_(heads is None or not work.frozen)
        decoder.set_dropout(work.dropout if heads is None else work.fine_tune_dropout)
        for module in () if heads is None else heads.modules():
            if isinstance(module, Heads):
                module.set_dropout(work.fine_tune_dropout, work.wide_dropout)

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """Return the loss: of the timelines alone, or of the task with a share of the next event."""
        chance = torch.Generator().manual_seed((self.work.seed * 1_000 + self.current_epoch) * 1_000_003 + index)
        if self.heads is None:
            return _mean(self._surprises(batch, chance, hides=self._hides(index)))
        batch = without_events(batch, self.work.event_dropout, chance)
        states = states_of(self.decoder, batch)
        scores = self.heads(states, batch)
        loss = (self.heads.losses(scores, batch.labels) * batch.weights).mean()
        if self.work.language_weight > 0 and not self.work.frozen and not self.decoder.shape.both_ways:
            loss = loss + self.work.language_weight * _mean(next_event_losses(self.decoder, states, batch))
        return loss

    def validation_step(self, batch: Batch, index: int) -> None:
        """Add the losses of a batch of tuning subjects to the tuning loss of this pass."""
        if self.heads is not None:
            scores = self.heads(states_of(self.decoder, batch), batch)
            losses = self.heads.losses_together(scores, batch.labels, batch.weights)
        else:
            losses = self._surprises(batch, torch.Generator().manual_seed(index), hides=False)
            if self.decoder.shape.both_ways:
                hidden = self._surprises(batch, torch.Generator().manual_seed(index), hides=True)
                losses = losses + _mean(hidden)
        if len(losses):
            self.log(
                TUNING_LOSS, losses.mean(), batch_size=len(losses), on_epoch=True, sync_dist=self.work.devices > 1
            )

    def _hides(self, index: int) -> bool:
        """Say whether the batch of this number is one in which values are hidden; such batches are spread evenly."""
        share = self.work.hidden_share if self.decoder.shape.both_ways else 0.0
        return math.floor((index + 1) * share) > math.floor(index * share)

    def _surprises(self, batch: Batch, chance: torch.Generator, *, hides: bool) -> Tensor:
        if hides:
            return hidden_value_losses(self.decoder, batch, chance)
        states = self.decoder(batch.reading, batch.documents)
        return next_event_losses(self.decoder, states, batch, self.weights_after, self.emphasis)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Return AdamW with decay on matrices only, a warm-up and a cosine down to a tenth."""
        decayed = [p for p in self.parameters() if p.requires_grad and p.ndim > 1]
        plain = [p for p in self.parameters() if p.requires_grad and p.ndim <= 1]
        rate = self.work.learning_rate if self.heads is None else self.work.fine_tune_learning_rate
        groups = [{"params": decayed, "weight_decay": self.work.weight_decay}, {"params": plain, "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.95))
        steps = max(1, int(self.trainer.estimated_stepping_batches))
        warm = max(1, round(self.work.warmup * steps))

        def factor(step: int) -> float:
            if step < warm:
                return (step + 1) / warm
            done = min(1.0, (step - warm) / max(1, steps - warm))
            return 0.1 + 0.45 * (1 + math.cos(math.pi * done))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class Passes(lightning.LightningDataModule):
    """Gives each pass its own order and packing of the training documents, fixed by the seed and the pass."""

    def __init__(self, material: Material, work: Optimisation) -> None:
        super().__init__()
        self.material, self.work = material, work

    def train_dataloader(self) -> DataLoader[Batch]:
        """Return the batches of the pass that is about to begin."""
        assert self.trainer is not None
        seed = self.work.seed * 1_000 + self.trainer.current_epoch
        return self._loader(self.material.training, seed)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Return the batches of tuning subjects, the same in every pass."""
        return self._loader(self.material.tuning, None)

    def _loader(self, documents: Documents, seed: int | None) -> DataLoader[Batch]:
        batches = PackedBatches(self.material.reader, documents, self.work.tokens_per_step, seed)
        return DataLoader(batches, batch_size=None, shuffle=False)


class Report(Callback):
    """Tells the caller's progress function how far a stage is."""

    def __init__(self, stage: Stage, progress: Progress) -> None:
        self.stage, self.progress = stage, progress

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: object) -> None:
        """Report the steps done."""
        best = trainer.callback_metrics.get(TUNING_LOSS)
        loss = "" if best is None else f", tuning loss {float(best):.3f}"
        what = f"{self.stage}: pass {trainer.current_epoch + 1} of at most {trainer.max_epochs}{loss}"
        self.progress(what, trainer.global_step, int(trainer.estimated_stepping_batches))


class Curve(Callback):
    """Keeps the losses of every pass; kept with the state of the training, so that a resumed one is whole."""

    def __init__(self) -> None:
        self.passes: list[dict[str, float]] = []
        self._losses: list[Tensor] = []

    def on_train_batch_end(self, _trainer: lightning.Trainer, _module: object, outputs: Any, *_: object) -> None:
        """Remember the loss of a batch."""
        self._losses.append(outputs["loss"].detach())

    def on_validation_end(self, trainer: lightning.Trainer, _module: object) -> None:
        """Close a pass, once its tuning subjects are through."""
        if self._losses:
            training = float(torch.stack(self._losses).mean())
            tuning = float(trainer.callback_metrics.get(TUNING_LOSS, math.nan))
            self.passes.append({"pass": len(self.passes) + 1, "training_loss": training, "tuning_loss": tuning})
            self._losses.clear()

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {"passes": self.passes}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up what a checkpoint kept."""
        self.passes = list(state_dict["passes"])


def fit(stage: Stage, learner: Learner, material: Material, folder: Path, progress: Progress) -> Passed:
    """Train until the tuning loss no longer falls, keep the best pass, and say how it went.

    `folder` holds the state of the stage after each pass; when it is there already, training goes on from it.
    Raises KeyboardInterrupt when it is interrupted.
    """
    began = time.perf_counter()
    work = learner.work
    pre = stage == "pre-training"
    averaging = work.pre_averaging if pre else work.averaging
    trainer = lightning.Trainer(
        accelerator=work.accelerator,
        devices=work.devices,
        strategy=work.strategy,
        precision=cast(Any, work.precision),
        max_epochs=work.epochs if pre else work.fine_tune_epochs,
        accumulate_grad_batches=work.accumulate,
        gradient_clip_val=work.clip,
        reload_dataloaders_every_n_epochs=1,
        num_sanity_val_steps=0,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[
            Curve(),
            EarlyStopping(TUNING_LOSS, patience=work.patience if pre else work.fine_tune_patience),
            Report(stage, progress),
            *([EMAWeightAveraging(decay=averaging)] if averaging > 0 else []),
            ModelCheckpoint(
                folder, "best", monitor=TUNING_LOSS, enable_version_counter=False, save_on_exception=False
            ),
            ModelCheckpoint(folder, "last", enable_version_counter=False, save_on_exception=False),
        ],
    )
    last = folder / "last.ckpt"
    learner.train()
    with interruptible():
        trainer.fit(
            learner,
            datamodule=Passes(material, work),
            ckpt_path=str(last) if last.exists() else None,
            weights_only=True,
        )
    learner.to("cpu")
    best = folder / "best.ckpt"
    if best.exists():
        learner.load_state_dict(torch.load(best, map_location="cpu", weights_only=True)["state_dict"])
    learner.eval()
    passes = _passes_of(last)
    losses = [entry["tuning_loss"] for entry in passes]
    return Passed(min(losses, default=math.nan), len(passes), time.perf_counter() - began, passes)


def _passes_of(last: Path) -> tuple[dict[str, float], ...]:
    """Read the losses of all passes from the state that was kept last: other processes may have made them."""
    if not last.exists():
        return ()
    kept = torch.load(last, map_location="cpu", weights_only=True)["callbacks"]
    return tuple(kept[Curve.__qualname__]["passes"])


@torch.no_grad()
def scores_of(classifier: Classifier, reader: Reader, documents: Documents) -> NDArray[np.float64]:
    """Return the scores (d, k) of the heads for documents that all have a query, in their order."""
    classifier.eval()
    out = np.empty((len(documents), classifier.heads.scores.out_features))
    # Documents of one length share a batch, so that little is padded; each has a row of its own.
    order = np.argsort(reader.lengths(documents), kind="stable")
    for at in range(0, len(order), _DOCUMENTS_AT_ONCE):
        index = order[at : at + _DOCUMENTS_AT_ONCE]
        batch = reader.collate(documents, [index[place : place + 1] for place in range(len(index))], predict=True)
        out[index] = classifier(batch).double().numpy()
    return out


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let torch use `count` threads within the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Lightning's banners and the warnings that do not concern us out of the terminal."""
    loggers = [logging.getLogger(name) for name in ("pytorch_lightning", "lightning_fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # Batches are cut from arrays in memory: worker processes would only add copies.
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        # A stage that is resumed finds its own folder.
        warnings.filterwarnings("ignore", message=".*Checkpoint directory.*exists and is not empty.*")
        # Small data give fewer batches than Lightning would log between; nothing is logged there anyway.
        warnings.filterwarnings("ignore", message=".*The number of training batches.*is smaller than the logging.*")
        # Lightning's own use of torch's trees.
        warnings.filterwarnings("ignore", message=".*LeafSpec.*is deprecated.*")
        # Every pass is a whole pass: its state is saved at its end, when the batch counter is at rest.
        warnings.filterwarnings("ignore", message=".*resuming from a checkpoint that ended before the epoch ended.*")
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn the SystemExit that Lightning makes of Ctrl-C back into KeyboardInterrupt, and listen to Ctrl-C again."""
    try:
        yield
    except SystemExit as stop:
        if not isinstance(stop.__context__, KeyboardInterrupt):
            raise
        signal.signal(signal.SIGINT, signal.default_int_handler)
        raise KeyboardInterrupt from None


def _mean(losses: Tensor) -> Tensor:
    """Return the mean, or zero with a gradient for a batch without any target."""
    return losses.sum() / max(1, len(losses))
