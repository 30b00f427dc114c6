"""The tables of events in icu/: charted values, infusions, fluids, procedures."""

from typing import Final

from ehr.importers.mimic_stays import HADM, ITEM, SUBJECT, measured_text
from ehr.importers.tables import Events, TableSpec, end_of, ends_before, integer, number, text, time

STAY: Final = integer("stay_id")

ICU: Final = "coalesce(stay_id, hadm_id)"

CHARTEVENTS: Final = TableSpec(
    name="icu/chartevents",
    columns=(
        SUBJECT,
        HADM,
        STAY,
        time("charttime", required=True),
        ITEM,
        text("value"),
        number("valuenum"),
        text("valueuom"),
    ),
    ignored="caregiver_id storetime warning",
    stay=ICU,
    stays=("stay_id", "hadm_id"),
    events=(
        Events(
            ("LAB", "$itemid", "$valueuom"),
            "charttime",
            value="valuenum",
            text=measured_text("value", "valuenum"),
            unit="valueuom",
        ),
    ),
)

OUTPUTEVENTS: Final = TableSpec(
    name="icu/outputevents",
    columns=(SUBJECT, HADM, STAY, time("charttime", required=True), ITEM, number("value"), text("valueuom")),
    ignored="caregiver_id storetime",
    stay=ICU,
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
        SUBJECT,
        HADM,
        STAY,
        time("starttime"),
        time("endtime"),
        ITEM,
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
    stay=ICU,
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
    columns=(SUBJECT, HADM, STAY, time("starttime"), time("endtime"), ITEM, text("statusdescription")),
    ignored="caregiver_id storetime value valueuom location locationcategory orderid linkorderid ordercategoryname "
    "ordercategorydescription patientweight isopenbag continueinnextdept originalamount originalrate "
    "secondaryordercategoryname totalamount totalamountuom",
    stay=ICU,
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
