"""What the store was made from as SQL: rows of tables, resources by type, events, forms of values, open records."""

from collections.abc import Callable
from typing import Final

from sqlglot import exp

from sql.text.stored import EventCounts, Held, OpenRecords, Resources, TableRows, ValueForms

_TABLES: Final = """
    SELECT resource AS name, CAST(SUM(rows_in) AS BIGINT) AS n FROM tally GROUP BY resource ORDER BY resource
"""
_OF_PATIENT: Final = """
    WITH part AS (
        SELECT source_id, SPLIT_PART(code, '//', 1) AS kind, COUNT(*) AS in_all,
               COUNT(CASE WHEN subject_id = {patient} THEN 1 END) AS n
        FROM event GROUP BY source_id, SPLIT_PART(code, '//', 1)
    ), told AS (
        SELECT t.resource AS name,
               CASE WHEN SUM(p.in_all) = MIN(t.rows_accepted) THEN SUM(p.n)
                    ELSE MAX(CASE WHEN p.in_all = t.rows_accepted THEN p.n END) END AS n
        FROM part AS p JOIN tally AS t ON t.source_id = p.source_id GROUP BY t.resource, t.source_id
    )
    SELECT name, CAST(SUM(n) AS BIGINT) AS n FROM told WHERE n > 0 GROUP BY name ORDER BY name
"""
_OF_PATIENTS: Final = """
    SELECT subject_id, COUNT(DISTINCT SPLIT_PART(record_id, '.component', 1)) AS n FROM event
    WHERE SPLIT_PART(record_id, '/', 1) IN ({types}) GROUP BY subject_id ORDER BY subject_id
"""
_FORMS: Final = """
    WITH part AS (
        SELECT SPLIT_PART(record_id, '.component', 1) AS id, CONTAINS(record_id, '.component') AS is_part,
               numeric_value, text_value, value_code
        FROM event WHERE STARTS_WITH(record_id, 'Observation/')
    ), observation_form AS (
        SELECT id, CASE
            WHEN COUNT(CASE WHEN NOT is_part THEN numeric_value END) > 0 THEN 'quantity'
            WHEN COUNT(CASE WHEN NOT is_part THEN value_code END) > 0 THEN 'concept'
            WHEN COUNT(CASE WHEN NOT is_part THEN text_value END) > 0 THEN 'string'
            WHEN COUNT(CASE WHEN is_part THEN 1 END) > 0 THEN 'component'
            ELSE 'none' END AS form
        FROM part GROUP BY id
    )
    SELECT form, COUNT(*) AS n FROM observation_form GROUP BY form ORDER BY n DESC, form
"""
_OPEN: Final = """
    SELECT COUNT(CASE WHEN end_time IS NULL THEN 1 END) AS without_end,
           COUNT(CASE WHEN status = 'active' THEN 1 END) AS marked_active, COUNT(*) AS records
    FROM event WHERE STARTS_WITH(record_id, 'Condition/')
"""


def held_sql(ask: Held) -> exp.Select:
    """Return the SQL of what is asked of the store itself."""
    return _HELD[type(ask)](ask)


def _rows(ask: TableRows) -> exp.Select:
    if ask.subject_id is not None:
        return _read(_OF_PATIENT.format(patient=int(ask.subject_id)))
    select = _read(_TABLES)
    if ask.folder is None:
        return select
    name = exp.func("STARTS_WITH", exp.column("resource"), exp.Literal.string(f"{ask.folder}/"), dialect="duckdb")
    return select.where(name)


def _resources(ask: Resources) -> exp.Select:
    named = [exp.Literal.string(name) for name in ask.types]
    if ask.per == "patient":
        return _read(_OF_PATIENTS.format(types=", ".join(name.sql(dialect="duckdb") for name in named)))
    select = _read(_TABLES)
    return select.where(exp.column("resource").isin(*named)) if named else select


def _events(ask: EventCounts) -> exp.Select:
    select = exp.select(exp.alias_(exp.Count(this=exp.Star()), "events"))
    if ask.timed:
        select = select.select(exp.alias_(exp.func("COUNT", exp.column("time", quoted=True)), "with_a_time"))
    return select.from_("event")


def _read(sql: str) -> exp.Select:
    return exp.maybe_parse(sql, dialect="duckdb", into=exp.Select)


_HELD: Final[dict[type, Callable[..., exp.Select]]] = {
    TableRows: _rows, Resources: _resources, EventCounts: _events,
    ValueForms: lambda _: _read(_FORMS), OpenRecords: lambda _: _read(_OPEN),
}  # fmt: skip
