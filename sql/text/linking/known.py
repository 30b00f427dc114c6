"""What the tables of `sql.text` know of names: brand names, abbreviations, families, classes, and unclear phrases."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sql.text.conditions import CONDITIONS, UNCLEAR, Family
from sql.text.linking.words import key_of
from sql.text.medications import CLASS_OF, INGREDIENT_OF
from sql.text.observations import OBSERVATIONS
from sql.text.procedures import PROCEDURES

Words = frozenset[str]
"""The stems of a text."""
_CONDITION: Final = frozenset({"diagnosis", "diagnose", "condition", "disease", "problem", "disorder"})
_PROCEDURE: Final = frozenset({"procedure", "operation", "surgery", "intervention"})
_MEASUREMENT: Final = frozenset({"lab", "laboratory", "measurement", "vital"})
_DRUG: Final = frozenset({"drug", "medication", "medicine", "prescription"})
MIN_LETTERS: Final = 4  # a shorter name is an abbreviation, which inside another name may mean anything


@dataclass(frozen=True, slots=True)
class Known:
    """A phrase that the tables know.

    `keys` are those of its names; a stored name is a kind of it that has all the words of one of `within`, or of one
    of `titles`, which are words for kinds of it, and not all of one of `excluded`. `called` are words for what such
    names are names of, by which a column of them is known; empty where it `is_unclear`, and means several things.
    """

    keys: tuple[str, ...]
    within: tuple[Words, ...]
    titles: tuple[Words, ...] = ()
    excluded: tuple[Words, ...] = ()
    called: Words = frozenset()

    @property
    def is_unclear(self) -> bool:
        """Whether the phrase means several things."""
        return not self.called


@lru_cache(maxsize=1)
def known_synonyms() -> Mapping[str, tuple[str, ...]]:
    """Return, by the key of a drug's, measurement's, condition's or procedure's own name, what else it is called."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for brand, ingredient in INGREDIENT_OF.items():
        found[key_of(ingredient)][brand] = None
    for analyte in OBSERVATIONS:
        for title in (*analyte.titles, *analyte.names):
            found[key_of(title)].update(dict.fromkeys((*analyte.names, *analyte.titles)))
    for family in (*CONDITIONS, *PROCEDURES):
        for name in family.names:
            found[key_of(name)].update(dict.fromkeys(family.names))
    return {key: tuple(names) for key, names in found.items()}


@lru_cache(maxsize=1)
def known_phrases() -> Mapping[str, Known]:
    """Return what is known of phrases, by their key."""
    classes = {key_of(name): parts for name, (_, parts) in CLASS_OF.items()}
    drugs = classes | {key_of(brand): (drug,) for brand, drug in INGREDIENT_OF.items()}
    found = {key: Known(_keys(parts), _words(parts), called=_DRUG) for key, parts in drugs.items()}
    for analyte in OBSERVATIONS:
        names = (*analyte.names, *analyte.titles)
        found |= dict.fromkeys(_keys(analyte.names), Known(_keys(names), _words(names), called=_MEASUREMENT))
    for table, called in ((CONDITIONS, _CONDITION), (PROCEDURES, _PROCEDURE)):
        for family in table:
            found |= dict.fromkeys(_keys(family.names), _of_family(family, called))
    return found | {key_of(phrase): Known(_keys(meant), _words(meant)) for phrase, meant in UNCLEAR.items()}


@lru_cache(maxsize=1)
def longest_known() -> Mapping[str, int]:
    """Return how many words the longest known phrase has that begins with a word."""
    longest: dict[str, int] = {}
    for key in known_phrases():
        first, reach = key.partition(" ")[0], key.count(" ") + 1
        longest[first] = max(reach, longest.get(first, 0))
    return longest


@lru_cache(maxsize=1)
def known_words() -> frozenset[str]:
    """Return the words of the phrases that are known."""
    return frozenset(word for key in known_phrases() for word in key.split())


def _of_family(family: Family, called: Words) -> Known:
    titles = [title for title in family.titles if title not in family.names]
    return Known(_keys(family.names), _words(family.names), _words(titles), _words(family.excluded), called)


def _keys(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(key_of(name) for name in names))


def _words(names: Iterable[str]) -> tuple[Words, ...]:
    return tuple(frozenset(key.split()) for key in _keys(names) if len(key) >= MIN_LETTERS)
