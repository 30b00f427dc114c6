"""Reading broken CSV files: the fast way through the plain lines gives what reading record by record gives."""

import gzip
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ehr.importers import csv_rows
from ehr.importers.csv_rows import Row, load_slowly, read_rows
from ehr.importers.csv_source import inspect

Cells = tuple[int, tuple[str | None, ...]]


def both_ways(path: Path, data: bytes) -> tuple[list[Cells], list[Row], list[Row]]:
    """Return the good rows of the table, its remarkable rows, and all rows as they are read one by one."""
    path.write_bytes(data)
    file = inspect(path)
    with duckdb.connect() as con:
        remarkable = load_slowly(con, "slow", file, [f"n{index}" for index in range(len(file.header))])
        table = [(row, tuple(cells)) for row, *cells in con.execute("FROM slow ORDER BY row").fetchall()]
    return table, remarkable, list(read_rows(file))


def check(path: Path, data: bytes) -> list[Row]:
    table, remarkable, rows = both_ways(path, data)
    assert table == [(row.number, tuple(row.cells)) for row in rows if not row.broken]
    assert remarkable == [row for row in rows if row.broken or row.remark]
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    return rows


lines = st.one_of(
    st.just("1,2,3"),
    st.just("10,,"),
    st.sampled_from(
        ['a,"b",c', 'a,"b', 'c",d', '"', 'a,"b\n1,2,3\nc",d', "", "  ", "1,2", "1,2,3,4", "µ,2,3", " 1,2,3"]
    ),
    st.text(alphabet='a1,"\r\n µ\0é;', max_size=12),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.lists(lines, max_size=30),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    last=st.booleans(),
    block=st.sampled_from([1, 7, 64, 1 << 20]),
    longest=st.sampled_from([1, 3, 200]),
    encoding=st.sampled_from(["utf-8", "latin-1"]),
)
def test_both_ways_give_the_same_rows_and_verdicts(
    content: list[str],
    end: str,
    last: bool,
    block: int,
    longest: int,
    encoding: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(csv_rows, "BLOCK", block)
    monkeypatch.setattr(csv_rows, "LONGEST_RECORD", longest)
    text = end.join(["a,b,c", *content]) + (end if last else "")
    check(tmp_path / "file.csv", text.encode(encoding))


def test_numbers_go_on_over_blocks_and_broken_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_rows, "BLOCK", 500)
    content = [f"{number},x,{number * 2}" for number in range(2_000)]
    content[700] = "700,x"
    content[900] = '900,"x\ny",1800'
    content[1_999] = '1999,"x,3998'
    rows = check(tmp_path / "file.csv", "\n".join(["a,b,c", *content]).encode())
    assert [(row.number, row.broken) for row in rows if row.broken] == [
        (701, "2 fields where the header has 3"),
        (2_000, "broken quoting"),
    ]
    assert rows[900].cells == ["900", "x\ny", "1800"]


def test_compressed_and_utf_16_files_are_read_too(tmp_path: Path) -> None:
    text = "a,b\n1,2\n3\n"
    assert len(check(tmp_path / "file.csv.gz", gzip.compress(text.encode()))) == 2
    assert len(check(tmp_path / "file.csv", text.encode("utf-16"))) == 2


def test_a_single_column_keeps_its_rows(tmp_path: Path) -> None:
    assert len(check(tmp_path / "file.csv", b'a\n1\n\n"\n2\n')) == 3
