"""MEDS data sets of others: their types, their metadata, and imports that broke off."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ehr.importers import IMPORTERS, ImportOptions, meds
from ehr.intake import ImportReport
from ehr.simulate import simulate
from ehr.store import Store, create_store
from tests.ehr.meds_made import write_data_set

TIME = datetime(2020, 5, 1, 8)


def imported(store: Store, source: Path, **options: Any) -> ImportReport:
    return IMPORTERS["meds"](store, source, ImportOptions(**options))


def ask(store: Store, query: str) -> list[Any]:
    return store.cursor().execute(query).fetchall()


@pytest.fixture
def store(tmp_path: Path) -> Any:
    opened = create_store(tmp_path / "store")
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (pa.array([TIME], pa.timestamp("s")), TIME),
        (pa.array([TIME], pa.timestamp("ns")), TIME),
        (pa.array([TIME], pa.timestamp("ms", "America/New_York")), TIME),
        (pa.array([date(2020, 5, 1)], pa.date32()), datetime(2020, 5, 1)),
        (pa.array(["2020-05-01T08:00:00"]), TIME),
        (pa.array(["2020-05-01T10:00:00+02:00"]), TIME),
        (pa.array(["2020-05-01 08:00:00Z"], pa.large_string()), TIME),
        (pa.array(["2020-05-01"]).dictionary_encode(), datetime(2020, 5, 1)),
        (pa.array([None], pa.null()), None),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_times_of_any_type(store: Store, tmp_path: Path, time: pa.Array, expected: datetime | None) -> None:
    pq.write_table(pa.table({"subject_id": [7], "time": time, "code": ["A"]}), tmp_path / "0.parquet")
    imported(store, tmp_path / "0.parquet")
    assert ask(store, 'SELECT "time" FROM event') == [(expected,)]


@pytest.mark.parametrize("subject", [pa.int32(), pa.uint64(), pa.float64(), pa.large_string()], ids=str)
def test_numbers_of_any_type(store: Store, tmp_path: Path, subject: pa.DataType) -> None:
    code, value = pa.array(["A"], pa.large_string()), pa.array([1.5], pa.float64())
    table = pa.table({"subject_id": pa.array([7]).cast(subject), "code": code, "numeric_value": value})
    pq.write_table(table, tmp_path / "0.parquet")
    imported(store, tmp_path / "0.parquet")
    assert ask(store, "SELECT subject_id, code, numeric_value FROM event") == [(7, "A", 1.5)]


def test_a_time_that_is_a_date_is_only_known_to_the_day(store: Store, tmp_path: Path) -> None:
    shard = pl.DataFrame({"subject_id": [1, 1], "time": [date(2020, 5, 1), None], "code": ["A", "B"]})
    imported(store, write_data_set(tmp_path / "meds", {"0": shard}))
    assert ask(store, "SELECT time_precision FROM event ORDER BY code") == [("day",), (None,)]


@pytest.mark.parametrize("value", ["8e7", "1.5", "0x10", "9223372036854775808", " ", "seven"])
def test_a_subject_that_is_no_whole_number_is_refused(store: Store, tmp_path: Path, value: str) -> None:
    shard = pl.DataFrame({"subject_id": ["1", value], "time": [TIME, TIME], "code": ["A", "A"]})
    imported(store, write_data_set(tmp_path / "meds", {"0": shard}))
    assert ask(store, "SELECT code, reason, excerpt FROM reject") == [
        ("bad-id", "subject_id is not an integer", f"subject_id={value}")
    ]
    assert ask(store, "SELECT count(*) FROM event") == [(1,)]


def test_a_column_that_means_something_else_is_kept_beside_ours(store: Store, tmp_path: Path) -> None:
    shard = pl.DataFrame(
        {"subject_id": [1], "code": ["A"], "record_id": [5], "codings": ["x"], "utc_offset": ["+1"], "unit": ["mg"]}
    )
    imported(store, write_data_set(tmp_path / "meds", {"0": shard}))
    columns = "unit, record_id, codings, utc_offset, meds_record_id, meds_codings, meds_utc_offset"
    assert ask(store, f"SELECT {columns} FROM event") == [("mg", None, None, None, 5, "x", "+1")]


def test_older_names_are_read(store: Store, tmp_path: Path) -> None:
    shard = pl.DataFrame({"patient_id": [1], "timestamp": [TIME], "code": ["A"], "value": [2.5], "end": [TIME]})
    imported(store, write_data_set(tmp_path / "meds", {"0": shard}))
    assert ask(store, 'SELECT subject_id, "time", numeric_value, end_time FROM event') == [(1, TIME, 2.5, TIME)]


@pytest.mark.parametrize("layout", ["data", "data/nested/deep", "."])
def test_the_files_of_a_data_set_may_lie_anywhere_below(store: Store, tmp_path: Path, layout: str) -> None:
    shard = pl.DataFrame({"subject_id": [1], "time": [TIME], "code": ["A"]})
    codes = pl.DataFrame({"code": ["A"], "description": ["a"]})
    imported(store, write_data_set(tmp_path / "meds", {"0": shard}, codes, data=layout))
    assert ask(store, "SELECT code, description FROM code") == [("A", "a")]


def test_parents_are_edges_of_a_hierarchy_too(store: Store, tmp_path: Path) -> None:
    shard = pl.DataFrame({"subject_id": [1], "time": [TIME], "code": ["LAB//x"]})
    codes = pl.DataFrame({"code": ["LAB//x", "LOCAL//1"], "parent_codes": [["LOCAL//1"], ["LOCAL//top"]]})
    imported(store, write_data_set(tmp_path / "meds", {"0": shard}, codes))
    assert ask(store, "SELECT child, parent FROM hierarchy ORDER BY 1") == [
        ("LAB//x", "LOCAL//1"),
        ("LOCAL//1", "LOCAL//top"),
    ]
    assert ask(store, "SELECT list_contains(parents, 'LOCAL//1') FROM code") == [(True,)]
    assert ("LOCAL//top",) in ask(store, "SELECT ancestor FROM code_ancestor WHERE code = 'LAB//x'")


def test_new_events_get_titles_from_codes_that_were_there_before(store: Store, tmp_path: Path) -> None:
    codes = pl.DataFrame({"code": ["A", "B"], "description": ["a", "b"]})
    source = write_data_set(tmp_path / "meds", {"0": pl.DataFrame({"subject_id": [1], "code": ["A"]})}, codes)
    imported(store, source)
    write_data_set(source, {"1": pl.DataFrame({"subject_id": [2], "code": ["B"]})})
    report = imported(store, source)
    assert set(report.unchanged) == {"data/0.parquet", "metadata/codes.parquet"}
    assert ask(store, "SELECT code, description FROM code ORDER BY code") == [("A", "a"), ("B", "b")]


def test_damaged_pages_refuse_the_file_and_the_others_go_in(store: Store, tmp_path: Path) -> None:
    shard = pl.DataFrame({"subject_id": range(50_000), "code": [f"A{number}" for number in range(50_000)]})
    source = write_data_set(tmp_path / "meds", {"0": shard.head(10), "1": shard})
    path = source / "data" / "1.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 3 : len(data) // 3 + 200] = bytes(200)
    path.write_bytes(bytes(data))
    report = imported(store, source)
    assert report.failed == ("data/1.parquet",)
    assert ask(store, "SELECT count(*) FROM event") == [(10,)]
    assert ask(store, "SELECT code FROM reject") == [("broken-file",)]


@pytest.mark.parametrize("codes", [b"no parquet", None])
def test_metadata_that_cannot_be_read_is_told_and_the_events_go_in(
    store: Store, tmp_path: Path, codes: bytes | None
) -> None:
    source = write_data_set(tmp_path / "meds", {"0": pl.DataFrame({"subject_id": [1], "code": ["A"]})})
    (source / "metadata").mkdir()
    if codes is None:
        pl.DataFrame({"name": ["A"]}).write_parquet(source / "metadata" / "codes.parquet")
    else:
        (source / "metadata" / "codes.parquet").write_bytes(codes)
    assert imported(store, source).failed == ("metadata/codes.parquet",)
    assert ask(store, "SELECT count(*) FROM event") == [(1,)]


def test_an_import_that_broke_off_goes_on_with_the_other_files(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shards = {str(number): pl.DataFrame({"subject_id": [number], "code": ["A"]}) for number in range(4)}
    source = write_data_set(tmp_path / "meds", shards, pl.DataFrame({"code": ["A"], "description": ["a"]}))
    read, seen = meds._read_events, []

    def breaks_off(entry: Any, *rest: Any) -> None:
        seen.append(entry.name)
        if len(seen) == 3:
            raise KeyboardInterrupt
        read(entry, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(meds, "_read_events", breaks_off)
        with pytest.raises(KeyboardInterrupt):
            imported(store, source, batch_bytes=1)
    assert ask(store, "SELECT count(*) FROM event") == [(2,)]
    report = imported(store, source)
    assert (len(report.unchanged), report.events) == (3, 2)
    assert ask(store, "SELECT code, description, n_events, n_subjects FROM code") == [("A", "a", 4, 4)]


def test_a_further_column_of_two_types_is_refused_before_anything_goes_in(store: Store, tmp_path: Path) -> None:
    base = pl.DataFrame({"subject_id": [1], "code": ["A"]})
    shards = {"0": base.with_columns(ward=pl.lit("a")), "1": base.with_columns(ward=pl.lit(1))}
    with pytest.raises(Exception, match="column ward is INTEGER here and VARCHAR in the store"):
        imported(store, write_data_set(tmp_path / "meds", shards), batch_bytes=1)
    assert store.is_empty()


def test_the_stays_of_made_patients_are_those_of_their_tables(tmp_path: Path) -> None:
    query = """
        SELECT subject_id, class, type, start_time, end_time, admit_source, disposition FROM encounter ORDER BY ALL
    """
    found = []
    for name in ("mimic", "meds"):
        simulate(tmp_path / name, patients=30, seed=5, format_name=name)
        opened = create_store(tmp_path / f"{name}-store")
        IMPORTERS[name](opened, tmp_path / name, ImportOptions())
        found.append(ask(opened, query))
        opened.close()
    assert found[0] == found[1]
    assert len(found[0]) > 50


@pytest.mark.parametrize("batch_bytes", [1, 2**20])
def test_a_file_that_is_there_twice_goes_in_once(store: Store, tmp_path: Path, batch_bytes: int) -> None:
    shard = pl.DataFrame({"subject_id": [1], "code": ["A"]})
    source = write_data_set(tmp_path / "meds", {"0": shard, "copy": shard})
    report = imported(store, source, batch_bytes=batch_bytes)
    assert (report.events, report.unchanged) == (1, ("data/copy.parquet",))


def test_the_folder_of_the_files_stands_for_its_data_set(store: Store, tmp_path: Path) -> None:
    shard, codes = (
        pl.DataFrame({"subject_id": [1], "code": ["A"]}),
        pl.DataFrame({"code": ["A"], "description": ["a"]}),
    )
    source = write_data_set(tmp_path / "meds", {"0": shard}, codes)
    imported(store, source / "data")
    assert ask(store, "SELECT code, description FROM code") == [("A", "a")]
    assert imported(store, source).events == 0


def test_a_data_set_without_times_is_read(store: Store, tmp_path: Path) -> None:
    shard = pl.DataFrame({"subject_id": [1], "code": ["HOSPITAL_ADMISSION//A//UNK"]})
    imported(store, write_data_set(tmp_path / "meds", {"0": shard}))
    assert ask(store, "SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM encounter)") == [(1, 0)]


def test_zoned_times_are_utc_whatever_the_zone_of_the_session(store: Store, tmp_path: Path) -> None:
    store.cursor().execute("SET GLOBAL TimeZone = 'Asia/Tokyo'")
    time = pl.Series([datetime(2020, 5, 1, 8, tzinfo=UTC)]).dt.convert_time_zone("Europe/Berlin")
    shard = pl.DataFrame({"subject_id": [1], "code": ["A"], "time": time})
    imported(store, write_data_set(tmp_path / "meds", {"0": shard}))
    assert ask(store, 'SELECT "time" FROM event') == [(TIME,)]
