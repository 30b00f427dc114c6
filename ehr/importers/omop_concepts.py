"""The concepts of OMOP: which code each id stands for, their titles, and what lies above them.

`omop_concept` holds the concept table of the source; `omop_used` the few concepts of it that the rows at hand name,
so that the joins of each table stay small however large the vocabulary is.
"""

from collections.abc import Sequence
from typing import Final

import duckdb

from ehr.events import UNKNOWN
from ehr.importers.omop_words import NAMED, SYSTEMS, TITLES, UNKNOWN_CONCEPT, values_sql
from ehr.importers.tables import Check, TableSpec, integer, text
from ehr.refresh import TOUCHED

CONCEPT: Final = TableSpec(
    name="concept",
    columns=(
        integer("concept_id", required=True),
        text("concept_name"),
        text("vocabulary_id", required=True),
        text("concept_code", required=True),
    ),
    ignored="domain_id concept_class_id standard_concept valid_start_date valid_end_date invalid_reason",
    key=("concept_id",),
)
ANCESTOR: Final = TableSpec(
    name="concept_ancestor",
    columns=(integer("ancestor_concept_id", required=True), integer("descendant_concept_id", required=True)),
    ignored="min_levels_of_separation max_levels_of_separation",
)
RELATIONSHIP: Final = TableSpec(
    name="concept_relationship",
    columns=(
        integer("concept_id_1", required=True),
        integer("concept_id_2", required=True),
        text("relationship_id", required=True),
        text("invalid_reason"),
    ),
    ignored="valid_start_date valid_end_date",
    checks=(
        Check(
            "coalesce(relationship_id, '') NOT IN ('Is a', 'Subsumes') OR invalid_reason IS NOT NULL",
            "no step of a hierarchy",
            skips=True,
        ),
    ),
)

_CONCEPTS: Final = "omop_concept"
_USED: Final = "omop_used"


def make_concepts(con: duckdb.DuckDBPyConnection) -> None:
    """Make the tables of concepts, with those that every source uses."""
    columns = "concept_id BIGINT, key VARCHAR, system VARCHAR, name VARCHAR, unit VARCHAR"
    con.execute(f"CREATE OR REPLACE TEMP TABLE {_CONCEPTS} ({columns})")
    con.execute(f"CREATE OR REPLACE TEMP TABLE {_USED} ({columns})")
    rows = ", ".join(f"({number}, '{system}', '{code}', '{name}')" for number, system, code, name in NAMED)
    named = f"(SELECT * FROM (VALUES {rows}) AS t(concept_id, vocabulary_id, concept_code, concept_name))"
    con.execute(f"INSERT INTO {_CONCEPTS} {_concepts_select(named)}")


def load_concepts(con: duckdb.DuckDBPyConnection, rows: str) -> None:
    """Take in the rows of a concept table; they go before what is built in."""
    con.execute(f"DELETE FROM {_CONCEPTS} WHERE concept_id IN (SELECT concept_id FROM {rows})")
    con.execute(f"INSERT INTO {_CONCEPTS} {_concepts_select(rows)}")


def learn_concepts(con: duckdb.DuckDBPyConnection, columns: Sequence[str], rows: str) -> None:
    """Add the concepts that `columns` of `rows` name to `omop_used`."""
    con.execute(
        f"""
        INSERT INTO {_USED} FROM {_CONCEPTS}
        WHERE concept_id IN (SELECT DISTINCT unnest([{", ".join(columns)}]) FROM {rows})
          AND concept_id NOT IN (SELECT concept_id FROM {_USED})
        """
    )


def joined(rows: str, lookups: dict[str, str], joins: str = "", columns: str = "") -> str:
    """Return the SELECT of `rows` with what their concepts mean; `lookups` are name -> column of a concept id.

    Each name gives NAME_key (SYSTEM//CODE), NAME_name (its title) and NAME_unit (its symbol as a unit): NULL where
    the concept is not known; see `any_key`. `joins` bring further `columns`.
    """
    parts = ["rows.*"]
    for name, column in lookups.items():
        parts.append(f"{name}.key AS {name}_key, {name}.name AS {name}_name, {name}.unit AS {name}_unit")
        joins += f" LEFT JOIN {_USED} AS {name} ON {name}.concept_id = nullif(rows.{column}, 0)"
    return f"SELECT {', '.join((*parts, *([columns] if columns else [])))} FROM {rows} AS rows {joins}"


