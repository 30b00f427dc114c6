"""`ehr evaluate`: a model and the baseline beside it on held-out subjects, as metrics.json and one page."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console


def register(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add the parser of this module."""
    parser = commands.add_parser(
        "evaluate",
        parents=parents,
        help="how good the risks of a model are on held-out patients, as a report",
        description="Compares the model with logistic regression and gradient boosting on the same held-out subjects, and "
        "writes "
        "metrics.json, predictions.parquet and report.html.",
    )
    parser.add_argument("--model", metavar="NAME", required=True, help="a trained model")
    parser.add_argument("--version", type=int, metavar="N", help="version of the model (default: the newest)")
    parser.add_argument("--task", metavar="TASK", required=True, help="a task file, or a ready task's name")
    parser.add_argument("--out", type=Path, metavar="DIR", required=True, help="folder for the report")
    parser.add_argument(
        "--truth", type=Path, metavar="FILE", help="truth.parquet of made data: the true probabilities"
    )
    parser.add_argument(
        "--futures", type=int, default=0, metavar="N", help="also judge N generated futures of each row (takes long)"
    )
    parser.add_argument(
        "--replicates", type=int, default=1000, metavar="N", help="bootstrap samples of subjects (default 1000)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of bootstrap and futures (default 0)")
    parser.set_defaults(run=run_evaluate)


def run_evaluate(args: argparse.Namespace) -> int:
    """Evaluate a model on a task, write the report and print what it says."""
    from api.console import emit, progress_bar
    from api.learning import labelled_cohort, open_model, read_task_file
    from ehr.store import open_store, opened, require_subjects
    from ehr.timelines import load_timelines
    from models.estimators import BASELINE, estimate_all
    from models.evaluate import evaluate
    from models.report import in_words, write_report
    from models.rollout import Sampling

    file = read_task_file(args.task)
    truth = _read_truth(args.truth, file.task.name) if args.truth else None
    with opened(open_store(args.store)) as store:
        require_subjects(store)
        checkpoint = open_model(store, args.model, args.version)
        cohort, labels = labelled_cohort(store, file.task)
        timelines = load_timelines(store, checkpoint.vocabulary)
        folder = store.models / checkpoint.name / str(checkpoint.version)
        titles = dict(store.cursor().execute("SELECT code, description FROM code WHERE description <> ''").fetchall())
        sampling = Sampling(futures=args.futures, seed=args.seed) if args.futures > 0 else None
        with progress_bar("evaluating") as progress:
            said = estimate_all(
                checkpoint,
                timelines,
                labels,
                file.task,
                file.text,
                events=store.cursor(),
                folder=folder,
                sampling=sampling,
                progress=progress,
            )
    with progress_bar("evaluating") as progress:
        progress("intervals", 0, 0)
        features = said.held_out[BASELINE].about["strongest_features"]
        codes = {name.partition(": ")[2] for name, _ in features}
        about = {
            "task": file.task.name,
            "model": checkpoint.identity,
            "attrition": [
                {"step": step.rule, "subjects": step.subjects_after, "rows": step.rows_after}
                for step in cohort.attrition
            ],
            "code_titles": {code: title for code, title in titles.items() if code in codes},
        }
        evaluation = evaluate(
            labels,
            said.held_out,
            truth=truth,
            tuning=said.tuning,
            replicates=args.replicates,
            seed=args.seed,
            remarks=said.remarks,
            about=about,
        )
        report = write_report(args.out, evaluation)
    payload = {**evaluation.metrics, "report": str(report)}
    emit(args, payload, lambda console: _render(console, payload, in_words(evaluation.metrics)))
    return 0


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


def _render(console: "Console", payload: dict[str, Any], sentences: list[str]) -> None:
    """Print the evaluation for a person."""
    from rich.table import Table

    compared = payload["compared"]
    console.print(
        f"[bold]{payload['task']}[/]: {compared['rows']:,} rows of {compared['subjects']:,} held-out subjects, "
        f"{compared['positives']:,} with the event"
    )
    columns = ["auroc", "auprc", "brier", "calibration_slope", "ece"]
    has_truth = any(estimator["distance_to_truth"] for estimator in payload["estimators"].values())
    table = Table(box=None)
    table.add_column("estimator", no_wrap=True)
    for column in [*columns, *(["off the truth"] if has_truth else [])]:
        table.add_column(column.replace("_", " "), justify="right", no_wrap=column != "calibration_slope")
    for estimator in payload["estimators"].values():
        cells = [_cell(estimator["metrics"][column]) for column in columns]
        if has_truth:
            cells.append(_cell(estimator["distance_to_truth"]))
        table.add_row(estimator["title"], *cells)
    console.print(table)
    verdicts = sentences[len(payload["estimators"]) :]
    for line in [*verdicts, *payload["remarks"]]:
        console.print(f"  {line}", markup=False)
    for line in payload["warnings"]:
        console.print(f"[yellow]mind:[/] {line}")
    console.print(f"report: {payload['report']}", markup=False, soft_wrap=True)


def _cell(estimate: dict[str, Any] | None) -> str:
    """Return a value with its interval below."""
    if estimate is None or estimate["value"] is None:
        return "undefined"
    if estimate["low"] is None:
        return f"{estimate['value']:.3f}"
    return f"{estimate['value']:.3f}\n{estimate['low']:.3f}–{estimate['high']:.3f}"
