"""eICU-CRD: what each table becomes, on invented patients."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from ehr.errors import SourceError
from ehr.events import stable_id
from ehr.importers import IMPORTERS, ImportOptions
from ehr.importers.eicu import SPECS
from ehr.store import create_store
from tests.ehr.eicu_made import COLUMNS, Table, stay, write_eicu
from tests.ehr.mimic_made import Imported

UNIT = datetime(2015, 12, 29)
"""Begin of the unit stay of eicu_made.STAY."""


def imported(tmp_path: Path, *, patients: Table | None = None, **tables: Table) -> Imported:
    return Imported(tmp_path / "store", write_eicu(tmp_path / "eicu", tables, patients=patients), "eicu")


def events(tmp_path: Path, table: str, rows: Table, columns: str = "numeric_value, unit, text_value") -> list[Any]:
    """Import one table; return (minutes since the begin of the unit stay, code, columns) of its events in order."""
    done = imported(tmp_path, **{table: rows})
    report = done.file(table)
    assert report.rows_in == report.accepted + report.rejected + report.skipped
    found = done.ask(
        f"SELECT date_diff('minute', TIMESTAMP '{UNIT}', \"time\"), code, {columns} FROM event "
        f"WHERE source_id = {report.source_id} ORDER BY event_id"
    )
    done.close()
    return found


def test_every_table_has_the_columns_of_the_release() -> None:
    assert set(SPECS) == set(COLUMNS)
    for name, spec in SPECS.items():
        columns = set(COLUMNS[name].split())
        used = {column.name for column in spec.columns}
        assert used <= columns, f"{name}: {used - columns}"
        left = columns - used - set(spec.ignored.split())
        assert not left, f"{name} neither uses nor ignores {left}"


def test_a_stay_becomes_events_encounters_and_a_patient(tmp_path: Path) -> None:
    done = imported(tmp_path)
    subject = stable_id("eICU/002-1")
    assert done.ask('SELECT "time", code, numeric_value, end_time, status FROM event ORDER BY event_id') == [
        (None, "GENDER//F", None, None, None),
        (datetime(1945, 1, 1), "MEDS_BIRTH", None, None, None),
        (datetime(2015, 12, 28, 23), "HOSPITAL_ADMISSION//UNK//Emergency Department", None, None, None),
        (datetime(2015, 12, 28, 23), "RACE//Caucasian", None, None, None),
        (UNIT, "ICU_ADMISSION//Med-Surg ICU", None, datetime(2015, 12, 30, 12), "admit"),
        (UNIT, "TRANSFER_TO//EICU//hospital 59 ward 91", None, None, None),
        (UNIT, "OBSERVATION//EICU//admissionheight//cm", pytest.approx(152.4), None, None),
        (UNIT, "OBSERVATION//EICU//admissionweight//kg", pytest.approx(84.3), None, None),
        (datetime(2015, 12, 30, 12), "OBSERVATION//EICU//dischargeweight//kg", pytest.approx(85.8), None, None),
        (datetime(2015, 12, 30, 12), "ICU_DISCHARGE//Med-Surg ICU", None, None, None),
        (datetime(2015, 12, 31, 12), "HOSPITAL_DISCHARGE//Home", None, None, None),
    ]
    columns = "class, type, start_time, end_time, admit_source, disposition, record_id"
    assert done.ask(f"SELECT {columns} FROM encounter ORDER BY start_time") == [
        ("inpatient", None, datetime(2015, 12, 28, 23), datetime(2015, 12, 31, 12), "Emergency Department", "Home",
         "patienthealthsystemstayid/128"),
        ("icu", "Med-Surg ICU", UNIT, datetime(2015, 12, 30, 12), "Emergency Department", "Floor",
         "patientunitstayid/141"),
    ]  # fmt: skip
    assert done.ask("SELECT subject_id, sex, birth_time, died, identifiers FROM subject") == [
        (subject, "female", datetime(1945, 1, 1), False, ["eicu|002-1"])
    ]
    assert done.ask("SELECT DISTINCT time_precision FROM event WHERE code = 'MEDS_BIRTH'") == [("year",)]
    assert done.ask("SELECT count(*) FROM event WHERE time_precision IS NOT NULL") == [(1,)]
    done.close()


def test_an_icu_stay_lies_in_its_hospital_stay_and_events_in_the_icu_stay(tmp_path: Path) -> None:
    done = imported(tmp_path, lab=[{"labresultoffset": "10", "labname": "sodium", "labresult": "140"}])
    assert done.ask(
        "SELECT part.class, whole.class FROM encounter AS part JOIN encounter AS whole "
        "ON whole.encounter_id = part.parent_id"
    ) == [("icu", "inpatient")]
    assert done.ask(
        "SELECT class, event.record_id FROM event JOIN encounter USING (encounter_id) "
        "WHERE starts_with(event.code, 'LAB//')"
    ) == [("icu", "lab/1")]
    done.close()


def test_a_death_in_hospital_is_a_death_at_its_discharge(tmp_path: Path) -> None:
    done = imported(tmp_path, patients=[stay(hospitaldischargestatus="Expired", hospitaldischargelocation="Death")])
    assert done.ask("SELECT died, death_time FROM subject") == [(True, datetime(2015, 12, 31, 12))]
    assert done.ask("SELECT code FROM event WHERE starts_with(code, 'HOSPITAL_DISCHARGE')") == [
        ("HOSPITAL_DISCHARGE//DIED",)
    ]
    assert done.ask("SELECT disposition FROM encounter ORDER BY class DESC") == [("DIED",), ("Floor",)]
    done.close()


def test_a_death_in_the_unit_is_at_the_discharge_from_it(tmp_path: Path) -> None:
    done = imported(tmp_path, patients=[stay(hospitaldischargestatus="Expired", unitdischargestatus="Expired")])
    assert done.ask("SELECT death_time FROM subject") == [(datetime(2015, 12, 30, 12),)]
    done.close()


@pytest.mark.parametrize(
    ("age", "birth"), [("> 89", datetime(1925, 1, 1)), ("0", datetime(2015, 1, 1)), ("", None), ("old", None)]
)
def test_birth_follows_from_the_age(tmp_path: Path, age: str, birth: datetime | None) -> None:
    done = imported(tmp_path, patients=[stay(age=age)])
    assert done.ask("SELECT birth_time FROM subject") == [(birth,)]
    assert bool(done.told("patient", table="notice")[1:]) == (age == "old")
    done.close()


def test_laboratory(tmp_path: Path) -> None:
    rows = [
        {"labresultoffset": "-30", "labname": "creatinine", "labresult": "1.2", "labresulttext": "1.20",
         "labmeasurenamesystem": "mg/dL", "labresultrevisedoffset": "90"},
        {"labresultoffset": "0", "labname": "troponin - I", "labresult": "0.01", "labresulttext": "<0.01",
         "labmeasurenamesystem": "ng/mL"},
        {"labresultoffset": "5", "labname": "urinary color", "labresulttext": "amber"},
    ]  # fmt: skip
    assert events(tmp_path, "lab", rows) == [
        (-30, "LAB//EICU//creatinine//mg/dL", pytest.approx(1.2), "mg/dL", None),
        (0, "LAB//EICU//troponin - I//ng/mL", pytest.approx(0.01), "ng/mL", "<0.01"),
        (5, "LAB//EICU//urinary color//UNK", None, None, "amber"),
    ]


def test_custom_laboratory(tmp_path: Path) -> None:
    rows = [
        {"labotheroffset": "5", "labothername": "Sickle", "labotherresult": "negative"},
        {"labotheroffset": "6", "labothername": "Zinc", "labotherresult": "70", "labothervaluetext": "70"},
    ]
    assert events(tmp_path, "customLab", rows) == [
        (5, "LAB//EICU//Sickle", None, None, "negative"),
        (6, "LAB//EICU//Zinc", 70, None, None),
    ]


def test_monitors_give_an_event_for_each_value_and_none_for_an_empty_cell(tmp_path: Path) -> None:
    rows = [
        {"observationoffset": "5", "heartrate": "88", "sao2": "97", "temperature": "36.6"},
        {"observationoffset": "9"},
    ]
    assert events(tmp_path, "vitalPeriodic", rows) == [
        (5, "VITAL//EICU//temperature//degC", pytest.approx(36.6), "degC", None),
        (5, "VITAL//EICU//sao2//%", 97, "%", None),
        (5, "VITAL//EICU//heartrate//bpm", 88, "bpm", None),
    ]


def test_cuff_pressures(tmp_path: Path) -> None:
    rows = [{"observationoffset": "5", "noninvasivesystolic": "120", "cardiacinput": "2.5"}]
    assert events(tmp_path, "vitalAperiodic", rows) == [
        (5, "VITAL//EICU//noninvasivesystolic//mmHg", 120, "mmHg", None),
        (5, "VITAL//EICU//cardiacinput", 2.5, None, None),
    ]


def test_charted_values_are_numbers_per_cent_or_words(tmp_path: Path) -> None:
    def row(label: str, name: str, value: str) -> dict[str, str]:
        return {"nursingchartoffset": "7", "nursingchartcelltypevallabel": label, "nursingchartcelltypevalname": name,
                "nursingchartvalue": value}  # fmt: skip

    rows = [
        row("Heart Rate", "Heart Rate", "88"),
        row("Temperature", "Temperature (F)", "98.6"),
        row("O2 Saturation", "Value", "97 %"),
        row("Glasgow coma score", "GCS Total", "Unable to score due to medication"),
        row("Pain Score", "Value", ""),
    ]
    assert events(tmp_path, "nurseCharting", rows) == [
        (7, "OBSERVATION//EICU//Heart Rate", 88, None, None),
        (7, "OBSERVATION//EICU//Temperature|Temperature (F)", pytest.approx(98.6), "degF", None),
        (7, "OBSERVATION//EICU//O2 Saturation", 97, "%", None),
        (7, "OBSERVATION//EICU//Glasgow coma score|GCS Total", None, None, "Unable to score due to medication"),
    ]


def test_respiratory_charting(tmp_path: Path) -> None:
    rows = [
        {"respchartoffset": "7", "respchartvaluelabel": "FiO2", "respchartvalue": "60%"},
        {"respchartoffset": "8", "respchartvaluelabel": "RT Vent On/Off", "respchartvalue": "Start"},
    ]
    assert events(tmp_path, "respiratoryCharting", rows) == [
        (7, "OBSERVATION//EICU//FiO2", 60, "%", None),
        (8, "OBSERVATION//EICU//RT Vent On/Off", None, None, "Start"),
    ]


def test_ventilation_begins_and_ends_once(tmp_path: Path) -> None:
    rows = [
        {"respcarestatusoffset": "60", "airwaytype": "Oral ETT", "ventstartoffset": "30", "ventendoffset": "0"},
        {"respcarestatusoffset": "600", "ventstartoffset": "30", "ventendoffset": "500"},
        {"respcarestatusoffset": "601", "ventstartoffset": "0", "ventendoffset": "0", "cuffpressure": "25"},
    ]
    assert events(tmp_path, "respiratoryCare", rows) == [
        (30, "PROCEDURE//START//EICU//ventilation", None, None, None),
        (60, "OBSERVATION//EICU//respiratoryCare.airwaytype", None, None, "Oral ETT"),
        (500, "PROCEDURE//END//EICU//ventilation", None, None, None),
        (601, "OBSERVATION//EICU//respiratoryCare.cuffpressure", 25, None, None),
    ]


def test_fluids(tmp_path: Path) -> None:
    path = "flowsheet|Flowsheet Cell Labels|I&O|"
    rows = [
        {"intakeoutputoffset": "60", "cellpath": f"{path}Output (ml)|Urine", "celllabel": "Urine",
         "outputtotal": "300", "cellvaluenumeric": "300", "cellvaluetext": "300"},
        {"intakeoutputoffset": "60", "cellpath": f"{path}Intake (ml)|Crystalloids (ml)|NS", "celllabel": "NS",
         "cellvaluenumeric": "50.5"},
        {"intakeoutputoffset": "60", "cellpath": f"{path}Dialysis", "celllabel": "Out", "cellvaluenumeric": "1"},
    ]  # fmt: skip
    assert events(tmp_path, "intakeOutput", rows) == [
        (60, "SUBJECT_FLUID_OUTPUT//EICU//Urine", 300, "ml", None),
        (60, "OBSERVATION//EICU//Intake|NS", 50.5, "ml", None),
        (60, "OBSERVATION//EICU//Intake and output|Out", 1, None, None),
    ]


def test_the_tables_of_apache_are_known_after_a_day_and_leave_out_minus_one(tmp_path: Path) -> None:
    rows = [{"creatinine": "1.5", "wbc": "-1", "vent": "0"}]
    assert events(tmp_path, "apacheApsVar", rows) == [
        (1440, "OBSERVATION//EICU//apacheApsVar.vent", 0, None, None),
        (1440, "OBSERVATION//EICU//apacheApsVar.creatinine", 1.5, None, None),
    ]


def test_outcomes_in_the_tables_of_apache_are_not_told(tmp_path: Path) -> None:
    rows = [{"apacheversion": "IVa", "apachescore": "60", "actualhospitalmortality": "EXPIRED", "actualiculos": "3",
             "predictedhospitalmortality": "0.25"}]  # fmt: skip
    assert events(tmp_path, "apachePatientResult", rows) == [
        (1440, "OBSERVATION//EICU//apachePatientResult.IVa.apachescore", 60, None, None),
        (1440, "OBSERVATION//EICU//apachePatientResult.IVa.predictedhospitalmortality", 0.25, None, None),
    ]


def test_predictors_of_apache_of_a_stay_of_hours_are_known_at_its_end(tmp_path: Path) -> None:
    done = imported(
        tmp_path,
        patients=[stay(unitdischargeoffset="300")],
        apachePredVar=[{"diabetes": "1", "diedinhospital": "1", "admitdiagnosis": "SEPSISPULM"}],
    )
    assert done.ask(
        f"SELECT date_diff('minute', TIMESTAMP '{UNIT}', \"time\"), code, numeric_value, text_value FROM event "
        "WHERE contains(code, 'apache') ORDER BY event_id"
    ) == [
        (300, "OBSERVATION//EICU//apachePredVar.diabetes", 1, None),
        (300, "OBSERVATION//EICU//apachePredVar.admitdiagnosis", None, "SEPSISPULM"),
    ]
    done.close()


def test_a_diagnosis_has_all_codes_that_its_row_gives(tmp_path: Path) -> None:
    words = "pulmonary|respiratory failure|acute respiratory failure"
    rows = [
        {"diagnosisoffset": "20", "diagnosisstring": words, "icd9code": "518.81, J96.00",
         "diagnosispriority": "Major", "activeupondischarge": "True"},
        {"diagnosisoffset": "21", "diagnosisstring": "trauma|fall", "icd9code": "E888.9, W19.XXXA"},
        {"diagnosisoffset": "22", "diagnosisstring": "endocrine|diabetes", "icd9code": "E11.9"},
        {"diagnosisoffset": "23", "diagnosisstring": "cardiovascular|CABG", "icd9code": "V45.81"},
        {"diagnosisoffset": "24", "diagnosisstring": "other|words", "icd9code": ""},
    ]  # fmt: skip
    assert events(tmp_path, "diagnosis", rows, "text_value, status, codings") == [
        (20, "DIAGNOSIS//ICD//9//51881", words, "Major",
         ["DIAGNOSIS//ICD//9//51881", "DIAGNOSIS//ICD//10//J9600", f"DIAGNOSIS//EICU//{words}"]),
        (21, "DIAGNOSIS//ICD//9//E8889", "trauma|fall", None,
         ["DIAGNOSIS//ICD//9//E8889", "DIAGNOSIS//ICD//10//W19XXXA", "DIAGNOSIS//EICU//trauma|fall"]),
        (22, "DIAGNOSIS//ICD//10//E119", "endocrine|diabetes", None,
         ["DIAGNOSIS//ICD//10//E119", "DIAGNOSIS//EICU//endocrine|diabetes"]),
        (23, "DIAGNOSIS//ICD//9//V4581", "cardiovascular|CABG", None,
         ["DIAGNOSIS//ICD//9//V4581", "DIAGNOSIS//EICU//cardiovascular|CABG"]),
        (24, "DIAGNOSIS//EICU//other|words", None, None, None),
    ]  # fmt: skip


def test_a_diagnosis_is_titled_by_the_words_chosen_most(tmp_path: Path) -> None:
    rows = [{"diagnosisoffset": "1", "diagnosisstring": words, "icd9code": "038.9"} for words in ("a|rare", "b", "b")]
    done = imported(tmp_path, diagnosis=rows)
    assert done.ask("SELECT description, system, kind FROM code WHERE code = 'DIAGNOSIS//ICD//9//0389'") == [
        ("b", "ICD9", "condition")
    ]
    done.close()


def test_an_admission_diagnosis_is_a_condition_and_a_question_is_none(tmp_path: Path) -> None:
    path = "admission diagnosis|All Diagnosis|Non-operative|Diagnosis|Cardiovascular|Sepsis, pulmonary"
    question = "admission diagnosis|Was the patient admitted from the O.R.?"
    rows = [
        {"admitdxenteredoffset": "15", "admitdxpath": path, "admitdxname": "Sepsis, pulmonary"},
        {"admitdxenteredoffset": "15", "admitdxpath": f"{question}|No", "admitdxname": "No"},
    ]
    assert events(tmp_path, "admissionDx", rows) == [
        (15, "CONDITION//EICU//Sepsis, pulmonary", None, None, path),
        (15, f"OBSERVATION//EICU//{question}", None, None, "No"),
    ]


def test_treatments(tmp_path: Path) -> None:
    rows = [
        {"treatmentoffset": "15", "treatmentstring": "pulmonary|ventilation and oxygenation|mechanical ventilation"}
    ]
    assert events(tmp_path, "treatment", rows) == [
        (15, "PROCEDURE//EICU//pulmonary|ventilation and oxygenation|mechanical ventilation", None, None, None)
    ]


def test_orders_of_drugs_but_for_those_that_were_cancelled(tmp_path: Path) -> None:
    def row(name: str, dosage: str, **cells: str) -> dict[str, str]:
        return {"drugorderoffset": "5", "drugstartoffset": "10", "drugstopoffset": "70", "drugordercancelled": "No",
                "drugname": name, "dosage": dosage, **cells}  # fmt: skip

    rows = [
        row("MORPHINE", "2.5 mg", routeadmin="IV", frequency="Every 6 hour(s)", prn="Yes", drughiclseqno="1694"),
        row("HEPARIN", "1,000 units/hour"),
        row("", "40 3", drughiclseqno="8255"),
        row("ASPIRIN", "81 mg", drugordercancelled="Yes"),
        row("SALINE", "1-2 L", drugstopoffset="0"),
    ]
    columns = "numeric_value, unit, text_value, date_diff('minute', \"time\", end_time), codings"
    assert events(tmp_path, "medication", rows, columns) == [
        (10, "PRESCRIPTION//EICU//MORPHINE", 2.5, "mg", "2.5 mg, IV, Every 6 hour(s), as needed", 60,
         ["PRESCRIPTION//EICU//MORPHINE", "PRESCRIPTION//HICL//1694"]),
        (10, "PRESCRIPTION//EICU//HEPARIN", 1000, "units/hour", "1,000 units/hour", 60, None),
        (10, "PRESCRIPTION//EICU//HICL 8255", None, None, "40 3", 60, None),
        (10, "PRESCRIPTION//EICU//SALINE", None, None, "1-2 L", None, None),
    ]  # fmt: skip


def test_drugs_before_the_admission(tmp_path: Path) -> None:
    rows = [{"drugoffset": "-99", "drugenteredoffset": "30", "drugname": "METFORMIN", "drugdosage": "500",
             "drugunit": "mg", "drugadmitfrequency": "twice a day"}]  # fmt: skip
    assert events(tmp_path, "admissionDrug", rows, "numeric_value, unit, text_value, status") == [
        (30, "MEDICATION//EICU//METFORMIN", 500, "mg", "twice a day", "before admission")
    ]


def test_infusions_run_at_a_rate_and_stop_at_none(tmp_path: Path) -> None:
    def row(offset: str, **cells: str) -> dict[str, str]:
        return {"infusionoffset": offset, "drugname": "Norepinephrine (mcg/min)", **cells}

    rows = [
        row("10", drugrate="4.5", infusionrate="20", patientweight="80"),
        row("20", drugrate="0", patientweight="80"),
        row("30", infusionrate="12"),
        row("40", drugrate="OFF"),
        row("50", drugrate="UD"),
    ]
    assert events(tmp_path, "infusionDrug", rows) == [
        (10, "INFUSION_START//EICU//Norepinephrine (mcg/min)", 4.5, "mcg/min", None),
        (10, "SUBJECT_WEIGHT_AT_INFUSION//KG", 80, "kg", None),
        (20, "INFUSION_END//EICU//Norepinephrine (mcg/min)", None, None, None),
        (20, "SUBJECT_WEIGHT_AT_INFUSION//KG", 80, "kg", None),
        (30, "INFUSION_START//EICU//Norepinephrine (mcg/min)", 12, "ml/hr", None),
        (40, "INFUSION_END//EICU//Norepinephrine (mcg/min)", None, None, None),
    ]


def test_allergies_but_for_the_word_that_there_are_none(tmp_path: Path) -> None:
    rows = [
        {"allergyoffset": "5", "allergyenteredoffset": "9", "allergytype": "Drug", "allergyname": "penicillins"},
        {"allergyoffset": "5", "allergyenteredoffset": "9", "allergyname": "No known drug allergies"},
    ]
    assert events(tmp_path, "allergy", rows) == [(9, "ALLERGY//EICU//penicillins", None, None, "Drug")]


def test_a_past_history_that_denies_is_no_condition(tmp_path: Path) -> None:
    base = "notes/Progress Notes/Past History/"
    rows = [
        {"pasthistoryoffset": "5", "pasthistoryenteredoffset": "9", "pasthistoryvalue": "COPD  - no limitations",
         "pasthistorypath": f"{base}Organ Systems/Pulmonary/COPD/COPD  - no limitations"},
        {"pasthistoryoffset": "5", "pasthistoryenteredoffset": "9", "pasthistoryvalue": "No Health Problems",
         "pasthistorypath": f"{base}Organ Systems/Past History/No Health Problems"},
        {"pasthistoryoffset": "5", "pasthistorypath": f"{base}Past History Obtain Options/Performed"},
    ]  # fmt: skip
    assert events(tmp_path, "pastHistory", rows, "text_value, status") == [
        (5, "OBSERVATION//EICU//Past History Obtain Options/Performed", None, "history"),
        (9, "CONDITION//EICU//Pulmonary/COPD/COPD  - no limitations", "COPD  - no limitations", "history"),
        (9, "OBSERVATION//EICU//Past History/No Health Problems", "No Health Problems", "history"),
    ]


def test_a_culture_is_known_when_the_hospital_stay_ends(tmp_path: Path) -> None:
    rows = [
        {"culturetakenoffset": "100", "culturesite": "Sputum", "organism": "E. coli", "antibiotic": "ceftazidime",
         "sensitivitylevel": "Resistant"},
        {"culturetakenoffset": "100", "culturesite": "Sputum", "organism": "E. coli"},
    ]  # fmt: skip
    assert events(tmp_path, "microLab", rows) == [
        (100, "MICROBIOLOGY//TAKEN//EICU//Sputum", None, None, None),
        (3600, "MICROBIOLOGY//RESULT//EICU//Sputum//E. coli//ceftazidime", None, None, "Resistant"),
        (3600, "MICROBIOLOGY//RESULT//EICU//Sputum//E. coli", None, None, None),
    ]


def test_examinations(tmp_path: Path) -> None:
    base = "notes/Progress Notes/Physical Exam/Physical Exam/"
    rows = [
        {"physicalexamoffset": "9", "physicalexampath": f"{base}Constitutional/Vital Sign/HR/HR Current",
         "physicalexamvalue": "HR Current", "physicalexamtext": "102"},
        {"physicalexamoffset": "9", "physicalexampath": f"{base}Neurologic/Affect/normal",
         "physicalexamvalue": "normal"},
    ]  # fmt: skip
    assert events(tmp_path, "physicalExam", rows) == [
        (9, "OBSERVATION//EICU//Constitutional/Vital Sign/HR/HR Current", 102, None, None),
        (9, "OBSERVATION//EICU//Neurologic/Affect/normal", None, None, "normal"),
    ]


@pytest.mark.parametrize("table", ["nurseAssessment", "nurseCare"])
def test_what_nurses_assess_and_do(tmp_path: Path, table: str) -> None:
    offset = f"{table.lower().replace('assessment', 'assess')}offset"
    row = {offset: "9", "celllabel": "Pain", "cellattribute": "Scale", "cellattributevalue": "WDL"}
    assert events(tmp_path, table, [row]) == [(9, "OBSERVATION//EICU//Pain|Scale", None, None, "WDL")]


@pytest.mark.parametrize(
    ("table", "row", "code", "words"),
    [
        ("carePlanGeneral", {"cplitemoffset": "9", "cplgroup": "Care Limitation", "cplitemvalue": "Full therapy"},
         "carePlanGeneral|Care Limitation", "Full therapy"),
        ("carePlanEOL", {"cpleolsaveoffset": "9", "cpleoldiscussionoffset": "5"}, "carePlanEOL", None),
        ("carePlanGoal", {"cplgoaloffset": "9", "cplgoalcategory": "A", "cplgoalvalue": "b", "cplgoalstatus": "c"},
         "carePlanGoal|A", "b, c"),
        ("carePlanInfectiousDisease", {"cplinfectdiseaseoffset": "9", "infectdiseasesite": "Blood",
         "infectdiseaseassessment": "no infection"}, "carePlanInfectiousDisease|Blood", "no infection"),
        ("carePlanCareProvider", {"careprovidersaveoffset": "9", "providertype": "Nurse", "specialty": "surgery"},
         "carePlanCareProvider|Nurse", "surgery"),
    ],
)  # fmt: skip
def test_care_plans(tmp_path: Path, table: str, row: dict[str, str], code: str, words: str | None) -> None:
    assert events(tmp_path, table, [row]) == [(9, f"OBSERVATION//EICU//{code}", None, None, words)]


def test_notes(tmp_path: Path) -> None:
    rows = [{"noteoffset": "2", "noteenteredoffset": "9", "notetype": "Admission", "notepath": "notes/a/b",
             "notevalue": "v", "notetext": "t"}]  # fmt: skip
    assert events(tmp_path, "note", rows, "text_value, status") == [(9, "NOTE//EICU//notes/a/b", "t", "Admission")]


def test_codes_say_what_they_mean(tmp_path: Path) -> None:
    done = imported(
        tmp_path,
        hospital=[{"hospitalid": "59", "numbedscategory": "250 - 499", "teachingstatus": "t", "region": "Midwest"}],
        vitalPeriodic=[{"observationoffset": "5", "heartrate": "88"}],
        treatment=[{"treatmentoffset": "5", "treatmentstring": "pulmonary|oxygen"}],
        lab=[{"labresultoffset": "1", "labname": "sodium", "labresult": "140", "labmeasurenamesystem": "mmol/L"}],
    )
    titles = dict(done.ask("SELECT code, description FROM code"))
    assert (
        titles["TRANSFER_TO//EICU//hospital 59 ward 91"] == "hospital 59 ward 91 (Midwest, teaching, 250 - 499 beds)"
    )
    assert titles["VITAL//EICU//heartrate//bpm"] == "heart rate (monitor)"
    assert titles["PROCEDURE//EICU//pulmonary|oxygen"] == "pulmonary, oxygen"
    assert titles["LAB//EICU//sodium//mmol/L"] == "sodium"
    assert titles["OBSERVATION//EICU//admissionheight//cm"] == "body height at admission"
    done.close()


def test_compressed_files_and_small_batches_give_the_same_store(tmp_path: Path) -> None:
    tables: dict[str, Table] = {
        "lab": [{"labresultoffset": str(offset), "labname": "sodium", "labresult": "140"} for offset in range(50)],
        "treatment": [{"treatmentoffset": "5", "treatmentstring": "a"}],
    }
    query = 'SELECT subject_id, "time", code, numeric_value, encounter_id, record_id FROM event ORDER BY ALL'
    one = imported(tmp_path, **tables)
    source = write_eicu(tmp_path / "gz", tables, is_gzip=True)
    store = create_store(tmp_path / "other")
    IMPORTERS["eicu"](store, source, ImportOptions(batch_bytes=1))
    assert store.cursor().execute(query).fetchall() == one.ask(query)
    store.close()
    one.close()


@pytest.mark.parametrize("make", ["nothing", "file", "empty folder", "other tables", "no patient"])
def test_what_is_no_eicu_is_refused(tmp_path: Path, make: str) -> None:
    source = tmp_path / "source"
    if make == "file":
        source.write_text("a,b\n")
    elif make != "nothing":
        source.mkdir()
    if make in ("other tables", "no patient"):
        (source / ("x.csv" if make == "other tables" else "lab.csv")).write_text("labid\n1\n")
    store = create_store(tmp_path / "store")
    with pytest.raises(SourceError):
        IMPORTERS["eicu"](store, source, ImportOptions())
    assert store.is_empty()
    store.close()
