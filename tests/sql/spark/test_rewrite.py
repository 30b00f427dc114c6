"""What needs no Spark: the text that a query becomes, and what is said where Spark cannot run."""

from pathlib import Path

import pytest
from sqlglot import exp, parse_one

from api.cli import main
from ehr.errors import EngineMissing
from ehr.tasks import find_task, read_task, ready_tasks
from sql.cohort import explain_cohort
from sql.cohort.records import records_of_meds
from sql.spark import session
from sql.spark.engine import take_parts
from sql.spark.nearest import without_nearest_joins
from sql.spark.rewrite import for_spark, written_for_spark


def query(text: str) -> exp.Select:
    return parse_one(text, read="duckdb", into=exp.Select)


def test_a_query_is_left_as_it_is_and_its_copy_has_no_asof_join() -> None:
    asked = query("SELECT a.*, b.t AS u FROM a ASOF LEFT JOIN b ON a.s = b.s AND a.t >= b.t")
    before = asked.sql("duckdb")
    written = written_for_spark(for_spark(asked))
    assert "ASOF" not in written
    assert "LAST_VALUE(`b`) IGNORE NULLS" in written
    assert asked.sql("duckdb") == before


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("b.t <= a.t", "`nearest_time` ASC, `nearest_is_left` ASC"),
        ("a.t > b.t", "`nearest_time` ASC, `nearest_is_left` DESC"),
        ("b.t >= a.t", "`nearest_time` DESC NULLS FIRST, `nearest_is_left` ASC"),
        ("a.t < b.t", "`nearest_time` DESC NULLS FIRST, `nearest_is_left` DESC"),
    ],
)
def test_the_order_of_both_sides_follows_the_comparison(text: str, order: str) -> None:
    assert order in written_for_spark(for_spark(query(f"SELECT b.t FROM a ASOF JOIN b ON a.s = b.s AND {text}")))


def test_a_column_without_its_table_beside_an_asof_join_is_refused() -> None:
    with pytest.raises(ValueError, match="column u stands beside an ASOF join without the name of its table"):
        without_nearest_joins(query("SELECT u FROM a ASOF JOIN b ON a.s = b.s AND a.t >= b.t"))


def test_texts_keep_quotes_and_backslashes_and_nulls_stay_last() -> None:
    written = written_for_spark(for_spark(query(r"SELECT 'O''B\d' AS a FROM t ORDER BY u, v DESC")))
    assert written == r"SELECT 'O\'B\\d' AS `a` FROM `t` ORDER BY `u` NULLS LAST, `v` DESC"


def test_parts_are_taken_out_those_rested_on_first() -> None:
    asked = query("WITH b AS (SELECT * FROM a) SELECT * FROM (WITH a AS (SELECT 1 AS x) SELECT * FROM b, a)")
    assert list(take_parts(asked)) == ["a", "b"]
    assert asked.find(exp.With) is None
    with pytest.raises(ValueError, match="a stands for two parts"):
        take_parts(query("WITH a AS (SELECT 1) SELECT * FROM (WITH a AS (SELECT 2) SELECT * FROM a)"))


def test_every_ready_task_can_be_written_for_spark(data_root: Path) -> None:
    records = records_of_meds(data_root / "aces" / "datasets" / "edge-cases.parquet")
    columns = records.columns
    for name in ready_tasks():
        _tree, sql = explain_cohort(records, read_task(find_task(name)), wide=True)
        assert columns == records.columns
        written = written_for_spark(for_spark(query(sql)))
        assert "ASOF" not in written, name
        assert parse_one(written, read="spark") is not None


def test_without_java_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(EngineMissing, match=r"has no java; install Java 17 or later .*openjdk-17-jre-headless"):
        session.check_spark()


def test_an_old_java_is_refused_with_its_version(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    java = tmp_path / "bin" / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"1.8.0_392\"' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(EngineMissing, match=f"{java} is Java 8; install Java 17"):
        session.check_spark()


def test_without_pyspark_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "find_spec", lambda _name: None)
    with pytest.raises(EngineMissing, match=r"pip install 'anamnesis\[spark\]'"):
        session.check_spark()


def test_the_users_own_defaults_are_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "spark-defaults.conf").write_text("# ours\nspark.master  yarn\nspark.driver.memory=8g # much\n\n")
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path))
    assert session.spark_defaults() == {"spark.master": "yarn", "spark.driver.memory": "8g"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--engine", "spark"], "--engine spark looks in MEDS files; name them with --data"),
        (["--data", "s3a://bucket/meds"], "--engine spark reads a URI"),
    ],
)
def test_engine_and_data_must_fit(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cohort", "icu_mortality", *arguments]) != 0
    assert message in " ".join(capsys.readouterr().err.split())
