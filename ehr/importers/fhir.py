"""Importing FHIR R4: files or resources to events, encounters, patients and a ledger of what became of each resource.

    files -> fhir_read (one item per resource) -> fhir_resources (one record of events per item)
          -> fhir_stage (temporary tables) -> fhir_settle (repeats, missing patients) -> Intake.commit

What each type becomes, and every rule, is in docs/fhir.md.
"""

import gc
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ehr.importers import ImportOptions
from ehr.importers.fhir_fields import R4_TYPES
from ehr.importers.fhir_files import Broken, Found, fhir_files, read_file
from ehr.importers.fhir_json import excerpt_of, parse, skim, written
from ehr.importers.fhir_read import Item, items_of_line, name_of, read_items
from ehr.importers.fhir_record import Record
from ehr.importers.fhir_resources import READERS, read_resource
from ehr.importers.fhir_settle import settle
from ehr.importers.fhir_stage import Staging
from ehr.importers.fhir_values import Json, LeftOut, Refused, id_in_url
from ehr.intake import ImportReport, Intake, SourceFile
from ehr.reasons import Reason
from ehr.store import Store

UNKNOWN_TYPE: Final = "unknown"
"""Name in the tally of what has no type of R4."""
WHOLE_FILE: Final = "file"
"""Name in the tally of a file that could not be read."""

_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII)
_USABLE_ID: Final = re.compile(r"[^\s/#?|]{1,255}")

Validator = Callable[[Json], str | None]


def import_fhir(store: Store, path: Path, options: ImportOptions) -> ImportReport:
    """Import a FHIR file, or all files of a folder, in one transaction.

    Raises SourceError when there is nothing to read at `path`. A file that cannot be read is rejected whole and the
    others go on; a resource that cannot be taken in is rejected alone.
    """
    files = fhir_files(path)
    total = sum(file.stat().st_size for file in files)
    done = 0
    intake = Intake(store, "fhir", path)
    staging = Staging(intake)
    validate = _validator(options)
    with _paused_collector():
        for file in files:
            options.progress(file.name, done, total)
            found = read_file(file)
            _import_file(found, intake, staging, validate)
            done += found.size
        options.progress("settling", total, total)
        settle(staging)
        return intake.commit()


def import_resources(
    store: Store, resources: Iterable[bytes | Json], source_name: str, options: ImportOptions
) -> ImportReport:
    """Import resources that came through the service, each as JSON text or as a dict, in one transaction.

    References are resolved among them and in the store: a Patient that the store has can be a subject. The ledger
    counts them from 1 in the order in which they came.
    """
    texts = [one if isinstance(one, bytes) else written(one) for one in resources]
    sha256 = hashlib.sha256(b"\n".join(texts)).hexdigest()
    intake = Intake(store, "grpc", Path(source_name))
    staging = Staging(intake)
    entry = intake.begin(source_name, sha256)
    items = (item for number, text in enumerate(texts, 1) for item in items_of_line(number, text))
    with _paused_collector():
        _take_items(items, entry, staging, _validator(options))
        settle(staging)
        return intake.commit()


def _validator(options: ImportOptions) -> Validator | None:
    if not options.strict:
        return None
    from ehr.importers.fhir_strict import problem_with

    return problem_with


