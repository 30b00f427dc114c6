"""Reading files of FHIR: Bundles, single resources and NDJSON, plain or gzipped, one item per resource.

JSON is parsed strictly: NaN, numbers beyond a double, bytes that are not UTF-8 and a key that stands twice in one
object are refused, never guessed at.
"""

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import orjson

from ehr.errors import SourceError
from ehr.importers.fhir_fields import R4_TYPES
from ehr.importers.fhir_values import Json, Scope, id_in_url

SUFFIXES: Final = (".json", ".ndjson", ".jsonl")
MAX_DOCUMENT: Final = 1 << 30
"""Bytes of a Bundle, or of a line, beyond which it is not read: such data come as NDJSON."""
MAX_BUNDLE_DEPTH: Final = 8
READ_FIRST: Final = ("Patient", "Medication", "Encounter")
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class Broken(Exception):
    """A whole file cannot be read; the text says why, `excerpt` where."""

    def __init__(self, reason: str, excerpt: str | None = None) -> None:
        super().__init__(reason)
        self.excerpt = excerpt


@dataclass(frozen=True, slots=True)
class Item:
    """One resource as it was found: at which line or entry, what it is, and what its references may point at.

    `problem` says why it cannot be read at all; `action` is what the Bundle asks to do with it (POST, DELETE, ...).
    """

    line: int
    resource: Any
    scope: Scope
    full_url: str | None = None
    raw: bytes | None = None
    problem: str | None = None
    action: str | None = None


