"""Deleting a patient from a store: every record goes, a tombstone stays, and no import brings the patient back."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb

from ehr.errors import UnknownSubject
from ehr.events import stable_id
from ehr.lookup import find_subject
from ehr.refresh import make_stages, move_stages
from ehr.store import Store, transaction


@dataclass(frozen=True, slots=True)
class Deleted:
    """What a deletion took out; `excerpts` are parts of refused records that named the patient."""

    subject_id: int
    events: int
    encounters: int
    excerpts: int
    deleted_at: datetime


def delete_subject(store: Store, name: str) -> Deleted:
    """Delete the patient with this number or identifier, in one transaction.

    Events, stays, timelines, record versions and the row of the patient go, and what refused records say of the
    patient. Raises UnknownSubject when the store has no such patient.
    """
    subject = find_subject(store, name)
    con = store.cursor()
    make_stages(con)
    deleted_at = datetime.now(UTC).replace(tzinfo=None)
    with transaction(con):
        n_encounters = _count(con, "SELECT count(*) FROM encounter WHERE subject_id = ?", subject.subject_id)
        con.execute("INSERT INTO stage_gone BY NAME SELECT ?::BIGINT AS subject_id", [subject.subject_id])
        excerpts = _blank_excerpts(con, subject.identifiers, subject.subject_id)
        moved = move_stages(con)
        con.execute("INSERT INTO tombstone VALUES (?, ?, ?)", [subject.subject_id, deleted_at, moved.removed])
    return Deleted(subject.subject_id, moved.removed, n_encounters, excerpts, deleted_at)


def lift_deletion(store: Store, name: str) -> int:
    """Let imports take in a deleted patient again; return the subject_id.

    `name` is the number, or the FHIR id of the patient. What was deleted does not come back by this: files whose
    bytes the store knows stay unread, so it needs a new export. Raises UnknownSubject when no such patient was
    deleted.
    """
    fhir_id = name if name.startswith("Patient/") else f"Patient/{name}"
    numbers = [stable_id(fhir_id), *([int(name)] if name.isascii() and name.isdigit() else [])]
    con = store.cursor()
    found = con.execute(
        "DELETE FROM tombstone WHERE subject_id IN (SELECT unnest(?)) RETURNING subject_id", [numbers]
    ).fetchall()
    if not found:
        raise UnknownSubject(f"no patient {name!r} was deleted from the store at {store.path}")
    return int(found[0][0])


def _blank_excerpts(con: duckdb.DuckDBPyConnection, identifiers: list[str], subject_id: int) -> int:
    """Take out of the ledger what names the patient; the rows stay, so that the counts of the files hold."""
    names = {str(subject_id), *(identifier.rpartition("|")[2] for identifier in identifiers)}
    words = "|".join(re.escape(name.rpartition("/")[2]) for name in sorted(names) if name)
    pattern = f"(^|[^A-Za-z0-9.-])({words})($|[^A-Za-z0-9.-])"
    blanked = 0
    for table in ("reject", "notice"):
        blanked += _count(
            con,
            f"""
            UPDATE {table} SET excerpt = NULL, resource = split_part(resource, '/', 1)
            WHERE regexp_matches(concat_ws(' ', resource, excerpt), ?)
            """,
            pattern,
        )
    return blanked


def _count(con: duckdb.DuckDBPyConnection, statement: str, parameter: object) -> int:
    return int(con.execute(statement, [parameter]).fetchall()[0][0])
