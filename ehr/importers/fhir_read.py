"""Reading files of FHIR: Bundles, single resources and NDJSON, plain or gzipped, one item per resource.

A file is cut into parts that can be read one by one, also in other processes: a block of lines, or a document.
A Bundle is cut into its resources without building them (msgspec), so that types that are not imported cost next to
nothing; what is imported is then parsed strictly (orjson): NaN, numbers beyond a double, bytes that are not UTF-8 and
a key that stands twice in one object are refused, never guessed at.
"""

import io
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from ehr.importers.fhir_bundle import NO_STAMP, Bundle, Entry, Stamp, split_bundle
from ehr.importers.fhir_fields import R4_TYPES
from ehr.importers.fhir_files import Broken, Found, Stream, opened, plain_name
from ehr.importers.fhir_json import is_json, parse
from ehr.importers.fhir_manifest import is_manifest, read_manifest
from ehr.importers.fhir_values import NO_BUNDLE, Refused, Scope, id_in_url
from ehr.reasons import Reason

MAX_DOCUMENT: Final = 1 << 30
"""Bytes of a Bundle, or of a line, beyond which it is not read: such data come as NDJSON."""
MAX_BUNDLE_DEPTH: Final = 8
BLOCK: Final = 1 << 20
"""Bytes of lines that are read at a time."""
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

_HEAD: Final = re.compile(rb'\s*\{\s*"resourceType"\s*:\s*"(\w+)"(?:\s*,\s*"id"\s*:\s*"([^"\\]+)")?', re.ASCII)
_BEGIN: Final = re.compile(rb"\s*\{")
_WITHOUT_RESOURCE: Final = frozenset({"DELETE", "PATCH", "GET", "HEAD"})
_TYPES: Final = {name.encode(): name for name in R4_TYPES if name != "Bundle"}


class Item(NamedTuple):
    """One resource as it was found: its line or entry from 1, its type, its JSON, and what it may refer to.

    `fault` says why it cannot be read at all; `action` is what the Bundle asks to do with it (POST, DELETE, ...),
    or "response" for an entry that needs no resource. `is_whole` says that the JSON was seen to end as it should.
    A deletion has no JSON but a `target`, such as `Observation/x1`; `stamp` is the version that the entry tells.
    """

    line: int
    type_name: str | None
    raw: bytes
    scope: Scope
    full_url: str | None = None
    fault: Refused | None = None
    action: str | None = None
    is_whole: bool = False
    target: str | None = None
    stamp: Stamp = NO_STAMP


Remark = tuple[Reason, str]
"""What is to be known about a whole file: kind and sentence."""


class Lines(NamedTuple):
    """A part of a file with one resource to a line; `first` is the number of its first line, from 1."""

    data: bytes
    path: Path
    first: int = 1


class Document(NamedTuple):
    """A file that is one Bundle or one resource."""

    data: bytes
    path: Path


Part = Lines | Document


def read_items(found: Found, remarks: list[Remark]) -> Iterator[Item]:
    """Yield the resources of a file; what is to be known about the whole file goes to `remarks`.

    Raises Broken when the file cannot be read to its end.
    """
    for part in parts_of(found):
        yield from items_of(part, remarks)


def parts_of(found: Found) -> Iterator[Part]:
    """Cut a file into parts; content decides where it does not fit the name. Raises Broken as `read_items` does."""
    path = found.path
    with opened(found) as stream:
        start, is_document = b"", plain_name(path).endswith(".json")
        if not is_document:
            start, is_document = _begins_document(stream)
        if not is_document:
            yield from _blocks_of_lines(start, stream, path)
            return
        data = _strip_mark(start + stream.read(MAX_DOCUMENT + 1))
        if len(data) > MAX_DOCUMENT:
            raise Broken(f"the document is larger than {MAX_DOCUMENT >> 20} MiB: bring it as NDJSON")
        if not data or data.isspace():
            return
        if _is_lines(data):
            yield from _blocks_of_lines(b"", io.BytesIO(data), path)
        else:
            yield Document(data, path)


def items_of(part: Part, remarks: list[Remark]) -> Iterator[Item]:
    """Yield the resources of a part of a file; raises Broken for a document that is no FHIR."""
    if isinstance(part, Document):
        return _items_of_document(part.data, part.path, remarks)
    return _items_of_lines(part)


