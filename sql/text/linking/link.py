"""Linking: the typed values of a question, found through the index of a database.

Dates are read first, then ids, then names (the longest first), then the numbers that are left. A name that is an
ordinary word or a single letter counts only next to a word that announces its kind.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from sql.text.linking.dates import dates
from sql.text.linking.index import SCORES, LinkIndex, slot_of
from sql.text.linking.names import plain_key
from sql.text.linking.ordinary import ABBREVIATED, ORDINARY
from sql.text.linking.partial import partial
from sql.text.linking.quantities import quantities
from sql.text.linking.slots import Candidate, How, Linked, Slot, numbered
from sql.text.linking.words import Piece, pieces

REACH: Final = 3  # how many words away a cue may stand
MIN_ID: Final = 5  # digits of a known id that is read as one without a word in front of it
_BETWEEN_ID: Final = frozenset({"id", "ids", "number", "no", "nr", "is", "with", "the", "and", "or", "named", "code"})

Span = tuple[int, int]


def link(question: str, index: LinkIndex) -> Linked:
    """Find the typed values of a question; they never overlap."""
    words = pieces(question)
    slots = list(dates(question))
    slots += _ids(words, index, _spans(slots))
    slots += _names(question, words, index, _spans(slots))
    slots += partial(question, [word for word in words if not _meets(word, _spans(slots))], index)
    slots += quantities(question, _spans(slots))
    found = numbered(slots)
    left = [word for word in words if not _meets(word, _spans(found)) and not word.word[0].isdigit()]
    strange = [word for word in left if word.stem not in ORDINARY]
    return Linked(
        question,
        found,
        tuple(word.word for word in strange if word.stem in index.vocabulary),
        tuple(word.word for word in strange if word.stem not in index.vocabulary),
    )


def _spans(slots: Sequence[Slot]) -> list[Span]:
    return [(slot.start, slot.end) for slot in slots]


def _meets(piece: Piece, spans: Sequence[Span]) -> bool:
    return any(piece.start < end and start < piece.end for start, end in spans)


# --- ids --------------------------------------------------------------------------------------------------


def _ids(words: Sequence[Piece], index: LinkIndex, taken: Sequence[Span]) -> Iterator[Slot]:
    kind: str | None = None
    for piece in words:
        if piece.word.isdecimal() and not _meets(piece, taken):
            known = [name for name, ids in index.ids.items() if piece.word in ids and len(piece.word) >= MIN_ID]
            found = kind if kind and (not known or kind in known) else (known[0] if known else None)
            if found:
                yield _id(piece, found, piece.word in index.ids[found])
                continue
        if piece.word not in _BETWEEN_ID:
            kind = index.id_words.get(piece.stem)


def _id(piece: Piece, kind: str, known: bool) -> Slot:
    how = How.EXACT if known else How.UNKNOWN
    candidate = Candidate(kind, int(piece.word), 1.0 if known else 0.5, how)
    return Slot(piece.start, piece.end, piece.word, (kind,), (candidate,))


# --- names ------------------------------------------------------------------------------------------------


def _names(question: str, words: Sequence[Piece], index: LinkIndex, taken: Sequence[Span]) -> list[Slot]:
    """Return the names of a question, the longest winning where several overlap."""
    found: list[tuple[int, int, Slot]] = []
    read = [_read(word, index) for word in words]
    for first, piece in enumerate(words):
        if not _meets(piece, taken):
            found += _from(question, words, read, first, index)
            found += _unused(question, words, first, index)
    found.sort(key=lambda one: (-one[1] + one[0], one[2].how is How.CORRECTED, -one[2].score, one[0]))
    kept: list[Slot] = []
    for first, last, slot in found:
        spans = [*taken, *_spans(kept)]
        if not any(_meets(piece, spans) for piece in words[first:last]):
            kept.append(slot)
    return kept


def _read(piece: Piece, index: LinkIndex) -> tuple[str, bool]:
    """Return the stem under which a word is looked up, put right where it is misspelt, and whether it was."""
    if piece.stem in index.vocabulary or piece.stem in ORDINARY or piece.word in ABBREVIATED:
        return piece.stem, False
    near = index.spelling.nearest(piece.stem)
    return (near, True) if near else (piece.stem, False)


def _from(
    question: str, words: Sequence[Piece], read: Sequence[tuple[str, bool]], first: int, index: LinkIndex
) -> Iterator[tuple[int, int, Slot]]:
    """Give the names that begin at a word, with the places of their first word and of the one behind them."""
    reach = index.longest.get(read[first][0], 0)
    key = ""
    for last in range(first, min(first + reach, len(words))):
        key = f"{key} {read[last][0]}" if key else read[last][0]
        if key in index.entries:
            start, end = index.extent(key, question, words[first].start, words[last].end)
            candidates = index.candidates(key, question[start:end])
            if any(wrong for _, wrong in read[first : last + 1]):
                candidates = [_corrected(one) for one in candidates]
            candidates = _announced(candidates, key, words, first, last, index)
            if candidates:
                yield first, last + 1, slot_of(question, start, end, candidates)


def _unused(question: str, words: Sequence[Piece], first: int, index: LinkIndex) -> Iterator[tuple[int, int, Slot]]:
    """Give the names without records that begin at a word, as `_from` does."""
    plain = plain_key(words[first].word)
    reach = index.longest_unused.get(plain.split(" ")[0], 0)
    for last in range(first, min(first + reach, len(words))):
        candidates = index.without_records(plain)
        if candidates:
            key = " ".join(piece.stem for piece in words[first : last + 1])
            candidates = _announced(candidates, key, words, first, last, index)
            if candidates:
                yield first, last + 1, slot_of(question, words[first].start, words[last].end, candidates)
        if last + 1 < len(words):
            plain = plain_key(question[words[first].start : words[last + 1].end])


def _corrected(candidate: Candidate) -> Candidate:
    return replace(candidate, score=candidate.score * SCORES[How.CORRECTED], how=How.CORRECTED)


def _announced(
    candidates: list[Candidate], key: str, words: Sequence[Piece], first: int, last: int, index: LinkIndex
) -> list[Candidate]:
    """Keep, of the candidates of ordinary words, those whose kind is announced nearby."""
    if not index.needs_cue(key):
        return candidates
    near = _near(words, first, last)
    return [one for one in candidates if near & index.cues.get(one.kind, frozenset())]


def _near(words: Sequence[Piece], first: int, last: int) -> set[str]:
    around = [*words[max(first - REACH, 0) : first], *words[last + 1 : last + 1 + REACH]]
    return {piece.stem for piece in around}
