"""The tables of MIMIC-IV 2.x and 3.x as TableSpecs.

Codes, times and numbers are those of the public MIMIC-IV MEDS extraction; prescriptions, services, microbiology and
the demographics of an admission are not in it and get codes of the same make. docs/mimic.md explains each.
"""

from typing import Final

from ehr.events import BIRTH, DEATH
from ehr.importers.tables import Check, Events, TableSpec, end_of, ends_before, integer, number, text, time

ADMITTED: Final = "mimic_admission"
"""Temporary table of the admissions: hadm_id, subject_id, deathtime, known_at (when billing codes are known)."""

_SUBJECT: Final = integer("subject_id", required=True)
_HADM: Final = integer("hadm_id")
_STAY: Final = integer("stay_id")
_ITEM: Final = integer("itemid", required=True)
_ICU: Final = "coalesce(stay_id, hadm_id)"
_ED: Final = "(md5_number_lower('ED/' || hadm_id) >> 1)::BIGINT"
"""stable_id(f"ED/{hadm_id}") in SQL."""


def _measured_text(value: str, number: str) -> str:
    """Return the SQL of a value's text where it says more than its number does."""
    return f"coalesce(CASE WHEN try_cast({value} AS FLOAT) = {number} THEN NULL ELSE {value} END, {number}_text)"


ADMISSIONS: Final = TableSpec(
    name="hosp/admissions",
    columns=(
        _SUBJECT,
        integer("hadm_id", required=True),
        time("admittime", required=True),
        time("dischtime"),
        time("deathtime"),
        text("admission_type"),
        text("admission_location"),
        text("discharge_location"),
        text("insurance"),
        text("language"),
        text("marital_status"),
        text("race"),
        time("edregtime"),
        time("edouttime"),
        integer("hospital_expire_flag"),
    ),
    ignored="admit_provider_id",
    key=("hadm_id",),
    stay="hadm_id",
    checks=(
        ends_before("dischtime", "admittime"),
        ends_before("edouttime", "edregtime"),
        Check("deathtime < admittime", "deathtime is before admittime: not used", cell="deathtime"),
        Check("dischtime IS NULL", "dischtime is missing: billing codes carry the last time known of the stay"),
    ),
    events=(
        Events(("ED_REGISTRATION",), "edregtime", end=end_of("edouttime", "edregtime")),
        Events(("ED_OUT",), end_of("edouttime", "edregtime")),
        Events(
            ("HOSPITAL_ADMISSION", "$admission_type", "$admission_location"),
            "admittime",
            end=end_of("dischtime", "admittime"),
        ),
        Events(("INSURANCE", "$insurance"), "admittime", when="insurance IS NOT NULL"),
        Events(("LANGUAGE", "$language"), "admittime", when="language IS NOT NULL"),
        Events(("MARITAL_STATUS", "$marital_status"), "admittime", when="marital_status IS NOT NULL"),
        Events(("RACE", "$race"), "admittime", when="race IS NOT NULL"),
        Events(("HOSPITAL_DISCHARGE", "$discharge_location"), end_of("dischtime", "admittime")),
    ),
    encounters=(
        f"""
        SELECT hadm_id AS encounter_id, subject_id, 'inpatient' AS class, admission_type AS type,
               admittime AS start_time, {end_of("dischtime", "admittime")} AS end_time,
               admission_location AS admit_source,
               CASE WHEN hospital_expire_flag = 1 THEN 'DIED' ELSE discharge_location END AS disposition
        FROM {{rows}}
        """,
        f"""
        SELECT {_ED} AS encounter_id, hadm_id AS parent_id, subject_id, 'emergency' AS class,
               edregtime AS start_time, {end_of("edouttime", "edregtime")} AS end_time
        FROM {{rows}} WHERE edregtime IS NOT NULL
        """,
    ),
    subjects="SELECT subject_id, true AS deceased FROM {rows} WHERE hospital_expire_flag = 1",
)

