"""Sessions of questions: the last typed question of each, bound to who asked it, for a time and in a bounded number.

A session holds a `Question` and no rows. Another caller's session, an expired one and one that never was are told
alike.
"""

import hashlib
import json
import os
import re
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from ehr.errors import FormError, StoreError, UnknownSession
from ehr.store import Store
from sql.text.forms import from_json, to_json
from sql.text.question import Question

LIFETIME: Final = 8 * 3600.0
"""Seconds after its last question for which a session is kept."""

MAX_PER_OWNER: Final = 20
MAX_SESSIONS: Final = 1000
MAX_NAME: Final = 40
MAX_BYTES: Final = 4 * 2**20
_NAME: Final = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{MAX_NAME - 1}}}")

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Session:
    """The last question of a session.

    `state` is that of the store or database when it was asked: a later import may bring codes that its concepts lack.
    `query` is None after an answer that no typed question stands behind. `used` is in seconds since 1970.
    """

    name: str
    owner: str
    role: str
    state: str
    query: Question | None
    used: float


class Sessions(Protocol):
    """Where sessions are kept."""

    def find(self, name: str, owner: str) -> Session | None:
        """Return the session of this name and owner, None when there is none or its time is over."""
        ...

    def keep(self, session: Session) -> None:
        """Keep a session in place of the one of its name, for the oldest others where there are too many."""
        ...


def new_name() -> str:
    """Return a name that nobody can guess."""
    return secrets.token_urlsafe(18)


def state_of(store: Store) -> str:
    """Return what changes with every import into a store."""
    ledger = "SELECT max(source_id), max(finished_at), sum(rows_accepted) FROM source"
    cursor = store.cursor()
    try:
        return str(cursor.execute(ledger).fetchall()[0])
    finally:
        cursor.close()


def unknown(name: str) -> UnknownSession:
    """Return the error for a session that the caller does not have."""
    return UnknownSession(
        f"there is no session {name[:MAX_NAME]!r} of yours, or it has expired or the store has changed since; "
        "ask a whole question to begin one"
    )


# --- in memory ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class MemorySessions:
    """Sessions of a service, gone when it ends; safe for several threads."""

    lifetime: float = LIFETIME
    per_owner: int = MAX_PER_OWNER
    limit: int = MAX_SESSIONS
    clock: Clock = time.time
    _kept: dict[tuple[str, str], Session] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, name: str, owner: str) -> Session | None:
        """Return the session of this name and owner, None when there is none or its time is over."""
        with self._lock:
            self._expire()
            return self._kept.get((owner, name))

    def keep(self, session: Session) -> None:
        """Keep a session; the longest unused ones of its owner, then of all, make room."""
        with self._lock:
            self._expire()
            key = (session.owner, session.name)
            self._kept.pop(key, None)
            own = [other for other in self._kept if other[0] == session.owner]
            for other in own[: max(0, len(own) - self.per_owner + 1)]:
                del self._kept[other]
            while len(self._kept) >= self.limit:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = session

    def _expire(self) -> None:
        """Drop what is over; sessions stand in the order of their last use."""
        oldest = self.clock() - self.lifetime
        for key in [key for key, session in self._kept.items() if session.used <= oldest]:
            del self._kept[key]


# --- in a folder ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FolderSessions:
    """Sessions of the command line: a file each, in a folder that only its owner reads."""

    folder: Path
    lifetime: float = LIFETIME
    per_owner: int = MAX_PER_OWNER
    clock: Clock = time.time

    def find(self, name: str, owner: str) -> Session | None:
        """Return the session of this name and owner, None when there is none, it is over, or no longer readable."""
        path = self._path(name, owner)
        try:
            if path.stat().st_size > MAX_BYTES:
                return None
            session: Session = from_json(Session, json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, RecursionError, FormError):
            return None
        is_own = (session.name, session.owner) == (name, owner)
        return session if is_own and session.used > self.clock() - self.lifetime else None

    def keep(self, session: Session) -> None:
        """Write a session, whole or not at all; raises StoreError when the folder cannot be written."""
        path = self._path(session.name, session.owner)
        draft = path.with_suffix(f".{secrets.token_hex(4)}.draft")
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                json.dump(to_json(session), file)
            draft.replace(path)
            self._make_room(session.owner)
        except OSError as error:
            raise StoreError(f"the session cannot be kept in {self.folder}: {error.strerror}") from error

    def _make_room(self, owner: str) -> None:
        """Remove what is over, and the oldest of an owner with too many."""
        oldest = self.clock() - self.lifetime
        own = sorted(self.folder.glob(f"{_digest(owner)}-*.json"), key=lambda path: path.stat().st_mtime)
        for place, path in enumerate(own):
            if place < len(own) - self.per_owner or path.stat().st_mtime <= oldest:
                path.unlink(missing_ok=True)

    def _path(self, name: str, owner: str) -> Path:
        if not _NAME.fullmatch(name):
            raise UnknownSession(
                f"the name of a session is made of letters, digits, '.', '_' and '-', at most {MAX_NAME} of them, "
                f"and not {name[:MAX_NAME]!r}"
            )
        return self.folder / f"{_digest(owner)}-{name}.json"


def _digest(owner: str) -> str:
    return hashlib.sha256(owner.encode(errors="surrogatepass")).hexdigest()[:16]
