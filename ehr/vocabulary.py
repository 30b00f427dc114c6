"""The vocabulary: which tokens there are and what they mean; fitted on training subjects, then frozen.

Tokens are numbered in six blocks: special, value quantile, time gap, age band, level, code. A level is what lies
above codes in a hierarchy, such as the block `LEVEL//ICD10//E08-E13`. A code token is either one code as the source
writes it, or a family such as `DIAGNOSIS//ICD//10//A04*` that rare and unseen codes fall back to.
`ehr.fitting` makes a vocabulary, `ehr.tokens` applies it. Models carry its hash and refuse another one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import sha256
from itertools import pairwise
from typing import Any, Final

import orjson

from ehr.ancestry import families
from ehr.errors import VocabularyError
from ehr.store import Store, transaction
from ehr.token_settings import TokenSettings
from ehr.units import parse_unit, unit_in_code

__all__ = [
    "DEFAULT_NAME",
    "PAD",
    "SPECIALS",
    "UNKNOWN",
    "YEAR_SECONDS",
    "TokenSettings",
    "Vocabulary",
    "has_vocabulary",
    "load_vocabulary",
    "measured_unit",
    "same_unit",
    "save_vocabulary",
    "vocabulary_of",
]

DEFAULT_NAME: Final = "default"
SPECIALS: Final = ("PAD", "UNKNOWN")
PAD: Final = 0
UNKNOWN: Final = 1
YEAR_SECONDS: Final = 31_556_952
"""A Gregorian year on average; ages are counted in these."""


@dataclass(frozen=True)
class Vocabulary:
    """A frozen vocabulary.

    `edges` has the value edges of a code with numbers, rising; an edge opens the next bin. `ages` has the first
    age of each band. `gap_seconds` has for each interval what gaps were like in training, as rising quantiles:
    a generated gap takes one of them as its length. `scales` has for each code with numbers their median and spread
    in training (see `ehr.fitting`): (number - median) / spread is what a model reads. `levels` has for each code and
    family with levels the concepts above it, outermost first.

    A code whose numbers come in several units is read as several tokens, since 8.6 mg and 1 tablet are not to be
    compared: as itself in its commonest unit, `units[code]` ('' where its numbers bear none), and as `CODE [unit]` in
    each other one, `other_units[token] = (code, unit)`; edges and scales are kept for each. A number in a unit that
    has no such token has no value bin.
    """

    name: str
    settings: TokenSettings
    codes: tuple[str, ...]
    families: tuple[str, ...]
    edges: Mapping[str, tuple[float, ...]]
    ages: tuple[int, ...]
    gap_seconds: tuple[tuple[float, ...], ...] = field(default=())
    scales: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    other_units: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self.tokens)

    @property
    def first_quantile(self) -> int:
        """The token Q1."""
        return len(SPECIALS)

    @property
    def first_gap(self) -> int:
        """The token of the shortest gap."""
        return self.first_quantile + self.settings.quantiles

    @property
    def first_age(self) -> int:
        """The token of the youngest band."""
        return self.first_gap + len(self.settings.gap_names)

    @property
    def first_level(self) -> int:
        """The first token of a level of a hierarchy."""
        return self.first_age + len(self.ages)

    @property
    def first_code(self) -> int:
        """The first code token; every greater number is a code token, and UNKNOWN is one too."""
        return self.first_level + len(self.level_tokens)

    @property
    def first_family(self) -> int:
        """The first token of a family; every greater number is one too."""
        return self.first_code + len(self.codes)

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        """The name of every token, in order of its number."""
        quantiles = (f"Q{number}" for number in range(1, self.settings.quantiles + 1))
        gaps = (f"GAP//{name}" for name in self.settings.gap_names)
        levels = (f"LEVEL//{concept}" for concept in self.level_tokens)
        return (*SPECIALS, *quantiles, *gaps, *self._age_names(), *levels, *self.codes, *self.families)

    @cached_property
    def level_tokens(self) -> dict[str, int]:
        """The token of each concept that is a level of some code, in order of the alphabet."""
        concepts = sorted({concept for above in self.levels.values() for concept in above})
        return {concept: self.first_level + place for place, concept in enumerate(concepts)}

    @cached_property
    def code_tokens(self) -> dict[str, int]:
        """The token of each code that has one of its own."""
        return {code: self.first_code + place for place, code in enumerate(self.codes)}

    @cached_property
    def family_tokens(self) -> dict[str, int]:
        """The token of each family."""
        return {family: self.first_family + place for place, family in enumerate(self.families)}

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the definition; the name is no part of it."""
        return sha256(orjson.dumps(self.definition(), option=orjson.OPT_SORT_KEYS)).hexdigest()

    def token_of(self, code: str) -> int:
        """Return the token that a code is read as: its own, else its nearest family's, else UNKNOWN."""
        own = self.code_tokens.get(code)
        if own is not None:
            return own
        return next((self.family_tokens[name] for name in families(code) if name in self.family_tokens), UNKNOWN)

    def reading_of(self, code: str, unit: str | None) -> str | None:
        """Return the name of the token that a number of `code` in `unit` is read as; None where it has no value bin.

        Units that are spelt differently and mean the same are the same unit, see `measured_unit`.
        """
        if code not in self.edges:
            return None
        measured = measured_unit(code, unit)
        if code not in self.units or same_unit(self.units[code], measured):
            return code
        return next((name for name, own in self._units_of.get(code, ()) if same_unit(own, measured)), None)

    def code_of(self, name: str) -> str:
        """Return the code that a code token of this name stands for: itself but where it is that of another unit."""
        return self.other_units[name][0] if name in self.other_units else name

    def tokens_of(self, code: str) -> tuple[int, ...]:
        """Return the tokens of a code's own, in any unit; none for one that is read as a family."""
        names = (code, *(name for name, _ in self._units_of.get(code, ())))
        return tuple(self.code_tokens[name] for name in names if name in self.code_tokens)

    @cached_property
    def _units_of(self) -> dict[str, list[tuple[str, str]]]:
        """The tokens of each code for its other units, with the unit."""
        found: dict[str, list[tuple[str, str]]] = {}
        for name, (code, unit) in self.other_units.items():
            found.setdefault(code, []).append((name, unit))
        return found

    def levels_of(self, token: int) -> tuple[int, ...]:
        """Return the level tokens of a code or family, outermost first; none for any other token."""
        if token < self.first_code:
            return ()
        return tuple(self.level_tokens[concept] for concept in self.levels.get(self.tokens[token], ()))

    def kind_of(self, token: int) -> str:
        """Return special, quantile, gap, age, level, code or family; UNKNOWN is special.

        Raises VocabularyError when there is no such token.
        """
        if not 0 <= token < len(self):
            raise VocabularyError(f"vocabulary {self.name} has {len(self)} tokens and none with number {token}")
        starts = (
            ("family", self.first_family),
            ("code", self.first_code),
            ("level", self.first_level),
            ("age", self.first_age),
            ("gap", self.first_gap),
            ("quantile", self.first_quantile),
        )
        return next((kind for kind, start in starts if token >= start), "special")

    def value_range(self, code: str, quantile: int) -> tuple[float, float]:
        """Return the half-open range [low, high) of numbers that `code` shows as quantile 1, 2, ..."""
        edges = (float("-inf"), *self.edges.get(code, ()), float("inf"))
        # Fewer edges than bins remain where a value is so frequent that nothing lies above it.
        return edges[min(quantile - 1, len(edges) - 2)], edges[min(quantile, len(edges) - 1)]

    def gap_range(self, token: int) -> tuple[timedelta, timedelta]:
        """Return the half-open range of times that a gap token stands for; the last one is open upwards."""
        place = token - self.first_gap
        starts = self.settings.gap_starts
        end = timedelta(seconds=starts[place + 1]) if place + 1 < len(starts) else timedelta.max
        return timedelta(seconds=starts[place]), end

    def definition(self) -> dict[str, Any]:
        """Return all that the hash covers, as JSON values."""
        return {
            "settings": self.settings.as_mapping(),
            "codes": list(self.codes),
            "families": list(self.families),
            "edges": {code: list(edges) for code, edges in self.edges.items()},
            "ages": list(self.ages),
            "gap_seconds": [list(seconds) for seconds in self.gap_seconds],
            "scales": {code: list(scale) for code, scale in self.scales.items()},
            "levels": {token: list(concepts) for token, concepts in self.levels.items()},
            "units": dict(self.units),
            "other_units": {token: list(pair) for token, pair in self.other_units.items()},
        }

    def _age_names(self) -> list[str]:
        firsts = (0, *self.ages[1:])
        names = [f"AGE//{first}-{after - 1}" for first, after in pairwise(firsts)]
        return [*names, f"AGE//{firsts[-1]}+"] if self.ages else []


