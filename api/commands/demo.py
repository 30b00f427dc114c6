"""`ehr demo`: the whole story on made data."""

import argparse
from pathlib import Path
from typing import Any


def register(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add the parser of this module."""
    demo = commands.add_parser(
        "demo",
        parents=parents,
        help="the whole story on made data, in minutes",
        description="Make patients, import them, look, ask, train, evaluate and serve: each step is the command that "
        "a person would type. Nothing but DIR is touched.",
    )
    demo.add_argument("--dir", type=Path, default=Path("demo"), help="folder for the demo (default ./demo)")
    demo.add_argument("--quick", action="store_true", help="fewer patients and a tiny model: a check, not a story")
    demo.set_defaults(run=run_demo)


def run_demo(args: argparse.Namespace) -> int:
    """Tell the story in a fresh folder; one that an earlier demo made is replaced."""
    from api.console import out
    from api.story import QUICK, Scale, clear_folder, tell

    clear_folder(args.dir)
    tell(args.dir, QUICK if args.quick else Scale(), out())
    return 0
