"""MIMIC-IV in pieces: batches, imports that are cut off, later extracts, increments of a day, rows that change."""

import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ehr.importers import IMPORTERS, ImportOptions
from ehr.intake import ImportReport
from ehr.store import create_store
from tests.ehr.mimic_made import (
    ADMISSIONS,
    DIAGNOSES,
    ICUSTAYS,
    LABEVENTS,
    PATIENTS,
    Imported,
    admission,
    lab,
    write_mimic,
)

EVENTS = (
    "SELECT subject_id, time, code, numeric_value, text_value, unit, encounter_id, end_time, status, record_id, "
    "time_precision FROM event ORDER BY ALL"
)
STATE = (
    EVENTS,
    "SELECT * EXCLUDE (source_id) FROM encounter ORDER BY encounter_id",
    "FROM subject ORDER BY subject_id",
    "FROM code ORDER BY code",
)
LEDGER = "SELECT file, rows_in, rows_accepted, rows_rejected, rows_skipped, status FROM source ORDER BY file"


def state(done: Imported) -> list[list[tuple[Any, ...]]]:
    return [done.ask(query) for query in STATE]


def assert_same(one: Imported, other: Imported) -> None:
    for query, left, right in zip(STATE, state(one), state(other), strict=True):
        assert left == right, query


def import_again(done: Imported, source: Path, **options: Any) -> ImportReport:
    done.report = IMPORTERS["mimic"](done.store, source, ImportOptions(**options))
    return done.report


