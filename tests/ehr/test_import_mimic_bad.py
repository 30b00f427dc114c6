"""Faulty MIMIC-IV folders: the cases of the kit, more of the same kind, and the law that no row is lost silently."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ehr.mimic_made import (
    ADMISSIONS,
    DIAGNOSES,
    ICUSTAYS,
    LABEVENTS,
    PATIENTS,
    Imported,
    Table,
    admission,
    csv_text,
    lab,
    write_mimic,
)

CASES = [
    "good",
    "missing-column",
    "extra-column",
    "text-in-numeric",
    "negative-los",
    "duplicate-hadm",
    "wrong-quoting",
    "empty-file",
    "header-only",
]
GOOD = {
    "hosp/patients.csv": 3,
    "hosp/admissions.csv": 4,
    "hosp/diagnoses_icd.csv": 6,
    "hosp/labevents.csv": 5,
    "icu/icustays.csv": 2,
}
# The reasons of index.json in our words: (case, file, row) -> part of the reason of a reject or a notice.
WORDS = {
    ("missing-column", "hosp/labevents.csv", None): "required column charttime is missing",
    ("text-in-numeric", "hosp/labevents.csv", 1): "valuenum is not a number: value left NULL, text kept",
    ("text-in-numeric", "hosp/labevents.csv", 4): "valuenum is not a number: value left NULL, text kept",
    ("text-in-numeric", "hosp/labevents.csv", 5): "itemid is not an integer",
    ("text-in-numeric", "hosp/patients.csv", 3): "anchor_age is not an integer: left NULL",
    ("negative-los", "icu/icustays.csv", 1): "outtime is before intime",
    ("duplicate-hadm", "hosp/admissions.csv", 5): "exact duplicate of row 1",
    ("duplicate-hadm", "hosp/admissions.csv", 6): "hadm_id is there already, in row 2, with other values",
    ("wrong-quoting", "hosp/labevents.csv", 3): "broken quoting",
    ("empty-file", "hosp/labevents.csv", None): "empty file, no header",
}


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest, data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Give (name, its entry in index.json, the import of its folder)."""
    index = json.loads((data_root / "mimic-bad" / "index.json").read_text())
    entry = next((entry for entry in index["cases"] if entry["id"] == request.param), None)
    done = Imported(tmp_path_factory.mktemp("bad") / "store", data_root / "mimic-bad" / request.param)
    yield request.param, entry or {"rows_loaded": GOOD, "problems": []}, done
    done.close()


def test_a_faulty_folder_loads_the_rows_it_should(case: Any) -> None:
    _, entry, done = case
    loaded = {file.file: file.accepted for file in done.report.files if file.file in GOOD}
    assert loaded == entry["rows_loaded"]


def test_a_faulty_folder_has_its_problems_told_with_file_row_and_reason(case: Any) -> None:
    name, entry, done = case
    told = done.ask(
        "SELECT file, line, reason FROM (FROM reject UNION ALL FROM notice) JOIN source USING (source_id)"
    )
    for problem in entry["problems"]:
        place = (problem["file"], problem.get("row"))
        reasons = [reason for file, line, reason in told if (file, line) == place]
        assert any(WORDS[name, *place] in reason for reason in reasons), (place, reasons)
    assert {(file, line) for file, line, _ in done.ask(REJECTED)} <= {
        (problem["file"], problem.get("row")) for problem in entry["problems"]
    }


REJECTED = "SELECT file, line, reason FROM reject JOIN source USING (source_id)"


def test_a_faulty_folder_is_accounted_for(case: Any) -> None:
    check_accounts(case[2])


def test_no_folder_has_labs_without_a_time_or_stays_that_run_backwards(case: Any) -> None:
    done = case[2]
    assert done.ask("SELECT count(*) FROM event WHERE \"time\" IS NULL AND NOT starts_with(code, 'GENDER')") == [(0,)]
    assert done.ask("SELECT count(*) FROM encounter WHERE end_time < start_time") == [(0,)]
    assert done.ask('SELECT count(*) FROM event WHERE end_time < "time"') == [(0,)]


def test_columns_go_by_name(case: Any) -> None:
    name, _, done = case
    if name == "extra-column":
        assert done.ask("SELECT sex, year(birth_time) FROM subject WHERE subject_id = 90000001") == [("female", 2083)]
        assert done.told("admissions", table="notice") == [
            (None, "unknown columns, not used: source_system, ADMIT_FLAG")
        ]
        assert "unknown file" in done.told("extra_table", table="notice")[0][1]


