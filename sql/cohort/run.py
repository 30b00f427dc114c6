"""Running a task over records: the query, its rows, and how many each rule left."""

from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import polars as pl
from sqlglot import exp

from ehr.errors import QueryFailed, TaskError
from ehr.store import Store
from ehr.tasks import ANY_EVENT, TRIGGER, Plain, Selection, Task
from sql.cohort.attrition import Step, attrition, everybody
from sql.cohort.concepts import absent_codes, with_concepts
from sql.cohort.conversions import unit_remarks
from sql.cohort.names import with_safe_names
from sql.cohort.narrowed import narrowed
from sql.cohort.nodes import cohort_query, result_names
from sql.cohort.observed import check_endpoints
from sql.cohort.plan import LOST_AT, Compat, Plan, plan_task
from sql.cohort.records import Records, records_of_meds, records_of_store, records_of_subject
from sql.cohort.rules import Counts, Exists
from sql.cohort.tree import lay_out
from sql.cohort.words import draw


@dataclass(frozen=True, slots=True)
class Cohort:
    """The rows of a cohort, how they came about, and the query that gave them.

    `rows` has subject_id, trigger, index_timestamp and label where the task names them, label as a count, and in a
    wide cohort `NODE@start`, `NODE@end` and `NODE#PREDICATE` for every node of the window tree; ordered by subject
    and trigger. The first step of `attrition` goes from all subjects to those with a trigger.
    """

    task: Task
    rows: pl.DataFrame
    attrition: tuple[Step, ...]
    sql: str

    @property
    def subjects(self) -> int:
        """How many subjects have a row."""
        return self.rows["subject_id"].n_unique()

    @property
    def positive(self) -> int | None:
        """How many rows have a label above 0; None when the task has no label."""
        return int((self.rows["label"] > 0).sum()) if "label" in self.rows.columns else None

    @property
    def prevalence(self) -> float | None:
        """The share of rows with a label above 0; None without a label or a row."""
        return self.positive / self.rows.height if self.positive is not None and self.rows.height else None


def run_cohort(
    store: Store, task: Task, *, wide: bool = True, compat: Compat = "none", count_events: bool = False
) -> Cohort:
    """Look for `task` in a store; `count_events` has the attrition count events too.

    Raises StoreError when the store is empty, TaskError when the task asks for a column or concept that is not there.
    """
    return find_cohort(records_of_store(store), task, wide=wide, compat=compat, count_events=count_events)


def run_cohort_on_subject(store: Store, task: Task, subject_id: int) -> Cohort:
    """Look for `task` in one subject of a store, without the wide columns; others may not even be there."""
    return find_cohort(records_of_subject(store, subject_id), task, wide=False)


def run_cohort_on_meds(path: Path, task: Task, *, wide: bool = True, compat: Compat = "none") -> Cohort:
    """Look for `task` in a MEDS file or folder; raises SourceError when there is none at `path`."""
    return find_cohort(records_of_meds(path), task, wide=wide, compat=compat)


def find_cohort(
    records: Records, task: Task, *, wide: bool = True, compat: Compat = "none", count_events: bool = False
) -> Cohort:
    """Look for `task` in `records`; `count_events` has the attrition count events too, which looks at all of them.

    Raises TaskError when the task asks for a column or for a concept that the records do not have.
    """
    plan = plan_task(task, wide=wide, compat=compat)
    check_columns(plan, records)
    check_endpoints(task)
    records = narrowed(with_concepts(records, task), plan)
    one_moment = compat == "aces" and _has_one_moment(records, task)
    query = _query(records, task, wide=wide, compat=compat, one_moment=one_moment)
    try:
        all_subjects = everybody(records, with_events=count_events)
        table = records.answer(query)
    except duckdb.Error as error:
        raise QueryFailed(f"{task.name}: {str(error).splitlines()[0]}") from error
    judged = pl.DataFrame(pl.from_arrow(table.rename_columns(result_names(plan, wide=wide))))
    rows = judged.filter(pl.col(LOST_AT).is_null())
    if compat == "aces":
        rows = pl.concat([rows, _rows_of_a_lost_chain(plan, judged)], how="diagonal")
    steps = attrition(plan, judged, all_subjects)
    found_remarks = (*absent_codes(records, task), *unit_remarks((*plan.plain, *plan.static), records))
    task = replace(task, remarks=(*task.remarks, *found_remarks))
    return Cohort(task, rows.drop(LOST_AT).sort("subject_id", TRIGGER), steps, records.written(query))


