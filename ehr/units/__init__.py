"""The unit layer."""

import duckdb


def refresh_units(con: duckdb.DuckDBPyConnection) -> None:
    """Bring the rows of `touched_code` up to date."""
