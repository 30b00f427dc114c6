"""Facts on label rows: who each row is about and in which stay it stands, for subgroups and early prediction.

What makes a subgroup is known at the prediction time: sex and birth, and of all else the last that was recorded up to
then. Only `stay_end` lies ahead; it is an outcome to measure against and never an input of an estimator.
"""

from typing import Final

import duckdb
import polars as pl
from sqlglot import exp

from ehr.past import known

ATTRIBUTES: Final = ("sex", "age_band", "race", "ethnicity", "site", "care_unit", "year")
"""Columns of `row_facts` that part rows into groups, as text; NULL where unknown."""
STAY: Final = ("stay_start", "stay_end")
AGE_BANDS: Final = ((18, "0-17"), (40, "18-39"), (65, "40-64"), (80, "65-79"), (200, "80+"))
"""Upper bound of each band in years, excluded, and its name."""

_BAND: Final = "CASE " + " ".join(f"WHEN age < {bound} THEN '{name}'" for bound, name in AGE_BANDS) + " END"
_KNOWN: Final = known(exp.column("time", "told"), exp.column("prediction_time", "asked")).sql("duckdb")
_SQL: Final = f"""
WITH asked AS MATERIALIZED (
    SELECT row_number() OVER () AS place, subject_id, prediction_time FROM label_rows
), told AS MATERIALIZED (
    SELECT subject_id, "time", event_id, code FROM event
    WHERE starts_with(code, 'RACE//') OR starts_with(code, 'ETHNICITY//') OR starts_with(code, 'TRANSFER_TO//EICU//')
), known AS (
    SELECT place,
           arg_max(code, (coalesce("time", '0001-01-01'::TIMESTAMP), event_id))
               FILTER (starts_with(code, 'RACE//')) AS race,
           arg_max(code, (coalesce("time", '0001-01-01'::TIMESTAMP), event_id))
               FILTER (starts_with(code, 'ETHNICITY//')) AS ethnicity,
           arg_max(code, (coalesce("time", '0001-01-01'::TIMESTAMP), event_id))
               FILTER (starts_with(code, 'TRANSFER_TO//')) AS moved_to
    FROM asked JOIN told USING (subject_id)
    WHERE {_KNOWN}
    GROUP BY place
), inside AS MATERIALIZED (
    SELECT place, encounter_id, class, type, start_time, end_time
    FROM asked JOIN encounter USING (subject_id)
    WHERE start_time <= prediction_time AND (end_time IS NULL OR end_time >= prediction_time)
), unit AS (
    SELECT place, arg_max(CASE class WHEN 'icu' THEN coalesce(type, class) ELSE class END,
                          (class = 'icu', start_time, encounter_id)) AS care_unit
    FROM inside GROUP BY place
), stay AS (
    SELECT place, arg_max(start_time, (class = 'inpatient', start_time, encounter_id)) AS stay_start,
           arg_max({{'at': end_time}}, (class = 'inpatient', start_time, encounter_id))['at'] AS stay_end
    FROM inside WHERE class IN ('inpatient', 'icu') GROUP BY place
), aged AS (
    SELECT place, date_diff('day', birth_time, prediction_time) / 365.25 AS age, sex, year(prediction_time) AS year
    FROM asked JOIN subject USING (subject_id)
)
SELECT asked.subject_id, asked.prediction_time, sex, {_BAND} AS age_band,
       coalesce(raced.description, split_part(split_part(known.race, '//', -1), ' - ', 1)) AS race,
       coalesce(ethnic.description, split_part(known.ethnicity, '//', -1)) AS ethnicity,
       nullif(regexp_extract(moved_to, 'hospital ([^ ]+)', 1), '') AS site, care_unit,
       CASE WHEN year <= year(current_date) THEN year::VARCHAR END AS year, stay_start, stay_end
FROM asked LEFT JOIN known USING (place) LEFT JOIN unit USING (place) LEFT JOIN stay USING (place)
LEFT JOIN aged USING (place) LEFT JOIN code AS raced ON raced.code = known.race
LEFT JOIN code AS ethnic ON ethnic.code = known.ethnicity
ORDER BY place
"""


def row_facts(cursor: duckdb.DuckDBPyConnection, labels: pl.DataFrame) -> pl.DataFrame:
    """Return one row of facts per row of `labels` (subject_id, prediction_time), in their order.

    Columns: subject_id, prediction_time, those of ATTRIBUTES and of STAY. `care_unit` is that of the ICU stay that
    the prediction time lies in, else the class of the stay; `stay_start` and `stay_end` are those of the hospital
    stay (of the ICU stay where no hospital stay is recorded). `year` is NULL where it has not come yet: such a
    calendar is shifted for each patient, and its years mean nothing.
    """
    rows = labels.select(pl.col("subject_id").cast(pl.Int64), pl.col("prediction_time").cast(pl.Datetime("us")))
    cursor.register("label_rows", rows.to_arrow())
    try:
        facts = pl.DataFrame(cursor.sql(_SQL).to_arrow_table())
    finally:
        cursor.unregister("label_rows")
    times = [pl.col(column).cast(pl.Datetime("us")) for column in ("prediction_time", *STAY)]
    return facts.with_columns(*times, *(pl.col(name).cast(pl.String).str.to_lowercase() for name in ATTRIBUTES))