def _is_lines(data: bytes) -> bool:
    """Say whether a file holds several resources, one to a line."""
    end = data.find(b"\n")
    return end > 0 and _BEGIN.match(data, end) is not None and is_json(data[:end])


def _begins_document(stream: Stream) -> tuple[bytes, bool]:
    """Return what was read so far, and whether it is one document over several lines."""
    start = b""
    for line in iter(partial(stream.readline, MAX_DOCUMENT), b""):
        start += line
        first = _strip_mark(start).strip()
        if first and (not first.startswith(b"{") or is_json(first)):
            return start, False
        if first:
            start += stream.read(MAX_DOCUMENT) + stream.readline(MAX_DOCUMENT)
            return start, is_json(_strip_mark(start))
    return start, False


def _blocks_of_lines(start: bytes, stream: Stream, path: Path) -> Iterator[Lines]:
    """Yield whole lines in blocks of about BLOCK bytes; raises Broken for a line that is too large."""
    first = 1
    open_line = [_strip_mark(start)]
    for block in iter(partial(stream.read, BLOCK), b""):
        if first == 1 and not any(open_line):
            block = _strip_mark(block)
        end = block.rfind(b"\n") + 1
        if end:
            data = b"".join([*open_line, block[:end]])
            yield Lines(data, path, first)
            first += data.count(b"\n")
            open_line = []
        open_line.append(block[end:])
        if sum(map(len, open_line)) > MAX_DOCUMENT:
            raise Broken(f"line {first} is larger than {MAX_DOCUMENT >> 20} MiB")
    rest = b"".join(open_line)
    if rest:
        yield Lines(rest, path, first)


def _items_of_lines(lines: Lines) -> Iterator[Item]:
    """Yield an item per line that is not blank, and the entries of a Bundle that fills a line."""
    for number, raw in enumerate(io.BytesIO(lines.data), lines.first):
        line = raw.strip()
        head = _HEAD.match(line)
        if head is not None and head[1] in _TYPES:
            yield Item(number, _TYPES[head[1]], line, NO_BUNDLE)
        elif line:
            yield from items_of_line(number, line)


def items_of_line(number: int, line: bytes) -> Iterator[Item]:
    """Yield the resource of a line, or the entries of a Bundle that fills it."""
    return _items_of_resource(Item(number, None, line, NO_BUNDLE), [], depth=0)


def _items_of_document(data: bytes, path: Path, remarks: list[Remark]) -> Iterator[Item]:
    """Yield the entries of a Bundle, or the one resource of a file; raises Broken when it is neither."""
    try:
        head = _HEAD.match(data)
        if head is None or head[1] != b"Bundle":
            document = parse(data)
            if type(document) is not dict:
                raise Refused("the file is JSON but no FHIR resource", code=Reason.BROKEN_FILE)
            if is_manifest(document):
                remarks += read_manifest(document, path).remarks
                return
            if document.get("resourceType") != "Bundle":
                yield _typed(Item(1, None, data, NO_BUNDLE))
                return
        found = split_bundle(data)
    except Refused as reason:
        raise Broken(str(reason), reason.excerpt, reason.code) from reason
    yield from _items_of_bundle(*found, remarks, line=None, depth=0)


def _items_of_resource(item: Item, remarks: list[Remark], depth: int) -> Iterator[Item]:
    """Yield a resource under its type, or the entries of a Bundle."""
    typed = _typed(item)
    if typed.type_name != "Bundle" or typed.fault:
        yield typed
        return
    try:
        if depth > MAX_BUNDLE_DEPTH:
            raise Refused("Bundles within Bundles too deeply", code=Reason.BAD_JSON)
        found = split_bundle(typed.raw)
    except Refused as reason:
        yield typed._replace(fault=reason)
        return
    yield from _items_of_bundle(*found, remarks, line=typed.line, depth=depth)


def _typed(item: Item) -> Item:
    """Return an item with its type, which is seen at the beginning of the JSON or else by parsing it."""
    head = _HEAD.match(item.raw)
    if head is not None:
        return item._replace(type_name=head[1].decode())
    try:
        resource = parse(item.raw)
    except Refused as reason:
        return item._replace(fault=reason)
    name = resource.get("resourceType") if type(resource) is dict else None
    return item._replace(type_name=name if type(name) is str else None)


def name_of(item: Item) -> str | None:
    """Return `Type/id` as the resource begins with them, for the report on one that cannot be read."""
    head = _HEAD.match(item.raw)
    if head is None:
        return item.type_name
    return b"/".join(part for part in head.groups() if part).decode(errors="replace")


