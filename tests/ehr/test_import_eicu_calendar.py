"""The calendar of eICU-CRD: what of its times is kept, and what is made up."""

from datetime import date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ehr.importers import IMPORTERS, ImportOptions
from tests.ehr.eicu_made import Table, stay, write_eicu
from tests.ehr.mimic_made import Imported


def imported(tmp_path: Path, patients: Table, **tables: Table) -> Imported:
    return Imported(tmp_path / "store", write_eicu(tmp_path / "eicu", tables, patients=patients), "eicu")


def stays(done: Imported, stay_class: str = "inpatient") -> list[Any]:
    return done.ask(
        "SELECT split_part(record_id, '/', 2), start_time, end_time FROM encounter "
        f"WHERE class = '{stay_class}' ORDER BY start_time, record_id"
    )


def test_the_stays_of_a_year_are_spread_evenly_over_it(tmp_path: Path) -> None:
    rows = [stay(str(number), patienthealthsystemstayid=str(number), age=str(70 + number)) for number in (2, 1)]
    done = imported(tmp_path, rows)
    assert [(name, end.date()) for name, _, end in stays(done)] == [
        ("1", date(2015, 7, 1)),
        ("2", date(2015, 12, 31)),
    ]
    done.close()


def test_stays_are_in_order_of_year_age_and_death(tmp_path: Path) -> None:
    def row(number: str, year: str, age: str, status: str = "Alive") -> dict[str, str]:
        return stay(number, patienthealthsystemstayid=number, hospitaldischargeyear=year, age=age,
                    hospitaldischargestatus=status)  # fmt: skip

    rows = [row("1", "2015", "72", "Expired"), row("2", "2015", "72"), row("3", "2015", "71"), row("4", "2014", "73")]
    done = imported(tmp_path, rows)
    assert [name for name, _, _ in stays(done)] == ["4", "3", "2", "1"]
    assert done.ask("SELECT died, year(death_time) FROM subject") == [(True, 2015)]
    done.close()


def test_an_expired_patient_with_a_later_stay_is_not_dead(tmp_path: Path) -> None:
    rows = [
        stay("1", patienthealthsystemstayid="1", hospitaldischargeyear="2014", hospitaldischargestatus="Expired"),
        stay("2", patienthealthsystemstayid="2"),
    ]
    done = imported(tmp_path, rows)
    assert done.ask("SELECT died, death_time FROM subject") == [(False, None)]
    assert (1, "Expired, yet the patient has a later stay: no death") in done.told("patient", table="notice")
    done.close()


def test_a_long_stay_pushes_the_next_one_on(tmp_path: Path) -> None:
    rows = [
        stay(
            str(number), patienthealthsystemstayid=str(number), hospitaladmitoffset=str(-300 * 1440), age=str(number)
        )
        for number in (1, 2)
    ]
    done = imported(tmp_path, rows)
    (_, _, first_end), (_, second_start, second_end) = stays(done)
    assert first_end.date() == date(2015, 7, 1)
    assert second_start.date() == date(2015, 7, 2)
    assert second_end.year == 2016
    done.close()


def test_unit_stays_of_one_hospital_stay_keep_their_distance(tmp_path: Path) -> None:
    rows = [
        stay("1", hospitaladmitoffset="-60", hospitaldischargeoffset="3600", unitvisitnumber="1"),
        stay("2", hospitaladmitoffset="-1500", hospitaldischargeoffset="2160", unitvisitnumber="2",
             unitdischargeoffset="600", unitadmittime24="00:00:00"),
    ]  # fmt: skip
    done = imported(tmp_path, rows)
    assert stays(done) == [("128", datetime(2015, 12, 28, 23), datetime(2015, 12, 31, 12))]
    assert stays(done, "icu") == [
        ("1", datetime(2015, 12, 29), datetime(2015, 12, 30, 12)),
        ("2", datetime(2015, 12, 30), datetime(2015, 12, 30, 10)),
    ]
    assert done.ask("SELECT count(*) FROM event WHERE starts_with(code, 'HOSPITAL_')") == [(2,)]
    assert done.ask("SELECT count(*) FROM event WHERE code IN ('MEDS_BIRTH', 'GENDER//F')") == [(2,)]
    done.close()


