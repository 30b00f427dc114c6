"""The names in a question: the longest wins where several overlap, and ordinary words count only where announced."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from sql.text.linking.index import SCORES, LinkIndex, ranked, slot_of
from sql.text.linking.names import plain_key
from sql.text.linking.ordinary import FUNCTION, LEVEL, PICKING
from sql.text.linking.partial import Part, partial
from sql.text.linking.phrases import known_parts
from sql.text.linking.slots import Candidate, How, Slot
from sql.text.linking.words import Piece, Span, is_in, spans_of

REACH: Final = 3  # how many words away a cue may stand
# In front of these a single letter or function word is no name: "can i", "any other test".
_NOT_BEFORE: Final = FUNCTION - {"a", "an", "of", "for", "on", "first", "last"}
# Behind a number these are units: "24 hr" names no heart rate.
_UNITS: Final = frozenset({"hr", "h", "min", "sec", "s", "l", "ml", "g", "kg", "mg", "cm", "f", "c"})
_NAMING: Final = frozenset({"named", "called"})
_INTRODUCING: Final = frozenset({"for", "of", "on", *_NAMING})


@dataclass(frozen=True, slots=True)
class _Found:
    """A name from the word at `first` to the one before `last`."""

    first: int
    last: int
    slot: Slot

    @property
    def rank(self) -> tuple[int, bool, float, int]:
        """What puts the names in order: the longest first, then those spelled right, then the best."""
        return (self.first - self.last, self.slot.how is How.CORRECTED, -self.slot.score, self.first)


@dataclass(frozen=True, slots=True)
class _Question:
    """A question with its words as they are looked up; `wrong` are the places of those that were put right."""

    text: str
    words: Sequence[Piece]
    wrong: frozenset[int]
    index: LinkIndex

    def key(self, first: int, last: int) -> str:
        return " ".join(word.stem for word in self.words[first:last])


def named(text: str, words: Sequence[Piece], index: LinkIndex, taken: Sequence[Span]) -> list[Slot]:
    """Return the names in a question outside the places already `taken`, as slots that do not overlap."""
    read = [_put_right(word, index) for word in words]
    wrong = frozenset(place for place, word in enumerate(words) if read[place] != word)
    question = _Question(text, read, wrong, index)
    whole = [
        found
        for first in range(len(words))
        for found in (*_used(question, first), *_unused(question, first))
        if not any(is_in(word, taken) for word in words[found.first : found.last])
    ]
    kept = _longest(whole, [])
    slots = [found.slot for found in _longest(_joined(question, kept, taken), kept)]
    choices = _choices(text, slots, index)
    slots = [slot for slot in slots if slot not in choices]
    used = [slot for slot in slots if slot.candidates[0].records]
    unused = [slot for slot in slots if slot not in used]
    held = [*taken, *spans_of(choices)]
    known = [_as_written(question, part) for part in _apart(known_parts(text, read, index, held), used)]
    used = [slot for slot in used if not any(_overlap(slot, part.slot) for part in known)]
    parts = _parts(question, [*held, *spans_of(used), *spans_of(part.slot for part in known)])
    return _with_parts(used, unused, [*known, *parts])


def _put_right(piece: Piece, index: LinkIndex) -> Piece:
    """Return a word with its stem corrected where it is misspelt."""
    if index.knows(piece):
        return piece
    near = index.spelling.nearest(piece.stem)
    return replace(piece, stem=near) if near else piece


def _longest(found: list[_Found], kept: list[_Found]) -> list[_Found]:
    """Add to the names kept the longest ones that do not overlap with any."""
    chosen = list(kept)
    for one in sorted(found, key=lambda one: one.rank):
        if all(one.last <= other.first or other.last <= one.first for other in chosen):
            chosen.append(one)
    return chosen


# --- whole names ------------------------------------------------------------------------------------------


def _used(question: _Question, first: int, kinds: tuple[str, ...] = ()) -> Iterator[_Found]:
    """Give the names with records that begin at a word; those of ordinary words only if announced, or of `kinds`."""
    words, index = question.words, question.index
    reach = index.longest.get(words[first].stem, 0)
    for last in range(first + 1, min(first + reach, len(words)) + 1):
        key = question.key(first, last)
        if key not in index.entries:
            continue
        start, end = index.extent(key, question.text, words[first].start, words[last - 1].end)
        candidates = index.candidates(key, question.text[start:end])
        if question.wrong.intersection(range(first, last)):
            candidates = [_corrected(one) for one in candidates]
        candidates = _announced(question, candidates, key, first, last, kinds)
        if candidates:
            yield _Found(first, last, slot_of(question.text, start, end, candidates))


def _unused(question: _Question, first: int) -> Iterator[_Found]:
    """Give the names without records that begin at a word, written as the dictionary writes them."""
    words, index = question.words, question.index
    start = words[first].start
    reach = index.longest_unused.get(plain_key(words[first].word).partition(" ")[0], 0)
    for last in range(first + 1, min(first + reach, len(words)) + 1):
        end = words[last - 1].end
        candidates = index.without_records(plain_key(question.text[start:end]))
        candidates = _announced(question, candidates, question.key(first, last), first, last, ())
        if candidates:
            yield _Found(first, last, slot_of(question.text, start, end, candidates))


def _joined(question: _Question, kept: Sequence[_Found], taken: Sequence[Span]) -> list[_Found]:
    """Return the names of ordinary words that "and" or "or" joins to a name of the same kind: "soln and bag"."""
    found = []
    for one in kept:
        after = one.last + 1
        if after < len(question.words) and question.words[one.last].word in ("and", "or"):
            joined = _used(question, after, one.slot.kinds)
            found += [each for each in joined if not is_in(question.words[each.first], taken)]
    return found


def _choices(text: str, slots: Sequence[Slot], index: LinkIndex) -> list[Slot]:
    """Return the slots that offer all values of a kind for choice: "male or female" names neither."""
    offered: list[Slot] = []
    for one, other in pairwise(sorted(slots, key=lambda slot: slot.start)):
        values = {one.value, other.value}
        is_all = one.kinds == other.kinds and index.sizes[one.kinds[0]] == len(values)
        if is_all and len(values) > 1 and text[one.end : other.start].strip() == "or":
            offered += [one, other]
    return offered


def _corrected(candidate: Candidate) -> Candidate:
    return replace(candidate, score=candidate.score * SCORES[How.CORRECTED], how=How.CORRECTED)


def _announced(
    question: _Question, candidates: list[Candidate], key: str, first: int, last: int, kinds: tuple[str, ...]
) -> list[Candidate]:
    """Keep, of the candidates of a key that is no name by itself, those whose kind is announced, or of `kinds`."""
    words, index = question.words, question.index
    before = words[first - 1].word if first else ""
    if key in _UNITS and before[:1].isdigit():
        return []
    if not candidates or not index.needs_cue(key) or before in _NAMING:
        return candidates
    near = {word.stem for word in (*words[max(first - REACH, 0) : first], *words[last : last + REACH])}
    if len(key) == 1 or key in FUNCTION:
        introduced = before in _INTRODUCING
        near = near if introduced else {word.stem for word in words[last : last + 1]}
        near = set() if before in _NOT_BEFORE else near
        near |= LEVEL if before in PICKING else set()
    return [one for one in candidates if one.kind in kinds or near & index.cues.get(one.kind, frozenset())]


# --- parts of names ---------------------------------------------------------------------------------------


def _apart(known: Iterable[Part], used: Sequence[Slot]) -> list[Part]:
    """Return the known phrases that overlap with no whole name, but for shorter ones inside: "severe sepsis"."""
    return [part for part in known if all(_holds(part.slot, one) for one in used if _overlap(part.slot, one))]


def _parts(question: _Question, taken: Sequence[Span]) -> list[Part]:
    return [_as_written(question, part) for part in partial(question.text, question.words, question.index, taken)]


def _as_written(question: _Question, part: Part) -> Part:
    """Return words of names with a lower score where a spelling error was put right."""
    slot = part.slot
    if not any(slot.start <= question.words[place].start < slot.end for place in question.wrong):
        return part
    candidates = [replace(one, score=one.score * SCORES[How.CORRECTED]) for one in slot.candidates]
    return replace(part, slot=replace(slot, candidates=tuple(candidates)))


def _with_parts(used: list[Slot], unused: list[Slot], parts: list[Part]) -> list[Slot]:
    """Put all together: words of names with records win over a whole name that no record uses, if it is no longer.

    Where both are of one kind, the whole name stays, and the others that have its words are further candidates.
    """
    kept = [_with_used(slot, parts) for slot in unused if not any(_wins(part, slot) for part in parts)]
    return [*used, *kept, *(part.slot for part in parts if not any(_overlap(part.slot, slot) for slot in kept))]


def _wins(part: Part, unused: Slot) -> bool:
    if _is_same(part, unused):
        return not set(part.slot.kinds) & set(unused.kinds)
    return _holds(part.slot, unused)


def _with_used(unused: Slot, parts: Sequence[Part]) -> Slot:
    further = [one for part in parts if _is_same(part, unused) for one in part.slot.candidates]
    return replace(unused, candidates=tuple(ranked([*unused.candidates, *further])))


def _is_same(part: Part, slot: Slot) -> bool:
    return part.is_whole and spans_of([part.slot]) == spans_of([slot])


def _holds(outer: Slot, inner: Slot) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end and outer.surface != inner.surface


def _overlap(one: Slot, other: Slot) -> bool:
    return one.start < other.end and other.start < one.end
