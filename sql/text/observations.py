# ruff: noqa: E501  (a table has a line for each of its rows)
"""Common laboratory values and vital signs: their names, codes, titles in local systems, and units.

A line of the table: name | other names | LOINC codes | titles of local items | unit | grams per mole, where amounts
of substance are in use too. A title that is followed by `!` counts beside the others (a blood pressure may be taken
invasively or not); without it only the item with most records counts, since charted values repeat those of the
laboratory.
"""

import re
from dataclasses import dataclass
from typing import Final

_OBSERVATIONS: Final = """
creatinine | serum creatinine, blood creatinine, creat, scr, cr | 2160-0 38483-4 | creatinine | mg/dL | 113.12
urea nitrogen | bun, blood urea nitrogen, urea | 3094-0 6299-2 | urea nitrogen, bun | mg/dL |
potassium | k+, serum potassium, blood potassium, potassium level | 2823-3 6298-4 | potassium | mEq/L |
sodium | na+, serum sodium, blood sodium | 2951-2 2947-0 | sodium | mEq/L |
chloride | serum chloride | 2075-0 2069-3 | chloride | mEq/L |
bicarbonate | hco3, serum bicarbonate, bicarb | 1963-8 | bicarbonate, hco3 | mEq/L |
anion gap | | 33037-3 1863-0 10466-1 | anion gap | mEq/L |
glucose | blood glucose, blood sugar, sugar, serum glucose, plasma glucose, glucose level | 2345-7 2339-0 | glucose | mg/dL | 180.16
calcium | serum calcium, total calcium | 17861-6 49765-1 | calcium, calcium total | mg/dL | 40.08
magnesium | serum magnesium, mg level | 2601-3 19123-9 | magnesium | mg/dL |
phosphate | phosphorus, serum phosphate | 2777-1 | phosphate, phosphorous | mg/dL |
lactate | lactic acid, serum lactate, blood lactate | 2524-7 32693-4 2518-9 | lactate, lactic acid | mmol/L |
hemoglobin a1c | hba1c, a1c, hb a1c, hgba1c, glycated hemoglobin, glycosylated hemoglobin, hemoglobin a1c level | 4548-4 17856-6 | % hemoglobin a1c, hemoglobin a1c, hba1c | % |
hemoglobin | hb, hgb, hg b | 718-7 20509-6 | hemoglobin | g/dL |
hematocrit | hct | 4544-3 20570-8 | hematocrit, hematocrit serum | % |
white blood cell count | wbc, white blood cells, white cell count, white count, leukocytes, leukocyte count, wbc count, white blood cell, white cells | 6690-2 26464-8 | white blood cell, wbc, wbc count, leukocyte | K/uL |
platelet count | platelets, plt, thrombocytes, platelet, thrombocyte count | 777-3 26515-7 | platelet count | K/uL |
inr | international normalized ratio, inr(pt) | 6301-6 34714-6 | inr pt, inr | |
ptt | aptt, partial thromboplastin time | 3173-2 14979-9 | ptt | sec |
troponin t | tnt, trop t | 6598-7 67151-1 48425-3 | troponin t | ng/mL |
troponin i | tni, trop i | 10839-9 89579-7 42757-5 | troponin i | ng/mL |
total bilirubin | bilirubin total, tbili, serum bilirubin | 1975-2 | bilirubin total, total bilirubin | mg/dL | 584.66
direct bilirubin | bilirubin direct, conjugated bilirubin | 1968-7 | bilirubin direct, direct bilirubin | mg/dL | 584.66
albumin | serum albumin | 1751-7 | albumin | g/dL |
alt | alanine aminotransferase, sgpt, alat, alanine transaminase | 1742-6 | alanine aminotransferase alt, alt | IU/L |
ast | aspartate aminotransferase, sgot, asat, aspartate transaminase | 1920-8 | asparate aminotransferase ast, aspartate aminotransferase ast, ast | IU/L |
alkaline phosphatase | alp, alk phos | 6768-6 | alkaline phosphatase, alkaline phosphate | IU/L |
lactate dehydrogenase | ldh | 2532-0 14804-9 | lactate dehydrogenase ld, ldh | IU/L |
c reactive protein | crp | 1988-5 | c reactive protein, creactive protein crp | mg/L |
ph | blood ph, arterial ph | 2744-1 11558-4 2746-6 | ph, ph arterial | |
pco2 | paco2, partial pressure of carbon dioxide | 2019-8 11557-6 2021-4 | pco2, arterial co2 pressure | mmHg |
po2 | pao2, partial pressure of oxygen | 2703-7 11556-8 | po2, arterial o2 pressure | mmHg |
bnp | b type natriuretic peptide, brain natriuretic peptide | 30934-9 42637-9 | bnp | pg/mL |
nt probnp | ntprobnp, probnp, n terminal probnp | 33762-6 33763-4 | ntprobnp, nt probnp | pg/mL |
ferritin | | 2276-4 | ferritin | ng/mL |
tsh | thyroid stimulating hormone, thyrotropin | 3016-3 11580-8 | thyroid stimulating hormone | uIU/mL |
total cholesterol | cholesterol total | 2093-3 | cholesterol total, cholesterol | mg/dL | 386.65
ldl cholesterol | ldl, low density lipoprotein | 18262-6 13457-7 2089-1 | cholesterol ldl calculated, cholesterol ldl, ldl | mg/dL | 386.65
hdl cholesterol | hdl, high density lipoprotein | 2085-9 | cholesterol hdl, hdl | mg/dL | 386.65
triglycerides | triglyceride, tg | 2571-8 | triglyceride | mg/dL | 885.7
uric acid | urate | 3084-1 | uric acid | mg/dL | 168.11
lipase | | 3040-3 | lipase | IU/L |
fibrinogen | | 3255-7 | fibrinogen, fibrinogen functional | mg/dL |
egfr | glomerular filtration rate, gfr, estimated glomerular filtration rate, estimated gfr | 33914-3 62238-1 48642-3 48643-1 98979-8 | egfr, estimated gfr | mL/min/1.73m2 |
heart rate | pulse, hr, pulse rate | 8867-4 | heart rate | bpm |
respiratory rate | respiration rate, breathing rate, resp rate, rr | 9279-1 | respiratory rate | /min |
systolic blood pressure | sbp, systolic bp, systolic pressure, systolic, blood pressure systolic | 8480-6 | noninvasive blood pressure systolic!, arterial blood pressure systolic!, art bp systolic!, manual blood pressure systolic left!, manual blood pressure systolic right!, systolic blood pressure! | mmHg |
diastolic blood pressure | dbp, diastolic bp, diastolic pressure, diastolic, blood pressure diastolic | 8462-4 | noninvasive blood pressure diastolic!, arterial blood pressure diastolic!, art bp diastolic!, manual blood pressure diastolic left!, manual blood pressure diastolic right!, diastolic blood pressure! | mmHg |
mean arterial pressure | map, mean blood pressure, mean bp, blood pressure mean | 8478-0 | noninvasive blood pressure mean!, arterial blood pressure mean!, art bp mean!, mean blood pressure! | mmHg |
oxygen saturation | spo2, o2 saturation, o2 sat, oxygen sat, sao2, pulse oximetry, pulse ox, oxygen saturation spo2, sats | 59408-5 2708-6 | o2 saturation pulseoxymetry, oxygen saturation, spo2 | % |
temperature | body temperature, temp | 8310-5 | temperature fahrenheit!, temperature celsius!, temperature f!, temperature c!, body temperature!, temperature! | °C |
body weight | weight | 29463-7 3141-9 | weight lbs!, weight!, body weight!, admission weight kg!, admission weight lbs.!, admission weight lbs!, daily weight! | kg |
body height | height | 8302-2 | height inches!, height!, height cm!, body height! | cm |
body mass index | bmi | 39156-5 | bmi kg m2!, bmi!, body mass index! | kg/m2 |
"""


