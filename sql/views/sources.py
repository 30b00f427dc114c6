"""The files that a view reads, and the relation of resources that DuckDB makes of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sqlglot import exp

from ehr.errors import SourceError
from sql.views.build import call, text
from sql.views.rows import RESOURCES
from sql.views.scope import DECIMALS, LINKS

SUFFIXES: Final = (".json", ".ndjson", ".jsonl")


def files_of(sources: Sequence[Path]) -> list[Path]:
    """Return the files at these paths; of a folder all that are named as JSON or NDJSON, by name.

    Raises SourceError where there is nothing to read.
    """
    return [file for source in sources for file in ([source] if source.is_file() else _files_in(source))]


def _files_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise SourceError(f"there is no file or folder at {folder}; give FHIR resources as JSON or NDJSON")
    found = sorted(
        file
        for file in folder.rglob("*")
        if file.name.lower().removesuffix(".gz").endswith(SUFFIXES)
        and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    )
    if not found:
        raise SourceError(f"{folder} holds no file that ends in .json, .ndjson or .jsonl, with or without .gz")
    return found


def resources_view(files: Sequence[Path], resource: str, needs: frozenset[str], size: int) -> str:
    """Return the statement that makes `resources(resource)`: what the files hold, Bundles taken apart.

    The entries of a Bundle, and of Bundles within it, are resources of their own, unless Bundles are asked for.
    DuckDB keeps room for JSON texts of `size` bytes for each thread.
    """
    options = {"format": text("auto"), "maximum_object_size": exp.Literal.number(size)}
    paths = exp.Array(expressions=[text(str(file)) for file in files])
    named = [exp.PropertyEQ(this=exp.to_identifier(name), expression=value) for name, value in options.items()]
    document = call("fhir_exact", exp.column("json")) if DECIMALS in needs else exp.column("json")
    documents = exp.select(exp.alias_(document, "document")).from_(call("read_json_objects", paths, *named))
    item = exp.column("document")
    linked = call("fhir_unbundled_linked", item, text(resource))
    found = linked if LINKS in needs else call("fhir_unbundled", item)
    items = item if resource == "Bundle" else call("unnest", found)
    query = exp.select(exp.alias_(items, "resource")).from_(documents.subquery("documents"))
    return f"CREATE TEMP VIEW {RESOURCES} AS {query.sql('duckdb')}"