def fhir_files(path: Path) -> list[Path]:
    """Return the FHIR files at a path: itself, or what its folders hold; patients first.

    Raises SourceError when there is nothing to read.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise SourceError(
            f"there is no file or folder at {path}; give a FHIR Bundle, an NDJSON file or a folder of them"
        )
    found = [
        file
        for file in path.rglob("*")
        if _plain_name(file).endswith(SUFFIXES)
        and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
    ]
    if not found:
        raise SourceError(f"{path} holds no FHIR file; they end in .json, .ndjson or .jsonl, with or without .gz")
    return sorted(found, key=lambda file: (_rank(file), file.as_posix()))


def _plain_name(path: Path) -> str:
    return path.name.lower().removesuffix(".gz")


def _rank(path: Path) -> int:
    """Return where a file comes: those named after a type that others refer to come first."""
    kind = path.name.split(".", 1)[0]
    return READ_FIRST.index(kind) if kind in READ_FIRST else len(READ_FIRST)


def read_items(path: Path, remarks: list[str]) -> Iterator[Item]:
    """Yield the resources of a file; what is to be known about the whole file goes to `remarks`.

    Raises Broken when the file cannot be read to its end.
    """
    try:
        with path.open("rb") as packed:
            is_packed = packed.read(2) == b"\x1f\x8b"
            packed.seek(0)
            plain: IO[bytes] = gzip.open(packed) if is_packed else packed
            yield from _items_of_stream(plain, is_document=_plain_name(path).endswith(".json"), remarks=remarks)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise Broken(f"the gzip data are damaged or end too early ({type(error).__name__})") from error
    except OSError as error:
        raise Broken(f"the file cannot be read: {error.strerror or type(error).__name__}") from error


def _items_of_stream(stream: IO[bytes], *, is_document: bool, remarks: list[str]) -> Iterator[Item]:
    """Yield items; content decides where it does not fit the name of the file."""
    if not is_document:
        start, is_document = _begins_document(stream)
    else:
        start = b""
    if not is_document:
        yield from _items_of_lines(start, stream)
        return
    data = _strip_mark(start + stream.read(MAX_DOCUMENT + 1))
    if len(data) > MAX_DOCUMENT:
        raise Broken(f"the document is larger than {MAX_DOCUMENT >> 20} MiB: bring it as NDJSON")
    if not data.strip():
        return
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        if not _is_lines(data):
            raise Broken(*_json_problem(data, error)) from error
        yield from _items_of_lines(b"", io.BytesIO(data))
        return
    yield from _items_of_document(document, data, remarks)


def _begins_document(stream: IO[bytes]) -> tuple[bytes, bool]:
    """Return what was read so far, and whether it is one document over several lines."""
    start = b""
    for line in iter(lambda: stream.readline(MAX_DOCUMENT), b""):
        start += line
        first = _strip_mark(start).strip()
        if first and (not first.startswith(b"{") or _is_json(first)):
            return start, False
        if first:
            start += stream.read(MAX_DOCUMENT) + stream.readline(MAX_DOCUMENT)
            return start, _is_json(_strip_mark(start))
    return start, False


def _is_json(data: bytes) -> bool:
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return True


def _is_lines(data: bytes) -> bool:
    """Say whether the first line is a JSON document of its own and more lines follow."""
    first, _, rest = data.lstrip().partition(b"\n")
    return _is_json(first) and bool(rest.strip())


def _items_of_lines(start: bytes, stream: IO[bytes]) -> Iterator[Item]:
    """Yield an item per line that is not blank, and the entries of a Bundle that fills a line."""
    number = 0
    head = io.BytesIO(_strip_mark(start))
    for part in (head, stream):
        for raw in iter(lambda part=part: part.readline(MAX_DOCUMENT + 1), b""):  # type: ignore[misc]
            number += 1
            line = (_strip_mark(raw) if number == 1 else raw).strip()
            if line:
                yield from items_of_line(number, line)


def items_of_line(number: int, line: bytes) -> Iterator[Item]:
    """Yield the resource of a line, or the entries of a Bundle that fills it."""
    scope = Scope()
    problem: str | None
    if len(line) > MAX_DOCUMENT:
        raise Broken(f"line {number} is larger than {MAX_DOCUMENT >> 20} MiB")
    try:
        resource = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        problem, excerpt = _json_problem(line, error)
        yield Item(number, None, scope, raw=excerpt.encode(), problem=problem)
        return
    problem = _problem_of_keys(line, resource)
    if problem:
        yield Item(number, None, scope, raw=line, problem=problem)
    elif type(resource) is dict and resource.get("resourceType") == "Bundle":
        yield from items_of_bundle(resource, [], line=number)
    else:
        yield Item(number, resource, scope, raw=line)


def _items_of_document(document: Any, data: bytes, remarks: list[str]) -> Iterator[Item]:
    """Yield the entries of a Bundle, or the one resource of a file."""
    if type(document) is not dict:
        raise Broken("the file is JSON but no FHIR resource", _excerpt(data))
    if "resourceType" not in document and "transactionTime" in document and "output" in document:
        remarks.append("the manifest of a bulk export: nothing to import")
        return
    repeated = _repeated_entries(data, document)
    if document.get("resourceType") != "Bundle":
        problem = "the same key twice in one object" if repeated else None
        yield Item(1, document, Scope(), raw=data, problem=problem)
        return
    if "entry" in document and type(document["entry"]) is not list:
        raise Broken("wrong JSON type: Bundle.entry is not a list")
    yield from items_of_bundle(document, remarks, repeated=repeated)


# Bundles ---------------------------------------------------------------------------------------------------------


def items_of_bundle(
    bundle: Json,
    remarks: list[str],
    *,
    line: int | None = None,
    depth: int = 0,
    repeated: frozenset[int] = frozenset(),
) -> Iterator[Item]:
    """Yield the entries of a Bundle, those of Bundles within it too; `line` replaces the number of the entry."""
    entries = bundle.get("entry")
    scope = Scope()
    if entries is None:
        entries = []
    if type(entries) is not list:
        yield Item(line or 1, None, scope, problem="wrong JSON type: Bundle.entry is not a list")
        return
    _remark_on_bundle(bundle, entries, remarks)
    for entry in entries:
        _learn_url(entry, scope)
    for number, entry in enumerate(entries, 1):
        at = line or number
        if number in repeated:
            yield Item(at, None, scope, raw=written(entry), problem="the same key twice in one object")
            continue
        yield from _items_of_entry(at, entry, scope, remarks, depth)


def _items_of_entry(at: int, entry: object, scope: Scope, remarks: list[str], depth: int) -> Iterator[Item]:
    if type(entry) is not dict:
        yield Item(at, None, scope, raw=written(entry), problem="the entry is not an object")
        return
    request = entry.get("request")
    action = request.get("method") if type(request) is dict else None
    resource = entry.get("resource")
    full_url = entry.get("fullUrl") if type(entry.get("fullUrl")) is str else None
    if resource is None:
        is_answer = type(entry.get("response")) is dict or action in {"GET", "HEAD"}
        problem = None if action == "DELETE" or is_answer else "the entry has no resource"
        yield Item(at, None, scope, full_url, written(entry), problem, action or "response")
    elif type(resource) is dict and resource.get("resourceType") == "Bundle":
        if depth >= MAX_BUNDLE_DEPTH:
            yield Item(at, None, scope, full_url, problem="Bundles within Bundles too deeply")
        else:
            yield from items_of_bundle(resource, remarks, line=at, depth=depth + 1)
    else:
        yield Item(at, resource, scope, full_url, action=action)


def _learn_url(entry: object, scope: Scope) -> None:
    """Let the fullUrl of an entry stand for its resource."""
    if type(entry) is not dict:
        return
    full_url, resource = entry.get("fullUrl"), entry.get("resource")
    if type(full_url) is not str or type(resource) is not dict:
        return
    type_name, name = resource.get("resourceType"), resource.get("id", id_in_url(full_url))
    if type_name in R4_TYPES and type(name) is str:
        scope.add(full_url, f"{type_name}/{name}")


def _remark_on_bundle(bundle: Json, entries: list[Any], remarks: list[str]) -> None:
    """Say that a Bundle is empty, or is one page of a longer search result."""
    if not entries:
        remarks.append("the Bundle has no entry")
    if bundle.get("type") != "searchset":
        return
    links = bundle.get("link")
    has_next = type(links) is list and any(type(one) is dict and one.get("relation") == "next" for one in links)
    total = bundle.get("total")
    matches = sum(1 for one in entries if type(one) is dict and _search_mode(one) == "match")
    if has_next or (type(total) is int and total > matches):
        of_total = f" of {total}" if type(total) is int else ""
        more = ", and a link to the next page, which is not followed" if has_next else ""
        remarks.append(f"the search result is incomplete: {matches}{of_total} matches are here{more}")


def _search_mode(entry: Json) -> object:
    search = entry.get("search")
    return search.get("mode", "match") if type(search) is dict else "match"


# Problems --------------------------------------------------------------------------------------------------------


def _strip_mark(data: bytes) -> bytes:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Broken("not UTF-8: the file begins with a mark of UTF-16")
    return data.removeprefix(BYTE_ORDER_MARK)


def _json_problem(data: bytes, error: orjson.JSONDecodeError) -> tuple[str, str]:
    """Return why and where `data` is no JSON, and the bytes around that place."""
    if "UTF-8" in error.msg:
        at = _first_bad_byte(data)
        return f"not UTF-8 at byte {at + 1}", _excerpt(data[max(0, at - 40) :])
    at = len(error.doc[: error.pos].encode())
    around = _excerpt(data[max(0, at - 40) : at + 60])
    if not data[at:].strip():
        return f"JSON ends too early, at byte {at}", around
    if data[at:].startswith((b"NaN", b"Infinity")):
        return f"NaN and Infinity are not JSON, at byte {at + 1}", around
    if "infinity" in error.msg:
        return f"a number is too large for JSON readers, at byte {at + 1}", around
    return f"not JSON: {error.msg.split(': line')[0]}, at byte {at + 1}", around


def written(value: Any) -> bytes:
    """Return a value as JSON, nothing when it is nested more deeply than orjson writes (254 levels)."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return b""


