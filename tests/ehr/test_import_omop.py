"""OMOP CDM: the real tables against an independent reading of them, and each rule on a made person."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ehr.errors import SourceError
from ehr.events import stable_id
from ehr.importers.omop_tables import Moment
from tests.ehr.omop_made import (
    CONCEPTS,
    Imported,
    condition,
    csv_text,
    detail,
    drug,
    made,
    measurement,
    observation,
    person,
    visit,
    write_as_csv,
    write_csv,
)

CON = duckdb.connect()
DAY = "CASE WHEN hour({0}) + minute({0}) + second({0}) = 0 THEN 'day' END"


@pytest.fixture(scope="module")
def real(data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Imported:
    """Return a store of the 28 persons from New Jersey."""
    return Imported(tmp_path_factory.mktemp("omop") / "store")(data_root / "omop")


@pytest.fixture(scope="module")
def source(data_root: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Return a connection with a view of each real table."""
    con = duckdb.connect()
    for file in (data_root / "omop").glob("*.parquet"):
        con.execute(f"CREATE VIEW {file.stem} AS FROM read_parquet('{file}')")
    yield con
    con.close()


@pytest.fixture
def imported(tmp_path: Path) -> Imported:
    return Imported(tmp_path / "store")


def test_each_real_table_gives_its_events(real: Imported, source: duckdb.DuckDBPyConnection) -> None:
    heads = {
        "condition_occurrence": "CONDITION",
        "drug_exposure": "MEDICATION",
        "procedure_occurrence": "PROCEDURE",
        "device_exposure": "DEVICE",
        "measurement": "LAB",
        "observation": "OBSERVATION",
        "visit_occurrence": "ENCOUNTER_START",
        "death": "MEDS_DEATH",
        "person": "MEDS_BIRTH",
    }
    counted = dict(real.rows("SELECT split_part(code, '//', 1), count(*) FROM event GROUP BY 1"))
    assert {head: counted[head] for head in heads.values()} == {
        head: source.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0] for table, head in heads.items()
    }
    assert not real.rejects()
    assert real.rows("SELECT count(*) FROM source WHERE rows_in <> rows_accepted + rows_rejected + rows_skipped") == [
        (0,)
    ]


def test_every_real_measurement_is_there_with_its_code_time_and_value(
    real: Imported, source: duckdb.DuckDBPyConnection
) -> None:
    expected = source.execute(
        f"""
        SELECT person_id, measurement_datetime,
               concat_ws('//', 'LAB', upper(c.vocabulary_id), c.concept_code,
                         if(value_as_number IS NULL, NULL, coalesce(u.concept_code, unit_source_value))),
               value_as_number::FLOAT,
               if(value_as_number IS NULL, NULL, coalesce(u.concept_code, unit_source_value)),
               visit_occurrence_id, {DAY.format("measurement_datetime")}, 'measurement/' || measurement_id
        FROM measurement JOIN concept c ON c.concept_id = measurement_concept_id
        LEFT JOIN concept u ON u.concept_id = unit_concept_id ORDER BY ALL
        """
    ).fetchall()
    found = real.rows(
        "SELECT subject_id, time, code, numeric_value, unit, encounter_id, time_precision, record_id "
        "FROM event WHERE starts_with(code, 'LAB//') ORDER BY ALL"
    )
    assert len(expected) == 10_040
    assert found == expected


@pytest.mark.parametrize(
    ("table", "prefix", "start", "end", "head"),
    [
        ("condition_occurrence", "condition", "condition_start", "condition_end", "CONDITION"),
        ("drug_exposure", "drug", "drug_exposure_start", "drug_exposure_end", "MEDICATION"),
        ("procedure_occurrence", "procedure", "procedure", "procedure_end", "PROCEDURE"),
        ("device_exposure", "device", "device_exposure_start", "device_exposure_end", "DEVICE"),
        ("observation", "observation", "observation", None, "OBSERVATION"),
    ],
)
def test_every_real_row_is_there_with_its_code_and_times(
    table: str, prefix: str, start: str, end: str | None, head: str, real: Imported, source: duckdb.DuckDBPyConnection
) -> None:
    ended = f"coalesce({end}_datetime, {end}_date)" if end else "NULL::TIMESTAMP"
    expected = source.execute(
        f"""
        SELECT person_id, {start}_datetime, '{head}//' || upper(vocabulary_id) || '//' || concept_code, {ended},
               visit_occurrence_id, '{table}/' || {table}_id
        FROM {table} JOIN concept ON concept_id = {prefix}_concept_id ORDER BY ALL
        """
    ).fetchall()
    found = real.rows(
        "SELECT subject_id, time, code, end_time, encounter_id, record_id FROM event "
        f"WHERE starts_with(code, '{head}//') ORDER BY ALL"
    )
    assert len(expected) > 0
    assert found == expected


