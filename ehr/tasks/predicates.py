"""The predicates of a task file: `predicates` and `patient_demographics`."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

import polars as pl

from ehr.events import SEPARATOR
from ehr.hierarchy import read_concept
from ehr.tasks.include import Included
from ehr.tasks.language import BUILT_IN, Derived, Plain, Predicate, ValueRange
from ehr.tasks.place import Place

VALUE_KEYS: Final = ("value_min", "value_max", "value_min_inclusive", "value_max_inclusive")
BELOW: Final = "<<"
"""The sign of SNOMED's expression language (ECL) for a concept and all below it."""
PLAIN_KEYS: Final = ("code", *VALUE_KEYS, "static")
EXPRESSION: Final = re.compile(r"(?P<operator>and|or|unless)\((?P<inputs>.*)\)", re.DOTALL)
CLASS_OR_FLAGS: Final = re.compile(
    r"\\.|(?P<members>\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\])|\(\?(?P<flags>[a-zA-Z]+)", re.DOTALL
)
PLAIN_MEMBER: Final = re.compile(r"\\.|\[:\^?\w+:\]", re.DOTALL)


class PredicateReader:
    """Reads the predicates that a task uses, each once, and leaves the others alone as ACES does."""

    def __init__(
        self, place: Place, document: Any, demographics: tuple[Plain, ...], shared: Mapping[str, Included]
    ) -> None:
        self._place = place
        self._own = place.mapping(document, None, "the predicates")
        self._shared = shared
        self._document = {**self._own, **{name: one.body for name, one in shared.items()}}
        self._demographics = {predicate.name: predicate for predicate in demographics}
        self._read: dict[str, Predicate] = {}
        for name in self._document:
            if name in BUILT_IN:
                raise self._at(name).error("is built in; take another name")
            if name in self._demographics:
                raise self._at(name).error("also stands in patient_demographics; take another name for one of them")

    def use(self, user: Place, name: str) -> None:
        """Read the predicate `name`, which `user` counts or looks for, and what it rests on."""
        if name in BUILT_IN:
            return
        predicate = self._demographics.get(name) or self._resolve(user, name, ())
        if isinstance(predicate, Plain) and predicate.static:
            raise user.error(
                f"{name} looks at facts without a time, so it can filter patients or be part of an expr, but not be "
                "counted or looked for here"
            )

    def used(self) -> tuple[Predicate, ...]:
        """Return the predicates read so far, inputs before what is derived of them, else in the order of the file."""
        order = [name for name in self._document if name in self._read]
        placed: dict[str, Predicate] = {}

        def place(name: str) -> None:
            predicate = self._read.get(name)
            if predicate is None or name in placed:
                return
            if isinstance(predicate, Derived):
                for source in predicate.inputs:
                    place(source)
            placed[name] = predicate

        for name in order:
            place(name)
        return tuple(placed.values())

    def remarks(self) -> Iterator[str]:
        """Yield a remark on the predicates that nothing uses."""
        unused = [str(name) for name in self._own if name not in self._read]
        if unused:
            yield f"predicates: nothing uses {', '.join(unused)}; what nothing uses is not checked"

    def _at(self, name: str) -> Place:
        """Return where a predicate stands, in this file or in one that is included."""
        return self._shared[name].place if name in self._shared else self._place.at(str(name))

    def _resolve(self, user: Place, name: str, above: tuple[str, ...]) -> Predicate:
        if name in self._read:
            return self._read[name]
        if name in above:
            raise self._at(name).error(f"rests on itself ({' -> '.join((*above, name))}); break the circle")
        if name not in self._document:
            known = ", ".join(str(key) for key in self._document) or "none"
            raise user.error(f"there is no predicate {name!r}; this file has: {known}")
        place = self._at(name)
        place.name(name, "a predicate")
        body = self._document[name]
        if not isinstance(body, dict):
            raise place.error(f"must be a mapping; write {name}: {{code: ...}} or {name}: {{expr: ...}}")
        predicate = read_derived(place, name, body) if "expr" in body else read_plain(place, name, body)
        if isinstance(predicate, Derived):
            for source in predicate.inputs:
                if source not in self._demographics:
                    self._resolve(place.at("expr"), source, (*above, name))
        self._read[name] = predicate
        return predicate


def read_demographics(place: Place, document: Any) -> tuple[Plain, ...]:
    """Read `patient_demographics`: static predicates that every patient of the cohort must match."""
    found = []
    for name, body in place.mapping(document, None, "the demographics").items():
        here = place.at(str(name))
        here.name(name, "a demographic")
        if name in BUILT_IN:
            raise here.error("is built in; take another name")
        keys = dict(here.mapping(body, ("code", *VALUE_KEYS, "other_cols"), "a demographic"))
        columns = here.at("other_cols").mapping(keys.pop("other_cols", None) or {}, None, "other_cols")
        found.append(read_plain(here, name, {**keys, **columns, "static": True}))
    return tuple(found)


def read_plain(place: Place, name: str, body: dict[Any, Any]) -> Plain:
    """Read a predicate on codes, values and columns; every key that is not the language's own names a column."""
    if "code" not in body:
        raise place.error("has neither code nor expr; write code: ..., code: {regex: ...} or expr: and(a, b)")
    if "other_cols" in body:
        raise place.at("other_cols").error("write the columns themselves as keys, such as unit: mg/dL")
    codes, concepts, regex = _codes(place.at("code"), body["code"])
    optional = isinstance(body["code"], dict) and place.at("code").at("optional").flag(body["code"].get("optional"))
    return Plain(
        name=name,
        codes=codes,
        concepts=concepts,
        regex=regex,
        value=_value_range(place, body),
        columns=tuple((str(key), _scalar(place.at(str(key)), body[key])) for key in body if key not in PLAIN_KEYS),
        static=place.at("static").flag(body.get("static")),
        optional=optional,
    )


def read_derived(place: Place, name: str, body: dict[Any, Any]) -> Derived:
    """Read `expr: and(a, b, ...)`, `expr: or(a, b, ...)` or `expr: unless(a, b)`."""
    place.mapping(body, ("expr",), "a predicate with expr")
    expression = body["expr"]
    match = EXPRESSION.fullmatch(expression) if isinstance(expression, str) else None
    if match is None:
        raise place.at("expr").error(f"{expression!r} is no expression; write and(a, b) or or(a, b)")
    inputs = tuple(part.strip() for part in match["inputs"].split(","))
    if len(inputs) < 2:
        raise place.at("expr").error(f"{expression!r} needs two predicates or more, as in and(a, b)")
    if match["operator"] == "unless" and len(inputs) > 2:
        raise place.at("expr").error(f"{expression!r} has more than two predicates; join the latter with or(a, b)")
    for source in inputs:
        if source in BUILT_IN:
            raise place.at("expr").error(f"{source} cannot be part of an expression; name predicates of this file")
        if not re.fullmatch(r"\w+", source):
            raise place.at("expr").error(
                f"{source!r} is no name of a predicate; give an inner expression a name of its own and use that"
            )
    operators: dict[str, Literal["and", "or", "unless"]] = {"and": "and", "or": "or", "unless": "unless"}
    return Derived(name, operators[match["operator"]], inputs)


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


def _value_range(place: Place, body: dict[Any, Any]) -> ValueRange:
    return ValueRange(
        minimum=_number(place.at("value_min"), body.get("value_min")),
        maximum=_number(place.at("value_max"), body.get("value_max")),
        minimum_inclusive=place.at("value_min_inclusive").flag(body.get("value_min_inclusive")),
        maximum_inclusive=place.at("value_max_inclusive").flag(body.get("value_max_inclusive")),
    )


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