_BIRTH: Final = "make_timestamp(anchor_year - anchor_age, 1, 1, 0, 0, 0)"
_DIED: Final = "coalesce(first_deathtime, dod)"

PATIENTS: Final = TableSpec(
    name="hosp/patients",
    columns=(_SUBJECT, text("gender"), integer("anchor_age"), integer("anchor_year"), time("dod", keep=True)),
    ignored="anchor_year_group",
    key=("subject_id",),
    join=f"LEFT JOIN (SELECT subject_id, min(deathtime) AS first_deathtime FROM {ADMITTED} GROUP BY ALL) "
    "USING (subject_id)",
    joined=("first_deathtime",),
    checks=(
        Check("anchor_year - anchor_age NOT BETWEEN 1800 AND 2300", "anchor_year - anchor_age is no year of birth"),
        Check(f"{_DIED} < {_BIRTH}", "date of death is before birth: not used", cell="dod"),
    ),
    events=(
        Events(("GENDER", "$gender"), "NULL", is_static=True, when="gender IS NOT NULL"),
        Events((BIRTH,), _BIRTH, when="anchor_year - anchor_age BETWEEN 1800 AND 2300"),
        Events((DEATH,), _DIED, when=f"coalesce({_DIED} >= {_BIRTH}, true)"),
    ),
    subjects="""
        SELECT subject_id, ['mimic|' || subject_id] AS identifiers,
               coalesce(dod::VARCHAR, dod_text) IS NOT NULL AS deceased
        FROM {rows}
        """,
)

ICUSTAYS: Final = TableSpec(
    name="icu/icustays",
    columns=(
        _SUBJECT,
        _HADM,
        integer("stay_id", required=True),
        text("first_careunit"),
        text("last_careunit"),
        time("intime", required=True),
        time("outtime"),
        number("los"),
    ),
    key=("stay_id",),
    stay="stay_id",
    stays=("hadm_id",),
    checks=(ends_before("outtime", "intime"), Check("los < 0", "los is negative: not used", cell="los")),
    events=(
        Events(("ICU_ADMISSION", "$first_careunit"), "intime", end=end_of("outtime", "intime")),
        Events(("ICU_DISCHARGE", "$last_careunit"), end_of("outtime", "intime")),
    ),
    encounters=(
        f"""
        SELECT stay_id AS encounter_id, hadm_id AS parent_id, subject_id, 'icu' AS class, first_careunit AS type,
               intime AS start_time, {end_of("outtime", "intime")} AS end_time
        FROM {{rows}}
        """,
    ),
)


_KNOWN_AT: Final = f"LEFT JOIN (SELECT hadm_id, known_at FROM {ADMITTED}) USING (hadm_id)"
_NOT_ADMITTED: Final = Check(
    "known_at IS NULL AND hadm_id IS NOT NULL",
    "hadm_id is not in admissions, so it is unknown when the code was known",
    refuses=True,
)
_ICD: Final = (
    _SUBJECT,
    integer("hadm_id", required=True),
    integer("seq_num"),
    text("icd_code", required=True),
    integer("icd_version", required=True),
)
_ICD_KEY: Final = ("hadm_id", "seq_num", "icd_code", "icd_version")

# Billing codes are known at the end of the admission and not before.
DIAGNOSES_ICD: Final = TableSpec(
    name="hosp/diagnoses_icd",
    columns=_ICD,
    key=_ICD_KEY,
    stay="hadm_id",
    stays=("hadm_id",),
    join=_KNOWN_AT,
    joined=("known_at",),
    checks=(_NOT_ADMITTED,),
    events=(Events(("DIAGNOSIS", "ICD", "$icd_version", "$icd_code"), "known_at"),),
)

