"""On Spark a cohort has the rows that it has on DuckDB: every shared case, every ready task, any nearest row.

All in one file: the tests that share a Spark must run in one process.
"""

import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest
from sqlglot import exp, parse_one

from api.cli import main
from ehr.errors import QueryFailed, SourceError
from ehr.exporters import ExportOptions
from ehr.exporters.meds import export_meds
from ehr.store import Store
from ehr.tasks import Task, parse_task, read_task, ready_tasks
from sql.cohort import Cohort, explain_subject, find_cohort, labels
from sql.cohort.records import Records, records_of_meds
from sql.features import write_features
from sql.spark.engine import SparkEngine
from sql.spark.records import records_of_meds_on_spark
from sql.spark.session import spark_session
from sql.spark.views import views_on_spark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

OnSpark = Callable[[Path], Records]


def same(one: Cohort, other: Cohort) -> bool:
    """Compare all columns of all rows as multisets, the types, and the attrition."""
    return (
        one.rows.schema == other.rows.schema
        and Counter(one.rows.iter_rows()) == Counter(other.rows.iter_rows())
        and one.attrition == other.attrition
    )


def differing(
    source: Path, tasks: dict[str, tuple[Task, str]], on_spark: OnSpark, *, wide: bool = True
) -> dict[str, str]:
    """Return how the cohorts of some tasks, each with its compatibility, differ between the engines."""
    duck, spark = records_of_meds(source), on_spark(source)
    found = {}
    for name, (task, compat) in tasks.items():
        one = find_cohort(duck, task, wide=wide, compat=compat)  # type: ignore[arg-type]
        other = find_cohort(spark, task, wide=wide, compat=compat)  # type: ignore[arg-type]
        if not same(one, other):
            found[name] = f"{one.rows.height} rows on DuckDB, {other.rows.height} on Spark"
    return found


def sharded(file: Path, folder: Path, shards: int) -> Path:
    """Write a MEDS file as a data set of several files, a subject in one of them."""
    (folder / "data").mkdir(parents=True)
    for number in range(shards):
        duckdb.sql(
            f"COPY (FROM '{file}' WHERE subject_id % {shards} = {number}) "
            f"TO '{folder}/data/{number}.parquet' (FORMAT parquet)"
        )
    return folder


def test_every_shared_case_has_the_same_rows(data_root: Path, on_spark: OnSpark, tmp_path: Path) -> None:
    folder = data_root / "aces"
    tasks: dict[str, dict[str, tuple[Task, str]]] = {}
    for case in json.loads((folder / "index.json").read_text())["cases"]:
        if "error" not in case:
            of_data = tasks.setdefault(case["dataset"], {})
            task = read_task(folder / f"{case['name']}.yaml")
            of_data[case["name"]] = (task, "none")
            if case["aces_artifacts"]:
                of_data[f"{case['name']} as ACES has it"] = (task, "aces")
    assert sum(len(of_data) for of_data in tasks.values()) >= 74
    sources = {data: sharded(folder / "datasets" / f"{data}.parquet", tmp_path / data, 4) for data in tasks}
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(lambda data: differing(sources[data], tasks[data], on_spark), tasks)
        assert [differences for differences in found if differences] == []


