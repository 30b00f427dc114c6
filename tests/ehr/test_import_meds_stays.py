"""Stays that follow from the admissions and discharges of a MEDS data set."""

from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ehr.importers import IMPORTERS, ImportOptions
from ehr.store import Store, create_store
from tests.ehr.meds_made import write_data_set

Row = tuple[int, datetime, str]
COLUMNS = "subject_id, class, type, start_time, end_time, admit_source, disposition"


def day(number: int, hour: int = 0) -> datetime:
    return datetime(2020, 1, 1) + timedelta(days=number, hours=hour)


def frame(rows: list[Row], **further: list[Any]) -> pl.DataFrame:
    columns = {"subject_id": pl.Int64, "time": pl.Datetime("us"), "code": pl.String}
    return pl.DataFrame(rows, schema=columns, orient="row").with_columns(
        **{name: pl.Series(values) for name, values in further.items()}
    )


def stays(tmp_path: Path, *shards: pl.DataFrame, columns: str = COLUMNS, batch_bytes: int = 2**20) -> list[Any]:
    source = write_data_set(tmp_path / "meds", {str(place): shard for place, shard in enumerate(shards)})
    store = create_store(tmp_path / "store")
    IMPORTERS["meds"](store, source, ImportOptions(batch_bytes=batch_bytes))
    found = (
        store.cursor().execute(f"SELECT {columns} FROM encounter ORDER BY subject_id, start_time, class").fetchall()
    )
    store.close()
    return found


def test_an_admission_and_the_discharge_after_it_make_a_stay(tmp_path: Path) -> None:
    rows = [
        (1, day(1), "HOSPITAL_ADMISSION//URGENT//EMERGENCY ROOM"),
        (1, day(2), "ICU_ADMISSION//MICU"),
        (1, day(3), "ICU_DISCHARGE//MICU"),
        (1, day(5), "HOSPITAL_DISCHARGE//HOME"),
        (1, day(9), "HOSPITAL_ADMISSION//ELECTIVE//UNK"),
        (2, day(1), "HOSPITAL_ADMISSION//URGENT//UNK"),
        (2, day(2), "HOSPITAL_DISCHARGE//Expired"),
    ]
    assert stays(tmp_path, frame(rows)) == [
        (1, "inpatient", "URGENT", day(1), day(5), "EMERGENCY ROOM", "HOME"),
        (1, "icu", "MICU", day(2), day(3), None, None),
        (1, "inpatient", "ELECTIVE", day(9), None, None, None),
        (2, "inpatient", "URGENT", day(1), day(2), None, "DIED"),
    ]


def test_parts_of_a_hospital_stay_know_it(tmp_path: Path) -> None:
    rows = [
        (1, day(1, 0), "ED_REGISTRATION"),
        (1, day(1, 4), "ED_OUT"),
        (1, day(1, 8), "HOSPITAL_ADMISSION//URGENT//UNK"),
        (1, day(1, 7), "ICU_ADMISSION//MICU"),
        (1, day(2), "ICU_DISCHARGE//MICU"),
        (1, day(3), "HOSPITAL_DISCHARGE//HOME"),
        (1, day(20), "ED_REGISTRATION"),
        (1, day(20, 3), "ED_OUT"),
    ]
    columns = "class, (SELECT start_time FROM encounter AS around WHERE around.encounter_id = encounter.parent_id)"
    assert stays(tmp_path, frame(rows), columns=columns) == [
        ("emergency", day(1, 8)),  # it ended within hours of the admission
        ("icu", day(1, 8)),  # it began before the admission was written down
        ("inpatient", None),
        ("emergency", None),
    ]


def test_at_one_time_a_discharge_comes_before_an_admission(tmp_path: Path) -> None:
    rows = [
        (1, day(1), "HOSPITAL_ADMISSION//A//UNK"),
        (1, day(2), "HOSPITAL_ADMISSION//B//UNK"),
        (1, day(2), "HOSPITAL_DISCHARGE//HOME"),
        (1, day(4), "HOSPITAL_DISCHARGE//SNF"),
    ]
    assert stays(tmp_path, frame(rows), columns="type, end_time") == [("A", day(2)), ("B", day(4))]


def test_a_visit_without_length_is_one_visit(tmp_path: Path) -> None:
    rows = [
        (1, day(1), "ENCOUNTER_START//AMB"),
        (1, day(1), "ENCOUNTER_END//AMB"),
        (1, day(2), "ENCOUNTER_START//VR"),
        (1, day(2), "ENCOUNTER_END//VR"),
    ]
    assert stays(tmp_path, frame(rows), columns="class, start_time, end_time") == [
        ("ambulatory", day(1), day(1)),
        ("virtual", day(2), day(2)),
    ]