def any_key(name: str, column: str) -> str:
    """Return the SQL of the key of a concept: OMOP//concept_id where it is not known, NULL where none is named."""
    return f"coalesce({name}_key, '{UNKNOWN_CONCEPT}//' || nullif({column}, 0))"


def titles_select() -> str:
    """Return the SELECT (code, description, system) of the codes that a commit touches."""
    fixed = ", ".join(f"('{code}', '{title}')" for code, title in TITLES.items())
    key = "split_part(code, '//', 2) || '//' || split_part(code, '//', 3)"
    return f"""
        WITH used AS (SELECT code, {key} AS key, split_part(code, '//', 1) AS head FROM {TOUCHED}),
        concept AS (SELECT key, min(name) AS name, min(system) AS system FROM {_USED} GROUP BY key),
        group_of(code, title) AS (
            SELECT unnest(['RACE//' || upper(name), 'ETHNICITY//' || upper(name)]), min(name) FROM {_USED} GROUP BY 1
        ),
        fixed(code, title) AS (VALUES {fixed})
        SELECT code, coalesce(fixed.title, name, group_of.title,
                   CASE WHEN starts_with(key, '{UNKNOWN}//') AND key <> '{UNKNOWN}//{UNKNOWN}' THEN substr(key, 6)
                        WHEN head IN ('RACE', 'ETHNICITY') THEN split_part(code, '//', 2) END) AS description,
               system
        FROM used LEFT JOIN concept USING (key) LEFT JOIN group_of USING (code) LEFT JOIN fixed USING (code)
        WHERE description IS NOT NULL
    """


def stored_titles_select() -> str:
    """Return the SELECT (code, description, system) for the codes in the store, from the whole concept table."""
    return f"""
        SELECT code, min(name) AS description, min({_CONCEPTS}.system) AS system
        FROM code JOIN {_CONCEPTS} ON key = split_part(code, '//', 2) || '//' || split_part(code, '//', 3)
        WHERE name IS NOT NULL GROUP BY code
    """


def ancestors_select(rows: str) -> str:
    """Return the SELECT (child, parent) of what lies above the concepts in use, from rows of concept_ancestor."""
    return f"""
        WITH in_use AS MATERIALIZED ({_in_use()})
        SELECT low.key AS child, high.key AS parent
        FROM {rows} AS pair
        JOIN in_use AS low ON low.concept_id = descendant_concept_id
        JOIN {_CONCEPTS} AS high ON high.concept_id = ancestor_concept_id
        WHERE low.key <> high.key
    """


def parents_select(rows: str) -> str:
    """Return the SELECT (child, parent) of the steps upwards from the concepts in use, from concept_relationship.

    Both ends of a step must be in the concept table: most rows of a small extract point outside it.
    """
    pair = (
        "SELECT if(relationship_id = 'Is a', concept_id_1, concept_id_2) AS low, "
        f"if(relationship_id = 'Is a', concept_id_2, concept_id_1) AS high FROM {rows}"
    )
    return f"""
        WITH RECURSIVE in_use AS MATERIALIZED ({_in_use()}),
        step AS MATERIALIZED (
            SELECT low.key AS child, high.key AS parent FROM ({pair}) AS pair
            JOIN {_CONCEPTS} AS low ON low.concept_id = pair.low
            JOIN {_CONCEPTS} AS high ON high.concept_id = pair.high
            WHERE low.key <> high.key
        ),
        up AS (
            SELECT child, parent FROM step WHERE child IN (SELECT key FROM in_use)
            UNION
            SELECT step.child, step.parent FROM step JOIN up ON step.child = up.parent
        )
        SELECT child, parent FROM up
    """


def _in_use() -> str:
    """Return the SELECT (concept_id, key) of the concepts that codes of the store name, as first or further code."""
    key = "split_part(code, '//', 2) || '//' || split_part(code, '//', 3)"
    return f"""
        SELECT concept_id, key FROM {_CONCEPTS}
        WHERE key IN (SELECT {key} FROM code UNION SELECT {key} FROM code_ancestor)
           OR concept_id IN (SELECT concept_id FROM {_USED})
    """


def _concepts_select(rows: str) -> str:
    system = values_sql(SYSTEMS, "vocabulary_id", "replace(upper(vocabulary_id), ' ', '_')")
    return f"""
        SELECT concept_id, system || '//' || replace(concept_code, '//', '/') AS key, system, concept_name AS name,
               if(system = 'UCUM', concept_code, concept_name) AS unit
        FROM (SELECT *, {system} AS system FROM {rows})
    """