def test_real_persons_and_visits_are_those_of_the_source(real: Imported, source: duckdb.DuckDBPyConnection) -> None:
    assert (
        real.rows("SELECT subject_id, birth_time, sex, died, death_time FROM subject ORDER BY 1")
        == source.execute(
            """
        SELECT person_id, birth_datetime, if(gender_source_value = 'F', 'female', 'male'), death_date IS NOT NULL,
               death_datetime
        FROM person LEFT JOIN death USING (person_id) ORDER BY 1
        """
        ).fetchall()
    )
    classes = {9201: "inpatient", 9202: "ambulatory", 9203: "emergency"}
    visits = source.execute(
        "SELECT visit_occurrence_id, person_id, visit_concept_id, visit_start_datetime, visit_end_datetime "
        "FROM visit_occurrence ORDER BY 1"
    ).fetchall()
    stays = real.rows(
        "SELECT encounter_id, subject_id, class, start_time, end_time FROM encounter ORDER BY encounter_id"
    )
    assert stays == [(number, who, classes[kind], start, end) for number, who, kind, start, end in visits]


def test_a_part_that_is_its_visit_once_more_is_no_other_stay(real: Imported) -> None:
    assert real.tally("visit_detail") == (1791, 0, 0, 1791)
    assert real.rows("SELECT count(*) FROM event WHERE encounter_id NOT IN (SELECT encounter_id FROM encounter)") == [
        (0,)
    ]


def test_every_real_code_has_a_title(real: Imported) -> None:
    assert real.rows("SELECT code FROM code WHERE description IS NULL") == []
    assert real.rows("SELECT description, system FROM code WHERE code = 'LAB//LOINC//8302-2//cm'") == [
        ("Body height", "LOINC")
    ]
    assert real.rows("SELECT description FROM code WHERE code = 'RACE//BLACK OR AFRICAN AMERICAN'") == [
        ("Black or African American",)
    ]


def test_steps_between_known_concepts_become_hierarchy(real: Imported, source: duckdb.DuckDBPyConnection) -> None:
    known = source.execute(
        """
        SELECT DISTINCT 'SNOMED//' || low.concept_code, 'SNOMED//' || high.concept_code
        FROM concept_relationship
        JOIN concept low ON low.concept_id = concept_id_1 JOIN concept high ON high.concept_id = concept_id_2
        WHERE relationship_id = 'Is a' AND concept_relationship.invalid_reason IS NULL
          AND low.vocabulary_id = 'SNOMED' AND high.vocabulary_id = 'SNOMED'
        """
    ).fetchall()
    loaded = real.rows("FROM hierarchy")
    assert loaded
    assert set(loaded) <= set(known)


def test_the_form_of_the_files_makes_no_difference(real: Imported, data_root: Path, tmp_path: Path) -> None:
    expected = real.content()
    plain = Imported(tmp_path / "a")(write_as_csv(data_root / "omop", tmp_path / "plain"))
    assert plain.content() == expected
    tabs = write_as_csv(data_root / "omop", tmp_path / "tabs", delimiter="\t", gz=True, upper=True)
    assert Imported(tmp_path / "b")(tabs).content() == expected


def test_a_table_may_come_in_parts(real: Imported, data_root: Path, tmp_path: Path) -> None:
    root = tmp_path / "parts"
    root.mkdir()
    con = duckdb.connect()
    for file in (data_root / "omop").glob("*.parquet"):
        rows = f"(SELECT *, row_number() OVER () % 3 AS part FROM read_parquet('{file}'))"
        if file.stem in ("measurement", "person"):
            (root / file.stem).mkdir()
            for part in range(3):
                con.execute(
                    f"COPY (SELECT * EXCLUDE (part) FROM {rows} WHERE part = {part}) "
                    f"TO '{root / file.stem / f'part-0000{part}.parquet'}' (FORMAT parquet)"
                )
        elif file.stem == "observation":
            for part in range(3):
                con.execute(
                    f"COPY (SELECT * EXCLUDE (part) FROM {rows} WHERE part = {part}) "
                    f"TO '{root / f'observation_00000{part}.csv'}' (FORMAT csv)"
                )
        else:
            (root / file.name).symlink_to(file)
    con.close()
    parted = Imported(tmp_path / "store")(root)
    assert parted.content() == real.content()
    assert parted.tally("measurement") == (10_040, 10_040, 0, 0)


