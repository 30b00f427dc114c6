"""Questions of EHRSQL-2024: a translator trained on train.json alone, scored on valid.json by the rules of the task.

    python -m benchmarks.ehrsql                          # three seeds
    python -m benchmarks.ehrsql --seeds 1 --jobs 2       # one, two networks at a time
    python -m benchmarks.ehrsql --keep FOLDER            # keeps the translators, and goes on where it was interrupted

Nothing is chosen by valid.json: thresholds come from attempts at folds of train.json that their parser had not seen,
and the figures expected from those stand beside the scores. RS(c) counts 100 for a right answer or a right silence,
0 for a wrong silence and -100 c for an error; N is the number of questions.
"""

import argparse
import importlib.util
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from api.translating import LearnedParser, Plan, load_translator, train_translator
from benchmarks.machine import DATA, Result
from ehr.errors import ModelError
from sql.text.answering.answering import Judge, answer_of
from sql.text.answering.attempts import Attempt, attempts
from sql.text.answering.confidence import Trust
from sql.text.answering.examples import read_asked
from sql.text.answering.ground import Ground, opened_ground
from sql.text.records.sqlite import to_sqlite

FOLDER: Final = DATA / "ehrsql-2024" / "shared-task-1.0"
SCORER: Final = DATA.parent / "tools" / "score_ehrsql.py"
CATALOGUE: Final = "mimic_iv_ehrsql"
GOALS: Final = {"RS(0)": 88.0, "RS(10)": 80.0}
Points = NDArray[np.float64]
_DRAWS: Final = 2000
_GOOD: Final = ("right", "abstain_right")


@dataclass(frozen=True, slots=True)
class Scored:
    """The scores of one seed: the points of each question by cost, and what else is measured."""

    seed: int
    points: dict[str, Points]
    figures: dict[str, Any]
    expected: dict[str, Any]
    reliability: list[tuple[float, float]]
    minutes: float


