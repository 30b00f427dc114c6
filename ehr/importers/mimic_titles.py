"""What the codes of MIMIC-IV mean in words: titles from its d_* tables, and from the codes themselves."""

from typing import Final

from ehr.importers.judging import Rows
from ehr.importers.mimic_ed import DIAGNOSIS
from ehr.importers.mimic_hosp import MICROBIOLOGYEVENTS
from ehr.importers.mimic_tables import DICTIONARIES
from ehr.intake import Intake
from ehr.refresh import TOUCHED

NOTED: Final = "mimic_title"
"""Temporary table (code, description) of titles that stand beside the codes, in the rows of a table of events."""

_PARTS: Final = (
    "SELECT code, split_part(code, '//', 1) AS head, split_part(code, '//', 2) AS second, "
    "split_part(code, '//', 3) AS third"
)

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

# The titles by source: SQL over the codes that need one, `used`, and a dictionary: code, description, system.
_ITEM_TITLES: Final = """
    SELECT code, label AS description, 'MIMIC' AS system
    FROM used JOIN (SELECT itemid::VARCHAR AS item, label FROM {dictionary}) ON item = {part}
    WHERE {heads} AND label IS NOT NULL
"""
_ICD_TITLES: Final = """
    SELECT code, long_title AS description, 'ICD' || icd_version AS system
    FROM used JOIN {dictionary} AS title ON code = '{head}//ICD//' || icd_version || '//' || trim(icd_code)
    WHERE long_title IS NOT NULL
"""
_ITEM_HEADS: Final = (
    "head IN ('LAB', 'DATETIME', 'INFUSION_START', 'INFUSION_END', 'INGREDIENT_START', 'INGREDIENT_END', "
    "'SUBJECT_FLUID_OUTPUT')"
)
_PROCEDURES: Final = "head = 'PROCEDURE' AND second IN ('START', 'END')"
_TITLES: Final[dict[str, tuple[str, ...]]] = {
    "d_labitems": (_ITEM_TITLES.format(dictionary="{dictionary}", part="second", heads="head = 'LAB'"),),
    "d_items": (
        _ITEM_TITLES.format(dictionary="{dictionary}", part="second", heads=_ITEM_HEADS),
        _ITEM_TITLES.format(dictionary="{dictionary}", part="third", heads=_PROCEDURES),
    ),
    "d_icd_diagnoses": (_ICD_TITLES.format(dictionary="{dictionary}", head="DIAGNOSIS"),),
    "d_icd_procedures": (_ICD_TITLES.format(dictionary="{dictionary}", head="PROCEDURE"),),
    # Many services share a short description; a title is given where all that share it have the same one.
    "d_hcpcs": (
        """
        SELECT used.code, min(long_description) AS description, 'HCPCS' AS system
        FROM used JOIN {dictionary} AS title ON used.code = 'HCPCS//' || short_description
        GROUP BY used.code HAVING count(DISTINCT long_description) = 1
        """,
    ),
}

_FROM_CODE: Final = """
    SELECT code, CASE
        WHEN head = 'MEDICATION' AND second IN ('START', 'STOP') THEN third
        WHEN head IN ('MEDICATION', 'PRESCRIPTION', 'HCPCS', 'MEDRECON') THEN second
        WHEN head IN ('MEDICATION_DOSE', 'MEDICATION_RATE') THEN nullif(second, 'UNK')
        WHEN head = 'DRG' THEN split_part(code, '//', 4)
        WHEN head = 'SERVICE' THEN service.title
        WHEN head IN ('VITAL', 'TRIAGE') THEN coalesce(sign.title, second)
        WHEN code = 'SUBJECT_WEIGHT_AT_INFUSION//KG' THEN 'Body weight at an infusion'
        WHEN head IN ('HOSPITAL_ADMISSION', 'HOSPITAL_DISCHARGE', 'ICU_ADMISSION', 'ICU_DISCHARGE', 'TRANSFER_TO',
                      'ORDER', 'ORDER_DETAIL')
        THEN array_to_string(list_filter(string_split(code, '//')[2:], lambda part: part <> 'UNK'), ', ')
        END AS description, NULL AS system
    FROM used LEFT JOIN service ON service.name = second LEFT JOIN sign ON sign.name = second
    WHERE description NOT IN ('', 'UNK')
"""

