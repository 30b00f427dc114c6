"""Made patients as FHIR R4: one NDJSON file per resource type, as a bulk export gives them.

NDJSON and not Bundles, since it is what hospitals export for analysis (FHIR Bulk Data Access), streams line by line and
stays one file per type at any number of patients. The facts and their times are those of the MIMIC-IV tables:

- diagnoses carry recordedDate, the time of discharge at which they are billed, and no onset before it but that of the
  reason of the stay, which is its admission;
- an ICU stay is an Encounter of class ACUTE that is partOf the hospital stay;
- a culture has an effectivePeriod from specimen to report: it is known at its end;
- what was not given is a MedicationAdministration with status not-done.
"""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from ehr.progress import Progress, silent
from ehr.simulate import codes
from ehr.simulate.charting import BMI
from ehr.simulate.frames import Tables
from ehr.simulate.json_lines import Maybe, Raw, json_lines, number, text
from ehr.simulate.physiology import HEMATOCRIT, OFFICE_DIASTOLIC, OFFICE_SYSTOLIC, PANELS

Template = dict[str, Any]

TERMINOLOGY: Final = "http://terminology.hl7.org/CodeSystem"
US_CORE_RACE: Final = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
OMB_RACE: Final = "urn:oid:2.16.840.1.113883.6.238"
NULL_FLAVOR: Final = f"{TERMINOLOGY}/v3-NullFlavor"
IDENTIFIER_SYSTEM: Final = "urn:anamnesis:simulate:patient"
GZIP_LEVEL: Final = 1
CHUNK: Final = 100_000
"""Resources that are written at once."""

DISPOSITIONS: Final = {
    "DIED": ("exp", "Expired"),
    "HOME": ("home", "Home"),
    "HOME HEALTH CARE": ("home", "Home"),
    "REHAB": ("rehab", "Rehabilitation"),
    "SKILLED NURSING FACILITY": ("snf", "Skilled nursing facility"),
}
MARITAL: Final = {"SINGLE": "S", "MARRIED": "M", "WIDOWED": "W", "DIVORCED": "D"}
GIVEN: Final = {"Administered": "completed", "Delayed Administered": "completed", "Not Given": "not-done"}
READINGS: Final = (
    ("Weight (Lbs)", "29463-7", "Body weight", "[lb_av]"),
    ("Height (Inches)", "8302-2", "Body height", "[in_i]"),
    (BMI, "39156-5", "Body mass index (BMI) [Ratio]", "kg/m2"),
)


@dataclass(frozen=True, eq=False)
class Part:
    """Rows of a table and the resource that each of them becomes."""

    frame: pl.DataFrame
    template: Template