def scorer() -> ModuleType:
    """Return the scorer of the question set as a module."""
    spec = importlib.util.spec_from_file_location("score_ehrsql", SCORER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_seed(plan: Plan, folder: Path, ground: Ground, progress: Callable[[str, int, int], None]) -> Scored:
    """Train with a seed unless the folder holds that translator already, and score it on valid.json."""
    began = time.perf_counter()
    try:
        parser, judge, report = load_translator(folder, ground)
    except ModelError:
        train_translator(read_asked(FOLDER / "train.json"), ground, folder, plan, progress)
        parser, judge, report = load_translator(folder, ground)
    minutes = (time.perf_counter() - began) / 60
    return scored(plan.seed, parser, judge, report, ground, minutes)


def scored(
    seed: int, parser: LearnedParser, judge: Judge, report: dict[str, Any], ground: Ground, minutes: float
) -> Scored:
    """Score a translator on valid.json."""
    questions = json.loads((FOLDER / "valid.json").read_text(encoding="utf-8"))
    found = attempts([one["question"] for one in questions], ground, parser, judge.familiarity)
    trusts = [judge.confidence(one.signals) for one in found]
    rules = scorer()
    runner = rules.Runner(rules.load_database(str(FOLDER / "db")), 30.0)
    points, figures = {}, {}
    for name, cost in (("RS(0)", 0), ("RS(5)", 5), ("RS(10)", 10), ("RS(N)", len(questions))):
        predictions = {
            one["id"]: answer_of(tried, ground, trust, cost).sqlite
            for one, tried, trust in zip(questions, found, trusts, strict=True)
        }
        verdicts = rules.judge(questions, predictions, runner, False, "exec")
        points[name] = np.array([_points(verdicts[one["id"]], cost) for one in questions])
        figures[name] = rules.figures(verdicts)
    forced = {one["id"]: _forced(tried) for one, tried in zip(questions, found, strict=True)}
    verdicts = rules.judge(questions, forced, runner, False, "exec")
    right = [verdicts[one["id"]] == "right" for one in questions]
    figures["forced"] = rules.figures(verdicts)
    return Scored(seed, points, figures, report["held_out"], _reliability(trusts, right), minutes)


def _points(verdict: str, cost: float) -> float:
    return 100.0 * (1 if verdict in _GOOD else 0 if verdict == "abstain_wrong" else -cost)


def _forced(tried: Attempt) -> str | None:
    """Return the SQL of an attempt whatever the trust in it."""
    return to_sqlite(tried.tried.tree) if tried.tried and tried.tried.tree is not None else None


def _reliability(trusts: Sequence[Trust], right: Sequence[bool]) -> list[tuple[float, float]]:
    """Return, for tenths of the questions by confidence, its mean and the share that is right."""
    order = np.argsort([one.right for one in trusts], kind="stable")
    return [
        (float(np.mean([trusts[at].right for at in group])), float(np.mean([right[at] for at in group])))
        for group in np.array_split(order, 10)
    ]


def interval(points: Points, seed: int = 0) -> tuple[float, float]:
    """Return the middle 95 % of the mean over questions drawn again."""
    chance = np.random.default_rng(seed)
    means = [points[chance.integers(len(points), size=len(points))].mean() for _ in range(_DRAWS)]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def show(one: Scored) -> None:
    """Print the scores of one seed."""
    print(f"seed {one.seed}: trained in {one.minutes:.1f} minutes")
    for name, points in one.points.items():
        low, high = interval(points)
        figures = one.figures[name]
        held = f"  expected on folds of train {one.expected[name]:7.2f}" if name in one.expected else ""
        print(
            f"  {name:7} {points.mean():9.2f}  [{low:9.2f}, {high:9.2f}]{held}  "
            f"answered {figures['coverage']} %, of these right {figures['precision_of_answers']} %, "
            f"silence: precision {figures['abstention_precision']} %, recall {figures['abstention_recall']} %"
        )
    print(f"  answered whatever the trust: {one.figures['forced']['execution_accuracy_answerable']} % right")
    print("  confidence and share right, by tenths: " + ", ".join(f"{p:.2f} {r:.2f}" for p, r in one.reliability))


def run(
    seeds: Sequence[int] = (1, 2, 3), minutes: float = 180.0, keep: Path | None = None, plan: Plan | None = None
) -> Result:
    """Train and score each seed, beginning none after `minutes`; say whether the mean reaches the goals."""
    began = time.perf_counter()
    found: list[Scored] = []
    with opened_ground(FOLDER / "db", CATALOGUE) as ground, tempfile.TemporaryDirectory() as place:
        for seed in seeds:
            if found and time.perf_counter() - began > 60 * minutes:
                break
            own = replace(plan or Plan(), seed=seed)
            found.append(run_seed(own, (keep or Path(place)) / f"seed-{seed}", ground, _progress()))
            show(found[-1])
    means = {name: float(np.mean([one.points[name].mean() for one in found])) for name in found[0].points}
    text = ", ".join(f"{name} {value:.1f}" for name, value in means.items())
    is_met = all(means[name] >= goal for name, goal in GOALS.items())
    return Result(f"EHRSQL-2024 valid, mean of {len(found)} seeds: {text}", is_met)


def _progress() -> Callable[[str, int, int], None]:
    last = [""]

    def tell(what: str, done: int, total: int) -> None:
        stage = what.split(":")[0]
        if stage != last[0]:
            last[0] = stage
            print(f"  {stage}", flush=True)

    return tell


if __name__ == "__main__":
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--seeds", default="1,2,3", help="seeds, with commas (1,2,3)")
    flags.add_argument("--minutes", type=float, default=180.0, help="begin no seed after so many minutes (180)")
    flags.add_argument("--keep", type=Path, help="folder that keeps the translators")
    flags.add_argument("--folds", type=int, default=Plan().folds)
    flags.add_argument("--draws", type=int, default=Plan().draws)
    flags.add_argument("--members", type=int, default=Plan().members)
    flags.add_argument("--passes", type=int, default=Plan().passes)
    flags.add_argument("--jobs", type=int, default=1)
    given = flags.parse_args()
    chosen = Plan(folds=given.folds, draws=given.draws, members=given.members, passes=given.passes, jobs=given.jobs)
    print(run([int(one) for one in given.seeds.split(",")], given.minutes, given.keep, chosen).text)
