"""What an expression over rows of patients may do: no more than with the rows of the patient at hand.

Identifiers link, count and group; subqueries are tied to the patient of the row; windows stay within a patient.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

from ehr.errors import UnsafeQuery
from sql.disclosure.identity import MIXED, OTHER, PLAIN, Column
from sql.disclosure.scope import Kind, Node, Scope, Shape, part_of, resolve
from sql.functions import AGGREGATES, WINDOWS

AGGREGATE_NAMES: Final = AGGREGATES | {"count_star", "json_group_array", "json_group_object"}
COUNTING: Final = frozenset({"count", "count_star", "approx_count_distinct"})
_CHOOSING: Final = frozenset({"coalesce", "if", "ifnull"})
"""Functions that give one of several arguments, which must all be identifiers when one is."""
_FIRST_ONLY: Final = frozenset(
    {
        *(
            "any_value",
            "arbitrary",
            "arg_max",
            "arg_max_null",
            "arg_min",
            "arg_min_null",
            "argmax",
            "argmin",
            "first",
        ),
        *("first_value", "lag", "last", "last_value", "lead", "max", "max_by", "min", "min_by", "nth_value"),
    }
)
"""Functions that give their first argument unchanged, of one row or another."""
FALLIBLE: Final = frozenset(
    {
        *(
            "+",
            "-",
            "*",
            "/",
            "//",
            "%",
            "**",
            "^",
            "<<",
            "add",
            "subtract",
            "multiply",
            "divide",
            "mod",
            "fdiv",
            "pow",
        ),
        *(
            "power",
            "sqrt",
            "cbrt",
            "exp",
            "ln",
            "log",
            "log2",
            "log10",
            "acos",
            "asin",
            "acosh",
            "atanh",
            "factorial",
        ),
        *("gamma", "lgamma", "gcd", "lcm", "bin", "chr", "decode", "from_base64", "from_binary", "from_hex", "unbin"),
        *("unhex", "to_base", "strptime", "strftime", "make_date", "make_time", "make_timestamp", "make_timestamptz"),
        *("make_timestamp_ms", "make_timestamp_ns", "to_timestamp", "epoch_ms", "date_add", "date_sub", "date_trunc"),
        *("datetrunc", "time_bucket", "age", "to_centuries", "to_days", "to_decades", "to_hours", "to_microseconds"),
        *("to_millennia", "to_milliseconds", "to_minutes", "to_months", "to_quarters", "to_seconds", "to_weeks"),
        *(
            "to_years",
            "json",
            "json_array_length",
            "json_contains",
            "json_exists",
            "json_extract",
            "json_extract_path",
        ),
        *("json_extract_path_text", "json_extract_string", "json_keys", "json_type", "json_value", "->", "->>"),
        *("array_value", "list_zip", "map", "map_from_entries", "regexp_extract", "regexp_matches", "regexp_replace"),
        *("regexp_full_match", "similar_escape", "like_escape", "hamming", "mismatches", "jaccard", "lpad", "rpad"),
    }
)
"""Functions that can fail on a value."""
_PLACES: Final = frozenset({"alias", "query_location", "query_location_length"})
RANDOM: Final = frozenset({"random", "reservoir_quantile"})

_COMPUTED: Final = (
    "; identifiers may link rows, be counted and be grouped by, but nothing is computed with them, and they are "
    "compared with each other only, never with a value"
)
_UNTIED: Final = (
    "; tie it to the patient of the row, as in WHERE c.subject_id = p.subject_id, or write "
    "subject_id IN (SELECT subject_id FROM ...)"
)
_BETWEEN_PATIENTS: Final = "; write PARTITION BY subject_id, so that it stays within a patient"


class Queries(Protocol):
    """What an expression needs of the walk through the queries."""

    def query(self, node: Node, around: Scope | None, subject: str | None = None) -> Shape:
        """Return the shape of a subquery; one of patients names them in a further column `subject`."""
        ...

    def without_nulls(self, node: Node) -> Node:
        """Return a query of one column without its NULLs."""
        ...

    def refused(self, what: str, instead: str, node: Node | None = None) -> UnsafeQuery:
        """Return a refusal that tells where the node stands."""
        ...


def parts_of(node: Node) -> Iterator[Node]:
    """Yield the expressions directly below an expression; a subquery is none."""
    pending: list[Any] = [value for key, value in node.items() if key != "subquery"]
    while pending:
        value = pending.pop(0)
        if isinstance(value, list):
            pending = [*value, *pending]
        elif isinstance(value, dict) and "class" in value:
            yield value
        elif isinstance(value, dict) and "select_list" not in value:
            pending = [*value.values(), *pending]


def called(node: Node) -> str:
    """Return the name of the function that an expression calls, or nothing."""
    return str(node.get("function_name", "")).lower()


def is_aggregate(node: Node) -> bool:
    """Say whether an expression is the call of an aggregate function, not as a window."""
    return node["class"] == "FUNCTION" and called(node) in AGGREGATE_NAMES


def has_aggregate(node: Node) -> bool:
    """Say whether an expression holds an aggregate, outside subqueries."""
    return is_aggregate(node) or any(has_aggregate(part) for part in parts_of(node))


def is_own_link(node: Node, scope: Scope) -> bool:
    """Say whether an expression is an unchanged identifier of a row of the query at hand."""
    if node["class"] != "COLUMN_REF":
        return False
    found = resolve(node["column_names"], scope)
    return found is not None and found.item is not None and found.depth == 0 and found.column.links


class Expressions:
    """Walks through the expressions of a statement."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries
        self._known: dict[int, tuple[Node, Column]] = {}
        self._special: dict[str, Callable[[Node, Scope], Column]] = {
            "COLUMN_REF": self._column,
            "COMPARISON": self._comparison,
            "CASE": self._copied,
            "CAST": self._cast,
            "FUNCTION": self._function,
            "OPERATOR": self._operator,
            "STAR": self._star,
            "SUBQUERY": self._subquery,
            "WINDOW": self._window,
        }

    def value(self, node: Node, scope: Scope) -> Column:
        """Return what an expression tells; raises UnsafeQuery where it could reach beyond the patient of the row.

        Each is walked through once: the walk changes its subqueries.
        """
        if id(node) not in self._known:
            told = self._special.get(node["class"], self._plain)(node, scope)
            self._known[id(node)] = (node, told)
        return self._known[id(node)][1]

    def _plain(self, node: Node, scope: Scope) -> Column:
        self._refuse_identifiers(node, [self.value(part, scope) for part in parts_of(node)])
        return PLAIN

    def _column(self, node: Node, scope: Scope) -> Column:
        found = resolve(node["column_names"], scope)
        if found is None:
            return PLAIN
        within: Scope | None = scope
        for _ in range(found.depth):
            if within is not None:
                within.reaches_out = True
                within = within.around
        return found.column if found.depth == 0 else part_of(found.column)

    def _comparison(self, node: Node, scope: Scope) -> Column:
        left, right = self.value(node["left"], scope), self.value(node["right"], scope)
        if bool(left.identity) != bool(right.identity) or MIXED in {left.identity, right.identity}:
            self._refuse_identifiers(node, [left, right])
        return PLAIN

    def _copied(self, node: Node, scope: Scope) -> Column:
        """CASE gives one of its branches; its conditions were looked at by themselves."""
        conditions = [check["when_expr"] for check in node["case_checks"]]
        branches = [check["then_expr"] for check in node["case_checks"]] + [node["else_expr"]]
        self._refuse_identifiers(node, [self.value(part, scope) for part in conditions if part])
        return self._chosen(node, [part for part in branches if part], scope)

    def _cast(self, node: Node, scope: Scope) -> Column:
        """A cast that fails would tell of the row it fails on, so a cast of what is stored gives NULL instead."""
        if scope.is_personal and node["child"]["class"] != "CONSTANT":
            node["try_cast"] = True
        return _copy([self.value(node["child"], scope)])

    def _operator(self, node: Node, scope: Scope) -> Column:
        columns = [self.value(part, scope) for part in parts_of(node)]
        if node["type"] in {"OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL", "GROUPING_FUNCTION"}:
            return PLAIN
        if node["type"] in {"OPERATOR_COALESCE", "OPERATOR_TRY"}:
            return self._chosen(node, node["children"], scope)
        self._refuse_identifiers(node, columns)
        return PLAIN

    def _function(self, node: Node, scope: Scope) -> Column:
        name = called(node)
        if name in RANDOM:
            raise self._queries.refused(f"{name}()", " is not available under role aggregate; leave it out", node)
        arguments = [argument["expression"] for argument in node["arguments"]]
        for part in parts_of(node):
            self.value(part, scope)
        told = self._told(node, arguments, scope)
        if scope.is_personal and name in FALLIBLE and not is_aggregate(node):
            _try(node)
        return told

    def _told(self, node: Node, arguments: list[Node], scope: Scope) -> Column:
        name = called(node)
        if name in _CHOOSING:
            condition = [self.value(arguments.pop(0), scope)] if name == "if" else []
            self._refuse_identifiers(node, condition)
            return self._chosen(node, arguments, scope)
        return self._called(node, arguments, scope)

    def _called(self, node: Node, arguments: list[Node], scope: Scope) -> Column:
        name = called(node)
        columns = [self.value(argument, scope) for argument in arguments]
        if name in COUNTING or name in WINDOWS - _FIRST_ONLY:
            return PLAIN
        if name == "row":
            return Column(MIXED) if any(column.identity for column in columns) else PLAIN
        if name in {"lag", "lead"}:
            self._chosen(node, [arguments[0], *arguments[2:]], scope)
        if name in _FIRST_ONLY:
            return _copy(columns[:1])
        self._refuse_identifiers(node, columns)
        return PLAIN

    def _chosen(self, node: Node, branches: list[Node], scope: Scope) -> Column:
        """One of several values: beside an identifier, any other could be the number of a patient, but for NULL."""
        columns = [self.value(branch, scope) for branch in branches if not _is_null(branch)]
        if len({bool(column.identity) for column in columns}) > 1:
            self._refuse_identifiers(node, columns)
        return _copy(columns)

    def _window(self, node: Node, scope: Scope) -> Column:
        if scope.is_personal and not any(is_own_link(part, scope) for part in node["partitions"]):
            raise self._queries.refused(f"the window of {called(node)}()", _BETWEEN_PATIENTS, node)
        for part in parts_of(node):
            self.value(part, scope)
        return self._called(node, [argument["expression"] for argument in node["arguments"]], scope)

    def _star(self, node: Node, scope: Scope) -> Column:
        raise self._queries.refused(
            "a star or COLUMNS() in an expression", " is not available; name the columns", node
        )

    def _subquery(self, node: Node, scope: Scope) -> Column:
        child = self.value(node["child"], scope) if node["child"] else None
        shape = self._queries.query(node["subquery"]["node"], scope)
        first = next(iter(shape.columns.values()), PLAIN)
        if shape.kind is Kind.PERSONAL:
            if not self._is_membership(node, first, scope):
                raise self._queries.refused("a subquery", f" reads other patients{_UNTIED}", node)
            node["subquery"]["node"] = self._queries.without_nulls(node["subquery"]["node"])
            return PLAIN
        if shape.kind is Kind.RELEASED and scope.is_personal:
            raise self._queries.refused(
                "a subquery over all patients",
                " cannot stand among rows of patients; ask for it by itself first",
                node,
            )
        if child is not None:
            if bool(child.identity) != bool(first.identity) or MIXED in {child.identity, first.identity}:
                self._refuse_identifiers(node, [child, first])
            return PLAIN
        return _copy([first]) if node["subquery_type"] == "SCALAR" else PLAIN

    @staticmethod
    def _is_membership(node: Node, first: Column, scope: Scope) -> bool:
        """Say whether a subquery asks if an identifier of the row is among those of the same kind."""
        is_equal = node["subquery_type"] == "ANY" and node["comparison_type"] == "COMPARE_EQUAL"
        if not (is_equal and is_own_link(node["child"], scope)):
            return False
        own = resolve(node["child"]["column_names"], scope)
        return own is not None and own.column.identity == first.identity

    def _refuse_identifiers(self, node: Node, columns: list[Column]) -> None:
        if any(column.identity for column in columns):
            what = (
                f"{called(node)}() of an identifier" if called(node).isidentifier() else "this use of an identifier"
            )
            raise self._queries.refused(what, f" is not available under role aggregate{_COMPUTED}", node)


def _copy(columns: list[Column]) -> Column:
    """Return what a copy of one of several values tells: it names somebody when they do, and links nothing."""
    if any(column.identity == MIXED for column in columns):
        return Column(MIXED)
    return Column(OTHER) if any(column.identity for column in columns) else PLAIN


def _try(node: Node) -> None:
    """Let a call that fails give NULL: that a query fails would tell of the row it fails on.

    DuckDB's TRY takes no subquery, aggregate or window; a call without columns fails for all rows or none.
    """
    held = list(_descendants(node))
    if any(each["class"] in {"SUBQUERY", "WINDOW"} or is_aggregate(each) for each in held):
        return
    if any(each["class"] == "COLUMN_REF" for each in held):
        call = dict(node) | {"alias": ""}
        kept = {name: value for name, value in node.items() if name in _PLACES}
        node.clear()
        node.update(kept)
        node.update({"class": "OPERATOR", "type": "OPERATOR_TRY", "children": [call]})


def _descendants(node: Node) -> Iterator[Node]:
    for part in parts_of(node):
        yield part
        yield from _descendants(part)


def _is_null(node: Node) -> bool:
    return (node.get("literal") or {}).get("kind") == "NULL_LITERAL"
