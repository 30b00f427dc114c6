"""Which codes in use each predicate matches: looked up before any event is touched, and written into the query.

Codes are few and events many: the patterns of a task are tested on each code once, in a query of its own over the
codes in use, and the query over the events holds the codes that matched, as literals.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import duckdb
from sqlglot import exp

from ehr.errors import QueryFailed
from ehr.hierarchy import JOINT
from ehr.tasks import Plain
from sql.cohort.expressions import column
from sql.cohort.records import Records

KEY: Final = "looked_up"
"""What an event is looked up by: its code, or all codes of its record joined."""

CodeTable = Mapping[str, frozenset[str]]
"""Key of an event -> the names of the predicates that match its codes."""


def matching_codes(predicates: Sequence[Plain], records: Records) -> CodeTable:
    """Ask `records` which keys in use the predicates match; those that match none are left out.

    Codes that a task names one by one need not be asked for: they may stand here without being in use.
    Raises QueryFailed for a pattern that DuckDB does not take.
    """
    if all(predicate.regex is None and not predicate.concepts for predicate in predicates):
        named: dict[str, set[str]] = {}
        for predicate in predicates:
            for code in predicate.codes:
                named.setdefault(code, set()).add(predicate.name)
        return {code: frozenset(names) for code, names in sorted(named.items())}
    names = [predicate.name for predicate in predicates]
    try:
        rows = records.con.execute(_lookup(predicates, records).sql("duckdb")).fetchall()
    except duckdb.Error as error:
        raise QueryFailed(
            f"the codes of {', '.join(names)} cannot be looked up: {str(error).splitlines()[0]}"
        ) from error
    return {row[0]: frozenset(name for name, flag in zip(names, row[1:], strict=True) if flag) for row in rows}


def code_relation(predicates: Sequence[Plain], codes: CodeTable) -> exp.Query:
    """Return the keys that some of the predicates match, as literals, with 1 or 0 for each of them."""
    names = [predicate.name for predicate in predicates]
    rows = [(key, [int(name in found) for name in names]) for key, found in codes.items()]
    rows = [(key, flags) for key, flags in rows if any(flags)]
    if not rows:
        nothing = [exp.cast(exp.null(), "VARCHAR").as_(KEY), *(_zero().as_(name, quoted=True) for name in names)]
        return exp.select(*nothing).where(exp.false())
    tuples = [exp.Tuple(expressions=[exp.Literal.string(key), *map(_number, flags)]) for key, flags in rows]
    columns = [exp.to_identifier(KEY), *(exp.to_identifier(name, quoted=True) for name in names)]
    alias = exp.TableAlias(this=exp.to_identifier("matched"), columns=columns)
    return exp.select("*").from_(exp.Values(expressions=tuples, alias=alias))


def is_one_of(key: exp.Expr, predicate: str, codes: CodeTable) -> exp.Expr:
    """Return the test that the key of an event is one that the predicate of that name matches."""
    found = [exp.Literal.string(code) for code, names in codes.items() if predicate in names]
    return exp.In(this=key, expressions=found) if found else exp.false()


def key_of_event(records: Records) -> exp.Expr:
    """Return what an event is looked up by: its code, or all codes of its record."""
    code = exp.column("code", "event")
    if not records.has_joint_codes:
        return code
    return exp.Case().when(exp.column("codings", "event").is_(exp.null()), code).else_(_joined())


def _joined() -> exp.Expr:
    return exp.func("ARRAY_TO_STRING", exp.column("codings", "event"), exp.Literal.string(JOINT), dialect="duckdb")


def _lookup(predicates: Iterable[Plain], records: Records) -> exp.Query:
    tests = {predicate.name: _code_test(predicate) for predicate in predicates}
    flagged = exp.select(KEY, *(test.as_(name, quoted=True) for name, test in tests.items())).from_("code_in_use")
    found = exp.select("*").from_(flagged.subquery("flagged")).where(exp.or_(*(column(name) for name in tests)))
    # Else DuckDB tests the patterns on every event, before it makes the codes distinct.
    return found.order_by(KEY).with_("code_in_use", as_=_codes_in_use(records), materialized=True)


def _codes_in_use(records: Records) -> exp.Query:
    """Select every code in use, and as its key itself; where it matters, all codes of one record as a further key."""
    single = exp.select(exp.column("code").as_(KEY), "code").from_(records.codes.subquery("single"))
    if not records.has_joint_codes:
        return single
    return exp.union(single, _joint_codes(records), distinct=False)


def _joint_codes(records: Records) -> exp.Query:
    if records.codebook is not None:  # which has the joint codes of others, and this connection only some of its own
        known = exp.column("codings", "event").is_(exp.null()).not_()
        return exp.select(_joined().as_(KEY), exp.column("code", "event")).distinct().from_("event").where(known)
    joined = exp.column("code")
    first = exp.func("SPLIT_PART", joined.copy(), exp.Literal.string(JOINT), exp.Literal.number(1), dialect="duckdb")
    is_joint = exp.func("CONTAINS", joined.copy(), exp.Literal.string(JOINT), dialect="duckdb")
    return exp.select(joined.as_(KEY), first.as_("code")).distinct().from_("code_ancestor").where(is_joint)


def _code_test(predicate: Plain) -> exp.Expr:
    if predicate.regex is not None:
        return exp.RegexpLike(this=exp.column("code"), expression=exp.Literal.string(predicate.regex))
    tests: list[exp.Expr] = []
    if predicate.codes:
        tests.append(exp.column("code").isin(*(exp.Literal.string(code) for code in predicate.codes)))
    if predicate.concepts:
        wanted = exp.column("ancestor").isin(*(exp.Literal.string(name) for name in predicate.concepts))
        tests.append(exp.column(KEY).isin(query=exp.select("code").from_("code_ancestor").where(wanted)))
    return exp.or_(*tests)


def _number(number: int) -> exp.Expr:
    return exp.Literal.number(number)


def _zero() -> exp.Expr:
    return exp.Literal.number(0)
