"""descends_from(code, 'ICD10//E11', ...) in a query: replaced by a look-up in `code_ancestor`, in DuckDB's own tree.

An event counts when its code, or any further code of its record (`codings`), lies at or below one of the concepts.
So the column is followed to the table that it comes from, through subqueries and WITH. Where the further codes got
lost on the way, the call is refused rather than answered with less; where no record with several codes lies below the
concepts there is nothing to lose, and every column of codes will do.
"""

from typing import Final

import duckdb
from sqlglot import exp

from ehr.errors import UnknownConcept
from ehr.hierarchy import JOINT, has_joint_codes, known_concepts
from sql.catalog import Catalog
from sql.functions import DESCENDS_FROM
from sql.origins import Node, Origins, Scope, name_of
from sql.places import position_at
from sql.refusals import Refusal, refused
from sql.trees import keep_names, parsed_expression, walk

_LOST: Final = (
    " would miss the further codes of records that have several: {column!r} comes without 'codings' here; call it "
    "where the table or view is read, or select codings beside the code"
)


def expand_descents(con: duckdb.DuckDBPyConnection, statement: Node, text: str, catalog: Catalog) -> None:
    """Replace every call of descends_from in a parsed statement whose shape was checked.

    Raises UnsafeQuery for a concept that the store does not know, with what is near to it, and for a column whose
    further codes are lost.
    """
    origins = Origins(statement, catalog.relations)
    calls = [call for call in origins.calls if call[0][call[1]]["function_name"].lower() == DESCENDS_FROM]
    if not calls:
        return
    replacements = []
    for holder, key, scope in calls:
        column, *concepts = [argument["expression"] for argument in holder[key]["arguments"]]
        names = _known(con, concepts, text)
        looked_up = _event_key(con, origins, column, scope, text) if has_joint_codes(con, names) else column
        replacements.append((holder, key, _look_up(con, looked_up, names)))
    keep_names(con, statement, frozenset({DESCENDS_FROM}))
    for holder, key, node in replacements:
        holder[key] = node | {"alias": holder[key]["alias"]}


def _known(con: duckdb.DuckDBPyConnection, concepts: list[Node], text: str) -> list[str]:
    try:
        return known_concepts(con, [concept["literal"]["text"] for concept in concepts])
    except UnknownConcept as error:
        at = position_at(text, concepts[0]["query_location"])
        raise refused(Refusal.UNKNOWN_CONCEPT, "descends_from()", f": {error}", at=at) from error


def _event_key(con: duckdb.DuckDBPyConnection, origins: Origins, column: Node, scope: Scope, text: str) -> Node:
    """Return what to look up for a column: itself, or all codes of the record where the table has them."""
    names = column["column_names"]
    origin = origins.origin_of(names, scope)
    if origin is not None and not (origin.column == "code" and origins.has_codings(origin.relation)):
        return column
    item = origins.item_of(names, scope)
    before = names[:-1] or ([name_of(item)] if item and name_of(item) else [])
    further = origins.origin_of([*before, "codings"], scope)
    if origin is None or further is None or (further.item, further.column) != (origin.item, "codings"):
        at = position_at(text, column["query_location"])
        raise refused(Refusal.LOST_CODES, "descends_from()", _LOST.format(column=names[-1]), at=at)
    code, codings = exp.column("code"), exp.column("codings")
    joined = exp.Anonymous(this="array_to_string", expressions=[codings, exp.Literal.string(JOINT)])
    either = exp.Case().when(codings.copy().is_(exp.null()), code).else_(joined)
    key = _expression(con, either, column["query_location"])
    columns = {"code": names, "codings": [*before, "codings"]}
    for node, _, _ in walk(key):
        if node.get("class") == "COLUMN_REF":
            node["column_names"] = list(columns[node["column_names"][-1]])
    return key


def _look_up(con: duckdb.DuckDBPyConnection, column: Node, names: list[str]) -> Node:
    """Return the test whether a column is among the codes at or below the concepts."""
    wanted = exp.column("ancestor", "a").isin(*(exp.Literal.string(name) for name in names))
    codes = exp.select(exp.column("code", "a")).from_("main.code_ancestor AS a").where(wanted)
    node = _expression(con, exp.In(this=exp.null(), query=exp.Subquery(this=codes)), column["query_location"])
    node["child"] = column
    return node


def _expression(con: duckdb.DuckDBPyConnection, tree: exp.Expr, location: int) -> Node:
    """Let DuckDB parse an expression of ours, which stands for what is at a place in the user's text."""
    node = parsed_expression(con, tree.sql("duckdb"))
    for part, _, _ in walk(node):
        if "query_location" in part:
            part["query_location"] = location
    return node
