"""MEDS data sets and parquet files with MEDS columns."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ehr.errors import SourceError
from ehr.importers import IMPORTERS, ImportOptions
from ehr.store import Store, create_store
from tests.ehr.mimic_made import Imported

ROWS: dict[str, list[Any]] = {
    "subject_id": [1, 1, 1, 2],
    "time": [None, datetime(1980, 1, 1), datetime(2020, 5, 1, 8), datetime(2020, 6, 1)],
    "code": ["GENDER//F", "MEDS_BIRTH", "LAB//50912//mg/dL", "LAB//50912//mg/dL"],
    "numeric_value": [None, None, 1.5, None],
    "text_value": [None, None, None, "high"],
}


def write_meds(folder: Path, frame: pl.DataFrame | None = None, codes: pl.DataFrame | None = None) -> Path:
    data = folder / "data" / "train"
    data.mkdir(parents=True)
    (pl.DataFrame(ROWS) if frame is None else frame).write_parquet(data / "0.parquet")
    if codes is not None:
        (folder / "metadata").mkdir()
        codes.write_parquet(folder / "metadata" / "codes.parquet")
    return folder


def imported(tmp_path: Path, frame: pl.DataFrame | None = None, codes: pl.DataFrame | None = None) -> Imported:
    return Imported(tmp_path / "store", write_meds(tmp_path / "meds", frame, codes), "meds")


def test_a_data_set_goes_in_with_its_codes(tmp_path: Path) -> None:
    codes = pl.DataFrame(
        {
            "code": ["LAB//50912//mg/dL", "UNUSED", None],
            "description": ["Creatinine", "never", "lost"],
            "parent_codes": [["LOINC/2160-0"], [], []],
        }
    )
    done = imported(tmp_path, codes=codes)
    query = 'SELECT subject_id, "time", code, numeric_value, text_value FROM event ORDER BY event_id'
    assert done.ask(query) == list(zip(*ROWS.values(), strict=True))
    assert done.ask("SELECT code, description, list_sort(parents) FROM code WHERE starts_with(code, 'LAB')") == [
        ("LAB//50912//mg/dL", "Creatinine", ["LOINC//2160-0", "LOINC/2160-0"])
    ]
    assert done.ask("SELECT subject_id, sex, birth_time FROM subject ORDER BY 1") == [
        (1, "female", datetime(1980, 1, 1)),
        (2, None, None),
    ]
    assert {file.file: (file.accepted, file.rejected) for file in done.report.files} == {
        "data/train/0.parquet": (4, 0),
        "metadata/codes.parquet": (2, 1),
    }
    done.close()


def test_value_is_read_as_the_number_and_further_columns_are_kept(tmp_path: Path) -> None:
    frame = pl.DataFrame(ROWS).rename({"numeric_value": "value"}).with_columns(table=pl.lit("lab"), source_id=7)
    done = imported(tmp_path, frame)
    columns = 'numeric_value, "table", meds_source_id'
    assert done.ask(f"SELECT DISTINCT {columns} FROM event WHERE starts_with(code, 'LAB') ORDER BY 1") == [
        (1.5, "lab", 7),
        (None, "lab", 7),
    ]
    comment = done.ask("SELECT comment FROM duckdb_columns() WHERE table_name = 'event' AND column_name = 'table'")
    assert comment == [("Further column of an imported meds source",)]
    done.close()


def test_a_further_column_stays_when_a_source_without_it_follows(tmp_path: Path) -> None:
    done = imported(tmp_path, pl.DataFrame(ROWS).with_columns(ward=pl.lit("A")))
    second = write_meds(tmp_path / "more", pl.DataFrame(ROWS).with_columns(subject_id=pl.lit(5)))
    IMPORTERS["meds"](done.store, second, ImportOptions())
    assert done.ask("SELECT ward, count(*) FROM event GROUP BY ward ORDER BY ward") == [("A", 4), (None, 4)]
    done.close()


def test_a_further_column_of_another_type_is_refused_by_name(tmp_path: Path) -> None:
    done = imported(tmp_path, pl.DataFrame(ROWS).with_columns(ward=pl.lit("A")))
    second = write_meds(tmp_path / "more", pl.DataFrame(ROWS).with_columns(ward=pl.lit(3)))
    with pytest.raises(SourceError, match="column ward is INTEGER here and VARCHAR in the store"):
        IMPORTERS["meds"](done.store, second, ImportOptions())
    assert done.ask("SELECT count(*) FROM event") == [(4,)]
    done.close()


def test_the_stay_is_taken_from_hadm_id(tmp_path: Path) -> None:
    done = imported(tmp_path, pl.DataFrame(ROWS).with_columns(hadm_id=pl.Series([None, None, 9, "x"], strict=False)))
    assert done.ask("SELECT encounter_id FROM event ORDER BY event_id") == [(None,), (None,), (9,), (None,)]
    done.close()


def test_rows_without_subject_or_code_are_refused_and_counted(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "subject_id": ["1", None, "x", "2", "3"],
            "time": ["2020-01-01", "2020-01-01", "2020-01-01", "2020-01-01", "2020-02-30"],
            "code": ["A", "B", "C", None, "D"],
            "numeric_value": ["1", "2", "3", "4", "5"],
        }
    )
    done = imported(tmp_path, frame)
    assert done.told("0") == [
        (2, "subject_id is null"),
        (3, "subject_id is not an integer"),
        (4, "code is null"),
        (5, "time is not a time"),
    ]
    assert (done.file("0").rows_in, done.file("0").accepted, done.report.events) == (5, 1, 1)
    done.close()


def test_numbers_that_are_none_are_null_with_a_notice(tmp_path: Path) -> None:
    frame = pl.DataFrame(ROWS).with_columns(numeric_value=pl.Series(["nan", "inf", "1.5", "high"]))
    done = imported(tmp_path, frame)
    assert done.ask("SELECT numeric_value FROM event ORDER BY event_id") == [(None,), (None,), (1.5,), (None,)]
    told = done.told("0", table="notice")
    assert told == [(2, "numeric_value is not a number: left NULL"), (4, "numeric_value is not a number: left NULL")]
    done.close()


def test_times_with_a_zone_become_utc(tmp_path: Path) -> None:
    time = datetime(2020, 5, 1, 8, tzinfo=UTC)
    frame = pl.DataFrame({"subject_id": [1], "code": ["A"], "time": [time]}).with_columns(
        pl.col("time").dt.convert_time_zone("America/New_York")
    )
    done = imported(tmp_path, frame)
    assert done.ask('SELECT "time" FROM event') == [(datetime(2020, 5, 1, 8),)]
    done.close()


def test_a_file_that_is_no_meds_is_named_and_the_others_go_in(tmp_path: Path) -> None:
    source = write_meds(tmp_path / "meds")
    pl.DataFrame({"a": [1, 2]}).write_parquet(source / "data" / "other.parquet")
    (source / "data" / "torn.parquet").write_bytes(b"PAR1 torn")
    done = Imported(tmp_path / "store", source, "meds")
    assert done.report.failed == ("data/other.parquet", "data/torn.parquet")
    assert done.told("other") == [(None, "required column subject_id and code missing; there are a")]
    assert "not a readable parquet file" in done.told("torn")[0][1]
    assert (done.file("other").rows_in, done.file("other").rejected, done.report.events) == (2, 2, 4)
    done.close()


@pytest.mark.parametrize("make", ["empty folder", "other parquet", "text file"])
def test_what_is_no_meds_at_all_is_refused(tmp_path: Path, make: str) -> None:
    source = tmp_path / "source"
    source.mkdir()
    if make == "other parquet":
        pl.DataFrame({"a": [1]}).write_parquet(source / "a.parquet")
    elif make == "text file":
        source = source / "notes.txt"
        source.write_text("no parquet")
    store = create_store(tmp_path / "store")
    with pytest.raises(SourceError):
        IMPORTERS["meds"](store, source, ImportOptions())
    assert store.is_empty()
    store.close()


def test_the_demo_in_meds_goes_in_whole(meds_store: Store) -> None:
    con = meds_store.cursor()
    assert con.execute('SELECT count(*), count("time") FROM event').fetchall() == [(916_166, 916_066)]
    assert con.execute("SELECT count(*), count(death_time) FROM subject").fetchall() == [(100, 31)]


def test_the_same_bytes_again_change_nothing(tmp_path: Path) -> None:
    done = imported(tmp_path)
    again = IMPORTERS["meds"](done.store, tmp_path / "meds", ImportOptions())
    assert (again.unchanged, again.events) == (("data/train/0.parquet",), 0)
    done.close()
