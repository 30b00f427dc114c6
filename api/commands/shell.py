"""`ehr shell`: statements and commands one after another, at a prompt or from a pipe."""

import argparse
import sys
from typing import Any

from api.memory import HEADROOM, bounded_memory, size

EPILOG = """examples:
  ehr shell
  ehr shell --role clinician --format records
  ehr shell --format csv < queries.sql > results.csv

At the prompt a statement ends with a semicolon, and .help shows the commands. From a pipe, statements and commands
are read to the end; the exit code is 1 when one of them was refused or failed."""


def register(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add the parser of this module."""
    from api.commands.querying import FORMATS, PRINTED

    parser = commands.add_parser(
        "shell",
        parents=parents,
        help="ask in SQL at a prompt, with history and completion",
        description="Ask in SQL at a prompt that completes tables, columns, functions and codes; the guard is that "
        "of 'ehr sql'.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--role", default="analyst", metavar="ROLE", help="ask as ROLE (default analyst)")
    parser.add_argument("--format", choices=FORMATS, default=PRINTED[0], help="how results are written")
    parser.add_argument(
        "--limit", type=_at_least_one, default=1000, metavar="N", help="at most N rows (default 1000)"
    )
    parser.add_argument(
        "--memory", type=size, default="4GB", metavar="SIZE", help="memory that a query may use (default 4GB)"
    )
    parser.set_defaults(run=run_shell)


def run_shell(args: argparse.Namespace) -> int:
    """Run the shell until it is left, or a pipe is at its end."""
    from api.console import err, out
    from api.shell.session import Session, run_lines
    from ehr.store import open_store, opened, require_subjects
    from sql.catalog import names_for, read_catalog
    from sql.query import Limits

    names_for(args.role)
    store = open_store(args.store, locked=True, memory=f"{args.memory}B")
    with bounded_memory(args.memory + HEADROOM), opened(store):
        require_subjects(store)
        session = Session(
            store=store,
            catalog=read_catalog(store),
            out=out(),
            err=err(),
            role=args.role,
            format="json" if args.json else args.format,
            limits=Limits(args.limit),
        )
        if sys.stdin.isatty():
            from api.shell.terminal import run_terminal

            session.out.print("Ask in SQL; .help shows the commands, .tables what there is to ask.", style="dim")
            run_terminal(session)
            return 0
        run_lines(session, sys.stdin.readlines())
    return 1 if session.failures else 0


def _at_least_one(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value
