"""A question about records back in plain English, from its typed form and the nouns of the catalogue alone."""

from typing import Final

from sql.text.records import query as asks
from sql.text.records import selection
from sql.text.records.catalogue import Catalogue, Kind
from sql.text.records.query import RecordsQuery
from sql.text.records.selection import Records
from sql.text.records.values import Duration, Range, Value

_FUNCTIONS: Final = {"sum": "total", "avg": "average", "min": "lowest", "max": "highest"}
_OPERATORS: Final = {
    "above": "above", "below": "below", "at_least": "of at least", "at_most": "of at most", "equal": "of exactly",
}  # fmt: skip
_NORMAL: Final = {
    "normal": "in its normal range",
    "abnormal": "outside its normal range",
    "above_normal": "above its normal range",
    "below_normal": "below its normal range",
}  # fmt: skip
_CALENDAR: Final = {
    ("year", 0): "this year", ("year", 1): "last year", ("month", 0): "this month", ("month", 1): "last month",
    ("day", 0): "today", ("day", 1): "yesterday",
}  # fmt: skip
_STAYS: Final = {"stay": "hospital stay", "icu": "ICU stay"}
_PLACES: Final = {1: "", 2: "second ", 3: "third "}
_SAME: Final = {"day": "on the same day after", "month": "in the same month after", "stay": "in the same stay after"}


def read_records(query: RecordsQuery, catalogue: Catalogue) -> str:
    """Say in one sentence what was understood; slots that were not filled stand as they are.

    Raises QuestionError for a kind or field that the catalogue does not describe.
    """
    text = _Reader(catalogue).question(query)
    return f"{text[0].upper()}{text[1:]}."


