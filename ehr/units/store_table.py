"""The table `unit` of the store: every code and unit with the way to a canonical unit, and items of mixed units."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import duckdb
import polars as pl

from ehr.events import HEADS, SEPARATOR, UNKNOWN, head_of
from ehr.store import Store
from ehr.units.canonical import Conversion, canonical
from ehr.units.quantities import Quantity, quantity_of
from ehr.units.spellings import parse_unit

_SCHEMA: Final = {
    "code": pl.String(),
    "unit": pl.String(),
    "item": pl.String(),
    "canonical_unit": pl.String(),
    "factor": pl.Float64(),
    "shift": pl.Float64(),
    "n_events": pl.Int64(),
}


def refresh_units(con: duckdb.DuckDBPyConnection) -> None:
    """Recompute the rows of `unit` for the codes in the temporary table `touched_code`.

    Runs inside the transaction of the caller, after `code` and `code_value` are up to date. The cost follows the
    number of codes that are touched, and the size of `code_value`; each pair of code and unit is looked at once.
    """
    pairs = con.sql(
        """
        SELECT v.code, v.unit, any_value(c.description) AS description, sum(v.n)::BIGINT AS n_events
        FROM code_value v SEMI JOIN touched_code USING (code) LEFT JOIN code c ON c.code = v.code
        WHERE v.unit IS NOT NULL AND v.numeric_value IS NOT NULL
        GROUP BY v.code, v.unit HAVING sum(v.n) > 0
        ORDER BY v.code, v.unit
        """
    ).fetchall()
    rows = [(*_conversion_row(code, unit, description), n) for code, unit, description, n in pairs]
    con.register("new_unit", pl.DataFrame(rows, schema=_SCHEMA, orient="row").to_arrow())
    con.execute("DELETE FROM unit WHERE code IN (FROM touched_code)")
    con.execute("INSERT INTO unit BY NAME FROM new_unit")
    con.unregister("new_unit")


def _conversion_row(
    code: str, unit: str, description: str | None
) -> tuple[str, str, str, str | None, float | None, float | None]:
    item = item_of(code, unit)
    way = conversion_of(item, unit, description)
    if way is None:
        return code, unit, item, None, None, None
    return code, unit, item, way.unit, float(way.factor), float(way.shift)


def item_of(code: str, unit: str | None) -> str:
    """Return a code without the unit at its end, so that one item measured in several units is one.

    >>> item_of("LAB//50931//mg/dL", "mg/dL"), item_of("LAB//LOINC//9279-1///min", "/min")
    ('LAB//50931', 'LAB//LOINC//9279-1')
    >>> item_of("LAB//50931//UNK", None), item_of("INFUSION_START//220862", "mL")
    ('LAB//50931', 'INFUSION_START//220862')
    """
    return code.removesuffix(SEPARATOR + (unit or UNKNOWN).replace(SEPARATOR, "/"))


def unit_in_code(code: str) -> str | None:
    """Return the unit at the end of the code of a measurement, for sources that tell it nowhere else; else None.

    MEDS data sets write it there. A last part that is no known unit is none, nor is a number, nor the code of what is
    measured, which comes first after its system (in capitals) or else after the head.

    >>> unit_in_code("LAB//50931//mg/dL"), unit_in_code("Weight (Lbs)"), unit_in_code("LAB//LOINC//8867-4///min")
    ('mg/dL', 'Lbs', '/min')
    >>> unit_in_code("LAB//K"), unit_in_code("LAB//LOINC//2345-7"), unit_in_code("MEDICATION//A//mg")
    (None, None, None)
    """
    head = HEADS.get(head_of(code))
    if head is None or head.kind != "observation":
        return None
    _, second, rest = (*code.split(SEPARATOR, 2), "", "")[:3]
    if second.isupper():
        rest = rest.partition(SEPARATOR)[2]
    if not second and (bracketed := re.search(r"\(([^()]+)\)$", code)):
        rest = bracketed[1]
    return rest if not rest.isdigit() and parse_unit(rest) else None


def note_units_in_codes(con: duckdb.DuckDBPyConnection, codes: str) -> str:
    """Note the units in the codes that the SELECT `codes` gives (column code), for an importer whose source has none.

    They lie in the temporary table code_unit (code, unit), which grows by every call on this connection. Returns the
    SQL of the unit of a row `r` with columns code and numeric_value: NULL without a number.
    """
    con.execute("CREATE TEMP TABLE IF NOT EXISTS code_unit (code VARCHAR, unit VARCHAR)")
    found = con.execute(f"SELECT DISTINCT code FROM ({codes}) ANTI JOIN code_unit USING (code)").fetchall()
    rows = [(code, unit) for (code,) in found if (unit := unit_in_code(code))]
    frame = pl.DataFrame(rows, schema={"code": pl.String(), "unit": pl.String()}, orient="row")
    con.register("new_code_unit", frame.to_arrow())
    con.execute("INSERT INTO code_unit FROM new_code_unit")
    con.unregister("new_code_unit")
    return "CASE WHEN r.numeric_value IS NOT NULL THEN (SELECT u.unit FROM code_unit u WHERE u.code = r.code) END"


def conversion_of(item: str, unit: str, description: str | None) -> Conversion | None:
    """Return how to bring the numbers of an item into its canonical unit; None for a unit that is not understood."""
    recognised = quantity_of(item, description)
    return _conversion(unit, recognised.quantity if recognised else None)


@lru_cache(maxsize=8192)
def _conversion(unit: str, quantity: Quantity | None) -> Conversion | None:
    parsed = parse_unit(unit)
    return None if parsed is None else canonical(parsed, quantity)


@dataclass(frozen=True, slots=True)
class MixedUnits:
    """An item whose numbers came in several units, or partly without one.

    `units` counts the numbers by unit as written, the most frequent first; `without_unit` those that have none.
    `canonical_units` are the units they convert to, `not_understood` those that convert to none. `verdict` is one
    of VERDICTS.
    """

    item: str
    description: str | None
    verdict: str
    units: dict[str, int]
    without_unit: int
    not_understood: tuple[str, ...]
    canonical_units: tuple[str, ...]


VERDICTS: Final = ("not comparable", "partly without unit", "converted", "same unit")
"""What mixed units mean for the numbers of an item, the worst first: several kinds of unit, or one that is not
understood; one kind and numbers without any; several that all convert into one; one, spelt in several ways."""


def mixed_units(store: Store) -> tuple[MixedUnits, ...]:
    """Return the items of `store` with mixed units.

    The worst verdict comes first, measurements before drugs (which are given in tablets and milligrams alike), and
    then the items with the most numbers.
    """
    found = [_mixed(*row) for row in store.cursor().execute(_MIXED).fetchall()]
    return tuple(sorted(found, key=lambda mixed: (VERDICTS.index(mixed.verdict), _is_drug(mixed.item))))


def _is_drug(item: str) -> bool:
    head = HEADS.get(head_of(item))
    return head is not None and head.kind == "medication"


def _mixed(
    item: str,
    description: str | None,
    units: list[str],
    counts: list[int],
    targets: list[str | None],
    n_ways: int,
    without: int,
) -> MixedUnits:
    known = tuple(sorted({unit for unit in targets if unit is not None}))
    unclear = tuple(unit for unit, target in zip(units, targets, strict=True) if target is None)
    if len(known) > 1 or (unclear and len(units) > 1):
        verdict = "not comparable"
    elif without:
        verdict = "partly without unit"
    else:
        verdict = "same unit" if n_ways == 1 else "converted"
    return MixedUnits(item, description, verdict, dict(zip(units, counts, strict=True)), without, unclear, known)


_MIXED: Final = """
    WITH known AS (
        SELECT item, unit, any_value(canonical_unit) AS canonical_unit, sum(n_events)::BIGINT AS n,
               any_value((factor, shift)) AS way
        FROM unit GROUP BY item, unit
    ),
    bare AS (
        SELECT regexp_replace(code, '//UNK$', '') AS item, sum(n)::BIGINT AS n
        FROM code_value WHERE unit IS NULL AND numeric_value IS NOT NULL
        GROUP BY 1 HAVING sum(n) > 0
    ),
    title AS (
        SELECT unit.item, arg_max(code.description, code.n_events) AS description
        FROM unit JOIN code USING (code) GROUP BY unit.item
    )
    SELECT item, any_value(title.description), list(unit ORDER BY known.n DESC, unit),
           list(known.n ORDER BY known.n DESC, unit), list(canonical_unit ORDER BY known.n DESC, unit),
           count(DISTINCT (canonical_unit, way)), coalesce(any_value(bare.n), 0)
    FROM known LEFT JOIN bare USING (item) LEFT JOIN title USING (item)
    GROUP BY item HAVING count(*) > 1 OR any_value(bare.n) IS NOT NULL
    ORDER BY sum(known.n) DESC, item
"""