@contextmanager
def _paused_collector() -> Iterator[None]:
    """Pause the cyclic garbage collector: JSON has no cycles, and looking for them takes longer than parsing."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _import_file(found: Found, intake: Intake, staging: Staging, validate: Validator | None) -> None:
    """Stage a file, unless the store has its bytes."""
    try:
        with intake.file(found.path, found.sha256) as entry:
            if entry is not None:
                _take_file(found, entry, staging, validate)
    except OSError as error:
        entry = intake.begin(intake.name_of(found.path), "")
        _fail(entry, Broken(f"the file cannot be read: {error.strerror or type(error).__name__}"))


def _take_file(found: Found, entry: SourceFile, staging: Staging, validate: Validator | None) -> None:
    """Stage the resources of a file; one that breaks off leaves nothing but its rejection."""
    mark = staging.mark
    remarks: list[str] = []
    try:
        _take_items(read_items(found, remarks), entry, staging, validate)
    except Broken as broken:
        staging.drop_since(mark, entry)
        _fail(entry, broken)
    else:
        if not entry.tallies:
            entry.status = "skipped" if remarks else "empty"
            remarks = remarks or ["the file has no resource"]
        for remark in remarks:
            entry.notice(None, None, remark)


def _fail(entry: SourceFile, broken: Broken) -> None:
    entry.status = "failed"
    entry.tally(WHOLE_FILE, rows_in=1, rejected=1)
    entry.reject(None, None, str(broken), broken.excerpt)


@dataclass(slots=True)
class _Counts:
    """Resources of one source by type; the accepted are counted when the import is settled."""

    read: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)


def _take_items(items: Iterable[Item], entry: SourceFile, staging: Staging, validate: Validator | None) -> None:
    """Stage what can be taken in, reject the rest, and count."""
    staging.begin(entry)
    counts = _Counts()
    for item in items:
        type_name = item.type_name if item.type_name in R4_TYPES else UNKNOWN_TYPE
        counts.read[type_name] += 1
        record = Record("", item.scope, staging.codes, staging.medications)
        try:
            is_event = _read(item, type_name, record, validate)
        except Refused as reason:
            counts.rejected[type_name] += 1
            entry.reject(
                item.line,
                record.record_id or name_of(item),
                str(reason),
                reason.excerpt or _excerpt(item),
                code=reason.code,
            )
        except LeftOut as reason:
            counts.skipped[type_name] += 1
            staging.notice(entry, item.line, record.record_id or name_of(item), str(reason), reason.code)
        else:
            if is_event:
                staging.add(entry, item.line, type_name, record)
            else:
                counts.skipped[type_name] += 1
    for type_name, rows in counts.read.items():
        entry.tally(type_name, rows_in=rows, rejected=counts.rejected[type_name], skipped=counts.skipped[type_name])


def _read(item: Item, type_name: str, record: Record, validate: Validator | None) -> bool:
    """Fill `record` from a resource, or return False for a type that is not imported; raises Refused or LeftOut."""
    if item.problem:
        raise Refused(item.problem, item.excerpt)
    if item.action == "DELETE":
        raise Refused("a deletion, which is not carried out")
    if not item.raw:
        raise LeftOut("an answer without a resource")
    if type_name not in READERS and type_name != UNKNOWN_TYPE and validate is None:
        if not item.is_whole:
            skim(item.raw)
        return False
    resource = parse(item.raw)
    if type_name == UNKNOWN_TYPE:
        raise Refused(_type_problem(resource))
    record.record_id = f"{type_name}/{_id_of(resource, item, type_name, record)}"
    problem = validate(resource) if validate is not None else None
    if problem:
        raise Refused(problem)
    if type_name not in READERS:
        return False
    read_resource(type_name, resource, record)
    return True


def _type_problem(resource: object) -> str:
    if type(resource) is not dict:
        return "not an object"
    if "resourceType" not in resource:
        return "no resourceType"
    if type(resource["resourceType"]) is not str:
        return "resourceType is not a string"
    return "unknown resourceType: no such R4 type"


def _id_of(resource: Json, item: Item, type_name: str, record: Record) -> str:
    """Return the id of a resource: its own, that of its fullUrl, or one made from its content."""
    name = resource.get("id")
    if name is None and item.full_url is not None:
        name = id_in_url(item.full_url)
    if name is None and type_name in {"Patient", "Encounter", "Medication"}:
        raise Refused("no id, so that nothing can refer to it")
    if name is None:
        record.notes.append((Reason.BAD_ID, "no id: one was made from its content"))
        return "made-" + hashlib.sha256(item.raw).hexdigest()[:16]
    if type(name) is not str:
        raise Refused("wrong JSON type: id is not a string")
    if _ID.fullmatch(name) is None:
        if _USABLE_ID.fullmatch(name) is None:
            raise Refused("bad id")
        record.notes.append((Reason.BAD_ID, "id is not formed as FHIR says"))
    return name


def _excerpt(item: Item) -> str:
    return excerpt_of(item.raw)
