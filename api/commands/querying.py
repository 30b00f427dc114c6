"""`ehr sql`: one SELECT over the store, through the guard."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rich.console import Console

    from sql.catalog import Relation
    from sql.query import Result

MEMORY_GB: Final = 4
HEADROOM_GB: Final = 2
FORMATS: Final = ("table", "csv", "json", "arrow", "parquet")

EPILOG: Final = """examples:
  ehr sql "SELECT count(*) FROM patient WHERE sex = 'female'"
  ehr sql "SELECT code, n_subjects FROM code ORDER BY n_subjects DESC LIMIT 10" --format csv
  ehr sql --describe
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
    parser.add_argument("--describe", action="store_true", help="show the tables, columns and what they mean")
    parser.set_defaults(run=run_sql, fail=parser.error)


def run_sql(args: argparse.Namespace) -> int:
    """Run one guarded query, or describe what can be asked."""
    if args.describe == (args.query is not None):
        args.fail("give a query, or --describe")
    if args.describe:
        return _describe(args)
    from api.results import format_of

    name = format_of(args.format, args.json, args.out)
    if name == "table" and args.out is not None:
        args.fail(f"--out needs a --format of {', '.join(FORMATS[1:])}")

    from ehr.audit import audited
    from ehr.store import open_store, opened, require_subjects
    from sql.query import Limits, run_query

    query = sys.stdin.read() if args.query == "-" else args.query
    with _bounded_memory(), opened(open_store(args.store, locked=True, memory=f"{MEMORY_GB}GB")) as store:
        require_subjects(store)
        with audited(store, "sql", query, role=args.role) as entry:
            result = run_query(store, query, role=args.role, limits=Limits(args.limit, args.timeout))
            entry.rows = result.table.num_rows
    _print_result(args, result, name)
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
    if result.truncated:
        err().print(
            f"only the first {args.limit:,} rows are shown; raise --limit or narrow the query", style="yellow"
        )


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


@contextmanager
def _bounded_memory() -> Iterator[None]:
    """Bound the memory of this process: DuckDB's own limit does not hold for one very long string or list."""
    try:
        import resource
    except ImportError:
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = (MEMORY_GB + HEADROOM_GB) << 30
    limits = [limit for limit in (wanted, *before) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min(limits), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


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
