"""MIMIC-IV: the demo against an independent extraction of it, and what each table becomes."""

import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ehr.errors import SourceError
from ehr.events import stable_id
from ehr.importers import IMPORTERS, ImportOptions
from ehr.importers.mimic import find_tables
from ehr.store import Store, create_store
from tests.ehr.mimic_made import ADMISSIONS, ICUSTAYS, PATIENTS, Imported, admission, lab, write_mimic

# How our events compare with the public extraction (its MEDS copy of the demo) as multisets of patient, time, code
# and number: head -> (events there, events here, of theirs missing here, of ours missing there).
COMPARED: dict[str, tuple[int, int, int, int]] = {
    # equal, to the last event
    "DIAGNOSIS": (4_506, 4_506, 0, 0),
    "DRG": (454, 454, 0, 0),
    "GENDER": (100, 100, 0, 0),
    "HOSPITAL_ADMISSION": (275, 275, 0, 0),
    "HOSPITAL_DISCHARGE": (275, 275, 0, 0),
    "ICU_ADMISSION": (140, 140, 0, 0),
    "ICU_DISCHARGE": (140, 140, 0, 0),
    "INFUSION_END": (20_404, 20_404, 0, 0),
    "INFUSION_START": (20_404, 20_404, 0, 0),
    "LAB": (776_411, 776_411, 0, 0),
    "MEDICATION": (35_835, 35_835, 0, 0),
    "MEDS_BIRTH": (100, 100, 0, 0),
    "MEDS_DEATH": (31, 31, 0, 0),
    "PROCEDURE//ICD": (722, 722, 0, 0),
    "SUBJECT_FLUID_OUTPUT": (9_362, 9_362, 0, 0),
    "TRANSFER_TO": (1_190, 1_190, 0, 0),
    "Blood Pressure": (866, 866, 0, 0),
    "Blood Pressure Lying": (2, 2, 0, 0),
    "Blood Pressure Sitting": (2, 2, 0, 0),
    "Blood Pressure Standing (1 min)": (1, 1, 0, 0),
    "Blood Pressure Standing (3 mins)": (1, 1, 0, 0),
    # it drops rows that are equal in the columns that it keeps
    "ED_OUT": (181, 182, 0, 1),
    "ED_REGISTRATION": (181, 182, 0, 1),
    "HCPCS": (58, 61, 0, 3),
    "MEDICATION//START": (14_180, 15_306, 0, 1_126),
    "MEDICATION//STOP": (13_681, 15_225, 0, 1_544),
    "PROCEDURE//END": (1_437, 1_468, 0, 31),
    "PROCEDURE//START": (1_435, 1_468, 0, 33),
    # it drops equal rows, and keeps the number as a text, which is gone in its copy
    "BMI (kg/m2)": (769, 773, 769, 773),
    "Height (Inches)": (377, 378, 377, 378),
    "Weight (Lbs)": (820, 941, 820, 941),
    # rows that are lost in the reconstructed inputevents of the test data
    "SUBJECT_WEIGHT_AT_INFUSION": (11_826, 11_760, 66, 0),
    # not in it: tables that it leaves out, and columns that it keeps beside the admission
    "DATETIME": (0, 15_280, 0, 15_280),
    "INSURANCE": (0, 275, 0, 275),
    "LANGUAGE": (0, 275, 0, 275),
    "MARITAL_STATUS": (0, 263, 0, 263),
    "MICROBIOLOGY": (0, 4_761, 0, 4_761),
    "PRESCRIPTION": (0, 18_087, 0, 18_087),
    "RACE": (0, 275, 0, 275),
    "SERVICE": (0, 319, 0, 319),
}
ROWS_DROPPED = (
    "ED_OUT",
    "ED_REGISTRATION",
    "HCPCS",
    "MEDICATION//START",
    "MEDICATION//STOP",
    "PROCEDURE//END",
    "PROCEDURE//START",
)
NUMBERS_AS_TEXT = ("BMI (kg/m2)", "Height (Inches)", "Weight (Lbs)")
NOT_THERE = tuple(head for head, (theirs, *_) in COMPARED.items() if not theirs)

