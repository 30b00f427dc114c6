"""What a query would cost: from the plan, without running it, and by the right tables, steps and weight."""

from typing import Any

import pytest

from ehr.errors import QueryFailed, UnsafeQuery
from ehr.store import Store
from sql.catalog import Catalog
from sql.estimate import PlanNode, Weight, estimate, operators
from sql.estimate import _given as rows_given
from sql.query import Limits


def count(store: Store, table: str) -> int:
    return int(store.cursor().execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])


def test_a_scan_tells_the_table_its_rows_and_the_columns_read(ward: Store) -> None:
    found = estimate(ward, "SELECT sum(numeric_value) FROM event WHERE code = 'LAB//50912//mg/dL'")
    (scan,) = found.scans
    assert (scan.table, scan.table_rows) == ("event", count(ward, "event"))
    assert set(scan.columns) == {"code", "numeric_value"}
    assert 0 < scan.rows <= scan.table_rows
    assert found.bytes == scan.bytes == scan.table_rows * (24 + 4)
    assert (found.rows, found.weight) == (1, Weight.LIGHT)
    assert found.verdict.startswith(f"Light: the query reads about {scan.table_rows:,} rows")


def test_a_view_is_told_by_the_tables_behind_it(ward: Store) -> None:
    found = estimate(ward, "SELECT value FROM observation")
    assert {scan.table for scan in found.scans} == {"event", "code", "unit"}
    assert all("JOIN" in step.operator for step in found.steps)


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT sex FROM patient", 12),
        ("SELECT sex FROM patient LIMIT 5", 5),
        ("SELECT sex FROM patient ORDER BY birth_time LIMIT 3", 3),
        ("SELECT sex FROM patient ORDER BY birth_time", 12),
        ("SELECT row_number() OVER (ORDER BY subject_id) FROM patient", 12),
        ("SELECT 1 FROM patient a, patient b", 144),
        ("SELECT sex FROM patient UNION ALL SELECT sex FROM patient", 24),
        ("SELECT count(*) FROM encounter", 1),
        ("SELECT 1 WHERE false", 0),
        ("FROM range(1000)", 1000),
    ],
)
def test_the_rows_of_the_result_are_those_without_the_row_limit(query: str, rows: int, ward: Store) -> None:
    assert estimate(ward, query, limits=Limits(rows=2)).rows == rows


@pytest.mark.parametrize(
    ("query", "weight", "words"),
    [
        ("SELECT count(*) FROM range(1000000) a, range(1000000) b", Weight.HEAVY, ["CROSS_PRODUCT", "limit of 30 s"]),
        ("SELECT 1 FROM range(1000000) a, range(1000000) b", Weight.LIGHT, ["limit of 10,000 rows is likely to cut"]),
        ("SELECT max(range) FROM range(200000000)", Weight.MODERATE, ["may take some seconds"]),
        (
            "SELECT count(*) FROM range(100000) a JOIN range(100000) b ON a.range < b.range",
            Weight.HEAVY,
            ["PIECEWISE_MERGE_JOIN", "5,000,000,000"],
        ),
        ("SELECT count(*) FROM range(100000) a JOIN range(100000) b ON a.range = b.range", Weight.LIGHT, ["Light"]),
    ],
)
def test_the_verdict_names_what_makes_a_query_heavy(
    query: str, weight: Weight, words: list[str], ward: Store
) -> None:
    found = estimate(ward, query)
    assert found.weight is weight
    for word in words:
        assert word in found.verdict


def test_more_time_makes_a_query_less_heavy(ward: Store) -> None:
    query = "SELECT count(*) FROM range(100000) a JOIN range(100000) b ON a.range < b.range"
    assert estimate(ward, query, limits=Limits(seconds=1000)).weight is Weight.MODERATE


def test_nothing_of_the_query_is_run(ward: Store, catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    texts: list[str] = []
    plain = Store.cursor

    class Spy:
        def __init__(self, cursor: Any) -> None:
            self._cursor = cursor

        def execute(self, text: str, *parameters: Any) -> Any:
            texts.append(text)
            return self._cursor.execute(text, *parameters)

        def __getattr__(self, name: str) -> Any:
            assert name != "sql"
            return getattr(self._cursor, name)

    monkeypatch.setattr(Store, "cursor", lambda store: Spy(plain(store)))
    found = estimate(ward, "SELECT sex FROM patient", catalog=catalog)
    assert f"EXPLAIN (FORMAT json) {found.sql}" in texts
    assert not [text for text in texts if text.lstrip().startswith(("SELECT sex", found.sql))]
    with pytest.raises(UnsafeQuery):
        estimate(ward, "SELECT * FROM source", catalog=catalog)
    with pytest.raises(UnsafeQuery):
        estimate(ward, "EXPLAIN ANALYZE SELECT 1", catalog=catalog)
    with pytest.raises(QueryFailed):
        estimate(ward, "SELECT sum(sex) FROM patient", catalog=catalog)


def test_the_role_aggregate_gets_no_estimates(ward: Store) -> None:
    with pytest.raises(UnsafeQuery, match="single patients"):
        estimate(ward, "SELECT count(*) FROM patient", role="aggregate")


def node(name: str, told: int | None = None, children: tuple[PlanNode, ...] = (), **info: str) -> PlanNode:
    estimated = {} if told is None else {"Estimated Cardinality": str(told)}
    return {"name": name, "children": list(children), "extra_info": estimated | info}


@pytest.mark.parametrize(
    ("operator", "taken", "rows"),
    [
        (node("HASH_JOIN", 70, Conditions="a = b"), [10, 20], 70),
        (node("HASH_JOIN", 0, Conditions="a = b"), [10, 20], 20),
        (node("HASH_JOIN", 900, Conditions="a IS NOT DISTINCT FROM b"), [10, 20], 20),
        (node("PIECEWISE_MERGE_JOIN", 5, Conditions="a < b"), [10, 20], 100),
        (node("HASH_JOIN", 4, **{"Join Type": "SEMI", "Conditions": "a = b"}), [10, 20], 4),
        (node("HASH_GROUP_BY", 500), [10], 10),
        (node("ORDER_BY", 0), [10], 10),
        (node("CTE", 3), [10, 20], 20),
        (node("TOP_N", 1, Top="5"), [10], 5),
        (node("HASH_JOIN", 0, Conditions="rowid = rowid"), [10, 3], 3),
        (node("FILTER", 2), [10], 2),
        (node("STREAMING_SAMPLE", 0), [10], 10),
    ],
)
def test_estimates_of_the_engine_are_mended_where_they_mislead(
    operator: PlanNode, taken: list[int], rows: int
) -> None:
    assert rows_given(operator, taken) == rows


def test_operators_come_from_the_result_down() -> None:
    plan = node("A", children=(node("B", children=(node("C"),)), node("D")))
    assert [operator["name"] for operator in operators(plan)] == ["A", "B", "C", "D"]
