"""Made patients on disk: the same in every format and for every run, whole, and as the formats want them."""

import gzip
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import orjson
import polars as pl
import pytest

from api.cli import main
from ehr.errors import SimulationError
from ehr.events import stable_id
from ehr.importers import IMPORTERS, ImportOptions
from ehr.simulate import simulate
from ehr.simulate.write_mimic import COLUMNS
from ehr.store import Store, create_store
from ehr.tasks import find_task
from ehr.tasks.reader import read_task
from sql.cohort import labels, run_cohort

PATIENTS, SEED = 60, 3
FORMATS = ("fhir", "mimic", "meds")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("made")
    for name in FORMATS:
        simulate(folder / name, patients=PATIENTS, seed=SEED, format_name=name)
    return {name: folder / name for name in FORMATS}


@pytest.fixture(scope="module")
def stores(made: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Store]]:
    opened = {}
    for name, path in made.items():
        opened[name] = create_store(tmp_path_factory.mktemp(f"store-{name}") / "store")
        report = IMPORTERS[name](opened[name], path, ImportOptions())
        assert report.rejected == 0
        assert report.failed == ()
    yield opened
    for store in opened.values():
        store.close()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def resources(folder: Path, name: str) -> list[dict]:
    with gzip.open(folder / f"{name}.ndjson.gz") as file:
        return [orjson.loads(line) for line in file]


def count(store: Store, pattern: str) -> int:
    query = "SELECT count(*) FROM event WHERE regexp_matches(code, ?)"
    return int(store.cursor().execute(query, [pattern]).fetchall()[0][0])


@pytest.mark.parametrize("format_name", FORMATS)
def test_the_same_seed_gives_the_same_bytes(made: dict[str, Path], tmp_path: Path, format_name: str) -> None:
    simulate(tmp_path / "again", patients=PATIENTS, seed=SEED, format_name=format_name)
    assert contents(tmp_path / "again") == contents(made[format_name])


def test_another_seed_gives_other_patients(made: dict[str, Path], tmp_path: Path) -> None:
    simulate(tmp_path / "other", patients=PATIENTS, seed=SEED + 1, format_name="mimic")
    assert contents(tmp_path / "other") != contents(made["mimic"])


def test_the_truth_is_the_same_in_every_format(made: dict[str, Path]) -> None:
    mimic, meds, fhir = (pl.read_parquet(made[name] / "truth.parquet") for name in ("mimic", "meds", "fhir"))
    assert mimic.columns == ["subject_id", "prediction_time", "task", "true_probability", "outcome"]
    assert mimic.equals(meds)
    numbers = {number: stable_id(f"Patient/{number}") for number in mimic["subject_id"].unique()}
    order = ("subject_id", "prediction_time", "task")
    renamed = mimic.with_columns(pl.col("subject_id").replace_strict(numbers, return_dtype=pl.Int64))
    assert renamed.sort(order).equals(fhir)
    assert mimic["true_probability"].is_between(0, 1).all()


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("task", ["in_hospital_mortality", "readmission_30d"])
def test_the_truth_has_the_rows_of_the_ready_task(
    made: dict[str, Path], stores: dict[str, Store], format_name: str, task: str
) -> None:
    truth = pl.read_parquet(made[format_name] / "truth.parquet").filter(pl.col("task") == task)
    cohort = labels(run_cohort(stores[format_name], read_task(find_task(task))))
    order = ["subject_id", "prediction_time", "boolean_value"]
    expected = truth.rename({"outcome": "boolean_value"}).select(order).sort(order)
    assert len(expected) > 20
    assert cohort.select(order).sort(order).equals(expected)


def test_meds_has_the_events_that_the_import_of_mimic_gives(stores: dict[str, Store]) -> None:
    query = """
        SELECT subject_id, "time", code, numeric_value, text_value, unit, end_time, status
        FROM event ORDER BY ALL
    """
    mimic, meds = (stores[name].cursor().execute(query).fetchall() for name in ("mimic", "meds"))
    assert len(mimic) > 10_000
    assert mimic == meds


