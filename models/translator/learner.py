"""Training of one network with Lightning: losses, passes, where to stop, and going on after an interruption."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import pytorch_lightning as lightning
import torch
from pytorch_lightning.callbacks import Callback, EarlyStopping, EMAWeightAveraging, ModelCheckpoint
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader

from ehr.progress import Progress
from models.learner import interruptible, quiet, threads
from models.translator.batches import IGNORED, Batch, Batches, Example
from models.translator.network import Network
from models.translator.settings import Work
from models.translator.words import Lexicon

HELD_OUT_ERROR: Final = "held_out_error"


@dataclass(frozen=True, slots=True)
class Fitted:
    """How the training of a network went: the least held-out error (None without held-out pairs), passes, seconds."""

    error: float | None
    passes: int
    seconds: float


class Learner(lightning.LightningModule):
    """The network on its way to fewer wrong tokens."""

    def __init__(self, network: Network, work: Work) -> None:
        super().__init__()
        self.network, self.work = network, work
        network.set_dropout(work.dropout)

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """Return the smoothed loss of the tokens and the weighted loss of the answerable head."""
        logs, answerable = self.network(batch)
        heads = F.binary_cross_entropy_with_logits(answerable.float(), batch.answerable, batch.importance)
        return token_loss(logs, batch, self.work.smoothing) + self.work.answerable_weight * heads

    def validation_step(self, batch: Batch, index: int) -> None:
        """Add the errors of held-out pairs: a wrong token in an answer, or a wrong verdict where there is none.

        Its tokens are read given the right ones before, so an answer without error is what greedy decoding finds. The
        loss breaks ties.
        """
        logs, answerable = self.network(batch)
        held = batch.targets != IGNORED
        wrong = ((logs.argmax(-1) != batch.targets) & held).any(-1)
        unsure = batch.answerable == 0
        errors = torch.where(unsure, answerable > 0, wrong).float().mean()
        loss = errors + 1e-3 * token_loss(logs, batch, 0.0).clamp(max=10)
        self.log(HELD_OUT_ERROR, loss, batch_size=len(held), on_epoch=True)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Return AdamW with decay on matrices of layers only, a warm-up and a cosine down to nought."""
        tables = {id(self.network.table.weight), id(self.network.outputs.weight)}
        decayed = [p for p in self.parameters() if p.ndim > 1 and id(p) not in tables]
        plain = [p for p in self.parameters() if p.ndim <= 1 or id(p) in tables]
        groups = [
            {"params": decayed, "weight_decay": self.work.weight_decay},
            {"params": plain, "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, lr=self.work.learning_rate, betas=(0.9, 0.98))
        steps = max(1, int(self.trainer.estimated_stepping_batches))
        warm = max(1, round(self.work.warmup * steps))

        def factor(step: int) -> float:
            if step < warm:
                return (step + 1) / warm
            return 0.02 + 0.49 * (1 + math.cos(math.pi * min(1.0, (step - warm) / max(1, steps - warm))))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def token_loss(logs: Tensor, batch: Batch, smoothing: float) -> Tensor:
    """Return the mean surprise (nats) of the targets (b, l) under log-probabilities (b, l, v), smoothed.

    Smoothing spreads over the tokens and the slots that the question has; pairs count by their importance.
    """
    held = batch.targets != IGNORED
    importance = held * batch.importance[:, None]
    logs = logs.float()
    right = logs.gather(-1, batch.targets.clamp(min=0)[..., None])[..., 0]
    loss = -right
    if smoothing > 0:
        open_ = torch.isfinite(logs)
        spread = -logs.masked_fill(~open_, 0).sum(-1) / open_.sum(-1)
        loss = (1 - smoothing) * loss + smoothing * spread
    return (loss * importance).sum() / importance.sum().clamp(min=1)


class Passes(lightning.LightningDataModule):
    """Gives each pass its own order and variation of the training pairs, fixed by the seed and the pass."""

    def __init__(
        self, training: Sequence[Example], held_out: Sequence[Example], lexicon: Lexicon, work: Work, seed: int
    ) -> None:
        super().__init__()
        self.training, self.held_out = training, held_out
        self.lexicon, self.work, self.seed = lexicon, work, seed

    def train_dataloader(self) -> DataLoader[Batch]:
        """Return the batches of the pass that is about to begin."""
        assert self.trainer is not None
        seed = self.seed * 100_003 + self.trainer.current_epoch
        return self._loader(Batches(self.training, self.work.batch, self.lexicon, self.work, seed))

    def val_dataloader(self) -> DataLoader[Batch]:
        """Return the held-out pairs, the same in every pass."""
        return self._loader(Batches(self.held_out, 2 * self.work.batch, self.lexicon))

    def _loader(self, batches: Batches) -> DataLoader[Batch]:
        return DataLoader(batches, batch_size=None, shuffle=False)


class Report(Callback):
    """Tells the caller's progress function how far a training is."""

    def __init__(self, what: str, progress: Progress) -> None:
        self.what, self.progress = what, progress

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: object) -> None:
        """Report the steps done."""
        best = trainer.callback_metrics.get(HELD_OUT_ERROR)
        error = "" if best is None else f", held-out error {float(best):.3f}"
        what = f"{self.what}: pass {trainer.current_epoch + 1} of at most {trainer.max_epochs}{error}"
        self.progress(what, trainer.global_step, int(trainer.estimated_stepping_batches))


def fit_network(network: Network, passes: Passes, folder: Path, what: str, progress: Progress) -> Fitted:
    """Train until the held-out error no longer falls and keep the best pass; without held-out pairs, the last.

    `folder` holds the state after each pass; when it is there already, training goes on from it. Raises
    KeyboardInterrupt when it is interrupted.
    """
    began = time.perf_counter()
    work = passes.work
    learner = Learner(network, work)
    judged = bool(passes.held_out)
    stopping = EarlyStopping(HELD_OUT_ERROR, patience=work.patience)
    averaging = [EMAWeightAveraging(decay=work.averaging)] if work.averaging > 0 else []
    with quiet():
        trainer = lightning.Trainer(
            accelerator="cpu",
            precision=cast(Any, work.precision),
            max_epochs=work.epochs,
            gradient_clip_val=work.clip,
            reload_dataloaders_every_n_epochs=1,
            num_sanity_val_steps=0,
            limit_val_batches=None if judged else 0,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[
                Report(what, progress),
                *averaging,
                *([stopping] if judged else []),
                *([_keep(folder, "best", monitor=HELD_OUT_ERROR)] if judged else []),
                _keep(folder, "last"),
            ],
        )
    last, best = folder / "last.ckpt", folder / "best.ckpt"
    with interruptible(), quiet(), threads(work.threads):
        trainer.fit(learner, datamodule=passes, ckpt_path=str(last) if last.exists() else None, weights_only=True)
    chosen = torch.load(best if judged else last, map_location="cpu", weights_only=True)
    learner.load_state_dict(chosen["state_dict"])
    network.eval()
    network.set_dropout(0.0)
    error = float(stopping.best_score) if judged else None
    return Fitted(error, trainer.current_epoch, time.perf_counter() - began)


def _keep(folder: Path, name: str, **settings: Any) -> ModelCheckpoint:
    return ModelCheckpoint(folder, name, enable_version_counter=False, save_on_exception=False, **settings)
