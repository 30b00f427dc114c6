"""The tables of events in icu/: charted values and times, infusions and what they hold, fluids, procedures."""

from typing import Final

from ehr.importers.mimic_stays import HADM, ITEM, SUBJECT, measured_text
from ehr.importers.tables import Events, TableSpec, end_of, ends_before, integer, number, record_of, text, time

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

# The value is itself a time, of a line or a culture, say; the event is that it was charted.
DATETIMEEVENTS: Final = TableSpec(
    name="icu/datetimeevents",
    columns=(
        SUBJECT,
        HADM,
        STAY,
        time("charttime", required=True),
        ITEM,
        time("value", keep=True),
        text("valueuom"),
    ),
    ignored="caregiver_id storetime warning",
    stay=ICU,
    stays=("stay_id", "hadm_id"),
    events=(Events(("DATETIME", "$itemid", "$valueuom"), "charttime", text="coalesce(value::VARCHAR, value_text)"),),
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

_ORDER: Final = integer("orderid")

_AMOUNTS: Final = (
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
    _ORDER,
    text("statusdescription"),
)


def _amounts(head: str) -> tuple[Events, ...]:
    """Return the begin, with the rate, and the end, with the amount, of what ran into the patient."""
    return (
        Events(
            (f"{head}_START", "$itemid"),
            "starttime",
            value="rate",
            text="rate_text",
            unit="rateuom",
            end=end_of("endtime", "starttime"),
            status="statusdescription",
        ),
        Events(
            (f"{head}_END", "$itemid"),
            end_of("endtime", "starttime"),
            value="amount",
            text="amount_text",
            unit="amountuom",
            status="statusdescription",
        ),
    )


INPUTEVENTS: Final = TableSpec(
    name="icu/inputevents",
    columns=(*_AMOUNTS, number("patientweight")),
    ignored="caregiver_id storetime linkorderid ordercategoryname secondaryordercategoryname "
    "ordercomponenttypedescription ordercategorydescription totalamount totalamountuom isopenbag "
    "continueinnextdept originalamount originalrate",
    record=record_of("inputevents", "orderid", "itemid"),
    stay=ICU,
    stays=("stay_id", "hadm_id"),
    checks=(ends_before("endtime", "starttime"),),
    events=(
        *_amounts("INFUSION"),
        Events(
            ("SUBJECT_WEIGHT_AT_INFUSION", "KG"),
            "starttime",
            value="patientweight",
            unit="'kg'",
            when="patientweight IS NOT NULL",
            once=True,
            record="NULL::VARCHAR",
        ),
    ),
)

# Water, calories, protein and the like in the rows of inputevents: items of their own, on the same orders.
INGREDIENTEVENTS: Final = TableSpec(
    name="icu/ingredientevents",
    columns=_AMOUNTS,
    ignored="caregiver_id storetime linkorderid originalamount originalrate",
    stay=ICU,
    stays=("stay_id", "hadm_id"),
    checks=(ends_before("endtime", "starttime"),),
    events=_amounts("INGREDIENT"),
)

PROCEDUREEVENTS: Final = TableSpec(
    name="icu/procedureevents",
    columns=(SUBJECT, HADM, STAY, time("starttime"), time("endtime"), ITEM, _ORDER, text("statusdescription")),
    ignored="caregiver_id storetime value valueuom location locationcategory linkorderid ordercategoryname "
    "ordercategorydescription patientweight isopenbag continueinnextdept originalamount originalrate "
    "secondaryordercategoryname totalamount totalamountuom",
    record=record_of("procedureevents", "orderid"),
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
