"""Fixtures that all tests share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ehr.importers import IMPORTERS, ImportOptions
from ehr.store import Store, create_store, open_store

REPOSITORY = Path(__file__).parents[1]
DATA = Path(os.environ.get("ANAMNESIS_DATA", REPOSITORY.parent / "shared" / "data"))
DATA_REQUIRED = os.environ.get("ANAMNESIS_DATA_REQUIRED") == "1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest in one process, so that no process waits for another at the end."""
    items.sort(key=lambda item: item.get_closest_marker("spark") is None)


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Return the folder of the real records; the test is skipped, or fails in CI, where it is absent."""
    if DATA.is_dir():
        return DATA
    message = f"the real records are not at {DATA}; set ANAMNESIS_DATA to the folder that holds them"
    if DATA_REQUIRED:
        pytest.fail(message)
    pytest.skip(message)


def imported(path: Path, name: str, source: Path) -> Iterator[Store]:
    """Import `source` into a new store at `path`, and give it open for reading and locked."""
    store = create_store(path)
    IMPORTERS[name](store, source, ImportOptions())
    store.close()
    store = open_store(path, locked=True)
    yield store
    store.close()


@pytest.fixture(scope="session")
def mimic_store(data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Return a store of the MIMIC-IV demo."""
    yield from imported(tmp_path_factory.mktemp("mimic") / "store", "mimic", data_root / "mimic-iv-demo")


@pytest.fixture(scope="session")
def meds_store(data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Return a store of the MEDS copy of the MIMIC-IV demo."""
    yield from imported(tmp_path_factory.mktemp("meds") / "store", "meds", data_root / "mimic-iv-demo" / "meds")


@pytest.fixture(scope="session")
def fhir_store(data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Return a store of the fifteen FHIR patients, from NDJSON."""
    yield from imported(tmp_path_factory.mktemp("fhir") / "store", "fhir", data_root / "fhir" / "ndjson")


@pytest.fixture(scope="session")
def omop_store(data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Return a store of the 28 persons of the OMOP set."""
    yield from imported(tmp_path_factory.mktemp("omop") / "store", "omop", data_root / "omop")