@pytest.mark.parametrize(
    ("what", "mimic", "fhir"),
    [
        ("births", "^MEDS_BIRTH$", "^MEDS_BIRTH$"),
        ("deaths", "^MEDS_DEATH$", "^MEDS_DEATH$"),
        ("sexes", "^GENDER//", "^GENDER//"),
        ("admissions", "^HOSPITAL_ADMISSION//", "^ENCOUNTER_START//IMP"),
        ("discharges", "^HOSPITAL_DISCHARGE//", "^ENCOUNTER_END//IMP"),
        ("ICU admissions", "^ICU_ADMISSION//", "^ICU_ADMISSION//"),
        ("ICU discharges", "^ICU_DISCHARGE//", "^ICU_DISCHARGE//"),
        ("visits to the emergency department", "^TRANSFER_TO//ED//", "^ENCOUNTER_START//EMER"),
        ("diagnoses", "^DIAGNOSIS//", "^CONDITION//"),
        ("procedures", "^PROCEDURE//(ICD|START)//", "^PROCEDURE//"),
        ("glucose", "^LAB//50931//", "^LAB//LOINC//2345-7//"),
        ("hematocrit", "^LAB//51221//", "^LAB//LOINC//4544-3//"),
        ("heart rates", "^LAB//220045//", "^LAB//LOINC//8867-4//"),
        ("urine", "^SUBJECT_FLUID_OUTPUT//", "^LAB//LOINC//9187-6//"),
        ("body mass indices", "^BMI", "^LAB//LOINC//39156-5//"),
        ("blood pressures of visits", "^Blood Pressure", "^LAB//LOINC//85354-9"),
        ("cultures", "^MICROBIOLOGY//RESULT//", "^REPORT//"),
        (
            "orders, doses and infusions",
            "^(PRESCRIPTION//|INFUSION_START//|MEDICATION//.*//(Administered|Delayed Administered)$)",
            "^MEDICATION//",
        ),
    ],
)
def test_the_same_facts_are_in_every_format(stores: dict[str, Store], what: str, mimic: str, fhir: str) -> None:
    expected = count(stores["mimic"], mimic)
    assert expected > 0, what
    assert count(stores["fhir"], fhir) == expected, what


def test_facts_are_known_at_the_same_time_in_every_format(stores: dict[str, Store]) -> None:
    """Diagnoses, procedures, laboratory values, cultures and stays, patient by patient and time by time."""
    pairs = (
        ("^DIAGNOSIS//", "^CONDITION//"),
        ("^PROCEDURE//(ICD|START)//", "^PROCEDURE//"),
        ("^LAB//50931//", "^LAB//LOINC//2345-7"),
        ("^MICROBIOLOGY//RESULT//", "^REPORT//"),
        ("^ICU_ADMISSION//", "^ICU_ADMISSION//"),
        ("^MEDS_DEATH$", "^MEDS_DEATH$"),
    )
    query = """
        SELECT {subject}, "time", numeric_value FROM event WHERE regexp_matches(code, ?) ORDER BY ALL
    """
    for mimic, fhir in pairs:
        hashed = query.format(subject="(md5_number_lower('Patient/' || subject_id) >> 1)::BIGINT")
        expected = stores["mimic"].cursor().execute(hashed, [mimic]).fetchall()
        assert stores["fhir"].cursor().execute(query.format(subject="subject_id"), [fhir]).fetchall() == expected


@pytest.mark.parametrize(
    "name",
    [
        "Patient",
        "Encounter",
        "Condition",
        "Observation",
        "MedicationRequest",
        "MedicationAdministration",
        "Procedure",
        "DiagnosticReport",
    ],
)
def test_every_shape_of_resource_validates_as_r4(made: dict[str, Path], name: str) -> None:
    """One resource of each set of fields and codes, since all others are made from the same templates."""
    model = getattr(import_module(f"fhir.resources.R4B.{name.lower()}"), name)
    found = resources(made["fhir"], name)
    shapes = {}
    for resource in found:
        codings = orjson.dumps([resource.get("code"), resource.get("class"), resource.get("status")])
        shapes.setdefault((tuple(sorted(resource)), codings), resource)
    for resource in shapes.values():
        model.model_validate(resource)
    assert len(found) == len({resource["id"] for resource in found})


def test_references_between_resources_resolve(made: dict[str, Path]) -> None:
    known = {f"{name}/{each['id']}" for name in ("Patient", "Encounter") for each in resources(made["fhir"], name)}
    for path in made["fhir"].glob("*.ndjson.gz"):
        for each in resources(made["fhir"], path.name.removesuffix(".ndjson.gz")):
            for key in ("subject", "encounter", "context", "partOf"):
                if key in each:
                    assert each[key]["reference"] in known


def test_mimic_has_the_files_and_columns_of_mimic_iv(made: dict[str, Path], data_root: Path) -> None:
    for name, columns in COLUMNS.items():
        with gzip.open(made["mimic"] / f"{name}.csv.gz", "rt") as file:
            header = file.readline().strip()
        with gzip.open(data_root / "mimic-iv-demo" / f"{name}.csv.gz", "rt") as file:
            assert header == file.readline().strip() == ",".join(columns.split()), name


