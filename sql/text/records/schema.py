"""Reading a catalogue from its YAML file, with errors that name the file and the key."""

from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal, cast, get_args

import yaml

from ehr.errors import CatalogueError
from sql.text.records.catalogue import (
    AgeField,
    Catalogue,
    Charges,
    Conventions,
    Field,
    FieldType,
    Kind,
    Lookup,
    People,
    Stored,
    Verb,
)
from sql.text.records.tokens import RESERVED, SLOTS

_FOLDER: Final = files("sql.text").joinpath("catalogues")


def read_catalogue(source: str | Path, clock: datetime | None = None) -> Catalogue:
    """Return the catalogue of a YAML file, or the built-in one of a name (`mimic_iv_ehrsql`, `anamnesis`).

    A `clock` takes the place of that in the file, where `now` stands for the time of reading. Raises CatalogueError
    for a file that is missing, is no YAML or describes no schema, naming the key.
    """
    path = Path(source)
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise CatalogueError(f"there is no catalogue file {path}; give its path, or one of {_built_in()}")
        return parse_catalogue(path.read_text(encoding="utf-8"), str(path), clock)
    inside = _FOLDER.joinpath(f"{source}.yaml")
    if not inside.is_file():
        raise CatalogueError(
            f"there is no catalogue {str(source)!r}; built in are {_built_in()}, others end in .yaml"
        )
    return parse_catalogue(inside.read_text(encoding="utf-8"), f"{source}.yaml", clock)


def _built_in() -> str:
    return ", ".join(
        sorted(one.name.removesuffix(".yaml") for one in _FOLDER.iterdir() if one.name.endswith(".yaml"))
    )


def parse_catalogue(text: str, origin: str, clock: datetime | None = None) -> Catalogue:
    """Return the catalogue of a YAML text; `origin` names it in errors."""
    try:
        loaded = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark else "the text"
        raise CatalogueError(f"{origin}, {where}: no YAML; check indentation, colons and brackets") from error
    part = _Part(origin, "", loaded)
    kinds = {name: _kind(name, one) for name, one in part.part("kinds").parts().items()}
    given = part.time("clock")
    catalogue = Catalogue(
        name=part.text("name"),
        clock=clock or given,
        kinds=kinds,
        people=_people(part.part("patients"), kinds),
        age=_age(part.part("age"), kinds) if part.has("age") else None,
        charges=_charges(part.part("charges")) if part.has("charges") else None,
        conventions=_conventions(part.part("conventions")) if part.has("conventions") else Conventions(),
    )
    part.done()
    for name in ("stay", "icu"):
        if name in kinds and not (kinds[name].key and kinds[name].time and kinds[name].end):
            raise CatalogueError(f"{origin}: kinds.{name} must have a key and the fields time and end")
    return catalogue


