"""How many of the values in the SQL of EHRSQL-2024 the linker finds in the questions, and what else it takes for one.

    python -m benchmarks.ehrsql_linking            # the figures of train.json, by halves, and of valid.json
    python -m benchmarks.ehrsql_linking --misses   # and what is missed in one half of train.json

A literal of the SQL counts as found where a slot has it as the value of its kind. The rules of the linker were made
with the first half of train.json in view; the second half and valid.json are scored and never listed.
"""

import argparse
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import duckdb

from benchmarks.machine import DATA, Result
from sql.text.linking import How, Linked, LinkIndex, index_of, link
from sql.text.linking.slots import AGE, DATE, DAY, DURATION, MOMENT, MONTH, MONTH_DAY, NUMBER
from sql.text.records.schema import read_catalogue
from sql.text.records.values import Duration, Plain, Range

FOLDER: Final = DATA / "ehrsql-2024" / "shared-task-1.0"
GOAL: Final = 0.99
MAX_MILLISECONDS: Final = 5.0
MAX_SECONDS: Final = 1.0
_PARTS: Final = {"%Y": DATE, "%Y-%m": DATE, "%Y-%m-%d": DATE, "%m-%d": MONTH_DAY, "%m": MONTH, "%d": DAY}
_TEXT: Final = r"'((?:[^']|'')*)'"
_IMPLIED: Final = frozenset({Duration(0, "day"), Duration(0, "month"), Duration(0, "year")}) | frozenset(
    {Duration(1, "day"), Duration(1, "month"), Duration(1, "year")}
)
"""Durations that words such as "yesterday" or "last year" mean; they count only where the question writes them."""
_FIXED: Final = re.compile(
    r"'(?:start of \w+|%[\w%-]+|diagnoses_icd|procedures_icd|labevents|prescriptions|(?:chart|input|output)events)'"
    r"|LIMIT 1(?: OFFSET \d)?|> ?0|(?:THEN|ELSE) [01]\b|\* 100\b|\b(?:1|24) \*|\b[TC]\d\b"
)


@dataclass(frozen=True, slots=True)
class Literal:
    """A value in the SQL that stands for one in the question: its kind of slot, or its column, and the value."""

    kind: str
    value: Plain


Reader = Callable[[re.Match[str]], Iterator[Literal]]


def _unquoted(text: str) -> str:
    return text.replace("''", "'")


def _listed(match: re.Match[str]) -> Iterator[Literal]:
    for value in re.findall(_TEXT, match[2]):
        yield Literal(match[1], _unquoted(value))


def _of(kind: str, read: Callable[[str], Plain]) -> Reader:
    return lambda match: iter([Literal(kind, read(match[1]))])


