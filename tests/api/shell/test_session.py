"""The shell from a pipe: statements and commands one after another, each refused or failed one told."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from api.cli import main
from api.shell import session as session_module
from tests.sql.ward import build_ward

Shell = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("session") / "store"
    build_ward(path)
    return path


@pytest.fixture
def shell(path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Shell:
    def run(typed: str, *options: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        code = main(["--store", str(path), "shell", *options])
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return run


def test_statements_may_span_lines_and_share_one(shell: Shell) -> None:
    code, out, err = shell("SELECT ';' AS a -- ;\n, 1 AS b\n; SELECT 2 AS c;\nSELECT 3 AS d", "--format", "csv")
    assert (code, err) == (0, "")
    assert out == "a,b\n;,1\nc\n2\nd\n3\n"


def test_a_failure_is_told_and_the_next_statement_runs(shell: Shell) -> None:
    code, out, err = shell("SELECT clas\nFROM encounter;\nDROP TABLE event;\nSELECT 7 AS n;\n", "--format", "csv")
    assert code == 1
    assert out == "n\n7\n"
    assert "did you mean 'class'?\n  SELECT clas\n         ^\n" in err
    assert "only a query that reads" in err


def test_what_the_shell_is_set_to(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "a b.parquet"
    typed = f"""
        .limit 2
        .format json
        FROM patient ORDER BY subject_id;
        .out '{file}'
        SELECT subject_id FROM patient ORDER BY 1;
        .limit 100
        SELECT count(*) AS n FROM patient;
    """
    code, out, err = shell("\n".join(line.strip() for line in typed.splitlines()))
    assert code == 0
    first, end = json.JSONDecoder().raw_decode(out)
    assert [row["subject_id"] for row in first] == [1, 2]
    assert json.loads(out[end:]) == [{"n": 12}]
    assert pq.read_table(file).to_pylist() == [{"subject_id": 1}, {"subject_id": 2}]
    assert err.count("only the first 2 rows are shown") == 2


@pytest.mark.parametrize(
    ("command", "part"),
    [
        (".help", ".estimate SELECT"),
        (".tables", "One row per patient"),
        (".describe encounter", "Where the patient went"),
        (".functions", "los_days(encounter_id)"),
        (".codes heart failure", "DIAGNOSIS//ICD//10//I509"),
        (".estimate SELECT count(*) FROM event WHERE code = 'a'", "result: about"),
        (".ask how many patients are there?", "12 patients"),
    ],
)
def test_commands_answer(command: str, part: str, shell: Shell) -> None:
    code, out, err = shell(f"{command}\nSELECT 1;")
    assert (code, err) == (0, "")
    assert part in out
    assert "1 row in" in out


@pytest.mark.parametrize(
    ("command", "part"),
    [
        (".nothing", "there is no command .nothing"),
        (".describe", "takes the name of a table"),
        (".describe reject", "may not read 'reject'"),
        (".codes", "takes words"),
        (".role root", "there is no role 'root'"),
        (".format xml", "the formats are table"),
        (".limit none", "a number of rows from 1"),
        (".timeout -1", "more than 0"),
        (".out", "takes the file"),
        (".out result", "has no ending of a format"),
        (".out 'result.csv", "takes the file"),
        (".estimate", "takes a SELECT"),
        (".estimate SELECT clas FROM encounter", "  SELECT clas FROM encounter\n         ^"),
        (".ask", "takes a question"),
    ],
)
def test_commands_that_are_wrong_say_how(command: str, part: str, shell: Shell) -> None:
    code, out, err = shell(f"{command}\nSELECT 1;")
    assert code == 1
    assert part in err
    assert "1 row in" in out


def test_a_role_reads_what_it_may(shell: Shell) -> None:
    code, out, err = shell("FROM reject;\n.role admin\nSELECT count(*) AS n FROM reject;", "--format", "csv")
    assert (code, out) == (1, "n\n1\n")
    assert "role analyst may not read 'reject'" in err
    assert shell("SELECT 1;", "--role", "root")[0] == 1


def test_quit_leaves_at_once(shell: Shell) -> None:
    assert shell(".quit\nSELECT nonsense;") == (0, "", "")


def test_a_timeout_stops_a_query(shell: Shell) -> None:
    code, _, err = shell(".timeout 0.1\nSELECT count(*) FROM range(10000000) a, range(10000000) b;")
    assert code == 1
    assert "longer than 0.1 seconds" in err


def test_an_interruption_ends_a_pipe(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object, **options: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr(session_module, "run_query", interrupted)
    code, out, err = shell("SELECT 1;\n.tables\n")
    assert (code, out) == (130, "")
    assert "interrupted" in err


def test_every_statement_is_in_the_audit_log(shell: Shell, path: Path) -> None:
    shell("SELECT 41 AS n;\nFROM nothing;")
    lines = [json.loads(line) for line in (path / "audit.jsonl").read_text().splitlines()][-2:]
    assert [(line["action"], line["query"], line["outcome"]) for line in lines] == [
        ("shell", "SELECT 41 AS n", "answered"),
        ("shell", "FROM nothing", "refused"),
    ]
