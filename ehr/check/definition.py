"""What a check is, and the pieces of SQL that checks share."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Check:
    """One check; it warns when the share of findings exceeds `warn`, and fails when it exceeds `fail`.

    `noun` says what `id` numbers, `area` where the check belongs on the page.
    """

    name: str
    area: str
    title: str
    meaning: str
    noun: str
    findings: str
    base: str
    warn: float
    fail: float


TIMED: Final = 'SELECT source_id, count(*) AS n FROM event WHERE "time" IS NOT NULL GROUP BY 1'
EVENTS: Final = "SELECT source_id, count(*) AS n FROM event GROUP BY 1"
STAYS: Final = "SELECT source_id, count(*) AS n FROM encounter GROUP BY 1"
PATIENTS: Final = "SELECT source_id, count(*) AS n FROM check_patient GROUP BY 1"
RECORDS: Final = "SELECT source_id, rows_in AS n FROM source"
NUMBERS: Final = (
    "SELECT source_id, count(*) AS n FROM event WHERE numeric_value IS NOT NULL AND unit IS NOT NULL GROUP BY 1"
)

LATEST: Final = """CASE e.time_precision WHEN 'year' THEN e."time" + INTERVAL 1 YEAR
    WHEN 'month' THEN e."time" + INTERVAL 1 MONTH WHEN 'day' THEN e."time" + INTERVAL 1 DAY ELSE e."time" END"""
EVENT: Final = "SELECT e.source_id, e.event_id AS id, e.code AS about, 1 AS n FROM event e"
STAY: Final = "SELECT e.source_id, e.encounter_id AS id, e.class AS about, 1 AS n FROM encounter e"
PATIENT: Final = "SELECT p.source_id, p.subject_id AS id, NULL::VARCHAR AS about, 1 AS n FROM check_patient p"