def test_joins_on_a_stay_do_not_multiply(case: Any) -> None:
    name, _, done = case
    query = "SELECT count(*) FROM event JOIN encounter USING (encounter_id) WHERE starts_with(code, 'DIAGNOSIS')"
    assert done.ask(query) == [(6,)], name


def check_accounts(done: Imported) -> None:
    """Check the laws of the ledger: every record is accounted for, and every refused one has its reject."""
    for file in done.report.files:
        assert file.rows_in == file.accepted + file.rejected + file.skipped, file
        rejects = done.told(Path(file.file).name.partition(".")[0])
        if file.status == "failed":
            assert [line for line, _ in rejects] == [None]
        else:
            assert len(rejects) == file.rejected
    ledger = done.ask("SELECT sum(rows_in), sum(rows_accepted), sum(rows_rejected), sum(rows_skipped) FROM source")
    assert ledger == done.ask(
        "SELECT sum(rows_in), sum(rows_accepted), sum(rows_rejected), sum(rows_skipped) FROM tally"
    )


# More faults of the same kind: what is written, and what the import says of it.

Check = Callable[[Imported], None]


def counts(stem: str, read: int, accepted: int, rejected: int = 0, skipped: int = 0) -> Check:
    def check(done: Imported) -> None:
        file = done.file(stem)
        assert (file.rows_in, file.accepted, file.rejected, file.skipped) == (read, accepted, rejected, skipped)

    return check


def tells(stem: str, *told: tuple[int | None, str], table: str = "reject") -> Check:
    def check(done: Imported) -> None:
        assert done.told(stem, table=table) == list(told)

    return check


