"""The table of checks.

To add one, add an entry to the tuple of its area. `findings` is a SELECT of source_id, id, about and n: a row or more
for each thing found, where `id` and `about` say which (never a value of a patient) and `n` how many it stands for.
`base` is a SELECT of source_id and n: out of how many. source_id is NULL where something belongs to no file. The
temporary tables that they read are made in ehr/check/prepare.py.
"""

from typing import Final

from ehr.check.definition import Check
from ehr.check.lives import OF_PATIENTS, OF_TIMES
from ehr.check.stays import OF_STAYS
from ehr.check.values import OF_CODES, OF_IMPORTS, OF_VALUES

CHECKS: Final[tuple[Check, ...]] = (*OF_PATIENTS, *OF_TIMES, *OF_STAYS, *OF_VALUES, *OF_CODES, *OF_IMPORTS)
"""In the order of the page."""

AREAS: Final = tuple(dict.fromkeys(check.area for check in CHECKS))
