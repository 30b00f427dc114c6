"""Units: golden conversions, laws of conversion, and what the parser makes of anything."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ehr.errors import EhrError, IncommensurableUnits, UnknownAnalyte, UnknownUnit
from ehr.units import canonical, commensurable, convert, find_quantity, parse_unit, quantity_of
from ehr.units.canonical import AFFINE, GENERIC, SCALED, to_quantity
from ehr.units.quantities import molar_mass, quantities
from ehr.units.spellings import WHOLE, WORDS
from ehr.units.ucum import MARKERS, parse_ucum

# Conventional unit, SI unit, factor: the SI conversion table of the AMA Manual of Style (11th edition, section 18.5),
# which prints three to five digits. The tolerance is half a per cent, for its rounding and its atomic weights.
AMA = (
    ("glucose", "mg/dL", "mmol/L", 0.0555),
    ("creatinine", "mg/dL", "umol/L", 88.4),
    ("cholesterol", "mg/dL", "mmol/L", 0.0259),
    ("HDL cholesterol", "mg/dL", "mmol/L", 0.0259),
    ("LDL cholesterol", "mg/dL", "mmol/L", 0.0259),
    ("triglycerides", "mg/dL", "mmol/L", 0.0113),
    ("urea nitrogen", "mg/dL", "mmol/L", 0.357),
    ("bilirubin", "mg/dL", "umol/L", 17.104),
    ("calcium", "mg/dL", "mmol/L", 0.25),
    ("magnesium", "mg/dL", "mmol/L", 0.4114),
    ("phosphate", "mg/dL", "mmol/L", 0.323),
    ("uric acid", "mg/dL", "umol/L", 59.485),
    ("lactate", "mg/dL", "mmol/L", 0.111),
    ("hemoglobin", "g/dL", "mmol/L", 0.6206),
    ("iron", "ug/dL", "umol/L", 0.179),
    ("vitamin D", "ng/mL", "nmol/L", 2.496),
    ("vitamin B12", "pg/mL", "pmol/L", 0.7378),
    ("folate", "ng/mL", "nmol/L", 2.266),
    ("cortisol", "ug/dL", "nmol/L", 27.588),
    ("thyroxine", "ug/dL", "nmol/L", 12.871),
    ("free thyroxine", "ng/dL", "pmol/L", 12.871),
    ("triiodothyronine", "ng/dL", "nmol/L", 0.0154),
    ("testosterone", "ng/dL", "nmol/L", 0.0347),
    ("estradiol", "pg/mL", "pmol/L", 3.671),
    ("progesterone", "ng/mL", "nmol/L", 3.18),
    ("digoxin", "ng/mL", "nmol/L", 1.281),
    ("phenytoin", "ug/mL", "umol/L", 3.964),
    ("phenobarbital", "ug/mL", "umol/L", 4.306),
    ("carbamazepine", "ug/mL", "umol/L", 4.233),
    ("theophylline", "ug/mL", "umol/L", 5.55),
    ("C-peptide", "ng/mL", "nmol/L", 0.331),
    ("ammonia", "ug/dL", "umol/L", 0.587),
    ("lead", "ug/dL", "umol/L", 0.0483),
    ("zinc", "ug/dL", "umol/L", 0.153),
    ("copper", "ug/dL", "umol/L", 0.157),
    ("salicylate", "mg/dL", "mmol/L", 0.0724),
    ("ethanol", "mg/dL", "mmol/L", 0.2171),
    ("aspartate aminotransferase", "U/L", "ukat/L", 0.0167),
)

# Exact by definition (NIST SP 811, appendix B), but for mmHg, which UCUM rounds to 133.322 Pa.
DEFINED = (
    (1, "K/uL", "10*9/L", 1),
    (4.5, "m/uL", "10*12/L", 4.5),
    (1, "x10^3/uL", "10*9/L", 1),
    (250, "/uL", "10*9/L", 0.25),
    (98.6, "°F", "°C", 37),
    (-40, "F", "Cel", -40),
    (32, "[degF]", "K", 273.15),
    (1, "lbs", "kg", 0.45359237),
    (1, "[oz_av]", "g", 28.349523125),
    (1, "Inches", "cm", 2.54),
    (6, "ft", "m", 1.8288),
    (1, "kPa", "mmHg", 1000 / 133.322),
    (1, "cmH2O", "mmHg", 98.0665 / 133.322),
    (21, "%", "{fraction}", 0.21),
    (1, "g/dL", "g/L", 10),
    (1, "ng/mL", "pg/mL", 1000),
    (1, "mcg/kg/min", "mg/kg/h", 0.06),
    (2, "a", "d", 730.5),
    (1, "uIU/mL", "mIU/L", 1),
    (1, "mg/24hr", "mg/d", 1),
)


@pytest.mark.parametrize(("analyte", "conventional", "si", "factor"), AMA)
def test_analytes_convert_as_the_table_of_the_ama_says(
    analyte: str, conventional: str, si: str, factor: float
) -> None:
    assert convert(1, conventional, si, analyte=analyte) == pytest.approx(factor, rel=0.005)
    assert convert(factor, si, conventional, analyte=analyte) == pytest.approx(1, rel=0.005)


@pytest.mark.parametrize(("value", "unit", "target", "expected"), DEFINED)
def test_units_convert_by_their_definitions(value: float, unit: str, target: str, expected: float) -> None:
    assert convert(value, unit, target) == pytest.approx(expected, rel=1e-12)
    assert convert(expected, target, unit) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(("ifcc", "ngsp"), [(42, 6.0), (48, 6.5), (53, 7.0), (75, 9.0), (108, 12.0)])
def test_glycated_haemoglobin_follows_the_master_equation(ifcc: float, ngsp: float) -> None:
    """The pairs of the NGSP's table, rounded to a tenth."""
    assert convert(ifcc, "mmol/mol", "%", analyte="hemoglobin A1c") == pytest.approx(ngsp, abs=0.05)