def test_the_same_files_again_change_nothing(data_root: Path, tmp_path: Path) -> None:
    imported = Imported(tmp_path / "store")(data_root / "omop")
    before = imported.content()
    ids = imported.rows("SELECT event_id FROM event ORDER BY 1")
    imported(data_root / "omop")
    assert imported.report is not None
    assert (imported.report.files, len(imported.report.unchanged)) == ((), 39)
    assert imported.content() == before
    assert imported.rows("SELECT event_id FROM event ORDER BY 1") == ids


def test_small_batches_give_the_same_store(real: Imported, data_root: Path, tmp_path: Path) -> None:
    assert Imported(tmp_path / "store")(data_root / "omop", batch_bytes=1).content() == real.content()


# Codes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "code", "codings"),
    [
        (
            {},
            "CONDITION//SNOMED//44054006",
            ["CONDITION//SNOMED//44054006", "CONDITION//ICD10//E11.9"],
        ),
        ({"condition_source_concept_id": 201826}, "CONDITION//SNOMED//44054006", None),
        ({"condition_source_concept_id": 0}, "CONDITION//SNOMED//44054006", None),
        ({"condition_concept_id": 0}, "CONDITION//ICD10//E11.9", None),
        (
            {"condition_concept_id": 99},
            "CONDITION//ICD10//E11.9",
            ["CONDITION//ICD10//E11.9", "CONDITION//OMOP//99"],
        ),
        ({"condition_concept_id": 99, "condition_source_concept_id": 0}, "CONDITION//OMOP//99", None),
        ({"condition_concept_id": 0, "condition_source_concept_id": 0}, "CONDITION//UNK//E11.9", None),
        (
            {"condition_concept_id": None, "condition_source_concept_id": None, "condition_source_value": "a//b"},
            "CONDITION//UNK//a/b",
            None,
        ),
    ],
)
def test_the_standard_concept_names_a_condition(
    change: dict[str, Any], code: str, codings: list[str] | None, imported: Imported, tmp_path: Path
) -> None:
    imported(write_csv(tmp_path / "cdm", made(condition_occurrence=[condition(**change)])))
    event = imported.event("condition_occurrence/21")
    assert (event["code"], event["codings"]) == (code, codings)


def test_a_value_of_the_source_is_the_title_of_its_code(imported: Imported, tmp_path: Path) -> None:
    row = condition(condition_concept_id=0, condition_source_concept_id=0, condition_source_value="sugar disease")
    imported(write_csv(tmp_path / "cdm", made(condition_occurrence=[row])))
    assert imported.rows("SELECT code, description FROM code WHERE kind = 'condition'") == [
        ("CONDITION//UNK//sugar disease", "sugar disease")
    ]


def test_a_vaccine_is_an_immunisation(imported: Imported, tmp_path: Path) -> None:
    imported(write_csv(tmp_path / "cdm", made(drug_exposure=[drug(drug_concept_id=40213145)])))
    assert imported.event("drug_exposure/41")["code"] == "IMMUNIZATION//CVX//141"


# Values ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "code", "expected"),
    [
        ({}, "LAB//LOINC//4548-4//%", (7.25, None, None, "%")),
        (
            {"operator_concept_id": 4171756, "value_as_number": "5.000"},
            "LAB//LOINC//4548-4//%",
            (None, "<5", None, "%"),
        ),
        (
            {"operator_concept_id": 4171755, "value_as_number": 0.5},
            "LAB//LOINC//4548-4//%",
            (None, ">=0.5", None, "%"),
        ),
        (
            {"operator_concept_id": 4172704, "value_as_number": 100},
            "LAB//LOINC//4548-4//%",
            (None, ">100", None, "%"),
        ),
        ({"unit_concept_id": 0}, "LAB//LOINC//4548-4//percent", (7.25, None, None, "percent")),
        ({"unit_concept_id": 0, "unit_source_value": None}, "LAB//LOINC//4548-4", (7.25, None, None, None)),
        (
            {"value_as_number": None, "value_as_concept_id": 45884084, "value_source_value": "POS"},
            "LAB//LOINC//4548-4",
            (None, "Positive", "LOINC//LA6576-8", None),
        ),
        (
            {"value_as_number": None, "value_as_concept_id": 77, "value_source_value": "POS"},
            "LAB//LOINC//4548-4",
            (None, "POS", "OMOP//77", None),
        ),
        (
            {"value_as_number": None, "value_source_value": "hemolysed"},
            "LAB//LOINC//4548-4",
            (None, "hemolysed", None, None),
        ),
        ({"value_source_value": "7.25 (high)"}, "LAB//LOINC//4548-4//%", (7.25, "7.25 (high)", None, "%")),
    ],
)
def test_what_a_measurement_says(
    change: dict[str, Any], code: str, expected: tuple[Any, ...], imported: Imported, tmp_path: Path
) -> None:
    imported(write_csv(tmp_path / "cdm", made(measurement=[measurement(**change)])))
    event = imported.event("measurement/31")
    assert event["code"] == code
    assert (event["numeric_value"], event["text_value"], event["value_code"], event["unit"]) == expected