def _query(records: Records, task: Task, *, wide: bool, compat: Compat, one_moment: bool = False) -> exp.Query:
    plan = plan_task(with_safe_names(task), wide=wide, compat=compat, one_moment=one_moment)
    return cohort_query(plan, records, wide=wide)


def _has_one_moment(records: Records, task: Task) -> bool:
    """Say whether the subjects who have all facts without a time that `task` asks for have one moment in all."""
    alone = replace(with_safe_names(task), trigger=ANY_EVENT, windows=(), who=None, endpoints=(), controls=None)
    alone = replace(alone, selection=Selection())
    moments = plan_task(replace(alone, predicates=tuple(p for p in alone.predicates if isinstance(p, Plain))))
    query = cohort_query(moments, records, wide=False)
    kept = exp.select("subject_id").from_(query.subquery("moment")).where(exp.column(LOST_AT).is_(exp.null()))
    return len(records.answer(kept.limit(2))) == 1


def explain_cohort(records: Records, task: Task, *, wide: bool = False, compat: Compat = "none") -> tuple[str, str]:
    """Return the window tree of a task, drawn, and its SQL over `records`, without running it."""
    plan = plan_task(task, wide=wide, compat=compat)
    check_columns(plan, records)
    records = with_concepts(records, task)
    return draw(plan_task(task, wide=True, compat=compat)), records.written(
        _query(records, task, wide=wide, compat=compat)
    )


def check_columns(plan: Plan, records: Records) -> None:
    """Raise TaskError when a predicate compares a column that events do not have, or with a value of another type."""
    for predicate in (*plan.plain, *plan.static):
        looks_at_values = not predicate.value.is_open or predicate.change or predicate.per
        if looks_at_values and "numeric_value" not in records.columns:
            raise TaskError(f"{plan.task.name}: predicates.{predicate.name}: the events have no numeric_value")
        for name, value in predicate.columns:
            key = f"{plan.task.name}: predicates.{predicate.name}.{name}"
            if name not in records.columns:
                hint = "; a bound is written like '> 2 mg/dL' or '130 to 135'" if name == "value" else ""
                raise TaskError(
                    f"{key}: the events have no such column; they have {', '.join(records.columns)}{hint}"
                )
            if value is not None and isinstance(value, str) != (records.columns[name] == "VARCHAR"):
                kind = records.columns[name]
                raise TaskError(f"{key}: {value!r} cannot be compared with a column of type {kind}; mind the quotes")


def _rows_of_a_lost_chain(plan: Plan, judged: pl.DataFrame) -> pl.DataFrame:
    """Return the odd rows of ACES: when the windows form one chain of which only the last event is missing.

    There is one row of nulls for each such subject, unless a criterion of the last window asks for one event or more.
    """
    nodes = tuple(lay_out(plan.task.windows).nodes.values())
    parents = [node.parent for node in nodes]
    leaf = nodes[-1].name if nodes else None
    rule = next(
        (number for number, rule in enumerate(plan.rules, 1) if isinstance(rule, Exists) and rule.node.name == leaf),
        0,
    )
    asked = [rule.has.minimum or 0 for rule in plan.rules[rule:] if isinstance(rule, Counts)]
    if not rule or len(set(parents)) < len(parents) or any(minimum > 0 for minimum in asked):
        return judged.clear()
    lost = judged.filter(pl.col(LOST_AT) == rule)
    return lost.select(pl.col("subject_id").unique(maintain_order=True))
