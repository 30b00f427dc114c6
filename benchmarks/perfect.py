"""A backbone that knows the simulated patients exactly: the filter and the Markov chain of the simulator itself.

Futures drawn from it are those of a perfect model, so what an estimate lacks is the error of having drawn them. Its
state is the belief over the simulator's hidden states; gaps are cut into intervals as any model has them.
"""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import torch
from torch import Tensor

from ehr.events import DEATH
from ehr.vocabulary import TokenSettings, Vocabulary
from models.events import Reading
from models.generative.rollout import Histories

GAPS = 80
_LEAST = 1e-30
_DAY = 86_400


def load_simulator(path: Path) -> Any:
    """Return the simulator of timelines as a module."""
    spec = importlib.util.spec_from_file_location("simulate_timelines", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module: ModuleType = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def vocabulary_of_simulator(tool: Any) -> Vocabulary:
    """Return a vocabulary of the codes, value bins and gaps of the simulator."""
    starts = np.unique(np.geomspace(300, 1095 * _DAY, GAPS).round().astype(np.int64))
    ends = np.append(starts[1:], starts[-1] * 1.2)
    share = (np.arange(10) + 0.5) / 10
    steps = {code: float(step) for code, step in zip(tool.CODES, tool.LAB_STEP, strict=True) if np.isfinite(step)}
    return Vocabulary(
        "perfect",
        TokenSettings(
            gap_names=tuple(f"from {start} s" for start in starts),
            gap_starts=tuple(int(start) for start in starts),
            age_years=0,
        ),
        tuple(code for code in tool.VOCABULARY if not code.startswith(("AGE", "GENDER"))),
        (),
        {code: tuple((np.arange(1, 10) * step).tolist()) for code, step in steps.items()},
        (),
        tuple(tuple((start * (end / start) ** share).tolist()) for start, end in zip(starts, ends, strict=True)),
        {code: (5 * step, step) for code, step in steps.items()},
    )


class Belief:
    """The cache of futures: what is believed of each (r, n, states) and when its last event was (r, n)."""

    def __init__(self, states: Tensor, days: Tensor) -> None:
        self.states, self.days = states, days

    def select(self, rows: Tensor, futures: Tensor) -> None:
        """Keep the futures (r', n') of the rows (r',)."""
        self.states = self.states[rows].take_along_dim(futures[..., None], 1)
        self.days = self.days[rows].gather(1, futures)


class Perfect:
    """The simulator as a backbone, for patients of one age group."""

    def __init__(self, tool: Any, vocabulary: Vocabulary, group: int) -> None:
        _, _, mortality, frail = tool.AGE_GROUPS[group]
        move, death = tool.rates(mortality)
        emit, bins = tool.emission_tables()
        observed = move * (tool.SETTING[:, None] != tool.SETTING)
        hidden = move - observed - np.diag(move.sum(1) + death + emit.sum(1))
        values, vectors = np.linalg.eig(hidden.T)
        values, vectors = values.real, vectors.real
        self.values, self.vectors = torch.from_numpy(values).float(), torch.from_numpy(vectors.T.copy()).float()
        self.inverse = torch.from_numpy(np.linalg.inv(vectors).T.copy()).float()
        after = _after_events(tool, vocabulary, emit, observed)
        leaves = after.sum(2)
        leaves[vocabulary.code_tokens[DEATH]] = death
        bounds = np.array([0, *vocabulary.settings.gap_starts, np.inf]) / _DAY
        self.codes = torch.from_numpy(
            np.stack([_spent(values, vectors, *bounds[at : at + 2]) @ leaves.T for at in range(len(bounds) - 1)])
        ).float()
        """Chance of each gap and code from each state (gaps, states, tokens)."""
        self.gaps = self.codes.sum(dim=2).T
        self.after, self.leaves = torch.from_numpy(after).float(), torch.from_numpy(leaves).float()
        self.middle = torch.from_numpy(np.append((bounds[1:-1] + bounds[:-2]) / 2, bounds[-2] * 1.1)).float()
        self.bins = torch.ones(len(vocabulary), tool.N, bins.shape[2])
        for code, shares in zip(tool.CODES, bins, strict=True):
            self.bins[vocabulary.code_tokens[code]] = torch.from_numpy(shares).float()
        prior = np.where(tool.FRAIL, frail, 1 - frail) * (tool.SETTING == 0) * tool.START[tool.FRAIL, tool.SEVERITY]
        self.prior = torch.from_numpy(prior).float()

    def prefill(self, reading: Reading, visible: Tensor) -> tuple[Tensor, Belief]:
        """Filter the histories."""
        states = self.prior.expand(len(visible), -1)
        before = torch.zeros(len(visible), dtype=torch.float64)
        for at in range(visible.shape[1]):
            days, is_there = reading.days[:, at], visible[:, at]
            seen = self._seen(states, days - before, reading.codes[:, at], reading.bins[:, at])
            states = torch.where(is_there[:, None], seen, states)
            before = torch.where(is_there, days, before)
        return states, Belief(states, before)

    def step(self, reading: Reading, cache: Belief) -> Tensor:
        """Filter one more event of each future."""
        if cache.days.ndim == 1:
            cache.days = cache.days[:, None].expand_as(reading.days)
            cache.states = cache.states[:, None].expand(*reading.days.shape, -1)
        passed = (reading.days - cache.days).clamp(min=0)
        cache.states, cache.days = self._seen(cache.states, passed, reading.codes, reading.bins), reading.days
        return cache.states

    def gap_logits(self, states: Tensor) -> Tensor:
        """Return the log of the chance of each gap."""
        return (states @ self.gaps).clamp(min=_LEAST).log()

    def code_logits(self, states: Tensor, gaps: Tensor) -> Tensor:
        """Return the log of the chance of each code after the gaps."""
        if gaps.shape[-1] == len(self.codes):  # all gaps of one state
            every = torch.einsum("...s,gsv->...gv", states[..., 0, :], self.codes)
        else:
            every = torch.einsum("...s,...sv->...v", states, self.codes[gaps])
        return every.clamp(min=_LEAST).log()

    def value_logits(self, states: Tensor, gaps: Tensor, codes: Tensor) -> Tensor:
        """Return the log of the chance of each value bin."""
        weights = self._passed(states, self.middle[gaps]) * self.leaves[codes]
        return torch.einsum("...s,...sb->...b", weights, self.bins[codes]).clamp(min=_LEAST).log()

    def _passed(self, states: Tensor, days: Tensor) -> Tensor:
        """Return the belief after days without an event, not normalised."""
        return ((states @ self.inverse * torch.exp(self.values * days[..., None].float())) @ self.vectors).clamp(
            min=0
        )

    def _seen(self, states: Tensor, days: Tensor, codes: Tensor, bins: Tensor) -> Tensor:
        belief = (self._passed(states, days).unsqueeze(-2) @ self.after[codes]).squeeze(-2)
        place = (bins - 1).clamp(min=0)[..., None, None].expand(*belief.shape, 1)
        shares = self.bins[codes].gather(-1, place).squeeze(-1)
        belief = torch.where((bins > 0)[..., None], belief * shares, belief)
        return belief / belief.sum(dim=-1, keepdim=True).clamp(min=_LEAST)


def _after_events(tool: Any, vocabulary: Vocabulary, emit: Any, observed: Any) -> Any:
    """Return the rates (tokens, states, states) at which each code leads from one state to another."""
    after = np.zeros((len(vocabulary), tool.N, tool.N))
    for place, code in enumerate(tool.CODES):
        after[vocabulary.code_tokens[code]] = np.diag(emit[:, place])
    for old, new in zip(*np.nonzero(observed), strict=True):
        code = tool.VOCABULARY[tool.MOVE_CODE[tool.SETTING[old], tool.SETTING[new]]]
        after[vocabulary.code_tokens[code], old, new] += observed[old, new]
    return after


def _spent(values: Any, vectors: Any, begin: float, end: float) -> Any:
    """Return the time (states, states) spent without an event from `begin` to `end` days, by first and last state."""
    spent = (np.exp(values * end) - np.exp(values * begin)) / values
    return (np.linalg.inv(vectors).T * spent) @ vectors.T


class Asked(NamedTuple):
    """Rows whose true risk is known: their histories, age groups (r,), true risks and outcomes (r,)."""

    histories: Histories
    groups: Tensor
    truth: Any
    outcome: Any


def rows_of_simulator(tool: Any, vocabulary: Vocabulary, folder: Path, count: int) -> Asked:
    """Read the first rows of a truncated folder of the simulator."""
    groups = {group[0]: place for place, group in enumerate(tool.AGE_GROUPS)}
    events = pl.read_parquet(folder / "events.parquet").with_row_index("row")
    begins = events.filter(pl.col("code").is_in(list(groups))).select("subject_id", begin="time", group="code")
    truth = pl.read_parquet(folder / "truth.parquet").head(count).join(begins, on="subject_id", maintain_order="left")
    steps = {code: step for code, (_, step) in vocabulary.scales.items()}
    number = pl.col("numeric_value") / pl.col("code").replace_strict(steps, default=None, return_dtype=pl.Float64)
    events = (
        events.filter(pl.col("code").is_in(list(vocabulary.code_tokens)))
        .join(truth.select("subject_id", "begin").with_row_index("place"), on="subject_id")
        .sort("place", "time", "row")
        .select(
            "place",
            codes=pl.col("code").replace_strict(vocabulary.code_tokens, return_dtype=pl.Int64),
            bins=number.floor().clip(0, 9).cast(pl.Int64).add(1).fill_null(0),
            days=(pl.col("time") - pl.col("begin")).dt.total_microseconds() / (_DAY * 1e6),
            at=pl.int_range(pl.len()).over("place"),
        )
    )
    row, column = events["place"].to_numpy(), events["at"].to_numpy()
    shape = (len(truth), int(column.max()) + 1)

    def laid(name: str, kind: torch.dtype) -> Tensor:
        out = torch.zeros(shape, dtype=kind)
        out[row, column] = torch.from_numpy(events[name].to_numpy().copy()).to(kind)
        return out

    visible = torch.zeros(shape, dtype=torch.bool)
    visible[row, column] = True
    reading = Reading(
        laid("codes", torch.int64),
        laid("bins", torch.int64),
        torch.full(shape, torch.nan),
        laid("days", torch.float64),
    )
    asked = np.array((truth["prediction_time"] - truth["begin"]).dt.total_microseconds()) / (_DAY * 1e6)
    days = torch.from_numpy(asked)
    silence = days - reading.days.masked_fill(~visible, -1.0).amax(dim=1)
    return Asked(
        Histories(reading, visible, days, silence),
        torch.tensor([groups[name] for name in truth["group"]]),
        truth["true_probability"].to_numpy(),
        truth["outcome"].to_numpy(),
    )
