"""A tiny eICU-CRD folder of invented patients: rows say only what matters, the other columns are filled in."""

import csv
import gzip
from pathlib import Path

Table = list[dict[str, str]]

COLUMNS = {
    "patient": "patientunitstayid patienthealthsystemstayid gender age ethnicity hospitalid wardid apacheadmissiondx "
    "admissionheight hospitaladmittime24 hospitaladmitoffset hospitaladmitsource hospitaldischargeyear "
    "hospitaldischargetime24 hospitaldischargeoffset hospitaldischargelocation hospitaldischargestatus unittype "
    "unitadmittime24 unitadmitsource unitvisitnumber unitstaytype admissionweight dischargeweight "
    "unitdischargetime24 unitdischargeoffset unitdischargelocation unitdischargestatus uniquepid",
    "hospital": "hospitalid numbedscategory teachingstatus region",
    "lab": "labid patientunitstayid labresultoffset labtypeid labname labresult labresulttext labmeasurenamesystem "
    "labmeasurenameinterface labresultrevisedoffset",
    "customLab": "customlabid patientunitstayid labotheroffset labothertypeid labothername labotherresult "
    "labothervaluetext",
    "vitalPeriodic": "vitalperiodicid patientunitstayid observationoffset temperature sao2 heartrate respiration cvp "
    "etco2 systemicsystolic systemicdiastolic systemicmean pasystolic padiastolic pamean st1 st2 st3 icp",
    "vitalAperiodic": "vitalaperiodicid patientunitstayid observationoffset noninvasivesystolic noninvasivediastolic "
    "noninvasivemean paop cardiacoutput cardiacinput svr svri pvr pvri",
    "nurseCharting": "nursingchartid patientunitstayid nursingchartoffset nursingchartentryoffset "
    "nursingchartcelltypecat nursingchartcelltypevallabel nursingchartcelltypevalname nursingchartvalue",
    "respiratoryCharting": "respchartid patientunitstayid respchartoffset respchartentryoffset respcharttypecat "
    "respchartvaluelabel respchartvalue",
    "respiratoryCare": "respcareid patientunitstayid respcarestatusoffset currenthistoryseqnum airwaytype airwaysize "
    "airwayposition cuffpressure ventstartoffset ventendoffset priorventstartoffset priorventendoffset apneaparms "
    "lowexhmvlimit hiexhmvlimit lowexhtvlimit hipeakpreslimit lowpeakpreslimit hirespratelimit lowrespratelimit "
    "sighpreslimit lowironoxlimit highironoxlimit meanairwaypreslimit peeplimit cpaplimit setapneainterval "
    "setapneatv setapneaippeephigh setapnearr setapneapeakflow setapneainsptime setapneaie setapneafio2",
    "intakeOutput": "intakeoutputid patientunitstayid intakeoutputoffset intaketotal outputtotal dialysistotal "
    "nettotal intakeoutputentryoffset cellpath celllabel cellvaluenumeric cellvaluetext",
    "apacheApsVar": "apacheapsvarid patientunitstayid intubated vent dialysis eyes motor verbal meds urine wbc "
    "temperature respiratoryrate sodium heartrate meanbp ph hematocrit creatinine albumin pao2 pco2 bun glucose "
    "bilirubin fio2",
    "apachePatientResult": "apachepatientresultsid patientunitstayid physicianspeciality "
    "physicianinterventioncategory acutephysiologyscore apachescore apacheversion predictedicumortality "
    "actualicumortality predictediculos actualiculos predictedhospitalmortality actualhospitalmortality "
    "predictedhospitallos actualhospitallos preopmi preopcardiaccath ptcawithin24h unabridgedunitlos "
    "unabridgedhosplos actualventdays predventdays unabridgedactualventdays",
    "apachePredVar": "apachepredvarid patientunitstayid sicuday saps3day1 saps3today saps3yesterday gender teachtype "
    "region bedcount admitsource graftcount meds verbal motor eyes age admitdiagnosis thrombolytics diedinhospital "
    "aids hepaticfailure lymphoma metastaticcancer leukemia immunosuppression cirrhosis electivesurgery activetx "
    "readmit ima midur ventday1 oobventday1 oobintubday1 diabetes managementsystem var03hspxlos pao2 fio2 ejectfx "
    "creatinine dischargelocation visitnumber amilocation day1meds day1verbal day1motor day1eyes day1pao2 day1fio2",
    "diagnosis": "diagnosisid patientunitstayid activeupondischarge diagnosisoffset diagnosisstring icd9code "
    "diagnosispriority",
    "admissionDx": "admissiondxid patientunitstayid admitdxenteredoffset admitdxpath admitdxname admitdxtext",
    "treatment": "treatmentid patientunitstayid treatmentoffset treatmentstring activeupondischarge",
    "medication": "medicationid patientunitstayid drugorderoffset drugstartoffset drugivadmixture drugordercancelled "
    "drugname drughiclseqno dosage routeadmin frequency loadingdose prn drugstopoffset gtc",
    "admissionDrug": "admissiondrugid patientunitstayid drugoffset drugenteredoffset drugnotetype specialtytype "
    "usertype rxincluded writtenineicu drugname drugdosage drugunit drugadmitfrequency drughiclseqno",
    "infusionDrug": "infusiondrugid patientunitstayid infusionoffset drugname drugrate infusionrate drugamount "
    "volumeoffluid patientweight",
    "allergy": "allergyid patientunitstayid allergyoffset allergyenteredoffset allergynotetype specialtytype "
    "usertype rxincluded writtenineicu drugname allergytype allergyname drughiclseqno",
    "pastHistory": "pasthistoryid patientunitstayid pasthistoryoffset pasthistoryenteredoffset pasthistorynotetype "
    "pasthistorypath pasthistoryvalue pasthistoryvaluetext",
    "microLab": "microlabid patientunitstayid culturetakenoffset culturesite organism antibiotic sensitivitylevel",
    "physicalExam": "physicalexamid patientunitstayid physicalexamoffset physicalexampath physicalexamvalue "
    "physicalexamtext",
    "nurseAssessment": "nurseassessid patientunitstayid nurseassessoffset nurseassessentryoffset cellattributepath "
    "celllabel cellattribute cellattributevalue",
    "nurseCare": "nursecareid patientunitstayid celllabel nursecareoffset nursecareentryoffset cellattributepath "
    "cellattribute cellattributevalue",
    "carePlanGeneral": "cplgeneralid patientunitstayid activeupondischarge cplitemoffset cplgroup cplitemvalue",
    "carePlanEOL": "cpleolid patientunitstayid cpleolsaveoffset cpleoldiscussionoffset activeupondischarge",
    "carePlanGoal": "cplgoalid patientunitstayid cplgoaloffset cplgoalcategory cplgoalvalue cplgoalstatus "
    "activeupondischarge",
    "carePlanInfectiousDisease": "cplinfectid patientunitstayid activeupondischarge cplinfectdiseaseoffset "
    "infectdiseasesite infectdiseaseassessment responsetotherapy treatment",
    "carePlanCareProvider": "cplcareprovderid patientunitstayid careprovidersaveoffset providertype specialty "
    "interventioncategory managingphysician activeupondischarge",
    "note": "noteid patientunitstayid noteoffset noteenteredoffset notetype notepath notevalue notetext",
}
"""Table of eICU-CRD 2.0 -> its columns, in the order of the release."""

