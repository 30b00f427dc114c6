"""The readings of all inputs, set-based: one temporary table of every value that an event tells, or several together.

What follows from several events stands at the time of the last of them, so that it was known then:

- age in completed years at the prediction time, from the birth;
- the Glasgow coma scale from eye, verbal and motor response charted at one time; a verbal response of 1 of a patient
  who was ventilated in the 8 hours before counts as 5, as in `organs.yaml`, since a tube leaves none;
- arterial oxygen by the last inspired fraction of the 4 hours before, in mmHg; under respiratory support when that
  was on record in the 8 hours before, or went on;
- whether oxygen is given: by the inspired fraction (above 21 %), the flow (above 0), or respiratory support;
- oxygen saturation on oxygen or on air, by the last of these in the 24 hours before;
- the type of admission: a surgical service, after an admission that was planned or not.
"""

from typing import Final

import duckdb
import polars as pl

from ehr.hierarchy import JOINT
from models.scores.sources import Concepts, code_frame

READING: Final = "score_reading"
ROW: Final = "score_row"

_EVENT_COLUMNS: Final = {"unit": "NULL::VARCHAR", "end_time": "NULL::TIMESTAMP", "codings": "NULL::VARCHAR[]"}


def make_readings(con: duckdb.DuckDBPyConnection, concepts: Concepts) -> None:
    """Fill the temporary table score_reading for the subjects of the table score_row(row, subject_id, ...).

    `con` has the table `event`, and `code` and `code_ancestor` where it is that of a store. Columns: subject_id,
    input, time (null for static facts), value, code, until (the end of what lasts, else the time).
    """
    _know_codes(con)
    codes = code_frame(con, concepts)
    con.register("score_code", codes.to_arrow())
    con.execute(f"CREATE OR REPLACE TEMP TABLE {READING} AS {_base(con, codes)}")
    con.unregister("score_code")
    for name in ("score_known_code", "score_known_unit"):
        con.execute(f"DROP TABLE {name}")
    for query in _DERIVED:
        con.execute(f"INSERT INTO {READING} {query}")