PAIRS = """
    CREATE TABLE pair AS
    WITH ours AS (
        SELECT subject_id, "time", code, numeric_value AS value, count(*) AS n FROM event GROUP BY ALL
    ),
    theirs AS (SELECT subject_id, "time", code, value, count(*) AS n FROM read_parquet($reference) GROUP BY ALL)
    SELECT coalesce(theirs.code, ours.code) AS code, coalesce(theirs.subject_id, ours.subject_id) AS subject_id,
           coalesce(theirs."time", ours."time") AS "time", coalesce(theirs.value, ours.value) AS value,
           coalesce(theirs.n, 0) AS theirs, coalesce(ours.n, 0) AS ours
    FROM theirs FULL JOIN ours
      ON ours.subject_id = theirs.subject_id AND ours.code = theirs.code
     AND ours."time" IS NOT DISTINCT FROM theirs."time" AND ours.value IS NOT DISTINCT FROM theirs.value
"""
HEADS = """
    ALTER TABLE pair ADD COLUMN head VARCHAR;
    UPDATE pair SET head = CASE
        WHEN regexp_matches(code, '^(MEDICATION//(START|STOP)|PROCEDURE//(START|END|ICD))//')
        THEN concat_ws('//', split_part(code, '//', 1), split_part(code, '//', 2))
        ELSE split_part(code, '//', 1) END;
"""


