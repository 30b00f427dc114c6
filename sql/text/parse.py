"""From the words of a question to a typed Query, or to a reason why not.

Deterministic: the first reading that takes in every word is the one. A question that is not understood to its last
word is not answered; the refusal names what was not understood, and what it may have been.
"""

from dataclasses import replace
from typing import Final

from sql.text.concepts import Absent, Index, Unclear
from sql.text.linking.ordinary import ORDINARY
from sql.text.naming import table_words
from sql.text.query import Query
from sql.text.reader import Reader, TooHard
from sql.text.refuse import Refusal
from sql.text.sentences import questions
from sql.text.terms import Kind
from sql.text.words import MAX_TOKENS, Token, tokenize, within_one_edit

MAX_CORRECTIONS: Final = 3
MIN_GRAMMAR: Final = 6
MIN_SHORT: Final = 4
OPENERS: Final = frozenset(
    [
        "in",
        "on",
        "at",
        "by",
        "for",
        "from",
        "of",
        "to",
        "and",
        "or",
        "with",
        "within",
        "during",
        "before",
        "after",
        "who",
        "which",
        "that",
        "was",
        "were",
        "is",
        "are",
        "be",
        "been",
        "being",
        "had",
        "have",
        "has",
        "did",
        "do",
        "does",
        "list",
        "show",
        "more",
        "less",
        "than",
        "each",
        "per",
    ]
)
"""A phrase that begins so is no concept but a construction that was not understood."""

EXAMPLES: Final = (
    "'how many patients have heart failure?', 'average age of women with sepsis' or "
    "'how many ICU stays had a lactate above 4 within 6 hours of ICU admission?'"
)
_GRAMMAR_WORDS: Final = [
    "patient",
    "patients",
    "admission",
    "admissions",
    "hospital",
    "average",
    "median",
    "within",
    "hours",
    "number",
    "diagnosed",
    "diagnosis",
    "during",
    "between",
    "female",
    "received",
    "underwent",
    "prescribed",
    "encounter",
    "encounters",
    "emergency",
    "visits",
    "without",
    "whose",
    "length",
    "women",
    "percentage",
    "lowest",
    "highest",
    "minimum",
    "maximum",
    "before",
    "after",
    "older",
    "younger",
    "survived",
    "admitted",
    "above",
    "below",
    "discharge",
]
_SHORT_WORDS: Final = ("where", "which", "whose", "women", "with", "many", "number", "died", "stays", "after")
"""Words of the grammar for which shorter words may be meant."""


def parse(question: str, index: Index) -> Query | Refusal:
    """Read a question; the result says which words were corrected."""
    tokens = tokenize(question)
    if not any(token.word.isalpha() for token in tokens):
        return Refusal("UNANSWERABLE", f"there is no question; ask for example {EXAMPLES}")
    if len(tokens) > MAX_TOKENS:
        return Refusal("LOW_CONFIDENCE", f"the question is longer than {MAX_TOKENS} words; ask in parts")
    notes: tuple[str, ...] = ()
    reader = Reader(tokens, index)
    for _ in range(MAX_CORRECTIONS + 1):
        found = _first(reader)
        if found is not None:
            return replace(found, notes=(*notes, *found.notes))
        mended = _mend(reader)
        if mended is None:
            break
        reader, note = mended
        notes = (*notes, note)
    refusal = _explain(reader)
    return replace(refusal, message="; ".join((refusal.message, *notes)))


def _first(reader: Reader) -> Query | None:
    try:
        return next(questions(reader), None)
    except TooHard:
        reader.trouble(len(reader.tokens), "the question has too many parts; ask in parts")
        return None


def _mend(reader: Reader) -> tuple[Reader, str] | None:
    """Correct the first misspelt word; None when every word is known or none is near."""
    for place, token in enumerate(reader.tokens):
        better = _grammar_word(token, reader.index) or reader.index.correct(token.word)
        if better is not None and better != token.word:
            tokens = list(reader.tokens)
            tokens[place] = Token(better, better)
            return Reader(tokens, reader.index), f"'{token.text}' was read as '{better}'"
    return None


def _grammar_word(token: Token, index: Index) -> str | None:
    """Return the word of the grammar that a word is a slip away from; a short one only if nothing knows it."""
    word = token.word
    if word in _GRAMMAR_WORDS:
        return None
    if len(word) < MIN_GRAMMAR:
        near = [known for known in _SHORT_WORDS if within_one_edit(word, known)]
        is_known = token.stem in ORDINARY or token.stem in index.words or token.stem in table_words()
        return near[0] if len(word) >= MIN_SHORT and len(near) == 1 and not is_known else None
    near = [
        known
        for known in _GRAMMAR_WORDS
        if len(known) >= MIN_GRAMMAR
        and within_one_edit(word, known)
        and not word.startswith(known)
        and not known.startswith(word)
    ]
    return near[0] if len(near) == 1 else None


def _explain(reader: Reader) -> Refusal:
    """Say what stood in the way of the reading that came furthest."""
    end, trouble = max(reader.troubles, key=lambda pair: pair[0], default=(-1, ""))
    if end >= reader.far and trouble:
        return of_trouble(trouble, reader.index)
    place = min(reader.far, len(reader.tokens) - 1)
    if reader.far in reader.misses:
        return _unknown(reader, reader.far, reader.misses[reader.far])
    rest = reader.text(place, len(reader.tokens)).strip(" ?.!")
    if not rest:
        return Refusal("LOW_CONFIDENCE", f"the question seems to lack a part; ask for example {EXAMPLES}")
    return Refusal("LOW_CONFIDENCE", f"'{rest}' was not understood here; ask for example {EXAMPLES}")


def of_trouble(trouble: Unclear | Absent | str, index: Index) -> Refusal:
    """Say what is unclear or absent, and what to ask instead."""
    if isinstance(trouble, Unclear):
        options = ", ".join(trouble.alternatives)
        return Refusal("AMBIGUOUS", f"'{trouble.phrase}' may mean several things; say which: {options}")
    if isinstance(trouble, Absent):
        hint = trouble.hint or "; 'ehr code search' shows what is"
        return Refusal("UNANSWERABLE", f"nothing in this store is recorded as '{trouble.name}'{hint}")
    return Refusal("AMBIGUOUS", trouble)


def _unknown(reader: Reader, at: int, kinds: tuple[Kind, ...]) -> Refusal:
    start, end = reader.unknown_phrase(at)
    phrase = reader.text(start, end).strip(" ?.!,")
    if not phrase:
        return Refusal("LOW_CONFIDENCE", f"the question seems to lack a part; ask for example {EXAMPLES}")
    if reader.word(start) in OPENERS or reader.number(start) is not None:
        rest = reader.text(start, len(reader.tokens)).strip(" ?.!")
        return Refusal("LOW_CONFIDENCE", f"'{rest}' was not understood here; ask for example {EXAMPLES}")
    nearest = reader.index.nearest(phrase)
    hint = (
        f"; the nearest in this store: {', '.join(nearest)}" if nearest else "; 'ehr code search' shows what is there"
    )
    return Refusal("UNANSWERABLE", f"'{phrase}' names nothing in this store{hint}")
