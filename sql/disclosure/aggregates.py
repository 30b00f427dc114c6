"""The aggregates that may leave, and what each rests on.

Of each the contributions are measured: the rows that are not NULL and pass its FILTER. An extreme, a list or a mode
is the value of one patient, so none is here; a quantile is one too, unless enough patients lie on either side.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from ehr.errors import UnsafeQuery
from sql.disclosure.expressions import called
from sql.disclosure.scope import Node

Refuse = Callable[[str, str, Node], UnsafeQuery]


class Rests(Enum):
    """What an aggregate rests on, and so how it is protected."""

    COUNT = auto()
    """On how many rows contribute: it adds up over groups."""
    SUM = auto()
    """On the values themselves: it adds up over groups, and one patient may dominate it."""
    MEAN = auto()
    """On the values themselves; of a flag it is a share, and so a count."""
    QUANTILE = auto()
    """On the order of the values: enough patients must lie on either side."""
    TITLE = auto()
    """On the group alone: the title of a code that is among the groups."""


KINDS: Final[dict[str, Rests]] = {
    **dict.fromkeys(("count", "count_star", "count_if", "countif"), Rests.COUNT),
    **dict.fromkeys(("sum", "fsum", "kahan_sum", "sumkahan"), Rests.SUM),
    **dict.fromkeys(("avg", "mean", "favg"), Rests.MEAN),
    **dict.fromkeys(("stddev", "stddev_samp", "stddev_pop", "variance", "var_samp", "var_pop"), Rests.MEAN),
    **dict.fromkeys(("median", "quantile", "quantile_cont", "quantile_disc"), Rests.QUANTILE),
    **dict.fromkeys(("any_value", "first", "arbitrary", "min", "max"), Rests.TITLE),
}
TITLES: Final = frozenset({"description", "system", "kind"})
"""Columns that tell of a code and of no patient."""

_ALLOWED: Final = (
    "; these can: count(*), count(x), count(DISTINCT x), count_if, sum, avg, stddev, variance, median, quantile_cont"
)
_INSTEAD: Final[dict[str, str]] = {
    **dict.fromkeys(("min", "first"), "; write quantile_cont(x, 0.05)"),
    **dict.fromkeys(("max", "last"), "; write quantile_cont(x, 0.95)"),
    **dict.fromkeys(("any_value", "arbitrary"), "; group by it as well"),
    **dict.fromkeys(("mode", "histogram", "approx_top_k"), "; write GROUP BY x ORDER BY count(*) DESC"),
}


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A call of an aggregate: its function, arguments and FILTER, and what it rests on."""

    function: str
    argument: Node | None
    constants: tuple[Node, ...]
    where: Node | None
    is_distinct: bool
    rests: Rests
    fractions: tuple[float, ...] = ()

    @property
    def is_additive(self) -> bool:
        """Whether the values of groups add up to that of all, so that one can be worked out from the others."""
        return self.rests in {Rests.COUNT, Rests.SUM}


def read_aggregate(node: Node, refuse: Refuse) -> Aggregate:
    """Read the call of an aggregate; raises UnsafeQuery for one that would give a single patient's value away."""
    name = called(node)
    rests = KINDS.get(name)
    if rests is None:
        raise refuse(f"{name}()", f" cannot be protected{instead_of(name)}", node)
    arguments = [argument["expression"] for argument in node["arguments"]]
    ordered = [order["expression"] for order in node["order_bys"]["orders"]]
    if ordered and rests is Rests.QUANTILE:
        arguments = ordered + arguments
    elif ordered or node["export_state"]:
        raise refuse(f"{name}() with ORDER BY", " is not available under role aggregate; leave it out", node)
    is_distinct = bool(node["distinct"])
    if is_distinct and rests is not Rests.COUNT:
        raise refuse(f"{name}(DISTINCT ...)", " is not available under role aggregate; leave DISTINCT out", node)
    expected = {0} if name == "count_star" else {0, 1} if name == "count" else {2} if _takes_fraction(name) else {1}
    if len(arguments) not in expected:
        raise refuse(f"{name}()", " has too few or too many arguments", node)
    return Aggregate(
        "count_star" if not arguments else name,
        arguments[0] if arguments else None,
        tuple(arguments[1:]),
        node["filter"],
        is_distinct,
        rests,
        _fractions(node, name, arguments[1:], refuse) if rests is Rests.QUANTILE else (),
    )


def instead_of(name: str) -> str:
    """Return what to write instead of an aggregate that gives a value of a single patient."""
    return _INSTEAD.get(name, _ALLOWED)


def _takes_fraction(name: str) -> bool:
    return name.startswith("quantile")


def _fractions(node: Node, name: str, constants: list[Node], refuse: Refuse) -> tuple[float, ...]:
    if not constants:
        return (0.5,)
    listed = constants[0]
    values = [each["expression"] for each in listed["arguments"]] if called(listed) == "list_value" else [listed]
    fractions = []
    for value in values:
        literal = value.get("literal") or {}
        if literal.get("kind") not in {"NUMERIC", "INTEGER"} or not 0 < float(literal["text"]) < 1:
            raise refuse(f"{name}()", " takes fractions between 0 and 1, such as 0.5 or [0.25, 0.75]", node)
        fractions.append(float(literal["text"]))
    return tuple(fractions)
