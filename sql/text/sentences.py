"""Rules for whole questions: what is asked, about whom, and what is said of them."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from sql.text.clauses import age_time, clauses, sentence
from sql.text.events import WHICH
from sql.text.populations import population, stays
from sql.text.query import (
    AgeAt,
    AgeOf,
    Around,
    Ask,
    By,
    Calendar,
    Concept,
    Count,
    Criterion,
    DuringStay,
    Event,
    Ever,
    Function,
    Kind,
    LengthOf,
    Listing,
    Measure,
    Patients,
    Population,
    Query,
    Records,
    Share,
    Statistic,
    StayKind,
    Stays,
    ValueOf,
    Which,
    all_of,
)
from sql.text.reader import Reader
from sql.text.scopes import lift, settle
from sql.text.windows import PLACES, window

_POLITE: Final = (
    "can|could|would you tell me",
    "can|could|would you",
    "tell me",
    "i want|need|would like to know",
    "i would like to see",
    "i want to know",
    "do you know",
    "let me know",
    "find out",
    "we need to know",
    "i need",
    "i want",
    "we want to know",
    "could i know",
    "hello",
    "hi",
    "so",
    "now",
    "ok",
    ",",
    "calculate",
    "compute",
    "determine",
    "report",
    "in this store ,",
    "in database ,",
    "in this store",
    "in our data ,",
    "also",
    "then",
    "what is",
    "what was",
    "what are",
    "what were",
    "give me",
    "give",
    "show me",
    "show",
)
_COUNT: Final = (
    "how many",
    "number of",
    "total number of",
    "count of",
    "count",
    "counts of",
    "what number of",
    "amount of",
)
_LIST: Final = (
    "list",
    "list of",
    "show",
    "show me",
    "which",
    "display",
    "find",
    "get",
    "give me",
    "identify",
    "who are",
    "ids of",
    "list ids of",
    "give me list of",
    "retrieve",
    "list all",
    "show all",
    "find all",
    "return",
    "fetch",
)
_TAILS: Final = (
    "are|were there", "is|was there", "there are", "there were", "are|were there in total", "in total", "do we have", "are in store|database|data|dataset", "in store|database|data|dataset", "are recorded", "were recorded", "exist",
    "in this store|database|data|dataset", "are in this store|database|data|dataset", "are|were there in store|database|data|dataset", "are|were there in this store|database|data|dataset", "overall", "altogether", "have been recorded", "are|were there altogether|overall", "do you have", "are known", "on record", "are on record", "are stored", "were charted", "were measured", "were given", "were administered", "were taken", "have been given", "have been measured", "are charted", "were done", "did we have", "have we", "were made",
)  # fmt: skip
_FUNCTIONS: Final[dict[str, Function]] = {
    "average": "average", "mean": "average", "avg": "average", "median": "median",
    "minimum": "minimum", "min": "minimum", "lowest": "minimum", "smallest": "minimum", "shortest": "minimum", "youngest": "minimum",
    "maximum": "maximum", "max": "maximum", "highest": "maximum", "largest": "maximum", "greatest": "maximum", "longest": "maximum", "oldest": "maximum",
    "total": "total", "sum of": "total", "combined": "total",
}  # fmt: skip
_LENGTH: Final = (
    "length of stay",
    "length of stays",
    "los",
    "stay length",
    "duration of stay",
    "duration",
    "length",
    "time spent",
    "stay",
    "lengths of stay",
)


def questions(r: Reader) -> Iterator[Query]:
    """Yield the ways to read the whole question."""
    for start in _openings(r):
        for query, end in _question(r, start):
            last = _closing(r, end)
            if last == len(r.tokens):
                yield query


def _openings(r: Reader) -> Iterator[int]:
    at = 0
    starts = [at]
    while (end := r.phrase(at, *_POLITE)) is not None:
        at = end
        starts.append(at)
    yield from reversed(starts)


def _closing(r: Reader, at: int) -> int:
    while (end := r.phrase(at, "?", ".", "!", "thanks", "thank you", ",")) is not None:
        at = end
    return at


def _question(r: Reader, at: int) -> Iterator[tuple[Query, int]]:
    for build in (_counting, _inner_counting, _sharing, _summing, _listing):
        yield from build(r, at)


# --- counting ---------------------------------------------------------------------------------------------


def _counting(r: Reader, at: int) -> Iterator[tuple[Query, int]]:
    """Read "how many patients with heart failure died", and what is asked further of the same."""
    start = r.phrase(at, *_COUNT)
    if start is None:
        return
    for found, base, end in population(r, r.skip(start, "of")):
        for where, last in _said(r, end, found):
            yield from _tails(r, Query(found, (Count(),), settle(found, all_of(base, where))), last)


def _inner_counting(r: Reader, at: int) -> Iterator[tuple[Query, int]]:
    """Read "in how many ICU stays was there invasive ventilation"."""
    start = r.phrase(at, "in|during|for|on|to how many", "to|for what number of")
    if start is None:
        return
    for found, base, end in population(r, start):
        scope = _scope(found)
        if isinstance(found, Records):
            continue
        for said, last in sentence(r, end, scope):
            for more, after in clauses(r, last, scope):
                criterion = settle(found, all_of(base, said, more))
                yield from _tails(r, Query(found, (Count(),), criterion), after)


def _said(r: Reader, at: int, found: Population) -> Iterator[tuple[Criterion | None, int]]:
    """Yield what is said of a population; existential words may stand before or after it."""
    scope = _scope(found)
    for begin in dict.fromkeys((r.skip(at, *_TAILS), at)):
        if isinstance(found, Records):
            yield from _of_records(r, begin, found)
            continue
        for where, end in clauses(r, begin, scope):
            yield where, end


def _of_records(r: Reader, at: int, found: Records) -> Iterator[tuple[Criterion | None, int]]:
    """Yield what is said of the patients of records: "in patients with sepsis"."""
    yield None, at
    start = r.phrase(at, "of|in|for|among|to|from")
    if start is None:
        return
    for people, base, end in population(r, start):
        if isinstance(people, Patients):
            for where, last in clauses(r, end, None):
                yield all_of(base, where), last


def _tails(r: Reader, query: Query, at: int) -> Iterator[tuple[Query, int]]:
    """Add groups and further asks: "by sex", "and how many of them died", "of how many patients"."""
    for begin in dict.fromkeys((r.skip(at, *_TAILS), at)):
        for by, end in _groups(r, begin, query.population):
            if isinstance(query.asks[0], Count) and len(query.asks) == 1:
                yield replace(query, by=by), end
        yield from _further(r, query, begin)
        yield query, begin


def _groups(r: Reader, at: int, found: Population) -> Iterator[tuple[By, int]]:
    start = r.phrase(
        at,
        "by",
        "per",
        "of each",
        "for each",
        "in each",
        "grouped by",
        "split by",
        "broken down by",
        "of every",
        "for every",
    )
    if start is None:
        return
    options: dict[str, By] = {"sex": "sex", "gender": "sex"}
    if isinstance(found, Stays):
        options |= {
            "type": "type", "admission type": "type", "type of admission": "type", "encounter type": "type", "stay type": "type", "kind": "class",
            "class": "class", "encounter class": "class", "year": "year", "year of admission": "year", "calendar year": "year", "admission year": "year",
        }  # fmt: skip
    for words, by in options.items():
        end = r.phrase(start, words)
        if end is not None:
            yield by, end


def _further(r: Reader, query: Query, at: int) -> Iterator[tuple[Query, int]]:
    start = r.phrase(at, ", and", "and", ",")
    if start is None:
        return
    for ask, end in _further_ask(r, start, query):
        yield from _tails(r, replace(query, asks=(*query.asks, ask)), end)


def _further_ask(r: Reader, at: int, query: Query) -> Iterator[tuple[Ask, int]]:
    """Read one more ask about the same: "how many of them died", "of how many patients", "their median length in hours"."""
    of_patients = r.phrase(
        at,
        "of|for|in|from|by how many patients|people|subjects",
        "how many patients",
        "number of patients",
        "how many different|distinct patients",
    )
    if of_patients is not None and not isinstance(query.population, Patients):
        yield Count("patients"), r.skip(of_patients, "were they", "was that", "are these")
    if isinstance(query.population, Stays | Patients):
        scope = _scope(query.population)
        start = r.phrase(
            at,
            "how many of them|these|those",
            "how many",
            "of these|those how many",
            "of those , how many",
            "of these , how many",
            "of them how many",
            "how many of those|these|them patients",
        )
        if start is not None:
            for where, end in clauses(r, start, scope):
                if where is not None:
                    yield Count("members", settle(query.population, where)), end
    theirs = r.skip(at, "what is|was", "with")
    named = r.phrase(theirs, "their", "its", "what is|was their")
    if named is not None and isinstance(query.population, Stays):
        for function, after in _function(r, named):
            for unit, end in _length_of(r, after, query.population.kind):
                yield Statistic(function, LengthOf(unit)), end
    doses = r.phrase(
        at,
        "in|with how many recorded doses|administrations",
        "in|with how many doses|administrations",
        "how many doses|administrations",
        "how many recorded doses",
        "how many doses did they receive",
    )
    given = _given(query)
    if doses is not None and given is not None:
        yield Count("records"), r.skip(doses, "in total", "were given", "in all")


def _given(query: Query) -> Event | None:
    """Return the event that a count of patients is all about, if it is a medication given."""
    where = query.where
    is_dose = (
        isinstance(where, Event) and where.concept.kind is Kind.MEDICATION and where.mode in ("given", "ordered")
    )
    return where if is_dose and isinstance(where, Event) and isinstance(query.population, Patients) else None


# --- listing and shares -----------------------------------------------------------------------------------


def _listing(r: Reader, at: int) -> Iterator[tuple[Query, int]]:
    """Read "list the women with sepsis", "which patients were given furosemide", or just "patients with COPD"."""
    start = r.phrase(at, *_LIST)
    opening = at if start is None else r.skip(start, "me", "all", "ids of", "all of", "list of")
    for found, base, end in population(r, opening):
        if isinstance(found, Records):
            continue
        for where, last in _said(r, end, found):
            criterion = settle(found, all_of(base, where))
            if start is not None or at > 0 or criterion is not None:
                yield Query(found, (Listing(),), criterion), last


def _sharing(r: Reader, at: int) -> Iterator[tuple[Query, int]]:
    """Read "what percentage of patients with heart failure died": the last thing said is what the share is of."""
    start = r.phrase(
        at,
        "percentage of",
        "percent of",
        "proportion of",
        "share of",
        "fraction of",
        "what percentage|percent|proportion|share|fraction of",
        "% of",
        "what % of",
        "rate of",
    )
    if start is None:
        return
    for found, base, end in population(r, start):
        if isinstance(found, Records):
            continue
        scope = _scope(found)
        for where, middle in clauses(r, end, scope):
            if r.word(middle) in _NOT_PREDICATES:
                continue
            for share, last in clauses(r, middle, scope):
                part = settle(found, share)
                if part is not None:
                    yield Query(found, (Share(part),), settle(found, all_of(base, where))), last


_NOT_PREDICATES: Final = frozenset(
    {"with", "without", "who", "whose", "that", "which", "aged", "of", "in", "on", "and", "or", ","}
)


# --- statistics -------------------------------------------------------------------------------------------


def _function(r: Reader, at: int) -> Iterator[tuple[Function, int]]:
    for words, function in _FUNCTIONS.items():
        end = r.phrase(at, words)
        if end is not None:
            yield function, r.skip(end, "of")


def _summing(r: Reader, at: int) -> Iterator[tuple[Query, int]]:
    for function, end in _function(r, at):
        yield from _ages(r, end, function)
        yield from _lengths(r, end, function)
        yield from _values(r, end, function)


def _ages(r: Reader, at: int, function: Function) -> Iterator[tuple[Query, int]]:
    end = r.phrase(at, "age", "patient age", "ages", "age in years")
    if end is None:
        return
    for (moment, kind), after in age_time(r, end, None):
        over: Population = Patients() if kind is None else Stays(kind)
        for found, where, last in _over(r, after, over):
            yield Query(found, (Statistic(function, AgeOf(_moment(moment, found))),), where), last


def _moment(moment: AgeAt, found: Population) -> AgeAt:
    return "start" if isinstance(found, Stays) and moment == "last" else moment


def _over(r: Reader, at: int, over: Population) -> Iterator[tuple[Population, Criterion | None, int]]:
    """Yield the population that a statistic is taken over: "of women with sepsis", "for ICU stays in 2150", or all.

    A statistic of stays that is said of patients is taken over their stays; one of patients said of stays, over these.
    """
    start = r.phrase(at, "of", "for", "among", "in", "across", "over", "at", "by")
    if start is not None:
        for named, base, end in population(r, start):
            if isinstance(named, Records) or (isinstance(named, Stays) and isinstance(over, Stays) and named != over):
                continue
            found = over if isinstance(named, Patients) else named
            for where, last in clauses(r, end, _scope(named)):
                said = all_of(base, where)
                if isinstance(found, Stays) and isinstance(named, Patients):
                    said = lift(found.kind, said)
                yield found, settle(found, said), last
    for where, last in clauses(r, at, _scope(over)):
        yield over, settle(over, where), last


def _scope(found: Population) -> StayKind | None:
    return found.kind if isinstance(found, Stays) else None


def _lengths(r: Reader, at: int, function: Function) -> Iterator[tuple[Query, int]]:
    """Read "median length of hospital stay in days", "average time in the ICU", "hours in the emergency department"."""
    for kind, unit, end in _stay_length(r, at):
        for unit_before, after in _unit_phrase(r, end):
            for found, where, last in _over(r, after, Stays(kind)):
                for unit_after, final in _unit_phrase(r, last):
                    if unit_before and unit_after:
                        continue
                    chosen = unit or unit_before or unit_after or _usual(kind)
                    if isinstance(found, Stays):
                        yield (
                            Query(
                                found,
                                (Statistic(function, LengthOf("hours" if chosen == "hours" else "days")),),
                                where,
                            ),
                            final,
                        )


def _usual(kind: StayKind) -> str:
    return "days" if kind in (StayKind.INPATIENT, StayKind.ICU) else "hours"


def _unit_phrase(r: Reader, at: int) -> Iterator[tuple[str | None, int]]:
    for words in ("hours", "days"):
        end = r.phrase(at, f"in {words}", f"( {words} )", f", in {words}", f"( in {words} )")
        if end is not None:
            yield words, end
    yield None, at


def _stay_length(r: Reader, at: int) -> Iterator[tuple[StayKind, str | None, int]]:
    """Yield (kind of stay, unit if it is said, end)."""
    names = {kind: (*words, *(f"{word} stay" for word in words)) for kind, words in PLACES.items()}
    for kind, words in names.items():
        for word in words:
            for noun in _LENGTH:
                end = r.phrase(at, f"{word} {noun}")
                if end is not None and (noun != "stay" or function_is_length(r, at, end)):
                    yield kind, None, end
            end = r.phrase(
                at, f"length|duration|lengths of {word}", f"length|duration|lengths of {word} stays|stay|admission|admissions|visit|visits", f"length of stay in|for|of {word}", f"time spent in|at {word}", f"time in|at {word}", f"stay in|at {word}",
                f"length|duration of stay|stays in|at {word}",
            )  # fmt: skip
            if end is not None:
                yield kind, None, end
            for unit in ("hours", "days"):
                end = r.phrase(
                    at,
                    f"{unit} in|at {word}",
                    f"{unit} spent in|at {word}",
                    f"number of {unit} in|at {word}",
                    f"number of {unit} spent in|at {word}",
                )
                if end is not None:
                    yield kind, unit, end
    for words, kind in (
        ("admission|admissions|hospitalization|hospitalizations|hospitalisation", StayKind.INPATIENT),
        ("outpatient|ambulatory visit|visits|encounter|encounters", StayKind.AMBULATORY),
        ("emergency|ed|er visit|visits|encounter|encounters", StayKind.EMERGENCY),
        ("inpatient stay|stays|encounter|encounters", StayKind.INPATIENT),
        ("encounter|encounters", StayKind.ANY),
    ):
        end = r.phrase(at, f"length|duration|lengths of {words}", f"{words} length|duration")
        if end is not None:
            yield kind, None, end
    plain = r.phrase(at, "length of stay", "length of stays", "los", "duration of stay", "lengths of stay")
    if plain is not None:
        for unit, end in _unit_phrase(r, plain):
            start = r.phrase(end, "of", "for", "in", "among")
            named = [kind for kind, _, _ in stays(r, start)] if start is not None else []
            for kind in named or [StayKind.INPATIENT]:
                yield kind, unit, end


def function_is_length(r: Reader, at: int, end: int) -> bool:
    """Say whether "hospital stay" stands for its length: only after "average", "longest" and the like, with no more."""
    return end == len(r.tokens) or r.word(end) in {"?", "of", "for", "in", "among", "(", ","}


def _length_of(r: Reader, at: int, kind: StayKind) -> Iterator[tuple[str, int]]:
    end = r.phrase(at, *_LENGTH)
    if end is None:
        return
    for unit, after in _unit_phrase(r, end):
        yield ("hours" if (unit or _usual(kind)) == "hours" else "days"), after


def _values(r: Reader, at: int, function: Function) -> Iterator[tuple[Query, int]]:
    """Read "first potassium of each admission", "creatinine of patients with sepsis"."""
    for which, start in _which(r, at):
        for concept, end in r.concepts(start, (Kind.OBSERVATION,)):
            end = r.skip(
                end,
                "level|levels|value|values|result|results|measurement|measurements|reading|readings|concentration",
            )
            if which == "any":
                yield from _all_values(r, end, function, concept)
            else:
                yield from _one_value_each(r, end, function, concept, which)


def _which(r: Reader, at: int) -> Iterator[tuple[Which, int]]:
    start = r.skip(at, "recorded", "measured")
    for word, which in WHICH.items():
        end = r.phrase(start, word)
        if end is not None:
            yield which, end
    yield "any", start


def _all_values(r: Reader, at: int, function: Function, concept: Concept) -> Iterator[tuple[Query, int]]:
    end = r.skip(
        at,
        "ever recorded",
        "recorded",
        "measured",
        "ever measured",
        "ever",
        "on record",
        "in store",
        "in this store",
        "in data",
    )
    measure: Measure = ValueOf(concept, "any", Ever())
    found = Records(Event(concept))
    for span, after in [*_calendar(r, end), (None, end)]:
        event = found.event if span is None else Event(concept, span)
        for where, last in _of_records(r, after, found):
            yield Query(Records(event), (Statistic(function, measure),), settle(Patients(), where)), last


def _calendar(r: Reader, at: int) -> list[tuple[Calendar, int]]:
    return [(timed.window, end) for timed, end in window(r, at, None) if isinstance(timed.window, Calendar)]


def _one_value_each(
    r: Reader, at: int, function: Function, concept: Concept, which: Which
) -> Iterator[tuple[Query, int]]:
    for timed, after in [*window(r, at, None), (None, at)]:
        if timed is not None and (timed.stay is None or not isinstance(timed.window, Around | DuringStay)):
            continue
        start = r.phrase(
            after,
            "of each",
            "per",
            "of every",
            "for each",
            "for every",
            "in each",
            "of all",
            "of",
            "for",
            "across",
            "among",
            "in",
        )
        kinds: list[tuple[Population, Criterion | None, int]] = []
        if start is not None:
            kinds = list(population(r, start))
        elif timed is not None and timed.stay is not None:
            kinds = [(Stays(timed.stay), None, after)]
        for found, base, end in kinds:
            if isinstance(found, Records) or (isinstance(found, Patients) and timed is not None):
                continue
            if isinstance(found, Stays) and timed is not None and timed.stay is not found.kind:
                continue
            span = Ever() if isinstance(found, Patients) else timed.window if timed else DuringStay()
            ask = Statistic(function, ValueOf(concept, which, span))
            for where, last in clauses(r, end, _scope(found)):
                yield Query(found, (ask,), settle(found, all_of(base, where))), last