@dataclass(frozen=True, slots=True)
class Analyte:
    """A laboratory value or vital sign; `joined` are the titles that count beside each other."""

    names: tuple[str, ...]
    loinc: tuple[str, ...]
    titles: tuple[str, ...]
    joined: bool
    unit: str | None
    molar_mass: float | None


def _analyte(line: str) -> Analyte:
    name, others, loinc, titles, unit, molar_mass = (cell.strip() for cell in line.split("|"))
    names = (name, *(part.strip() for part in others.split(",") if part.strip()))
    listed = tuple(part.strip() for part in titles.split(",") if part.strip())
    return Analyte(
        names,
        tuple(loinc.split()),
        tuple(title.rstrip("!") for title in listed),
        any(title.endswith("!") for title in listed),
        unit or None,
        float(molar_mass) if molar_mass else None,
    )


OBSERVATIONS: Final = tuple(_analyte(line) for line in _OBSERVATIONS.strip().splitlines())

NEUTRAL: Final = frozenset(
    [
        "blood",
        "serum",
        "plasma",
        "whole",
        "chemistry",
        "hematology",
        "gas",
        "arterial",
        "venous",
        "lab",
        "routine",
        "vital",
        "sign",
        "charted",
        "chart",
        "result",
        "level",
        "measurement",
        "value",
        "in",
        "or",
        "of",
        "icu",
        "chartevents",
        "labevents",
        "respiratory",
        "omr",
        "outpatient",
        "record",
    ]
)
"""Words of a title that do not change what is measured: any other word (urine, pleural, alarm) makes another item."""


# --- units ------------------------------------------------------------------------------------------------