def measured_unit(code: str, unit: str | None) -> str:
    """Return the unit of a number: as the event tells it, else as the code does; '' where neither does.

    >>> measured_unit("LAB//50931//mg/dL", None), measured_unit("X//Senna", "TAB"), measured_unit("X", None)
    ('mg/dL', 'TAB', '')
    """
    return unit or unit_in_code(code) or ""


def same_unit(one: str | None, other: str | None) -> bool:
    """Say whether two units are the same, also when they are spelt differently; '' and None are no unit.

    >>> same_unit("mg/dL", "MG/DL"), same_unit("mg", "mcg"), same_unit("BAG", "mL"), same_unit("", None)
    (True, False, False, True)
    """
    if (one or "") == (other or ""):
        return True
    read, also = parse_unit(one or ""), parse_unit(other or "")
    return read is not None and also is not None and read.same_as(also)


def vocabulary_of(name: str, definition: Mapping[str, Any]) -> Vocabulary:
    """Return the vocabulary of a definition; raises VocabularyError when it is not one."""
    try:
        settings = dict(definition["settings"])
        settings = {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}
        return Vocabulary(
            name,
            TokenSettings(**settings),
            tuple(definition["codes"]),
            tuple(definition["families"]),
            {code: tuple(edges) for code, edges in definition["edges"].items()},
            tuple(definition["ages"]),
            tuple(tuple(seconds) for seconds in definition["gap_seconds"]),
            {code: (scale[0], scale[1]) for code, scale in definition["scales"].items()},
            {token: tuple(concepts) for token, concepts in definition["levels"].items()},
            dict(definition["units"]),
            {token: (pair[0], pair[1]) for token, pair in definition["other_units"].items()},
        )
    except (KeyError, TypeError, IndexError) as error:
        raise VocabularyError(f"the definition of vocabulary {name} is damaged: {error}; fit it anew") from error


