"""Fixtures that all tests share."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
DATA = Path(os.environ.get("ANAMNESIS_DATA", REPOSITORY.parent / "shared" / "data"))
DATA_REQUIRED = os.environ.get("ANAMNESIS_DATA_REQUIRED") == "1"


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Return the folder of the real records; the test is skipped, or fails in CI, where it is absent."""
    if DATA.is_dir():
        return DATA
    message = f"the real records are not at {DATA}; set ANAMNESIS_DATA to the folder that holds them"
    if DATA_REQUIRED:
        pytest.fail(message)
    pytest.skip(message)