STAY = {
    "patientunitstayid": "141",
    "patienthealthsystemstayid": "128",
    "gender": "Female",
    "age": "70",
    "ethnicity": "Caucasian",
    "hospitalid": "59",
    "wardid": "91",
    "admissionheight": "152.4",
    "hospitaladmittime24": "23:00:00",
    "hospitaladmitoffset": "-60",
    "hospitaladmitsource": "Emergency Department",
    "hospitaldischargeyear": "2015",
    "hospitaldischargetime24": "12:00:00",
    "hospitaldischargeoffset": "3600",
    "hospitaldischargelocation": "Home",
    "hospitaldischargestatus": "Alive",
    "unittype": "Med-Surg ICU",
    "unitadmittime24": "00:00:00",
    "unitadmitsource": "Emergency Department",
    "unitvisitnumber": "1",
    "unitstaytype": "admit",
    "admissionweight": "84.3",
    "dischargeweight": "85.8",
    "unitdischargetime24": "12:00:00",
    "unitdischargeoffset": "2160",
    "unitdischargelocation": "Floor",
    "unitdischargestatus": "Alive",
    "uniquepid": "002-1",
}
"""Admitted to hospital on 28 December 2015 at 23:00 of our calendar, to the unit an hour later, home on the 31st."""


def stay(unit: str = "141", **cells: str) -> dict[str, str]:
    """Return a row of patient; what is not said is as in STAY."""
    return {**STAY, "patientunitstayid": unit, **cells}


def write_eicu(
    folder: Path, tables: dict[str, Table], *, patients: Table | None = None, is_gzip: bool = False
) -> Path:
    """Write tables with the columns of the release; patient has one stay unless said otherwise."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in {"patient": [stay()] if patients is None else patients, **tables}.items():
        columns = COLUMNS[name].split()
        key = columns[0]
        path = folder / f"{name}.csv{'.gz' if is_gzip else ''}"
        with gzip.open(path, "wt", newline="") if is_gzip else path.open("w", newline="") as file:
            writer = csv.DictWriter(file, columns, restval="")
            writer.writeheader()
            for number, row in enumerate(rows, start=1):
                defaults = {} if name in ("patient", "hospital") else {key: str(number), "patientunitstayid": "141"}
                writer.writerow({**defaults, **row})
    return folder
