from collections.abc import Iterator
from pathlib import Path

import pytest

from sql.text.answering.attempts import Ground
from sql.text.answering.database import opened_database
from sql.text.linking import index_of
from tests.sql.text.answering.ward import write_ward
from tests.sql.text.records.hospital import CATALOGUE


@pytest.fixture(scope="session")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ward") / "db"
    write_ward(folder)
    return folder


@pytest.fixture(scope="session")
def ground(ward: Path) -> Iterator[Ground]:
    with opened_database(ward, CATALOGUE) as database:
        yield Ground(database, CATALOGUE, index_of(CATALOGUE, database.connection))
