"""What eICU-CRD measures: laboratory, monitors, charted values, fluids, ventilation and the APACHE tables."""

from typing import Final

from ehr.importers.eicu_stays import STAYS, at
from ehr.importers.tables import (
    Check,
    Column,
    Events,
    TableSpec,
    integer,
    minutes,
    number,
    record_of,
    text,
)
from ehr.reasons import Reason

STAY: Final = integer("patientunitstayid", required=True)

STRANGER: Final = Check(
    "patientunitstayid IS NOT NULL AND subject_id IS NULL",
    "patientunitstayid is no stay of patient that went in",
    refuses=True,
    cell="patientunitstayid",
    code=Reason.UNKNOWN_SUBJECT,
)

APACHE_KNOWN: Final = "least(unit_start + INTERVAL 1 DAY, unit_end)"
"""When the values of the first day are known: a day after the admission to the unit, or when it is left before."""


def table(
    name: str,
    key: str,
    columns: tuple[Column, ...],
    events: tuple[Events, ...],
    checks: tuple[Check, ...] = (),
    ignored: str = "",
) -> TableSpec:
    """Return the spec of a table whose rows name a unit stay and have a number of their own, in the column `key`."""
    return TableSpec(
        name=name,
        columns=(integer(key), STAY, *columns),
        events=events,
        ignored=ignored,
        key=(key,),
        record=record_of(name, key),
        stay="unit_id",
        join=f"LEFT JOIN {STAYS} USING (patientunitstayid)",
        joined=("subject_id", "unit_id", "unit_start", "unit_end", "hospital_end"),
        checks=(STRANGER, *checks),
    )


def charted(code: str, offset: str, value: str, *, unit: str = "NULL") -> Events:
    """Return the event of a value that is charted as text: a number, a number of per cent, or words.

    `code` is SQL of what is charted; the column `value` is read by `number`.
    """
    is_percent = f"coalesce(regexp_full_match({value}_text, '[0-9]+([.][0-9]+)? ?%'), false)"
    return Events(
        ("OBSERVATION", "EICU", f"={code}"),
        at(offset),
        value=f"CASE WHEN {is_percent} THEN try_cast(rtrim({value}_text, ' %') AS FLOAT) ELSE {value} END",
        text=f"CASE WHEN NOT {is_percent} THEN {value}_text END",
        unit=f"CASE WHEN {is_percent} THEN '%' WHEN {value} IS NOT NULL THEN {unit} END",
        when=f"coalesce({value}::VARCHAR, {value}_text) IS NOT NULL",
    )


def labelled(label: str, detail: str) -> str:
    """Return the SQL of a label and what it is detailed by, where that says more."""
    return (
        f"CASE WHEN {label} IS NULL THEN {detail} WHEN {detail} IS NULL OR {detail} IN ({label}, 'Value') "
        f"THEN {label} ELSE {label} || '|' || {detail} END"
    )


def _monitored(name: str, key: str, units: dict[str, str | None]) -> TableSpec:
    """Return the spec of a table with a column for each value of a monitor; empty cells are no events."""
    return table(
        name,
        key,
        (minutes("observationoffset", required=True), *(number(value) for value in units)),
        tuple(
            Events(
                ("VITAL", "EICU", value, *([unit] if unit else [])),
                at("observationoffset"),
                value=value,
                unit=f"'{unit}'" if unit else "NULL",
                when=f"{value} IS NOT NULL",
            )
            for value, unit in units.items()
        ),
    )


VITALPERIODIC: Final = _monitored(
    "vitalPeriodic",
    "vitalperiodicid",
    {
        "temperature": "degC",
        "sao2": "%",
        "heartrate": "bpm",
        "respiration": "breaths/min",
        **dict.fromkeys(("cvp", "etco2", "systemicsystolic", "systemicdiastolic", "systemicmean"), "mmHg"),
        **dict.fromkeys(("pasystolic", "padiastolic", "pamean"), "mmHg"),
        **dict.fromkeys(("st1", "st2", "st3"), "mm"),
        "icp": "mmHg",
    },
)

VITALAPERIODIC: Final = _monitored(
    "vitalAperiodic",
    "vitalaperiodicid",
    {
        **dict.fromkeys(("noninvasivesystolic", "noninvasivediastolic", "noninvasivemean", "paop"), "mmHg"),
        "cardiacoutput": "L/min",
        **dict.fromkeys(("cardiacinput", "svr", "svri", "pvr", "pvri"), None),
    },
)

