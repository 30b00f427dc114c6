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

from sql.text.records.grammar import read_tokens
from sql.text.records.query import (
    Aggregate,
    Ask,
    Balance,
    Change,
    Cost,
    Count,
    Exists,
    Frequency,
    Length,
    List,
    Mortality,
    New,
    Percentile,
    RecordsQuery,
    Since,
    StayCost,
    Survival,
    Top,
)
from sql.text.records.selection import (
    Aged,
    Ago,
    At,
    Calendar,
    Comparison,
    Following,
    InStay,
    Later,
    Match,
    Normality,
    OfSex,
    Patient,
    Person,
    Pick,
    Records,
    Relation,
    Same,
    SameAge,
    Span,
    Window,
    Within,
)
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
    if isinstance(ask, Change | New):
        tokens += [VERSUS, *(token for window in ask.other.when for token in _window(window)), *_pick(ask.other.pick)]
    return tuple(tokens)


def delinearize(tokens: Sequence[str]) -> RecordsQuery:
    """Return the query of tokens, whatever the kinds and fields in it; raises QuestionError where they are none."""
    return read_tokens(tokens)


def _ask(ask: Ask, kind: str) -> list[str]:
    match ask:
        case Exists(negated):
            return ["never" if negated else "exists", kind]
        case Count(of):
            return [f"count_{of}", kind]
        case List(field, distinct):
            return ["list_distinct" if distinct else "list", kind, field]
        case Aggregate(function, field, per):
            return [function, *([f"per_{per}"] if per else []), kind, field]
        case Frequency(function, per):
            return [f"{function}_number", f"per_{per}", kind]
        case Top(n, field):
            return ["top", value_token(n), kind, field]
        case Mortality(n, within, field):
            return ["mortality", value_token(n), value_token(within), kind, field]
        case Survival(within):
            return ["survival", value_token(within), kind]
        case Change(how, field):
            return [how, kind, field]
        case New(field):
            return ["new", kind, field]
        case Balance(other):
            return ["balance", kind, other]
        case Length():
            return ["length", kind]
        case Since(unit):
            return [f"{unit}_since", kind]
        case Cost():
            return ["cost", kind]
        case StayCost(function):
            return [f"{function}_cost", kind]
        case Percentile(number):
            return ["percentile", value_token(number), kind]


def _restrictions(records: Records) -> list[str]:
    tokens = [token for match in records.matches for token in _match(match)]
    tokens += [token for person in records.who for token in _person(person)]
    tokens += [token for window in records.when for token in _window(window)]
    if isinstance(records.value, Comparison):
        tokens += [records.value.operator, value_token(records.value.number)]
    elif isinstance(records.value, Normality):
        tokens.append(records.value.side)
    if records.times:
        tokens += [f"times_{records.times.operator}", value_token(records.times.number)]
    tokens += _pick(records.pick)
    return tokens + _following(records.following)


def _match(match: Match) -> list[str]:
    return [match.field, *(value_token(value) for value in match.values)]


def _person(person: Person) -> list[str]:
    match person:
        case Patient(subject):
            return ["of", value_token(subject)]
        case Aged(ages):
            return ["aged", value_token(ages)]
        case OfSex(sex):
            return ["of_sex", value_token(sex)]
        case SameAge(subject, stay):
            return ["same_age", value_token(subject), f"{stay}_stay"]


def _window(window: Window) -> list[str]:
    match window:
        case Span(side, date):
            return [side, value_token(date)]
        case At(moment):
            return ["at", value_token(moment)]
        case Calendar(unit, back, part):
            return [_CALENDAR[unit, back], *([] if part is None else [value_token(part)])]
        case Ago(duration):
            return ["ago", value_token(duration)]
        case InStay(of, which):
            return [f"{which}_{of}"]


def _pick(pick: Pick | None) -> list[str]:
    if pick is None:
        return []
    return [*([pick.extreme] if pick.extreme else []), _PICKS[pick.end, pick.place]]


def _following(following: Following | None) -> list[str]:
    if following is None:
        return []
    matches = [token for match in following.matches for token in _match(match)]
    return [*_relation(following.relation), following.kind, *matches]


def _relation(relation: Relation) -> list[str]:
    match relation:
        case Within(duration):
            return ["within", value_token(duration)]
        case Same(unit):
            return [f"same_{unit}"]
        case Later():
            return ["after"]
