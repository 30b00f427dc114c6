"""The first wall around the store: a query is parsed, every name in it looked up, and what is not allowed refused.

This wall gives the reasons: which part, where, and what would be allowed. The second, sql/engine.py, looks up how
DuckDB reads the query, and writes what runs. sqlglot turns most functions into classes of its own, so the parser is
told, by the comment that sqlglot provides for it, to keep every call by the name that the user gave it.
"""

import logging
import re
from typing import Final

from sqlglot import Dialect, ErrorLevel, Token, TokenType, exp
from sqlglot.errors import SqlglotError

from ehr.errors import UnsafeQuery
from sql.catalog import Catalog
from sql.columns import check_columns
from sql.functions import BOUNDED, DESCENDS_FROM, GROUPS, SYNTAX, TABLE_FUNCTIONS, functions_for
from sql.macros import MACROS
from sql.places import Position, near, position_in, position_of, position_of_token, suggestion
from sql.refusals import Refusal, refused
from sql.tables import resolve_tables

MAX_CHARACTERS: Final = 1_000_000
MAX_NESTING: Final = 100
MAX_SELECTS: Final = 500
MAX_JOINS: Final = 200
ALIKE: Final = 0.75
"""How like a function that is not allowed one must be to be offered in its place."""

DUCKDB: Final = Dialect.get_or_raise("duckdb")

_PARSER_SLIPS: Final = (TypeError, ValueError, AttributeError, LookupError, AssertionError)
"""What sqlglot raises, beside errors of its own, for some texts that are no SQL."""

logging.getLogger("sqlglot").setLevel(logging.ERROR)  # its warnings quote the query

_BEGINNINGS: Final = ("SELECT", "WITH", "FROM", "VALUES", "TABLE", "PIVOT", "UNPIVOT", "(")
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

_HINTS: Final[dict[type[exp.Expr], tuple[Refusal, TokenType, str, str]]] = {
    exp.PositionalColumn: (
        *(Refusal.FORBIDDEN_SYNTAX, TokenType.HASH),
        *("a column by its position (#1)", " is not allowed; write its name"),
    ),
    exp.Placeholder: (
        *(Refusal.PARAMETER, TokenType.PLACEHOLDER),
        *("a parameter (?, $1, $name)", " is not allowed; write the value"),
    ),
    exp.Parameter: (
        *(Refusal.PARAMETER, TokenType.PARAMETER),
        *("a parameter (?, $1, $name)", " is not allowed; write the value"),
    ),
    exp.Into: (
        *(Refusal.FORBIDDEN_SYNTAX, TokenType.INTO),
        *("SELECT INTO", " would write a table; a query can only read"),
    ),
    exp.Lock: (
        *(Refusal.FORBIDDEN_SYNTAX, TokenType.UPDATE),
        *("FOR UPDATE", " is not allowed; a query can only read"),
    ),
    exp.HistoricalData: (
        *(Refusal.FORBIDDEN_SYNTAX, TokenType.FARROW),
        *("AT (VERSION ...)", " is not allowed; the store keeps no older versions"),
    ),
    exp.Describe: (
        *(Refusal.NOT_A_SELECT, TokenType.DESCRIBE),
        *("DESCRIBE", " is not allowed; 'ehr sql --describe' shows the tables and columns"),
    ),
    exp.Summarize: (
        *(Refusal.NOT_A_SELECT, TokenType.SUMMARIZE),
        *("SUMMARIZE", " is not allowed; ask for count, min, max and quantile_cont of the columns you need"),
    ),
    exp.Show: (
        *(Refusal.NOT_A_SELECT, TokenType.SHOW),
        *("SHOW", " is not allowed; 'ehr sql --describe' shows the tables and columns"),
    ),
}
"""Of nodes with a reason of their own: its code, the token that marks the place, what it is, what to do instead."""

_SPAN: Final = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|(\$\w*\$).*?\1|[^'"$/-]+|.""", re.DOTALL
)
"""What a text is made of for the search of something unfinished: quotes, comments, and all between them."""

