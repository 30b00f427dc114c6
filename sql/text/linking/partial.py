"""Partial names: words of a question that are some of the words of a stored name, with the names they may mean.

A phrase counts when its words tell enough about a name: each word weighs by how few names have it. A phrase that is a
part of many names gives a slot with many candidates and no margin, which is for the caller to ask about.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sql.text.linking.index import MAX_CANDIDATES, LinkIndex, ranked, slot_of
from sql.text.linking.ordinary import FUNCTION, ORDINARY
from sql.text.linking.slots import Candidate, Slot
from sql.text.linking.words import Piece, Span, is_in
from sql.text.records.values import Plain
from sql.text.shortened import ABBREVIATED

PARTIAL: Final = 0.8  # the score of a phrase that says all that weighs in a name
MIN_PHRASE: Final = 0.6  # the least part of a phrase that must stand in the name
MIN_NAME: Final = 0.3  # the least part of a name that a phrase must say
MIN_ALONE: Final = 0.45  # and a single word
MIN_LETTERS: Final = 4
MOST_NAMES: Final = 15  # what a single word may be a part of
MAX_GAP: Final = 2  # function words within a phrase


@dataclass(frozen=True, slots=True)
class Part:
    """A slot for words of names; `is_whole` says that each of the names has all of the words."""

    slot: Slot
    is_whole: bool


def partial(question: str, words: Sequence[Piece], index: LinkIndex, taken: Sequence[Span]) -> Iterator[Part]:
    """Give the phrases outside the places already `taken` that are parts of names."""
    for phrase in _phrases(question, words, index, taken):
        if not any(_tells(word, index) for word in phrase) or (len(phrase) == 1 and _common(phrase[0], index)):
            continue
        found = _part(question, phrase, index)
        if found is not None:
            yield found


def most_used(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return each name once, at its best, and of very many only those with most records."""
    best: dict[tuple[str, Plain], Candidate] = {}
    for one in ranked(candidates):
        best.setdefault((one.kind, one.value), one)
    return sorted(best.values(), key=lambda one: -one.records)[:MAX_CANDIDATES]


def _phrases(question: str, words: Sequence[Piece], index: LinkIndex, taken: Sequence[Span]) -> Iterator[list[Piece]]:
    """Give the runs of words that stand in names, without the ordinary words at their ends."""
    run: list[Piece] = []
    for word in words:
        apart = run and any(mark in question[run[-1].end : word.start] for mark in "?!;[:")
        known = word.stem in index.weights or word.word in ABBREVIATED
        fits = known and not word.word[0].isdigit() and not is_in(word, taken)
        if apart or not fits:
            yield from _trimmed(run)
            run = []
        if fits:
            run.append(word)
    yield from _trimmed(run)


def _trimmed(run: list[Piece]) -> Iterator[list[Piece]]:
    """Cut a run at gaps of ordinary words and drop those at its ends."""
    part: list[Piece] = []
    gap: list[Piece] = []
    for word in run:
        if word.stem in ORDINARY:
            gap.append(word)
            continue
        if part and len(gap) > MAX_GAP:
            yield part
            part = []
        part = [*part, *gap, word] if part else [word]
        gap = []
    if part:
        yield part


def _tells(word: Piece, index: LinkIndex) -> bool:
    """Say whether a word tells something about a name on its own."""
    return word.stem not in ORDINARY and len(word.stem) >= MIN_LETTERS and word.stem in index.weights


def _common(word: Piece, index: LinkIndex) -> bool:
    """Say whether too many names have a word for it to mean one of them by itself."""
    return len(index.by_word.get(word.stem, ())) > MOST_NAMES


def _part(question: str, phrase: Sequence[Piece], index: LinkIndex) -> Part | None:
    """Return the names that a phrase is a part of: all that have all its words, or else those that have most."""
    said = {stem for word in phrase for stem in ABBREVIATED.get(word.word, (word.stem,))}
    asked = frozenset(stem for stem in said if stem not in FUNCTION)
    whole = sum(index.weights.get(stem, 1.0) for stem in asked)
    least = MIN_NAME if len(phrase) > 1 else MIN_ALONE
    keys = {key for word in phrase if _tells(word, index) for key in index.by_word.get(word.stem, ())}
    found: dict[tuple[str, ...], float] = {}
    for key in keys:
        of_phrase = sum(index.weights[part] for part in asked & set(key)) / whole
        of_name = index.share(asked, key)
        if of_phrase >= MIN_PHRASE and of_name >= least:
            found[key] = PARTIAL * of_phrase * of_name
    if not found:
        return None
    holding = {key: PARTIAL * index.share(asked, key) for key in index.holding(asked)}
    candidates = (one for key, score in (holding or found).items() for one in index.part(key, score))
    return Part(slot_of(question, phrase[0].start, phrase[-1].end, most_used(candidates)), bool(holding))