def test_birth_follows_from_the_first_age_that_is_not_cut_off(tmp_path: Path) -> None:
    rows = [
        stay("1", patienthealthsystemstayid="1", hospitaldischargeyear="2014", age="89"),
        stay("2", patienthealthsystemstayid="2", hospitaldischargeyear="2015", age="> 89"),
    ]
    done = imported(tmp_path, rows)
    assert done.ask("SELECT birth_time FROM subject") == [(datetime(1925, 1, 1),)]
    done.close()


def test_a_clock_that_contradicts_the_offsets_is_told(tmp_path: Path) -> None:
    rows = [stay("1", unitadmittime24="00:01:00"), stay("2", unitadmittime24="04:00:00", uniquepid="002-2")]
    done = imported(tmp_path, rows)
    told = [notice for notice in done.told("patient", table="notice") if notice[0]]
    assert told == [(2, "unitadmittime24 is not what the offsets give: the offsets count")]
    done.close()


def test_a_changed_calendar_is_refused_beside_the_one_in_the_store(tmp_path: Path) -> None:
    lab: Table = [{"labresultoffset": "10", "labname": "sodium", "labresult": "140"}]
    done = imported(tmp_path, [stay()], lab=lab)
    before = done.ask("SELECT * EXCLUDE (event_id, source_id) FROM event ORDER BY ALL")
    more = [stay(), stay("2", patienthealthsystemstayid="2", age="71")]
    changed = write_eicu(tmp_path / "more", {}, patients=more)
    report = IMPORTERS["eicu"](done.store, changed, ImportOptions())
    assert report.rejected == 1
    assert done.ask("SELECT code FROM reject") == [("conflict",)]
    stored = "SELECT * EXCLUDE (event_id, source_id) FROM event WHERE record_id <> 'patient/2' ORDER BY ALL"
    assert done.ask(stored) == before
    done.close()


hospital_stays = st.lists(
    st.tuples(
        st.integers(2014, 2015),  # year
        st.integers(18, 95),  # age
        st.integers(0, 200 * 1440),  # minutes in hospital before the unit
        st.integers(0, 200 * 1440),  # minutes from the unit to the discharge
        st.times().map(lambda at: at.replace(microsecond=0)),  # clock at the discharge
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=8, deadline=None)
@given(hospital_stays)
def test_stays_never_overlap_keep_their_length_and_their_clock(told: list[tuple[int, int, int, int, time]]) -> None:
    rows = [
        stay(
            str(number),
            patienthealthsystemstayid=str(number),
            hospitaldischargeyear=str(year),
            age=str(age) if age < 90 else "> 89",
            hospitaladmitoffset=str(-before),
            hospitaldischargeoffset=str(after),
            hospitaldischargetime24=str(clock),
            unitdischargeoffset=str(after),
        )
        for number, (year, age, before, after, clock) in enumerate(told)
    ]
    with TemporaryDirectory() as folder:
        done = imported(Path(folder), rows)
        placed = stays(done)
        units = {name: start for name, start, _ in stays(done, "icu")}
        done.close()
    assert len(placed) == len(told)
    for name, start, end in placed:
        _, _, before, after, clock = told[int(name)]
        assert end - start == timedelta(minutes=before + after)
        assert units[name] - start == timedelta(minutes=before)
        assert end.time() == clock
    for (_, _, end), (_, start, _) in pairwise(placed):
        assert start.date() > end.date()
    order = [(told[int(name)][0], min(told[int(name)][1], 90)) for name, _, _ in placed]
    assert order == sorted(order)


@pytest.mark.parametrize("cell", ["", "noon", "25:61"])
def test_a_discharge_without_a_clock_is_at_midnight(tmp_path: Path, cell: str) -> None:
    done = imported(tmp_path, [stay(hospitaldischargetime24=cell, unitadmittime24="")])
    assert [end for _, _, end in stays(done)] == [datetime(2015, 12, 31)]
    done.close()