def _first_bad_byte(data: bytes) -> int:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return error.start
    return 0


def _excerpt(data: bytes) -> str:
    return data[:200].decode(errors="replace")


class _Repeated(dict[str, Any]):
    """An object that had a key twice, or holds one that had."""


def _mark_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    return _Repeated(plain) if len(plain) < len(pairs) else plain


def _has_repeated_key(data: bytes, parsed: Any) -> bool:
    """Say whether some object in `data` has a key twice, where orjson lets the last value win in silence.

    Written out again, what was parsed has fewer quotation marks then; only where the numbers differ (they also do
    for an escaped quotation mark) the slower parser of Python looks for the object.
    """
    if data.count(b'"') == written(parsed).count(b'"'):
        return False
    return _holds_repeated(_parse_marking(data))


def _problem_of_keys(line: bytes, parsed: Any) -> str | None:
    try:
        return "the same key twice in one object" if _has_repeated_key(line, parsed) else None
    except Broken as broken:
        return str(broken)


def _repeated_entries(data: bytes, document: Json) -> frozenset[int]:
    """Return the entries (from 1) of a Bundle with a repeated key, {0} for one in a file that is no Bundle.

    Raises Broken when the key stands twice outside the entries.
    """
    if data.count(b'"') == written(document).count(b'"'):
        return frozenset()
    marked = _parse_marking(data)
    if document.get("resourceType") != "Bundle":
        return frozenset({0}) if _holds_repeated(marked) else frozenset()
    entries = marked.get("entry")
    outside = {name: value for name, value in marked.items() if name != "entry"}
    if isinstance(marked, _Repeated) or _holds_repeated(outside) or type(entries) is not list:
        raise Broken("the same key twice in one object of the Bundle, outside its entries")
    return frozenset(number for number, entry in enumerate(entries, 1) if _holds_repeated(entry))


def _parse_marking(data: bytes) -> Any:
    try:
        return json.loads(data, object_pairs_hook=_mark_repeated)
    except RecursionError as error:
        raise Broken("the JSON is nested too deeply") from error


def _holds_repeated(value: Any) -> bool:
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, _Repeated):
            return True
        if isinstance(one, dict):
            pending.extend(one.values())
        elif isinstance(one, list):
            pending.extend(one)
    return False
