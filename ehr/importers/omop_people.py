"""Persons and deaths of OMOP: who the patients are, and when they were born and died."""

from typing import Final

from ehr.events import BIRTH, DEATH
from ehr.importers.omop_concepts import any_key, joined
from ehr.importers.omop_tables import PERSON_ID, Moment, Table
from ehr.importers.omop_words import GENDER_WORDS, GENDERS, values_sql
from ehr.importers.tables import Check, TableSpec, integer, record_of, text, time
from ehr.reasons import Reason
from ehr.refresh import ORDER

_PARTS: Final = "concat_ws('-', year_of_birth, lpad({month}::VARCHAR, 2, '0'), lpad({day}::VARCHAR, 2, '0'))"
_YEAR: Final = f"try_cast({_PARTS.format(month=1, day=1)} AS TIMESTAMP)"
_MONTH: Final = f"try_cast({_PARTS.format(month='month_of_birth', day=1)} AS TIMESTAMP)"
_DAY: Final = f"try_cast({_PARTS.format(month='month_of_birth', day='day_of_birth')} AS TIMESTAMP)"
_IS_YEAR: Final = "year_of_birth BETWEEN 1800 AND 2300"

BIRTH_TIME: Final = f"coalesce(birth_datetime, CASE WHEN {_IS_YEAR} THEN coalesce({_DAY}, {_MONTH}, {_YEAR}) END)"

# A datetime of birth may be made up from a year or a month, as the CDM asks; then the parts that are missing tell.
_BIRTH_PRECISION: Final = f"""
    CASE WHEN birth_datetime <> date_trunc('day', birth_datetime) THEN NULL
         WHEN coalesce({_MONTH}, {_DAY}) IS NULL AND {BIRTH_TIME} = date_trunc('year', {BIRTH_TIME}) THEN 'year'
         WHEN {_DAY} IS NULL AND {BIRTH_TIME} = date_trunc('month', {BIRTH_TIME}) THEN 'month'
         ELSE 'day' END
"""

_PERSON: Final = TableSpec(
    name="person",
    columns=(
        PERSON_ID,
        integer("gender_concept_id"),
        text("gender_source_value"),
        integer("year_of_birth"),
        integer("month_of_birth"),
        integer("day_of_birth"),
        time("birth_datetime"),
        integer("race_concept_id"),
        text("race_source_value"),
        integer("ethnicity_concept_id"),
        text("ethnicity_source_value"),
        text("person_source_value"),
    ),
    ignored=(
        "location_id provider_id care_site_id gender_source_concept_id race_source_concept_id "
        "ethnicity_source_concept_id"
    ),
    key=("person_id",),
    checks=(
        Check(f"{BIRTH_TIME} IS NULL", "no usable birth", cell="year_of_birth", code=Reason.NO_TIME),
        Check(
            "year(birth_datetime) <> year_of_birth",
            "birth_datetime is in another year than year_of_birth: the former counts",
            cell="year_of_birth",
            code=Reason.IMPLAUSIBLE,
        ),
    ),
    record=record_of("person", "person_id"),
)

_GENDER: Final = (
    f"coalesce({values_sql(GENDERS, 'gender_concept_id')}, "
    f"{values_sql(GENDER_WORDS, 'lower(gender_source_value)', 'upper(gender_source_value)')})"
)


def _word(name: str) -> str:
    """Return the SQL of a race or ethnicity: its title, else the source value, else the number of the concept."""
    known = f"replace(upper(coalesce({name}_name, {name}_source_value)), '//', '/')"
    return f"coalesce({known}, {any_key(name, f'{name}_concept_id')})"


def _person_events(rows: str) -> str:
    facts = (  # four, as PERSON.kinds says
        ("NULL::TIMESTAMP", f"'GENDER//' || {_GENDER}", "NULL"),
        (BIRTH_TIME, f"CASE WHEN {BIRTH_TIME} IS NOT NULL THEN '{BIRTH}' END", _BIRTH_PRECISION),
        ("NULL::TIMESTAMP", f"'RACE//' || {_word('race')}", "NULL"),
        ("NULL::TIMESTAMP", f"'ETHNICITY//' || {_word('ethnicity')}", "NULL"),
    )
    meant = joined(rows, {"race": "race_concept_id", "ethnicity": "ethnicity_concept_id"})
    listed = ", ".join(
        f"{{time: {time}, code: {code}, precision: ({precision})::VARCHAR, place: {place}}}"
        for place, (time, code, precision) in enumerate(facts)
    )
    return f"""
        SELECT person_id AS subject_id, fact.time AS "time", fact.code AS code, {_PERSON.record} AS record_id,
               fact.precision AS time_precision, row * {len(facts)} + fact.place AS {ORDER}
        FROM (SELECT *, unnest([{listed}]) AS fact FROM ({meant})) WHERE fact.code IS NOT NULL
    """


def _person_subjects(rows: str) -> str:
    return f"""
        SELECT person_id AS subject_id,
               list_filter(['omop|' || person_id, 'person_source_value|' || person_source_value],
                           lambda name: name IS NOT NULL) AS identifiers
        FROM {rows}
    """


PERSON: Final = Table(
    _PERSON,
    ("gender_concept_id", "race_concept_id", "ethnicity_concept_id"),
    _person_events,
    kinds=4,
    subjects=_person_subjects,
)

_DIED: Final = Moment("death_date", "death_datetime")

_DEATH: Final = TableSpec(
    name="death",
    columns=(
        PERSON_ID,
        *_DIED.columns,
        integer("cause_concept_id"),
        integer("cause_source_concept_id"),
        text("cause_source_value"),
    ),
    ignored="death_type_concept_id",
    key=("person_id",),
    checks=(
        Check(f"{_DIED.start} IS NULL", "no usable death_date: dead at an unknown time", code=Reason.NO_TIME),
        _DIED.one_day,
    ),
    record=record_of("death", "person_id"),
)


def _death_events(rows: str) -> str:
    source = any_key("source", "cause_source_concept_id")
    meant = joined(rows, {"cause": "cause_concept_id", "source": "cause_source_concept_id"})
    return f"""
        SELECT person_id AS subject_id, {_DIED.start} AS "time", '{DEATH}' AS code,
               coalesce(cause_name, source_name, cause_source_value) AS text_value,
               coalesce(cause_key, source_key, {any_key("cause", "cause_concept_id")}, {source}) AS value_code,
               {_DEATH.record} AS record_id, {_DIED.precision} AS time_precision, row AS {ORDER}
        FROM ({meant}) WHERE {_DIED.start} IS NOT NULL
    """


def _death_subjects(rows: str) -> str:
    return f"SELECT person_id AS subject_id, true AS deceased FROM {rows}"


DEATHS: Final = Table(
    _DEATH, ("cause_concept_id", "cause_source_concept_id"), _death_events, subjects=_death_subjects
)
