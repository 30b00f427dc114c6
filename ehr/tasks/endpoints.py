"""What else a task observes of its rows (`endpoints:`): whether, how often, when first, which value, which level."""

from typing import Any, Final

from ehr.tasks.language import Endpoint, Kind, Level, Take, Window
from ehr.tasks.place import Place
from ehr.tasks.scalars import one_of
from ehr.tasks.values import known_unit, read_range

KEYS: Final = ("window", "predicate", "kind", "take", "unit", "levels", "competing")
_KINDS: Final[tuple[Kind, ...]] = ("boolean", "count", "value", "time", "ordinal")
_TAKES: Final[tuple[Take, ...]] = ("first", "last", "min", "max", "mean")
_ONLY: Final = {
    "take": ("value", "ordinal"),
    "unit": ("value", "ordinal"),
    "levels": ("ordinal",),
    "competing": ("time",),
}
"""The keys that only some kinds have."""
_TAKEN: Final = ("subject_id", "trigger", "index_timestamp", "label", "match_id", "is_case")
"""Columns that a cohort has already."""


def read_endpoints(place: Place, document: Any, windows: tuple[Window, ...]) -> tuple[Endpoint, ...]:
    """Read `endpoints`, each by its name; raises TaskError naming the key."""
    bodies = place.mapping({} if document is None else document, None, "the endpoints")
    found = tuple(_endpoint(place.at(str(name)), place.child_name(name), body) for name, body in bodies.items())
    known = {window.name: window for window in windows}
    for endpoint in found:
        here = place.at(endpoint.name).at("window")
        if endpoint.window not in known:
            raise here.error(f"there is no window {endpoint.window}; windows: {', '.join(known) or 'none'}")
        if known[endpoint.window].is_point:
            raise here.error(f"window {endpoint.window} starts and ends at one time; name another window")
        if endpoint.kind == "time" and not any(window.index_timestamp for window in windows):
            raise here.error("a time is counted from the prediction time; write index_timestamp in a window")
    _check_columns(place, found)
    return found


def _endpoint(place: Place, name: str, body: Any) -> Endpoint:
    body = place.mapping(body, KEYS, "an endpoint")
    kind = one_of(place.at("kind"), body.get("kind", "boolean"), _KINDS)
    for key, kinds in _ONLY.items():
        if key in body and kind not in kinds:
            raise place.at(key).error(f"belongs to an endpoint of kind {' or '.join(kinds)}, not to {kind}")
    competing = body.get("competing")
    return Endpoint(
        name=name,
        window=place.at("window").name(body.get("window"), "the window in which it is observed"),
        predicate=place.at("predicate").name(body.get("predicate"), "the predicate that is observed"),
        kind=kind,
        take=one_of(place.at("take"), body.get("take", "first"), _TAKES),
        unit=_unit(place.at("unit"), body.get("unit")),
        levels=_levels(place.at("levels"), body.get("levels")) if kind == "ordinal" else (),
        competing=place.at("competing").name(competing, "a predicate") if competing is not None else None,
    )


def _check_columns(place: Place, endpoints: tuple[Endpoint, ...]) -> None:
    """Raise TaskError when two columns of a cohort would have one name, but for upper and lower case."""
    taken = dict.fromkeys(_TAKEN, "is a column of every cohort")
    for endpoint in endpoints:
        columns = [endpoint.name, f"{endpoint.name}_event"] if endpoint.kind == "time" else [endpoint.name]
        for column in columns:
            if column.lower() in taken:
                raise place.at(endpoint.name).error(f"{column} {taken[column.lower()]}; take another name")
            taken[column.lower()] = f"is a column of endpoint {endpoint.name}"


def _unit(place: Place, text: Any) -> str | None:
    if text is None:
        return None
    if not isinstance(text, str):
        raise place.error(f"{text!r} is no unit; write it in quotes")
    try:
        return known_unit(text)
    except ValueError as error:
        raise place.error(str(error)) from error


def _levels(place: Place, document: Any) -> tuple[Level, ...]:
    """Read the levels of an ordinal endpoint in their order, each a name and bounds in the endpoint's unit."""
    if document is None:
        raise place.error("is missing; write such as levels: {normal: '<= 5.5', high: '> 5.5'}")
    found = []
    for name, text in place.mapping(document, None, "the levels").items():
        here = place.at(str(name))
        try:
            value = read_range(text) if isinstance(text, str) else None
        except ValueError as error:
            raise here.error(str(error)) from error
        if value is None:
            raise here.error(f"{text!r} is no range of values; write such as '> 5.5 and <= 6'")
        if value.unit is not None:
            raise here.error("has a unit; write it once, as unit of the endpoint")
        found.append(Level(place.child_name(name), value))
    if len(found) < 2:
        raise place.error("needs two levels or more")
    return tuple(found)
