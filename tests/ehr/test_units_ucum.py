"""The tables of units against those of the specification, and conversions against those of another library.

ucumvert carries the machine-readable table of UCUM (ucum-essence.xml) and its list of common units, and converts
by pint: neither is used outside this test.
"""

import csv
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from fractions import Fraction
from importlib.resources import files

import pytest
from ucumvert import PintUcumRegistry

from ehr.units.atoms import ARBITRARY, BASES, DEFINED, METRIC, PREFIXES, SPECIAL
from ehr.units.ucum import atom, parse_ucum

VENDOR = files("ucumvert").joinpath("vendor")
NAMESPACE = "{http://unitsofmeasure.org/ucum-essence}"

OURS = {"kat", "[iU]", "eV"}
"""Defined by others than the specification does: by U, [IU] and the joule."""

LEFT_OUT = {"[ft_us]/[ft_us]", "[in_us]", "Torr"}
"""Common units of the list that are none here, and one that the specification does not have."""


@pytest.fixture(scope="module")
def essence() -> dict[str, ET.Element]:
    """Return the entry of every unit of the specification."""
    root = ET.fromstring(VENDOR.joinpath("ucum-essence.xml").read_text(encoding="utf-8"))
    return {unit.get("Code", ""): unit for unit in root.iter(f"{NAMESPACE}unit")}


def common_units() -> Iterator[str]:
    """Yield the expressions of the list of common units."""
    with VENDOR.joinpath("ucum_examples.tsv").open(encoding="utf-8") as file:
        rows = csv.reader(file, delimiter="\t")
        next(rows)
        yield from (row[1] for row in rows if len(row) > 1)


def test_every_defined_unit_is_as_in_the_specification(essence: dict[str, ET.Element]) -> None:
    differing = []
    for symbol in sorted(DEFINED.keys() - OURS):
        value = essence[symbol].find(f"{NAMESPACE}value")
        assert value is not None
        number, expression = value.get("value", ""), value.get("Unit", "")
        theirs, ours = parse_ucum(expression), atom(symbol)
        assert ours is not None
        if theirs is None:
            differing.append((symbol, number, expression))
            continue
        same_size = float(ours[0]) == pytest.approx(float(Fraction(number) * theirs.factor), rel=1e-12)
        if not same_size or ours[1] != theirs.dimension:
            differing.append((symbol, number, expression))
    assert differing == []


def test_every_symbol_is_one_of_the_specification(essence: dict[str, ET.Element]) -> None:
    base = {"m", "s", "g", "rad", "K", "C", "cd"}
    assert (set(DEFINED) | set(BASES) | set(SPECIAL)) - base <= set(essence)
    retired = {"[beth'U]", "[anti'Xa'U]", "[todd'U]", "[smgy'U]", "[bdsk'U]", "[mclg'U]", "[CCID_50]", "[TCID_50]",
               "[EID_50]", "[Amb'a'1'U]", "[D'ag'U]"}  # fmt: skip
    assert set(ARBITRARY) - set(essence) <= retired


def test_prefixes_go_where_the_specification_lets_them(essence: dict[str, ET.Element]) -> None:
    assert {code for code in METRIC if code in essence and essence[code].get("isMetric") != "yes"} == set()
    assert PREFIXES["da"] * PREFIXES["d"] == 1


def test_common_units_are_understood() -> None:
    assert {text for text in common_units() if parse_ucum(text) is None} == LEFT_OUT


def test_conversions_agree_with_pint() -> None:
    """Pairs of common units of one dimension, each against the first."""
    registry = PintUcumRegistry()
    first: dict[object, str] = {}
    compared = 0
    for text in common_units():
        unit = parse_ucum(text)
        if unit is None or unit.shift or "{" in text or text == "[in_i'H2O]":  # pint's inch of water is one at 60 °F
            continue
        reference = first.setdefault(unit.dimension, text)
        known = parse_ucum(reference)
        if reference == text or known is None:
            continue
        theirs = (1 * registry.from_ucum(text) / registry.from_ucum(reference)).to_base_units().magnitude
        assert float(unit.factor / known.factor) == pytest.approx(theirs, rel=1e-5), (text, reference)
        compared += 1
    assert compared > 250


def test_temperatures_agree_with_pint() -> None:
    registry = PintUcumRegistry()
    for value in (-40.0, 0.0, 36.6, 451.0):
        for text in ("Cel", "[degF]", "[degRe]"):
            unit = parse_ucum(text)
            assert unit is not None
            kelvin = registry.Quantity(value, registry.from_ucum(text)).to("kelvin").magnitude
            assert float(Fraction(value) * unit.factor + unit.shift) == pytest.approx(kelvin, rel=1e-9)
