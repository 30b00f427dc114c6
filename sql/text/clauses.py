"""Rules for what is said of patients or stays, joined: "with sepsis", "given furosemide", "aged over 65", ..."""

from collections.abc import Callable, Iterator
from typing import Final

from sql.text.attributes import said_attribute
from sql.text.changes import said_change
from sql.text.criterion import AnyOf, Criterion, Identity, Mode, Stay, all_of
from sql.text.events import event
from sql.text.joined import events, joint_of
from sql.text.people import WAS, WAS_NOT, said_age, said_death, said_sex, said_stays
from sql.text.reader import Reader, phrases
from sql.text.scopes import aged_then
from sql.text.staying import said_fatal, said_length, said_parts, said_start
from sql.text.terms import Kind, StayKind

Scope = StayKind | None
Rule = Callable[[Reader, int, Scope], Iterator[tuple[Criterion, int]]]

_WHO: Final = ("who", "that", "which", "whom", "who also", "that also", "which also", "and who", "but who")
_HAVE: Final = phrases(
    """
    carry; carries; carried; show; shows; showed; needed; need; needs; required; require; spiked; reached; with; have;
    has; had; having; have had; has had; with at least one; suffering from; suffer from; suffered
    from; suffers from; affected by; living with; ever had; have ever had; did have; also have; also had;
    developed; complicated by; involving; involved; included; including; include; with documented
    """
)
_BECAUSE: Final = phrases(
    """
    for; because of; due to; caused by; presenting with; presented with; admitted|hospitalized|hospitalised for;
    was|were admitted|hospitalized|hospitalised for; admitted|hospitalized|hospitalised because of|due to
    """
)
_HAVE_NOT: Final = phrases(
    """
    without; with no; have no; has no; had no; having no; do|did|does not have; have|has|had not had; not having;
    who lack; lacking; have|has|had never had; never had; free of; but not; but no; but without; and not; and no;
    without any; have not; had not; has not; not with; with neither
    """
)  # fmt: skip
_DIAGNOSED: Final = phrases(
    """
    diagnosed with; diagnosed as having; found to have; coded with; coded as; labelled with
    """
)
_GIVEN: Final = phrases(
    "given; administered; received; receive; receives; receiving; got; get; did receive; been given"
)
_PRESCRIBED: Final = ("prescribed", "ordered", "prescribed with")
_TAKING: Final = phrases(
    "on; taking; take; takes; took; treated with; using; use; used; uses; put on; started on; exposed to; who take"
)
_UNDERWENT: Final = phrases("underwent; undergo; undergoing; undergone; undergoes; having undergone; who had; had")


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


_AFTER_BE: Final = frozenset({"was", "were", "is", "are"})


def said_as_question(r: Reader, at: int, auxiliary: str) -> Iterator[tuple[Criterion, int]]:
    """Yield what is said behind "did any patient", "was patient 10014354": the verb lacks its auxiliary."""
    start = r.skip(at, "ever", "also")
    for said, end in clauses(r, start, None):
        if said is not None:
            yield said, end
    if auxiliary in _AFTER_BE:
        yield from _adjective_plain(r, start)


def _adjective_plain(r: Reader, at: int) -> Iterator[tuple[Criterion, int]]:
    """Yield "intubated", "diabetic" behind "was patient 10014354 ever"."""
    yield from events(r, at, None, (Kind.PROCEDURE, Kind.CONDITION), least=2)


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
    reason = r.phrase(at, *_BECAUSE)
    if reason is not None:
        for concept, end in r.concepts(reason, (Kind.CONDITION,)):
            r.trouble(
                end,
                "the records do not say which diagnosis was the reason of a stay; "
                f"ask for 'admissions with {concept.name} among their diagnoses'",
            )
    admitted = r.phrase(r.skip(at, *WAS), "admitted|hospitalized|hospitalised with")
    if admitted is not None and scope is None:
        for criterion, end in events(r, admitted, StayKind.INPATIENT, (Kind.CONDITION,)):
            yield Stay(StayKind.INPATIENT, criterion), end


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
    denied = r.phrase(at, *WAS_NOT)
    verb = None if denied is None else r.phrase(denied, *verbs)
    if verb is not None:
        yield from events(r, verb, scope, kinds, mode, negative=True)
    for start in dict.fromkeys((at, r.skip(at, *WAS), r.skip(at, "did", "do", "does"))):
        verb = r.phrase(start, *verbs)
        if verb is not None:
            yield from events(r, verb, scope, kinds, mode)


def _adjective(r: Reader, at: int, scope: Scope) -> Iterator[tuple[Criterion, int]]:
    """Yield "were intubated", "were diabetic": a concept said as a state."""
    denied = r.phrase(at, *WAS_NOT)
    if denied is not None:
        yield from events(r, denied, scope, (Kind.PROCEDURE, Kind.CONDITION), negative=True, least=2)
    start = r.phrase(at, *WAS)
    if start is not None:
        yield from events(r, start, scope, (Kind.PROCEDURE, Kind.CONDITION), least=2)


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
    for said, end in event(r, start, scope, late=start > at):
        if said.is_done or said.kind is Kind.OBSERVATION:
            yield said.criterion, end


# --- patients ---------------------------------------------------------------------------------------------


# --- stays ------------------------------------------------------------------------------------------------


def _whose(r: Reader, at: int, scope: Scope) -> Iterator[tuple[Criterion, int]]:
    """Yield "of patients with heart failure", "by women over 65": what is said of the patient."""
    start = r.phrase(
        at,
        *phrases("of; by; for; in; among; from; where patient is|was; in which patient is|was; belonging to"),
    )
    from sql.text.populations import one_patient, patients

    for base, end in patients(r, start) if start is not None else ():
        for said, after in clauses(r, end, None):
            criterion = all_of(base, said)
            if criterion is not None:
                yield aged_then(criterion), after
    owned = r.phrase(at, "does|did|do|has|have")
    for number, end in one_patient(r, owned) if owned is not None else ():
        verb = r.phrase(end, "have|had|has", "have had", "had in total", "have in total")
        if verb is not None:
            yield Identity(number), verb


_ANYONE: Final[tuple[Rule, ...]] = (
    _findings, _diagnosed, _treated, _passive, said_sex, said_age, said_death, said_attribute, said_change,
)  # fmt: skip
_OF_PATIENTS: Final[tuple[Rule, ...]] = (lambda r, at, _scope: said_stays(r, at, None),)
_OF_STAYS: Final[tuple[Rule, ...]] = (said_fatal, said_length, said_start, said_parts, _whose)
