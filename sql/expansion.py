"""Calls of our own functions (sql.macros) in a query: replaced by what they stand for, in DuckDB's own parsed tree.

The SQL of a macro is parsed by DuckDB, the arguments of the user take the places that it leaves for them, and calls
of descends_from in it are left to sql.descent. Every node that a macro brings is given the place of the call in the
user's text, so that an error of the engine can be told by that place.
"""

from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from typing import Any, Final

import duckdb

from ehr.errors import UnknownConcept
from ehr.hierarchy import JOINT, known_concepts
from sql.catalog import Catalog
from sql.functions import AGGREGATES, DESCENDS_FROM
from sql.macros import MACROS, Form, Macro, Side
from sql.places import Position, position_at
from sql.refusals import Refusal, refused
from sql.trees import Node, called, is_text, keep_names, parsed_expression, walk

MAX_READING: Final = 20
"""How many calls that read a table a query may hold: DuckDB plans sixty for a minute, deaf to its deadline."""
MAX_NODES: Final = 20_000
"""How many nodes the arguments of a call may bring into the tree, some of them several times."""

_UNITS_SHOWN: Final = 5
_WRITTEN_OUT: Final = " takes a code or concept written out, such as 'ICD10//I50', or a list of them"
_NO_AGGREGATE: Final = " takes no aggregate or window function as this argument; compute it in WITH first"


def expand_macros(con: duckdb.DuckDBPyConnection, statement: Node, text: str, catalog: Catalog, role: str) -> None:
    """Replace every call of a macro in a parsed statement by what it stands for.

    Raises UnsafeQuery for a call of another shape, a table behind a macro that `role` may not read, a concept that
    the store does not know, a span that cannot be read, and numbers in units that cannot be compared.
    """
    calls = list(_calls(statement))
    for holder, key in calls:
        _check_call(holder[key], text)
    reading = [holder[key] for holder, key in calls if _form_of(holder[key]).tables]
    if len(reading) > MAX_READING:
        instead = f" is one of {len(reading)} calls that read a table, and {MAX_READING} are allowed; ask in parts"
        at = position_at(text, reading[MAX_READING]["query_location"])
        raise refused(Refusal.TOO_LARGE, f"{called(reading[MAX_READING])}()", instead, at=at)
    if calls:
        keep_names(con, statement, frozenset(MACROS))
    for holder, key in reversed(calls):  # the innermost first: what a call holds was found after it
        node = _expanded(con, holder[key], text, catalog, role)
        holder[key] = node | {"alias": holder[key]["alias"]}


def _check_call(node: Node, text: str) -> None:
    """Refuse a call of a macro that is more or less than the macro takes."""
    macro = MACROS[called(node)]
    at = position_at(text, node["query_location"])
    is_plain = node["class"] == "FUNCTION" and not (
        node["schema"] or node["distinct"] or node["filter"] or node["order_bys"]["orders"] or node["export_state"]
    )
    form = macro.form_of(len(node["arguments"])) if is_plain else None
    if form is None or any(argument["name"] for argument in node["arguments"]):
        forms = " or ".join(form.signature for form in macro.forms)
        raise refused(Refusal.BAD_ARGUMENT, f"{macro.name}()", f" is called as {forms}", at=at)
    for position, kind in enumerate(form.kinds):
        argument = _argument(node, position)
        if kind == "concepts" and not _concepts(argument):
            raise refused(Refusal.BAD_ARGUMENT, f"{macro.name}()", _WRITTEN_OUT, at=at)
        if position in form.inside and _has_aggregate(argument):
            raise refused(Refusal.BAD_ARGUMENT, f"{macro.name}()", _NO_AGGREGATE, at=at)


def _expanded(con: duckdb.DuckDBPyConnection, call: Node, text: str, catalog: Catalog, role: str) -> Node:
    """Return the tree that a call stands for."""
    macro = MACROS[called(call)]
    at = position_at(text, call["query_location"])
    form = _form_of(call)
    arguments = [_argument(call, position) for position in range(len(form.kinds))]
    concepts = _concepts(arguments[form.kinds.index("concepts")]) if "concepts" in form.kinds else []
    if concepts:
        names = _known(con, macro, concepts, at)
        if macro.has_numbers and _has_units(con, macro, names, at):
            form = form.with_conversion()
    _check_tables(form, macro, at, catalog, role)
    side = _side(con, macro, arguments[form.kinds.index("span")], at) if "span" in form.kinds else "after"
    body = deepcopy(_parsed(form.sql_for(side)))
    for node, _, _ in walk(body):
        if "query_location" in node:
            node["query_location"] = call["query_location"]
    if _size(body, arguments) > MAX_NODES:
        instead = " has calls of its kind nested too deeply in its arguments; compute the inner ones in WITH first"
        raise refused(Refusal.TOO_LARGE, f"{macro.name}()", instead, at=at)
    return _filled(body, arguments, concepts)


def _form_of(call: Node) -> Form:
    """Return the form of a call that was checked."""
    form = MACROS[called(call)].form_of(len(call["arguments"]))
    assert form is not None  # as _check_call saw
    return form