LAB_TEXT = csv_text(LABEVENTS)
FIRST_LAB = LAB_TEXT.splitlines()[1]
NO_NUMBERS = ("nan", "inf", "1e99", "1,5", "-")
PLAIN_FAULTS: dict[str, tuple[dict[str, Table | str | bytes], list[Check]]] = {
    "byte order mark": (
        {"labevents": b"\xef\xbb\xbf" + LAB_TEXT.encode(), "patients": b"\xef\xbb\xbf" + csv_text(PATIENTS).encode()},
        [counts("labevents", 2, 2), counts("patients", 2, 2), tells("labevents", table="notice")],
    ),
    "UTF-16": ({"labevents": LAB_TEXT.encode("utf-16")}, [counts("labevents", 2, 2)]),
    "CRLF line ends": ({"labevents": LAB_TEXT.replace("\n", "\r\n")}, [counts("labevents", 2, 2)]),
    "CR line ends": ({"labevents": LAB_TEXT.replace("\n", "\r")}, [counts("labevents", 2, 2)]),
    "mixed line ends": ({"labevents": LAB_TEXT.replace("\n", "\r\n", 1)}, [counts("labevents", 2, 2)]),
    "blank lines": ({"labevents": LAB_TEXT.replace("\n", "\n\n")}, [counts("labevents", 2, 2)]),
    "no last line end": ({"labevents": LAB_TEXT.rstrip("\n")}, [counts("labevents", 2, 2)]),
    "semicolons": (
        {"labevents": csv_text(LABEVENTS, delimiter=";")},
        [
            counts("labevents", 2, 2),
            tells("labevents", (None, "fields are separated by ';' instead of a comma"), table="notice"),
        ],
    ),
    "not UTF-8": (
        {"labevents": csv_text([lab("1", valueuom="µg/L"), lab("2")]).encode("latin-1")},
        [
            counts("labevents", 2, 2),
            tells("labevents", (1, "bytes that are not UTF-8, read as Windows-1252"), table="notice"),
            lambda done: assert_codes(done, "LAB", ["LAB//50912//mg/dL", "LAB//50912//µg/L"]),
        ],
    ),
    "headers in capitals": ({"labevents": LAB_TEXT.replace("itemid", "ITEMID")}, [counts("labevents", 2, 2)]),
    "only whitespace": (
        {"labevents": "\n  \n"},
        [counts("labevents", 0, 0), tells("labevents", (None, "empty file, no header"), table="notice")],
    ),
    "no header": (
        {"labevents": LAB_TEXT.partition("\n")[2]},
        [
            counts("labevents", 1, 0, 1),
            tells("labevents", (None, "required columns subject_id, itemid, charttime are missing")),
        ],
    ),
    "too few and too many fields": (
        {
            "labevents": LAB_TEXT
            + "3,1,11\n4,1,11,50912,2150-02-01 12:00:00,1,1,mg/dL,,,\n"
            + LAB_TEXT.splitlines()[1]
        },
        [
            counts("labevents", 5, 2, 2, 1),
            tells(
                "labevents",
                (3, "3 fields where the header has 9"),
                (4, "11 fields where the header has 9"),
            ),
        ],
    ),
    "a quote that never closes": (
        {"labevents": LAB_TEXT + '3,1,11,50912,2150-02-01 12:00:00,"1,1,mg/dL,\n' + FIRST_LAB.replace("1", "5", 1)},
        [counts("labevents", 4, 3, 1), tells("labevents", (3, "broken quoting"))],
    ),
    "times that are none": (
        {
            "labevents": [
                lab(str(number), charttime=time)
                for number, time in enumerate(
                    (
                        "2150-02-30 00:00:00",
                        "02/01/2150 08:00",
                        "infinity",
                        "",
                        "2150-13-01",
                        "0000-01-01 00:00:00",
                        "2150-02-01 08:00:00+02",
                        "2150-02-01T08:00:00",
                        "2150-02-01 08:00",
                        "2150-02-01",
                    )
                )
            ]
        },
        [
            counts("labevents", 10, 3, 7),
            tells(
                "labevents",
                *((row, "charttime is not a time") for row in (1, 2, 3)),
                (4, "charttime is missing"),
                *((row, "charttime is not a time") for row in (5, 6, 7)),
            ),
        ],
    ),
    "identifiers that a spreadsheet changed": (
        {
            "labevents": [
                lab("1", hadm_id="11.0"),
                lab("2", "1.1E+01"),
                lab("3", "1.5"),
                lab("4", " 1 "),
                lab("5", ""),
            ]
        },
        [
            counts("labevents", 5, 2, 3),
            tells(
                "labevents",
                (2, "subject_id is not an integer"),
                (3, "subject_id is not an integer"),
                (5, "subject_id is missing"),
            ),
        ],
    ),
    "numbers that are none": (
        {"labevents": [lab(str(n), value=text, valuenum=text) for n, text in enumerate(NO_NUMBERS)]},
        [
            counts("labevents", 5, 5),
            lambda done: assert_texts(done, list(NO_NUMBERS)),
        ],
    ),
    "a patient that is not there": (
        {"labevents": [lab("1", "77", "")]},
        [counts("labevents", 1, 1), tells("labevents", (1, "subject_id is not in patients"), table="notice")],
    ),
    "a stay that is not there": (
        {"labevents": [lab("1", "1", "99")]},
        [
            counts("labevents", 1, 1),
            tells("labevents", (1, "hadm_id is the stay of no row that went in"), table="notice"),
        ],
    ),
    "a stay of another patient": (
        {"labevents": [lab("1", "1", "12"), lab("2")], "icustays": [{**ICUSTAYS[0], "subject_id": "2"}]},
        [
            counts("labevents", 2, 1, 1),
            tells("labevents", (1, "hadm_id is the stay of another patient")),
            tells("icustays", (1, "hadm_id is the stay of another patient")),
        ],
    ),
    "diagnoses of an admission that is not there": (
        {"diagnoses_icd": [{**DIAGNOSES[0], "hadm_id": "99"}, DIAGNOSES[1], DIAGNOSES[1]]},
        [
            counts("diagnoses_icd", 3, 1, 1, 1),
            tells("diagnoses_icd", (1, "hadm_id is not in admissions, so it is unknown when the code was known")),
        ],
    ),
    "discharge before admission": (
        {"admissions": [admission("11", "1", "2150-02-05 12:00:00", "2150-02-01 10:00:00"), ADMISSIONS[1]]},
        [
            counts("admissions", 2, 2),
            counts("diagnoses_icd", 2, 2),
            tells("admissions", (1, "dischtime is before admittime: end left NULL"), table="notice"),
            lambda done: assert_codes(done, "HOSPITAL_DISCHARGE", ["HOSPITAL_DISCHARGE//HOME"]),
            lambda done: assert_times(done, "DIAGNOSIS", ["2150-02-05 12:00:00", "2161-03-09 04:30:00"]),
        ],
    ),
    "death before birth": (
        {"patients": [{**PATIENTS[0], "dod": "1980-01-01"}, PATIENTS[1]]},
        [
            counts("patients", 2, 2),
            tells("patients", (1, "date of death is before birth: not used"), table="notice"),
            lambda done: assert_times(done, "MEDS_DEATH", ["2161-03-09 00:00:00"]),
            lambda done: assert_died(done, [1, 2]),
        ],
    ),
    "a date of death that is none": (
        {"patients": [{**PATIENTS[0], "dod": "unknown"}, PATIENTS[1]]},
        [
            tells("patients", (1, "dod is not a time: left NULL"), table="notice"),
            lambda done: assert_died(done, [1, 2]),
        ],
    ),
    "a patient twice": (
        {"patients": [*PATIENTS, PATIENTS[0], {**PATIENTS[1], "gender": "F"}]},
        [
            counts("patients", 4, 2, 1, 1),
            tells("patients", (4, "subject_id is there already, in row 2, with other values: the first row is kept")),
            tells("patients", (3, "exact duplicate of row 1: skipped"), table="notice"),
        ],
    ),
    "the first of two is broken": (
        {"admissions": [{**ADMISSIONS[0], "admittime": "soon"}, *ADMISSIONS]},
        [counts("admissions", 3, 2, 1), tells("admissions", (1, "admittime is not a time"))],
    ),
    "no admissions": (
        {"admissions": ""},
        [
            counts("patients", 2, 2),
            counts("labevents", 2, 2),
            counts("icustays", 1, 1),
            counts("diagnoses_icd", 2, 0, 2),
        ],
    ),
    "no patients": (
        {"patients": ""},
        [
            counts("admissions", 2, 2),
            tells(
                "labevents",
                (None, "no table of patients went in that subject_id could be compared with"),
                table="notice",
            ),
        ],
    ),
    "no icu": ({"icustays": ""}, [counts("labevents", 2, 2), counts("diagnoses_icd", 2, 2)]),
    "a column twice": (
        {"labevents": LAB_TEXT.replace("comments", "itemid")},
        [counts("labevents", 2, 2), lambda done: assert_codes(done, "LAB", ["LAB//50912//mg/dL"])],
    ),
}


