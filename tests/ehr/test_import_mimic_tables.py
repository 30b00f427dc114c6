"""The tables of MIMIC-IV that the public extraction leaves out: what each becomes, and when it is known."""

from datetime import datetime
from pathlib import Path

from ehr.events import stable_id
from ehr.importers import IMPORTERS, ImportOptions
from ehr.importers.mimic import SPECS
from tests.ehr.mimic_made import ADMISSIONS, DIAGNOSES, Imported, Table, admission, write_mimic

VISIT = {
    "subject_id": "1", "hadm_id": "11", "stay_id": "311", "intime": "2150-02-01 07:00:00",
    "outtime": "2150-02-01 11:00:00", "gender": "F", "race": "WHITE", "arrival_transport": "AMBULANCE",
    "disposition": "ADMITTED",
}  # fmt: skip
ALONE = {
    **VISIT, "subject_id": "2", "hadm_id": "", "stay_id": "312", "intime": "2160-05-01 20:00:00",
    "outtime": "2160-05-01 23:30:00", "arrival_transport": "WALK IN", "disposition": "HOME",
}  # fmt: skip
VIA_ED = [
    admission(
        "11", "1", "2150-02-01 10:00:00", "2150-02-05 12:00:00", edregtime="2150-02-01 07:00:00",
        edouttime="2150-02-01 11:00:00",
    ),
    ADMISSIONS[1],
]  # fmt: skip
SIGNS = {"temperature": "98.6", "heartrate": "88", "resprate": "16", "o2sat": "97", "sbp": "141", "dbp": "85"}


def imported(tmp_path: Path, **tables: Table | str) -> Imported:
    return Imported(tmp_path / "store", write_mimic(tmp_path / "mimic", **tables))


def again(done: Imported, folder: Path) -> None:
    done.report = IMPORTERS["mimic"](done.store, folder, ImportOptions())


def test_every_table_of_the_public_layout_is_known() -> None:
    hosp = (
        "admissions d_hcpcs d_icd_diagnoses d_icd_procedures d_labitems diagnoses_icd drgcodes emar emar_detail "
        "hcpcsevents labevents microbiologyevents omr patients pharmacy poe poe_detail prescriptions procedures_icd "
        "services transfers"
    )
    icu = "chartevents d_items datetimeevents icustays ingredientevents inputevents outputevents procedureevents"
    ed = "diagnosis edstays medrecon pyxis triage vitalsign"
    assert {spec.name for spec in SPECS.values()} == {
        f"{module}/{stem}" for module, stems in (("hosp", hosp), ("icu", icu), ("ed", ed)) for stem in stems.split()
    }


def test_visits_to_the_emergency_department_are_stays(tmp_path: Path) -> None:
    done = imported(tmp_path, admissions=VIA_ED, edstays=[VISIT, ALONE])
    query = (
        "SELECT encounter_id, parent_id, class, admit_source, disposition FROM encounter WHERE class = 'emergency'"
    )
    assert sorted(done.ask(query)) == [
        (311, 11, "emergency", "AMBULANCE", "ADMITTED"),
        (312, None, "emergency", "WALK IN", "HOME"),
    ]
    # The admission tells of the same visit: it counts once.
    assert done.codes("ED_REGISTRATION") == [
        (1, "2150-02-01 07:00:00", "ED_REGISTRATION", None, "AMBULANCE"),
        (2, "2160-05-01 20:00:00", "ED_REGISTRATION", None, "WALK IN"),
    ]
    assert [row[4] for row in done.codes("ED_OUT")] == ["ADMITTED", "HOME"]
    done.close()


def test_visits_that_come_later_take_the_place_of_what_the_admission_told(tmp_path: Path) -> None:
    done = imported(tmp_path, admissions=VIA_ED)
    visits = "SELECT encounter_id FROM encounter WHERE class = 'emergency'"
    assert done.ask(visits) == [(stable_id("ED/11"),)]
    later = write_mimic(
        tmp_path / "later", edstays=[VISIT], admissions="", patients="", icustays="", labevents="", diagnoses_icd=""
    )
    again(done, later)
    assert done.ask(visits) == [(311,)]
    assert [row[4] for row in done.codes("ED_REGISTRATION")] == ["AMBULANCE"]
    assert len(done.codes("ED_OUT")) == 1
    # The admission comes once more, with another discharge: its visit stays that of edstays.
    changed = [{**VIA_ED[0], "discharge_location": "REHAB"}]
    again(done, write_mimic(tmp_path / "changed", admissions=changed, patients="", icustays="", labevents=""))
    assert done.ask(visits) == [(311,)]
    assert len(done.codes("ED_REGISTRATION")) == 1
    done.close()


