"""Concept linking: from a phrase of the question to the codes of the store, through an index built from the store.

A phrase is looked up, in this order: phrases that mean several things; the tables of common conditions, procedures,
observations and drug names; codes as such (I50, E11.9, 4548-4); titles equal to the phrase; titles that contain it.
What is found never depends on anything but the phrase, the kinds allowed and the codes in the store.
"""

import difflib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ehr.events import SEPARATOR
from ehr.hierarchy import title_of
from sql.text.below import named_concepts
from sql.text.conditions import Family
from sql.text.criterion import StayColumn
from sql.text.matching import Entry, Titles, icd_pattern, in_family, spelled_code
from sql.text.naming import (
    GENERIC,
    MIN_CORRECTED,
    SALTS,
    all_names,
    analytes,
    correctable,
    drug_classes,
    drug_names,
    families,
    table_words,
    unclear_phrases,
)
from sql.text.observations import Analyte
from sql.text.shortened import written_out
from sql.text.terms import Concept, Kind, StayKind, StoredCode
from sql.text.values import choose_codes, choose_items
from sql.text.words import stems, within_one_edit

Stems = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A phrase that links; the stronger the better it is known: 3 by table or code, 2 equal title, 1 contained."""

    concept: Concept
    strength: int


@dataclass(frozen=True, slots=True)
class Unclear:
    """A phrase that means several things, with what to say instead."""

    phrase: str
    alternatives: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Absent:
    """A phrase that is understood, but no code of the store means it; `hint` may say what is near to it."""

    phrase: str
    name: str
    hint: str = ""


Link = Found | Unclear | Absent

ALLERGY: Final = frozenset({"allergy", "allergic"})

# Pairs that differ by one letter and mean different things: never corrected into each other.
CONFUSABLE: Final = frozenset(
    [
        "dysphagia",
        "dysphasia",
        "ileum",
        "ilium",
        "ileal",
        "perineal",
        "peroneal",
        "peroneum",
        "afferent",
        "efferent",
        "abduction",
        "adduction",
        "malleus",
        "malleolus",
        "ureter",
        "urethra",
    ]
)
MAX_NAMES: Final = 3


@dataclass(slots=True)
class Index:
    """The codes of a store by title word, what the tables know, and the words of the source for its stays.

    `attributes` has the values of a column of stays by class, `formats` what was imported, `tables` the names of the
    source tables or resource types.
    """

    entries: tuple[Entry, ...]
    titles: dict[Kind, Titles]
    words: Counter[str]
    stays: frozenset[str]
    below: Mapping[str, frozenset[str]]
    attributes: Mapping[tuple[StayKind, StayColumn], tuple[str, ...]] = field(default_factory=dict)
    formats: frozenset[str] = frozenset()
    tables: frozenset[str] = frozenset()
    _links: dict[tuple[Stems, str, tuple[Kind, ...]], Link | None] = field(default_factory=dict)

    def link(self, phrase: str, kinds: Sequence[Kind]) -> Link | None:
        """Return what `phrase` means among `kinds`, the earlier kind winning a tie; None when nothing is known."""
        key = (stems(phrase), phrase.lower(), tuple(kinds))
        if key not in self._links:
            found, full = self._link(phrase, key[0], key[2]), written_out(phrase)
            if found is None and full != phrase.lower():
                found = self._link(full, stems(full), key[2])
            self._links[key] = found
        return self._links[key]

    def condition(self, name: str) -> Concept | None:
        """Return a condition of the table, where the store has codes of it."""
        link = self.link(name, (Kind.CONDITION,))
        return link.concept if isinstance(link, Found) else None

    def _link(self, phrase: str, words: Stems, kinds: tuple[Kind, ...]) -> Link | None:
        if not words:
            return None
        if SEPARATOR in phrase:
            return self._named(phrase, kinds)
        found: list[Found] = []
        unclear: Unclear | None = None
        absent: Absent | None = None
        for kind in kinds:
            link = self._known(phrase, words, kind) or self._titled(phrase, words, kind, alone=len(kinds) == 1)
            if isinstance(link, Unclear):
                unclear = unclear or link
            elif isinstance(link, Absent):
                absent = absent or link
            elif link is not None:
                found.append(link)
        best = max(found, key=lambda one: one.strength, default=None)
        if best is not None and (best.strength > 1 or not (unclear or absent)):
            return best
        return unclear or absent or best

    def _named(self, phrase: str, kinds: tuple[Kind, ...]) -> Link | None:
        """Look for the records whose codes lie at or below the one that the question names with its system."""
        for kind in kinds:
            link = self._below(named_concepts(phrase, kind), kind)
            if link is not None:
                return link
        names = named_concepts(phrase, Kind.CONDITION)
        near = difflib.get_close_matches(names[0], self.below, n=MAX_NAMES, cutoff=0.7) if names else []
        hint = f"; near to it are {', '.join(near)}" if near else ""
        return Absent(phrase, names[0], hint) if names else None

    def _below(self, names: Sequence[str], kind: Kind) -> Found | None:
        used = [name for name in names if name in self.below]
        codes = {code for name in used for code in self.below[name]}
        kept = [entry.code for entry in self.titles[kind].entries if entry.code in codes]
        if not kept or kind is Kind.OBSERVATION:
            return None
        shown = " or ".join(used)
        title = next((title for name in used if (title := title_of(name))), None)
        label = f"{f'{title}: ' if title else ''}this code and all codes below it"
        below = () if kind is Kind.MEDICATION else tuple(used)
        return Found(Concept(kind, shown, _stored(kept), label, below=below), 3)

    def _known(self, phrase: str, words: Stems, kind: Kind) -> Link | None:
        """Look a phrase up in the tables and among the codes themselves."""
        if words in unclear_phrases():
            return self._unclear(phrase, unclear_phrases()[words], kind)
        if kind is Kind.OBSERVATION:
            analyte = analytes().get(words)
            return self._measured(phrase, analyte) if analyte else self._loinc(phrase)
        if kind is Kind.MEDICATION:
            return self._drug(phrase, words)
        family = families(kind).get(words)
        return self._family(phrase, family, kind) if family else self._coded(phrase, kind)

    def _unclear(self, phrase: str, alternatives: tuple[str, ...], kind: Kind) -> Link:
        """Take the one measurement that the store has of those that a phrase may mean; else all stay open."""
        if kind is Kind.OBSERVATION:
            known = [analytes()[stems(name)] for name in alternatives if stems(name) in analytes()]
            links = [self._measured(phrase, analyte) for analyte in known]
            found = [link for link in links if isinstance(link, Found)]
            if len(found) == 1 and len(known) == len(alternatives):
                return found[0]
        return Unclear(phrase, alternatives)

    def _family(self, phrase: str, family: Family, kind: Kind) -> Link:
        titles = [stems(title) for title in family.titles]
        excluded = [stems(word) for word in family.excluded]
        codes = [
            entry.code
            for entry in self.titles[kind].entries
            if in_family(entry, family) or (entry.icd is None and self.titles[kind].says(entry, titles, excluded))
        ]
        if not codes:
            return Absent(phrase, family.names[0])
        by_title = [entry for entry in self.titles[kind].entries if entry.code in set(codes) and entry.icd is None]
        names = list(dict.fromkeys(entry.title for entry in by_title))
        shown = [f"'{name}'" for name in names[:MAX_NAMES]] + (
            [f"{len(names) - MAX_NAMES} more titles"] if len(names) > MAX_NAMES else []
        )
        label = ", ".join(([family.label] if len(by_title) < len(codes) else []) + shown)
        return Found(Concept(kind, family.names[0], _stored(codes), label), 3)

    def _coded(self, phrase: str, kind: Kind) -> Link | None:
        """Look for codes spelled out: ICD prefixes, or a whole code of any system."""
        pattern = icd_pattern(phrase)
        if pattern is not None:
            written = [f"ICD{version}{SEPARATOR}{pattern.prefix}" for version in pattern.versions]
            link = self._below([name for one in written for name in named_concepts(one, kind)], kind)
            if link is not None:
                return link
            codes = [entry.code for entry in self.titles[kind].entries if pattern.matches(entry)]
            if not codes and pattern.is_certain:
                return Absent(phrase, pattern.label)
            if codes:
                return Found(Concept(kind, pattern.label, _stored(codes), pattern.label), 3)
        spelled = spelled_code(phrase)
        codes = [entry.code for entry in self.titles[kind].entries if spelled and entry.value.upper() == spelled]
        return Found(Concept(kind, f"code {spelled}", _stored(codes), f"code {spelled}"), 3) if codes else None

    def _loinc(self, phrase: str) -> Link | None:
        spelled = spelled_code(phrase)
        entries = [entry for entry in self.titles[Kind.OBSERVATION].entries if spelled and entry.value == spelled]
        if not entries:
            return None
        codes, unit = choose_codes(entries, None)
        return Found(Concept(Kind.OBSERVATION, entries[0].title or phrase, codes, f"code {spelled}", unit), 3)

    def _measured(self, phrase: str, analyte: Analyte) -> Link:
        entries = choose_items(self.titles[Kind.OBSERVATION].entries, analyte)
        if not entries:
            return Absent(phrase, analyte.names[0])
        codes, unit = choose_codes(entries, analyte)
        chosen = {code.code for code in codes}
        label = _label_of([entry for entry in entries if entry.code in chosen])
        return Found(Concept(Kind.OBSERVATION, analyte.names[0], codes, label, unit), 3)

    def _drug(self, phrase: str, words: Stems) -> Link | None:
        drug_class = drug_classes().get(words)
        titles = self.titles[Kind.MEDICATION]
        if drug_class is not None:
            name, ingredients = drug_class
            present = {part: titles.with_words(stems(part)) for part in ingredients}
            codes = [entry.code for entries in present.values() for entry in entries]
            if not codes:
                return Absent(phrase, name)
            label = ", ".join(part for part, entries in present.items() if entries)
            return Found(Concept(Kind.MEDICATION, name, _stored(codes), label), 3)
        ingredient = drug_names().get(words)
        if ingredient is None:
            return None
        own = titles.with_words(words) if words != stems(ingredient) else []
        codes = [entry.code for entry in (*titles.with_words(stems(ingredient)), *own)]
        if not codes:
            return Absent(phrase, ingredient)
        return Found(Concept(Kind.MEDICATION, ingredient, _stored(codes), f"titles with '{ingredient}'"), 3)

    def _titled(self, phrase: str, words: Stems, kind: Kind, *, alone: bool) -> Link | None:
        """Look a phrase up in the titles of the store; more strictly where other kinds may be meant as well."""
        if kind is Kind.CONDITION and ALLERGY & set(words):
            return self._allergy(phrase, words)
        if set(words) <= GENERIC or max(map(len, words)) < 3:
            return None
        titles = self.titles[kind]
        if kind is Kind.OBSERVATION:
            return self._titled_observation(phrase, words, titles, alone=alone)
        if kind is Kind.MEDICATION:
            if set(words) <= SALTS:
                names = sorted({entry.title for entry in titles.with_words(words)})
                return Unclear(phrase, tuple(names[:4])) if names else None
            named = titles.with_phrase(words) if alone else titles.beginning(words)
            codes, strength = [entry.code for entry in named], 2
        else:
            equal = titles.equal(words)
            strength = 2 if equal else 1
            codes = [entry.code for entry in (equal if kind is Kind.PROCEDURE and equal else titles.about(words))]
        if not codes:
            return None
        name = phrase.lower()
        return Found(Concept(kind, name, _stored(codes), f"titles with '{name}'"), strength)

    def _allergy(self, phrase: str, words: Stems) -> Link | None:
        to = tuple(word for word in words if word not in ALLERGY | {"to"})
        codes = [entry.code for entry in self.titles[Kind.CONDITION].allergies(to)] if to else []
        name = f"allergy to {' '.join(to)}"
        return (
            Found(Concept(Kind.CONDITION, name, _stored(codes), "recorded allergies"), 3)
            if codes
            else Absent(phrase, name)
        )

    def _titled_observation(self, phrase: str, words: Stems, titles: Titles, *, alone: bool) -> Link | None:
        exact = titles.plain(words)
        if exact:
            entries = choose_items(exact, None)
            codes, unit = choose_codes(entries, None)
            return Found(Concept(Kind.OBSERVATION, phrase.lower(), codes, _label_of(entries), unit), 2)
        contained = titles.with_phrase(words) if alone or len(words) > 1 else []
        items = {entry.item for entry in contained}
        if len(items) > 1:
            ranked = Counter[str]()
            for entry in contained:
                ranked[entry.title] += entry.n_events
            return Unclear(phrase, tuple(title for title, _ in ranked.most_common(4)))
        if not contained:
            return None
        codes, unit = choose_codes(contained, None)
        return Found(Concept(Kind.OBSERVATION, contained[0].title, codes, _label_of(contained), unit), 1)

    def bounds(self, concept: Concept) -> tuple[float | None, float | None]:
        """Return the least and the greatest value of a concept in the store, in its unit."""
        wanted = {code.code: code for code in concept.codes}
        ends = [
            value * wanted[entry.code].scale + wanted[entry.code].shift
            for entry in self.titles[concept.kind].entries
            if entry.code in wanted
            for value in (entry.low, entry.high)
            if value is not None
        ]
        return (min(ends), max(ends)) if ends else (None, None)

    def correct(self, word: str) -> str | None:
        """Return the one known word that `word` is a slip of the pen away from, or None."""
        if len(word) < MIN_CORRECTED or not word.isalpha() or word in CONFUSABLE:
            return None
        own = stems(word)
        if not own or own[0] in self.words or own[0] in table_words():
            return None
        near = {known for known in correctable() if self._is_slip(own[0], known)}
        return correctable()[near.pop()] if len(near) == 1 else None

    def _is_slip(self, word: str, known: str) -> bool:
        return (
            abs(len(known) - len(word)) <= 1
            and len(known) >= MIN_CORRECTED
            and known.isalpha()
            and known not in CONFUSABLE
            and within_one_edit(word, known)
        )

    def nearest(self, phrase: str, limit: int = 3) -> tuple[str, ...]:
        """Return names in the store or the tables that look most like `phrase`."""
        words = set(stems(phrase)) - GENERIC
        spoken = set(stems(phrase))
        inside = [name for name in all_names() if len(name) > MIN_CORRECTED and set(stems(name)) < spoken]
        if inside:
            return tuple(sorted(inside, key=len, reverse=True)[:limit])
        shared: Counter[str] = Counter()
        for entry in self.entries:
            common = words & entry.words
            if common and entry.title:
                rarity = sum(1 / self.words[word] for word in common)
                shared[entry.title] = max(shared[entry.title], round(rarity * 1e6) - len(entry.words))
        if shared:
            return tuple(title for title, _ in shared.most_common(limit))
        spelled = {name: name for name in all_names()} | {entry.title.lower(): entry.title for entry in self.entries}
        close = difflib.get_close_matches(phrase.lower(), list(spelled), n=limit, cutoff=0.72)
        return tuple(spelled[name] for name in close)


def _stored(codes: Iterable[str]) -> tuple[StoredCode, ...]:
    return tuple(StoredCode(code) for code in sorted(set(codes)))


def _label_of(entries: Sequence[Entry]) -> str:
    """Name the items of an observation by title and code without unit."""
    names = dict.fromkeys(f"{entry.title} [{entry.item}]" for entry in entries)
    return ", ".join(names)