def save_vocabulary(store: Store, vocabulary: Vocabulary) -> None:
    """Write the vocabulary under its name; one of another hash goes, with its timelines."""
    con = store.cursor()
    with transaction(con):
        stored = con.execute("SELECT hash FROM vocabulary WHERE vocabulary_id = ?", [vocabulary.name]).fetchall()
        if stored != [(vocabulary.hash,)]:
            con.execute("DELETE FROM timeline WHERE vocabulary_id = ?", [vocabulary.name])
            con.execute(
                "INSERT OR REPLACE INTO vocabulary VALUES (?, ?, ?, ?)",
                [
                    vocabulary.name,
                    vocabulary.hash,
                    datetime.now(UTC).replace(tzinfo=None),
                    orjson.dumps(vocabulary.definition()).decode(),
                ],
            )


def has_vocabulary(store: Store, name: str = DEFAULT_NAME) -> bool:
    """Say whether the store has a vocabulary of this name."""
    return bool(store.cursor().execute("FROM vocabulary WHERE vocabulary_id = ?", [name]).fetchall())


def load_vocabulary(store: Store, name: str = DEFAULT_NAME) -> Vocabulary:
    """Return the stored vocabulary; raises VocabularyError when there is none or its hash does not fit."""
    query = "SELECT hash, definition FROM vocabulary WHERE vocabulary_id = ?"
    rows = store.cursor().execute(query, [name]).fetchall()
    if not rows:
        raise VocabularyError(
            f"the store has no vocabulary {name!r}; make it with 'ehr tokenize --vocabulary {name}'"
        )
    vocabulary = vocabulary_of(name, orjson.loads(rows[0][1]))
    if vocabulary.hash != rows[0][0]:
        raise VocabularyError(f"vocabulary {name!r} was changed after it was fitted; run 'ehr tokenize --refit'")
    return vocabulary
