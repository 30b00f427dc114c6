"""Made patients as FHIR R4: one NDJSON file per resource type, as a bulk export gives them.

NDJSON and not Bundles, since it is what hospitals export for analysis (FHIR Bulk Data Access), streams line by line
and stays one file per type at any number of patients. The facts and their times are those of the MIMIC-IV tables:

- diagnoses carry recordedDate, the time of discharge at which they are billed, and no onset before it but that of the
  reason of the stay, which is its admission;
- an ICU stay is an Encounter of class ACUTE, typed as intensive care, that is partOf the hospital stay;
- a culture has an effectivePeriod from specimen to report: it is known at its end;
- what was not given is a MedicationAdministration with status not-done.
"""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from ehr.progress import Progress, silent
from ehr.simulate import codes
from ehr.simulate.charting import BMI
from ehr.simulate.fhir_parts import (
    TERMINOLOGY,
    Template,
    category,
    clock,
    coding,
    drug,
    encounter,
    quantity,
    reference,
    subject_and_stay,
    titled,
    two_codings,
)
from ehr.simulate.frames import Tables
from ehr.simulate.json_lines import Maybe, Raw, json_lines, number, text

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
            died=pl.coalesce(clock("deathtime"), pl.col("dod").dt.to_string("%Y-%m-%d")),
            race_system=pl.when(pl.col("race") == "UNKNOWN").then(pl.lit(NULL_FLAVOR)).otherwise(pl.lit(OMB_RACE)),
        )
    )  # fmt: skip
    omb = {"system": text("race_system"), "code": text("race_code"), "display": text("race_name")}
    race = [{"url": "ombCategory", "valueCoding": omb}, {"url": "text", "valueString": text("race_name")}]
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
            pl.col("marital").is_not_null(),
            {"coding": [{"system": f"{TERMINOLOGY}/v3-MaritalStatus", "code": text("marital")}]},
        ),
        "communication": Maybe(
            is_english.fill_null(False), [{"language": {"coding": [coding("urn:ietf:bcp:47", "en", "English")]}}]
        ),
    })  # fmt: skip


