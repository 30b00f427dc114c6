"""Everything that lies above the codes in use: structure and loaded edges, followed to the end.

A row of `code_ancestor` is (code, ancestor): the code of an event, or, where a record gives several codes for one
thing, all of them joined (`codings_key`), so that an event is looked up by one text. Its ancestors are the concepts
that it states, and all that lie above them. Edges may run in circles: what is reached is reached once.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import duckdb
import pyarrow as pa

from ehr.events import SEPARATOR
from ehr.hierarchy.names import APART, SHAPES, concept_of, read_concept
from ehr.hierarchy.structure import ancestors, parents

JOINT: Final = "␟"
"""Stands between the codes of one record where they are looked up together."""

SETTLED: Final = "SNOMED", "LOINC", "RXNORM", "CVX", "NDC", "UNII", "DICOM"
"""Systems whose concepts SYSTEM//CODE need no second look."""

_APART: Final = f"^({'|'.join(sorted(APART))}){SEPARATOR}"


def codings_key(code: str, codings: str) -> str:
    """Return the SQL by which an event is looked up in `code_ancestor`, given its columns code and codings."""
    return f"CASE WHEN {codings} IS NULL THEN {code} ELSE array_to_string({codings}, '{JOINT}') END"


def refresh_ancestors(con: duckdb.DuckDBPyConnection, last_event: int) -> None:
    """Bring `code_ancestor` and `code.parents` in step with the events after number `last_event` and staged edges.

    Runs inside the commit of an import, over its temporary tables touched_code, stage_code and stage_hierarchy. Only
    codes that are new, or that a staged edge concerns, are computed.
    """
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE fresh_key AS
        SELECT code FROM touched_code SEMI JOIN code USING (code)
        UNION
        SELECT array_to_string(codings, '{JOINT}') FROM event WHERE event_id > {last_event} AND codings IS NOT NULL
        UNION
        SELECT unnest(codings) FROM event WHERE event_id > {last_event} AND codings IS NOT NULL
        """
    )
    con.execute(
        "DELETE FROM fresh_key "
        "WHERE code IN (SELECT code FROM code_ancestor WHERE code IN (SELECT code FROM fresh_key))"
    )
    _forget_unused(con)
    _add_concerned(con)
    if con.execute("SELECT NOT EXISTS (FROM fresh_key)").fetchall()[0][0]:
        _set_parents(con)
        return
    find_ancestors(con, "fresh_key", "hierarchy")
    con.execute("DELETE FROM code_ancestor WHERE code IN (FROM fresh_key)")
    con.execute("INSERT INTO code_ancestor BY NAME FROM found_ancestor ORDER BY ancestor, code")
    _set_parents(con)


def find_ancestors(con: duckdb.DuckDBPyConnection, keys: str, edges: str) -> None:
    """Fill the temporary table found_ancestor(code, ancestor) for the keys in the table `keys`(code).

    `edges` is a table (child, parent). Also leaves direct_parent(code, parent): what lies directly above each key.
    """
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE key_member AS
        SELECT code AS key, unnest(string_split(code, '{JOINT}')) AS member FROM {keys}
        """
    )
    members = _texts(con, "SELECT DISTINCT member FROM key_member ORDER BY member")
    rows = [(member, *_bare(concept_of(member))) for member in members]
    tails = [(member, "", tail) for member, prefix, node in rows if member == prefix + node and (tail := _tail(node))]
    put_texts(con, "member_node", ("member", "prefix", "node"), rows)
    put_texts(con, "member_tail", ("member", "prefix", "node"), tails)
    if tails:
        con.execute(
            f"""
            INSERT INTO member_node FROM member_tail WHERE node IN (
                SELECT child FROM {edges} WHERE child IN (SELECT node FROM member_tail)
                UNION SELECT parent FROM {edges} WHERE parent IN (SELECT node FROM member_tail)
            )
            """
        )
    _gather_edges(con, edges)
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE found_ancestor AS
        WITH RECURSIVE above(start, node) AS (
            SELECT DISTINCT node, node FROM member_node
            UNION SELECT start, parent FROM above JOIN near_edge ON child = node
        )
        SELECT DISTINCT key AS code, prefix || above.node AS ancestor
        FROM key_member JOIN member_node USING (member) JOIN above ON above.start = member_node.node
        """
    )


def _gather_edges(con: duckdb.DuckDBPyConnection, edges: str) -> None:
    """Fill the temporary table near_edge(child, parent, is_loaded) with all edges above the nodes of member_node."""
    con.execute("CREATE OR REPLACE TEMP TABLE near_edge (child VARCHAR, parent VARCHAR, is_loaded BOOLEAN)")
    seen: set[str] = set()
    waiting = _texts(con, "SELECT DISTINCT node FROM member_node")
    while waiting:
        reached = list(dict.fromkeys(above for node in waiting for above in ancestors(node) if above not in seen))
        seen.update(reached)
        put_texts(con, "reached_node", ("node",), [(node,) for node in reached])
        structural = [(node, parent) for node in reached for parent in parents(node)]
        put_texts(con, "structural_edge", ("child", "parent"), structural)
        con.execute("INSERT INTO near_edge SELECT child, parent, false FROM structural_edge")
        con.execute(
            f"INSERT INTO near_edge SELECT child, parent, true FROM {edges} WHERE child IN (FROM reached_node)"
        )
        found = _texts(con, "SELECT DISTINCT parent FROM near_edge WHERE child IN (FROM reached_node)")
        waiting = [node for node in found if node not in seen]


def _forget_unused(con: duckdb.DuckDBPyConnection) -> None:
    """Take out the codes of which the last event is gone, and those that were known from records with them."""
    gone = _texts(con, "SELECT code FROM touched_code ANTI JOIN code USING (code)")
    if not gone:
        return
    con.execute(
        f"DELETE FROM code_ancestor WHERE split_part(code, '{JOINT}', 1) IN (SELECT unnest($gone))", {"gone": gone}
    )
    con.execute(
        f"""
        DELETE FROM code_ancestor WHERE NOT contains(code, '{JOINT}') AND code NOT IN (SELECT code FROM code)
          AND code NOT IN (
              SELECT unnest(string_split(code, '{JOINT}')) FROM code_ancestor WHERE contains(code, '{JOINT}')
          )
        """
    )


def _add_concerned(con: duckdb.DuckDBPyConnection) -> None:
    """Write the staged edges in the names of concepts, and add the codes that they concern to those to compute."""
    if con.execute("SELECT NOT EXISTS (FROM stage_hierarchy)").fetchall()[0][0]:
        return
    settled = " ".join(f"AND NOT starts_with(name, '{system}{SEPARATOR}')" for system in SETTLED)
    written = _texts(
        con,
        f"SELECT name FROM (SELECT child AS name FROM stage_hierarchy UNION SELECT parent FROM stage_hierarchy) "
        f"WHERE name IS NOT NULL {settled}",
    )
    renamed = [(text, name) for text in written if (name := read_concept(text)) != text]
    put_texts(con, "renamed", ("written", "name"), renamed)
    con.execute("DELETE FROM hierarchy WHERE child = parent")
    if renamed:
        _rename_edges(con)
    con.execute(
        f"""
        INSERT INTO fresh_key
        WITH named AS MATERIALIZED (
            SELECT code, regexp_replace(ancestor, '{_APART}', '') AS name FROM code_ancestor
            UNION SELECT code, {_tail_sql("ancestor")} FROM code_ancestor
        ),
        concerned AS MATERIALIZED (
            SELECT DISTINCT coalesce(renamed.name, child) AS name
            FROM stage_hierarchy LEFT JOIN renamed ON written = child
            WHERE coalesce(renamed.name, child) IN (SELECT name FROM named)
        )
        SELECT DISTINCT code FROM named SEMI JOIN concerned USING (name) EXCEPT FROM fresh_key
        """
    )


def _rename_edges(con: duckdb.DuckDBPyConnection) -> None:
    """Let the staged edges that were written otherwise stand in the store under the names of concepts."""
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE staged_edge AS
        SELECT DISTINCT coalesce(c.name, child) AS child, coalesce(p.name, parent) AS parent
        FROM stage_hierarchy LEFT JOIN renamed c ON c.written = child LEFT JOIN renamed p ON p.written = parent
        WHERE c.name IS NOT NULL OR p.name IS NOT NULL
        """
    )
    con.execute(
        "DELETE FROM hierarchy "
        "WHERE child IN (SELECT written FROM renamed) OR parent IN (SELECT written FROM renamed)"
    )
    con.execute("INSERT INTO hierarchy BY NAME FROM staged_edge WHERE child <> parent EXCEPT FROM hierarchy")