# Bundles ---------------------------------------------------------------------------------------------------------


def _items_of_bundle(
    bundle: Bundle,
    resources: list[bytes | None],
    faults: dict[int, Refused],
    remarks: list[Remark],
    *,
    line: int | None,
    depth: int,
) -> Iterator[Item]:
    """Yield the entries of a Bundle, those of Bundles within it too; `line` replaces the number of the entry."""
    _remark_on_bundle(bundle, remarks)
    heads = [_HEAD.match(resource) if resource is not None else None for resource in resources]
    scope = Scope(_urls(bundle, resources, heads))
    assembled = bundle.assembled
    for number, (entry, resource, head) in enumerate(zip(bundle.entry, resources, heads, strict=True)):
        at, stamp = line or number + 1, entry.stamp(assembled)
        if number in faults:
            yield Item(at, None, resource or b"", scope, fault=faults[number])
        elif resource is None or entry.action in _WITHOUT_RESOURCE:
            yield _without_resource(entry, Item(at, None, b"", scope, entry.url, stamp=stamp))
        elif head is not None and head[1] in _TYPES:
            yield Item(at, _TYPES[head[1]], resource, scope, entry.url, None, entry.action, True, None, stamp)
        else:
            item = Item(at, None, resource, scope, entry.url, action=entry.action, is_whole=True, stamp=stamp)
            yield from _items_of_resource(item, remarks, depth + 1)


def _without_resource(entry: Entry, item: Item) -> Item:
    """Return what an entry says that brings no resource: a deletion, a question, an answer, or a fault."""
    if entry.action == "DELETE":
        return item._replace(action="DELETE", target=entry.target)
    if entry.action == "PATCH":
        reason = "a PATCH, which is not carried out: bring the whole resource"
        return item._replace(fault=Refused(reason, entry.target, code=Reason.NOT_IMPORTED))
    is_answer = entry.action in {"GET", "HEAD"} or (entry.action is None and type(entry.response) is dict)
    fault = None if is_answer else Refused("the entry has no resource", code=Reason.BAD_CELL)
    return item._replace(action=entry.action or "response", fault=fault)


def _urls(bundle: Bundle, resources: list[bytes | None], heads: list[re.Match[bytes] | None]) -> dict[str, bytes]:
    """Return for what resource, as `Type/id`, each fullUrl stands."""
    urls: dict[str, bytes] = {}
    for entry, resource, head in zip(bundle.entry, resources, heads, strict=True):
        if type(entry.fullUrl) is not str or resource is None:
            continue
        if head is not None and head[2] is not None:
            urls[entry.fullUrl] = b"%b/%b" % head.groups()
        else:
            named = _name_in(resource, entry.fullUrl)
            if named:
                urls[entry.fullUrl] = named
    return urls


def _name_in(data: bytes, full_url: str) -> bytes | None:
    """Return `Type/id` of a resource that does not begin with them."""
    try:
        resource = parse(data)
    except Refused:
        return None
    if type(resource) is not dict:
        return None
    type_name, name = resource.get("resourceType"), resource.get("id", id_in_url(full_url))
    return f"{type_name}/{name}".encode() if type(type_name) is str and type(name) is str else None


def _remark_on_bundle(bundle: Bundle, remarks: list[Remark]) -> None:
    """Say that a Bundle is empty, or is one page of a longer search result."""
    if not bundle.entry:
        remarks.append((Reason.NOTE, "the Bundle has no entry"))
    if bundle.type != "searchset":
        return
    links = bundle.link if type(bundle.link) is list else []
    has_next = any(type(one) is dict and one.get("relation") == "next" for one in links)
    matches = sum(1 for entry in bundle.entry if entry.is_match)
    total = bundle.total if type(bundle.total) is int else None
    if has_next or (total is not None and total > matches):
        of_total = f" of {total}" if total is not None else ""
        more = ", and a link to the next page, which is not followed" if has_next else ""
        reason = f"the search result is incomplete: {matches}{of_total} matches are here{more}"
        remarks.append((Reason.INCOMPLETE, reason))


def _strip_mark(data: bytes) -> bytes:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Broken("not UTF-8: the file begins with a mark of UTF-16", code=Reason.BAD_ENCODING)
    return data.removeprefix(BYTE_ORDER_MARK)
