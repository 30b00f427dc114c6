"""Which items of a store measure an observation, and in which unit: one rule, said in every reading.

Standard codes (LOINC) of the table count together. Of local items the one with most records counts, unless the
table joins several (a blood pressure may be taken with a cuff or invasively): charted values mostly repeat those of
the laboratory. Values in another unit are converted where a factor is known, else left out.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from sql.text.matching import Entry
from sql.text.observations import NEUTRAL, Analyte, conversion, unit_of
from sql.text.terms import Concept, StoredCode
from sql.text.words import stems

_UNIT_WORDS = {"lb": "lb", "kg": "kg", "cm": "cm", "inch": "in", "inche": "in", "fahrenheit": "°F", "celsius": "°C"}


def choose_items(entries: Sequence[Entry], analyte: Analyte | None) -> list[Entry]:
    """Return the entries that measure the analyte, or of `entries` those of the item with most records."""
    numeric = [entry for entry in entries if entry.has_numbers]
    if analyte is None:
        return _most_used(numeric or list(entries))
    standard = [entry for entry in numeric if entry.system == "LOINC" and entry.value in analyte.loinc]
    titles = [frozenset(stems(title)) for title in analyte.titles]
    local = [
        entry
        for entry in numeric
        if entry.system != "LOINC" and any(t <= entry.words and entry.words - t <= NEUTRAL for t in titles)
    ]
    return standard + (local if analyte.joined else _most_used(local))


def _most_used(entries: list[Entry]) -> list[Entry]:
    used: Counter[str] = Counter()
    for entry in entries:
        used[entry.item] += entry.n_events
    if not used:
        return []
    top = min(used, key=lambda item: (-used[item], item))
    return [entry for entry in entries if entry.item == top]


def choose_codes(entries: Sequence[Entry], analyte: Analyte | None) -> tuple[tuple[StoredCode, ...], str | None]:
    """Return the codes that can be brought to one unit, with their factors, and that unit.

    The unit is the one with most records. A code without a unit counts as in that unit when its item has it
    elsewhere, or when no code has any.
    """
    units = {entry.code: _unit(entry) for entry in entries}
    weights: Counter[str] = Counter()
    for entry in entries:
        unit = units[entry.code]
        if unit is not None:
            weights[unit] += entry.n_events
    main = min(weights, key=lambda unit: (-weights[unit], unit)) if weights else None
    known_items = {entry.item for entry in entries if units[entry.code] is not None}
    codes = []
    for entry in sorted(entries, key=lambda entry: entry.code):
        unit = units[entry.code]
        if unit is None and (main is None or entry.item in known_items):
            codes.append(StoredCode(entry.code))
            continue
        factor = conversion(analyte, unit, main)
        if factor is not None:
            codes.append(StoredCode(entry.code, *factor))
    return tuple(codes), main


def _unit(entry: Entry) -> str | None:
    unit = unit_of(entry.unit)
    if unit is None:
        named = [_UNIT_WORDS[word] for word in entry.sequence if word in _UNIT_WORDS]
        return named[0] if len(named) == 1 else None
    return unit


def in_unit(concept: Concept, unit: str, analyte: Analyte | None) -> Concept | None:
    """Return the concept with its values in another unit, or None when there is no way to convert."""
    factor = conversion(analyte, concept.unit, unit)
    if factor is None:
        return None
    scale, shift = factor
    codes = tuple(StoredCode(code.code, code.scale * scale, code.shift * scale + shift) for code in concept.codes)
    return replace(concept, codes=codes, unit=unit)
