"""Finding and opening files of FHIR: small ones are read whole, once for hash and content; large ones stream."""

import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from ehr.errors import SourceError
from ehr.importers.fhir_fields import R4_TYPES
from ehr.importers.fhir_manifest import manifest_at
from ehr.reasons import Reason

SUFFIXES: Final = (".json", ".ndjson", ".jsonl")
READ_FIRST: Final = ("Patient", "Medication", "Device", "Encounter", "EpisodeOfCare")
"""Types that others refer to: the files named after them come first, in this order."""
READ_WHOLE: Final = 8 << 20
"""Bytes of a file, as it lies on the disk, up to which it is read whole; the lines of a larger one stream."""
UNPACKED_WHOLE: Final = 64 << 20
"""Bytes up to which a gzip file is unpacked whole."""
GZIP: Final = b"\x1f\x8b"

Stream = io.BytesIO | io.BufferedReader | gzip.GzipFile


class Broken(Exception):
    """A whole file cannot be read; the text says why, `excerpt` where, `code` is the kind of reason."""

    def __init__(self, reason: str, excerpt: str | None = None, code: Reason = Reason.BROKEN_FILE) -> None:
        super().__init__(reason)
        self.excerpt = excerpt
        self.code = code


class Found(NamedTuple):
    """A file to import; hash and content are None for one that is to be streamed."""

    path: Path
    size: int
    sha256: str | None
    content: bytes | None


class Listed(NamedTuple):
    """A file to be read; `as_of` is the time of the bulk export that it belongs to, as its manifest writes it."""

    path: Path
    as_of: str | None = None


def fhir_files(path: Path) -> list[Listed]:
    """Return the FHIR files at a path: itself, or what its folders hold; patients first.

    A manifest of a bulk export adds the files that it names and that lie beside it, and tells the time of the export.
    Raises SourceError when there is nothing to read.
    """
    if path.is_file():
        found = {path}
    elif path.is_dir():
        found = {file for file in path.rglob("*") if _is_fhir(file, path)}
    else:
        raise SourceError(f"there is no file or folder at {path}; give a FHIR Bundle, an NDJSON file or their folder")
    times: dict[Path, str | None] = {}
    for manifest in filter(None, map(manifest_at, sorted(found))):
        times |= dict.fromkeys(manifest.present, manifest.as_of)
    if not found:
        raise SourceError(f"{path} holds no FHIR file; they end in .json, .ndjson or .jsonl, with or without .gz")
    listed = [Listed(file, times.get(file)) for file in found | times.keys()]
    return sorted(listed, key=lambda file: (_rank(file.path), file.path.as_posix()))


def _is_fhir(file: Path, folder: Path) -> bool:
    is_hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
    return plain_name(file).endswith(SUFFIXES) and not is_hidden and file.is_file()


def plain_name(path: Path) -> str:
    """Return the name of a file in lower case, without the ending of gzip."""
    return path.name.lower().removesuffix(".gz")


def type_in_name(path: Path) -> str | None:
    """Return the type of resource that a file is named after, as those of bulk exports are.

    >>> [type_in_name(Path(name)) for name in ("Patient.ndjson", "2.Observation-0001.ndjson.gz", "ward7.json")]
    ['Patient', 'Observation', None]
    """
    if plain_name(path).endswith(".json"):
        return None
    return next((word for word in re.split(r"[^A-Za-z]+", path.name) if word in R4_TYPES), None)


def _rank(path: Path) -> int:
    """Return where a file comes: those named after a type that others refer to come first."""
    kind = type_in_name(path)
    return READ_FIRST.index(kind) if kind in READ_FIRST else len(READ_FIRST)


def read_file(path: Path) -> Found:
    """Read a small file; what is large, or cannot be read, is left to `opened`, which says why.

    A large file is read twice: for its hash, and line by line.
    """
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
