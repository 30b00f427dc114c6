"""The first wall around the store: a query is parsed, every name in it looked up, and what is not allowed refused.

This wall gives the reasons: which part, where, and what would be allowed. The second, sql/engine.py, looks up how
DuckDB reads the query, and writes what runs. sqlglot turns most functions into classes of its own, so the parser is
told, by the comment that sqlglot provides for it, to keep every call by the name that the user gave it.
"""

import logging
from typing import Final

from sqlglot import Dialect, ErrorLevel, Token, TokenType, exp
from sqlglot.errors import SqlglotError

from ehr.errors import UnsafeQuery
from sql.catalog import Catalog, check_with_name
from sql.columns import check_columns
from sql.functions import BOUNDED, DESCENDS_FROM, FUNCTIONS, SYNTAX, TABLE_FUNCTIONS
from sql.places import place, suggestion

MAX_CHARACTERS: Final = 1_000_000
MAX_NESTING: Final = 100
MAX_SELECTS: Final = 500
MAX_JOINS: Final = 200
DUCKDB: Final = Dialect.get_or_raise("duckdb")

_PARSER_SLIPS: Final = (TypeError, ValueError, AttributeError, LookupError, AssertionError)
"""What sqlglot raises, beside errors of its own, for some texts that are no SQL."""

logging.getLogger("sqlglot").setLevel(logging.ERROR)  # its warnings quote the query

_BEGINNINGS: Final = frozenset({"SELECT", "WITH", "FROM", "VALUES", "TABLE", "PIVOT", "UNPIVOT", "("})
_OPENING: Final = frozenset({TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE, TokenType.CASE})
_CLOSING: Final = frozenset({TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE, TokenType.END})

_NODES: Final[frozenset[type[exp.Expr]]] = frozenset(
    {
        # queries
        *(exp.Select, exp.Union, exp.Except, exp.Intersect, exp.Subquery, exp.Values, exp.With, exp.CTE, exp.From),
        *(exp.Join, exp.Lateral, exp.Where, exp.Group, exp.Having, exp.Qualify, exp.Order, exp.Ordered, exp.Limit),
        *(exp.Offset, exp.Fetch, exp.Distinct, exp.Window, exp.WindowSpec, exp.TableSample, exp.Pivot),
        *(exp.PivotAlias, exp.PivotAny, exp.UnpivotColumns, exp.Rollup, exp.Cube, exp.GroupingSets, exp.Tuple),
        *(exp.Table, exp.TableAlias, exp.Unnest, exp.LimitOptions, exp.RecursiveWithSearch),
        # names and values
        *(exp.Column, exp.Identifier, exp.Star, exp.Columns, exp.Alias, exp.Aliases, exp.Dot, exp.Literal, exp.Null),
        *(exp.Boolean, exp.Var, exp.Interval, exp.IntervalSpan, exp.DataType, exp.DataTypeParam, exp.ByteString),
        *(exp.Array, exp.Struct, exp.Map, exp.ToMap, exp.PropertyEQ, exp.Bracket, exp.Slice, exp.Lambda),
        *(exp.Comprehension, exp.Paren, exp.JSONPath, exp.JSONPathRoot, exp.JSONPathKey, exp.JSONPathSubscript),
        *(exp.JSONPathWildcard, exp.JSONPathSlice, exp.JSONKeyValue, exp.Kwarg),
        # operators
        *(exp.And, exp.Or, exp.Xor, exp.Not, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Is, exp.In),
        *(exp.NullSafeEQ, exp.NullSafeNEQ, exp.Between, exp.Like, exp.ILike, exp.SimilarTo, exp.Glob, exp.Escape),
        *(exp.RegexpLike, exp.StartsWith, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.Neg, exp.Pow),
        *(exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseXor, exp.BitwiseNot, exp.BitwiseLeftShift, exp.DPipe),
        *(exp.BitwiseRightShift, exp.Exists, exp.Any, exp.All, exp.ArrayContainsAll, exp.ArrayContainedBy),
        *(exp.ArrayContains, exp.ArrayOverlaps, exp.Distance, exp.JSONExtract, exp.JSONExtractScalar, exp.AtTimeZone),
        *(exp.Collate, exp.Case, exp.If, exp.Cast, exp.TryCast, exp.Filter, exp.IgnoreNulls, exp.RespectNulls),
        *(exp.WithinGroup, exp.RawString, exp.List, exp.HexString),
        # functions that have a syntax of their own; the others are Anonymous and looked up by name
        *(exp.Anonymous, exp.Extract, exp.StrPosition, exp.Substring, exp.Trim, exp.Overlay, exp.Ceil, exp.Floor),
        *(exp.Chr, exp.GroupConcat, exp.Max, exp.Min, exp.ArgMax, exp.ArgMin, exp.Quantile, exp.PercentileCont),
        *(exp.PercentileDisc, exp.ApproxQuantile, exp.JSONObject, exp.Concat, exp.Abs, exp.CurrentDate),
        *(exp.CurrentTime, exp.CurrentTimestamp, exp.Localtime, exp.Localtimestamp),
    }
)
"""Every kind of node that a query may hold."""

