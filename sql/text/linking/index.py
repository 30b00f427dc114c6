"""The index of a database's names and ids: what a phrase of a question may mean."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from sql.text.linking.known import known_synonyms, known_words
from sql.text.linking.names import Connection, IdColumn, Name, NameColumn, read_ids, read_names, read_unused, variants
from sql.text.linking.ordinary import FUNCTION, ORDINARY
from sql.text.linking.slots import Candidate, How, Slot
from sql.text.linking.spelling import Spelling
from sql.text.linking.words import Piece, key_of, pieces, same_text
from sql.text.shortened import ABBREVIATED
from sql.text.words import stem

SCORES: Final = {How.EXACT: 1.0, How.VARIANT: 0.97, How.SYNONYM: 0.9, How.CORRECTED: 0.85}
UNUSED: Final = 0.88  # the score of a name that no record uses
SHORT: Final = 1  # a name of so few letters needs a sign nearby, as an ordinary word does
TIED: Final = 0.02  # candidates this close to the best leave the kind open
MAX_CANDIDATES: Final = 12
_LIGHT: Final = 0.15  # the weight of a function word against a word of its own


@dataclass(frozen=True, slots=True)
class Entry:
    """A surface of a name: the name itself, or another way to write it."""

    name: Name
    surface: str
    how: How

    @property
    def marks(self) -> tuple[str, str]:
        """The marks in front of the first word of the surface, and those behind its last one."""
        words = pieces(self.surface)
        return (self.surface[: words[0].start], self.surface[words[-1].end :]) if words else ("", "")


@dataclass(slots=True)
class LinkIndex:
    """What the names and ids of a database are, by the keys of their surfaces and by the words in them.

    `given` are the keys of the synonyms that columns come with, `sizes` says how many names each kind has.
    """

    entries: dict[str, list[Entry]]
    ids: dict[str, frozenset[str]]
    id_words: dict[str, str]
    cues: dict[str, frozenset[str]]
    given: frozenset[str] = frozenset()
    sizes: dict[str, int] = field(default_factory=dict)
    unused: dict[str, list[tuple[NameColumn, str]]] = field(default_factory=dict)
    longest: dict[str, int] = field(default_factory=dict)
    longest_unused: dict[str, int] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)
    by_word: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)
    spelling: Spelling = field(default_factory=lambda: Spelling(()))
    vocabulary: frozenset[str] = frozenset()

    def candidates(self, key: str, surface: str) -> list[Candidate]:
        """Return what a text with this key may mean, best first; `surface` is how the question writes it."""
        best: dict[tuple[str, str, str], Candidate] = {}
        for entry in self.entries.get(key, ()):
            how = entry.how
            if how is How.EXACT and not same_text(entry.surface, surface):
                how = How.VARIANT
            name = entry.name
            place = (name.kind, name.value, name.column)
            if place not in best or best[place].score < SCORES[how]:
                best[place] = Candidate(name.kind, name.value, SCORES[how], how, name.column, name.records)
        return ranked(best.values())

    def without_records(self, key: str) -> list[Candidate]:
        """Return the names that no record uses with this plain key."""
        found = self.unused.get(key, ())
        return [Candidate(column.kind, value, UNUSED, How.EXACT, column.place) for column, value in found]

    def extent(self, key: str, question: str, start: int, end: int) -> tuple[int, int]:
        """Take into a text with this key the marks with which its name begins and ends: bracket, "%", "#"."""
        before, after = 0, 0
        for entry in self.entries.get(key, ()):
            lead, tail = entry.marks
            if question[:start].endswith(lead) and question.startswith(tail, end):
                before, after = max(before, len(lead)), max(after, len(tail))
        return start - before, end + after

    def holding(self, words: frozenset[str], excluded: Iterable[frozenset[str]] = ()) -> list[tuple[str, ...]]:
        """Return the keys of the names with records that have all of some words, and not all of any excluded ones."""
        known = [word for word in words if word in self.by_word]
        if not words or len(known) < len(words):
            return []
        rarest = min(known, key=lambda word: len(self.by_word[word]))
        found = dict.fromkeys(key for key in self.by_word[rarest] if words <= set(key))
        return [key for key in found if not any(one <= set(key) for one in excluded)]

    def share(self, words: frozenset[str], key: Sequence[str]) -> float:
        """Return how much of a name with this key some words say, by the weight of its words."""
        parts = set(key)
        return sum(self.weights[part] for part in words & parts) / sum(self.weights[part] for part in parts)

    def part(self, key: Sequence[str], score: float, how: How = How.PARTIAL) -> Iterator[Candidate]:
        """Give the names with this key as what a part of them, or a word for them, may mean."""
        for entry in self.entries[" ".join(key)]:
            name = entry.name
            yield Candidate(name.kind, name.value, score, how, name.column, name.records)

    @property
    def announcing(self) -> frozenset[str]:
        """The words that announce names of any kind."""
        return frozenset().union(*self.cues.values())

    def knows(self, piece: Piece) -> bool:
        """Say whether a word stands in a name or a phrase that is known, or in the language of questions."""
        stem, word = piece.stem, piece.word
        return stem in self.vocabulary or stem in ORDINARY or word in ABBREVIATED or stem in known_words()

    def needs_cue(self, key: str) -> bool:
        """Say whether a key is too short or too ordinary to be read as a name on its own.

        Several ordinary words in a row are a name where records use it ("emergency department observation"), and
        so is what the catalogue itself calls a value.
        """
        words = key.split()
        if key in self.given:
            return False
        if len(words) > 1 and key in self.entries and not all(word in FUNCTION for word in words):
            return False
        return len(key) <= SHORT or all(word in ORDINARY or word.isdecimal() for word in words)


def ranked(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Put candidates in order: by score, then by the number of records, then by name."""
    return sorted(candidates, key=lambda one: (-one.score, -one.records, one.kind, str(one.value), one.column))


