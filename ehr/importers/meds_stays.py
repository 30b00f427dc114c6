"""Stays of a MEDS data set that has none of its own: each is an admission and the discharge that follows it.

MEDS has events only. The events of an admission and a discharge that name one stay, in a column such as hadm_id, make
a stay; others are paired in order of time: the first discharge after an admission ends it, and of a discharge and an
admission at one time the discharge comes first where a stay goes on. An admission without a discharge makes a stay
without an end. ICU stays and emergency visits lie in the hospital stay that they name, else in the one
around their time. docs/meds.md has the rules in words and how they fare on MIMIC-IV.
"""

from dataclasses import dataclass
from typing import Final

from ehr.importers.fhir_words import ENCOUNTER_CLASSES
from ehr.intake import Intake, SourceFile


@dataclass(frozen=True, slots=True)
class Pair:
    """The heads of the codes that begin and end a stay of one class; NULL where the code itself says the class."""

    starts: str
    ends: str
    stay_class: str | None


PAIRS: Final = (
    Pair("HOSPITAL_ADMISSION", "HOSPITAL_DISCHARGE", "inpatient"),
    Pair("ICU_ADMISSION", "ICU_DISCHARGE", "icu"),
    Pair("ED_REGISTRATION", "ED_OUT", "emergency"),
    Pair("ENCOUNTER_START", "ENCOUNTER_END", None),
)

DEATHS: Final = ("DIED", "DEAD", "DEATH", "EXPIRED", "DECEASED", "DEAD/EXPIRED")
"""Words of a discharge, in capitals, that say that the patient died in hospital."""

HOURS_TO_ADMISSION: Final = 6
"""Hours after the end of an emergency visit within which an admission belongs to it."""

EVENTS: Final = "meds_stay_event"
"""Temporary table of the events of the batch at hand that begin or end stays."""


