"""Finding things in a store by what a person calls them: a patient, a part of a timeline, a code."""

import difflib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import polars as pl

from ehr.errors import UnknownSubject
from ehr.store import Store, frame_of


@dataclass(frozen=True, slots=True)
class TimelineFilter:
    """Which events of a timeline to show: by kind, by words in code or description, and by time (inclusive)."""

    kinds: tuple[str, ...] = ()
    text: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    encounter_id: int | None = None
    limit: int = 200


@dataclass(frozen=True, slots=True)
class Subject:
    """A patient as in table subject."""

    subject_id: int
    birth_time: datetime | None
    sex: str | None
    death_time: datetime | None
    first_time: datetime | None
    last_time: datetime | None
    identifiers: list[str]


def find_subject(store: Store, name: str) -> Subject:
    """Return the patient with this number or this identifier (`Patient/x`, `x`, or `system|x`).

    A number of this store wins over an identifier that looks the same. Raises UnknownSubject when there is none, or
    when an identifier fits several patients.
    """
    cursor = store.cursor()
    rows = []
    if name.isascii() and name.removeprefix("-").isdigit() and -(2**63) <= int(name) < 2**63:
        rows = cursor.execute(f"{_SUBJECT} WHERE subject_id = $name", {"name": int(name)}).fetchall()
    if not rows:
        rows = cursor.execute(f"{_SUBJECT} WHERE {_IS_NAMED} ORDER BY subject_id LIMIT 2", {"name": name}).fetchall()
    if not rows:
        raise UnknownSubject(
            f"the store at {store.path} has no patient {name!r}; "
            'list some with: ehr sql "SELECT subject_id FROM patient LIMIT 10"'
        )
    if len(rows) > 1:
        raise UnknownSubject(f"{name!r} fits several patients; give the subject_id, such as {rows[0][0]}")
    return Subject(*rows[0])


_SUBJECT: Final = (
    "SELECT subject_id, birth_time, sex, death_time, first_time, last_time, coalesce(identifiers, []) FROM subject"
)
_IS_NAMED: Final = """
    len(list_filter(identifiers, lambda i: i = $name OR split_part(i, '|', -1) IN ($name, 'Patient/' || $name))) > 0
"""


def subject_events(store: Store, subject_id: int, shown: TimelineFilter) -> tuple[pl.DataFrame, int]:
    """Return the events of a patient in order of time, static ones first, and how many fit the filter in all.

    The frame has at most `shown.limit` rows and the columns time, end_time, kind, code, description, value,
    unit, text, status, encounter_id, event_id.
    """
    where, parameters = _conditions(subject_id, shown)
    found = frame_of(
        store.cursor().sql(
            f"""
            SELECT e."time", e.end_time, c.kind, e.code, c.description, e.numeric_value AS value, e.unit,
                   e.text_value AS "text", e.status, e.encounter_id, e.event_id, count(*) OVER () AS total
            FROM event e JOIN code c USING (code) WHERE {where}
            ORDER BY e."time" NULLS FIRST, e.event_id LIMIT {int(shown.limit)}
            """,
            params=parameters,
        )
    )
    return found.drop("total"), int(found["total"][0]) if found.height else 0


def _conditions(subject_id: int, shown: TimelineFilter) -> tuple[str, dict[str, Any]]:
    """Return the WHERE clause of a filter and its parameters."""
    clauses = ["e.subject_id = $subject"]
    parameters: dict[str, Any] = {"subject": subject_id}
    if shown.kinds:
        clauses.append("c.kind IN (SELECT unnest($kinds))")
        parameters["kinds"] = list(shown.kinds)
    if shown.text:
        clauses.append("contains(lower(concat_ws(' ', e.code, c.description)), lower($text))")
        parameters["text"] = shown.text
    if shown.since:
        clauses.append('e."time" >= $since')
        parameters["since"] = shown.since
    if shown.until:
        clauses.append('(e."time" <= $until OR e."time" IS NULL)')
        parameters["until"] = shown.until
    if shown.encounter_id is not None:
        clauses.append("e.encounter_id = $encounter")
        parameters["encounter"] = shown.encounter_id
    return " AND ".join(clauses), parameters


def search_codes(store: Store, text: str, limit: int = 20) -> pl.DataFrame:
    """Return the codes whose code or description holds every word of `text`, the most fitting first.

    Columns code, description, kind, system, unit, n_events, n_subjects. A title that begins with the text comes
    before one that holds it as a phrase, that one before scattered words, then the more frequent first.
    """
    return frame_of(
        store.cursor().sql(
            """
            WITH haystack AS (
                SELECT *, lower(concat_ws(' ', code, description)) AS words,
                       lower(coalesce(description, code)) AS title
                FROM code
            )
            SELECT code, description, kind, system, unit, n_events, n_subjects FROM haystack
            WHERE len(list_filter($words, lambda w: NOT contains(words, w))) = 0
            ORDER BY starts_with(title, $phrase) DESC, contains(words, $phrase) DESC, n_events DESC, code
            LIMIT $limit
            """,
            params={"words": text.lower().split(), "phrase": text.lower(), "limit": limit},
        )
    )


def near_words(store: Store, text: str, limit: int = 5) -> list[str]:
    """Return words of the store's descriptions that are spelt like the words of `text`."""
    rows = (
        store.cursor()
        .execute("SELECT DISTINCT unnest(regexp_extract_all(lower(description), '[a-z]{4,}')) FROM code ORDER BY 1")
        .fetchall()
    )
    known = [word for (word,) in rows]
    return [near for word in text.lower().split() for near in difflib.get_close_matches(word, known, n=limit)]
