"""Checks of values and units, of codes, and of what imports left out."""

from typing import Final

from ehr.check.definition import EVENT, NUMBERS, RECORDS, Check
from ehr.reasons import Reason

_SAME: Final = 'subject_id, "time", code, numeric_value, text_value, value_code, unit, encounter_id, end_time, status'


def _repeated(condition: str) -> str:
    """Return the findings of events that are there more than once: candidates by hash, then compared in full."""
    return f"""
        WITH candidate AS (
            SELECT hash({_SAME}) AS key FROM event WHERE {condition} GROUP BY 1 HAVING count(*) > 1
        )
        SELECT arg_max(source_id, event_id) AS source_id, max(event_id) AS id, any_value(code) AS about,
               count(*) - 1 AS n
        FROM event SEMI JOIN candidate ON hash({_SAME}) = candidate.key
        WHERE {condition} GROUP BY {_SAME} HAVING count(*) > 1
    """


_HAS_VALUE: Final = "(numeric_value IS NOT NULL OR text_value IS NOT NULL OR value_code IS NOT NULL)"


OF_VALUES: Final[tuple[Check, ...]] = (
    Check(
        "value-implausible",
        "values",
        "Values that cannot be",
        "In its canonical unit the number lies outside the limits below: a slip of the pen, or a wrong unit.",
        "event",
        f"""{EVENT} JOIN check_limit l ON l.code = e.code AND l.unit IS NOT DISTINCT FROM e.unit
        WHERE e.numeric_value * l.factor + l.shift < l.low - 1e-6 * abs(l.low)
           OR e.numeric_value * l.factor + l.shift > l.high + 1e-6 * abs(l.high)""",
        """SELECT e.source_id, count(*) AS n
        FROM event e JOIN check_limit l ON l.code = e.code AND l.unit IS NOT DISTINCT FROM e.unit
        WHERE e.numeric_value IS NOT NULL GROUP BY 1""",
        warn=0,
        fail=0.001,
    ),
    Check(
        "duplicate-value",
        "values",
        "Values that are there twice",
        "Same patient, time, code, value, unit, stay, end and status: delivered twice, or copied. Counts and means "
        "are skewed.",
        "event",
        _repeated(_HAS_VALUE),
        f"SELECT source_id, count(*) AS n FROM event WHERE {_HAS_VALUE} GROUP BY 1",
        warn=0,
        fail=0.01,
    ),
    Check(
        "duplicate-event",
        "values",
        "Events without a value that are there twice",
        "Same patient, time, code, stay, end and status, and no value that could tell them apart.",
        "event",
        _repeated(f"NOT {_HAS_VALUE}"),
        f"SELECT source_id, count(*) AS n FROM event WHERE NOT {_HAS_VALUE} GROUP BY 1",
        warn=0,
        fail=0.05,
    ),
    Check(
        "unit-not-understood",
        "values",
        "Numbers whose unit is not understood",
        "They cannot be compared or checked; docs/units.md says how to teach a unit.",
        "event",
        f"""{EVENT} SEMI JOIN unit u ON u.code = e.code AND u.unit = e.unit AND u.canonical_unit IS NULL
        WHERE e.numeric_value IS NOT NULL""",
        NUMBERS,
        warn=0,
        fail=0.05,
    ),
    Check(
        "number-without-unit",
        "values",
        "Numbers without a unit where others have one",
        "The same item is given with a unit elsewhere in this store.",
        "event",
        f"{EVENT} SEMI JOIN check_bare b ON b.code = e.code WHERE e.numeric_value IS NOT NULL AND e.unit IS NULL",
        """SELECT source_id, count(*) AS n FROM event
        WHERE numeric_value IS NOT NULL
          AND (code IN (SELECT code FROM unit) OR code IN (SELECT code FROM check_bare)) GROUP BY 1""",
        warn=0,
        fail=0.05,
    ),
    Check(
        "units-not-comparable",
        "values",
        "Items in units that cannot be compared",
        "Measurements of one item came in units that do not convert into each other; do not pool them. 'ehr stats "
        "--json' lists the units.",
        "item",
        "SELECT NULL::INTEGER AS source_id, item AS id, description AS about, 1 AS n FROM check_mixed",
        "SELECT NULL::INTEGER AS source_id, count(DISTINCT item) AS n FROM unit",
        warn=0,
        fail=0.05,
    ),
)  # fmt: skip
"""Numbers, units, repetitions."""

OF_CODES: Final[tuple[Check, ...]] = (
    Check(
        "code-without-description",
        "codes",
        "Codes without a description",
        "People cannot read them, and questions in English do not find them.",
        "code",
        "SELECT NULL::INTEGER AS source_id, code AS id, NULL::VARCHAR AS about, 1 AS n FROM code "
        "WHERE coalesce(description, '') = '' AND kind <> 'demographic'",
        "SELECT NULL::INTEGER AS source_id, count(*) AS n FROM code WHERE kind <> 'demographic'",
        warn=0,
        fail=0.2,
    ),
    Check(
        "code-order-differs",
        "codes",
        "Codes of which the two orders of the events differ",
        "Cohorts read the events in the order of codes, which lacks some or has too many: a fault of the program. "
        "Import anew.",
        "code",
        """SELECT NULL::INTEGER AS source_id, code AS id, NULL::VARCHAR AS about, 1 AS n
        FROM (SELECT code, count(*) AS n, sum(hash(subject_id)) AS who FROM event GROUP BY code)
        FULL JOIN (SELECT code, count(*) AS kept, sum(hash(subject_id)) AS known
                   FROM event_by_code JOIN code_place USING (place) GROUP BY code) USING (code)
        WHERE (n, who) IS DISTINCT FROM (kept, known) AND EXISTS (FROM code_place)""",
        "SELECT NULL::INTEGER AS source_id, count(*) AS n FROM code WHERE EXISTS (FROM code_place)",
        warn=0,
        fail=0,
    ),
)  # fmt: skip
"""Codes."""

OF_IMPORTS: Final[tuple[Check, ...]] = (
    Check(
        "record-rejected",
        "imports",
        "Records refused",
        "Left out of the store, each with its reason ('ehr rejects').",
        "record",
        "SELECT source_id, coalesce(resource, 'record') || coalesce(', line ' || line, '') AS id, code AS about, "
        "1 AS n FROM reject",
        RECORDS,
        warn=0,
        fail=0.01,
    ),
    Check(
        "file-failed",
        "imports",
        "Files that could not be read",
        "Nothing of the file is in the store, or it says that there is more than it gave.",
        "file",
        f"""SELECT source_id, file AS id, status AS about, 1 AS n FROM source WHERE status = 'failed'
        UNION ALL
        SELECT n.source_id, any_value(s.file), 'incomplete', 1 FROM notice n JOIN source s USING (source_id)
        WHERE n.code = '{Reason.INCOMPLETE}' GROUP BY 1""",
        "SELECT source_id, 1 AS n FROM source",
        warn=0,
        fail=0,
    ),
)  # fmt: skip
"""What is not in the store."""
