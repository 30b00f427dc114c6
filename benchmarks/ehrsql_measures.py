"""How quick a trained translator of EHRSQL-2024 answers, how large it is, and how far its confidence can be believed.

    python -m benchmarks.ehrsql_measures FOLDER       # a folder of benchmarks.ehrsql --keep, such as KEEP/seed-1

Understanding is all from the question to guarded SQL: linking, parsing, filling, compiling, and the guard; what the
database takes to run the SQL is timed apart. Writes docs/ehrsql.svg.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Final

import numpy as np
from sqlglot import exp

from api.translating import load_translator
from benchmarks.ehrsql import CATALOGUE, FOLDER, Scored, scored
from benchmarks.machine import REPOSITORY, machine_name
from benchmarks.machine import Result as Measured
from sql.query import Result
from sql.text.answering.answering import DEFAULT_COST, Judge, answer_of
from sql.text.answering.attempts import attempts
from sql.text.answering.database import Database
from sql.text.answering.ground import Ground, opened_ground
from sql.text.answering.parser import Parser

GOAL_P50, GOAL_P95 = 50.0, 150.0
PLOT: Final = REPOSITORY / "docs" / "ehrsql.svg"
_QUESTIONS: Final = 300
_FILES: Final = ("translator.json", "weights.pt", "judge.json")


@dataclass(frozen=True, slots=True)
class Timed(Database):
    """A database that notes how long its engine ran for each query."""

    spent: list[float] = field(default_factory=list)

    def run(self, query: exp.Expr) -> Result:
        """Run a query as the database does."""
        result = Database.run(self, query)
        self.spent.append(result.seconds)
        return result


def timed(database: Database) -> Timed:
    """Return a database that notes its times."""
    return Timed(database.store, database.catalog, database.limits)


def times(questions: Sequence[str], ground: Ground, parser: Parser, judge: Judge) -> tuple[list[float], list[float]]:
    """Return for each question the milliseconds to understand it and to run what came of it, asked one by one."""
    watched = timed(ground.database)
    ground = replace(ground, database=watched)
    understanding, running = [], []
    for question in questions:
        watched.spent.clear()
        began = perf_counter()
        tried = attempts([question], ground, parser, judge.familiarity)[0]
        answer_of(tried, ground, judge.confidence(tried.signals), DEFAULT_COST)
        whole, engine = perf_counter() - began, sum(watched.spent)
        understanding.append(1000 * (whole - engine))
        running.append(1000 * engine)
    return understanding, running


def draw(one: Scored, path: Path) -> None:
    """Draw the share of right answers by confidence, on held-out folds of train and on valid, as SVG."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "ehrsql", "svg.fonttype": "none", "font.family": "sans-serif"}):
        figure = Figure(figsize=(4.6, 4.4), layout="constrained")
        panel = figure.subplots()
        panel.plot([0, 1], [0, 1], color="#999999", linewidth=1, linestyle=":")
        curves = {"held-out folds of train": one.expected["reliability"], "valid": one.reliability}
        for (name, points), colour in zip(curves.items(), ("#c0562f", "#1f6f8b"), strict=True):
            held, right = np.array(points).T
            panel.plot(held, right, "o-", color=colour, markersize=5, label=name)
        panel.set_xlabel("confidence, mean of a tenth of the questions")
        panel.set_ylabel("share answered rightly when forced")
        panel.grid(alpha=0.25)
        panel.legend(frameon=False, fontsize=9, loc="upper left")
        figure.savefig(path, metadata={"Date": None})


def run(folder: Path) -> Measured:
    """Measure the translator of a folder; the goals are the times of understanding."""
    with opened_ground(FOLDER / "db", CATALOGUE) as ground:
        parser, judge, report = load_translator(folder, ground)
        questions = [one["question"] for one in json.loads((FOLDER / "valid.json").read_text(encoding="utf-8"))]
        chosen = np.random.default_rng(0).permutation(len(questions))[:_QUESTIONS]
        understanding, running = times([questions[at] for at in chosen], ground, parser, judge)
        draw(scored(report["plan"]["seed"], parser, judge, report, ground, report["seconds"] / 60), PLOT)
    size = sum((folder / name).stat().st_size for name in _FILES) / 1e6
    p50, p95 = np.percentile(understanding, [50, 95])
    ran50, ran95 = np.percentile(running, [50, 95])
    text = (
        f"question to guarded SQL p50 {p50:.1f} ms, p95 {p95:.1f} ms; running it {ran50:.1f} and {ran95:.1f} ms; "
        f"{parser.translator.parameters / 1e6:.2f} M parameters in {len(parser.translator.networks)} networks, "
        f"{size:.1f} MB; trained in {report['seconds'] / 60:.0f} minutes; plot in {PLOT.relative_to(REPOSITORY)}"
    )
    return Measured(text, bool(p50 <= GOAL_P50 and p95 <= GOAL_P95))


if __name__ == "__main__":
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("folder", type=Path, help="folder of a translator")
    print(machine_name())
    print(run(flags.parse_args().folder).text)
