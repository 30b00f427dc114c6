"""The functions of ours that a query may call beside descends_from: what they mean, and the SQL that they stand for.

None is a function of DuckDB: sql.expansion puts the SQL of the form called in the place of the call, in DuckDB's own
tree. In that SQL "@1", "@2", ... stand for the arguments; names of its own begin with a middle dot, so that no column
of a query is taken for one of them. Arguments stand outside the tables that the SQL reads wherever that can be, since
no aggregate may stand inside.
"""

from dataclasses import dataclass, replace
from typing import Final, Literal

from sql.catalog import Catalog

Kind = Literal["value", "concepts", "span"]
Side = Literal["after", "before", "either"]
"""Where a span lies: after its reference, before it, or on either side, where its sign is not known."""

_BETWEEN: Final = "{time} BETWEEN {low} AND {high}"
_WITHIN: Final = "@WITHIN"
"""Stands in the SQL of a form for the test that `Form.times` describes."""


@dataclass(frozen=True, slots=True)
class Form:
    """One way to call a macro.

    `kinds` says what each argument is: any value, concepts written out (a text or a list of texts), or a span of
    time. Arguments at the positions `inside` (from 0) stand in a subquery, where no aggregate may. `tables` are
    those that the SQL reads; a role must be allowed to read each.
    """

    signature: str
    kinds: tuple[Kind, ...]
    sql: str
    inside: frozenset[int] = frozenset()
    tables: frozenset[str] = frozenset()
    times: tuple[str, str, str] | None = None
    """The time, the reference and the span of a form that tests whether the one lies within the others."""

    def sql_for(self, side: Side) -> str:
        """Return the SQL for a span on a side of its reference."""
        if self.times is None:
            return self.sql
        time, reference = (f"CAST({text} AS TIMESTAMP)" for text in self.times[:2])
        moved = f"{reference} + CAST({self.times[2]} AS INTERVAL)"
        after = _BETWEEN.format(time=time, low=reference, high=moved)
        before = _BETWEEN.format(time=time, low=moved, high=reference)
        return self.sql.replace(_WITHIN, {"after": after, "before": before, "either": f"({after} OR {before})"}[side])

    def with_conversion(self) -> "Form":
        """Return the form with every number in its canonical unit, by the table `unit`."""
        return replace(self, sql=self.sql.replace(_NUMBERS, _CONVERTED), tables=self.tables | {"unit"})


@dataclass(frozen=True, slots=True)
class Macro:
    """A function of ours: its name, what it gives, and its forms, told apart by the number of their arguments."""

    name: str
    comment: str
    forms: tuple[Form, ...]
    has_numbers: bool = False
    """Whether it gives numbers of the codes asked for, which must then have one unit."""

    def form_of(self, n_arguments: int) -> Form | None:
        """Return the form with this number of arguments."""
        return next((form for form in self.forms if len(form.kinds) == n_arguments), None)


_DAY: Final = 'CAST("@2" AS DATE)'
# Whoever was born on 29 February is a year older on the last of February of a common year, as date_sub counts too.
_MONTH_AND_DAY: Final = (
    f"CASE WHEN month({_DAY}) = 2 AND last_day({_DAY}) = {_DAY} THEN 229 ELSE month({_DAY}) * 100 + day({_DAY}) END"
)
_BORN: Final = (
    'SELECT "·born" FROM (SELECT subject_id AS "·subject", '
    'year(birth_time) * 10000 + month(birth_time) * 100 + day(birth_time) AS "·born" FROM main.subject) AS "·s" '
    'WHERE "·s"."·subject" = "@1"'
)
_AGE: Final = f"nullif(greatest(year({_DAY}) * 10000 + ({_MONTH_AND_DAY}) - ({_BORN}), -1), -1) // 10000"

_DAYS: Final = "(epoch_us(CAST({end} AS TIMESTAMP)) - epoch_us(CAST({start} AS TIMESTAMP))) / 86400000000.0"
_STAY: Final = (
    f'(SELECT "·days" FROM (SELECT encounter_id AS "·stay", {_DAYS.format(start="start_time", end="end_time")} '
    'AS "·days" FROM main.encounter) AS "·e" WHERE "·e"."·stay" = "@1")'
)

