"""Orders and what was given on them: hosp/poe, hosp/emar, and their details, which have no time of their own."""

from typing import Final

from ehr.importers.mimic_stays import HADM, SUBJECT
from ehr.importers.tables import Check, Events, TableSpec, number, record_of, text, time
from ehr.reasons import Reason

GIVEN: Final = "mimic_given"
"""Temporary table of the rows of hosp/emar: emar_id, subject_id, hadm_id, charttime, event_txt."""

ORDERED: Final = "mimic_ordered"
"""Temporary table of the rows of hosp/poe: poe_id, subject_id, hadm_id, ordertime."""

EMAR: Final = TableSpec(
    name="hosp/emar",
    columns=(
        SUBJECT,
        HADM,
        text("emar_id"),
        time("charttime", required=True),
        text("medication"),
        text("event_txt"),
    ),
    ignored="emar_seq poe_id pharmacy_id enter_provider_id scheduletime storetime",
    key=("emar_id",),
    record=record_of("emar", "emar_id"),
    stay="hadm_id",
    stays=("hadm_id",),
    events=(Events(("MEDICATION", "$medication", "$event_txt"), "charttime", status="event_txt"),),
)

_PRODUCT: Final = "=coalesce(product_description, product_description_other)"

# The row of a dose says how much; whether it was given at all, the row of emar does.
_WAS_GIVEN: Final = "NOT coalesce(event_txt LIKE '%Not %' OR event_txt LIKE 'Hold%', false)"

_DOSE: Final = f"coalesce(dose_given::VARCHAR, dose_given_text) IS NOT NULL AND {_WAS_GIVEN}"

_RATE: Final = f"coalesce(infusion_rate::VARCHAR, infusion_rate_text) IS NOT NULL AND {_WAS_GIVEN}"

EMAR_DETAIL: Final = TableSpec(
    name="hosp/emar_detail",
    columns=(
        SUBJECT,
        text("emar_id", required=True),
        text("administration_type"),
        number("dose_given", quiet=True),
        text("dose_given_unit"),
        text("product_description"),
        text("product_description_other"),
        number("infusion_rate", quiet=True),
        text("infusion_rate_unit"),
    ),
    ignored="emar_seq parent_field_ordinal pharmacy_id barcode_type reason_for_no_barcode complete_dose_not_given "
    "dose_due dose_due_unit will_remainder_of_dose_be_given product_amount_given product_unit product_code "
    "prior_infusion_rate infusion_rate_adjustment infusion_rate_adjustment_amount route infusion_complete "
    "completion_interval new_iv_bag_hung continued_infusion_in_other_location restart_interval side site "
    "non_formulary_visual_verification",
    stay="hadm_id",
    join=f"LEFT JOIN {GIVEN} USING (emar_id, subject_id)",
    joined=("hadm_id", "charttime", "event_txt"),
    checks=(
        Check(
            "charttime IS NULL AND emar_id IS NOT NULL AND subject_id IS NOT NULL",
            "emar_id is not in emar, which says when it was and whether it was given",
            refuses=True,
            code=Reason.BAD_REFERENCE,
        ),
        Check(
            f"charttime IS NOT NULL AND NOT ({_DOSE}) AND NOT ({_RATE})",
            "they tell of no dose or rate that was given",
            skips=True,
        ),
    ),
    events=(
        Events(
            ("MEDICATION_DOSE", _PRODUCT, "$dose_given_unit"),
            "charttime",
            value="dose_given",
            text="dose_given_text",
            unit="dose_given_unit",
            status="event_txt",
            when=_DOSE,
        ),
        Events(
            ("MEDICATION_RATE", _PRODUCT, "$infusion_rate_unit"),
            "charttime",
            value="infusion_rate",
            text="infusion_rate_text",
            unit="infusion_rate_unit",
            status="event_txt",
            when=_RATE,
        ),
    ),
)

# What the order did is part of its code: an order that stops something is not one that begins it.
POE: Final = TableSpec(
    name="hosp/poe",
    columns=(
        SUBJECT,
        HADM,
        text("poe_id"),
        time("ordertime", required=True),
        text("order_type"),
        text("order_subtype"),
        text("transaction_type"),
        text("order_status"),
    ),
    ignored="poe_seq discontinue_of_poe_id discontinued_by_poe_id order_provider_id",
    key=("poe_id",),
    record=record_of("poe", "poe_id"),
    stay="hadm_id",
    stays=("hadm_id",),
    events=(
        Events(("ORDER", "$transaction_type", "$order_type", "$order_subtype"), "ordertime", status="order_status"),
    ),
)

POE_DETAIL: Final = TableSpec(
    name="hosp/poe_detail",
    columns=(
        SUBJECT,
        text("poe_id", required=True),
        text("field_name", required=True),
        text("field_value"),
    ),
    ignored="poe_seq",
    key=("poe_id", "field_name"),
    record=record_of("poe_detail", "poe_id", "field_name"),
    stay="hadm_id",
    join=f"LEFT JOIN {ORDERED} USING (poe_id, subject_id)",
    joined=("hadm_id", "ordertime"),
    checks=(
        Check(
            "ordertime IS NULL AND poe_id IS NOT NULL AND subject_id IS NOT NULL",
            "poe_id is not in poe, which says when it was ordered",
            refuses=True,
            code=Reason.BAD_REFERENCE,
        ),
    ),
    events=(
        # A value that is a time would make a code of each: it goes to the text.
        Events(("ORDER_DETAIL", "$field_name", "$field_value"), "ordertime", when="field_name NOT LIKE '%Time'"),
        Events(("ORDER_DETAIL", "$field_name"), "ordertime", text="field_value", when="field_name LIKE '%Time'"),
    ),
)