def test_a_folder_of_the_emergency_module_alone_tells_the_sex(tmp_path: Path) -> None:
    done = imported(
        tmp_path, edstays=[VISIT, {**VISIT, "stay_id": "313"}], patients="", admissions="", icustays="", labevents="",
        diagnoses_icd="",
    )  # fmt: skip
    assert done.ask("SELECT sex FROM subject") == [("female",)]
    assert len(done.codes("GENDER")) == 1
    done.close()


def test_triage_is_known_at_arrival_and_vital_signs_when_charted(tmp_path: Path) -> None:
    triage = [{"subject_id": "1", "stay_id": "311", **SIGNS, "pain": "7", "acuity": "2", "chiefcomplaint": "Dyspnea"}]
    signs = [
        {"subject_id": "1", "stay_id": "311", "charttime": "2150-02-01 08:00:00", **dict.fromkeys(SIGNS, ""),
         "heartrate": "92", "rhythm": "Sinus Rhythm", "pain": "unable"},
        {"subject_id": "1", "stay_id": "311", "charttime": "2150-02-01 09:00:00", **dict.fromkeys(SIGNS, ""),
         "rhythm": "", "pain": ""},
    ]  # fmt: skip
    done = imported(tmp_path, edstays=[VISIT], triage=triage, vitalsign=signs)
    assert done.ask(
        "SELECT time, code, numeric_value, text_value, unit, encounter_id FROM event "
        "WHERE split_part(code, '//', 1) IN ('VITAL', 'TRIAGE') ORDER BY time, code"
    ) == [
        (datetime(2150, 2, 1, 7), "TRIAGE//acuity", 2.0, None, None, 311),
        (datetime(2150, 2, 1, 7), "TRIAGE//chiefcomplaint", None, "Dyspnea", None, 311),
        (datetime(2150, 2, 1, 7), "VITAL//dbp//mmHg", 85.0, None, "mmHg", 311),
        (datetime(2150, 2, 1, 7), "VITAL//heartrate//bpm", 88.0, None, "bpm", 311),
        (datetime(2150, 2, 1, 7), "VITAL//o2sat//%", 97.0, None, "%", 311),
        (datetime(2150, 2, 1, 7), "VITAL//pain", 7.0, None, None, 311),
        (datetime(2150, 2, 1, 7), "VITAL//resprate//insp/min", 16.0, None, "insp/min", 311),
        (datetime(2150, 2, 1, 7), "VITAL//sbp//mmHg", 141.0, None, "mmHg", 311),
        (datetime(2150, 2, 1, 7), "VITAL//temperature//°F", 98.5999984741211, None, "°F", 311),
        (datetime(2150, 2, 1, 8), "VITAL//heartrate//bpm", 92.0, None, "bpm", 311),
        (datetime(2150, 2, 1, 8), "VITAL//pain", None, "unable", None, 311),
        (datetime(2150, 2, 1, 8), "VITAL//rhythm", None, "Sinus Rhythm", None, 311),
    ]
    file = done.file("vitalsign")
    assert (file.rows_in, file.accepted, file.skipped) == (2, 1, 1)
    assert done.told("vitalsign", table="notice") == [(None, "1 rows left out: nothing to tell")]
    done.close()


def test_a_triage_without_its_visit_has_no_time(tmp_path: Path) -> None:
    triage = [{"subject_id": "1", "stay_id": "399", **SIGNS, "pain": "", "acuity": "", "chiefcomplaint": ""}]
    done = imported(tmp_path, edstays=[VISIT], triage=triage)
    file = done.file("triage")
    assert (file.accepted, file.rejected) == (0, 1)
    assert done.ask(f"SELECT code, excerpt FROM reject WHERE source_id = {file.source_id}") == [
        ("bad-reference", "stay_id=399")
    ]
    # It is tried again, when the visit is there.
    again(done, write_mimic(tmp_path / "mimic", edstays=[{**VISIT, "stay_id": "399"}], triage=triage))
    assert done.file("triage").accepted == 1
    assert done.ask("SELECT count(*) FROM reject") == [(0,)]
    done.close()


