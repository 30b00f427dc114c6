"""What the words of a question may name: the concepts that a language model may choose from, and no others."""

import re
from dataclasses import dataclass
from typing import Final

from sql.text.concepts import Absent, Index, Unclear
from sql.text.parts import parts_of
from sql.text.query import Query
from sql.text.reader import Reader, phrases
from sql.text.terms import Concept, Kind
from sql.text.words import Token, tokenize

CERTAIN: Final = 2
"""From this strength on a link is known by table, code or equal title, and a question is not about something else."""

_NO_CONCEPTS: Final = frozenset(
    phrases(
        """
        age; aged; ages; sex; gender; women; woman; men; man; female; male; patient; patients; person; people;
        admission; admissions; hospital; hospitals; stay; stays; icu; ed; er; visit; visits; encounter; encounters;
        death; deaths; died; dead; discharge; length; year; years; month; months; day; days; hour; hours; week; weeks;
        number; count; total; record; records; test; tests; value; values; level; levels; diagnosis; diagnoses;
        procedure; procedures; medication; medications; drug; drugs; dose; doses; first; last; highest; lowest;
        average; mean; median; minimum; maximum; percentage; proportion; list; show; only; also; time; times
        """
    )
)
_IDENTIFIER: Final = re.compile(
    r"""
      \b(?:patient|subject|mrn)(?:\s+(?:id|number|no\.?|nr\.?))?\s*[\#:]?\s*(?P<named>[A-Za-z]*\d[\w-]*)
    | \b(?:stay|encounter|admission|record|order)\s+(?:id|number|no\.?|nr\.?)\s*[\#:]?\s*
      (?P<numbered>\w*\d[\w-]*)
    | \b(?:subject_id|hadm_id|stay_id|encounter_id|id)\s*[=:\#]?\s*(?P<column>\w*\d[\w-]*)
    | (?P<long>\b\d{7,}\b|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b)
    | (?:Patient|Encounter)/(?P<reference>[\w.-]+)
    """,
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A concept that words of the question may name; `words` are None for one of the question before."""

    name: str
    concept: Concept
    words: str | None = None
    place: int = -1
    is_certain: bool = False


@dataclass(frozen=True, slots=True)
class Linked:
    """The words of a question, what they may name, and what stands in the way."""

    tokens: tuple[Token, ...]
    candidates: tuple[Candidate, ...]
    covered: frozenset[int]
    trouble: Unclear | Absent | None
    notes: tuple[str, ...]


def link(question: str, index: Index, previous: Query | None = None) -> Linked:
    """Find what the words may name, the longest phrase first, as the grammar would; `previous` adds its concepts."""
    tokens, notes = _mended(tokenize(question), index)
    named: list[tuple[Concept, str, int, bool]] = []
    covered: set[int] = set()
    trouble: Unclear | Absent | None = None
    at = 0
    while at < len(tokens):
        found, end = _named(tokens, at, index)
        stop, problem = _trouble(tokens, at, index)
        if problem is not None and stop > end:
            trouble, found, end = trouble or problem, [], stop
        words = " ".join(token.text for token in tokens[at:end])
        certain = not {token.word for token in tokens[at:end]} <= _NO_CONCEPTS
        named += [(concept, words, at, certain and strong) for concept, strong in found]
        covered |= set(range(at, end)) if found else set()
        at = max(end, at + 1)
    numbers: dict[Kind, int] = {}
    candidates = [_candidate(numbers, *one) for one in named]
    known = {candidate.concept for candidate in candidates}
    earlier = concepts_of(previous) if previous is not None else ()
    candidates += [_candidate(numbers, concept) for concept in dict.fromkeys(earlier) if concept not in known]
    return Linked(tuple(tokens), tuple(candidates), frozenset(covered), trouble, notes)


def _candidate(
    numbers: dict[Kind, int], concept: Concept, words: str | None = None, place: int = -1, is_certain: bool = False
) -> Candidate:
    numbers[concept.kind] = numbers.get(concept.kind, 0) + 1
    return Candidate(f"{concept.kind}_{numbers[concept.kind]}", concept, words, place, is_certain)


def _mended(tokens: list[Token], index: Index) -> tuple[list[Token], tuple[str, ...]]:
    notes, mended = [], []
    for token in tokens:
        better = index.correct(token.word)
        if better is not None and better != token.word:
            notes.append(f"'{token.text}' was read as '{better}'")
            token = Token(better, better)
        mended.append(token)
    return mended, tuple(notes)


def _named(tokens: list[Token], at: int, index: Index) -> tuple[list[tuple[Concept, bool]], int]:
    """Return the concepts of every kind that the longest phrase from here names, certain ones before others."""
    best: list[tuple[Concept, bool]] = []
    rank, end = (False, at), at
    for kind in Kind:
        for strong in (True, False):
            reader = Reader(tokens, index)
            found = next(reader.concepts(at, (kind,), least=CERTAIN if strong else 1), None)
            if found is None:
                continue
            concept, stop = found
            if (strong, stop) > rank:
                best, rank, end = [], (strong, stop), stop
            if (strong, stop) == rank:
                best.append((concept, strong))
            break
    return best, end


def _trouble(tokens: list[Token], at: int, index: Index) -> tuple[int, Unclear | Absent | None]:
    """Return the end of the longest phrase from here that is unclear or absent, longer than any that is known."""
    reader = Reader(tokens, index)
    next(reader.concepts(at), None)
    problems = [
        (end, what)
        for end, what in reader.troubles
        if isinstance(what, Unclear | Absent) and not {token.word for token in tokens[at:end]} <= _NO_CONCEPTS
    ]
    return max(problems, key=lambda pair: pair[0], default=(at, None))


def concepts_of(query: Query) -> tuple[Concept, ...]:
    """Return the concepts of a question, as often as it holds them."""
    return tuple(part for part in parts_of(query) if isinstance(part, Concept))


# --- identifiers ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Masked:
    """A question whose identifiers of patients are replaced by names, and what these stand for."""

    text: str
    hidden: dict[str, str]


def mask(question: str) -> Masked:
    """Replace what looks like an identifier of a patient or a stay, so that it is not sent.

    >>> mask("potassium of patient 10017 above 5").text
    'potassium of patient id_1 above 5'
    """
    hidden: dict[str, str] = {}

    def replaced(match: re.Match[str]) -> str:
        group = match.lastgroup
        assert group is not None
        name = next((name for name, value in hidden.items() if value == match[group]), f"id_{len(hidden) + 1}")
        hidden[name] = match[group]
        start = match.start(group) - match.start()
        return match[0][:start] + name + match[0][start + len(match[group]) :]

    return Masked(_IDENTIFIER.sub(replaced, question), hidden)
