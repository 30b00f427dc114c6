"""The tables of MIMIC-IV 2.x and 3.x and of MIMIC-IV-ED: which are read, in which order, and which are not.

Codes, times and numbers are those of the public MIMIC-IV MEDS extraction; tables that are not in it get codes of the
same make. docs/mimic.md explains each.
"""

from typing import Final

from ehr.importers.mimic_ed import DIAGNOSIS, EDSTAYS, MEDRECON, PYXIS, TRIAGE, VITALSIGN
from ehr.importers.mimic_hosp import (
    DIAGNOSES_ICD,
    DRGCODES,
    HCPCSEVENTS,
    LABEVENTS,
    MICROBIOLOGYEVENTS,
    OMR,
    PHARMACY,
    PRESCRIPTIONS,
    PROCEDURES_ICD,
)
from ehr.importers.mimic_icu import (
    CHARTEVENTS,
    DATETIMEEVENTS,
    INGREDIENTEVENTS,
    INPUTEVENTS,
    OUTPUTEVENTS,
    PROCEDUREEVENTS,
)
from ehr.importers.mimic_orders import EMAR, EMAR_DETAIL, POE, POE_DETAIL
from ehr.importers.mimic_stays import ADMISSIONS, ICUSTAYS, PATIENTS, SERVICES, TRANSFERS
from ehr.importers.tables import TableSpec, integer, text

STAYS: Final = (ADMISSIONS, PATIENTS, ICUSTAYS, EDSTAYS)
"""Tables that refer to each other, and that the others refer to: read first and together."""

TABLES: Final = (
    (TRANSFERS,),
    (SERVICES,),
    (DIAGNOSES_ICD,),
    (PROCEDURES_ICD,),
    (DRGCODES,),
    (HCPCSEVENTS,),
    (OMR,),
    (MICROBIOLOGYEVENTS,),
    (TRIAGE,),
    (VITALSIGN,),
    (PYXIS,),
    (MEDRECON,),
    (DIAGNOSIS,),
    (PHARMACY,),
    (PRESCRIPTIONS,),
    (PROCEDUREEVENTS,),
    (DATETIMEEVENTS,),
    (OUTPUTEVENTS,),
    (INPUTEVENTS,),
    (INGREDIENTEVENTS,),
    (POE, POE_DETAIL),
    (EMAR, EMAR_DETAIL),
    (LABEVENTS,),
    (CHARTEVENTS,),
)
"""Tables of events, read after the stays, large ones last; details follow the table that says when they were."""

DICTIONARIES: Final = (
    TableSpec(
        "hosp/d_labitems", (integer("itemid", required=True), text("label")), ignored="fluid category loinc_code"
    ),
    TableSpec(
        "icu/d_items",
        (integer("itemid", required=True), text("label")),
        ignored="abbreviation linksto category unitname param_type lownormalvalue highnormalvalue",
    ),
    TableSpec(
        "hosp/d_icd_diagnoses",
        (text("icd_code", required=True), integer("icd_version", required=True), text("long_title")),
    ),
    TableSpec(
        "hosp/d_icd_procedures",
        (text("icd_code", required=True), integer("icd_version", required=True), text("long_title")),
    ),
    TableSpec(
        "hosp/d_hcpcs",
        (text("code", required=True), text("long_description"), text("short_description")),
        ignored="category",
    ),
)
"""Tables of titles; they give no events."""

NOT_IMPORTED: Final = frozenset({"caregiver", "demo_subject_id", "provider"})
"""Tables of MIMIC-IV that give no events, since they only list numbers; their rows are counted as skipped."""
