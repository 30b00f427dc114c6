"""Predicates on codes, values and columns."""

import math
import re
from typing import Any, Final

import polars as pl

from ehr.events import SEPARATOR
from ehr.hierarchy import read_concept
from ehr.tasks.language import Change, Per, Plain, ValueRange
from ehr.tasks.place import Place
from ehr.tasks.values import known_unit, read_amount, read_range
from ehr.units import parse_unit

VALUE_KEYS: Final = ("value_min", "value_max", "value_min_inclusive", "value_max_inclusive")
PLAIN_KEYS: Final = ("code", *VALUE_KEYS, "static")
CHANGES: Final = ("rise", "fall")
BELOW: Final = "<<"
"""The sign of SNOMED's expression language (ECL) for a concept and all below it."""
CLASS_OR_FLAGS: Final = re.compile(
    r"\\.|(?P<members>\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\])|\(\?(?P<flags>[a-zA-Z]+)", re.DOTALL
)
PLAIN_MEMBER: Final = re.compile(r"\\.|\[:\^?\w+:\]", re.DOTALL)


def read_plain(place: Place, name: str, body: dict[Any, Any]) -> Plain:
    """Read a predicate on codes, values and columns; every key that is not the language's own names a column."""
    if "code" not in body:
        raise place.error("has neither code nor expr; write code: ..., code: {regex: ...} or expr: and(a, b)")
    if "other_cols" in body:
        raise place.at("other_cols").error("write the columns themselves as keys, such as unit: mg/dL")
    static = place.at("static").flag(body.get("static"))
    codes, concepts, regex = _codes(place.at("code"), body["code"])
    optional = isinstance(body["code"], dict) and place.at("code").at("optional").flag(body["code"].get("optional"))
    value, change, per = _value(place, body), _change(place, body), _per(place, body)
    keys = [*PLAIN_KEYS, *_own_keys(place, body)]
    predicate = Plain(
        name=name,
        codes=codes,
        concepts=concepts,
        regex=regex,
        value=value,
        columns=tuple((str(key), _scalar(place.at(str(key)), body[key])) for key in body if key not in keys),
        static=static,
        optional=optional,
        change=change,
        per=per,
    )
    _check(place, predicate)
    return predicate


def _own_keys(place: Place, body: dict[Any, Any]) -> list[str]:
    """Return the keys that ACES has not, where they are of our form; of another form they name columns."""
    own = [key for key in (*CHANGES, "per") if isinstance(body.get(key), dict)]
    return own + (["value"] if _written_range(place, body) is not None else [])


def _check(place: Place, predicate: Plain) -> None:
    change, value = predicate.change, predicate.value
    if predicate.static and (change or predicate.per):
        raise place.error("a fact without a time has no values before it; leave out static, or rise, fall and per")
    if change and change.unit and value.unit and parse_unit(change.unit) != parse_unit(value.unit):
        raise place.error(f"has values in {value.unit} and a change in {change.unit}; write both in one unit")


def _codes(place: Place, code: Any) -> tuple[tuple[str, ...], tuple[str, ...], str | None]:
    """Read codes, the concepts among them (`<< ICD10//E11`), or a pattern."""
    if isinstance(code, str):
        return (*_parted(place, [code]), None)
    if not isinstance(code, dict):
        raise place.error(f"{code!r} is no code; write it in quotes, or write {{regex: ...}} or {{any: [...]}}")
    place.mapping(code, ("regex", "any", "optional"), "code")
    if len(code.keys() - {"optional"}) != 1:
        raise place.error("give one of regex and any")
    if "regex" in code:
        return (), (), _regex(place.at("regex"), code["regex"])
    codes = code["any"]
    if not isinstance(codes, list) or not codes or not all(isinstance(one, str) for one in codes):
        raise place.at("any").error("must be a list of one code or more, each a text")
    return (*_parted(place.at("any"), codes), None)