DRGCODES: Final = TableSpec(
    name="hosp/drgcodes",
    columns=(
        _SUBJECT,
        integer("hadm_id", required=True),
        text("drg_type"),
        integer("drg_code", required=True),
        text("description"),
    ),
    ignored="drg_severity drg_mortality",
    stay="hadm_id",
    stays=("hadm_id",),
    join=_KNOWN_AT,
    joined=("known_at",),
    checks=(_NOT_ADMITTED,),
    events=(Events(("DRG", "$drg_type", "$drg_code", "$description"), "known_at"),),
)

# Procedures carry their own day, as in the public extraction.
PROCEDURES_ICD: Final = TableSpec(
    name="hosp/procedures_icd",
    columns=(*_ICD, time("chartdate")),
    key=_ICD_KEY,
    stay="hadm_id",
    stays=("hadm_id",),
    join=_KNOWN_AT,
    joined=("known_at",),
    events=(Events(("PROCEDURE", "ICD", "$icd_version", "$icd_code"), "coalesce(chartdate, known_at)"),),
)

HCPCSEVENTS: Final = TableSpec(
    name="hosp/hcpcsevents",
    columns=(_SUBJECT, _HADM, time("chartdate", required=True), text("hcpcs_cd"), text("short_description")),
    ignored="seq_num",
    stay="hadm_id",
    stays=("hadm_id",),
    events=(Events(("HCPCS", "$short_description"), "chartdate", text="hcpcs_cd"),),
)

LABEVENTS: Final = TableSpec(
    name="hosp/labevents",
    columns=(
        integer("labevent_id"),
        _SUBJECT,
        _HADM,
        _ITEM,
        time("charttime", required=True),
        text("value"),
        number("valuenum"),
        text("valueuom"),
        text("comments"),
    ),
    ignored="specimen_id order_provider_id storetime ref_range_lower ref_range_upper flag priority",
    key=("labevent_id",),
    stay="hadm_id",
    stays=("hadm_id",),
    events=(
        Events(
            ("LAB", "$itemid", "$valueuom"),
            "charttime",
            value="valuenum",
            # A value of ___ was taken out for privacy; what could stay of it is in the comments.
            text=_measured_text("coalesce(nullif(value, '___'), comments)", "valuenum"),
            unit="valueuom",
        ),
    ),
)

CHARTEVENTS: Final = TableSpec(
    name="icu/chartevents",
    columns=(
        _SUBJECT,
        _HADM,
        _STAY,
        time("charttime", required=True),
        _ITEM,
        text("value"),
        number("valuenum"),
        text("valueuom"),
    ),
    ignored="caregiver_id storetime warning",
    stay=_ICU,
    stays=("stay_id", "hadm_id"),
    events=(
        Events(
            ("LAB", "$itemid", "$valueuom"),
            "charttime",
            value="valuenum",
            text=_measured_text("value", "valuenum"),
            unit="valueuom",
        ),
    ),
)

OUTPUTEVENTS: Final = TableSpec(
    name="icu/outputevents",
    columns=(_SUBJECT, _HADM, _STAY, time("charttime", required=True), _ITEM, number("value"), text("valueuom")),
    ignored="caregiver_id storetime",
    stay=_ICU,
    stays=("stay_id", "hadm_id"),
    events=(
        Events(
            ("SUBJECT_FLUID_OUTPUT", "$itemid", "$valueuom"),
            "charttime",
            value="value",
            text="value_text",
            unit="valueuom",
        ),
    ),
)

