"""`ehr view`: SQL on FHIR's ViewDefinitions over FHIR files, without a store."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rich.console import Console

    from sql.views.rows import Compiled
    from sql.views.run import Rows

FORMATS: Final = ("table", "csv", "json", "arrow", "parquet")

EPILOG: Final = """examples:
  ehr view run patients.json --from Patient.ndjson.gz
  ehr view run blood_pressure.json --from bundles/ --format parquet --out blood_pressure.parquet
  ehr view check patients.json --explain"""


def register(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add the parsers of this module."""
    parser = commands.add_parser(
        "view",
        help="tables from FHIR files, by SQL on FHIR's ViewDefinitions",
        description="Run ViewDefinitions of SQL on FHIR v2 on FHIR files. No store is needed.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    run = actions.add_parser("run", parents=parents, help="make the rows of a view")
    run.add_argument("view", type=Path, metavar="VIEWDEFINITION", help="a ViewDefinition as JSON")
    run.add_argument(
        "--from",
        dest="sources",
        type=Path,
        nargs="+",
        action="extend",
        required=True,
        metavar="FHIR",
        help="resources, Bundles or NDJSON, plain or .gz, or folders of them",
    )
    run.add_argument("--format", choices=FORMATS, help="default: the ending of --out, else table")
    run.add_argument("--out", type=Path, metavar="FILE", help="write the rows to FILE")
    run.set_defaults(run=run_view, fail=run.error)
    check = actions.add_parser("check", parents=parents, help="check a view and show its columns")
    check.add_argument("view", type=Path, metavar="VIEWDEFINITION", help="a ViewDefinition as JSON")
    check.add_argument("--explain", action="store_true", help="show the SQL that it compiles to as well")
    check.set_defaults(run=check_view)


def run_view(args: argparse.Namespace) -> int:
    """Run one view and print or write its rows."""
    from api.results import format_of

    name = format_of(args.format, args.json, args.out)
    if name == "table" and args.out is not None:
        args.fail(f"--out needs a --format of {', '.join(FORMATS[1:])}")

    from sql.views import run

    rows = run.run_view(run.load_view(args.view), args.sources)
    if name == "json":
        _write_json(rows, args.out)
        return 0
    from api.console import out
    from api.results import rendered, write_result

    table = rows.plain_table()
    if name == "table":
        console = out()
        console.print(rendered(table))
        console.print(f"{table.num_rows:,} row{'s' * (table.num_rows != 1)}", style="dim")
    else:
        write_result(table, name, args.out)
    return 0


def check_view(args: argparse.Namespace) -> int:
    """Read and compile a view, and show its columns."""
    from dataclasses import asdict

    from api.console import emit
    from sql.views.rows import compile_view
    from sql.views.run import load_view

    view = load_view(args.view)
    compiled = compile_view(view)
    payload = {
        "resource": view.resource,
        "name": view.name,
        "columns": [asdict(column) for column in compiled.columns],
        **({"sql": compiled.sql} if args.explain else {}),
    }
    emit(args, payload, lambda console: _render(console, compiled, with_sql=args.explain))
    return 0


def _write_json(rows: "Rows", path: Path | None) -> None:
    """Write the rows as a JSON array of objects; what is JSON in them is not quoted again."""
    from api.console import print_json
    from api.results import write_json

    if path is None:
        print_json(rows.records())
    else:
        write_json(rows.records(), path)


def _render(console: "Console", compiled: "Compiled", *, with_sql: bool) -> None:
    from rich.table import Table

    table = Table("column", "FHIR type", "SQL type", "description", header_style="bold")
    for column in compiled.columns:
        sql_type = "JSON" if column.is_json else column.sql_type
        table.add_row(column.name, column.type or "not known", sql_type.lower(), column.description or "")
    console.print(table)
    if with_sql:
        console.print(compiled.sql, markup=False, soft_wrap=True)
