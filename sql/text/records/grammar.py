"""Which tokens may follow: the grammar of the linear form, one for reading tokens and for constraining a decoder.

Each rule is a coroutine that yields the `Options` for the next token and is sent that token. A rule with an optional
tail must look one token ahead, so it is handed the token that begins it and returns the first that is not its own.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, cast

from ehr.errors import QuestionError
from sql.text.records import query as q
from sql.text.records import selection as s
from sql.text.records.clauses import Found, pick_clause, read_clauses, record_clauses, when_clauses
from sql.text.records.options import Open, Options, Shape, Step, names_of, one_value
from sql.text.records.tokens import END, VERSUS

_FUNCTIONS: Final = ("sum", "avg", "min", "max")
_PER: Final = frozenset({"per_day", "per_month", "per_year"})
_END: Final = Options(frozenset({END}))


def _records(ask: str, kind: str, shape: Shape, end: Options = _END) -> Step[s.Records]:
    found: Found = {}
    known = "any" if isinstance(shape, Open) and ask != "survival" else ask
    yield from read_clauses(record_clauses(kind, known, shape), end, found)
    return s.Records(kind, **found)


def _kind(ask: str, shape: Shape) -> Step[str]:
    return (yield names_of(shape.kinds(ask)))


def _field(ask: str, kind: str, shape: Shape) -> Step[str]:
    return (yield names_of(shape.fields(kind, ask)))


def _bare(ask: q.Ask, token: str, shape: Shape) -> Step[q.RecordsQuery]:
    kind = yield from _kind(token, shape)
    return q.RecordsQuery(ask, (yield from _records(token, kind, shape)))


def _with_field(make: Callable[[str], q.Ask], token: str, shape: Shape) -> Step[q.RecordsQuery]:
    kind = yield from _kind(token, shape)
    field = yield from _field(token, kind, shape)
    return q.RecordsQuery(make(field), (yield from _records(token, kind, shape)))


def _aggregate(token: str, shape: Shape) -> Step[q.RecordsQuery]:
    kind = yield Options(_PER) | names_of(shape.kinds(token))
    per = kind.removeprefix("per_") if kind in _PER else None
    if per:
        kind = yield from _kind(token, shape)
    field = yield from _field(token, kind, shape)
    ask = q.Aggregate(cast(Any, token), field, cast(Any, per))
    return q.RecordsQuery(ask, (yield from _records(token, kind, shape)))


def _frequency(token: str, shape: Shape) -> Step[q.RecordsQuery]:
    per = yield Options(_PER)
    ask = q.Frequency(cast(Any, token.removesuffix("_number")), cast(Any, per.removeprefix("per_")))
    return (yield from _bare(ask, token, shape))


def _top(token: str, shape: Shape) -> Step[q.RecordsQuery]:
    n = yield from one_value("number")
    return (yield from _with_field(lambda field: q.Top(n, field), token, shape))


def _mortality(token: str, shape: Shape) -> Step[q.RecordsQuery]:
    n = yield from one_value("number")
    within = yield from one_value("duration")
    return (yield from _with_field(lambda field: q.Mortality(n, within, field), token, shape))


def _survival(token: str, shape: Shape) -> Step[q.RecordsQuery]:
    within = yield from one_value("duration")
    kind = yield from _kind(token, shape)
    clauses = record_clauses(kind, token, shape)
    found: Found = {}
    begins = yield from read_clauses(clauses[:-1], clauses[-1].begins, found)
    yield from clauses[-1].rule(begins, _END, found)
    return q.RecordsQuery(q.Survival(within), s.Records(kind, **found))


def _percentile(token: str, shape: Shape) -> Step[q.RecordsQuery]:
    number = yield from one_value("number")
    return (yield from _bare(q.Percentile(number), token, shape))


def _balance(token: str, shape: Shape) -> Step[q.RecordsQuery]:
    kind = yield from _kind(token, shape)
    others = shape.kinds(token)
    other = yield names_of(None if others is None else [one for one in others if one != kind])
    return q.RecordsQuery(q.Balance(other), (yield from _records(token, kind, shape)))


def _versus(make: Callable[[str, s.Moment], q.Ask], token: str, shape: Shape) -> Step[q.RecordsQuery]:
    kind = yield from _kind(token, shape)
    field = yield from _field(token, kind, shape)
    records = yield from _records(token, kind, shape, Options(frozenset({VERSUS})))
    found: Found = {}
    traits = shape.traits(kind)
    clauses = when_clauses(traits) + ([] if token == "new" else [pick_clause(traits)])
    yield from read_clauses(clauses, _END, found)
    return q.RecordsQuery(make(field, s.Moment(**found)), records)


def _asks() -> dict[str, Callable[[str, Shape], Step[q.RecordsQuery]]]:
    """Return the rule of each first token."""
    bare: dict[str, q.Ask] = {
        "exists": q.Exists(),
        "never": q.Exists(negated=True),
        "length": q.Length(),
        "cost": q.Cost(),
    }
    bare |= {f"count_{of}": q.Count(cast(Any, of)) for of in ("records", "patients", "stays")}
    bare |= {f"{unit}_since": q.Since(cast(Any, unit)) for unit in ("hours", "days")}
    bare |= {f"{function}_cost": q.StayCost(cast(Any, function)) for function in _FUNCTIONS}
    asks: dict[str, Any] = {token: partial(_bare, ask) for token, ask in bare.items()}
    asks |= {
        "list": partial(_with_field, q.List),
        "list_distinct": partial(_with_field, partial(q.List, distinct=True)),
    }
    asks |= dict.fromkeys(_FUNCTIONS, _aggregate)
    asks |= {f"{function}_number": _frequency for function in _FUNCTIONS}
    asks |= {how: partial(_versus, partial(q.Change, cast(Any, how))) for how in ("difference", "greater", "less")}
    asks |= {"new": partial(_versus, q.New), "top": _top, "mortality": _mortality, "survival": _survival}
    return asks | {"percentile": _percentile, "balance": _balance}


_ASKS: Final = _asks()


def _question(shape: Shape) -> Step[q.RecordsQuery]:
    token = yield Options(frozenset(name for name in _ASKS if shape.kinds(name) is None or shape.kinds(name)))
    return (yield from _ASKS[token](token, shape))


# --- reading ----------------------------------------------------------------------------------------------


def read_tokens(tokens: Sequence[str], shape: Shape | None = None) -> q.RecordsQuery:
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
            return cast(q.RecordsQuery, stop.value)
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

    def query(self, tokens: Sequence[str]) -> q.RecordsQuery:
        """Return the query of tokens; raises QuestionError where they are none for this schema."""
        return read_tokens(tokens, self.shape)