LAB: Final = table(
    "lab",
    "labid",
    (
        minutes("labresultoffset", required=True),
        text("labname", required=True),
        number("labresult"),
        text("labresulttext"),
        text("labmeasurenamesystem"),
    ),
    (
        Events(
            ("LAB", "EICU", "$labname", "$labmeasurenamesystem"),
            at("labresultoffset"),
            value="labresult",
            text="coalesce(CASE WHEN try_cast(labresulttext AS FLOAT) = labresult THEN NULL ELSE labresulttext END, "
            "labresult_text)",
            unit="labmeasurenamesystem",
        ),
    ),
    ignored="labtypeid labmeasurenameinterface labresultrevisedoffset",
)

CUSTOMLAB: Final = table(
    "customLab",
    "customlabid",
    (
        minutes("labotheroffset", required=True),
        text("labothername", required=True),
        number("labotherresult", quiet=True),
        text("labothervaluetext"),
    ),
    (
        Events(
            ("LAB", "EICU", "$labothername"),
            at("labotheroffset"),
            value="labotherresult",
            text="coalesce(CASE WHEN try_cast(labothervaluetext AS FLOAT) = labotherresult THEN NULL "
            "ELSE labothervaluetext END, labotherresult_text)",
        ),
    ),
    ignored="labothertypeid",
)

NURSECHARTING: Final = table(
    "nurseCharting",
    "nursingchartid",
    (
        minutes("nursingchartoffset", required=True),
        text("nursingchartcelltypevallabel"),
        text("nursingchartcelltypevalname"),
        number("nursingchartvalue", quiet=True),
    ),
    (
        charted(
            labelled("nursingchartcelltypevallabel", "nursingchartcelltypevalname"),
            "nursingchartoffset",
            "nursingchartvalue",
            unit="CASE WHEN nursingchartcelltypevalname LIKE '%(C)' THEN 'degC' "
            "WHEN nursingchartcelltypevalname LIKE '%(F)' THEN 'degF' END",
        ),
    ),
    ignored="nursingchartentryoffset nursingchartcelltypecat",
)

RESPIRATORYCHARTING: Final = table(
    "respiratoryCharting",
    "respchartid",
    (
        minutes("respchartoffset", required=True),
        text("respchartvaluelabel", required=True),
        number("respchartvalue", quiet=True),
    ),
    (charted("respchartvaluelabel", "respchartoffset", "respchartvalue"),),
    ignored="respchartentryoffset respcharttypecat",
)

_OUTPUT: Final = "coalesce(contains(lower(cellpath), '|output'), false)"

INTAKEOUTPUT: Final = table(
    "intakeOutput",
    "intakeoutputid",
    (
        minutes("intakeoutputoffset", required=True),
        text("cellpath"),
        text("celllabel", required=True),
        number("cellvaluenumeric"),
    ),
    tuple(
        Events(
            code,
            at("intakeoutputoffset"),
            value="cellvaluenumeric",
            unit="CASE WHEN contains(lower(cellpath), '(ml)') THEN 'ml' END",
            when=f"{when} AND cellvaluenumeric IS NOT NULL",
        )
        for code, when in (
            (("SUBJECT_FLUID_OUTPUT", "EICU", "$celllabel"), _OUTPUT),
            (("OBSERVATION", "EICU", "='Intake|' || celllabel"), "contains(lower(cellpath), '|intake')"),
            (
                ("OBSERVATION", "EICU", "='Intake and output|' || celllabel"),
                f"NOT {_OUTPUT} AND NOT coalesce(contains(lower(cellpath), '|intake'), false)",
            ),
        )
    ),
    ignored="intaketotal outputtotal dialysistotal nettotal intakeoutputentryoffset cellvaluetext",
)

_LIMITS: Final = (
    "cuffpressure lowexhmvlimit hiexhmvlimit lowexhtvlimit hipeakpreslimit lowpeakpreslimit hirespratelimit "
    "lowrespratelimit sighpreslimit lowironoxlimit highironoxlimit meanairwaypreslimit peeplimit cpaplimit "
    "setapneatv setapnearr setapneapeakflow setapneainsptime setapneafio2 setapneainterval setapneaippeephigh "
    "setapneaie airwaysize airwayposition airwaytype apneaparms"
)

