"""What the codes of MIMIC-IV mean in words: titles from its d_* tables, and from the codes themselves."""

from typing import Final

from ehr.importers.mimic_tables import DICTIONARIES
from ehr.refresh import TOUCHED

USED: Final = (
    "(SELECT code, split_part(code, '//', 1) AS head, split_part(code, '//', 2) AS second, "
    f"split_part(code, '//', 3) AS third FROM {TOUCHED})"
)
"""The codes that need a title, with their first parts."""

_SERVICES: Final = {
    "CMED": "Cardiac medical",
    "CSURG": "Cardiac surgery",
    "DENT": "Dental",
    "ENT": "Ear, nose and throat",
    "EYE": "Eye diseases",
    "GU": "Genitourinary",
    "GYN": "Gynaecological",
    "MED": "General internal medicine",
    "NB": "Newborn",
    "NBB": "Newborn baby",
    "NMED": "Neurological medical",
    "NSURG": "Neurological surgical",
    "OBS": "Obstetrics",
    "OMED": "Oncological and haematological medical",
    "ORTHO": "Orthopaedic",
    "ORTHOPAEDIC": "Orthopaedic",
    "PSURG": "Plastic surgery",
    "PSYCH": "Psychiatry",
    "SURG": "General surgery",
    "TRAUM": "Trauma",
    "TSURG": "Thoracic surgery",
    "VSURG": "Vascular surgery",
}

# The titles by source: SQL over the used codes and a dictionary, in the columns of the stage `code`.
_ITEM_TITLES: Final = """
    SELECT code, label AS description, 'MIMIC' AS system
    FROM {used} JOIN (SELECT itemid::VARCHAR AS item, label FROM {dictionary}) ON item = {part}
    WHERE {heads} AND label IS NOT NULL
"""
_ICD_TITLES: Final = """
    SELECT code, long_title AS description, 'ICD' || icd_version AS system
    FROM {used} JOIN {dictionary} AS title ON code = '{head}//ICD//' || icd_version || '//' || trim(icd_code)
    WHERE long_title IS NOT NULL
"""
_TITLES: Final[dict[str, tuple[str, ...]]] = {
    "d_labitems": (_ITEM_TITLES.format(used=USED, dictionary="{dictionary}", part="second", heads="head = 'LAB'"),),
    "d_items": (
        _ITEM_TITLES.format(
            used=USED,
            dictionary="{dictionary}",
            part="second",
            heads="head IN ('LAB', 'INFUSION_START', 'INFUSION_END', 'SUBJECT_FLUID_OUTPUT')",
        ),
        _ITEM_TITLES.format(
            used=USED,
            dictionary="{dictionary}",
            part="third",
            heads="head = 'PROCEDURE' AND second IN ('START', 'END')",
        ),
    ),
    "d_icd_diagnoses": (_ICD_TITLES.format(used=USED, dictionary="{dictionary}", head="DIAGNOSIS"),),
    "d_icd_procedures": (_ICD_TITLES.format(used=USED, dictionary="{dictionary}", head="PROCEDURE"),),
    # Many services share a short description; a title is given where all that share it have the same one.
    "d_hcpcs": (
        f"""
        SELECT used.code, min(long_description) AS description, 'HCPCS' AS system
        FROM {USED} AS used JOIN {{dictionary}} AS title ON used.code = 'HCPCS//' || short_description
        GROUP BY used.code HAVING count(DISTINCT long_description) = 1
        """,
    ),
}

_FROM_CODE: Final = f"""
    SELECT code, CASE
        WHEN head = 'MEDICATION' AND second IN ('START', 'STOP') THEN third
        WHEN head IN ('MEDICATION', 'PRESCRIPTION', 'HCPCS') THEN second
        WHEN head = 'DRG' THEN split_part(code, '//', 4)
        WHEN head = 'SERVICE' THEN service.title
        WHEN code = 'SUBJECT_WEIGHT_AT_INFUSION//KG' THEN 'Body weight at an infusion'
        WHEN head IN ('HOSPITAL_ADMISSION', 'HOSPITAL_DISCHARGE', 'ICU_ADMISSION', 'ICU_DISCHARGE', 'TRANSFER_TO')
        THEN array_to_string(list_filter(string_split(code, '//')[2:], lambda part: part <> 'UNK'), ', ')
        END AS description
    FROM {USED} LEFT JOIN service ON service.name = second
    WHERE description NOT IN ('', 'UNK')
"""


def title_selects(dictionary: str, table: str) -> tuple[str, ...]:
    """Return the SELECTs (code, description, system) that the rows of a d_* table give."""
    return tuple(select.replace("{dictionary}", table) for select in _TITLES[dictionary])


def own_titles_select() -> str:
    """Return the SELECT (code, description) of titles that the codes themselves hold."""
    services = ", ".join(f"('{name}', '{title}')" for name, title in _SERVICES.items())
    return f"WITH service(name, title) AS (VALUES {services}) {_FROM_CODE}"


def microbiology_select(rows: str) -> str:
    """Return the SELECT (code, description) of the codes that microbiology rows give, from their names."""
    return f"""
        SELECT DISTINCT ON (code) code, description FROM (
            SELECT concat_ws('//', 'MICROBIOLOGY', 'TAKEN', coalesce(spec_itemid::VARCHAR, 'UNK'),
                             coalesce(test_itemid::VARCHAR, 'UNK')) AS code,
                   concat_ws(', ', test_name, spec_type_desc) || ': specimen taken' AS description
            FROM {rows}
            UNION ALL
            SELECT concat_ws('//', 'MICROBIOLOGY', 'RESULT', coalesce(test_itemid::VARCHAR, 'UNK'),
                             coalesce(org_itemid::VARCHAR, 'UNK'), ab_itemid::VARCHAR) AS code,
                   concat_ws(', ', test_name, coalesce(org_name, 'no organism named'), ab_name) AS description
            FROM {rows}
        )
        ORDER BY code, description
    """


assert set(_TITLES) == {spec.stem for spec in DICTIONARIES}
