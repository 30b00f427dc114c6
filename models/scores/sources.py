"""Which codes of some records stand for which input, and how their numbers get to the unit of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from importlib.resources import files
from math import isfinite
from pathlib import Path
from typing import Any, Final

import duckdb
import polars as pl

from ehr.errors import TaskError
from ehr.hierarchy import JOINT, has_codebook
from ehr.tasks.include import included_predicates, read_document, read_text
from ehr.tasks.language import Plain
from ehr.tasks.place import Place
from ehr.tasks.predicates import PredicateReader
from ehr.units import Conversion, conversion_between, find_quantity, item_of, parse_unit, quantity_of, unit_in_code
from models.scores.inputs import INPUTS, Input

READY: Final = ("labs.yaml", "organs.yaml", "stays.yaml", "vitals.yaml", "comorbidities.yaml")
"""The files of concepts for records of a store."""

_ONE: Final = Fraction(1)
_SOURCES: Final = Path(str(files("models.scores"))) / "sources"

_CODE_SCHEMA: Final = {
    "input": pl.String(),
    "code": pl.String(),
    "unit": pl.String(),
    "is_flag": pl.Boolean(),
    "factor": pl.Float64(),
    "shift": pl.Float64(),
    "low": pl.Float64(),
    "low_inclusive": pl.Boolean(),
    "high": pl.Float64(),
    "high_inclusive": pl.Boolean(),
    "is_lasting": pl.Boolean(),
}


@dataclass(frozen=True, slots=True)
class Concepts:
    """The predicates that name the codes of inputs, and the units of codes whose events carry none."""

    predicates: Mapping[str, Plain]
    units: Mapping[str, str] = field(default_factory=dict)


def read_concepts(names: Sequence[str] = READY) -> Concepts:
    """Read files of concepts: ready ones of `ehr/tasks/concepts`, those of `sources` here, or any by absolute path.

    `metadata: {units: {CODE: UNIT}}` of a file tells the units of codes whose events carry none. Raises TaskError for
    a file that is missing or wrong, and for an input that is no predicate on codes.
    """
    is_ready = not any(Path(name).is_absolute() for name in names)
    return _read_ready(tuple(names)) if is_ready else _read(tuple(names))


@lru_cache
def _read_ready(names: tuple[str, ...]) -> Concepts:
    return _read(names)


def _read(names: tuple[str, ...]) -> Concepts:
    found: dict[str, Plain] = {}
    units: dict[str, str] = {}
    for name in names:
        home = Path(name).parent if Path(name).is_absolute() else _SOURCES
        root = Place(name)
        shared = included_predicates(root, [Path(name).name], {}, home)
        units |= _units(Place(name), home / Path(name).name)
        reader = PredicateReader(root.at("predicates"), {}, (), shared)
        for concept in {one.concept for one in INPUTS.values()} & shared.keys():
            reader.use(shared[concept].place, concept)
        for predicate in reader.used():
            if not isinstance(predicate, Plain) or predicate.per or predicate.change:
                raise shared[predicate.name].place.error(
                    "is an input of scores; write it with a code and a value alone"
                )
            if predicate.name in found:
                raise TaskError(f"{name}: {predicate.name} also stands in another file of concepts; leave one out")
            found[predicate.name] = predicate
    return Concepts(found, units)


def _units(place: Place, path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    document = read_document(read_text(path, "shared predicates"), place.source)
    metadata: Any = (document.get("metadata") or {}) if isinstance(document, dict) else {}
    written = metadata.get("units") or {} if isinstance(metadata, dict) else {}
    here = place.at("metadata").at("units")
    for code, unit in here.mapping(written, None, "the units of codes").items():
        if not isinstance(unit, str) or parse_unit(unit) is None:
            raise here.at(str(code)).error(f"{unit!r} is no unit; write it in UCUM, such as mg/dL or mm[Hg]")
    return {str(code): str(unit) for code, unit in written.items()}


def code_frame(con: duckdb.DuckDBPyConnection, concepts: Concepts) -> pl.DataFrame:
    """Return the codes in use that stand for an input, one row for each unit in which their numbers came.

    Columns: input, code (or the key of records with several codes, as `ehr.hierarchy.codings_key` writes it), unit
    ('' where there is none, null for any), is_flag, factor and shift to the unit of the input, the bounds of the
    concept in the unit of the event, and is_lasting. Numbers in a unit that does not convert have no row.
    """
    known = has_codebook(con)
    keys = {name: _keys(con, predicate, has_ancestors=known) for name, predicate in concepts.predicates.items()}
    titles, units = _titles(con), _units_in_use(con, {key for found in keys.values() for key in found})
    rows = []
    for name, one in INPUTS.items():
        predicate = concepts.predicates.get(one.concept)
        for key in keys.get(one.concept, ()):
            code = key.partition(JOINT)[0]
            if predicate is None:
                continue
            if one.kind == "flag":
                rows.append((name, key, None, True, 1.0, 0.0, None, False, None, False, one.lasting))
                continue
            for unit in (None,) if one.unit is None and predicate.value.unit is None else (*units.get(code, ()), ""):
                row = _row(name, one, predicate, key, unit, titles.get(code), concepts.units.get(code))
                rows += [row] if row else []
    return pl.DataFrame(rows, schema=_CODE_SCHEMA, orient="row")


def _keys(con: duckdb.DuckDBPyConnection, predicate: Plain, *, has_ancestors: bool) -> list[str]:
    """Return the codes in use, and the keys of records with several codes, that a predicate names."""
    found = set()
    if predicate.codes:
        named = "SELECT code FROM score_known_code WHERE code IN (SELECT unnest($1))"
        found |= {str(code) for (code,) in con.execute(named, [list(predicate.codes)]).fetchall()}
    if predicate.regex is not None:
        matched = con.execute("SELECT code FROM score_known_code WHERE regexp_matches(code, $1)", [predicate.regex])
        found |= {str(code) for (code,) in matched.fetchall()}
    if predicate.concepts and has_ancestors:
        below = con.execute(
            "SELECT DISTINCT code FROM code_ancestor WHERE ancestor IN (SELECT unnest($1))",
            [list(predicate.concepts)],
        )
        found |= {str(code) for (code,) in below.fetchall()}
    return sorted(found)


def _titles(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    rows = con.execute("SELECT code, description FROM score_known_code WHERE description IS NOT NULL").fetchall()
    return dict(rows)


def _units_in_use(con: duckdb.DuckDBPyConnection, keys: set[str]) -> dict[str, list[str]]:
    """Return the units in which the numbers of codes came, as their events write them."""
    codes = sorted({key.partition(JOINT)[0] for key in keys})
    rows = con.execute(
        "SELECT code, list(DISTINCT unit) FROM score_known_unit WHERE code IN (SELECT unnest($1)) GROUP BY code",
        [codes],
    ).fetchall()
    return {str(code): [str(unit) for unit in units] for code, units in rows}


def _row(
    name: str, one: Input, predicate: Plain, key: str, unit: str | None, title: str | None, assumed: str | None
) -> tuple[Any, ...] | None:
    """Return a row of `code_frame`, None where numbers in this unit do not get to that of the input."""
    code, bounds = key.partition(JOINT)[0], predicate.value
    way = _way(one, code, unit, title, assumed, one.unit)
    scale = _way(one, code, unit, title, assumed, bounds.unit)
    if way is None or scale is None:
        return None
    low, high = (
        None if bound is None or not isfinite(bound) else float((bound - float(scale.shift)) / float(scale.factor))
        for bound in (bounds.minimum, bounds.maximum)
    )
    return (
        name, key, unit, False, float(way.factor), float(way.shift), low, bounds.minimum_inclusive, high,
        bounds.maximum_inclusive, one.lasting,
    )  # fmt: skip


def _way(
    one: Input, code: str, unit: str | None, title: str | None, assumed: str | None, target: str | None
) -> Conversion | None:
    """Return how a number in `unit` gets to `target`; as it stands where no unit is asked for."""
    if target is None:
        return Conversion("", factor=_ONE, shift=_ONE - _ONE)
    written = unit or assumed or unit_in_code(code)
    have, wanted = parse_unit(written) if written else None, parse_unit(target)
    if have is None or wanted is None:
        return None
    recognised = quantity_of(item_of(code, written), title)
    quantity = find_quantity(one.quantity) if one.quantity else recognised.quantity if recognised else None
    return conversion_between(have, wanted, quantity)
