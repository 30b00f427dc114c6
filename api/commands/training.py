"""`ehr train` and `ehr predict`: learn from timelines, and say a risk with what it rests on."""

import argparse
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.commands.translating import add_training_flags, run_train_translator

if TYPE_CHECKING:
    from rich.console import Console

    from api.learning import Estimate, Foresight
    from ehr.store import Store
    from models.checkpoint import Checkpoint
    from models.training import Labelled, Timed


def register(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add the parsers of this module."""
    _register_train(commands, parents)
    _register_predict(commands, parents)


def _register_train(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    train = commands.add_parser(
        "train",
        parents=parents,
        help="train a model on the timelines, for a task or for generated futures alone",
        description="Trains a decoder on the timelines of training subjects and, with --task, a calibrated head for "
        "the task. A training that was interrupted goes on when the same command is run again.",
    )
    train.add_argument("--model", metavar="NAME", help="name of the model; each run adds a version")
    train.add_argument("--task", metavar="TASK", help="a task file, or a ready task such as in_hospital_mortality")
    train.add_argument(
        "--also",
        metavar="TASK",
        action="append",
        default=[],
        help="a further task, learnt on the same decoder (repeatable)",
    )
    train.add_argument(
        "--endpoint", metavar="NAME", help="learn when this endpoint of the task comes, in place of its label"
    )
    train.add_argument("--vocabulary", metavar="NAME", default="default", help="tokens to learn from (default)")
    train.add_argument(
        "--despite-audit",
        metavar="REASON",
        help="train although 'ehr audit' finds that the inputs leak the label; the reason stands in every report",
    )
    train.add_argument(
        "--until",
        type=datetime.fromisoformat,
        metavar="TIME",
        help="learn only from what was known by this time (2019-01-01), so that 'ehr evaluate' can judge later rows "
        "as a future that the model has not seen",
    )
    train.add_argument("--from", dest="base", metavar="MODEL", help="start from the decoder of this model")
    train.add_argument("--config", type=Path, metavar="FILE", help="settings in YAML")
    train.add_argument(
        "--set", dest="settings", metavar="KEY=VALUE", action="append", default=[], help="one setting (repeatable)"
    )
    add_training_flags(train)
    train.set_defaults(run=run_train)


def _register_predict(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    predict = commands.add_parser("predict", parents=parents, help="the risk of one patient, and what it rests on")
    predict.add_argument("--model", metavar="NAME", required=True, help="a trained model")
    predict.add_argument("--task", metavar="TASK", required=True, help="what is to be foreseen: a task file or name")
    predict.add_argument("--subject", metavar="ID", required=True, help="subject_id or original identifier")
    predict.add_argument(
        "--at",
        type=datetime.fromisoformat,
        metavar="TIME",
        help="nothing after this time is used (2180-05-07T22:13; default: when the task last predicts for them)",
    )
    predict.add_argument(
        "--endpoint", metavar="NAME", help="when this endpoint of the task comes, as a curve of risk"
    )
    predict.add_argument(
        "--generate", type=int, default=0, metavar="N", help="also estimate from N generated futures of the patient"
    )
    predict.add_argument(
        "--estimator",
        choices=("logistic", "boosting", "blend"),
        action="append",
        default=[],
        help="also the estimate of this one, which 'ehr evaluate' has fitted beside the model (repeatable)",
    )
    predict.add_argument(
        "--through",
        metavar="STAY",
        help="follow the risk through a stay: its number, or 'last'; each time from what was known by then",
    )
    predict.add_argument(
        "--every",
        metavar="STEP",
        help="the times of --through (or of the last stay): 6h (default), 30m, 1d, or event for each moment recorded",
    )
    predict.add_argument(
        "--explain",
        type=_count,
        nargs="?",
        const=10,
        default=0,
        metavar="N",
        help="show the N records that move the supervised estimate most (10), and features of --estimator logistic",
    )
    predict.add_argument(
        "--without",
        type=int,
        action="append",
        default=[],
        metavar="EVENT",
        help="also the estimate without this event, a number that --explain shows (repeatable)",
    )
    predict.add_argument(
        "--without-code",
        action="append",
        default=[],
        metavar="CODE",
        help="the same for all events of a code, in which * stands for anything: 'LAB//50912*' (repeatable)",
    )
    predict.set_defaults(run=run_predict)


def run_train(args: argparse.Namespace) -> int:
    """Train a model and print what it learnt from and what was measured on tuning subjects."""
    from api.console import emit, progress_bar
    from api.learning import open_model
    from ehr.store import open_store, opened, require_subjects
    from ehr.timelines import load_timelines
    from ehr.vocabulary import load_vocabulary
    from models.settings import read_settings
    from models.training import train

    if args.translator:
        return run_train_translator(args)
    _require_named(args)
    settings = read_settings(args.config, args.settings)
    until = _past_time(args.until) if args.until else None
    with opened(open_store(args.store)) as store:
        require_subjects(store)
        vocabulary = load_vocabulary(store, args.vocabulary)
        times = _times_of(store, args) if args.endpoint else None
        names = [] if args.endpoint else [*([args.task] if args.task else []), *args.also]
        targets = [_target_of(store, name, until, args) for name in names]
        base = open_model(store, args.base) if args.base else None
        timelines = load_timelines(store, vocabulary)
        models = store.models
    with progress_bar("") as progress:
        checkpoint = train(
            models,
            args.model,
            timelines,
            vocabulary,
            settings,
            target=targets[0] if targets else None,
            also=targets[1:],
            times=times,
            base=base,
            until=until,
            progress=progress,
        )
    payload = {**checkpoint.identity, "parameters": checkpoint.parameters, "report": dict(checkpoint.report)}
    emit(args, payload, lambda console: _render_training(console, checkpoint))
    return 0


def _require_named(args: argparse.Namespace) -> None:
    """Raise ModelError unless the arguments name a model, and a task where others stand beside it."""
    from ehr.errors import ModelError
    from models.checkpoint import check_name

    if args.model is None:
        raise ModelError("name the model with --model NAME, or train a translator of questions with --translator")
    check_name(args.model)
    if (args.also or args.endpoint) and not args.task:
        raise ModelError("--also and --endpoint stand beside --task; name a task")
    if args.also and args.endpoint:
        raise ModelError("--endpoint learns one endpoint of one task; leave out --also")


def _target_of(store: "Store", name: str, until: datetime | None, args: argparse.Namespace) -> "Labelled":
    """Return the label rows of a task whose audit passes, those known by `until` where it is given."""
    from api.leaks import audit_store, require_clean
    from api.learning import label_frame, labels_known_by, read_task_file
    from models.leakage import as_mapping
    from models.training import Labelled

    file = read_task_file(name)
    found = audit_store(store, file.task)
    require_clean(found, args.despite_audit)
    rows = labels_known_by(store, file.task, until) if until else label_frame(store, file.task)
    return Labelled(file.text, rows, as_mapping(found, args.despite_audit))


def _times_of(store: "Store", args: argparse.Namespace) -> "Timed":
    """Return the times to the endpoint of the task, whose audit passes."""
    from api.leaks import audit_store, require_clean
    from api.learning import read_task_file
    from api.timing import endpoint_times, timed_endpoint
    from models.leakage import as_mapping
    from models.training import Timed

    file = read_task_file(args.task)
    found = audit_store(store, file.task, endpoint=timed_endpoint(file.task, args.endpoint))
    require_clean(found, args.despite_audit, args.endpoint)
    return Timed(file.text, endpoint_times(store, file.task, args.endpoint), as_mapping(found, args.despite_audit))


def run_predict(args: argparse.Namespace) -> int:
    """Print the risk of one patient, at one time, through a stay, or over the time to come."""
    if args.endpoint:
        from api.commands.timing import run_predict_times

        return run_predict_times(args)
    if args.through or args.every:
        from api.commands.following import run_course

        return run_course(args)
    from api.console import emit
    from api.explaining import Asked
    from api.learning import foresee, open_model, read_task_file
    from ehr.lookup import find_subject
    from ehr.store import open_store, opened

    file = read_task_file(args.task)
    with opened(open_store(args.store)) as store:
        checkpoint = open_model(store, args.model)
        subject = find_subject(store, args.subject)
        at = _without_zone(args.at) if args.at else None
        asked = Asked(args.explain, tuple(args.without), tuple(args.without_code))
        foresight = foresee(store, checkpoint, file, subject, at, args.generate, asked, args.estimator)
    emit(args, asdict(foresight), lambda console: _render_foresight(console, foresight))
    return 0


def _past_time(time: datetime) -> datetime:
    """Return a time as the store keeps it; raises ModelError for one that has not come yet."""
    from ehr.errors import ModelError

    time = _without_zone(time)
    if time > datetime.now(UTC).replace(tzinfo=None):
        raise ModelError(
            f"--until {time:%Y-%m-%d} has not come yet, so it parts nothing; times of a source that shifts them for "
            "each patient, such as MIMIC, do not order its patients"
        )
    return time


def _without_zone(time: datetime) -> datetime:
    """Return the time as the store keeps it: UTC without a zone; a time without a zone is taken as it is."""
    return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time


def _render_training(console: "Console", checkpoint: "Checkpoint") -> None:
    report = checkpoint.report
    console.print(
        f"model [bold]{checkpoint.name}[/] version {checkpoint.version}, {checkpoint.parameters:,} parameters"
    )
    if "pre_training" in report:
        stage = report["pre_training"]
        console.print(
            f"  pre-trained on {stage['events']:,} events of {stage['subjects']:,} training subjects: "
            f"{stage['passes']} passes, {stage['seconds']:.0f} s, {stage['tuning_loss']:.3f} nats an event on "
            f"{stage['tuning_subjects']:,} tuning subjects"
        )
    else:
        console.print(f"  decoder of model {report['base']['model']} version {report['base']['version']}")
    if "fine_tuning" in report:
        _render_fine_tuning(console, checkpoint.task.name if checkpoint.task else "", report["fine_tuning"])
    for stage in report.get("also", ()):
        auroc = "one outcome only" if stage["tuning_auroc"] is None else f"AUROC {stage['tuning_auroc']:.3f}"
        console.print(
            f"  and for {stage['task']} on {stage['rows']:,} rows, {stage['events']:,} with the outcome: {auroc} on "
            f"{stage['tuning_rows']:,} tuning rows"
        )
    if "time_to_event" in report:
        stage = report["time_to_event"]
        causes = ", ".join(f"{count:,} with {name}" for name, count in stage["causes"].items())
        console.print(
            f"  trained for the time of {stage['endpoint']} on {stage['rows']:,} rows, {causes}: {stage['passes']} "
            f"passes, {stage['seconds']:.0f} s; judge it with 'ehr evaluate --endpoint {stage['endpoint']}'"
        )
    if checkpoint.until is not None:
        console.print(f"  from what was known by {checkpoint.until:%Y-%m-%d %H:%M} alone{_of_words(checkpoint)}")
    if "audit" in report:
        console.print(f"  leakage audit: {_audit_in_words(report['audit'])}")
    vocabulary = checkpoint.vocabulary
    console.print(f"  vocabulary {vocabulary.name} {vocabulary.hash[:12]}, data {checkpoint.data_hash[:12]}")


def _of_words(checkpoint: "Checkpoint") -> str:
    """Say whether the vocabulary has counted later events than the model has read."""
    from models.evaluation.periods import knowledge_of

    if not knowledge_of(checkpoint).vocabulary_has_seen_more:
        return ""
    return ", but for its vocabulary, which counted later events too; fit one with 'ehr tokenize --until'"


def _render_fine_tuning(console: "Console", task: str, stage: dict[str, Any]) -> None:
    auroc = "one outcome only" if stage["tuning_auroc"] is None else f"AUROC {stage['tuning_auroc']:.3f}"
    console.print(
        f"  trained for {task} on {stage['rows']:,} rows, {stage['events']:,} with the outcome: "
        f"{stage['passes']} passes, {stage['seconds']:.0f} s"
    )
    console.print(
        f"  {auroc} on the {stage['tuning_rows']:,} rows of tuning subjects that also fitted the calibration; "
        "judge it with 'ehr evaluate'"
    )


def _audit_in_words(audit: dict[str, Any]) -> str:
    """Return what an audit found in a few words, with the reason for which a model was trained all the same."""
    if not audit["findings"]:
        return "nothing found"
    codes = ", ".join(f"{finding['code']} {finding['severity']}" for finding in audit["findings"])
    return f"{codes}; trained because: {audit['despite']}" if audit["fails"] else codes


def _count(text: str) -> int:
    """Read a number of records; raises ArgumentTypeError below 1."""
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} records cannot be shown; name 1 or more")
    return int(text)


def _render_foresight(console: "Console", foresight: "Foresight") -> None:
    from api.commands.effects import render_contributions, render_explanation, render_what_if

    model = foresight.model
    console.print(
        f"[bold]{foresight.task}[/] for patient {foresight.subject_id}, from what was known at "
        f"{foresight.prediction_time:%Y-%m-%d %H:%M}: {foresight.known_events:,} events"
    )
    for estimate in foresight.estimates:
        _render_estimate(console, estimate)
    if foresight.explanation:
        render_explanation(console, foresight.explanation)
    if foresight.contributions:
        render_contributions(console, foresight.contributions)
    if foresight.what_if:
        render_what_if(console, foresight.what_if)
    for warning in foresight.warnings:
        console.print(f"  [yellow]warning: {warning}[/]")
    calibration = f", calibration {model['calibration_hash'][:12]}" if model["calibration_hash"] else ""
    console.print(
        f"  [bright_black]model {model['model']} version {model['version']}, vocabulary {model['vocabulary']} "
        f"{model['vocabulary_hash'][:12]}, data {model['data_hash'][:12]}{calibration}; "
        "an estimate from recorded data, no diagnosis[/]"
    )


def _render_estimate(console: "Console", estimate: "Estimate") -> None:
    if estimate.risk is None or estimate.low is None or estimate.high is None:
        console.print(f"  {estimate.method:<10} no estimate: {estimate.abstention}")
        return
    console.print(
        f"  {estimate.method:<10} [bold]{estimate.risk:.1%}[/] ({estimate.low:.1%} to {estimate.high:.1%}), "
        f"about {_in_words(estimate.risk)}"
    )
    details = estimate.details
    if details:
        drawn = round(details["share"] * details["futures"])
        console.print(
            f"  {'':<10} the outcome came in {drawn} of {details['futures']} futures "
            f"({details['share_low']:.1%} to {details['share_high']:.1%})"
        )
        if details["unfinished"] > 0:
            console.print(
                f"  {'':<10} {details['unfinished']:.0%} of the futures were cut off and count as without it"
            )
    console.print(f"  {'':<10} [bright_black]{estimate.interval}[/]")


def _in_words(risk: float) -> str:
    """Return a risk as a frequency.

    >>> [_in_words(risk) for risk in (0.0004, 0.031, 0.5)]
    ['fewer than 1 in 1,000 patients', '31 in 1,000 patients', '50 in 100 patients']
    """
    if risk < 0.001:
        return "fewer than 1 in 1,000 patients"
    return f"{risk * 1000:.0f} in 1,000 patients" if risk < 0.1 else f"{risk * 100:.0f} in 100 patients"