_OF_SELECT: Final = frozenset({TokenType.SELECT, TokenType.FROM, TokenType.VALUES, TokenType.TABLE})
_AFTER_PIVOT: Final = frozenset({TokenType.ORDER_BY, TokenType.LIMIT, TokenType.OFFSET})
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_QUOTES: Final = frozenset({"'", '"', "$", "/"})
_SYNTAX: Final = SYNTAX | MACROS.keys() | {DESCENDS_FROM}


def guard(query: str | exp.Expr, catalog: Catalog, role: str = "analyst") -> exp.Expr:
    """Return the tree of a query that `role` may ask, every table of the store named with its schema.

    One SELECT (WITH, FROM-first, VALUES, set operations, PIVOT with listed values) over the tables, columns and
    functions that the role may use. Raises UnsafeQuery with what is refused, where, and what would be allowed. To
    run a query, use sql.query.run_query, which asks both walls.
    """
    readable = catalog.readable(role)
    functions = functions_for(role)
    text = query if isinstance(query, str) else to_sql(query)
    tokens = _tokens(text)
    tree = _parse(tokens, text)
    _check_size(tree)
    for node in list(tree.walk()):
        _check_node(node, tokens, functions)
    resolve_tables(tree, catalog, role)
    check_columns(tree, readable, catalog.hidden(role))
    return tree


def to_sql(tree: exp.Expr) -> str:
    """Generate the text of a tree for DuckDB; raises UnsafeQuery for what sqlglot cannot write faithfully."""
    try:
        return tree.sql(dialect=DUCKDB, normalize_functions=False, comments=False, unsupported_level=ErrorLevel.RAISE)
    except SqlglotError as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise refused(Refusal.UNREADABLE, f"the query cannot be written safely: {reason}") from error
    except RecursionError as error:
        raise _too_deep() from error


def _parse(tokens: list[Token], text: str) -> exp.Expr:
    first = tokens[0]
    if first.text.upper() not in _BEGINNINGS:
        what = f"only a query that reads is allowed, and this one begins with {first.text.upper()[:30]!r}"
        raise _no_select(what, position_of_token(first))
    try:
        (tree,) = DUCKDB.parser().parse(_pivot_in_from(tokens), text)
    except SqlglotError as error:
        raise _unreadable(error) from error
    except RecursionError as error:
        raise _too_deep() from error
    except _PARSER_SLIPS as error:
        raise refused(
            Refusal.UNREADABLE, "the query cannot be read: the parser stumbled over it; check brackets and words"
        ) from error
    if not isinstance(tree, exp.Query | exp.Values):
        raise _no_select("only a query that reads is allowed", position_of_token(first))
    return tree


def _pivot_in_from(tokens: list[Token]) -> list[Token]:
    """Write a PIVOT statement as SELECT * FROM (PIVOT ...), since sqlglot reads no ORDER BY and LIMIT after one."""
    depth, begin = 0, None
    end = len(tokens)
    for index, token in enumerate(tokens):
        depth += (token.token_type in _OPENING) - (token.token_type in _CLOSING)
        if depth == 0 and begin is None and token.token_type in {TokenType.PIVOT, TokenType.UNPIVOT}:
            begin = index
        elif depth == 0 and begin is None and token.token_type in _OF_SELECT:
            return tokens
        elif depth == 0 and begin is not None and token.token_type in _AFTER_PIVOT:
            end = index
            break
    if begin is None:
        return tokens
    *opening, closing = DUCKDB.tokenize("SELECT * FROM ()")
    return [*tokens[:begin], *opening, *tokens[begin:end], closing, *tokens[end:]]


def _no_select(what: str, at: Position | None) -> UnsafeQuery:
    return refused(Refusal.NOT_A_SELECT, what, "; use SELECT, WITH or FROM", at=at, allowed=_BEGINNINGS)


def _too_deep(at: Position | None = None) -> UnsafeQuery:
    what = f"the query is nested more than {MAX_NESTING} levels deep"
    return refused(Refusal.TOO_LARGE, what, "; split it with WITH", at=at)


