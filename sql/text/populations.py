"""Rules for whom a question is about: "female patients", "ICU stays", "sepsis admissions", "doses of heparin"."""

from collections.abc import Iterator
from typing import Final

from sql.text.attributes import attribute, typed_stay
from sql.text.concepts import Absent
from sql.text.criterion import Age, Criterion, Died, Event, Identity, Mode, Sex, Stay, all_of
from sql.text.measures import age, comparison
from sql.text.query import Patients, Population, Records, Stays
from sql.text.reader import Reader, phrases
from sql.text.terms import Around, Calendar, Comparison, Concept, DuringStay, Ever, Kind, StayKind
from sql.text.units import fit_unit
from sql.text.windows import place, stay_name, window

ADULT_AGE: Final = 18

_PEOPLE: Final = (
    "patients|patient|pts|pt|people|ppl|persons|person|subjects|subject|individuals|individual|cases|everyone|"
    "everybody|anyone|anybody|someone",
)
_ONE: Final = (
    "patient|subject|pt|person|patients", "patient|subject|pt|person number|id|no", "patient|subject|pt id|number :",
)  # fmt: skip
MIN_NUMBER: Final = 1000
"""Lower numbers behind the word patient are no numbers of patients."""
_QUANTIFIERS: Final = phrases(
    """
    all; all of; any; different; distinct; unique; of all; of; individual; total; these; every; each; various;
    single; number of; recorded; our; of our; unique; who are; those
    """
)
_SEXES: Final = {"women|woman|females": "female", "men|man|males": "male"}


_WARDS: Final = {
    StayKind.ICU: ("icu", "intensive care", "intensive care unit"),
    StayKind.EMERGENCY: ("ed", "er", "emergency department"),
    StayKind.INPATIENT: ("hospitalized", "hospitalised", "hospital", "admitted"),
}


def patients(r: Reader, at: int) -> Iterator[tuple[Criterion | None, int]]:
    """Yield what words for patients say of them: "women", "adult ICU patients", "diabetic patients"."""
    start = at
    while (end := r.phrase(start, *_QUANTIFIERS)) is not None:
        start = end
    for number, end in one_patient(r, start):
        yield Identity(number), end
    for described, after in _adjectives(r, start):
        noun = r.phrase(after, *_PEOPLE)
        if noun is not None:
            yield from _located(r, noun, described)
            yield described, noun
        for words, sex in _SEXES.items():
            end = r.phrase(after, words)
            if end is not None:
                yield all_of(described, Sex("female" if sex == "female" else "male")), end
        for words, bound in (
            ("adults|adult", Comparison(">=", ADULT_AGE)),
            ("children|minors", Comparison("<", ADULT_AGE)),
        ):
            end = r.phrase(after, words)
            if end is not None:
                yield all_of(described, Age(bound, "last")), end
        inpatients = r.phrase(after, "inpatients")
        if inpatients is not None:
            yield all_of(described, Stay(StayKind.INPATIENT)), inpatients
        for words, found in (("diabetics", "diabetes"), ("asthmatics", "asthma")):
            end = r.phrase(after, words)
            concept = r.index.condition(found) if end is not None else None
            if end is not None and concept is not None:
                yield all_of(described, Event(concept)), end
        survivors = r.phrase(
            after,
            *phrases("elderly; elderly patients; old patients; older patients; young patients; younger patients"),
        )
        if survivors is not None:
            r.trouble(survivors, f"'{r.text(after, survivors)}' needs an age, such as 'aged 65 or over'")


def one_patient(r: Reader, at: int) -> Iterator[tuple[int, int]]:
    """Yield the number of "patient 10014354"."""
    start = r.phrase(at, *_ONE)
    if start is not None and r.word(start).isdigit() and int(r.word(start)) >= MIN_NUMBER:
        yield int(r.word(start)), r.reached(start + 1)


