"""Checks of patients, and of times against their lives."""

from typing import Final

from ehr.check.definition import EVENT, EVENTS, LATEST, PATIENT, PATIENTS, RECORDS, TIMED, Check
from ehr.events import BIRTH, DEATH
from ehr.reasons import Reason

OF_PATIENTS: Final[tuple[Check, ...]] = (
    Check(
        "patient-without-birth",
        "patients",
        "Patients without a birth date",
        "Ages cannot be computed; tasks that need an age leave these patients out.",
        "patient",
        f"{PATIENT} WHERE birth_time IS NULL",
        PATIENTS,
        warn=0,
        fail=0.05,
    ),
    Check(
        "patient-without-sex",
        "patients",
        "Patients without a sex",
        "No sex is recorded, not even 'unknown'.",
        "patient",
        f"{PATIENT} WHERE sex IS NULL",
        PATIENTS,
        warn=0,
        fail=0.05,
    ),
    Check(
        "patient-contradicted",
        "patients",
        "Patients with two sexes, births or deaths",
        "Several records state a fact that there is once: two sexes, or births or deaths more than a day apart.",
        "patient",
        "SELECT source_id, subject_id AS id, string_agg(what, ', ' ORDER BY what) AS about, 1 AS n "
        "FROM check_contradiction GROUP BY source_id, subject_id",
        PATIENTS,
        warn=0,
        fail=0.01,
    ),
    Check(
        "death-before-birth",
        "patients",
        "Deaths before birth",
        "The death lies more than a day before the birth.",
        "patient",
        f"{PATIENT} WHERE dead < birth_time - INTERVAL 1 DAY",
        PATIENTS,
        warn=0,
        fail=0,
    ),
    Check(
        "patient-too-old",
        "patients",
        "Patients older than anyone was",
        "An event lies more than 123 years after the birth; the greatest age ever verified is 122 (J. Calment).",
        "patient",
        f"{PATIENT} WHERE last_time > birth_time + INTERVAL 124 YEAR",
        PATIENTS,
        warn=0,
        fail=0.01,
    ),
)  # fmt: skip
"""Who the patients are."""

OF_TIMES: Final[tuple[Check, ...]] = (
    Check(
        "event-before-birth",
        "times",
        "Events before birth",
        "The event lies more than a day before the patient was born; a time known to the year, month or day counts "
        "as its last moment, and the day allows for time zones.",
        "event",
        f"{EVENT} JOIN check_patient p USING (subject_id) WHERE {LATEST} < p.birth_time - INTERVAL 1 DAY",
        TIMED,
        warn=0,
        fail=0.001,
    ),
    Check(
        "event-after-death",
        "times",
        "Events after death",
        "The event lies more than a day after the last moment of the recorded death. Results that arrive late and "
        "the closing of the record are within the day.",
        "event",
        f"""{EVENT} JOIN check_patient p USING (subject_id)
        WHERE e."time" > p.dead + INTERVAL 1 DAY AND e.code NOT IN ('{BIRTH}', '{DEATH}')""",
        TIMED,
        warn=0,
        fail=0.001,
    ),
    Check(
        "event-in-future",
        "times",
        "Events in the future",
        "The event lies more than a day after the end of its import. Sources most of whose events do are taken for "
        "shifted on purpose, as MIMIC-IV is, and left out.",
        "event",
        f"""{EVENT} JOIN source s USING (source_id) SEMI JOIN check_unshifted u ON u.source_id = e.source_id
        WHERE e."time" > s.finished_at + INTERVAL 1 DAY""",
        'SELECT source_id, count(*) AS n FROM event SEMI JOIN check_unshifted USING (source_id) '
        'WHERE "time" IS NOT NULL GROUP BY 1',
        warn=0,
        fail=0.001,
    ),
    Check(
        "event-ends-before-start",
        "times",
        "Events that end before they begin",
        "The end lies before the begin; where the begin is known to the day only, before that day.",
        "event",
        f'{EVENT} WHERE e.end_time < e."time"',
        'SELECT source_id, count(*) AS n FROM event WHERE end_time IS NOT NULL AND "time" IS NOT NULL GROUP BY 1',
        warn=0,
        fail=0.001,
    ),
    Check(
        "event-without-time",
        "times",
        "Clinical events without a time",
        "A diagnosis, result or drug without a time is in no timeline and no cohort: nobody can say when it was "
        "known. Sex and other standing facts need none.",
        "event",
        f"""{EVENT} JOIN code c USING (code)
        WHERE e."time" IS NULL AND c.kind NOT IN ('demographic', 'other')""",
        EVENTS,
        warn=0,
        fail=0.05,
    ),
    Check(
        "time-unparsed",
        "times",
        "Records whose time could not be read",
        "Refused, or taken in without a time, because their time is none or missing ('ehr rejects' lists them).",
        "record",
        f"""SELECT source_id, coalesce(resource, 'record') || coalesce(', line ' || line, '') AS id,
               code AS about, 1 AS n
        FROM (SELECT source_id, resource, line, code FROM reject
              UNION ALL SELECT source_id, resource, line, code FROM notice)
        WHERE code IN ('{Reason.BAD_TIME}', '{Reason.NO_TIME}')""",
        RECORDS,
        warn=0,
        fail=0.01,
    ),
)  # fmt: skip
"""When things happened."""