class _Reader:
    """The nouns of one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def question(self, query: RecordsQuery) -> str:
        records = query.records
        whom = self.records(records)
        match query.ask:
            case asks.Exists(negated):
                return f"whether there {'are none' if negated else 'is any'} of these: {whom}"
            case asks.Count(of):
                return f"number of {whom}" if of == "records" else f"number of {_counted(of)} with {whom}"
            case asks.List(field, distinct):
                return f"{'each different ' if distinct else ''}{self.noun(records, field)} of {whom}"
            case asks.Aggregate(function, field, per):
                each = f", for each {per} with any" if per else ""
                return f"{_FUNCTIONS[function]} {self.noun(records, field)} of {whom}{each}"
            case asks.Frequency(function, per):
                return f"{_FUNCTIONS[function]} number per {per} of hospital stays with {whom}"
            case asks.Top(n, field):
                return f"the {n} most frequent, by {self.noun(records, field)}, of {whom}; equal ones share a place"
            case asks.Length():
                return f"length in days of {whom}"
            case asks.Since(unit):
                return f"{unit} that have passed since {whom}"
            case asks.Percentile(number):
                return f"percentile rank of {number} among {whom}"
            case _:
                return self._further(query, whom)

    def _further(self, query: RecordsQuery, whom: str) -> str:
        records = query.records
        match query.ask:
            case asks.Mortality(n, within, field):
                died = f"patients who died within {_duration(within)} of their first"
                return f"the {n} with the highest share of {died}, by {self.noun(records, field)}, of {whom}"
            case asks.Survival(within):
                span = _duration(within)
                return f"share of patients alive {span} after the first record that these follow: {whom}"
            case asks.Change(how, field, other):
                noun, then = self.noun(records, field), _moment(other)
                if how == "difference":
                    return f"{noun} of {whom}, less that {then}"
                return f"whether the {noun} of {whom} is {how} than that {then}"
            case asks.New(field, other):
                return f"each {self.noun(records, field)} of {whom} that there is not {_moment(other)}"
            case asks.Balance(other_kind):
                other_noun = self.catalogue.kind(other_kind).noun[1]
                return f"total of {whom}, less the total of the {other_noun} of the same patient and time"
            case asks.Cost():
                return f"what is charged for {whom}"
            case asks.StayCost(function):
                return (
                    f"{_FUNCTIONS[function]} total cost of the hospital stays with {whom}, by the time of the charges"
                )
        raise AssertionError(f"{type(query.ask).__name__} has no reading")

    def noun(self, records: Records, field: str) -> str:
        return self.catalogue.field(records.kind, field).noun

    def records(self, records: Records) -> str:
        kind = self.catalogue.kind(records.kind)
        parts = [_pick(records.pick, kind), self._matches(kind, records.matches)]
        parts += [_person(person) for person in records.who]
        parts += [_window(window) for window in records.when]
        if isinstance(records.value, selection.Comparison):
            parts.append(f"with a {self._value(kind)} {_OPERATORS[records.value.operator]} {records.value.number}")
        elif isinstance(records.value, selection.Normality):
            parts.append(f"with a {self._value(kind)} {_NORMAL[records.value.side]}")
        if records.times:
            least = "at least " if records.times.operator == "at_least" else "exactly "
            parts.append(f"that there are {least}{records.times.number} of")
        if records.following:
            parts.append(self._following(records.following))
        return " ".join(part for part in parts if part)

    def _value(self, kind: Kind) -> str:
        return kind.value.noun if kind.value else "value"

    def _matches(self, kind: Kind, matches: tuple[selection.Match, ...]) -> str:
        said = []
        for match in matches:
            noun = self.catalogue.field(kind.name, match.field).noun
            if not match.values:
                said.append(f"with any {noun}")
            elif match.field == "name":
                said.append(f"of {_either(match.values)}")
            else:
                said.append(f"with the {noun} {_either(match.values)}")
        return " ".join(said)

    def _following(self, following: selection.Following) -> str:
        other = self.catalogue.kind(following.kind)
        what = f"{other.noun[1]} {self._matches(other, following.matches)}".strip()
        relation = following.relation
        if isinstance(relation, selection.Within):
            return f"within {_duration(relation.duration)} after {what} of the same patient"
        unit = getattr(relation, "unit", None)
        if unit == "time":
            return f"at the same time as {what} of the same patient"
        return f"{_SAME[unit] if unit else 'at any time after'} {what} of the same patient"


def _counted(of: str) -> str:
    return "hospital stays" if of == "stays" else of


def _either(values: tuple[Value, ...]) -> str:
    return " or ".join(str(value) for value in values)


def _pick(pick: selection.Pick | None, kind: Kind) -> str:
    if pick is None:
        return kind.noun[1]
    if pick.extreme:
        value = kind.value.noun if kind.value else "value"
        return f"the {pick.end} of the {kind.noun[1]} with the {pick.extreme} {value}"
    place = f"{_PLACES[pick.place]}{'last' if pick.end == 'last' else 'first' if pick.place == 1 else ''}".strip()
    return f"the {place} of the {kind.noun[1]}"


def _person(person: selection.Person) -> str:
    match person:
        case selection.Patient(subject):
            return f"of patient {subject}"
        case selection.OfSex(sex):
            return f"of patients of sex {sex}"
        case selection.SameAge(subject, stay):
            return f"of patients of the age that patient {subject} had in the {stay} hospital stay"
        case selection.Aged(Range(low, high)):
            return f"of patients aged {low} or over" if high is None else f"of patients aged {low} to {high}"
        case selection.Aged(ages):
            return f"of patients aged {ages}"


def _window(window: selection.Window) -> str:
    match window:
        case selection.Span(side, date):
            return f"{side} {date}"
        case selection.At(moment):
            return f"at {moment}"
        case selection.Calendar(unit, back, part):
            words = _CALENDAR[unit, back]
            return words if part is None else f"on {part} of {words}" if unit == "month" else f"in {part} of {words}"
        case selection.Ago(duration):
            return f"since {_duration(duration)} ago"
        case selection.InStay(of, which):
            return f"in the {which} {_STAYS[of]}"


def _moment(moment: selection.Moment) -> str:
    parts = [_window(window) for window in moment.when]
    if moment.pick:
        extreme = f" of the {moment.pick.extreme}" if moment.pick.extreme else ""
        parts.insert(0, f"of the {_PLACES[moment.pick.place]}{moment.pick.end}{extreme} one")
    return " ".join(parts) or "at any time"


def _duration(value: Value) -> str:
    if not isinstance(value, Duration):
        return str(value)
    return f"{value.amount} {value.unit}{'' if value.amount == 1 else 's'}"
