"""Answering under the role `aggregate`: every block is measured on the store, protected, and read by a last query.

The last query runs in a database of its own, in memory, that holds the protected tables and the codes that enough
patients have: whatever it does, there is no row of a patient that it could reach.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Final

import duckdb
import pyarrow as pa

from ehr.errors import UnsafeQuery
from sql.catalog import Catalog
from sql.disclosure.aggregates import Rests
from sql.disclosure.blocks import Block
from sql.disclosure.identity import PUBLIC
from sql.disclosure.measure import MIN_SUBJECTS, NUMERIC, rows_of, statement_of
from sql.disclosure.queries import Walk
from sql.disclosure.scope import MARK, Node
from sql.disclosure.suppression import Group, hidden_cells
from sql.engine import write_statement
from sql.refusals import Refusal, refused
from sql.trees import walk as nodes_of

ROLE: Final = "aggregate"
MAX_GROUPS: Final = 50_000
MEMORY: Final = "1GB"
NOTE: Final = (
    f"groups and cells that rest on fewer than {MIN_SUBJECTS} patients are hidden, and further ones from which they "
    "could be worked out"
)


@dataclass(slots=True)
class Protection:
    """A statement of which only the blocks touch the store; `is_complete` says whether nothing had to be hidden."""

    statement: Node
    blocks: list[Block]
    con: duckdb.DuckDBPyConnection
    is_complete: bool = True

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Close the database of the last query at the end of the block."""
        try:
            yield
        finally:
            self.con.close()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the result must know."""
        return () if self.is_complete else (NOTE,)


def protect(con: duckdb.DuckDBPyConnection, statement: Node, text: str, catalog: Catalog) -> Protection:
    """Take a checked statement apart, on a copy; raises UnsafeQuery where it could tell of single patients."""
    if MARK in text:
        raise refused(Refusal.FORBIDDEN_NAME, f"the query holds the sign {MARK}", "; leave it out")
    walk = Walk(text, con, catalog.relations)
    statement = deepcopy(statement)
    walk.whole(statement)
    _check_last(statement, {block.table for block in walk.blocks})
    return Protection(statement, walk.blocks, _empty_database())


def fill(protection: Protection, con: duckdb.DuckDBPyConnection) -> None:
    """Measure the blocks on `con`, and put their protected tables where the last query reads them.

    Raises UnsafeQuery for values that cannot be protected.
    """
    for block in protection.blocks:
        types = _types(con, block)
        _check_types(block, types)
        sql = write_statement(con, statement_of(con, block, types), None)
        table = con.sql(f"FROM ({sql}) LIMIT {MAX_GROUPS + 1}").to_arrow_table()
        if table.num_rows > MAX_GROUPS:
            raise refused(Refusal.TOO_LARGE, f"there are more than {MAX_GROUPS:,} groups", "; group more coarsely")
        kept, is_complete = protected_table(block, table)
        protection.is_complete &= is_complete
        protection.con.register(block.table, kept)
    for name in _tables_of(protection.statement) & PUBLIC.keys():
        _copy_public(name, con, protection.con)
    protection.con.execute("SET lock_configuration = true")


def protected_table(block: Block, measured: pa.Table) -> tuple[pa.Table, bool]:
    """Return the groups and aggregates that may leave, and whether they are all."""
    groups = groups_of(block, measured)
    hidden = hidden_cells(block, groups)
    kept = [place for place, group in enumerate(groups) if group.subjects >= MIN_SUBJECTS or not block.keys]
    places = pa.array(kept, pa.int64())
    free = [f"{MARK}k{place}" for place in range(len(block.keys))]
    free += [f"{MARK}g{place}" for place in range(len(block.groupings))]
    columns = {name: measured[name].take(places) for name in free}
    for place in range(len(block.aggregates)):
        shown = pa.array([None if hidden[place][row] else row for row in kept], pa.int64())
        columns[f"{MARK}a{place}"] = measured[f"{MARK}a{place}"].take(shown)
    if not columns:
        columns = {f"{MARK}n": places}
    is_complete = len(kept) == len(groups) and not any(any(column) for column in hidden)
    return pa.table(columns), is_complete


def groups_of(block: Block, measured: pa.Table) -> list[Group]:
    """Return the groups of a measured block with the patients behind them."""
    values = measured.select([f"{MARK}k{place}" for place in range(len(block.keys))]).to_pylist()
    shown = re.compile(f"{MARK}[kag]\\d+")
    rows = measured.select([name for name in measured.column_names if not shown.fullmatch(name)]).to_pylist()
    groups = []
    for value, row in zip(values, rows, strict=True):
        places = _places(int(row[f"{MARK}set"]), len(block.keys))
        key = tuple(repr(value[f"{MARK}k{place}"]) if place in places else None for place in range(len(block.keys)))
        subjects = int(row[f"{MARK}subjects"] or 0)
        few = frozenset(row[f"{MARK}few"] or ()) if subjects < MIN_SUBJECTS else None
        groups.append(Group(places, key, subjects, few, row))
    return groups


def _places(mask: int, keys: int) -> tuple[int, ...]:
    """Return the keys that are grouped by, of the number that GROUPING() gives.

    >>> _places(0b010, 3)
    (0, 2)
    """
    return tuple(place for place in range(keys) if not mask >> (keys - 1 - place) & 1)


def _types(con: duckdb.DuckDBPyConnection, block: Block) -> dict[str, str]:
    rows = con.sql(write_statement(con, {"node": rows_of(block), "named_param_map": []}, None))
    return dict(zip(rows.columns, (str(kind) for kind in rows.types), strict=True))


def _check_types(block: Block, types: dict[str, str]) -> None:
    """Refuse a quantile of anything but numbers and spans, and a sum of what is no number."""
    for place, one in enumerate(block.aggregates):
        kind = types.get(f"{MARK}x{place}", "")
        is_number = kind in NUMERIC or kind.startswith("DECIMAL") or kind in {"BOOLEAN", "INTERVAL"}
        is_time = kind in {"DATE"} or kind.startswith("TIMESTAMP")
        if one.rests is Rests.QUANTILE and not is_number:
            instead = "; ask for it of a number or a span, such as age_at(subject_id, time) or year(time)"
            raise refused(Refusal.SINGLE_PATIENTS, f"{one.function}() of {kind} gives a patient's own", instead)
        if one.rests in {Rests.SUM, Rests.MEAN} and not (is_number or is_time):
            raise refused(Refusal.BAD_ARGUMENT, f"{one.function}() of {kind}", "; it takes a number")


def _copy_public(name: str, con: duckdb.DuckDBPyConnection, last: duckdb.DuckDBPyConnection) -> None:
    """Copy what a table without patients says of the codes that enough patients have."""
    columns = con.sql(f"FROM main.{name}").columns
    told = [f'"{each}"' if each in PUBLIC[name] else f'if(false, "{each}", NULL) AS "{each}"' for each in columns]
    known = f"code IN (SELECT c.code FROM main.code AS c WHERE c.n_subjects >= {MIN_SUBJECTS})"
    relation = con.sql(f"SELECT {', '.join(told)} FROM main.{name} WHERE {known}")
    last.register(f"{MARK}public", relation.to_arrow_table())
    last.execute(f'CREATE TABLE main.{name} AS FROM "{MARK}public"')


def _empty_database() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect(":memory:", config={"memory_limit": MEMORY, "threads": 1})
    con.execute("SET python_enable_replacements = false")
    con.execute("SET enable_external_access = false")
    return con


def _tables_of(statement: Node) -> set[str]:
    return {str(node["table_name"]).lower() for node, _, _ in nodes_of(statement) if node.get("type") == "BASE_TABLE"}


def _check_last(statement: Node, protected: set[str]) -> None:
    """Refuse a last query that would read anything else than protected tables, steps of WITH and codes."""
    entries = [entry for node, _, _ in nodes_of(statement) for entry in node.get("cte_map", {}).get("map", [])]
    known = protected | PUBLIC.keys() | {entry["key"].lower() for entry in entries}
    beyond = _tables_of(statement) - known
    if beyond:
        raise UnsafeQuery(f"{sorted(beyond)[0]!r} would give rows of single patients; aggregate them")
