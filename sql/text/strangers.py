"""Patients whom a question names by number, and whom the store does not have: no answer is right about them."""

from collections.abc import Iterator

from ehr.store import Store
from sql.catalog import Catalog
from sql.query import run_query
from sql.text.compile import compile_query
from sql.text.criterion import Identity
from sql.text.query import Beside, Count, Patients, Query, Share
from sql.text.refuse import Refusal
from sql.text.soundness import criteria_of
from sql.text.stored import TableRows


def unknown_patient(store: Store, query: Query, catalog: Catalog, role: str) -> Refusal | None:
    """Return the refusal of a question about a patient who is not in the store, None where all are.

    A role that may not be told about single patients is not told this either.
    """
    for number in dict.fromkeys(_numbers(query)):
        asked = compile_query(Query(Patients(), (Count(),), Identity(number)))
        found = run_query(store, asked, role=role, catalog=catalog).table.column(0).to_pylist()
        if found == [0]:
            return Refusal("UNANSWERABLE", f"there is no patient {number} in this store")
    return None


def _numbers(query: Query) -> Iterator[int]:
    criteria = [query.where, *(ask.where for ask in query.asks if isinstance(ask, Count | Share))]
    for criterion in criteria:
        yield from (one.subject_id for one in criteria_of(criterion) if isinstance(one, Identity))
    for ask in query.asks:
        if isinstance(ask, TableRows) and ask.subject_id is not None:
            yield ask.subject_id
        elif isinstance(ask, Beside):
            yield from _numbers(ask.query)
