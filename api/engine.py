"""What the service holds while it runs: the store, its limits, one writer at a time, and loaded models."""

import threading
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from api.learning import open_model
from ehr.audit import Entry, audited
from ehr.errors import NotAllowed
from ehr.store import Store
from models.checkpoint import Checkpoint, find_model
from sql.catalog import Catalog, read_catalog
from sql.disclosure import ROLE as AGGREGATE
from sql.query import Limits
from sql.text.followups import MemorySessions
from sql.text.translator import Translator, by_grammar


@dataclass(slots=True)
class Engine:
    """The parts that the three services share.

    `role` is the role that every caller has; `limits` bound each query. `write_lock` admits one ingest at a time,
    and readers see the state before it or after it, never between. `translator` reads questions in English, and
    `sessions` keep the last one of each caller's session.
    """

    store: Store
    role: str = "analyst"
    limits: Limits = field(default_factory=Limits)
    write_lock: threading.Lock = field(default_factory=threading.Lock)
    model_lock: threading.Lock = field(default_factory=threading.Lock)
    loaded: dict[Path, Checkpoint] = field(default_factory=dict)
    translator: Translator = by_grammar
    sessions: MemorySessions = field(default_factory=MemorySessions)
    catalog: Catalog = field(init=False)

    def __post_init__(self) -> None:
        self.catalog = read_catalog(self.store)
        self.catalog.readable(self.role)  # raises now for a role that there is not, instead of at every call

    def audited(self, method: str, query: str, context: Any) -> AbstractContextManager[Entry]:
        """Log a call: who asked what, and what became of it, without a value of the answer."""
        return audited(self.store, f"grpc {method}", query, role=self.role, who=context.peer())

    def require_rows(self, what: str) -> None:
        """Raise NotAllowed for a role that is not given rows of single patients."""
        if self.role == AGGREGATE:
            raise NotAllowed(
                f"role {self.role} is not given {what}, which tell of single patients; ask for numbers of patients "
                "with Query or Ask"
            )

    def model(self, name: str) -> Checkpoint:
        """Return the newest version of a model, loaded once; raises UnknownModel when there is none.

        While the service runs it alone can write, so the vocabulary cannot change under a loaded model.
        """
        folder = find_model(self.store.models, name)
        with self.model_lock:
            if folder not in self.loaded:
                self.loaded[folder] = open_model(self.store, name)
            return self.loaded[folder]

    def limits_for(self, max_rows: int, seconds: float | None) -> Limits:
        """Return the limits of the service, tightened by what a call asks for."""
        return Limits(
            rows=min(max_rows, self.limits.rows) if max_rows > 0 else self.limits.rows,
            seconds=min(seconds, self.limits.seconds) if seconds is not None else self.limits.seconds,
            result_bytes=self.limits.result_bytes,
        )
