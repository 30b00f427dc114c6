"""Running views and expressions over resources made in a test."""

from functools import cache
from typing import Any

import duckdb
import orjson

from sql.views.definition import read_view
from sql.views.rows import compile_view
from sql.views.run import Rows, prepared
from sql.views.scope import DECIMALS

View = dict[str, Any]


@cache
def connection() -> duckdb.DuckDBPyConnection:
    return prepared()


def rows(view: View, *resources: dict[str, Any] | str, levels: int = 8) -> list[dict[str, Any]]:
    """Return the rows of a view over resources; a resource given as text keeps its spelling of numbers."""
    compiled = compile_view(read_view(view), levels)
    con = connection()
    texts = [one if isinstance(one, str) else orjson.dumps(one).decode() for one in resources]
    con.execute("CREATE OR REPLACE TEMP TABLE documents (document JSON)")
    con.execute("INSERT INTO documents SELECT unnest($1::VARCHAR[])", [texts])
    document = "fhir_exact(document)" if DECIMALS in compiled.needs else "document"
    con.execute(f"CREATE OR REPLACE TEMP VIEW resources AS SELECT {document} AS resource FROM documents")
    table = con.sql(compiled.sql).to_arrow_table()
    names = [column.name for column in compiled.columns]
    return Rows(table.rename_columns(names), compiled.columns).records()


def value(path: str, resource: dict[str, Any] | str, view: View | None = None, **column: Any) -> Any:
    """Return what one expression gives for one resource."""
    name = orjson.loads(resource)["resourceType"] if isinstance(resource, str) else resource["resourceType"]
    select = [{"column": [{"name": "v", "path": path, **column}]}]
    return rows({"resource": name, "select": select, **(view or {})}, resource)[0]["v"]