def assert_codes(done: Imported, head: str, codes: list[str]) -> None:
    assert sorted({row[2] for row in done.codes(head)}) == codes


def assert_times(done: Imported, head: str, times: list[str]) -> None:
    assert sorted(row[1] for row in done.codes(head)) == times


def assert_texts(done: Imported, texts: list[str]) -> None:
    assert sorted(row[4] for row in done.codes("LAB")) == sorted(texts)
    assert {row[3] for row in done.codes("LAB")} == {None}


def assert_died(done: Imported, subjects: list[int]) -> None:
    assert [row[0] for row in done.ask("SELECT subject_id FROM subject WHERE died ORDER BY 1")] == subjects


@pytest.mark.parametrize("name", PLAIN_FAULTS)
def test_a_fault_is_told_and_the_rest_goes_in(name: str, tmp_path: Path) -> None:
    tables, checks = PLAIN_FAULTS[name]
    done = Imported(tmp_path / "store", write_mimic(tmp_path / "mimic", **tables))
    for check in checks:
        check(done)
    check_accounts(done)
    done.close()


@pytest.mark.parametrize("damage", ["cut", "checksum", "middle", "garbage after the end"])
def test_a_damaged_gzip_file_is_refused_as_a_whole(damage: str, tmp_path: Path) -> None:
    rows = [lab(str(number), valuenum=str(number % 97)) for number in range(2_000)]
    data = bytearray(gzip.compress(csv_text(rows).encode()))
    if damage == "cut":
        del data[len(data) // 2 :]
    elif damage == "garbage after the end":
        data += b"garbage"
    else:
        data[-6 if damage == "checksum" else len(data) // 2] ^= 0xFF
    source = write_mimic(tmp_path / "mimic", labevents="")
    (source / "hosp" / "labevents.csv.gz").write_bytes(data)
    done = Imported(tmp_path / "store", source)
    file = done.file("labevents")
    assert (file.status, file.accepted, done.report.failed) == ("failed", 0, ("hosp/labevents.csv.gz",))
    assert "damaged or cut off" in done.told("labevents")[0][1]
    assert done.codes("LAB") == []
    assert done.file("diagnoses_icd").accepted == 2
    check_accounts(done)
    done.close()


def test_many_notices_of_one_kind_are_counted_beyond_a_thousand(tmp_path: Path) -> None:
    rows = [lab(str(number), valuenum="high") for number in range(1_200)]
    done = Imported(tmp_path / "store", write_mimic(tmp_path / "mimic", labevents=rows))
    notices = done.told("labevents", table="notice")
    assert len(notices) == 1_001
    assert (None, "200 more rows: valuenum is not a number: value left NULL, text kept") in notices
    done.close()


cells = st.one_of(
    st.sampled_from(["", "1", "2", "11", "12", "50912", "2150-02-01 12:00:00", "2150-02-30", "1.5", "1e3", "-7"]),
    st.text(max_size=6),
    st.sampled_from(['"', '""', 'a"b', "a,b", "a\nb", "µ", "\ufeff", "\x00", "//", "NULL", "'", "é\r"]),
)
columns = list(LABEVENTS[0])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(st.dictionaries(st.sampled_from(columns), cells, max_size=3), st.integers(0, 3)), max_size=12
    ),
    quoted=st.booleans(),
    junk=st.lists(st.text(max_size=12), max_size=2),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_no_row_is_lost_silently(
    rows: list[tuple[dict[str, str], int]],
    quoted: bool,
    junk: list[str],
    end: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    table = [
        {**lab(str(number)), **changes} for number, (changes, times) in enumerate(rows) for _ in range(1 + times // 3)
    ]
    # The writer leaves a bare CR unquoted, where it is a line end.
    is_plain = not junk and (quoted or not any("\r" in cell for row in table for cell in row.values()))
    text = csv_text([*table, lab("999")], quoting=1 if quoted else 0).replace("\n", end) + end.join(junk)
    folder = tmp_path_factory.mktemp("lossless")
    data = text.encode("utf-8", "surrogatepass")
    done = Imported(folder / "store", write_mimic(folder / "mimic", labevents=data))
    check_accounts(done)
    file = done.file("labevents")
    if is_plain:
        assert file.rows_in == len(table) + 1
    assert file.accepted == len(done.codes("LAB"))
    done.close()


def test_a_reject_has_its_kind_and_no_more_of_the_row_than_finds_it(tmp_path: Path) -> None:
    rows = [
        lab("1", charttime="2150-02-30"),
        lab("2", subject_id="", itemid="sodium"),
        lab("3", subject_id="one"),
        lab("4", valuenum="high"),
        lab("5"),
        lab("5", value="9"),
        lab("6", "1", "12"),
        lab("7", itemid=""),
        lab("8", "77", ""),
    ]
    text = csv_text(rows) + "9,1,11\n"
    done = Imported(tmp_path / "store", write_mimic(tmp_path / "mimic", labevents=text))
    source = done.file("labevents").source_id
    assert done.ask(f"SELECT line, code, excerpt FROM reject WHERE source_id = {source} ORDER BY line") == [
        (1, "bad-time", "labevent_id=1, charttime=2150-02-30"),
        (2, "no-subject", "labevent_id=2, subject_id=, itemid=sodium"),
        (3, "bad-id", "labevent_id=3, subject_id=one"),
        (6, "conflict", "labevent_id=5"),
        (7, "other-subject", "subject_id=1, hadm_id=12"),
        (8, "no-code", "labevent_id=7, itemid="),
        (10, "broken-row", "9,1,…"),
    ]
    assert done.ask(f"SELECT line, code, excerpt FROM notice WHERE source_id = {source} ORDER BY line") == [
        (4, "bad-number", "labevent_id=4, valuenum=high"),
        (9, "unknown-subject", "subject_id=77"),
    ]
    check_accounts(done)
    done.close()


KINDS: dict[str, tuple[dict[str, Table | str | bytes], str, str]] = {
    "a file that is cut off": ({"labevents": gzip.compress(LAB_TEXT.encode())[:40]}, "reject", "broken-file"),
    "no header": ({"labevents": LAB_TEXT.partition("\n")[2]}, "reject", "missing-column"),
    "an unknown column": ({"labevents": [lab("1", source="x")]}, "notice", "unknown-column"),
    "an unknown file": ({"vitals": LABEVENTS}, "notice", "not-imported"),
    "bytes that are not UTF-8": (
        {"labevents": csv_text([lab("1", valueuom="µg/L")]).encode("latin-1")},
        "notice",
        "bad-encoding",
    ),
    "a discharge before the admission": (
        {"admissions": [admission("11", "1", "2150-02-05 12:00:00", "2150-02-01 10:00:00"), ADMISSIONS[1]]},
        "notice",
        "implausible",
    ),
    "an exact repeat": ({"labevents": [lab("1"), lab("1")]}, "notice", "repeat"),
    "an unknown admission": ({"diagnoses_icd": [{**DIAGNOSES[0], "hadm_id": "9"}]}, "reject", "bad-reference"),
    "a stay that is not there": ({"labevents": [lab("1", "1", "99")]}, "notice", "bad-reference"),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_fault_has_a_kind_of_reason(name: str, tmp_path: Path) -> None:
    tables, table, kind = KINDS[name]
    done = Imported(tmp_path / "store", write_mimic(tmp_path / "mimic", **tables))
    assert (kind,) in done.ask(f"SELECT code FROM {table}")
    assert done.ask("SELECT count(*) FROM (FROM reject UNION ALL FROM notice) WHERE code = 'note'") == [(0,)]
    done.close()
