"""Gold SQL of the EHRSQL question set read back into typed questions, by the form of its tree.

Every form that the questions of the set have is matched; SQL of another form is refused with NotLifted. Tables and
columns come from the catalogue. The SQL is that of SQLite, as it stands in the set.
"""

import re
from dataclasses import replace
from typing import Any, Final, cast

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from sql.text.records import query as asks
from sql.text.records import selection
from sql.text.records.catalogue import Catalogue
from sql.text.records.lifting import Block, Lifter, NotLifted, conditions_of, joined, plain, sql_of, table_of
from sql.text.records.query import RecordsQuery
from sql.text.records.selection import Records
from sql.text.records.values import Duration

_FUNCTIONS: Final[dict[type[exp.Expr], str]] = {exp.Sum: "sum", exp.Avg: "avg", exp.Min: "min", exp.Max: "max"}
_HOW: Final[dict[type[exp.Expr], str]] = {exp.Sub: "difference", exp.GT: "greater", exp.LT: "less"}
_FORMATS: Final = {"%Y": "year", "%Y-%m": "month", "%Y-%m-%d": "day"}
_DAYS: Final = re.compile(r"(?P<amount>\d+) \* 365(?: / (?P<part>\d+))?")
_WITHIN: Final = re.compile(
    r"DATETIME\((?P<later>\w+)\.\w+\) BETWEEN DATETIME\((?P<earlier>\w+)\.\w+\)"
    r" AND DATETIME\((?P=earlier)\.\w+, '\+(?P<amount>\d+) (?P<unit>\w+)'\)"
)
_SAME: Final = re.compile(
    r"DATETIME\(\w+\.\w+, 'start of (?P<unit>\w+)'\) = DATETIME\(\w+\.\w+, 'start of (?P=unit)'\)"
)


def lift(sql: str, catalogue: Catalogue) -> RecordsQuery:
    """Return the question that SQL of the set asks; raises NotLifted for SQL of another form."""
    try:
        tree = sqlglot.parse_one(sql, read="sqlite")
    except SqlglotError as error:
        raise NotLifted("the SQL cannot be read") from error
    return _Questions(catalogue).question(tree)