def test_a_number_that_is_none_is_kept_as_text(imported: Imported, tmp_path: Path) -> None:
    row = measurement(value_as_number="7,25", value_source_value=None)
    imported(write_csv(tmp_path / "cdm", made(measurement=[row])))
    event = imported.event("measurement/31")
    assert (event["numeric_value"], event["text_value"]) == (None, "7,25")
    assert [notice[:3] for notice in imported.notices()] == [("measurement", 1, "bad-number")]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"value_as_number": 3, "unit_source_value": "drinks"}, (3.0, None, None, "drinks", None)),
        ({"value_as_string": "never"}, (None, "never", None, None, None)),
        ({"value_as_concept_id": 45884084}, (None, "Positive", "LOINC//LA6576-8", None, None)),
        ({"value_source_value": "said so", "qualifier_source_value": "mild"}, (None, "said so", None, None, "mild")),
    ],
)
def test_what_an_observation_says(
    change: dict[str, Any], expected: tuple[Any, ...], imported: Imported, tmp_path: Path
) -> None:
    imported(write_csv(tmp_path / "cdm", made(observation=[observation(**change)])))
    event = imported.event("observation/51")
    names = ("numeric_value", "text_value", "value_code", "unit", "status")
    assert tuple(event[name] for name in names) == expected


def test_what_a_drug_exposure_says(imported: Imported, tmp_path: Path) -> None:
    imported(write_csv(tmp_path / "cdm", made(drug_exposure=[drug()])))
    event = imported.event("drug_exposure/41")
    assert event["code"] == "MEDICATION//RXNORM//860974"
    assert (event["numeric_value"], event["unit"]) == (2.0, "tablet")
    assert (event["text_value"], event["status"]) == ("twice a day; Oral", "EHR prescription")
    assert (event["time"], event["end_time"]) == (datetime(2020, 3, 2), datetime(2020, 3, 4))


# Times -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("date", "moment", "expected"),
    [
        ("2020-03-02", "2020-03-02 08:15:00", (datetime(2020, 3, 2, 8, 15), None)),
        ("2020-03-02", "2020-03-02 00:00:00", (datetime(2020, 3, 2), "day")),
        ("2020-03-02", None, (datetime(2020, 3, 2), "day")),
        ("2020-03-02", "2020-03-02T08:15:00.500", (datetime(2020, 3, 2, 8, 15, 0, 500_000), None)),
        ("2020-03-02", "2020-03-02 08:15:00 UTC", (datetime(2020, 3, 2, 8, 15), None)),
        ("2020-03-02", "2020-03-02 08:15:00+02", (datetime(2020, 3, 2, 6, 15), None)),
        (None, "2020-03-02 08:15:00", (datetime(2020, 3, 2, 8, 15), None)),
        ("2020-03-02", "2020-02-30 08:15:00", (datetime(2020, 3, 2), "day")),
    ],
)
def test_when_a_measurement_was(
    date: str | None, moment: str | None, expected: tuple[Any, ...], imported: Imported, tmp_path: Path
) -> None:
    row = measurement(measurement_date=date, measurement_datetime=moment)
    imported(write_csv(tmp_path / "cdm", made(measurement=[row])))
    event = imported.event("measurement/31")
    assert (event["time"], event["time_precision"]) == expected


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        ({"visit_end_date": "2020-03-05"}, datetime(2020, 3, 5)),
        ({"visit_end_date": "2020-03-01"}, datetime(2020, 3, 1, 23, 59, 59)),
        ({"visit_end_date": "2020-02-29"}, None),
        ({"visit_end_datetime": "2020-03-01 09:00:00"}, None),
    ],
)
def test_an_end_that_is_a_mere_date_is_its_begin_or_after_the_start(
    end: dict[str, str], expected: datetime | None, imported: Imported, tmp_path: Path
) -> None:
    row = visit(**{"visit_end_datetime": None, **end})
    imported(write_csv(tmp_path / "cdm", made(visit_occurrence=[row])))
    assert imported.rows("SELECT end_time FROM encounter") == [(expected,)]
    ends = imported.rows("SELECT time, time_precision FROM event WHERE code = 'ENCOUNTER_END//IMP'")
    assert ends == ([(expected, "day")] if expected else [])


