"""The concepts of a task (`code: << ICD10//E11`) made ready: known, and with a table of the codes below them."""

from collections.abc import Iterable
from dataclasses import replace

import duckdb

from ehr.errors import TaskError, UnknownConcept
from ehr.hierarchy import has_codebook, has_joint_codes, known_concepts, make_codebook
from ehr.tasks import Plain, Task
from sql.cohort.records import CODE_FILE, Records


def with_concepts(records: Records, task: Task) -> Records:
    """Return the records with what the concepts of `task` need, which is nothing where it has none.

    Raises TaskError, with what is near, for a concept of which the records have no code.
    """
    asked = [predicate for predicate in _plain(task) if predicate.concepts]
    if not asked:
        return records
    codebook = records.codebook or records.con
    if not has_codebook(codebook):
        make_codebook(codebook, CODE_FILE)
    for predicate in asked:
        try:
            known_concepts(codebook, predicate.concepts)
        except UnknownConcept as error:
            raise TaskError(f"{task.name}: predicates.{predicate.name}.code: {error}") from error
    names = sorted({name for predicate in asked for name in predicate.concepts})
    if codebook is not records.con:
        _copy(codebook, records.con, names)
    return replace(records, has_joint_codes=has_joint_codes(records.con, names))


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
