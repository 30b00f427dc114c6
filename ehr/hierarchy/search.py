"""Which concepts a store knows, what is near to one that it does not know, and the tree around one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import duckdb

from ehr.errors import UnknownConcept
from ehr.events import SEPARATOR
from ehr.hierarchy.closure import JOINT, codings_key
from ehr.hierarchy.names import SHAPES, SYSTEMS, concept_of, read_concept
from ehr.hierarchy.structure import ancestors, group_titles, is_group, is_well_formed, parents, title_of

SHOWN: Final = 5
"""How many concepts a refusal suggests."""


def known_concepts(con: duckdb.DuckDBPyConnection, written: Sequence[str]) -> list[str]:
    """Return the names of the concepts that a person wrote, on a connection that has table code_ancestor.

    A concept is known when a code in use lies at or below it, when an edge that was loaded names it, or when it is a
    chapter, block or other group of the tables. Beside one that is in use, concepts of systems of which no code is in
    use pass: a list such as ICD10//I50, ICD9//428 may be asked where all codes are of ICD-10. Raises UnknownConcept,
    with what is near, for any other: nobody shall take a misspelt code for a count of none.
    """
    names = [read_concept(text) for text in written]
    used = _in_use(con, names)
    for text, name in zip(written, names, strict=True):
        is_known = name in used or is_group(name) or _is_loaded(con, name)
        if not is_known and not (used and _is_of_another_system(con, name)):
            raise UnknownConcept(_refusal(con, text, name))
    return list(dict.fromkeys(names))


def has_joint_codes(con: duckdb.DuckDBPyConnection, concepts: Sequence[str]) -> bool:
    """Say whether records with several codes lie at or below concepts: then the code of an event is not enough."""
    found = con.execute(
        "SELECT EXISTS (FROM code_ancestor WHERE ancestor IN (SELECT unnest($names)) AND contains(code, $joint))",
        {"names": list(concepts), "joint": JOINT},
    )
    return bool(found.fetchall()[0][0])


def suggestions(con: duckdb.DuckDBPyConnection, name: str) -> list[str]:
    """Return known concepts near to one that is not: the same code elsewhere, above, spelt or named alike."""
    system, _, code = name.partition(SEPARATOR)
    bare = code.replace(".", "")
    near = [f"{other}{SEPARATOR}{bare}" for other in SHAPES if other != system and len(bare) > 2]
    near += ancestors(name)[1:] if system in SHAPES else []
    found = [one for one in near if is_group(one) or _in_use(con, [one])]
    found += _spelt_alike(con, name)
    if not found:
        found += _named_alike(con, code or name)
    return list(dict.fromkeys(found))[:SHOWN]


@dataclass(frozen=True, slots=True)
class TreeRow:
    """A concept of a tree: above, at or below the one asked for, how deep, and what the store has at or below it.

    The one asked for has depth 0; those above it have -1, -2, ..., those directly below it 1.
    """

    concept: str
    depth: int
    title: str | None
    n_events: int
    n_subjects: int


def concept_tree(con: duckdb.DuckDBPyConnection, text: str) -> list[TreeRow]:
    """Return what lies above a concept, the topmost first, the concept itself, and what lies directly below it.

    Raises UnknownConcept when the store does not know it. An event counts for each concept that any of its codes
    lies at or below.
    """
    (name,) = known_concepts(con, [text])
    above = _above(con, name)
    below = _below(con, name)
    depths = {one: -1 - place for place, one in enumerate(above)}
    depths[name] = 0
    depths.update(dict.fromkeys(below, 1))
    counts = _counts(con, list(depths))
    titles = titles_of(con, list(depths))
    ordered = [*reversed(above), name, *sorted(below, key=lambda one: (-counts.get(one, (0, 0))[0], one))]
    return [TreeRow(one, depths[one], titles.get(one), *counts.get(one, (0, 0))) for one in ordered]


def titles_of(con: duckdb.DuckDBPyConnection, concepts: Sequence[str]) -> dict[str, str]:
    """Return the titles of concepts: those of groups, else what the store calls a code of just this concept."""
    rows = con.execute(
        """
        SELECT ancestor, code, description FROM code_ancestor JOIN code USING (code)
        WHERE ancestor IN (SELECT unnest($names)) AND description IS NOT NULL ORDER BY n_events, code
        """,
        {"names": list(concepts)},
    ).fetchall()
    titles = {ancestor: str(title) for ancestor, code, title in rows if concept_of(code) == ancestor}
    titles.update({name: title for name in concepts if (title := title_of(name)) is not None})
    return titles


def _refusal(con: duckdb.DuckDBPyConnection, text: str, name: str) -> str:
    near = suggestions(con, name)
    titles = titles_of(con, near)
    shown = [f"{one} ({titles[one]})" if one in titles else one for one in near]
    hint = f"; near to it: {', '.join(shown)}" if shown else "; find codes with: ehr code search TEXT"
    if SEPARATOR not in name:
        return f"{text!r} is no concept, which is written SYSTEM//CODE, such as ICD10//E11{hint}"
    called = text if text == name else f"{text} ({name})"
    return f"no code in use lies at or below {called}{hint}"


def _in_use(con: duckdb.DuckDBPyConnection, names: Sequence[str]) -> set[str]:
    rows = con.execute(
        "SELECT DISTINCT ancestor FROM code_ancestor WHERE ancestor IN (SELECT unnest($names))",
        {"names": list(names)},
    ).fetchall()
    return {row[0] for row in rows}


def _is_loaded(con: duckdb.DuckDBPyConnection, name: str) -> bool:
    found = con.execute("SELECT EXISTS (FROM hierarchy WHERE child = $name OR parent = $name)", {"name": name})
    return bool(found.fetchall()[0][0])


def _is_of_another_system(con: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Say whether a concept is well formed and of a system of which the store has no code at all."""
    system = name.partition(SEPARATOR)[0]
    if system not in SYSTEMS.values() or (system in SHAPES and not is_well_formed(name)):
        return False
    found = con.execute(
        "SELECT NOT EXISTS (FROM code_ancestor WHERE starts_with(ancestor, $system))", {"system": system + SEPARATOR}
    )
    return bool(found.fetchall()[0][0])


