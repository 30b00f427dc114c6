"""The tables of MIMIC-IV 2.x and 3.x: which are read, in which order, and which are not.

Codes, times and numbers are those of the public MIMIC-IV MEDS extraction; prescriptions, services, microbiology and
the demographics of an admission are not in it and get codes of the same make. docs/mimic.md explains each.
"""

from typing import Final

from ehr.importers.mimic_hosp import (
    DIAGNOSES_ICD,
    DRGCODES,
    EMAR,
    HCPCSEVENTS,
    LABEVENTS,
    MICROBIOLOGYEVENTS,
    OMR,
    PHARMACY,
    PRESCRIPTIONS,
    PROCEDURES_ICD,
)
from ehr.importers.mimic_icu import CHARTEVENTS, INPUTEVENTS, OUTPUTEVENTS, PROCEDUREEVENTS
from ehr.importers.mimic_stays import SERVICES, TRANSFERS
from ehr.importers.tables import TableSpec, integer, text

TABLES: Final = (
    TRANSFERS,
    SERVICES,
    DIAGNOSES_ICD,
    PROCEDURES_ICD,
    DRGCODES,
    HCPCSEVENTS,
    OMR,
    MICROBIOLOGYEVENTS,
    PHARMACY,
    PRESCRIPTIONS,
    PROCEDUREEVENTS,
    OUTPUTEVENTS,
    INPUTEVENTS,
    EMAR,
    LABEVENTS,
    CHARTEVENTS,
)
"""Tables of events, read after the patients, admissions and ICU stays that they refer to, large ones last."""

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

NOT_IMPORTED: Final = frozenset(
    {
        "caregiver",
        "datetimeevents",
        "demo_subject_id",
        "emar_detail",
        "ingredientevents",
        "poe",
        "poe_detail",
        "provider",
    }
)
"""Tables of MIMIC-IV that give no events; their rows are counted as skipped."""
