"""Shortened words of titles and of notes, written out: fx = fracture, unspec = unspecified; dx'd = diagnosed."""

import re
from collections.abc import Collection
from typing import Final

_SHORTENED: Final = """
nos = unspecified; unsp = unspecified; unspec = unspecified; nec = not elsewhere classified; hx = history;
hist = history; w = with; wo = without; malig = malignant; neo = neoplasm; neopl = neoplasm; ac = acute;
acq = acquired; chr = chronic; abn = abnormal; abnorm = abnormal; dis = disease; disord = disorder; hrt = heart;
fx = fracture; inj = injury; inf = infection; infect = infection; obs = obstruction; syn = syndrome;
prim = primary; sec = secondary; bx = biopsy; perc = percutaneous; endosc = endoscopic; dx = diagnosis;
tx = treatment; lt = left; rt = right; oth = other; init = initial; enctr = encounter; subs = subsequent;
compl = complication; art = artery; int = internal; ext = external; mult = multiple; resp = respiratory;
cor = coronary; athscl = atherosclerosis; athrosc = atherosclerotic
"""
ABBREVIATED: Final = {
    short.strip(): tuple(full.split()) for short, _, full in (pair.partition("=") for pair in _SHORTENED.split(";"))
}
"""Shortened word -> the words that it stands for."""


def written_out(words: str) -> str:
    """Return words in lower case with the shortened ones written out.

    >>> written_out("Chr hip fx")
    'chronic hip fracture'
    """
    return " ".join(full for word in words.lower().split() for full in ABBREVIATED.get(word, (word,)))


_SHORTHAND: Final = (
    (r"(?<!\w)w/o\b", "without"), (r"(?<!\w)w/\s*(?=[a-z])", "with "), (r"(?<!\w)b/w\b", "between"),
    (r"\bdx['’]?e?d\b", "diagnosed"), (r"\bdxs?\b", "diagnoses"), (r"\brx['’]?e?d\b", "prescribed"),
    (r"(?<!\w)h/o\b|\bhx\b(?: of\b)?", "history of"),
    (r"\bhosp\b\.?(?! tables?\b)", "hospital"), (r"\bpts\b", "patients"),
    (r"(?<![\w(])pt(?= \d)|(?<=\bthe )pt\b(?![(/])", "patient"), (r"\bppl\b", "people"), (r"\byrs\b", "years"),
    (r"(?<=\bthis |\blast )yr\b", "year"), (r"\bdiff\b", "difference"), (r"\bavg\b\.?", "average"),
)  # fmt: skip
_ANY: Final = re.compile("|".join(f"(?P<s{n}>{one})" for n, (one, _) in enumerate(_SHORTHAND)), re.IGNORECASE)


def in_full(question: str, kept: Collection[tuple[int, int]] = ()) -> str:
    """Return a question with its shorthand written out, but for what shares a letter with places that are `kept`.

    >>> in_full("pts dx'd w/ afib this yr"), in_full("got vit w/minerals", [(4, 18)])
    ('patients diagnosed with afib this year', 'got vit w/minerals')

    `hosp` stays before "table": so a folder of MIMIC-IV is called.
    """

    def full(found: re.Match[str]) -> str:
        start, end = found.span()
        is_kept = any(start < until and begin < end for begin, until in kept)
        return found[0] if is_kept else _SHORTHAND[int((found.lastgroup or "s0")[1:])][1]

    return _ANY.sub(full, question)
