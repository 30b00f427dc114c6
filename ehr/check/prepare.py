"""The temporary tables that the checks read: bounds of lives, limits by code, items with trouble in their units."""

from typing import Final

import duckdb
import polars as pl

from ehr.check.limits import limits
from ehr.events import BIRTH, DEATH, HEADS, UNKNOWN, head_of
from ehr.store import Store
from ehr.units import find_quantity, item_of, mixed_units, quantity_of

_PERIOD: Final = """CASE time_precision WHEN 'year' THEN INTERVAL 1 YEAR WHEN 'month' THEN INTERVAL 1 MONTH
    WHEN 'day' THEN INTERVAL 1 DAY ELSE INTERVAL 0 DAY END"""

_PATIENTS: Final = f"""
    CREATE OR REPLACE TEMP TABLE check_patient AS
    WITH seen AS (
        SELECT subject_id, min(source_id) AS source_id FROM event GROUP BY 1
    ),
    death AS (
        SELECT subject_id, min("time" + {_PERIOD}) AS dead FROM event WHERE code = '{DEATH}' GROUP BY 1
    )
    SELECT s.subject_id, seen.source_id, s.birth_time, s.sex, s.last_time, coalesce(death.dead, s.death_time) AS dead
    FROM subject s LEFT JOIN seen USING (subject_id) LEFT JOIN death USING (subject_id)
"""

_CONTRADICTIONS: Final = f"""
    CREATE OR REPLACE TEMP TABLE check_contradiction AS
    WITH fact AS (
        SELECT subject_id, source_id, code, "time", "time" + {_PERIOD} AS latest,
               CASE WHEN code = '{BIRTH}' THEN 'birth' WHEN code = '{DEATH}' THEN 'death' ELSE 'sex' END AS what
        FROM event WHERE code IN ('{BIRTH}', '{DEATH}') OR starts_with(code, 'GENDER//')
    )
    SELECT subject_id, max(source_id) AS source_id, what FROM fact GROUP BY subject_id, what
    HAVING (what = 'sex' AND count(DISTINCT code) > 1)
        OR (what <> 'sex' AND max("time") > min(latest) + INTERVAL 1 DAY)
"""

_UNSHIFTED: Final = """
    CREATE OR REPLACE TEMP TABLE check_unshifted AS
    WITH ahead AS (
        SELECT s.format, count(*) FILTER (e."time" > s.finished_at + INTERVAL 1 DAY) / count(*) AS share
        FROM event e JOIN source s USING (source_id) WHERE e."time" IS NOT NULL GROUP BY 1
    )
    SELECT source_id FROM source JOIN ahead USING (format) WHERE share <= 0.5
"""


def prepare(store: Store) -> duckdb.DuckDBPyConnection:
    """Return a cursor of `store` on which the temporary tables of the checks are there."""
    con = store.cursor()
    for statement in (_PATIENTS, _CONTRADICTIONS, _UNSHIFTED):
        con.execute(statement)
    _make(con, "check_limit", _limits(con))
    _make(con, "check_bare", _bare_codes(con))
    _make(con, "check_mixed", _mixed_items(store))
    return con


def _make(con: duckdb.DuckDBPyConnection, name: str, frame: pl.DataFrame) -> None:
    con.register("check_frame", frame.to_arrow())
    con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM check_frame")
    con.unregister("check_frame")


def _limits(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Return code, unit, factor, shift, low and high of every code whose quantity has limits.

    A score needs no unit: its numbers are taken as they are.
    """
    rows = con.execute(
        """
        SELECT unit.code, unit.unit, item, description, canonical_unit, factor, shift
        FROM unit JOIN code USING (code) WHERE canonical_unit IS NOT NULL
        UNION ALL
        SELECT DISTINCT v.code, NULL, NULL, description, '{score}', 1, 0
        FROM code_value v JOIN code USING (code) WHERE v.unit IS NULL AND numeric_value IS NOT NULL
        """
    ).fetchall()
    found = []
    for code, unit, item, description, canonical_unit, factor, shift in rows:
        recognised = quantity_of(item or item_of(code, None), description)
        if recognised and recognised.usual and recognised.quantity.unit == canonical_unit:
            limit = limits().get(recognised.quantity.name)
            if limit:
                found.append((code, unit, factor, shift, limit.low, limit.high))
    schema = {"code": pl.String(), "unit": pl.String()} | dict.fromkeys(
        ("factor", "shift", "low", "high"), pl.Float64()
    )
    return pl.DataFrame(found, schema=schema, orient="row")


def _bare_codes(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Return the codes of measurements that came without a unit although their item has one elsewhere."""
    rows = con.execute(
        """
        SELECT DISTINCT v.code FROM code_value v JOIN code c USING (code)
        SEMI JOIN unit ON unit.item = regexp_replace(v.code, ?, '')
        WHERE v.unit IS NULL AND v.numeric_value IS NOT NULL AND c.kind IN ('observation', 'other')
        """,
        [f"//{UNKNOWN}$"],
    ).fetchall()
    return pl.DataFrame(rows, schema={"code": pl.String()}, orient="row")


def _mixed_items(store: Store) -> pl.DataFrame:
    """Return the measurements in units that cannot be compared."""
    rows = [
        (mixed.item, mixed.description)
        for mixed in mixed_units(store)
        if mixed.verdict == "not comparable" and _is_measured(mixed.item)
    ]
    return pl.DataFrame(rows, schema={"item": pl.String(), "description": pl.String()}, orient="row")


def _is_measured(item: str) -> bool:
    head = HEADS.get(head_of(item))
    return head is None or head.kind in {"observation", "other"}


def limited_quantities() -> list[tuple[str, str, float, float, str]]:
    """Return name, unit, lowest and highest value and source of every limit, for people to read."""
    rows = []
    for limit in limits().values():
        quantity = find_quantity(limit.quantity)
        if quantity is None:
            raise ValueError(f"limits.csv names {limit.quantity!r}, which quantities.csv does not have")
        rows.append((limit.quantity, quantity.unit, limit.low, limit.high, limit.source))
    return rows