def test_medicines_of_the_emergency_department_count_once_for_each_of_their_classes(tmp_path: Path) -> None:
    def drug(rn: str, **rest: str) -> dict[str, str]:
        return {"subject_id": "1", "stay_id": "311", "charttime": "2150-02-01 08:30:00", "name": "Aspirin", **rest}

    pyxis = [drug("1", med_rn="1", gsn_rn="1", gsn="4380"), drug("2", med_rn="1", gsn_rn="2", gsn="4381")]
    medrecon = [
        drug("1", gsn="4380", ndc="1", etc_rn="1", etccode="1", etcdescription="Salicylates"),
        drug("2", gsn="4380", ndc="1", etc_rn="2", etccode="2", etcdescription="Platelet inhibitors"),
    ]
    done = imported(tmp_path, edstays=[VISIT], pyxis=pyxis, medrecon=medrecon)
    assert done.codes("MEDICATION") == [(1, "2150-02-01 08:30:00", "MEDICATION//Aspirin//Dispensed", None, None)]
    assert done.codes("MEDRECON") == [(1, "2150-02-01 08:30:00", "MEDRECON//Aspirin", None, "Salicylates")]
    assert (done.file("pyxis").skipped, done.file("medrecon").skipped) == (1, 1)
    done.close()


def test_a_diagnosis_of_the_emergency_department_is_known_at_the_end_of_the_visit(tmp_path: Path) -> None:
    diagnosis = [
        {"subject_id": "1", "stay_id": "311", "seq_num": "1", "icd_code": "R0602", "icd_version": "10",
         "icd_title": "SHORTNESS OF BREATH"},
    ]  # fmt: skip
    still_there = {**VISIT, "outtime": "", "disposition": ""}
    done = imported(tmp_path, edstays=[still_there], diagnosis=diagnosis, diagnoses_icd="")
    assert [row[1] for row in done.codes("DIAGNOSIS")] == ["2150-02-01 07:00:00"]
    again(done, write_mimic(tmp_path / "mimic", edstays=[VISIT], diagnosis=diagnosis, diagnoses_icd=""))
    assert done.codes("DIAGNOSIS") == [(1, "2150-02-01 11:00:00", "DIAGNOSIS//ICD//10//R0602", None, None)]
    title = "SELECT description FROM code WHERE code = 'DIAGNOSIS//ICD//10//R0602'"
    assert done.ask(title) == [("SHORTNESS OF BREATH",)]
    done.close()


def test_a_charted_time_is_an_event_of_when_it_was_charted(tmp_path: Path) -> None:
    row = {"subject_id": "1", "hadm_id": "11", "stay_id": "111", "charttime": "2150-02-01 12:00:00",
           "itemid": "224183", "value": "2150-01-31 00:00:00", "valueuom": "Date"}  # fmt: skip
    done = imported(tmp_path, datetimeevents=[row])
    assert done.codes("DATETIME") == [
        (1, "2150-02-01 12:00:00", "DATETIME//224183//Date", None, "2150-01-31 00:00:00")
    ]
    done.close()


def test_ingredients_have_a_begin_with_the_rate_and_an_end_with_the_amount(tmp_path: Path) -> None:
    row = {"subject_id": "1", "hadm_id": "11", "stay_id": "111", "starttime": "2150-02-01 12:00:00",
           "endtime": "2150-02-01 13:00:00", "itemid": "220490", "amount": "50", "amountuom": "mL", "rate": "25",
           "rateuom": "mL/hour", "orderid": "7", "statusdescription": "FinishedRunning"}  # fmt: skip
    done = imported(tmp_path, ingredientevents=[row])
    assert done.codes("INGREDIENT_START") == [(1, "2150-02-01 12:00:00", "INGREDIENT_START//220490", 25.0, None)]
    assert done.codes("INGREDIENT_END") == [(1, "2150-02-01 13:00:00", "INGREDIENT_END//220490", 50.0, None)]
    done.close()


def order(poe_id: str, **rest: str) -> dict[str, str]:
    row = {"poe_id": poe_id, "poe_seq": poe_id.partition("-")[2], "subject_id": "1", "hadm_id": "11",
           "ordertime": "2150-02-01 12:00:00", "order_type": "Medications", "order_subtype": "",
           "transaction_type": "New", "discontinue_of_poe_id": "", "discontinued_by_poe_id": "",
           "order_provider_id": "", "order_status": "Inactive"}  # fmt: skip
    return {**row, **rest}