@pytest.fixture(scope="session")
def comparison(mimic_store: Store, data_root: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give the table `pair`: how often each patient, time, code and value is in the extraction and in our store."""
    events = mimic_store.cursor().sql('SELECT subject_id, "time", code, numeric_value FROM event').to_arrow_table()
    with duckdb.connect() as con:
        con.register("event", events)
        con.execute(PAIRS, {"reference": str(data_root / "mimic-iv-demo" / "meds" / "events.parquet")})
        con.execute(HEADS)
        con.unregister("event")
        yield con


def test_the_demo_gives_the_events_of_the_public_extraction(comparison: duckdb.DuckDBPyConnection) -> None:
    found = comparison.execute(
        """
        SELECT head, sum(theirs)::BIGINT, sum(ours)::BIGINT, sum(greatest(theirs - ours, 0))::BIGINT,
               sum(greatest(ours - theirs, 0))::BIGINT
        FROM pair GROUP BY head
        """
    ).fetchall()
    assert {head: tuple(counts) for head, *counts in found} == COMPARED


def test_every_code_that_differs_is_of_a_head_with_a_reason(comparison: duckdb.DuckDBPyConnection) -> None:
    explained = (*ROWS_DROPPED, *NUMBERS_AS_TEXT, *NOT_THERE, "SUBJECT_WEIGHT_AT_INFUSION")
    heads = ", ".join(f"'{head}'" for head in explained)
    assert (
        comparison.execute(
            f"SELECT code, subject_id, time, value FROM pair WHERE theirs <> ours AND head NOT IN ({heads})"
        ).fetchall()
        == []
    )
    codes = comparison.execute(f"SELECT count(DISTINCT code) FROM pair WHERE head NOT IN ({heads})").fetchall()
    assert codes == [(5_686,)]


def test_where_rows_were_dropped_there_every_further_event_here_repeats_one(
    comparison: duckdb.DuckDBPyConnection,
) -> None:
    heads = ", ".join(f"'{head}'" for head in ROWS_DROPPED)
    wrong = f"SELECT code FROM pair WHERE head IN ({heads}) AND (theirs = 0 OR ours < theirs)"
    assert comparison.execute(wrong).fetchall() == []


def test_outpatient_numbers_are_those_of_the_file_at_the_times_of_the_extraction(
    comparison: duckdb.DuckDBPyConnection, mimic_store: Store, data_root: Path
) -> None:
    names = ", ".join(f"'{name}'" for name in NUMBERS_AS_TEXT)
    file = str(data_root / "mimic-iv-demo" / "hosp" / "omr.csv.gz")
    ours = f"SELECT code, subject_id, time, count(*) AS n FROM pair WHERE ours > 0 AND code IN ({names}) GROUP BY ALL"
    theirs = ours.replace("ours > 0", "theirs > 0")
    assert comparison.execute(f"FROM ({theirs}) ANTI JOIN ({ours}) USING (code, subject_id, time)").fetchall() == []
    rows = comparison.execute(
        "SELECT subject_id, chartdate::TIMESTAMP, result_name, result_value::FLOAT FROM read_csv($file) "
        f"WHERE result_name IN ({names}) ORDER BY ALL",
        {"file": file},
    ).fetchall()
    stored = f"SELECT subject_id, time, code, numeric_value FROM event WHERE code IN ({names}) ORDER BY ALL"
    assert mimic_store.cursor().execute(stored).fetchall() == rows
    texts = f"SELECT count(text_value) FROM event WHERE code IN ({names})"
    assert mimic_store.cursor().execute(texts).fetchall() == [(0,)]


def test_the_weights_that_are_missing_are_in_no_row_of_the_file(
    comparison: duckdb.DuckDBPyConnection, data_root: Path
) -> None:
    missing = comparison.execute(
        """
        SELECT count(*), count(row.subject_id) FROM pair LEFT JOIN read_csv($file) AS row
          ON row.subject_id = pair.subject_id AND row.starttime = pair.time AND row.patientweight::FLOAT = value
        WHERE head = 'SUBJECT_WEIGHT_AT_INFUSION' AND theirs > ours
        """,
        {"file": str(data_root / "mimic-iv-demo" / "icu" / "inputevents.csv.gz")},
    ).fetchall()
    assert missing == [(66, 0)]


@pytest.mark.parametrize(
    ("head", "columns"),
    [
        ("MEDICATION//START", "subject_id, starttime, medication, route, frequency, doses_per_24_hrs, poe_id"),
        ("MEDICATION//STOP", "subject_id, stoptime, medication, poe_id"),
    ],
)
def test_pharmacy_rows_beyond_the_extraction_are_equal_in_its_columns(
    head: str, columns: str, data_root: Path
) -> None:
    time = "starttime" if head.endswith("START") else "stoptime"
    query = (
        f"WITH row AS (FROM read_csv($f, all_varchar = true) WHERE {time} IS NOT NULL) "
        f"SELECT (SELECT count(*) FROM (SELECT DISTINCT {columns} FROM row)), (SELECT count(*) FROM row)"
    )
    file = str(data_root / "mimic-iv-demo" / "hosp" / "pharmacy.csv.gz")
    assert duckdb.connect().execute(query, {"f": file}).fetchall() == [COMPARED[head][:2]]


def test_every_record_of_the_demo_is_accounted_for(mimic_store: Store) -> None:
    con = mimic_store.cursor()
    files, rejected = con.execute("SELECT count(*), sum(rows_rejected) FROM source").fetchall()[0]
    assert (files, rejected) == (29, 0)
    skipped = con.execute("SELECT file, rows_skipped FROM source WHERE status = 'skipped' ORDER BY file").fetchall()
    assert skipped == [
        ("demo_subject_id.csv", 100),
        ("hosp/poe_detail.csv.gz", 3795),
        ("hosp/provider.csv.gz", 40508),
        ("icu/caregiver.csv.gz", 15468),
    ]
    assert con.execute("SELECT count(*) FROM event").fetchall() == [(958_500,)]


def test_events_lie_clustered_by_patient_and_time(mimic_store: Store) -> None:
    query = """
        SELECT count(*) FROM (
            SELECT subject_id, "time", lag(subject_id) OVER (ORDER BY event_id) AS previous_subject,
                   lag("time") OVER (ORDER BY event_id) AS previous_time
            FROM event
        )
        WHERE subject_id < previous_subject OR (subject_id = previous_subject AND "time" < previous_time)
    """
    assert mimic_store.cursor().execute(query).fetchall() == [(0,)]


def test_stays_nest(mimic_store: Store) -> None:
    con = mimic_store.cursor()
    classes = con.execute("SELECT class, count(*), count(parent_id) FROM encounter GROUP BY class ORDER BY class")
    assert classes.fetchall() == [("emergency", 182, 182), ("icu", 140, 140), ("inpatient", 275, 0)]
    orphans = con.execute("SELECT count(*) FROM encounter e ANTI JOIN encounter p ON p.encounter_id = e.parent_id")
    assert orphans.fetchall() == [(275,)]
    disposition = con.execute("SELECT count(*) FROM encounter WHERE disposition = 'DIED'").fetchall()
    assert disposition == [(15,)]


@pytest.mark.parametrize(
    ("code", "description"),
    [
        ("LAB//50912//mg/dL", "Creatinine"),
        ("LAB//220045//bpm", "Heart Rate"),
        ("DIAGNOSIS//ICD//9//4019", "Unspecified essential hypertension"),
        ("INFUSION_START//221906", "Norepinephrine"),
        ("PROCEDURE//START//225792", "Invasive Ventilation"),
        ("MEDICATION//Furosemide//Administered", "Furosemide"),
        ("MEDICATION//START//Furosemide", "Furosemide"),
        ("SERVICE//CMED", "Cardiac medical"),
        ("TRANSFER_TO//ED//Emergency Department", "ED, Emergency Department"),
    ],
)
def test_codes_have_titles(mimic_store: Store, code: str, description: str) -> None:
    rows = mimic_store.cursor().execute("SELECT description FROM code WHERE code = ?", [code]).fetchall()
    assert rows == [(description,)]


def test_nearly_all_codes_have_titles(mimic_store: Store) -> None:
    untitled, total = (
        mimic_store.cursor()
        .execute("SELECT count(*) FILTER (description IS NULL), count(*) FROM code WHERE kind <> 'demographic'")
        .fetchall()[0]
    )
    assert untitled / total < 0.03


def test_billing_codes_are_known_at_discharge(tmp_path: Path) -> None:
    done = Imported(tmp_path / "store", write_mimic(tmp_path / "mimic"))
    assert done.codes("DIAGNOSIS") == [
        (1, "2150-02-05 12:00:00", "DIAGNOSIS//ICD//10//I5033", None, None),
        (2, "2161-03-09 04:30:00", "DIAGNOSIS//ICD//9//4280", None, None),
    ]
    done.close()


def test_an_admission_becomes_events_and_stays(tmp_path: Path) -> None:
    rows = [
        admission(
            "11",
            "1",
            "2150-02-01 10:00:00",
            "2150-02-05 12:00:00",
            edregtime="2150-02-01 07:00:00",
            edouttime="2150-02-01 11:00:00",
            hospital_expire_flag="1",
            deathtime="2150-02-05 12:00:00",
            admission_location="",
        )
    ]
    source = write_mimic(tmp_path / "mimic", admissions=rows, patients=PATIENTS[:1], labevents="", diagnoses_icd="")
    done = Imported(tmp_path / "store", source)
    assert done.ask(
        "SELECT encounter_id, parent_id, class, type, admit_source, disposition FROM encounter ORDER BY 1"
    ) == [
        (11, None, "inpatient", "URGENT", None, "DIED"),
        (111, 11, "icu", "CCU", None, None),
        (stable_id("ED/11"), 11, "emergency", None, None, None),
    ]
    codes = [code for (code,) in done.ask('SELECT code FROM event ORDER BY "time" NULLS FIRST, code')]
    assert codes == [
        "GENDER//F",
        "MEDS_BIRTH",
        "ED_REGISTRATION",
        "HOSPITAL_ADMISSION//URGENT//UNK",
        "INSURANCE//Medicare",
        "LANGUAGE//ENGLISH",
        "RACE//WHITE",
        "ED_OUT",
        "ICU_ADMISSION//CCU",
        "ICU_DISCHARGE//CCU",
        "HOSPITAL_DISCHARGE//HOME",
        "MEDS_DEATH",
    ]
    assert done.ask("SELECT birth_time, sex, death_time, died, identifiers FROM subject") == [
        (datetime(2090, 1, 1), "female", datetime(2150, 2, 5, 12), True, ["mimic|1"])
    ]
    done.close()


def test_texts_go_to_text_value_and_units_to_unit(tmp_path: Path) -> None:
    chart = [
        {"subject_id": "1", "hadm_id": "11", "stay_id": "111", "charttime": "2150-02-01 12:00:00", "itemid": "220045",
         "value": "80", "valuenum": "80", "valueuom": "bpm"},
        {"subject_id": "1", "hadm_id": "11", "stay_id": "111", "charttime": "2150-02-01 12:05:00", "itemid": "220048",
         "value": "SR (Sinus Rhythm)", "valuenum": "", "valueuom": ""},
    ]  # fmt: skip
    done = Imported(tmp_path / "store", write_mimic(tmp_path / "mimic", chartevents=chart))
    query = "SELECT code, numeric_value, text_value, unit, encounter_id FROM event WHERE encounter_id = 111 AND "
    assert done.ask(query + "starts_with(code, 'LAB') ORDER BY code") == [
        ("LAB//220045//bpm", 80.0, None, "bpm", 111),
        ("LAB//220048//UNK", None, "SR (Sinus Rhythm)", None, 111),
    ]
    done.close()


def test_microbiology_is_taken_once_and_known_when_reported(tmp_path: Path) -> None:
    row = {
        "microevent_id": "1", "subject_id": "1", "hadm_id": "11", "micro_specimen_id": "5",
        "chartdate": "2150-02-01 00:00:00", "charttime": "2150-02-01 13:00:00", "spec_itemid": "70012",
        "spec_type_desc": "BLOOD CULTURE", "storedate": "2150-02-04 00:00:00", "storetime": "2150-02-04 09:00:00",
        "test_itemid": "90201", "test_name": "Blood Culture", "org_itemid": "80023", "org_name": "STAPH AUREUS",
        "ab_itemid": "90015", "ab_name": "VANCOMYCIN", "dilution_text": "<=0.5", "dilution_comparison": "<=",
        "dilution_value": "0.5", "interpretation": "S", "comments": "",
    }  # fmt: skip
    rows = [row, {**row, "microevent_id": "2", "ab_itemid": "90027", "ab_name": "RIFAMPIN", "interpretation": "R"}]
    done = Imported(tmp_path / "store", write_mimic(tmp_path / "mimic", microbiologyevents=rows))
    assert done.codes("MICROBIOLOGY") == [
        (1, "2150-02-01 13:00:00", "MICROBIOLOGY//TAKEN//70012//90201", None, "BLOOD CULTURE"),
        (1, "2150-02-04 09:00:00", "MICROBIOLOGY//RESULT//90201//80023//90015", None, "S <=0.5"),
        (1, "2150-02-04 09:00:00", "MICROBIOLOGY//RESULT//90201//80023//90027", None, "R <=0.5"),
    ]
    titles = done.ask("SELECT description FROM code WHERE starts_with(code, 'MICROBIOLOGY//RESULT') ORDER BY code")
    assert titles == [("Blood Culture, STAPH AUREUS, VANCOMYCIN",), ("Blood Culture, STAPH AUREUS, RIFAMPIN",)]
    done.close()


def test_the_same_bytes_again_change_nothing(tmp_path: Path) -> None:
    source = write_mimic(tmp_path / "mimic")
    done = Imported(tmp_path / "store", source)
    before = done.ask("SELECT * FROM event ORDER BY event_id")
    again = IMPORTERS["mimic"](done.store, source, ImportOptions())
    assert (again.files, len(again.unchanged), again.events) == ((), 5, 0)
    assert done.ask("SELECT * FROM event ORDER BY event_id") == before
    done.close()


def test_a_new_table_finds_the_stays_of_an_earlier_import(tmp_path: Path) -> None:
    done = Imported(tmp_path / "store", write_mimic(tmp_path / "mimic", diagnoses_icd=""))
    report = IMPORTERS["mimic"](done.store, write_mimic(tmp_path / "mimic"), ImportOptions())
    assert [(file.file, file.accepted, file.notices) for file in report.files] == [("hosp/diagnoses_icd.csv", 2, 0)]
    assert [row[1] for row in done.codes("DIAGNOSIS")] == ["2150-02-05 12:00:00", "2161-03-09 04:30:00"]
    done.close()


def test_the_same_files_always_give_the_same_store(tmp_path: Path) -> None:
    rows = [lab(str(number), value=str(number % 7), valuenum=str(number % 7)) for number in range(30_000)]
    source = write_mimic(tmp_path / "mimic", labevents=rows)
    query = "SELECT * FROM event ORDER BY event_id"
    first, second = (Imported(tmp_path / name, source) for name in ("first", "second"))
    assert first.ask(query) == second.ask(query)
    assert [row[0] for row in first.ask(f"SELECT numeric_value FROM ({query}) WHERE starts_with(code, 'LAB')")] == [
        float(row["valuenum"]) for row in rows
    ]
    first.close()
    second.close()


def test_a_file_that_was_refused_is_tried_again(tmp_path: Path) -> None:
    done = Imported(tmp_path / "store", write_mimic(tmp_path / "mimic", admissions=""))
    assert (done.file("diagnoses_icd").rejected, len(done.told("diagnoses_icd"))) == (2, 2)
    again = IMPORTERS["mimic"](done.store, write_mimic(tmp_path / "mimic"), ImportOptions())
    assert {file.file: file.accepted for file in again.files} == {
        "hosp/admissions.csv": 2,
        "hosp/diagnoses_icd.csv": 2,
    }
    ledger = done.ask("SELECT rows_accepted, rows_rejected FROM source WHERE contains(file, 'diagnoses')")
    assert ledger == [(2, 0)]
    assert done.ask("SELECT count(*) FROM reject") == [(0,)]
    done.close()


def test_compressed_and_flat_folders_are_read_too(tmp_path: Path) -> None:
    import gzip

    from tests.ehr.mimic_made import csv_text

    flat = tmp_path / "a [b] *" / "mimic"
    flat.mkdir(parents=True)
    (flat / "ADMISSIONS.csv.gz").write_bytes(gzip.compress(csv_text(ADMISSIONS).encode()))
    (flat / "patients.csv").write_text(csv_text(PATIENTS))
    (flat / "icustays.csv.gz").write_text(csv_text(ICUSTAYS))
    done = Imported(tmp_path / "store", flat)
    assert {file.file: file.accepted for file in done.report.files} == {
        "ADMISSIONS.csv.gz": 2,
        "patients.csv": 2,
        "icustays.csv.gz": 1,
    }
    done.close()


def test_a_table_that_is_there_twice_is_read_once(tmp_path: Path) -> None:
    source = write_mimic(tmp_path / "mimic")
    shutil.copyfile(source / "hosp" / "labevents.csv", source / "labevents.csv")
    done = Imported(tmp_path / "store", source)
    assert {file.file: (file.accepted, file.skipped) for file in done.report.files if "lab" in file.file} == {
        "hosp/labevents.csv": (2, 0),
        "labevents.csv": (0, 2),
    }
    done.close()


def test_progress_counts_bytes(tmp_path: Path) -> None:
    source = write_mimic(tmp_path / "mimic")
    calls: list[tuple[str, int, int]] = []
    store = create_store(tmp_path / "store")
    IMPORTERS["mimic"](store, source, ImportOptions(progress=lambda *call: calls.append(call)))
    store.close()
    total = sum(file.stat().st_size for file in source.rglob("*.csv"))
    assert calls[0] == ("hosp/admissions.csv", 0, total)
    assert calls[-1][1:] == (total, total)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path, "does not exist"),
        (lambda path: path.touch() or path, "is no folder"),
        (lambda path: path.mkdir() or path, "holds no table of MIMIC-IV"),
    ],
)
def test_what_is_no_mimic_folder_is_named(tmp_path: Path, make: Any, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        find_tables(make(tmp_path / "there"))


def test_tables_further_down_belong_to_others(tmp_path: Path) -> None:
    for name in ("hosp/patients.csv", "2.2/hosp/patients.csv", "note/discharge.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    tables, others = find_tables(tmp_path)
    assert tables == {"patients": [tmp_path / "hosp" / "patients.csv"]}
    assert others == [tmp_path / "2.2" / "hosp" / "patients.csv", tmp_path / "note" / "discharge.csv"]
