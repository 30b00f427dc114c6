"""Rules for change: "whose last creatinine was higher than the first", "change in hemoglobin from first to last"."""

from collections.abc import Iterator
from typing import Final, Literal

from sql.text.criterion import Changed, Criterion
from sql.text.reader import Reader, phrases
from sql.text.terms import Concept, DuringStay, Ever, Kind, StayKind

_OPENING: Final = phrases("had; have; has; with; whose; where; where their; in which; having")
_COMPARED: Final[dict[Literal["rose", "fell"], tuple[str, ...]]] = {
    "rose": ("higher than", "greater than", "larger than", "above", "bigger than"),
    "fell": ("lower than", "smaller than", "less than", "below"),
}
_FIRST: Final = phrases("first; initial; first 1; first value; initial value; initial 1; first measurement")
_VALUES: Final = phrases("value|values|level|levels|measurement|measurements|result|results")
_FROM_TO: Final = phrases(
    """
    from first to last; from first to last value|measurement|level|result; from first value|measurement to last;
    from first to last one; between first and last; between first and last value|measurement|level|result|one; from
    first value|measurement to last value|measurement; first to last; from initial to last
    """
)


def said_change(r: Reader, at: int, scope: StayKind | None) -> Iterator[tuple[Criterion, int]]:
    """Yield "had a last lactate lower than the first one"."""
    start = r.phrase(at, *_OPENING)
    last = None if start is None else r.phrase(start, "last|final|latest", "their last|final")
    if last is None:
        return
    for concept, named in r.concepts(last, (Kind.OBSERVATION,)):
        end = r.skip(r.skip(named, *_VALUES), "that was|is", "was", "is")
        for direction, words in _COMPARED.items():
            compared = r.phrase(end, *words)
            first = None if compared is None else r.phrase(r.skip(compared, "their", "its"), *_FIRST)
            if first is not None:
                yield Changed(concept, direction, Ever() if scope is None else DuringStay()), first


def change_of(r: Reader, at: int) -> Iterator[tuple[Concept, int]]:
    """Yield what changes in "change in creatinine from the first to the last value", and the end."""
    start = r.phrase(at, "change|changes|difference in|of", "absolute change in|of")
    if start is not None:
        for concept, end in r.concepts(start, (Kind.OBSERVATION,)):
            after = r.phrase(r.skip(end, *_VALUES), *_FROM_TO)
            if after is not None:
                yield concept, r.skip(after, *_VALUES)
    between = r.phrase(at, "difference|change between first and last", "difference|change from first to last")
    if between is not None:
        for concept, end in r.concepts(between, (Kind.OBSERVATION,)):
            yield concept, r.skip(end, *_VALUES)
