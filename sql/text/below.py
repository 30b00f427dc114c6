"""Codes that a question names, `ICD10 E11` or `<< ICD-10 E08-E13`: each stands for itself and all codes below it."""

import re
from collections.abc import Mapping
from typing import Final

from ehr.events import SEPARATOR
from ehr.hierarchy import JOINT, has_structure, parents, read_concept, title_of
from ehr.store import Store
from sql.text.terms import Kind

HYPHEN: Final = "\ue000"
"""Stands for the hyphen of a code such as E08-E13 until the question is cut into words."""

_NAMED: Final = re.compile(
    r"""
    (?:<<\s*)?
    \b(?P<system>ICD[- ]?10(?:[- ]?(?:CM|PCS|GM|WHO))?|ICD[- ]?9(?:[- ]?(?:CM|PROC))?|ATC|SNOMED(?:[- ]CT)?|RxNorm)
    (?:\s+codes?)?
    (?:\s*(?://|[/:])\s*|\s+)
    (?P<code>(?=[A-Z.-]*\d)[A-Z0-9]+(?:[.-][A-Z0-9]+)*)
    (?:\.?\*)?(?![\w*])
    """,
    re.VERBOSE | re.IGNORECASE,
)
_SIGN: Final = re.compile(r"<<\s*(?=[A-Z]\d[0-9A-Z])", re.IGNORECASE)


def mark_concepts(question: str) -> str:
    """Write the codes that are named with their system as single words; what is no code of it stays as it is."""
    return _SIGN.sub("", _NAMED.sub(_marked, question))


def _marked(match: re.Match[str]) -> str:
    concept = read_concept(f"{match['system']}{SEPARATOR}{match['code']}")
    is_code = SEPARATOR in concept and (not has_structure(concept) or parents(concept) or title_of(concept))
    return f" {concept.replace('-', HYPHEN)} " if is_code else match[0]


def named_concepts(phrase: str, kind: Kind) -> tuple[str, ...]:
    """Return what a phrase that `mark_concepts` wrote names among records of a kind; nothing for another phrase.

    >>> named_concepts("icd9//3893", Kind.PROCEDURE), named_concepts("heart failure", Kind.CONDITION)
    (('ICD9PROC//3893', 'ICD9//3893'), ())
    """
    if SEPARATOR not in phrase or " " in phrase:
        return ()
    written = read_concept(phrase)
    system, _, code = written.partition(SEPARATOR)
    of_procedures = read_concept(f"PROCEDURE{SEPARATOR}{system}{SEPARATOR}{code}")
    names = (of_procedures, written) if kind is Kind.PROCEDURE else (written,)
    return tuple(dict.fromkeys(name for name in names if name.count(SEPARATOR) == 1))


def read_below(store: Store) -> Mapping[str, frozenset[str]]:
    """Return the codes of events at or below each concept that the store knows; a code stands for its records."""
    rows = store.cursor().execute(
        f"SELECT ancestor, list(DISTINCT split_part(code, '{JOINT}', 1)) FROM code_ancestor GROUP BY ancestor"
    )
    return {ancestor: frozenset(codes) for ancestor, codes in rows.fetchall()}