_HINTS: Final[dict[type[exp.Expr], str]] = {
    exp.PositionalColumn: "a column by its position (#1) is not allowed; write its name",
    exp.Placeholder: "a parameter (?, $1, $name) is not allowed; write the value",
    exp.Parameter: "a parameter (?, $1, $name) is not allowed; write the value",
    exp.Into: "SELECT INTO would write a table; a query can only read",
    exp.Lock: "FOR UPDATE is not allowed; a query can only read",
    exp.HistoricalData: "AT (VERSION ...) is not allowed; the store keeps no older versions",
    exp.Describe: "DESCRIBE is not allowed; 'ehr sql --describe' shows the tables and columns",
    exp.Summarize: "SUMMARIZE is not allowed; ask for count, min, max and quantile_cont of the columns you need",
    exp.Show: "SHOW is not allowed; 'ehr sql --describe' shows the tables and columns",
}


def guard(query: str | exp.Expr, catalog: Catalog, role: str = "analyst") -> exp.Expr:
    """Return the tree of a query that `role` may ask, every table of the store named with its schema.

    One SELECT (WITH, FROM-first, VALUES, set operations, PIVOT with listed values) over the tables and functions
    that the role may use. Raises UnsafeQuery with what is refused, where, and what would be allowed. To run a
    query, use sql.query.run_query, which asks both walls.
    """
    readable = catalog.readable(role)
    text = query if isinstance(query, str) else to_sql(query)
    tree = _parse(text)
    _check_size(tree)
    for node in list(tree.walk()):
        _check_node(node)
    _resolve_tables(tree, catalog, role)
    check_columns(tree, readable)
    return tree


def to_sql(tree: exp.Expr) -> str:
    """Generate the text of a tree for DuckDB; raises UnsafeQuery for what sqlglot cannot write faithfully."""
    try:
        return tree.sql(dialect=DUCKDB, normalize_functions=False, comments=False, unsupported_level=ErrorLevel.RAISE)
    except SqlglotError as error:
        raise UnsafeQuery(f"the query cannot be written safely: {_plain(error)}") from error
    except RecursionError as error:
        raise UnsafeQuery("the query is nested too deeply; split it with WITH") from error


def _parse(text: str) -> exp.Expr:
    tokens = _tokens(text)
    first = tokens[0].text.upper()
    if first not in _BEGINNINGS:
        raise UnsafeQuery(
            f"only a query that reads is allowed, and this one begins with {first[:30]!r}; use SELECT, WITH or FROM"
        )
    try:
        (tree,) = DUCKDB.parser().parse(tokens, text)
    except SqlglotError as error:
        raise UnsafeQuery(f"the query cannot be read: {_plain(error)}") from error
    except RecursionError as error:
        raise UnsafeQuery("the query is nested too deeply; split it with WITH") from error
    except _PARSER_SLIPS as error:
        raise UnsafeQuery(
            "the query cannot be read: the parser stumbled over it; check brackets and words"
        ) from error
    if isinstance(tree, exp.Pivot):
        return exp.select("*").from_(exp.Subquery(this=tree))
    if not isinstance(tree, exp.Query | exp.Values):
        raise UnsafeQuery("only a query that reads is allowed; begin with SELECT, WITH or FROM")
    return tree


