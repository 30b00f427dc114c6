"""`ehr evaluate`: a model and those beside it on held-out subjects, as one page, a model card and metrics.json."""

import argparse
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console
    from rich.table import Table

    from ehr.progress import Progress
    from ehr.store import Store
    from models.estimators import Said
    from models.evaluate import Evaluation


def register(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add the parser of this module."""
    parser = commands.add_parser(
        "evaluate",
        parents=parents,
        help="how good the risks of a model are on held-out patients, as a report",
        description="Compares the model with logistic regression, gradient boosting and clinical scores on the same "
        "held-out subjects, and writes report.html, model_card.md, metrics.json and predictions.parquet.",
    )
    parser.add_argument("--model", metavar="NAME", required=True, help="a trained model")
    parser.add_argument("--version", type=int, metavar="N", help="version of the model (default: the newest)")
    parser.add_argument("--task", metavar="TASK", required=True, help="a task file, or a ready task's name")
    parser.add_argument("--out", type=Path, metavar="DIR", required=True, help="folder for the report")
    parser.add_argument(
        "--truth", type=Path, metavar="FILE", help="truth.parquet of made data: the true probabilities"
    )
    parser.add_argument("--endpoint", metavar="NAME", help="judge when this endpoint of the task is foretold to come")
    parser.add_argument(
        "--horizon",
        type=float,
        action="append",
        default=[],
        metavar="DAYS",
        help="a time at which --endpoint is judged (repeatable; default: quartiles of the times in training)",
    )
    parser.add_argument(
        "--futures", type=int, default=0, metavar="N", help="also judge N generated futures of each row (takes long)"
    )
    parser.add_argument(
        "--temporal",
        type=_share_or_time,
        metavar="AT",
        help="also compare before and after a time (2019-01-01), or the share of rows that lie before it (0.8); "
        "default for a model of 'ehr train --until': that time",
    )
    parser.add_argument(
        "--replicates", type=int, default=1000, metavar="N", help="bootstrap samples of subjects (default 1000)"
    )
    parser.add_argument(
        "--deletions",
        type=int,
        default=200,
        metavar="N",
        help="rows of the deletion test of explanations (default 200; 0 leaves it out)",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of bootstrap and futures (default 0)")
    parser.set_defaults(run=run_evaluate)


def run_evaluate(args: argparse.Namespace) -> int:
    """Evaluate a model on a task, write the report and print what it says."""
    if args.endpoint:
        from api.commands.timing import run_evaluate_times

        return run_evaluate_times(args)
    from api.console import emit, progress_bar
    from ehr.store import open_store, opened, require_subjects
    from models.report import write_report

    with opened(open_store(args.store)) as store, progress_bar("evaluating") as progress:
        require_subjects(store)
        evaluation = _evaluated(args, store, progress)
        progress("report", 0, 0)
        report = write_report(args.out, evaluation)
    payload = {**evaluation.metrics, "report": str(report), "model_card": str(report.with_name("model_card.md"))}
    emit(args, payload, lambda console: _render(console, payload))
    return 0


def _evaluated(args: argparse.Namespace, store: "Store", progress: "Progress") -> "Evaluation":
    """Let every estimator say its risks of the task's rows, and compare what was said with what came."""
    from api.evaluation import about_run
    from api.learning import labelled_cohort, labels_known_by, open_model, read_task_file
    from ehr.timelines import load_timelines
    from models.checkpoint import find_model
    from models.estimators import SUPERVISED, estimate_all, held_out
    from models.evaluate import evaluate
    from models.evaluation.periods import knowledge_of
    from models.explain import deletion_test
    from models.facts import row_facts
    from models.generative.rollout import Sampling

    file = read_task_file(args.task)
    truth = _read_truth(args.truth, file.task.name) if args.truth else None
    sampling = Sampling(futures=args.futures, seed=args.seed) if args.futures > 0 else None
    checkpoint = open_model(store, args.model, args.version).of(file.text.hash)
    folder = find_model(store.models, checkpoint.name, checkpoint.version)
    cohort, labels = labelled_cohort(store, file.task)
    learnable = labels_known_by(store, file.task, checkpoint.until) if checkpoint.until else labels
    timelines = load_timelines(store, checkpoint.vocabulary)
    said = estimate_all(
        checkpoint,
        timelines,
        labels,
        file.task,
        file.text,
        learnable=learnable,
        events=store.cursor(),
        folder=folder,
        sampling=sampling,
        progress=progress,
    )
    progress("the people", 0, 0)
    about = about_run(store, checkpoint, folder, file, cohort, labels)
    about["code_titles"] = _titles(store, said)
    drawn = {"replicates": args.replicates, "seed": args.seed}
    if SUPERVISED in said.held_out and args.deletions > 0:
        rows = held_out(labels)
        about["explanation"] = deletion_test(
            checkpoint, timelines, rows, most=args.deletions, progress=progress, **drawn
        )
    facts = row_facts(store.cursor(), labels)
    progress("intervals", 0, 0)
    return evaluate(
        labels,
        said.held_out,
        truth=truth,
        tuning=said.tuning,
        facts=facts,
        temporal=args.temporal,
        known=knowledge_of(checkpoint),
        remarks=said.remarks,
        about=about,
        **drawn,
    )


def _share_or_time(text: str) -> float | datetime:
    """Read a share or a time, as argparse wants it."""
    try:
        return float(text)
    except ValueError:
        return datetime.fromisoformat(text)


def _titles(store: "Store", said: "Said") -> dict[str, str]:
    """Return the titles of the codes that the features of the baseline are named after."""
    from models.estimators import BASELINE

    baseline = said.held_out.get(BASELINE)
    names = [name for name, _ in baseline.about.get("strongest_features", [])] if baseline else []
    codes = sorted({name.partition(": ")[2] for name in names} - {""})
    found = store.cursor().execute(
        "SELECT code, description FROM code WHERE description <> '' AND code IN (SELECT unnest($codes))",
        {"codes": codes},
    )
    return dict(found.fetchall())


def _read_truth(path: Path, task: str) -> "pl.DataFrame":
    """Return the true probabilities of a task; raises SourceError when the file is not such a one."""
    import polars as pl

    from ehr.errors import SourceError

    needed = {"subject_id", "prediction_time", "true_probability"}
    try:
        truth = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise SourceError(f"{path} cannot be read as truth.parquet: {str(error).splitlines()[0]}") from error
    if missing := needed - set(truth.columns):
        raise SourceError(
            f"{path} has no column {', '.join(sorted(missing))}; name the truth.parquet of 'ehr simulate'"
        )
    return truth.filter(pl.col("task") == task) if "task" in truth.columns else truth


def _render(console: "Console", payload: dict[str, Any]) -> None:
    """Print the evaluation for a person: who was judged, how well each estimator did, what follows of that."""
    from rich.text import Text

    from models.report.words import trust

    compared, estimators = payload["compared"], payload["estimators"]
    console.print(
        Text.assemble(
            (payload["task"], "bold"),
            f": {compared['rows']:,} rows of {compared['subjects']:,} held-out subjects, "
            f"{compared['positives']:,} with the event",
        )
    )
    console.print(_table(estimators))
    for line in trust(payload, next(iter(estimators))):
        console.print(f"  {line}", markup=False)
    for line in payload["remarks"]:
        console.print(f"  {line}", markup=False, style="dim")
    for line in payload["warnings"]:
        console.print(Text.assemble(("mind: ", "yellow"), line))
    console.print(f"report: {payload['report']}", markup=False, soft_wrap=True)
    console.print(f"model card: {payload['model_card']}", markup=False, soft_wrap=True)


def _table(estimators: dict[str, Any]) -> "Table":
    from rich.table import Table

    columns = {"auroc": "AUROC", "auprc": "AUPRC", "brier": "Brier", "calibration_slope": "slope", "ece": "ECE"}
    has_truth = any(estimator["distance_to_truth"] for estimator in estimators.values())
    table = Table(box=None)
    table.add_column("estimator")
    for title in [*columns.values(), *(["off the truth"] if has_truth else [])]:
        table.add_column(title, justify="right", no_wrap=True)
    for estimator in estimators.values():
        cells = [_cell(estimator["metrics"][column]) for column in columns]
        if has_truth:
            cells.append(_cell(estimator["distance_to_truth"]))
        table.add_row(estimator["title"], *cells)
    return table


def _cell(estimate: dict[str, Any] | None) -> str:
    """Return a value with its interval below."""
    if estimate is None or estimate["value"] is None:
        return "undefined"
    if estimate["low"] is None:
        return f"{estimate['value']:.3f}"
    return f"{estimate['value']:.3f}\n{estimate['low']:.3f}–{estimate['high']:.3f}"
