"""`ehr cohort`: who meets a task, with the attrition, as labels or as a wide table."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ehr.errors import EhrError

if TYPE_CHECKING:
    from rich.console import Console

    from ehr.tasks import Task
    from sql.cohort import Cohort
    from sql.cohort.provenance import DataVersion
    from sql.cohort.records import Records


def register(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add the parser of this module."""
    cohort = commands.add_parser(
        "cohort", parents=parents, help="who meets a task file, from when, with which outcome, and who was lost where"
    )
    cohort.add_argument(
        "task",
        nargs="?",
        metavar="TASK",
        help="a task file, or a ready task such as in_hospital_mortality; none lists the ready tasks",
    )
    cohort.add_argument(
        "--data", metavar="MEDS", help="look in a MEDS file or folder instead of the store; on Spark also a URI"
    )
    cohort.add_argument("--out", type=Path, metavar="FILE", help="write the labels as MEDS parquet")
    cohort.add_argument(
        "--endpoint",
        metavar="NAME",
        help="which endpoint --out holds (default: the label, else the first)",
    )
    cohort.add_argument(
        "--check",
        type=Path,
        metavar="FILE",
        help="say whether the rows of such a file can be had again",
    )
    cohort.add_argument(
        "--wide", type=Path, metavar="FILE", help="write rows with window times and counts as parquet"
    )
    cohort.add_argument(
        "--features",
        metavar="PATH",
        help="write what each row knew of every code, as parquet: a file, on Spark a new folder or URI",
    )
    cohort.add_argument("--consort", type=Path, metavar="FILE", help="draw who was left out where, as SVG or PNG")
    cohort.add_argument(
        "--why", metavar="SUBJECT", help="say by which rule, time and value each trigger of a patient is in or out"
    )
    cohort.add_argument(
        "--explain", action="store_true", help="show the tree of windows and the SQL, and run nothing"
    )
    cohort.add_argument(
        "--compat",
        choices=("none", "aces"),
        default="none",
        help="aces: do as es-aces 0.7.3 does even where that is hardly meant (docs/tasks.md)",
    )
    _add_spark_options(cohort)
    cohort.set_defaults(run=run_cohort_command)


def _add_spark_options(cohort: argparse.ArgumentParser) -> None:
    cohort.add_argument(
        "--engine", choices=("duckdb", "spark"), default="duckdb", help="what runs the query (docs/scale.md)"
    )
    cohort.add_argument(
        "--spark-master", metavar="URL", help="as spark-submit --master (default: SPARK_MASTER, else local[*])"
    )
    cohort.add_argument(
        "--spark-conf",
        action="append",
        default=[],
        type=_setting,
        metavar="KEY=VALUE",
        help="a setting of Spark; may be repeated",
    )


def run_cohort_command(args: argparse.Namespace) -> int:
    """Find the cohort of a task, print its attrition and write what was asked for."""
    from api.console import emit
    from ehr.tasks import find_task, read_task, task_text
    from sql.cohort import explain_cohort, find_cohort

    if args.check:
        return _check(args)
    if args.task is None:
        return _list_ready_tasks(args)
    if args.endpoint and not args.out:
        raise EhrError("--endpoint says what the file of --out holds; write --out FILE too")
    path = find_task(args.task)
    task = read_task(path)
    if args.why:
        return _explain_membership(args, task)
    with _records(args) as records:
        if args.explain:
            tree, sql = explain_cohort(records, task, wide=args.wide is not None, compat=args.compat)
            emit(args, {"tree": tree, "sql": sql}, lambda console: _show(console, f"{tree}\n\n{sql}"))
            return 0
        cohort = find_cohort(records, task, wide=args.wide is not None, compat=args.compat, count_events=True)
        if args.features:
            _write_features(records, cohort, args.features)
        if args.out or args.wide:
            _write_files(args, cohort, task, task_text(path), records)
    if args.consort:
        from api.consort import draw_consort

        draw_consort(cohort, args.consort)
    emit(args, _summary(cohort, args), lambda console: _render(console, cohort, args))
    return 0