def detail(poe_id: str, field_name: str, field_value: str) -> dict[str, str]:
    seq = poe_id.partition("-")[2]
    return {"poe_id": poe_id, "poe_seq": seq, "subject_id": "1", "field_name": field_name, "field_value": field_value}


DETAILS = [
    detail("1-1", "Code status", "DNR/DNI"),
    detail("1-1", "Consult Status Time", "2150-02-01 13:00:00"),
    detail("1-9", "Admit to", "Surgery"),
]


def test_an_order_says_what_it_does(tmp_path: Path) -> None:
    stopped = order("1-2", transaction_type="D/C", ordertime="2150-02-02 12:00:00")
    done = imported(tmp_path, poe=[order("1-1", order_type="General Care"), stopped], poe_detail=DETAILS)
    assert [row[1:3] for row in done.codes("ORDER")] == [
        ("2150-02-01 12:00:00", "ORDER//New//General Care//UNK"),
        ("2150-02-02 12:00:00", "ORDER//D/C//Medications//UNK"),
    ]
    assert done.codes("ORDER_DETAIL") == [
        (1, "2150-02-01 12:00:00", "ORDER_DETAIL//Code status//DNR/DNI", None, None),
        (1, "2150-02-01 12:00:00", "ORDER_DETAIL//Consult Status Time", None, "2150-02-01 13:00:00"),
    ]
    assert done.told("poe_detail") == [(3, "poe_id is not in poe, which says when it was ordered")]
    assert done.ask("SELECT DISTINCT encounter_id FROM event WHERE starts_with(code, 'ORDER')") == [(11,)]
    done.close()


def test_details_wait_for_the_table_that_says_when_they_were(tmp_path: Path) -> None:
    done = imported(tmp_path, poe_detail=DETAILS)
    file = done.file("poe_detail")
    assert (file.status, file.skipped) == ("skipped", 3)
    again(done, tmp_path / "mimic")
    assert done.report.files == ()
    again(done, write_mimic(tmp_path / "mimic", poe=[order("1-1")], poe_detail=DETAILS))
    assert (done.file("poe_detail").accepted, done.file("poe_detail").rejected) == (2, 1)
    assert len(done.codes("ORDER_DETAIL")) == 2
    files = "SELECT count(*), count(DISTINCT file) FROM source WHERE contains(file, 'poe')"
    assert done.ask(files) == [(2, 2)]
    # Later details find the orders in the store.
    again(done, write_mimic(tmp_path / "more", poe_detail=[*DETAILS, detail("1-1", "Admit to", "MICU")]))
    assert len(done.codes("ORDER_DETAIL")) == 3
    done.close()


def test_a_dose_is_one_that_was_given(tmp_path: Path) -> None:
    def emar(emar_id: str, event_txt: str) -> dict[str, str]:
        return {"subject_id": "1", "hadm_id": "11", "emar_id": emar_id, "emar_seq": "1", "poe_id": "1-1",
                "pharmacy_id": "5", "charttime": "2150-02-01 12:00:00", "medication": "Heparin",
                "event_txt": event_txt, "scheduletime": "", "storetime": ""}  # fmt: skip

    def dose(emar_id: str, **rest: str) -> dict[str, str]:
        row = {"subject_id": "1", "emar_id": emar_id, "emar_seq": "1", "parent_field_ordinal": "1.1",
               "administration_type": "", "dose_due": "5000", "dose_given": "5000", "dose_given_unit": "UNIT",
               "product_description": "Heparin Sodium 5000 Units / mL", "product_description_other": "",
               "infusion_rate": "", "infusion_rate_unit": ""}  # fmt: skip
        return {**row, **rest}

    doses = [
        dose("1-1"),
        dose("1-1", parent_field_ordinal="", dose_given="", product_description=""),
        dose("1-1", dose_given="", infusion_rate="12.5", infusion_rate_unit="mL/hr"),
        dose("1-2"),
        dose("1-7"),
    ]
    events = [emar("1-1", "Administered"), emar("1-2", "Not Given")]
    done = imported(tmp_path, emar=events, emar_detail=doses)
    product = "Heparin Sodium 5000 Units / mL"
    assert done.codes("MEDICATION_DOSE") == [
        (1, "2150-02-01 12:00:00", f"MEDICATION_DOSE//{product}//UNIT", 5000.0, None)
    ]
    assert done.codes("MEDICATION_RATE") == [
        (1, "2150-02-01 12:00:00", f"MEDICATION_RATE//{product}//mL/hr", 12.5, None)
    ]
    file = done.file("emar_detail")
    assert (file.rows_in, file.accepted, file.rejected, file.skipped) == (5, 2, 1, 2)
    assert done.ask("SELECT status, encounter_id FROM event WHERE starts_with(code, 'MEDICATION_DOSE')") == [
        ("Administered", 11)
    ]
    # Later details find the rows of emar in the store.
    more = [*doses, dose("1-1", parent_field_ordinal="1.2", dose_given="100")]
    again(done, write_mimic(tmp_path / "more", emar_detail=more))
    assert [row[3] for row in done.codes("MEDICATION_DOSE")] == [100.0, 5000.0]
    done.close()


