"""Writing a folder that is there only when it is whole."""

import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from ehr.errors import ExportError


@contextmanager
def new_folder(out: Path, entries: Collection[str], *, force: bool = False) -> Iterator[Path]:
    """Give an empty folder to write to, which becomes `out` at the end of the block, or goes when that fails.

    The folder is `out` with `.partial` at its end. `entries` are the names that an export has at its top: with
    `force` a folder at `out` that holds nothing else is replaced. Raises ExportError for any other that is not empty.
    """
    out = out.resolve()
    _check(out, entries, force=force)
    partial = out.with_name(f"{out.name}.partial")
    for leftover in (partial, _replaced(out)):
        _check(leftover, entries, force=True)
    _remove(partial)
    try:
        partial.mkdir(parents=True)
    except OSError as error:
        raise ExportError(
            f"{partial} cannot be made: {error.strerror}; name a folder that you may write to"
        ) from error
    try:
        yield partial
        _put_in_place(partial, out)
    except BaseException:
        _remove(partial)
        raise


def _check(folder: Path, entries: Collection[str], *, force: bool) -> None:
    """Raise ExportError when something lies at `folder` that must not be replaced."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ExportError(f"{folder} is no folder; name a new or an empty one")
    found = sorted(entry.name for entry in folder.iterdir())
    foreign = [name for name in found if name not in entries]
    if found and not force:
        raise ExportError(f"{folder} is not empty; name a new folder, or replace an earlier export with --force")
    if foreign:
        raise ExportError(f"{folder} holds {foreign[0]}, which is no part of an export; name another folder")


def _put_in_place(partial: Path, out: Path) -> None:
    """Move the finished folder to `out`; an earlier one is removed only when the new one is there."""
    if out.exists() and any(out.iterdir()):
        _remove(_replaced(out))
        out.rename(_replaced(out))
    partial.replace(out)
    _remove(_replaced(out))


def _replaced(out: Path) -> Path:
    return out.with_name(f"{out.name}.replaced")


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
