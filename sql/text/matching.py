"""The codes of a store as the index sees them: titles as words, and codes as families know them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from re import fullmatch
from typing import Final, Literal

from ehr.events import SEPARATOR, UNKNOWN
from ehr.hierarchy import JOINT
from ehr.store import Store
from sql.text.conditions import Family
from sql.text.criterion import Mode
from sql.text.observations import NEUTRAL
from sql.text.terms import Concept, Kind
from sql.text.words import stems

Stems = tuple[str, ...]
Role = Literal["dose", "other dose", "order", "infusion", "end", "plain"]

_ROLES: Final[dict[Mode, frozenset[str]]] = {
    "recorded": frozenset({"dose", "order", "infusion", "plain"}),
    "given": frozenset({"dose", "plain"}),
    "ordered": frozenset({"order", "plain"}),
    "infused": frozenset({"infusion"}),
}
ENDS: Final = frozenset({"STOP", "END"})
GIVEN: Final = "Administered"
CODE_SYSTEMS: Final = frozenset({"RXNORM", "SNOMED", "NDC", "ATC", "CVX", "UNII", "TEXT", "HCPCS", "CPT"})
# What stands behind these words in a title is not what the patient has.
_CUTS: Final = frozenset({"without", "excluding", "except", "not"})
_LINKS: Final = frozenset(stems("of to for due from after following by with in on at during against"))
_SPECIFIERS: Final = _LINKS | frozenset(
    stems(
        """
        disease disorder syndrome and or unspecified without other not no stage type site left right bilateral initial
        affecting involving associated using via is requiring nos finding 30
        """
    )
)
_NOT_HERE: Final = ("history", "family", "screening", "encounter", "suspected", "exposure", "contact", "vaccination")


@dataclass(frozen=True, slots=True)
class Entry:
    """A code of the store: its title, the words of it, and what the parts of the code say."""

    code: str
    kind: Kind
    title: str
    words: frozenset[str]
    sequence: Stems
    system: str | None
    value: str
    item: str
    icd: tuple[str, ...] | None
    role: Role
    unit: str | None
    n_events: int
    low: float | None
    high: float | None

    @property
    def is_allergy(self) -> bool:
        """Whether this is what a patient must not have, and no condition to have."""
        return self.code.startswith("ALLERGY//")

    @property
    def has_numbers(self) -> bool:
        """Whether the store has numbers with this code."""
        return self.low is not None


_QUERY: Final = f"""
    WITH further AS (
        SELECT split_part(code, '{JOINT}', 1) AS code, list(DISTINCT code) AS joint_codes
        FROM code_ancestor WHERE contains(code, '{JOINT}') GROUP BY ALL
    )
    SELECT code, kind, description, system, unit, n_events, quantiles[1], quantiles[-1], joint_codes
    FROM code LEFT JOIN further USING (code)
    WHERE kind IN ('condition', 'medication', 'procedure', 'observation') ORDER BY code
"""


def read_entries(store: Store) -> tuple[Entry, ...]:
    """Read the codes of conditions, medications, procedures and observations; ends of spans are left out."""
    rows = store.cursor().execute(_QUERY).fetchall()
    entries = (_entry(*row) for row in rows)
    return tuple(entry for entry in entries if entry.role != "end")


def _entry(
    code: str,
    kind: str,
    description: str | None,
    system: str | None,
    unit: str | None,
    n_events: int,
    low: float | None,
    high: float | None,
    joint_codes: list[str] | None,
) -> Entry:
    parts = code.split(SEPARATOR)
    role = role_of(parts)
    title = description or _title_of(parts, role)
    sequence = stems(_plain(title))
    item, value, coded_unit = _item_of(parts)
    icd = _icd_of(parts, system)
    further = dict.fromkeys(other for joint in joint_codes or () for other in joint.split(JOINT)[1:])
    coded = [icd, *(_icd_of(other.split(SEPARATOR), None) for other in further)]
    return Entry(
        code,
        Kind(kind),
        title,
        frozenset(sequence),
        sequence,
        system,
        value,
        item,
        tuple(found for found in coded if found) or None,
        role,
        unit or coded_unit,
        n_events,
        low,
        high,
    )


def _plain(title: str) -> str:
    """Leave out the semantic tag of a SNOMED title: Sepsis (disorder)."""
    found = fullmatch(r"(.*\S)\s*\((?:disorder|finding|procedure|situation|regime/therapy|person|event)\)?", title)
    return found[1] if found else title


def role_of(parts: Sequence[str]) -> Role:
    """Tell what an event of a medication code is.

    MIMIC-IV writes doses as MEDICATION//NAME//OUTCOME and orders as MEDICATION//START//NAME; in FHIR (and for what is
    no medication) the code is plain and the record tells.
    """
    if parts[0] == "INFUSION_START":
        return "infusion"
    if parts[0] == "PRESCRIPTION":
        return "order"
    if parts[0] == "INFUSION_END" or (len(parts) > 2 and parts[1] in ENDS):
        return "end"
    if parts[0] != "MEDICATION" or len(parts) < 3 or parts[1] in CODE_SYSTEMS:
        return "plain"
    if parts[1] == "START":
        return "order"
    return "dose" if parts[-1] == GIVEN else "other dose"


def role_of_code(code: str) -> Role:
    """Tell what an event of a code is, as `role_of`."""
    return role_of(code.split(SEPARATOR))


def kept_codes(concept: Concept, mode: Mode) -> list[str]:
    """Return the codes of a concept that count: of a drug those of orders, doses or infusions, as asked."""
    if concept.kind is not Kind.MEDICATION:
        return [code.code for code in concept.codes]
    return [code.code for code in concept.codes if role_of_code(code.code) in _ROLES[mode]]


def _title_of(parts: Sequence[str], role: Role) -> str:
    """Make a title from a code that has none: MEDICATION//START//Furosemide is Furosemide."""
    if parts[0] == "MEDICATION" and len(parts) > 2:
        return parts[2] if parts[1] == "START" else parts[1]
    return " ".join(part for part in parts[1:] if part != UNKNOWN) or parts[0]


