"""The clinic, once per session: open and locked."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ehr.store import Store, open_store
from tests.sql.disclosure.clinic import build_clinic


@pytest.fixture(scope="session")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    path: Path = tmp_path_factory.mktemp("clinic") / "store"
    build_clinic(path)
    store = open_store(path, locked=True, memory="500MB")
    yield store
    store.close()