def test_equivalents_become_moles_by_the_valence() -> None:
    assert convert(140, "mEq/L", "mmol/L", analyte="sodium") == 140
    assert convert(5, "mEq/L", "mmol/L", analyte="calcium") == 2.5
    assert convert(2, "mEq/L", "mg/dL", analyte="magnesium") == pytest.approx(2.4305)


def test_a_ratio_to_creatinine_converts_by_its_molar_mass() -> None:
    assert convert(3, "mg/mmol", "mg/g", analyte="albumin to creatinine ratio") == pytest.approx(26.5, abs=0.05)


@pytest.mark.parametrize(
    ("unit", "target", "analyte"),
    [
        ("mg/dL", "mmol/L", None),
        ("mEq/L", "mmol/L", None),
        ("IU/L", "U/L", None),
        ("[IU]", "mg", None),
        ("mIU/L", "pmol/L", "thyrotropin"),
        ("ng/mL FEU", "ng/mL DDU", None),
        ("ng/mL FEU", "ng/mL", None),
        ("{tablet}", "{puff}", None),
        ("log10 copies/mL", "copies/mL", None),
        ("mL/min", "mL/min/1.73m2", None),
        ("mOsm/kg", "mmol/kg", None),
        ("U/L", "mmol/L/h", None),
        ("mcg/kg/min", "/min", None),
        ("L/min/m2", "mm/h", None),
        ("%", "{INR}", "INR"),
        ("mg/dL", "kg", "glucose"),
        ("mg", "mmol", "albumin"),
        ("/[HPF]", "%", None),
    ],
)
def test_what_differs_is_refused(unit: str, target: str, analyte: str | None) -> None:
    with pytest.raises(IncommensurableUnits):
        convert(1, unit, target, analyte=analyte)


def test_what_is_not_understood_is_named() -> None:
    with pytest.raises(UnknownUnit, match="MD to order daily dose"):
        convert(1, "MD to order daily dose", "mg")
    with pytest.raises(UnknownAnalyte, match="phlogiston"):
        convert(1, "mg/dL", "mmol/L", analyte="phlogiston")