def _item_of(parts: Sequence[str]) -> tuple[str, str, str | None]:
    """Return what is measured without its unit, the bare code, and the unit that the code carries."""
    if len(parts) >= 3 and parts[0] in {"LAB", "VITAL", "OBSERVATION"}:
        place = 2 if not parts[1].isdigit() else 1
        unit = SEPARATOR.join(parts[place + 1 :]) or None
        return (
            SEPARATOR.join(parts[: place + 1]),
            parts[min(place, len(parts) - 1)],
            unit if unit != UNKNOWN else None,
        )
    return SEPARATOR.join(parts), parts[-1], None


def _icd_of(parts: Sequence[str], system: str | None) -> str | None:
    """Return an ICD code as `10:I509` or `9:4280`, or None."""
    value = parts[-1].replace(".", "").upper()
    if "ICD" in parts:
        return f"{parts[parts.index('ICD') + 1]}:{value}"
    for name in (system, *parts[:-1]):
        if name and name.upper().startswith("ICD10"):
            return f"10:{value}"
        if name and name.upper().startswith("ICD9"):
            return f"9:{value}"
    return None


# --- families and codes spelled out -----------------------------------------------------------------------


def in_family(entry: Entry, family: Family) -> bool:
    """Say whether an ICD code of the entry belongs to the family."""
    for coded in entry.icd or ():
        version, _, value = coded.partition(":")
        if _matches(value, family.icd10 if version == "10" else family.icd9):
            return True
    return False


@lru_cache(maxsize=65536)
def _matches(value: str, patterns: tuple[str, ...]) -> bool:
    for pattern in patterns:
        first, dash, last = pattern.partition("-")
        if dash:
            if first <= value[: len(first)] <= last:
                return True
        elif fnmatchcase(value, f"{pattern}*"):
            return True
    return False


@dataclass(frozen=True, slots=True)
class IcdPattern:
    """An ICD code or prefix as written in a question."""

    prefix: str
    versions: tuple[str, ...]
    is_certain: bool

    @property
    def label(self) -> str:
        """The pattern as a clinician writes it."""
        return f"{' or '.join(f'ICD-{version}' for version in self.versions)} {self.prefix}*"

    def matches(self, entry: Entry) -> bool:
        """Say whether the entry has a code with this prefix."""
        return any(
            coded.partition(":")[0] in self.versions and coded.partition(":")[2].startswith(self.prefix)
            for coded in entry.icd or ()
        )


def icd_pattern(phrase: str) -> IcdPattern | None:
    """Read "I50", "ICD-10 I50.*", "E11.9", "icd 9 428.0", "410*" as a prefix of ICD codes; None for anything else."""
    words = phrase.upper().replace("ICD", "ICD ").replace("CM", " ").replace("-", " ").split()
    named: str | None = None
    if words and words[0] == "ICD":
        words = words[1:]
        if words and words[0] in {"9", "10"}:
            named, words = words[0], words[1:]
        words = words[1:] if words and words[0] in {"CODE", "CODES"} else words
    if len(words) != 1:
        return None
    written = words[0]
    prefix = written.rstrip("*").rstrip(".").replace(".", "")
    if fullmatch(r"[A-TV-Z]\d[0-9AB][0-9A-Z]{0,4}", prefix) or (prefix.startswith("U07") and prefix.isalnum()):
        versions = ("9",) if named == "9" else ("10",)
        return IcdPattern(prefix, versions, True)
    if fullmatch(r"[EV]?\d{3,5}", prefix) and (named == "9" or "." in written or "*" in written):
        return IcdPattern(prefix, ("9",), True)
    return None


