"""What each part of the transformer is worth: PhysioNet 2012 with one part taken away at a time.

    python -m benchmarks.ablation [--train a,b] [--folds 0,1] [--set key=value]

One network of each kind learns from the stays outside a fold and foretells the fold; a twentieth of them says when
pre-training stops, a fifth when fine-tuning does. The differences from the whole network are paired: the same stays,
the same bootstrap draws.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl

from benchmarks.network import NetworkEstimator
from benchmarks.open_data import Stays, outer_folds
from benchmarks.physionet2012 import ESTIMATORS, event_file, prepare
from ehr.splits import Split
from ehr.vocabulary import TokenSettings
from models.metrics import score

SHORTER: Final = ("epochs=8", "fine_tune_epochs=4", "threads=1")
"""Fewer passes than the benchmark of its own, so that all kinds can be learnt in an hour or two."""
NO_TIME: Final = ("shortest_period=1e7", "longest_period=1e8")
"""Periods so long that no angle changes: what is left is the order of the events."""
INNER: Final = 5
_MEASURES: Final = ("auroc", "auprc", "brier")


def networks(assignments: Sequence[str] = ()) -> dict[str, NetworkEstimator]:
    """Return the whole network and those that lack one part, by what they lack."""
    whole = ESTIMATORS["transformer"]
    assert isinstance(whole, NetworkEstimator)
    settings = (*whole.settings, *SHORTER, *assignments)

    def without(*changes: str, bins: int = whole.tokens.quantiles, numbers: bool = True) -> NetworkEstimator:
        return NetworkEstimator((*settings, *changes), TokenSettings(quantiles=bins, age_years=0), numbers)

    return {
        "whole": without(),
        "no pre-training": without("epochs=0"),
        "no hidden values (next event alone)": without("both_ways=false"),
        "no time (order of events alone)": without(*NO_TIME),
        "value bins, no numbers": without(numbers=False),
        "ten value bins, no numbers": without(bins=10, numbers=False),
        "no summaries of codes (wide=0)": without("wide=0"),
        "no attention pooling (pools=1)": without("pools=1"),
    }


def risks_of(stays: Stays, network: NetworkEstimator, predicted: Sequence[int], seed: int = 0) -> pl.DataFrame:
    """Return (subject_id, risk) of the predicted stays by one network that learnt from the others."""
    known = stays.rows.filter(~pl.col("subject_id").is_in(predicted))
    split: dict[int, Split] = dict.fromkeys(known["subject_id"].to_list(), "train")
    split |= dict.fromkeys(outer_folds(known, INNER, seed + 1)[0], "tuning")
    split |= dict.fromkeys(predicted, "held_out")
    return network(stays, split, seed).filter(pl.col("subject_id").is_in(predicted))


def main() -> int:
    """Train all networks on the folds asked for and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--train", default="a,b", help="sets that the folds are cut from (default a,b)")
    parser.add_argument("--folds", default="0,1", help="which of five folds are foretold, by comma")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE")
    args = parser.parse_args()
    stays = prepare([event_file(name) for name in args.train.split(",")])
    folds = outer_folds(stays.rows, 5)
    chosen = [folds[int(number)] for number in args.folds.split(",")]
    found: dict[str, pl.DataFrame] = {}
    for name, network in networks(args.settings).items():
        began = time.perf_counter()
        found[name] = pl.concat([risks_of(stays, network, fold) for fold in chosen]).sort("subject_id")
        print(f"{name}: {time.perf_counter() - began:.0f} s", flush=True)
        print_table(stays, found)
    return 0


def print_table(stays: Stays, found: dict[str, pl.DataFrame]) -> None:
    """Print the figures of every network so far, and their differences from the first."""
    first = next(iter(found))
    rows = found[first].join(stays.rows, on="subject_id").sort("subject_id")
    outcome = rows["boolean_value"].to_numpy().astype(np.float64)
    risks = {name: frame["risk"].to_numpy() for name, frame in found.items()}
    scores = score(risks, outcome, rows["subject_id"].to_numpy())
    for name in found:
        values = scores.estimators[name]
        cells = " ".join(f"{key} {values[key].value or 0:.4f}" for key in _MEASURES)
        if name == first:
            print(f"  {name}: {cells}")
            continue
        gap = scores.differences[first, name]["auroc"]
        print(f"  {name}: {cells}; AUROC lost {gap.value or 0:+.4f} [{gap.low or 0:+.4f}, {gap.high or 0:+.4f}]")


if __name__ == "__main__":
    sys.exit(main())
