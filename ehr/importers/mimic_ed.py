"""MIMIC-IV-ED: visits to the emergency department, triage, vital signs, medicines, diagnoses.

The public extraction of MIMIC-IV leaves this module out; the codes here follow its manner.
"""

from typing import Final

from ehr.importers.judging import KNOWN_SUBJECTS
from ehr.importers.mimic_stays import HADM, SUBJECT, VISITED
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

VISIT: Final = integer("stay_id", required=True)

EDSTAYS: Final = TableSpec(
    name="ed/edstays",
    columns=(
        SUBJECT,
        HADM,
        VISIT,
        time("intime", required=True),
        time("outtime"),
        text("gender"),
        text("race"),
        text("arrival_transport"),
        text("disposition"),
    ),
    key=("stay_id",),
    record=record_of("edstays", "stay_id"),
    stay="stay_id",
    stays=("hadm_id",),
    checks=(ends_before("outtime", "intime"),),
    events=(
        Events(("ED_REGISTRATION",), "intime", text="arrival_transport", end=end_of("outtime", "intime")),
        Events(("RACE", "$race"), "intime", when="race IS NOT NULL"),
        Events(("ED_OUT",), end_of("outtime", "intime"), text="disposition"),
        # Patients tell their sex; a folder of ed/ alone has no table of them.
        Events(
            ("GENDER", "$gender"),
            "NULL",
            is_static=True,
            once=True,
            when=f"gender IS NOT NULL AND subject_id NOT IN (FROM {KNOWN_SUBJECTS})",
            stay="NULL::BIGINT",
            record="NULL::VARCHAR",
        ),
    ),
    encounters=(
        f"""
        SELECT stay_id AS encounter_id, hadm_id AS parent_id, subject_id, 'emergency' AS class,
               intime AS start_time, {end_of("outtime", "intime")} AS end_time,
               arrival_transport AS admit_source, disposition, {record_of("edstays", "stay_id")} AS record_id
        FROM {{rows}}
        """,
    ),
)

_UNITS: Final = {
    "temperature": "°F",
    "heartrate": "bpm",
    "resprate": "insp/min",
    "o2sat": "%",
    "sbp": "mmHg",
    "dbp": "mmHg",
}

_SIGNS: Final = (*(number(name) for name in _UNITS), number("pain", quiet=True))


def _vital_signs(when: str) -> tuple[Events, ...]:
    """Return the events of the vital signs of a row; pain is a number from 0 to 10, or words."""
    signs = tuple(
        Events(
            ("VITAL", name, unit),
            when,
            value=name,
            text=f"{name}_text",
            unit=f"'{unit}'",
            when=f"coalesce({name}::VARCHAR, {name}_text) IS NOT NULL",
        )
        for name, unit in _UNITS.items()
    )
    told = "coalesce(pain::VARCHAR, pain_text) IS NOT NULL"
    return (*signs, Events(("VITAL", "pain"), when, value="pain", text="pain_text", when=told))


_OF_VISIT: Final = (
    f"LEFT JOIN (SELECT stay_id, subject_id, intime, known_at FROM {VISITED}) USING (stay_id, subject_id)"
)

_NO_VISIT: Final = Check(
    "intime IS NULL AND stay_id IS NOT NULL AND subject_id IS NOT NULL",
    "stay_id is not a visit of the patient in edstays, which says when it was",
    refuses=True,
    code=Reason.BAD_REFERENCE,
)

TRIAGE: Final = TableSpec(
    name="ed/triage",
    columns=(SUBJECT, VISIT, *_SIGNS, number("acuity", quiet=True), text("chiefcomplaint")),
    key=("stay_id",),
    record=record_of("triage", "stay_id"),
    stay="stay_id",
    join=_OF_VISIT,
    joined=("intime", "known_at"),
    checks=(_NO_VISIT,),
    events=(
        *_vital_signs("intime"),
        Events(
            ("TRIAGE", "acuity"),
            "intime",
            value="acuity",
            text="acuity_text",
            when="coalesce(acuity::VARCHAR, acuity_text) IS NOT NULL",
        ),
        Events(("TRIAGE", "chiefcomplaint"), "intime", text="chiefcomplaint", when="chiefcomplaint IS NOT NULL"),
    ),
)

VITALSIGN: Final = TableSpec(
    name="ed/vitalsign",
    columns=(SUBJECT, VISIT, time("charttime", required=True), *_SIGNS, text("rhythm")),
    stay="stay_id",
    stays=("stay_id",),
    events=(
        *_vital_signs("charttime"),
        Events(("VITAL", "rhythm"), "charttime", text="rhythm", when="rhythm IS NOT NULL"),
    ),
)

PYXIS: Final = TableSpec(
    name="ed/pyxis",
    columns=(SUBJECT, VISIT, time("charttime", required=True), text("name", required=True), integer("gsn_rn")),
    ignored="med_rn gsn",
    stay="stay_id",
    stays=("stay_id",),
    checks=(Check("gsn_rn > 1", "a further GSN of the same medicine", skips=True),),
    events=(Events(("MEDICATION", "$name", "Dispensed"), "charttime", status="'Dispensed'"),),
)

MEDRECON: Final = TableSpec(
    name="ed/medrecon",
    columns=(
        SUBJECT,
        VISIT,
        time("charttime", required=True),
        text("name", required=True),
        integer("etc_rn"),
        text("etcdescription"),
    ),
    ignored="gsn ndc etccode",
    stay="stay_id",
    stays=("stay_id",),
    checks=(Check("etc_rn > 1", "a further class of the same medicine", skips=True),),
    events=(Events(("MEDRECON", "$name"), "charttime", text="etcdescription"),),
)

DIAGNOSIS: Final = TableSpec(
    name="ed/diagnosis",
    columns=(
        SUBJECT,
        VISIT,
        integer("seq_num"),
        text("icd_code", required=True),
        integer("icd_version", required=True),
        text("icd_title"),
    ),
    key=("stay_id", "seq_num", "icd_code", "icd_version"),
    record=record_of("diagnosis", "stay_id", "seq_num", "icd_code", "icd_version"),
    stay="stay_id",
    join=_OF_VISIT,
    joined=("intime", "known_at"),
    checks=(_NO_VISIT,),
    events=(Events(("DIAGNOSIS", "ICD", "$icd_version", "$icd_code"), "known_at"),),
)
