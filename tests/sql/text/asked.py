"""Questions as analysts type them, with right answers from SQL by hand: tests/queries/questions/*.sql.

A line `--: question | kind | split` opens an entry; the SQL below it gives the right answer. An entry without SQL
must be refused. Questions of the split `held_out` are counted, and never looked at to extend the grammar.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from ehr.importers import IMPORTERS, ImportOptions
from ehr.simulate import simulate
from ehr.store import Store, create_store, open_store
from sql.text import Answer, Index, ask

QUESTIONS: Final = Path(__file__).parents[2] / "queries" / "questions"
MADE_PATIENTS: Final = 300
MADE_SEED: Final = 6

Verdict = Literal["right", "wrong", "refused"]
Split = Literal["dev", "held_out"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, what kind of question it is, and the SQL of the right answer; None where it must be refused."""

    question: str
    kind: str
    split: str
    sql: str | None


def read_asked(name: str) -> list[Asked]:
    """Return the questions of a file: "made" or "mimic"."""
    parts = (QUESTIONS / f"{name}.sql").read_text(encoding="utf-8").split("--: ")[1:]
    found = []
    for part in parts:
        title, _, sql = part.partition("\n")
        question, kind, split = (cell.strip() for cell in title.rsplit("|", 2))
        found.append(Asked(question, kind, split, sql.strip() or None))
    return found


def made_store(folder: Path) -> Iterator[Store]:
    """Simulate the patients whom the questions of "made" are about, and give their store open."""
    simulate(folder / "data", patients=MADE_PATIENTS, seed=MADE_SEED, format_name="mimic")
    store = create_store(folder / "store")
    IMPORTERS["mimic"](store, folder / "data", ImportOptions())
    store.close()
    store = open_store(folder / "store", locked=True)
    yield store
    store.close()


def judge(store: Store, asked: Asked, index: Index) -> tuple[Verdict, Answer]:
    """Ask a question and say whether the answer is right; a refusal is right where there is no answer to give."""
    answer = ask(store, asked.question, index=index)
    if answer.result is None:
        return ("right" if asked.sql is None else "refused"), answer
    if asked.sql is None:
        return "wrong", answer
    wanted = store.cursor().execute(asked.sql).fetchall()
    found = [tuple(row.values()) for row in answer.result.table.to_pylist()]
    return ("right" if same(found, wanted) else "wrong"), answer


def same(found: list[tuple[Any, ...]], wanted: list[tuple[Any, ...]]) -> bool:
    """Say whether the rows are those wanted, in any order; columns beyond those wanted do not count."""
    if len(found) != len(wanted):
        return False
    width = len(wanted[0]) if wanted else 0
    pairs = zip(_sorted([row[:width] for row in found]), _sorted(wanted), strict=True)
    return all(len(own) == width and all(map(_equal, own, right)) for own, right in pairs)


def _sorted(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(rows, key=lambda row: [str(cell) for cell in row])


def _equal(own: object, right: object) -> bool:
    if isinstance(own, bool) or isinstance(right, bool):
        return own is right
    if isinstance(own, int | float) and isinstance(right, int | float):
        return math.isclose(own, right, rel_tol=1e-4, abs_tol=1e-3)
    return own == right
