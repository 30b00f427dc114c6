"""`ehr sql`: one SELECT over the store, through the guard."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from api.memory import HEADROOM, bounded_memory, size

if TYPE_CHECKING:
    from rich.console import Console

    from ehr.store import Store
    from sql.catalog import Relation
    from sql.query import Limits, Result

FORMATS: Final = ("table", "csv", "json", "arrow", "parquet")

EPILOG: Final = """examples:
  ehr sql "SELECT count(*) FROM patient WHERE sex = 'female'"
  ehr sql "SELECT code, n_subjects FROM code ORDER BY n_subjects DESC LIMIT 10" --format csv
  ehr sql --describe
  ehr sql --estimate "SELECT count(*) FROM event a JOIN event b USING (subject_id)"
  ehr sql - < query.sql --format parquet --out result.parquet"""


def register(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add the parser of this module."""
    parser = commands.add_parser(
        "sql",
        parents=parents,
        help="ask in SQL, read-only",
        description="Run one SELECT over the tables and views that the role may read ('--describe' shows them).",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("query", nargs="?", metavar="QUERY", help="a SELECT; - reads it from stdin")
    parser.add_argument("--format", choices=FORMATS, help="default: the ending of --out, else table")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the result to FILE")
    parser.add_argument(
        "--role", default="analyst", metavar="ROLE", help="analyst (default), clinician, trainer, admin"
    )
    parser.add_argument(
        "--limit", type=_positive_int, default=10_000, metavar="N", help="at most N rows (default 10000)"
    )
    parser.add_argument(
        "--timeout", type=_positive_float, default=30.0, metavar="S", help="stop after S seconds (default 30)"
    )
    parser.add_argument(
        "--max-bytes", type=size, default="256MB", metavar="SIZE", help="at most SIZE of result (default 256MB)"
    )
    parser.add_argument(
        "--memory", type=size, default="4GB", metavar="SIZE", help="memory that the query may use (default 4GB)"
    )
    parser.add_argument("--estimate", action="store_true", help="show what the query would cost; run nothing")
    parser.add_argument("--describe", action="store_true", help="show the tables, columns and what they mean")
    parser.set_defaults(run=run_sql, fail=parser.error)


def run_sql(args: argparse.Namespace) -> int:
    """Run one guarded query, or describe what can be asked."""
    if args.describe == (args.query is not None):
        args.fail("give a query, or --describe")
    if args.describe:
        return _describe(args)
    if args.estimate:
        return _with_store(args, _estimate)
    from api.results import format_of

    name = format_of(args.format, args.json, args.out)
    if name == "table" and args.out is not None:
        args.fail(f"--out needs a --format of {', '.join(FORMATS[1:])}")
    args.format = name
    return _with_store(args, _answer)


def _with_store(args: argparse.Namespace, act: "Callable[[argparse.Namespace, Store, str, Limits], int]") -> int:
    """Call `act` with the store, the text and the limits; with --json a refusal or failure is a document too."""
    from api.console import print_json
    from api.problems import problem
    from ehr.errors import QueryFailed, UnsafeQuery
    from ehr.store import open_store, opened, require_subjects
    from sql.query import Limits

    query = sys.stdin.read() if args.query == "-" else args.query
    limits = Limits(args.limit, args.timeout, args.max_bytes)
    memory = f"{args.memory}B"
    with (
        bounded_memory(args.memory + HEADROOM),
        opened(open_store(args.store, locked=True, memory=memory)) as store,
    ):
        require_subjects(store)
        try:
            return act(args, store, query, limits)
        except (UnsafeQuery, QueryFailed) as error:
            if args.json:
                print_json(problem(error))
            raise


def _answer(args: argparse.Namespace, store: "Store", query: str, limits: "Limits") -> int:
    from ehr.audit import audited
    from sql.query import run_query

    with audited(store, "sql", query, role=args.role) as entry:
        result = run_query(store, query, role=args.role, limits=limits)
        entry.rows = result.table.num_rows
    _print_result(args, result, args.format)
    return 0


def _estimate(args: argparse.Namespace, store: "Store", query: str, limits: "Limits") -> int:
    from dataclasses import asdict

    from api.console import emit
    from api.costs import render_estimate
    from ehr.audit import audited
    from sql.estimate import estimate

    with audited(store, "sql estimate", query, role=args.role):
        found = estimate(store, query, role=args.role, limits=limits)
    emit(args, asdict(found), lambda console: render_estimate(console, found))
    return 0


def _print_result(args: argparse.Namespace, result: "Result", name: str) -> None:
    from api.console import err, out
    from api.results import rendered, write_result

    if name == "table":
        console = out()
        console.print(rendered(result.table))
        console.print(
            f"{result.table.num_rows:,} row{'s' * (result.table.num_rows != 1)} in {result.seconds:.3f} s",
            style="dim",
        )
    else:
        write_result(result.table, name, args.out)
    if result.cut is not None:
        option = {"ROWS": "--limit", "BYTES": "--max-bytes"}[result.cut]
        rows = f"{result.table.num_rows:,} row{'s' * (result.table.num_rows != 1)}"
        err().print(f"only the first {rows} are shown; raise {option} or narrow the query", style="yellow")


def _describe(args: argparse.Namespace) -> int:
    from dataclasses import asdict

    from api.console import emit
    from ehr.store import open_store, opened
    from sql.catalog import read_catalog

    with opened(open_store(args.store, locked=True)) as store:
        relations = list(read_catalog(store).readable(args.role).values())
    payload = [asdict(relation) for relation in relations]
    emit(args, payload, lambda console: _render_relations(console, relations))
    return 0


def _render_relations(console: "Console", relations: "list[Relation]") -> None:
    from rich.table import Table
    from rich.text import Text

    for relation in relations:
        title = Text.assemble(
            (relation.name, "bold cyan"), " (view)" if relation.is_view else "", f"  {relation.comment}"
        )
        console.print(title)
        table = Table(box=None, show_header=False, padding=(0, 2))
        for column in relation.columns:
            table.add_row(
                Text(column.name, style="green"), Text(column.type.lower(), style="dim"), Text(column.comment)
            )
        console.print(table)
        console.print()


def _positive_int(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def _positive_float(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError("must be more than 0")
    return value
