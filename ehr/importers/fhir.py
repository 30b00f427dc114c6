"""Importing FHIR R4: files or resources to events, encounters, patients and a ledger of what became of each resource.

    files -> fhir_read (parts, one item per resource) -> fhir_items, fhir_resources (one record of events per item)
          -> fhir_pile (Arrow tables; up to here also in other processes: fhir_workers)
          -> fhir_stage (temporary tables) -> fhir_hold (what waits for later files)
          -> fhir_settle (versions, missing patients) -> Intake.commit, batch by batch

What each type becomes, and every rule, is in docs/fhir.md.
"""

import gc
import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from ehr.importers import ImportOptions
from ehr.importers.fhir_dates import moment
from ehr.importers.fhir_files import Broken, Listed, fhir_files, read_file, type_in_name
from ehr.importers.fhir_hold import hold_back
from ehr.importers.fhir_items import Rules, take_items
from ehr.importers.fhir_json import written
from ehr.importers.fhir_read import Part, Remark, items_of, items_of_line, parts_of
from ehr.importers.fhir_settle import settle
from ehr.importers.fhir_stage import PILE_AT, Staging
from ehr.importers.fhir_values import Json, Refused
from ehr.importers.fhir_workers import Answer, Piece, Setup, Source, n_workers, workers
from ehr.intake import ImportReport, Intake, SourceFile, hash_of
from ehr.ledger import Tally
from ehr.reasons import Reason
from ehr.store import Store

WHOLE_FILE: Final = "file"
"""Name in the tally of a file that could not be read."""
NAMED: Final = frozenset({"Patient", "Encounter", "Medication", "Device"})
"""Types that records name, so that a file may have to wait for one that brings them."""


def import_fhir(store: Store, path: Path, options: ImportOptions) -> ImportReport:
    """Import a FHIR file, or all files of a folder, batch by batch, each batch in one transaction.

    Raises SourceError when there is nothing to read at `path`. A file that cannot be read is rejected whole and the
    others go on; a resource that cannot be taken in is rejected alone.
    """
    files = fhir_files(path)
    sizes = [(file.path.name, file.path.stat().st_size) for file in files]
    total = sum(size for _, size in sizes)
    done, number = 0, -1
    intake = Intake(store, "fhir", path if path.is_dir() else path.parent)
    staging = Staging(intake)
    setup = Setup(staging.now, options.billing, options.strict)
    rules = setup.rules()
    with _paused_collector(), workers(n_workers(sizes), setup) as others:
        for piece, answer in others.judged(_pieces(files, intake)):
            source = piece.source
            if source.number != number:
                options.progress(source.found.path.name, done, total)
                number, taking = source.number, _begin(source, staging)
            if taking is not None and piece.part is not None:
                _take(taking, piece.part, answer, staging, rules)
            elif taking is not None:
                _end(taking, piece.broken, staging)
            if piece.part is not None:
                continue
            done += source.found.size
            if staging.size >= options.batch_bytes and number + 1 < len(files):
                _commit_batch(staging, _types_in(files[number + 1 :]))
        options.progress("settling", total, total)
        return _commit_batch(staging, ())


def import_resources(
    store: Store, resources: Iterable[bytes | Json], source_name: str, options: ImportOptions
) -> ImportReport:
    """Import resources that came through the service, each as JSON text or as a dict, in one transaction.

    References are resolved among them and in the store: a Patient that the store has can be a subject. The ledger
    counts them from 1 in the order in which they came. Versions and deletions count as in files.
    """
    texts = [one if isinstance(one, bytes) else written(one) for one in resources]
    sha256 = hashlib.sha256(b"\n".join(texts)).hexdigest()
    intake = Intake(store, "grpc", Path(source_name))
    staging = Staging(intake)
    entry = intake.begin(source_name, sha256)
    items = (item for number, text in enumerate(texts, 1) for item in items_of_line(number, text))
    with _paused_collector():
        staging.begin(entry)
        _count(take_items(items, staging.pile, Setup(staging.now, options.billing, options.strict).rules()), entry)
        return _commit_batch(staging, ())