INPUTEVENTS: Final = TableSpec(
    name="icu/inputevents",
    columns=(
        _SUBJECT,
        _HADM,
        _STAY,
        time("starttime"),
        time("endtime"),
        _ITEM,
        number("amount"),
        text("amountuom"),
        number("rate"),
        text("rateuom"),
        number("patientweight"),
        text("statusdescription"),
    ),
    ignored="caregiver_id storetime orderid linkorderid ordercategoryname secondaryordercategoryname "
    "ordercomponenttypedescription ordercategorydescription totalamount totalamountuom isopenbag "
    "continueinnextdept originalamount originalrate",
    stay=_ICU,
    stays=("stay_id", "hadm_id"),
    checks=(ends_before("endtime", "starttime"),),
    events=(
        Events(
            ("INFUSION_START", "$itemid"),
            "starttime",
            value="rate",
            text="rate_text",
            unit="rateuom",
            end=end_of("endtime", "starttime"),
            status="statusdescription",
        ),
        Events(
            ("INFUSION_END", "$itemid"),
            end_of("endtime", "starttime"),
            value="amount",
            text="amount_text",
            unit="amountuom",
            status="statusdescription",
        ),
        Events(
            ("SUBJECT_WEIGHT_AT_INFUSION", "KG"),
            "starttime",
            value="patientweight",
            unit="'kg'",
            when="patientweight IS NOT NULL",
            once=True,
        ),
    ),
)

PROCEDUREEVENTS: Final = TableSpec(
    name="icu/procedureevents",
    columns=(_SUBJECT, _HADM, _STAY, time("starttime"), time("endtime"), _ITEM, text("statusdescription")),
    ignored="caregiver_id storetime value valueuom location locationcategory orderid linkorderid ordercategoryname "
    "ordercategorydescription patientweight isopenbag continueinnextdept originalamount originalrate "
    "secondaryordercategoryname totalamount totalamountuom",
    stay=_ICU,
    stays=("stay_id", "hadm_id"),
    checks=(ends_before("endtime", "starttime"),),
    events=(
        Events(
            ("PROCEDURE", "START", "$itemid"),
            "starttime",
            end=end_of("endtime", "starttime"),
            status="statusdescription",
        ),
        Events(("PROCEDURE", "END", "$itemid"), end_of("endtime", "starttime"), status="statusdescription"),
    ),
)

EMAR: Final = TableSpec(
    name="hosp/emar",
    columns=(
        _SUBJECT,
        _HADM,
        text("emar_id"),
        time("charttime", required=True),
        text("medication"),
        text("event_txt"),
    ),
    ignored="emar_seq poe_id pharmacy_id enter_provider_id scheduletime storetime",
    key=("emar_id",),
    stay="hadm_id",
    stays=("hadm_id",),
    events=(Events(("MEDICATION", "$medication", "$event_txt"), "charttime", status="event_txt"),),
)

PHARMACY: Final = TableSpec(
    name="hosp/pharmacy",
    columns=(
        _SUBJECT,
        _HADM,
        integer("pharmacy_id"),
        time("starttime"),
        time("stoptime"),
        text("medication"),
        text("status"),
    ),
    ignored="poe_id proc_type entertime verifiedtime route frequency disp_sched infusion_type sliding_scale "
    "lockout_interval basal_rate one_hr_max doses_per_24_hrs duration duration_interval expiration_value "
    "expiration_unit expirationdate dispensation fill_quantity",
    key=("pharmacy_id",),
    stay="hadm_id",
    stays=("hadm_id",),
    checks=(Check("stoptime < starttime", "stoptime is before starttime: the order has no end", cell="stoptime"),),
    events=(
        Events(
            ("MEDICATION", "START", "$medication"),
            "starttime",
            end=end_of("stoptime", "starttime"),
            status="status",
        ),
        Events(("MEDICATION", "STOP", "$medication"), "stoptime", status="status"),
    ),
)

PRESCRIPTIONS: Final = TableSpec(
    name="hosp/prescriptions",
    columns=(
        _SUBJECT,
        _HADM,
        time("starttime", required=True),
        time("stoptime"),
        text("drug_type"),
        text("drug", required=True),
        number("dose_val_rx", quiet=True),
        text("dose_unit_rx"),
    ),
    ignored="pharmacy_id poe_id poe_seq order_provider_id formulary_drug_cd gsn ndc prod_strength form_rx "
    "form_val_disp form_unit_disp doses_per_24_hrs route",
    stay="hadm_id",
    stays=("hadm_id",),
    checks=(ends_before("stoptime", "starttime"),),
    events=(
        Events(
            ("PRESCRIPTION", "$drug"),
            "starttime",
            value="dose_val_rx",
            text="dose_val_rx_text",
            unit="dose_unit_rx",
            end=end_of("stoptime", "starttime"),
            status="drug_type",
        ),
    ),
)

