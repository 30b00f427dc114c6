"""Parts of FHIR resources that several types have, as templates of json_lines."""

from collections.abc import Sequence
from typing import Any, Final

import polars as pl

from ehr.simulate import codes
from ehr.simulate.json_lines import Raw, text

Template = dict[str, Any]

TERMINOLOGY: Final = "http://terminology.hl7.org/CodeSystem"


def clock(column: str) -> pl.Expr:
    """Return a time column as FHIR instants in UTC."""
    return pl.col(column).dt.strftime("%Y-%m-%dT%H:%M:%SZ")


def reference(type_name: str, identifier: pl.Expr) -> Raw:
    """Fill a place with a reference such as Patient/1."""
    return text(pl.format("{}/{}", pl.lit(type_name), identifier))


def subject_and_stay(stay: str = "hadm_id") -> Template:
    """Return subject and encounter of a resource; `stay` is the column that names the Encounter."""
    return {
        "subject": {"reference": reference("Patient", pl.col("subject_id"))},
        "encounter": {"reference": reference("Encounter", pl.col(stay))},
    }


def coding(system: str, code: str, display: str | None = None) -> Template:
    """Return a Coding."""
    return {"system": system, "code": code} | ({"display": display} if display else {})


def quantity(value: Raw, unit: str) -> Template:
    """Return a Quantity with a unit of UCUM."""
    return {"value": value, "unit": unit, "system": codes.UCUM_SYSTEM, "code": unit}


def encounter(identifier: str | pl.Expr, code: str, title: str, start: str, end: str) -> Template:
    """Return an Encounter that is over."""
    return {
        "id": text(identifier),
        "status": "finished",
        "class": coding(f"{TERMINOLOGY}/v3-ActCode", code, title),
        "subject": {"reference": reference("Patient", pl.col("subject_id"))},
        "period": {"start": text(clock(start)), "end": text(clock(end))},
    }


def titled(frame: pl.DataFrame, titles: Sequence[tuple[str, str, str, str]]) -> pl.DataFrame:
    """Add title, snomed and snomed_title to rows with an icd_code."""
    known = pl.DataFrame(titles, schema=["icd_code", "title", "snomed", "snomed_title"], orient="row").unique(
        "icd_code"
    )
    return frame.join(known, on="icd_code", maintain_order="left")


def two_codings(system: str, code: pl.Expr) -> Template:
    """Return a CodeableConcept with a billing code and its SNOMED CT code."""
    return {
        "coding": [
            {"system": system, "code": text(code), "display": text("title")},
            {"system": codes.SNOMED_SYSTEM, "code": text("snomed"), "display": text("snomed_title")},
        ],
        "text": text("title"),
    }


def drug(name: str) -> Template:
    """Return a drug in RxNorm."""
    return {
        "coding": [{"system": codes.RXNORM_SYSTEM, "code": text("rxnorm"), "display": text(name)}],
        "text": text(name),
    }


def category(name: str) -> list[Template]:
    """Return the category of an Observation."""
    return [{"coding": [coding(f"{TERMINOLOGY}/observation-category", name)]}]
