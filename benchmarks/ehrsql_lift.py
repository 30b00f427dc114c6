"""How much of the gold SQL of EHRSQL-2024 the typed questions hold: lifted, compiled again, run and compared.

    python -m benchmarks.ehrsql_lift                     # train.json, answers on SQLite
    python -m benchmarks.ehrsql_lift --split valid       # the ceiling of a parser that writes these questions
    python -m benchmarks.ehrsql_lift --engine duckdb     # the same questions on DuckDB
    python -m benchmarks.ehrsql_lift --misses            # and what is not lifted or not right, for train.json only

Every answerable question goes gold SQL -> RecordsQuery -> linear tokens -> RecordsQuery -> SQL. Its answer must be
the official one after the rounding of the official scorer: numbers to three decimals, rows sorted, the first hundred.
"""

import argparse
import csv
import gzip
import json
import sqlite3
from ast import literal_eval
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb

from benchmarks.machine import DATA
from ehr.errors import EhrError
from sql.text.records.catalogue import Catalogue
from sql.text.records.compile import compile_records
from sql.text.records.grammar import Grammar
from sql.text.records.lift import lift
from sql.text.records.linear import delinearize, linearize
from sql.text.records.schema import read_catalogue
from sql.text.records.shape import CatalogueShape
from sql.text.records.sqlite import to_sqlite

FOLDER: Final = DATA / "ehrsql-2024" / "shared-task-1.0"
GOAL: Final = 0.99
_MOST_ROWS: Final = 100

Run = Callable[[Any], Sequence[Sequence[object]]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a question: right, wrong, not lifted, not in the grammar, not compiled, not run."""

    question: str
    verdict: str
    tokens: tuple[str, ...] = ()
    message: str = ""


# --- databases --------------------------------------------------------------------------------------------


def tables(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield name and file of each table."""
    for path in sorted((folder / "db").glob("*.csv.gz")):
        yield path.name.removesuffix(".csv.gz"), path


def sqlite_run(folder: Path) -> Run:
    """Load the tables into SQLite, an empty cell as NULL, and return what runs a compiled question there."""
    database = sqlite3.connect(":memory:")
    database.executescript((folder / "schema.sql").read_text(encoding="utf-8"))
    for name, path in tables(folder):
        with gzip.open(path, "rt", encoding="utf-8", newline="") as handle:
            rows = csv.reader(handle)
            head = next(rows)
            marks = ", ".join("?" * len(head))
            cells = ([cell or None for cell in row] for row in rows)
            database.executemany(f"INSERT INTO {name} ({', '.join(head)}) VALUES ({marks})", cells)
    return lambda tree: database.execute(to_sqlite(tree)).fetchall()


def duckdb_run(folder: Path) -> Run:
    """Load the tables into DuckDB, typed as it finds, and return what runs a compiled question there."""
    database = duckdb.connect()
    database.execute("SET threads = 1")
    for name, path in tables(folder):
        kept = ", types = {'dose_val_rx': 'VARCHAR'}" if name == "prescriptions" else ""
        database.execute(f"CREATE TABLE {name} AS FROM read_csv('{path}', sample_size = -1{kept})")
    return lambda tree: database.execute(tree.sql(dialect="duckdb")).fetchall()


# --- comparison -------------------------------------------------------------------------------------------


def canonical(rows: Sequence[Sequence[object]]) -> list[list[str]]:
    """Return rows as the official scorer compares them."""
    return sorted([_cell(cell) for cell in row] for row in rows)[:_MOST_ROWS]


def _cell(cell: object) -> str:
    try:
        return str(round(float(cell), 3))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return str(cell)


def judge(item: dict[str, Any], catalogue: Catalogue, grammar: Grammar, run: Run) -> Outcome:
    """Take a question the whole way."""
    tokens: tuple[str, ...] = ()
    verdict = "not lifted"
    try:
        query = lift(item["sql"], catalogue)
        tokens, verdict = linearize(query), "not in the grammar"
        read = grammar.query(tokens)
        verdict = "not compiled"
        if read != query or delinearize(tokens) != query:
            return Outcome(item["question"], "not the same when read again", tokens)
        tree = compile_records(read, catalogue)
    except EhrError as error:
        return Outcome(item["question"], verdict, tokens, str(error))
    try:
        got = canonical(run(tree))
    except (sqlite3.Error, duckdb.Error) as error:
        return Outcome(item["question"], "not run", tokens, str(error))
    answer = item["answer"]
    wanted = canonical(literal_eval(answer) if isinstance(answer, str) else answer)
    return Outcome(item["question"], "right" if got == wanted else "wrong", tokens, f"{got[:3]} for {wanted[:3]}")


# --- report -----------------------------------------------------------------------------------------------


def report(outcomes: Sequence[Outcome], split: str, engine: str) -> bool:
    """Print the figures; return whether the goal is reached."""
    counts = Counter(one.verdict for one in outcomes)
    right = counts["right"] / len(outcomes)
    lengths = sorted(len(one.tokens) for one in outcomes if one.tokens)
    print(f"{split}.json on {engine}: {len(outcomes)} answerable questions")
    for verdict, count in counts.most_common():
        print(f"  {verdict:28} {count:5}  {100 * count / len(outcomes):6.2f} %")
    words = {token for one in outcomes for token in one.tokens if not token.startswith("=")}
    median, most = lengths[len(lengths) // 2], lengths[-1]
    print(f"  linear tokens: median {median}, at most {most}; {len(words)} different ones beside values")
    return right >= GOAL


def _misses(outcomes: Sequence[Outcome]) -> None:
    for one in outcomes:
        if one.verdict != "right":
            print(f"\n{one.verdict}: {one.question}\n  {' '.join(one.tokens)}\n  {one.message}")


def main() -> int:
    """Measure one split on one engine."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=("train", "valid"), default="train")
    parser.add_argument("--engine", choices=("sqlite", "duckdb"), default="sqlite")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="take every Nth question (default 1)")
    parser.add_argument("--misses", action="store_true", help="list what is not right; only for train.json")
    given = parser.parse_args()
    if given.misses and given.split != "train":
        parser.error("--misses is for train.json: the wording of valid.json is not looked at")
    catalogue = read_catalogue("mimic_iv_ehrsql")
    grammar = Grammar(CatalogueShape(catalogue))
    run = sqlite_run(FOLDER) if given.engine == "sqlite" else duckdb_run(FOLDER)
    items = json.loads((FOLDER / f"{given.split}.json").read_text(encoding="utf-8"))
    asked = [item for item in items if item["sql"]][:: given.every]
    outcomes = [judge(item, catalogue, grammar, run) for item in asked]
    if given.misses:
        _misses(outcomes)
    return 0 if report(outcomes, given.split, given.engine) else 1


if __name__ == "__main__":
    raise SystemExit(main())