# Of the same item in another unit, as the store titles it: the increment of a day brings no dictionary.
_FROM_STORE: Final = f"""
    SELECT used.code, any_value(title.description) AS description, any_value(title.system) AS system
    FROM used
    JOIN ({_PARTS}, description, system FROM code WHERE description IS NOT NULL) AS title USING (head, second)
    WHERE head IN ('LAB', 'DATETIME', 'SUBJECT_FLUID_OUTPUT') GROUP BY used.code
"""

_SIGNS: Final = {
    "temperature": "Body temperature in the emergency department",
    "heartrate": "Heart rate in the emergency department",
    "resprate": "Respiratory rate in the emergency department",
    "o2sat": "Oxygen saturation in the emergency department",
    "sbp": "Systolic blood pressure in the emergency department",
    "dbp": "Diastolic blood pressure in the emergency department",
    "pain": "Pain as told in the emergency department",
    "rhythm": "Heart rhythm in the emergency department",
    "acuity": "Emergency Severity Index at triage",
    "chiefcomplaint": "Chief complaint at triage",
}


class Titles:
    """The titles of one import: its dictionaries go before what stands in its rows, in the codes and in the store."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._of_dictionaries: list[str] = []
        intake.con.execute(f"CREATE OR REPLACE TEMP TABLE {NOTED} (code VARCHAR, description VARCHAR)")

    def add(self, stem: str, table: str, rows: Rows | None) -> None:
        """Take the titles of a dictionary; one that is new to the store renews those of the codes in use."""
        selects = [select.replace("{dictionary}", table) for select in _TITLES[stem]]
        self._of_dictionaries += selects
        if rows:
            given = " UNION ALL ".join(f"({select})" for select in selects)
            rows.entry.stage(
                "code",
                f"WITH used AS ({_PARTS} FROM code) SELECT given.* FROM ({given}) AS given JOIN code USING (code) "
                "WHERE given.description IS DISTINCT FROM code.description",
            )

    def note(self, rows: Rows) -> None:
        """Keep the titles that the rows of a table of events have beside their codes."""
        select = {MICROBIOLOGYEVENTS: _MICROBIOLOGY, DIAGNOSIS: _ED_DIAGNOSES}.get(rows.spec)
        if select:
            rows.con.execute(f"INSERT INTO {NOTED} {select.format(rows=rows.accepted)}")

    def describe(self) -> None:
        """Give the codes that a commit touches their titles; only a dictionary renews one that is there."""
        listed = {
            name: ", ".join(f"('{key}', '{title}')" for key, title in titles.items())
            for name, titles in (("service", _SERVICES), ("sign", _SIGNS))
        }
        ranked = [f"SELECT *, 1 AS rank FROM ({select})" for select in self._of_dictionaries]
        noted = f"SELECT code, description, NULL AS system FROM {NOTED} SEMI JOIN used USING (code)"
        ranked += [
            f"SELECT *, {rank} AS rank FROM ({select}) ANTI JOIN titled USING (code)"
            for rank, select in ((2, noted), (3, _FROM_CODE), (4, _FROM_STORE))
        ]
        self._intake.describe(
            f"""
            WITH used AS ({_PARTS} FROM {TOUCHED}),
            titled AS (SELECT code FROM code WHERE description IS NOT NULL),
            service(name, title) AS (VALUES {listed["service"]}),
            sign(name, title) AS (VALUES {listed["sign"]})
            SELECT DISTINCT ON (code) code, description, system FROM ({" UNION ALL ".join(ranked)})
            ORDER BY code, rank, description
            """
        )


_MICROBIOLOGY: Final = """
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

_ED_DIAGNOSES: Final = """
    SELECT concat_ws('//', 'DIAGNOSIS', 'ICD', icd_version, icd_code) AS code, min(icd_title) AS description
    FROM {rows} WHERE icd_title IS NOT NULL GROUP BY ALL
"""

assert set(_TITLES) == {spec.stem for spec in DICTIONARIES}
