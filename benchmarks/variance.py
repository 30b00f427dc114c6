"""What a number of futures costs: the AUROC that a perfect model loses by having drawn only so many.

    python -m benchmarks.variance --rows 450

The backbone is the simulator of timelines itself (`benchmarks.perfect`), so nothing but the draws is wrong. AUROC is
taken over outcomes weighed by their true chance, which leaves out the chance of the outcomes at hand.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from benchmarks.machine import DATA
from benchmarks.perfect import Asked, Perfect, load_simulator, rows_of_simulator, vocabulary_of_simulator
from ehr.events import DEATH
from ehr.vocabulary import Vocabulary
from models.generative.futures import Question
from models.generative.rollout import Histories, Outcomes, Rollout, Sampling
from models.generative.variates import lessened, most_frequent
from models.generative.watch import code_mask, code_watch

COUNTS = (8, 16, 32, 64)
HORIZON = 30.0
_FUTURES_AT_ONCE = 2048


def death_within(vocabulary: Vocabulary, days: float) -> Question:
    """Return the question whether death comes within so many days."""
    death = code_mask(vocabulary, (DEATH,))
    never = code_watch(vocabulary, np.zeros_like(death))
    return Question(code_watch(vocabulary, death), never, death, 0.0, days, False, True)


def draw(tool: Any, vocabulary: Vocabulary, asked: Asked, futures: int, seed: int = 1) -> Outcomes:
    """Draw futures of all rows from the perfect model."""
    chance = torch.Generator().manual_seed(seed)
    question = death_within(vocabulary, HORIZON)
    followed = most_frequent(np.array(list(vocabulary.code_tokens.values())), vocabulary)
    found: list[tuple[Any, Outcomes]] = []
    for group in range(len(tool.AGE_GROUPS)):
        backbone = Perfect(tool, vocabulary, group)
        for part in torch.nonzero(asked.groups == group).squeeze(1).split(max(1, _FUTURES_AT_ONCE // futures)):
            reading, visible, days, silence = asked.histories
            chosen = Histories(type(reading)(*(x[part] for x in reading)), visible[part], days[part], silence[part])
            run = Rollout(chosen, question, vocabulary, Sampling(futures, seed=seed), chance, followed)
            found.append((part.numpy(), run.run(backbone)))
    place = np.argsort(np.concatenate([part for part, _ in found]))
    return Outcomes(*(np.concatenate(parts)[place] for parts in zip(*(each for _, each in found), strict=True)))


def expected_auroc(truth: Any, risk: Any) -> float:
    """Return the AUROC of a risk where each row has the outcome with its true chance."""
    outcomes = np.repeat([True, False], len(truth))
    return float(roc_auc_score(outcomes, np.tile(risk, 2), sample_weight=np.concatenate([truth, 1 - truth])))


def table(asked: Asked, outcomes: Outcomes) -> list[str]:
    """Return the lines of the table: loss of AUROC and variance over that of shares, by the number of futures."""
    truth = asked.truth
    best = expected_auroc(truth, truth)
    lines = [
        f"best possible {best:.4f}",
        "| futures | share | chances added up | and surprises taken away | variance of each over that of the share |",
        "|---|---|---|---|---|",
    ]
    most = outcomes.probability.shape[1]
    for count in COUNTS:
        parts = [slice(at, at + count) for at in range(0, most - count + 1, count)]
        shares = np.stack([outcomes.drawn[:, part].mean(axis=1) for part in parts])
        added = np.stack([outcomes.probability[:, part].mean(axis=1) for part in parts])
        less = np.stack(
            [
                lessened(outcomes.probability[:, part], outcomes.told[:, part], outcomes.at_first).mean(axis=1)
                for part in parts
            ]
        )
        losses = [np.mean([expected_auroc(truth, risk) for risk in risks]) for risks in (shares, added, less)]
        ratios = ""
        if len(parts) > 1:
            spreads = [risks.var(axis=0, ddof=1).mean() for risks in (shares, added, less)]
            ratios = f"{spreads[1] / spreads[0]:.2f}, {spreads[2] / spreads[0]:.2f}"
        cells = " | ".join(f"{loss:.4f} (-{best - loss:.4f})" for loss in losses)
        lines.append(f"| {count} | {cells} | {ratios} |")
    means = f"{truth.mean():.4f}, share {outcomes.drawn.mean():.4f}, added up {outcomes.probability.mean():.4f}"
    return [*lines, f"mean true risk {means}, unfinished {outcomes.unfinished.mean():.4f}"]


def main() -> None:
    """Simulate, draw and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=450)
    parser.add_argument("--seed", type=int, default=2)
    args = parser.parse_args()
    simulator = DATA.parent / "tools" / "simulate_timelines.py"
    tool = load_simulator(simulator)
    vocabulary = vocabulary_of_simulator(tool)
    with tempfile.TemporaryDirectory(prefix="anamnesis-benchmark-") as folder:
        made = ("--patients", str(max(200, 2 * args.rows)), "--seed", str(args.seed), "--out", folder, "--truncate")
        subprocess.run([sys.executable, str(simulator), *made], check=True)
        asked = rows_of_simulator(tool, vocabulary, Path(folder), args.rows)
    began = time.perf_counter()
    outcomes = draw(tool, vocabulary, asked, max(COUNTS))
    print(f"{len(asked.truth)} rows, {max(COUNTS)} futures each, {time.perf_counter() - began:.0f} s")
    print("\n".join(table(asked, outcomes)))


if __name__ == "__main__":
    main()