TRANSFERS: Final = TableSpec(
    name="hosp/transfers",
    columns=(
        _SUBJECT,
        _HADM,
        integer("transfer_id"),
        text("eventtype"),
        text("careunit"),
        time("intime", required=True),
        time("outtime"),
    ),
    key=("transfer_id",),
    stay="hadm_id",
    stays=("hadm_id",),
    checks=(ends_before("outtime", "intime"),),
    events=(Events(("TRANSFER_TO", "$eventtype", "$careunit"), "intime", end=end_of("outtime", "intime")),),
)

SERVICES: Final = TableSpec(
    name="hosp/services",
    columns=(_SUBJECT, _HADM, time("transfertime", required=True), text("curr_service", required=True)),
    ignored="prev_service",
    stay="hadm_id",
    stays=("hadm_id",),
    events=(Events(("SERVICE", "$curr_service"), "transfertime"),),
)

OMR: Final = TableSpec(
    name="hosp/omr",
    columns=(
        _SUBJECT,
        time("chartdate", required=True),
        text("result_name", required=True),
        number("result_value", quiet=True),
    ),
    ignored="seq_num",
    events=(
        Events(
            ("$result_name",),
            "chartdate",
            value="result_value",
            text="result_value_text",
            unit="CASE WHEN starts_with(result_name, 'Blood Pressure') THEN 'mmHg' "
            "ELSE nullif(regexp_extract(result_name, '[(](.*)[)]', 1), '') END",
        ),
    ),
)

_TAKEN: Final = "coalesce(charttime, chartdate)"
_REPORTED: Final = f"greatest(coalesce(storetime, storedate + INTERVAL 1 DAY, {_TAKEN}), {_TAKEN})"
_MICRO_TEST: Final = ("MICROBIOLOGY", "$test_itemid")

MICROBIOLOGYEVENTS: Final = TableSpec(
    name="hosp/microbiologyevents",
    columns=(
        integer("microevent_id"),
        _SUBJECT,
        _HADM,
        integer("micro_specimen_id"),
        time("chartdate"),
        time("charttime"),
        integer("spec_itemid"),
        text("spec_type_desc"),
        time("storedate"),
        time("storetime"),
        integer("test_itemid"),
        text("test_name"),
        integer("org_itemid"),
        text("org_name"),
        integer("ab_itemid"),
        text("ab_name"),
        text("dilution_text"),
        text("dilution_comparison"),
        number("dilution_value", quiet=True),
        text("interpretation"),
        text("comments"),
    ),
    ignored="order_provider_id test_seq isolate_num quantity",
    key=("microevent_id",),
    stay="hadm_id",
    stays=("hadm_id",),
    events=(
        Events(
            ("MICROBIOLOGY", "TAKEN", "$spec_itemid", "$test_itemid"),
            _TAKEN,
            text="spec_type_desc",
            once=True,
        ),
        Events(
            ("MICROBIOLOGY", "RESULT", "$test_itemid", "$org_itemid"),
            _REPORTED,
            text="comments",
            when="ab_itemid IS NULL",
        ),
        Events(
            ("MICROBIOLOGY", "RESULT", "$test_itemid", "$org_itemid", "$ab_itemid"),
            _REPORTED,
            value="CASE WHEN trim(dilution_comparison) = '=' THEN dilution_value END",
            text="concat_ws(' ', interpretation, dilution_text)",
            status="interpretation",
            when="ab_itemid IS NOT NULL",
        ),
    ),
)

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
