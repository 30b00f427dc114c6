"""Rules for one thing that happened: a concept with its value and window. Lists of them are in `joined`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from sql.text.concepts import Found
from sql.text.criterion import Criterion, Event, Mode, Not, Stay, Which
from sql.text.matching import kept_codes, role_of_code
from sql.text.measures import comparison
from sql.text.reader import EVENTS, Reader, phrases
from sql.text.terms import Around, Calendar, Concept, DuringStay, Ever, Kind, Relative, StayKind
from sql.text.units import fit_unit
from sql.text.windows import Timed, window

WHICH: Final[dict[str, Which]] = {
    "first": "first", "initial": "first", "earliest": "first", "admission": "first",
    "last": "last", "latest": "last", "most recent": "last", "final": "last",
    "highest": "highest", "maximum": "highest", "max": "highest", "peak": "highest", "maximal": "highest",
    "lowest": "lowest", "minimum": "lowest", "min": "lowest", "nadir": "lowest", "minimal": "lowest",
}  # fmt: skip
_VAGUE: Final = phrases(
    """
    elevated; high; raised; increased; abnormal; low; reduced; decreased; normal; severe; mild; poor; good;
    critical; borderline; very high; very low; extremely high; rising; falling; worsening
    """
)  # fmt: skip
_NOUNS: Final = phrases(
    """
    level|levels|value|values|result|results|measurement|measurements|reading|readings|concentration;
    lab|blood|serum value|result|level|test; test|tests result|results
    """
)
_VERBS: Final = phrases(
    """
    was; is; were; are; that was; that is; that were; has been; had been; has; had; ever; was ever; which was;
    which is; of; value of; recorded; measured; that
    """
)  # fmt: skip
_DIAGNOSIS: Final = phrases(
    """
    diagnosis of; diagnoses of; diagnosis; diagnosed; history of; past history of; medical history of; record of;
    evidence of; known; documented; confirmed; coded; at least one diagnosis of; any diagnosis of; any; episode
    of; new diagnosis of; case of; documented diagnosis of; previous history of
    """
)  # fmt: skip
_AFTER_DIAGNOSIS: Final = phrases(
    """
    among their|its|his|her diagnoses; among diagnoses; as diagnosis; as one of their|its diagnoses; in their
    diagnoses; listed as diagnosis; coded as diagnosis; as diagnoses; diagnosis; diagnoses; on their diagnosis
    list; recorded as diagnosis; as discharge diagnosis; among their discharge diagnoses
    """
)  # fmt: skip
_INFUSION: Final = ("infusion of", "infusions of", "drip of", "continuous infusion of", "iv infusion of")
_AFTER_INFUSION: Final = ("infusion", "infusions", "drip", "drips")
_DOSE: Final = ("dose of", "doses of", "any", "at least one dose of", "medication", "drug", "some")
_PASSIVE: Final[dict[Mode, tuple[str, ...]]] = {
    "given": ("given", "administered", "received"),
    "ordered": ("prescribed", "ordered"),
    "infused": ("infused",),
    "recorded": phrases(
        """
        done; performed; recorded; measured; documented; diagnosed; used; charted; present; coded; carried out;
        started
        """
    ),
}


@dataclass(frozen=True, slots=True)
class Said:
    """An event as said: the criterion, whether it had a window of its own, and a verb such as "was given"."""

    criterion: Criterion
    kind: Kind
    has_window: bool
    is_done: bool = False


def place_event(r: Reader, event: Event, timed: Timed | None, scope: StayKind | None, at: int) -> Criterion | None:
    """Hang an event on its window; None, with the reason remembered, when that cannot be."""
    if timed is None:
        return replace(event, window=Ever() if scope is None else DuringStay())
    placed = _timely(r, replace(event, window=timed.window), at)
    if placed is None:
        return None
    if timed.stay is None:
        if scope is not None:
            if isinstance(timed.window, Relative):
                r.trouble(at, "an order of events within a stay is not understood yet; ask about patients")
            return None
        return placed
    if scope is None:
        return Stay(timed.stay, placed)
    if timed.stay is scope:
        return placed
    if scope is StayKind.INPATIENT and timed.stay in (StayKind.ICU, StayKind.EMERGENCY):
        return Stay(timed.stay, placed, of="stay")
    r.trouble(at, f"a window of the {timed.stay} stay is not understood for {scope} stays")
    return None


def _timely(r: Reader, event: Event, at: int) -> Event | None:
    """Keep only records whose time is good enough for the window; None, with the reason remembered, without any.

    Hospital billing gives diagnoses the time of discharge and procedures a date without a time.
    """
    if not isinstance(event.window, Around | Relative):
        return event
    other = event.window.concept if isinstance(event.window, Relative) else event.concept
    for concept in (event.concept, other):
        if concept.kind is Kind.CONDITION and any(code.code.startswith("DIAGNOSIS//") for code in concept.codes):
            r.trouble(
                at,
                f"diagnoses of {concept.name} are billing codes with the time of discharge, which gives no order",
            )
            return None
    timed = tuple(code for code in event.concept.codes if not code.code.startswith("PROCEDURE//ICD//"))
    if event.concept.kind is not Kind.PROCEDURE or len(timed) == len(event.concept.codes):
        return event
    if not timed:
        r.trouble(at, f"{event.concept.name} is recorded by billing codes with a date and no time of day")
        return None
    label = f"{event.concept.label}; without billing codes, which have no time of day"
    return replace(event, concept=replace(event.concept, codes=timed, label=label, below=()))


def windows_here(r: Reader, at: int, scope: StayKind | None) -> Iterator[tuple[Timed | None, int]]:
    """Yield the windows that follow an event, and none."""
    for timed, end in window(r, at, scope):
        if isinstance(timed.window, Calendar) and scope is not None:
            continue
        yield timed, end
    yield None, at


def event(
    r: Reader,
    at: int,
    scope: StayKind | None,
    kinds: Sequence[Kind] = EVENTS,
    mode: Mode = "recorded",
    *,
    late: bool = False,
    least: int = 1,
) -> Iterator[tuple[Said, int]]:
    """Yield one event with its value and window; `late` when "was" went before: "was furosemide not given"."""
    if Kind.OBSERVATION in kinds:
        yield from measured(r, at, scope)
    start, only = at, tuple(kinds)
    diagnosed = r.phrase(at, *_DIAGNOSIS)
    if diagnosed is not None and Kind.CONDITION in kinds:
        start = diagnosed
        only = (Kind.CONDITION,) if "diagnos" in r.text(at, diagnosed).lower() else only
    elif mode != "recorded" or Kind.MEDICATION in kinds:
        start = r.skip(at, *_DOSE)
    infused = r.phrase(start, *_INFUSION)
    if infused is not None:
        start, only, mode = infused, (Kind.MEDICATION,), "infused"
    for concept, end in r.concepts(start, only, least=least):
        yield from _unmeasured(r, concept, end, scope, mode, late=late)
    vague = r.phrase(at, *_VAGUE)
    if vague is not None and Kind.OBSERVATION in kinds:
        for concept, end in r.concepts(vague, (Kind.OBSERVATION,)):
            unit = f" {concept.unit}" if concept.unit else ""
            r.trouble(end, f"'{r.text(at, end)}' needs a bound, such as '{concept.name} above 2{unit}'")


def _unmeasured(
    r: Reader, concept: Concept, end: int, scope: StayKind | None, mode: Mode, *, late: bool
) -> Iterator[tuple[Said, int]]:
    if concept.kind is Kind.CONDITION:
        end = r.skip(end, *_AFTER_DIAGNOSIS)
    elif concept.kind is Kind.OBSERVATION:
        end = r.skip(end, *_NOUNS)
        if list(comparison(r, end)):
            return
    elif concept.kind is Kind.MEDICATION:
        after = r.phrase(end, *_AFTER_INFUSION)
        if after is not None:
            end, mode = after, "infused"
    for said, denied, done in _done(r, concept, end, mode, late=late):
        own = _recorded_mode(r, concept, said, done)
        if own is None:
            continue
        for timed, after in windows_here(r, done, scope):
            criterion = place_event(r, Event(concept, mode=own), timed, scope, after)
            if criterion is not None and denied:
                criterion = negate(r, criterion, after)
            if criterion is not None:
                yield Said(criterion, concept.kind, timed is not None, is_done=done > end), after


def _recorded_mode(r: Reader, concept: Concept, mode: Mode, at: int) -> Mode | None:
    """Return what counts as "given" or "ordered" in this store; None, with the reason remembered, when nothing does.

    A drug that is only charted as infusions was given by them.
    """
    if concept.kind is not Kind.MEDICATION or mode == "recorded" or kept_codes(concept, mode):
        return mode
    if mode == "given" and kept_codes(concept, "infused"):
        return "infused"
    if mode == "given" and any(role_of_code(code.code) == "other dose" for code in concept.codes):
        return mode
    what = {"given": "charted doses", "ordered": "orders", "infused": "infusions"}[mode]
    r.trouble(
        at, f"this store has no {what} of {concept.name}; ask for 'patients on {concept.name}' for any record of it"
    )
    return None


def _done(r: Reader, concept: Concept, at: int, mode: Mode, *, late: bool) -> Iterator[tuple[Mode, bool, int]]:
    """Yield (mode, denied, end) for the verb after a concept: "furosemide given", "dialysis was not done"."""
    is_drug = concept.kind is Kind.MEDICATION
    for own, verbs in _PASSIVE.items():
        if not is_drug and own == "ordered":
            continue
        for words, denied in (
            ("was|were|is|are|been ", False),
            ("was|were|is|are|been not|never ", True),
            ("not|never ", True),
            ("", False),
        ):
            end = r.phrase(at, *(words + verb for verb in verbs))
            if end is not None and not (denied and not words.startswith("was") and not late):
                yield (own if is_drug else "recorded"), denied, end
    yield (mode if is_drug else "recorded"), False, at


def measured(r: Reader, at: int, scope: StayKind | None) -> Iterator[tuple[Said, int]]:
    """Yield an observation with a bound on its value: "a last BMI of 30 or more", "lactate > 4 within 6 hours"."""
    for which, start in _which(r, at):
        for concept, end in (*r.concepts(start, (Kind.OBSERVATION,)), *_fever(r, start)):
            end = r.skip(end, *_NOUNS)
            for early, middle in windows_here(r, end, scope):
                verb = r.skip(r.skip(middle, *_VERBS), *_VERBS)
                for bound, unit, after in comparison(r, verb):
                    fitted = fit_unit(r, concept, bound, unit, after)
                    if fitted is None:
                        continue
                    found = Event(fitted, comparison=bound, which=which)
                    late = windows_here(r, after, scope) if early is None else iter([(early, after)])
                    for timed, last in late:
                        criterion = place_event(r, found, timed, scope, last)
                        if criterion is not None:
                            yield Said(criterion, Kind.OBSERVATION, timed is not None), last


def _fever(r: Reader, at: int) -> Iterator[tuple[Concept, int]]:
    """Yield the temperature for "fever", which only a bound behind it turns into a measurement."""
    end = r.phrase(at, "fever|fevers")
    link = None if end is None else r.index.link("temperature", (Kind.OBSERVATION,))
    if end is not None and isinstance(link, Found):
        yield link.concept, end


def _which(r: Reader, at: int) -> Iterator[tuple[Which, int]]:
    for word, which in WHICH.items():
        end = r.phrase(at, word)
        if end is not None:
            yield which, end
    yield "any", r.skip(at, "any", "at least one", "recorded", "documented", "measured", "their")


def in_stay_event(r: Reader, at: int, kinds: Sequence[Kind], mode: Mode) -> Iterator[tuple[Event, int]]:
    """Yield an event in the stay at hand, whose time of day is known: "lactate", "dose of vancomycin given"."""
    for concept, named in r.concepts(at, kinds):
        after = r.skip(named, *_NOUNS) if concept.kind is Kind.OBSERVATION else named
        for said, denied, end in _done(r, concept, after, mode, late=False):
            own = None if denied else _recorded_mode(r, concept, said, end)
            event = None if own is None else _timely(r, Event(concept, Around("start", timedelta(1)), mode=own), end)
            if event is not None:
                yield replace(event, window=DuringStay()), end


def negate(r: Reader, criterion: Criterion, at: int) -> Criterion | None:
    """Negate a criterion; "no X within 24 hours of admission" of a patient with many admissions has two meanings."""
    if isinstance(criterion, Stay) and criterion.where is not None:
        r.trouble(
            at,
            "a patient may have several stays: ask about stays ('how many admissions had no ...')",
        )
        return None
    return Not(criterion)
