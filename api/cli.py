"""The command `ehr`: finds the command asked for, runs it, and turns errors into one sentence and an exit code."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Final

from ehr.errors import EhrError

COMMANDS: Final[tuple[str, ...]] = (
    "demo",
    "simulating",
    "importing",
    "exporting",
    "look",
    "checking",
    "keeping",
    "querying",
    "shell",
    "viewing",
    "cohort",
    "describing",
    "asking",
    "scoring",
    "auditing",
    "tokenizing",
    "training",
    "evaluating",
    "cards",
    "serving",
)
"""Modules of api.commands in the order of `ehr --help`; each has `register(commands, parents)`."""

PAIRS: Final = frozenset({("cohort", "describe"), ("cohort", "compare")})
"""Commands of two words whose first word is a command too."""

DESCRIPTION: Final = "Hospital records as patient timelines: ask them in SQL, as a task or in English; foresee risks."
EPILOG: Final = (
    "Begin with 'ehr demo', which runs the whole story on made data. "
    "Exit code: 0 done, 1 refused or failed with a message, 2 wrong usage, 130 interrupted."
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    args = build_parser().parse_args(_with_pairs(sys.argv[1:] if argv is None else argv))
    try:
        return int(args.run(args) or 0)
    except EhrError as error:
        print(f"ehr: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _interrupted()
    except RuntimeError as error:
        # DuckDB meets Ctrl-C in a query with an error of its own.
        if str(error) != "Query interrupted":
            raise
        return _interrupted()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _with_pairs(argv: Sequence[str]) -> list[str]:
    """Join the two words of a command such as `cohort describe`, of which the first is a command of its own too."""
    words = list(argv)
    for place, pair in enumerate(pairwise(words)):
        if pair in PAIRS:
            return [*words[:place], " ".join(pair), *words[place + 2 :]]
    return words


def _interrupted() -> int:
    print("ehr: interrupted; run the same command again to go on", file=sys.stderr)
    return 130


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of all commands."""
    parser = argparse.ArgumentParser(prog="ehr", description=DESCRIPTION, epilog=EPILOG)
    _add_common(parser, is_root=True)
    common = argparse.ArgumentParser(add_help=False)
    _add_common(common, is_root=False)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in COMMANDS:
        import_module(f"api.commands.{name}").register(commands, [common])
    return parser


def _add_common(parser: argparse.ArgumentParser, *, is_root: bool) -> None:
    """Add the options that may stand before or after the command; after it they have no default of their own."""
    default_store = Path(os.environ.get("ANAMNESIS_STORE", "store"))
    parser.add_argument(
        "--store",
        type=Path,
        metavar="DIR",
        default=default_store if is_root else argparse.SUPPRESS,
        help="folder of the store (default: $ANAMNESIS_STORE, else ./store)",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        default=False if is_root else argparse.SUPPRESS,
        help="print the result as JSON",
    )


if __name__ == "__main__":
    sys.exit(main())
