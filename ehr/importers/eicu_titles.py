"""Titles of the codes of eICU-CRD: its tables hold words instead of numbers, so most codes say what they mean."""

from typing import Final

from ehr.importers.tables import TableSpec, integer, text

HOSPITAL: Final = TableSpec(
    name="hospital",
    columns=(
        integer("hospitalid", required=True),
        text("numbedscategory"),
        text("teachingstatus"),
        text("region"),
    ),
    key=("hospitalid",),
)

MONITORED: Final = {
    "temperature": "body temperature (monitor)",
    "sao2": "oxygen saturation (monitor)",
    "heartrate": "heart rate (monitor)",
    "respiration": "respiratory rate (monitor)",
    "cvp": "central venous pressure (monitor)",
    "etco2": "end-tidal carbon dioxide (monitor)",
    "systemicsystolic": "systolic blood pressure, invasive (monitor)",
    "systemicdiastolic": "diastolic blood pressure, invasive (monitor)",
    "systemicmean": "mean blood pressure, invasive (monitor)",
    "pasystolic": "systolic pulmonary artery pressure (monitor)",
    "padiastolic": "diastolic pulmonary artery pressure (monitor)",
    "pamean": "mean pulmonary artery pressure (monitor)",
    "st1": "ST segment 1 (monitor)",
    "st2": "ST segment 2 (monitor)",
    "st3": "ST segment 3 (monitor)",
    "icp": "intracranial pressure (monitor)",
    "noninvasivesystolic": "systolic blood pressure, non-invasive",
    "noninvasivediastolic": "diastolic blood pressure, non-invasive",
    "noninvasivemean": "mean blood pressure, non-invasive",
    "paop": "pulmonary artery occlusion pressure",
    "cardiacoutput": "cardiac output",
    "cardiacinput": "cardiac index (column cardiacinput)",
    "svr": "systemic vascular resistance",
    "svri": "systemic vascular resistance index",
    "pvr": "pulmonary vascular resistance",
    "pvri": "pulmonary vascular resistance index",
}
"""Column of vitalPeriodic or vitalAperiodic -> title."""

MEASURED: Final = {
    "admissionheight": "body height at admission",
    "admissionweight": "body weight at admission",
    "dischargeweight": "body weight at discharge from the unit",
    "ventilation": "mechanical ventilation",
}
"""Other columns that are codes -> title."""


def own_titles() -> str:
    """Return the SELECT of the titles that follow from the codes touched by an import."""
    named = ", ".join(f"('{name}', '{title}')" for name, title in (MONITORED | MEASURED).items())
    return f"""
        WITH word(name, title) AS (VALUES {named}),
        code AS (
            SELECT code, split_part(code, '//', 1) AS head,
                   string_split(code, '//')[if(split_part(code, '//', 2) = 'EICU', 3, 4):] AS parts
            FROM touched_code
            WHERE split_part(code, '//', 2) = 'EICU' OR split_part(code, '//', 3) = 'EICU'
        )
        SELECT code, 'EICU' AS system, CASE
            WHEN title IS NOT NULL AND head = 'PROCEDURE' THEN title || ' ' || lower(split_part(code, '//', 2))
            WHEN title IS NOT NULL THEN title
            WHEN head = 'MICROBIOLOGY' THEN concat_ws(': ', 'culture', list_aggregate(parts, 'string_agg', ': '))
            WHEN head = 'LAB' THEN parts[1]
            ELSE replace(list_aggregate(parts, 'string_agg', ', '), '|', ', ') END AS description
        FROM code LEFT JOIN word ON word.name = parts[1]
    """


def ward_titles(hospitals: str) -> str:
    """Return the SELECT of the titles of wards touched by an import, with what the table `hospitals` says of each."""
    return f"""
        SELECT code, 'EICU' AS system, split_part(code, '//', 3) || ' (' || concat_ws(', ', region,
               CASE lower(teachingstatus) WHEN 't' THEN 'teaching' WHEN 'true' THEN 'teaching' END,
               numbedscategory || ' beds') || ')' AS description
        FROM touched_code JOIN {hospitals} AS hospital
          ON starts_with(code, 'TRANSFER_TO//EICU//hospital ' || hospitalid || ' ')
        WHERE coalesce(region, teachingstatus, numbedscategory) IS NOT NULL
    """


def diagnosis_titles(rows: str) -> str:
    """Return the SELECT of titles of the ICD codes in accepted rows of diagnosis: the words most often chosen."""
    return f"""
        SELECT code, mode(text_value ORDER BY text_value) AS description FROM ({rows})
        WHERE starts_with(code, 'DIAGNOSIS//ICD//') AND text_value IS NOT NULL GROUP BY code
    """