def test_days_and_years_are_marked_as_such(tmp_path: Path) -> None:
    culture = {
        "microevent_id": "1", "subject_id": "1", "hadm_id": "11", "micro_specimen_id": "5",
        "chartdate": "2150-02-01 00:00:00", "charttime": "", "spec_itemid": "70012", "spec_type_desc": "BLOOD",
        "storedate": "2150-02-04 00:00:00", "storetime": "", "test_itemid": "90201", "test_name": "Blood Culture",
    }  # fmt: skip
    timed = {**culture, "microevent_id": "2", "test_itemid": "90202", "charttime": "2150-02-01 13:00:00",
             "storetime": "2150-02-04 09:00:00"}  # fmt: skip
    done = imported(
        tmp_path,
        omr=[{"subject_id": "1", "chartdate": "2150-01-01", "seq_num": "1", "result_name": "BMI (kg/m2)",
              "result_value": "25"}],
        hcpcsevents=[{"subject_id": "1", "hadm_id": "11", "chartdate": "2150-02-01", "hcpcs_cd": "99218",
                      "seq_num": "1", "short_description": "Observation"}],
        procedures_icd=[{**DIAGNOSES[0], "chartdate": "2150-02-02"}, {**DIAGNOSES[1], "chartdate": ""}],
        pharmacy=[{"subject_id": "1", "hadm_id": "11", "pharmacy_id": "5", "starttime": "2150-02-01",
                   "stoptime": "2150-02-03 10:00:00", "medication": "Aspirin", "status": ""}],
        microbiologyevents=[culture, timed],
    )  # fmt: skip
    assert done.ask(
        "SELECT code, time, time_precision FROM event WHERE split_part(code, '//', 1) IN ('BMI (kg/m2)', 'HCPCS', "
        "'PROCEDURE', 'MEDICATION', 'MICROBIOLOGY', 'MEDS_BIRTH', 'MEDS_DEATH') ORDER BY code, time"
    ) == [
        ("BMI (kg/m2)", datetime(2150, 1, 1), "day"),
        ("HCPCS//Observation", datetime(2150, 2, 1), "day"),
        ("MEDICATION//START//Aspirin", datetime(2150, 2, 1), "day"),
        ("MEDICATION//STOP//Aspirin", datetime(2150, 2, 3, 10), None),
        ("MEDS_BIRTH", datetime(2090, 1, 1), "year"),
        ("MEDS_BIRTH", datetime(2120, 1, 1), "year"),
        ("MEDS_DEATH", datetime(2161, 3, 9), "day"),
        ("MICROBIOLOGY//RESULT//90201//UNK", datetime(2150, 2, 5), "day"),
        ("MICROBIOLOGY//RESULT//90202//UNK", datetime(2150, 2, 4, 9), None),
        ("MICROBIOLOGY//TAKEN//70012//90201", datetime(2150, 2, 1), "day"),
        ("MICROBIOLOGY//TAKEN//70012//90202", datetime(2150, 2, 1, 13), None),
        ("PROCEDURE//ICD//10//I5033", datetime(2150, 2, 2), "day"),
        ("PROCEDURE//ICD//9//4280", datetime(2161, 3, 9, 4, 30), None),
    ]
    done.close()
