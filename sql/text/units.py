"""The unit of a bound, where the words give one and where they leave it out."""

from typing import Final

from sql.text.naming import analytes
from sql.text.reader import Reader
from sql.text.terms import Comparison, Concept
from sql.text.values import in_unit
from sql.text.words import stems

FAR: Final = 4.0
"""A bound without a unit that is so many times beyond all values of the store was meant in another unit."""


def fit_unit(r: Reader, concept: Concept, bound: Comparison, unit: str | None, at: int) -> Concept | None:
    """Return the concept in the unit of the bound; None, with the reason remembered, where that is unclear."""
    analyte = analytes().get(stems(concept.name))
    if unit is not None:
        fitted = in_unit(concept, unit, analyte)
        if fitted is None:
            r.trouble(
                at,
                f"{concept.name} is recorded in {concept.unit or 'no unit'} here, which cannot be turned into {unit}",
            )
        return fitted
    usual = analyte.unit if analyte else None
    if concept.unit and usual and concept.unit != usual and not _same_numbers(concept, usual):
        r.trouble(at, f"give the unit of {concept.name}: this store has it in {concept.unit}")
        return None
    if len({(code.scale, code.shift) for code in concept.codes}) > 1:
        r.trouble(at, f"give the unit of {concept.name}: this store has it in several, such as {concept.unit}")
        return None
    low, high = r.index.bounds(concept)
    limits = [bound.low] + ([bound.high] if bound.high is not None else [])
    if low is not None and high is not None and all(limit > FAR * high or limit < low / FAR for limit in limits):
        unit_text = f" {concept.unit}" if concept.unit else ""
        r.trouble(
            at,
            f"{limits[0]:g} is outside all values of {concept.name} in this store, which has it in "
            f"{concept.unit or 'no unit'}; if that is what you mean, write '{limits[0]:g}{unit_text}'",
        )
        return None
    return concept


def _same_numbers(concept: Concept, usual: str) -> bool:
    fitted = in_unit(concept, usual, analytes().get(stems(concept.name)))
    return fitted is not None and fitted.codes == concept.codes
