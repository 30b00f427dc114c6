"""What sources write instead of UCUM: `mmHg`, `K/uL`, `x10^3/uL`, `mcg/kg/min`, `Lbs`, `°F`.

MIMIC-IV and eICU write the words of their laboratories and charts. A spelling is translated only where it has one
meaning in a patient's record; what could be read in two ways stays unknown.
"""

import re
from functools import lru_cache
from typing import Final

from ehr.units.ucum import LONGEST, parse_ucum
from ehr.units.unit import Unit

WHOLE: Final[dict[str, str]] = {
    # counts by volume: K and m are thousand and million here, not kelvin and metre
    "K/uL": "10*3/uL", "k/uL": "10*3/uL", "M/uL": "10*6/uL", "m/uL": "10*6/uL", "G/L": "10*9/L", "T/L": "10*12/L",
    "Gpt/L": "10*9/L", "Tpt/L": "10*12/L", "/cumm": "/mm3", "/cmm": "/mm3",
    # temperature: not farad and coulomb
    "F": "[degF]", "C": "Cel", "degF": "[degF]", "degC": "Cel", "deg F": "[degF]", "deg C": "Cel", "oF": "[degF]",
    "oC": "Cel", "celsius": "Cel", "fahrenheit": "[degF]", "degrees celsius": "Cel", "degrees fahrenheit": "[degF]",
    # length: not femtotonne, yoctoday
    "ft": "[ft_i]", "yd": "[yd_i]", "ML": "mL", "MG": "mg", "MM": "mm", "G": "g", "PG": "pg", "FL": "fL", "MA": "mA",
    "MV": "mV", "MS": "ms", "DL": "dL",
    # molar
    "mM": "mmol/L", "uM": "umol/L", "nM": "nmol/L",
    # others
    "mg%": "mg/dL", "gm%": "g/dL", "pH": "[pH]", "PH": "[pH]", "pH units": "[pH]", "GPL": "[GPL'U]",
    "MPL": "[MPL'U]", "APL": "[APL'U]", "U/g/Hb": "U/g{Hb}", "fr": "[Ch]", "french": "[Ch]", "HU": "[hnsf'U]",
    "in hg": "[in_i'Hg]", "mm hg": "mm[Hg]", "cm h2o": "cm[H2O]", "mm h2o": "mm[H2O]", "dynes*sec/cm5": "dyn.s/cm5",
    "dynes.sec.cm-5/m2": "dyn.s.cm-5/m2", "fl oz": "[foz_us]", "breaths per minute": "/min",
    "beats per minute": "/min", "per minute": "/min", "percent": "%",
    "#/100 wbc": "/100{WBC}", "/100 wbc": "/100{WBC}", "mm/1h": "mm/h",
}  # fmt: skip
"""Whole unit -> UCUM; looked up as written, then without regard to case for entries in small letters."""

