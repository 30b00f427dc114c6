"""Printing for people and for programs: rich tables on a terminal, one JSON document with --json."""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

Commands = Any
"""What argparse's add_subparsers returns; its class is private."""


def out() -> Console:
    """Return the console for results; wide enough for tables when it is no terminal."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 120)


def err() -> Console:
    """Return the console for progress and remarks."""
    return Console(stderr=True, highlight=False)


def emit(args: argparse.Namespace, payload: Any, render: Callable[[Console], None]) -> None:
    """Print `payload` as JSON when --json was given, else let `render` print it for a person."""
    if args.json:
        print_json(payload)
    else:
        render(out())


def print_json(payload: Any) -> None:
    """Print one JSON document; dates are ISO 8601, dataclasses and numpy values are understood."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
    sys.stdout.write(orjson.dumps(payload, default=str, option=options).decode() + "\n")


@contextmanager
def progress_bar(description: str) -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar on stderr while the block runs; gives a function (what, done, total) that moves it."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err(), transient=True) as progress:
        task = progress.add_task(description, total=None)

        def move(what: str, done: int, total: int) -> None:
            progress.update(task, description=f"{description} {what}", completed=done, total=total)

        yield move