def test_stays_that_are_named_pair_by_their_number(tmp_path: Path) -> None:
    rows = [
        (1, day(1), "HOSPITAL_ADMISSION//A//UNK"),
        (1, day(2), "HOSPITAL_ADMISSION//B//UNK"),
        (1, day(2, 1), "ICU_ADMISSION//MICU"),
        (1, day(2, 5), "ICU_DISCHARGE//MICU"),
        (1, day(3), "HOSPITAL_DISCHARGE//HOME"),
        (1, day(6), "HOSPITAL_DISCHARGE//SNF"),
    ]
    shard = frame(rows, hadm_id=[10, 11, 11, 11, 11, 10], icustay_id=[None, None, 7, 7, None, None])
    columns = "encounter_id, parent_id, start_time, end_time"
    assert stays(tmp_path, shard, columns=columns) == [
        (10, None, day(1), day(6)),
        (11, None, day(2), day(3)),
        (7, 11, day(2, 1), day(2, 5)),
    ]


def test_a_part_that_names_only_the_hospital_stay_gets_a_number_of_its_own(tmp_path: Path) -> None:
    rows = [
        (1, day(1), "HOSPITAL_ADMISSION//A//UNK"),
        (1, day(2), "ICU_ADMISSION//MICU"),
        (1, day(3), "ICU_DISCHARGE//MICU"),
        (1, day(4), "HOSPITAL_DISCHARGE//HOME"),
    ]
    found = stays(tmp_path, frame(rows, hadm_id=[10, 10, 10, 10]), columns="encounter_id, parent_id, class")
    (whole, _, _), (part, parent, _) = found
    assert (whole, parent, [row[2] for row in found]) == (10, 10, ["inpatient", "icu"])
    assert part != whole


def test_the_name_of_a_stay_may_be_a_text(tmp_path: Path) -> None:
    rows = [(1, day(1), "ENCOUNTER_START//AMB"), (1, day(1, 2), "LAB//x"), (1, day(1, 3), "ENCOUNTER_END//AMB")]
    source = write_data_set(tmp_path / "meds", {"0": frame(rows, visit_id=["v-1", "v-1", "v-1"])})
    store = create_store(tmp_path / "store")
    IMPORTERS["meds"](store, source, ImportOptions())
    query = "SELECT count(*), count(DISTINCT encounter_id) FROM event JOIN encounter USING (encounter_id)"
    assert store.cursor().execute(query).fetchall() == [(3, 1)]
    store.close()


@pytest.mark.parametrize("batch_bytes", [1, 2**20], ids=["a batch a file", "one batch"])
def test_a_stay_may_be_spread_over_files(tmp_path: Path, batch_bytes: int) -> None:
    first = [(1, day(1), "HOSPITAL_ADMISSION//A//UNK")]
    second = [(1, day(4), "HOSPITAL_DISCHARGE//HOME")]
    found = stays(tmp_path, frame(first), frame(second), columns="start_time, end_time", batch_bytes=batch_bytes)
    assert found == [(day(1), day(4))]


def test_the_end_that_an_admission_tells_itself_counts(tmp_path: Path) -> None:
    rows = [(1, day(1), "HOSPITAL_ADMISSION//A//UNK"), (1, day(4), "HOSPITAL_DISCHARGE//HOME")]
    shard = frame(rows, end_time=[day(3), None])
    assert stays(tmp_path, shard, columns="end_time") == [(day(3),)]


lengths = st.lists(st.tuples(st.integers(0, 5), st.integers(1, 5), st.booleans()), min_size=1, max_size=8)


@settings(max_examples=8, deadline=None)
@given(lengths, st.randoms(use_true_random=False))
def test_stays_that_do_not_overlap_are_found_whatever_the_order_of_rows(
    parts: list[tuple[int, int, bool]], random: Any
) -> None:
    """Stays with gaps of 0 to 5 days; the end of some is not written down."""
    at, rows, expected = 0, [], []
    for gap, length, is_open in parts:
        begin, at = day(at + gap), at + gap + length
        rows.append((1, begin, "HOSPITAL_ADMISSION//A//UNK"))
        if not is_open:
            rows.append((1, day(at), "HOSPITAL_DISCHARGE//HOME"))
        expected.append((begin, None if is_open else day(at)))
    random.shuffle(rows)
    with TemporaryDirectory() as folder:
        assert stays(Path(folder), frame(rows), columns="start_time, end_time") == expected


def test_the_stays_of_the_demo_are_those_of_its_own_tables(mimic_store: Store, meds_store: Store) -> None:
    """Every admission and ICU stay is found again; of two that share an emergency visit, that ETL kept one."""
    query = """
        SELECT stay.subject_id, stay.class, stay.type, stay.start_time, stay.end_time, stay.admit_source,
               stay.disposition, around.start_time AS around
        FROM encounter AS stay LEFT JOIN encounter AS around ON around.encounter_id = stay.parent_id
        ORDER BY ALL
    """
    told, derived = (store.cursor().execute(query).fetchall() for store in (mimic_store, meds_store))
    assert len(told) == 597
    assert len(derived) == 596
    assert set(derived) <= set(told)
    assert [row[1] for row in told if row not in derived] == ["emergency"]
