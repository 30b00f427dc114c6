"""Judging one resource after the other: what can be taken in is staged, the rest refused or left out, and counted."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final, NamedTuple

from ehr.importers.fhir_dates import moment
from ehr.importers.fhir_fields import R4_TYPES
from ehr.importers.fhir_json import parse, skim
from ehr.importers.fhir_pile import Kind, Pile
from ehr.importers.fhir_read import Item, name_of
from ehr.importers.fhir_record import Record
from ehr.importers.fhir_resources import read_resource, readers
from ehr.importers.fhir_values import Json, LeftOut, Refused, at_fault, id_in_url, wrong_type
from ehr.ledger import Tally
from ehr.reasons import Reason

UNKNOWN_TYPE: Final = "unknown"
"""Name in the tally of what has no type of R4."""

_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII)
_USABLE_ID: Final = re.compile(r"[^\s/#?|]{1,255}")
_TARGET: Final = re.compile(r"(?:https?://\S+/)?([A-Z][A-Za-z]+)/([^\s/#?|]{1,255})(?:/_history(?:/\S+)?)?")

Validator = Callable[[Json], str | None]


class Rules(NamedTuple):
    """What an import takes in: resources of these types, and of these what the strict check, if any, passes."""

    types: frozenset[str] = readers()
    validate: Validator | None = None


def take_items(
    items: Iterable[Item],
    pile: Pile,
    rules: Rules = Rules(),  # noqa: B008 - frozen
    deleted_at: datetime | None = None,
) -> dict[str, Tally]:
    """Pile up what can be taken in, refuse the rest, and return the counts by type but for those of the accepted.

    The accepted are counted when the batch is settled; `deleted_at` is for deletions that tell no time.
    """
    tallies: dict[str, Tally] = defaultdict(Tally)
    for item in items:
        type_name = _type_of(item)
        tally = tallies[type_name]
        tally.rows_in += 1
        pile.size += len(item.raw)
        record = Record("", item.scope, pile.codes)
        kind: Kind | None = Kind.CONTENT
        try:
            if item.action == "DELETE":
                kind = Kind.DELETED
                _read_deletion(item, record, rules, deleted_at or pile.now)
            elif not _read(item, type_name, record, rules):
                tally.skipped += 1
                continue
        except Refused as reason:
            tally.rejected += 1
            resource = record.record_id or name_of(item)
            pile.reject(item.line, resource, str(reason), reason.code, reason.excerpt)
            kind = _withdrawn(reason, type_name)
        except LeftOut as reason:
            tally.skipped += 1
            pile.notice(item.line, record.record_id or name_of(item), str(reason), reason.code)
            kind = Kind.LEFT_OUT if reason.code is Reason.NOT_POSITIVE else None
        if kind is not None and record.record_id:
            pile.add(item.line, type_name, record, kind)
    return tallies


def _withdrawn(reason: Refused, type_name: str) -> Kind | None:
    """Say that a refused version takes the place of an earlier one, as it states that there is no such fact.

    All other refused versions leave what is known as it is, and so does that of a Patient, on whom all else hangs.
    """
    is_withdrawn = reason.code is Reason.NOT_POSITIVE and type_name != "Patient"
    return Kind.WITHDRAWN if is_withdrawn else None


def _type_of(item: Item) -> str:
    name = item.type_name
    if item.target is not None:
        found = _TARGET.fullmatch(item.target)
        name = found[1] if found else item.target.partition("?")[0]
    return name if name is not None and name in R4_TYPES else UNKNOWN_TYPE


def _read_deletion(item: Item, record: Record, rules: Rules, deleted_at: datetime) -> None:
    """Fill `record` with what a deletion names; raises Refused or LeftOut."""
    found = _TARGET.fullmatch(item.target or "")
    if found is None:
        if item.target is not None and "?" in item.target:
            reason = "a deletion by search, which is not carried out: it must name the record as Type/id"
        else:
            reason = "a deletion that names no record: request.url must be Type/id"
        raise Refused(reason, at_fault("request.url", item.target), code=Reason.BAD_REFERENCE)
    if found[1] not in rules.types:
        if found[1] not in R4_TYPES:
            raise Refused("unknown resourceType: no such R4 type", item.target, code=Reason.UNKNOWN_RESOURCE)
        raise LeftOut("a deletion of a type that is not imported", code=Reason.NOT_IMPORTED)
    record.record_id = f"{found[1]}/{found[2]}"
    if found[1] == "Patient":
        record.subject = record.record_id
    record.version_id = item.stamp.version_id
    record.last_updated = _instant(item.stamp.last_updated, "the time of the deletion", record) or deleted_at


def _read(item: Item, type_name: str, record: Record, rules: Rules) -> bool:
    """Fill `record` from a resource, or return False for a type that is not imported; raises Refused or LeftOut."""
    if item.fault is not None:
        raise item.fault
    if not item.raw:
        raise LeftOut("an answer without a resource", code=Reason.NOT_IMPORTED)
    if type_name == "OperationOutcome":
        reported = _outcome(parse(item.raw))
        if reported is not None:
            raise LeftOut(reported, code=Reason.INCOMPLETE)
    if type_name not in rules.types and type_name != UNKNOWN_TYPE and rules.validate is None:
        if not item.is_whole:
            skim(item.raw)
        return False
    resource = parse(item.raw)
    if type_name == UNKNOWN_TYPE:
        raise _unknown(resource)
    record.record_id = f"{type_name}/{_id_of(resource, item, type_name, record)}"
    _read_version(resource, item, record)
    problem = rules.validate(resource) if rules.validate is not None else None
    if problem:
        raise Refused(problem, code=Reason.INVALID)
    if type_name not in rules.types:
        return False
    read_resource(type_name, resource, record)
    return True


def _unknown(resource: object) -> Refused:
    if type(resource) is not dict:
        return Refused("not an object", code=Reason.WRONG_TYPE)
    name = resource.get("resourceType")
    if "resourceType" not in resource:
        return Refused("no resourceType", code=Reason.UNKNOWN_RESOURCE)
    if type(name) is not str:
        return wrong_type("resourceType", "a string", name)
    return Refused(
        "unknown resourceType: no such R4 type", at_fault("resourceType", name), code=Reason.UNKNOWN_RESOURCE
    )


def _id_of(resource: Json, item: Item, type_name: str, record: Record) -> str:
    """Return the id of a resource: its own, that of its fullUrl, or one made from its content."""
    name = resource.get("id")
    if name is None and item.full_url is not None:
        name = id_in_url(item.full_url)
    if name is None and type_name in {"Patient", "Encounter", "Medication"}:
        raise Refused("no id, so that nothing can refer to it", code=Reason.BAD_ID)
    if name is None:
        record.notes.append((Reason.BAD_ID, "no id: one was made from its content"))
        return "made-" + hashlib.sha256(item.raw).hexdigest()[:16]
    if type(name) is not str:
        raise wrong_type("id", "a string", name)
    if _ID.fullmatch(name) is None:
        if _USABLE_ID.fullmatch(name) is None:
            raise Refused("bad id", at_fault("id", name), code=Reason.BAD_ID)
        record.notes.append((Reason.BAD_ID, "id is not formed as FHIR says"))
    return name


def _read_version(resource: Json, item: Item, record: Record) -> None:
    """Set the version of a record: what its meta says, else its entry in the Bundle."""
    meta = resource.get("meta")
    version, updated = (meta.get("versionId"), meta.get("lastUpdated")) if type(meta) is dict else (None, None)
    if version is None:
        version = item.stamp.version_id
    if version is not None:
        if type(version) is not str:
            raise wrong_type("meta.versionId", "a string", version)
        record.version_id = version
    if updated is None:
        record.last_updated = _instant(item.stamp.last_updated, "the time of its entry", record)
    else:
        record.last_updated = _instant(updated, "meta.lastUpdated", record)


def _instant(value: object, field_name: str, record: Record) -> datetime | None:
    """Return when a version came to be; a time that is none is as good as none, with a note."""
    if value is None:
        return None
    try:
        found = moment(value, field_name, [])
    except Refused as reason:
        record.notes.append((reason.code, f"{reason}: left out, so that its version is not known"))
        return None
    return found.time if found else None


def _outcome(resource: object) -> str | None:
    """Return the errors that an OperationOutcome reports, None without any.

    By the words of FHIR alone, since its texts may name a patient.
    """
    issues = resource.get("issue") if type(resource) is dict else None
    found = [one for one in issues if type(one) is dict] if type(issues) is list else []
    words = {
        f"{one['severity']}, {one['code'] if _is_word(one.get('code')) else 'of a kind that is no word of FHIR'}"
        for one in found
        if one.get("severity") in ("fatal", "error")
    }
    return f"the source reports: {'; '.join(sorted(words))}" if words else None


def _is_word(value: object) -> bool:
    return type(value) is str and re.fullmatch(r"[a-z-]{1,30}", value) is not None