def _parted(place: Place, written: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Part codes from concepts, which stand behind the sign << and stand for all codes at or below them."""
    codes = [code for code in written if not code.lstrip().startswith(BELOW)]
    concepts = [read_concept(code.lstrip().removeprefix(BELOW)) for code in written if code not in codes]
    for concept in concepts:
        if SEPARATOR not in concept:
            raise place.error(f"{BELOW} {concept} is no concept; write SYSTEM//CODE, such as {BELOW} ICD10//E11")
    return tuple(dict.fromkeys(codes)), tuple(dict.fromkeys(concepts))


def _regex(place: Place, pattern: Any) -> str:
    if not isinstance(pattern, str) or not pattern:
        raise place.error("must be a text that is not empty")
    try:
        pl.Series([""]).str.contains(pattern)
    except pl.exceptions.ComputeError as error:
        raise place.error(
            f"{pattern!r} is no regular expression of the Rust dialect, which has neither look-around nor references"
        ) from error
    if _needs_rust(pattern):
        raise place.error(
            f"{pattern!r} nests or combines character classes or sets a flag x, u or R, which no SQL engine knows; "
            "write the classes out"
        )
    return pattern


def _needs_rust(pattern: str) -> bool:
    """Say whether a pattern nests or combines character classes, or sets a flag that only Rust's engine has."""
    for part in CLASS_OR_FLAGS.finditer(pattern):
        members = PLAIN_MEMBER.sub("", (part["members"] or "")[1:-1])
        if any(sign in members for sign in ("[", "&&", "--", "~~")) or set(part["flags"] or "") & set("xuR"):
            return True
    return False


def _value(place: Place, body: dict[Any, Any]) -> ValueRange:
    """Read bounds, written as `value: "> 2 mg/dL"` or as ACES does."""
    written = _written_range(place, body)
    if written is not None:
        twice = next((key for key in VALUE_KEYS if key in body), None)
        if twice:
            raise place.at(twice).error("the bounds stand in value already; write them there alone")
        return written
    return ValueRange(
        minimum=_number(place.at("value_min"), body.get("value_min")),
        maximum=_number(place.at("value_max"), body.get("value_max")),
        minimum_inclusive=place.at("value_min_inclusive").flag(body.get("value_min_inclusive")),
        maximum_inclusive=place.at("value_max_inclusive").flag(body.get("value_max_inclusive")),
    )


def _written_range(place: Place, body: dict[Any, Any]) -> ValueRange | None:
    written = body.get("value")
    try:
        return read_range(written) if isinstance(written, str) else None
    except ValueError as error:
        raise place.at("value").error(str(error)) from error


def _change(place: Place, body: dict[Any, Any]) -> Change | None:
    """Read `rise: {by: 0.3 mg/dL, within: 48h}` or `fall: {ratio: 1.5, within: 7d}`."""
    found = [key for key in CHANGES if isinstance(body.get(key), dict)]
    if not found:
        return None
    place = place.at(found[0])
    if len(found) > 1:
        raise place.error("stands beside fall; give each a predicate of its own and join them with or(a, b)")
    keys = place.mapping(body[found[0]], ("by", "ratio", "within", "unit"), f"a {found[0]}")
    if ("by" in keys) == ("ratio" in keys):
        raise place.error("give one of by and ratio, such as {by: 0.3 mg/dL, within: 48h}")
    key = "by" if "by" in keys else "ratio"
    amount, unit = _amount(place.at(key), keys[key])
    if unit and (key == "ratio" or "unit" in keys):
        raise place.at(key).error("write the unit of the values once: behind by, or as unit: mg/dL")
    unit = _unit(place.at("unit"), keys["unit"]) if "unit" in keys else unit
    if amount <= (1 if key == "ratio" else 0):
        raise place.at(key).error(f"must be more than {1 if key == 'ratio' else 0}; a fall is written fall: {{...}}")
    within = place.at("within").span(keys.get("within"))
    if not within:
        raise place.at("within").error("must be longer than no time, such as 48h")
    by, ratio = (amount, None) if key == "by" else (None, amount)
    return Change(rise=found[0] == "rise", within=within, by=by, ratio=ratio, unit=unit)


def _per(place: Place, body: dict[Any, Any]) -> Per | None:
    """Read `per: {of: fio2, within: 4h, scale: 100}`."""
    if not isinstance(body.get("per"), dict):
        return None
    place = place.at("per")
    keys = place.mapping(body["per"], ("of", "within", "scale"), "per")
    scale = _number(place.at("scale"), keys.get("scale", 1))
    if scale is None or not math.isfinite(scale) or not scale:
        raise place.at("scale").error("must be a number other than 0, such as 100")
    name = place.at("of").name(keys.get("of"), "the predicate to divide by")
    return Per(name=name, within=place.at("within").span(keys.get("within")), scale=scale)


def _amount(place: Place, written: Any) -> tuple[float, str | None]:
    try:
        number, unit = read_amount(written) if isinstance(written, str) else (_number(place, written), None)
    except ValueError as error:
        raise place.error(str(error)) from error
    if number is None or not math.isfinite(number):
        raise place.error("must be a number, such as 0.3 or '0.3 mg/dL'")
    return number, unit


def _unit(place: Place, written: Any) -> str:
    if not isinstance(written, str):
        raise place.error("must be a unit, such as mg/dL")
    try:
        return known_unit(written)
    except ValueError as error:
        raise place.error(str(error)) from error


def _number(place: Place, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        raise place.error(f"{value!r} is no number; write it without quotes, such as 1.5")
    return float(value)


def _scalar(place: Place, value: Any) -> Any:
    if isinstance(value, dict | list):
        raise place.error(
            "a column is compared with one value; give each value a predicate and join them with or(a, b)"
        )
    return value
