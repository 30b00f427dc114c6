"""`ehr sql`: one SELECT over the store, through the guard; and what can be asked, with --describe."""

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
    from sql.macros import Macro
    from sql.query import Limits, Result

FORMATS: Final = ("table", "records", "csv", "json", "arrow", "parquet")
PRINTED: Final = FORMATS[:2]
"""Formats for people, which go to no file."""

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
    parser.add_argument(
        "--format",
        choices=FORMATS,
        help="default: the ending of --out, else table (shown as records where it is too wide)",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the result to FILE")
    parser.add_argument(
        "--role", default="analyst", metavar="ROLE", help="analyst (default), aggregate, clinician, trainer, admin"
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
    parser.add_argument(
        "--describe", action="store_true", help="show tables, columns and functions of ours, and what they mean"
    )
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
    if name in PRINTED and args.out is not None:
        args.fail(f"--out needs a --format of {', '.join(FORMATS[2:])}")
    args.format = name
    return _with_store(args, _answer)


def _with_store(args: argparse.Namespace, act: "Callable[[argparse.Namespace, Store, str, Limits], int]") -> int:
    """Call `act` with the store, the text and the limits.

    What is refused or fails is told with its line and a caret beneath the place; with --json it is a document too.
    """
    from api.console import print_json
    from api.pointing import explained
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
            print(explained(error, query), file=sys.stderr)
            return 1


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
    from api.results import cut_remark, print_table, write_result

    if name in PRINTED:
        print_table(out(), result, as_records=name == "records")
    else:
        write_result(result.table, name, args.out)
    for note in result.notes:
        err().print(note, style="yellow")
    if result.cut is not None:
        option = {"ROWS": "--limit", "BYTES": "--max-bytes"}[result.cut]
        err().print(f"{cut_remark(result)}; raise {option} or narrow the query", style="yellow")


def _describe(args: argparse.Namespace) -> int:
    from dataclasses import asdict

    from api.console import emit
    from ehr.store import open_store, opened
    from sql.catalog import read_catalog
    from sql.macros import DESCENDS_FROM, macros_for

    with opened(open_store(args.store, locked=True)) as store:
        catalog = read_catalog(store)
    relations = list(catalog.readable(args.role).values())
    macros = [DESCENDS_FROM, *macros_for(catalog, args.role)]
    payload = {
        "relations": [asdict(relation) for relation in relations],
        "functions": [
            {"name": macro.name, "forms": [form.signature for form in macro.forms], "comment": macro.comment}
            for macro in macros
        ],
    }
    emit(args, payload, lambda console: _render_description(console, relations, macros))
    return 0


def _render_description(console: "Console", relations: "list[Relation]", macros: "list[Macro]") -> None:
    from api.results import described, described_functions

    for relation in relations:
        console.print(described(relation))
        console.print()
    console.print(described_functions(macros))


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