def _unreadable(error: SqlglotError) -> UnsafeQuery:
    """Say what sqlglot found and where, without its own words for its own classes."""
    details = getattr(error, "errors", None)
    if not details:
        return refused(Refusal.UNREADABLE, "the query cannot be read; check its quotes and brackets")
    first = details[0]
    word = str(first["highlight"])
    found = str(first["description"]).rstrip(".").lower()
    if "<" in found:  # the name of a class or the listing of a token
        found = f"something is missing after {word!r}"
    elif "unexpected" in found:
        found = f"{word!r} is not expected here"
    column = first["col"] - len(word) + 1
    at = Position(first["line"], column) if column > 0 else None
    return refused(Refusal.UNREADABLE, f"the query cannot be read: {found}", at=at)


def _tokens(text: str) -> list[Token]:
    """Cut the text into tokens without comments, within bounds that keep parser and engine from exhaustion."""
    _check_text(text)
    try:
        tokens = DUCKDB.tokenize(text)
    except SqlglotError as error:
        raise _unfinished(text) from error
    while tokens and tokens[-1].token_type == TokenType.SEMICOLON:
        tokens.pop()
    if not tokens:
        raise refused(Refusal.EMPTY_QUERY, "the query is empty", "; write for example SELECT count(*) FROM patient")
    ends = [index for index, token in enumerate(tokens) if token.token_type == TokenType.SEMICOLON]
    if ends:
        what = f"one statement at a time is allowed, and these are {1 + len(ends)}"
        raise refused(Refusal.SEVERAL_STATEMENTS, what, at=position_of_token(tokens[ends[0] + 1]))
    depth = 0
    for token in tokens:
        depth += (token.token_type in _OPENING) - (token.token_type in _CLOSING)
        if depth > MAX_NESTING:
            raise _too_deep(position_of_token(token))
        token.comments = [exp.SQLGLOT_ANONYMOUS] if token.token_type == TokenType.R_PAREN else []
    return tokens


def _check_text(text: str) -> None:
    if len(text) > MAX_CHARACTERS:
        raise refused(Refusal.TOO_LARGE, f"the query is longer than {MAX_CHARACTERS:,} characters", "; shorten it")
    control = _CONTROL.search(text)
    if control:
        at = position_in(text, control.start())
        raise refused(Refusal.BAD_TEXT, "the query holds a control character", "; remove it", at=at)
    surrogate = _SURROGATE.search(text)
    if surrogate:
        at = position_in(text, surrogate.start())
        raise refused(Refusal.BAD_TEXT, "the query is not valid Unicode", "; save it as UTF-8", at=at)


def _unfinished(text: str) -> UnsafeQuery:
    """Say which quote or comment has no end."""
    for span in _SPAN.finditer(text):
        if span[0] in _QUOTES and (span[0] != "/" or text.startswith("/*", span.start())):
            what = "the query cannot be read: a quote or comment that begins here has no end"
            return refused(Refusal.UNREADABLE, what, at=position_in(text, span.start()))
    return refused(Refusal.UNREADABLE, "the query cannot be read; check its quotes and comments")


def _check_size(tree: exp.Expr) -> None:
    selects = joins = 0
    for node in tree.walk():
        selects += isinstance(node, exp.Select | exp.Values)
        joins += isinstance(node, exp.Join)
        node.pop_comments()
    if selects > MAX_SELECTS:
        raise refused(Refusal.TOO_LARGE, f"the query has more than {MAX_SELECTS} SELECTs", "; ask in parts")
    if joins > MAX_JOINS:
        raise refused(Refusal.TOO_LARGE, f"the query has more than {MAX_JOINS} joins", "; ask in parts")


def _check_node(node: exp.Expr, tokens: list[Token], functions: frozenset[str]) -> None:
    if type(node) not in _NODES:
        raise _forbidden_node(node, tokens)
    if isinstance(node, exp.Anonymous):
        _check_function(node, functions)
    elif isinstance(node, exp.Pivot):
        _check_pivot(node, tokens)