WORDS: Final[dict[str, str]] = {
    "mcg": "ug", "mcl": "uL", "mcmol": "umol", "mcu": "uU", "gm": "g", "gms": "g", "gram": "g", "grams": "g",
    "milligram": "mg", "milligrams": "mg", "microgram": "ug", "micrograms": "ug", "kilogram": "kg",
    "kilograms": "kg", "kgs": "kg", "kilo": "kg", "lb": "[lb_av]", "lbs": "[lb_av]", "pound": "[lb_av]",
    "pounds": "[lb_av]", "oz": "[oz_av]", "ounce": "[oz_av]", "ounces": "[oz_av]",
    "in": "[in_i]", "inch": "[in_i]", "inches": "[in_i]", "feet": "[ft_i]", "foot": "[ft_i]", "cms": "cm",
    "meter": "m", "meters": "m", "metre": "m", "centimeter": "cm", "centimeters": "cm", "millimeter": "mm",
    "cc": "mL", "mls": "mL", "ml": "mL", "dl": "dL", "ul": "uL", "fl": "fL", "nl": "nL", "liter": "L", "liters": "L",
    "litre": "L", "litres": "L", "milliliter": "mL", "milliliters": "mL", "cumm": "mm3", "cmm": "mm3",
    "sec": "s", "secs": "s", "second": "s", "seconds": "s", "msec": "ms", "mins": "min", "minute": "min",
    "minutes": "min", "hr": "h", "hrs": "h", "hour": "h", "hours": "h", "day": "d", "days": "d", "week": "wk",
    "weeks": "wk", "wks": "wk", "month": "mo", "months": "mo", "year": "a", "years": "a", "yr": "a", "yrs": "a",
    "mmhg": "mm[Hg]", "cmh2o": "cm[H2O]", "cmh20": "cm[H2O]", "mmh2o": "mm[H2O]", "inhg": "[in_i'Hg]",
    "torr": "mm[Hg]", "kpa": "kPa", "mbar": "mbar", "dyne": "dyn", "dynes": "dyn",
    "meq": "meq", "ueq": "ueq", "eq": "eq", "mosm": "mosm", "mosmol": "mosm", "mmol": "mmol", "mmole": "mmol",
    "mmoles": "mmol", "umol": "umol", "nmol": "nmol", "pmol": "pmol", "micromol": "umol",
    "iu": "[IU]", "miu": "m[IU]", "uiu": "u[IU]", "mciu": "u[IU]", "kiu": "k[IU]", "units": "[arb'U]",
    "unit": "[arb'U]", "u": "U", "mu": "mU", "uu": "uU", "ku": "kU", "eu": "[EU]",
    "hpf": "[HPF]", "lpf": "[LPF]", "bpm": "/min", "insp": "{breath}", "breath": "{breath}",
    "breaths": "{breath}", "beat": "{beat}", "beats": "{beat}", "#": "{#}", "cell": "{cell}", "cells": "{cell}",
    "wbc": "{wbc}", "copies": "{copies}", "copy": "{copies}", "cop": "{copies}", "gtt": "[drp]", "gtts": "[drp]",
    "ratio": "{ratio}", "score": "{score}", "index": "{index}", "inr": "{INR}", "titer": "{titer}", "x": "{ratio}",
    "kcal": "kcal", "kcals": "kcal", "cal": "[Cal]", "mg": "mg", "kg": "kg", "ug": "ug", "ng": "ng", "pg": "pg",
    "g": "g", "cm": "cm", "mm": "mm", "ma": "mA", "mv": "mV", "hz": "Hz", "degf": "[degF]", "degc": "Cel",
    "l": "L", "m": "m", "h": "h", "d": "d", "s": "s", "min": "min", "wk": "wk", "mo": "mo",
    "tab": "{tablet}", "tabs": "{tablet}", "tablet": "{tablet}", "tablets": "{tablet}", "cap": "{capsule}",
    "caps": "{capsule}", "capsule": "{capsule}", "capsules": "{capsule}", "puff": "{puff}", "puffs": "{puff}",
    "ptch": "{patch}", "patch": "{patch}", "drop": "{drop}", "drops": "{drop}", "dose": "{dose}", "doses": "{dose}",
    "pkt": "{packet}", "packet": "{packet}", "vial": "{vial}", "supp": "{suppository}", "appl": "{application}",
    "bag": "{bag}", "neb": "{neb}", "inh": "{inhalation}", "spry": "{spray}", "spray": "{spray}",
    "syr": "{syringe}", "loz": "{lozenge}", "enema": "{enema}", "stck": "{stick}", "troc": "{troche}",
}  # fmt: skip
"""Word in small letters -> UCUM, inside an expression of several."""

NO_UNITS: Final = frozenset({"n/a", "na", "none", "null", "unk", "unknown", "nan", "no unit", "no units"})

AMBIGUOUS: Final = re.compile(r"(?<![A-Za-z])(Mg|Ml|Mm|Mmol|Meq|Pg)(?![A-Za-z])")
"""Megagrams are no unit of a record, and nobody can say which of mg and Mg was meant."""

_LOOKALIKES: Final = str.maketrans(
    {"µ": "u", "μ": "u", "×": "x", "·": ".", "⋅": ".", "²": "2", "³": "3", "⁻": "-", "⁹": "9", "¹": "1", "º": "°"}
)
_COUNT: Final = re.compile(
    r"(?:[xX] ?)?10 ?(?:\^|\*\*|\*|e|E|\()\(? ?\+?0?(3|6|9|12)\)?(?: ?(?:\{[^}]*\}|[Cc]ells?))? ?/ ?(\w+)"
    r"|(?:[xX] ?10|10)[eE]?(3|6|9|12) ?/ ?(\w+)"
)
_THOUSANDS: Final = re.compile(
    r"(k|thous?|thousands?|m|mill?|millions?|bil|billions?) ?/ ?(u ?l|mcl|mm3|mm\^3|cumm|cmm|l)"
)
_POWER_OF_WORD: Final = {"k": 3, "t": 3, "m": 6, "b": 9}
_SURFACE: Final = re.compile(r"/ ?\{?1[.,]73 ?_?(?:(?:sq ?)?m(?: ?[\^*]? ?2)?)?\}?$")
_PERIOD: Final = re.compile(r"/ ?(\d+) ?(?:\.)?(h|hrs?|hours?|d|days?)$")
_LOG: Final = re.compile(r"log ?_?\(?(?:10)?\)? ?\(?(cop(?:y|ies)?|iu)\)?/ml", re.IGNORECASE)
_QUALIFIED: Final = re.compile(r"([a-zA-Z]+)((?:/[a-zA-Z]+)?) ?\(?(FEU|DDU|PE)\)?")
_PIECE: Final = re.compile(r"[cm]mh2[o0]|[a-z#]+", re.IGNORECASE)
_DEGREE: Final = re.compile(r"° ?([CF])")


