"""The ward store, once per session: open and locked."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ehr.store import Store, open_store
from sql.catalog import Catalog, read_catalog
from tests.sql.ward import build_ward


@pytest.fixture(scope="session")
def ward_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ward") / "store"
    build_ward(path)
    return path


@pytest.fixture(scope="session")
def ward(ward_path: Path) -> Iterator[Store]:
    store = open_store(ward_path, locked=True, memory="500MB")
    yield store
    store.close()


@pytest.fixture(scope="session")
def catalog(ward: Store) -> Catalog:
    return read_catalog(ward)
