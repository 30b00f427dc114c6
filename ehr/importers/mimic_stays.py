"""Patients, admissions, ICU stays and wards of MIMIC-IV, and what nearly all its tables share."""

from typing import Final

from ehr.events import BIRTH, DEATH
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

ADMITTED: Final = "mimic_admission"
"""Temporary table of the admissions: hadm_id, subject_id, deathtime, known_at (when billing codes are known)."""

VISITED: Final = "mimic_visit"
"""Temporary table of the visits in ed/edstays: stay_id, subject_id, hadm_id, intime, known_at."""

SUBJECT: Final = integer("subject_id", required=True)

HADM: Final = integer("hadm_id")

ITEM: Final = integer("itemid", required=True)


def measured_text(value: str, number: str) -> str:
    """Return the SQL of a value's text where it says more than its number does."""
    return f"coalesce(CASE WHEN try_cast({value} AS FLOAT) = {number} THEN NULL ELSE {value} END, {number}_text)"


_ED: Final = "(md5_number_lower('ED/' || hadm_id) >> 1)::BIGINT"
"""stable_id(f"ED/{hadm_id}") in SQL."""

ED_RECORD: Final = record_of("admissions_ed", "hadm_id")
"""Record of the visit to the emergency department that an admission tells of."""

# A visit that has a row of its own in ed/edstays is taken from there.
_ONLY_HERE: Final = f"hadm_id NOT IN (SELECT hadm_id FROM {VISITED} WHERE hadm_id IS NOT NULL)"

ADMISSIONS: Final = TableSpec(
    name="hosp/admissions",
    columns=(
        SUBJECT,
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
    record=record_of("admissions", "hadm_id"),
    stay="hadm_id",
    checks=(
        ends_before("dischtime", "admittime"),
        ends_before("edouttime", "edregtime"),
        Check(
            "deathtime < admittime",
            "deathtime is before admittime: not used",
            cell="deathtime",
            code=Reason.IMPLAUSIBLE,
        ),
        Check(
            "dischtime IS NULL",
            "dischtime is missing: billing codes carry the last time known of the stay",
            code=Reason.NO_TIME,
        ),
    ),
    events=(
        Events(
            ("ED_REGISTRATION",),
            "edregtime",
            end=end_of("edouttime", "edregtime"),
            when=_ONLY_HERE,
            record=ED_RECORD,
        ),
        Events(("ED_OUT",), end_of("edouttime", "edregtime"), when=_ONLY_HERE, record=ED_RECORD),
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
               CASE WHEN hospital_expire_flag = 1 THEN 'DIED' ELSE discharge_location END AS disposition,
               {record_of("admissions", "hadm_id")} AS record_id
        FROM {{rows}}
        """,
        f"""
        SELECT {_ED} AS encounter_id, hadm_id AS parent_id, subject_id, 'emergency' AS class,
               edregtime AS start_time, {end_of("edouttime", "edregtime")} AS end_time, {ED_RECORD} AS record_id
        FROM {{rows}} WHERE edregtime IS NOT NULL AND {_ONLY_HERE}
        """,
    ),
    subjects="SELECT subject_id, true AS deceased FROM {rows} WHERE hospital_expire_flag = 1",
)

_BIRTH: Final = "make_timestamp(anchor_year - anchor_age, 1, 1, 0, 0, 0)"

_DIED: Final = "coalesce(first_deathtime, dod)"

PATIENTS: Final = TableSpec(
    name="hosp/patients",
    columns=(SUBJECT, text("gender"), integer("anchor_age"), integer("anchor_year"), time("dod", keep=True)),
    ignored="anchor_year_group",
    key=("subject_id",),
    record=record_of("patients", "subject_id"),
    join="LEFT JOIN (SELECT subject_id, min(deathtime) AS first_deathtime, "
    f"arg_min(hadm_id, deathtime) AS died_in FROM {ADMITTED} GROUP BY ALL) USING (subject_id)",
    joined=("first_deathtime", "died_in"),
    checks=(
        Check(
            "anchor_year - anchor_age NOT BETWEEN 1800 AND 2300",
            "anchor_year - anchor_age is no year of birth",
            cell="anchor_year",
            code=Reason.IMPLAUSIBLE,
        ),
        Check(f"{_DIED} < {_BIRTH}", "date of death is before birth: not used", cell="dod", code=Reason.IMPLAUSIBLE),
    ),
    events=(
        Events(("GENDER", "$gender"), "NULL", is_static=True, when="gender IS NOT NULL"),
        Events((BIRTH,), _BIRTH, when="anchor_year - anchor_age BETWEEN 1800 AND 2300", precision="'year'"),
        Events(
            (DEATH,),
            _DIED,
            when=f"coalesce({_DIED} >= {_BIRTH}, true)",
            precision="CASE WHEN first_deathtime IS NULL THEN 'day' END",
            stay="died_in",
        ),
    ),
    subjects="""
        SELECT subject_id, ['mimic|' || subject_id] AS identifiers,
               coalesce(dod::VARCHAR, dod_text) IS NOT NULL
               OR subject_id IN (SELECT subject_id FROM encounter WHERE disposition = 'DIED') AS deceased
        FROM {rows}
        """,
)

ICUSTAYS: Final = TableSpec(
    name="icu/icustays",
    columns=(
        SUBJECT,
        HADM,
        integer("stay_id", required=True),
        text("first_careunit"),
        text("last_careunit"),
        time("intime", required=True),
        time("outtime"),
        number("los"),
    ),
    key=("stay_id",),
    record=record_of("icustays", "stay_id"),
    stay="stay_id",
    stays=("hadm_id",),
    checks=(
        ends_before("outtime", "intime"),
        Check("los < 0", "los is negative: not used", cell="los", code=Reason.IMPLAUSIBLE),
    ),
    events=(
        Events(("ICU_ADMISSION", "$first_careunit"), "intime", end=end_of("outtime", "intime")),
        Events(("ICU_DISCHARGE", "$last_careunit"), end_of("outtime", "intime")),
    ),
    encounters=(
        f"""
        SELECT stay_id AS encounter_id, hadm_id AS parent_id, subject_id, 'icu' AS class, first_careunit AS type,
               intime AS start_time, {end_of("outtime", "intime")} AS end_time,
               {record_of("icustays", "stay_id")} AS record_id
        FROM {{rows}}
        """,
    ),
)

TRANSFERS: Final = TableSpec(
    name="hosp/transfers",
    columns=(
        SUBJECT,
        HADM,
        integer("transfer_id"),
        text("eventtype"),
        text("careunit"),
        time("intime", required=True),
        time("outtime"),
    ),
    key=("transfer_id",),
    record=record_of("transfers", "transfer_id"),
    stay="hadm_id",
    stays=("hadm_id",),
    checks=(ends_before("outtime", "intime"),),
    events=(Events(("TRANSFER_TO", "$eventtype", "$careunit"), "intime", end=end_of("outtime", "intime")),),
)

SERVICES: Final = TableSpec(
    name="hosp/services",
    columns=(SUBJECT, HADM, time("transfertime", required=True), text("curr_service", required=True)),
    ignored="prev_service",
    stay="hadm_id",
    stays=("hadm_id",),
    events=(Events(("SERVICE", "$curr_service"), "transfertime"),),
)
