"""The made hospital, once per session."""

from collections.abc import Iterator

import pytest

from tests.sql.text.records.hospital import Hospital


@pytest.fixture(scope="session")
def hospital() -> Iterator[Hospital]:
    made = Hospital()
    yield made
    made.close()
