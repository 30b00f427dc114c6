"""The other tables of events in hosp/: billing codes, laboratory, microbiology, prescriptions, outpatient results."""

from typing import Final

from ehr.importers.mimic_stays import ADMITTED, HADM, ITEM, SUBJECT, measured_text
from ehr.importers.tables import (
    Check,
    Events,
    TableSpec,
    end_of,
    ends_before,
    integer,
    number,
    record_of,
    text,
    time,
)
from ehr.reasons import Reason

_KNOWN_AT: Final = f"LEFT JOIN (SELECT hadm_id, known_at FROM {ADMITTED}) USING (hadm_id)"

_NOT_ADMITTED: Final = Check(
    "known_at IS NULL AND hadm_id IS NOT NULL",
    "hadm_id is not in admissions, so it is unknown when the code was known",
    refuses=True,
    code=Reason.BAD_REFERENCE,
)

_ICD: Final = (
    SUBJECT,
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
    record=record_of("diagnoses_icd", *_ICD_KEY),
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
        SUBJECT,
        integer("hadm_id", required=True),
        text("drg_type"),
        integer("drg_code", required=True),
        text("description"),
    ),
    ignored="drg_severity drg_mortality",
    record=record_of("drgcodes", "hadm_id", "drg_type", "drg_code", "left(md5(description), 8)"),
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
    record=record_of("procedures_icd", *_ICD_KEY),
    stay="hadm_id",
    stays=("hadm_id",),
    join=_KNOWN_AT,
    joined=("known_at",),
    events=(
        Events(
            ("PROCEDURE", "ICD", "$icd_version", "$icd_code"),
            "coalesce(chartdate, known_at)",
            precision="CASE WHEN chartdate IS NOT NULL THEN 'day' END",
        ),
    ),
)

HCPCSEVENTS: Final = TableSpec(
    name="hosp/hcpcsevents",
    columns=(SUBJECT, HADM, time("chartdate", required=True), text("hcpcs_cd"), text("short_description")),
    ignored="seq_num",
    stay="hadm_id",
    stays=("hadm_id",),
    events=(Events(("HCPCS", "$short_description"), "chartdate", text="hcpcs_cd", precision="'day'"),),
)

LABEVENTS: Final = TableSpec(
    name="hosp/labevents",
    columns=(
        integer("labevent_id"),
        SUBJECT,
        HADM,
        ITEM,
        time("charttime", required=True),
        text("value"),
        number("valuenum"),
        text("valueuom"),
        text("comments"),
    ),
    ignored="specimen_id order_provider_id storetime ref_range_lower ref_range_upper flag priority",
    key=("labevent_id",),
    record=record_of("labevents", "labevent_id"),
    stay="hadm_id",
    stays=("hadm_id",),
    events=(
        Events(
            ("LAB", "$itemid", "$valueuom"),
            "charttime",
            value="valuenum",
            # A value of ___ was taken out for privacy; what could stay of it is in the comments.
            text=measured_text("coalesce(nullif(value, '___'), comments)", "valuenum"),
            unit="valueuom",
        ),
    ),
)

PHARMACY: Final = TableSpec(
    name="hosp/pharmacy",
    columns=(
        SUBJECT,
        HADM,
        integer("pharmacy_id"),
        time("starttime", dated=True),
        time("stoptime", dated=True),
        text("medication"),
        text("status"),
    ),
    ignored="poe_id proc_type entertime verifiedtime route frequency disp_sched infusion_type sliding_scale "
    "lockout_interval basal_rate one_hr_max doses_per_24_hrs duration duration_interval expiration_value "
    "expiration_unit expirationdate dispensation fill_quantity",
    key=("pharmacy_id",),
    record=record_of("pharmacy", "pharmacy_id"),
    stay="hadm_id",
    stays=("hadm_id",),
    checks=(
        Check(
            "stoptime < starttime",
            "stoptime is before starttime: the order has no end",
            cell="stoptime",
            code=Reason.IMPLAUSIBLE,
        ),
    ),
    events=(
        Events(
            ("MEDICATION", "START", "$medication"),
            "starttime",
            end=end_of("stoptime", "starttime"),
            status="status",
            precision="starttime_precision",
        ),
        Events(("MEDICATION", "STOP", "$medication"), "stoptime", status="status", precision="stoptime_precision"),
    ),
)

PRESCRIPTIONS: Final = TableSpec(
    name="hosp/prescriptions",
    columns=(
        SUBJECT,
        HADM,
        integer("pharmacy_id"),
        time("starttime", required=True, dated=True),
        time("stoptime"),
        text("drug_type"),
        text("drug", required=True),
        number("dose_val_rx", quiet=True),
        text("dose_unit_rx"),
    ),
    ignored="poe_id poe_seq order_provider_id formulary_drug_cd gsn ndc prod_strength form_rx "
    "form_val_disp form_unit_disp doses_per_24_hrs route",
    record=record_of("prescriptions", "pharmacy_id", "drug_type", "drug"),
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
            precision="starttime_precision",
        ),
    ),
)

OMR: Final = TableSpec(
    name="hosp/omr",
    columns=(
        SUBJECT,
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
            precision="'day'",
        ),
    ),
)

_TAKEN: Final = "coalesce(charttime, chartdate)"

_REPORTED: Final = f"greatest(coalesce(storetime, storedate + INTERVAL 1 DAY, {_TAKEN}), {_TAKEN})"

_TAKEN_ON: Final = "CASE WHEN charttime IS NULL THEN 'day' END"

_REPORTED_ON: Final = "CASE WHEN storetime IS NULL AND (storedate IS NOT NULL OR charttime IS NULL) THEN 'day' END"

MICROBIOLOGYEVENTS: Final = TableSpec(
    name="hosp/microbiologyevents",
    columns=(
        integer("microevent_id"),
        SUBJECT,
        HADM,
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
    record=record_of("microbiologyevents", "microevent_id"),
    stay="hadm_id",
    stays=("hadm_id",),
    events=(
        Events(
            ("MICROBIOLOGY", "TAKEN", "$spec_itemid", "$test_itemid"),
            _TAKEN,
            text="spec_type_desc",
            once=True,
            precision=_TAKEN_ON,
            record="NULL::VARCHAR",
        ),
        Events(
            ("MICROBIOLOGY", "RESULT", "$test_itemid", "$org_itemid"),
            _REPORTED,
            text="comments",
            when="ab_itemid IS NULL",
            precision=_REPORTED_ON,
        ),
        Events(
            ("MICROBIOLOGY", "RESULT", "$test_itemid", "$org_itemid", "$ab_itemid"),
            _REPORTED,
            value="CASE WHEN trim(dilution_comparison) = '=' THEN dilution_value END",
            text="concat_ws(' ', interpretation, dilution_text)",
            status="interpretation",
            when="ab_itemid IS NOT NULL",
            precision=_REPORTED_ON,
        ),
    ),
)