@lru_cache(maxsize=8192)
def parse_unit(text: str) -> Unit | None:
    """Return the unit that a source means by `text`, in UCUM or in the spellings of hospitals; None if unclear.

    >>> parse_unit("K/uL").ucum, parse_unit("mmHg").ucum, parse_unit("mcg/kg/min").ucum, parse_unit("°F").ucum
    ('10*3/uL', 'mm[Hg]', 'ug/kg/min', '[degF]')
    >>> parse_unit("MD to order daily dose") is None, parse_unit(" ") is None
    (True, True)
    """
    if len(text) > LONGEST:
        return None
    cleaned = " ".join(text.translate(_LOOKALIKES).split())
    if not cleaned or cleaned.lower() in NO_UNITS or AMBIGUOUS.search(cleaned):
        return None
    return _as_whole(cleaned) or _as_shouted(cleaned) or parse_ucum(cleaned) or _as_words(cleaned)


def _as_whole(text: str) -> Unit | None:
    """Read a unit that is known as a whole, or by a pattern of its own."""
    if known := WHOLE.get(text) or WHOLE.get(text.lower()):
        return parse_ucum(known)
    if found := _DEGREE.fullmatch(text):
        return parse_ucum("Cel" if found[1] == "C" else "[degF]")
    if found := _COUNT.fullmatch(text):
        return _count(int(found[1] or found[3]), found[2] or found[4])
    if found := _THOUSANDS.fullmatch(text.lower()):
        return _count(_POWER_OF_WORD[found[1][0]], found[2])
    if found := _LOG.fullmatch(text):
        return parse_ucum("{log_iu}/mL" if found[1].lower() == "iu" else "{log_copies}/mL")
    if found := _QUALIFIED.fullmatch(text):
        return _as_words(f"{found[1]}{{{found[3]}}}{found[2]}")
    return None


def _as_shouted(text: str) -> Unit | None:
    """Read a unit all in capitals, such as MG/DL, as if it were in small letters."""
    if len(text) < 3 or text != text.upper() or any(sign in text for sign in "[]{}"):
        return None
    return _as_words(text) if _PIECE.search(text) else None


def _as_words(text: str) -> Unit | None:
    """Read an expression of UCUM and of words of hospitals: mEq./hour, mL/min/1.73m2, mg/24hr."""
    text = _SURFACE.sub("/{1.73_m2}", text)
    text = _PERIOD.sub(lambda found: f"/({found[1]}.{'h' if found[2].startswith('h') else 'd'})", text)
    text = text.replace("m^2", "m2").replace("m^3", "m3").replace("m*2", "m2").replace(" per ", "/")
    text = re.sub(r"(?<!10)\*", ".", re.sub(r" ?([/*]) ?", r"\1", text)).replace("./", "/").rstrip(".")
    pieces = re.split(r"(\{[^}]*\}|\[[^\]]*\])", text)
    return parse_ucum("".join(piece if piece[:1] in "{[" else _translated(piece) for piece in pieces))


def _translated(text: str) -> str:
    """Put UCUM in the place of every word that is none; a word of UCUM with its case right stays."""

    def word(match: re.Match[str]) -> str:
        known = WORDS.get(match[0].lower())
        if known is None or (match[0] not in WORDS and parse_ucum(match[0]) and match[0] != match[0].upper()):
            return match[0]
        return known

    return _PIECE.sub(word, text)


def _count(power: int, volume: str) -> Unit | None:
    """Return so many by volume."""
    base = _as_words(volume.replace(" ", "").lower() if volume.lower() != "l" else "L")
    return None if base is None else parse_ucum(f"10*{power}/{base.ucum}")
