"""Rows chosen among rows: one of each patient, a sample, matched controls. All are window functions over the rows.

Chance is the order of the MD5 of seed, subject and trigger time, so that every engine draws the same rows.
"""

from collections.abc import Sequence

from sqlglot import exp

from ehr.tasks import TRIGGER, Controls, Selection
from sql.cohort.expressions import column
from sql.cohort.people import SEX, age_at_trigger
from sql.cohort.plan import Plan
from sql.cohort.rules import Choice, Kept, OneControl, Paired, Sampled

MATCH_ID = "match_id"
IS_CASE = "is_case"


def with_choice(rule: Choice, number: int, table: str, lost_at: str, plan: Plan) -> exp.Query:
    """Add the column `lost_at_N`: `lost_at` with the number of this rule for the rows that it drops.

    The rule chooses among the rows of `table` that are not lost yet.
    """
    query = exp.select("*").from_(table)
    if isinstance(rule, Paired):
        slot = exp.func("ROW_NUMBER")
        in_order = _over(slot, lost_at, [IS_CASE, *_strata(rule.controls, plan)], _chance(rule.controls.seed))
        cells = [
            _is_case().as_(IS_CASE),
            *(cell.as_(name, quoted=True) for name, cell in _traits(rule.controls, plan)),
        ]
        numbered = exp.select("*", *cells).from_(table).subquery("apart")
        numbered_rows = exp.select("*", _place(in_order, rule.controls).as_("slot")).from_(numbered)
        query = exp.select("*").from_(numbered_rows.subquery("slotted"))
    is_left = column(lost_at).is_(exp.null())
    dropped = exp.and_(is_left, exp.not_(_stays(rule, lost_at, plan)))
    fate = exp.Case().when(dropped, exp.Literal.number(number)).else_(column(lost_at))
    return query.select(fate.as_(f"lost_at_{number}", quoted=True))


def is_not_first(selection: Selection) -> exp.Expr:
    """Return the test that a trigger is not the chosen one of all of its patient."""
    return exp.GT(this=_over(exp.func("ROW_NUMBER"), None, ["subject_id"], _order(selection)), expression=_one())


def match_id(controls: Controls, lost_at: str, plan: Plan) -> exp.Expr:
    """Number the cases that are left, with their controls, from 1."""
    order = [exp.column(IS_CASE).is_(exp.null()), *(column(name) for name in _strata(controls, plan)), column("slot")]
    return _over(exp.func("DENSE_RANK"), lost_at, [], order)


def _stays(rule: Choice, lost_at: str, plan: Plan) -> exp.Expr:
    if isinstance(rule, Kept):
        rank = _over(exp.func("ROW_NUMBER"), lost_at, ["subject_id"], _order(rule.selection))
        return rank.eq(_one())
    if isinstance(rule, Sampled):
        return _is_drawn(rule.selection, lost_at)
    if isinstance(rule, Paired):
        return exp.or_(_is_case().eq(_one()), _has_case(rule.controls, lost_at, plan))
    if isinstance(rule, OneControl):
        rank = _over(exp.func("ROW_NUMBER"), lost_at, ["subject_id"], _chance(rule.controls.seed))
        return exp.or_(_is_case().eq(_one()), rank.eq(_one()))
    cases = _over(exp.Max(this=_is_case()), lost_at, ["subject_id"], [])
    return exp.or_(_is_case().eq(_one()), cases.eq(exp.Literal.number(0)))


def _is_drawn(selection: Selection, lost_at: str) -> exp.Expr:
    rank = _over(exp.func("ROW_NUMBER"), lost_at, [], _chance(selection.seed))
    if selection.rows is not None:
        return exp.LTE(this=rank, expression=exp.Literal.number(selection.rows))
    rows = exp.cast(_over(exp.Count(this=exp.Star()), lost_at, [], []), "DOUBLE")
    wanted = exp.cast(exp.Literal.number(repr(selection.share)), "DOUBLE") * rows + exp.cast(
        exp.Literal.number("0.5"), "DOUBLE"
    )
    return exp.LTE(this=rank, expression=wanted)


# ---- cases and controls ------------------------------------------------------------------------------------------


def _has_case(controls: Controls, lost_at: str, plan: Plan) -> exp.Expr:
    """Return the test that a row without the label has a case with the same traits, all known, in its slot."""
    strata = _strata(controls, plan)
    cases = _over(exp.Sum(this=_is_case()), lost_at, strata, [])
    known = [column(name).is_(exp.null()).not_() for name in strata]
    return exp.and_(exp.LTE(this=column("slot"), expression=cases), *known)


def _place(rank: exp.Expr, controls: Controls) -> exp.Expr:
    """Return the number of the case that a row is or is matched to, among those of its stratum."""
    shared = exp.Ceil(this=rank.copy() / exp.cast(exp.Literal.number(controls.ratio), "DOUBLE"))
    return exp.cast(exp.Case().when(_is_case().eq(_one()), rank).else_(shared), "BIGINT")


def _traits(controls: Controls, plan: Plan) -> list[tuple[str, exp.Expr]]:
    """Return what must agree between a case and its controls, as columns."""
    cells = {
        "age": exp.Floor(
            this=exp.cast(age_at_trigger(), "DOUBLE") / exp.cast(exp.Literal.number(controls.age_band), "DOUBLE")
        ),
        "sex": exp.column(SEX),
        "index_year": exp.Year(this=column(plan.index or TRIGGER)),
    }
    return [(f"same {trait}", cells[trait]) for trait in controls.on]


def _strata(controls: Controls, plan: Plan) -> list[str]:
    return [name for name, _cell in _traits(controls, plan)]


def _is_case() -> exp.Expr:
    """Return 1 for a row with the label and 0 for one without."""
    return exp.Case().when(exp.column("label") > 0, _one()).else_(exp.Literal.number(0))


# ---- order and chance --------------------------------------------------------------------------------------------


def _order(selection: Selection) -> list[exp.Expr]:
    if selection.keep == "random":
        return _chance(selection.seed)
    return [exp.Ordered(this=exp.column(TRIGGER), desc=selection.keep == "last", nulls_first=False)]


def _chance(seed: int) -> list[exp.Expr]:
    """Return the order of the MD5 of `SEED/SUBJECT/YYYY-MM-DD HH:MM:SS.ffffff`."""
    time = exp.TimeToStr(this=exp.column(TRIGGER), format=exp.Literal.string("%Y-%m-%d %H:%M:%S.%f"))
    subject = exp.cast(exp.column("subject_id"), "VARCHAR")
    text = exp.Concat(
        expressions=[exp.Literal.string(f"{seed}/"), subject, exp.Literal.string("/"), time],
        safe=True,
        coalesce=False,
    )
    return [exp.MD5(this=text)]


def _over(function: exp.Expr, lost_at: str | None, parts: Sequence[str], order: Sequence[exp.Expr]) -> exp.Window:
    """Run a window function over the rows that are not lost, and apart from them over those that are."""
    partition: list[exp.Expr] = [column(name) for name in parts]
    if lost_at is not None:
        partition.append(column(lost_at).is_(exp.null()))
    ordered = [one if isinstance(one, exp.Ordered) else exp.Ordered(this=one, nulls_first=False) for one in order]
    return exp.Window(
        this=function, partition_by=partition, order=exp.Order(expressions=ordered) if ordered else None
    )


def _one() -> exp.Expr:
    return exp.Literal.number(1)