def write_fhir(tables: Tables, out: Path, progress: Progress = silent) -> None:
    """Write TYPE.ndjson.gz for every resource type under `out`."""
    files = {
        "Patient": patients,
        "Encounter": encounters,
        "Condition": conditions,
        "Observation": observations,
        "MedicationRequest": medication_requests,
        "MedicationAdministration": medication_administrations,
        "Procedure": procedures,
        "DiagnosticReport": diagnostic_reports,
    }
    out.mkdir(parents=True, exist_ok=True)
    for done, (name, parts) in enumerate(files.items()):
        progress(f"writing {name}", done, len(files))
        path = out / f"{name}.ndjson.gz"
        with path.open("wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=GZIP_LEVEL, mtime=0) as file:
            for part in parts(tables):
                for chunk in part.frame.iter_slices(CHUNK):
                    lines = chunk.select(json_lines({"resourceType": name} | part.template)).to_series()
                    file.write(("\n".join(lines) + "\n").encode())


def patients(tables: Tables) -> Iterator[Part]:
    """Yield the Patients; race, language and marital status come from their first admission, where they have one."""
    first = tables["hosp/admissions"].sort("admittime").group_by("subject_id").agg(
        pl.col("race", "language", "marital_status", "deathtime").last()
    )  # fmt: skip
    races = pl.DataFrame(
        [{"race": name, "race_code": code, "race_name": title} for name, _, code, title in codes.RACES]
    )
    frame = (
        tables["hosp/patients"].join(first, on="subject_id", how="left", maintain_order="left")
        .join(races, on="race", how="left", maintain_order="left")
        .with_columns(
            sex=pl.col("gender").replace_strict({"F": "female", "M": "male"}),
            born=pl.date(pl.col("anchor_year") - pl.col("anchor_age"), 1, 1),
            marital=pl.col("marital_status").replace_strict(MARITAL),
            died=pl.coalesce(_clock("deathtime"), pl.col("dod").dt.to_string("%Y-%m-%d")),
            race_system=pl.when(pl.col("race") == "UNKNOWN").then(pl.lit(NULL_FLAVOR)).otherwise(pl.lit(OMB_RACE)),
        )
    )  # fmt: skip
    category = {"system": text("race_system"), "code": text("race_code"), "display": text("race_name")}
    race = [{"url": "ombCategory", "valueCoding": category}, {"url": "text", "valueString": text("race_name")}]
    is_english = pl.col("language") == "ENGLISH"
    yield Part(frame, {
        "id": text("subject_id"),
        "extension": Maybe(pl.col("race").is_not_null(), [{"url": US_CORE_RACE, "extension": race}]),
        "identifier": [{"system": IDENTIFIER_SYSTEM, "value": text("subject_id")}],
        "name": [{"family": "Made", "given": [text("subject_id")]}],
        "gender": text("sex"),
        "birthDate": text(pl.col("born").dt.to_string("%Y-%m-%d")),
        "deceasedDateTime": Maybe(pl.col("died").is_not_null(), text("died")),
        "maritalStatus": Maybe(
            pl.col("marital").is_not_null(), {"coding": [{"system": f"{TERMINOLOGY}/v3-MaritalStatus", "code": text("marital")}]}
        ),
        "communication": Maybe(
            is_english.fill_null(False), [{"language": {"coding": [_coding("urn:ietf:bcp:47", "en", "English")]}}]
        ),
    })  # fmt: skip


def encounters(tables: Tables) -> Iterator[Part]:
    """Yield hospital stays, the emergency visits before them, ICU stays within them, and visits."""
    admissions = tables["hosp/admissions"].with_columns(
        went=pl.col("discharge_location").replace_strict({name: code for name, (code, _) in DISPOSITIONS.items()}),
        came=pl.when(pl.col("edregtime").is_not_null()).then(pl.lit("emd")).otherwise(pl.lit("gp")),
    )
    yield Part(admissions, _encounter("hadm_id", "IMP", "inpatient encounter", "admittime", "dischtime") | {
        "type": [{"text": text("admission_type")}],
        "hospitalization": {
            "admitSource": {
                "coding": [{"system": f"{TERMINOLOGY}/admit-source", "code": text("came")}],
                "text": text("admission_location"),
            },
            "dischargeDisposition": {
                "coding": [{"system": f"{TERMINOLOGY}/discharge-disposition", "code": text("went")}],
                "text": text("discharge_location"),
            },
        },
    })  # fmt: skip
    arrivals = admissions.filter(pl.col("edregtime").is_not_null())
    part_of = {"partOf": {"reference": _reference("Encounter", pl.col("hadm_id"))}}
    yield Part(
        arrivals,
        _encounter(pl.format("ED-{}", "hadm_id"), "EMER", "emergency", "edregtime", "edouttime") | part_of,
    )
    icu_type = [
        {
            "coding": [_coding(codes.SNOMED_SYSTEM, "305351004", "Admission to intensive care unit")],
            "text": text("first_careunit"),
        }
    ]
    yield Part(
        tables["icu/icustays"],
        _encounter("stay_id", "ACUTE", "inpatient acute", "intime", "outtime") | {"type": icu_type} | part_of,
    )
    for code, title in (("AMB", "ambulatory"), ("EMER", "emergency")):
        visits = tables["visits"].filter(pl.col("class_name") == code)
        yield Part(visits, _encounter(pl.format("V{}", "visit_id"), code, title, "start", "end"))


def conditions(tables: Tables) -> Iterator[Part]:
    """Yield the billed diagnoses."""
    titles = [
        (each.icd10, each.title, each.snomed, each.snomed_title) for each in (*codes.REASONS, *codes.CONDITIONS)
    ]
    frame = _titled(tables["hosp/diagnoses_icd"], [*titles, *codes.COMPLICATIONS])
    admitted = tables["hosp/admissions"].select("hadm_id", "admittime")
    frame = frame.join(admitted, on="hadm_id", maintain_order="left")
    category = _coding(f"{TERMINOLOGY}/condition-category", "encounter-diagnosis", "Encounter Diagnosis")
    yield Part(frame, {
        "id": text(pl.format("C-{}-{}", "hadm_id", "seq_num")),
        "clinicalStatus": {"coding": [_coding(f"{TERMINOLOGY}/condition-clinical", "active")]},
        "verificationStatus": {"coding": [_coding(f"{TERMINOLOGY}/condition-ver-status", "confirmed")]},
        "category": [{"coding": [category]}],
        "code": _two_codings(codes.ICD10_SYSTEM, pl.col("icd_code").str.replace("^(...)(.+)$", "$1.$2")),
        **_subject_and_stay(),
        "onsetDateTime": Maybe(pl.col("seq_num") == 1, text(_clock("admittime"))),
        "recordedDate": text(_clock("known")),
    })  # fmt: skip


def observations(tables: Tables) -> Iterator[Part]:
    """Yield laboratory values, vital signs, urine output, and the readings of visits."""
    labs = tables["hosp/labevents"].with_columns(
        stay=pl.coalesce(pl.col("hadm_id").cast(pl.String), pl.format("V{}", "visit_id"))
    )
    yield from _measured(labs, "laboratory", "L", "labevent_id", "valuenum")
    chart = tables["icu/chartevents"].with_columns(stay=pl.col("stay_id").cast(pl.String)).with_row_index("number", 1)
    yield from _measured(chart, "vital-signs", "W", "number", "valuenum")
    urine = (
        tables["icu/outputevents"].with_columns(stay=pl.col("stay_id").cast(pl.String)).with_row_index("number", 1)
    )
    yield from _measured(urine, "vital-signs", "U", "number", "value")
    readings = tables["hosp/omr"].with_row_index("number", 1)
    for name, loinc, title, unit in READINGS:
        rows = readings.filter(pl.col("result_name") == name)
        yield Part(rows, _reading(loinc, title) | {"valueQuantity": _quantity(Raw(pl.col("result_value")), unit)})
    pressures = readings.filter(pl.col("result_name") == "Blood Pressure").with_columns(
        pl.col("result_value").str.split_exact("/", 1).struct.rename_fields(["systolic", "diastolic"]).struct.unnest()
    )
    components = [
        {
            "code": {"coding": [_coding(codes.LOINC_SYSTEM, each.loinc, each.loinc_name)]},
            "valueQuantity": _quantity(Raw(pl.col(column)), each.ucum),
        }
        for each, column in ((OFFICE_SYSTOLIC, "systolic"), (OFFICE_DIASTOLIC, "diastolic"))
    ]
    yield Part(
        pressures, _reading("85354-9", "Blood pressure panel with all children optional") | {"component": components}
    )


def medication_requests(tables: Tables) -> Iterator[Part]:
    """Yield the prescriptions."""
    dose = {"value": Raw(pl.col("dose_val_rx")), "unit": text("dose_unit_rx")}
    yield Part(tables["hosp/prescriptions"], {
        "id": text(pl.format("R{}", "pharmacy_id")),
        "status": "completed",
        "intent": "order",
        "medicationCodeableConcept": _drug("drug"),
        **_subject_and_stay(),
        "authoredOn": text(_clock("starttime")),
        "dosageInstruction": [{
            "timing": {"repeat": {"frequency": number("doses_per_24_hrs"), "period": 1, "periodUnit": "d"}},
            "route": {"text": text("route")},
            "doseAndRate": [{"doseQuantity": dose}],
        }],
    })  # fmt: skip


def medication_administrations(tables: Tables) -> Iterator[Part]:
    """Yield doses, given or not, and infusions."""
    doses = tables["hosp/emar"].with_columns(status=pl.col("event_txt").replace_strict(GIVEN))
    yield Part(doses, {
        "id": text("emar_id"),
        "status": text("status"),
        "medicationCodeableConcept": _drug("medication"),
        "subject": {"reference": _reference("Patient", pl.col("subject_id"))},
        "context": {"reference": _reference("Encounter", pl.col("hadm_id"))},
        "effectiveDateTime": text(_clock("charttime")),
        "dosage": Maybe(pl.col("status") == "completed", {"dose": {"value": Raw(pl.col("dose")), "unit": text("dose_unit")}}),
    })  # fmt: skip
    names = pl.DataFrame(
        [{"itemid": item.itemid, "drug": item.label} for item in codes.ITEMS], schema_overrides={"itemid": pl.Int32}
    )
    infusions = tables["icu/inputevents"].join(names, on="itemid", maintain_order="left").with_row_index("number", 1)
    infusions = infusions.with_columns(
        rxnorm=pl.col("itemid").replace_strict(codes.INPUT_RXNORM, return_dtype=pl.String)
    )
    yield Part(infusions, {
        "id": text(pl.format("I{}", "number")),
        "status": "completed",
        "medicationCodeableConcept": _drug("drug"),
        "subject": {"reference": _reference("Patient", pl.col("subject_id"))},
        "context": {"reference": _reference("Encounter", pl.col("stay_id"))},
        "effectivePeriod": {"start": text(_clock("starttime")), "end": text(_clock("endtime"))},
        "dosage": {
            "dose": {"value": number("amount"), "unit": text("amountuom")},
            "rateQuantity": {"value": number("rate"), "unit": text("rateuom")},
        },
    })  # fmt: skip


def procedures(tables: Tables) -> Iterator[Part]:
    """Yield operations and what the ICU did, and ventilation as it was charted."""
    listed = [each.procedure for each in codes.REASONS if each.procedure] + [codes.VENTILATED, codes.CENTRAL_LINE]
    billed = _titled(
        tables["hosp/procedures_icd"], [(each.icd10, each.title, each.snomed, each.snomed_title) for each in listed]
    )
    yield Part(billed, {
        "id": text(pl.format("P-{}-{}", "hadm_id", "seq_num")),
        "status": "completed",
        "code": _two_codings(codes.ICD10_PCS_SYSTEM, pl.col("icd_code")),
        **_subject_and_stay(),
        "performedDateTime": text(_clock("performed")),
    })  # fmt: skip
    charted = (
        tables["icu/procedureevents"].with_columns(stay=pl.col("stay_id").cast(pl.String)).with_row_index("number", 1)
    )
    yield Part(charted, {
        "id": text(pl.format("PE{}", "number")),
        "status": "completed",
        "code": {"coding": [_coding(codes.SNOMED_SYSTEM, *codes.VENTILATION_SNOMED)], "text": codes.VENTILATION.label},
        **_subject_and_stay("stay"),
        "performedPeriod": {"start": text(_clock("starttime")), "end": text(_clock("endtime"))},
    })  # fmt: skip


def diagnostic_reports(tables: Tables) -> Iterator[Part]:
    """Yield the cultures."""
    for name, culture in codes.CULTURES.items():
        rows = tables["hosp/microbiologyevents"].filter(pl.col("culture") == name)
        snomed = {title: code for _, title, code in culture.organisms}
        rows = rows.with_columns(organism=pl.col("org_name").replace_strict(snomed, return_dtype=pl.String))
        grown = {"coding": [{"system": codes.SNOMED_SYSTEM, "code": text("organism"), "display": text("org_name")}]}
        yield Part(rows, {
            "id": text(pl.format("M{}", "microevent_id")),
            "status": "final",
            "category": [{"coding": [_coding(f"{TERMINOLOGY}/v2-0074", "MB", "Microbiology")]}],
            "code": {"coding": [_coding(codes.LOINC_SYSTEM, culture.loinc)], "text": culture.test},
            **_subject_and_stay(),
            "effectivePeriod": {"start": text(_clock("charttime")), "end": text(_clock("storetime"))},
            "issued": text(_clock("storetime")),
            "conclusion": text(pl.coalesce("org_name", "comments")),
            "conclusionCode": Maybe(pl.col("organism").is_not_null(), [grown]),
        })  # fmt: skip


# Parts that several types have -----------------------------------------------------------------------------------


def _clock(column: str) -> pl.Expr:
    return pl.col(column).dt.strftime("%Y-%m-%dT%H:%M:%SZ")


def _reference(type_name: str, identifier: pl.Expr) -> Raw:
    return text(pl.format("{}/{}", pl.lit(type_name), identifier))


def _subject_and_stay(stay: str = "hadm_id") -> Template:
    return {
        "subject": {"reference": _reference("Patient", pl.col("subject_id"))},
        "encounter": {"reference": _reference("Encounter", pl.col(stay))},
    }


def _coding(system: str, code: str, display: str | None = None) -> Template:
    return {"system": system, "code": code} | ({"display": display} if display else {})


def _quantity(value: Raw, unit: str) -> Template:
    return {"value": value, "unit": unit, "system": codes.UCUM_SYSTEM, "code": unit}


def _encounter(identifier: str | pl.Expr, code: str, title: str, start: str, end: str) -> Template:
    return {
        "id": text(identifier),
        "status": "finished",
        "class": _coding(f"{TERMINOLOGY}/v3-ActCode", code, title),
        "subject": {"reference": _reference("Patient", pl.col("subject_id"))},
        "period": {"start": text(_clock(start)), "end": text(_clock(end))},
    }


def _titled(frame: pl.DataFrame, titles: list[tuple[str, str, str, str]]) -> pl.DataFrame:
    """Add title, snomed and snomed_title to rows with an icd_code."""
    known = pl.DataFrame(titles, schema=["icd_code", "title", "snomed", "snomed_title"], orient="row").unique(
        "icd_code"
    )
    return frame.join(known, on="icd_code", maintain_order="left")


def _two_codings(system: str, code: pl.Expr) -> Template:
    return {
        "coding": [
            {"system": system, "code": text(code), "display": text("title")},
            {"system": codes.SNOMED_SYSTEM, "code": text("snomed"), "display": text("snomed_title")},
        ],
        "text": text("title"),
    }


def _drug(name: str) -> Template:
    return {
        "coding": [{"system": codes.RXNORM_SYSTEM, "code": text("rxnorm"), "display": text(name)}],
        "text": text(name),
    }


def _category(name: str) -> list[Template]:
    return [{"coding": [_coding(f"{TERMINOLOGY}/observation-category", name)]}]


def _measured(frame: pl.DataFrame, category: str, prefix: str, identifier: str, value: str) -> Iterator[Part]:
    """Yield the values of a table, coded in LOINC with units in UCUM."""
    listed = [
        (each.itemid, each.loinc, each.loinc_name, each.ucum)
        for panel in PANELS
        for each in panel.analytes
        if each.itemid
    ]
    listed.append((HEMATOCRIT.itemid, HEMATOCRIT.loinc, HEMATOCRIT.loinc_name, HEMATOCRIT.ucum))
    listed.append((codes.ADMISSION_WEIGHT.itemid, "29463-7", "Body weight", "kg"))
    names = pl.DataFrame(
        listed,
        schema={"itemid": pl.Int32, "loinc": pl.String, "loinc_name": pl.String, "ucum": pl.String},
        orient="row",
    )
    quantity = {"value": number(value), "unit": text("ucum"), "system": codes.UCUM_SYSTEM, "code": text("ucum")}
    yield Part(frame.join(names, on="itemid", maintain_order="left"), {
        "id": text(pl.concat_str(pl.lit(prefix), identifier)),
        "status": "final",
        "category": _category(category),
        "code": {"coding": [{"system": codes.LOINC_SYSTEM, "code": text("loinc"), "display": text("loinc_name")}]},
        **_subject_and_stay("stay"),
        "effectiveDateTime": text(_clock("charttime")),
        "valueQuantity": quantity,
    })  # fmt: skip


def _reading(loinc: str, title: str) -> Template:
    """Return a reading of a visit, dated by its day as MIMIC-IV dates it."""
    return {
        "id": text(pl.format("O{}", "number")),
        "status": "final",
        "category": _category("vital-signs"),
        "code": {"coding": [_coding(codes.LOINC_SYSTEM, loinc, title)]},
        "subject": {"reference": _reference("Patient", pl.col("subject_id"))},
        "encounter": {"reference": _reference("Encounter", pl.format("V{}", "visit_id"))},
        "effectiveDateTime": text(pl.col("chartdate").dt.to_string("%Y-%m-%d")),
    }
