"""Codes and concepts of a store that fit what is typed: by their beginning, or by words of their titles."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from ehr.hierarchy import concept_of
from ehr.hierarchy.search import titles_of
from ehr.hierarchy.structure import group_titles
from ehr.store import Store

MIN_CHARACTERS: Final = 2
_GROUPED: Final = ("ICD10", "ICD9", "ICD9PROC", "ATC")


@dataclass(frozen=True, slots=True)
class Found:
    """A code or concept, and its title or nothing."""

    name: str
    title: str


def find_codes(store: Store, typed: str, limit: int) -> list[Found]:
    """Return codes that begin with what is typed, then those whose title holds its words, the most frequent first."""
    if len(typed) < MIN_CHARACTERS:
        return []
    rows = _query(
        store,
        """
        SELECT code, coalesce(description, '') FROM code
        WHERE starts_with(lower(code), $typed)
           OR len(list_filter($words, lambda w: NOT contains(lower(concat_ws(' ', code, description)), w))) = 0
        ORDER BY starts_with(lower(code), $typed) DESC, n_events DESC, code LIMIT $limit
        """,
        typed,
        limit,
    )
    return [Found(code, title) for code, title in rows]


def find_concepts(store: Store, typed: str, limit: int) -> list[Found]:
    """Return concepts that have codes in use at or below them: by their beginning, then by words of titles."""
    if len(typed) < MIN_CHARACTERS:
        return []
    begun = [name for (name,) in _query(store, _CONCEPTS, typed, limit)]
    with store.cursor() as cursor:
        titles = titles_of(cursor, begun)
    found = {name: Found(name, titles.get(name, "")) for name in begun}
    for one in [*_groups(store, typed), *find_codes(store, typed, limit)]:
        name = concept_of(one.name)
        found.setdefault(name, Found(name, one.title))
    return list(found.values())[:limit]


_CONCEPTS: Final = """
    SELECT ancestor FROM code_ancestor WHERE starts_with(lower(ancestor), $typed) AND len($words) > 0
    GROUP BY ancestor ORDER BY len(ancestor), ancestor LIMIT $limit
"""


def _groups(store: Store, typed: str) -> list[Found]:
    """Return chapters and blocks in use whose title holds the words typed."""
    words = typed.lower().split()
    fitting = [one for one in _all_groups() if all(word in one.title.lower() for word in words)]
    with store.cursor() as cursor:
        used = cursor.execute(
            "SELECT DISTINCT ancestor FROM code_ancestor WHERE ancestor IN (SELECT unnest($names))",
            {"names": [one.name for one in fitting]},
        ).fetchall()
    names = {name for (name,) in used}
    return [one for one in fitting if one.name in names]


@cache
def _all_groups() -> tuple[Found, ...]:
    return tuple(
        Found(f"{system}//{name}" if "//" not in name else name, title)
        for system in _GROUPED
        for name, title in group_titles(system).items()
    )


def _query(store: Store, sql: str, typed: str, limit: int) -> Sequence[tuple[str, ...]]:
    parameters = {"typed": typed.lower(), "words": typed.lower().split(), "limit": limit}
    with store.cursor() as cursor:
        return cursor.execute(sql, parameters).fetchall()
