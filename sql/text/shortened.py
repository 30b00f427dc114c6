"""Shortened words of titles and of notes, written out: fx = fracture, unspec = unspecified."""

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
