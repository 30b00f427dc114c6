"""The clinic and the ward, once per session: a store with its concepts, and a foreign database with its names."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ehr.store import Store, open_store
from sql.text import Index, build_index
from sql.text.answering.database import opened_database
from sql.text.answering.ground import Ground
from sql.text.linking import index_of
from tests.sql.text.answering.ward import write_ward
from tests.sql.text.clinic import build_clinic
from tests.sql.text.records.hospital import CATALOGUE


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


@pytest.fixture(scope="session")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ward") / "db"
    write_ward(folder)
    return folder


@pytest.fixture(scope="session")
def ground(ward: Path) -> Iterator[Ground]:
    with opened_database(ward, CATALOGUE) as database:
        yield Ground(database, CATALOGUE, index_of(CATALOGUE, database.connection))
