"""What a block aggregates over: each row is that of one patient, and would be the same were there no other."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ehr.errors import UnsafeQuery
from ehr.store import Store, open_store
from sql.catalog import read_catalog
from sql.disclosure import ROLE, protect
from sql.disclosure.measure import rows_of
from sql.engine import read_statement, write_statement
from sql.guard import guard
from tests.sql.disclosure.clinic import build_clinic
from tests.sql.pairs import read_queries

SOME = (6, 7, 60)
FILES = ("disclosure_answered", "disclosure_hidden", "legitimate")
QUERIES = [
    (f"{file}: {name}", query)
    for file in FILES
    for name, query in read_queries(file)
    if "identifiers" not in query  # a column that the role may not read
]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, Store]]:
    """Return stores of single patients of the clinic, which know the same codes."""
    folder: Path = tmp_path_factory.mktemp("alone")
    build_clinic(folder / "all")
    stores = {}
    for subject in SOME:
        shutil.copytree(folder / "all", folder / str(subject))
        store = open_store(folder / str(subject), writable=True)
        for table in ("event", "encounter", "subject"):
            store.con.execute(f"DELETE FROM {table} WHERE subject_id <> {subject}")
        stores[subject] = store
    yield stores
    for store in stores.values():
        store.close()


@pytest.mark.parametrize(("name", "query"), QUERIES, ids=[name for name, _ in QUERIES])
def test_the_rows_of_a_patient_depend_on_no_other(
    name: str, query: str, clinic: Store, alone: dict[int, Store]
) -> None:
    con = clinic.cursor()
    try:
        catalog = read_catalog(clinic)
        guard(query, catalog, ROLE)
        protection = protect(con, read_statement(con, query, catalog, ROLE), query, catalog)
    except UnsafeQuery:
        assert name.startswith("legitimate")
        return
    protection.con.close()
    for block in protection.blocks:
        sql = write_statement(con, {"node": rows_of(block), "named_param_map": []}, None)
        found = con.sql(sql)
        place = found.columns.index("§s")
        rows = found.fetchall()
        assert all(row[place] is not None for row in rows)
        for subject, store in alone.items():
            own = [row for row in rows if row[place] == subject]
            assert sorted(map(repr, own)) == sorted(map(repr, store.cursor().sql(sql).fetchall()))
