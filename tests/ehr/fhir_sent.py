"""Sending resources to a store in tests, and asking what became of them."""

from typing import Any

import orjson

from ehr.importers import ImportOptions
from ehr.importers.fhir import import_resources
from ehr.intake import ImportReport
from ehr.store import Store

BILLING = ImportOptions(billing=True)


def rows(store: Store, query: str) -> list[tuple[Any, ...]]:
    return store.cursor().execute(query).fetchall()


def send(store: Store, *resources: Any, options: ImportOptions | None = None) -> ImportReport:
    return import_resources(store, [orjson.dumps(one) for one in resources], "test", options or ImportOptions())


def events(store: Store, record: str, columns: str) -> list[tuple[Any, ...]]:
    """Return columns of the events of a record and its parts, in the order in which it gives them."""
    chosen = f"record_id = '{record}' OR starts_with(record_id, '{record}.')"
    return rows(store, f"SELECT {columns} FROM event WHERE {chosen} ORDER BY event_id")


def numbered(resources: list[Any]) -> list[Any]:
    """Return resources with ids of their own."""
    return [one | {"id": f"n{number}"} for number, one in enumerate(resources)]


def refusals(store: Store) -> list[tuple[Any, ...]]:
    return rows(store, "SELECT resource, code, reason, excerpt FROM reject ORDER BY line")