def test_an_end_before_the_start_is_left_out(imported: Imported, tmp_path: Path) -> None:
    imported(write_csv(tmp_path / "cdm", made(drug_exposure=[drug(drug_exposure_end_date="2020-03-01")])))
    assert imported.event("drug_exposure/41")["end_time"] is None
    assert [notice[2:4] for notice in imported.notices()] == [
        ("implausible", "drug_exposure_end_date is before drug_exposure_start_date: end left NULL")
    ]


def test_two_columns_that_tell_different_days_are_told(imported: Imported, tmp_path: Path) -> None:
    row = measurement(measurement_datetime="2020-03-03 01:00:00")
    imported(write_csv(tmp_path / "cdm", made(measurement=[row])))
    assert imported.event("measurement/31")["time"] == datetime(2020, 3, 3, 1)
    assert [notice[2] for notice in imported.notices()] == ["implausible"]


@pytest.mark.parametrize(
    "change",
    [{"condition_type_concept_id": 32019}, {"condition_status_concept_id": 32903}],
)
def test_a_diagnosis_of_the_discharge_is_not_known_before(
    change: dict[str, Any], imported: Imported, tmp_path: Path
) -> None:
    imported(write_csv(tmp_path / "cdm", made(condition_occurrence=[condition(**change)])))
    event = imported.event("condition_occurrence/21")
    assert (event["time"], event["time_precision"]) == (datetime(2020, 3, 5, 12, 30), None)
    assert event["text_value"] == "onset 2020-03-02"


def test_a_discharge_on_a_mere_date_is_over_when_the_day_is(imported: Imported, tmp_path: Path) -> None:
    rows = {"visit_occurrence": [visit(visit_end_datetime=None)], "condition_occurrence": [condition()]}
    rows["condition_occurrence"][0]["condition_status_concept_id"] = 32896
    imported(write_csv(tmp_path / "cdm", made(**rows)))
    event = imported.event("condition_occurrence/21")
    assert (event["time"], event["time_precision"]) == (datetime(2020, 3, 5, 23, 59, 59), "day")


# Persons ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "born", "precision"),
    [
        ({}, datetime(1960, 5, 17), "day"),
        ({"birth_datetime": "1960-05-17 04:30:00"}, datetime(1960, 5, 17, 4, 30), None),
        ({"birth_datetime": "1960-05-17 00:00:00"}, datetime(1960, 5, 17), "day"),
        ({"day_of_birth": None}, datetime(1960, 5, 1), "month"),
        ({"day_of_birth": 31, "month_of_birth": 4}, datetime(1960, 4, 1), "month"),
        ({"day_of_birth": None, "month_of_birth": None}, datetime(1960, 1, 1), "year"),
        (
            {"day_of_birth": None, "month_of_birth": None, "birth_datetime": "1960-01-01 00:00:00"},
            datetime(1960, 1, 1),
            "year",
        ),
        ({"year_of_birth": 19}, None, None),
    ],
)
def test_births_are_as_precise_as_the_source(
    change: dict[str, Any], born: datetime | None, precision: str | None, imported: Imported, tmp_path: Path
) -> None:
    imported(write_csv(tmp_path / "cdm", made(person=[person(**change)])))
    assert imported.rows("SELECT birth_time FROM subject") == [(born,)]
    expected = [] if born is None else [(precision,)]
    assert imported.rows("SELECT time_precision FROM event WHERE code = 'MEDS_BIRTH'") == expected


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        ({}, ["ETHNICITY//NOT HISPANIC OR LATINO", "GENDER//F", "RACE//WHITE"]),
        (
            {"gender_concept_id": 0, "race_concept_id": 0, "ethnicity_concept_id": 0, "gender_source_value": "male"},
            ["ETHNICITY//NONHISPANIC", "GENDER//M", "RACE//WHITE"],
        ),
        (
            {"gender_concept_id": 8551, "race_concept_id": 123, "race_source_value": None},
            ["ETHNICITY//NOT HISPANIC OR LATINO", "GENDER//UNK", "RACE//OMOP//123"],
        ),
    ],
)
def test_what_a_person_is(change: dict[str, Any], codes: list[str], imported: Imported, tmp_path: Path) -> None:
    imported(write_csv(tmp_path / "cdm", made(person=[person(**change)])))
    assert [row[0] for row in imported.rows("SELECT code FROM event WHERE time IS NULL ORDER BY 1")] == codes
    assert imported.rows("SELECT identifiers FROM subject") == [(["omop|1", "person_source_value|mrn-1"],)]