class _Part:
    """A mapping of the file and where it stands; remembers which keys were read, to refuse the others."""

    def __init__(self, origin: str, place: str, content: object) -> None:
        if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
            raise CatalogueError(f"{origin}: {place or 'the file'} must be a mapping of names, as in  key: value")
        self.origin, self.place = origin, place
        self._content: dict[str, Any] = content
        self._read: set[str] = set()

    def wrong(self, key: str, what: str) -> CatalogueError:
        """Return an error about a key."""
        return CatalogueError(f"{self.origin}: {self._path(key)} {what}")

    def _path(self, key: str) -> str:
        return f"{self.place}.{key}" if self.place else key

    def has(self, key: str) -> bool:
        """Say whether a key is there."""
        return self._content.get(key) is not None

    def get(self, key: str) -> Any:
        """Return what a key holds; raises CatalogueError where it is missing."""
        self._read.add(key)
        if not self.has(key):
            raise self.wrong(key, "is missing; add it")
        return self._content[key]

    def text(self, key: str) -> str:
        """Return the text of a key."""
        value = self.get(key)
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(key, f"must be a text, not {value!r}")
        return value

    def text_or_none(self, key: str) -> str | None:
        """Return the text of a key, None where it is missing."""
        return self.text(key) if self.has(key) else None

    def texts(self, key: str) -> tuple[str, ...]:
        """Return the texts of a key that holds a list of them."""
        value = self.get(key)
        if not (isinstance(value, list) and value and all(isinstance(one, str) and one.strip() for one in value)):
            raise self.wrong(key, f"must be a list of texts, as in [one, another], not {value!r}")
        return tuple(value)

    def one_of(self, key: str, choices: tuple[str, ...], default: str) -> str:
        """Return one of some words."""
        if not self.has(key):
            return default
        value = self.text(key)
        if value not in choices:
            raise self.wrong(key, f"must be one of {', '.join(choices)}, not {value!r}")
        return value

    def flag(self, key: str) -> bool:
        """Return yes or no, no where it is missing."""
        if not self.has(key):
            return False
        value = self.get(key)
        if not isinstance(value, bool):
            raise self.wrong(key, f"must be true or false, not {value!r}")
        return value

    def time(self, key: str) -> datetime:
        """Return a point in time."""
        value = self.get(key)
        if value == "now":
            return datetime.now().replace(microsecond=0)
        try:
            return value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        except ValueError as error:
            raise self.wrong(key, f"must be a time such as 2100-12-31 23:59:00, not {value!r}") from error

    def part(self, key: str) -> "_Part":
        """Return the mapping of a key."""
        return _Part(self.origin, self._path(key), self.get(key))

    def parts(self) -> dict[str, "_Part"]:
        """Return the mappings of all keys."""
        if not self._content:
            raise CatalogueError(f"{self.origin}: {self.place} is empty; describe at least one")
        return {key: self.part(key) for key in self._content}

    def names(self) -> list[str]:
        """Return the keys."""
        return list(self._content)

    def done(self) -> None:
        """Raise CatalogueError for a key that nobody has read."""
        unknown = sorted(set(self._content) - self._read)
        if unknown:
            known = ", ".join(sorted(self._read))
            raise self.wrong(unknown[0], f"is not known here; known are {known}")


def _name(part: _Part, name: str, what: str) -> str:
    if name in RESERVED or not name.isidentifier() or name != name.lower():
        raise CatalogueError(
            f"{part.origin}: {part.place}: {name!r} cannot name {what}: a plain lower-case word that the linear form"
            " does not use for itself"
        )
    return name


def _kind(name: str, part: _Part) -> Kind:
    singular_plural = part.get("noun")
    if not (isinstance(singular_plural, list) and [type(one) for one in singular_plural] == [str, str]):
        raise part.wrong("noun", "must be two texts, [singular, plural]")
    kind = Kind(
        name=_name(part, name, "a kind of records"),
        noun=(singular_plural[0], singular_plural[1]),
        table=part.text("table"),
        row=part.text("row"),
        subject=part.text("subject"),
        key=part.text_or_none("key"),
        stay=part.text_or_none("stay"),
        icu=part.text_or_none("icu"),
        charged=part.text_or_none("charged"),
        verbs=_verbs(part, "verbs"),
        alone=_verbs(part, "alone"),
        where=_where(part.part("where")) if part.has("where") else {},
        normal=_normal(part.part("normal")) if part.has("normal") else {},
        fields={key: _field(key, one) for key, one in part.part("fields").parts().items()},
    )
    part.done()
    for key, wanted in (("time", "time"), ("end", "time"), ("value", "number")):
        if key in kind.fields and kind.fields[key].type != wanted:
            raise CatalogueError(f"{part.origin}: {part.place}.fields.{key} must have the type {wanted}")
    return kind


def _verbs(part: _Part, key: str) -> tuple[Verb, ...]:
    if not part.has(key):
        return ()
    found = part.get(key)
    if not (isinstance(found, list) and all(isinstance(one, list) and len(one) == 3 for one in found)):
        raise part.wrong(key, "must be a list of three forms each, as in [[received, received, receiving]]")
    return tuple((str(past), str(done), str(being)) for past, done, being in found)