_UNIT_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "mg/dL": ("mg/dl", "mg per dl", "mg%", "milligrams per deciliter"),
    "g/dL": ("g/dl", "gm/dl", "g per dl", "g%", "grams per deciliter"),
    "g/L": ("g/l",),
    "mg/L": ("mg/l",),
    "ng/mL": ("ng/ml", "ug/l", "mcg/l"),
    "ng/L": ("ng/l",),
    "pg/mL": ("pg/ml",),
    "mmol/L": ("mmol/l", "mm", "millimol/l"),
    "mEq/L": ("meq/l", "milliequivalents/l"),
    "µmol/L": ("umol/l", "micromol/l"),
    "IU/L": ("iu/l", "u/l", "units/l"),
    "uIU/mL": ("uiu/ml", "miu/l", "mu/l", "uu/ml"),
    "%": ("%", "percent", "per cent"),
    "K/uL": ("k/ul", "10*3/ul", "10^3/ul", "10*9/l", "10^9/l", "x10^9/l", "x10*3/ul", "thou/ul", "k/mm3", "10e3/ul"),
    "mmHg": ("mmhg", "mm[hg]", "mm hg", "mm hg."),
    "bpm": ("bpm", "beats/min", "beats/minute", "beats per minute", "{beats}/min"),
    "/min": (
        "/min",
        "insp/min",
        "breaths/min",
        "breaths/minute",
        "breaths per minute",
        "{breaths}/min",
        "per minute",
    ),
    "°C": ("°c", "c", "cel", "degc", "deg c", "celsius", "degrees celsius", "degrees c", "degree celsius"),
    "°F": ("°f", "f", "[degf]", "degf", "deg f", "fahrenheit", "degrees fahrenheit", "degrees f"),
    "kg": ("kg", "kgs", "kilogram", "kilograms", "kilo", "kilos"),
    "lb": ("lb", "lbs", "lbs.", "pound", "pounds", "[lb_av]"),
    "cm": ("cm", "centimeter", "centimeters", "centimetre", "centimetres"),
    "in": ("in", "inch", "inches", "[in_i]"),
    "m": ("m", "meter", "meters", "metre", "metres"),
    "kg/m2": ("kg/m2", "kg/m^2", "kg/m²"),
    "sec": ("sec", "s", "seconds"),
    "mL/min/1.73m2": ("ml/min/1.73m2", "ml/min/{1.73_m2}", "ml/min/1.73m^2", "ml/min", "ml/min/1.73"),
}
UNIT_OF: Final = {written: unit for unit, names in _UNIT_NAMES.items() for written in (unit.lower(), *names)}

_FACTORS: Final[dict[tuple[str, str], tuple[float, float]]] = {
    ("°F", "°C"): (5 / 9, -160 / 9),
    ("lb", "kg"): (0.45359237, 0.0),
    ("in", "cm"): (2.54, 0.0),
    ("m", "cm"): (100.0, 0.0),
    ("g/L", "g/dL"): (0.1, 0.0),
    ("g/L", "mg/dL"): (100.0, 0.0),
    ("mg/L", "mg/dL"): (0.1, 0.0),
    ("ng/L", "ng/mL"): (0.001, 0.0),
    ("ng/L", "pg/mL"): (1.0, 0.0),
    ("pg/mL", "ng/mL"): (0.001, 0.0),
}
_EQUIVALENTS: Final = frozenset({"potassium", "sodium", "chloride", "bicarbonate", "anion gap"})


def unit_of(written: str | None) -> str | None:
    """Return the plain name of a unit as written in a source or a question; unknown ones as they are.

    >>> unit_of("mm[Hg]"), unit_of("10*3/uL"), unit_of("UNK"), unit_of("bushel")
    ('mmHg', 'K/uL', None, 'bushel')
    """
    if written is None or not written.strip() or written.upper() in {"UNK", "N/A", "UNITS", "1", "{PH}", "RATIO"}:
        return None
    lowered = re.sub(r"[µμ]", "u", written.strip().lower())
    return UNIT_OF.get(lowered, written.strip())


def conversion(analyte: Analyte | None, source: str | None, target: str | None) -> tuple[float, float] | None:
    """Return (scale, shift) with value_in_target = value_in_source * scale + shift, or None when there is none."""
    if source == target:
        return (1.0, 0.0)
    if source is None or target is None:
        return None
    if (source, target) in _FACTORS:
        return _FACTORS[source, target]
    if (target, source) in _FACTORS:
        scale, shift = _FACTORS[target, source]
        return (1 / scale, -shift / scale)
    if analyte is None:
        return None
    if analyte.names[0] in _EQUIVALENTS and {source, target} == {"mEq/L", "mmol/L"}:
        return (1.0, 0.0)
    return _molar(analyte, source, target)


def _molar(analyte: Analyte, source: str, target: str) -> tuple[float, float] | None:
    """Convert between mass and amount of substance."""
    if analyte.molar_mass is None:
        return None
    to_mg_dl = {"mg/dL": 1.0, "mmol/L": analyte.molar_mass / 10, "µmol/L": analyte.molar_mass / 10_000}
    if source in to_mg_dl and target in to_mg_dl:
        return (to_mg_dl[source] / to_mg_dl[target], 0.0)
    return None
