"""A cursor over the words of a question: what the rules of the grammar are made of.

A rule is a generator that takes a position and yields (value, end) for every way to read the words from there; the
grammar asks for the first reading that takes in all words, so that no word is ever passed over in silence.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from sql.text.concepts import Absent, Found, Index, Unclear
from sql.text.terms import Concept, Kind
from sql.text.words import Token

MAX_STEPS = 60_000
MAX_SPAN = 9
EVENTS = (Kind.CONDITION, Kind.PROCEDURE, Kind.OBSERVATION, Kind.MEDICATION)

# A concept does not reach beyond these words.
_STOPS = frozenset(
    [
        "who",
        "whose",
        "which",
        "that",
        "with",
        "without",
        "whom",
        "where",
        "when",
        "within",
        "during",
        "before",
        "after",
        "above",
        "below",
        "over",
        "under",
        "between",
        "than",
        "had",
        "has",
        "have",
        "was",
        "were",
        "is",
        "are",
        "been",
        "be",
        "did",
        "does",
        "do",
        "died",
        "given",
        "received",
        "older",
        "younger",
        "aged",
        "per",
        "among",
        "how",
        "many",
        "what",
        ",",
        ";",
        ":",
        "?",
        "(",
        ")",
        ">",
        "<",
        ">=",
        "<=",
        "=",
        "but",
        "not",
        "if",
        "about",
        "please",
        "exceeded",
        "exceeding",
        "least",
        "most",
        ",",
        "!",
        '"',
        "&",
    ]
)
# ... and takes in these only when the whole phrase is known by that very name.
_JOINTS = frozenset(["and", "or", "in", "by", "for", "on", "at", "from", "to", "of/", "as"])


class TooHard(Exception):
    """The question has more readings than there is patience for."""


@dataclass(slots=True)
class Reader:
    """The words of a question, the index of the store, and what went wrong where while reading."""

    tokens: Sequence[Token]
    index: Index
    notes: list[str] = field(default_factory=list)
    far: int = 0
    steps: int = 0
    misses: dict[int, tuple[Kind, ...]] = field(default_factory=dict)
    troubles: list[tuple[int, Unclear | Absent | str]] = field(default_factory=list)

    def word(self, at: int) -> str:
        """Return the word at a position, empty past the end."""
        return self.tokens[at].word if at < len(self.tokens) else ""

    def number(self, at: int) -> float | None:
        """Return the number at a position, if it is one."""
        return self.tokens[at].number if at < len(self.tokens) else None

    def text(self, start: int, end: int) -> str:
        """Return the words from start to end as they were written."""
        return " ".join(token.text for token in self.tokens[start:end])

    def reached(self, at: int) -> int:
        """Remember how far the question was understood, and count the effort."""
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise TooHard
        self.far = max(self.far, at)
        return at

    def phrase(self, at: int, *options: str) -> int | None:
        """Return the end of the longest of the phrases that stands here; `a|b` in a phrase stands for either word."""
        best: int | None = None
        for option in options:
            end = at
            for words in _split(option):
                if self.word(end) not in words:
                    break
                end += 1
            else:
                best = end if best is None or end > best else best
        return None if best is None else self.reached(best)

    def skip(self, at: int, *options: str) -> int:
        """Return the position after one of the phrases, or the same position when none stands here."""
        end = self.phrase(at, *options)
        return at if end is None else end

    def trouble(self, at: int, what: Unclear | Absent | str) -> None:
        """Remember what stands in the way of a reading that came this far."""
        self.troubles.append((at, what))

    def concepts(
        self, at: int, kinds: Sequence[Kind] = EVENTS, longest: int = MAX_SPAN, least: int = 1
    ) -> Iterator[tuple[Concept, int]]:
        """Yield the concepts that a phrase from here may name, the longest first; only links of `least` strength."""
        linked = False
        for end in range(self._span_end(at, longest), at, -1):
            link = self.index.link(self._spoken(at, end), kinds)
            if isinstance(link, Found):
                has_joint = any(token.word in _JOINTS for token in self.tokens[at:end])
                if link.strength < (2 if has_joint else least):
                    continue
                linked = True
                yield link.concept, self.reached(end)
            elif link is not None:
                self.trouble(end, link)
                linked = True
        if not linked and at < len(self.tokens):
            self.misses.setdefault(at, tuple(kinds))

    def _spoken(self, start: int, end: int) -> str:
        return " ".join(token.word for token in self.tokens[start:end])

    def _span_end(self, at: int, longest: int) -> int:
        end = at
        while end < min(len(self.tokens), at + longest) and self.word(end) not in _STOPS:
            end += 1
        return end

    def unknown_phrase(self, at: int) -> tuple[int, int]:
        """Return the span of an unknown phrase: from here to the next word that begins something else."""
        end = at + 1
        while end < len(self.tokens) and self.word(end) not in _STOPS | _JOINTS and end - at < MAX_SPAN:
            end += 1
        return at, end


@lru_cache(maxsize=4096)
def _split(option: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(part.split("|")) for part in option.split())


@lru_cache(maxsize=4096)
def phrases(text: str) -> tuple[str, ...]:
    """Read a list of phrases that are parted by semicolons.

    >>> phrases("with; have|has had")
    ('with', 'have|has had')
    """
    return tuple(" ".join(part.split()) for part in text.split(";"))
