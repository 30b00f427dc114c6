"""Checks of stays, and of events in them."""

from typing import Final

from ehr.check.definition import EVENT, LATEST, STAY, STAYS, Check

HOSPITAL: Final = "('inpatient', 'icu', 'emergency')"

OF_STAYS: Final[tuple[Check, ...]] = (
    Check(
        "stay-ends-before-start",
        "stays",
        "Stays that end before they begin",
        "The discharge lies before the admission.",
        "stay",
        f"{STAY} WHERE e.end_time < e.start_time",
        STAYS,
        warn=0,
        fail=0.001,
    ),
    Check(
        "stay-without-start",
        "stays",
        "Stays without a begin",
        "It is not known when the stay began.",
        "stay",
        f"{STAY} WHERE e.start_time IS NULL",
        STAYS,
        warn=0,
        fail=0.05,
    ),
    Check(
        "stay-outside-parent",
        "stays",
        "Stays outside the stay that they are part of",
        "A ward or ICU stay begins or ends more than a day outside its hospital stay.",
        "stay",
        f"""{STAY} JOIN encounter p ON p.encounter_id = e.parent_id
        WHERE e.start_time < p.start_time - INTERVAL 1 DAY OR e.end_time > p.end_time + INTERVAL 1 DAY
           OR e.start_time > p.end_time + INTERVAL 1 DAY OR e.end_time < p.start_time - INTERVAL 1 DAY""",
        "SELECT source_id, count(*) AS n FROM encounter WHERE parent_id IS NOT NULL GROUP BY 1",
        warn=0,
        fail=0.02,
    ),
    Check(
        "stay-with-wrong-parent",
        "stays",
        "Stays that are part of an unknown or another patient's stay",
        "The stay that it names as its own is not in the store, or is that of another patient.",
        "stay",
        f"""{STAY} LEFT JOIN encounter p ON p.encounter_id = e.parent_id
        WHERE e.parent_id IS NOT NULL AND p.subject_id IS DISTINCT FROM e.subject_id""",
        "SELECT source_id, count(*) AS n FROM encounter WHERE parent_id IS NOT NULL GROUP BY 1",
        warn=0,
        fail=0.01,
    ),
    Check(
        "stay-overlap",
        "stays",
        "Inpatient stays that overlap",
        "A patient was admitted more than an hour before an earlier inpatient stay of theirs ended; stays inside "
        "another are not counted.",
        "stay",
        """
        WITH outer_stay AS (
            SELECT e.* FROM encounter e
            ANTI JOIN encounter p ON p.encounter_id = e.parent_id AND p.class = 'inpatient'
            WHERE e.class = 'inpatient' AND e.start_time IS NOT NULL AND e.end_time >= e.start_time
        ),
        followed AS (
            SELECT *, max(end_time) OVER (
                PARTITION BY subject_id ORDER BY start_time, encounter_id
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) AS before_ends
            FROM outer_stay
        )
        SELECT source_id, encounter_id AS id, class AS about, 1 AS n FROM followed
        WHERE before_ends > start_time + INTERVAL 1 HOUR
        """,
        "SELECT source_id, count(*) AS n FROM encounter WHERE class = 'inpatient' GROUP BY 1",
        warn=0,
        fail=0.01,
    ),
    Check(
        "event-unknown-stay",
        "stays",
        "Events that name an unknown stay",
        "The stay that the event names is not in the store.",
        "event",
        f"{EVENT} ANTI JOIN encounter s ON s.encounter_id = e.encounter_id WHERE e.encounter_id IS NOT NULL",
        "SELECT source_id, count(*) AS n FROM event WHERE encounter_id IS NOT NULL GROUP BY 1",
        warn=0,
        fail=0.01,
    ),
    Check(
        "event-others-stay",
        "stays",
        "Events in a stay of another patient",
        "The event names a stay that belongs to another patient: two patients may be mixed up.",
        "event",
        f"{EVENT} JOIN encounter s ON s.encounter_id = e.encounter_id WHERE s.subject_id <> e.subject_id",
        "SELECT source_id, count(*) AS n FROM event WHERE encounter_id IS NOT NULL GROUP BY 1",
        warn=0,
        fail=0,
    ),
    Check(
        "event-outside-stay",
        "stays",
        "Events far outside their stay",
        "The event lies more than a day before or after the hospital, emergency or ICU stay that it names. An "
        "ambulatory visit may well have results of later days.",
        "event",
        f"""{EVENT} JOIN encounter s ON s.encounter_id = e.encounter_id
        WHERE s.class IN {HOSPITAL} AND ({LATEST} < s.start_time - INTERVAL 1 DAY
           OR e."time" > s.end_time + INTERVAL 1 DAY)""",
        f"""SELECT e.source_id, count(*) AS n FROM event e JOIN encounter s ON s.encounter_id = e.encounter_id
        WHERE s.class IN {HOSPITAL} AND e."time" IS NOT NULL GROUP BY 1""",
        warn=0,
        fail=0.02,
    ),
)  # fmt: skip
"""Stays and what they hold."""