def _spelt_alike(con: duckdb.DuckDBPyConnection, name: str) -> list[str]:
    """Return concepts in use whose names differ in at most two letters, the nearest and most frequent first."""
    rows = con.execute(
        """
        SELECT ancestor FROM code_ancestor WHERE damerau_levenshtein(ancestor, $name) <= 2
        GROUP BY ancestor ORDER BY damerau_levenshtein(ancestor, $name), count(*) DESC, ancestor LIMIT $shown
        """,
        {"name": name, "shown": SHOWN},
    ).fetchall()
    return [row[0] for row in rows]


def _named_alike(con: duckdb.DuckDBPyConnection, words: str) -> list[str]:
    """Return groups and codes in use whose titles hold all the words."""
    wanted = words.lower().split()
    groups = [
        f"{system}{SEPARATOR}{group}"
        for system in SHAPES
        for group, title in group_titles(system).items()
        if wanted and all(word in title.lower() for word in wanted)
    ]
    rows = con.execute(
        """
        SELECT code FROM code
        WHERE len($words) > 0 AND description IS NOT NULL
          AND len(list_filter($words, lambda w: NOT contains(lower(description), w))) = 0
        ORDER BY n_events DESC, code LIMIT $shown
        """,
        {"words": wanted, "shown": SHOWN},
    ).fetchall()
    used = _in_use(con, groups)
    return [*(concept_of(code) for (code,) in rows), *(group for group in groups if group in used)]


def _above(con: duckdb.DuckDBPyConnection, name: str) -> list[str]:
    """Return what lies above a concept, nearest first: by structure, then what loaded edges add."""
    rows = con.execute(
        """
        WITH RECURSIVE above(node) AS (
            SELECT unnest($start) UNION SELECT parent FROM above JOIN hierarchy ON child = node
        )
        SELECT node FROM above ORDER BY node
        """,
        {"start": list(ancestors(name))},
    ).fetchall()
    loaded = [above for (node,) in rows for above in ancestors(node)]
    return [one for one in dict.fromkeys((*ancestors(name), *loaded)) if one != name]


def _below(con: duckdb.DuckDBPyConnection, name: str) -> list[str]:
    """Return the concepts directly below one that the store knows."""
    rows = con.execute(
        """
        SELECT DISTINCT other.ancestor FROM code_ancestor SEMI JOIN
            (SELECT code FROM code_ancestor WHERE ancestor = $name) AS inside USING (code)
        JOIN code_ancestor AS other USING (code)
        """,
        {"name": name},
    ).fetchall()
    structural = [one for (one,) in rows if name in parents(one)]
    loaded = con.execute(
        """
        SELECT DISTINCT child FROM hierarchy WHERE parent = $name AND NOT EXISTS (
            SELECT 1 FROM hierarchy AS near JOIN hierarchy AS far ON far.child = near.parent AND far.parent = $name
            WHERE near.child = hierarchy.child AND near.parent <> $name AND near.parent <> near.child
        )
        """,
        {"name": name},
    ).fetchall()
    return sorted({*structural, *(child for (child,) in loaded)} - {name})


def _counts(con: duckdb.DuckDBPyConnection, concepts: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Return how many events and patients the store has at or below each concept."""
    rows = con.execute(
        f"""
        WITH wanted AS MATERIALIZED (
            SELECT code AS key, ancestor FROM code_ancestor WHERE ancestor IN (SELECT unnest($names))
        )
        SELECT ancestor, count(*), count(DISTINCT subject_id)
        FROM (SELECT subject_id, {codings_key("code", "codings")} AS key FROM event) JOIN wanted USING (key)
        GROUP BY ancestor
        """,
        {"names": list(concepts)},
    ).fetchall()
    return {ancestor: (n_events, n_subjects) for ancestor, n_events, n_subjects in rows}
