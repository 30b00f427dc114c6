"""Every query of docs/cookbook.md runs, and most give what is computed a second time here, without SQL."""

import math
import re
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Any, Final

import polars as pl
import pytest

from ehr.importers import IMPORTERS, ImportOptions
from ehr.simulate import simulate
from ehr.store import Store, create_store, frame_of, open_store
from sql.query import run_query
from tests.conftest import REPOSITORY

PAGE: Final = (REPOSITORY / "docs" / "cookbook.md").read_text(encoding="utf-8")
RECIPES: Final[dict[int, str]] = {
    int(number): query
    for number, query in re.findall(r"^## (\d+)\. .*?```sql\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL)
}
HEART_FAILURE: Final = "^DIAGNOSIS//ICD//(10//I50|9//428)"
CREATININE: Final = "LAB//50912//mg/dL"
HEART_RATE: Final = "LAB//220045//bpm"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Return a store of made patients in the format of MIMIC-IV."""
    folder = tmp_path_factory.mktemp("cookbook")
    simulate(folder / "data", patients=150, seed=11, format_name="mimic")
    store = create_store(folder / "store")
    IMPORTERS["mimic"](store, folder / "data", ImportOptions())
    store.close()
    store = open_store(folder / "store", locked=True)
    yield store
    store.close()


@pytest.fixture(params=["made", "mimic_store"])
def store(request: pytest.FixtureRequest) -> Store:
    """Return both stores in turn."""
    store: Store = request.getfixturevalue(request.param)
    return store


def rows(store: Store, number: int) -> list[tuple[Any, ...]]:
    table = run_query(store, RECIPES[number]).table
    return [tuple(row.values()) for row in table.to_pylist()]


def read(store: Store, table: str) -> pl.DataFrame:
    return frame_of(store.cursor().sql(f"FROM {table}"))


def stays(store: Store, kind: str) -> pl.DataFrame:
    return read(store, "encounter").filter(pl.col("class") == kind)


def events(store: Store, pattern: str) -> pl.DataFrame:
    return read(store, "event").filter(pl.col("code").str.contains(pattern), pl.col("time").is_not_null())


def days(begin: Any, end: Any) -> float:
    return float((end - begin) / timedelta(days=1))


def test_the_page_has_twenty_five_recipes_in_order() -> None:
    assert list(RECIPES) == list(range(1, 26))
    assert PAGE.count("**Watch out:**") == 25


@pytest.mark.parametrize("number", RECIPES)
def test_every_recipe_answers(number: int, store: Store) -> None:
    found = rows(store, number)
    assert found
    assert all(any(value not in (None, 0) for value in row) for row in found[:1])


def test_heart_failure(store: Store) -> None:
    found = events(store, HEART_FAILURE)
    assert rows(store, 1) == [(found["subject_id"].n_unique(), found["encounter_id"].drop_nulls().n_unique())]


def test_frequent_diagnoses(store: Store) -> None:
    coded = read(store, "event").join(read(store, "code").filter(pl.col("kind") == "condition"), on="code")
    counts = coded.group_by("description").agg(pl.col("subject_id").n_unique().alias("n"))
    assert rows(store, 2) == counts.sort("n", "description", descending=[True, False]).head(10).rows()


def test_death_by_age(store: Store) -> None:
    births = dict(read(store, "subject").select("subject_id", "birth_time").iter_rows())
    counts: dict[int, list[int]] = {}
    for stay in stays(store, "inpatient").filter(pl.col("end_time").is_not_null()).iter_rows(named=True):
        begin, birth = stay["start_time"].date(), births[stay["subject_id"]].date()
        age = begin.year - birth.year - ((begin.month, begin.day) < (birth.month, birth.day))
        counts.setdefault(age // 10 * 10, []).append(stay["disposition"] == "DIED")
    expected = [(age, len(died), sum(died), round(100 * sum(died) / len(died), 1)) for age, died in counts.items()]
    assert rows(store, 4) == sorted(expected)


def test_length_of_stay(store: Store) -> None:
    frame = read(store, "encounter").filter(pl.col("end_time") > pl.col("start_time"))
    lengths = frame.with_columns(days=(pl.col("end_time") - pl.col("start_time")).dt.total_microseconds() / 86400e6)
    for kind, n_stays, median, ninth_decile in rows(store, 5):
        own = lengths.filter(pl.col("class") == kind)["days"]
        assert n_stays == own.len()
        assert median == pytest.approx(own.median(), abs=0.0051)
        assert ninth_decile == pytest.approx(own.quantile(0.9, "linear"), abs=0.0051)


def test_readmission(store: Store) -> None:
    discharges = readmissions = 0
    for _, own in (
        stays(store, "inpatient").sort("start_time", "encounter_id").group_by("subject_id", maintain_order=True)
    ):
        listed = own.select("start_time", "end_time", "disposition").rows()
        for (_, end, disposition), following in zip(listed, [*listed[1:], None], strict=True):
            if end is not None and disposition != "DIED":
                discharges += 1
                readmissions += following is not None and timedelta(0) <= following[0] - end <= timedelta(days=30)
    ((found, back, percent),) = rows(store, 6)
    assert (found, back) == (discharges, readmissions)
    assert percent == pytest.approx(100 * readmissions / discharges, abs=0.0501)


def near(
    store: Store, kind: str, code: str, begin: str, since: timedelta, until: timedelta, last: bool
) -> list[float | None]:
    """Return the first or last value of a code between two spans from a time of each stay."""
    numbers = events(store, f"^{re.escape(code)}$").filter(pl.col("numeric_value").is_not_null())
    values: dict[int, list[tuple[Any, int, float]]] = {}
    for subject, *row in numbers.select("subject_id", "time", "event_id", "numeric_value").iter_rows():
        values.setdefault(subject, []).append((row[0], row[1], row[2]))
    found: list[float | None] = []
    for subject, time in stays(store, kind).select("subject_id", begin).drop_nulls().iter_rows():
        own = sorted(one for one in values.get(subject, []) if time + since <= one[0] <= time + until)
        found.append(own[-1 if last else 0][2] if own else None)
    return found


def test_first_creatinine(store: Store) -> None:
    found = near(store, "inpatient", CREATININE, "start_time", timedelta(0), timedelta(hours=24), last=False)
    measured = [value for value in found if value is not None]
    ((n_stays, n_measured, median, above),) = rows(store, 7)
    assert (n_stays, n_measured, above) == (len(found), len(measured), sum(value > 2 for value in measured))
    assert median == pytest.approx(pl.Series(measured).median(), abs=0.0051)


def test_rise_of_creatinine(store: Store) -> None:
    numbers = events(store, f"^{CREATININE}$").filter(pl.col("numeric_value").is_not_null())
    patients, risen = set(), 0
    for (subject,), own in numbers.group_by("subject_id"):
        listed = own.select("time", "numeric_value").rows()
        for time, value in listed:
            lowest = min(other for at, other in listed if time - timedelta(hours=48) <= at <= time)
            if round(round(value - lowest, 3), 2) >= 0.3:
                patients.add(subject)
                risen += 1
    assert rows(store, 8) == [(len(patients), risen)]


def merged(spans: list[tuple[Any, Any]], gap: timedelta = timedelta(0)) -> list[tuple[Any, Any]]:
    """Return spans with those that touch, or lie no further apart than `gap`, made one."""
    joined: list[tuple[Any, Any]] = []
    for begin, end in sorted(spans):
        if joined and begin <= joined[-1][1] + gap:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((begin, end))
    return joined


def test_days_of_exposure(store: Store) -> None:
    orders = events(store, "^PRESCRIPTION//Vancomycin$").filter(pl.col("end_time") > pl.col("time"))
    expected = []
    for (subject,), own in orders.group_by("subject_id"):
        spans = merged(own.select("time", "end_time").rows())
        expected.append((subject, len(spans), pytest.approx(sum(days(*span) for span in spans), abs=0.0051)))
    assert rows(store, 11) == sorted(expected, key=lambda row: int(row[0]))


def test_episodes(store: Store) -> None:
    frame = read(store, "encounter").filter(pl.col("end_time") >= pl.col("start_time"))
    groups = frame.group_by("subject_id")
    episodes = sum(len(merged(own.select("start_time", "end_time").rows(), timedelta(days=1))) for _, own in groups)
    assert rows(store, 15) == [(frame.height, episodes)]


def test_transfer_to_intensive_care(store: Store) -> None:
    hospital = stays(store, "inpatient").select("encounter_id", admitted="start_time")
    icu = stays(store, "icu").join(hospital, left_on="parent_id", right_on="encounter_id")
    early = icu.filter(
        (pl.col("start_time") >= pl.col("admitted"))
        & (pl.col("start_time") <= pl.col("admitted") + timedelta(hours=48))
    )
    assert rows(store, 16) == [(hospital.height, icu["parent_id"].n_unique(), early["parent_id"].n_unique())]


def test_back_to_the_icu(store: Store) -> None:
    departures = returns = soon = 0
    icu = stays(store, "icu").filter(pl.col("parent_id").is_not_null()).sort("start_time", "encounter_id")
    for _, own in icu.group_by("parent_id"):
        listed = own.sort("start_time", "encounter_id").select("start_time", "end_time").rows()
        departures += sum(end is not None for _, end in listed)
        for (_, end), (following, _) in pairwise(listed):
            returns += end is not None
            soon += end is not None and timedelta(0) <= following - end <= timedelta(hours=48)
    assert rows(store, 17) == [(departures, returns, soon)]


def test_what_is_missing(store: Store) -> None:
    ((creatinine, *_, lactate),) = rows(store, 18)
    for share, code in ((creatinine, CREATININE), (lactate, "LAB//50813//mmol/L")):
        found = near(store, "inpatient", code, "start_time", timedelta(0), timedelta(days=1), last=False)
        assert share == pytest.approx(100 * found.count(None) / len(found), abs=0.0501)


def test_comorbidities(store: Store) -> None:
    ((n_admissions, _, failure, *_),) = rows(store, 20)
    coded: dict[int, list[Any]] = {}
    for subject, time in events(store, HEART_FAILURE).select("subject_id", "time").iter_rows():
        coded.setdefault(subject, []).append(time)
    admissions = stays(store, "inpatient").select("subject_id", "start_time").rows()
    expected = sum(
        any(a_year_before(begin) <= time <= begin for time in coded.get(subject, [])) for subject, begin in admissions
    )
    assert (n_admissions, failure) == (len(admissions), expected)


def a_year_before(time: Any) -> Any:
    is_leap_day = (time.month, time.day) == (2, 29)
    return time.replace(year=time.year - 1, day=28 if is_leap_day else time.day)


def test_survival(store: Store) -> None:
    deaths = dict(read(store, "subject").filter(pl.col("died")).select("subject_id", "death_time").iter_rows())
    persons = []
    for (subject,), own in stays(store, "inpatient").filter(pl.col("end_time").is_not_null()).group_by("subject_id"):
        death = deaths.get(subject)
        begin, end = own["start_time"].min(), death or own["end_time"].max()
        persons.append(((end.date() - begin.date()).days, death is not None))  # type: ignore[union-attr]
    survival, expected = 1.0, []
    for day in sorted({day for day, died in persons if died}):
        at_risk = sum(other >= day for other, _ in persons)
        died = persons.count((day, True))
        survival *= 1 - died / at_risk
        expected.append((day, at_risk, died, pytest.approx(survival, abs=0.00006)))
    assert rows(store, 21) == expected


def test_the_last_heart_rate(store: Store) -> None:
    found = near(store, "icu", HEART_RATE, "end_time", -timedelta(hours=6), timedelta(0), last=True)
    recorded = [value for value in found if value is not None]
    ((departures, n_recorded, median, above),) = rows(store, 23)
    assert (departures, n_recorded) == (len(found), len(recorded))
    assert (median, above) == (pl.Series(recorded).median(), sum(value > 110 for value in recorded))


def test_treated_for_what_they_have(store: Store) -> None:
    hospital = dict(
        read(store, "encounter").select("encounter_id", pl.coalesce("parent_id", "encounter_id")).iter_rows()
    )
    failure = {
        (subject, hospital[stay])
        for subject, stay in events(store, HEART_FAILURE)
        .select("subject_id", "encounter_id")
        .drop_nulls()
        .iter_rows()
    }
    named = read(store, "code").filter(pl.col("description") == "Furosemide", pl.col("kind") == "medication")
    doses = read(store, "event").join(named, on="code", how="semi").filter(pl.col("status") == "Administered")
    treated = {hospital[stay] for stay in doses["encounter_id"].drop_nulls()}
    ((n_stays, with_furosemide, patients),) = rows(store, 24)
    assert (n_stays, patients) == (len(failure), len({subject for subject, _ in failure}))
    assert with_furosemide == sum(stay in treated for _, stay in failure)


def test_hour_by_hour(store: Store) -> None:
    numbers = events(store, f"^{HEART_RATE}$").filter(pl.col("numeric_value").is_not_null())
    readings: dict[int, list[tuple[Any, float]]] = {}
    for subject, time, value in numbers.select("subject_id", "time", "numeric_value").iter_rows():
        readings.setdefault(subject, []).append((time, value))
    by_hour: dict[int, list[float]] = {}
    for subject, begin in stays(store, "icu").select("subject_id", "start_time").iter_rows():
        own: dict[int, list[float]] = {}
        for time, value in readings.get(subject, []):
            if timedelta(0) <= time - begin < timedelta(hours=12):
                own.setdefault(math.floor((time - begin) / timedelta(hours=1)), []).append(value)
        for hour, listed in own.items():
            by_hour.setdefault(hour, []).append(float(pl.Series(listed).median()))  # type: ignore[arg-type]
    found = rows(store, 25)
    assert [(hour, n_stays) for hour, n_stays, *_ in found] == [
        (hour, len(by_hour[hour])) for hour in sorted(by_hour)
    ]
    for hour, _, lower, median, upper in found:
        values = pl.Series(by_hour[hour])
        expected = [values.quantile(q, "linear") for q in (0.25, 0.5, 0.75)]
        assert [lower, median, upper] == pytest.approx(expected, abs=0.0501)