def _located(r: Reader, at: int, described: Criterion | None) -> Iterator[tuple[Criterion | None, int]]:
    """Yield "patients in the ICU"."""
    start = r.phrase(at, "in", "of", "on", "at")
    found = None if start is None else place(r, start)
    if found is not None and not _dies_there(r, found[1]):
        yield all_of(described, Stay(found[0])), found[1]
    for ward, end in attribute(r, start, StayKind.ICU, "type") if start is not None else ():
        if not _dies_there(r, end):
            yield all_of(described, Stay(StayKind.ICU, ward)), end


def _dies_there(r: Reader, at: int) -> bool:
    """Say whether "in the ICU" may be where patients died, and not only where they once were."""
    if r.word(at) not in {"died", "die", "survived"} or r.word(at + 1) in {"in", "within", "during", "after"}:
        return False
    r.trouble(at + 1, "say whether they died there or at any time: 'how many patients died in the ICU'")
    return True


def _adjectives(r: Reader, at: int) -> Iterator[tuple[Criterion | None, int]]:
    """Yield the readings of the adjectives before a noun, none first."""
    yield None, at
    for one, end in _adjective(r, at):
        for rest, last in _adjectives(r, end):
            yield all_of(one, rest), last


def _adjective(r: Reader, at: int) -> Iterator[tuple[Criterion, int]]:
    for words, sex in (("female", "female"), ("male", "male")):
        end = r.phrase(at, words)
        if end is not None:
            yield Sex("female" if sex == "female" else "male"), end
    for words, bound in (
        ("adult", Comparison(">=", ADULT_AGE)),
        ("pediatric|paediatric", Comparison("<", ADULT_AGE)),
    ):
        end = r.phrase(at, words)
        if end is not None:
            yield Age(bound, "last"), end
    end = r.phrase(at, "deceased", "dead")
    if end is not None:
        yield Died(), end
    for kind, names in _WARDS.items():
        end = r.phrase(at, *names)
        if end is not None:
            yield Stay(kind), end
    if r.number(at) is not None and r.phrase(at + 1, "year old", "years old"):
        for found, after in age(r, at, said=False):
            yield Age(found, "last"), after
    known = {
        "diabetic": "diabetes",
        "septic": "sepsis",
        "hypertensive": "hypertension",
        "obese": "obesity",
        "asthmatic": "asthma",
    }
    concept = r.index.condition(known[r.word(at)]) if r.word(at) in known else None
    if concept is not None:
        yield Event(concept), r.reached(at + 1)
        return
    if r.word(at) in _PEOPLE[0].split("|"):
        return
    for concept, after in r.concepts(at, (Kind.CONDITION,), least=2):
        yield Event(concept), after


def population(r: Reader, at: int) -> Iterator[tuple[Population, Criterion | None, int]]:
    """Yield whom the words from here on are about."""
    start = at
    while (end := r.phrase(start, *_QUANTIFIERS)) is not None:
        start = end
    for kind, criterion, end in stays(r, start):
        if kind is StayKind.ANY or kind in r.index.stays:
            yield Stays(kind), criterion, end
        else:
            r.trouble(end, Absent(r.text(start, end), r.text(start, end)))
    for criterion, end in patients(r, start):
        yield Patients(), criterion, end
    yield from _deaths(r, start)
    for event, end in records(r, start):
        yield Records(event), None, end
    vague = r.phrase(start, "stays", "stay", "visits", "visit", "emergency admissions", "emergency admission")
    if vague is not None:
        r.trouble(
            vague,
            f"say which '{r.text(start, vague)}': hospital admissions, ICU stays, emergency visits or all encounters",
        )


def stays(r: Reader, at: int) -> Iterator[tuple[StayKind, Criterion | None, int]]:
    """Yield the stays that the words name, with what the words before say of them."""
    for kind, end in stay_name(r, at):
        yield kind, None, end
    readmissions = r.phrase(at, "readmissions")
    if readmissions is not None:
        r.trouble(readmissions, "say within how many days: 'admissions within 30 days after the previous discharge'")
    yield from typed_stay(r, at)
    if r.index.formats == {"omop"}:
        visits = r.phrase(at, "visits|visit", "visit occurrences|occurrence")
        if visits is not None:
            yield StayKind.ANY, None, visits
    wards = r.phrase(at, "stays|stay in|on|at")
    if wards is not None:
        for found, end in attribute(r, wards, StayKind.ICU, "type"):
            yield StayKind.ICU, found, end
    for sex_words, sex in (("female", "female"), ("male", "male")):
        after = r.phrase(at, sex_words)
        if after is not None:
            for kind, end in stay_name(r, after):
                yield kind, Sex("female" if sex == "female" else "male"), end
    for concept, after in r.concepts(at, (Kind.CONDITION,), 6, least=2):
        for kind, end in stay_name(r, after):
            yield kind, Event(concept, DuringStay()), end


