"""Bounding the memory of a process that runs queries, and reading sizes such as 4GB."""

import argparse
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

HEADROOM: Final = 2 * 2**30
"""Bytes that a process needs beside the memory of its database."""

_UNITS: Final = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def size(text: str) -> int:
    """Read a size in bytes, as the type of an argument; units are powers of 1024.

    >>> size("4GB"), size("1.5 MiB"), size("300")
    (4294967296, 1572864, 300)
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?\s*", text, re.IGNORECASE)
    value = int(float(found[1]) * _UNITS[found[2].upper()]) if found else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write for example 512MB or 4GB")
    return value


@contextmanager
def bounded_memory(wanted: int) -> Iterator[None]:
    """Bound the memory of this process to `wanted` bytes, where the system can.

    DuckDB's own limit does not hold for one very long string or list; with this bound it fails like any other query.
    """
    try:
        import resource
    except ImportError:
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_DATA)
    limits = [limit for limit in (wanted, *before) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min(limits), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)
