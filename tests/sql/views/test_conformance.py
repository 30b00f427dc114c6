"""The conformance files of SQL on FHIR v2, each test by itself."""

from pathlib import Path
from typing import Any

import duckdb
import orjson
import pytest

from ehr.errors import ViewError
from sql.views.definition import read_view
from tests.conftest import DATA
from tests.sql.views.running import rows

FOLDER = DATA / "sql-on-fhir"
FILES = {file.stem: orjson.loads(file.read_bytes()) for file in sorted(FOLDER.glob("*.json"))}
CASES = [
    pytest.param(document["resources"], case, id=f"{name}: {case['title']}")
    for name, document in FILES.items()
    for case in document["tests"]
]


def test_the_files_are_all_there(data_root: Path) -> None:
    assert len(FILES) == 15
    assert len(CASES) == 84


@pytest.mark.parametrize(("resources", "case"), CASES)
def test_a_view_gives_the_rows_expected_or_is_refused(resources: list[dict[str, Any]], case: dict[str, Any]) -> None:
    if case.get("expectError"):
        with pytest.raises((ViewError, duckdb.InvalidInputException), match="ViewDefinition"):
            rows(case["view"], *resources)
        return
    found = rows(case["view"], *resources)
    assert _sorted(found) == _sorted(case["expect"])
    if "expectColumns" in case:
        assert [column.name for column in read_view(case["view"]).columns()] == case["expectColumns"]


def _sorted(found: list[dict[str, Any]]) -> list[bytes]:
    """Return rows as comparable texts; 5 and 5.0 are the same number."""
    return sorted(
        orjson.dumps({name: _plain(one) for name, one in row.items()}, option=orjson.OPT_SORT_KEYS) for row in found
    )


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value
