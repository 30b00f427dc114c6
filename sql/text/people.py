"""Rules for what is said of patients themselves: sex, age, death, and the stays that they had."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from sql.text.criterion import Age, AgeAt, Criterion, Died, Not, Returned, Sex, Started, Stay
from sql.text.measures import age, comparison, hours
from sql.text.reader import Reader, phrases
from sql.text.terms import Around, Calendar, Comparison, DuringStay, StayKind
from sql.text.windows import Timed, anchor, calendar, place, stay_name, window

Scope = StayKind | None


WAS: Final = phrases(
    "was; were; are; is; have been; has been; had been; was ever; were ever; got; being; been; who were"
)


WAS_NOT: Final = phrases(
    """
    was|were|are|is not; was|were|are|is never; have|has|had not been; have|has|had never been; not; never;
    did|do|does not; never been
    """
)


_DEATH: Final = phrases(
    """
    died; die; dead; deceased; expired; passed away; have died; has died; had died; were dead; are dead; are
    deceased; is dead; have|has date of death; with date of death; with recorded death; have|has recorded death;
    are recorded as dead; did die; with death
    """
)


_ALIVE: Final = phrases(
    """
    survived; survive; alive; are alive; were alive; is alive; are still alive; were still alive; still alive; did
    not die; have not died; has not died; not died; never died; are living; are not dead; did not expire
    """
)


_DISCHARGES: Final = (
    *(
        f"{joint} {which}discharge"
        for joint in ("of", "after", "from", "following")
        for which in ("", "previous ", "their ", "earlier ", "last ", "prior ", "hospital ", "previous hospital ")
    ),
    "after|of being discharged",
)
_TIMES_WORDS: Final = {"once": 1, "twice": 2}


def said_sex(r: Reader, at: int, scope: Scope) -> Iterator[tuple[Criterion, int]]:
    """Yield "who are female", "of women"."""
    start = r.skip(at, *WAS, "of|by|in|for|among")
    for words, value in (("female|females|women|woman", "female"), ("male|males|men|man", "male")):
        end = r.phrase(start, words, f"{words} sex", f"sex {words}")
        if end is not None:
            yield Sex("female" if value == "female" else "male"), end
    start2 = r.phrase(at, "with sex", "whose sex is", "of sex")
    if start2 is not None:
        for value in ("female", "male"):
            end = r.phrase(start2, value)
            if end is not None:
                yield Sex("female" if value == "female" else "male"), end


def said_age(r: Reader, at: int, scope: Scope) -> Iterator[tuple[Criterion, int]]:
    """Yield "aged 65 or over at admission"."""
    start = r.skip(
        at, "was", "were", "are", "is", "with", "of", "patients", "of patients", "by patients", "in patients"
    )
    named = r.phrase(
        start,
        *phrases("aged; age; ages; of age; age of; whose age was|is; at age; at age of; ages of; aged at"),
    )
    for begin, said in ((named, True), (start, False)):
        if begin is None:
            continue
        for found, end in age(r, begin, said=said, plain=scope is None):
            for when, after in age_time(r, end, scope):
                criterion = _aged_at(r, found, when, scope, after)
                if criterion is not None:
                    yield criterion, after


def age_time(r: Reader, at: int, scope: Scope) -> Iterator[tuple[tuple[AgeAt, StayKind | None], int]]:
    """Yield the time that an age is meant at: (at, kind of stay)."""
    start = r.phrase(
        at, "at", "on", "at time of", "upon", "when", "by", "at moment of", "at their", "at time of their"
    )
    if start is not None:
        death = r.phrase(start, "death", "time of death", "they died", "their death")
        if death is not None:
            yield ("death", None), death
        for found, end in anchor(r, start, scope):
            if found.side == "start":
                yield ("start", found.stay), end
        for kind, end in stay_name(r, start):
            yield ("start", kind), end
    now = r.phrase(at, "at last record", "at their last record", "at last contact", "at end of their record")
    if now is not None:
        yield ("last", None), now
    if scope is None:
        yield ("last", None), at
    else:
        yield ("start", scope), at


def _aged_at(
    r: Reader, found: Comparison, when: tuple[AgeAt, StayKind | None], scope: Scope, at: int
) -> Criterion | None:
    moment, kind = when
    criterion = Age(found, moment)
    if kind is None or kind is scope:
        return criterion
    if scope is None:
        return Stay(kind, criterion)
    r.trouble(at, f"the age at {kind} admission is not understood for {scope} stays")
    return None


def said_death(r: Reader, at: int, scope: Scope) -> Iterator[tuple[Criterion, int]]:
    """Yield "who died in hospital", "survived", "died within 30 days of admission"."""
    for words, negative in ((_DEATH, False), (_ALIVE, True)):
        start = r.phrase(at, *words)
        if start is None:
            continue
        for timed, end in death_window(r, start, scope):
            found: Criterion
            if timed is None:
                found = Died() if scope is None else Died(DuringStay())
            elif timed.stay is None or timed.stay is scope:
                found = Died(timed.window)
            elif scope is None:
                found = Stay(timed.stay, Died(timed.window))
            else:
                continue
            yield (Not(found) if negative else found), end


def death_window(r: Reader, at: int, scope: Scope) -> Iterator[tuple[Timed | None, int]]:
    """Yield the windows that a death may have, and none."""
    for timed, end in window(r, at, scope):
        if isinstance(timed.window, DuringStay | Calendar) or (
            isinstance(timed.window, Around) and not timed.window.before and not timed.window.inside
        ):
            yield timed, end
    to_discharge = r.phrase(
        at, "to discharge", "to hospital discharge", "until discharge", "their hospital stay", "hospitalization"
    )
    if to_discharge is not None:
        yield Timed(DuringStay(), scope or StayKind.INPATIENT), to_discharge
    yield None, at


def said_stays(r: Reader, at: int, scope: Scope) -> Iterator[tuple[Criterion, int]]:
    """Yield what is said of patients' stays: admitted to the ICU in 2150, with at least two hospital admissions."""
    yield from _admitted(r, at)
    opening = r.phrase(at, "with", "had", "have", "has", "having", "have had", "who had")
    if opening is not None:
        yield from _counted_stays(r, opening)
        denied = r.phrase(opening, "no", "never", "not any")
        if denied is not None:
            for kind, end in stay_name(r, denied):
                yield Not(Stay(kind)), end
    without = r.phrase(at, "without", "did not have", "have not had", "never had", "had no", "without any")
    if without is not None:
        for kind, end in stay_name(r, r.skip(without, "any")):
            yield Not(Stay(kind)), end


