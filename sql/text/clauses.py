"""Rules for what is said of patients or stays: "with ...", "aged ...", "who died in hospital", "lasting over 7 days"."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Final

from sql.text.events import event, events, joint_of, negate
from sql.text.measures import age, comparison, hours
from sql.text.query import (
    Age,
    AgeAt,
    AnyOf,
    Around,
    Calendar,
    Comparison,
    Criterion,
    Died,
    DuringStay,
    Kind,
    Length,
    Mode,
    Not,
    Returned,
    Sex,
    Started,
    Stay,
    StayKind,
    all_of,
)
from sql.text.reader import EVENTS, Reader
from sql.text.windows import Timed, anchor, calendar, place, stay_name, window

Scope = StayKind | None
Rule = Callable[[Reader, int, Scope], Iterator[tuple[Criterion, int]]]

_WHO: Final = ("who", "that", "which", "whom", "who also", "that also", "which also", "and who", "but who")
_HAVE: Final = (
    "with", "have", "has", "had", "having", "have had", "has had", "with at least one", "suffering from", "suffer from",
    "suffered from", "suffers from", "affected by", "living with", "carrying", "ever had", "have ever had", "did have", "also have", "also had",
    "presenting with", "presented with", "developed", "who developed", "complicated by", "showing", "show", "because of", "due to", "for",
    "involving", "involved", "included", "including", "include", "contain", "containing", "with documented",
)  # fmt: skip
_HAVE_NOT: Final = (
    "without", "with no", "have no", "has no", "had no", "having no", "do|did|does not have", "have|has|had not had", "not having", "who lack", "lacking", "have|has|had never had",
    "never had", "free of", "but not", "but no", "but without", "and not", "and no", "without any", "have not", "had not", "has not", "not with", "with neither",
)  # fmt: skip
_DIAGNOSED: Final = (
    "diagnosed with",
    "diagnosed as having",
    "found to have",
    "coded with",
    "coded as",
    "labelled with",
    "hospitalized|hospitalised|admitted with|for",
)
_GIVEN: Final = (
    "given",
    "administered",
    "received",
    "receive",
    "receives",
    "receiving",
    "got",
    "get",
    "did receive",
    "been given",
)
_PRESCRIBED: Final = ("prescribed", "ordered", "prescribed with")
_TAKING: Final = (
    "on",
    "taking",
    "take",
    "takes",
    "took",
    "treated with",
    "using",
    "use",
    "used",
    "uses",
    "put on",
    "started on",
    "exposed to",
    "who take",
)
_UNDERWENT: Final = (
    "underwent",
    "undergo",
    "undergoing",
    "undergone",
    "undergoes",
    "having undergone",
    "who had",
    "had",
)
_WAS: Final = (
    "was",
    "were",
    "are",
    "is",
    "have been",
    "has been",
    "had been",
    "was ever",
    "were ever",
    "got",
    "being",
    "been",
    "who were",
)
_WAS_NOT: Final = (
    "was|were|are|is not",
    "was|were|are|is never",
    "have|has|had not been",
    "have|has|had never been",
    "not",
    "never",
    "did|do|does not",
    "never been",
)
_DEATH: Final = (
    "died",
    "die",
    "dead",
    "deceased",
    "expired",
    "passed away",
    "have died",
    "has died",
    "had died",
    "were dead",
    "are dead",
    "are deceased",
    "is dead",
    "have|has date of death",
    "with date of death",
    "with recorded death",
    "have|has recorded death",
    "are recorded as dead",
    "did die",
    "with death",
)
_ALIVE: Final = (
    "survived",
    "survive",
    "alive",
    "are alive",
    "were alive",
    "is alive",
    "are still alive",
    "were still alive",
    "still alive",
    "did not die",
    "have not died",
    "has not died",
    "not died",
    "never died",
    "are living",
    "are not dead",
    "did not expire",
)
_FATAL: Final = (
    "ended with|in death", "ending with|in death", "end with|in death", "with death", "resulted|resulting in death", "ended in patient death", "ended fatally", "with fatal outcome",
    "where|when patient|patients died", "in which patient|patients died", "during which patient|patients died", "led to death", "that were fatal", "with hospital death", "with in hospital death", "with inpatient death", "ended with|in patient dying",
)  # fmt: skip
_LASTED: Final = (
    "lasted",
    "lasting",
    "that lasted",
    "lasts",
    "last",
    "took",
    "with length of",
    "with length of stay",
    "with los",
    "with length of stay of",
    "whose length of stay was|is",
    "of length",
    "of",
    "that were",
    "were",
    "with duration of",
    "with duration",
    "with stay of",
    "length of stay",
    "los",
    "with los of",
    "with length",
    "were longer",
    "stayed",
    "who stayed",
)
_TIMES_WORDS: Final = {"once": 1, "twice": 2}


def clauses(r: Reader, at: int, scope: Scope) -> Iterator[tuple[Criterion | None, int]]:
    """Yield what is said from here on, joined, and the nothing that may be said."""
    for criteria, joints, end in _sequence(r, at, scope):
        kind = joint_of(r, joints, end)
        if kind is not None:
            yield (AnyOf(tuple(criteria)) if kind == "or" else all_of(*criteria)), end
    yield None, at


def _sequence(r: Reader, at: int, scope: Scope) -> Iterator[tuple[list[Criterion], list[str], int]]:
    for criterion, end in clause(r, at, scope):
        for word, joint in (
            (", and", "and"),
            (", or", "or"),
            (", but", "and"),
            ("and", "and"),
            ("or", "or"),
            ("but", "and"),
            (",", ","),
            ("", "and"),
        ):
            start = end if not word else r.phrase(end, word)
            if start is None or (not word and end == at):
                continue
            for rest, joints, last in _sequence(r, start, scope):
                yield [criterion, *rest], [joint, *joints], last
        yield [criterion], [], end


def clause(r: Reader, at: int, scope: Scope) -> Iterator[tuple[Criterion, int]]:
    """Yield one thing said, after an optional "who" or "that"."""
    start = r.skip(at, *_WHO)
    start = r.skip(start, "also", "either", "ever")
    rules = _ANYONE + (_OF_PATIENTS if scope is None else _OF_STAYS)
    for rule in rules:
        yield from rule(r, start, scope)


# --- findings ---------------------------------------------------------------------------------------------


def _findings(r: Reader, at: int, scope: Scope) -> Iterator[tuple[Criterion, int]]:
    start = r.phrase(at, *_HAVE)
    if start is not None:
        yield from events(r, start, scope)
    start = r.phrase(at, *_HAVE_NOT)
    if start is not None:
        yield from events(r, start, scope, negative=True)
    start = r.phrase(at, "whose", "with their", "where their", "where", "in whom", "when their", "when")
    if start is not None:
        yield from events(r, start, scope, (Kind.OBSERVATION,))


def _diagnosed(r: Reader, at: int, scope: Scope) -> Iterator[tuple[Criterion, int]]:
    yield from _voiced(r, at, scope, _DIAGNOSED, (Kind.CONDITION,), "recorded")


def _treated(r: Reader, at: int, scope: Scope) -> Iterator[tuple[Criterion, int]]:
    both = (Kind.MEDICATION, Kind.PROCEDURE)
    yield from _voiced(r, at, scope, _GIVEN, both, "given")
    yield from _voiced(r, at, scope, _PRESCRIBED, (Kind.MEDICATION,), "ordered")
    yield from _voiced(r, at, scope, _TAKING, (Kind.MEDICATION, Kind.PROCEDURE), "recorded")
    yield from _voiced(r, at, scope, _UNDERWENT, (Kind.PROCEDURE,), "recorded")
    yield from _adjective(r, at, scope)


def _voiced(
    r: Reader, at: int, scope: Scope, verbs: tuple[str, ...], kinds: tuple[Kind, ...], mode: Mode
) -> Iterator[tuple[Criterion, int]]:
    """Yield "were given X", "given X", "were not given X", "did not receive X"."""
    denied = r.phrase(at, *_WAS_NOT)
    verb = None if denied is None else r.phrase(denied, *verbs)
    if verb is not None:
        yield from events(r, verb, scope, kinds, mode, negative=True)
    for start in dict.fromkeys((at, r.skip(at, *_WAS), r.skip(at, "did", "do", "does"))):
        verb = r.phrase(start, *verbs)
        if verb is not None:
            yield from events(r, verb, scope, kinds, mode)


def _adjective(r: Reader, at: int, scope: Scope) -> Iterator[tuple[Criterion, int]]:
    """Yield "were intubated", "were diabetic": a concept said as a state."""
    denied = r.phrase(at, *_WAS_NOT)
    if denied is not None:
        yield from events(r, denied, scope, (Kind.PROCEDURE, Kind.CONDITION), negative=True)
    start = r.phrase(at, *_WAS)
    if start is not None:
        yield from events(r, start, scope, (Kind.PROCEDURE, Kind.CONDITION))


def _passive(r: Reader, at: int, scope: Scope) -> Iterator[tuple[Criterion, int]]:
    """Yield "in which furosemide was given", "where there was invasive ventilation"."""
    start = r.phrase(
        at, "in which", "where", "during which", "in whom", "with", "when", "in whose record", "on which"
    )
    if start is not None:
        yield from sentence(r, start, scope)


def sentence(r: Reader, at: int, scope: Scope) -> Iterator[tuple[Criterion, int]]:
    """Yield "was there X", "X was given", "patients had X", "did the patient receive X"."""
    there = r.phrase(at, "was|were|is|are there", "there was|were|is|are", "there was|were any")
    if there is not None:
        yield from events(r, there, scope)
    not_there = r.phrase(at, "was|were|is|are there no", "there was|were|is|are no")
    if not_there is not None:
        yield from events(r, not_there, scope, negative=True)
    who = r.phrase(at, "patient|patients|they|he|she|someone", "did|was|were|is patient|patients", "did they")
    if who is not None:
        yield from clause(r, who, scope)
    start = r.skip(at, "was", "were", "is", "are", "did", "has", "have")
    for mode, verbs in _PASSIVE.items():
        kinds = EVENTS if mode == "recorded" else (Kind.MEDICATION, Kind.PROCEDURE)
        for said, end in event(r, start, scope, kinds, mode):
            for negation in ("", "not "):
                after = r.phrase(end, *(f"was|were|is|are|been {negation}{verb}" for verb in verbs),
                                 *((negation + verb for verb in verbs) if start > at else ()))  # fmt: skip
                if after is None:
                    continue
                criterion = negate(r, said.criterion, after) if negation else said.criterion
                if criterion is not None:
                    yield criterion, after
        if mode == "recorded" and start > at:
            continue
    for said, end in event(r, at, scope, (Kind.OBSERVATION,)):
        yield said.criterion, end


_PASSIVE: Final[dict[Mode, tuple[str, ...]]] = {
    "given": ("given", "administered", "received", "infused"),
    "ordered": ("prescribed", "ordered"),
    "recorded": (
        "done",
        "performed",
        "recorded",
        "measured",
        "documented",
        "diagnosed",
        "used",
        "charted",
        "present",
        "coded",
        "carried out",
    ),
}


# --- patients ---------------------------------------------------------------------------------------------


def _sex(r: Reader, at: int, scope: Scope) -> Iterator[tuple[Criterion, int]]:
    start = r.skip(at, *_WAS, "of|by|in|for|among")
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


def _aged(r: Reader, at: int, scope: Scope) -> Iterator[tuple[Criterion, int]]:
    start = r.skip(
        at, "was", "were", "are", "is", "with", "of", "patients", "of patients", "by patients", "in patients"
    )
    named = r.phrase(
        start,
        "aged",
        "age",
        "ages",
        "of age",
        "age of",
        "whose age was|is",
        "at age",
        "at age of",
        "ages of",
        "aged at",
    )
    for begin, said in ((named, True), (start, False)):
        if begin is None:
            continue
        for found, end in age(r, begin, said=said):
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


def _dead(r: Reader, at: int, scope: Scope) -> Iterator[tuple[Criterion, int]]:
    for words, negative in ((_DEATH, False), (_ALIVE, True)):
        start = r.phrase(at, *words)
        if start is None:
            continue
        for timed, end in _death_window(r, start, scope):
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


def _death_window(r: Reader, at: int, scope: Scope) -> Iterator[tuple[Timed | None, int]]:
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


def _stayed(r: Reader, at: int, scope: Scope) -> Iterator[tuple[Criterion, int]]:
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
    yield Stay(kind, None, times), at


def _admitted(r: Reader, at: int) -> Iterator[tuple[Criterion, int]]:
    for start, negative in ((r.skip(at, *_WAS), False), (r.phrase(at, *_WAS_NOT), True)):
        verb = (
            None
            if start is None
            else r.phrase(
                start,
                "admitted",
                "hospitalized",
                "hospitalised",
                "readmitted",
                "seen",
                "treated",
                "cared for",
                "in",
                "visited",
                "transferred",
            )
        )
        if verb is None or start is None:
            continue
        verb_word = r.word(verb - 1)
        for kind, end in _where_admitted(r, verb, verb_word):
            for criterion, after in _how_often(r, end, kind):
                if negative and isinstance(criterion, Stay) and (criterion.where or criterion.times):
                    continue
                yield (Not(criterion) if negative else criterion), after
    back = r.phrase(
        r.skip(at, *_WAS), "readmitted", "rehospitalized", "rehospitalised", "had readmission", "with readmission"
    )
    if back is not None:
        length = _return_length(r, back)
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


def _return_length(r: Reader, at: int) -> tuple[timedelta, int] | None:
    start = r.phrase(at, "within", "in", "less than")
    found = None if start is None else hours(r, start)
    if found is None:
        return None
    end = r.skip(
        found[1], "of discharge", "after discharge", "of previous discharge", "after previous discharge", "from discharge",
        "of their discharge", "of earlier discharge", "of previous hospital discharge", "after last discharge", "of last discharge",
        "after hospital discharge", "of hospital discharge", "of prior discharge", "after prior discharge", "after being discharged", "of being discharged",
    )  # fmt: skip
    end = r.skip(end, "of same patient", "of that patient", "for same patient", "of patient")
    return timedelta(hours=found[0]), end


# --- stays ------------------------------------------------------------------------------------------------


def _fatal(r: Reader, at: int, scope: Scope) -> Iterator[tuple[Criterion, int]]:
    end = r.phrase(at, *_FATAL)
    if end is not None:
        for timed, after in _death_window(r, end, scope):
            if timed is None or (timed.stay is scope and isinstance(timed.window, DuringStay)):
                yield Died(DuringStay()), after


def _length(r: Reader, at: int, scope: Scope) -> Iterator[tuple[Criterion, int]]:
    for start in (r.skip(at, *_LASTED), at):
        for bound, unit, end in comparison(r, start):
            if unit is None:
                for words, name in (("hours|hour|h|hrs", "hours"), ("days|day|d", "days")):
                    after = r.phrase(end, words)
                    if after is not None:
                        after = r.skip(after, "long", "or longer", "in length")
                        yield Length(bound, "hours" if name == "hours" else "days"), after


def _started(r: Reader, at: int, scope: Scope) -> Iterator[tuple[Criterion, int]]:
    start = r.skip(
        at,
        "began",
        "started",
        "starting",
        "beginning",
        "that began",
        "occurred",
        "occurring",
        "took place",
        "happened",
        "were",
        "dated",
    )
    for span, end in calendar(r, start):
        yield Started(span), end
    back = r.phrase(
        at,
        "were readmissions",
        "are readmissions",
        "readmissions",
        "occurred",
        "began",
        "started",
        "happened",
        "were",
        "starting",
    )
    if back is not None:
        length = _return_length(r, back)
        if length is not None and "discharge" in r.text(back, length[1]).lower():
            yield Returned(length[0]), length[1]


def _inner_stays(r: Reader, at: int, scope: Scope) -> Iterator[tuple[Criterion, int]]:
    """Yield "with an ICU stay", "that included intensive care" for hospital stays."""
    if scope is not StayKind.INPATIENT:
        return
    start = r.phrase(
        at,
        "with",
        "included",
        "including",
        "include",
        "had",
        "have",
        "involving",
        "involved",
        "contained",
        "requiring",
        "required",
    )
    without = r.phrase(at, "without", "with no", "had no", "did not include", "not including", "without any")
    for begin, negative in ((start, False), (without, True)):
        if begin is None:
            continue
        for kind, end in stay_name(r, r.skip(begin, "any", "at least one")):
            if kind in (StayKind.ICU, StayKind.EMERGENCY):
                inner = Stay(kind, of="stay")
                yield (Not(inner) if negative else inner), end


def _whose(r: Reader, at: int, scope: Scope) -> Iterator[tuple[Criterion, int]]:
    """Yield "of patients with heart failure", "by women over 65": what is said of the patient."""
    start = r.phrase(
        at,
        "of",
        "by",
        "for",
        "in",
        "among",
        "from",
        "where patient is|was",
        "in which patient is|was",
        "belonging to",
    )
    if start is None:
        return
    from sql.text.populations import patients

    for base, end in patients(r, start):
        for said, after in clauses(r, end, None):
            criterion = all_of(base, said)
            if criterion is not None:
                yield criterion, after


_ANYONE: Final[tuple[Rule, ...]] = (_findings, _diagnosed, _treated, _passive, _sex, _aged, _dead)
_OF_PATIENTS: Final[tuple[Rule, ...]] = (lambda r, at, _scope: _stayed(r, at, None),)
_OF_STAYS: Final[tuple[Rule, ...]] = (_fatal, _length, _started, _inner_stays, _whose)