def _commit_batch(staging: Staging, may_come: Collection[str]) -> ImportReport:
    """Settle what was read and move it into the store, but for the files that wait for types that may still come."""
    held = hold_back(staging, may_come) if may_come else []
    settle(staging)
    staging.finish_notices(held)
    report = staging.intake.commit(but=[staging.entries[source_id] for source_id in held])
    staging.next_batch(has_held=bool(held))
    return report


def _types_in(files: Sequence[Listed]) -> frozenset[str]:
    """Return which types that records name may be in these files, as far as the names of the files tell."""
    types = {type_in_name(file.path) for file in files}
    return NAMED if None in types else NAMED & types


def _time_of(file: Listed) -> datetime | None:
    """Return when the bulk export was made that a file belongs to."""
    try:
        found = moment(file.as_of, "transactionTime", [])
    except Refused:
        return None
    return found.time if found else None


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


# Files -----------------------------------------------------------------------------------------------------------


def _pieces(files: Sequence[Listed], intake: Intake) -> Iterator[Piece]:
    """Yield the files in parts, each file ended by a piece without one; of a file that the store has only the end."""
    for number, file in enumerate(files):
        found = read_file(file.path)
        try:
            sha256 = found.sha256 or hash_of(found.path)
        except OSError as error:
            reason = Broken(f"the file cannot be read: {error.strerror or type(error).__name__}")
            yield Piece(Source(number, found, "", None), None, reason)
            continue
        source = Source(number, found, sha256, _time_of(file))
        try:
            if not intake.knows(sha256):
                yield from (Piece(source, part) for part in parts_of(found))
        except Broken as broken:
            yield Piece(source, None, broken)
        else:
            yield Piece(source, None)


@dataclass(slots=True)
class _Taking:
    """A file that is being taken in: its ledger, from where on it can be dropped again, and what to tell of it."""

    source: Source
    entry: SourceFile
    place: int
    remarks: list[Remark] = field(default_factory=list)
    broken: Broken | None = None


def _begin(source: Source, staging: Staging) -> _Taking | None:
    """Begin a file, unless the store has its bytes."""
    intake = staging.intake
    name = intake.name_of(source.found.path)
    if intake.knows(source.sha256):
        intake.unchanged.append(name)
        return None
    entry = intake.begin(name, source.sha256)
    return _Taking(source, entry, staging.begin(entry))


def _take(taking: _Taking, part: Part, answer: Answer | None, staging: Staging, rules: Rules) -> None:
    """Stage the resources of a part of a file, judged here or by a worker."""
    entry = taking.entry
    if answer is not None:
        staging.take(entry, answer)
        taking.remarks += answer.remarks
        if answer.broken is not None:
            taking.broken = Broken(*answer.broken)
        _count(answer.tallies, entry)
        return
    try:
        _count(take_items(items_of(part, taking.remarks), staging.pile, rules, taking.source.as_of), entry)
    except Broken as broken:
        taking.broken = broken
    if staging.pile.n_rows >= PILE_AT:
        staging.gather()


def _end(taking: _Taking, broken: Broken | None, staging: Staging) -> None:
    """End a file; one that broke off leaves nothing but its rejection."""
    entry, remarks = taking.entry, taking.remarks
    broken = taking.broken or broken
    if broken is not None:
        staging.drop_since(taking.place, entry)
        _fail(entry, broken)
        return
    if not entry.tallies:
        entry.status = "skipped" if remarks else "empty"
        remarks = remarks or [(Reason.NOTE, "the file has no resource")]
    for code, remark in remarks:
        entry.notice(None, None, remark, code=code)


def _count(tallies: dict[str, Tally], entry: SourceFile) -> None:
    for type_name, counted in tallies.items():
        entry.tallies.setdefault(type_name, Tally()).add(counted)


def _fail(entry: SourceFile, broken: Broken) -> None:
    entry.status = "failed"
    entry.tally(WHOLE_FILE, rows_in=1, rejected=1)
    entry.reject(None, None, str(broken), broken.excerpt, code=broken.code)
