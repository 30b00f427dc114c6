"""The concepts of a task (`code: << ICD10//E11`) made ready: known, and with a table of the codes below them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import duckdb
from sqlglot import exp

from ehr.errors import TaskError, UnknownConcept
from ehr.hierarchy import has_codebook, has_joint_codes, known_concepts, make_codebook
from ehr.tasks import Derived, Plain, Task
from sql.cohort.records import CODE_FILE, Records


def with_concepts(records: Records, task: Task) -> Records:
    """Return the records with what the concepts of `task` need, which is nothing where it has none.

    Raises TaskError, with what is near, for a concept of which the records have no code, unless the predicate is
    optional.
    """
    asked = [predicate for predicate in _plain(task) if predicate.concepts]
    if not asked:
        return records
    codebook = records.codebook or records.con
    if not has_codebook(codebook):
        make_codebook(codebook, CODE_FILE)
    for predicate in asked:
        if predicate.optional:
            continue
        try:
            known_concepts(codebook, predicate.concepts)
        except UnknownConcept as error:
            raise TaskError(f"{task.name}: predicates.{predicate.name}.code: {error}") from error
    names = sorted({name for predicate in asked for name in predicate.concepts})
    if codebook is not records.con:
        _copy(codebook, records.con, names)
    return replace(records, has_joint_codes=has_joint_codes(records.con, names))


def absent_codes(records: Records, task: Task) -> tuple[str, ...]:
    """Return a remark that names the optional predicates of which the records, made ready, have none of the codes.

    None is said of an input of `or` beside another that has codes.
    """
    optional = [one for one in _plain(task) if one.optional and one.regex is None]
    used = _in_use(records, optional)
    absent = [one for one in optional if used.isdisjoint((*one.codes, *one.concepts))]
    names = {one.name for one in absent}
    either = [one for one in task.predicates if isinstance(one, Derived) and one.operator == "or"]
    covered = {name for one in either if not names.issuperset(one.inputs) for name in one.inputs}
    missed = [one.name for one in absent if one.name not in covered]
    if not missed:
        return ()
    return (f"the records have none of the codes of {', '.join(missed)}: nothing counts for them",)


def _in_use(records: Records, predicates: Sequence[Plain]) -> set[str]:
    """Return which of the codes and concepts of predicates the records have."""
    codes = sorted({code for one in predicates for code in one.codes})
    concepts = sorted({name for one in predicates for name in one.concepts})
    used: set[str] = set()
    if codes:
        found = exp.select("code").from_(records.codes.subquery("used")).where(exp.column("code").isin(*codes))
        used |= {row[0] for row in records.con.execute(found.sql("duckdb")).fetchall()}
    if concepts:
        below = "SELECT DISTINCT ancestor FROM code_ancestor WHERE ancestor IN (SELECT unnest($names))"
        used |= {row[0] for row in records.con.execute(below, {"names": concepts}).fetchall()}
    return used


def _plain(task: Task) -> Iterable[Plain]:
    return (one for one in (*task.demographics, *task.predicates) if isinstance(one, Plain))


def _copy(codebook: duckdb.DuckDBPyConnection, con: duckdb.DuckDBPyConnection, names: list[str]) -> None:
    """Copy what lies at or below the concepts to a connection that has events only."""
    below = codebook.sql(
        "SELECT code, ancestor FROM code_ancestor WHERE ancestor IN (SELECT unnest($names))", params={"names": names}
    ).to_arrow_table()
    con.register("below", below)
    con.execute("CREATE OR REPLACE TEMP TABLE code_ancestor AS FROM below")
    con.unregister("below")