def test_a_death_without_a_date_is_no_event(imported: Imported, tmp_path: Path) -> None:
    rows = [{"person_id": 1, "death_date": None, "death_datetime": None, "cause_concept_id": 0}]
    imported(write_csv(tmp_path / "cdm", made(death=rows)))
    assert imported.rows("SELECT died, death_time FROM subject") == [(True, None)]
    assert imported.rows("SELECT count(*) FROM event WHERE code = 'MEDS_DEATH'") == [(0,)]


def test_of_events_of_one_moment_a_death_comes_last(real: Imported) -> None:
    last = real.rows(
        """
        SELECT code FROM event JOIN subject USING (subject_id)
        WHERE died AND time = death_time
        QUALIFY row_number() OVER (PARTITION BY subject_id ORDER BY event_id DESC) = 1
        """
    )
    assert last == [("MEDS_DEATH",)] * 3


def test_a_death_says_its_cause(imported: Imported, tmp_path: Path) -> None:
    rows = [{"person_id": 1, "death_date": "2020-03-05", "death_datetime": None, "cause_concept_id": 201826}]
    imported(write_csv(tmp_path / "cdm", made(death=rows)))
    event = imported.event("death/1")
    assert (event["time"], event["time_precision"]) == (datetime(2020, 3, 5), "day")
    assert (event["text_value"], event["value_code"]) == ("Type 2 diabetes mellitus", "SNOMED//44054006")


# Stays -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("concept", "name", "word", "kind"),
    [
        (9201, None, "ENCOUNTER_START//IMP", "inpatient"),
        (262, None, "ENCOUNTER_START//IMP", "inpatient"),
        (9203, None, "ENCOUNTER_START//EMER", "emergency"),
        (9202, None, "ENCOUNTER_START//AMB", "ambulatory"),
        (581476, None, "ENCOUNTER_START//HH", "home"),
        (5083, None, "ENCOUNTER_START//VR", "virtual"),
        (32037, None, "ICU_ADMISSION//IMP", "icu"),
        (900, "Inpatient Critical Care Facility", "ICU_ADMISSION//IMP", "icu"),
        (900, "Emergency Room Critical Care Facility", "ENCOUNTER_START//EMER", "emergency"),
        (900, "Non-emergency Medical Transport", "ENCOUNTER_START//VISIT//X", "other"),
        (900, "Ambulatory Primary Care Clinic / Center", "ENCOUNTER_START//AMB", "ambulatory"),
        (900, "Nursing Home", "ENCOUNTER_START//VISIT//X", "other"),
        (901, None, "ENCOUNTER_START//OMOP//901", "other"),
        (0, None, "ENCOUNTER_START//UNK", "other"),
    ],
)
def test_the_class_of_a_visit(
    concept: int, name: str | None, word: str, kind: str, imported: Imported, tmp_path: Path
) -> None:
    new = {"concept_id": concept, "concept_name": name, "vocabulary_id": "Visit", "concept_code": "X"}
    rows = [*CONCEPTS, new] if name else CONCEPTS
    row = visit(visit_concept_id=concept, visit_source_value=None)
    imported(write_csv(tmp_path / "cdm", made(concept=rows, visit_occurrence=[row])))
    assert imported.rows("SELECT class FROM encounter") == [(kind,)]
    begins = imported.rows("SELECT code, encounter_id FROM event WHERE time = TIMESTAMP '2020-03-01 10:00:00'")
    assert begins == [(word, 11)]