def _set_parents(con: duckdb.DuckDBPyConnection) -> None:
    """Add to code.parents what lies directly above each code that was computed, or that a source gave parents to."""
    codes = _texts(
        con,
        "SELECT code FROM fresh_key SEMI JOIN code USING (code) "
        "UNION SELECT code FROM stage_code SEMI JOIN code USING (code) WHERE stage_code.parents IS NOT NULL",
    )
    rows = [(code, *_bare(concept_of(code))) for code in codes]
    nodes = [(code, prefix, node) for code, prefix, node in rows]
    nodes += [(code, "", tail) for code, prefix, node in rows if code == prefix + node and (tail := _tail(node))]
    put_texts(con, "code_node", ("code", "prefix", "node"), nodes)
    structural = [(code, prefix + parent) for code, prefix, node in nodes for parent in parents(node)]
    put_texts(con, "structural_parent", ("code", "parent"), structural)
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE loaded_parent AS
        WITH edge AS MATERIALIZED (FROM hierarchy WHERE child IN (SELECT node FROM code_node)),
        further AS MATERIALIZED (FROM hierarchy WHERE child IN (SELECT parent FROM edge)),
        above AS MATERIALIZED (SELECT code, prefix, parent FROM code_node JOIN edge ON child = node)
        SELECT code, prefix || parent AS parent FROM above
        WHERE NOT EXISTS (
            SELECT 1 FROM above AS other JOIN further ON further.child = other.parent
            WHERE other.code = above.code AND further.parent = above.parent AND other.parent <> above.parent
        )
        """
    )
    con.execute(
        """
        UPDATE code SET parents = found.parents
        FROM (
            SELECT code, coalesce(any_value(old), []) || coalesce(list(DISTINCT parent ORDER BY parent)
                       FILTER (NOT list_contains(coalesce(old, []), parent)), []) AS parents
            FROM (FROM structural_parent UNION FROM loaded_parent) JOIN (SELECT code, parents AS old FROM code)
                USING (code)
            GROUP BY code
        ) AS found
        WHERE code.code = found.code
        """
    )


def _bare(concept: str) -> tuple[str, str]:
    """Part the head that keeps a concept apart from the concept: ALLERGY// and RXNORM//7980."""
    head, _, rest = concept.partition(SEPARATOR)
    return (f"{head}{SEPARATOR}", rest) if head in APART and SEPARATOR in rest else ("", concept)


def _tail(code: str) -> str | None:
    """Return SYSTEM//CODE of a code HEAD//SYSTEM//CODE, which loaded edges may name though the system is unknown."""
    parts = code.split(SEPARATOR)
    return SEPARATOR.join(parts[1:3]) if len(parts) > 2 and parts[0] not in SHAPES else None


def _tail_sql(column: str) -> str:
    return f"concat(split_part({column}, '//', 2), '//', split_part({column}, '//', 3))"


def _texts(con: duckdb.DuckDBPyConnection, query: str) -> list[str]:
    return [row[0] for row in con.execute(query).fetchall()]


def put_texts(
    con: duckdb.DuckDBPyConnection, table: str, names: Sequence[str], rows: Iterable[tuple[str, ...]]
) -> None:
    """Make a temporary table of texts."""
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    frame = pa.table({name: pa.array(column, pa.string()) for name, column in zip(names, columns, strict=True)})
    con.register("rows_to_put", frame)
    con.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS FROM rows_to_put")
    con.unregister("rows_to_put")