SPELLINGS = {
    "10*3/uL": ("K/uL", "k/uL", "10^3/uL", "x10^3/uL", "x10E3/uL", "10e3/uL", "X10(3)/uL", "thou/uL", "K/mcL",
                "x10*3/µL"),
    "10*6/uL": ("m/uL", "M/uL", "M/mcL", "mil/uL", "millions/uL", "x10E6/mcL"),
    "10*9/L": ("G/L", "Gpt/L", "10e9/L", "x10^9/L", "bil/L"),
    "mm[Hg]": ("mmHg", "mm Hg", "MMHG", "mmhg", "Torr"),
    "cm[H2O]": ("cmH2O", "cm H2O", "cmH20"),
    "meq/L": ("mEq/L", "meq/L", "MEQ/L"),
    "m[IU]/mL": ("mIU/mL", "m[IU]/mL"),
    "ug/dL": ("mcg/dL", "µg/dL", "μg/dL", "ug/dl", "UG/DL"),
    "[degF]": ("F", "°F", "degF", "deg F", "[degF]", "Fahrenheit"),
    "Cel": ("C", "°C", "degC", "Cel", "Celsius"),
    "[lb_av]": ("lb", "lbs", "Lbs", "LBS", "[lb_av]"),
    "[in_i]": ("in", "Inch", "Inches", "[in_i]"),
    "/min": ("bpm", "BPM", "insp/min", "breaths/min", "beats/min", "1/min", "{beats}/min"),
    "ug/kg/min": ("mcg/kg/min", "ug/kg/min", "MCG/KG/MIN"),
    "[arb'U]/h": ("units/hour", "Units/hr", "unit/h"),
    "mL/min/{1.73_m2}": ("mL/min/1.73m2", "mL/min/1.73 m2", "mL/min/1.73_m2", "mL/min/1.73m^2", "ml/min/1.73m²"),
    "mg/(24.h)": ("mg/24hr", "mg/24 h", "mg/24h"),
    "[EU]/dL": ("EU/dL",),
    "ng{FEU}/mL": ("ng/mL FEU", "ng/mL{FEU}", "ng{FEU}/mL"),
    "{tablet}": ("TAB", "tabs", "{tbl}"),
    "s": ("sec", "sec.", "seconds"),
    "/[HPF]": ("#/hpf", "/HPF", "cells/hpf"),
    "[pH]": ("pH", "[pH]"),
}  # fmt: skip


@pytest.mark.parametrize(("ucum", "text"), [(ucum, text) for ucum, texts in SPELLINGS.items() for text in texts])
def test_spellings_of_hospitals_are_understood(ucum: str, text: str) -> None:
    unit, expected = parse_unit(text), parse_ucum(ucum)
    assert unit is not None
    assert expected is not None
    assert unit.same_as(expected)


@pytest.mark.parametrize(
    "text", ["", " ", "n/a", "N/A", "None", "UNK", "Mg/dL", "mg//dL", "mg/", "CADD", "see note", "10 9/L", "0",
             "mL/min/1.74", "mg/dL)", "(mg", "{", "g-", "mg dL", "Em", "10*99/L", "x" * 500]
)  # fmt: skip
def test_what_may_mean_two_things_or_none_is_not_understood(text: str) -> None:
    assert parse_unit(text) is None


def test_every_unit_of_the_tables_is_one() -> None:
    texts = [*WHOLE.values(), *GENERIC, *(text for texts in SCALED.values() for text in texts)]
    texts += [quantity.unit for quantity in quantities()] + [text for _, text in AFFINE]
    texts += [same for quantity in quantities() for same in quantity.same]
    assert [text for text in texts if parse_ucum(text) is None] == []
    assert [word for word in WORDS if parse_unit(word) is None] == []
    assert {word[1:-1] for word in WORDS.values() if word[:2] == "{t"} <= {*MARKERS, "titer"}


def test_generic_units_differ_in_dimension() -> None:
    units = [unit for text in GENERIC if (unit := parse_ucum(text))]
    assert len({unit.dimension for unit in units}) == len(GENERIC)


def test_molar_masses_are_those_of_reference_works() -> None:
    """PubChem, g/mol: glucose 180.16, cholesterol 386.7, bilirubin 584.7, cobalamin 1355.4, C-peptide 3020.3."""
    expected = {"C6H12O6": 180.16, "C27H46O": 386.7, "C33H36N4O6": 584.7, "C63H88CoN14O14P": 1355.4}
    expected |= {"C129H211N35O48": 3020.3, "C57H104O6": 885.4, "C4H7N3O": 113.12}
    assert {formula: float(molar_mass(formula)) for formula in expected} == pytest.approx(expected, rel=2e-4)


def test_codes_titles_and_words_name_the_same_quantity() -> None:
    recognised = [
        quantity_of("LAB//LOINC//2345-7", None),
        quantity_of("LAB//50931", "anything"),
        quantity_of("LAB//LOCAL//x17", "Glucose [Moles/volume] in Blood"),
        quantity_of("LAB//glucose", None),
    ]
    assert [found and (found.quantity.name, found.usual) for found in recognised] == [("glucose", True)] * 4


