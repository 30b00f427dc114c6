"""Known phrases: abbreviations, families and classes of the tables of `sql.text`, with the stored names they mean.

"Copd" is no part of "chronic obstructive pulmonary disease, unspecified", but the tables know that it means one.
A phrase that several stored names are kinds of gives a slot with all of them, which is for the caller to ask about.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from sql.text.linking.index import SCORES, LinkIndex, slot_of
from sql.text.linking.known import Known, Words, known_phrases, longest_known
from sql.text.linking.ordinary import FUNCTION, LEVEL, ORDINARY, PICKING
from sql.text.linking.partial import PARTIAL, Part, most_used
from sql.text.linking.slots import Candidate, How
from sql.text.linking.words import Piece, Span, is_in, key_of

REACH: Final = 3  # how many words away a cue may stand
_OPEN: Final = frozenset({"unspecified", "specified", "site", "elsewhere", "classified"})


def known_parts(question: str, words: Sequence[Piece], index: LinkIndex, taken: Sequence[Span]) -> Iterator[Part]:
    """Give the known phrases outside the places already `taken` that stored names are kinds of, the longest first."""
    place = 0
    while place < len(words):
        last = next(_reached(question, words, place, index, taken), None)
        if last is None:
            place += 1
        else:
            part, place = last
            yield part


def _reached(
    question: str, words: Sequence[Piece], first: int, index: LinkIndex, taken: Sequence[Span]
) -> Iterator[tuple[Part, int]]:
    """Give the parts that begin at a word, with the place after them."""
    reach = longest_known().get(words[first].stem, 0)
    for last in range(min(first + reach, len(words)), first, -1):
        phrase = words[first:last]
        known = known_phrases().get(" ".join(word.stem for word in phrase))
        if known is None or any(is_in(word, taken) for word in phrase) or all(w.stem in ORDINARY for w in phrase):
            continue
        near = {word.stem for word in (*words[max(first - REACH, 0) : first], *words[last : last + REACH])}
        near |= LEVEL if first and words[first - 1].word in PICKING else set()
        if len(phrase) == len(phrase[0].stem) == 1 and not near & index.announcing:
            continue
        candidates = _announced(_candidates(known, index), near, index)
        if candidates:
            yield Part(slot_of(question, phrase[0].start, phrase[-1].end, candidates), True), last


def _candidates(known: Known, index: LinkIndex) -> list[Candidate]:
    """Return the names that a known phrase means or that are kinds of it; one that says no more is another word."""
    found = [one for key in known.keys if key in index.entries for one in index.part(key.split(), PARTIAL)]
    for words in (*known.within, *known.titles):
        for key in index.holding(words, known.excluded):
            found += index.part(key, PARTIAL * index.share(words, key))
    names = most_used(_of_columns(found, known.called, index))
    if len(names) == 1 and not known.is_unclear and _says_no_more(names[0], known):
        return [replace(names[0], score=SCORES[How.SYNONYM], how=How.SYNONYM)]
    return names


def _of_columns(candidates: list[Candidate], called: Words, index: LinkIndex) -> list[Candidate]:
    """Keep the names of columns that are known by their words to hold such names, if there are such columns."""
    kinds = {kind for kind, cues in index.cues.items() if called & cues}
    return [one for one in candidates if one.kind in kinds] if kinds else candidates


def _says_no_more(candidate: Candidate, known: Known) -> bool:
    """Say whether the words of a name are those of the phrase, but for such as leave open which kind it is."""
    key = key_of(str(candidate.value))
    said = frozenset(key.split()) - FUNCTION - _OPEN
    return key in known.keys or any(said <= words for words in known.within)


def _announced(candidates: list[Candidate], near: set[str], index: LinkIndex) -> list[Candidate]:
    """Keep the candidates of the kinds that words nearby announce; all where none is."""
    return [one for one in candidates if near & index.cues.get(one.kind, frozenset())] or candidates