_VENTILATIONS: Final = (("ventstartoffset", "ventendoffset"), ("priorventstartoffset", "priorventendoffset"))

RESPIRATORYCARE: Final = table(
    "respiratoryCare",
    "respcareid",
    (
        minutes("respcarestatusoffset", required=True),
        *(minutes(name) for pair in _VENTILATIONS for name in pair),
        *(number(name, quiet=True) for name in _LIMITS.split()),
    ),
    (
        *(charted(f"'respiratoryCare.{name}'", "respcarestatusoffset", name) for name in _LIMITS.split()),
        *(
            Events(
                ("PROCEDURE", place, "EICU", "ventilation"),
                at(offset),
                when=f"{offset} IS NOT NULL AND {condition}",
                once=True,
                record="NULL::VARCHAR",
            )
            for start, end in _VENTILATIONS
            # An interval that was not filled in begins and ends at 0, one that goes on ends at 0.
            for place, offset, condition in (
                ("START", start, f"NOT ({start} = 0 AND coalesce({end}, 0) = 0)"),
                ("END", end, f"{end} >= {start} AND NOT ({start} = 0 AND {end} = 0)"),
            )
        ),
    ),
    ignored="currenthistoryseqnum apneaparams",
)


def _of_first_day(name: str, key: str, prefix: str, columns: str, texts: str = "", ignored: str = "") -> TableSpec:
    """Return the spec of a table of APACHE: its values are those of the first day, and -1 stands for none."""
    values = columns.split()
    return table(
        name,
        key,
        (*(number(value) for value in values), *(text(value) for value in texts.split())),
        (
            *(
                Events(
                    ("OBSERVATION", "EICU", f"={prefix} || '{value}'"),
                    APACHE_KNOWN,
                    value=value,
                    when=f"{value} <> -1",
                )
                for value in values
            ),
            *(
                Events(
                    ("OBSERVATION", "EICU", f"={prefix} || '{value}'"),
                    APACHE_KNOWN,
                    text=value,
                    when=f"{value} IS NOT NULL AND {value} <> '-1'",
                )
                for value in texts.split()
                if value != "apacheversion"
            ),
        ),
        ignored=ignored,
    )


APACHEAPSVAR: Final = _of_first_day(
    "apacheApsVar",
    "apacheapsvarid",
    "'apacheApsVar.'",
    "intubated vent dialysis eyes motor verbal meds urine wbc temperature respiratoryrate sodium heartrate meanbp ph "
    "hematocrit creatinine albumin pao2 pco2 bun glucose bilirubin fio2",
)

APACHEPATIENTRESULT: Final = _of_first_day(
    "apachePatientResult",
    "apachepatientresultsid",
    "'apachePatientResult.' || coalesce(apacheversion, 'UNK') || '.'",
    "acutephysiologyscore apachescore predictedicumortality predictediculos predictedhospitalmortality "
    "predictedhospitallos predventdays preopmi preopcardiaccath ptcawithin24h",
    texts="apacheversion",
    ignored="physicianspeciality physicianinterventioncategory actualicumortality actualiculos "
    "actualhospitalmortality actualhospitallos unabridgedunitlos unabridgedhosplos actualventdays "
    "unabridgedactualventdays",
)

APACHEPREDVAR: Final = _of_first_day(
    "apachePredVar",
    "apachepredvarid",
    "'apachePredVar.'",
    "graftcount meds verbal motor eyes thrombolytics aids hepaticfailure lymphoma metastaticcancer leukemia "
    "immunosuppression cirrhosis electivesurgery activetx readmit ima midur ventday1 oobventday1 oobintubday1 "
    "diabetes var03hspxlos pao2 fio2 ejectfx creatinine amilocation day1meds day1verbal day1motor day1eyes day1pao2 "
    "day1fio2",
    texts="admitdiagnosis",
    ignored="sicuday saps3day1 saps3today saps3yesterday gender teachtype region bedcount admitsource age "
    "diedinhospital managementsystem dischargelocation visitnumber",
)

MEASURES: Final = (
    LAB,
    CUSTOMLAB,
    VITALPERIODIC,
    VITALAPERIODIC,
    NURSECHARTING,
    RESPIRATORYCHARTING,
    RESPIRATORYCARE,
    INTAKEOUTPUT,
    APACHEAPSVAR,
    APACHEPATIENTRESULT,
    APACHEPREDVAR,
)
"""Tables of measured values."""