@pytest.mark.parametrize(
    ("item", "title"),
    [("LAB//51478", "Glucose"), ("LAB//99999", "Glucose"), ("LAB//LOCAL//u", "Glucose, Urine")],
)
def test_other_specimens_are_told_apart(item: str, title: str) -> None:
    found = quantity_of(item, title)
    assert found is not None
    assert found.quantity.name == "glucose"
    assert not found.usual


def test_a_drug_is_no_analyte() -> None:
    assert quantity_of("MEDICATION//RXNORM//8591", "potassium") is None
    assert quantity_of("INFUSION_START//225166", "Potassium") is None


# --- laws

ATOMS = st.sampled_from(
    ["mg", "g", "kg", "ug", "ng", "mmol", "umol", "mol", "meq", "mL", "dL", "L", "m2", "min", "h", "d", "s", "U",
     "[IU]", "%", "mm[Hg]", "kPa", "10*9", "{score}", "ug{FEU}", "mosm", "cm", "[in_i]", "K", "/min", "kcal",
     "[arb'U]", "kat"]
)  # fmt: skip
LINEAR = st.builds("/".join, st.lists(ATOMS.filter(lambda atom: atom != "/min"), min_size=1, max_size=3))
UNITS = st.one_of(
    LINEAR,
    ATOMS,
    st.sampled_from(["Cel", "[degF]", "°F", "K/uL", "lbs", "mg/dL", "mmol/L", "mcg/kg/min", "L/min/m2"]),
)
ANALYTES = st.one_of(st.none(), st.sampled_from([quantity.name for quantity in quantities()]))
VALUES = st.floats(min_value=-1e12, max_value=1e12, allow_nan=False)


@given(unit=UNITS, target=UNITS, analyte=ANALYTES, value=VALUES)
def test_there_and_back_again_is_the_same_value(unit: str, target: str, analyte: str | None, value: float) -> None:
    try:
        there = convert(value, unit, target, analyte)
    except IncommensurableUnits:
        return
    scale = max(abs(value), abs(convert(0, target, unit, analyte)), abs(convert(there, target, unit, analyte)))
    assert convert(there, target, unit, analyte) == pytest.approx(value, rel=1e-9, abs=1e-9 * scale)


@given(one=UNITS, other=UNITS, third=UNITS, analyte=ANALYTES)
def test_being_comparable_is_an_equivalence(one: str, other: str, third: str, analyte: str | None) -> None:
    quantity = find_quantity(analyte) if analyte else None
    a, b, c = (unit for text in (one, other, third) if (unit := parse_unit(text)))
    assert commensurable(a, a, quantity)
    assert commensurable(a, b, quantity) == commensurable(b, a, quantity)
    if commensurable(a, b, quantity) and commensurable(b, c, quantity):
        assert commensurable(a, c, quantity)


@given(text=UNITS, analyte=ANALYTES)
def test_the_canonical_unit_is_one_that_is_its_own_canonical_unit(text: str, analyte: str | None) -> None:
    unit = parse_unit(text)
    assert unit is not None
    quantity = find_quantity(analyte) if analyte else None
    way = canonical(unit, quantity)
    target = parse_ucum(way.unit)
    assert target is not None
    again = canonical(target, quantity)
    assert (again.unit, again.factor, again.shift) == (way.unit, Fraction(1), Fraction(0))
    assert way.factor > 0


@given(one=UNITS, other=UNITS, value=VALUES)
def test_units_with_one_canonical_unit_convert_as_through_it(one: str, other: str, value: float) -> None:
    a, b = parse_unit(one), parse_unit(other)
    assert a is not None
    assert b is not None
    here, there = canonical(a), canonical(b)
    if here.unit == there.unit:
        through = (Fraction(value) * here.factor + here.shift - there.shift) / there.factor
        assert convert(value, one, other) == pytest.approx(float(through), rel=1e-12)


@given(text=st.one_of(st.text(max_size=100), st.text(alphabet="mgkLdlucsh10*^/.()[]{}%°-+ FEUx'3", max_size=40)))
def test_the_parser_never_fails(text: str) -> None:
    unit = parse_unit(text)
    if unit is not None:
        assert unit.factor > 0
        assert math.isfinite(float(canonical(unit).factor))


def test_infinite_values_stay_so() -> None:
    assert convert(math.inf, "mg", "g") == math.inf
    assert math.isnan(convert(math.nan, "mg", "g"))


def test_errors_are_for_people() -> None:
    assert issubclass(UnknownUnit, EhrError)
    assert to_quantity(parse_unit("mg"), find_quantity("glucose")) is None  # type: ignore[arg-type]
