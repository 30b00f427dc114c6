"""Running a view over FHIR files: DuckDB reads them, one SELECT makes the rows; no store is needed.

The connection may read the files named and nothing else, and its settings are locked before the view runs.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import duckdb
import orjson
import pyarrow as pa

from ehr.errors import SourceError, ViewError
from sql.views.build import text
from sql.views.definition import View, read_view
from sql.views.elements import is_resource
from sql.views.rows import TOO_DEEP, Compiled, Output, compile_view
from sql.views.sources import files_of, resources_view

MACROS: Final = Path(__file__).with_name("macros.sql")
LEVELS: Final = (8, 32, 128, 512)
"""To how many levels `repeat` is compiled; the next one is tried where a resource goes deeper."""
SIZES: Final = (16 << 20, 128 << 20, 1 << 30)
"""The longest JSON text, such as a Bundle, that is expected; the next is tried where one is longer."""
_TOO_LONG: Final = "maximum_object_size"
_MALFORMED: Final = re.compile(r'JSON in file "(?P<file>[^"]*)", at (?P<place>.*?): (?P<why>.*?)\.?\s*$', re.S)


@dataclass(frozen=True, slots=True)
class Rows:
    """What a view gives: a table with its columns in order, and what is known of each column."""

    table: pa.Table
    columns: tuple[Output, ...]

    def records(self) -> list[dict[str, Any]]:
        """Return the rows as dicts of plain values; what is JSON in a column is parsed."""
        values = [self._values(number) for number in range(len(self.columns))]
        names = [column.name for column in self.columns]
        return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]

    def _values(self, number: int) -> list[Any]:
        found = self.table.column(number).to_pylist()
        if not self.columns[number].is_json:
            return list(found)
        return [
            [orjson.loads(one) for one in value] if isinstance(value, list) else value and orjson.loads(value)
            for value in found
        ]

    def plain_table(self) -> pa.Table:
        """Return the table with JSON columns as text; a JSON text that is a single string without its quotes."""
        table = self.table
        for number, column in enumerate(self.columns):
            if column.is_json and not column.sql_type.endswith("[]"):
                texts = [one if isinstance(one, str) else raw for one, raw in self._with_text(number)]
                table = table.set_column(number, column.name, pa.array(texts, pa.string()))
        return table

    def _with_text(self, number: int) -> list[tuple[Any, str | None]]:
        return list(zip(self._values(number), self.table.column(number).to_pylist(), strict=True))


def load_view(path: Path) -> View:
    """Read a ViewDefinition from a file.

    Raises SourceError when there is no JSON at `path`, ViewError with the place when the definition is wrong.
    """
    try:
        document = json.loads(path.read_bytes(), parse_float=Decimal, parse_constant=_refuse_constant)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path} is no JSON: {error}; give a ViewDefinition") from error
    try:
        return read_view(document)
    except ViewError as error:
        raise ViewError(f"{path}: {error}") from error


def run_view(view: View, sources: Sequence[Path]) -> Rows:
    """Return the rows of a view over the resources in files and folders, in the order of the resources.

    A file holds a resource, a Bundle, a JSON array or NDJSON, plain or gzipped. Raises ViewError where the view is
    wrong or meets values that it does not allow, SourceError where a file cannot be read.
    """
    files = files_of(sources)
    levels, sizes = list(LEVELS), list(SIZES)
    while True:
        compiled = compile_view(view, levels[0])
        try:
            table = _table(compiled, view.resource, files, sizes[0])
            break
        except duckdb.Error as error:
            tried = levels if TOO_DEEP in str(error) else sizes if _TOO_LONG in str(error) else []
            if len(tried) < 2:
                raise _explained(error) from error
            tried.pop(0)
    if not table.num_rows and not is_resource(view.resource):
        raise ViewError(f"there are no rows, and {view.resource!r} is no type of resource that FHIR has up to R5")
    return Rows(table, compiled.columns)


def prepared() -> duckdb.DuckDBPyConnection:
    """Return a connection in memory with what the SQL of views calls."""
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    con.execute(MACROS.read_text())
    return con


def _table(compiled: Compiled, resource: str, files: list[Path], size: int) -> pa.Table:
    with prepared() as con:
        con.execute(f"SET allowed_paths = [{', '.join(text(str(file)).sql('duckdb') for file in files)}]")
        con.execute("SET enable_external_access = false")
        con.execute("SET lock_configuration = true")
        con.execute(resources_view(files, resource, compiled.needs, size))
        table = con.sql(compiled.sql).to_arrow_table()
    return table.rename_columns([column.name for column in compiled.columns])


def _explained(error: duckdb.Error) -> ViewError | SourceError:
    """Turn an error of DuckDB into one of ours; its text is kept only where it holds no value of a patient."""
    message = str(error).splitlines()[0]
    place = message.find("ViewDefinition")
    if isinstance(error, duckdb.InvalidInputException) and place >= 0:
        return ViewError(message[place:])
    malformed = _MALFORMED.search(message)
    if malformed is not None:
        return SourceError(f"{malformed['file']}: no JSON at {malformed['place']}: {malformed['why']}")
    if isinstance(error, duckdb.IOException | duckdb.PermissionException):
        return SourceError(f"{message.partition(': ')[2]}; give the files again, whole")
    return ViewError(f"DuckDB cannot run the view ({type(error).__name__}); see its SQL with --explain")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