def test_no_clinical_record_lies_outside_its_stay(made: dict[str, Path]) -> None:
    stays = pl.read_csv(made["mimic"] / "hosp/admissions.csv.gz", try_parse_dates=True)
    for table, column in (
        ("hosp/labevents", "charttime"),
        ("hosp/emar", "charttime"),
        ("icu/chartevents", "charttime"),
    ):
        rows = pl.read_csv(made["mimic"] / f"{table}.csv.gz", try_parse_dates=True, infer_schema_length=None)
        inside = rows.filter(pl.col("hadm_id").is_not_null()).join(stays, on="hadm_id")
        assert len(inside) > 100
        assert (
            inside.select((pl.col(column) >= pl.col("admittime")) & (pl.col(column) <= pl.col("dischtime")))
            .to_series()
            .all()
        )
    icu = pl.read_csv(made["mimic"] / "icu/icustays.csv.gz", try_parse_dates=True).select(
        "stay_id", "intime", "outtime"
    )
    chart = pl.read_csv(made["mimic"] / "icu/chartevents.csv.gz", try_parse_dates=True).join(icu, on="stay_id")
    assert chart.select(pl.col("charttime").is_between("intime", "outtime")).to_series().all()


def test_nothing_happens_after_death(stores: dict[str, Store]) -> None:
    for store in stores.values():
        late = store.cursor().execute(
            'SELECT count(*) FROM event JOIN subject USING (subject_id) WHERE "time" > death_time'
        )
        assert late.fetchall() == [(0,)]


def test_patients_are_plausible(made: dict[str, Path]) -> None:
    patients = pl.read_csv(made["mimic"] / "hosp/patients.csv.gz")
    assert patients["anchor_age"].is_between(18, 89).all()
    assert set(patients["gender"]) == {"F", "M"}
    values = pl.read_csv(made["mimic"] / "hosp/labevents.csv.gz", infer_schema_length=None)
    median = dict(values.group_by("itemid").agg(pl.col("valuenum").median()).rows())
    assert 0.6 < median[50912] < 1.8  # creatinine, mg/dL
    assert 9 < median[51222] < 14  # haemoglobin, g/dL
    assert 134 < median[50983] < 142  # sodium, mEq/L
    codes = Counter(pl.read_csv(made["mimic"] / "hosp/diagnoses_icd.csv.gz")["icd_code"].to_list())
    assert {"I10", "E785"} <= {code for code, _ in codes.most_common(10)}
    assert codes["E119"] > 10


def test_one_patient_is_enough(tmp_path: Path) -> None:
    for name in FORMATS:
        report = simulate(tmp_path / name, patients=1, seed=11, format_name=name)
        assert report.patients == 1
        assert (tmp_path / name / "truth.parquet").is_file()


@pytest.mark.parametrize(
    ("patients", "seed", "words"), [(0, 0, "--patients is 0"), (-3, 0, "--patients is -3"), (1, -1, "--seed is -1")]
)
def test_what_cannot_be_made_is_refused(tmp_path: Path, patients: int, seed: int, words: str) -> None:
    with pytest.raises(SimulationError, match=words):
        simulate(tmp_path / "out", patients=patients, seed=seed, format_name="mimic")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    assert main(["simulate", "--patients", "1", "--out", str(tmp_path)]) == 1
    assert "is not empty" in capsys.readouterr().err
    assert contents(tmp_path) == {"thesis.tex": b"years of work"}


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["simulate", "--patients", "1", "--out", str(tmp_path / "file" / "made")]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_an_empty_folder_is_filled_also_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    simulate(Path(), patients=1, seed=0, format_name="mimic")
    assert sorted(path.name for path in (tmp_path / "here").iterdir()) == ["hosp", "icu", "truth.parquet"]


def test_a_run_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ehr.simulate.write_truth", interrupt)
    with pytest.raises(KeyboardInterrupt):
        simulate(tmp_path / "out", patients=1, seed=0, format_name="mimic")
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_what_it_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["simulate", "--patients", "40", "--seed", "5", "--out", str(tmp_path / "made"), "--format", "mimic"]
    assert main([*args, "--json"]) == 0
    report = orjson.loads(capsys.readouterr().out)
    assert report["patients"] == 40
    assert [task["task"] for task in report["tasks"]] == ["in_hospital_mortality", "readmission_30d"]
    truth = pl.read_parquet(tmp_path / "made" / "truth.parquet")
    assert sum(task["predictions"] for task in report["tasks"]) == len(truth)