def _field(name: str, part: _Part) -> Field:
    field = Field(
        name=_name(part, name, "a field"),
        column=part.text("column"),
        type=cast(FieldType, part.one_of("type", get_args(FieldType), "text")),
        noun=part.text_or_none("noun") or name.replace("_", " "),
        slot=_slot(part),
        lookup=_lookup(part.part("lookup")) if part.has("lookup") else None,
        stored=cast(Stored, part.one_of("stored", get_args(Stored), "double")),
        may_lack=part.flag("may_lack"),
        synonyms=_synonyms(part.part("synonyms")) if part.has("synonyms") else {},
        cues=part.texts("cues") if part.has("cues") else (),
    )
    part.done()
    return field


def _slot(part: _Part) -> str | None:
    slot = part.text_or_none("slot")
    if slot is None:
        return None
    taken = frozenset().union(*SLOTS.values()) - {"sex"}
    if not slot.replace("_", "").isalpha() or slot != slot.lower() or slot in taken:
        raise part.wrong("slot", f"must be a plain lower-case word other than {', '.join(sorted(taken))}")
    return slot


def _lookup(part: _Part) -> Lookup:
    where = part.part("where") if part.has("where") else None
    lookup = Lookup(
        part.text("table"),
        part.text("key"),
        part.text("label"),
        {} if where is None else {key: where.text(key) for key in where.names()},
        part.text_or_none("alias"),
    )
    part.done()
    return lookup


def _synonyms(part: _Part) -> Mapping[str, tuple[str, ...]]:
    return {value: part.texts(value) for value in part.names()}


def _where(part: _Part) -> Mapping[str, tuple[str, ...] | Literal[True]]:
    found: dict[str, tuple[str, ...] | Literal[True]] = {}
    for key in part.names():
        value = part.get(key)
        if value is True:
            found[key] = True
        elif isinstance(value, list) and value and all(isinstance(one, str) for one in value):
            found[key] = tuple(value)
        else:
            raise part.wrong(key, "must be a list of texts that the column may have, or true where it must have one")
    return found


def _normal(part: _Part) -> Mapping[str, tuple[float, float]]:
    found = {}
    for key in part.names():
        value = part.get(key)
        pair = value if isinstance(value, list) else []
        if len(pair) != 2 or not all(isinstance(one, int | float) for one in pair) or pair[0] > pair[1]:
            raise part.wrong(key, f"must be two numbers, [low, high], not {value!r}")
        found[key] = (float(pair[0]), float(pair[1]))
    return found


def _field_of(part: _Part, kinds: Mapping[str, Kind], kind: str, key: str) -> str:
    name = part.text(key)
    if name not in kinds[kind].fields:
        raise part.wrong(key, f"must be a field of the kind {kind}, not {name!r}")
    return name


def _kind_of(part: _Part, kinds: Mapping[str, Kind]) -> str:
    kind = part.text("kind")
    if kind not in kinds:
        raise part.wrong("kind", f"must be one of the kinds, {', '.join(kinds)}, not {kind!r}")
    return kind


def _people(part: _Part, kinds: Mapping[str, Kind]) -> People:
    kind = _kind_of(part, kinds)
    fields = {key: _field_of(part, kinds, kind, key) if part.has(key) else None for key in ("sex", "birth", "death")}
    part.done()
    return People(kind, **fields)


def _age(part: _Part, kinds: Mapping[str, Kind]) -> AgeField:
    kind = _kind_of(part, kinds)
    age = AgeField(kind, _field_of(part, kinds, kind, "field"))
    part.done()
    return age


def _charges(part: _Part) -> Charges:
    charges = Charges(*(part.text(key) for key in ("table", "amount", "time", "stay", "record", "type")))
    part.done()
    return charges


def _conventions(part: _Part) -> Conventions:
    chosen = {
        "months": part.one_of("months", ("clip", "overflow"), "clip"),
        "existence": part.one_of("existence", ("picked", "any"), "picked"),
        "periods": part.one_of("periods", ("shown", "hidden"), "shown"),
    }
    part.done()
    return Conventions(**cast(Any, chosen))
