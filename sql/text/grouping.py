"""Rules for groups: "by sex", "per year", "of each admission type", "by discharge destination"."""

from collections.abc import Iterator
from typing import Final

from sql.text.query import By, Population, Stays
from sql.text.reader import Reader, phrases
from sql.text.terms import StayKind

_OPENING: Final = phrases(
    "by; per; of each; for each; in each; grouped by; split by; broken down by; of every; for every; of different"
)
_OF_ANYONE: Final[dict[str, By]] = {
    "sex": "sex", "gender": "sex", "sexes": "sex", "age group|groups": "age", "age band|bands": "age",
    "decade": "age",
    "decade of age": "age", "ten year age group|groups": "age",
}  # fmt: skip
_OF_STAYS: Final[dict[str, By]] = {
    "type": "type", "admission type|types": "type", "type of admission": "type", "encounter type": "type",
    "stay type": "type", "kind": "class", "class": "class", "encounter class": "class", "year": "year",
    "year of admission": "year", "calendar year": "year", "admission year": "year", "month": "month",
    "calendar month": "month", "month of admission": "month", "discharge destination|destinations": "disposition",
    "discharge disposition|dispositions": "disposition", "discharge location|locations": "disposition",
    "disposition": "disposition", "destination": "disposition", "where they went": "disposition",
    "admission source|sources": "source", "admit source": "source", "source of admission": "source",
    "admission location": "source",
}  # fmt: skip
_OF_WARDS: Final[dict[str, By]] = {
    "unit|units": "type", "ward|wards": "type", "icu|icus": "type", "icu type|types": "type",
    "icu unit|units": "type",
    "type of icu": "type", "care unit|units": "type",
}  # fmt: skip


def groups(r: Reader, at: int, found: Population) -> Iterator[tuple[By, int]]:
    """Yield the groups that figures are split into, with the end of the words."""
    start = r.phrase(r.skip(at, ","), *_OPENING)
    if start is None:
        return
    options = dict(_OF_ANYONE)
    if isinstance(found, Stays):
        options |= _OF_STAYS
        if found.kind is StayKind.ICU:
            options |= _OF_WARDS
    for words, by in options.items():
        end = r.phrase(start, words)
        if end is not None:
            yield by, end
