"""`ehr sql` as people and programs use it."""

import csv
import io
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pyarrow.ipc as ipc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.cli import main
from api.results import records
from ehr.store import create_store
from tests.sql.ward import build_ward

SEXES = "SELECT sex, count(*) AS n FROM patient GROUP BY sex ORDER BY sex"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("cli") / "store"
    build_ward(path)
    return str(path)


def test_a_table_for_people(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["sql", "SELECT sex, NULL AS nothing, count(*) AS n FROM patient GROUP BY sex", "--store", store]) == 0
    )
    out = capsys.readouterr().out
    assert "female" in out
    assert "NULL" in out
    assert "2 rows in" in out


def test_json_for_programs(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    for option in (["--json"], ["--format", "json"]):
        assert main(["sql", SEXES, "--store", store, *option]) == 0
        assert json.loads(capsys.readouterr().out) == [{"sex": "female", "n": 6}, {"sex": "male", "n": 6}]


def test_json_of_every_kind_of_value(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    query = (
        "SELECT 4.2::FLOAT AS f, TIMESTAMP '2150-01-01' AS t, DATE '2150-01-02' AS d, [1, NULL] AS l, {'a': 1} AS s, "
        "'nan'::DOUBLE AS x, 1.50::DECIMAL(4, 2) AS m, NULL AS z, INTERVAL 90 MINUTE AS i, 6091580074906713648 AS big"
    )
    assert main(["sql", query, "--store", store, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["f"] == 4.2
    assert (row["t"], row["d"]) == ("2150-01-01T00:00:00", "2150-01-02")
    assert (row["l"], row["s"], row["x"], row["z"]) == ([1, None], {"a": 1}, None, None)
    assert row["m"] == "1.50"
    assert row["big"] == 6091580074906713648


@settings(deadline=None)
@given(months=st.integers(-500, 500), days=st.integers(-9999, 9999), micros=st.integers(-(10**11), 10**11))
def test_intervals_are_written_as_the_engine_writes_them(months: int, days: int, micros: int) -> None:
    interval = f"to_months({months}) + to_days({days}) + to_microseconds({micros})"
    con = duckdb.connect()
    (row,) = records(con.sql(f"SELECT {interval} AS i, ({interval})::VARCHAR AS expected").to_arrow_table())
    assert row["i"] == row["expected"]


@pytest.mark.parametrize("name", ["table", "json", "csv", "parquet", "arrow"])
def test_values_that_python_cannot_hold_are_written(name: str, store: str, tmp_path: Path) -> None:
    query = (
        "SELECT 'infinity'::TIMESTAMP AS t, '-infinity'::DATE AS d, DATE '12000-01-01' AS far, "
        "TIMESTAMP_NS '2150-01-01 00:00:00.000000001' AS ns, [TIMESTAMP 'infinity'] AS l, '101'::BIT AS b, "
        "TIMETZ '12:00:00+01' AS z, 170141183460469231731687303715884105727::HUGEINT AS h, 'a'::BLOB AS raw"
    )
    out = [] if name == "table" else ["--out", str(tmp_path / "result")]
    assert main(["sql", query, "--store", store, "--format", name, *out]) == 0


def test_csv(store: str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    query = (
        "SELECT 'a \"b\", c' AS text, 4.2::FLOAT AS f, NULL AS z, TIMESTAMP '2150-01-01 08:00:00' AS t, [1, 2] AS l"
    )
    assert main(["sql", query, "--store", store, "--format", "csv"]) == 0
    header, row = csv.reader(io.StringIO(capfdbinary.readouterr().out.decode()))
    assert header == ["text", "f", "z", "t", "l"]
    assert row == ['a "b", c', "4.2", "", "2150-01-01 08:00:00", "[1,2]"]


def test_arrow_and_parquet_to_files(store: str, tmp_path: Path) -> None:
    for ending in ("parquet", "arrow"):
        assert main(["sql", SEXES, "--store", store, "--out", str(tmp_path / f"r.{ending}")]) == 0
    expected = [{"sex": "female", "n": 6}, {"sex": "male", "n": 6}]
    assert pq.read_table(tmp_path / "r.parquet").to_pylist() == expected
    assert ipc.open_stream((tmp_path / "r.arrow").read_bytes()).read_all().to_pylist() == expected


def test_arrow_to_stdout(store: str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["sql", SEXES, "--store", store, "--format", "arrow"]) == 0
    assert ipc.open_stream(capfdbinary.readouterr().out).read_all().num_rows == 2


def test_a_query_from_stdin(store: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(SEXES + ";\n"))
    assert main(["sql", "-", "--store", store, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 2


def test_a_cut_is_told(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sql", "FROM patient", "--store", store, "--limit", "3", "--json"]) == 0
    captured = capsys.readouterr()
    assert len(json.loads(captured.out)) == 3
    assert "only the first 3 rows" in captured.err


def test_describe(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sql", "--describe", "--store", store]) == 0
    out = capsys.readouterr().out
    assert "observation (view)" in out
    assert "los_days(encounter_id)" in out
    assert "Measured number" in out
    assert "Records that were refused" not in out
    assert main(["sql", "--describe", "--role", "admin", "--store", store, "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    relations = {relation["name"]: relation for relation in described["relations"]}
    functions = {function["name"]: function for function in described["functions"]}
    assert functions["age_at"]["forms"] == ["age_at(subject_id, time)"]
    assert "completed years" in functions["age_at"]["comment"]
    assert relations["reject"]["columns"][0] == {
        "name": "source_id",
        "type": "INTEGER",
        "comment": "File, as in source",
    }


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["SELECT * FROM reject"], "may not read 'reject'"),
        (["DROP TABLE event"], "only a query that reads"),
        (["SELECT cod FROM event"], "did you mean 'code'"),
        (["SELECT sum(sex) FROM patient"], "cannot be run"),
        (["SELECT 1", "--role", "root"], "there is no role 'root'"),
        (["SELECT sex FROM patient", "--role", "aggregate"], "rows of single patients"),
        (
            ["SELECT count(*) FROM range(10000000) a, range(10000000) b", "--timeout", "0.1"],
            "longer than 0.1 seconds",
        ),
        (["SELECT 1", "--format", "csv", "--out", "/nowhere/x.csv"], "/nowhere/x.csv cannot be written"),
    ],
)
def test_what_goes_wrong_is_one_sentence(
    arguments: list[str], sentence: str, store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sql", *arguments, "--store", store]) == 1
    err = capsys.readouterr().err
    told, *pointer = err.splitlines()
    assert sentence in told
    assert [line.strip() for line in pointer][1:] in ([], ["^"])
    assert "Traceback" not in err


def test_the_place_of_what_is_wrong_is_shown(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    for column in ("clas", "sum(class)"):
        query = f"SELECT subject_id,\n  {column}\nFROM encounter"
        assert main(["sql", query, "--store", store, "--json"]) == 1
        captured = capsys.readouterr()
        assert captured.err.splitlines()[1:] == [f"    {column}", "    ^"]
        problem = json.loads(captured.out)["error"]
        assert (problem["line"], problem["column"]) == (2, 3)


def test_a_result_too_wide_for_the_screen_is_shown_down_the_page(
    store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sql", "SELECT * FROM observation ORDER BY event_id LIMIT 2", "--store", store]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^ row 2 .*\n event_id +\d+ *$", out, re.MULTILINE)
    assert re.search(r"^ status +NULL *$", out, re.MULTILINE)
    assert main(["sql", SEXES, "--store", store, "--format", "records"]) == 0
    assert re.search(r"^ sex +female *\n n +6 *$", capsys.readouterr().out, re.MULTILINE)


@pytest.mark.parametrize(
    "arguments", [[], ["SELECT 1", "--describe"], ["SELECT 1", "--out", "x.txt"], ["SELECT 1", "--limit", "0"]]
)
def test_wrong_usage_ends_with_two(arguments: list[str], store: str) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["sql", *arguments, "--store", store])
    assert stop.value.code == 2


def test_ctrl_c_stops_a_query_at_once(store: str) -> None:
    words = [sys.executable, "-m", "api.cli", "--store", store, "sql", "-"]
    running = subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert running.stdin is not None
    running.stdin.write("SELECT count(*) FROM range(1000000) a, range(10000000) b")
    running.stdin.close()
    time.sleep(3)
    running.send_signal(signal.SIGINT)
    began = time.monotonic()
    assert running.wait(timeout=25) == 130
    assert time.monotonic() - began < 20
    assert running.stderr is not None
    assert running.stderr.read() == "ehr: interrupted; run the same command again to go on\n"
    running.stderr.close()


def test_a_store_that_is_empty_or_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sql", "SELECT 1", "--store", str(tmp_path / "none")]) == 1
    assert "there is no store" in capsys.readouterr().err
    create_store(tmp_path / "empty").close()
    assert main(["sql", "SELECT 1", "--store", str(tmp_path / "empty")]) == 1
    assert "is empty" in capsys.readouterr().err


def test_every_question_is_in_the_audit_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "store"
    build_ward(path)
    main(["sql", SEXES, "--store", str(path)])
    main(["sql", "SELECT excerpt FROM reject", "--store", str(path)])
    lines = [json.loads(line) for line in (path / "audit.jsonl").read_text().splitlines()]
    assert [(line["outcome"], line["rows"], line["role"]) for line in lines] == [
        ("answered", 2, "analyst"),
        ("refused", None, "analyst"),
    ]
    assert "female" not in (path / "audit.jsonl").read_text()
