"""Units: what a unit means, how values convert, and which unit the values of an item are compared in.

`parse_unit` reads UCUM and the spellings of hospitals, `convert` converts a value, `refresh_units` keeps the table
`unit` of a store in step with its events, `mixed_units` lists items whose numbers came in several units.
docs/units.md tells the rules.
"""

from ehr.units.canonical import Conversion, canonical
from ehr.units.conversion import commensurable, conversion_between, convert
from ehr.units.quantities import Quantity, find_quantity, quantity_of
from ehr.units.spellings import parse_unit
from ehr.units.store_table import (
    MixedUnits,
    conversion_of,
    item_of,
    mixed_units,
    note_units_in_codes,
    refresh_units,
    unit_in_code,
)
from ehr.units.unit import Unit

__all__ = [
    "Conversion",
    "MixedUnits",
    "Quantity",
    "Unit",
    "canonical",
    "commensurable",
    "conversion_between",
    "conversion_of",
    "convert",
    "find_quantity",
    "item_of",
    "mixed_units",
    "note_units_in_codes",
    "parse_unit",
    "quantity_of",
    "refresh_units",
    "unit_in_code",
]
