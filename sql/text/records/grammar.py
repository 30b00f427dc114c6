"""Which tokens may follow: the grammar of the linear form, one for reading tokens and for constraining a decoder.

Each rule is a coroutine that yields the `Options` for the next token and is sent that token. A rule with an optional
tail must look one token ahead, so it is handed the token that begins it and returns the first that is not its own.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, cast

from ehr.errors import QuestionError
from sql.text.records import query as asks
from sql.text.records import selection
from sql.text.records.clauses import Found, pick_clause, read_clauses, record_clauses, when_clauses
from sql.text.records.options import Open, Options, Shape, Step, names_of, one_value
from sql.text.records.query import RecordsQuery
from sql.text.records.tokens import END, VERSUS

_FUNCTIONS: Final = ("sum", "avg", "min", "max")
_PER: Final = frozenset({"per_day", "per_month", "per_year"})
_END: Final = Options(frozenset({END}))


def _records(ask: str, kind: str, shape: Shape, end: Options = _END) -> Step[selection.Records]:
    found: Found = {}
    known = "any" if isinstance(shape, Open) and ask != "survival" else ask
    yield from read_clauses(record_clauses(kind, known, shape), end, found)
    return selection.Records(kind, **found)


def _kind(ask: str, shape: Shape) -> Step[str]:
    return (yield names_of(shape.kinds(ask)))


def _field(ask: str, kind: str, shape: Shape) -> Step[str]:
    return (yield names_of(shape.fields(kind, ask)))


def _bare(ask: asks.Ask, token: str, shape: Shape) -> Step[RecordsQuery]:
    kind = yield from _kind(token, shape)
    return RecordsQuery(ask, (yield from _records(token, kind, shape)))


def _with_field(make: Callable[[str], asks.Ask], token: str, shape: Shape) -> Step[RecordsQuery]:
    kind = yield from _kind(token, shape)
    field = yield from _field(token, kind, shape)
    return RecordsQuery(make(field), (yield from _records(token, kind, shape)))


def _aggregate(token: str, shape: Shape) -> Step[RecordsQuery]:
    kind = yield Options(_PER) | names_of(shape.kinds(token))
    per = kind.removeprefix("per_") if kind in _PER else None
    if per:
        kind = yield from _kind(token, shape)
    field = yield from _field(token, kind, shape)
    ask = asks.Aggregate(cast(Any, token), field, cast(Any, per))
    return RecordsQuery(ask, (yield from _records(token, kind, shape)))


def _frequency(token: str, shape: Shape) -> Step[RecordsQuery]:
    per = yield Options(_PER)
    ask = asks.Frequency(cast(Any, token.removesuffix("_number")), cast(Any, per.removeprefix("per_")))
    return (yield from _bare(ask, token, shape))


def _top(token: str, shape: Shape) -> Step[RecordsQuery]:
    n = yield from one_value("number")
    return (yield from _with_field(lambda field: asks.Top(n, field), token, shape))


def _mortality(token: str, shape: Shape) -> Step[RecordsQuery]:
    n = yield from one_value("number")
    within = yield from one_value("duration")
    return (yield from _with_field(lambda field: asks.Mortality(n, within, field), token, shape))


def _survival(token: str, shape: Shape) -> Step[RecordsQuery]:
    within = yield from one_value("duration")
    kind = yield from _kind(token, shape)
    clauses = record_clauses(kind, token, shape)
    found: Found = {}
    begins = yield from read_clauses(clauses[:-1], clauses[-1].begins, found)
    yield from clauses[-1].rule(begins, _END, found)
    return RecordsQuery(asks.Survival(within), selection.Records(kind, **found))


def _percentile(token: str, shape: Shape) -> Step[RecordsQuery]:
    number = yield from one_value("number")
    return (yield from _bare(asks.Percentile(number), token, shape))


def _balance(token: str, shape: Shape) -> Step[RecordsQuery]:
    kind = yield from _kind(token, shape)
    others = shape.kinds(token)
    other = yield names_of(None if others is None else [one for one in others if one != kind])
    return RecordsQuery(asks.Balance(other), (yield from _records(token, kind, shape)))


def _versus(make: Callable[[str, selection.Moment], asks.Ask], token: str, shape: Shape) -> Step[RecordsQuery]:
    kind = yield from _kind(token, shape)
    field = yield from _field(token, kind, shape)
    records = yield from _records(token, kind, shape, Options(frozenset({VERSUS})))
    found: Found = {}
    traits = shape.traits(kind)
    clauses = when_clauses(traits) + ([] if token == "new" else [pick_clause(traits)])
    yield from read_clauses(clauses, _END, found)
    return RecordsQuery(make(field, selection.Moment(**found)), records)


def _rules() -> dict[str, Callable[[str, Shape], Step[RecordsQuery]]]:
    """Return the rule of each first token."""
    bare: dict[str, asks.Ask] = {
        "exists": asks.Exists(),
        "never": asks.Exists(negated=True),
        "length": asks.Length(),
        "cost": asks.Cost(),
    }
    bare |= {f"count_{of}": asks.Count(cast(Any, of)) for of in ("records", "patients", "stays")}
    bare |= {f"{unit}_since": asks.Since(cast(Any, unit)) for unit in ("hours", "days")}
    bare |= {f"{function}_cost": asks.StayCost(cast(Any, function)) for function in _FUNCTIONS}
    rules: dict[str, Any] = {token: partial(_bare, ask) for token, ask in bare.items()}
    rules |= {
        "list": partial(_with_field, asks.List),
        "list_distinct": partial(_with_field, partial(asks.List, distinct=True)),
    }
    rules |= dict.fromkeys(_FUNCTIONS, _aggregate)
    rules |= {f"{function}_number": _frequency for function in _FUNCTIONS}
    rules |= {
        how: partial(_versus, partial(asks.Change, cast(Any, how))) for how in ("difference", "greater", "less")
    }
    rules |= {"new": partial(_versus, asks.New), "top": _top, "mortality": _mortality, "survival": _survival}
    return rules | {"percentile": _percentile, "balance": _balance}


_RULES: Final = _rules()


def _question(shape: Shape) -> Step[RecordsQuery]:
    token = yield Options(frozenset(name for name in _RULES if shape.kinds(name) is None or shape.kinds(name)))
    return (yield from _RULES[token](token, shape))


# --- reading ----------------------------------------------------------------------------------------------


def read_tokens(tokens: Sequence[str], shape: Shape | None = None) -> RecordsQuery:
    """Return the query of tokens; raises QuestionError where they are none, or not one for the shape."""
    rule = _question(shape or Open())
    options = next(rule)
    for place, token in enumerate((*tokens, END)):
        if not options.holds(token):
            before = " ".join(tokens[:place]) or "nothing"
            raise QuestionError(f"{token!r} may not follow {before}; it could be {_shown(options)}")
        try:
            options = rule.send(token)
        except StopIteration as stop:
            return cast(RecordsQuery, stop.value)
    raise QuestionError(f"the question has no end after {' '.join(tokens)}")


def _shown(options: Options) -> str:
    names = sorted(options.tokens) + (["a name"] if options.any_name else [])
    slots = ["a value"] if options.any_value else [f"a value such as {kind}_1" for kind in sorted(options.slots)]
    return ", ".join(names + slots) or "nothing"


class Grammar:
    """The linear form over the kinds and fields of one schema: `allowed(prefix)` constrains a decoder."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape

    def allowed(self, prefix: Sequence[str]) -> frozenset[str]:
        """Return the tokens that may follow a prefix, slots among them; END where the prefix is a whole question.

        Raises QuestionError for a prefix that the grammar did not allow.
        """
        rule = _question(self.shape)
        options = next(rule)
        for place, token in enumerate(prefix):
            if token == END or not options.holds(token):
                raise QuestionError(f"{token!r} may not follow {' '.join(prefix[:place]) or 'nothing'}")
            options = rule.send(token)
        return options.listed()

    def query(self, tokens: Sequence[str]) -> RecordsQuery:
        """Return the query of tokens; raises QuestionError where they are none for this schema."""
        return read_tokens(tokens, self.shape)
