"""Predicates that rest on others: `expr: and(a, b)`, `expr: followed(a, b, 72h)`, and scores."""

import math
import re
from typing import Any, Final, Literal

from ehr.tasks.language import BUILT_IN, Derived, Near, Part, Score
from ehr.tasks.place import Place

EXPRESSION: Final = re.compile(r"(?P<operator>and|or|unless|followed|preceded)\((?P<inputs>.*)\)", re.DOTALL)
SCORE_KEYS: Final = ("parts", "within", "minimum", "rise", "over")


def read_expression(place: Place, name: str, body: dict[Any, Any]) -> Derived | Near:
    """Read `expr`: and(a, b, ...), or(a, b, ...), unless(a, b), followed(a, b, 72h) or preceded(a, b, 24h)."""
    place.mapping(body, ("expr",), "a predicate with expr")
    place, expression = place.at("expr"), body["expr"]
    match = EXPRESSION.fullmatch(expression) if isinstance(expression, str) else None
    if match is None:
        raise place.error(f"{expression!r} is no expression; write and(a, b), or(a, b) or followed(a, b, 72h)")
    operator, inputs = match["operator"], tuple(part.strip() for part in match["inputs"].split(","))
    if operator in ("followed", "preceded"):
        if len(inputs) != 3:
            raise place.error(f"{expression!r} needs two predicates and a span of time, as in {operator}(a, b, 72h)")
        first, second = (_input(place, source) for source in inputs[:2])
        return Near(name, first, second, place.span(inputs[2]), after=operator == "followed")
    if len(inputs) < 2:
        raise place.error(f"{expression!r} needs two predicates or more, as in and(a, b)")
    if operator == "unless" and len(inputs) > 2:
        raise place.error(f"{expression!r} has more than two predicates; join the latter with or(a, b)")
    operators: dict[str, Literal["and", "or", "unless"]] = {"and": "and", "or": "or", "unless": "unless"}
    return Derived(name, operators[operator], tuple(_input(place, source) for source in inputs))


def _input(place: Place, source: str) -> str:
    if source in BUILT_IN:
        raise place.error(f"{source} cannot be part of an expression; name predicates of this file")
    if not re.fullmatch(r"\w+", source):
        raise place.error(
            f"{source!r} is no name of a predicate; give an inner expression a name of its own and use that"
        )
    return source


def read_score(place: Place, name: str, body: dict[Any, Any]) -> Score:
    """Read `score: {within: 24h, minimum: 2, parts: {coagulation: {platelets_under_150: 1, ...}, ...}}`.

    Beside `minimum` or instead of it, `rise: 2, over: 48h`.
    """
    place.mapping(body, ("score",), "a predicate with score")
    place = place.at("score")
    keys = place.mapping(body["score"], SCORE_KEYS, "a score")
    minimum, rise = (_threshold(place.at(key), keys[key]) if key in keys else None for key in ("minimum", "rise"))
    if minimum is None and rise is None:
        raise place.error("asks for nothing; write minimum: 2, or rise: 2 and over: 48h")
    if ("rise" in keys) != ("over" in keys):
        raise place.error("write rise and over together, as in rise: 2, over: 48h")
    over = place.at("over").span(keys["over"]) if "over" in keys else None
    if over is not None and not over:
        raise place.at("over").error("must be longer than no time, such as 48h")
    parts = place.at("parts").mapping(keys.get("parts"), None, "the parts of a score")
    if not parts:
        raise place.at("parts").error("is empty; name a part and its points, as in {coagulation: {platelets_low: 1}}")
    return Score(
        name=name,
        parts=tuple(_part(place.at("parts").at(str(part)), part, points) for part, points in parts.items()),
        within=place.at("within").span(keys.get("within")),
        minimum=minimum,
        rise=rise,
        over=over,
    )


def _part(place: Place, name: Any, document: Any) -> Part:
    points = place.mapping(document, None, "a part of a score")
    if not points:
        raise place.error("has no predicate; write {platelets_low: 1}")
    read = tuple((_input(place, str(source)), _points(place.at(str(source)), points[source])) for source in points)
    return Part(place.name(name, "a part"), read)


def _points(place: Place, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise place.error(f"{value!r} are no points; write a number from 0 on")
    return float(value)


def _threshold(place: Place, value: Any) -> float:
    points = _points(place, value)
    if not points:
        raise place.error("every moment has 0 points; write a number above 0")
    return points