def test_intensive_care_within_a_visit_is_a_stay_of_its_own(imported: Imported, tmp_path: Path) -> None:
    tables = made(visit_detail=[detail()], measurement=[measurement(visit_detail_id=11)])
    imported(write_csv(tmp_path / "cdm", tables))
    number = stable_id("visit_detail/11")
    stays = imported.rows("SELECT encounter_id, parent_id, class, type FROM encounter ORDER BY start_time")
    assert stays == [(11, None, "inpatient", "Inpatient Visit"), (number, 11, "icu", "Intensive Care")]
    assert imported.rows("SELECT code, time FROM event WHERE record_id = 'visit_detail/11' ORDER BY time") == [
        ("ICU_ADMISSION//IMP", datetime(2020, 3, 1, 18)),
        ("ICU_DISCHARGE//IMP", datetime(2020, 3, 3, 9)),
    ]
    assert imported.event("measurement/31")["encounter_id"] == number


def test_a_ward_within_a_visit_is_no_admission(imported: Imported, tmp_path: Path) -> None:
    ward = detail(12, visit_detail_concept_id=9201, parent_visit_detail_id=11)
    imported(write_csv(tmp_path / "cdm", made(visit_detail=[detail(), ward])))
    assert imported.event("visit_detail/12")["code"] == "TRANSFER_TO//IMP"
    parents = dict(imported.rows("SELECT record_id, parent_id FROM encounter"))
    assert parents["visit_detail/12"] == stable_id("visit_detail/11")


def test_who_died_in_hospital_has_that_disposition(imported: Imported, tmp_path: Path) -> None:
    rows = [visit(discharged_to_concept_id=4216643), visit(12, discharged_to_source_value="Expired (i.e., died).")]
    imported(write_csv(tmp_path / "cdm", made(visit_occurrence=rows)))
    assert imported.rows("SELECT disposition, admit_source FROM encounter") == [("DIED", "home")] * 2


def test_columns_of_cdm_5_3_are_known_by_their_old_names(imported: Imported, tmp_path: Path) -> None:
    old = {
        "admitted_from_source_value": "admitting_source_value",
        "discharged_to_source_value": "discharge_to_source_value",
    }
    row = {old.get(name, name): cell for name, cell in visit(discharged_to_source_value="nursing home").items()}
    imported(write_csv(tmp_path / "cdm", made(visit_occurrence=[row])))
    assert imported.rows("SELECT admit_source, disposition FROM encounter") == [("home", "nursing home")]


# Hierarchies -----------------------------------------------------------------------------------------------------


def test_what_lies_above_the_codes_in_use_is_loaded(imported: Imported, tmp_path: Path) -> None:
    pairs = [
        {"ancestor_concept_id": high, "descendant_concept_id": low}
        for high, low in ((201826, 201826), (201820, 201826), (201820, 442793), (5, 201826))
    ]
    tables = made(condition_occurrence=[condition()], concept_ancestor=pairs)
    imported(write_csv(tmp_path / "cdm", tables))
    assert imported.rows("FROM hierarchy") == [("SNOMED//44054006", "SNOMED//73211009")]
    assert ("CONDITION//SNOMED//44054006", "SNOMED//73211009") in imported.rows("FROM code_ancestor")


def test_steps_stand_in_where_concept_ancestor_is_empty(imported: Imported, tmp_path: Path) -> None:
    steps = [
        {"concept_id_1": one, "concept_id_2": two, "relationship_id": kind, "invalid_reason": reason}
        for one, two, kind, reason in (
            (201826, 201820, "Is a", None),
            (442793, 201820, "Subsumes", None),
            (201820, 3004410, "Is a", "D"),
            (201826, 201820, "Maps to", None),
        )
    ]
    tables = made(condition_occurrence=[condition()], concept_relationship=steps)
    imported(write_csv(tmp_path / "cdm", tables))
    assert imported.rows("FROM hierarchy ORDER BY ALL") == [
        ("SNOMED//44054006", "SNOMED//73211009"),
        ("SNOMED//73211009", "SNOMED//74627003"),
    ]
    assert imported.tally("concept_relationship") == (4, 2, 0, 2)


def test_a_hierarchy_that_comes_later_concerns_the_codes_that_are_there(imported: Imported, tmp_path: Path) -> None:
    root = write_csv(tmp_path / "cdm", made(condition_occurrence=[condition()]))
    imported(root)
    pairs = [{"ancestor_concept_id": 201820, "descendant_concept_id": 201826}]
    (root / "CONCEPT_ANCESTOR.csv").write_text(csv_text(pairs, "\t", upper=True))
    imported(root)
    assert ("CONDITION//SNOMED//44054006", "SNOMED//73211009") in imported.rows("FROM code_ancestor")