def _explain_membership(args: argparse.Namespace, task: "Task") -> int:
    """Print why a patient is in the cohort or not."""
    from api.console import emit
    from ehr.lookup import find_subject
    from ehr.store import open_store, opened
    from sql.cohort import explain_membership, explain_subject, lines

    if args.data:
        if not args.why.removeprefix("-").isdigit():
            raise EhrError(f"{args.why!r} is no subject_id; MEDS data number their subjects")
        with _records(args) as records:
            found = explain_subject(records, task, int(args.why), compat=args.compat)
    else:
        with opened(open_store(args.store)) as store:
            found = explain_membership(store, task, find_subject(store, args.why).subject_id, compat=args.compat)
    emit(args, {**asdict(found), "is_in": found.is_in}, lambda console: _show(console, "\n".join(lines(found))))
    return 0


def _list_ready_tasks(args: argparse.Namespace) -> int:
    """Print the ready tasks with what each one foresees; raises EhrError when a cohort was to be written."""
    from api.console import emit
    from ehr.tasks import read_task, ready_tasks

    if args.out or args.wide or args.explain:
        raise EhrError("which cohort? name a task file or a ready task; ehr cohort without more lists those")
    found = {name: read_task(path).description for name, path in ready_tasks().items()}
    emit(args, found, lambda console: _render_ready_tasks(console, found))
    return 0