@pytest.fixture(scope="module")
def some(data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of the tables of the demo with the rows of three patients."""
    folder = tmp_path_factory.mktemp("some")
    with duckdb.connect() as con:
        for file in sorted((data_root / "mimic-iv-demo").glob("*/*.csv.gz")):
            target = folder / file.parent.name / file.name.removesuffix(".gz")
            target.parent.mkdir(exist_ok=True)
            rows = f"read_csv('{file}', all_varchar = true)"
            names = [row[0] for row in con.execute(f"DESCRIBE FROM {rows}").fetchall()]
            of_some = "WHERE subject_id IN ('10004235', '10018328', '10001725')"
            con.execute(f"COPY (FROM {rows} {of_some if 'subject_id' in names else 'LIMIT 5000'}) TO '{target}'")
    return folder


@pytest.fixture(scope="module")
def whole(some: Path, tmp_path_factory: pytest.TempPathFactory) -> Imported:
    """Return the import of that folder at once."""
    return Imported(tmp_path_factory.mktemp("whole") / "store", some)


def write_share(some: Path, folder: Path, condition: str) -> Path:
    """Write the rows that `condition` chooses by their `number`, or by `time`, which is one for rows of one time."""
    with duckdb.connect() as con:
        for file in some.glob("*/*.csv"):
            target = folder / file.relative_to(some)
            target.parent.mkdir(parents=True, exist_ok=True)
            is_table = not file.name.startswith(("d_", "provider", "caregiver"))
            chosen = f"WHERE {condition}" if is_table else ""
            rows = f"read_csv('{file}', all_varchar = true)"
            names = [row[0] for row in con.execute(f"DESCRIBE FROM {rows}").fetchall()]
            time = next((name for name in names if name in {"charttime", "starttime", "chartdate"}), names[0])
            con.execute(
                "COPY (SELECT * EXCLUDE (number, time) FROM ("
                f"SELECT *, row_number() OVER () AS number, hash({time}) AS time FROM {rows}) "
                f"{chosen} ORDER BY hash(number)) TO '{target}'"
            )
    return folder


def test_batches_of_every_size_give_the_same_store(some: Path, whole: Imported, tmp_path: Path) -> None:
    assert whole.report.events > 10_000
    for size in (1, 500_000):
        store = create_store(tmp_path / str(size))
        IMPORTERS["mimic"](store, some, ImportOptions(batch_bytes=size))
        done = Imported.__new__(Imported)
        done.store = store
        assert_same(done, whole)
        assert done.ask(LEDGER) == whole.ask(LEDGER)
        leftover = "SELECT table_name FROM duckdb_tables() WHERE regexp_matches(table_name, 'typed|text|new_|fresh')"
        assert done.ask(leftover) == []
        done.close()


class CutOff(Exception):
    """What stops an import in a test."""


@pytest.mark.parametrize("files", [3, 9, 20])
def test_an_import_that_is_cut_off_goes_on_with_the_missing_files(
    files: int, some: Path, whole: Imported, tmp_path: Path
) -> None:
    calls = 0

    def stop(*_: object) -> None:
        nonlocal calls
        calls += 1
        if calls > 2 * files:
            raise CutOff

    done = Imported.__new__(Imported)
    done.store = create_store(tmp_path / "store")
    with pytest.raises(CutOff):
        import_again(done, some, batch_bytes=1, progress=stop)
    committed = {row[0] for row in done.ask("SELECT file FROM source")}
    report = import_again(done, some)
    assert set(report.unchanged) == committed
    assert_same(done, whole)
    assert done.ask(LEDGER) == whole.ask(LEDGER)
    done.close()


@pytest.mark.parametrize("share", ["number % 2 = 0", "number % 7 < 3", "hash(number) % 10 = 0"])
def test_a_part_and_then_all_is_the_same_as_all(share: str, some: Path, whole: Imported, tmp_path: Path) -> None:
    done = Imported(tmp_path / "store", write_share(some, tmp_path / "part", share))
    before = done.report
    report = import_again(done, some)
    assert_same(done, whole)
    for file in report.files:
        earlier = next(old for old in before.files if old.file == file.file)
        assert file.rows_in == file.accepted + file.rejected + file.skipped
        if file.file in {"icu/chartevents.csv", "hosp/labevents.csv", "hosp/emar.csv", "hosp/pharmacy.csv"}:
            assert file.skipped == earlier.accepted
    done.close()


def test_the_same_rows_in_another_order_change_nothing(some: Path, whole: Imported, tmp_path: Path) -> None:
    done = Imported(tmp_path / "store", some)
    report = import_again(done, write_share(some, tmp_path / "again", "true"))
    assert (report.events, report.removed, report.subjects) == (0, 0, 0)
    tables = [file for file in report.files if not Path(file.file).name.startswith("d_")]
    assert {file.accepted for file in tables} == {0}
    assert sum(file.skipped for file in tables) > 10_000
    assert_same(done, whole)
    done.close()


def test_the_parts_of_a_table_add_up_to_it(some: Path, whole: Imported, tmp_path: Path) -> None:
    # Rows of one time come in one part: equal ones without a key would count as repeats in another.
    stays = ("patients", "admissions", "icustays")
    for part in range(3):
        folder = write_share(some, tmp_path / f"part{part}", f"time % 3 = {part}")
        for file in some.glob("*/*.csv"):
            if file.stem in stays:
                shutil.copyfile(file, folder / file.relative_to(some))
    done = Imported(tmp_path / "store", tmp_path / "part0")
    for part in (1, 2):
        import_again(done, tmp_path / f"part{part}")
    # Weights at an infusion are given once, also where the rows that tell them come apart.
    assert_same(done, whole)
    done.close()


def test_a_later_discharge_moves_the_billing_codes_with_it(tmp_path: Path) -> None:
    early = [admission("11", "1", "2150-02-01 10:00:00", "", discharge_location=""), ADMISSIONS[1]]
    done = Imported(tmp_path / "store", write_mimic(tmp_path / "first", admissions=early))
    assert [row[1] for row in done.codes("DIAGNOSIS")] == ["2150-02-01 10:00:00", "2161-03-09 04:30:00"]
    later = write_mimic(tmp_path / "later", patients="", labevents="", icustays="", diagnoses_icd="")
    report = import_again(done, later)
    assert [(file.accepted, file.skipped) for file in report.files] == [(1, 1)]
    other = Imported(tmp_path / "other", write_mimic(tmp_path / "mimic"))
    assert_same(done, other)
    assert done.ask("SELECT end_time, disposition FROM encounter WHERE encounter_id = 11") == [
        (datetime(2150, 2, 5, 12), "HOME")
    ]
    # The codes and the discharge that moves them may also come in one folder.
    third = Imported(tmp_path / "third", tmp_path / "first")
    import_again(third, write_mimic(tmp_path / "both", diagnoses_icd=[*DIAGNOSES, {**DIAGNOSES[0], "seq_num": "2"}]))
    assert [row[1] for row in third.codes("DIAGNOSIS")] == ["2150-02-05 12:00:00"] * 2 + ["2161-03-09 04:30:00"]
    for each in (done, other, third):
        each.close()


def test_a_death_in_a_later_admission_is_the_death_of_the_patient(tmp_path: Path) -> None:
    done = Imported(tmp_path / "store", write_mimic(tmp_path / "first"))
    died = admission(
        "13", "1", "2151-01-01 10:00:00", "2151-01-02 09:00:00", deathtime="2151-01-02 08:15:00",
        hospital_expire_flag="1",
    )  # fmt: skip
    later = write_mimic(
        tmp_path / "later", admissions=[died], patients="", labevents="", icustays="", diagnoses_icd=""
    )
    import_again(done, later)
    assert done.codes("MEDS_DEATH")[0][:2] == (1, "2151-01-02 08:15:00")
    query = "SELECT death_time, died, sex, birth_time, identifiers FROM subject WHERE subject_id = 1"
    known = [(datetime(2151, 1, 2, 8, 15), True, "female", datetime(2090, 1, 1), ["mimic|1"])]
    assert done.ask(query) == known
    # The row of the patient comes again with the day of death: the hour that the admission told stays.
    import_again(done, write_mimic(tmp_path / "again", patients=[{**PATIENTS[0], "dod": "2151-01-02"}, PATIENTS[1]]))
    assert done.ask(query) == known
    assert len(done.codes("MEDS_DEATH")) == 2
    assert len(done.codes("MEDS_BIRTH")) == 2
    # The admission is corrected: what is left is the day that the table of patients tells.
    still = admission("13", "1", "2151-01-01 10:00:00", "2151-01-02 09:00:00")
    import_again(done, write_mimic(tmp_path / "still", admissions=[still], patients="", labevents="", icustays=""))
    assert done.ask("SELECT count(*) FROM event WHERE code = 'MEDS_DEATH' AND subject_id = 1") == [(0,)]
    done.close()


def test_a_death_that_is_taken_back_is_taken_out(tmp_path: Path) -> None:
    done = Imported(tmp_path / "store", write_mimic(tmp_path / "first"))
    assert done.ask("SELECT died FROM subject WHERE subject_id = 2") == [(True,)]
    alive = write_mimic(tmp_path / "alive", patients=[PATIENTS[0], {**PATIENTS[1], "dod": ""}])
    report = import_again(done, alive)
    assert [(file.file, file.accepted, file.skipped) for file in report.files] == [("hosp/patients.csv", 1, 1)]
    assert done.ask("SELECT died, death_time FROM subject WHERE subject_id = 2") == [(False, None)]
    assert done.codes("MEDS_DEATH") == []
    done.close()


def test_a_corrected_result_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    done = Imported(tmp_path / "store", write_mimic(tmp_path / "first"))
    corrected = [lab("1", value="2.5", valuenum="2.5"), LABEVENTS[1], lab("3", charttime="2150-02-02 12:00:00")]
    report = import_again(done, write_mimic(tmp_path / "later", labevents=corrected))
    assert [(file.file, file.accepted, file.skipped) for file in report.files] == [("hosp/labevents.csv", 2, 1)]
    assert (report.events, report.removed) == (2, 1)
    assert [(row[0], row[1], row[3]) for row in done.codes("LAB")] == [
        (1, "2150-02-01 12:00:00", 2.5),
        (1, "2150-02-02 12:00:00", 1.5),
        (2, "2161-03-02 06:00:00", 1.5),
    ]
    assert done.told("labevents", table="notice") == [(None, "1 rows are in the store already: skipped")]
    done.close()


def chart(time: str, value: str) -> dict[str, str]:
    return {
        "subject_id": "1", "hadm_id": "11", "stay_id": "111", "charttime": time, "itemid": "220045", "value": value,
        "valuenum": value, "valueuom": "bpm",
    }  # fmt: skip


def test_rows_without_a_key_are_told_apart_by_how_many_there_are(tmp_path: Path) -> None:
    one, two = chart("2150-02-01 12:00:00", "80"), chart("2150-02-01 13:00:00", "90")
    done = Imported(tmp_path / "store", write_mimic(tmp_path / "first", chartevents=[one, two, two]))
    report = import_again(done, write_mimic(tmp_path / "later", chartevents=[two, one, one, two, two]))
    assert [(file.accepted, file.skipped) for file in report.files] == [(2, 3)]
    counts = "SELECT numeric_value, count(*) FROM event WHERE encounter_id = 111 AND numeric_value > 0 GROUP BY ALL"
    assert sorted(done.ask(counts)) == [(80.0, 2), (90.0, 3)]
    done.close()


def test_an_icu_stay_that_ends_later_is_renewed(tmp_path: Path) -> None:
    open_stay = [{**ICUSTAYS[0], "outtime": "", "last_careunit": "", "los": ""}]
    done = Imported(tmp_path / "store", write_mimic(tmp_path / "first", icustays=open_stay))
    assert done.codes("ICU_DISCHARGE") == []
    import_again(done, write_mimic(tmp_path / "later"))
    other = Imported(tmp_path / "other", tmp_path / "later")
    assert_same(done, other)
    done.close()
    other.close()


def test_a_dictionary_that_changes_alone_renews_the_titles_of_the_codes_in_use(tmp_path: Path) -> None:
    def dictionary(label: str) -> list[dict[str, str]]:
        return [{"itemid": "50912", "label": label, "fluid": "Blood", "category": "Chemistry"}]

    title = "SELECT description FROM code WHERE starts_with(code, 'LAB') ORDER BY code"
    done = Imported(tmp_path / "store", write_mimic(tmp_path / "mimic"))
    assert done.ask(title) == [(None,)]
    import_again(done, write_mimic(tmp_path / "mimic", d_labitems=dictionary("Creatinine")))
    assert done.ask(title) == [("Creatinine",)]
    report = import_again(done, write_mimic(tmp_path / "mimic", d_labitems=dictionary("Creatinine, serum")))
    assert [(file.file, file.accepted) for file in report.files] == [("hosp/d_labitems.csv", 1)]
    assert done.ask(title) == [("Creatinine, serum",)]
    # A day's increment brings no dictionary; a known item in another unit keeps its name.
    day = write_mimic(tmp_path / "day", labevents=[lab("9", valueuom="umol/L")], patients="", admissions="")
    import_again(done, day)
    assert done.ask(title) == [("Creatinine, serum",)] * 2
    done.close()
