"""What each part of the translator of EHRSQL-2024 earns: trained and scored without it, as `benchmarks.ehrsql` does.

    python -m benchmarks.ehrsql_ablation --keep FOLDER            # all variants, one seed
    python -m benchmarks.ehrsql_ablation --keep FOLDER --jobs 2 --only single,plain_names

FOLDER keeps the translators; the one that `benchmarks.ehrsql --keep FOLDER` left there is taken as the whole, and the
variants of one network take their networks from it.
"""

import argparse
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from api.translating import Plan
from benchmarks.ehrsql import CATALOGUE, FOLDER, Scored, interval, run_seed
from sql.text.answering.ground import Ground, opened_ground
from sql.text.linking import How, LinkIndex

SCORES: Final = ("RS(0)", "RS(5)", "RS(10)")


@dataclass(frozen=True, slots=True)
class Variant:
    """A translator without one of its parts."""

    title: str
    plan: Callable[[Plan], Plan]
    ground: Callable[[Ground], Ground] = lambda ground: ground
    shares_networks: bool = False
    """Whether its networks are among those of the whole."""
    uses: str | None = None
    """The variant whose translator it is, asked without a part that it learnt with."""


def plain_names(index: LinkIndex) -> LinkIndex:
    """Return an index that knows names as they are stored, and no other way to write them."""
    entries = {
        key: stored
        for key, found in index.entries.items()
        if (stored := [one for one in found if one.how is How.EXACT])
    }
    return replace(index, entries=entries)


def _single(plan: Plan) -> Plan:
    return replace(plan, members=1)


VARIANTS: Final[Mapping[str, Variant]] = {
    "whole": Variant("whole", lambda plan: plan, shares_networks=True),
    "single": Variant("one network a parser", _single, shares_networks=True),
    "retelling": Variant(
        "two networks, without the one from tokens to words",
        lambda plan: replace(plan, retold_passes=0),
        shares_networks=True,
    ),
    "real_questions": Variant(
        "one network, no made questions with an answer", lambda plan: replace(plan, members=1, composed=0, phrased=0)
    ),
    "frames": Variant(
        "one network, composed questions but none of frames", lambda plan: replace(plan, members=1, phrased=0)
    ),
    "answerable": Variant(
        "one network, no made questions without an answer", lambda plan: replace(_single(plan), made=0)
    ),
    "plain_names": Variant(
        "one network, names linked only as stored when it is asked",
        _single,
        lambda ground: replace(ground, index=plain_names(ground.index)),
        uses="single",
    ),
}


def run(names: list[str], keep: Path, plan: Plan) -> dict[str, Scored]:
    """Train and score variants, each in a folder of its own within `keep`."""
    found = {}
    with opened_ground(FOLDER / "db", CATALOGUE) as ground:
        for name in names:
            variant = VARIANTS[name]
            folder = _folder(variant.uses or name, VARIANTS[variant.uses or name], keep, plan)
            found[name] = run_seed(variant.plan(plan), folder, variant.ground(ground), lambda *_: None)
            print(row(variant.title, found[name]), flush=True)
    return found


def _folder(name: str, variant: Variant, keep: Path, plan: Plan) -> Path:
    """Return the folder of a variant; one that shares its networks with the whole begins with a copy of them."""
    whole = keep / f"seed-{plan.seed}"
    if name == "whole":
        return whole
    folder = keep / f"seed-{plan.seed}-{name}"
    if variant.shares_networks and not folder.exists() and whole.exists():
        shutil.copytree(whole / "training", folder / "training")
    return folder


def row(title: str, scored: Scored) -> str:
    """Return the line of a variant in the table of docs/text.md."""
    cells = [f"{scored.points[name].mean():.1f}" for name in SCORES]
    low, high = interval(scored.points["RS(10)"])
    forced = scored.figures["forced"]["execution_accuracy_answerable"]
    held = " / ".join(f"{scored.expected[name]:.1f}" for name in SCORES)
    return f"| {title} | {' | '.join(cells)} [{low:.1f}, {high:.1f}] | {forced} | {held} |"


if __name__ == "__main__":
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--keep", type=Path, required=True, help="folder that keeps the translators")
    flags.add_argument("--only", default=",".join(VARIANTS), help=f"variants, by comma ({', '.join(VARIANTS)})")
    flags.add_argument("--seed", type=int, default=1)
    flags.add_argument("--jobs", type=int, default=1)
    given = flags.parse_args()
    print("| variant | RS(0) | RS(5) | RS(10) | right when forced, % | held-out folds of train: RS(0) / (5) / (10) |")
    print("|---|---|---|---|---|---|")
    run(given.only.split(","), given.keep, Plan(seed=given.seed, jobs=given.jobs))