def _size(body: Node, arguments: list[Node]) -> int:
    """Return how many nodes the arguments of a call bring into the SQL of its macro."""
    sizes = [sum(1 for _ in walk(argument)) for argument in arguments]
    return sum(sizes[place] for place in (_place_of(node) for node, _, _ in walk(body)) if place is not None)


def _place_of(node: Node) -> int | None:
    """Return which argument stands in the place of a node of the SQL of a macro, from 0; None for another node."""
    if node.get("class") != "COLUMN_REF" or not node["column_names"][-1].startswith("@"):
        return None
    return int(node["column_names"][-1][1:]) - 1


def _filled(body: Node, arguments: list[Node], concepts: list[Node]) -> Node:
    """Put the arguments of a call into the places that the SQL of its macro leaves for them."""
    root = {"root": body}
    for node, holder, key in list(walk(body, root, "root")):
        place = _place_of(node)
        if place is not None:
            holder[key] = deepcopy(arguments[place])
        elif concepts and called(node) == DESCENDS_FROM:
            column = node["arguments"][0]
            node["arguments"] = [column, *({"name": "", "expression": deepcopy(one)} for one in concepts)]
    return root["root"]


def _known(con: duckdb.DuckDBPyConnection, macro: Macro, concepts: list[Node], at: Position | None) -> list[str]:
    try:
        return known_concepts(con, [concept["literal"]["text"] for concept in concepts])
    except UnknownConcept as error:
        raise refused(Refusal.UNKNOWN_CONCEPT, f"{macro.name}()", f": {error}", at=at) from error


def _has_units(con: duckdb.DuckDBPyConnection, macro: Macro, names: list[str], at: Position | None) -> bool:
    """Say whether the numbers at or below concepts have units that are understood, to be converted into one.

    Raises UnsafeQuery where no way leads from one unit to another.
    """
    rows = con.execute(
        """
        SELECT coalesce(canonical_unit, unit) AS target, bool_and(canonical_unit IS NOT NULL)
        FROM main.unit WHERE code IN (
            SELECT string_split(code, $joint)[1] FROM main.code_ancestor WHERE ancestor IN (SELECT unnest($names)))
        GROUP BY target ORDER BY target
        """,
        {"joint": JOINT, "names": names},
    ).fetchall()
    if len(rows) > 1:
        units = ", ".join(unit for unit, _ in rows[:_UNITS_SHOWN]) + ", ..." * (len(rows) > _UNITS_SHOWN)
        instead = f" would mix numbers in {units}, which cannot be compared; name a code whose numbers have one unit"
        raise refused(Refusal.BAD_ARGUMENT, f"{macro.name}()", instead, at=at)
    return bool(rows and rows[0][1])


def _check_tables(form: Form, macro: Macro, at: Position | None, catalog: Catalog, role: str) -> None:
    for table in sorted(form.tables):
        if not catalog.allows(table, role):
            instead = f" reads {table!r}, which role {role} may not read"
            raise refused(Refusal.FORBIDDEN_TABLE, f"{macro.name}()", instead, at=at)


def _side(con: duckdb.DuckDBPyConnection, macro: Macro, span: Node, at: Position | None) -> Side:
    """Say on which side of its reference a span lies, where it is written out as a text."""
    if not is_text(span):
        return "either"
    written = span["literal"]["text"]
    try:
        ((is_before,),) = con.execute("SELECT CAST($1 AS INTERVAL) < INTERVAL 0 SECOND", [written]).fetchall()
    except duckdb.Error as error:
        instead = f" reads {written[:40]!r} as no span of time; write '24 hours', '30 days' or '-1 year'"
        raise refused(Refusal.BAD_ARGUMENT, f"{macro.name}()", instead, at=at) from error
    return "before" if is_before else "after"


def _argument(call: Node, position: int) -> Node:
    node: Node = call["arguments"][position]["expression"]
    return node


def _concepts(argument: Node) -> list[Node]:
    """Return the texts of an argument that is one text or a list of them, written out; else none."""
    if is_text(argument):
        return [argument]
    if argument.get("function_name") != "list_value":
        return []
    items = [item["expression"] for item in argument["arguments"]]
    return items if all(is_text(item) for item in items) else []


def _has_aggregate(argument: Node) -> bool:
    """Say whether an argument calls an aggregate or window function, outside subqueries of its own."""
    pending: list[Any] = [argument]
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending.extend(value)
        elif isinstance(value, dict) and value.get("class") != "SUBQUERY":
            if value.get("class") == "WINDOW" or called(value) in AGGREGATES | {"count_star"}:
                return True
            pending.extend(value.values())
    return False


def _calls(statement: Node) -> Iterator[tuple[Any, Any]]:
    """Yield what holds each call of a macro and its key there, a call before those in its arguments."""
    for node, holder, key in walk(statement):
        if called(node) in MACROS:
            yield holder, key


@cache
def _parsed(sql: str) -> Node:
    """Let DuckDB parse the SQL of a macro, on a connection of its own that holds nothing."""
    with duckdb.connect() as con:
        return parsed_expression(con, sql)
