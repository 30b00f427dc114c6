"""A store as a MEDS data set: valid by the schemas of MEDS, and the same store when it is read back."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import meds
import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ehr.errors import ExportError
from ehr.exporters import EXPORTERS, ExportOptions, ExportReport, partition
from ehr.exporters import meds as exporter
from ehr.importers import IMPORTERS, ImportOptions
from ehr.intake import Intake, event_frame
from ehr.simulate import simulate
from ehr.splits import split_of
from ehr.store import Store, create_store
from tests.ehr.meds_made import write_data_set
from tests.ehr.same_store import differences


def export(store: Store, out: Path, **options: Any) -> ExportReport:
    return EXPORTERS["meds"](store, out, ExportOptions(**options))


def read_back(out: Path, path: Path) -> Store:
    store = create_store(path)
    IMPORTERS["meds"](store, out, ImportOptions())
    return store


def made_store(
    path: Path, events: list[dict[str, Any]], stages: dict[str, list[dict[str, Any]]] | None = None
) -> Store:
    """Make a store of the events given, and of rows for other stages."""
    store = create_store(path)
    intake = Intake(store, "made", path)
    entry = intake.begin("made", "made")
    for name, rows in (stages or {}).items():
        entry.stage_frame(name, pl.DataFrame(rows))
    entry.stage_frame("event", event_frame(events))
    entry.tally("made", rows_in=len(events), accepted=len(events))
    intake.commit()
    return store


def check_meds(out: Path) -> None:
    """Check a data set against the schemas of the package meds, and what MEDS says beside them."""
    seen: set[int] = set()
    codes: set[str] = set()
    splits = pq.read_table(out / meds.subject_splits_filepath)
    meds.SubjectSplitSchema.validate(splits)
    split_of_subject = dict(zip(*(splits[name].to_pylist() for name in ("subject_id", "split")), strict=True))
    for file in sorted((out / meds.data_subdirectory).rglob("*.parquet")):
        table = pq.ParquetFile(file).read()
        meds.DataSchema.validate(table)
        frame = pl.from_arrow(table.select(["subject_id", "time", "code"]))
        assert isinstance(frame, pl.DataFrame)
        assert frame.equals(frame.sort("subject_id", "time", nulls_last=False, maintain_order=True))
        subjects = set(frame["subject_id"].to_list())
        assert not subjects & seen
        assert file.parent.name == "data" or {split_of_subject[one] for one in subjects} == {file.parent.name}
        seen |= subjects
        codes |= set(frame["code"].to_list())
    metadata = pq.read_table(out / meds.code_metadata_filepath)
    meds.CodeMetadataSchema.validate(metadata)
    assert set(metadata["code"].to_pylist()) == codes
    meds.DatasetMetadataSchema.validate(json.loads((out / meds.dataset_metadata_filepath).read_text()))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Return a store with a row of everything that an export has to carry."""
    time = datetime(2020, 5, 1, 8)
    events = [
        {"subject_id": 1, "code": "GENDER//F"},
        {"subject_id": 1, "time": datetime(1980, 1, 1), "code": "MEDS_BIRTH", "time_precision": "year"},
        {"subject_id": 1, "time": time, "code": "LAB//a", "numeric_value": 0.1, "unit": "mg/dL", "utc_offset": -300},
        {"subject_id": 1, "time": time, "code": "LAB//a", "numeric_value": 0.1, "unit": "mg/dL"},
        {"subject_id": 1, "time": time, "code": "LAB//b", "text_value": "Ω „high“\n", "value_code": "SNOMED//1"},
        {"subject_id": 2, "time": time, "code": "CONDITION//ICD10//E11.9", "status": "active", "encounter_id": 7,
         "end_time": time, "record_id": "Condition/c", "codings": ["CONDITION//ICD10//E11.9", "X//1"]},
    ]  # fmt: skip
    stages: dict[str, list[dict[str, Any]]] = {
        "subject": [
            {"subject_id": 2, "identifiers": ["mrn|b", "mrn|a"], "deceased": True},
            {"subject_id": 3, "identifiers": None, "deceased": False},
        ],
        "encounter": [
            {"encounter_id": 7, "parent_id": 8, "subject_id": 2, "class": "icu", "type": "MICU", "start_time": time},
            {"encounter_id": 8, "parent_id": None, "subject_id": 2, "class": "inpatient", "type": None,
             "start_time": None},
        ],
        "code": [{"code": "LAB//a", "description": "A", "system": "OURS", "parents": ["OURS//top"]}],
        "record": [
            {"record_id": "Condition/c", "subject_id": 2, "version_id": "2", "last_updated": time, "digest": 5},
            {"record_id": "Condition/d", "subject_id": 2, "version_id": "1", "last_updated": None, "digest": None},
        ],
        "tombstone": [{"subject_id": 9, "deleted_at": time, "n_events": 12}],
        "hierarchy": [{"child": "OURS//top", "parent": "OURS//root"}],
    }  # fmt: skip
    store = made_store(tmp_path_factory.mktemp("made") / "store", events, stages)
    yield store
    store.close()


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Return a store of a MEDS data set of others: further columns, stays that follow from events, a hierarchy."""
    folder = tmp_path_factory.mktemp("foreign")
    time = datetime(2020, 5, 1, 8)
    events = pl.DataFrame(
        {
            "subject_id": [1, 1, 1, 2],
            "time": [time, time, time + timedelta(days=1), None],
            "code": ["HOSPITAL_ADMISSION//A//UNK", "LAB//LOINC//2160-0", "HOSPITAL_DISCHARGE//HOME", "EYES//BLUE"],
            "ward": ["a", None, "b", None],
            "source_id": [1, 2, 3, 4],
            "tags": [["x"], [], None, ["y", None]],
        }
    )
    codes = pl.DataFrame({"code": ["LAB//LOINC//2160-0"], "parent_codes": [["LOINC/LP1", "OMOP/2"]]})
    write_data_set(folder / "meds", {"0": events}, codes)
    store = create_store(folder / "store")
    IMPORTERS["meds"](store, folder / "meds", ImportOptions())
    yield store
    store.close()


@pytest.mark.parametrize("name", ["mimic_store", "fhir_store", "foreign", "made"])
def test_a_store_comes_back_the_same(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    store: Store = request.getfixturevalue(name)
    report = export(store, tmp_path / "out", shard_events=100_000)
    check_meds(tmp_path / "out")
    back = read_back(tmp_path / "out", tmp_path / "back")
    assert differences(store, back) == []
    assert report.events == back.cursor().execute("SELECT count(*) FROM event").fetchall()[0][0]
    back.close()


def test_made_patients_come_back_the_same(tmp_path: Path) -> None:
    simulate(tmp_path / "source", patients=30, seed=3, format_name="mimic")
    store = create_store(tmp_path / "store")
    IMPORTERS["mimic"](store, tmp_path / "source", ImportOptions())
    export(store, tmp_path / "out", shard_events=500)
    check_meds(tmp_path / "out")
    back = read_back(tmp_path / "out", tmp_path / "back")
    assert differences(store, back) == []
    for opened in (store, back):
        opened.close()


def test_an_export_of_what_was_read_back_is_the_same_data_set(made: Store, tmp_path: Path) -> None:
    export(made, tmp_path / "one", name="made")
    back = read_back(tmp_path / "one", tmp_path / "back")
    export(back, tmp_path / "two", name="made")
    back.close()
    files = [path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.parquet")]
    assert len(files) > 5
    for file in files:
        assert pl.read_parquet(tmp_path / "one" / file).equals(pl.read_parquet(tmp_path / "two" / file)), file


texts = st.one_of(st.none(), st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=5))
times = st.one_of(st.none(), st.datetimes(datetime(1990, 1, 1), datetime(1990, 1, 3)))
rows = st.fixed_dictionaries(
    {
        "subject_id": st.sampled_from([-5, 0, 1, 2, 3, 2**62]),
        "time": times,
        "code": st.sampled_from(["A", "LAB//x//mg/dL", "MEDS_DEATH", "GENDER//M"]),
        "numeric_value": st.one_of(st.none(), st.floats(width=32, allow_nan=False, allow_infinity=False)),
        "text_value": texts,
        "value_code": texts,
        "unit": texts,
        "encounter_id": st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
        "end_time": times,
        "status": texts,
        "record_id": texts,
        "codings": st.one_of(st.none(), st.lists(st.sampled_from(["A", "B//1"]), min_size=1, max_size=3)),
        "time_precision": st.sampled_from([None, "year", "month", "day"]),
        "utc_offset": st.one_of(st.none(), st.integers(-840, 840)),
    }
)


@settings(max_examples=5, deadline=None)
@given(st.lists(rows, min_size=1, max_size=30), st.integers(1, 10))
def test_events_of_any_kind_come_back_in_their_order(events: list[dict[str, Any]], shard_events: int) -> None:
    with TemporaryDirectory() as folder:
        store = made_store(Path(folder, "store"), events)
        export(store, Path(folder, "out"), shard_events=shard_events)
        check_meds(Path(folder, "out"))
        back = read_back(Path(folder, "out"), Path(folder, "back"))
        assert differences(store, back) == []
        store.close()
        back.close()


def test_files_are_cut_by_patients_and_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter, "BATCH_ROWS", 7)
    start = datetime(2020, 1, 1)
    events = [
        {"subject_id": subject, "time": start + timedelta(hours=hour), "code": "A"}
        for subject in range(40)
        for hour in range(5)
    ]
    store = made_store(tmp_path / "store", events)
    moves: list[tuple[int, int]] = []
    report = export(
        store, tmp_path / "out", shard_events=50, progress=lambda _what, done, total: moves.append((done, total))
    )
    store.close()
    check_meds(tmp_path / "out")
    assert {name: counts["events"] for name, counts in report.splits.items()} == {
        name: 5 * sum(split_of(subject) == name for subject in range(40)) for name in report.splits
    }
    assert report.splits["train"]["files"] == 4
    assert moves[-1] == (200, 200)


@pytest.mark.parametrize("name", ["mimic_store", "made"])
def test_a_partition_comes_back_as_the_same_store(
    name: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partition, "GROUP_ROWS", 10_000)
    monkeypatch.setattr(partition, "PENDING_ROWS", 30_000)
    store: Store = request.getfixturevalue(name)
    report = export(store, tmp_path / "out", partition=7, shard_events=200_000)
    check_meds(tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out" / "data").iterdir()) == [f"{n}.parquet" for n in range(7)]
    assert report.splits.keys() == {"all"}
    back = read_back(tmp_path / "out", tmp_path / "back")
    assert differences(store, back) == []
    back.close()


def test_the_files_of_a_partition_differ_by_less_than_the_largest_patient(tmp_path: Path) -> None:
    sizes = {subject: 1 + subject % 13 for subject in range(300)}
    events = [
        {"subject_id": subject, "time": datetime(2020, 1, 1) + timedelta(hours=hour), "code": "A"}
        for subject, size in sizes.items()
        for hour in range(size)
    ]
    store = made_store(tmp_path / "store", events)
    report = export(store, tmp_path / "out", partition=4)
    store.close()
    check_meds(tmp_path / "out")
    rows = [pq.ParquetFile(path).metadata.num_rows for path in (tmp_path / "out" / "data").iterdir()]
    assert sum(rows) == len(events)
    assert max(rows) - min(rows) <= 2 * max(sizes.values())
    assert report.splits["all"] == {"subjects": 300, "events": len(events), "files": 4}
    first = pl.read_parquet(tmp_path / "out" / "data" / "0.parquet")["subject_id"].unique().to_list()
    assert max(first) - min(first) > 200, "who is in a file does not follow the numbers of patients"


def test_a_folder_that_is_not_empty_is_left_alone(made: Store, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("keep")
    with pytest.raises(ExportError, match="is not empty"):
        export(made, out)
    with pytest.raises(ExportError, match=r"mine\.txt, which is no part of an export"):
        export(made, out, force=True)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_force_replaces_an_earlier_export_only_when_the_new_one_is_whole(
    made: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    export(made, out, name="first")
    with pytest.raises(ExportError, match="--force"):
        export(made, out, name="second")

    def broken(*_: object) -> dict[str, Any]:
        raise OSError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(exporter, "_description", broken)
        with pytest.raises(OSError, match="full"):
            export(made, out, name="second", force=True)
    assert json.loads((out / "metadata/dataset.json").read_text())["dataset_name"] == "first"
    export(made, out, name="third", force=True)
    assert json.loads((out / "metadata/dataset.json").read_text())["dataset_name"] == "third"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_a_killed_export_left_is_cleared_away(made: Store, tmp_path: Path) -> None:
    (tmp_path / "out.partial" / "data").mkdir(parents=True)
    export(made, tmp_path / "out")
    check_meds(tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_deletions_are_taken_over_but_take_nobody_out(made: Store, tmp_path: Path) -> None:
    export(made, tmp_path / "out")
    store = made_store(tmp_path / "store", [{"subject_id": 9, "code": "A"}])
    IMPORTERS["meds"](store, tmp_path / "out", ImportOptions())
    assert store.cursor().execute("SELECT count(*) FROM tombstone").fetchall() == [(0,)]
    assert store.cursor().execute("SELECT count(*) FROM event WHERE subject_id = 9").fetchall() == [(1,)]
    store.close()


def test_records_of_a_patient_who_was_deleted_do_not_come_back(made: Store, tmp_path: Path) -> None:
    export(made, tmp_path / "out")
    store = create_store(tmp_path / "store")
    store.cursor().execute("INSERT INTO tombstone VALUES (2, now()::TIMESTAMP, 1)")
    report = IMPORTERS["meds"](store, tmp_path / "out", ImportOptions())
    con = store.cursor()
    for table in ("event", "encounter", "subject", "record"):
        assert con.execute(f"SELECT count(*) FROM {table} WHERE subject_id = 2").fetchall() == [(0,)]
    assert report.rejected == 6  # an event, the patient, two stays and two records
    assert con.execute("SELECT DISTINCT code FROM reject").fetchall() == [("deleted-subject",)]
    store.close()
