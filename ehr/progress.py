"""How long work tells what it has done, without knowing who listens."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is (bytes of the files)."""


def silent(_what: str, _done: int, _total: int) -> None:
    """Show no progress."""
