"""The table `unit`: in step with the events, the same whatever came first, and what it understands of real data."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.cli import main
from ehr.importers import IMPORTERS, ImportOptions
from ehr.store import Store, create_store
from ehr.units import item_of, mixed_units, unit_in_code
from tests.ehr.made import START, Event, add_events, memory_store

GLUCOSE = "LAB//LOINC//2345-7"
WEIGHT = "LAB//LOINC//29463-7"


def measured(item: str, unit: str | None, value: float, subject_id: int = 1) -> Event:
    """Return a measurement with its unit in its code, as importers write it."""
    code = f"{item}//{unit or 'UNK'}"
    return {"subject_id": subject_id, "time": START, "code": code, "numeric_value": value, "unit": unit}


def unit_rows(store: Store) -> list[tuple[Any, ...]]:
    """Return the table `unit`, in a fixed order."""
    return store.cursor().execute("FROM unit ORDER BY code, unit").fetchall()


def test_values_of_one_item_come_into_one_unit() -> None:
    store = memory_store([measured(GLUCOSE, "mg/dL", 90), measured(GLUCOSE, "mmol/L", 5)])
    rows = (
        store.cursor()
        .execute("SELECT unit, canonical_value, canonical_unit FROM observation ORDER BY unit")
        .fetchall()
    )
    assert [(unit, canonical) for unit, _, canonical in rows] == [("mg/dL", "mg/dL"), ("mmol/L", "mg/dL")]
    assert [value for _, value, _ in rows] == pytest.approx([90, 90.078], rel=1e-6)
    assert {item for _, _, item, *_ in unit_rows(store)} == {GLUCOSE}


def test_a_unit_that_is_not_understood_has_no_canonical_unit() -> None:
    store = memory_store([measured(GLUCOSE, "lab units", 7)])
    assert unit_rows(store) == [(f"{GLUCOSE}//lab units", "lab units", GLUCOSE, None, None, None, 1)]
    shown = store.cursor().execute("SELECT value, canonical_value, canonical_unit FROM observation").fetchall()
    assert shown == [(7, None, None)]


def test_a_shift_goes_into_the_canonical_value() -> None:
    store = memory_store([measured("LAB//LOINC//8310-5", "[degF]", 98.6)])
    value, unit = store.cursor().execute("SELECT canonical_value, canonical_unit FROM observation").fetchall()[0]
    assert (round(value, 4), unit) == (37.0, "Cel")


ROWS = st.lists(
    st.tuples(
        st.sampled_from([GLUCOSE, WEIGHT, "LAB//50912", "LAB//LOCAL//x"]),
        st.sampled_from(["mg/dL", "mmol/L", "kg", "lbs", "K/uL", "what", None]),
        st.sampled_from([1.0, 2.5, 70.0]),
    ),
    max_size=12,
)


@settings(max_examples=15, deadline=None)
@given(first=ROWS, second=ROWS)
def test_the_table_does_not_depend_on_what_came_first(first: list[Any], second: list[Any]) -> None:
    def store_of(*batches: Iterable[Any]) -> list[tuple[Any, ...]]:
        store = memory_store([])
        for number, batch in enumerate(batches):
            add_events(store, [measured(*row, subject_id=number + 1) for row in batch])
        return unit_rows(store)

    whole = store_of([*first, *second])
    assert store_of(first, second) == whole
    assert store_of(second, first) == whole


def test_a_later_import_adds_to_the_counts() -> None:
    store = memory_store([measured(GLUCOSE, "mg/dL", 90)])
    add_events(store, [measured(GLUCOSE, "mg/dL", 95, subject_id=2)])
    assert [row[-1] for row in unit_rows(store)] == [2]


@pytest.mark.parametrize(
    ("code", "unit", "item"),
    [
        ("LAB//50931//mg/dL", "mg/dL", "LAB//50931"),
        ("LAB//LOINC//8867-4///min", "/min", "LAB//LOINC//8867-4"),
        ("LAB//51498// ", " ", "LAB//51498"),
        ("LAB//50931//UNK", None, "LAB//50931"),
        ("Weight (Lbs)", "Lbs", "Weight (Lbs)"),
        ("INFUSION_START//220862", "mL", "INFUSION_START//220862"),
        ("LAB//X//a/b", "a//b", "LAB//X"),
    ],
)
def test_an_item_is_a_code_without_its_unit(code: str, unit: str | None, item: str) -> None:
    assert item_of(code, unit) == item


@pytest.mark.parametrize(
    ("code", "unit"),
    [
        ("LAB//50931//mg/dL", "mg/dL"),
        ("LAB//LOINC//8867-4///min", "/min"),
        ("LAB//EICU//glucose//mg/dL", "mg/dL"),
        ("VITAL//heartrate//bpm", "bpm"),
        ("Height (Inches)", "Inches"),
        ("LAB//50931//UNK", None),
        ("LAB//50931", None),
        ("LAB//LOINC//2345-7", None),
        ("LAB//LOCAL//K", None),
        ("LAB//51//7", None),
        ("DIAGNOSIS//ICD//10//A0471", None),
        ("MEDICATION//Aspirin//mg", None),
        ("Blood Pressure Standing (3 mins)", None),
        ("SEX//F", None),
    ],
)
def test_units_are_found_in_codes(code: str, unit: str | None) -> None:
    assert unit_in_code(code) == unit


def test_mixed_units_are_judged() -> None:
    rows = [
        ("LAB//LOCAL//dose", "mg"), ("LAB//LOCAL//dose", "mL"),
        (GLUCOSE, "mg/dL"), (GLUCOSE, "mmol/L"),
        (WEIGHT, "kg"), (WEIGHT, None),
        ("LAB//LOCAL//pressure", "mmHg"), ("LAB//LOCAL//pressure", "mm[Hg]"),
        ("LAB//LOCAL//odd", "mg"), ("LAB//LOCAL//odd", "what"),
        ("LAB//LOCAL//plain", "mg"), ("LAB//LOCAL//bare", None),
    ]  # fmt: skip
    mixed = mixed_units(memory_store([measured(item, unit, 1.0) for item, unit in rows]))
    assert {found.item: found.verdict for found in mixed} == {
        "LAB//LOCAL//dose": "not comparable",
        "LAB//LOCAL//odd": "not comparable",
        WEIGHT: "partly without unit",
        GLUCOSE: "converted",
        "LAB//LOCAL//pressure": "same unit",
    }
    by_item = {found.item: found for found in mixed}
    assert by_item[WEIGHT].without_unit == 1
    assert by_item["LAB//LOCAL//odd"].not_understood == ("what",)
    assert by_item["LAB//LOCAL//dose"].units == {"mL": 1, "mg": 1}
    assert [found.verdict for found in mixed][:2] == ["not comparable"] * 2


def understood(store: Store) -> tuple[float, float, set[str]]:
    """Return the shares of pairs and of numbers that are understood, and the units that are not."""
    pairs, numbers = (
        store.cursor()
        .execute(
            """
        SELECT count(canonical_unit) / count(*), sum(n_events) FILTER (canonical_unit IS NOT NULL) / sum(n_events)
        FROM unit
        """
        )
        .fetchall()[0]
    )
    rest = store.cursor().execute("SELECT DISTINCT unit FROM unit WHERE canonical_unit IS NULL").fetchall()
    return pairs, numbers, {unit for (unit,) in rest}


def test_the_units_of_mimic_are_understood(mimic_store: Store) -> None:
    pairs, numbers, rest = understood(mimic_store)
    assert pairs > 0.995
    assert numbers > 0.998
    assert rest == {" ", "CADD", "MD to order daily dose"}


def test_the_units_of_fhir_are_understood(fhir_store: Store) -> None:
    assert understood(fhir_store) == (1.0, 1.0, set())


def test_stats_flag_mixed_units(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = {"coding": [{"system": "http://loinc.org", "code": "2345-7"}]}
    lines: list[dict[str, Any]] = [{"resourceType": "Patient", "id": "p", "gender": "female"}]
    for name, value, unit in (("o1", 90, "mg/dL"), ("o2", 5, "mmol/L")):
        quantity = {"value": value, "unit": unit, "code": unit, "system": "http://unitsofmeasure.org"}
        told = {"status": "final", "subject": {"reference": "Patient/p"}, "effectiveDateTime": "2020-01-01T08:00:00Z"}
        lines.append({"resourceType": "Observation", "id": name, "code": code, "valueQuantity": quantity} | told)
    (tmp_path / "a.ndjson").write_text("\n".join(json.dumps(line) for line in lines))
    store = ["--store", str(tmp_path / "store")]
    assert main([*store, "import", "fhir", str(tmp_path / "a.ndjson")]) == 0
    capsys.readouterr()
    assert main([*store, "stats"]) == 0
    shown = capsys.readouterr().out
    assert "mixed units" in shown
    assert GLUCOSE in shown
    assert main([*store, "stats", "--json"]) == 0
    assert '"verdict": "converted"' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("columns", "units"),
    [({}, {"mg/dL", "bpm", None}), ({"unit": ["g/L", None, None, None]}, {"g/L", None})],
)
def test_meds_tells_units_in_its_codes(tmp_path: Path, columns: dict[str, Any], units: set[str | None]) -> None:
    """A data set that has a column of units is taken at its word."""
    codes = ["LAB//50931//mg/dL", "VITAL//heartrate//bpm", "LAB//50931//UNK", "LAB//50931//mg/dL"]
    rows = {"subject_id": [1, 1, 1, 1], "time": [START] * 4, "code": codes, "numeric_value": [90.0, 70.0, 5.0, None]}
    pl.DataFrame(rows | columns).write_parquet(tmp_path / "events.parquet")
    store = create_store(tmp_path / "store")
    IMPORTERS["meds"](store, tmp_path / "events.parquet", ImportOptions())
    found = store.cursor().execute("SELECT unit, numeric_value FROM event").fetchall()
    store.close()
    assert {unit for unit, _ in found} == units
    assert all(unit is None for unit, value in found if value is None)


def test_the_units_of_the_codes_of_mimic_are_those_of_its_values(meds_store: Store, mimic_store: Store) -> None:
    query = "SELECT DISTINCT code, unit FROM unit WHERE starts_with(code, 'LAB//') AND canonical_unit IS NOT NULL"
    told, found = (dict(store.cursor().execute(query).fetchall()) for store in (mimic_store, meds_store))
    assert len(found) > 500
    assert {code: unit for code, unit in found.items() if told.get(code) != unit} == {}