def encounters(tables: Tables) -> Iterator[Part]:
    """Yield hospital stays, the emergency visits before them, ICU stays within them, and visits."""
    admissions = tables["hosp/admissions"].with_columns(
        went=pl.col("discharge_location").replace_strict({name: code for name, (code, _) in DISPOSITIONS.items()}),
        came=pl.when(pl.col("edregtime").is_not_null()).then(pl.lit("emd")).otherwise(pl.lit("gp")),
    )
    yield Part(admissions, encounter("hadm_id", "IMP", "inpatient encounter", "admittime", "dischtime") | {
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
    part_of = {"partOf": {"reference": reference("Encounter", pl.col("hadm_id"))}}
    yield Part(
        arrivals,
        encounter(pl.format("ED-{}", "hadm_id"), "EMER", "emergency", "edregtime", "edouttime") | part_of,
    )
    icu_type = [{"coding": [coding(codes.SNOMED_SYSTEM, "305351004", "Admission to intensive care unit")]}]
    ward = [{"location": {"display": text("first_careunit")}}]
    yield Part(
        tables["icu/icustays"],
        encounter("stay_id", "ACUTE", "inpatient acute", "intime", "outtime")
        | {"type": icu_type, "location": ward}
        | part_of,
    )
    for code, title in (("AMB", "ambulatory"), ("EMER", "emergency")):
        visits = tables["visits"].filter(pl.col("class_name") == code)
        yield Part(visits, encounter(pl.format("V{}", "visit_id"), code, title, "start", "end"))


def conditions(tables: Tables) -> Iterator[Part]:
    """Yield the billed diagnoses."""
    frame = titled(tables["hosp/diagnoses_icd"], codes.DIAGNOSES)
    admitted = tables["hosp/admissions"].select("hadm_id", "admittime")
    frame = frame.join(admitted, on="hadm_id", maintain_order="left")
    kind = coding(f"{TERMINOLOGY}/condition-category", "encounter-diagnosis", "Encounter Diagnosis")
    yield Part(frame, {
        "id": text(pl.format("C-{}-{}", "hadm_id", "seq_num")),
        "clinicalStatus": {"coding": [coding(f"{TERMINOLOGY}/condition-clinical", "active")]},
        "verificationStatus": {"coding": [coding(f"{TERMINOLOGY}/condition-ver-status", "confirmed")]},
        "category": [{"coding": [kind]}],
        "code": two_codings(codes.ICD10_SYSTEM, pl.col("icd_code").str.replace("^(...)(.+)$", "$1.$2")),
        **subject_and_stay(),
        "onsetDateTime": Maybe(pl.col("seq_num") == 1, text(clock("admittime"))),
        "recordedDate": text(clock("known")),
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
        yield Part(rows, _reading(loinc, title) | {"valueQuantity": quantity(Raw(pl.col("result_value")), unit)})
    pressures = readings.filter(pl.col("result_name") == "Blood Pressure").with_columns(
        pl.col("result_value").str.split_exact("/", 1).struct.rename_fields(["systolic", "diastolic"]).struct.unnest()
    )
    components = [
        {
            "code": {"coding": [coding(codes.LOINC_SYSTEM, each.loinc, each.loinc_title)]},
            "valueQuantity": quantity(Raw(pl.col(column)), each.ucum),
        }
        for each, column in (
            (codes.ANALYTES["office_systolic"], "systolic"),
            (codes.ANALYTES["office_diastolic"], "diastolic"),
        )
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
        "medicationCodeableConcept": drug("drug"),
        **subject_and_stay(),
        "authoredOn": text(clock("starttime")),
        "dosageInstruction": [{
            "timing": {"repeat": {"frequency": number("doses_per_24_hrs"), "period": 1, "periodUnit": "d"}},
            "route": {"text": text("route")},
            "doseAndRate": [{"doseQuantity": dose}],
        }],
    })  # fmt: skip


def medication_administrations(tables: Tables) -> Iterator[Part]:
    """Yield doses, given or not, and infusions."""
    doses = tables["hosp/emar"].with_columns(status=pl.col("event_txt").replace_strict(GIVEN))
    dose = {"value": Raw(pl.col("dose")), "unit": text("dose_unit")}
    yield Part(doses, {
        "id": text("emar_id"),
        "status": text("status"),
        "medicationCodeableConcept": drug("medication"),
        "subject": {"reference": reference("Patient", pl.col("subject_id"))},
        "context": {"reference": reference("Encounter", pl.col("hadm_id"))},
        "effectiveDateTime": text(clock("charttime")),
        "dosage": Maybe(pl.col("status") == "completed", {"dose": dose}),
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
        "medicationCodeableConcept": drug("drug"),
        "subject": {"reference": reference("Patient", pl.col("subject_id"))},
        "context": {"reference": reference("Encounter", pl.col("stay_id"))},
        "effectivePeriod": {"start": text(clock("starttime")), "end": text(clock("endtime"))},
        "dosage": {
            "dose": {"value": number("amount"), "unit": text("amountuom")},
            "rateQuantity": {"value": number("rate"), "unit": text("rateuom")},
        },
    })  # fmt: skip


def procedures(tables: Tables) -> Iterator[Part]:
    """Yield operations and what the ICU did, and ventilation as it was charted."""
    titles = [(each.icd10, each.title, each.snomed, each.snomed_title) for each in codes.PROCEDURES.values()]
    billed = titled(tables["hosp/procedures_icd"], titles)
    yield Part(billed, {
        "id": text(pl.format("P-{}-{}", "hadm_id", "seq_num")),
        "status": "completed",
        "code": two_codings(codes.ICD10_PCS_SYSTEM, pl.col("icd_code")),
        **subject_and_stay(),
        "performedDateTime": text(pl.col("chartdate").dt.to_string("%Y-%m-%d")),
    })  # fmt: skip
    charted = (
        tables["icu/procedureevents"].with_columns(stay=pl.col("stay_id").cast(pl.String)).with_row_index("number", 1)
    )
    yield Part(charted, {
        "id": text(pl.format("PE{}", "number")),
        "status": "completed",
        "code": {"coding": [coding(codes.SNOMED_SYSTEM, *codes.VENTILATION_SNOMED)], "text": codes.VENTILATION.label},
        **subject_and_stay("stay"),
        "performedPeriod": {"start": text(clock("starttime")), "end": text(clock("endtime"))},
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
            "category": [{"coding": [coding(f"{TERMINOLOGY}/v2-0074", "MB", "Microbiology")]}],
            "code": {"coding": [coding(codes.LOINC_SYSTEM, culture.loinc)], "text": culture.test},
            **subject_and_stay(),
            "effectivePeriod": {"start": text(clock("charttime")), "end": text(clock("storetime"))},
            "issued": text(clock("storetime")),
            "conclusion": text(pl.coalesce("org_name", "comments")),
            "conclusionCode": Maybe(pl.col("organism").is_not_null(), [grown]),
        })  # fmt: skip


def _measured(frame: pl.DataFrame, kind: str, prefix: str, identifier: str, value: str) -> Iterator[Part]:
    """Yield the values of a table, coded in LOINC with units in UCUM."""
    measured = [analyte for analyte in codes.ANALYTES.values() if analyte.itemid]
    listed = [(each.itemid, each.loinc, each.loinc_title, each.ucum) for each in measured]
    listed.append((codes.ADMISSION_WEIGHT.itemid, "29463-7", "Body weight", "kg"))
    names = pl.DataFrame(
        listed,
        schema={"itemid": pl.Int32, "loinc": pl.String, "loinc_title": pl.String, "ucum": pl.String},
        orient="row",
    )
    quantity = {"value": number(value), "unit": text("ucum"), "system": codes.UCUM_SYSTEM, "code": text("ucum")}
    yield Part(frame.join(names, on="itemid", maintain_order="left"), {
        "id": text(pl.concat_str(pl.lit(prefix), identifier)),
        "status": "final",
        "category": category(kind),
        "code": {"coding": [{"system": codes.LOINC_SYSTEM, "code": text("loinc"), "display": text("loinc_title")}]},
        **subject_and_stay("stay"),
        "effectiveDateTime": text(clock("charttime")),
        "valueQuantity": quantity,
    })  # fmt: skip


def _reading(loinc: str, title: str) -> Template:
    """Return a reading of a visit, dated by its day as MIMIC-IV dates it."""
    return {
        "id": text(pl.format("O{}", "number")),
        "status": "final",
        "category": category("vital-signs"),
        "code": {"coding": [coding(codes.LOINC_SYSTEM, loinc, title)]},
        "subject": {"reference": reference("Patient", pl.col("subject_id"))},
        "encounter": {"reference": reference("Encounter", pl.format("V{}", "visit_id"))},
        "effectiveDateTime": text(pl.col("chartdate").dt.to_string("%Y-%m-%d")),
    }
