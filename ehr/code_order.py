"""The events a second time in the order of their codes, for questions that ask for few codes of all patients.

Table `event` stands in the order of patients, so that one timeline is read from one place and a code from everywhere.
`event_by_code` is narrow and stands in the order of codes: DuckDB skips the blocks that hold none of those asked for.
A number, the place, stands for code and unit together, since blocks are told apart by numbers exactly and by texts
only after their first letters; it also makes sorting several times quicker.

A store keeps the order from LEAST events on; with fewer, reading all of `event` is quick enough. Each import appends
what it brings, sorted; `ehr compact` sorts all of it.
"""

from collections.abc import Sequence
from typing import Final

import duckdb

from ehr.code_table import GONE_EVENT

LEAST: Final = 4_000_000
"""Events from which on a store keeps them in the order of codes too."""

SLICE: Final = 4_000_000
"""Events that are sorted at a time: about 0.3 GB."""

COLUMNS: Final = frozenset({"subject_id", "time", "code", "numeric_value", "unit"})
"""Columns of `event` that the second order knows."""

_SAME: Final = "kept.code = found.code AND kept.unit IS NOT DISTINCT FROM found.unit"


def keeps_code_order(con: duckdb.DuckDBPyConnection) -> bool:
    """Say whether `event_by_code` has every event of the store."""
    return con.execute("SELECT EXISTS (FROM code_place)").fetchall()[0][0] is True


def refresh_code_order(con: duckdb.DuckDBPyConnection, last_event: int) -> None:
    """Bring `event_by_code` in step with the events after number `last_event`, and with those that went.

    Runs within the transaction of an import, which has left the events that went in GONE_EVENT.
    """
    if keeps_code_order(con):
        _take_again(con, last_event)
        _append(con, f"event_id > {last_event}")
    elif con.execute("SELECT count(*) FROM event").fetchall()[0][0] >= LEAST:
        _append(con, "true")


def _take_again(con: duckdb.DuckDBPyConnection, last_event: int) -> None:
    """Let go all events of a patient at a place of which some went, and take those that stayed; empty places go."""
    if not con.execute(f"SELECT EXISTS (FROM {GONE_EVENT})").fetchall()[0][0]:
        return
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE gone_place AS
        SELECT DISTINCT kept.place, found.subject_id, kept.code, kept.unit
        FROM {GONE_EVENT} AS found JOIN code_place AS kept ON {_SAME}
        """
    )
    con.execute(
        """
        DELETE FROM event_by_code WHERE rowid IN (
            SELECT event_by_code.rowid FROM event_by_code JOIN gone_place USING (place, subject_id)
        )
        """
    )
    con.execute(
        f"""
        INSERT INTO event_by_code BY NAME
        SELECT kept.place, subject_id, found."time", found.numeric_value
        FROM event AS found JOIN gone_place AS kept USING (subject_id)
        WHERE {_SAME} AND found.event_id <= {last_event}
        ORDER BY place, subject_id, "time" NULLS FIRST
        """
    )
    con.execute(
        """
        DELETE FROM code_place
        WHERE place IN (SELECT place FROM gone_place) AND place NOT IN (SELECT place FROM event_by_code)
        """
    )


def _append(con: duckdb.DuckDBPyConnection, which: str) -> None:
    """Append the events of which the condition `which` holds, in the order of places."""
    con.execute(
        f"""
        INSERT INTO code_place BY NAME
        SELECT (SELECT coalesce(max(place), 0) FROM code_place)
               + row_number() OVER (ORDER BY code, unit NULLS FIRST) AS place, code, unit
        FROM (SELECT DISTINCT code, unit FROM event WHERE {which}) AS found ANTI JOIN code_place AS kept ON {_SAME}
        """
    )
    for places in _slices(con, which):
        con.execute(
            f"""
            INSERT INTO event_by_code BY NAME
            SELECT kept.place, found.subject_id, found."time", found.numeric_value
            FROM event AS found JOIN code_place AS kept ON {_SAME}
            WHERE {which} AND {places}
            ORDER BY kept.place, found.subject_id, found."time" NULLS FIRST
            """
        )


def _slices(con: duckdb.DuckDBPyConnection, which: str) -> Sequence[str]:
    """Return conditions on the place, in its order, that cut the events into slices of about SLICE events."""
    if con.execute(f"SELECT count(*) FROM event WHERE {which}").fetchall()[0][0] <= SLICE:
        return ("true",)
    bounds = con.execute(
        f"""
        WITH size AS (SELECT code, unit, count(*) AS n FROM event WHERE {which} GROUP BY ALL),
        sliced AS (
            SELECT place, (sum(n) OVER (ORDER BY place) - 1) // {SLICE} AS slice
            FROM size AS found JOIN code_place AS kept ON {_SAME}
        )
        SELECT min(place), max(place) FROM sliced GROUP BY slice ORDER BY slice
        """
    ).fetchall()
    return [f"kept.place BETWEEN {first} AND {last}" for first, last in bounds]