_READERS: Final[tuple[tuple[str, Reader], ...]] = (
    (
        rf"strftime\('(%[\w%-]+)', ?[\w.]+\) [<>]?=? ?{_TEXT}",
        lambda found: iter([Literal(_PARTS[found[1]], found[2])]),
    ),
    (r"[\w.]+time [<>]?= '(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)'", _of(MOMENT, str)),
    (r"'[+-](\d+) (\w+)'", lambda found: iter([Literal(DURATION, Duration(int(found[1]), found[2]))])),  # type: ignore[arg-type]
    (r"\b1 \* 365(?:/(\d+))?", _of(DURATION, lambda part: Duration(12 // int(part or 1), "month"))),
    (r"subject_id = (\d+)", _of("patient", int)),
    (r"age BETWEEN (\d+) AND \d+9", _of(AGE, lambda low: Range(int(low), int(low) + 9))),
    (r"age >= (\d+)", _of(AGE, lambda low: Range(int(low)))),
    (r"T\d\.C\d (?:[<>]=?|=) (\d+)", _of(NUMBER, int)),
    (r"valuenum (?:[<>]=?|=) ([\d.]+)", _of(NUMBER, float)),
    (rf"(?:linksto|event_type) = {_TEXT}", lambda _: iter(())),
    (rf"(\w+\.\w+) !?= ({_TEXT})", _listed),
    (rf"(\w+\.\w+) IN \( ?({_TEXT}(?: ?, ?{_TEXT})*) ?\)", _listed),
)


def literals(sql: str) -> tuple[set[Literal], list[str]]:
    """Return the values in the SQL that questions hold, and any literal that no rule reads."""
    found: set[Literal] = set()
    rest = sql
    for pattern, read in _READERS:
        for match in re.finditer(pattern, rest):
            found.update(read(match))
        rest = re.sub(pattern, " ", rest)
    rest = _FIXED.sub(" ", rest)
    return found, [match.group() for match in re.finditer(rf"{_TEXT}|\b\d[\d.]*\b", rest)]


def is_found(literal: Literal, linked: Linked) -> list[int]:
    """Return the places of the slots that hold a literal."""
    return [
        place
        for place, slot in enumerate(linked.slots)
        if any(
            slot.value_of(one.kind) == one.value == literal.value and literal.kind in (one.kind, one.column)
            for one in slot.candidates
            if one.kind in slot.kinds
        )
    ]


@dataclass(slots=True)
class Score:
    """What was found in some questions."""

    questions: int = 0
    whole: int = 0
    literals: int = 0
    missed: Counter[str] = field(default_factory=Counter)
    needless: Counter[str] = field(default_factory=Counter)
    open_kinds: int = 0

    def line(self) -> str:
        """Return the score in words."""
        missed, needless = self.missed, self.needless
        return (
            f"{self.whole / self.questions:.2%} of {self.questions} questions have all their values, "
            f"{1 - missed.total() / self.literals:.2%} of {self.literals} values are found "
            f"(missed: {_shown(missed)}); {needless.total() / self.questions:.4f} needless slots a question "
            f"({_shown(needless)}); {self.open_kinds} slots of several kinds"
        )


def _shown(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {n}" for name, n in counts.most_common()) or "none"


def score(items: Sequence[dict[str, Any]], index: LinkIndex, misses: list[str] | None = None) -> Score:
    """Compare the slots of answerable questions with the values in their SQL; `misses` gathers what is missed."""
    total = Score()
    for item in items:
        linked = link(item["question"], index)
        wanted, unread = literals(item["sql"])
        wanted = {one for one in wanted if not (one.value in _IMPLIED and not is_found(one, linked))}
        used = {place for one in wanted for place in is_found(one, linked)}
        missing = [one for one in wanted if not is_found(one, linked)]
        total.questions += 1
        total.literals += len(wanted) + len(unread)
        total.whole += not missing and not unread
        total.missed.update(one.kind for one in missing)
        total.missed.update("not read from the SQL" for _ in unread)
        needless = [slot for place, slot in enumerate(linked.slots) if place not in used]
        total.needless.update(f"{'+'.join(slot.kinds)} ({slot.how})" for slot in needless)
        total.open_kinds += sum(len(slot.kinds) > 1 for slot in linked.slots)
        if misses is not None and (missing or unread or needless):
            said = [f"missing {one.kind} {one.value!r}" for one in missing] + [f"unread {one}" for one in unread]
            misses.append(f"{linked.text}\n    {'; '.join([*said, *(f'needless {s.surface!r}' for s in needless)])}")
    return total


def signs(items: Sequence[dict[str, Any]], index: LinkIndex) -> Counter[str]:
    """Return in how many questions each sign appears that something did not link."""
    found: Counter[str] = Counter()
    for item in items:
        linked = link(item["question"], index)
        ways = {slot.how for slot in linked.slots}
        found["unknown id"] += How.UNKNOWN in ways
        found["partial name"] += How.PARTIAL in ways
        found["corrected name"] += How.CORRECTED in ways
        found["word of a name left"] += bool(linked.unlinked)
        found["unknown word left"] += bool(linked.unknown)
    return found


def read_questions(name: str) -> list[dict[str, Any]]:
    """Return the questions of a split."""
    loaded: list[dict[str, Any]] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


def read_database(folder: Path) -> duckdb.DuckDBPyConnection:
    """Return a database in memory with a table for each CSV file of a folder, all columns as text."""
    connection = duckdb.connect()
    for path in sorted(folder.glob("*.csv.gz")):
        name = path.name.removesuffix(".csv.gz")
        connection.read_csv(str(path), all_varchar=True).to_table(name)
    return connection


def run(show_misses: bool = False) -> Result:
    """Measure, print the details and say whether the goals are met."""
    connection = read_database(FOLDER / "db")
    began = time.process_time()
    index = index_of(read_catalogue("mimic_iv_ehrsql"), connection)
    building = time.process_time() - began
    train, valid = read_questions("train"), read_questions("valid")
    answerable = [item for item in train if item["sql"]]
    halves = [[item for item in answerable if int(item["id"], 16) % 2 == half] for half in (0, 1)]
    misses: list[str] = []
    began = time.process_time()
    for item in answerable:
        link(item["question"], index)
    each = 1000 * (time.process_time() - began) / len(answerable)
    scores = {
        "train, half in view": score(halves[0], index, misses),
        "train, other half": score(halves[1], index),
        "valid": score([item for item in valid if item["sql"]], index),
    }
    for name, one in scores.items():
        print(f"{name}: {one.line()}")
    for name, items in (("answerable", answerable), ("not answerable", [one for one in train if not one["sql"]])):
        shares = {sign: f"{n / len(items):.1%}" for sign, n in signs(items, index).items()}
        print(f"signs in train, {name}: {shares}")
    if show_misses:
        print("\n".join(misses))
    whole = {name: one.whole / one.questions for name, one in scores.items()}
    text = (
        f"linking: all values in {', '.join(f'{share:.2%} ({name})' for name, share in whole.items())} of questions; "
        f"index {building:.2f} s, {each:.2f} ms of one core a question"
    )
    is_met = min(whole.values()) >= GOAL and each <= MAX_MILLISECONDS and building <= MAX_SECONDS
    return Result(text, is_met)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--misses", action="store_true", help="list what is missed in the half of train.json in view")
    print(run(parser.parse_args().misses).text)
