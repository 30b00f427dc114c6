"""The predicates of a task file: `predicates` and `patient_demographics`."""

from collections.abc import Iterator, Mapping
from typing import Any

from ehr.tasks.composed import read_expression, read_score
from ehr.tasks.include import Included
from ehr.tasks.language import BUILT_IN, Derived, Plain, Predicate, Score
from ehr.tasks.place import Place
from ehr.tasks.plain import VALUE_KEYS, read_plain


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
        predicate = self._read_body(place, name, body)
        key = _key_of_inputs(place, predicate)
        for source in predicate.inputs:
            found = self._demographics.get(source) or self._resolve(key, source, (*above, name))
            if not isinstance(predicate, Derived):
                _check_input(key, predicate, found)
        self._read[name] = predicate
        return predicate

    def _read_body(self, place: Place, name: str, body: dict[Any, Any]) -> Predicate:
        if "expr" in body:
            return read_expression(place, name, body)
        if isinstance(body.get("score"), dict) and "code" not in body:
            return read_score(place, name, body)
        return read_plain(place, name, body)


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


def _key_of_inputs(place: Place, predicate: Predicate) -> Place:
    """Return where a predicate names those that it rests on."""
    if isinstance(predicate, Plain):
        return place.at("per").at("of")
    return place.at("score").at("parts") if isinstance(predicate, Score) else place.at("expr")


def _check_input(place: Place, predicate: Predicate, source: Predicate) -> None:
    """Refuse what has no time where times are compared, and what has no values where values are divided."""
    if isinstance(source, Plain) and source.static:
        raise place.error(f"{source.name} looks at facts without a time; name a predicate whose events have one")
    if isinstance(predicate, Plain) and not isinstance(source, Plain):
        raise place.error(f"{source.name} has no values; name a predicate with a code")
