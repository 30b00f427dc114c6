"""Rules for what is said of stays: how they ended, how long they lasted, when they began, what they included."""

from collections.abc import Iterator
from typing import Final

from sql.text.criterion import Criterion, Died, Length, Not, Returned, Started, Stay, Unit
from sql.text.measures import comparison
from sql.text.people import death_window, return_length
from sql.text.reader import Reader, phrases
from sql.text.terms import Around, Comparison, DuringStay, Operator, StayKind
from sql.text.windows import calendar, stay_name

Scope = StayKind | None
_UNITS: Final[tuple[Unit, ...]] = ("hours", "days")


_FATAL: Final = phrases(
    """
    ended with|in death; ending with|in death; end with|in death; with death; resulted|resulting in death; ended
    in patient death; ended fatally; with fatal outcome; where|when patient|patients died; in which
    patient|patients died; during which patient|patients died; led to death; that were fatal; with hospital death;
    with in hospital death; with inpatient death; ended with|in patient dying
    """
)  # fmt: skip


_LASTED: Final = phrases(
    """
    lasted; lasting; that lasted; lasts; last; took; with length of; with length of stay; with los; with length of
    stay of; whose length of stay was|is; of length; of; that were; were; with duration of; with duration; with
    stay of; length of stay; los; with los of; with length; stayed; who stayed
    """
)


def said_fatal(r: Reader, at: int, scope: Scope) -> Iterator[tuple[Criterion, int]]:
    """Yield "that ended in death", "followed by death within 90 days after discharge"."""
    followed = r.phrase(at, "followed by death", "was|were followed by death")
    for timed, after in death_window(r, followed, scope) if followed is not None else ():
        if timed is not None and timed.stay is scope and isinstance(timed.window, Around):
            yield Died(timed.window), after
    end = r.phrase(at, *_FATAL)
    if end is not None:
        for timed, after in death_window(r, end, scope):
            if timed is None or (timed.stay is scope and isinstance(timed.window, DuringStay)):
                yield Died(DuringStay()), after


def said_length(r: Reader, at: int, scope: Scope) -> Iterator[tuple[Criterion, int]]:
    """Yield "lasting longer than 7 days"."""
    for start in (r.skip(at, *_LASTED), at):
        yield from _one_unit(r, start)
        yield from _unit_then_more(r, start)
        for bound, unit, end in comparison(r, start):
            if unit is None:
                for words, name in (("hours|hour|h|hrs", "hours"), ("days|day|d", "days")):
                    after = r.phrase(end, words)
                    if after is not None:
                        after = r.skip(after, "long", "or longer", "in length")
                        yield Length(bound, "hours" if name == "hours" else "days"), after


_SINGLE: Final[dict[str, Operator]] = {
    "less than": "<", "under": "<", "shorter than": "<", "more than": ">", "over": ">", "longer than": ">",
    "at least": ">=", "at most": "<=",
}  # fmt: skip
_AFTER: Final[dict[str, Operator]] = {
    "or more": ">=", "or longer": ">=", "and more": ">=", "or less": "<=", "or shorter": "<=", "and longer": ">=",
}  # fmt: skip


def _one_unit(r: Reader, at: int) -> Iterator[tuple[Criterion, int]]:
    """Read "less than a day": the article stands for one."""
    for words, operator in _SINGLE.items():
        start = r.phrase(at, words)
        for unit in _UNITS if start is not None else ():
            end = r.phrase(start or at, unit.removesuffix("s"))
            if end is not None:
                yield Length(Comparison(operator, 1.0), unit), end


def _unit_then_more(r: Reader, at: int) -> Iterator[tuple[Criterion, int]]:
    """Read "14 days or more"."""
    start = r.skip(at, "of")
    number = r.number(start)
    for unit in _UNITS if number is not None else ():
        end = r.phrase(start + 1, unit)
        for words, operator in _AFTER.items() if end is not None else ():
            after = r.phrase(end or start, words)
            if after is not None and number is not None:
                yield Length(Comparison(operator, number), unit), after


def said_start(r: Reader, at: int, scope: Scope) -> Iterator[tuple[Criterion, int]]:
    """Yield "that began in 2150", "that began within 7 days after the previous discharge"."""
    start = r.skip(
        at,
        *phrases(
            """
            began; started; starting; beginning; that began; occurred; occurring; took place; happened; were;
            dated
            """
        ),
    )
    for span, end in calendar(r, start):
        yield Started(span), end
    back = r.phrase(
        at,
        *phrases(
            "were readmissions; are readmissions; readmissions; occurred; began; started; happened; were; starting"
        ),
    )
    if back is not None:
        length = return_length(r, back)
        if length is not None and "discharge" in r.text(back, length[1]).lower():
            yield Returned(length[0]), length[1]


def said_parts(r: Reader, at: int, scope: Scope) -> Iterator[tuple[Criterion, int]]:
    """Yield "with an ICU stay", "that included intensive care" for hospital stays."""
    if scope is not StayKind.INPATIENT:
        return
    start = r.phrase(
        at,
        *phrases(
            "with; included; including; include; had; have; involving; involved; contained; requiring; required"
        ),
    )
    without = r.phrase(at, "without", "with no", "had no", "did not include", "not including", "without any")
    for begin, negative in ((start, False), (without, True)):
        if begin is None:
            continue
        for kind, end in stay_name(r, r.skip(begin, "any", "at least one")):
            if kind in (StayKind.ICU, StayKind.EMERGENCY):
                inner = Stay(kind, of="stay")
                yield (Not(inner) if negative else inner), end
