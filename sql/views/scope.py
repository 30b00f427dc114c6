"""What an expression is compiled in: the item that it looks at, the resource, and the place for messages."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, NoReturn

from sqlglot import exp

from ehr.errors import ViewError
from sql.views.build import Names, Value
from sql.views.fhirpath import Literal, Node

DECIMALS: Final = "decimals"
"""What a view needs in which the zeros at the end of a decimal count."""
LINKS: Final = "links"
"""What a view needs that follows references: which resource of a Bundle a urn stands for."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Where an expression stands.

    `this` is the item that names begin from ($this), `context` the one where the whole expression began (%context);
    `index` is $index where there is one, `row_index` %rowIndex. `compile` compiles a part in a scope. `needs` is
    filled with what the resources must be prepared for (DECIMALS, LINKS).
    """

    place: str
    names: Names
    constants: dict[str, Literal]
    resource: Value
    this: Value
    context: Value
    row_index: exp.Expression
    compile: Callable[[Node, "Scope"], Value]
    index: exp.Expression | None = None
    needs: set[str] = field(default_factory=set)

    def at(self, place: str) -> "Scope":
        """Return this scope for the expression at another place of the definition."""
        return replace(self, place=place)

    def looking_at(self, item: Value, index: exp.Expression | None = None) -> "Scope":
        """Return the scope within a function that looks at one item after the other."""
        return replace(self, this=item, index=index)

    def going_through(self, item: Value, row_index: exp.Expression) -> "Scope":
        """Return the scope within a select that goes through items."""
        return replace(self, this=item, context=item, row_index=row_index, index=None)

    def refuse(self, reason: str) -> NoReturn:
        """Raise ViewError with the place."""
        raise ViewError(f"{self.place}: {reason}")
