"""Code hierarchies."""

import duckdb


def refresh_ancestors(con: duckdb.DuckDBPyConnection) -> None:
    """Bring the rows of `touched_code` up to date."""