class _Questions(Lifter):
    """The forms of whole questions."""

    def question(self, tree: exp.Expr) -> RecordsQuery:
        if isinstance(tree, exp.Except):
            return self._new(tree)
        if not isinstance(tree, exp.Select):
            raise NotLifted(f"{type(tree).__name__} is no question")
        table = table_of(tree)
        if table is None:
            return self._of_subquery(tree) if tree.args.get("from_") else self._of_two(tree)
        if table in self.lookups:
            return self._of_names(tree)
        if self.catalogue.charges is not None and table == self.catalogue.charges.table:
            return self._cost(tree)
        return self._direct(tree)

    # --- one table ------------------------------------------------------------------------------------

    def _direct(self, select: exp.Select) -> RecordsQuery:
        (shown,) = select.expressions
        of_stays = self._stays_with(select)
        if of_stays is not None:
            return RecordsQuery(asks.Count("patients"), of_stays.records())
        block = self._whole_block(select)
        stays = [window.of for window in block.when if isinstance(window, selection.InStay)]
        counted = isinstance(shown, exp.GT) and isinstance(shown.this, exp.Count)
        has_limit = select.args.get("limit") is not None
        pick = self.pick(select, block.kind) if has_limit and block.kind.name not in stays else None
        records = block.records(pick)
        if counted:
            return RecordsQuery(asks.Exists(), records)
        if sql_of(shown) == "1 - COUNT(*) > 0":
            return RecordsQuery(asks.Exists(negated=True), records)
        return RecordsQuery(self._ask(shown, select, block), self._without_given(shown, block, records))

    def _stays_with(self, select: exp.Select) -> Block | None:
        """Read the records in SELECT COUNT(DISTINCT patient) FROM stays WHERE stay IN (SELECT stay FROM records)."""
        conditions = conditions_of(select)
        if table_of(select) != self.stays.table or len(conditions) != 1 or not isinstance(conditions[0], exp.In):
            return None
        (shown,) = select.expressions
        if not (isinstance(shown, exp.Count) and isinstance(shown.this, exp.Distinct)):
            return None
        query = conditions[0].args.get("query")
        if not query or shown.this.expressions[0].name != self.stays.subject:
            return None
        return self.block(self._within_icu(query.this))

    def _within_icu(self, select: exp.Select) -> exp.Select:
        """Return the SELECT of records inside a SELECT of the ICU stays that they belong to."""
        conditions = conditions_of(select)
        if table_of(select) == self.icu.table and len(conditions) == 1 and isinstance(conditions[0], exp.In):
            inner = conditions[0].args.get("query")
            if inner and conditions[0].this.name == self.icu.key:
                return cast(exp.Select, inner.this)
        return select

    def _whole_block(self, select: exp.Select) -> Block:
        """Read the block; stays with a window of their end are discharges."""
        try:
            block = self.block(select)
            if block.ended is None:
                return block
        except NotLifted:
            if table_of(select) != self.stays.table:
                raise
        block = self.block(select, self.catalogue.kind("discharge"))
        if block.ended is False:
            raise NotLifted("a discharge without an end")
        return block

    def _without_given(self, shown: exp.Expr, block: Block, records: Records) -> Records:
        """Leave out that the field has a value where that field is listed: it goes without saying."""
        if not isinstance(shown, exp.Column):
            return records
        name = self.field(block.kind, shown.name).name
        return replace(records, matches=tuple(one for one in records.matches if one.values or one.field != name))

    def _ask(self, shown: exp.Expr, select: exp.Select, block: Block) -> asks.Ask:
        kind = block.kind
        if isinstance(shown, exp.Column):
            distinct = select.args.get("distinct") is not None
            return asks.List(self.field(kind, shown.name).name, distinct)
        if isinstance(shown, exp.Count):
            return asks.Count(self._counted(shown, block))
        if type(shown) in _FUNCTIONS:
            name = self.field(kind, shown.this.name).name
            return asks.Aggregate(cast(Any, _FUNCTIONS[type(shown)]), name, self._per(select))
        return self._span(shown, block)

    def _counted(self, shown: exp.Count, block: Block) -> Any:
        if isinstance(shown.this, exp.Star):
            return "records"
        if isinstance(shown.this, exp.Distinct):
            column = shown.this.expressions[0].name
            if column == block.kind.key:
                return "records"
            if column == block.kind.subject:
                return "patients"
        raise NotLifted(f"{sql_of(shown)} counts what is not known")

    def _per(self, select: exp.Select) -> Any:
        group = select.args.get("group")
        if group is None:
            return None
        found = re.fullmatch(r"STRFTIME\('([^']*)', [\w.]+\)", sql_of(group.expressions[0]))
        if found is None or found[1] not in _FORMATS:
            raise NotLifted(f"{sql_of(group)} is no period")
        return _FORMATS[found[1]]

    def _span(self, shown: exp.Expr, block: Block) -> asks.Ask:
        text = re.sub(r"\w+\.", "", sql_of(shown))
        time, end = block.kind.time, block.kind.end
        assert time is not None
        if end is not None and text == f"STRFTIME('%J', {end.column}) - STRFTIME('%J', {time.column})":
            return asks.Length()
        for factor, unit in (("24", "hours"), ("1", "days")):
            if text == f"{factor} * (STRFTIME('%J', CURRENT_TIME) - STRFTIME('%J', {time.column}))":
                return asks.Since(cast(Any, unit))
        raise NotLifted(f"{text} is not asked for")

    # --- two selects ----------------------------------------------------------------------------------

    def _new(self, tree: exp.Except) -> RecordsQuery:
        one, two = self._direct(cast(exp.Select, tree.this)), self._direct(cast(exp.Select, tree.expression))
        if (
            not isinstance(one.ask, asks.List)
            or one.ask != two.ask
            or replace(two.records, when=one.records.when) != one.records
        ):
            raise NotLifted("EXCEPT of two different questions")
        return RecordsQuery(asks.New(one.ask.field, selection.Moment(two.records.when)), one.records)

    def _of_two(self, select: exp.Select) -> RecordsQuery:
        (shown,) = select.expressions
        if type(shown) not in _HOW:
            raise NotLifted(f"{sql_of(shown)} is no comparison")
        sides = [side.this for side in (shown.this, shown.expression) if isinstance(side, exp.Subquery)]
        if len(sides) != 2:
            raise NotLifted("a comparison not of two queries")
        one, two = (self.question(side) for side in sides)
        if isinstance(one.ask, asks.Aggregate) and one.ask == two.ask and isinstance(shown, exp.Sub):
            if replace(two.records, kind=one.records.kind) != one.records:
                raise NotLifted("a difference of totals of different patients or times")
            return RecordsQuery(asks.Balance(two.records.kind), one.records)
        same = replace(two.records, when=one.records.when, pick=one.records.pick)
        if not isinstance(one.ask, asks.List) or one.ask != two.ask or same != one.records:
            raise NotLifted("a comparison of two different questions")
        moment = selection.Moment(two.records.when, two.records.pick)
        return RecordsQuery(asks.Change(cast(Any, _HOW[type(shown)]), one.ask.field, moment), one.records)

    # --- names and costs ------------------------------------------------------------------------------

    def _of_names(self, select: exp.Select) -> RecordsQuery:
        (condition,) = conditions_of(select)
        if not (isinstance(condition, exp.In) and condition.args.get("query")):
            raise NotLifted(f"{sql_of(condition)} chooses no names")
        return self.question(condition.args["query"].this)

    def _cost(self, select: exp.Select) -> RecordsQuery:
        charges = self.catalogue.charges
        assert charges is not None
        for condition in conditions_of(select):
            if isinstance(condition, exp.In) and condition.this.name == charges.record:
                return RecordsQuery(asks.Cost(), self.block(condition.args["query"].this).records())
        raise NotLifted("costs of no records")

    # --- a subquery -----------------------------------------------------------------------------------

    def _of_subquery(self, select: exp.Select) -> RecordsQuery:
        inner = cast(exp.Select, select.args["from_"].this.this)
        if select.args.get("joins"):
            return self._pairs(select)
        (shown,) = select.expressions
        conditions = conditions_of(select)
        if not conditions:
            return self._of_totals(shown, inner)
        (condition,) = conditions
        number = plain(condition.expression)
        if isinstance(condition, exp.LTE):
            return self._ranked(number, inner)
        if inner.find(exp.PercentRank) is not None and isinstance(condition, exp.EQ):
            return RecordsQuery(asks.Percentile(number), self.block(inner).records())
        if isinstance(condition, exp.EQ | exp.GTE):
            times = selection.Times("exactly" if isinstance(condition, exp.EQ) else "at_least", number)
            return self._repeated(shown, times, inner)
        raise NotLifted(f"{sql_of(condition)} is no choice from a subquery")

    def _of_totals(self, shown: exp.Expr, inner: exp.Select) -> RecordsQuery:
        function = cast(Any, _FUNCTIONS.get(type(shown)))
        charges = self.catalogue.charges
        if function is None:
            raise NotLifted(f"{sql_of(shown)} sums up nothing")
        if charges is not None and table_of(inner) == charges.table:
            return RecordsQuery(asks.StayCost(function), self._charged(inner))
        counted = inner.expressions[0].unalias()
        if isinstance(counted.unnest(), exp.Case):
            return self._survival(counted.unnest(), inner.args["from_"].this.this)
        if not (isinstance(counted, exp.Count) and isinstance(counted.this, exp.Distinct)):
            raise NotLifted(f"{sql_of(counted)} is no count of stays")
        return RecordsQuery(asks.Frequency(function, self._per(inner)), self.block(inner).records())

    def _charged(self, select: exp.Select) -> Records:
        charges = self.catalogue.charges
        assert charges is not None
        stays = [one for one in conditions_of(select) if isinstance(one, exp.In)]
        block = self.block(stays[0].args["query"].this)
        timed = replace(
            block.kind, fields={**block.kind.fields, "time": replace(block.kind.fields["time"], column=charges.time)}
        )
        windows = Block(timed, select)
        for condition in conditions_of(select):
            if condition is not stays[0] and not self._window(condition, windows):
                raise NotLifted(f"{sql_of(condition)} is no window of charges")
        return replace(block.records(), when=joined([*block.when, *windows.when]))

    def _repeated(self, shown: exp.Expr, times: selection.Times, inner: exp.Select) -> RecordsQuery:
        if isinstance(shown, exp.Count):
            block = self._of_stays(inner)
            return RecordsQuery(asks.Count("patients"), replace(block.records(), times=times))
        block = self.block(inner)
        name = self.field(block.kind, inner.expressions[0].name).name
        return RecordsQuery(asks.List(name, distinct=True), replace(block.records(), times=times))

    def _of_stays(self, select: exp.Select) -> Block:
        """Read the records whose hospital stays a SELECT of stays, or of the records themselves, is about."""
        if table_of(select) != self.stays.table:
            return self.block(select)
        (condition,) = conditions_of(select)
        return self.block(condition.args["query"].this)

    def _ranked(self, n: Any, inner: exp.Select) -> RecordsQuery:
        first = inner.expressions[0]
        if table_of(inner) is not None:
            block = self.block(inner)
            return RecordsQuery(asks.Top(n, self.field(block.kind, first.name).name), block.records())
        source = inner.args["from_"].this.this
        if inner.args.get("joins"):
            found = self._pairs(inner)
            assert isinstance(found.ask, asks.List)
            return RecordsQuery(asks.Top(n, found.ask.field), found.records)
        return self._mortality(n, source)

    def _mortality(self, n: Any, rates: exp.Select) -> RecordsQuery:
        """Read the average over the patients of whether they lived, from the first record of each."""
        lived = rates.args["from_"].this.this
        case = lived.find(exp.Case)
        first = lived.args["from_"].this.this
        if case is None or not isinstance(first, exp.Select):
            raise NotLifted("no rate of mortality")
        within = self._days(case.args["ifs"][0].this.expression)
        block = self._long_ago(first)
        name = self.field(block.kind, first.expressions[1].name).name
        return RecordsQuery(asks.Mortality(n, within, name), block.records())

    def _long_ago(self, first: exp.Select) -> Block:
        """Read records without the condition that they are old enough, which goes without saying."""
        conditions = [one for one in conditions_of(first) if "STRFTIME('%J', CURRENT_TIME)" not in sql_of(one)]
        first.set("where", exp.Where(this=exp.and_(*conditions)) if conditions else None)
        return self.block(first)

    def _survival(self, case: exp.Expr, pairs: exp.Select) -> RecordsQuery:
        """Read the average of whether patients lived over pairs of a first record and one that follows it."""
        within = self._days(case.args["ifs"][0].this.expression)
        first, later = pairs.args["from_"].this.this, pairs.args["joins"][0].this.this
        relation = self._relation(conditions_of(pairs))
        records = self._paired(self.block(later), self._long_ago(first), relation)
        return RecordsQuery(asks.Survival(within), records)

    def _days(self, limit: exp.Expr) -> Duration:
        found = _DAYS.fullmatch(sql_of(limit))
        if found is None:
            raise NotLifted(f"{sql_of(limit)} is no span of days")
        if found["part"] is None:
            return Duration(int(found["amount"]), "year")
        return Duration(int(found["amount"]) * 12 // int(found["part"]), "month")

    # --- pairs ----------------------------------------------------------------------------------------

    def _pairs(self, select: exp.Select) -> RecordsQuery:
        """Read a SELECT from two subqueries of records of the same patients, T1 before T2 or at the same time."""
        source, join = select.args["from_"].this, select.args["joins"][0].this
        blocks = {one.alias: self.block(one.this) for one in (source, join)}
        relation = self._relation(conditions_of(select))
        (shown, *_) = select.expressions
        columns = list(shown.find_all(exp.Column)) or [exp.column("", table=source.alias)]
        main = blocks[source.alias if relation == selection.Same("time") else join.alias]
        (other,) = [block for block in blocks.values() if block is not main]
        pick = self.pick(select, main.kind) if select.args.get("order") else None
        records = self._paired(main, other, relation)
        records = replace(records, pick=pick)
        if isinstance(shown, exp.Count):
            return RecordsQuery(
                asks.Count("patients" if columns[0].name == main.kind.subject else "records"), records
            )
        return RecordsQuery(asks.List(self.field(main.kind, columns[0].name).name), records)

    def _paired(self, main: Block, other: Block, relation: selection.Relation) -> Records:
        mine, theirs = main.records(), other.records()
        patients = [person for person in theirs.who if person not in mine.who]
        if (
            theirs.when != mine.when
            or theirs.value
            or any(not isinstance(one, selection.Patient) for one in patients)
        ):
            raise NotLifted("two kinds of records with different restrictions")
        return replace(mine, following=selection.Following(relation, theirs.kind, theirs.matches))

    def _relation(self, conditions: list[exp.Expr]) -> selection.Relation:
        found: selection.Relation = selection.Later()
        for condition in conditions:
            text = sql_of(condition)
            if within := _WITHIN.fullmatch(text):
                found = selection.Within(Duration(int(within["amount"]), cast(Any, within["unit"])))
            elif same := _SAME.fullmatch(text):
                found = selection.Same(cast(Any, same["unit"]))
            elif re.fullmatch(r"\w+\.hadm_id = \w+\.hadm_id", text):
                found = selection.Same("stay")
            elif re.fullmatch(r"DATETIME\(\w+\.\w+\) = DATETIME\(\w+\.\w+\)", text):
                found = selection.Same("time")
            elif not re.fullmatch(r"\w+\.\w+ < \w+\.\w+", text):
                raise NotLifted(f"{text} relates no records")
        return found
