"""Events on disk read once: those that the patterns of a task match, when a pattern is but a fixed piece of text.

Most patterns of tasks are such pieces: `^ICU_ADMISSION//.*` is what begins with them, `MEDS_DEATH` what holds them.
DuckDB tests these on the dictionary of a Parquet column, so that all the events that a task needs are found in one
look, in place of one at the codes and one at the events; a regular expression it would test on each event.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import duckdb
from sqlglot import exp

from ehr.errors import QueryFailed
from ehr.tasks import Plain
from sql.cohort.plan import Plan
from sql.cohort.records import FOUND, Records

MOST: Final = 4_000_000
"""Events that are held in memory at most; of more a task is told without holding them."""

_PIECE: Final = re.compile(
    r"(?P<begin>\^?)(?P<text>(?:[\w /,;:'\"=<>%&#@!~`-]|\\[^\w\s])+)(?P<any>(?:\.\*)?)(?P<end>\$?)"
)


def narrowed(records: Records, plan: Plan) -> Records:
    """Return records that know the events of `plan` apart, or `records` where reading them apart gains nothing.

    Raises QueryFailed when the events cannot be read.
    """
    predicates = (*plan.plain, *plan.static)
    is_file = records.engine is None and any(table.name == "event" for table in records.codes.find_all(exp.Table))
    tests = [_test(predicate) for predicate in predicates]
    known = [test for test in tests if test is not None]
    if not is_file or not known or len(known) < len(tests) or all(one.regex is None for one in predicates):
        return records
    test = exp.or_(*known)
    columns = _columns(predicates)
    found = exp.select(*(exp.column(name, quoted=True) for name in columns)).from_("event").where(test)
    try:
        n_found = records.con.execute(
            f"CREATE OR REPLACE TEMP TABLE {FOUND} AS {found.limit(MOST).sql('duckdb')}"
        ).fetchall()[0][0]
        if n_found >= MOST:
            records.con.execute(f"DROP TABLE {FOUND}")
            return records
    except duckdb.Error as error:
        raise QueryFailed(f"{plan.task.name}: {str(error).splitlines()[0]}") from error
    codes = exp.select("code").distinct().from_(FOUND)
    return replace(records, codes=codes, by_code=exp.select(*columns).from_(FOUND), narrowed_by=found)


def _columns(predicates: Iterable[Plain]) -> list[str]:
    """Return the columns that the predicates look at."""
    names = {"subject_id", "time", "code"}
    for predicate in predicates:
        if not predicate.value.is_open:
            names.add("numeric_value")
        names |= {name for name, _ in predicate.columns}
    return sorted(names)


def _test(predicate: Plain) -> exp.Expr | None:
    """Return the test on the code of an event, or None where it is not a plain comparison of texts."""
    if predicate.concepts or predicate.unit or predicate.change or predicate.per:
        return None
    if predicate.regex is None:
        return exp.column("code").isin(*(exp.Literal.string(code) for code in predicate.codes))
    return fixed_piece(predicate.regex)


def fixed_piece(pattern: str) -> exp.Expr | None:
    """Return the test that a code matches a pattern that is a fixed piece of text, at the begin or anywhere.

    None for every other pattern: then the engine of regular expressions must decide.
    """
    found = _PIECE.fullmatch(pattern)
    if found is None or (found["any"] and found["end"]) or not pattern.isascii():
        return None
    text = exp.Literal.string(re.sub(r"\\(.)", r"\1", found["text"]))
    code = exp.column("code")
    if found["begin"] and found["end"]:
        return code.eq(text)
    if found["begin"] or found["end"]:
        return exp.func("STARTS_WITH" if found["begin"] else "SUFFIX", code, text, dialect="duckdb")
    return exp.func("CONTAINS", code, text, dialect="duckdb")
