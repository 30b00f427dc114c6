"""Linking: the typed values of a question, found through the index of a database.

Dates are read first, then ids, then names, then the quantities that are left.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from sql.text.linking.dates import dates
from sql.text.linking.index import LinkIndex
from sql.text.linking.named import named
from sql.text.linking.ordinary import ORDINARY
from sql.text.linking.quantities import quantities
from sql.text.linking.slots import Candidate, How, Linked, Slot, numbered
from sql.text.linking.words import Piece, Span, is_in, pieces, spans_of
from sql.text.shortened import in_full

MIN_ID: Final = 5  # digits of a known id that is read as one without a word in front of it
_BETWEEN_ID: Final = frozenset({"id", "ids", "number", "no", "nr", "is", "with", "the", "and", "or", "named", "code"})


def link(question: str, index: LinkIndex) -> Linked:
    """Find the typed values of a question, which never overlap; shorthand that is part of none is written out."""
    found = _linked(question, index)
    full = in_full(question, spans_of(found.slots))
    return found if full == question else _linked(full, index)


def _linked(question: str, index: LinkIndex) -> Linked:
    words = pieces(question)
    slots = list(dates(question))
    ids = list(_ids(words, index, spans_of(slots)))
    starts = {slot.start for slot in ids}
    in_front = [one for one, other in pairwise(words) if other.start in starts and one.stem in index.id_words]
    slots += ids
    slots += named(question, words, index, spans_of([*slots, *in_front]))
    slots += quantities(question, spans_of(slots))
    found = numbered(slots)
    left = [word for word in words if not is_in(word, spans_of(found)) and not word.word[0].isdigit()]
    strange = [word for word in left if word.stem not in ORDINARY and word.stem not in index.announcing]
    return Linked(
        question,
        found,
        tuple(word.word for word in strange if word.stem in index.vocabulary),
        tuple(word.word for word in strange if word.stem not in index.vocabulary),
    )


def _ids(words: Sequence[Piece], index: LinkIndex, taken: Sequence[Span]) -> Iterator[Slot]:
    kind: str | None = None
    for piece in words:
        if piece.word.isdecimal() and not is_in(piece, taken):
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
