"""Rules for time: "within 24 hours of ICU admission", "during that stay", "in 2150", "after the first lactate"."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from sql.text.measures import hours
from sql.text.reader import Reader, phrases
from sql.text.terms import Around, Calendar, DuringStay, Kind, Relative, StayKind, Window

STAY_NAMES: Final[dict[StayKind, tuple[str, ...]]] = {
    StayKind.INPATIENT: (
        "hospital stay|stays|admission|admissions|admits|visit|visits|encounter|encounters",
        "hospitalization|hospitalizations|hospitalisation|hospitalisations",
        "admission|admissions|admits|inpatient",
        "inpatient stay|stays|admission|admissions|admits|encounter|encounters|visit|visits",
        "admission|admissions|admits to hospital",
    ),
    StayKind.ICU: (
        "icu stay|stays|admission|admissions|admits|visit|visits|encounter|encounters",
        "intensive care stay|stays|admission|admissions|admits",
        "intensive care unit stay|stays|admission|admissions|admits",
        "critical care stay|stays|admission|admissions|admits",
        "admission|admissions|admits|stay|stays to|in|on icu",
        "admission|admissions|admits|stay|stays to|in intensive care",
        "admission|admissions|admits|stay|stays to|in intensive care unit",
    ),
    StayKind.EMERGENCY: (
        "ed|er visit|visits|stay|stays|encounter|encounters|presentation|presentations",
        "emergency visit|visits|encounter|encounters|stay|stays|presentation|presentations",
        "emergency department|room visit|visits|stay|stays|encounter|encounters|presentation|presentations",
        "visit|visits to ed|er",
        "visit|visits to emergency department|room",
    ),
    StayKind.AMBULATORY: (
        "outpatient|ambulatory|clinic|office visit|visits|encounter|encounters",
        "outpatient|ambulatory|clinic|office appointment|appointments|contact|contacts",
    ),
    StayKind.HOME: ("home visit|visits|encounter|encounters", "home health visit|visits|encounter|encounters"),
    StayKind.VIRTUAL: (
        "virtual|telehealth|telemedicine visit|visits|encounter|encounters|consultation|consultations",
    ),
    StayKind.ANY: ("encounter|encounters",),
}
PLACES: Final[dict[StayKind, tuple[str, ...]]] = {
    StayKind.INPATIENT: ("hospital",),
    StayKind.ICU: ("icu", "intensive care", "intensive care unit", "critical care", "icus"),
    StayKind.EMERGENCY: ("ed", "er", "emergency department", "emergency room"),
}
_THAT: Final = (
    "that", "this", "their", "his", "her", "each", "its", "that same", "any", "his or her", "a", "1 of their",
    "any of their", "1 of his|her", "1 of",
)  # fmt: skip
_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        ("january|jan", "february|feb", "march|mar", "april|apr", "may", "june|jun", "july|jul", "august|aug",
         "september|sep|sept", "october|oct", "november|nov", "december|dec"), 1)
    for name in names.split("|")
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Timed:
    """A window, and the kind of stay that it hangs on; None for windows that need none."""

    window: Window
    stay: StayKind | None


@dataclass(frozen=True, slots=True)
class Anchor:
    """The start or end of a kind of stay."""

    side: Literal["start", "end"]
    stay: StayKind


def stay_name(r: Reader, at: int) -> Iterator[tuple[StayKind, int]]:
    """Yield the kinds of stay that the words may name, the longest name first."""
    found = [
        (end, kind) for kind, names in STAY_NAMES.items() for name in names if (end := r.phrase(at, name)) is not None
    ]
    for end, kind in sorted(found, key=lambda pair: -pair[0]):
        yield kind, end


def place(r: Reader, at: int) -> tuple[StayKind, int] | None:
    """Return the kind of stay of a place: hospital, ICU, emergency department."""
    best: tuple[StayKind, int] | None = None
    for kind, names in PLACES.items():
        end = r.phrase(at, *names)
        if end is not None and (best is None or end > best[1]):
            best = (kind, end)
    return best


def anchor(r: Reader, at: int, scope: StayKind | None) -> Iterator[tuple[Anchor, int]]:
    """Yield the anchors that the words may name: ICU admission, arrival, discharge from hospital."""
    start = r.skip(at, *_THAT)
    yield from _place_anchor(r, start)
    yield from _plain_anchor(r, start, scope)


def _place_anchor(r: Reader, at: int) -> Iterator[tuple[Anchor, int]]:
    found = place(r, at)
    if found is not None:
        kind, end = found
        after = r.phrase(end, "admission", "entry", "arrival", "registration", "intake", "stay start")
        if after is not None:
            yield Anchor("start", kind), after
        after = r.phrase(end, "discharge", "departure", "exit")
        if after is not None:
            yield Anchor("end", kind), after
    for words, side in (
        ("admission|arrival|arriving|entering|entry|admitted|transfer to|in|at|into", "start"),
        ("being admitted to", "start"),
        ("entering", "start"),
        ("discharge|departure|leaving|discharged from", "end"),
        ("leaving", "end"),
    ):
        end2 = r.phrase(at, words)
        found = None if end2 is None else place(r, end2)
        if found is not None:
            yield Anchor("start" if side == "start" else "end", found[0]), found[1]
    for words, side in (("start|beginning|begin of", "start"), ("end of", "end")):
        opening = r.phrase(at, words)
        if opening is not None:
            for kind, end in stay_name(r, r.skip(opening, *_THAT)):
                yield Anchor("start" if side == "start" else "end", kind), end


def _plain_anchor(r: Reader, at: int, scope: StayKind | None) -> Iterator[tuple[Anchor, int]]:
    hospitalized = r.phrase(at, "hospitalization", "hospitalisation", "being admitted")
    if hospitalized is not None:
        yield Anchor("start", StayKind.INPATIENT), hospitalized
    admitted = r.phrase(at, "admission", "admittance")
    if admitted is not None:
        if scope in (StayKind.ICU, StayKind.EMERGENCY):
            r.trouble(
                admitted,
                f"'admission' may be that to the hospital or to the {_short(scope)}; "
                f"say 'hospital admission' or '{_short(scope)} admission'",
            )
        else:
            yield Anchor("start", StayKind.INPATIENT), admitted
    arrived = r.phrase(at, "arrival", "start", "beginning", "start of stay", "presentation")
    if arrived is not None:
        if scope is None or scope is StayKind.ANY:
            r.trouble(arrived, "say of which stay: 'hospital admission', 'ICU admission' or 'ED arrival'")
        else:
            yield Anchor("start", scope), arrived
    left = r.phrase(at, "discharge", "end of stay")
    if left is not None:
        yield Anchor("end", scope if scope in (StayKind.ICU, StayKind.EMERGENCY) else StayKind.INPATIENT), left


def _short(kind: StayKind | None) -> str:
    return {StayKind.ICU: "ICU", StayKind.EMERGENCY: "ED"}.get(kind or StayKind.ANY, "hospital")


def window(r: Reader, at: int, scope: StayKind | None) -> Iterator[tuple[Timed, int]]:
    """Yield the windows that may stand here; `scope` is the kind of stay asked about, None for patients."""
    yield from _within(r, at, scope)
    yield from _first_hours(r, at, scope)
    yield from _during(r, at, scope)
    _refuse_open_end(r, at, scope)
    for span, end in calendar(r, at):
        yield Timed(span, None), end
    yield from _relative(r, at, None)


def _within(r: Reader, at: int, scope: StayKind | None) -> Iterator[tuple[Timed, int]]:
    """Read "within 24 hours of admission", "in the 2 days before discharge"."""
    start = r.phrase(at, "within", "in", "during", "over", "up to", "no later than", "less than", "not later than")
    if start is None:
        start = at if r.number(at) is not None else None
    duration = None if start is None else hours(r, start)
    if duration is None:
        return
    length, end = timedelta(hours=duration[0]), duration[1]
    after = r.phrase(end, "of", "after", "from", "following", "since", "post")
    if after is not None and start != at:
        for found, end_of in anchor(r, after, scope):
            yield Timed(Around(found.side, after=length), found.stay), end_of
    before = r.phrase(end, "before", "prior to", "preceding")
    if before is not None:
        for found, end_of in anchor(r, before, scope):
            yield Timed(Around(found.side, before=length), found.stay), end_of
    if start != at:
        yield from _relative(r, end, length)


def _first_hours(r: Reader, at: int, scope: StayKind | None) -> Iterator[tuple[Timed, int]]:
    """Read "in the first 48 hours of the ICU stay", "in the last day of the stay"."""
    start = r.phrase(at, "in|within|during|over|on|for first", "first")
    last = r.phrase(at, "in|within|during|over last|final")
    opening = start if start is not None else last
    duration = None if opening is None else hours(r, opening)
    if opening is None or duration is None:
        return
    length, end = timedelta(hours=duration[0]), duration[1]
    side: Literal["start", "end"] = "start" if start is not None else "end"
    joined = r.phrase(end, "of", "in", "on", "after", "following", "from", "before", "during")
    if joined is None:
        if scope is None or scope is StayKind.ANY:
            r.trouble(end, "say of which stay, such as 'of the hospital stay' or 'after ICU admission'")
        else:
            yield Timed(_edge(side, length), scope), end
        return
    named = r.skip(joined, *_THAT)
    for kind, after in stay_name(r, named):
        yield Timed(_edge(side, length), kind), after
    found = place(r, named)
    if found is not None:
        yield Timed(_edge(side, length), found[0]), found[1]
    after_stay = r.phrase(named, "stay")
    if after_stay is not None and scope not in (None, StayKind.ANY):
        yield Timed(_edge(side, length), scope), after_stay
    for found_anchor, after in anchor(r, joined, scope):
        if found_anchor.side == side:
            yield Timed(_edge(side, length, inside=side == "end"), found_anchor.stay), after


def _edge(side: Literal["start", "end"], length: timedelta, *, inside: bool = True) -> Around:
    if side == "start":
        return Around("start", after=length, inside=inside)
    return Around("end", before=length, inside=True)


def _during(r: Reader, at: int, scope: StayKind | None) -> Iterator[tuple[Timed, int]]:
    """Read "during the stay", "in the ICU", "while in hospital"."""
    point = r.phrase(
        at, "on|at|upon admission", "on|at|upon hospital|icu admission", "on|at arrival", "on|at discharge"
    )
    if point is not None:
        r.trouble(
            point,
            f"'{r.text(at, point)}' is a moment; say 'within 24 hours of admission' or 'during the admission'",
        )
    start = r.phrase(at, "during", "in", "within", "over", "while in", "while at", "throughout")
    if start is None:
        return
    same = r.phrase(start, "same")
    for kind, end in stay_name(r, same) if same is not None else ():
        if kind is scope:
            yield Timed(DuringStay(), kind), end
    named = r.skip(start, *_THAT)
    for kind, end in stay_name(r, named):
        yield Timed(DuringStay(), kind), end
    stay = r.phrase(named if same is None else same, "stay", "visit")
    if stay is not None:
        if scope in (None, StayKind.ANY):
            r.trouble(stay, "say which stay: 'the hospital stay' or 'the ICU stay'")
        else:
            yield Timed(DuringStay(), scope), stay
    found = place(r, named)
    if found is not None:
        yield Timed(DuringStay(), found[0]), found[1]


def _refuse_open_end(r: Reader, at: int, scope: StayKind | None) -> None:
    """Refuse "before admission" and "after discharge" without a length: how far back is a question of its own."""
    start = r.phrase(at, "before", "prior to", "after", "following")
    if start is None:
        return
    for _, end in anchor(r, start, scope):
        r.trouble(end, f"say how long '{r.text(at, end)}' reaches, such as 'within 7 days {r.text(at, end)}'")


def _relative(r: Reader, at: int, within: timedelta | None) -> Iterator[tuple[Timed, int]]:
    """Read "after a diagnosis of sepsis", "before furosemide", "of the intubation"."""
    for side in ("before", "after"):
        start = r.phrase(at, side, "prior to" if side == "before" else "following", f"{side} they had")
        if start is None:
            continue
        named = r.skip(start, "first", "their first", "their", "any", "his or her")
        diagnosed = r.skip(
            named,
            *phrases(
                """
                diagnosis of; onset of; start of; starting; dose of; first dose of; being diagnosed with; receiving;
                first diagnosis of; diagnosis with; record of; first record of; being given
                """
            ),
        )
        kinds = (Kind.CONDITION,) if diagnosed > named and "diagnos" in r.text(named, diagnosed) else None
        for concept, end in r.concepts(diagnosed, kinds) if kinds else r.concepts(diagnosed):
            yield Timed(Relative("before" if side == "before" else "after", concept, within), None), end


def calendar(r: Reader, at: int) -> Iterator[tuple[Calendar, int]]:
    """Yield the spans of the calendar that may stand here: "in 2150", "between May 2150 and June 2151"."""
    opening = r.phrase(at, "between", "from")
    first = None if opening is None else date_span(r, opening)
    if first is not None:
        joint = r.phrase(first[1], "and", "to", "until", "through")
        second = None if joint is None else date_span(r, joint)
        if second is not None:
            yield Calendar(first[0].since, second[0].until), second[1]
    for words, use in (
        ("in|during|within|on|of|for", "span"), ("in year|month", "span"), ("since", "since"), ("before", "before"),
        ("prior to", "before"), ("until", "until"), ("after", "after"), ("from", "since"), ("by", "until"),
    ):  # fmt: skip
        start = r.phrase(at, words)
        span = None if start is None else date_span(r, start)
        if span is None:
            continue
        found, end = span
        end = r.skip(end, "onwards", "onward", "or later") if use == "since" else end
        yield (
            {
                "span": found,
                "since": Calendar(found.since, None),
                "after": Calendar(found.until, None),
                "before": Calendar(None, found.since),
                "until": Calendar(None, found.until),
            }[use],
            end,
        )


def date_span(r: Reader, at: int) -> tuple[Calendar, int] | None:
    """Return the day, month or year that stands here."""
    written = r.word(at)
    try:
        if written.count("-") == 2:
            day = datetime.fromisoformat("-".join(part.zfill(2) for part in written.split("-")))
            return Calendar(day, day + timedelta(days=1)), r.reached(at + 1)
    except ValueError:
        r.trouble(at + 1, f"'{written}' is no date")
        return None
    month_at = at
    if written in _MONTHS and r.phrase(at + 1, "of"):
        month_at = at + 1
    if written in _MONTHS and _is_year(r, month_at + 1):
        year, month = int(r.word(month_at + 1)), _MONTHS[written]
        until = datetime(year + month // 12, month % 12 + 1, 1)
        return Calendar(datetime(year, month, 1), until), r.reached(month_at + 2)
    if _is_year(r, at):
        return Calendar(datetime(int(written), 1, 1), datetime(int(written) + 1, 1, 1)), r.reached(at + 1)
    return None


def _is_year(r: Reader, at: int) -> bool:
    return (
        r.number(at) is not None and len(r.word(at)) == 4 and r.word(at).isdigit() and 1800 <= int(r.word(at)) < 2300
    )