def _counted_stays(r: Reader, at: int) -> Iterator[tuple[Criterion, int]]:
    from sql.text.attributes import typed_stay

    for kind, typed, end in typed_stay(r, r.skip(at, "any", "a", "at least one", "1")):
        yield Stay(kind, typed), end
    for kind, end in stay_name(r, r.skip(at, "any", "a", "at least one", "1")):
        yield from _with_start(r, kind, end, None)
    number = r.number(at)
    if number is not None:
        for kind, end in stay_name(r, at + 1):
            yield from _with_start(r, kind, end, Comparison("=", number))
    for bound, unit, end in comparison(r, at):
        if unit is None:
            for kind, after in stay_name(r, end):
                yield from _with_start(r, kind, after, bound)


def _with_start(r: Reader, kind: StayKind, at: int, times: Comparison | None) -> Iterator[tuple[Criterion, int]]:
    for span, end in calendar(r, at):
        yield Stay(kind, Started(span), times), end
    if times is None:
        from sql.text.staying import said_length

        for length, end in said_length(r, at, kind):
            yield Stay(kind, length), end
    yield Stay(kind, None, times), at


def _admitted(r: Reader, at: int) -> Iterator[tuple[Criterion, int]]:
    for start, negative in ((r.skip(at, *WAS), False), (r.phrase(at, *WAS_NOT), True)):
        verb = (
            None
            if start is None
            else r.phrase(
                start,
                *phrases(
                    """
                    admitted; hospitalized; hospitalised; readmitted; seen; treated; cared for; in; visited;
                    transferred
                    """
                ),
            )
        )
        if verb is None or start is None or (r.word(verb - 1) == "in" and start == at):
            continue
        verb_word = r.word(verb - 1)
        for kind, end in _where_admitted(r, verb, verb_word):
            for criterion, after in _how_often(r, end, kind):
                if negative and isinstance(criterion, Stay) and (criterion.where or criterion.times):
                    continue
                yield (Not(criterion) if negative else criterion), after
    back = r.phrase(
        r.skip(at, *WAS), "readmitted", "rehospitalized", "rehospitalised", "had readmission", "with readmission"
    )
    if back is not None:
        length = return_length(r, back)
        if length is not None:
            yield Stay(StayKind.INPATIENT, Returned(length[0])), length[1]


def _where_admitted(r: Reader, at: int, verb: str) -> Iterator[tuple[StayKind, int]]:
    start = r.skip(at, "to", "in", "into", "at")
    found = place(r, start)
    if found is not None:
        yield found
    if verb in {"admitted", "hospitalized", "hospitalised"}:
        yield StayKind.INPATIENT, at


def _how_often(r: Reader, at: int, kind: StayKind) -> Iterator[tuple[Criterion, int]]:
    for word, number in _TIMES_WORDS.items():
        end = r.phrase(at, f"more than {word}")
        if end is not None:
            yield Stay(kind, None, Comparison(">", number)), end
        for opening in ("at least ", "only ", "exactly ", ""):
            end = r.phrase(at, opening + word)
            if end is not None:
                yield Stay(kind, None, Comparison(">=" if opening == "at least " else "=", number)), end
    for bound, unit, end in comparison(r, at):
        after = r.phrase(end, "times|time")
        if unit is None and after is not None:
            yield Stay(kind, None, bound), after
    yield from _with_start(r, kind, at, None)


def return_length(r: Reader, at: int) -> tuple[timedelta, int] | None:
    """Return the length in "within 30 days after the previous discharge", and its end."""
    start = r.phrase(at, "within", "in", "less than")
    found = None if start is None else hours(r, start)
    if found is None:
        return None
    end = r.skip(found[1], *_DISCHARGES)
    end = r.skip(end, "of same patient", "of that patient", "for same patient", "of patient")
    return timedelta(hours=found[0]), end
