"""The short form of a records question as tokens, one a decision: what a learned parser writes.

    list lab value name lab_1 of patient_1 since date_1 last
    top number_1 diagnosis name this_year within duration_1 procedure name procedure_1

`linearize` and `delinearize` are each other's inverse. A part is the same wherever it stands:

    question     ASK KIND [FIELD] restriction* [versus window* [pick]]
    restriction  FIELD value* | of, aged, of_sex, same_age | windows | value | times | pick | following: in this order

A value is a slot (`lab_1`) or, in a query without slots, `=` and the value as JSON. What may follow a prefix, for
the kinds and fields of one catalogue, is in `grammar`.
"""

from collections.abc import Sequence
from typing import Final

from sql.text.records import query as asks
from sql.text.records import selection
from sql.text.records.grammar import read_tokens
from sql.text.records.query import RecordsQuery
from sql.text.records.selection import Records
from sql.text.records.tokens import CALENDAR, PICKS, VERSUS, value_token

_CALENDAR: Final = {meaning: token for token, meaning in CALENDAR.items()}
_PICKS: Final = {meaning: token for token, meaning in PICKS.items()}


def linearize(query: RecordsQuery) -> tuple[str, ...]:
    """Return the tokens of a query.

    >>> linearize(RecordsQuery(List("value"), Records("lab", pick=Pick("last"), who=(Patient(10018081),))))
    ('list', 'lab', 'value', 'of', '=10018081', 'last')
    """
    ask, records = query.ask, query.records
    tokens = [*_ask(ask, records.kind), *_restrictions(records)]
    if isinstance(ask, asks.Change | asks.New):
        tokens += [VERSUS, *(token for window in ask.other.when for token in _window(window)), *_pick(ask.other.pick)]
    return tuple(tokens)


def delinearize(tokens: Sequence[str]) -> RecordsQuery:
    """Return the query of tokens, whatever the kinds and fields in it; raises QuestionError where they are none."""
    return read_tokens(tokens)


def _ask(ask: asks.Ask, kind: str) -> list[str]:
    match ask:
        case asks.Exists(negated):
            return ["never" if negated else "exists", kind]
        case asks.Count(of):
            return [f"count_{of}", kind]
        case asks.List(field, distinct):
            return ["list_distinct" if distinct else "list", kind, field]
        case asks.Aggregate(function, field, per):
            return [function, *([f"per_{per}"] if per else []), kind, field]
        case asks.Frequency(function, per):
            return [f"{function}_number", f"per_{per}", kind]
        case asks.Top(n, field):
            return ["top", value_token(n), kind, field]
        case asks.Mortality(n, within, field):
            return ["mortality", value_token(n), value_token(within), kind, field]
        case asks.Survival(within):
            return ["survival", value_token(within), kind]
        case asks.Change(how, field):
            return [how, kind, field]
        case asks.New(field):
            return ["new", kind, field]
        case asks.Balance(other):
            return ["balance", kind, other]
        case asks.Length():
            return ["length", kind]
        case asks.Since(unit):
            return [f"{unit}_since", kind]
        case asks.Cost():
            return ["cost", kind]
        case asks.StayCost(function):
            return [f"{function}_cost", kind]
        case asks.Percentile(number):
            return ["percentile", value_token(number), kind]


def _restrictions(records: Records) -> list[str]:
    tokens = [token for match in records.matches for token in _match(match)]
    tokens += [token for person in records.who for token in _person(person)]
    tokens += [token for window in records.when for token in _window(window)]
    if isinstance(records.value, selection.Comparison):
        tokens += [records.value.operator, value_token(records.value.number)]
    elif isinstance(records.value, selection.Normality):
        tokens.append(records.value.side)
    if records.times:
        tokens += [f"times_{records.times.operator}", value_token(records.times.number)]
    tokens += _pick(records.pick)
    return tokens + _following(records.following)


def _match(match: selection.Match) -> list[str]:
    return [match.field, *(value_token(value) for value in match.values)]


def _person(person: selection.Person) -> list[str]:
    match person:
        case selection.Patient(subject):
            return ["of", value_token(subject)]
        case selection.Aged(ages):
            return ["aged", value_token(ages)]
        case selection.OfSex(sex):
            return ["of_sex", value_token(sex)]
        case selection.SameAge(subject, stay):
            return ["same_age", value_token(subject), f"{stay}_stay"]


def _window(window: selection.Window) -> list[str]:
    match window:
        case selection.Span(side, date):
            return [side, value_token(date)]
        case selection.At(moment):
            return ["at", value_token(moment)]
        case selection.Calendar(unit, back, part):
            return [_CALENDAR[unit, back], *([] if part is None else [value_token(part)])]
        case selection.Ago(duration):
            return ["ago", value_token(duration)]
        case selection.InStay(of, which):
            return [f"{which}_{of}"]


def _pick(pick: selection.Pick | None) -> list[str]:
    if pick is None:
        return []
    return [*([pick.extreme] if pick.extreme else []), _PICKS[pick.end, pick.place]]


def _following(following: selection.Following | None) -> list[str]:
    if following is None:
        return []
    matches = [token for match in following.matches for token in _match(match)]
    return [*_relation(following.relation), following.kind, *matches]


def _relation(relation: selection.Relation) -> list[str]:
    match relation:
        case selection.Within(duration):
            return ["within", value_token(duration)]
        case selection.Same(unit):
            return [f"same_{unit}"]
        case selection.Later():
            return ["after"]
