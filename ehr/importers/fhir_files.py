"""Finding and opening files of FHIR: small ones are read whole, once for hash and content; large ones stream."""

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from ehr.errors import SourceError

SUFFIXES: Final = (".json", ".ndjson", ".jsonl")
READ_FIRST: Final = ("Patient", "Medication", "Encounter")
READ_WHOLE: Final = 32 << 20
"""Bytes of a file, as it lies on the disk, up to which it is read whole."""
UNPACKED_WHOLE: Final = 256 << 20
GZIP: Final = b"\x1f\x8b"

Stream = io.BytesIO | io.BufferedReader | gzip.GzipFile


class Broken(Exception):
    """A whole file cannot be read; the text says why, `excerpt` where."""

    def __init__(self, reason: str, excerpt: str | None = None) -> None:
        super().__init__(reason)
        self.excerpt = excerpt


class Found(NamedTuple):
    """A file to import; hash and content are None for one that is to be streamed."""

    path: Path
    size: int
    sha256: str | None
    content: bytes | None


def fhir_files(path: Path) -> list[Path]:
    """Return the FHIR files at a path: itself, or what its folders hold; patients first.

    Raises SourceError when there is nothing to read.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise SourceError(f"there is no file or folder at {path}; give a FHIR Bundle, an NDJSON file or their folder")
    found = [
        file
        for file in path.rglob("*")
        if plain_name(file).endswith(SUFFIXES)
        and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
    ]
    if not found:
        raise SourceError(f"{path} holds no FHIR file; they end in .json, .ndjson or .jsonl, with or without .gz")
    return sorted(found, key=lambda file: (_rank(file), file.as_posix()))


def plain_name(path: Path) -> str:
    """Return the name of a file in lower case, without the ending of gzip."""
    return path.name.lower().removesuffix(".gz")


def _rank(path: Path) -> int:
    """Return where a file comes: those named after a type that others refer to come first."""
    kind = path.name.split(".", 1)[0]
    return READ_FIRST.index(kind) if kind in READ_FIRST else len(READ_FIRST)


def read_file(path: Path) -> Found:
    """Read a small file; what is large, or cannot be read, is left to `opened`, which says why."""
    try:
        size = path.stat().st_size
        if size > READ_WHOLE:
            return Found(path, size, None, None)
        packed = path.read_bytes()
    except OSError:
        return Found(path, 0, None, None)
    content = _unpacked(packed) if packed.startswith(GZIP) else packed
    return Found(path, size, hashlib.sha256(packed).hexdigest(), content)


def _unpacked(packed: bytes) -> bytes | None:
    """Return the content of a gzip file, None when it is damaged or large."""
    parts = []
    try:
        while packed:
            member = zlib.decompressobj(wbits=31)
            parts.append(member.decompress(packed, UNPACKED_WHOLE))
            if not member.eof:
                return None
            packed = member.unused_data
    except zlib.error:
        return None
    return parts[0] if len(parts) == 1 else b"".join(parts)


@contextmanager
def opened(found: Found) -> Iterator[Stream]:
    """Give the content of a file as a stream; raises Broken when it cannot be read to its end."""
    try:
        if found.content is not None:
            yield io.BytesIO(found.content)
            return
        with found.path.open("rb") as packed:
            is_packed = packed.read(2) == GZIP
            packed.seek(0)
            if is_packed:
                with gzip.GzipFile(fileobj=packed) as plain:
                    yield plain
            else:
                yield packed
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise Broken(f"the gzip data are damaged or end too early ({type(error).__name__})") from error
    except OSError as error:
        raise Broken(f"the file cannot be read: {error.strerror or type(error).__name__}") from error