class DerivedStays:
    """Collects the events that begin and end stays, file by file, and stages the stays before each commit."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._clear()

    def note(self, rows: str) -> None:
        """Note the events that begin or end stays among `rows`, in the columns of meds_rows.rows_select."""
        self._intake.con.execute(
            f"INSERT INTO {EVENTS} BY NAME SELECT {_COLUMNS}, _hospital AS hospital "
            f'FROM (FROM {rows}) WHERE "time" IS NOT NULL AND ({_ANY})'
        )

    def stage(self, entry: SourceFile) -> int:
        """Stage the stays of the patients whose events were noted, with what the store has of them; count them."""
        con = self._intake.con
        if not con.execute(f"SELECT count(*) FROM {EVENTS}").fetchall()[0][0]:
            return 0
        con.execute(
            f"INSERT INTO {EVENTS} BY NAME SELECT {_COLUMNS} FROM event "
            f"WHERE subject_id IN (SELECT subject_id FROM {EVENTS} SEMI JOIN subject USING (subject_id)) "
            f'AND "time" IS NOT NULL AND ({_ANY}) ORDER BY event_id'
        )
        staged = entry.stage("encounter", STAYS)
        self._clear()
        return staged

    def _clear(self) -> None:
        self._intake.con.execute(
            f'CREATE OR REPLACE TEMP TABLE {EVENTS} (subject_id BIGINT, "time" TIMESTAMP, code VARCHAR, '
            "end_time TIMESTAMP, visit BIGINT, hospital BIGINT)"
        )


def _begins(code: str, head: str) -> str:
    return f"({code} = '{head}' OR starts_with({code}, '{head}//'))"


def _cases(values: list[tuple[str, str]]) -> str:
    return "CASE " + " ".join(f"WHEN {condition} THEN {value}" for condition, value in values) + " END"


_COLUMNS: Final = 'subject_id, "time", code, end_time, encounter_id AS visit'

_ANY: Final = " OR ".join(_begins("code", head) for pair in PAIRS for head in (pair.starts, pair.ends))

_KIND: Final = _cases(
    [(_begins("code", head), str(place)) for place, pair in enumerate(PAIRS) for head in (pair.starts, pair.ends)]
)

_IS_START: Final = " OR ".join(_begins("code", pair.starts) for pair in PAIRS)

_WORD_CLASS: Final = _cases(
    [(f"upper(split_part(code, '//', 2)) = '{word}'", f"'{name}'") for word, name in ENCOUNTER_CLASSES.items()]
)

_CLASS: Final = _cases(
    [
        (
            _begins("code", pair.starts),
            f"'{pair.stay_class}'" if pair.stay_class else f"coalesce({_WORD_CLASS}, 'other')",
        )
        for pair in PAIRS
    ]
)


def _part(code: str, place: int) -> str:
    """Return the SQL of a part of a code, NULL where it is empty or UNK."""
    return f"nullif(nullif(split_part({code}, '//', {place}), ''), 'UNK')"


_DISPOSITION: Final = (
    f"CASE WHEN upper(split_part(end_code, '//', 2)) IN {DEATHS} OR upper(split_part(end_code, '//', 3)) IN {DEATHS} "
    f"THEN 'DIED' WHEN stay_class <> 'inpatient' OR starts_with(end_code, 'ENCOUNTER_') THEN NULL "
    f"ELSE {_part('end_code', 2)} END"
)

STAYS: Final = f"""
    WITH noted AS (
        SELECT *, row_number() OVER () AS row, {_KIND} AS kind, {_IS_START} AS is_start,
               {_CLASS} AS stay_class, {_begins("code", PAIRS[-1].starts)} AS is_visit,
               coalesce(visit, -1) AS pool FROM {EVENTS}
    ),
    timed AS (
        SELECT subject_id, kind, pool, "time", sum(if(is_start, 1, -1)) AS balance FROM noted GROUP BY ALL
    ),
    state AS (  -- whether a stay goes on when a time comes, as the last time told that had no equal numbers of both
        SELECT subject_id, kind, pool, "time",
               coalesce(last_value(CASE WHEN balance <> 0 THEN balance > 0 END IGNORE NULLS) OVER (
                   PARTITION BY subject_id, kind, pool ORDER BY "time"
                   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
               ), false) AS goes_on
        FROM timed
    ),
    opened AS (  -- each event beside the last admission up to it
        SELECT noted.*, last_value(CASE WHEN is_start THEN row END IGNORE NULLS) OVER (
            PARTITION BY subject_id, kind, pool
            ORDER BY "time", CASE WHEN goes_on AND kind < {len(PAIRS) - 1} THEN is_start ELSE NOT is_start END, row
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS opener
        FROM noted JOIN state USING (subject_id, kind, pool, "time")
    ),
    closed AS (  -- the first discharge after each admission
        SELECT opener, arg_min(row, ("time", row)) AS closer
        FROM opened WHERE NOT is_start AND opener IS NOT NULL GROUP BY opener
    ),
    paired AS (
        SELECT begin.subject_id, begin.is_visit, begin.stay_class, begin.code, begin.visit, begin.hospital,
               begin."time" AS start_time, finish.code AS end_code,
               coalesce(CASE WHEN begin.end_time >= begin."time" THEN begin.end_time END, finish."time") AS end_time
        FROM (FROM opened WHERE is_start) AS begin
        LEFT JOIN closed ON closed.opener = begin.row
        LEFT JOIN opened AS finish ON finish.row = closed.closer
    ),
    numbered AS (  -- the number of a hospital stay may stand beside the events of the stays within it
        SELECT *, stay_class = 'inpatient' OR is_visit OR coalesce(visit NOT IN (
            SELECT visit FROM paired WHERE stay_class = 'inpatient' AND visit IS NOT NULL
        ) AND visit IS DISTINCT FROM hospital AND stay_class = 'icu', false) AS is_own
        FROM paired
    ),
    named AS (
        SELECT *, coalesce(
                   CASE WHEN is_own THEN visit END,
                   (md5_number_lower(concat_ws('/', 'MEDS stay', subject_id, stay_class, start_time)) >> 1)::BIGINT
               ) AS encounter_id,
               coalesce(end_time, start_time) + if(stay_class = 'emergency', INTERVAL {HOURS_TO_ADMISSION} HOUR,
                                                   INTERVAL 0 HOUR) AS reach
        FROM numbered
        QUALIFY row_number() OVER (PARTITION BY encounter_id ORDER BY start_time, end_time NULLS LAST) = 1
    ),
    near AS (  -- the hospital stays that a stay names, or that its time meets
        SELECT part.encounter_id, part.stay_class, whole.encounter_id AS around, whole.start_time,
               whole.encounter_id IN (part.visit, part.hospital) AS is_named,
               least(part.end_time, whole.end_time) - greatest(part.start_time, whole.start_time) AS overlap
        FROM (FROM named WHERE stay_class IN ('icu', 'emergency') AND NOT is_visit) AS part
        JOIN (FROM named WHERE stay_class = 'inpatient') AS whole ON whole.subject_id = part.subject_id
        WHERE whole.encounter_id IN (part.visit, part.hospital)
           OR whole.start_time <= part.reach AND part.start_time <= coalesce(whole.end_time, part.start_time)
    ),
    around AS (
        SELECT encounter_id, coalesce(min(around) FILTER (is_named), CASE stay_class
                   WHEN 'icu' THEN arg_max(around, (coalesce(overlap, INTERVAL 0 HOUR), start_time))
                   ELSE arg_min(around, start_time) END) AS parent_id
        FROM near GROUP BY encounter_id, stay_class
    )
    SELECT encounter_id, parent_id, subject_id, stay_class AS class,
           CASE WHEN NOT is_visit THEN {_part("code", 2)} END AS type, start_time, end_time,
           CASE WHEN stay_class = 'inpatient' AND NOT is_visit THEN {_part("code", 3)} END AS admit_source,
           {_DISPOSITION} AS disposition
    FROM named LEFT JOIN around USING (encounter_id)
    WHERE encounter_id NOT IN (SELECT encounter_id FROM encounter WHERE record_id IS NOT NULL)
"""
"""SELECT of the stays, as rows of `encounter`; a stay that a record of another source told stays as it is."""
