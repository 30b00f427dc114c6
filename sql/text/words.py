"""Words: a question, or a description of the store, cut into comparable pieces."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sql.text.below import HYPHEN, mark_concepts
from sql.text.shortened import in_full

MAX_TOKENS: Final = 80


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a question: `text` as it was written, `word` in lower case, `number` when it is one."""

    text: str
    word: str
    number: float | None = None

    @property
    def stem(self) -> str:
        """The word without plural and spelling variants."""
        return stem(self.word)


_NUMBER_WORDS: Final = {
    word: number
    for number, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
            "twenty",
        ]
    )
} | {"thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90, "hundred": 100}

_MARKS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), full)
    for pattern, full in (
        (r"#\s*(?=of\b)", "number "), (r"\s-\s", ", "), (r"\bi\.e\.,?", ","), (r"\bdata set\b", "dataset"),
        (r"\bvs\b\.?", "versus"),
    )
)  # fmt: skip
_TOKEN: Final = re.compile(
    r"""
      (?P<concept>[A-Z0-9]+//[A-Z0-9.\ue000]+)
    | (?P<date>\d{4}-\d{1,2}-\d{1,2})(?!\d)
    | (?P<loinc>\b\d{3,5}-\d\b)(?![\d.-])
    | (?P<icd>\b[A-Z]\d[0-9A-Z](?:\.[0-9A-Z]{1,4})?\*?(?![\w])|\b\d{3}\.\d{1,2}\*?(?=\s|$|[?,)])|\b\d{3,5}\*)
    | (?P<power>x?10\s?[\^*]\s?\d{1,2}/\w+)
    | (?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.\d+|\.\d+|\d+)
    | (?P<operator>>=|<=|=>|=<|==|[<>=≥≤±])
    | (?P<word>[^\W\d_][\w'’.^]*(?<![.'’])|[%°µ][A-Za-z]*)
    | (?P<slash>/)
    | (?P<mark>[,;:?!()\[\]"“”*+.&#|$@\\{}~^`])
    """,
    re.VERBOSE,
)

# Written together they are one word of a unit: mg/dL, beats/min.
_PER: Final = re.compile(r"(?<=[A-Za-z%0-9µ])\s*/\s*(?=[A-Za-zµ0-9])")
_OPERATORS: Final = {"≥": ">=", "≤": "<=", "=>": ">=", "=<": "<=", "==": "="}
_ARTICLES: Final = frozenset({"the", "an", "please", "kindly"})
_NEEDS_A: Final = frozenset({"hepatitis", "vitamin", "influenza", "factor", "group", "type", "protein", "troponin"})
_CONTRACTIONS: Final = {
    "didn't": "did not", "don't": "do not", "doesn't": "does not", "hasn't": "has not", "haven't": "have not",
    "wasn't": "was not", "weren't": "were not", "isn't": "is not", "aren't": "are not", "hadn't": "had not",
    "what's": "what is", "who's": "who is", "how's": "how is", "i'd": "i would",
}  # fmt: skip


def tokenize(question: str) -> list[Token]:
    """Cut a question into tokens; articles are dropped, hyphens part words, and number words become numbers.

    >>> [token.word for token in tokenize("Patients aged 65-80 with a creatinine ≥2.0mg/dL")]
    ['patients', 'aged', '65', 'to', '80', 'with', 'creatinine', '>=', '2.0', 'mg/dl']
    """
    text = unicodedata.normalize("NFKC", question).replace("−", "-").replace("–", "-").replace("—", ", ")
    text = mark_concepts(text)
    text = text.replace("μ", "µ").replace("’", "'").replace("‘", "'")
    for short, full in _CONTRACTIONS.items():
        text = re.sub(rf"\b{short}\b", full, text, flags=re.IGNORECASE)
    text = re.sub(r"(?<=[A-Za-z0-9])'s\b|(?<=s)'(?=\s|$)", "", text)
    text = in_full(text)
    for pattern, meaning in _MARKS:
        text = pattern.sub(meaning, text)
    text = re.sub(r"\b(?:non)[- ](?=[a-z])", "non", text, flags=re.IGNORECASE)
    # A range such as 65-80, unless it is a LOINC code such as 4548-4 or part of a date.
    text = re.sub(r"(?<![\d.-])(\d{1,3}(?:\.\d+)?)\s*-\s*(\d{2,3}(?:\.\d+)?)(?![\d-])", r"\1 to \2", text)
    text = re.sub(r"(?<=[A-Za-z])-|(?<=\d)-(?=[A-Za-z])", " ", text)
    text = _PER.sub("/", text)
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        match = _TOKEN.match(text, position)
        if match is None:
            tokens.append(Token(text[position], text[position]))
            position += 1
            continue
        position = match.end()
        tokens.extend(_tokens_of(match, tokens))
    return _join_units(tokens)