def _tokens(text: str) -> list[Token]:
    """Cut the text into tokens without comments, within bounds that keep parser and engine from exhaustion."""
    if len(text) > MAX_CHARACTERS:
        raise UnsafeQuery(f"the query is longer than {MAX_CHARACTERS:,} characters; shorten it")
    if any(ord(character) < 32 and character not in "\t\n\r" for character in text):
        raise UnsafeQuery("the query holds a control character; remove it")
    if any(0xD800 <= ord(character) < 0xE000 for character in text):
        raise UnsafeQuery("the query is not valid Unicode; save it as UTF-8")
    try:
        tokens = DUCKDB.tokenize(text)
    except SqlglotError as error:
        raise UnsafeQuery(f"the query cannot be read: {_plain(error)}") from error
    while tokens and tokens[-1].token_type == TokenType.SEMICOLON:
        tokens.pop()
    if not tokens:
        raise UnsafeQuery("the query is empty; write for example SELECT count(*) FROM patient")
    statements = 1 + sum(token.token_type == TokenType.SEMICOLON for token in tokens)
    if statements > 1:
        raise UnsafeQuery(f"one statement at a time is allowed, and these are {statements}")
    depth = 0
    for token in tokens:
        depth += (token.token_type in _OPENING) - (token.token_type in _CLOSING)
        if depth > MAX_NESTING:
            raise UnsafeQuery(f"the query is nested more than {MAX_NESTING} levels deep; split it with WITH")
        token.comments = [exp.SQLGLOT_ANONYMOUS] if token.token_type == TokenType.R_PAREN else []
    return tokens


def _check_size(tree: exp.Expr) -> None:
    selects = joins = 0
    for node in tree.walk():
        selects += isinstance(node, exp.Select | exp.Values)
        joins += isinstance(node, exp.Join)
        node.pop_comments()
    if selects > MAX_SELECTS:
        raise UnsafeQuery(f"the query has more than {MAX_SELECTS} SELECTs; ask in parts")
    if joins > MAX_JOINS:
        raise UnsafeQuery(f"the query has more than {MAX_JOINS} joins; ask in parts")


def _check_node(node: exp.Expr) -> None:
    kind = type(node)
    if kind not in _NODES:
        raise UnsafeQuery(_HINTS.get(kind, f"{_name_of(node)} is not allowed in a query") + place(node))
    if isinstance(node, exp.Anonymous):
        _check_function(node)
    elif isinstance(node, exp.Pivot):
        _check_pivot(node)


def _name_of(node: exp.Expr) -> str:
    """Name a part of a query for a refusal: the function by its SQL name, another node by its class."""
    if isinstance(node, exp.Func):
        return f"the function {node.sql_name().lower()}()"
    return type(node).__name__.upper()


def _check_function(node: exp.Anonymous) -> None:
    name = node.name.lower()
    stands_in_from = isinstance(node.parent, exp.Table | exp.Lateral)
    allowed = TABLE_FUNCTIONS if stands_in_from else FUNCTIONS | SYNTAX | {DESCENDS_FROM}
    if name not in allowed:
        what = f"the table function {name}()" if stands_in_from else f"the function {name}()"
        near = suggestion(name, allowed)
        hint = near or (f"; in FROM stand {', '.join(sorted(allowed))}" if stands_in_from else "")
        raise UnsafeQuery(f"{what}{place(node)} is not allowed{hint}")
    if name == DESCENDS_FROM:
        _check_descent(node)
    if name in BOUNDED and not stands_in_from:
        _check_bounds(node, name)