def _render_ready_tasks(console: "Console", found: dict[str, str]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(title="ready tasks", title_justify="left")
    table.add_column("task", no_wrap=True)
    table.add_column("what it foresees", overflow="fold")
    for name, description in found.items():
        table.add_row(name, Text(description.partition(". ")[0].removesuffix(".")))
    console.print(table)


@contextmanager
def _records(args: argparse.Namespace) -> "Iterator[Records]":
    from ehr.store import open_store, opened
    from sql.cohort.records import records_of_meds, records_of_store

    if args.engine == "spark":
        with _records_on_spark(args) as records:
            yield records
    elif args.data:
        if "://" in args.data:
            raise EhrError(f"--data {args.data}: DuckDB looks in local files here; --engine spark reads a URI")
        yield records_of_meds(Path(args.data))
    else:
        with opened(open_store(args.store)) as store:
            yield records_of_store(store)


@contextmanager
def _records_on_spark(args: argparse.Namespace) -> "Iterator[Records]":
    from sql.spark.records import records_of_meds_on_spark
    from sql.spark.session import spark_for_a_while

    if not args.data:
        raise EhrError(
            "--engine spark looks in MEDS files; name them with --data, or write those of the store with "
            "'ehr export meds --out DIR --partition N'"
        )
    with spark_for_a_while(args.spark_master, dict(args.spark_conf)) as spark:
        yield records_of_meds_on_spark(spark, args.data)


def _setting(text: str) -> tuple[str, str]:
    """Read KEY=VALUE; argparse tells of a ValueError."""
    key, separator, value = text.partition("=")
    if not key or not separator:
        raise ValueError(text)
    return key, value


def _write_files(args: argparse.Namespace, cohort: "Cohort", task: "Task", text: str, records: "Records") -> None:
    from api.cohort_files import Origin, write_cohort

    origin = Origin(task, text, args.compat, args.engine, _data_version(args, records))
    if args.out:
        write_cohort(cohort, args.out, "labels", origin, args.endpoint)
    if args.wide:
        write_cohort(cohort, args.wide, "wide", origin)


def _data_version(args: argparse.Namespace, records: "Records") -> "DataVersion | None":
    """Return the version of the data that are looked in, None for files behind a URI."""
    from sql.cohort.provenance import version_of_meds, version_of_store

    if not args.data:
        return version_of_store(records.con, str(args.store))
    return None if "://" in args.data else version_of_meds(Path(args.data))


def _check(args: argparse.Namespace) -> int:
    """Print whether the rows of a cohort file can be had again; the exit status is 1 when they cannot."""
    from api.cohort_files import check_cohort, read_origin
    from api.console import emit

    story = read_origin(args.check)
    with _records(args) as records:
        found = check_cohort(args.check, story, records, _data_version(args, records))
    sentences = [
        f"{found.file} is as it was written." if found.is_untouched else f"{found.file} was changed since.",
        {
            True: "The data are the same.",
            False: "The data have changed since.",
            None: "Whether the data are the same cannot be told.",
        }[found.same_data],
        f"They give the same {found.rows_now:,} rows."
        if found.same_rows
        else f"They give other rows: {found.rows_now:,}, not {found.rows_then:,}."
        if found.rows_now != found.rows_then
        else f"They give other rows, {found.rows_now:,} as before.",
    ]
    result = {**asdict(found), "is_reproduced": found.is_reproduced}
    emit(args, result, lambda console: _show(console, " ".join(sentences)))
    return 0 if found.is_reproduced else 1


def _write_features(records: "Records", cohort: "Cohort", path: str) -> None:
    from sql.cohort import labels
    from sql.features import write_features

    try:
        write_features(records, labels(cohort), path)
    except OSError as error:
        raise EhrError(f"{path} cannot be written: {error.strerror or error}") from error


def _summary(cohort: "Cohort", args: argparse.Namespace) -> dict[str, Any]:
    return {
        "task": cohort.task.name,
        "description": cohort.task.description,
        "source": str(args.data or args.store),
        "subjects": cohort.subjects,
        "rows": cohort.rows.height,
        "positive": cohort.positive,
        "prevalence": cohort.prevalence,
        "attrition": [asdict(step) for step in cohort.attrition],
        "note": _note(cohort),
        "remarks": cohort.task.remarks,
        "out": str(args.out) if args.out else None,
        "wide": str(args.wide) if args.wide else None,
        "features": args.features,
        "consort": str(args.consort) if args.consort else None,
    }


def _note(cohort: "Cohort") -> str | None:
    """Say at which rule everybody was lost, if everybody was."""
    if cohort.rows.height:
        return None
    last = next(step for step in cohort.attrition if step.rows_after == 0)
    return f"The cohort is empty: nobody is left after the rule '{last.rule}'."


def _render(console: "Console", cohort: "Cohort", args: argparse.Namespace) -> None:
    from rich.table import Table
    from rich.text import Text

    from api.console import err

    for remark in cohort.task.remarks:
        err().print(Text(f"note: {remark}", style="yellow"))
    table = Table(title=Text(f"{cohort.task.name} in {args.data or args.store}"), title_justify="left")
    table.add_column("rule", overflow="fold")
    for header in ("patients lost", "left", "rows lost", "left", "events lost", "left"):
        table.add_column(header, justify="right")
    first = cohort.attrition[0]
    table.add_row("everybody", "", f"{first.subjects_before:,}", "", "", "", _count(first.events_before))
    for step in cohort.attrition:
        table.add_row(
            Text(step.rule),
            _lost(step.subjects_before, step.subjects_after),
            f"{step.subjects_after:,}",
            _lost(step.rows_before, step.rows_after),
            f"{step.rows_after:,}",
            _lost(step.events_before, step.events_after),
            _count(step.events_after),
        )
    console.print(table)
    console.print(_note(cohort) or _size(cohort), markup=False)
    for what, path in (
        ("labels", args.out),
        ("rows with window times and counts", args.wide),
        ("features", args.features),
        ("flow of the cohort", args.consort),
    ):
        if path:
            console.print(f"Wrote the {what} to {path}.", markup=False)


def _show(console: "Console", text: str) -> None:
    console.print(text, markup=False, soft_wrap=True)


def _lost(before: int | None, after: int | None) -> str:
    if before is None or after is None:
        return ""
    return f"-{before - after:,}" if before != after else "0"


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _size(cohort: "Cohort") -> str:
    size = f"{cohort.rows.height:,} rows of {cohort.subjects:,} patients"
    if cohort.positive is None:
        return f"{size}."
    return f"{size}; label positive in {cohort.positive:,} ({cohort.prevalence:.1%})."
