"""The manifest of a FHIR bulk export: which files belong to it, and from when it is.

Bulk Data Access IG 2.0, "Response - Complete Status": `output` and `error` name NDJSON files, `deleted` files of
transaction Bundles whose entries delete; `transactionTime` is the time of the export.
"""

import gzip
import re
import zlib
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from ehr.importers.fhir_json import parse
from ehr.importers.fhir_values import Refused
from ehr.reasons import Reason

LARGEST: Final = 16 << 20
"""Bytes up to which a file may be a manifest."""
LISTS: Final = ("output", "deleted", "error")

_RESOURCE: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{\s*\"resourceType\"")


class Manifest(NamedTuple):
    """What a manifest names: the files that lie beside it, and how many do not."""

    as_of: str | None
    present: tuple[Path, ...]
    missing: int
    has_next: bool

    @property
    def remarks(self) -> list[tuple[Reason, str]]:
        """What is to be known about the export: kind and sentence."""
        total = len(self.present) + self.missing
        found = [(Reason.NOTE, f"the manifest of a bulk export of {total} files")]
        if self.missing:
            named = f"{self.missing} of {total} files that its manifest names are not beside it"
            reason = f"the bulk export is incomplete: {named}"
            found.append((Reason.INCOMPLETE, reason))
        if self.has_next:
            reason = "the bulk export is incomplete: its manifest links to a next one, which is not followed"
            found.append((Reason.INCOMPLETE, reason))
        return found


def is_manifest(document: object) -> bool:
    """Say whether a JSON document is the manifest of a bulk export."""
    if type(document) is not dict or "resourceType" in document:
        return False
    return "transactionTime" in document and "output" in document


def manifest_at(path: Path) -> Manifest | None:
    """Return the manifest that a file is, None for any other file, also for one that cannot be read."""
    try:
        if not path.name.lower().endswith((".json", ".json.gz")) or path.stat().st_size > LARGEST:
            return None
        with path.open("rb") as file:
            start = file.read(4096)
            is_packed = start.startswith(b"\x1f\x8b")
            if _RESOURCE.match(zlib.decompressobj(wbits=31).decompress(start) if is_packed else start):
                return None
            data = start + file.read()
        document = parse(gzip.decompress(data) if is_packed else data)
    except (OSError, EOFError, zlib.error, Refused):  # the import of the file says why
        return None
    return read_manifest(document, path) if is_manifest(document) else None


def read_manifest(document: dict[str, Any], path: Path) -> Manifest:
    """Read a manifest that lies at `path`: files are found by the last part of their URL, nowhere but beside it."""
    present: dict[Path, None] = {}
    missing = 0
    for url in _urls(document):
        name = unquote(re.split(r"[?#]", url)[0].rsplit("/", 1)[-1])
        places = [path.parent / name, path.parent / f"{name}.gz"] if "/" not in name and name.strip(".") else []
        there = next((place for place in places if place.is_file() and place != path), None)
        if there is None:
            missing += 1
        else:
            present[there] = None
    has_next = any(one.get("relation") == "next" for one in _objects(document.get("link")))
    as_of = document["transactionTime"]
    return Manifest(as_of if type(as_of) is str else None, tuple(present), missing, has_next)


def _urls(document: dict[str, Any]) -> list[str]:
    listed = [one for name in LISTS for one in _objects(document.get(name))]
    return [one["url"] for one in listed if type(one.get("url")) is str]


def _objects(value: object) -> list[dict[str, Any]]:
    return [one for one in value if type(one) is dict] if type(value) is list else []