def _tokens_of(match: re.Match[str], before: list[Token]) -> list[Token]:
    kind, text = match.lastgroup, match.group()
    if kind == "concept":
        return [Token(text.replace(HYPHEN, "-"), text.replace(HYPHEN, "-").lower())]
    if kind == "number":
        return [Token(text, text.replace(",", ""), float(text.replace(",", "")))]
    if kind == "operator":
        return [Token(text, _OPERATORS.get(text, text))]
    word = text.lower()
    if word in _NUMBER_WORDS:
        return [Token(text, str(_NUMBER_WORDS[word]), float(_NUMBER_WORDS[word]))]
    if word in _ARTICLES or (word == "a" and not (before and before[-1].word in _NEEDS_A)):
        return []
    return [Token(text, word)]


def _join_units(tokens: list[Token]) -> list[Token]:
    """Put together what a slash holds: mg / dl becomes mg/dl, 10^9 / l becomes 10^9/l."""
    joined: list[Token] = []
    for token in tokens:
        if joined and (joined[-1].word.endswith("/") or token.word == "/") and joined[-1].word != ",":
            last = joined.pop()
            joined.append(Token(last.text + token.text, last.word + token.word))
        else:
            joined.append(token)
    return joined


_BRITISH: Final = re.compile(r"(tum|col|lab|behavi|hum|od|vap|fav)our")


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """Bring plural and British or American spelling together.

    >>> [stem(word) for word in ("biopsies", "anaemia", "tumours", "sepsis", "stays")]
    ['biopsy', 'anemia', 'tumor', 'sepsis', 'stay']
    """
    if len(word) > 4:
        word = _BRITISH.sub(r"\1or", word.replace("ae", "e").replace("oe", "e")) if word.isalpha() else word
        if word.endswith("ies"):
            return word[:-3] + "y"
        if word.endswith(("sses", "xes", "ches", "shes")):
            return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


_TITLE_WORD: Final = re.compile(r"[^\W_]+(?:\.[0-9]+)?%?|%")


@lru_cache(maxsize=65536)
def stems(text: str) -> tuple[str, ...]:
    """Return the stems of a description or phrase, articles dropped.

    >>> stems("Non-invasive Ventilation of the Lungs")
    ('noninvasive', 'ventilation', 'of', 'lung')
    """
    lowered = unicodedata.normalize("NFKC", text).lower().replace("'s", "")
    lowered = re.sub(r"\bnon[- ](?=[a-z])", "non", lowered)
    words = _TITLE_WORD.findall(lowered)
    kept = [
        word
        for place, word in enumerate(words)
        if word not in _ARTICLES and not (word == "a" and not (place and words[place - 1] in _NEEDS_A))
    ]
    return tuple(stem(word) for word in kept)


def within_one_edit(a: str, b: str) -> bool:
    """Say whether one letter inserted, left out, replaced or swapped with its neighbour turns `a` into `b`.

    >>> within_one_edit("spesis", "sepsis"), within_one_edit("hypotension", "hypertension")
    (True, False)
    """
    if a == b or abs(len(a) - len(b)) > 1:
        return a == b
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    if len(a) == len(b):
        rest_a, rest_b = a[start:], b[start:]
        return rest_a[1:] == rest_b[1:] or (
            len(rest_a) > 1 and rest_a[:2] == rest_b[1::-1] and rest_a[2:] == rest_b[2:]
        )
    longer, shorter = (a, b) if len(a) > len(b) else (b, a)
    return longer[start + 1 :] == shorter[start:]