def _check_descent(node: exp.Anonymous) -> None:
    """Refuse a call of descends_from that is more or less than a column and concepts that are written out."""
    column, *concepts = node.expressions or [None]
    is_right = (
        isinstance(column, exp.Column)
        and concepts
        and all(isinstance(concept, exp.Literal) and concept.is_string for concept in concepts)
    )
    if not is_right or isinstance(node.parent, exp.Dot | exp.Window):
        raise UnsafeQuery(
            f"descends_from(){place(node)} takes a column of codes and concepts written out, as in "
            "descends_from(code, 'ICD10//E11', 'ICD9//250')"
        )


def _check_bounds(node: exp.Anonymous, name: str) -> None:
    """Refuse a call that could make an enormous value out of a number: DuckDB's memory limit does not hold for it."""
    bound = BOUNDED[name]
    chained = [node.parent.this] if isinstance(node.parent, exp.Dot) else []
    arguments = [*chained, *node.expressions]
    for number in arguments[1:2] if name in {"lpad", "rpad"} else arguments:
        literal = number.this if isinstance(number, exp.Neg) else number
        is_small = isinstance(literal, exp.Literal) and literal.name.isdigit() and int(literal.name) <= bound
        if not is_small:
            instead = f", or write FROM {name}(...)" if name in TABLE_FUNCTIONS else ""
            raise UnsafeQuery(
                f"{name}(){place(node)} takes numbers up to {bound:,} that are written out here{instead}"
            )


def _check_pivot(node: exp.Pivot) -> None:
    """Refuse a PIVOT without listed values: DuckDB would first create a type from the values that it finds."""
    is_statement = node.this is not None
    for field in node.expressions if is_statement else node.args.get("fields", []):
        if not node.args.get("unpivot") and not (isinstance(field, exp.In) and field.expressions):
            raise UnsafeQuery(f"PIVOT{place(node)} must list its values, as in ON code IN ('a', 'b')")


def _resolve_tables(tree: exp.Expr, catalog: Catalog, role: str) -> None:
    """Look up every table in the WITH clauses around it, else in the catalogue, and write its schema before it."""
    pending: list[tuple[exp.Expr, frozenset[str]]] = [(tree, frozenset())]
    while pending:
        node, visible = pending.pop()
        if isinstance(node, exp.Table):
            _resolve_table(node, visible, catalog, role)
        with_clause = node.args.get("with_")
        if with_clause is not None:
            for cte in with_clause.expressions:
                name = cte.alias.lower()
                check_with_name(name, catalog, role)
                pending.append((cte.this, visible | {name} if with_clause.recursive else visible))
                visible |= {name}
        pending.extend((child, visible) for child in node.iter_expressions() if child is not with_clause)


def _resolve_table(table: exp.Table, visible: frozenset[str], catalog: Catalog, role: str) -> None:
    if isinstance(table.this, exp.Func):
        if table.args.get("db") is not None:
            raise UnsafeQuery(f"a table function takes no schema{place(table)}; write its name alone")
        return
    name = table.name.lower()
    schema = table.db.lower()
    if table.catalog or schema not in {"", "main"} or not isinstance(table.this, exp.Identifier):
        raise UnsafeQuery(_refused_table(table, catalog, role))
    if name in visible and not schema:
        return
    if not catalog.allows(name, role):
        raise UnsafeQuery(_refused_table(table, catalog, role))
    table.set("db", exp.to_identifier("main"))


def _refused_table(table: exp.Table, catalog: Catalog, role: str) -> str:
    parts = ".".join(part.name for part in table.parts)
    readable = catalog.readable(role)
    near = "" if table.name.lower() in catalog.relations else suggestion(table.name, readable)
    near = near or f"; it may read {', '.join(sorted(readable))}"
    return f"role {role} may not read {parts!r}{place(table)}{near}"


def _plain(error: Exception) -> str:
    """Return the first message of sqlglot in one line, without the colours and the quoted text."""
    details = getattr(error, "errors", None)
    if details:
        first = details[0]
        return f"{str(first['description']).rstrip('.').lower()} at line {first['line']}, column {first['col']}"
    return str(error).splitlines()[0].rstrip(".")
