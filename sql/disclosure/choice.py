"""What the columns of a query tell: its choice, item by item, stars written out."""

from sql.disclosure.expressions import called, parts_of
from sql.disclosure.identity import MIXED, PLAIN, Column
from sql.disclosure.scope import MARK, Item, Node, Scope, part_of
from sql.disclosure.sources import Walk

_NAME_THEM = " is not available under role aggregate; name the columns"


def columns_of_choice(select_list: list[Node], scope: Scope, walk: Walk) -> tuple[dict[str, Column], bool]:
    """Return the columns that a choice gives, and whether they are all there in their order.

    A name that stands for several columns names somebody when one of them does, and is then compared with nothing.
    Raises UnsafeQuery for names that are not written in the query.
    """
    columns: dict[str, Column] = {}
    in_order = True
    for place, item in enumerate(select_list):
        told = _of_star(item, scope, walk) if item["class"] == "STAR" else _of_one(item, place, scope, walk)
        in_order &= told.keys().isdisjoint(columns) and (item["class"] != "STAR" or len(_meant(item, scope)) == 1)
        for name, column in told.items():
            columns[name] = column if columns.get(name, column) == column else _conflict(columns[name], column)
    return columns, in_order


def exclude_marked(select_list: list[Node], scope: Scope) -> None:
    """Take the columns that name patients for us out of the stars of a choice."""
    for item in select_list:
        if item["class"] == "STAR":
            marked = {each.shape.subject for each in _meant(item, scope)} - {None}
            item["exclude_list"] += sorted(str(name) for name in marked if str(name).startswith(MARK))


def _of_one(item: Node, place: int, scope: Scope, walk: Walk) -> dict[str, Column]:
    if _calls(item, "unnest"):
        raise walk.refused("unnest() in a choice", " is not available under role aggregate; write it in FROM", item)
    column = walk.expressions.value(item, scope)
    name = str(item["alias"] or item.get("column_names", [f"{MARK}{place}"])[-1]).lower()
    if item["alias"]:
        scope.aliases.setdefault(name, part_of(column))
    return {name: column}


def _of_star(star: Node, scope: Scope, walk: Walk) -> dict[str, Column]:
    if star["columns"] or star["expr"] or star["rename_list"]:
        raise walk.refused("COLUMNS() or RENAME", _NAME_THEM, star)
    items = _meant(star, scope)
    if star["relation_name"] and not items:
        raise walk.refused(f"{star['relation_name']}.*", _NAME_THEM, star)
    left_out = {str(name).lower() for name in star["exclude_list"]}
    left_out |= {
        str(each["column"] if isinstance(each, dict) else each).lower() for each in star["qualified_exclude_list"]
    }
    columns: dict[str, Column] = {}
    for item in items:
        for name, column in item.shape.columns.items():
            columns[name] = column if columns.get(name, column) == column else _conflict(columns[name], column)
    for each in star["replace_list"]:
        columns[str(each["key"]).lower()] = walk.expressions.value(each["value"], scope)
    return {name: column for name, column in columns.items() if name not in left_out}


def _meant(star: Node, scope: Scope) -> list[Item]:
    name = str(star["relation_name"]).lower()
    return [item for item in scope.items if not name or item.name == name]


def _conflict(one: Column, other: Column) -> Column:
    return Column(MIXED) if one.identity or other.identity else PLAIN


def _calls(node: Node, name: str) -> bool:
    return called(node) == name or any(_calls(part, name) for part in parts_of(node))