@pytest.mark.parametrize("kind", ["meds", "fhir"])
def test_every_ready_task_has_the_same_rows(
    kind: str, on_spark: OnSpark, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    store: Store = request.getfixturevalue(f"{kind}_store")
    export_meds(store, tmp_path / "meds", ExportOptions(partition=4))
    tasks = {name: (read_task(path), "none") for name, path in ready_tasks().items()}
    assert len(tasks) >= 15
    assert differing(tmp_path / "meds", tasks, on_spark, wide=False) == {}


BEYOND_ACES = """
predicates:
  admission: {code: {regex: "^HOSPITAL_ADMISSION//"}}
  discharge: {code: {regex: "^HOSPITAL_DISCHARGE//"}}
  death: {code: MEDS_DEATH}
  creatinine: {code: {regex: "^LAB//50912"}, value: ">= 0 mg/dL"}
  high_creatinine: {code: {regex: "^LAB//50912"}, value: "> 150 umol/L"}
  rise: {code: {regex: "^LAB//50912"}, rise: {by: 0.3 mg/dL, within: 48h}}
  fall: {code: {regex: "^LAB//50912"}, fall: {ratio: 1.2, within: 7d}}
  dry: {code: {regex: "^LAB//51006"}, per: {of: creatinine, within: 6h}, value: "> 20"}
  improved: {expr: "followed(rise, fall, 96h)"}
  worse: {expr: "preceded(high_creatinine, rise, 72h)"}
  kidneys: {score: {within: 24h, rise: 2, over: 48h, parts: {one: {rise: 1, high_creatinine: 2}, two: {dry: 1}}}}
  ill: {expr: "or(improved, worse, kidneys)"}
"""
TASKS_BEYOND_ACES = {
    "first": """
who: patients aged 30 to 85
trigger: ill
triggers: {keep: first, washout: 7d, washed_out: admission, seed: 7}
windows:
  stay:
    start: trigger
    end: start -> discharge
    start_inclusive: false
    end_inclusive: true
    index_timestamp: start
    label: fall
endpoints:
  days: {window: stay, predicate: fall, kind: time, competing: death}
  mean: {window: stay, predicate: creatinine, kind: value, take: mean, unit: umol/L}
  grade:
    window: stay
    predicate: creatinine
    kind: ordinal
    take: last
    unit: mg/dL
    levels: {normal: "<= 1.2", raised: "> 1.2 and <= 2", high: "> 2"}
""",
    "random": """
who: women aged 40 or over
trigger: creatinine
triggers: {keep: random, of: all, seed: 3}
""",
    "sample": """
trigger: creatinine
triggers: {sample: 10 %, seed: 5}
""",
    "matched": """
trigger: admission
triggers: {keep: last}
windows:
  stay:
    start: trigger
    end: start + 30d
    start_inclusive: false
    end_inclusive: true
    index_timestamp: start
    label: rise
controls: {ratio: 2, on: [age, sex], age_band: 20, seed: 1}
""",
}


def test_tasks_beyond_aces_have_the_same_rows(meds_store: Store, on_spark: OnSpark, tmp_path: Path) -> None:
    export_meds(meds_store, tmp_path / "meds", ExportOptions(partition=4))
    tasks = {name: parse_task(BEYOND_ACES + text, name) for name, text in TASKS_BEYOND_ACES.items()}
    duck = records_of_meds(tmp_path / "meds")
    sizes = {name: find_cohort(duck, task).rows.height for name, task in tasks.items()}
    assert min(sizes.values()) > 10, sizes
    assert differing(tmp_path / "meds", {name: (task, "none") for name, task in tasks.items()}, on_spark) == {}


CONDITIONS = (
    ("a.t >= b.t", "b.t + INTERVAL 1 DAY > c.t"),
    ("b.t < a.t", "c.t >= b.t"),
    ("b.t >= a.t", "c.t <= a.t"),
    ("a.t < b.t", "c.t > b.t"),
)


def random_rows(random: Random, *, distinct: bool) -> list[tuple[int, datetime | None, int]]:
    """Return (subject, time, number) of many subjects with few rows each, some at the same time or without one."""
    rows: list[tuple[int, datetime | None]] = []
    for subject in range(400):
        for _ in range(random.randrange(5)):
            day = random.choice([None, *range(1, 7)])
            rows.append((subject, day and datetime(2020, 1, day)))  # type: ignore[arg-type]
    return [(*row, number) for number, row in enumerate(dict.fromkeys(rows) if distinct else rows)]


@pytest.mark.parametrize("kind", ["LEFT", ""])
def test_the_nearest_rows_are_those_of_an_asof_join(kind: str, spark: "SparkSession") -> None:
    con, random = duckdb.connect(), Random(5)
    for name in "abc":
        con.execute(f"CREATE TABLE {name} (s BIGINT, t TIMESTAMP, n BIGINT)")
        con.executemany(f"INSERT INTO {name} VALUES (?, ?, ?)", random_rows(random, distinct=name != "a"))
    engine = SparkEngine(spark, con)
    for first, second in CONDITIONS:
        query = parse_one(
            f"""
            SELECT a.*, b.t AS bt, b.n + 1 AS bn, c.n AS cn, c.t + INTERVAL 1 MICROSECOND AS ct FROM a
            ASOF {kind} JOIN b ON a.s = b.s AND {first} ASOF LEFT JOIN c ON a.s = c.s AND {second}
            """,
            read="duckdb",
            into=exp.Select,
        )
        expected = con.sql(query.sql("duckdb")).fetchall()
        assert len(expected) > 200
        assert Counter(pl.DataFrame(pl.from_arrow(engine.answer(query))).iter_rows()) == Counter(expected), first


@pytest.mark.parametrize("kind", ["fhir", "omop"])
def test_the_analyst_views_have_the_rows_of_the_store(
    kind: str, spark: "SparkSession", tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    store: Store = request.getfixturevalue(f"{kind}_store")
    export_meds(store, tmp_path / "meds", ExportOptions(partition=3))
    session = spark_session()
    names = views_on_spark(session, str(tmp_path / "meds"))
    con = store.cursor()
    views = {row[0] for row in con.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()}
    assert views | {"encounter", "code", "event"} <= {*names}
    assert views >= {"patient", "condition", "medication", "procedure", "observation", "death"}
    for name in names:
        on_spark = session.table(name).toArrow()
        columns = ", ".join(f'"{column}"' for column in on_spark.column_names)
        con.register("on_spark", on_spark)
        here = f"SELECT {columns} FROM {name}"
        for one, other in ((here, "FROM on_spark"), ("FROM on_spark", here)):
            assert con.sql(f"({one}) EXCEPT ALL ({other})").fetchall() == [], name
        con.unregister("on_spark")


def test_features_are_the_same_on_both_engines_and_say_what_was_known(
    on_spark: OnSpark, data_root: Path, tmp_path: Path
) -> None:
    folder = sharded(data_root / "aces" / "datasets" / "edge-cases.parquet", tmp_path / "data", 3)
    task = read_task(data_root / "aces" / "edge_event_bound_cc.yaml")
    duck, spark = records_of_meds(folder), on_spark(folder)
    rows = labels(find_cohort(duck, task))
    assert rows.height > 50
    write_features(duck, rows, str(tmp_path / "duckdb.parquet"))
    write_features(spark, rows, str(tmp_path / "spark"))
    found = [pl.read_parquet(tmp_path / name) for name in ("duckdb.parquet", "spark/*.parquet")]
    assert found[0].schema == found[1].schema
    assert Counter(map(str, found[0].iter_rows())) == Counter(map(str, found[1].iter_rows()))
    assert found[0].filter(pl.col("last_time") > pl.col("prediction_time")).is_empty()
    assert (found[0]["n_recent"] <= found[0]["n"]).all()


def test_the_command_writes_the_same_files_with_either_engine(
    spark: "SparkSession", data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = data_root / "aces"
    data = sharded(folder / "datasets" / "edge-cases.parquet", tmp_path / "data", 2)
    told = []
    for engine in ("duckdb", "spark"):
        out = [f"--{name}={tmp_path / engine}.{name}" for name in ("out", "wide", "features")]
        task = str(folder / "edge_event_bound_cc.yaml")
        assert main(["--json", "cohort", task, f"--data={data}", f"--engine={engine}", *out]) == 0
        told.append(json.loads(capsys.readouterr().out))
    assert told[0]["attrition"] == told[1]["attrition"]
    for name in ("out", "wide"):
        one, other = (pq.ParquetFile(tmp_path / f"{engine}.{name}").read() for engine in ("duckdb", "spark"))
        assert one.schema == other.schema
        assert one.num_rows > 50
        assert Counter(map(str, one.to_pylist())) == Counter(map(str, other.to_pylist()))
    assert not spark.sparkContext._jsc.sc().isStopped(), "a Spark that was there before is left running"


def test_a_patient_is_explained_the_same_with_either_engine(
    on_spark: OnSpark, data_root: Path, tmp_path: Path
) -> None:
    source = data_root / "aces" / "datasets" / "edge-cases.parquet"
    task = read_task(data_root / "aces" / "edge_event_bound_cc.yaml")
    duck, spark = records_of_meds(source), on_spark(sharded(source, tmp_path / "data", 2))
    subject = find_cohort(duck, task).rows["subject_id"][0]
    assert explain_subject(spark, task, subject) == explain_subject(duck, task, subject)


def test_what_is_not_there_is_refused_by_name(spark: "SparkSession", tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="there is no MEDS data set here"):
        records_of_meds_on_spark(spark_session(), str(tmp_path / "nothing"))
    (tmp_path / "other").mkdir()
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "other" / "0.parquet")
    with pytest.raises(SourceError, match="it lacks subject_id, time, code"):
        records_of_meds_on_spark(spark_session(), str(tmp_path / "other"))
    with pytest.raises(SourceError, match=r"subject\.parquet is not there; the views need an export"):
        views_on_spark(spark_session(), str(tmp_path / "other"))
    with pytest.raises(QueryFailed, match=r"Spark: .*nowhere"):
        SparkEngine(spark, duckdb.connect(), frozenset({"nowhere"})).answer(exp.select("*").from_("nowhere"))