def slot_of(question: str, start: int, end: int, candidates: Sequence[Candidate]) -> Slot:
    """Return the slot of a name: its kinds are those of the candidates that come close to the best."""
    best = ranked(candidates)[:MAX_CANDIDATES]
    used = any(one.records for one in best)
    close = [one for one in best if one.score >= best[0].score - TIED and bool(one.records) == used]
    kinds = tuple(dict.fromkeys(one.kind for one in close or best[:1]))
    return Slot(start, end, question[start:end], kinds, tuple(best))


def build_index(connection: Connection, columns: Sequence[NameColumn], ids: Sequence[IdColumn] = ()) -> LinkIndex:
    """Read the names and ids of a database into an index; duckdb.Error where a table or column is absent."""
    entries: dict[str, list[Entry]] = defaultdict(list)
    synonyms = {(column.kind, column.place): column.synonyms for column in columns}
    for name in read_names(connection, columns):
        for entry in _entries(name, synonyms[name.kind, name.column].get(name.value, ())):
            key = key_of(entry.surface)
            if key:
                entries[key].append(entry)
    cues: dict[str, set[str]] = defaultdict(set)
    for column in columns:
        cues[column.kind].update(stem(cue) for cue in column.cues)
    given = {key_of(surface) for found in synonyms.values() for surfaces in found.values() for surface in surfaces}
    index = LinkIndex(
        dict(entries),
        {column.kind: read_ids(connection, column) for column in ids},
        {word: column.kind for column in ids for word in column.words},
        {kind: frozenset(words) for kind, words in cues.items()},
        frozenset(given),
        dict(
            Counter(kind for kind, _ in {(entry.name.kind, entry.name.value) for entry in chain(*entries.values())})
        ),
    )
    _add_words(index)
    _add_unused(index, read_unused(connection, columns))
    return index


def _entries(name: Name, synonyms: Sequence[str]) -> Iterable[Entry]:
    yield Entry(name, name.value, How.EXACT)
    for surface in synonyms:
        yield Entry(name, surface, How.SYNONYM)
    own = name.value.lower()
    known = known_synonyms().get(key_of(name.value), ())
    written = [*variants(name.value), *([name.alias] if name.alias else []), *known]
    for surface in dict.fromkeys(written):
        if surface.lower() != own:
            yield Entry(name, surface, How.SYNONYM)


def _add_words(index: LinkIndex) -> None:
    """Count the words of the keys: how far a key may reach, and how much a word tells about a name."""
    counts: Counter[str] = Counter()
    by_word: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for key, entries in index.entries.items():
        parts = tuple(key.split())
        index.longest[parts[0]] = max(index.longest.get(parts[0], 0), len(parts))
        counts.update(set(parts))
        for part in set(parts) if any(entry.how is How.EXACT for entry in entries) else ():
            by_word[part].append(parts)
    total = len(index.entries)
    index.weights = {
        word: math.log(1 + total / n) * (_LIGHT if word in FUNCTION else 1.0) for word, n in counts.items()
    }
    index.by_word = dict(by_word)
    index.vocabulary = frozenset(counts)
    index.spelling = Spelling(counts)


def _add_unused(index: LinkIndex, names: Iterable[tuple[str, NameColumn, str]]) -> None:
    """Add the names that no record uses: they link as a whole, and their words are no spelling errors."""
    keys = []
    for key, column, value in names:
        if key:
            keys.append(key)
            index.unused.setdefault(key, []).append((column, value))
            first, reach = key.partition(" ")[0], key.count(" ") + 1
            if reach > index.longest_unused.get(first, 0):
                index.longest_unused[first] = reach
    index.vocabulary |= {stem(word) for word in set(" ".join(keys).split(" "))}
