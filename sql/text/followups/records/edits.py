"""Changes of a question about records: each takes a `RecordsQuery` and returns another; the rest stays as it was."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from sql.text.followups.edits import Unfit
from sql.text.records.catalogue import Catalogue
from sql.text.records.query import (
    Aggregate,
    Ask,
    Change,
    Count,
    Function,
    List,
    New,
    Per,
    RecordsQuery,
)
from sql.text.records.selection import (
    Comparison,
    Following,
    InStay,
    Match,
    Normality,
    Patient,
    Person,
    Pick,
    Records,
    Span,
    Window,
)
from sql.text.records.values import Value

Edit = Callable[[RecordsQuery], RecordsQuery]


def _with(query: RecordsQuery, records: Records) -> RecordsQuery:
    return replace(query, records=records)


# --- when -------------------------------------------------------------------------------------------------


def at_time(query: RecordsQuery, window: Window) -> RecordsQuery:
    """Put a window in the place of those of its sort: a stay for stays, any other for all that are no stays.

    "Since" and "until" leave each other as they are.
    """
    _refuse_two_times(query)
    kept = [one for one in query.records.when if not _gives_way(one, window)]
    return _with(query, replace(query.records, when=(*kept, window)))


def at_any_time(query: RecordsQuery) -> RecordsQuery:
    """Take all windows away."""
    _refuse_two_times(query)
    return _with(query, replace(query.records, when=()))


def _gives_way(old: Window, new: Window) -> bool:
    if isinstance(old, InStay) or isinstance(new, InStay):
        return isinstance(old, InStay) and isinstance(new, InStay)
    sides = {one.side for one in (old, new) if isinstance(one, Span)}
    return sides != {"since", "until"}


def _refuse_two_times(query: RecordsQuery) -> None:
    if isinstance(query.ask, Change | New):
        raise Unfit("it compares two times; say both in a whole question")


# --- of whom ----------------------------------------------------------------------------------------------


def of_person(query: RecordsQuery, person: Person) -> RecordsQuery:
    """Ask of one patient in place of all others, or of a group in place of those of its sort."""
    people = query.records.who
    if isinstance(person, Patient):
        return _with(query, replace(query.records, who=(person,)))
    if any(isinstance(one, Patient) for one in people):
        raise Unfit("it is about one patient; say 'for all patients' first, or ask a whole question")
    kept = [one for one in people if type(one) is not type(person)]
    return _with(query, replace(query.records, who=(*kept, person)))


def of_everyone(query: RecordsQuery) -> RecordsQuery:
    """Ask of all patients."""
    return _with(query, replace(query.records, who=()))


# --- which records ----------------------------------------------------------------------------------------


def with_value(query: RecordsQuery, value: Comparison | Normality) -> RecordsQuery:
    """Bound the number of the records, in place of the bound before."""
    return _with(query, replace(query.records, value=value))


def picked(query: RecordsQuery, pick: Pick) -> RecordsQuery:
    """Choose one of the records, in place of the one before."""
    _refuse_two_times(query)
    return _with(query, replace(query.records, pick=pick))


def named(query: RecordsQuery, values: Mapping[str, Value], catalogue: Catalogue) -> RecordsQuery:
    """Put a value in the place of the one that its field has; `values` are the same value by kinds of slots.

    Raises Unfit where no field of the records, nor of those that they follow, has such values, or several have.
    """
    records, following = query.records, query.records.following
    own = _places(records.kind, records.matches, values, catalogue)
    theirs = _places(following.kind, following.matches, values, catalogue) if following else []
    if len(own) + len(theirs) != 1:
        said = "no such name belongs to them" if not own + theirs else "it may belong to several of their parts"
        raise Unfit(f"it is about {_noun(query, catalogue)}, and {said}; ask a whole question")
    if own:
        return _with(query, replace(records, matches=_put(records.matches, own[0])))
    assert isinstance(following, Following)
    changed = replace(following, matches=_put(following.matches, theirs[0]))
    return _with(query, replace(records, following=changed))


def _places(kind: str, matches: tuple[Match, ...], values: Mapping[str, Value], catalogue: Catalogue) -> list[Match]:
    """Return how a value may be matched; a field that has a value already goes before one that has none."""
    fields = catalogue.kind(kind).fields.values()
    found = [Match(one.name, (values[one.slot],)) for one in fields if one.slot and one.slot in values]
    present = {match.field for match in matches}
    return [match for match in found if match.field in present] or found


def _put(matches: tuple[Match, ...], match: Match) -> tuple[Match, ...]:
    return (*(one for one in matches if one.field != match.field), match)


def _noun(query: RecordsQuery, catalogue: Catalogue) -> str:
    return catalogue.kind(query.records.kind).noun[1]


# --- what is asked ----------------------------------------------------------------------------------------


def ask_for(query: RecordsQuery, ask: Ask) -> RecordsQuery:
    """Ask something else of the same records."""
    if isinstance(query.ask, Change | New):
        raise Unfit("it compares two times; ask a whole question")
    return replace(query, ask=ask)


def listed(query: RecordsQuery, ask: List, *, of_all: bool) -> RecordsQuery:
    """List a field of the records: of the one that was chosen, or `of_all`."""
    records = replace(query.records, pick=None) if of_all else query.records
    return replace(ask_for(query, ask), records=records)


def counted(query: RecordsQuery, ask: Count | None) -> RecordsQuery:
    """Count the records, all of them where one was chosen; None: what was counted before, else the records."""
    if ask is None and isinstance(query.ask, Count):
        return query
    ask = ask or Count("records")
    if isinstance(query.ask, List) and query.ask.distinct and ask.of == "records":
        raise Unfit("it lists different values, and these are not counted; ask how many records in a whole question")
    return replace(ask_for(query, ask), records=replace(query.records, pick=None))


def summed(query: RecordsQuery, function: Function, per: Per | None, catalogue: Catalogue) -> RecordsQuery:
    """Sum up the numbers of the records, all of them where one was chosen."""
    field = query.ask.field if isinstance(query.ask, Aggregate) else _number(query, catalogue)
    ask = Aggregate(function, field, per)
    return replace(ask_for(query, ask), records=replace(query.records, pick=None))


def per_period(query: RecordsQuery, per: Per) -> RecordsQuery:
    """Split a figure by day, month or year."""
    if not isinstance(query.ask, Aggregate):
        raise Unfit(f"it asks for no total, average or extreme; say for example 'the average per {per}'")
    return replace(query, ask=replace(query.ask, per=per))


def _number(query: RecordsQuery, catalogue: Catalogue) -> str:
    kind = catalogue.kind(query.records.kind)
    listed = query.ask.field if isinstance(query.ask, List) else None
    if listed is not None and catalogue.field(kind.name, listed).type == "number":
        return listed
    if kind.value is None:
        raise Unfit(f"{kind.noun[1]} have no number; ask a whole question")
    return "value"
