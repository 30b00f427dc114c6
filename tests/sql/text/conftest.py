"""The clinic, once per session: open, locked, with its index of concepts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ehr.store import Store, open_store
from sql.text import Index, build_index
from tests.sql.text.clinic import build_clinic


@pytest.fixture(scope="session")
def clinic_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clinic") / "store"
    build_clinic(path)
    return path


@pytest.fixture(scope="session")
def clinic(clinic_path: Path) -> Iterator[Store]:
    store = open_store(clinic_path, locked=True, memory="500MB")
    yield store
    store.close()


@pytest.fixture(scope="session")
def index(clinic: Store) -> Index:
    return build_index(clinic)
