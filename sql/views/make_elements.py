"""`python -m sql.views.make_elements`: write elements.json, what FHIR's definitions say of each element.

The definitions of R4B, R5 and STU3, as fhir.resources has them, are merged in this order. Where the releases differ
in the number of values, the number is left open ("?"); where they differ in what kind of thing an element is, its
type is left open ("").
"""

import importlib
import pkgutil
import typing
from pathlib import Path
from typing import Any, Final

import orjson

TARGET: Final = Path(__file__).with_name("elements.json")
RELEASES: Final = ("fhir.resources.R4B", "fhir.resources", "fhir.resources.STU3")
_PLAIN: Final = {"bool": "boolean", "int": "integer", "str": "string", "UUID": "uuid"}
_SPELLED: Final = {
    "datetime": "dateTime",
    "positiveint": "positiveInt",
    "unsignedint": "unsignedInt",
    "base64binary": "base64Binary",
    "uuid": "uuid",
}

Elements = dict[str, dict[str, str]]


def main() -> None:
    """Write the table: type -> element -> type, with "*" for many values, "?" for an open number of them."""
    merged: Elements = {}
    for release in RELEASES:
        for type_name, elements in elements_of_release(release).items():
            _merge(merged.setdefault(type_name, {}), elements)
    lines = [b"%b: %b" % (orjson.dumps(name), orjson.dumps(merged[name])) for name in sorted(merged)]
    TARGET.write_bytes(b"{\n" + b",\n".join(lines) + b"\n}\n")


def elements_of_release(package: str) -> Elements:
    """Return the elements of all types of a release."""
    classes: dict[str, Any] = {}
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
        if not module.ispkg and not module.name.startswith("_"):
            found = vars(importlib.import_module(f"{package}.{module.name}"))
            classes |= {
                name: thing
                for name, thing in found.items()
                if isinstance(thing, type)
                and hasattr(thing, "elements_sequence")
                and thing.__module__ == f"{package}.{module.name}"
            }
    table: Elements = {}
    tops = [name for name, thing in classes.items() if not _is_part(name, thing, classes)]
    named = {name: name for name in tops}
    for name in tops:
        _collect(name, name, classes, named, table)
    return table


def _is_part(name: str, thing: Any, classes: dict[str, Any]) -> bool:
    """Say whether a class is a part of a resource or type (a backbone element), which has no name of its own."""
    module = thing.__module__.rsplit(".", 1)[1]
    return bool(name.lower() != module)


def _collect(path: str, class_name: str, classes: dict[str, Any], named: dict[str, str], table: Elements) -> None:
    """Describe one type, then its parts; a part that is used in several places is named after the least deep one."""
    elements = table.setdefault(path, {})
    parts: list[str] = []
    for field in classes[class_name].model_fields.values():
        extra = field.json_schema_extra or {}
        name = field.alias
        if not extra.get("element_property") or name is None or name.startswith("_"):
            continue
        type_name, is_many = _type_of(field)
        if type_name in classes and type_name not in named:
            named[type_name] = f"{path}.{name}"
            parts.append(type_name)
        said = named.get(type_name, type_name)
        if "one_of_many" in extra:
            choice = f"{extra['one_of_many']}[x]"
            elements[choice] = f"{elements[choice]}|{said}" if choice in elements else said
        else:
            elements[name] = said + "*" * is_many
    for part in parts:
        _collect(named[part], part, classes, named, table)


def _type_of(field: Any) -> tuple[str, bool]:
    """Return the FHIR type of a field, and whether it is a list."""
    annotation, metadata = field.annotation, list(field.metadata)
    is_many = False
    while True:
        origin = typing.get_origin(annotation)
        if origin is list:
            is_many = True
            annotation = typing.get_args(annotation)[0]
        elif origin is typing.Annotated:
            annotation, *metadata = typing.get_args(annotation)
        elif type(None) in (arguments := typing.get_args(annotation)):
            annotation = next(one for one in arguments if one is not type(None))
        else:
            break
    name = next((type(one).__name__ for one in metadata if type(one).__module__.startswith("fhir")), None)
    if name is None:
        plain = getattr(annotation, "__name__", str(annotation))
        return _PLAIN.get(plain, plain.removesuffix("Type")), is_many
    lower = name[0].lower() + name[1:]
    return _SPELLED.get(lower.lower(), lower), is_many


def _merge(known: dict[str, str], further: dict[str, str]) -> None:
    """Add what a release says; where it contradicts what is known, that is left open."""
    for name, said in further.items():
        if (name.removesuffix("[x]") if name.endswith("[x]") else f"{name}[x]") in known:
            continue  # one value in one release, a choice in another: the first release counts
        before = known.setdefault(name, said)
        if before == said:
            continue
        if name.endswith("[x]"):
            types = dict.fromkeys([*before.split("|"), *said.split("|")])
            known[name] = "|".join(types)
            continue
        old, new = before.rstrip("*?"), said.rstrip("*?")
        is_open = old[:1].isupper() != new[:1].isupper() or (old != new and old[:1].isupper())
        mark = before[len(old) :] if before[len(old) :] == said[len(new) :] else "?"
        known[name] = ("" if is_open else old) + mark


if __name__ == "__main__":
    main()
