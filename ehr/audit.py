"""Who asked what: one JSON line per question in `audit.jsonl` beside the database, without a value of the answer."""

import getpass
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import orjson

from ehr.errors import EhrError, StoreError, UnsafeQuery
from ehr.store import Store


@dataclass(slots=True)
class Entry:
    """One line of the log; `rows` is set by the caller when the answer is there."""

    time: str
    who: str
    role: str
    action: str
    query: str
    sha256: str
    outcome: str = "answered"
    reason: str | None = None
    rows: int | None = None
    seconds: float = 0.0


@contextmanager
def audited(store: Store, action: str, query: str, *, role: str, who: str | None = None) -> Iterator[Entry]:
    """Log what happens in the block: answered, refused by the guard, or failed, and with how many rows.

    `action` is the way in (sql, ask, cohort, grpc Query); `who` is the caller, by default the user of the process.
    Raises StoreError when the log cannot be written: nothing is answered without a trace.
    """
    digest = hashlib.sha256(query.encode(errors="surrogatepass")).hexdigest()
    query = query.encode(errors="replace").decode()
    asked = datetime.now(UTC).isoformat(timespec="milliseconds")
    entry = Entry(asked, who or user_name(), role, action, query, digest)
    started = time.perf_counter()
    try:
        yield entry
    except BaseException as error:
        entry.outcome = "refused" if isinstance(error, UnsafeQuery) else "failed"
        entry.reason = str(error) if isinstance(error, EhrError) else type(error).__name__
        raise
    finally:
        entry.seconds = round(time.perf_counter() - started, 6)
        _append(store, entry)


def user_name() -> str:
    """Return the name of the user of this process, or its number where it has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _append(store: Store, entry: Entry) -> None:
    """Write one line in one call, so that lines of several processes never mix."""
    line = orjson.dumps(asdict(entry), default=str, option=orjson.OPT_APPEND_NEWLINE)
    try:
        descriptor = os.open(store.audit_log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    except OSError as error:
        raise StoreError(f"the audit log {store.audit_log} cannot be written: {error.strerror}") from error
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)
