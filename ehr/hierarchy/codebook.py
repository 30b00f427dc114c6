"""The tables that a store has of its codes, made for events that are in no store."""

from typing import Final

import duckdb

from ehr.hierarchy.closure import JOINT, find_ancestors, put_texts
from ehr.hierarchy.names import read_concept

TABLE: Final = "code_ancestor"


def has_codebook(con: duckdb.DuckDBPyConnection) -> bool:
    """Say whether a connection has table code_ancestor."""
    return _columns(con, TABLE) != {}


def make_codebook(con: duckdb.DuckDBPyConnection, described: str) -> None:
    """Make the tables code, hierarchy and code_ancestor of the codes in the relation `event` of a connection.

    What lies above them follows from their structure, and from the column parent_codes of the relation `described`
    (metadata/codes.parquet of MEDS) where the connection has it.
    """
    columns = _columns(con, described)
    title = f"(SELECT any_value(d.description) FROM {described} d WHERE d.code = event.code)"
    con.execute(
        f"""
        CREATE TEMP TABLE code AS
        SELECT code, count(*) AS n_events, {title if "description" in columns else "NULL"}::VARCHAR AS description
        FROM event GROUP BY code
        """
    )
    edges: list[tuple[str, str]] = []
    if columns.get("parent_codes", "").endswith("[]"):
        listed = con.execute(f"SELECT DISTINCT code, unnest(parent_codes)::VARCHAR FROM {described}").fetchall()
        edges = [(read_concept(child), read_concept(parent)) for child, parent in listed if child and parent]
    put_texts(con, "hierarchy", ("child", "parent"), dict.fromkeys(edge for edge in edges if edge[0] != edge[1]))
    con.execute("CREATE TEMP TABLE used_key AS SELECT code FROM code")
    if _columns(con, "event").get("codings") == "VARCHAR[]":
        con.execute(
            f"INSERT INTO used_key SELECT DISTINCT array_to_string(codings, '{JOINT}') FROM event "
            "WHERE codings IS NOT NULL"
        )
    find_ancestors(con, "used_key", "hierarchy")
    con.execute(f"CREATE TEMP TABLE {TABLE} AS FROM found_ancestor")


def _columns(con: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    """Return the types of the columns of a table or view by name; none where there is no such relation."""
    rows = con.execute("SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ?", [relation])
    return {str(name): str(kind) for name, kind in rows.fetchall()}