def _forbidden_node(node: exp.Expr, tokens: list[Token]) -> UnsafeQuery:
    if type(node) in _HINTS:
        code, mark, what, instead = _HINTS[type(node)]
        return refused(code, what, instead, at=_first_of(tokens, mark, TokenType.PARAMETER))
    at = position_of(node)
    if isinstance(node, exp.Func):
        name = node.sql_name().lower()
        at = at or next((position_of_token(token) for token in tokens if token.text.lower() == name), None)
        return refused(Refusal.FORBIDDEN_FUNCTION, f"the function {name}()", " is not allowed", at=at)
    is_command = isinstance(node, exp.DML | exp.DDL | exp.Command)
    code = Refusal.NOT_A_SELECT if is_command else Refusal.FORBIDDEN_SYNTAX
    return refused(code, type(node).__name__.upper(), " is not allowed in a query; it can only read", at=at)


def _first_of(tokens: list[Token], *kinds: TokenType) -> Position | None:
    """Return where the first token of one of the kinds stands."""
    return next((position_of_token(token) for token in tokens if token.token_type in kinds), None)


def _check_function(node: exp.Anonymous, functions: frozenset[str]) -> None:
    name = node.name.lower()
    stands_in_from = isinstance(node.parent, exp.Table | exp.Lateral)
    allowed = TABLE_FUNCTIONS if stands_in_from else functions
    if name not in allowed and (stands_in_from or name not in _SYNTAX):
        callable_here = allowed if stands_in_from else allowed | _SYNTAX
        raise _forbidden_function(name, callable_here, stands_in_from, position_of(node))
    if name == DESCENDS_FROM:
        _check_descent(node)
    if name in BOUNDED and not stands_in_from:
        _check_bounds(node, name)


def _forbidden_function(name: str, allowed: frozenset[str], stands_in_from: bool, at: Position | None) -> UnsafeQuery:
    meant = near(name, allowed, ALIKE)
    if stands_in_from:
        hint = suggestion(meant) or f"; in FROM stand {', '.join(sorted(allowed))}"
        names = meant or sorted(allowed)
        what = f"the table function {name}()"
        return refused(Refusal.FORBIDDEN_FUNCTION, what, f" is not allowed{hint}", at=at, allowed=names)
    hint = suggestion(meant) or f"; allowed are those for {GROUPS} that docs/sql.md lists"
    return refused(
        Refusal.FORBIDDEN_FUNCTION, f"the function {name}()", f" is not allowed{hint}", at=at, allowed=meant
    )


def _check_descent(node: exp.Anonymous) -> None:
    """Refuse a call of descends_from that is more or less than a column and concepts that are written out."""
    column, *concepts = node.expressions or [None]
    is_right = (
        isinstance(column, exp.Column)
        and concepts
        and all(isinstance(concept, exp.Literal) and concept.is_string for concept in concepts)
    )
    if not is_right or isinstance(node.parent, exp.Dot | exp.Window):
        raise refused(
            Refusal.BAD_ARGUMENT,
            "descends_from()",
            " takes a column of codes and concepts written out, as in descends_from(code, 'ICD10//E11', 'ICD9//250')",
            at=position_of(node),
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
            raise refused(
                Refusal.BAD_ARGUMENT,
                f"{name}()",
                f" takes numbers up to {bound:,} that are written out here{instead}",
                at=position_of(node),
            )


def _check_pivot(node: exp.Pivot, tokens: list[Token]) -> None:
    """Refuse a PIVOT without listed values: DuckDB would first create a type from the values that it finds."""
    is_statement = node.this is not None
    for field in node.expressions if is_statement else node.args.get("fields", []):
        if not node.args.get("unpivot") and not (isinstance(field, exp.In) and field.expressions):
            at = position_of(field) or _first_of(tokens, TokenType.PIVOT)
            raise refused(
                Refusal.UNLISTED_PIVOT, "PIVOT", " must list its values, as in ON code IN ('a', 'b')", at=at
            )