_EVENTS: Final = (
    'FROM (SELECT subject_id AS "·subject", "time" AS "·time", event_id AS "·id", numeric_value AS "·value" '
    "FROM main.event WHERE descends_from(code, '@2'){numbers}) AS \"·e\" "
    'WHERE "·e"."·subject" = "@1" AND @WITHIN'
)
_CONVERTED: Final = (
    'FROM (SELECT e.subject_id AS "·subject", e."time" AS "·time", e.event_id AS "·id", '
    'CAST(e.numeric_value * u.factor + u.shift AS FLOAT) AS "·value" '
    "FROM main.event AS e JOIN main.unit AS u ON u.code = e.code AND u.unit = e.unit "
    "WHERE descends_from(e.code, '@2')) AS \"·e\" "
    'WHERE "·e"."·subject" = "@1" AND @WITHIN'
)
_NUMBERS: Final = _EVENTS.format(numbers=" AND numeric_value IS NOT NULL")
_FIRST: Final = '(SELECT arg_min("·value", row("·time", "·id")) '
_LAST: Final = '(SELECT arg_max("·value", row("·time", "·id")) '


def _of_code(name: str, sql: str) -> Form:
    """Return the form of a macro that looks for events of a code near a time."""
    return Form(
        f"{name}(subject_id, concept, from_time, span)",
        ("value", "concepts", "value", "span"),
        sql,
        frozenset({0, 2, 3}),
        frozenset({"event"}),
        ('"·e"."·time"', '"@3"', '"@4"'),
    )


MACROS: Final[dict[str, Macro]] = {
    macro.name: macro
    for macro in (
        Macro(
            "age_at",
            "Age in completed years on the day of a time; NULL without a birth, without a time, and before the birth",
            (Form("age_at(subject_id, time)", ("value", "value"), _AGE, frozenset({0}), frozenset({"subject"})),),
        ),
        Macro(
            "los_days",
            "Days between two times, or length of a stay in days, with fractions; NULL while a time is not known",
            (
                Form(
                    "los_days(start_time, end_time)",
                    ("value", "value"),
                    _DAYS.format(start='"@1"', end='"@2"'),
                ),
                Form("los_days(encounter_id)", ("value",), _STAY, frozenset({0}), frozenset({"encounter"})),
            ),
        ),
        Macro(
            "within",
            "Whether a time lies between a reference and that plus a span, both included; a span such as '-30 days' "
            "looks back",
            (
                Form(
                    "within(time, reference, span)",
                    ("value", "value", "span"),
                    _WITHIN,
                    times=('"@1"', '"@2"', '"@3"'),
                ),
            ),
        ),
        Macro(
            "first_value_within",
            "Earliest number of a code, or of any below a concept, within a span from a time; in its canonical unit",
            (_of_code("first_value_within", f"{_FIRST}{_NUMBERS})"),),
            has_numbers=True,
        ),
        Macro(
            "last_value_within",
            "Latest number of a code, or of any below a concept, within a span from a time; in its canonical unit",
            (_of_code("last_value_within", f"{_LAST}{_NUMBERS})"),),
            has_numbers=True,
        ),
        Macro(
            "has_code_within",
            "Whether the patient has a code, or any below a concept, within a span from a time; false without a time",
            (_of_code("has_code_within", f"EXISTS (SELECT 1 {_EVENTS.format(numbers='')})"),),
        ),
    )
}
"""Every macro by its name."""

DESCENDS_FROM: Final = Macro(
    "descends_from",
    "Whether a code, or any further code of its record, lies at or below one of the concepts",
    (Form("descends_from(code, concept, ...)", ("value", "concepts"), ""),),
)
"""How the function that sql.descent replaces is described; it is none of `MACROS`."""


def macros_for(catalog: Catalog, role: str) -> list[Macro]:
    """Return the macros of which `role` may call a form, since it may read the tables behind it."""
    return [
        macro
        for macro in MACROS.values()
        if any(all(catalog.allows(table, role) for table in form.tables) for form in macro.forms)
    ]
