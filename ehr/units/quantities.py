"""What a code measures: glucose, heart rate, body weight; with its canonical unit and, where known, its molar mass.

The table is quantities.csv. Columns: `unit` is the canonical unit (UCUM), fixed so that a store does not depend on
what was imported first; `formula` a chemical formula, or a molar mass in g/mol for haemoglobin, of which one haem
group counts (16114.5, ISO 18073 tables and IFCC); `valence` turns equivalents into moles; `same` are units that
laboratories write for the canonical unit of this quantity (an enzyme's IU is its U; MCHC in % is g/dL); `loinc` and
`mimic` (itemid) name the codes of it in the usual specimen, `other` those in another one, such as urine; `names`
are titles after `plain_words`.

Molar masses are computed from the formulas with the standard atomic weights of IUPAC, abridged to five digits
(Commission on Isotopic Abundances and Atomic Weights 2021, doi:10.1515/pac-2019-0603).
"""

import csv
import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

from ehr.events import HEADS, SEPARATOR, head_of

ATOMIC_WEIGHTS: Final[dict[str, str]] = {
    "H": "1.008", "Li": "6.94", "C": "12.011", "N": "14.007", "O": "15.999", "Na": "22.990", "Mg": "24.305",
    "P": "30.974", "S": "32.06", "Cl": "35.45", "K": "39.098", "Ca": "40.078", "Fe": "55.845", "Co": "58.933",
    "Cu": "63.546", "Zn": "65.38", "I": "126.90", "Pb": "207.2",
}  # fmt: skip
"""Element -> g/mol."""

MEASURED_KINDS: Final = frozenset({"observation", "other"})
"""Kinds of codes that measure something: the dose of a salt such as potassium chloride is no mass of potassium."""

_FLUIDS: Final = frozenset((
    "urine", "csf", "cerebrospinal", "spinal", "ascites", "ascitic", "pleural", "joint", "synovial",
    "peritoneal", "dialysate", "stool", "feces", "fecal", "saliva", "sweat", "sputum", "amniotic",
    "drainage", "fluid", "cord", "semen", "tissue", "gastric",
))  # fmt: skip
_FILLERS: Final = frozenset((
    "in", "of", "by", "or", "on", "the", "serum", "plasma", "whole", "blood", "ser", "plas", "bld", "level",
    "measurement", "measured", "calculated", "calc", "concentration", "poc", "automated",
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Quantity:
    """Something that is measured; `molar_mass` in g/mol."""

    name: str
    unit: str
    molar_mass: Fraction | None
    valence: int | None
    same: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Recognised:
    """The quantity of a code; `usual` says that it is in the specimen in which it is usually measured."""

    quantity: Quantity
    usual: bool


@dataclass(frozen=True, slots=True)
class _Index:
    by_code: dict[tuple[str, str], Recognised]
    by_words: dict[str, Quantity]
    by_name: dict[str, Quantity]


def molar_mass(formula: str) -> Fraction:
    """Return the mass of a mole in grams of a formula such as C6H12O6, or the number that is given instead.

    >>> float(molar_mass("C6H12O6"))
    180.156
    """
    if formula[0].isdigit():
        return Fraction(formula)
    parts = re.findall(r"([A-Z][a-z]?)(\d*)", formula)
    return sum((Fraction(ATOMIC_WEIGHTS[element]) * int(number or 1) for element, number in parts), Fraction(0))


def quantities() -> tuple[Quantity, ...]:
    """Return all quantities of the table."""
    return tuple(_index().by_name.values())


def find_quantity(text: str) -> Quantity | None:
    """Return the quantity of a name, a title or a LOINC code; None for one that is not in the table.

    >>> find_quantity("Glucose [Mass/volume] in Blood").name, find_quantity("2160-0").name
    ('glucose', 'creatinine')
    """
    index = _index()
    known = index.by_code.get(("LOINC", text))
    return index.by_name.get(text) or (known.quantity if known else None) or index.by_words.get(plain_words(text)[0])


@lru_cache(maxsize=65536)
def quantity_of(item: str, description: str | None) -> Recognised | None:
    """Return what an item measures, by its code, else by its title, else by the words of its code.

    `item` is a code without its unit. None for drugs, and for what the table does not have. An itemid of MIMIC that
    the table does not name may be of any specimen, because its title does not always say: it is not `usual`.

    >>> quantity_of("LAB//LOINC//2345-7", None).quantity.unit
    'mg/dL'
    >>> quantity_of("LAB//51082", "Creatinine, Urine").usual
    False
    """
    head = HEADS.get(head_of(item))
    if head is not None and head.kind not in MEASURED_KINDS:
        return None
    parts = item.split(SEPARATOR)
    index = _index()
    system = parts[1] if len(parts) > 2 else "MIMIC"
    if found := index.by_code.get((system, parts[-1])):
        return found
    in_mimic = len(parts) == 2 and parts[1].isdigit()
    for text in (description, None if in_mimic else parts[-1]):
        words, in_fluid = plain_words(text or "")
        if quantity := index.by_words.get(words):
            return Recognised(quantity, usual=not in_fluid and not in_mimic)
    return None


def plain_words(text: str) -> tuple[str, bool]:
    """Return the words of a title that name the quantity, and whether they speak of another fluid than blood.

    >>> plain_words("Bilirubin.total [Mass/volume] in Serum or Plasma")
    ('bilirubin total', False)
    >>> plain_words("Creatinine, Urine")
    ('creatinine', True)
    """
    words = re.findall(r"[a-z0-9]+", re.sub(r"\[[^\]]*\]|\([^)]*\)", " ", text.lower()))
    kept = [word for word in words if word not in _FILLERS and word not in _FLUIDS]
    return " ".join(kept), any(word in _FLUIDS for word in words)


@cache
def _index() -> _Index:
    by_code: dict[tuple[str, str], Recognised] = {}
    by_words: dict[str, Quantity] = {}
    by_name: dict[str, Quantity] = {}
    with files("ehr.units").joinpath("quantities.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            quantity = Quantity(
                name=row["name"],
                unit=row["unit"],
                molar_mass=molar_mass(row["formula"]) if row["formula"] else None,
                valence=int(row["valence"]) if row["valence"] else None,
                same=tuple(row["same"].split()),
            )
            by_name[quantity.name] = quantity
            for column, usual in (("loinc", True), ("mimic", True), ("other", False)):
                for code in row[column].split():
                    system = "LOINC" if "-" in code else "MIMIC"
                    by_code[system, code] = Recognised(quantity, usual)
            by_words |= {plain_words(name)[0]: quantity for name in row["names"].split("|") if name}
    return _Index(by_code, by_words, by_name)