def spelled_code(phrase: str) -> str | None:
    """Read "LOINC 4548-4", "SNOMED 44054006", "code 15777000" or a bare LOINC code; None for anything else."""
    words = phrase.upper().split()
    while words and words[0] in {"LOINC", "SNOMED", "RXNORM", "CODE", "CT", "ITEMID", "ITEM", "CVX", "ATC"}:
        words = words[1:]
    named = len(words) < len(phrase.split())
    if len(words) != 1 or not (named or fullmatch(r"\d{3,5}-\d", words[0])):
        return None
    return words[0]


# --- titles -----------------------------------------------------------------------------------------------


class Titles:
    """The entries of a kind by the words of their titles."""

    def __init__(self, entries: tuple[Entry, ...]) -> None:
        self.entries = entries
        self._by_word: dict[str, set[int]] = defaultdict(set)
        for place, entry in enumerate(entries):
            for word in entry.words:
                self._by_word[word].add(place)

    def allergies(self, words: Stems) -> list[Entry]:
        """Return the allergies to what the words name."""
        return [entry for entry in self.with_words(words) if entry.is_allergy]

    def with_words(self, words: Iterable[str]) -> list[Entry]:
        """Return the entries whose titles have all the words."""
        places = [self._by_word.get(word, set()) for word in words]
        return [self.entries[place] for place in sorted(set.intersection(*places))] if places else []

    def with_phrase(self, words: Stems) -> list[Entry]:
        """Return the entries whose titles have the words in a row."""
        return [entry for entry in self.with_words(words) if _find(entry.sequence, words) is not None]

    def beginning(self, words: Stems) -> list[Entry]:
        """Return the entries whose titles begin with the words, after a strength such as "150 ML"."""
        found = self.with_words(words)
        return [
            entry
            for entry in found
            if (place := _find(entry.sequence, words)) is not None
            and all(word[0].isdigit() or word in {"ml", "mg", "hr", "actuat"} for word in entry.sequence[:place])
        ]

    def equal(self, words: Stems) -> list[Entry]:
        """Return the entries whose titles are the words."""
        return [entry for entry in self.with_words(words) if entry.sequence == words and not entry.is_allergy]

    def plain(self, words: Stems) -> list[Entry]:
        """Return the entries whose titles say the words and nothing else that matters."""
        wanted = set(words)
        return [entry for entry in self.with_words(words) if entry.words - wanted <= NEUTRAL]

    def about(self, words: Stems) -> list[Entry]:
        """Return the entries whose titles are about the words: "Chronic sinusitis", but no history of sinusitis."""
        found = self.with_phrase(words)
        return [
            entry
            for entry in found
            if not entry.is_allergy and _states(entry.sequence, words) and _is_head(entry.sequence, words)
        ]

    def says(self, entry: Entry, phrases: Sequence[Stems], excluded: Sequence[Stems]) -> bool:
        """Say whether the title of an entry states one of the phrases and none of the excluded ones."""
        if entry.is_allergy or any(_find(entry.sequence, phrase) is not None for phrase in excluded):
            return False
        return any(_states(entry.sequence, phrase) for phrase in phrases)


def _states(sequence: Stems, phrase: Stems) -> bool:
    place = _find(sequence, phrase)
    if place is None or any(word in sequence and word not in phrase for word in _NOT_HERE):
        return False
    return not any(word in _CUTS for word in sequence[:place])


def _is_head(sequence: Stems, phrase: Stems) -> bool:
    """Say whether a phrase is what a title is about: behind its adjectives, and in front of what specifies it."""
    place = _find(sequence, phrase)
    if place is None:
        return False
    after = sequence[place + len(phrase) : place + len(phrase) + 1]
    return not _LINKS.intersection(sequence[:place]) and (not after or after[0] in _SPECIFIERS)


def _find(sequence: Stems, phrase: Stems) -> int | None:
    for place in range(len(sequence) - len(phrase) + 1):
        if sequence[place : place + len(phrase)] == phrase:
            return place
    return None
