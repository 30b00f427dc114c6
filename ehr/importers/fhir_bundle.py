"""Cutting a Bundle into its entries without building the resources in them.

msgspec passes over a resource at about 2 GB/s and leaves its text, so that only what is imported is ever built, and
one resource at a time.
"""

from typing import Any, Final, NamedTuple

import msgspec
from msgspec import UNSET, Raw, UnsetType

from ehr.importers.fhir_json import REPEATED_KEY, Repeated, parse, parse_marking, repeated_key, written
from ehr.importers.fhir_values import Refused, modified, no_rules, wrong_type
from ehr.reasons import Reason

NOT_AN_OBJECT: Final = "the entry is not an object"
WRITES: Final = frozenset({"PUT", "POST", "DELETE"})


class Stamp(NamedTuple):
    """What the entry of a Bundle says of the version of its resource, as written: used where meta says nothing."""

    version_id: str | None
    last_updated: str | None


NO_STAMP: Final = Stamp(None, None)


class Entry(msgspec.Struct, omit_defaults=True):
    """An entry of a Bundle as R4 defines it, and what is wrong with the entry itself."""

    id: Any = UNSET
    extension: Any = UNSET
    modifierExtension: Any = UNSET  # noqa: N815 - the names of FHIR
    link: Any = UNSET
    fullUrl: Any = UNSET  # noqa: N815
    resource: Raw | UnsetType = UNSET
    search: Any = UNSET
    request: Any = UNSET
    response: Any = UNSET

    @property
    def url(self) -> str | None:
        """The fullUrl, when it is a string."""
        return self.fullUrl if type(self.fullUrl) is str else None

    @property
    def action(self) -> str | None:
        """What a transaction asks to do with the entry, or a history says was done: POST, PUT, DELETE, ..."""
        return _text(self.request, "method")

    @property
    def target(self) -> str | None:
        """What the action concerns: `Observation/x1`."""
        return _text(self.request, "url")

    def stamp(self, assembled: str | None) -> Stamp:
        """Return the version that the entry tells; `assembled` is the time of the Bundle, for what it writes."""
        if self.response is UNSET and (assembled is None or self.action not in WRITES):
            return NO_STAMP
        tag = _text(self.response, "etag")
        version = tag.removeprefix("W/").strip('"') or None if tag else None
        return Stamp(version, _text(self.response, "lastModified") or (assembled if self.action in WRITES else None))

    @property
    def is_match(self) -> bool:
        """Whether the entry is a match of a search, not what came along."""
        mode = self.search.get("mode", "match") if type(self.search) is dict else "match"
        return bool(mode == "match")


class Bundle(msgspec.Struct, omit_defaults=True):
    """A Bundle as R4 defines it."""

    resourceType: Any = UNSET  # noqa: N815
    id: Any = UNSET
    meta: Any = UNSET
    implicitRules: Any = UNSET  # noqa: N815
    language: Any = UNSET
    identifier: Any = UNSET
    type: Any = UNSET
    timestamp: Any = UNSET
    total: Any = UNSET
    link: Any = UNSET
    entry: list[Entry] = []
    signature: Any = UNSET

    @property
    def assembled(self) -> str | None:
        """When the Bundle was made."""
        return self.timestamp if type(self.timestamp) is str else _text(self.meta, "lastUpdated")


def _text(holder: Any, name: str) -> str | None:
    """Return a field of an object when it is a string."""
    value = holder.get(name) if type(holder) is dict else None
    return value if type(value) is str else None


_BUNDLE: Final = msgspec.json.Decoder(Bundle)


def split_bundle(data: bytes) -> tuple[Bundle, list[bytes | None], dict[int, Refused]]:
    """Return a Bundle without its resources, the text of each entry's resource, and what is wrong with which entry.

    Entries count from 0. Raises Refused when the text is no JSON, entry is no list, the Bundle itself has a key
    twice, or has rules that may change what its resources mean.
    """
    faults: dict[int, Refused] = {}
    try:
        bundle = _BUNDLE.decode(data)
    except (msgspec.DecodeError, RecursionError):
        bundle, faults = _split_slowly(data)
    no_rules({"implicitRules": bundle.implicitRules} if bundle.implicitRules is not UNSET else {})
    resources = [None if entry.resource is UNSET else bytes(entry.resource) for entry in bundle.entry]
    for number, entry in enumerate(bundle.entry):
        entry.resource = UNSET
        if entry.modifierExtension is not UNSET and entry.modifierExtension:
            faults[number] = modified("entry", entry.modifierExtension)
    _check_keys(data, bundle, resources, faults)
    return bundle, [None if resource == b"null" else resource for resource in resources], faults


def _split_slowly(data: bytes) -> tuple[Bundle, dict[int, Refused]]:
    """Cut a Bundle that is not shaped as R4 says; raises Refused when nothing can be done with it."""
    document = parse(data)
    listed = document.get("entry")
    if listed is not None and type(listed) is not list:
        raise wrong_type("Bundle.entry", "a list")
    faults: dict[int, Refused] = {}
    entries = []
    for number, entry in enumerate(listed or ()):
        if type(entry) is dict:
            known = {name: value for name, value in entry.items() if name in Entry.__struct_fields__}
            if "resource" in known:
                known["resource"] = Raw(written(known["resource"]))
            entries.append(Entry(**known))
        else:
            faults[number] = Refused(NOT_AN_OBJECT, code=Reason.WRONG_TYPE)
            entries.append(Entry())
    names = ("type", "total", "link", "timestamp", "meta", "implicitRules")
    known = {name: document[name] for name in names if name in document}
    return Bundle(**known, entry=entries), faults


def _check_keys(data: bytes, bundle: Bundle, resources: list[bytes | None], faults: dict[int, Refused]) -> None:
    """Look for a key that stands twice in the Bundle or in an entry; the resources are checked when they are parsed.

    Quotation marks are counted first: those of the text, of the resources, and of the rest written out again.
    """
    present = [resource for resource in resources if resource is not None]
    within = sum([resource.count(b'"') for resource in present])
    rest = msgspec.json.encode(bundle).count(b'"') + 2 * len(present)
    if data.count(b'"') == within + rest:
        return
    marked = parse_marking(data)
    outside = {name: value for name, value in marked.items() if name != "entry"}
    key = marked.repeated if isinstance(marked, Repeated) else repeated_key(outside)
    if key is not None:
        raise Refused(f"{REPEATED_KEY} of the Bundle, outside its entries", key, code=Reason.BAD_JSON)
    for number, entry in enumerate(marked.get("entry") or ()):
        if isinstance(entry, dict):
            around = {name: value for name, value in entry.items() if name != "resource"}
            if isinstance(entry, Repeated) or repeated_key(around) is not None:
                faults[number] = Refused(REPEATED_KEY, code=Reason.BAD_JSON)
