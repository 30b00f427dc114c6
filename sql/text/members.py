"""Patients and stays as a FROM clause, and the aliases that criteria on them are compiled with."""

from dataclasses import dataclass, field

from sqlglot import exp

from sql.text.expressions import col, table
from sql.text.query import Patients, Stays
from sql.text.terms import Concept, StayKind


@dataclass(slots=True)
class Names:
    """Aliases that are not in use yet."""

    used: dict[str, int] = field(default_factory=dict)

    def fresh(self, letter: str) -> str:
        """Return the next alias with this letter."""
        self.used[letter] = self.used.get(letter, 0) + 1
        number = self.used[letter]
        return letter if number == 1 and letter in "epr" else f"{letter}{number}"


@dataclass(frozen=True, slots=True)
class Here:
    """Where a criterion is compiled: the alias of the patient, and of the stay at hand with its kind."""

    names: Names
    patient: str
    stay: str | None = None
    kind: StayKind | None = None
    record: str | None = None
    concept: Concept | None = None


def from_members(population: Patients | Stays) -> tuple[Here, exp.Select]:
    """Return the patients or stays of a population as a FROM clause, and the aliases that they have there."""
    names = Names()
    patient = names.fresh("p")
    if isinstance(population, Patients):
        return Here(names, patient), exp.select().from_(table("patient", patient))
    here = Here(names, patient, names.fresh("e"), population.kind)
    same = col(here.stay, "subject_id").eq(col(patient, "subject_id"))
    select = exp.select().from_(table("encounter", here.stay or "e")).join(table("patient", patient), on=same)
    if population.kind is not StayKind.ANY:
        select = select.where(col(here.stay, "class").eq(exp.Literal.string(population.kind)))
    return here, select
