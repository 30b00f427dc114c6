"""What the tables of conditions, procedures, observations and drugs know, looked up by name."""

from functools import lru_cache
from typing import Final

from sql.text.conditions import CONDITIONS, UNCLEAR, Family
from sql.text.medications import CLASS_OF, INGREDIENT_OF
from sql.text.observations import OBSERVATIONS, Analyte
from sql.text.procedures import PROCEDURES
from sql.text.terms import Kind
from sql.text.words import stems

Stems = tuple[str, ...]
MIN_CORRECTED: Final = 6
"""Shorter words have too many neighbours to be corrected."""


# A phrase of these words alone names nothing.
GENERIC: Final = frozenset(
    stem
    for word in [
        "disease",
        "disorder",
        "syndrome",
        "condition",
        "acute",
        "chronic",
        "other",
        "unspecified",
        "type",
        "level",
        "test",
        "status",
        "finding",
        "procedure",
        "blood",
        "patient",
        "history",
        "due",
        "of",
        "to",
        "with",
        "and",
        "or",
        "in",
        "by",
        "for",
        "on",
        "at",
        "from",
        "left",
        "right",
        "upper",
        "lower",
        "side",
        "site",
        "part",
        "code",
        "low",
        "high",
        "normal",
        "abnormal",
        "new",
        "old",
        "care",
        "specified",
        "elsewhere",
        "classified",
        "not",
        "drug",
        "agent",
        "use",
        "failure",
        "system",
        "body",
        "result",
        "value",
        "measurement",
        "count",
        "rate",
        "time",
        "total",
        "hospital",
        "admission",
        "stay",
        "day",
        "hour",
        "week",
        "month",
        "year",
        "age",
        "first",
        "last",
        "no",
        "none",
        "without",
        "mention",
        "unit",
        "oral",
        "tablet",
        "injection",
        "mg",
        "ml",
        "dose",
        "medication",
        "medicine",
        "treatment",
        "therapy",
        "problem",
        "diagnosis",
        "diagnose",
        "lab",
        "laboratory",
        "vital",
        "sign",
        "visit",
        "encounter",
        "man",
        "woman",
        "male",
        "female",
        "adult",
        "child",
    ]
    for stem in stems(word)
)

SALTS: Final = frozenset(
    stem
    for word in [
        "sodium",
        "potassium",
        "calcium",
        "magnesium",
        "chloride",
        "sulfate",
        "phosphate",
        "acetate",
        "citrate",
        "hydrochloride",
        "iron",
    ]
    for stem in stems(word)
)


@lru_cache(maxsize=1)
def unclear_phrases() -> dict[Stems, tuple[str, ...]]:
    """Return the phrases that mean several things."""
    return {stems(phrase): alternatives for phrase, alternatives in UNCLEAR.items()}


@lru_cache(maxsize=1)
def analytes() -> dict[Stems, Analyte]:
    """Return the observations by every name."""
    return {stems(name): analyte for analyte in OBSERVATIONS for name in analyte.names}


@lru_cache(maxsize=1)
def drug_names() -> dict[Stems, str]:
    """Return the ingredients by their other names, and by their own."""
    own = {stems(name): name for name in INGREDIENT_OF.values()}
    members = {stems(part): part for _, parts in CLASS_OF.values() for part in parts}
    return members | own | {stems(name): ingredient for name, ingredient in INGREDIENT_OF.items()}


@lru_cache(maxsize=1)
def drug_classes() -> dict[Stems, tuple[str, tuple[str, ...]]]:
    """Return the drug classes by every name."""
    return {stems(name): members for name, members in CLASS_OF.items()}


@lru_cache(maxsize=2)
def families(kind: Kind) -> dict[Stems, Family]:
    """Return the families of a kind by every name."""
    table = {Kind.CONDITION: CONDITIONS, Kind.PROCEDURE: PROCEDURES}.get(kind, ())
    return {stems(name): family for family in table for name in family.names}


@lru_cache(maxsize=1)
def all_names() -> tuple[str, ...]:
    """Return every name of the tables."""
    lists = [family.names for family in (*CONDITIONS, *PROCEDURES)] + [analyte.names for analyte in OBSERVATIONS]
    return (*(name for names in lists for name in names), *INGREDIENT_OF, *INGREDIENT_OF.values(), *CLASS_OF)


@lru_cache(maxsize=1)
def correctable() -> dict[str, str]:
    """Return the words that a misspelt word may be taken for, by stem: names of conditions, drugs and the like.

    Not the titles of the store, which have every other English word somewhere.
    """
    listed = (stem_and_word for name in all_names() for stem_and_word in zip(stems(name), name.split(), strict=False))
    return {stem: word.lower() for stem, word in listed if len(stem) >= MIN_CORRECTED and stem not in GENERIC}


@lru_cache(maxsize=1)
def table_words() -> frozenset[str]:
    """Return every word of the names in the tables."""
    return frozenset(word for name in (*all_names(), *UNCLEAR) for word in stems(name))