def _deaths(r: Reader, at: int) -> Iterator[tuple[Population, Criterion | None, int]]:
    """Yield "deaths in hospital", "in-hospital deaths", "ICU deaths", "deaths"."""
    for words, kind in (
        ("in hospital|icu deaths", None),
        ("hospital|inpatient deaths", StayKind.INPATIENT),
        ("icu deaths", StayKind.ICU),
    ):
        end = r.phrase(at, words)
        if end is not None:
            yield Patients(), Stay(kind or _kind_of(r.word(at + 1)), Died(DuringStay())), end
    end = r.phrase(at, "deaths", "recorded deaths")
    for start in (
        ()
        if end is None
        else (
            r.skip(end, "were there", "are there", "are recorded", "were recorded", "occurred", "happened"),
            end,
        )
    ):
        for timed, after in window(r, start, None):
            if timed.stay is not None and isinstance(timed.window, DuringStay | Around):
                yield Patients(), Stay(timed.stay, Died(timed.window)), after
            elif isinstance(timed.window, Calendar):
                yield Patients(), Died(timed.window), after
    for by_stay in ("in hospital", "hospital", "inpatient", ""):
        named = r.phrase(at, f"{by_stay} deaths".strip())
        if named is not None and by_stay:
            yield Stays(StayKind.INPATIENT), Died(DuringStay()), named
    if end is not None:
        yield Patients(), Died(), end


def _kind_of(word: str) -> StayKind:
    return StayKind.ICU if word == "icu" else StayKind.INPATIENT


def records(r: Reader, at: int) -> Iterator[tuple[Event, int]]:
    """Yield records of a concept: "doses of furosemide", "heart rate values", "lactate measurements"."""
    for words, mode in (
        ("doses|dose of", "given"),
        ("administrations of", "given"),
        ("orders|prescriptions for|of", "ordered"),
        ("infusions of", "infused"),
    ):
        start = r.phrase(at, words)
        if start is not None:
            for concept, end in r.concepts(start, (Kind.MEDICATION,)):
                yield Event(concept, Ever(), mode=_mode(mode)), end
    for words, mode in (
        ("doses|dose|administrations", "given"),
        ("orders|prescriptions", "ordered"),
        ("infusions", "infused"),
    ):
        for concept, end in r.concepts(at, (Kind.MEDICATION,)):
            after = r.phrase(end, words)
            if after is not None:
                yield Event(concept, Ever(), mode=_mode(mode)), after
    nouns = "values|measurements|results|readings|tests|levels|measures"
    start = r.phrase(at, f"{nouns} of|for", "measured|recorded values of")
    if start is not None:
        for concept, end in r.concepts(start, (Kind.OBSERVATION,)):
            yield from _bounded(r, concept, end)
    for concept, end in r.concepts(at, (Kind.OBSERVATION,)):
        after = r.phrase(end, nouns, "test|lab results|measurements")
        if after is not None:
            yield from _bounded(r, concept, after)


def _bounded(r: Reader, concept: Concept, at: int) -> Iterator[tuple[Event, int]]:
    """Yield the records of a concept with a bound on their value, and all of them."""
    for bound, unit, end in comparison(r, at):
        fitted = fit_unit(r, concept, bound, unit, end)
        if fitted is not None:
            yield Event(fitted, comparison=bound), end
    yield Event(concept), at


def _mode(word: str) -> Mode:
    return "given" if word == "given" else "ordered" if word == "ordered" else "infused"