def _know_codes(con: duckdb.DuckDBPyConnection) -> None:
    """Fill score_known_code(code, description) and score_known_unit(code, unit) from the store, else the events."""
    tables = {name for (name,) in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    columns = _columns(con)
    codes = (
        "SELECT code, description FROM code" if "code" in tables else "SELECT DISTINCT code, NULL::VARCHAR FROM event"
    )
    if "unit" in tables:
        units = "SELECT code, unit FROM unit"
    elif "unit" in columns:
        units = "SELECT DISTINCT code, unit FROM event WHERE unit IS NOT NULL"
    else:
        units = "SELECT NULL::VARCHAR, NULL::VARCHAR LIMIT 0"
    con.execute(f"CREATE OR REPLACE TEMP TABLE score_known_code(code, description) AS {codes}")
    con.execute(f"CREATE OR REPLACE TEMP TABLE score_known_unit(code, unit) AS {units}")


def _columns(con: duckdb.DuckDBPyConnection) -> set[str]:
    return {name for name, *_ in con.execute("DESCRIBE event").fetchall()}


def _base(con: duckdb.DuckDBPyConnection, codes: pl.DataFrame) -> str:
    """Return the query of what single events tell; an event that its code and its further codes name counts once."""
    columns = _columns(con)
    source = ", ".join(
        ["subject_id", "time", "code", "numeric_value"]
        + [name if name in columns else f"{default} AS {name}" for name, default in _EVENT_COLUMNS.items()]
    )
    by_code = _READ.format(source=source, key="e.code", further="")
    if not codes["code"].str.contains(JOINT, literal=True).any():
        return by_code
    further = "AND NOT EXISTS (FROM score_code o WHERE o.code = e.code AND o.input = k.input)"
    by_key = _READ.format(source=source, key=f"array_to_string(e.codings, '{JOINT}')", further=further)
    return f"{by_code} UNION ALL {by_key}"


_READ: Final = f"""
    SELECT e.subject_id, k.input, e.time,
           CASE WHEN k.is_flag THEN 1.0 ELSE e.numeric_value::DOUBLE * k.factor + k.shift END AS value,
           e.code, CASE WHEN k.is_lasting THEN greatest(e.time, e.end_time) ELSE e.time END AS until
    FROM (
        SELECT {{source}} FROM event
        WHERE subject_id IN (SELECT subject_id FROM {ROW})
          AND subject_id BETWEEN (SELECT min(subject_id) FROM {ROW}) AND (SELECT max(subject_id) FROM {ROW})
    ) e JOIN score_code k ON k.code = {{key}} AND (k.unit IS NULL OR k.unit = coalesce(e.unit, ''))
    WHERE (k.is_flag OR (
        isfinite(e.numeric_value)
        AND (k.low IS NULL OR e.numeric_value > k.low::FLOAT
             OR (k.low_inclusive AND e.numeric_value = k.low::FLOAT))
        AND (k.high IS NULL OR e.numeric_value < k.high::FLOAT
             OR (k.high_inclusive AND e.numeric_value = k.high::FLOAT))
    )) {{further}}
"""

_SUPPORT: Final = f"""
    SELECT subject_id, 'respiratory_support', time, 1.0, code, until FROM {READING}
    WHERE input IN ('ventilator', 'mask_ventilation')
"""

_REACH: Final = f"""
    reach AS (
        SELECT subject_id, time,
               max(greatest(until, time + INTERVAL 8 HOUR)) OVER (PARTITION BY subject_id ORDER BY time) AS until
        FROM {READING} WHERE input = '{{input}}' AND time IS NOT NULL
    )
"""
"""Up to when support that began at or before a time goes on, at least 8 hours from each event that tells of it."""

_COMA: Final = f"""
    WITH {_REACH.format(input="ventilator")},
    response AS (
        SELECT subject_id, time, min(value) FILTER (input = 'eye_response') AS eye,
               min(value) FILTER (input = 'verbal_response') AS verbal,
               min(value) FILTER (input = 'motor_response') AS motor,
               min(code) FILTER (input = 'eye_response') AS code
        FROM {READING} WHERE input IN ('eye_response', 'verbal_response', 'motor_response') AND time IS NOT NULL
        GROUP BY subject_id, time
    )
    SELECT r.subject_id, 'coma_scale', r.time,
           r.eye + r.motor + CASE WHEN r.verbal = 1 AND v.until >= r.time THEN 5 ELSE r.verbal END, r.code, r.time
    FROM response r ASOF LEFT JOIN reach v ON v.subject_id = r.subject_id AND v.time <= r.time
    WHERE r.eye IS NOT NULL AND r.verbal IS NOT NULL AND r.motor IS NOT NULL
    UNION ALL
    SELECT subject_id, 'coma_scale', time, value, code, until FROM {READING} WHERE input = 'coma_total'
"""

_OXYGENATION: Final = f"""
    WITH fraction AS (
        SELECT subject_id, time, min(CASE WHEN value <= 1 THEN value * 100 ELSE value END) AS fraction
        FROM {READING} WHERE input = 'inspired_oxygen' AND time IS NOT NULL GROUP BY subject_id, time
    ),
    {_REACH.format(input="respiratory_support")},
    ratio AS (
        SELECT a.subject_id, a.time, 100 * a.value / f.fraction AS value, a.code
        FROM (FROM {READING} WHERE input = 'arterial_oxygen' AND time IS NOT NULL) a
        ASOF JOIN fraction f ON f.subject_id = a.subject_id AND f.time <= a.time
        WHERE f.time >= a.time - INTERVAL 4 HOUR
    )
    SELECT r.subject_id, unnest(
        CASE WHEN s.until >= r.time THEN ['oxygenation', 'oxygenation_supported'] ELSE ['oxygenation'] END
    ), r.time, r.value, r.code, r.time
    FROM ratio r ASOF LEFT JOIN reach s ON s.subject_id = r.subject_id AND s.time <= r.time
"""

_OXYGEN: Final = f"""
    SELECT subject_id, 'oxygen', time,
           CASE input WHEN 'inspired_oxygen' THEN (CASE WHEN value <= 1 THEN value * 100 ELSE value END > 21)::DOUBLE
                      WHEN 'oxygen_flow' THEN (value > 0)::DOUBLE ELSE 1.0 END, code, time
    FROM {READING} WHERE input IN ('inspired_oxygen', 'oxygen_flow', 'respiratory_support') AND time IS NOT NULL
"""

_SATURATION: Final = f"""
    WITH given AS (
        SELECT subject_id, time, max(value) AS value FROM {READING}
        WHERE input = 'oxygen' GROUP BY subject_id, time
    )
    SELECT s.subject_id,
           CASE WHEN g.value = 1 AND g.time > s.time - INTERVAL 24 HOUR
                THEN 'saturation_on_oxygen' ELSE 'saturation_on_air' END,
           s.time, s.value, s.code, s.time
    FROM (FROM {READING} WHERE input = 'oxygen_saturation' AND time IS NOT NULL) s
    ASOF LEFT JOIN given g ON g.subject_id = s.subject_id AND g.time <= s.time
"""

_ADMISSION: Final = f"""
    WITH admission AS (
        SELECT subject_id, time, bool_or(input = 'elective_admission') AS is_planned FROM {READING}
        WHERE input IN ('any_admission', 'elective_admission') AND time IS NOT NULL GROUP BY subject_id, time
    ),
    service AS (
        SELECT subject_id, time, bool_or(input = 'surgical_service') AS is_surgical, min(code) AS code
        FROM {READING} WHERE input IN ('hospital_service', 'surgical_service') AND time IS NOT NULL
        GROUP BY subject_id, time
    )
    SELECT s.subject_id, 'admission_kind', s.time,
           CASE WHEN NOT s.is_surgical THEN 1.0 WHEN a.is_planned THEN 0.0 ELSE 2.0 END, s.code, s.time
    FROM service s ASOF JOIN admission a ON a.subject_id = s.subject_id AND a.time <= s.time
"""

_TOLD_AGE: Final = f"""
    SELECT subject_id, 'age', time, floor(value), code, until FROM {READING} WHERE input = 'age_told'
"""

_DERIVED: Final = (_SUPPORT, _COMA, _OXYGENATION, _OXYGEN, _SATURATION, _ADMISSION, _TOLD_AGE)