# Later files -----------------------------------------------------------------------------------------------------


def test_a_later_extract_renews_what_changed_and_adds_what_is_new(imported: Imported, tmp_path: Path) -> None:
    root = write_csv(tmp_path / "cdm", made(measurement=[measurement(31), measurement(32, value_as_number=8)]))
    imported(root)
    write_csv(
        root,
        {
            "measurement": [measurement(31), measurement(32, value_as_number=9), measurement(33)],
            "visit_occurrence": [visit(visit_end_datetime="2020-03-05 18:00:00"), visit(12)],
            "person": [person(gender_concept_id=8507), person(2)],
        },
    )
    imported(root)
    values = imported.rows("SELECT record_id, numeric_value FROM event WHERE code LIKE 'LAB%' ORDER BY 1")
    assert values == [("measurement/31", 7.25), ("measurement/32", 9.0), ("measurement/33", 7.25)]
    assert imported.tally("measurement") == (5, 4, 0, 1)
    assert imported.rows("SELECT subject_id, sex FROM subject ORDER BY 1") == [(1, "male"), (2, "female")]
    assert imported.rows("SELECT encounter_id, end_time FROM encounter ORDER BY 1") == [
        (11, datetime(2020, 3, 5, 18)),
        (12, datetime(2020, 3, 5, 12, 30)),
    ]
    assert imported.rows("SELECT n_events FROM code WHERE code = 'ENCOUNTER_END//IMP'") == [(2,)]


def test_an_increment_needs_no_table_of_persons(imported: Imported, tmp_path: Path) -> None:
    imported(write_csv(tmp_path / "cdm", made()))
    imported(write_csv(tmp_path / "day", {"measurement": [measurement()]}) / "measurement.csv")
    assert imported.event("measurement/31")["code"] == "LAB//OMOP//3004410//percent"
    assert imported.event("measurement/31")["encounter_id"] == 11


def test_a_folder_without_persons_is_refused_when_the_store_has_none(imported: Imported, tmp_path: Path) -> None:
    root = write_csv(tmp_path / "cdm", {"measurement": [measurement()]})
    with pytest.raises(SourceError, match="no person"):
        imported(root)


@settings(max_examples=200, deadline=None)
@given(
    start=st.datetimes(datetime(2020, 1, 1), datetime(2020, 1, 4)).map(lambda time: time.replace(microsecond=0)),
    end=st.datetimes(datetime(2020, 1, 1), datetime(2020, 1, 4)).map(lambda time: time.replace(microsecond=0)),
    is_date=st.booleans(),
)
def test_an_end_is_never_before_its_start_and_never_on_another_day(
    start: datetime, end: datetime, is_date: bool
) -> None:
    begin, finish = Moment("start_date", "start_datetime"), Moment("end_date", "end_datetime")
    told = end.replace(hour=0, minute=0, second=0) if is_date else end
    row = (
        f"SELECT TIMESTAMP '{start}' AS start_datetime, NULL::TIMESTAMP AS start_date, "
        f"NULL::TIMESTAMP AS end_datetime, TIMESTAMP '{told}' AS end_date"
    )
    found, is_before = CON.execute(
        f"SELECT {finish.end(begin)}, {finish.before(begin).condition} FROM ({row})"
    ).fetchall()[0]
    assert (found is None) == is_before
    if found is None:
        assert told < start
    else:
        assert found >= start
        assert found.date() == told.date()


class Interrupted(Exception):
    """What stops an import in a test."""


@pytest.mark.parametrize("files", [3, 8, 15, 24])
def test_an_import_that_was_stopped_goes_on_where_it_was(
    files: int, real: Imported, data_root: Path, tmp_path: Path
) -> None:
    begun: list[str] = []

    def stop(name: str, _done: int, _total: int) -> None:
        begun.append(name)
        if len(set(begun)) > files:
            raise Interrupted

    imported = Imported(tmp_path / "store")
    with pytest.raises(Interrupted):
        imported(data_root / "omop", batch_bytes=1, progress=stop)
    assert imported.rows("SELECT count(*) FROM source") < real.rows("SELECT count(*) FROM source")
    assert imported(data_root / "omop").content() == real.content()
